from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding
from duiqi.core.spans import tags_of
from duiqi.data.noise import SURE, noise_of, sources


@remedy(
    treats=("label_noise",),
    needs=("case.train", "task.labels"),
    source="Northcutt, Jiang & Chuang, 2021, Confident learning, JAIR, https://arxiv.org/abs/1911.00068",
)
def relabel(case: Case, findings: Sequence[Finding], *, sure: float = SURE, epochs: int = 3) -> Plan:
    """Give training rows whose label is likely wrong the one that is likely meant.

    Changed are labels that the probe label_noise takes for slips with a probability of `sure` or more: of rows with
    several labels those that are given or missing, of tagged words their tags. Training begins again from where plain
    training began, where that is known. Harms where the rows are right and only unusual: they learn the common answer.
    """
    noise, task, known = noise_of(case), case.task, case.train
    assert known is not None
    wrong = noise.suspects(sure)
    starts = np.cumsum(noise.sizes) - noise.sizes

    def mend(train: Dataset) -> Dataset:
        truth, given = task.read_truth(train), list(train.values("label"))
        for row, source in enumerate(sources(train, known)):
            labels = slice(starts[source], starts[source] + noise.sizes[source])
            now = np.atleast_1d(truth[row])
            if source >= 0 and wrong[labels].any() and len(now) == noise.sizes[source]:
                given[row] = _spelled(task.unit, task.labels, np.where(wrong[labels], noise.likely[labels], now))
        return train.paired(train.with_column("label", given))

    return Plan(data=mend, training={"epochs": epochs}, restart=True)


def _spelled(unit: str, labels: Sequence[str], new: np.ndarray) -> str | list[str]:
    """Labels of a row as rows have them."""
    if unit == "word":
        tags = tags_of(labels)
        return [tags[each] for each in new]
    if unit == "label":
        return [label for label, given in zip(labels, new, strict=True) if given]
    return labels[int(new[0])]
