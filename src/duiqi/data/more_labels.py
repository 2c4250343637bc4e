"""What more labels would bring: learning curves of the labelled rows themselves, drawn on.

A cheap model (logistic regression on given vectors) is fitted to parts of the rows, 1/8 to all of what four fifths
hold, and judged on the fifth left out: by its accuracy, and by its F1 of each class. Through the errors at these sizes
goes a power law,

    error(n) = a + b n^-c,      0 ≤ a ≤ the error now, 0.1 ≤ c ≤ 1.2,

(Hestness et al., 2017, Deep learning scaling is predictable, empirically, https://arxiv.org/abs/1712.00409; Viering &
Loog, 2022, The shape of learning curves: a review, https://arxiv.org/abs/2103.10948). Four sizes do not tell a from c,
so no single fit is drawn on: all a and c on a grid count as much as they make the errors likely, b is normal given
them and may be negative, and the gain is read off all of them. The interval then holds what the sizes leave open as
well as which rows happened to be there (Poisson weights of rows) and which of them were drawn.

It promises too little where errors have only begun to fall (word counts of sst2 near chance at 500 rows: half of what
came), and a model whose errors rise where it has about as many weights as rows follows no power law.

More rows of a class means more of all in the shares they have now. What rows of that class alone bring is not told:
thinning one class at a time, weighted to keep its share, promised gains of F1 twice as large as came, and its intervals
held about half of them (trec, chnsenticorp).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.errors import DataError
from duiqi.core.seed import generator, poisson_weights
from duiqi.data.crossfit import folds_of
from duiqi.data.floors import logistic

SHARES = (0.125, 0.25, 0.5, 1.0)
FOLDS, TAKES = 5, 2  # takes: how often each smaller part is drawn
DRAWS = 400
FURTHEST = 4.0  # times the rows that are there
FEWEST, FEWEST_OF_CLASS = 100, 20
GRID = 24
BENT = 0.5  # how far gains lie from those drawn on, as a logarithm (chosen on sets without a claim)
Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Worth:
    """What `more` rows would bring: rows of `label` among others in the shares they have (`None`: rows of all), from
    the measure `now` by `low` to `high` (95 %), `gain` in the middle. `measure` is "accuracy" of all rows, "f1" of a
    class. `rows` is how many there are now. The interval is one of what will come, with the luck of the rows drawn.
    `told` is false where nothing shows that anything would be gained: of small gains that is the rule."""

    label: str | None
    measure: str
    rows: int
    now: float
    more: int
    gain: float
    low: float
    high: float

    @property
    def told(self) -> bool:
        return self.low > 0


@dataclass(frozen=True, eq=False)
class Curve:
    """Errors by how many rows were learned: the `sizes` float[s], the mean error at each, float[s], and how it varies
    with the rows and what was drawn of them, float[s, s]; `noise` is the variance of the error between equally large
    sets to learn from. `label` is the class whose rows are counted, `None` for all."""

    label: str | None
    sizes: Floats
    errors: Floats
    spread: Floats
    rows: int
    noise: float = 0.0

    @property
    def falls(self) -> bool:
        """Whether the errors fall with the logarithm of the size beyond what chance does, one-sided at .025."""
        design = np.stack([np.ones(len(self.sizes)), np.log(self.sizes)], axis=1)
        precision = np.linalg.inv(self.spread)
        spread = np.linalg.inv(design.T @ precision @ design)
        slope = (spread @ design.T @ precision @ self.errors)[1]
        return bool(slope < -1.96 * np.sqrt(spread[1, 1]))

    def worth(self, more: int, *, seed: int = 0) -> Worth:
        """What so many more labels would bring; at most four times as many rows as there are can be looked at.

        `DataError` beyond that.
        """
        if not 0 < more <= (FURTHEST - 1) * self.rows:
            raise DataError(
                f"expected between 1 and {int((FURTHEST - 1) * self.rows)} more labels, given {more}",
                hint=f"From {self.rows} rows a curve is drawn on to {int(FURTHEST * self.rows)} at most.",
            )
        now, then = drawn_on(self, np.array([self.rows, self.rows + more], dtype=np.float64), seed=seed).T
        rng = generator(seed, "gain")
        gains = (now - then) * np.exp(BENT * rng.standard_normal(len(now)))  # no curve keeps to a power law
        gains += rng.normal(0, np.sqrt(self.noise * (1 + self.rows / (self.rows + more))), len(now))
        low, middle, high = np.quantile(gains, [0.025, 0.5, 0.975])
        low = low if self.falls else min(low, 0.0)
        measure = "accuracy" if self.label is None else "f1"
        return Worth(self.label, measure, self.rows, float(1 - np.median(now)), more, middle, low, high)


def drawn_on(curve: Curve, at: Floats, *, seed: int = 0, draws: int = 4000) -> Floats:
    """Errors at other sizes, of so many power laws as likely as the errors seen make them: float[draws, len(at)]."""
    rng = generator(seed, "curve", curve.label)
    scale = curve.sizes[-1]
    offsets = np.linspace(0, max(curve.errors[-1], 1e-6), GRID)
    powers = np.linspace(0.1, 1.2, GRID)
    precision = np.linalg.inv(curve.spread)
    x = (curve.sizes[None] / scale) ** -powers[:, None]  # [c, s]
    rest = curve.errors[None] - offsets[:, None]  # [a, s]
    bends = np.einsum("cs,st,ct->c", x, precision, x)
    slopes = np.einsum("cs,st,at->ac", x, precision, rest) / bends
    misfit = np.einsum("as,st,at->a", rest, precision, rest)[:, None] - slopes**2 * bends
    weights = np.exp(-0.5 * (misfit - misfit.min())) / np.sqrt(bends)  # b integrated out
    chosen = rng.choice(GRID * GRID, draws, p=(weights / weights.sum()).ravel())
    a, c = np.divmod(chosen, GRID)
    b = slopes[a, c] + rng.standard_normal(draws) / np.sqrt(bends[c])
    errors = offsets[a][:, None] + b[:, None] * (at[None] / scale) ** -powers[c][:, None]
    return np.asarray(np.clip(errors, 0, 1))


def curves(
    vectors: Any, labels: Labels, classes: Sequence[str], keys: NDArray[np.uint64], *, seed: int = 0
) -> tuple[Curve, ...]:
    """The learning curve of all classes together, and of each that has at least 20 rows.

    `vectors` are rows of word counts or embeddings, `labels` int[n]; rows of equal `keys` are left out together.
    `DataError` for fewer than 100 rows or one class.
    """
    if len(labels) < FEWEST or len(np.unique(labels)) < 2:
        raise DataError(
            f"expected at least {FEWEST} rows of two classes, given {len(labels)} of {len(np.unique(labels))}",
            hint="Label more rows first; of so few nothing can be told.",
        )
    folds = folds_of(keys)
    weights = poisson_weights(keys, DRAWS, seed).astype(np.float64)
    ladder = [_taken(vectors, labels, len(classes), folds, seed, share) for share in SHARES]
    counts = np.bincount(labels, minlength=len(classes))
    found = [_curve(None, ladder, weights, partial(_errors, labels=labels, label=None), len(labels))]
    for each in np.flatnonzero(counts >= FEWEST_OF_CLASS).tolist():
        of_class = partial(_errors, labels=labels, label=each)
        found.append(_curve(classes[each], ladder, weights, of_class, int(counts[each])))
    return tuple(found)


def _taken(vectors: Any, labels: Labels, classes: int, folds: Labels, seed: int, share: float) -> list[Labels]:
    """Of every take the answers to all rows, by models that have learned a share of the other folds' rows."""
    takes = []
    for take in range(TAKES if share < 1 else 1):
        said = np.empty(len(labels), dtype=np.int64)
        for fold in range(FOLDS):
            known, asked = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            order = generator(seed, "ladder", take, fold).permutation(len(known))
            known = known[order[: max(2, round(share * len(known)))]]
            said[asked] = answers(vectors, labels, known, asked, classes)
        takes.append(said)
    return takes


