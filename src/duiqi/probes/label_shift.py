from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from duiqi.core.case import Case
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Interval, Measure
from duiqi.core.part import probe
from duiqi.core.seed import generator
from duiqi.data.label_shares import Shares, answers, counted_shares, estimated_shares
from duiqi.data.simulated import unlabelled_case
from duiqi.data.two_samples import check_enough, drawn

MOST_BARS = 40


@probe(
    kind="shift",
    needs=("case.train", "data.text", "task.classes"),
    gates=(Gate("label_shift", at_most=0.1),),
    source="Lipton, Wang & Smola, 2018, Detecting and correcting for label shift with black box predictors, ICML, "
    "https://arxiv.org/abs/1802.03916",
)
def label_shift(case: Case, *, rows: int = 3000) -> Iterator[Measure | Exhibit]:
    """Whether classes are as common among the rows examined as they were in training.

    A model leans to what was common when it learned, so it errs more where other classes are. Measured is the total
    variation of the shares: how many rows would have to be of another class. Labels are counted where the rows have
    some. Where they have none, shares are estimated: cheap models say of up to `rows` training rows which they have not
    seen how rows of each class are answered, and the answers to the new rows are taken as a mixture of these. The
    report says which of the two it was. Intervals count what chance does to both sides.

    Misleads, as an estimate, where texts of a class read otherwise than in training: look at shift first. Treated by
    weights for classes (logit_adjustment, class_weights) with the shares found here.
    """
    train = case.learned_rows
    check_enough(case.data, train)
    given = case.data.has("label")
    shares = case.remember(
        f"shares:{case.data.fingerprint}:{train.fingerprint}:{rows}:{given}", lambda: _shares(case, rows)
    )
    counts = np.eye(len(shares.known))[case.truth] if given else np.tile(shares.asked, (len(case.data), 1))
    columns = np.column_stack([counts, np.tile(shares.known, (len(case.data), 1))])
    measure = case.noted("label_shift", columns)
    low, high = max(0.0, shares.distance - shares.reach), min(1.0, shares.distance + shares.reach)
    yield replace(measure, stated=Interval(low, high))
    yield from _by_class(case, shares, "label_shares" if given else "label_shares_estimated")


def _shares(case: Case, most: int) -> Shares:
    assert case.train is not None
    rng = generator(case.seed, "label_shift")
    if case.data.has("label"):
        return counted_shares(case.task.read_truth(case.train), case.truth, len(case.labels), rng)
    known = case.train.take(drawn(case.train, case.seed)[:most])
    return estimated_shares(*answers(case.task, known, case.data, case.reader), rng)


def _by_class(case: Case, shares: Shares, title: str) -> Iterator[Exhibit]:
    """The change of each class, the largest first, and the shares."""
    change, ends = shares.asked - shares.known, shares.ends
    order = np.argsort(-np.abs(change), kind="stable")[:MOST_BARS]
    bars = [
        {"label": case.labels[i], "value": float(change[i]), "low": float(ends[i, 0]), "high": float(ends[i, 1])}
        for i in order
    ]
    total = len(case.labels)
    yield Exhibit("bars", {"title": title, "x": "share_change", "bars": bars, "total": total})
    rows = [[case.labels[i], round(float(shares.known[i]), 4), round(float(shares.asked[i]), 4)] for i in order]
    columns = ["class", "share_known", "share_examined"]
    yield Exhibit("table", {"title": title, "columns": columns, "rows": rows, "total": total})


@label_shift.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    """Rows without labels, one text in ten of which reads like the other class."""
    return unlabelled_case(rng, positive=0.5), unlabelled_case(rng, positive=0.5 + 0.3 * strength)
