"""Rows to files, piece by piece: jsonl, csv and parquet, equal rows to equal bytes."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from duiqi.core.dataset import Dataset
from duiqi.core.errors import OptionError, nearest


def written(value: Any) -> str:
    """A value as one line of JSON; numbers that are none are texts."""
    try:
        return _ENCODE(value)
    except ValueError:
        return _ENCODE(_finite(value))


_ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=str).encode


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return {str(key): _finite(each) for key, each in value.items()} if isinstance(value, dict) else value


class Writer(Protocol):
    """Takes rows until it is closed."""

    def add(self, data: Dataset) -> None:
        """Write some rows behind those that are there."""

    def close(self) -> None:
        """Write what is left and close the file."""


class _Lines:
    """One JSON object a line; what is missing is left out."""

    def __init__(self, path: Path, columns: Mapping[str, Any]) -> None:
        self.file = path.open("w", encoding="utf-8", newline="\n")

    def add(self, data: Dataset) -> None:
        for row in data.table.to_pylist():
            self.file.write(written({name: value for name, value in row.items() if value is not None}) + "\n")

    def close(self) -> None:
        self.file.close()


class _Cells:
    """A header and one row a line, cells quoted where they must be; lists have no form there."""

    def __init__(self, path: Path, columns: Mapping[str, Any]) -> None:
        self.file = path.open("w", encoding="utf-8", newline="")
        self.writer = csv.writer(self.file, lineterminator="\n")
        self.quoting = csv.writer(self.file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        self.columns = list(columns)
        self.writer.writerow(self.columns)

    def add(self, data: Dataset) -> None:
        rows = zip(*(_plain(data.table.column(name).to_pylist(), name) for name in self.columns), strict=True)
        for row in rows:
            torn = any(isinstance(cell, str) and "\r" in cell for cell in row)  # the module quotes line feeds only
            (self.quoting if torn else self.writer).writerow(row)

    def close(self) -> None:
        self.file.close()


def _plain(values: list[Any], column: str) -> list[Any]:
    if any(isinstance(value, list | dict) for value in values):
        raise OptionError(
            f"expected plain values for csv, given lists in column '{column}'", hint="Take --form jsonl or parquet."
        )
    said = {None: "", True: "true", False: "false"}
    return [said[value] if value is None or isinstance(value, bool) else value for value in values]


class _Parquet:
    """Arrow tables of one schema, Zstandard inside."""

    def __init__(self, path: Path, columns: Mapping[str, Any]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.schema = pa.schema(list(columns.items()))
        self.writer = pq.ParquetWriter(path, self.schema, compression="zstd")

    def add(self, data: Dataset) -> None:
        self.writer.write_table(data.table.select(self.schema.names).cast(self.schema))

    def close(self) -> None:
        self.writer.close()


FORMS: Mapping[str, Callable[[Path, Mapping[str, Any]], Writer]] = {
    "jsonl": _Lines,
    "csv": _Cells,
    "parquet": _Parquet,
}


def writer(form: str, path: Path, columns: Mapping[str, Any]) -> Writer:
    """A writer of rows with these columns (name → Arrow type); `OptionError` for a form that is not known."""
    check_form(form)
    return FORMS[form](path, columns)


def check_form(form: str) -> None:
    """`OptionError` for a form that is not known."""
    if form not in FORMS:
        raise OptionError(f"expected a form among {', '.join(FORMS)}, given '{form}'", hint=nearest(form, FORMS))
