"""Terms: words of rows that a model cuts to pieces, does not know, or met in no training row.

A Chinese term is a run of up to four characters around one that is cut or unknown, or around two that never stand
together in training. So terms that no dictionary has are found as well.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from duiqi.core.candidates import GRAMS, NEARLY
from duiqi.core.dataset import Dataset
from duiqi.core.slice import CJK, Slice, is_cjk, words
from duiqi.data.cutting import MANY
from duiqi.data.readable_slices import of_little_meaning

Known = Mapping[str, tuple[float, bool]]  # word → its pieces, and whether it is unknown

_RUN = re.compile(f"[{CJK}]+")


@dataclass(frozen=True, eq=False)
class Term:
    """A term of the texts of one role, its rows, its pieces (`nan` where cutting is not known), and what is wrong with
    it."""

    role: str
    text: str
    rows: NDArray[np.int64]
    pieces: float
    unknown: bool
    cut: bool
    unmet: bool

    @property
    def slice(self) -> Slice:
        """The rows that have it."""
        return Slice.of(self.role, self.text, "contains")


class Met:
    """What training rows say."""

    def __init__(self, train: Dataset | None) -> None:
        self.rows = train is not None
        texts = [*train.written, *train.second_texts] if train is not None else []
        self.words = {word for text in texts for word in words(text) if not is_cjk(word)}
        self.text = "\n".join(texts).casefold()

    def has(self, word: str) -> bool:
        """Whether a training row has it; so too where there are none to tell."""
        return not self.rows or (word in self.text if is_cjk(word) else word in self.words)


def find_terms(sides: Mapping[str, Sequence[str]], known: Known, met: Met, *, fewest: int, most: float) -> list[Term]:
    """The terms that stand in at least `fewest` of the rows and in a share `most` of them, the commonest first."""
    found = []
    for role, texts in sides.items():
        standing = {**_places(_spaced(text) for text in texts), **_chinese(texts, known, met, fewest)}
        terms = (_term(role, word, rows, known, met) for word, rows in standing.items()
                 if fewest <= len(rows) <= most * len(texts))  # fmt: skip
        found += [term for term in terms if term]
    return sorted(found, key=lambda term: (-len(term.rows), term.text))


def _spaced(text: str) -> set[str]:
    return {word for word in words(text) if not is_cjk(word) and any(map(str.isalpha, word))}


def _places(found: Iterable[set[str]]) -> dict[str, list[int]]:
    """The rows in which each stands."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, each in enumerate(found):
        for word in each:
            rows[word].append(row)
    return rows


def _term(role: str, word: str, rows: Sequence[int], known: Known, met: Met) -> Term | None:
    told = [known[part] for part in (word if is_cjk(word) else [word]) if part in known]
    pieces = sum(count for count, _ in told) if told else float("nan")
    odd = any(unknown for _, unknown in told), any(count >= MANY for count, _ in told), not met.has(word)
    return Term(role, word, np.array(rows, dtype=np.int64), pieces, *odd) if any(odd) else None


def _chinese(texts: Sequence[str], known: Known, met: Met, fewest: int) -> dict[str, list[int]]:
    """Runs of characters with one that is odd, or a pair that is, and their rows; without those that are but part of a
    longer one."""
    runs = [_RUN.findall(text) for text in texts]
    odd = {sign for sign in set("".join(run for each in runs for run in each)) if _is_odd(sign, known, met)}
    together = _places({a + b for run in each for a, b in pairwise(run)} for each in runs)
    odd |= {pair for pair, rows in together.items() if len(rows) >= fewest and not met.has(pair)}
    standing = _places({gram for run in each for gram in _grams(run, odd)} for each in runs)
    common = {gram: rows for gram, rows in standing.items() if len(rows) >= fewest}
    longer: dict[str, int] = defaultdict(int)
    for gram, rows in common.items():
        for part in (gram[:-1], gram[1:]):
            longer[part] = max(longer[part], len(rows))
    whole = [gram for gram, rows in common.items() if longer[gram] < NEARLY * len(rows)]
    first = {tuple(common[gram]): gram for gram in sorted(whole, key=lambda g: _begins(texts, common[g], g))[::-1]}
    return {gram: list(rows) for rows, gram in first.items()}


def _is_odd(sign: str, known: Known, met: Met) -> bool:
    pieces, unknown = known.get(sign, (1.0, False))
    return unknown or pieces >= MANY or not met.has(sign)


def _grams(run: str, odd: set[str]) -> Iterator[str]:
    """Runs of up to four characters around what is odd, that begin and end as words do."""
    _, edges = of_little_meaning()
    for size in (1, *GRAMS):
        for start in range(len(run) - size + 1):
            gram = run[start : start + size]
            parts = {*gram, *map("".join, pairwise(gram))}
            if not parts.isdisjoint(odd) and (size == 1 or edges.isdisjoint((gram[0], gram[-1]))):
                yield gram


def _begins(texts: Sequence[str], rows: Sequence[int], gram: str) -> tuple[int, int, str]:
    """The longest first, and of these the one that begins first."""
    return -len(gram), texts[rows[0]].find(gram), gram
