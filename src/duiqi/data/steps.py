"""The steps that a preparation can take, by name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from itertools import pairwise
from typing import Any, ClassVar, get_type_hints

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.edit import Change as Replacement
from duiqi.core.errors import OptionError, nearest
from duiqi.core.part import as_declared
from duiqi.core.seed import hash64
from duiqi.core.slice import words
from duiqi.data.balance_rows import Balance
from duiqi.data.clean import CLEANERS, Cleaner
from duiqi.data.dedupe import near_duplicates, signatures
from duiqi.data.harmful_rows import Harmful
from duiqi.data.language import KNOWN, languages
from duiqi.data.private import Private
from duiqi.data.script import simplifier
from duiqi.data.step import Outcome, Parts, Step, check_among, dropped, places, replaced

FOR_WORDS = ("mojibake", "control", "unicode", "width")  # cleaners that leave words apart
SURE = 0.9


@dataclass(eq=False)
class Clean(Step):
    """Texts without dirt, such as HTML and what was read in a wrong encoding.

    `cleaners` are taken of: wrong encodings, HTML, characters without a shape, letters and marks in pieces, full-width
    letters, long runs of signs, blanks. Spans, tags and answers move along.
    """

    cleaners: Sequence[str] = tuple(CLEANERS)

    def __post_init__(self) -> None:
        check_among("a cleaner", self.cleaners, CLEANERS)

    def __call__(self, data: Dataset, parts: Parts = ()) -> Outcome:
        names = [name for name in CLEANERS if name in self.cleaners]
        if data.has("tokens"):
            names = [name for name in names if name in FOR_WORDS]
        return replaced(data, "clean", {name: CLEANERS[name] for name in names})


@dataclass(eq=False)
class Simplify(Step):
    """Traditional Chinese characters as simplified ones, by OpenCC's tables of phrases and characters."""

    def __call__(self, data: Dataset, parts: Parts = ()) -> Outcome:
        return replaced(data, "simplify", {"traditional": simplifier()})


@dataclass(eq=False)
class Language(Step):
    """Rows in some languages only.

    A row goes where its text is in another one with a certainty of `sure`; short texts and mixtures stay.
    """

    keep: Sequence[str] = ("en", "zh")
    sure: float = SURE

    def __post_init__(self) -> None:
        check_among("a language", self.keep, KNOWN)

    def __call__(self, data: Dataset, parts: Parts = ()) -> Outcome:
        found = languages(data.texts)
        gone = {row: f"language:{name}" for row, (name, certain) in enumerate(found)
                if name and name not in self.keep and certain >= self.sure}  # fmt: skip
        return dropped(data, "language", gone)


@dataclass(eq=False)
class Length(Step):
    """Rows of a length.

    At least `least` and at most `most` words (Chinese characters count one each), or tokens of the tokenizer in the
    file `tokenizer`; 0 is no limit.
    """

    least: int = 1
    most: int = 0
    tokenizer: str = ""

    def __post_init__(self) -> None:
        if self.least < 0 or self.most < 0 or 0 < self.most < self.least:
            raise OptionError(
                f"expected lengths from 0 up, given least={self.least} and most={self.most}", hint="0 is no limit."
            )

    def __call__(self, data: Dataset, parts: Parts = ()) -> Outcome:
        sizes = self._sizes(data.texts)
        gone = {row: "too_short" for row, size in enumerate(sizes) if size < self.least}
        gone |= {row: "too_long" for row, size in enumerate(sizes) if 0 < self.most < size}
        return dropped(data, "length", dict(sorted(gone.items())))

    def _sizes(self, texts: Sequence[str]) -> list[int]:
        if not self.tokenizer:
            return [len(words(text)) for text in texts]
        return [len(each.ids) for each in _tokenizer(self.tokenizer).encode_batch_fast(list(texts))]


