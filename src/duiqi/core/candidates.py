"""`Candidates`: slices that a search looks at, made from the rows alone, so that every model on them can share them.

Given columns, words, runs of Chinese characters, length, negation, numbers, and pairs of these. Every slice is a rule
in words that means the same on other data.

A million rows fit: each is cut into words once, words are counted as numbers, rows are held in four bytes, and longer
runs are looked for only where shorter ones are common (Agrawal and Srikant 1994).
"""

from __future__ import annotations

import math
import re
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count, pairwise
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

Rows = NDArray[np.int32]  # positions of rows, in their order


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
    rows: Rows
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
    counted = {side: _counted(map(words, texts), low) for side, texts in _sides(data).items()}
    length = counted["text"].lengths if data.written is data.texts else lengths(data)
    found = [*_columns(data), *_shapes(data, length)]
    for side, texts in _sides(data).items():
        found += [*_words(side, counted.pop(side).rows, function_words)]
        found += [*_grams(side, texts, low, function_words, edges)]
    singles = _distinct(each for each in found if low <= len(each.rows) <= high)
    del found  # with many rows it is large
    chosen = [(each.slice, each.rows) for each in singles]
    chosen += _pairs([each for each in singles if each.rank < _LAST], len(data), low, max(most - len(singles), 0))
    chosen = _first_of_equals(chosen)
    matrix = csr_array(_stored([rows for _, rows in chosen]), shape=(len(chosen), len(data)))
    return Candidates(tuple(slice for slice, _ in chosen), matrix)


_GROUP, _WORD, _JOINED, _SHAPE, _LAST = range(5)


def _columns(data: Dataset) -> Iterator[_Single]:
    for column in data.schema.groups:
        values = data.group(column)
        for value in np.unique(values[values != ""]):
            yield _Single(Slice.of(column, str(value)), _where(values == value), _GROUP, column)


def _where(mask: NDArray[np.bool_]) -> Rows:
    return np.flatnonzero(mask).astype(np.int32)


def _shapes(data: Dataset, length: NDArray[np.int64]) -> Iterator[_Single]:
    """Length bands, negation and numbers; a given column of such a name goes before."""
    given = data.schema.groups
    for column in (each for each in ("negation", "number") if each not in given):
        inside = Slice.of(column, True).mask(data)
        yield _Single(Slice.of(column, True), _where(inside), _SHAPE, column)
        yield _Single(Slice.of(column, False), _where(~inside), _SHAPE, column)
    cuts = sorted({int(cut) for cut in np.quantile(length, QUANTILES)}) if len(data) and "length" not in given else []
    bands: list[tuple[int | None, int | None]] = [(None, cut) for cut in cuts] + [(cut + 1, None) for cut in cuts]
    bands += [(low + 1, high) for low, high in pairwise(cuts)]
    for low, high in bands:
        inside = (length >= (low if low is not None else 0)) & (length <= (high if high is not None else np.inf))
        said = [Condition("length", op, cut) for op, cut in ((">=", low), ("<=", high)) if cut is not None]
        yield _Single(Slice(tuple(said)), _where(inside), _SHAPE, "length")


def _sides(data: Dataset) -> dict[str, list[str]]:
    """The texts of the rows, and where they are pairs, the second ones."""
    return {"text": data.written, **({"text_pair": data.second_texts} if data.has("text_pair") else {})}


def _words(side: str, rows: dict[str, Rows], function_words: Collection[str]) -> Iterator[_Single]:
    readable = {word: at for word, at in rows.items() if not is_cjk(word) and words(word) == [word]}
    for word in _most_common(readable):
        rank = _LAST if word in function_words else _WORD
        yield _Single(Slice.of(side, word, "contains"), readable[word], rank, "word")


def _grams(
    side: str, texts: Sequence[str], low: int, function_words: Collection[str], edges: frozenset[str]
) -> Iterator[_Single]:
    """Runs of two to four Chinese characters, without those that are but part of a longer one."""
    common: dict[str, Rows] = {}
    for size in GRAMS:
        common |= _counted((_cut(text, size, common) for text in texts), low).rows
    common = {gram: at for gram, at in common.items() if words(gram) == list(gram)}
    readable = {gram: at for gram, at in common.items() if gram[0] not in edges and gram[-1] not in edges}
    parts: dict[str, int] = {}
    for gram, at in readable.items():
        for part in (gram[:-1], gram[1:]) if len(gram) > min(GRAMS) else ():
            parts[part] = max(parts.get(part, 0), len(at))
    whole = {gram: at for gram, at in readable.items() if parts.get(gram, 0) < NEARLY * len(at)}
    for gram in _most_common(whole):
        rank = _WORD if edges.union(function_words).isdisjoint(gram) else _JOINED
        yield _Single(Slice.of(side, gram, "contains"), whole[gram], rank, "word")


