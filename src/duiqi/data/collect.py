"""Several sources as one stream of rows: one name for each role, one name for each label, and where each row is from.

Every source is read twice: once to see what its columns hold, once for its rows. Nothing but pieces of some thousand
rows is held.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from duiqi.core.dataset import INPUT_ROLES, Dataset, Schema
from duiqi.core.errors import DataError, OptionError, nearest
from duiqi.core.spans import OUTSIDE, is_tag
from duiqi.data.columns import (
    CERTAIN,
    LIKELY,
    SOURCE,
    WRITTEN,
    Readers,
    dataset,
    may_be_id,
    part_name,
    parts_of,
    resolve,
)
from duiqi.data.facts import Seen, missing, together
from duiqi.data.formats import READERS, Raw, is_readable, read_pieces
from duiqi.data.forms import handed_out, shaped
from duiqi.data.known_classes import KnownClasses
from duiqi.data.read import HUB, check_there, from_hub

ORIGIN = "origin"  # column of the source and the place in it that a row comes from
TARGET = "target"  # column of texts to write
AS_TEXTS = {"text": SOURCE, "text_pair": "earlier", "label": TARGET}  # names by which texts to write are known
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Source:
    """A file, or a part of a set of the hub: its rows in pieces, and for which part they are (`None`: not said)."""

    name: str
    pieces: Callable[[], Iterator[Raw]]
    part: str | None = None
    path: Path | None = None


@dataclass(frozen=True)
class Change:
    """What a step did to a row: `after` is `None` for one that it dropped. `of` says where the row is from that this
    one was a copy of."""

    origin: str
    step: str
    reason: str
    before: Mapping[str, Any]
    after: Mapping[str, Any] | None = None
    of: str | None = None

    def to_json(self) -> dict[str, Any]:
        said = {"origin": self.origin, "step": self.step, "reason": self.reason, "before": dict(self.before)}
        if self.of is not None:
            said["of"] = self.of
        return said if self.after is None else {**said, "after": dict(self.after)}


@dataclass(frozen=True)
class Piece:
    """Some rows of a source, the part that each is for where that is said, and what was done to them."""

    source: str
    data: Dataset
    parts: Sequence[str | None]
    changes: Sequence[Change] = ()


@dataclass(frozen=True)
class Asked:
    """What the user says of the sources: by role the names that its column has in some of them, columns to be fair to,
    columns to rename, and labels to rename (old → new). `as_texts`: labels are texts to write."""

    roles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    groups: Sequence[str] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    as_texts: bool = False


@dataclass(frozen=True)
class Reading:
    """How one source is read: its forms, roles by its own names, and what its columns are called in the end."""

    source: Source
    forms: Mapping[str, str]
    schema: Schema
    renamed: Mapping[str, str]
    rows: int
    parts: frozenset[str]


@dataclass(frozen=True)
class Collected:
    """All sources as one: `pieces` gives the rows, again each time it is called. `met` are those of the labels to
    rename that were met on the way; as `known` classes labels by hand are read."""

    readings: tuple[Reading, ...]
    readers: Readers
    asked: Asked
    notes: tuple[Mapping[str, Any], ...]
    met: set[str] = field(default_factory=set)
    known: KnownClasses | None = None

    @property
    def rows(self) -> int:
        """How many rows the sources have."""
        return sum(reading.rows for reading in self.readings)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns, roles first, in the order that they are written in."""
        return tuple(dict.fromkeys([*self.readers.schema.columns(), *self.readers.others, ORIGIN]))

    @property
    def parts(self) -> frozenset[str]:
        """The parts that sources or split columns name."""
        return frozenset(part for reading in self.readings for part in reading.parts)

    def types(self) -> dict[str, Any]:
        """The Arrow types of all columns, from a look at all rows."""
        import pyarrow as pa

        schema = pa.schema([])
        for piece in self.pieces():
            schema = pa.unify_schemas([schema, piece.data.table.schema], promote_options="permissive")
        return {name: schema.field(name).type for name in self.columns}

    def pieces(self, progress: Progress | None = None) -> Iterator[Piece]:
        """The rows in the order of the sources."""
        done = 0
        for reading in self.readings:
            for piece in self.pieces_of(reading):
                yield piece
                done += len(piece.data) + sum(change.after is None for change in piece.changes)
                if progress is not None:
                    progress(done, self.rows)

    def pieces_of(self, reading: Reading) -> Iterator[Piece]:
        """The rows of one source."""
        for raw in reading.source.pieces():
            yield self._piece(reading, _called(_shaped(raw, self.asked, dict(reading.forms)), reading.renamed))

    def _piece(self, reading: Reading, raw: Raw) -> Piece:
        import pyarrow as pa

        schema = self.readers.schema
        absent = {column: [None] * len(raw.places) for column in schema.columns() if column not in raw.columns}
        raw = replace(raw, columns={**raw.columns, **absent})
        places = [f"{raw.name}:{place}" for place in raw.places]
        faults = _faults(raw, schema)
        dropped = [
            Change(places[row], "collect", reason, {name: values[row] for name, values in raw.columns.items()})
            for row, reason in faults.items()
        ]
        kept = [row for row in range(len(raw.places)) if row not in faults]
        raw = replace(
            raw,
            columns={name: [values[row] for row in kept] for name, values in raw.columns.items()},
            places=[raw.places[row] for row in kept],
            notes=(),  # they were said when the sources were looked at
        )
        parts = _parts(raw, reading)
        raw = replace(raw, columns={name: each for name, each in raw.columns.items() if name != "split"})
        data = dataset(raw, (), self.readers)
        data, changed = self._with_names(data, [places[row] for row in kept])
        if self.known is not None and handed_out(reading.forms, reading.renamed):
            data, meant = _as_meant(data, [places[row] for row in kept], self.known)
            changed += meant
        table = data.table.append_column(ORIGIN, pa.array([places[row] for row in kept], pa.string()))
        data = replace(data, table=table.select(list(self.columns)))
        return Piece(reading.source.name, data, parts, [*dropped, *changed])

    def _with_names(self, data: Dataset, places: Sequence[str]) -> tuple[Dataset, list[Change]]:
        """The rows with their labels by the names that the user gave."""
        names = self.asked.labels
        if not names or not data.has("label"):
            return data, []
        before = data.values("label")
        after = [renamed_label(value, names, self.met) for value in before]
        return _with_labels(data, places, after, "label_names", "label_name")


