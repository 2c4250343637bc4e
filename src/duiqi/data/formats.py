"""One file to columns: csv, tsv, json, jsonl, parquet, xlsx and CoNLL, each also gzipped, with the place of every row.

Files are read as streams of pieces, so that one of many gigabytes takes no more memory than a small one; json and xlsx
are read whole.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from duiqi.core.errors import DataError, DependencyError, nearest
from duiqi.core.spans import is_tag
from duiqi.data.encoding import Lines, decoded

ROWS = 1 << 14  # of a piece
BYTES = 1 << 25  # after which a piece of long rows is full


@dataclass(frozen=True)
class Raw:
    """A file as read, or a piece of it: columns of equal length and, for messages, where each row stands.

    `unit` is "line" (numbered from 1, the header included) or "row" (numbered from 1). In a `typeless` format every
    value is a string and the empty string stands for nothing. `unlabelled` says why rows have no label, where more is
    known of it than that.
    """

    name: str
    columns: Mapping[str, list[Any]]
    places: list[int]
    unit: str = "row"
    typeless: bool = False
    notes: tuple[Mapping[str, Any], ...] = ()
    unlabelled: Mapping[int, str] = field(default_factory=dict)

    def where(self, rows: list[int], *, most: int = 5) -> str:
        """The first of these rows in words: "lines 3, 8, 9 …"."""
        shown = ", ".join(str(self.places[row]) for row in rows[:most])
        return f"{self.unit}{'s' if len(rows) > 1 else ''} {shown}{' …' if len(rows) > most else ''}"


def read_file(path: Path, name: str, encoding: str | None = None) -> Raw:
    """The columns of one file; a `DataError` says what cannot be read, and where. `encoding`: that of text which is not
    UTF-8, where it is not told by its characters."""
    return whole(list(read_pieces(path, name, encoding=encoding)))


def whole(pieces: Sequence[Raw]) -> Raw:
    """The pieces of a file as one; a column that a piece has not is nothing there."""
    first = pieces[0]
    names = dict.fromkeys(name for piece in pieces for name in piece.columns)
    columns = {
        name: [value for piece in pieces for value in piece.columns.get(name) or [None] * len(piece.places)]
        for name in names
    }
    notes = {str(note): note for piece in pieces for note in piece.notes}
    places = [place for piece in pieces for place in piece.places]
    return Raw(first.name, columns, places, first.unit, first.typeless, tuple(notes.values()))


def read_pieces(path: Path, name: str, shown: Path | None = None, encoding: str | None = None) -> Iterator[Raw]:
    """A file in pieces of some thousand rows, none of them empty; errors as of `read_file`, which call it `shown`."""
    suffix, place, path = _known_suffix(path), path, shown or path
    try:
        with place.open("rb") as packed:
            file: Any = gzip.GzipFile(fileobj=packed) if place.suffix.lower() == ".gz" else packed
            if suffix in TEXTS:
                lines = decoded(file, path, encoding)
                pieces, notes = TEXTS[suffix](lines, name, path), lines.notes
            else:
                pieces, notes = TABLES[suffix](file, name, path), ()
            first = next(pieces, None)
            if first is None:
                raise _without_rows(file, path)
            for piece in itertools.chain([first], pieces):
                yield replace(piece, notes=(*notes, *piece.notes)) if notes else piece
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataError(
            f"expected a gzip file in {path}, given bytes that do not unpack ({error})",
            hint="The file is damaged or cut short: copy it again, or leave out .gz if it is not packed.",
        ) from error
    except OSError as error:
        raise DataError(
            f"expected a file that can be read, given {path} ({error.strerror or error})", hint="Check its permissions."
        ) from error


def _without_rows(file: Any, path: Path) -> DataError:
    file.seek(0)
    if any(line.strip(b" \t\r\n\0\xef\xbb\xbf\xff\xfe") for line in file):
        below = " below the header" if _suffix(path) in (".csv", ".tsv", ".xlsx") else ""
        said = f"expected rows in {path}, given none{below}"
    else:
        said = f"expected rows in {path}, given an empty file"
    return DataError(said, hint="Give a file with at least one row.")


def is_readable(path: Path) -> bool:
    """Whether the name of a file ends as one that `read_file` takes."""
    return _suffix(path) in READERS


def _suffix(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def _known_suffix(path: Path) -> str:
    suffix = _suffix(path)
    if suffix in READERS:
        return suffix
    if suffix in (".xls", ".ods"):
        hint = "Save the sheet as .xlsx or as CSV (UTF-8) and give that file."
    else:
        hint = nearest(suffix, READERS) + " Rename the file if it is one of these."
    known = ", ".join(READERS)
    raise DataError(f"expected a file ending in {known} (or one of these and .gz), given {path}", hint=hint)


def _in_pieces(records: Iterable[tuple[int, Any]], size: Callable[[Any], int]) -> Iterator[list[tuple[int, Any]]]:
    """Records with their places in lists that are neither too many nor too long."""
    piece: list[tuple[int, Any]] = []
    held = 0
    for record in records:
        piece.append(record)
        held += size(record[1])
        if len(piece) == ROWS or held > BYTES:
            yield piece
            piece, held = [], 0
    if piece:
        yield piece


# CoNLL


def _read_conll(lines: Lines, name: str, path: Path) -> Iterator[Raw]:
    """Sentences of lines "word … tag", divided by empty lines: the first column is the word, the last the tag.

    Lines that begin a document (-DOCSTART-) and comments before a sentence (#) belong to none.
    """
    for piece in _in_pieces(_sentences(lines, path), lambda sentence: 60 * len(sentence)):
        tokens = [[word for word, _ in sentence] for _, sentence in piece]
        tags = [[tag for _, tag in sentence] for _, sentence in piece]
        yield Raw(name, {"tokens": tokens, "tags": tags}, [place for place, _ in piece], unit="line")


def _sentences(lines: Lines, path: Path) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """The line in which each sentence begins, and its words with their tags."""
    sentence: list[tuple[str, str]] = []
    begun = width = 0
    for number, line in enumerate(lines, start=1):
        line = line.removesuffix("\n").removesuffix("\r")
        cells = [] if not line.strip() else line.split("\t") if "\t" in line else re.split(" +", line.strip(" "))
        is_comment = not sentence and line.startswith("#") and not is_tag(cells[-1])
        if not cells or is_comment or cells[0] == "-DOCSTART-":
            if sentence:
                yield begun, sentence
                sentence = []
            continue
        width = width or len(cells)
        if len(cells) != width or width < 2:
            raise DataError(
                f"expected a word and its tag in every line of {path}, {max(width, 2)} columns, "
                f"given {len(cells)} in line {number}",
                hint="Divide columns by blanks or tabs, and sentences by an empty line.",
            )
        begun = begun if sentence else number
        sentence.append((cells[0], cells[-1].strip()))
    if sentence:
        yield begun, sentence


# csv, tsv


def _read_csv(file: Lines, name: str, path: Path) -> Iterator[Raw]:
    lines = iter(file)
    begin = []
    for line in lines:
        begin.append(line)
        if line.strip("\r\n"):
            break
    header = next(_at_every_end(begin[-1:]), "")
    delimiter = max(",;\t", key=lambda mark: (mark in header and "," not in header, mark == ","))
    notes = () if delimiter == "," else ({"code": "guessed_delimiter", "delimiter": delimiter},)
    return _table(_cells(itertools.chain(begin, lines), delimiter, csv.QUOTE_MINIMAL, path), name, path, notes)


def _read_tsv(lines: Lines, name: str, path: Path) -> Iterator[Raw]:
    """Quotes mean what they mean in csv; where that does not work out they are characters like any other."""
    quoted = any('"' in line for line in lines)
    notes: tuple[Mapping[str, Any], ...] = ()
    if quoted:
        try:
            for _ in _table(_cells(lines, "\t", csv.QUOTE_MINIMAL, path), name, path):
                pass
        except DataError:
            quoted, notes = False, ({"code": "literal_quotes"},)
    quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    return _table(_cells(lines, "\t", quoting, path), name, path, notes)


def _cells(lines: Iterable[str], delimiter: str, quoting: Any, path: Path) -> Iterator[tuple[int, list[str]]]:
    """The line in which each record starts, and its cells; blank lines are passed over."""
    reader = csv.reader(_at_every_end(lines), delimiter=delimiter, quoting=quoting, strict=True)
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


def _at_every_end(lines: Iterable[str]) -> Iterator[str]:
    """Lines that end at a carriage return, too."""
    for line in lines:
        if line.find("\r") in (-1, len(line) - 2):
            yield line
        else:
            yield from io.StringIO(line, newline="")


def _table(
    records: Iterator[tuple[int, list[Any]]],
    name: str,
    path: Path,
    notes: tuple[Mapping[str, Any], ...] = (),
    *,
    unit: str = "line",
    typeless: bool = True,
) -> Iterator[Raw]:
    """Records below a header, in pieces."""
    _, header = next(records, (0, []))
    names = [str(cell).strip() or f"column_{number}" for number, cell in enumerate(header, 1)]
    twice = sorted({each for each in names if names.count(each) > 1})
    if twice:
        raise DataError(
            f"expected columns of different names in {path}, given '{twice[0]}' more than once",
            hint="Rename one of them in the header.",
        )
    for piece in _in_pieces(records, lambda cells: sum(len(cell) for cell in cells if isinstance(cell, str))):
        for line, cells in piece:
            if len(cells) != len(names):
                raise DataError(
                    f"expected {len(names)} cells in each row of {path}, given {len(cells)} in {unit} {line}",
                    hint="Put cells that hold the separator or a line break into quotes; quote or double stray quotes.",
                )
        columns = map(list, zip(*(cells for _, cells in piece), strict=True))
        places = [line for line, _ in piece]
        yield Raw(name, dict(zip(names, columns, strict=True)), places, unit, typeless=typeless, notes=notes)


# xlsx


def _read_xlsx(file: BinaryIO, name: str, path: Path) -> Iterator[Raw]:
    """The first sheet, below a header in its first row; rows without any value are passed over."""
    try:
        import openpyxl
    except ImportError as error:
        raise DependencyError(
            f"expected the package 'openpyxl' to read {path}, given none", hint="pip install 'duiqi[xlsx]'"
        ) from error
    try:
        book = openpyxl.load_workbook(io.BytesIO(file.read()), read_only=True, data_only=True)
        sheets = [book[title] for title in book.sheetnames]
        rows = [[_plain(cell) for cell in row] for row in sheets[0].iter_rows(values_only=True)]
    except Exception as error:  # the package raises many kinds on what is no workbook
        raise DataError(
            f"expected an xlsx workbook in {path}, given bytes that are not ({(str(error).splitlines() or ['?'])[0]})",
            hint="The file is damaged or of another format: save it again as .xlsx or CSV (UTF-8).",
        ) from error
    wide = max((at + 1 for row in rows for at, cell in enumerate(row) if cell is not None), default=0)
    filled = [
        (place, row[:wide] + [None] * (wide - len(row)))
        for place, row in enumerate(rows, 1)
        if any(cell is not None for cell in row)
    ]
    records = iter([(place, ["" if cell is None else cell for cell in row] if not at else row)
                    for at, (place, row) in enumerate(filled)])  # fmt: skip
    others = [sheet.title for sheet in sheets[1:]]
    notes = ({"code": "first_sheet", "sheet": sheets[0].title, "others": others},) if others else ()
    return _table(records, name, path, notes, unit="row", typeless=False)


def _plain(cell: Any) -> Any:
    """A value as JSON would have it; dates as ISO 8601, bytes in hexadecimal."""
    if cell is None or isinstance(cell, str | int | float | bool):
        return cell
    if isinstance(cell, list):
        return [_plain(each) for each in cell]
    if isinstance(cell, dict):
        return {str(key): _plain(each) for key, each in cell.items()}
    if isinstance(cell, bytes):
        return cell.hex()
    return cell.isoformat() if hasattr(cell, "isoformat") else str(cell)


# json, jsonl


def _why(error: Exception) -> str:
    """Where and why a line is no JSON, without the number of a line inside the line."""
    return f"{error.msg}, at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else str(error)


def _read_jsonl(lines: Lines, name: str, path: Path) -> Iterator[Raw]:
    held = (line for line in enumerate(lines, 1) if line[1] and not line[1].isspace())
    for piece in _in_pieces(held, len):
        rows, places = [], [line for line, _ in piece]
        for line, text in piece:
            try:
                rows.append(json.loads(text))
            except (ValueError, RecursionError) as error:
                raise DataError(
                    f"expected one JSON object a line in {path}, given line {line} that is not JSON ({_why(error)})",
                    hint="Mend or delete this line. A file that holds one JSON list belongs into a file ending in "
                    ".json.",
                ) from error
        yield _objects(rows, places, "line", name, path)


def _read_json(lines: Lines, name: str, path: Path) -> Iterator[Raw]:
    try:
        said = json.loads("".join(lines) or "[]")
    except (ValueError, RecursionError) as error:
        line = f", in line {error.lineno} ({error.msg})" if isinstance(error, json.JSONDecodeError) else f" ({error})"
        raise DataError(
            f"expected JSON in {path}, given text that is not{line}",
            hint="Mend it. A file with one JSON object a line belongs into a file ending in .jsonl.",
        ) from error
    rows = said.get("data") if isinstance(said, dict) else said
    if not isinstance(rows, list):
        raise DataError(
            f'expected a list of objects or {{"data": [objects]}} in {path}, given {_called(said)}',
            hint='Write the rows as a list: [{"text": "…", "label": "…"}, …]',
        )
    if rows:
        yield _objects(rows, list(range(1, len(rows) + 1)), "row", name, path)


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


def _read_parquet(file: BinaryIO, name: str, path: Path) -> Iterator[Raw]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = pa.BufferReader(file.read()) if isinstance(file, gzip.GzipFile) else file
    try:
        first = 1
        for batch in pq.ParquetFile(source).iter_batches(batch_size=ROWS):
            if batch.num_rows:
                yield from_arrow(batch, name, first)
            first += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"expected a parquet file in {path}, given bytes that are not ({str(error).splitlines()[0]})",
            hint="The file is damaged, cut short or of another format: write it again.",
        ) from error


def from_arrow(table: Any, name: str, first: int = 1) -> Raw:
    """The columns of an Arrow table, or of a batch of one that begins with a row of this number."""
    names = table.schema.names
    twice = next((column for column in names if names.count(column) > 1), None)
    if twice is not None:
        raise DataError(
            f"expected columns of different names in {name}, given '{twice}' more than once", hint="Rename one of them."
        )
    plain = ("string", "large_string", "int", "uint", "float", "double", "bool", "null")
    columns = {
        column: values if str(kind).startswith(plain) else list(map(_plain, values))
        for column, kind, values in zip(names, table.schema.types, (c.to_pylist() for c in table.columns), strict=True)
    }
    return Raw(name, columns, list(range(first, first + table.num_rows)))


Reader = Callable[[Any, str, Path], Iterator[Raw]]
TABLES: Mapping[str, Reader] = {".parquet": _read_parquet, ".xlsx": _read_xlsx}
TEXTS: Mapping[str, Reader] = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".json": _read_json,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    **dict.fromkeys((".conll", ".bio", ".iob", ".iob2"), _read_conll),
}
READERS: Mapping[str, Reader] = {**TEXTS, **TABLES}
