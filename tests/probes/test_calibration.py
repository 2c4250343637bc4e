"""Confidence against how often the model is right, where the rows are few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
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


def test_where_all_are_right_the_interval_holds_the_number_that_is_told():
    """Confidences that differ: their root mean square is more than the gap of their mean."""
    rng = np.random.default_rng(0)
    sure = rng.choice([0.82, 0.88, 0.93], 300)
    data = Dataset.of({"text": [f"row {i}" for i in range(300)], "label": ["a"] * 300})
    answers = Predictions(data.row_ids, {"probs": np.stack([sure, 1 - sure], axis=1)})
    case = Case(Recorded(Catalogue.installed().task("classify", labels=("a", "b")), answers), data)
    (measure,) = [each for each in ruled_of(case) if each.name == "calibration_error"]
    assert measure.value == pytest.approx(np.sqrt(np.mean((1 - sure) ** 2)), abs=0.001)
    assert measure.interval.low <= measure.value <= measure.interval.high


def selective(confidence, right):
    """A case of two classes whose rows are right and as sure as told."""
    case = simulated_case(np.random.default_rng(0), rows=len(right))
    guess = np.where(right, case.truth, 1 - case.truth)
    probs = np.where(np.eye(2)[guess] > 0, confidence[:, None], 1 - confidence[:, None])
    return replace(case, predictor=Recorded(case.predictor.task, Predictions(case.data.row_ids, {"probs": probs})))


def test_the_area_is_the_mean_of_errors_among_the_surest():
    """As Geifman & El-Yaniv define it: the selective risk of the k surest rows, over all k."""
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.5, 1, 1500)
    right = rng.random(1500) < confidence
    case = selective(confidence, right)
    wrong = ~right[np.argsort(-confidence)]
    by_hand = np.mean(np.cumsum(wrong) / np.arange(1, 1501))
    assert case.measure("aurc").value == pytest.approx(by_hand, abs=0.001)
    assert case.measure("aurc").value < 0.7 * wrong.mean()


def test_a_confidence_that_says_nothing_has_the_error_rate_and_a_perfect_one_much_less():
    right = np.arange(1000) % 5 > 0
    nothing, perfect = np.full(1000, 0.9), np.where(right, 0.9, 0.6)
    assert selective(nothing, right).measure("aurc").value == pytest.approx(0.2, abs=1e-9)
    shares = np.maximum(0, np.arange(1, 1001) - 800) / np.arange(1, 1001)
    assert selective(perfect, right).measure("aurc").value == pytest.approx(shares.mean(), abs=0.003)


def test_the_curve_ends_at_the_error_rate_of_all_rows():
    rng = np.random.default_rng(2)
    confidence = rng.uniform(0.5, 1, 400)
    case = selective(confidence, rng.random(400) < confidence)
    report = examine(case, orders(case, only=("calibration",)))
    (curve,) = (each.data for each in report.exhibits if each.data["title"] == "risk_coverage")
    points = curve["series"][0]["points"]
    assert len(points) == 20
    coverage, error, low, high, rows = points[-1]
    assert (coverage, rows) == (1.0, 400)
    assert error == pytest.approx(1 - case.measure("accuracy").value)
    assert low < error < high
    surest = np.argsort(-confidence)[:20]
    assert points[0][:2] == pytest.approx([0.05, (~case.right[surest]).mean()])


def tagged(sharpness):
    """Rows of eight words, the first of which is said to be a span. Its log-odds of being right are told `sharpness`
    times as large; those of the other words as they are."""
    rng = np.random.default_rng(2)
    catalogue = Catalogue.installed()
    task = catalogue.task("tag", labels=("PER",))
    sure = rng.uniform(0.55, 0.9, 600)
    span = rng.random(600) < sure
    told = sure**sharpness / (sure**sharpness + (1 - sure) ** sharpness)
    words = ["Ada", *["says", "it", "all", "over", "again", "and", "goes"]]
    tags = [["B-PER" if each else "O"] + ["O"] * 7 for each in span]
    data = Dataset.of({"tokens": [words] * 600, "label": tags})
    probs = [np.concatenate([[[1 - p, p, 0.0]], np.tile([[0.999, 0.001, 0.0]], (7, 1))]) for p in told]
    guess = [each.argmax(axis=1) for each in probs]
    answers = Predictions(data.row_ids, {"probs": probs, "tags": guess})
    return Case(Recorded(task, answers), data, catalogue=catalogue)


def test_spans_are_asked_by_themselves_where_other_words_hide_them():
    honest, sharp = ({each.name: each for each in ruled_of(tagged(sharpness))} for sharpness in (1.0, 4.0))
    assert honest["calibration_error[named]"].value < 0.05
    assert sharp["calibration_error"].value < 0.08
    assert sharp["calibration_error[named]"].value > 0.15


def ruled_of(case):
    report = examine(case, orders(case, only=("calibration",)))
    return [ruling.measure for ruling in report.rulings]