@dataclass(eq=False)
class Boilerplate(Step):
    """Rows without lines that stand in many rows beside other lines (signatures, notices).

    Lines in at least `share` of the rows and at least `rows` of them are taken out of rows that say something else.
    """

    share: float = 0.01
    rows: int = 20
    seen: int = field(default=0, init=False)
    lines: Counter[int] = field(default_factory=Counter, init=False)
    looks: ClassVar[bool] = True
    most_lines: ClassVar[int] = 2_000_000  # kept while looking; when there are more, those seen once are forgotten

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1 or self.rows < 2:
            raise OptionError(
                f"expected a share above 0 and at most 1 and at least 2 rows, given {self.share} and {self.rows}",
                hint="share=0.01, rows=20 suits most data.",
            )

    def look(self, data: Dataset, parts: Parts) -> None:
        for text in data.texts:
            self.seen += 1
            if "\n" in text:
                self.lines.update({hash64(line.strip()) for line in text.split("\n") if line.strip()})
        if len(self.lines) > self.most_lines:
            self.lines = Counter({line: count for line, count in self.lines.items() if count > 1})

    def __call__(self, data: Dataset, parts: Parts = ()) -> Outcome:
        bound = max(self.rows, self.share * self.seen)
        common = {line for line, count in self.lines.items() if count >= bound}
        if not common or data.has("tokens"):
            return Outcome(data, range(len(data)))

        return replaced(
            data, "boilerplate", {"boilerplate": Cleaner([_BREAK], lambda text: _without_lines(text, common))}
        )


_BREAK = re.compile("\n")


def _without_lines(text: str, common: set[int]) -> list[Replacement]:
    lines = text.split("\n")
    gone = [bool(line.strip()) and hash64(line.strip()) in common for line in lines]
    if not any(gone) or all(each or not line.strip() for each, line in zip(gone, lines, strict=True)):
        return []
    made, at = [], 0
    for line, out in zip(lines, gone, strict=True):
        end = at + len(line)
        if out:  # with the line break behind it, of the last line with the one before it
            made.append(Replacement(at, end + 1, "") if end < len(text) else Replacement(max(at - 1, 0), end, ""))
        at = end + 1
    return made if all(a.end <= b.start for a, b in pairwise(made)) else made[:-1]


@dataclass(eq=False)
class Duplicates(Step):
    """Each input once.

    Of rows of equal input (case, width and punctuation do not count) the first stays, and of rows with one label whose
    inputs are alike by at least `near` (estimated Jaccard similarity of four-character pieces; 1: equal ones only) as
    well. A row of test stays rather than one of dev, and that rather than one of train, so that no part gives another
    away. Rows of equal input with different labels contradict each other: those of the label that more than half of
    them have stay, else none.

    What is kept in memory of each row is its signature (256 bytes), its key, its label's hash and its place.
    """

    near: float = 0.8
    looks: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0.5 <= self.near <= 1:
            raise OptionError(
                f"expected a similarity from 0.5 to 1, given near={self.near}", hint="0.8 suits most texts."
            )
        self._keys: list[NDArray[np.uint64]] = []
        self._signatures: list[NDArray[np.uint32]] = []
        self._labels: list[NDArray[np.uint64]] = []
        self._ranks: list[NDArray[np.int8]] = []
        self._places: list[str] = []
        self._fates: tuple[NDArray[np.int64], NDArray[np.int8]] | None = None
        self._at = 0

    def look(self, data: Dataset, parts: Parts) -> None:
        labels = map(str, data.values("label")) if data.has("label") else [""] * len(data)
        self._keys.append(data.input_keys)
        self._labels.append(np.array([hash64(label) for label in labels], dtype=np.uint64))
        self._ranks.append(np.array([_RANKS.get(part or "train", 2) for part in parts], dtype=np.int8))
        self._places += places(data, range(len(data)))
        if self.near < 1:
            self._signatures.append(signatures(data))

    def __call__(self, data: Dataset, parts: Parts = ()) -> Outcome:
        if self._fates is None:
            self._fates = self._decided()
        kept_for, why = self._fates
        rows = range(self._at, self._at + len(data))
        self._at = rows.stop % len(self._places)  # steps behind this one that look at the rows have it go through twice
        gone = {row: _FATES[why[at]] for row, at in enumerate(rows) if why[at]}
        of = {row: self._places[kept_for[at]] for row, at in enumerate(rows) if why[at] and kept_for[at] >= 0}
        return dropped(data, "duplicates", gone, of)

    def _decided(self) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
        """For every row the row that stays in its place (itself, or -1 where none does), and why (0: it stays)."""
        keys, labels, ranks = np.concatenate(self._keys), np.concatenate(self._labels), np.concatenate(self._ranks)
        count = len(keys)
        stays, why = np.arange(count), np.zeros(count, dtype=np.int8)
        _, of = np.unique(keys, return_inverse=True)
        order = np.lexsort((np.arange(count), ranks, of))  # copies together, those that stay rather first
        for rows in np.split(order, np.flatnonzero(np.diff(of[order])) + 1):
            if len(rows) > 1:
                _settle_copies(rows, labels, stays, why)
        if self.near < 1:
            pairs = stays[near_duplicates(np.concatenate(self._signatures), threshold=self.near - SHY)]
            apart = (pairs >= 0).all(axis=1) & (pairs[:, 0] != pairs[:, 1])
            _settle_likeness(pairs[apart & (labels[pairs[:, 0]] == labels[pairs[:, 1]])], ranks, stays, why)
        return stays, np.where((why == COPY) | (why == NEAR), why + 2 * (ranks != ranks[stays]), why).astype(np.int8)


