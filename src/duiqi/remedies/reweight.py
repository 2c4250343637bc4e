from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding


@remedy(
    treats=("imbalance", "unfairness", "blind_spot"),
    needs=("case.train", "data.label"),
    source="Sagawa, Koh, Hashimoto & Liang, 2020, Distributionally robust neural networks, ICLR, "
    "https://arxiv.org/abs/1911.08731 (their weighted baseline)",
)
def reweight(
    case: Case, findings: Sequence[Finding], *, power: float = 1.0, most: float = 8.0, epochs: int = 2
) -> Plan:
    """Let the training rows of weak slices and rare classes count more.

    A slice that was found gets the weight that would make it a quarter of all training rows; where classes are rare,
    every class gets the inverse of its share. Weights are raised to `power`, held between 1 and `most`, multiplied
    where a row is in several slices, and scaled to mean 1.

    Cannot help where the training rows have none of the slice, and harms where their labels are wrong.
    """
    slices = {f.slice.rule: f.slice for f in findings if f.slice.where and f.kind != "imbalance"}.values()
    by_class = any(finding.kind == "imbalance" for finding in findings)

    def weigh(train: Dataset) -> Dataset:
        weights = np.ones(len(train))
        for each in slices:
            weights *= _towards(each.mask(train), 0.25, most)
        if by_class:
            weights *= _inverse_share(train, most)
        weights = np.clip(weights**power, 1.0, most)
        return train.with_column("weight", (weights / weights.mean()).tolist())

    return Plan(data=weigh, training={"epochs": epochs})


def _towards(mask: NDArray[np.bool_], share: float, most: float) -> NDArray[np.float64]:
    """Weights that make the masked rows `share` of the total, as far as `most` allows; never less than 1."""
    now = mask.mean()
    if not 0 < now < share:
        return np.ones(len(mask))
    factor = share * (1 - now) / (now * (1 - share))
    return np.where(mask, min(factor, most), 1.0)


def _inverse_share(train: Dataset, most: float) -> NDArray[np.float64]:
    """The largest class' count over each row's class' count."""
    _, classes, counts = np.unique(
        np.array(train.values("label"), dtype=object), return_inverse=True, return_counts=True
    )
    return np.minimum(counts.max() / counts, most)[classes]
