from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Measure
from duiqi.core.part import probe
from duiqi.core.slice import ALL, Slice
from duiqi.data.floors import share_of
from duiqi.data.simulated import simulated_case


@probe(
    kind="imbalance",
    needs=("model.probs", "data.label", "case.train", "task.classes"),
    gates=(Gate("accuracy_difference[rare classes]", at_least=-0.05, slice=None),),
    source="Japkowicz & Stephen, 2002, The class imbalance problem: a systematic study, Intelligent Data Analysis",
)
def imbalance(case: Case, *, rare: float = 0.5, fewest_rows: int = 30, most: int = 5) -> Iterator[Measure | Exhibit]:
    """Whether classes that are rare in training are answered worse than the others.

    A class is rare when its share of the training rows is below `rare` times the even share (one over the number of
    classes). Compared is the share of its rows answered right (its recall) with that of the rows of all other classes;
    where several are rare, that of all of them, and of each that has `fewest_rows` rows, the `most` rarest.
    Uneven classes alone are no fault: only the harm they do is held against the model.

    Misleads where the rare class is also the harder one. Treated by reweighting and by augmenting its rows.
    """
    assert case.train is not None
    shares = share_of(case.labels, case.predictor.task.read_truth(case.train))
    few = shares < rare / len(case.labels)
    inside = few[case.truth]
    order = np.argsort(shares, kind="stable")
    if inside.any() and not inside.all():
        of_class = {int(i): case.truth == i for i in order if few[i]}
        large = [i for i, rows in of_class.items() if rows.sum() >= fewest_rows][:most]
        meant = {Slice.of("label", case.labels[i]): of_class[i] for i in (large if len(of_class) > 1 else of_class)}
        for slice, rows in {**({ALL: inside} if len(of_class) > 1 else {}), **meant}.items():
            levels = {"rare": rows, "others": ~inside}
            yield case.across("accuracy", levels, by="rare classes", reduce="difference", slice=slice)
    bars = [{"label": case.labels[i], "value": float(shares[i]), "low": None, "high": None} for i in order[:40]]
    yield Exhibit("bars", {"title": "class_balance", "x": "share", "bars": bars, "total": len(shares)})


@imbalance.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    def worse(data: Dataset) -> np.ndarray:
        rare = np.array([label == "positive" for label in data.values("label")])
        return np.where(rare, 0.1 + 0.4 * strength, 0.08)

    sick = simulated_case(rng, error=worse, positive=0.3, train_positive=0.12, train_rows=900)
    return simulated_case(rng, error=0.1, positive=0.3, train_positive=0.12, train_rows=900), sick
