from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from duiqi.core.case import Case
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Interval, Measure
from duiqi.core.part import probe
from duiqi.data.dedupe import copies
from duiqi.data.simulated import leaking_case

SEEN = 0.98  # share of the near copies that are found: bench/duplicates.py
MOST_EXAMPLES = 8


@probe(
    kind="leakage",
    needs=("case.train", "data.text"),
    gates=(Gate("leaked_rate", at_most=0.01),),
    source="Elangovan, He & Verspoor, 2021, Memorization vs. generalization: quantifying data leakage in NLP "
    "performance evaluation, EACL, https://aclanthology.org/2021.eacl-main.113/",
)
def leakage(case: Case, *, near: float = 0.8) -> Iterator[Measure | Exhibit]:
    """How many of the rows examined stand among the training rows, too, as they are or nearly.

    What a model has learned by heart it answers right, so such rows make every figure look better than it is. Equal
    are inputs that differ in case, width and punctuation only; nearly equal those whose sets of four characters in a
    row (Chinese: two) have a Jaccard similarity of `near` or more, by MinHash. All rows are compared, so the share is
    counted; its interval says how many near copies may have been missed. How often the model is right on such rows and
    on the others stands beside it.

    Misleads where short inputs are bound to come again. Treated by leaving the copies out of training; `prove` leaves
    them out of the test by itself, and `duiqi prepare --step duplicates` keeps them out of the data.
    """
    train = case.learned_rows
    name = f"copies:{train.fingerprint}:{case.data.fingerprint}:{near}"
    found = case.remember(name, lambda: copies(case.data, train, threshold=near))
    leaked = found.of >= 0
    measure = case.noted("leaked_rate", leaked)
    exact = float(found.exact.mean()) if len(leaked) else 0.0
    most = exact + (measure.value - exact) / SEEN if leaked.any() else 0.0
    yield replace(measure, stated=Interval(exact if found.exact.any() else measure.value / 2, min(1.0, most)))
    if leaked.any():
        rows = list(_examples(case, found.of, found.exact))
        columns = ["row", "original", "label", "claim", "copy", "label_there"]
        said = {"title": "leaked", "columns": columns, "rows": rows, "total": int(leaked.sum())}
        yield Exhibit("table", {**said, "rows_of_data": True})


def _examples(case: Case, of: np.ndarray, exact: np.ndarray) -> Iterator[list[Any]]:
    """Rows with the training row that gives them away, the near copies first: they are less easily seen."""
    train = case.train
    assert train is not None
    some = np.flatnonzero(of >= 0)
    labels = [rows.values("label") if rows.has("label") else [None] * len(rows) for rows in (case.data, train)]
    for at in some[np.argsort(exact[some], kind="stable")][:MOST_EXAMPLES]:
        there = int(of[at])
        claim = "equal_copy" if exact[at] else "near_copy"
        ours, theirs = (_spelled(each[i]) for each, i in zip(labels, (at, there), strict=True))
        yield [str(case.data.row_ids[at]), case.data.shown[at], ours, claim, train.shown[there], theirs]


def _spelled(label: Any) -> str:
    return "–" if label is None else " ".join(map(str, label)) if isinstance(label, list) else str(label)


@leakage.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    return leaking_case(rng, share=0.0), leaking_case(rng, share=0.1 * strength)
