from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding


@remedy(
    treats=("unfairness", "blind_spot"),
    needs=("case.train", "data.label"),
    source="Sagawa, Koh, Hashimoto & Liang, 2020, Distributionally robust neural networks, ICLR, "
    "https://arxiv.org/abs/1911.08731 (their weighted baseline)",
)
def reweight(
    case: Case,
    findings: Sequence[Finding],
    *,
    share: float = 0.25,
    power: float = 0.5,
    most: float = 8.0,
    epochs: int = 3,
) -> Plan:
    """Let the training rows of weak slices count more.

    A slice that was found gets the weight that would make it a `share` of all training rows, raised to `power` and at
    most `most`; a row in several slices gets the largest. Weights are scaled to mean 1; weights that were there are
    multiplied. Training begins again from where plain training began, where that is known: a network that has learned
    its rows by heart fits them under any weights.

    Cannot help where the training rows have none of the slice, and harms where their labels are wrong.
    """
    slices = {finding.slice.rule: finding.slice for finding in findings if finding.slice.where}.values()

    def weigh(train: Dataset) -> Dataset:
        weights = np.ones(len(train))
        for each in slices:
            inside = each.mask(train)
            weights[inside] = np.maximum(weights[inside], _factor(float(inside.mean()), share) ** power)
        weights = np.minimum(weights, most)
        if train.has("weight"):
            weights = weights * np.array(train.values("weight"), dtype=float)
        return train.with_column("weight", (weights / weights.mean()).tolist())

    return Plan(data=weigh, training={"epochs": epochs}, restart=True)


def _factor(now: float, wanted: float) -> float:
    """The weight that turns a share `now` of the rows into `wanted`; 1 where it is that large already or empty."""
    return wanted * (1 - now) / (now * (1 - wanted)) if 0 < now < wanted else 1.0
