"""`Candidates`: slices that a search looks at, made from the rows alone, so that every model on them can share them.

Given columns, words, runs of Chinese characters, length, negation, numbers, and pairs of these. Every slice is a rule
in words that means the same on other data.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.slice import CJK, Condition, Slice, is_cjk, lengths, words

# Runs of two to four characters hold nearly all Chinese words that a reader would name.
GRAMS = (2, 3, 4)
QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
# Of two slices that share this much of the larger one, only the one that is easier to read is kept.
NEARLY = 0.95
# At most so many words or character runs, the most common first: with long texts there are thousands.
MOST_WORDS = 800
# Rows in one dense product.
BLOCK = 8192

_RUN = re.compile(f"[{CJK}]+")


@dataclass(frozen=True, eq=False)
class Candidates:
    """Slices and their rows: `rows` is a sparse 0/1 matrix float32[m, n], the slices that are easiest to read first."""

    slices: tuple[Slice, ...]
    rows: Any

    def __len__(self) -> int:
        return len(self.slices)

    @property
    def complexity(self) -> NDArray[np.int64]:
        """How many things a reader has to keep in mind, int[m]: a length between two numbers is one."""
        return np.array([_things(each) for each in self.slices], dtype=np.int64)


class _Single(NamedTuple):
    """A slice of one thing: `rank` orders by how well it reads, `about` is what a pair may not name twice."""

    slice: Slice
    rows: NDArray[np.int64]
    rank: int
    about: str


def candidates(
    data: Dataset,
    *,
    fewest_rows: int = 15,
    smallest: float = 0.015,
    largest: float = 0.8,
    most: int = 3000,
    function_words: Collection[str] = (),
    edges: frozenset[str] = frozenset(),
) -> Candidates:
    """All slices that hold at least `fewest_rows` rows and between `smallest` and `largest` of the data.

    Slices with exactly the same rows are one, and the simplest name stands for it; a pair that is nearly the same as
    one of its halves is left out, and so is a run of characters that hardly ever stands outside a longer one.
    `function_words` are told only where nothing else holds the same rows, and never in pairs (a run of characters that
    holds one merely gives way to a run without); runs that begin or end with one of `edges` are left out. Pairs are
    cut at `most` candidates in all: those of columns, length, negation and numbers go first, then those with one word,
    then two words; larger ones first.
    """
    from scipy.sparse import csr_array

    low, high = max(fewest_rows, math.ceil(smallest * len(data))), largest * len(data)
    found = [*_columns(data), *_shapes(data)]
    for side, texts in _sides(data).items():
        found += [*_words(side, texts, low, function_words), *_grams(side, texts, low, function_words, edges)]
    singles = _distinct(each for each in found if low <= len(each.rows) <= high)
    chosen = [(each.slice, each.rows) for each in singles]
    chosen += _pairs([each for each in singles if each.rank < _LAST], len(data), low, max(most - len(singles), 0))
    chosen = _first_of_equals(chosen, len(data))
    sizes = [len(rows) for _, rows in chosen]
    columns = np.concatenate([rows for _, rows in chosen]) if chosen else np.zeros(0, dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    matrix = csr_array((np.ones(len(columns), dtype=np.float32), columns, starts), shape=(len(chosen), len(data)))
    return Candidates(tuple(slice for slice, _ in chosen), matrix)


_GROUP, _WORD, _JOINED, _SHAPE, _LAST = range(5)


def _columns(data: Dataset) -> Iterator[_Single]:
    for column in data.schema.groups:
        values = data.group(column)
        for value in np.unique(values[values != ""]):
            rows = np.flatnonzero(values == value)
            yield _Single(Slice.of(column, str(value)), rows, _GROUP, column)


def _shapes(data: Dataset) -> Iterator[_Single]:
    """Length bands, negation and numbers; a given column of such a name goes before."""
    given = data.schema.groups
    for column in (each for each in ("negation", "number") if each not in given):
        inside = Slice.of(column, True).mask(data)
        yield _Single(Slice.of(column, True), np.flatnonzero(inside), _SHAPE, column)
        yield _Single(Slice.of(column, False), np.flatnonzero(~inside), _SHAPE, column)
    length = lengths(data)
    cuts = sorted({int(cut) for cut in np.quantile(length, QUANTILES)}) if len(data) and "length" not in given else []
    bands: list[tuple[int | None, int | None]] = [(None, cut) for cut in cuts] + [(cut + 1, None) for cut in cuts]
    bands += [(low + 1, high) for low, high in pairwise(cuts)]
    for low, high in bands:
        inside = (length >= (low if low is not None else 0)) & (length <= (high if high is not None else np.inf))
        said = [Condition("length", op, cut) for op, cut in ((">=", low), ("<=", high)) if cut is not None]
        yield _Single(Slice(tuple(said)), np.flatnonzero(inside), _SHAPE, "length")


def _sides(data: Dataset) -> dict[str, list[str]]:
    """The texts of the rows, and where they are pairs, the second ones."""
    return {"text": data.written, **({"text_pair": data.second_texts} if data.has("text_pair") else {})}


def _words(side: str, texts: Sequence[str], low: int, function_words: Collection[str]) -> Iterator[_Single]:
    rows = _where(set(words(text)) for text in texts)
    common = {word: at for word, at in rows.items() if len(at) >= low and not is_cjk(word) and words(word) == [word]}
    for word in _most_common(common):
        rank = _LAST if word in function_words else _WORD
        yield _Single(Slice.of(side, word, "contains"), np.array(common[word]), rank, "word")


def _grams(
    side: str, texts: Sequence[str], low: int, function_words: Collection[str], edges: frozenset[str]
) -> Iterator[_Single]:
    """Runs of two to four Chinese characters, without those that are but part of a longer one."""
    rows = _where({gram for run in _RUN.findall(text) for gram in _cut(run)} for text in texts)
    common = {gram: at for gram, at in rows.items() if len(at) >= low and words(gram) == list(gram)}
    readable = {gram: at for gram, at in common.items() if gram[0] not in edges and gram[-1] not in edges}
    parts: dict[str, int] = {}
    for gram, at in readable.items():
        for part in (gram[:-1], gram[1:]) if len(gram) > min(GRAMS) else ():
            parts[part] = max(parts.get(part, 0), len(at))
    whole = {gram: at for gram, at in readable.items() if parts.get(gram, 0) < NEARLY * len(at)}
    for gram in _most_common(whole):
        rank = _WORD if edges.union(function_words).isdisjoint(gram) else _JOINED
        yield _Single(Slice.of(side, gram, "contains"), np.array(whole[gram]), rank, "word")


def _cut(run: str) -> Iterator[str]:
    for size in GRAMS:
        for start in range(len(run) - size + 1):
            yield run[start : start + size]


def _where(found: Iterable[set[str]]) -> dict[str, list[int]]:
    """The rows in which each word stands, in their order."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row, each in enumerate(found):
        for word in each:
            rows[word].append(row)
    return rows


