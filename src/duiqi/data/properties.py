"""How texts are written, whatever they say: length, marks, digits, capitals, script, pieces that no other text has."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from duiqi.core.errors import DependencyError
from duiqi.core.slice import is_cjk, words
from duiqi.data.script import traditional

Floats = NDArray[np.float64]


class Properties(NamedTuple):
    """Names of properties and their values, float[n, p]: the length in characters, all others as shares."""

    names: tuple[str, ...]
    values: Floats


def properties(texts: Sequence[str]) -> Properties:
    """Length, and the shares of characters that are marks, digits, capitals, symbols, blanks, Chinese (or Japanese,
    Korean); and of the Chinese ones those in traditional script, where OpenCC is at hand."""
    length = np.array([len(text) for text in texts], dtype=np.int64)
    row = np.repeat(np.arange(len(texts)), length)
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    present, at = np.unique(codes, return_inverse=True)
    signs = [chr(code) for code in present]
    kinds = np.array([unicodedata.category(sign) for sign in signs], dtype="U2")
    of_cjk = np.array([is_cjk(sign) for sign in signs], dtype=bool)

    def count(which: NDArray[np.bool_]) -> Floats:
        return np.bincount(row, weights=which[at].astype(float), minlength=len(texts)).astype(np.float64)

    found = {
        "marks": np.char.startswith(kinds, "P"),
        "digits": kinds == "Nd",
        "capitals": kinds == "Lu",
        "symbols": np.char.startswith(kinds, "S"),
        "blanks": np.char.startswith(kinds, "Z") | (kinds == "Cc"),
        "chinese": of_cjk,
    }
    values = {"length": np.log1p(length), **{n: count(which) / np.maximum(length, 1) for n, which in found.items()}}
    if of_cjk.any() and (old := _traditional()):
        is_old = np.array([sign in old for sign in signs], dtype=bool)
        values["traditional"] = count(is_old) / np.maximum(count(of_cjk), 1)
    return Properties(tuple(values), np.column_stack(list(values.values())))


def _traditional() -> frozenset[str]:
    try:
        return traditional()
    except DependencyError:
        return frozenset()


def pairs(found: Sequence[str]) -> list[str]:
    """Pairs of neighbouring Chinese characters among words."""
    return [a + b for a, b in pairwise(found) if is_cjk(a) and is_cjk(b)]


def pieces(text: str) -> list[str]:
    """Words; of Chinese pairs of neighbouring characters, which tell a slip of the pen where a character does not."""
    found = words(text)
    return [word for word in found if not is_cjk(word)] + pairs(found)


def presence(texts: Sequence[str], cut: Callable[[str], Iterable[str]] = pieces) -> tuple[Any, NDArray[np.str_]]:
    """Which pieces stand in which text, sparse 0/1 float64[n, p], and what they are."""
    from scipy.sparse import csr_array

    places: dict[str, int] = {}
    held = [[places.setdefault(piece, len(places)) for piece in dict.fromkeys(cut(text))] for text in texts]
    ends = np.concatenate([[0], np.cumsum([len(each) for each in held], dtype=np.int64)])
    columns = np.fromiter((at for each in held for at in each), dtype=np.int64, count=int(ends[-1]))
    matrix = csr_array((np.ones(len(columns)), columns, ends), shape=(len(texts), len(places)))
    return matrix, np.array(list(places), dtype=object)


def unknown(texts: Sequence[str], *, known: NDArray[np.bool_], alike: NDArray[np.int64]) -> Floats:
    """The share of the pieces of every text that stand in no known text but near copies of it (`alike`), float[n].

    A known text is looked at as if it were not known itself, so that known and new texts of one kind have equal shares.
    """
    from scipy.sparse import csr_array

    held, _ = presence(texts)
    groups, group = np.unique(alike, return_inverse=True)
    some = np.flatnonzero(known)
    gather = csr_array((np.ones(len(some)), (group[some], some)), shape=(len(groups), len(texts)))
    by_group = csr_array(gather @ held)
    by_group.data[:] = 1.0
    elsewhere = held.multiply(by_group.sum(axis=0)) - held.multiply(by_group[group])
    found = np.asarray((elsewhere > 0).sum(axis=1)).ravel()
    total = np.asarray(held.sum(axis=1)).ravel()
    return np.where(total > 0, 1 - found / np.maximum(total, 1), 0.0)


def distinct(alike: Iterable[int]) -> NDArray[np.int64]:
    """The first of every set of near copies."""
    return np.sort(np.unique(np.fromiter(alike, dtype=np.int64), return_index=True)[1])