def _cut(text: str, size: int, common: Collection[str]) -> list[str]:
    """Runs of Chinese characters of a text; of three and more, those whose two parts are common."""
    if text.isascii():
        return []
    cut = [run[at : at + size] for run in _RUN.findall(text) for at in range(len(run) - size + 1)]
    return cut if size == min(GRAMS) else [run for run in cut if run[:-1] in common and run[1:] in common]


class _Counted(NamedTuple):
    """How many words every row has, int[n], and the rows in which each of the common words stands."""

    lengths: NDArray[np.int64]
    rows: dict[str, Rows]


def _counted(cut: Iterable[list[str]], low: int) -> _Counted:
    """The rows of all words that stand in at least `low` of them, from the words of every row, one row at a time."""
    from scipy.sparse import csr_array

    numbers: dict[str, int] = defaultdict(count().__next__)
    said, ends = array("i"), array("q", [0])
    for row in cut:
        said.extend(map(numbers.__getitem__, row))
        ends.append(len(said))
    at, starts = np.frombuffer(said, dtype=np.int32), np.frombuffer(ends, dtype=np.int64)
    often = np.bincount(at, minlength=len(numbers)) >= low
    row_of = np.repeat(np.arange(len(starts) - 1, dtype=np.int32), np.diff(starts))[often[at]]
    place = (np.cumsum(often, dtype=np.int32) - 1)[at[often[at]]]
    ones = np.ones(len(place), dtype=bool)
    held = csr_array((ones, (row_of, place)), shape=(len(starts) - 1, int(often.sum()))).tocsc()  # each once
    sizes = np.diff(held.indptr)
    named = [word for word, number in numbers.items() if often[number]]
    rows = {word: held.indices[held.indptr[i] : held.indptr[i + 1]] for i, word in enumerate(named) if sizes[i] >= low}
    return _Counted(np.diff(starts), rows)


def _most_common(rows: dict[str, Rows]) -> list[str]:
    return sorted(rows, key=lambda word: (-len(rows[word]), word))[:MOST_WORDS]


def _distinct(singles: Iterable[_Single]) -> list[_Single]:
    """The best to read of those with the same rows: columns first, then words, shapes and function words."""
    ordered = sorted(
        singles, key=lambda each: (each.rank, len(each.slice.where), -len(str(each.slice)), str(each.slice))
    )
    kept: dict[bytes, _Single] = {}
    for each in ordered:
        kept.setdefault(_name_of(each.rows), each)
    return list(kept.values())


def _pairs(singles: Sequence[_Single], n: int, low: int, most: int) -> list[tuple[Slice, Rows]]:
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


def _shared(sets: Sequence[Rows], n: int) -> NDArray[np.float64]:
    """How many rows every two sets share, float[m, m]: dense products over blocks of rows, to bound the memory."""
    from scipy.sparse import csc_array

    held = csc_array(_stored(sets), shape=(n, len(sets))).tocsr()
    shared = np.zeros((len(sets), len(sets)))
    for start in range(0, n, BLOCK):
        block = held[start : start + BLOCK].toarray()
        shared += block.T @ block
    return shared


def _stored(sets: Sequence[Rows]) -> tuple[NDArray[np.float32], Rows, NDArray[Any]]:
    """Ones, rows and starts of a sparse matrix of these sets, in four bytes where so many will do."""
    rows = np.concatenate([np.zeros(0, dtype=np.int32), *sets])
    starts = np.cumsum([0, *map(len, sets)], dtype=np.int32 if len(rows) < 2**31 else np.int64)
    return np.ones(len(rows), dtype=np.float32), rows, starts


def _first_of_equals(slices: Iterable[tuple[Slice, Rows]]) -> list[tuple[Slice, Rows]]:
    kept: dict[bytes, tuple[Slice, Rows]] = {}
    for each in slices:
        kept.setdefault(_name_of(each[1]), each)
    return list(kept.values())


def _name_of(rows: Rows) -> bytes:
    """The same for the same rows, and short."""
    return blake2b(rows.tobytes(), digest_size=16).digest()


def _things(slice: Slice) -> int:
    texts = sum(condition.column == "text" for condition in slice.where)
    return texts + len({condition.column for condition in slice.where if condition.column != "text"})
