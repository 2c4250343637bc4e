from __future__ import annotations

from collections.abc import Sequence

from duiqi.core.case import Case
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding


@remedy(
    treats=("fragility", "task_fit"),
    needs=("case.train", "data.label"),
    source="Miyato, Dai & Goodfellow, 2017, Adversarial training methods for semi-supervised text classification, "
    "ICLR, https://arxiv.org/abs/1605.07725",
)
def adversarial_training(
    case: Case, findings: Sequence[Finding], *, epsilon: float = 1.0, share: float = 0.5, epochs: int = 2
) -> Plan:
    """Train also on word vectors pushed `epsilon` towards where the loss grows fastest (fast gradient method).

    The objective is the likelihood plus `share` times the likelihood at the pushed vectors. Twice the work of plain
    training; smooths the model around its training rows without inventing text.
    """
    from duiqi.model.objective import adversarial, likelihood

    return Plan(objective=likelihood() + share * adversarial(epsilon), training={"epochs": epochs})
