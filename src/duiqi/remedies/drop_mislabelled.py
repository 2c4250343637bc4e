from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding
from duiqi.data.noise import SURE, noise_of, sources


@remedy(
    treats=("label_noise",),
    needs=("case.train", "task.labels"),
    source="Northcutt, Jiang & Chuang, 2021, Confident learning, JAIR, https://arxiv.org/abs/1911.00068",
)
def drop_mislabelled(case: Case, findings: Sequence[Finding], *, sure: float = SURE, epochs: int = 3) -> Plan:
    """Leave out training rows with a label that is likely wrong.

    Left out are rows with a label that the probe label_noise takes for a slip with a probability of `sure` or more (of
    tagged rows, any word's). Training begins again from where plain training began, where that is known. Safer than
    relabelling where the likely label is in doubt; costs rows, and most where they are rare.
    """
    noise, known = noise_of(case), case.train
    assert known is not None

    def leave_out(train: Dataset) -> Dataset:
        of = sources(train, known)
        return train.take(np.flatnonzero((of < 0) | (noise.by_row[of] < sure)))

    return Plan(data=leave_out, training={"epochs": epochs}, restart=True)
