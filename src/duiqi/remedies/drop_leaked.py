from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding
from duiqi.data.dedupe import copies


@remedy(treats=("leakage",), needs=("case.train", "data.text"))
def drop_leaked(case: Case, findings: Sequence[Finding], *, near: float = 0.8, epochs: int = 3) -> Plan:
    """Train again without the rows that also stand among the rows examined, as they are or nearly.

    Then figures on these rows say what a model makes of rows that it has not met. They will be lower, and true. `near`
    is the Jaccard similarity from which on two rows are copies. Training begins again from where plain training began,
    where that is known: what was learned by heart is not forgotten by leaving it out later.
    """

    def leave_out(train: Dataset) -> Dataset:
        return train.take(np.flatnonzero(copies(train, case.data, threshold=near).of < 0))

    return Plan(data=leave_out, cleans=True, training={"epochs": epochs}, restart=True)
