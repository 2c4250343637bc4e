"""Confidence against how often the model is right, where the rows are few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from duiqi.core.examine import examine, orders
from duiqi.core.predictions import Predictions, Recorded
from duiqi.data.simulated import simulated_case


def ruled(rows, right, confidence):
    """The verdict where so many of the rows are right and the model is always so sure."""
    case = simulated_case(np.random.default_rng(0), rows=rows)
    guess = np.where(np.arange(rows) < right, case.truth, 1 - case.truth)
    probs = np.where(np.eye(2)[guess] > 0, confidence, 1 - confidence)
    case = replace(case, predictor=Recorded(case.predictor.task, Predictions(case.data.row_ids, {"probs": probs})))
    report = examine(case, orders(case, only=("calibration",)))
    return next(ruling.verdict for ruling in report.rulings if ruling.measure.name == "calibration_error")


@pytest.mark.parametrize(
    ("rows", "right", "confidence", "verdict"),
    [(18, 18, 0.93, "unclear"),  # a calibrated model is right on all of 18 rows in 27 of 100 cases
     (18, 0, 0.53, "fail"), (400, 400, 0.93, "fail"), (400, 400, 0.999, "pass")],
)  # fmt: skip
def test_where_all_answers_are_right_or_all_wrong(rows, right, confidence, verdict):
    assert ruled(rows, right, confidence) == verdict
