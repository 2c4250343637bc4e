"""Rows from a file, a folder or the hub, as data sets whose columns have roles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from duiqi.core.dataset import Dataset, Schema
from duiqi.core.errors import DataError, DependencyError, nearest
from duiqi.data.columns import PARTS, build, may_be_id, part_name, parts_of, resolve
from duiqi.data.facts import Seen
from duiqi.data.formats import READERS, Raw, from_arrow, is_readable, read_file
from duiqi.data.forms import shaped

HUB = "hub:"


def read(
    source: str | Path,
    *,
    text: str | None = None,
    text_pair: str | None = None,
    label: str | None = None,
    groups: str | Sequence[str] = (),
    id: str | None = None,
    split: str | None = None,
    time: str | None = None,
    cluster: str | None = None,
    tokens: str | None = None,
    choices: str | None = None,
    spans: str | None = None,
    weight: str | None = None,
    encoding: str | None = None,
    as_texts: bool = False,
) -> dict[str, Dataset]:
    """Data sets "train", "dev" and "test" as far as they are there, or "all" for a file that is not divided.

    `source` is a csv, tsv, json, jsonl, parquet, xlsx or CoNLL file (also gzipped), a folder that holds such files
    named train, dev (or valid, validation, val) and test, or `hub:NAME` (`hub:NAME#CONFIG`), the only source that uses
    a network. `encoding` is what text is in that is not UTF-8; without it that is told by its characters, where they
    tell (`duiqi.data.encoding`). `as_texts`: labels are texts to write or to find, whatever they look like.
    A file with a split column is divided by it. Columns that are not named here are guessed where their names are
    plain; each guess is a note of the data set. Classes are strings. Raises `DataError` on what cannot be read and
    `DependencyError` where the hub needs a package.
    """
    asked = {
        "text": text,
        "text_pair": text_pair,
        "label": label,
        "id": id,
        "split": split,
        "time": time,
        "cluster": cluster,
        "tokens": tokens,
        "choices": choices,
        "spans": spans,
        "weight": weight,
    }
    raws = from_hub(str(source)) if str(source).startswith(HUB) else from_disk(Path(source), encoding)
    columns = {column for raw in raws.values() for column in raw.columns}
    found: dict[str, str] = {}
    made = {part: shaped(raw, found, text=text, label=label) for part, raw in raws.items()}
    if found and len(raws) > 1:  # what one part has all have
        made = {part: shaped(raw, found, text=text, label=label) for part, raw in raws.items()}
    raws = made
    seen = [Seen.of(raw, may_be_id) for raw in raws.values()]
    schema, notes = resolve(seen, asked, [groups] if isinstance(groups, str) else list(groups))
    notes = tuple(note for note in notes if note.get("column", "") in columns | {""})  # others are not the user's
    if schema.split and list(raws) == ["all"]:
        raws = _divided(raws["all"], schema)
    elif schema.split and not split:  # the files divide the rows, so a column of that name is a column like others
        schema, notes = replace(schema, split=None), tuple(each for each in notes if each.get("role") != "split")
    return build(raws, schema, notes, as_texts=as_texts)


RowLabels = Callable[[Dataset], Sequence[Iterable[str]]]  # the labels of every row


def one_label(data: Dataset) -> list[tuple[str]]:
    """The one label that each row has."""
    return [(str(value),) for value in data.values("label")]


def require_labels(dataset: Dataset, row_labels: RowLabels = one_label, *, least: int = 2) -> None:
    """Raise a `DataError` unless the rows have labels of at least so many kinds, as training needs."""
    labels = {label for row in row_labels(dataset) for label in row}
    if len(labels) < least:
        raise DataError(
            f"expected at least {'two different labels' if least == 2 else 'one span'} in {dataset.name}, given only "
            f"'{next(iter(labels), 'O')}' in {len(dataset)} rows",
            hint=f"Is '{dataset.schema.label}' the label column? Name another with --label COLUMN, or add rows.",
        )


def check_labels(train: Dataset, others: Iterable[Dataset], row_labels: RowLabels = one_label) -> None:
    """Raise a `DataError` where a label of other rows was never seen in train."""
    known = {label for row in row_labels(train) for label in row}
    for other in others:
        unseen = Counter(label for row in row_labels(other) for label in set(row) if label not in known)
        if unseen:
            first = min(unseen)
            shown = ", ".join(f"'{label}' ({count} rows)" for label, count in sorted(unseen.items())[:5])
            raise DataError(
                f"expected only labels of {train.name} in {other.name}, given {shown}"
                f"{' …' if len(unseen) > 5 else ''} never seen there",
                hint=f"{nearest(first, known)} Rename these labels, add such rows to train, or leave them out.",
            )


# Sources


def check_there(source: str | Path) -> None:
    """`DataError` for a file or folder that is not there; a set of the hub is not looked for."""
    path = Path(source)
    if str(source).startswith(("http:/", "https:/")):  # of a path one stroke is left
        raise DataError(
            f"expected rows, given the address {str(source).partition('?')[0]}",
            hint="Download the file first. Is it the address of a model? The model comes first: duiqi diagnose MODEL "
            "DATA.",
        )
    if not str(source).startswith(HUB) and not path.exists():
        beside = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(
            f"expected a file or folder, given {path}, which does not exist",
            hint=nearest(path.name, beside) if beside else "Check the path.",
        )


def from_disk(path: Path, encoding: str | None = None) -> dict[str, Raw]:
    """The parts of a folder, or "all" of a file."""
    check_there(path)
    if path.is_dir():
        return _from_folder(path, encoding)
    return {"all": read_file(path, path.name.split(".")[0], encoding)}


def _from_folder(folder: Path, encoding: str | None) -> dict[str, Raw]:
    files = sorted(each for each in folder.iterdir() if each.is_file())
    named: dict[str, list[Path]] = {part: [] for part in PARTS}
    for each in files:
        part = part_name(each.name.split(".")[0])
        if part is not None and is_readable(each):
            named[part].append(each)
    for part, paths in named.items():
        if len(paths) > 1:
            raise DataError(
                f"expected one file for {part} in {folder}, given {' and '.join(path.name for path in paths)}",
                hint="Leave one of them there, or give a single file.",
            )
    if not any(named.values()):
        shown = ", ".join(each.name for each in files[:10]) or "nothing"
        raise DataError(
            f"expected files named train, dev and test ({', '.join(READERS)}) in {folder}, given {shown}",
            hint="Rename the files, or give one file: it is divided for you.",
        )
    name = folder.resolve().name
    return {part: read_file(paths[0], f"{name}/{part}", encoding) for part, paths in named.items() if paths}


def from_hub(source: str) -> dict[str, Raw]:
    """The parts of a set of the hub, "all" where it is not divided."""
    name, _, config = source.removeprefix(HUB).partition("#")
    try:
        import datasets
    except ImportError as error:
        raise DependencyError(
            f"expected the package 'datasets' to read {source}, given none", hint="pip install 'duiqi[hub]'"
        ) from error
    try:
        found = datasets.load_dataset(name, config or None)
    except Exception as error:  # the package raises many kinds: no network, no such set, a config to choose
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"expected a data set of this name on the hub, given {source} ({reason})",
            hint="Check the name and the network; a set with several configs needs hub:NAME#CONFIG.",
        ) from error
    raws = {part_name(each): _from_table(rows, f"{name}/{each}") for each, rows in found.items() if part_name(each)}
    if raws:
        return {part: raws[part] for part in PARTS if part in raws}
    return {"all": _from_table(next(iter(found.values())), name)}


def _from_table(rows: object, name: str) -> Raw:
    """Columns of a table of the package `datasets`; numbered classes get their names."""
    raw = from_arrow(rows.with_format("arrow")[:], name)  # type: ignore[attr-defined]
    columns = dict(raw.columns)
    for column, feature in rows.features.items():  # type: ignore[attr-defined]
        if hasattr(feature, "int2str"):
            named = (None if value is None or value < 0 else feature.int2str(value) for value in columns[column])
            columns[column] = list(named)
    return replace(raw, columns=columns)


def _divided(raw: Raw, schema: Schema) -> dict[str, Raw]:
    """The rows of each part, by the split column."""
    parts = parts_of(raw, str(schema.split))
    return {
        part: _rows(raw, [i for i, each in enumerate(parts) if each == part], part) for part in PARTS if part in parts
    }


def _rows(raw: Raw, rows: list[int], part: str) -> Raw:
    columns: Mapping[str, list[object]] = {name: [values[i] for i in rows] for name, values in raw.columns.items()}
    return replace(raw, columns=columns, places=[raw.places[i] for i in rows], name=f"{raw.name}/{part}")