SHY = 0.05  # how much lower than asked for an estimate may be: at .8 its standard error is .035
_RANKS = {"test": 0, "dev": 1, "train": 2}
COPY, NEAR, CONTRADICTS = 1, 2, 5
_FATES = ("", "equal_copy", "near_copy", "copy_in_other_part", "near_copy_in_other_part", "contradicting_label")


def _settle_copies(
    rows: NDArray[np.int64], labels: NDArray[np.uint64], stays: NDArray[np.int64], why: NDArray[np.int8]
) -> None:
    """Of rows of equal input, the first to stay first: which one does. Changes `stays` and `why`."""
    found, counts = np.unique(labels[rows], return_counts=True)
    common = counts * 2 > len(rows)
    right = labels[rows] == found[common][0] if common.any() else np.zeros(len(rows), dtype=bool)
    why[rows[~right]], stays[rows[~right]] = CONTRADICTS, -1
    if right.any():
        first, others = rows[right][0], rows[right][1:]
        stays[others], why[others] = first, COPY
        stays[rows[~right]] = first


def _settle_likeness(
    pairs: NDArray[np.int64], ranks: NDArray[np.int8], stays: NDArray[np.int64], why: NDArray[np.int8]
) -> None:
    """Of rows that are alike the first to stay, one after the other. Changes `stays` and `why`."""
    alike: dict[int, list[int]] = {}
    for left, right in pairs.tolist():
        alike.setdefault(left, []).append(right)
        alike.setdefault(right, []).append(left)
    for row in sorted(alike, key=lambda row: (ranks[row], row)):
        if why[row] == 0:
            for other in alike[row]:
                if why[other] == 0 and (ranks[other], other) > (ranks[row], row):
                    stays[other], why[other] = row, NEAR


STEPS: Mapping[str, Callable[..., Step]] = {
    "balance": Balance,
    "boilerplate": Boilerplate,
    "clean": Clean,
    "duplicates": Duplicates,
    "harmful": Harmful,
    "language": Language,
    "length": Length,
    "private": Private,
    "simplify": Simplify,
}


def steps_of(names: Iterable[str], options: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Step]]:
    """The steps of these names with their options, in the order that they were named in."""
    made: list[tuple[str, Step]] = []
    for name in names:
        if name not in STEPS:
            raise OptionError(f"expected a step among {', '.join(STEPS)}, given '{name}'", hint=nearest(name, STEPS))
        made.append((name, STEPS[name](**_checked(name, options.get(name, {})))))
    taken = [name for name, _ in made]
    unused = next((name for name in options if name not in taken), None)
    if unused is not None:
        raise OptionError(
            f"expected options of steps that are taken, given some of '{unused}'",
            hint=f"Take it: --step {unused}." if unused in STEPS else nearest(unused, STEPS),
        )
    if "private" in taken and "clean" in taken[taken.index("private") :]:
        raise OptionError(
            "expected the step clean before private, given it behind: what cleaning brings to light would stay",
            hint="--step clean --step private",
        )
    return made


def _checked(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a step in the types that it declares."""
    types, known = get_type_hints(STEPS[name]), signature(STEPS[name]).parameters
    strange = next((option for option in given if option not in known), None)
    if strange is not None:
        raise OptionError(
            f"expected options of the step {name}, which has {', '.join(known) or 'none'}, given '{strange}'",
            hint=nearest(strange, known),
        )
    return {
        option: as_declared(f"{name}.{option}", value, types[option], known[option].default)
        for option, value in given.items()
    }


def _tokenizer(path: str) -> Any:
    from pathlib import Path

    from tokenizers import Tokenizer

    place = Path(path).expanduser()
    place = place / "tokenizer.json" if place.is_dir() else place
    try:
        return Tokenizer.from_file(str(place))
    except Exception as error:  # the package raises its own kind without a name
        raise OptionError(
            f"expected a tokenizer.json, or a folder with one, given {path} ({error})", hint="Give a model's folder."
        ) from error
