from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding

MOST = 3.0  # of tau: 1 takes back the whole advantage that the shares in training give
SHARPEST, FLATTEST = 0.05, 20.0


@remedy(
    treats=("imbalance",),
    needs=("case.train", "model.probs", "data.label", "task.classes"),
    source="Menon et al., 2021, Long-tail learning via logit adjustment, ICLR, https://arxiv.org/abs/2007.07314; "
    "fitted together with a temperature: Alexandari, Kundaje & Shrikumar, 2020, ICML, https://arxiv.org/abs/1901.06852",
)
def logit_adjustment(case: Case, findings: Sequence[Finding], *, power: float = 1.0) -> Plan:
    """Take back what a class gains in the scores for being frequent in training: log-odds minus tau times log share.

    No weight moves and it costs no time: rows near the boundary go to the rarer class. `tau` is fitted on the rows that
    findings came from, by log loss in which every class has the inverse of its share there raised to `power` (1: all
    classes count the same; 0: rows do, which follows how often the classes come). The paper sets tau by hand; one
    number cannot overfit much. These rows are noted in the lineage as calibrated on.

    Gives the rare class recall and takes some from the others, as class weights do without training again. It cannot
    help where the model takes the rare class for another one with certainty. The offsets stand in duiqi.json; who opens
    the folder with transformers alone gets the scores without them.
    """
    assert case.train is not None
    counts = np.bincount(case.predictor.task.read_truth(case.train), minlength=len(case.labels)) + 0.5
    return Plan(finish=(partial(fit_offsets, shares=counts / counts.sum(), power=power),))


def fit_offsets(
    predictor: Any, data: Dataset, *, shares: NDArray[np.float64], power: float
) -> Mapping[str, list[float]]:
    """What to add to each class's raw score, float[k] with mean 0, on top of what is added already."""
    from scipy.optimize import minimize

    truth = predictor.task.read_truth(data)
    logits = np.log(np.clip(predictor.predict(data, ["probs"]).probs, 1e-12, None))
    counts = np.bincount(truth, minlength=len(shares))
    weights = ((counts.max() / np.maximum(counts, 1)) ** power)[truth]
    advantage = np.log(shares) - np.log(shares).mean()

    def loss(at: NDArray[np.float64]) -> float:
        log_temperature, tau = at
        scores = logits / np.exp(log_temperature) - tau * advantage
        scores = scores - scores.max(axis=1, keepdims=True)
        losses = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(truth)), truth]
        return float(np.average(losses, weights=weights))

    bounds = [(np.log(SHARPEST), np.log(FLATTEST)), (0.0, MOST)]
    log_temperature, tau = minimize(loss, [0.0, 0.5], bounds=bounds, method="L-BFGS-B").x
    # The temperature only lets tau be fitted to honest confidences; what is said is on the scale of the raw scores.
    scale = np.exp(log_temperature) * predictor.calibration.get("temperature", 1.0)
    given = np.array(predictor.calibration.get("offsets", np.zeros(len(shares))))
    return {"offsets": [float(each) for each in given - scale * tau * advantage]}
