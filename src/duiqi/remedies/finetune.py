from __future__ import annotations

from collections.abc import Sequence

from duiqi.core.case import Case
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding


@remedy(treats=("task_fit",), needs=("case.train", "data.label"))
def finetune(
    case: Case, findings: Sequence[Finding], *, epochs: int = 2, learning_rate: float | None = None, layers: int = 0
) -> Plan:
    """Train further on the training rows: all weights, or with `layers` only that many top layers and the head.

    The plain remedy for a model that is too weak for its task. `epochs` counts passes over the rows.
    """
    from duiqi.model.scope import full, top_layers

    training = {"epochs": epochs} | ({"learning_rate": learning_rate} if learning_rate else {})
    return Plan(scope=top_layers(layers) if layers else full(), training=training)
