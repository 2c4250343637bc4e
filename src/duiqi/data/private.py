"""Identifiers of people masked, hashed or dropped: `Mask` for any texts, `Private` for the rows of a preparation."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, get_args

from duiqi.core.dataset import Dataset
from duiqi.core.edit import Change as Replacement
from duiqi.core.edit import apply
from duiqi.core.errors import OptionError
from duiqi.data import identifiers
from duiqi.data.collect import ORIGIN, TARGET, Change
from duiqi.data.identifiers import KINDS, NAME, Identifier, plain_value
from duiqi.data.step import CHANGED_ROLES, Outcome, Parts, Step, check_among, dropped, places, rewritten

Action = Literal["mask", "hash", "drop"]
Finder = Callable[[Sequence[str]], Sequence[Sequence[Identifier]]]

ALL_KINDS = (*KINDS, NAME)
TEXTS = ("text", "text_pair", "tokens")  # roles whose changes spans, answers and tags move along with
NUMBERS = ("phone", "id")  # kinds looked for in columns of numbers: one long number in ten has a card's check digit
KEPT = ("id", "split")  # roles that stay as they are
HASHED = 8  # hexadecimal digits: of 10,000 values two have the same by a chance of one in a hundred


_PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(kind.upper() for kind in ALL_KINDS)})(?::[0-9a-f]{{{HASHED}}})?\]")


@dataclass(frozen=True)
class Placed(Replacement):
    """A placeholder for an identifier of a kind."""

    kind: str


@dataclass(frozen=True)
class Mask:
    """Puts a placeholder in the place of every identifier: "[PHONE]", or with a `salt` (bytes) "[PHONE:3f2a91bc]",
    the first digits of its HMAC-SHA256, equal for equal values however they are written. `names` finds names.

    >>> Mask()(["写信到li@example.com，或打13812345678"])
    ['写信到[MAIL]，或打[PHONE]']
    """

    kinds: Sequence[str] = ALL_KINDS
    salt: bytes | None = None
    names: Finder | None = None

    def __call__(self, texts: Sequence[str]) -> list[str]:
        """The texts without identifiers."""
        changes = self.changes(texts)
        return [apply(text, each).text if each else text for text, each in zip(texts, changes, strict=True)]

    def found(self, texts: Sequence[str]) -> list[list[Identifier]]:
        """The identifiers of every text, in order; those of texts whose characters stand apart ("1 3 8"), too."""
        closed = [text[::2] if _is_spaced(text) else text for text in texts]
        made = identifiers.found(closed, self.kinds)
        for row, each in enumerate(made):
            if each and closed[row] is not texts[row]:
                made[row] = [Identifier(2 * one.start, 2 * one.end - 1, one.kind) for one in each]
        if self.names is not None and NAME in self.kinds:
            for row, said in enumerate(self.names(texts)):
                made[row] = sorted([*made[row], *_apart(said, [(each.start, each.end) for each in made[row]])])
        for row, each in enumerate(made):
            if each and "[" in texts[row]:  # a placeholder is no secret and no name
                made[row] = _apart(each, [found.span() for found in _PLACEHOLDER.finditer(texts[row])])
        return made

    def changes(self, texts: Sequence[str]) -> list[list[Placed]]:
        """What masking does to every text."""
        return [
            [
                Placed(one.start, one.end, self.placeholder(one.kind, text[one.start : one.end]), one.kind)
                for one in each
            ]
            for text, each in zip(texts, self.found(texts), strict=True)
        ]

    def without_names(self) -> Mask:
        """The same without the model."""
        return replace(self, names=None)

    def placeholder(self, kind: str, value: str) -> str:
        """What stands in the place of a value."""
        if self.salt is None:
            return f"[{kind.upper()}]"
        digest = hmac.new(self.salt, f"{kind}:{plain_value(kind, value)}".encode(), hashlib.sha256).hexdigest()
        return f"[{kind.upper()}:{digest[:HASHED]}]"


def _is_spaced(text: str) -> bool:
    """Whether a blank stands between all characters, as in joined rows of Chinese characters."""
    return len(text) > 2 and text[1] == " " and not text[1::2].strip(" ") and " " not in text[::2]


def _apart(ones: Iterable[Identifier], taken: Sequence[tuple[int, int]]) -> list[Identifier]:
    """Those that do not touch what is taken."""
    return [one for one in ones if all(one.end <= start or end <= one.start for start, end in taken)]


@dataclass(eq=False)
class Private(Step):
    """Rows without identifiers of people.

    Looked for are mail addresses, phone numbers, mainland IDs, bank cards, credit codes of companies, licence plates,
    IP addresses, secrets in links, and names where a model finds them.

    `action`: mask puts [PHONE] in the place of a number; hash puts [PHONE:3f2a91bc], equal for equal values, so that
    rows of one person still belong together; drop leaves the row out. `kinds` are those looked for (mail, phone, id,
    card, credit_code, plate, ip, secret, name). Tags, spans and answers move along; a row of which one would be
    destroyed is left out. Other columns of texts are masked, too, and in columns of whole numbers those that are phone
    numbers or IDs become empty. Row ids, classes, parts and other numbers stay as they are: see to it
    that ids are no mail addresses.

    A hash is keyed by `salt`. Without one, or with one that others know, hashes of short numbers can be guessed by
    trying all of them: there are only some billion phone numbers. Keep the salt away from the rows; it is not written
    into the prepared folder.

    `names` is the folder of a tagging model whose labels include persons. It reads texts, second texts and texts to
    write, and misses what such models miss; `duiqi.prepare` opens it.

    The list of changes says which rows held which kinds, but no value: its texts are masked, those of other steps as
    well. The copies of the sources in `originals/` hold everything; leave them away (`--no-originals`) or lock them up.
    """

    action: Action = "mask"
    kinds: Sequence[str] = ALL_KINDS
    salt: str = ""
    names: str = ""
    finder: Finder | None = field(default=None, init=False)
    hidden: ClassVar[tuple[str, ...]] = ("salt",)

    def __post_init__(self) -> None:
        check_among("an action", [self.action], get_args(Action))
        check_among("a kind", self.kinds, ALL_KINDS)
        self._read_by_model = {*TEXTS, TARGET}

    def ready(self, seed: int, persons_of: Callable[[str], Finder]) -> None:
        self.finder = persons_of(self.names) if self.names else None

    @property
    def mask(self) -> Mask:
        """What is put in the place of identifiers."""
        if self.names and self.finder is None:
            raise OptionError(
                f"expected an opened model to find names, given the path {self.names} alone",
                hint="Call duiqi.prepare with this step, or set `finder` to a function that finds names in texts.",
            )
        salt = self.salt.encode() if self.action == "hash" else None
        return Mask(tuple(self.kinds), salt, self.finder)

    def __call__(self, data: Dataset, parts: Parts = ()) -> Outcome:
        mask = self.mask
        sides = _sides(data)
        self._read_by_model |= {str(getattr(data.schema, role)) for role in sides}
        made = {role: mask.changes(texts) for role, texts in sides.items()}
        met = _kinds(made.values())
        columns = {}
        for name, values in _others(data).items():
            masked, kinds = _masked(values, mask, names=name == TARGET)
            if kinds:
                columns[name] = masked
                for row, each in kinds.items():
                    met.setdefault(row, set()).update(each)
        for name, numbers in _numbers(data).items():
            found = mask.without_names().found(["" if number is None else str(number) for number in numbers])
            told = [{one.kind for one in each} & {*NUMBERS} for each in found]
            held = {row: each for row, each in enumerate(told) if each}
            if held:
                columns[name] = [None if row in held else number for row, number in enumerate(numbers)]
                for place, some in held.items():
                    met.setdefault(place, set()).update(some)
        reasons = {row: "+".join(f"private:{kind}" for kind in ALL_KINDS if kind in met[row]) for row in sorted(met)}
        if self.action == "drop" or not reasons:
            gone = dropped(data, "private", reasons)
            return replace(gone, changes=self._veiled(gone.changes))
        rows = list(reasons)
        known = {text: each for role in made for text, each in zip(sides[role], made[role], strict=True) if each}
        data = _rewritten(data, rows, known, columns)
        changes = [
            Change(place, "private", reasons[row], said, said)  # what stood there is not written down
            for row, place, said in zip(rows, places(data, rows), _cells(data, rows, columns), strict=True)
        ]
        less = dropped(data, "private", dict.fromkeys(_unmoved(data, rows, known, mask), "private_in_mark"))
        return replace(less, changes=self._veiled([*changes, *less.changes]))

    def redacted(self, changes: Sequence[Change]) -> Sequence[Change]:
        """The changes of other steps with all that they say masked; its own are."""
        others = iter(self._veiled([each for each in changes if each.step != "private"]))
        return [each if each.step == "private" else next(others) for each in changes]

    def _veiled(self, changes: Sequence[Change]) -> list[Change]:
        mask = self.mask
        texts = {
            (text, name in self._read_by_model)
            for each in changes
            for said in (each.before, each.after or {})
            for name, value in said.items()
            for text in _texts_in(value)
        }
        plain = sorted(text for text, by_model in texts if not by_model)
        known = dict(zip(plain, mask.without_names()(plain), strict=True))
        read = sorted(text for text, by_model in texts if by_model)
        known |= zip(read, mask(read), strict=True)  # a text that a model reads somewhere is masked everywhere
        return [_veiled(each, known) for each in changes]


def _sides(data: Dataset) -> dict[str, list[str]]:
    """The texts and second texts of the rows, by role."""
    sides = {"tokens" if data.has("tokens") else "text": data.texts}
    if data.has("text_pair"):
        sides["text_pair"] = [text or "" for text in data.values("text_pair")]
    return sides


def _kinds(sides: Iterable[Sequence[Sequence[Placed]]]) -> dict[int, set[str]]:
    """By row the kinds that it holds."""
    met: dict[int, set[str]] = {}
    for side in sides:
        for row, each in enumerate(side):
            if each:
                met.setdefault(row, set()).update(one.kind for one in each)
    return met


def _others(data: Dataset) -> dict[str, list[Any]]:
    """The columns of strings, or of lists of them, that play no part in `_sides`, by name."""
    import pyarrow.types as types

    def of_strings(kind: Any) -> bool:
        return bool(types.is_string(kind) or types.is_large_string(kind))

    apart = {getattr(data.schema, role) for role in (*TEXTS, *KEPT)} | {ORIGIN}
    apart |= {data.schema.label} - {TARGET}  # classes: masked ones would be one class
    return {
        column.name: data.table.column(column.name).to_pylist()
        for column in data.table.schema
        if column.name not in apart
        and (of_strings(column.type) or (types.is_list(column.type) and of_strings(column.type.value_type)))
    }


def _numbers(data: Dataset) -> dict[str, list[int | None]]:
    """The columns of whole numbers that are no label, id or part, by name."""
    import pyarrow.types as types

    apart = {getattr(data.schema, role) for role in (*KEPT, "label", "time", "cluster", "weight", "key")}
    columns = [column for column in data.table.schema if types.is_integer(column.type) and column.name not in apart]
    return {column.name: data.table.column(column.name).to_pylist() for column in columns}


def _masked(values: Sequence[Any], mask: Mask, *, names: bool) -> tuple[list[Any], dict[int, set[str]]]:
    """Cells without identifiers, and by row the kinds that they held."""
    cells = [[value] if isinstance(value, str) else value or [] for value in values]
    texts = [(row, text) for row, cell in enumerate(cells) for text in cell if text]
    made = (mask if names else mask.without_names()).changes([text for _, text in texts])
    known = {text: apply(text, each).text for (_, text), each in zip(texts, made, strict=True) if each}
    met: dict[int, set[str]] = {}
    for (row, _), each in zip(texts, made, strict=True):
        if each:
            met.setdefault(row, set()).update(one.kind for one in each)
    said = [known.get(v, v) if not isinstance(v, list) else [known.get(text, text) for text in v] for v in values]
    return said, met


def _rewritten(
    data: Dataset, rows: Sequence[int], known: Mapping[str, Sequence[Placed]], columns: Mapping[str, Sequence[Any]]
) -> Dataset:
    """The rows with the changes that are known of their texts, and with other columns in the place of some."""
    import pyarrow as pa

    roles = [role for role in CHANGED_ROLES if data.has(role)]
    now = {role: list(data.values(role)) for role in roles}
    given = {role: [now[role][row] for row in rows] for role in roles}
    for row, values in rewritten(given, rows, lambda text: known.get(text, ()), data):
        for role, value in values.items():
            now[role][row] = value
    for role in roles:
        if getattr(data.schema, role) not in columns:
            data = data.with_column(role, now[role])
    for name, cells in columns.items():
        at = data.table.column_names.index(name)
        column = pa.array(cells, data.table.schema[at].type)
        data = replace(data, table=data.table.set_column(at, name, column))
    return data


def _cells(data: Dataset, rows: Sequence[int], columns: Iterable[str]) -> list[dict[str, Any]]:
    """What rows say in the columns that identifiers were looked for in."""
    names = [name for role in TEXTS if (name := getattr(data.schema, role)) is not None]
    part = data.table.select(list(dict.fromkeys([*names, *columns]))).take(list(rows))
    said: list[dict[str, Any]] = part.to_pylist()
    return said


def _unmoved(data: Dataset, rows: Sequence[int], known: Mapping[str, Sequence[Placed]], mask: Mask) -> list[int]:
    """Of some rows those that still hold an identifier: masking it would have destroyed a marked part."""
    left = set()
    for side in _sides(data).values():
        texts = [side[row] for row in rows]
        found = mask.without_names().found(texts)
        left |= {row for row, text, each in zip(rows, texts, found, strict=True) if each or text in known}
    return sorted(left)


def _texts_in(value: Any) -> Iterator[str]:
    """The texts in a value of a change; words in a list are one."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    elif _are_words(value):
        yield " ".join(value)
    elif isinstance(value, Mapping):
        yield from (text for each in value.values() for text in _texts_in(each))
    elif isinstance(value, list):
        yield from (text for each in value for text in _texts_in(each))


def _with_texts(value: Any, known: Mapping[str, str]) -> Any:
    """The value with other texts in the place of its own."""
    if isinstance(value, str):
        return known[value]
    if isinstance(value, int) and not isinstance(value, bool):
        return value if known[str(value)] == str(value) else known[str(value)]
    if _are_words(value):
        text = " ".join(value)
        return value if known[text] == text else known[text].split(" ")
    if isinstance(value, Mapping):
        return {name: _with_texts(each, known) for name, each in value.items()}
    return [_with_texts(each, known) for each in value] if isinstance(value, list) else value


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, str) for each in value)


def _veiled(change: Change, known: Mapping[str, str]) -> Change:
    before = {name: _with_texts(value, known) for name, value in change.before.items()}
    if change.after is None:
        return replace(change, before=before)
    after = {name: _with_texts(value, known) for name, value in change.after.items()}
    for name, value in change.after.items():
        if after[name] != value and before.get(name) == change.before.get(name):
            before[name] = after[name]  # it stood behind dirt, where nobody looks for it: 138&nbsp;1234&nbsp;5678
    return replace(change, before=before, after=after)
