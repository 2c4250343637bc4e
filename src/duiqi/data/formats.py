"""One file to columns: csv, tsv, json, jsonl, parquet and CoNLL, each also gzipped, with the place of every row."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import re
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duiqi.core.errors import DataError, nearest
from duiqi.core.spans import is_tag


@dataclass(frozen=True)
class Raw:
    """A file as read: columns of equal length and, for messages, where each row stands.

    `unit` is "line" (numbered from 1, the header included) or "row" (numbered from 1). In a `typeless` format every
    value is a string and the empty string stands for nothing.
    """

    name: str
    columns: Mapping[str, list[Any]]
    places: list[int]
    unit: str = "row"
    typeless: bool = False
    notes: tuple[Mapping[str, Any], ...] = ()

    def where(self, rows: list[int], *, most: int = 5) -> str:
        """The first of these rows in words: "lines 3, 8, 9 …"."""
        shown = ", ".join(str(self.places[row]) for row in rows[:most])
        return f"{self.unit}{'s' if len(rows) > 1 else ''} {shown}{' …' if len(rows) > most else ''}"


def read_file(path: Path, name: str) -> Raw:
    """The columns of one file; a `DataError` says what cannot be read, and where."""
    reader = _reader(path)
    try:
        content = path.read_bytes()
        if path.suffix.lower() == ".gz":
            content = gzip.decompress(content)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataError(
            f"expected a gzip file in {path}, given bytes that do not unpack ({error})",
            hint="The file is damaged or cut short: copy it again, or leave out .gz if it is not packed.",
        ) from error
    except OSError as error:
        raise DataError(
            f"expected a file that can be read, given {path} ({error.strerror or error})", hint="Check its permissions."
        ) from error
    if not content.removeprefix(codecs.BOM_UTF8).strip():
        raise DataError(f"expected rows in {path}, given an empty file", hint="Give a file with at least one row.")
    raw = reader(content, name, path)
    if not raw.places:
        raise DataError(
            f"expected rows in {path}, given none{' below the header' if raw.columns else ''}",
            hint="Give a file with at least one row.",
        )
    return raw


def is_readable(path: Path) -> bool:
    """Whether the name of a file ends as one that `read_file` takes."""
    return _suffix(path) in READERS


def _suffix(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def _reader(path: Path) -> Callable[[bytes, str, Path], Raw]:
    suffix = _suffix(path)
    if suffix in READERS:
        return READERS[suffix]
    if suffix in (".xlsx", ".xls", ".ods"):
        hint = "Save the sheet as CSV (UTF-8) and give that file."
    else:
        hint = nearest(suffix, READERS) + " Rename the file if it is one of these."
    known = ", ".join(READERS)
    raise DataError(f"expected a file ending in {known} (or one of these and .gz), given {path}", hint=hint)


def _decoded(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Counted up to the first bad byte; the lines before it are sound, so counting line ends is exact.
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"expected UTF-8 text in {path}, given byte 0x{content[error.start]:02x} in line {line} that is not",
            hint=f"Convert it: iconv -f {_guessed_encoding(content)} -t UTF-8 {path.name} > converted{_suffix(path)}",
        ) from error


def _guessed_encoding(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16"
    try:
        text = content.decode("gb18030")
    except UnicodeDecodeError:
        return "WINDOWS-1252"
    # Western bytes sometimes decode as GB18030 too, but then to few and rare ideographs.
    wide = [char for char in text if ord(char) > 127]
    common = sum("\u4e00" <= char <= "\u9fff" or "\u3000" <= char <= "\u303f" or char >= "\uff00" for char in wide)
    return "GB18030" if len(wide) >= 2 and common / len(wide) > 0.9 and common > len(text) / 20 else "WINDOWS-1252"


# CoNLL


def _read_conll(content: bytes, name: str, path: Path) -> Raw:
    """Sentences of lines "word … tag", divided by empty lines: the first column is the word, the last the tag.

    Lines that begin a document (-DOCSTART-) and comments before a sentence (#) belong to none.
    """
    tokens: list[list[str]] = [[]]
    tags: list[list[str]] = [[]]
    places: list[int] = []
    width = 0
    for number, line in enumerate(_decoded(content, path).replace("\r\n", "\n").split("\n"), start=1):
        cells = [] if not line.strip() else line.split("\t") if "\t" in line else re.split(" +", line.strip(" "))
        is_comment = not tokens[-1] and line.startswith("#") and not is_tag(cells[-1])
        if not cells or is_comment or cells[0] == "-DOCSTART-":
            if tokens[-1]:
                tokens.append([])
                tags.append([])
            continue
        width = width or len(cells)
        if len(cells) != width or width < 2:
            raise DataError(
                f"expected a word and its tag in every line of {path}, {max(width, 2)} columns, "
                f"given {len(cells)} in line {number}",
                hint="Divide columns by blanks or tabs, and sentences by an empty line.",
            )
        if not tokens[-1]:
            places.append(number)
        tokens[-1].append(cells[0])
        tags[-1].append(cells[-1].strip())
    whole = len(places)
    return Raw(name, {"tokens": tokens[:whole], "tags": tags[:whole]} if whole else {}, places, unit="line")


# csv, tsv


def _read_csv(content: bytes, name: str, path: Path) -> Raw:
    text = _decoded(content, path)
    header = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(",;\t", key=lambda mark: (mark in header and "," not in header, mark == ","))
    notes = () if delimiter == "," else ({"code": "guessed_delimiter", "delimiter": delimiter},)
    return _table(_cells(text, delimiter, csv.QUOTE_MINIMAL, path), name, path, notes)


def _read_tsv(content: bytes, name: str, path: Path) -> Raw:
    """Quotes mean what they mean in csv; where that does not work out they are characters like any other."""
    text = _decoded(content, path)
    if '"' not in text:
        return _table(_cells(text, "\t", csv.QUOTE_NONE, path), name, path)
    try:
        return _table(_cells(text, "\t", csv.QUOTE_MINIMAL, path), name, path)
    except DataError:
        notes = ({"code": "literal_quotes"},)
        return _table(_cells(text, "\t", csv.QUOTE_NONE, path), name, path, notes)


def _cells(text: str, delimiter: str, quoting: Any, path: Path) -> Iterator[tuple[int, list[str]]]:
    """The line in which each record starts, and its cells; blank lines are passed over."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
    before = csv.field_size_limit(sys.maxsize)  # a text may be longer than the 128 KiB that the module allows
    line = 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"expected cells that are quoted rightly in {path}, given a record from line {line} on that is not "
            f"({error})",
            hint='Put a cell that holds quotes into quotes and double those inside it: "she said ""yes"""',
        ) from error
    finally:
        csv.field_size_limit(before)