def _as_meant(data: Dataset, places: Sequence[str], known: KnownClasses) -> tuple[Dataset, list[Change]]:
    """Rows labelled by hand with the known classes that are meant."""
    after = [known.meant(value, tags=data.has("tokens")).label for value in data.values("label")]
    return _with_labels(data, places, after, "by_hand", "label_as_meant")


def _with_labels(
    data: Dataset, places: Sequence[str], after: Sequence[Any], step: str, reason: str
) -> tuple[Dataset, list[Change]]:
    """The rows with other labels, and which of them these change."""
    label = str(data.schema.label)
    changes = [
        Change(place, step, reason, {label: old}, {label: new})
        for place, old, new in zip(places, data.values("label"), after, strict=True)
        if old != new
    ]
    return (data.with_column("label", after), changes) if changes else (data, [])


def find_sources(given: Sequence[str | Path], encoding: str | None = None) -> list[Source]:
    """The files that are meant, each once: a file, the readable files of a folder (those named train, dev and test
    alone, where there are such), or a set of the hub. Files named train, dev or test are for that part. `encoding`
    is what those are in that are not UTF-8, where it is not told by their characters."""
    found: list[Source] = []
    for each in given:
        if str(each).startswith(HUB):
            found += [Source(raw.name, lambda raw=raw: iter([raw]), part if part != "all" else None)  # type: ignore[misc]
                      for part, raw in from_hub(str(each)).items()]  # fmt: skip
            continue
        path = Path(each)
        try:
            files = _files(path)
        except OSError as error:
            raise DataError(
                f"expected a file or folder that can be read, given {path} ({error.strerror or error})",
                hint="Check its name and permissions.",
            ) from error
        folder = "" if path.is_file() else f"{path.resolve().name}/"
        found += [_file(file, f"{folder}{file.name}".encode(errors="replace").decode(), encoding) for file in files]
    return _told_apart(found, encoding)


