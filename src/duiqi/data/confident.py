"""Labels that a model gives itself: from which confidence on they are right often enough, by rows whose labels are
known.

The lowest threshold is looked for above which the share of right answers is at least `right`, and many thresholds are
looked at: each is a test of the hypothesis that the share is lower, and all wrong rejections together come in at most
`alpha` of all samples of rows. Fixed-sequence testing keeps that: from the surest rows on, larger and larger shares of
rows are tested by the binomial tail, and the first that is not rejected ends the sequence. As one slip among the very
surest would end it at once, there are several sequences, each beginning with twice as many rows as the one before;
they share alpha. (Angelopoulos, Bates, Candès, Jordan & Lei, 2021, Learn then test: calibrating predictive algorithms
to achieve risk control, https://arxiv.org/abs/2110.01052.) Rows above the k-th largest confidence are a fair sample of
all rows above it, whatever the confidences mean: the model need not be calibrated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from duiqi.core.errors import OptionError

RIGHT, ALPHA = 0.95, 0.05
STEP = 1.05  # each test of a sequence looks at so many times the rows of the one before
ROOM = 3.0  # a class is judged alone where the model gives it so many times the fewest rows that could show anything
REACH = 1000.0  # more rows than this many times those there are: no number is told
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """Classes judged together: the `threshold` above which an answer counts (inf where none holds), how many `rows` the
    model answers so, how many of them are `above` and how many of those are `right`, the lower bound of that share; and
    `rows_to_settle`, about how many rows with known labels, of all classes, a threshold would take, where none holds
    (`None` where no number is in sight)."""

    classes: tuple[int, ...]
    threshold: float
    rows: int
    above: int = 0
    right: int = 0
    low: float = 0.0
    rows_to_settle: int | None = None

    @property
    def holds(self) -> bool:
        return math.isfinite(self.threshold)


@dataclass(frozen=True)
class Bound:
    """Thresholds by groups of classes. In at most a share `alpha` of all samples of rows one of the groups' labels is
    right in less than a share `right` of the rows above its threshold; rows asked must be like those it was told by."""

    groups: tuple[Group, ...]
    classes: int
    right: float
    alpha: float

    @property
    def thresholds(self) -> Floats:
        """The confidence that an answer of each class must exceed, float[k]."""
        found = np.full(self.classes, np.inf)
        for group in self.groups:
            found[list(group.classes)] = group.threshold
        return found

    @property
    def holds(self) -> bool:
        """Whether there is a threshold for any class."""
        return any(group.holds for group in self.groups)

    @property
    def rows_to_settle(self) -> int | None:
        """About how many rows with known labels a first threshold would take; `None` where no number is in sight."""
        return min((group.rows_to_settle for group in self.groups if group.rows_to_settle), default=None)


def find_bound(probs: Floats, truth: NDArray[np.int64], *, right: float = RIGHT, alpha: float = ALPHA) -> Bound:
    """The thresholds of classes by probabilities float[n, k] and the true classes int[n] of rows that the model has not
    learned.

    Classes that the model gives often enough are judged one by one, the others together. Where that shows a threshold
    for some only, labels of these would shift the shares of the classes: then all are judged together, if one threshold
    for all gives more labels; a single class may be right less often than all are. Each way has half of `alpha`. Rows
    whose probabilities are nan are not looked at. `OptionError` unless `right` and `alpha` lie between 0 and 1.
    """
    check_shares(right, alpha)
    classes = probs.shape[1]
    asked = ~np.isnan(probs).any(axis=1)
    sure, answer = probs[asked].max(axis=1), probs[asked].argmax(axis=1)
    hit = answer == truth[asked]
    given = np.bincount(answer, minlength=classes)
    often = np.flatnonzero(given >= ROOM * _fewest(right, alpha / classes))
    rest = np.setdiff1d(np.arange(classes), often)
    apart = [(int(each),) for each in often] + ([tuple(rest.tolist())] if len(rest) else [])
    share = alpha / (2 * len(apart)) if len(apart) > 1 else alpha
    groups = []
    for each in apart:
        mine = np.isin(answer, each)
        groups.append(_group(each, sure[mine], hit[mine], int(asked.sum()), right, share))
    if not all(group.holds for group in groups) and len(groups) > 1:
        whole = _group(tuple(range(classes)), sure, hit, int(asked.sum()), right, alpha / 2)
        groups = [whole] if whole.above > sum(group.above for group in groups) else groups
    return Bound(tuple(groups), classes, right, alpha)


def check_shares(right: float, alpha: float = ALPHA) -> None:
    """`OptionError` unless both lie between 0 and 1."""
    for name, value in (("right", right), ("alpha", alpha)):
        if not 0 < value < 1:
            raise OptionError(
                f"expected {name} between 0 and 1, given {value}", hint="right=0.95 and alpha=0.05 suit most data."
            )


def confident(probs: Floats, bound: Bound) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows of float[n, k] whose answer exceeds its class's threshold, int[m], and these answers, int[m]."""
    asked = np.flatnonzero(~np.isnan(probs).any(axis=1))
    sure, answer = probs[asked].max(axis=1), probs[asked].argmax(axis=1)
    above = sure > bound.thresholds[answer]
    return asked[above], answer[above]


