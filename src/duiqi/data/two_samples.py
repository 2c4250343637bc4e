"""Whether two sets of rows differ: classifiers that have to tell them apart, asked about rows they were not fitted on.

Lopez-Paz and Oquab, 2017, "Revisiting classifier two-sample tests", ICLR, https://arxiv.org/abs/1610.06545. They count
how often the classifier is right; here rows are ranked within each fold, so that the area under the curve of one set
against the other is a mean over rows and can be taken on any slice of them.

One classifier reads what is said (counts of words or characters), one how it is written (length, marks, digits, script,
words that nobody else uses), one the embeddings of a model where there is one. The strongest counts, and its interval
holds for all of them: in one regression the many counts drown the few properties (half of the rows with typos: .52
instead of .58 on sst2).

Notation: n rows examined, m known rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.measure import Interval, row_hashes
from duiqi.core.seed import derive, mix
from duiqi.data.dedupe import near_duplicates, signatures
from duiqi.data.floors import both_texts, counted, regression
from duiqi.data.properties import Properties, properties, unknown

Floats = NDArray[np.float64]
Embed = Callable[[Dataset], Floats]

MOST = 2000  # rows of each side that are compared
FEWEST = 30  # rows of a side below which nothing can be told
KNOWN_WORDS = 6000  # known rows whose words are known
FOLDS = 5
ALIKE = 0.8  # rows from this similarity on share a fold: a near copy would give its side away
CLOSELY = 0.3  # how closely classifiers fit
LEVEL = 0.05


class View(NamedTuple):
    """What one classifier told: `placed` float[n] and `placed_known` float[m], see `Apart`; `odds` float[n + m] are
    log-odds of being examined rather than known."""

    placed: Floats
    placed_known: Floats
    odds: Floats


@dataclass(frozen=True, eq=False)
class Apart:
    """How far rows are from known ones. `rows` and `known` are those that were compared, `pool` known ones beyond.

    `placed` float[n] is the share of known rows that look less like the examined ones than a row does: .5 on average
    where both are of one kind, 1 for a row unlike any known one. `alike` int[n + m] numbers rows that are near copies.
    """

    rows: Dataset
    known: Dataset
    views: Mapping[str, View]
    alike: NDArray[np.int64]
    properties: Properties  # of the n + m rows

    @cached_property
    def strongest(self) -> str:
        """The view that tells them apart best."""
        return max(self.views, key=lambda name: float(self.views[name].placed.mean()))

    @property
    def placed(self) -> Floats:
        return self.views[self.strongest].placed

    @property
    def odds(self) -> Floats:
        """Log-odds of the strongest view, float[n + m]."""
        return self.views[self.strongest].odds

    @property
    def auroc(self) -> float:
        """Chance that an examined row looks more like one than a known row does: .5 of one kind, 1 fully apart."""
        return float(self.placed.mean())

    def interval(
        self, view: str | None = None, inside: NDArray[np.bool_] | None = None, reach: float = 0.0
    ) -> Interval:
        """The interval of the AUROC (DeLong, DeLong & Clarke-Pearson 1988) that holds for all views at once, near
        copies counting as one row; of the rows `inside`, `reach` standard errors wide where that is more."""
        from scipy.stats import norm

        n, told = len(self.rows), self.views[view or self.strongest]
        inside = np.ones(n, dtype=bool) if inside is None else inside
        first = _error(told.placed[inside], self.alike[:n][inside])
        second = _error(told.placed_known, self.alike[n:])
        reach = max(reach, float(norm.isf(LEVEL / 2 / len(self.views)))) * max(float(np.hypot(first, second)), 1 / n)
        value = float(told.placed[inside].mean())
        return Interval(max(0.0, value - reach), min(1.0, value + reach))


def tell_apart(data: Dataset, known: Dataset, *, embed: Embed | None = None, seed: int = 0, most: int = MOST) -> Apart:
    """Compare rows with known ones, as many of either side and `most` at most; `DataError` where those are too few.

    Rows are chosen by their ids, so their order changes nothing. Near copies stand in one fold, and words count as
    known to a row where a known row that is no near copy of it has them: it does not matter how often known rows
    come again.
    """
    check_enough(data, known)
    rows = data.take(drawn(data, seed)[:most])
    order = drawn(known, seed)
    compared = known.take(order[: min(len(rows), len(known))])
    beyond = known.take(order[len(compared) : KNOWN_WORDS])
    texts = [text for part in (rows, compared, beyond) for text in both_texts(part)]
    alike = _alike(texts)
    both = len(rows) + len(compared)
    examined = np.arange(both) < len(rows)
    folds = (mix(alike[:both].astype(np.uint64) + np.uint64(derive(seed, "folds"))) % np.uint64(FOLDS)).astype(int)
    written = properties(texts[:both])
    new = unknown(texts, known=np.arange(len(texts)) >= len(rows), alike=alike)[:both]
    written = Properties((*written.names, "unknown"), np.column_stack([written.values, new]))
    seen: dict[str, Any] = {}
    said = counted(texts[:both], texts[:both])
    if said is not None:
        seen["words"] = said[0]
    seen["form"] = _scaled(written.values)
    if embed is not None:
        seen["meaning"] = np.concatenate([embed(rows), embed(compared)])
    views = {name: _view(each, examined, folds) for name, each in seen.items()}
    return Apart(rows, compared, views, alike[:both], written)


def check_enough(data: Dataset, known: Dataset) -> None:
    """`DataError` where one of two sides has too few rows for a comparison."""
    few = min(data, known, key=len)
    if len(few) < FEWEST:
        raise DataError(
            f"expected {FEWEST} rows or more on either side of a comparison, given {len(few)} in {few.name}",
            hint="Give more rows.",
        )


def drawn(data: Dataset, seed: int) -> NDArray[np.int64]:
    """All rows in an order that hangs on their ids alone."""
    return np.argsort(mix(row_hashes(data.row_ids) + np.uint64(derive(seed, "drawn"))), kind="stable")


def _alike(texts: list[str]) -> NDArray[np.int64]:
    """Numbers of the sets of near copies, int[n]; the same for the same texts, whatever the others are."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    pairs = near_duplicates(signatures(Dataset.of({"text": texts})), threshold=ALIKE)
    linked = csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(texts), len(texts)))
    return np.asarray(connected_components(linked, directed=False)[1], dtype=np.int64)