def _files(path: Path) -> list[Path]:
    check_there(path)
    if path.is_file():
        return [path]
    files = sorted(file for file in path.iterdir() if file.is_file() and is_readable(file))
    parted = [file for file in files if part_name(file.name.split(".")[0])]
    if not files:
        raise DataError(
            f"expected a folder with files ending in {', '.join(READERS)}, given {path}, which has none",
            hint="Give the files themselves, or another folder.",
        )
    return parted or files


def _file(path: Path, name: str, encoding: str | None) -> Source:
    return Source(name, lambda: read_pieces(path, name, Path(name), encoding), part_name(path.name.split(".")[0]), path)


def _told_apart(sources: list[Source], encoding: str | None) -> list[Source]:
    """The sources without repeats; where several have one name the later ones are numbered."""
    seen: set[Path] = set()
    used: set[str] = set()
    kept = []
    for each in sources:
        real = each.path.resolve() if each.path else None
        if real in seen:
            raise OptionError(f"expected every source once, given {each.path} again", hint="Leave one of them out.")
        if real is not None:
            seen.add(real)
        name, number = each.name, 2
        while name in used:
            folder, slash, file = each.name.rpartition("/")
            stem, dot, ending = file.partition(".")
            name, number = f"{folder}{slash}{stem}-{number}{dot}{ending}", number + 1
        used.add(name)
        if name != each.name and each.path is not None:
            each = replace(_file(each.path, name, encoding), part=each.part)
        kept.append(replace(each, name=name))
    return kept


def collect(sources: Sequence[Source], asked: Asked, progress: Progress | None = None) -> Collected:
    """See what the sources hold and settle how they are read. `DataError` where they do not go together."""
    seen, notes, schemas, forms = [], list[Mapping[str, Any]](), [], []
    done, met = 0, set[str]()
    for source in sources:
        found: dict[str, str] = {}
        looked, read, first = _looked(source, asked, found, met, done, progress)
        if found != first:  # a form that a later piece showed: all pieces have it
            looked, read, _ = _looked(source, asked, found, met, done, progress)
        done += max(facts.rows for facts in looked.columns.values())
        own = {role: next((name for name in names if name in looked.columns), None)
               for role, names in asked.roles.items()}  # fmt: skip
        schema, guessed = resolve([looked], own, [name for name in asked.groups if name in looked.columns])
        notes += [_of_source(note, source.name) if len(sources) > 1 else note for note in (*guessed, *read.values())]
        seen.append(looked)
        schemas.append(schema)
        forms.append(found)
    _check_asked(seen, asked, met)
    _check_together(sources, schemas)
    return _settled(sources, forms, seen, schemas, asked, notes)


def _looked(
    source: Source, asked: Asked, found: dict[str, str], met: set[str], done: int, progress: Progress | None
) -> tuple[Seen, dict[str, Mapping[str, Any]], dict[str, str]]:
    """What is seen of a source, the notes of its readers, and the forms that its first piece showed."""
    looked: Seen | None = None
    read: dict[str, Mapping[str, Any]] = {}
    first: dict[str, str] | None = None
    for raw in source.pieces():
        met |= set(raw.columns)
        known = _shaped(raw, asked, found)
        first = dict(found) if first is None else first
        read |= {str(note): note for note in known.notes}
        piece = Seen.of(known, lambda name: may_be_id(name) or name in asked.roles.get("id", ()))
        looked = piece if looked is None else looked | piece
        done += len(raw.places)
        if progress is not None:
            progress(done, 0)
    assert looked is not None  # no file is read without rows
    return looked, read, first or {}