def _fewest(right: float, alpha: float) -> int:
    """The fewest rows, all of them right, that show a share of at least `right`."""
    return math.ceil(math.log(alpha) / math.log(right))


def _group(
    classes: tuple[int, ...], sure: Floats, hit: NDArray[np.bool_], all_rows: int, right: float, alpha: float
) -> Group:
    from scipy.special import betainc, betaincinv

    n = len(sure)
    falling, hits = np.sort(sure)[::-1], np.concatenate([[0], np.cumsum(hit[np.argsort(-sure, kind="stable")])])
    starts = _starts(n, right, alpha)
    each = alpha / max(len(starts), 1)
    best = Group(classes, math.inf, n)
    for start in starts:
        sizes = _sizes(start, n)
        thresholds = np.append(falling, 0.0)[sizes]
        above = np.searchsorted(-falling, -thresholds)  # of equal confidences all or none are above
        good = hits[above]
        tail = np.where(
            good > 0, betainc(np.maximum(good, 1), above - good + 1, right), 1.0
        )  # P(so many right or more)
        passed = np.logical_and.accumulate((tail <= each) | (above == 0))
        last = int(passed.sum()) - 1
        if last >= 0 and above[last] > best.above:
            k, found = int(above[last]), int(good[last])
            best = Group(classes, float(thresholds[last]), n, k, found, float(betaincinv(found, k - found + 1, each)))
    if best.holds:
        return best
    return Group(classes, math.inf, n, rows_to_settle=_to_settle(sure, hit, all_rows, right, alpha))


def _sizes(start: int, n: int) -> NDArray[np.int64]:
    """How many of the surest rows each test of a sequence looks at, up to all."""
    sizes = [start]
    while sizes[-1] < n:
        sizes.append(min(n, math.ceil(sizes[-1] * STEP)))
    return np.array(sizes)


def _starts(n: int, right: float, alpha: float) -> list[int]:
    """How many of the surest rows each sequence begins with: known before any label is looked at."""
    many = 1
    while (first := _fewest(right, alpha / (many + 1))) << many <= n:
        many += 1
    first = _fewest(right, alpha / many)
    return [first << at for at in range(many)] if first <= n else []


def _to_settle(sure: Floats, hit: NDArray[np.bool_], all_rows: int, right: float, alpha: float) -> int | None:
    """About how many rows would show a threshold, were shares of right answers among the surest as they are here."""
    from scipy.stats import norm

    if not len(sure):
        return None
    order = np.argsort(-sure, kind="stable")
    sizes = np.arange(1, len(sure) + 1)
    shares = (np.cumsum(hit[order]) + 0.5) / (sizes + 1)
    # n such that right + z·√(right (1 − right) / n) is no more than the share; but never fewer than can show it at all
    z, beyond = norm.isf(alpha / 4), shares - right
    needed = np.full(len(sure), np.inf)
    hopeful = (beyond > 0) & (sizes >= min(20, len(sure)))
    needed[hopeful] = np.maximum(right * (1 - right) * (z / beyond[hopeful]) ** 2, _fewest(right, alpha / 4))
    rows = float((needed / sizes).min()) * all_rows
    if not rows < REACH * all_rows:
        return None
    digit = 10 ** math.floor(math.log10(rows))
    return math.ceil(rows / digit) * digit
