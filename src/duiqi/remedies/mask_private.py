from __future__ import annotations

from collections.abc import Sequence

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding
from duiqi.data.identifiers import KINDS, Kind
from duiqi.data.private import Private


@remedy(treats=("private_data",), needs=("case.train", "data.text"))
def mask_private(case: Case, findings: Sequence[Finding], *, kinds: tuple[Kind, ...] = KINDS, epochs: int = 2) -> Plan:
    """Train on the rows with [PHONE], [MAIL] and the like in the place of identifiers of people.

    Tags, spans and answers move along; a row of which one would be destroyed is left out. What an earlier training has
    seen may still be in the weights: a model that must not know it begins from one that never saw it, on rows that
    `duiqi prepare --step private` made. Mask what is served as well, so that the model meets what it has learned.
    """

    def mask(train: Dataset) -> Dataset:
        made = Private(kinds=kinds)(train)
        return train.take(list(made.kept)).paired(made.data)

    return Plan(data=mask, cleans=True, training={"epochs": epochs})