def _of_source(note: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A note that says which of several sources it is about."""
    return {**note, "code": "guessed_in_source", "source": name} if note["code"] == "guessed_column" else note


def _settled(
    sources: Sequence[Source],
    forms: Sequence[Mapping[str, str]],
    seen: Sequence[Seen],
    schemas: Sequence[Schema],
    asked: Asked,
    notes: Sequence[Mapping[str, Any]],
) -> Collected:
    labelled = [schema.label for schema in schemas if schema.label]
    to_write = asked.as_texts or (bool(labelled) and all(each in WRITTEN for each in labelled))
    own_ids = (
        all(schema.id for schema in schemas)
        and not together([each.columns[str(schema.id)] for each, schema in zip(seen, schemas, strict=True)]).repeated
    )
    names = {role: role for role in (*INPUT_ROLES, "label", "split", "time", "cluster")}
    names |= {"id": "id" if own_ids else "source_id", "weight": CERTAIN["weight"][0]} | (AS_TEXTS if to_write else {})
    names = {role: name for role, name in names.items() if any(getattr(schema, role) for schema in schemas)}
    readings, renamed_seen = [], []
    for source, form, each, schema in zip(sources, forms, seen, schemas, strict=True):
        renamed = _final_names(each, schema, names, to_write=to_write)
        rows = max(facts.rows for facts in each.columns.values())
        readings.append(Reading(source, form, schema, renamed, rows, _named_parts(source, each, schema)))
        renamed_seen.append(Seen(each.name, {renamed[name]: facts for name, facts in each.columns.items()}))
    roles = {role for role in names if role != "split" and (role != "id" or own_ids)}
    groups = dict.fromkeys(reading.renamed[group] for reading in readings for group in reading.schema.groups)
    schema = Schema(**{role: names[role] for role in roles}, groups=tuple(groups))
    readers = Readers.of(renamed_seen, schema, as_texts=to_write)
    return Collected(tuple(readings), readers, asked, tuple(notes))


def _final_names(seen: Seen, schema: Schema, names: Mapping[str, str], *, to_write: bool) -> dict[str, str]:
    """What every column of a source is called in the end: roles by their own names, others as they are, but for those
    that would be taken for one of these roles when the rows are read."""
    by_role = {getattr(schema, role): name for role, name in names.items() if getattr(schema, role)}
    taken = {*names.values(), ORIGIN, "split"}
    rivals = {name for role in names if role in CERTAIN for name in CERTAIN[role]}
    if to_write:
        rivals |= {name for role in AS_TEXTS for name in (*CERTAIN[role], *LIKELY[role])}
    final: dict[str, str] = {}
    for column in seen.columns:
        name = by_role.get(column, column)
        if column not in by_role and (column in taken or column.strip().casefold() in rivals):
            name = f"{column}_other"
            while name in seen.columns or name in final.values():
                name += "_other"
        final[column] = name
    return final


def _named_parts(source: Source, seen: Seen, schema: Schema) -> frozenset[str]:
    if source.part:
        return frozenset({source.part})
    values = seen.columns[schema.split].few or () if schema.split else ()
    return frozenset(part for value in values if isinstance(value, str) and (part := part_name(value)))


def _renamed(raw: Raw, columns: Mapping[str, str]) -> Raw:
    """The file with the columns that the user renames."""
    here = {old: new for old, new in columns.items() if old in raw.columns}
    return _called(raw, {name: here.get(name, name) for name in raw.columns}) if here else raw


def _called(raw: Raw, names: Mapping[str, str]) -> Raw:
    given = [names.get(name, name) for name in raw.columns]
    twice = next((name for name in given if given.count(name) > 1), None)
    if twice is not None:
        raise OptionError(
            f"expected columns of different names in {raw.name}, given '{twice}' for more than one",
            hint="Rename one of them otherwise.",
        )
    return replace(raw, columns=dict(zip(given, raw.columns.values(), strict=True)))


def _shaped(raw: Raw, asked: Asked, found: dict[str, str]) -> Raw:
    """The rows in one form, columns by the names that the user gives them."""
    raw = _renamed(raw, asked.columns)
    own = {role: next((name for name in asked.roles.get(role, ()) if name in raw.columns), None)
           for role in ("text", "label")}  # fmt: skip
    return shaped(raw, found, text=own["text"], label=own["label"])


def _faults(raw: Raw, schema: Schema) -> dict[int, str]:
    """Rows that cannot be used, and why: no text, or no label where there are labels."""
    words = raw.columns[str(schema.tokens or schema.text)]
    found = {row: "no_text" for row, value in enumerate(words) if _is_blank(value)}
    if schema.label is not None:
        values = raw.columns[schema.label]
        bare = [row for row, value in enumerate(values) if missing(value) or str(value).isspace()]
        found = {row: raw.unlabelled.get(row, "no_label") for row in bare} | found
    return dict(sorted(found.items()))


def _is_blank(value: Any) -> bool:
    return missing(value) or value == [] or (isinstance(value, str) and not value.strip())


def _parts(raw: Raw, reading: Reading) -> list[str | None]:
    """The part of every row, where its source or its split column says one."""
    if "split" not in raw.columns or reading.source.part:
        return [reading.source.part] * len(raw.places)
    return list(parts_of(raw, "split", reading.schema.split))


def renamed_label(value: Any, names: Mapping[str, str], met: set[str]) -> Any:
    """A label by its new name; of lists every one, of tags the type. The old names are noted in `met`."""
    if isinstance(value, list):
        return [renamed_label(each, names, met) for each in value]
    if not isinstance(value, str):
        return value
    if value in names:
        met.add(value)
        return names[value]
    if is_tag(value) and value != OUTSIDE and value[2:] in names:
        met.add(value[2:])
        return value[:2] + names[value[2:]]
    return value


def _check_asked(seen: Sequence[Seen], asked: Asked, met: Collection[str]) -> None:
    """`DataError` where a column that the user named is in no source."""
    columns = list(dict.fromkeys(name for each in seen for name in each.columns))
    for old in asked.columns:
        if old not in met:
            raise DataError(
                f"expected a column '{old}' to be renamed in one of the sources, given columns: "
                f"{', '.join(sorted(met))}",
                hint=nearest(old, met),
            )
    for role, names in [*asked.roles.items(), ("group", asked.groups)]:
        for name in names:
            if name not in columns:
                raise DataError(
                    f"expected a column '{name}' for {role.replace('_', ' ')} in one of the sources, given columns: "
                    f"{', '.join(columns)}",
                    hint=nearest(name, columns),
                )


def _check_together(sources: Sequence[Source], schemas: Sequence[Schema]) -> None:
    """`DataError` where the inputs of the sources are of different forms."""
    forms = [tuple(role for role in INPUT_ROLES if getattr(schema, role)) for schema in schemas]
    for source, form in zip(sources, forms, strict=True):
        if form != forms[0]:
            raise DataError(
                f"expected sources of one form, given {', '.join(forms[0])} in {sources[0].name} and "
                f"{', '.join(form)} in {source.name}",
                hint="Name the columns (--text, --text-pair …), rename those that are taken for something else, or "
                "prepare these sources apart.",
            )


def check_renames(asked: Asked) -> None:
    """`OptionError` where columns or labels are renamed in a circle or onto one another's old names."""
    for what, names in (("column", asked.columns), ("label", asked.labels)):
        chained = next((new for old, new in names.items() if new in names and names[new] != new), None)
        if chained is not None:
            raise OptionError(
                f"expected a {what} to be renamed once, given '{chained}' as a new name and as an old one",
                hint="Say for every old name what it is called in the end.",
            )
