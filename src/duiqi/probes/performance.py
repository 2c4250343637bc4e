from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from duiqi.core.case import Case
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Measure
from duiqi.core.part import probe
from duiqi.core.slice import ALL
from duiqi.core.spans import OUTSIDE
from duiqi.data.floors import floors
from duiqi.data.simulated import simulated_case

MOST_CLASSES = 60


@probe(
    kind="task_fit",
    needs=("model.answer", "data.label"),
    gates=(
        Gate("{primary}_difference[majority]", at_least=0.0),
        Gate("{primary}_difference[tfidf]", at_least=-0.01),
        Gate("{primary}_difference[lookup]", at_least=-0.01),
        Gate("{primary}_difference[overlap]", at_least=0.0),
        Gate("{primary}_difference[commonest]", at_least=0.0),
        Gate("{primary}_difference[popularity]", at_least=0.0),
        Gate("{primary}_difference[sentence]", at_least=-0.01),
        Gate("{primary}_difference[cosine]", at_least=-0.01),
    ),
)
def performance(case: Case) -> Iterator[Measure | Exhibit]:
    """How good the answers are, and whether they beat what is cheap to have.

    Every metric of the task on all rows and, for slices found earlier, the share of rows right in each of them. Floors
    are fitted on the training rows: always the larger class (of tags and labels none, of numbers the mean), TF-IDF with
    a linear model (of tags: the one each word has most often), and for pairs and choices how many words the two texts
    share; of answers in a passage the sentence that shares most words with the question, of rankings the likeness of
    word counts. The model must be proven better than the first and than shared words, and no more than one point behind
    the others: a network that loses to them is not worth its cost. Of pairs, TF-IDF of the second text alone is shown
    beside them: what it gets right needs no comparing. Without training rows the floors are left out.

    Misleads where dev and test rows look like the training rows but the rows to serve do not: see shift.
    Treated by fine-tuning.
    """
    asked = [case.catalogue.find("metric", name) for name in case.task.metrics if name != "calibration_error"]
    metrics = [metric.name for metric in asked if all(case.has(need) for need in metric.needs)]
    yield from case.measures(metrics, [ALL])
    if case.slices:
        yield from case.measures(case.task.row_metric, case.slices)
    cheap = _floors(case)
    for name, floor in cheap.items():
        yield case.versus(case.task.primary, floor, by=name)
    yield _floor_bars(case, cheap)
    if case.task.classes:
        yield _per_class(case)
        yield from _confusion(case)


def _floors(case: Case) -> dict[str, Any]:
    if case.train is None:
        return {}
    train = case.train

    def fitted() -> dict[str, Any]:
        return dict(floors(case.task, train, case.data))

    return case.remember(f"floors:{train.fingerprint}:{case.data.fingerprint}", fitted)


def _floor_bars(case: Case, cheap: dict[str, Any]) -> Exhibit:
    metric = case.task.primary
    measures = {"model": case.measure(metric)}
    measures |= {name: case.measure(metric, guess=guess) for name, guess in cheap.items()}
    bars = [{"label": name, **m.cell} for name, m in measures.items()]
    return Exhibit("bars", {"title": "floors", "x": metric, "bars": bars})


def _per_class(case: Case) -> Exhibit:
    """Precision, recall, F1 and support of every class that occurs, the weakest first where there are many."""
    classes, names = case.task.classes, case.task.by_class
    found = case.measures([(name, {"label": c}) for c in range(len(classes)) for name in names], [ALL])
    rows: list[list[Any]] = []
    for name, at in zip(classes, range(0, len(found), 3), strict=True):
        support = int(found[at].total[2])  # hits, answered, true
        if support:
            rows.append([name, *(m.cell for m in found[at : at + 3]), support])
    if len(rows) > 2:
        rows.sort(key=lambda row: math.inf if row[3]["value"] is None else row[3]["value"])
    columns = ["class", "precision", "recall", "f1", "support"]
    return Exhibit("table", {"title": "per_class", "columns": columns, "rows": rows[:MOST_CLASSES], "total": len(rows)})


def _confusion(case: Case) -> Iterator[Exhibit]:
    """What is taken for what; labels of which a row has several are not taken for each other."""
    if case.task.unit == "label":
        return
    truth, guess = case.parts
    names, answers = list(case.labels), guess.label
    if case.task.unit == "word":  # words by the type of their span
        names, truth, answers = [OUTSIDE, *names], (truth + 1) >> 1, (answers + 1) >> 1
    counts = np.zeros((len(names),) * 2, dtype=int)
    np.add.at(counts, (truth, answers), 1)
    yield Exhibit("matrix", {"title": "confusion", "rows": names, "columns": names, "values": counts.tolist()})


@performance.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    healthy = simulated_case(rng, error=0.1, ambiguity=0.2, train_rows=400)
    sick = simulated_case(rng, error=0.1 + 0.42 * strength, ambiguity=0.2, train_rows=400)
    return healthy, sick