def _scaled(values: Floats) -> Floats:
    spread = values.std(axis=0)
    return np.clip((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0), -5, 5)


def _view(vectors: Any, examined: NDArray[np.bool_], folds: NDArray[np.int64]) -> View:
    """Cross-fitted log-odds, and where they place rows of either side among those of the other in their fold."""
    odds = np.zeros(len(folds))
    placed = np.full(len(folds), 0.5)
    for fold in np.unique(folds):
        inside = folds == fold
        if len(np.unique(examined[~inside])) == 2:
            answer = regression(vectors[~inside], examined[~inside].astype(int), 2, strength=CLOSELY, weights=None)
            probs = np.clip(answer(vectors[inside])[:, 1], 1e-9, 1 - 1e-9)
            odds[inside] = np.log(probs / (1 - probs))
        placed[inside] = _placed(odds[inside], examined[inside])
    return View(placed[examined], placed[~examined], odds)


def _placed(odds: Floats, examined: NDArray[np.bool_]) -> Floats:
    """The share of the other side's rows below an examined row, or above a known one; ties count half."""
    from scipy.stats import rankdata

    together, result = rankdata(odds), np.full(len(odds), 0.5)
    for side in (examined, ~examined):
        if side.any() and not side.all():
            below = (together[side] - rankdata(odds[side])) / (~side).sum()
            result[side] = below if side is examined else 1 - below
    return result


def _error(placed: Floats, alike: NDArray[np.int64]) -> float:
    """The standard error of a mean over rows, near copies drawn together."""
    _, group = np.unique(alike, return_inverse=True)
    sums = np.bincount(group, weights=placed - placed.mean())
    count = max(len(sums), 2)
    return float(np.sqrt((sums**2).sum() * count / (count - 1)) / len(placed))
