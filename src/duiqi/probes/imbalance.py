from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy.sparse import csr_array

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Measure
from duiqi.core.part import probe
from duiqi.core.slice import ALL, Slice
from duiqi.core.task import Task
from duiqi.data.simulated import simulated_case


@probe(
    kind="imbalance",
    needs=("model.answer", "data.label", "case.train", "task.labels"),
    gates=(Gate("{recall}_difference[rare classes]", at_least=-0.05, slice=None),),
    source="Japkowicz & Stephen, 2002, The class imbalance problem: a systematic study, Intelligent Data Analysis",
)
def imbalance(case: Case, *, rare: float = 0.5, fewest_rows: int = 30, most: int = 5) -> Iterator[Measure | Exhibit]:
    """Whether classes that are rare in training are answered worse than the others.

    Classes are those of rows, the types of spans where words are tagged, or labels of which a row may have several. One
    is rare when its share of all that stand in the training rows is below `rare` times the even share (one over the
    number of classes), or, where at least `fewest_rows` of the rows examined have it, below `rare` times its share
    there. Compared is the share found (its recall) with that of all other classes together; where several are rare,
    that of all of them, and of each that `fewest_rows` rows have, the `most` rarest.
    Uneven classes alone are no fault: only the harm they do is held against the model.

    Misleads where the rare class is also the harder one. Treated by reweighting and by augmenting its rows.
    """
    assert case.train is not None
    task = case.predictor.task
    counts = case.class_counts(task.read_truth(case.train)).sum(axis=0)
    shares = counts / max(counts.sum(), 1)
    order = np.argsort(shares, kind="stable").tolist()
    examined = case.class_counts(case.truth)
    rows = (examined > 0).sum(axis=0)
    met = np.where(rows >= fewest_rows, examined.sum(axis=0) / max(examined.sum(), 1), 0.0)
    few = shares < rare * np.maximum(1 / len(task.classes), met)
    rarest, others = [i for i in order if few[i] and rows[i]], [i for i in order if not few[i]]
    if rarest and rows[others].any():
        alone = len(rarest) == 1
        named = [i for i in rarest if alone or rows[i] >= fewest_rows][:most]
        for slice, classes in {**({} if alone else {ALL: rarest}), **{_rows_of(task, i): [i] for i in named}}.items():
            yield _difference(case, {"rare": classes, "others": others}, slice)
    bars = [{"label": task.classes[i], "value": float(shares[i]), "low": None, "high": None} for i in order[:40]]
    yield Exhibit("bars", {"title": "class_balance", "x": "share", "bars": bars, "total": len(shares)})


def _difference(case: Case, levels: Mapping[str, Sequence[int]], slice: Slice) -> Measure:
    """The share of some classes that is found, minus that of others."""
    recall = case.task.by_class[1]
    found = [sum(case.row_statistics(recall, label=each) for each in classes) for classes in levels.values()]
    statistics = csr_array(np.concatenate(found, axis=1))
    return case.by_level(recall, statistics, tuple(levels), by="rare classes", reduce="difference", slice=slice)


def _rows_of(task: Task, label: int) -> Slice:
    """The rows of a class, or that have the type or label."""
    name = task.classes[label]
    return Slice.of("label", name) if task.unit == "row" else Slice.of("labels", name, "has")


@imbalance.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    def worse(data: Dataset) -> np.ndarray:
        rare = np.array([label == "positive" for label in data.values("label")])
        return np.where(rare, 0.1 + 0.4 * strength, 0.08)

    sick = simulated_case(rng, error=worse, positive=0.3, train_positive=0.12, train_rows=900)
    return simulated_case(rng, error=0.1, positive=0.3, train_positive=0.12, train_rows=900), sick
