from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding
from duiqi.data.noise import noise_of, sources


@remedy(
    treats=("label_noise",),
    needs=("case.train", "task.labels"),
    source="Ren, Zeng, Yang & Urtasun, 2018, Learning to reweight examples for robust deep learning, ICML, "
    "https://arxiv.org/abs/1803.09050",
)
def downweight_mislabelled(case: Case, findings: Sequence[Finding], *, epochs: int = 3) -> Plan:
    """Let training rows count the less, the likelier their label is wrong.

    A row's weight is the probability that its label is right, as the probe label_noise estimates it (of tagged rows
    that of its most suspicious word), scaled to a mean of 1; weights that were there are multiplied. Training begins
    again from where plain training began, where that is known. Where Ren et al. learn weights from a clean set during
    training, these are set once before it. Gentler than dropping, and hard rows count less, too.
    """
    noise, known = noise_of(case), case.train
    assert known is not None

    def weigh(train: Dataset) -> Dataset:
        of = sources(train, known)
        weights = np.where(of >= 0, 1 - noise.by_row[of], 1.0)
        if train.has("weight"):
            weights = weights * np.array(train.values("weight"), dtype=float)
        return train.paired(train.with_column("weight", (weights / max(weights.mean(), 1e-9)).tolist()))

    return Plan(data=weigh, training={"epochs": epochs}, restart=True)
