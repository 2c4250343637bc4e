"""What moved between two sets of rows: words, properties of the texts, columns; each tested, and corrected together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DependencyError
from duiqi.core.slice import words
from duiqi.data.language import languages
from duiqi.data.properties import Properties, pairs, presence

Floats = NDArray[np.float64]

LEVEL = 0.05
FEWEST = 10  # rows in which a word stands that is looked at
EXPECTED = 5  # rows that chance would give a level of a column; rarer levels count as one
MOST_TOLD = 500  # rows of each side whose language is told


class Word(NamedTuple):
    """A word, the shares of known and of examined rows that have it, and how many standard errors apart they are."""

    word: str
    known: float
    examined: float
    z: float


class Moved(NamedTuple):
    """A property or a level of a column: its mean or share among known and examined rows, the distance of the two
    distributions (Kolmogorov-Smirnov, or total variation) and its p-value, corrected (Holm 1979)."""

    name: str
    known: float
    examined: float
    distance: float
    p: float


def moved_words(examined: Sequence[str], known: Sequence[str]) -> tuple[list[Word], int]:
    """The words (of Chinese also pairs of characters) whose shares differ by more than chance explains, the strongest
    first, corrected for all that were looked at (Bonferroni); and how many those are."""
    from scipy.stats import norm

    held, names = presence([*examined, *known], _cut)
    n, m = len(examined), len(known)
    inside, outside = (np.asarray(held[part].sum(axis=0)).ravel() for part in (slice(None, n), slice(n, None)))
    looked = np.flatnonzero(inside + outside >= FEWEST)
    if not len(looked):
        return [], 0
    a, b, pooled = inside[looked] / n, outside[looked] / m, (inside + outside)[looked] / (n + m)
    spread = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    z = np.divide(a - b, spread, out=np.zeros(len(looked)), where=spread > 0)
    strong = np.flatnonzero(np.abs(z) > norm.isf(LEVEL / 2 / len(looked)))
    order = strong[np.argsort(-np.abs(z[strong]), kind="stable")]
    return [Word(str(names[looked[i]]), float(b[i]), float(a[i]), float(z[i])) for i in order], len(looked)


def _cut(text: str) -> list[str]:
    found = words(text)
    return found + pairs(found)


def moved_properties(texts: Properties, examined: Dataset, known: Dataset) -> list[Moved]:
    """Which properties of the texts, their language and group columns moved; `texts` are those of the examined and then
    the known rows."""
    n = len(examined)
    tested = [*_numbers(texts, n), *_languages(examined, known), *_columns(examined, known)]
    corrected = holm(np.array([each.p for each in tested]))
    moved = [each._replace(p=float(p)) for each, p in zip(tested, corrected, strict=True) if p < LEVEL]
    return sorted(moved, key=lambda each: -each.distance)


def holm(p: Floats) -> Floats:
    """p-values that hold for all tests together (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return corrected


def _numbers(texts: Properties, n: int) -> Iterator[Moved]:
    from scipy.stats import ks_2samp

    for name, values in zip(texts.names, texts.values.T, strict=True):
        found = ks_2samp(values[:n], values[n:], method="asymp")
        shown = np.expm1(values) if name == "length" else values
        yield Moved(name, float(shown[n:].mean()), float(shown[:n].mean()), float(found.statistic), float(found.pvalue))


def _languages(examined: Dataset, known: Dataset) -> Iterator[Moved]:
    try:
        sides = [np.array([name for name, _ in languages(rows.texts[:MOST_TOLD])]) for rows in (examined, known)]
    except DependencyError:
        return
    yield from levels("language", *(side[side != ""] for side in sides))


def _columns(examined: Dataset, known: Dataset) -> Iterator[Moved]:
    for column in examined.schema.groups:
        if column in known.table.column_names:
            yield from levels(column, examined.group(column), known.group(column))


def levels(name: str, examined: NDArray[Any], known: NDArray[Any]) -> Iterator[Moved]:
    """The chi-square test of a column, told by the level that moved most; nothing where all levels are rare or one."""
    from scipy.stats import chi2_contingency

    n, m = len(examined), len(known)
    if not n or not m:
        return
    met, place = np.unique(np.concatenate([examined, known]), return_inverse=True)
    inside, outside = np.bincount(place[:n], minlength=len(met)), np.bincount(place[n:], minlength=len(met))
    rare = (inside + outside) * min(n, m) / (n + m) < EXPECTED
    counts = np.array([[*side[~rare], side[rare].sum()] for side in (inside, outside)])
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2 or rare.all():
        return
    shares = counts / np.array([[n], [m]])
    apart = shares[0] - shares[1]
    most = int(np.abs(apart[: int((~rare).sum())]).argmax())
    p = float(chi2_contingency(counts, correction=False).pvalue)
    said, distance = f"{name}: {met[~rare][most]}", float(np.abs(apart).sum() / 2)
    yield Moved(said, float(shares[1, most]), float(shares[0, most]), distance, p)