def _table(
    records: Iterator[tuple[int, list[str]]], name: str, path: Path, notes: tuple[Mapping[str, Any], ...] = ()
) -> Raw:
    _, header = next(records)
    names = [cell.strip() or f"column_{number}" for number, cell in enumerate(header, 1)]
    twice = sorted({each for each in names if names.count(each) > 1})
    if twice:
        raise DataError(
            f"expected columns of different names in {path}, given '{twice[0]}' more than once",
            hint="Rename one of them in the header.",
        )
    rows, places = [], []
    for line, cells in records:
        if len(cells) != len(names):
            raise DataError(
                f"expected {len(names)} cells in each row of {path}, given {len(cells)} in line {line}",
                hint="Put cells that hold the separator or a line break into quotes; quote or double stray quotes.",
            )
        rows.append(cells)
        places.append(line)
    columns = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
    return Raw(name, dict(zip(names, columns, strict=True)), places, "line", typeless=True, notes=notes)


# json, jsonl


def _read_jsonl(content: bytes, name: str, path: Path) -> Raw:
    rows, places = [], []
    for line, text in enumerate(_decoded(content, path).split("\n"), 1):
        if not text or text.isspace():
            continue
        try:
            rows.append(json.loads(text))
        except ValueError as error:
            raise DataError(
                f"expected one JSON object a line in {path}, given line {line} that is not JSON ({error})",
                hint="Mend or delete this line. A file that holds one JSON list belongs into a file ending in .json.",
            ) from error
        places.append(line)
    return _objects(rows, places, "line", name, path)


def _read_json(content: bytes, name: str, path: Path) -> Raw:
    try:
        said = json.loads(_decoded(content, path))
    except json.JSONDecodeError as error:
        raise DataError(
            f"expected JSON in {path}, given text that is not, in line {error.lineno} ({error.msg})",
            hint="Mend it. A file with one JSON object a line belongs into a file ending in .jsonl.",
        ) from error
    rows = said.get("data") if isinstance(said, dict) else said
    if not isinstance(rows, list):
        raise DataError(
            f'expected a list of objects or {{"data": [objects]}} in {path}, given {_called(said)}',
            hint='Write the rows as a list: [{"text": "…", "label": "…"}, …]',
        )
    return _objects(rows, list(range(1, len(rows) + 1)), "row", name, path)


def _objects(rows: list[Any], places: list[int], unit: str, name: str, path: Path) -> Raw:
    for row, place in zip(rows, places, strict=True):
        if not isinstance(row, dict):
            raise DataError(
                f"expected a JSON object in {unit} {place} of {path}, given {_called(row)}",
                hint='Each row looks like {"text": "…", "label": "…"}.',
            )
    names = dict.fromkeys(key for row in rows for key in row)
    return Raw(name, {key: [row.get(key) for row in rows] for key in names}, places, unit)


def _called(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


# parquet


def _read_parquet(content: bytes, name: str, path: Path) -> Raw:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"expected a parquet file in {path}, given bytes that are not ({str(error).splitlines()[0]})",
            hint="The file is damaged, cut short or of another format: write it again.",
        ) from error
    return from_arrow(table, name)


def from_arrow(table: Any, name: str) -> Raw:
    """The columns of an Arrow table."""
    columns = {column: table.column(column).to_pylist() for column in table.column_names}
    return Raw(name, columns, list(range(1, table.num_rows + 1)))


READERS: Mapping[str, Callable[[bytes, str, Path], Raw]] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".json": _read_json,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".parquet": _read_parquet,
    **dict.fromkeys((".conll", ".bio", ".iob", ".iob2"), _read_conll),
}
