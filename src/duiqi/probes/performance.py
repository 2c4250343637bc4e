from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from duiqi.core.case import Case
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Measure
from duiqi.core.part import probe
from duiqi.core.slice import ALL
from duiqi.data.floors import majority, tfidf
from duiqi.data.simulated import simulated_case

MOST_CLASSES = 60


@probe(
    kind="task_fit",
    needs=("model.probs", "data.label"),
    gates=(
        Gate("accuracy_difference[majority]", at_least=0.0),
        Gate("accuracy_difference[tfidf]", at_least=-0.01),
    ),
)
def performance(case: Case) -> Iterator[Measure | Exhibit]:
    """How good the answers are, and whether they beat what is cheap to have.

    Every metric of the task on all rows and, for slices found earlier, accuracy on each of them. Two floors are fitted
    on the training rows: always the larger class, and TF-IDF with logistic regression. The model must be proven better
    than the first and no more than one point behind the second: a network that loses to word counts is not worth its
    cost. Without training rows the floors are left out.

    Misleads where dev and test rows look like the training rows but the rows to serve do not: see shift.
    Treated by fine-tuning.
    """
    metrics = [name for name in case.predictor.task.metrics if name != "calibration_error"]
    yield from case.measures(metrics, [ALL])
    if case.slices:
        yield from case.measures("accuracy", case.slices)
    floors = _floors(case)
    for name, floor in floors.items():
        yield case.versus("accuracy", floor, by=name)
    yield _floor_bars(case, floors)
    yield _per_class(case)
    yield _confusion(case)


def _floors(case: Case) -> dict[str, Any]:
    if case.train is None:
        return {}
    train = case.train

    def fitted() -> dict[str, Any]:
        truth = case.predictor.task.read_truth(train)
        classes = len(case.labels)
        return {
            "majority": majority(truth, case.data, classes),
            "tfidf": tfidf(train, truth, case.data, classes),
        }

    return case.remember(f"floors:{train.fingerprint}:{case.data.fingerprint}", fitted)


def _floor_bars(case: Case, floors: dict[str, Any]) -> Exhibit:
    measures = {"model": case.measure("accuracy")}
    measures |= {name: case.measure("accuracy", guess=guess) for name, guess in floors.items()}
    bars = [{"label": name, "value": m.value, **m.interval.to_json()} for name, m in measures.items()]
    return Exhibit("bars", {"title": "floors", "x": "accuracy", "bars": bars})


def _per_class(case: Case) -> Exhibit:
    """Precision, recall, F1 and support of every class that occurs, the weakest first where there are many."""
    support = np.bincount(case.truth, minlength=len(case.labels))
    present = np.flatnonzero(support)
    names = ("precision", "recall", "macro_f1")
    found = case.measures([(name, {"label": int(c)}) for c in present for name in names], [ALL])
    cells = [{"value": m.value, **m.interval.to_json()} for m in found]
    rows: list[list[Any]] = [
        [case.labels[c], *cells[3 * i : 3 * i + 3], int(support[c])] for i, c in enumerate(present)
    ]
    if len(rows) > 2:
        rows.sort(key=lambda row: row[3]["value"])
    columns = ["class", "precision", "recall", "f1", "support"]
    return Exhibit("table", {"title": "per_class", "columns": columns, "rows": rows[:MOST_CLASSES], "total": len(rows)})


def _confusion(case: Case) -> Exhibit:
    counts = np.zeros((len(case.labels),) * 2, dtype=int)
    np.add.at(counts, (case.truth, case.guess.label), 1)
    names = list(case.labels)
    return Exhibit("matrix", {"title": "confusion", "rows": names, "columns": names, "values": counts.tolist()})


@performance.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    healthy = simulated_case(rng, error=0.1, ambiguity=0.2, train_rows=400)
    sick = simulated_case(rng, error=0.1 + 0.42 * strength, ambiguity=0.2, train_rows=400)
    return healthy, sick