def _most_common(rows: dict[str, list[int]]) -> list[str]:
    return sorted(rows, key=lambda word: (-len(rows[word]), word))[:MOST_WORDS]


def _distinct(singles: Iterable[_Single]) -> list[_Single]:
    """The best to read of those with the same rows: columns first, then words, shapes and function words."""
    ordered = sorted(
        singles, key=lambda each: (each.rank, len(each.slice.where), -len(str(each.slice)), str(each.slice))
    )
    kept: dict[bytes, _Single] = {}
    for each in ordered:
        kept.setdefault(each.rows.astype(np.int64).tobytes(), each)
    return list(kept.values())


def _pairs(singles: Sequence[_Single], n: int, low: int, most: int) -> list[tuple[Slice, NDArray[np.int64]]]:
    """Pairs of slices about different things (two words are), not nearly the same as either half."""
    sizes = np.array([len(each.rows) for each in singles])
    shared = _shared([each.rows for each in singles], n)
    first, second = np.triu_indices(len(singles), 1)
    both = shared[first, second]
    about = np.array([each.about for each in singles], dtype=np.str_)
    word = about == "word"
    apart = (about[first] != about[second]) | (word[first] & word[second])
    new = apart & (both >= low) & (both <= NEARLY * np.minimum(sizes[first], sizes[second]))
    first, second, both = first[new], second[new], both[new]
    order = np.lexsort((-both, word[first].astype(int) + word[second]))[:most]
    return [
        (
            Slice(singles[i].slice.where + singles[j].slice.where),
            np.intersect1d(singles[i].rows, singles[j].rows, assume_unique=True),
        )
        for i, j in zip(first[order], second[order], strict=True)
    ]


def _shared(sets: Sequence[NDArray[np.int64]], n: int) -> NDArray[np.float64]:
    """How many rows every two sets share, float[m, m]: dense products over blocks of rows, to bound the memory."""
    from scipy.sparse import csr_array

    columns = np.repeat(np.arange(len(sets)), [len(each) for each in sets])
    rows = np.concatenate(sets) if sets else columns
    held = csr_array((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=(n, len(sets)))
    shared = np.zeros((len(sets), len(sets)))
    for start in range(0, n, BLOCK):
        block = held[start : start + BLOCK].toarray()
        shared += block.T @ block
    return shared


def _first_of_equals(
    slices: Iterable[tuple[Slice, NDArray[np.int64]]], n: int
) -> list[tuple[Slice, NDArray[np.int64]]]:
    kept: dict[bytes, tuple[Slice, NDArray[np.int64]]] = {}
    for each in slices:
        kept.setdefault(each[1].astype(np.int64).tobytes(), each)
    return list(kept.values())


def _things(slice: Slice) -> int:
    texts = sum(condition.column == "text" for condition in slice.where)
    return texts + len({condition.column for condition in slice.where if condition.column != "text"})