def answers(vectors: Any, labels: Labels, known: Labels, asked: Labels, classes: int) -> Labels:
    """Classes of the asked rows by a model of the known ones, int[m]. Of word counts only words of two known rows
    count: a smaller part knows fewer words."""
    from scipy.sparse import issparse

    if len(np.unique(labels[known])) < 2:
        return np.full(len(asked), labels[known[0]])
    first, second = vectors[known], vectors[asked]
    if issparse(vectors):
        from sklearn.preprocessing import normalize

        met = first.getnnz(axis=0) >= 2
        first, second = normalize(first[:, met]), normalize(second[:, met])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes")  # of few rows they may be half of them
        return np.asarray(logistic(first, labels[known], second, classes).argmax(axis=1))


def _errors(given: Labels, labels: Labels, label: int | None) -> Any:
    """From weights of rows float[n, d] to errors float[d]: the share of wrong answers, or 1 - F1 of one class."""
    if label is None:
        wrong = (given != labels).astype(np.float64)
        return lambda weights: wrong @ weights / np.maximum(weights.sum(axis=0), 1e-9)
    said, true = given == label, labels == label
    both = (said & true).astype(np.float64)
    one = said.astype(np.float64) + true
    return lambda weights: 1 - 2 * (both @ weights) / np.maximum(one @ weights, 1e-9)


def _curve(label: str | None, ladder: Sequence[Sequence[Labels]], weights: Floats, errors: Any, rows: int) -> Curve:
    """Means and covariance of the errors at each size."""
    once = np.ones((len(weights), 1))
    per = [np.array([errors(each)(once)[0] for each in takes]) for takes in ladder]
    drawn = np.stack([np.mean([errors(each)(weights) for each in takes], axis=0) for takes in ladder])
    spread = np.cov(drawn)
    # another set of rows to learn gives another error: of parts that share rows too little of that is seen
    shares = np.array(SHARES)
    noise = np.mean([each.var(ddof=1) / (1 - share) * share for each, share in zip(per[:-1], shares, strict=False)])
    spread += np.diag(noise / shares / np.array([len(each) for each in per])) + 1e-6 * np.eye(len(per))
    sizes = shares * rows * (1 - 1 / FOLDS)
    return Curve(label, sizes, np.array([each.mean() for each in per]), spread, rows, float(noise))
