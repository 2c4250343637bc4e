from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding
from duiqi.core.seed import derive, mix
from duiqi.data.confident import Bound, confident, find_bound
from duiqi.data.crossfit import best_shares, blend
from duiqi.data.floors import FLOORS
from duiqi.data.guessing import unlearned_by
from duiqi.data.pool import read_pool, without_copies
from duiqi.data.read import check_there


@remedy(
    treats=("task_fit", "blind_spot"),
    needs=("case.train", "data.text", "model.probs", "task.classes"),
    asks=("pool",),
    source="Lee, 2013, Pseudo-label: the simple and efficient semi-supervised learning method, ICML workshop; the "
    "bound: Angelopoulos et al., 2021, Learn then test, https://arxiv.org/abs/2110.01052",
)
def self_training(
    case: Case,
    findings: Sequence[Finding],
    *,
    pool: str = "",
    right: float = 0.95,
    alpha: float = 0.05,
    weight: float = 1.0,
    words: bool = True,
    most: float = 2.0,
    epochs: int = 3,
) -> Plan:
    """Add rows of a `pool` without labels, with the label that the model itself is sure enough of.

    `pool` is a file or folder of rows like those of training; labels in it are not read. How sure is enough is told by
    the rows examined, which the model has not learned: above the threshold at least a share `right` of the labels is
    right, and that fails in at most `alpha` of all samples of rows; by class where there are enough rows of each, else
    for all classes together (`duiqi.data.confident`). With `words` a linear model on word counts of the training rows
    has a say, too, as far as that makes the labels of the rows examined likelier: the two are wrong about different
    rows.

    Rows that stand in the pool and among the training rows, those examined or those put aside, as they are or nearly,
    are left out. Of each class at most `most` times as many rows are added as there are to train on, drawn from all
    that are sure enough, so that easy classes do not swamp the others; each counts as much as `weight` of a labelled
    one. Training begins again from where plain training began, where that is known.

    For few labels and a pool like the rows to come. What the model is sure of it mostly knows: a slice that it does not
    know gains only where rows of it are among the sure ones, and wrong labels are learned with the right ones; measure
    it (docs/results.md has sets where it gains and where it loses). Where the pool is of another kind the bound does
    not hold. Not tried where no threshold holds.
    """
    check_there(pool)

    def add(train: Dataset) -> Dataset:
        given = partial(_given, case, train, words)
        rows, judges = _fresh(case, train, pool), unlearned_by(case.predictor, case.data)
        judged, truth = [each[judges] for each in given(case.data)], case.truth[judges]
        shares = best_shares(judged, truth)
        sure, labels = confident(blend(given(rows), shares), _bound(blend(judged, shares), truth, right, alpha))
        if not len(sure):
            raise DataError(
                f"expected rows in {pool} that the model is sure enough of, given none among {len(rows)} that stand "
                "nowhere else",
                hint="Give more rows like those of training, or ask for less: right = 0.9.",
            )
        order = np.argsort(mix(rows.input_keys[sure] ^ np.uint64(derive(case.seed, "self_training"))), kind="stable")
        there = np.bincount(case.task.read_truth(train), minlength=len(case.labels))
        drawn = np.sort(np.concatenate([order[labels[order] == k][: int(most * n)] for k, n in enumerate(there)]))
        added = rows.take(sure[drawn]).with_column(
            "label", [case.labels[each] for each in labels[drawn]], column=train.schema.label
        )
        if weight != 1 or train.has("weight"):
            train = train if train.has("weight") else train.with_column("weight", [1.0] * len(train))
            mean = float(np.mean(train.values("weight")))
            added = added.with_column("weight", [weight * mean] * len(added), column=train.schema.weight)
        return train.joined(added)

    return Plan(data=add, training={"epochs": epochs}, restart=True)


def _given(case: Case, train: Dataset, words: bool, rows: Dataset) -> list[NDArray[np.float64]]:
    """How likely each class is, float[n, k], by the model, and by word counts as well where these can be asked."""
    probs, task = case.answers_to(rows).probs, case.task
    if not words or "tfidf" not in task.floors:
        return [probs]
    return [probs, FLOORS[task.output, "tfidf"](task, train, task.read_truth(train), rows).probs]


def _bound(probs: NDArray[np.float64], truth: NDArray[np.int64], right: float, alpha: float) -> Bound:
    """The thresholds by rows that the model has not learned."""
    bound = find_bound(probs, truth, right=right, alpha=alpha)
    if not bound.holds:
        needed = bound.rows_to_settle
        raise DataError(
            f"expected a confidence above which at least {right:.0%} of the answers are right, given "
            f"{len(truth)} rows with labels that show none",
            hint=f"About {needed:,} such rows would, or ask for less: right = 0.9."
            if needed
            else "No number of rows is in sight that would: ask for less (right = 0.9), or repair the model first.",
        )
    return bound


def _fresh(case: Case, train: Dataset, source: str) -> Dataset:
    """Rows of the pool that stand nowhere else, each input once."""
    pool = read_pool(source, train)
    pool = pool.take(without_copies(pool, (train, case.data)).rows)
    pool = pool.take(~case.aside(pool)) if case.aside is not None else pool
    return pool.with_column("id", [f"pool:{row}" for row in pool.row_ids], column="duiqi_id")
