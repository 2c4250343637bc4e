from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from duiqi.core.case import Case, parts_of
from duiqi.core.dataset import Dataset
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding
from duiqi.data.temperature import best_temperature


@remedy(
    treats=("miscalibration",),
    needs=("model.probs", "data.label"),
    source="Guo, Pleiss, Sun & Weinberger, 2017, On calibration of modern neural networks, ICML, "
    "https://arxiv.org/abs/1706.04599",
)
def temperature_scaling(case: Case, findings: Sequence[Finding]) -> Plan:
    """Divide all log-odds by one number, the temperature, chosen to lower log loss on rows that were not trained on.

    No weight moves and no answer changes: only how sure the model says it is. One number cannot overfit much, so it is
    fitted on the rows that findings came from, and these are noted in the lineage as calibrated on.
    """
    return Plan(finish=(fit_temperature,))


def fit_temperature(predictor: Any, data: Dataset) -> Mapping[str, float]:
    """The temperature that minimises log loss, times the one already in use; for a field, of its words' marginals."""
    answers = predictor.predict(data, predictor.task.outputs)
    truth, guess = parts_of(predictor.task, predictor.task.read_truth(data), answers)
    return {"temperature": best_temperature(guess.probs, truth) * predictor.calibration.get("temperature", 1.0)}
