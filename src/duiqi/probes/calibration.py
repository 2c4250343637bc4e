from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from duiqi.core.case import Case
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Interval, Measure, jeffreys
from duiqi.core.part import probe
from duiqi.data.simulated import LABELS, simulated_case

COVERAGES = 20  # points of the risk-coverage curve


@probe(
    kind="miscalibration",
    needs=("model.confidence", "data.label"),
    gates=(Gate("calibration_error", at_most=0.05),),
    source="Guo, Pleiss, Sun & Weinberger, 2017, On calibration of modern neural networks, ICML, "
    "https://arxiv.org/abs/1706.04599; estimator: Kumar, Liang & Ma, 2019, NeurIPS, https://arxiv.org/abs/1909.10155; "
    "risk and coverage: Geifman & El-Yaniv, 2017, NeurIPS, https://arxiv.org/abs/1705.08500",
)
def calibration(case: Case, *, bins: int = 10) -> Iterator[Measure | Exhibit]:
    """Gap between how sure the model is and how often it is right.

    Whoever acts on a confidence (a threshold, a hand-over to a person) needs it to mean what it says: of the answers
    given with 90 %, nine in ten should be right. The measure is the debiased root mean squared calibration error; the
    picture shows accuracy against confidence in `bins` bins of equally many rows. Whether a confidence ranks answers,
    so that the doubtful ones can be handed over, is another matter: a curve shows the errors among the surest share of
    the rows, and `aurc` is the area under it.

    Of tags and of several labels it is measured once more among what the model names (`calibration_error[named]`): most
    words are no part of a span and most labels are not given, of which any model is sure and right.

    Misleads on rows unlike those it was measured on: calibration does not survive a shift.
    Treated by temperature scaling.
    """
    yield _honest(case, case.measure("calibration_error"))
    if case.task.unit in ("word", "label"):
        yield _honest(case, case.measure("calibration_error", among="named"), named=True)
    yield _reliability(case, bins)
    yield case.measure("aurc")
    yield _risk_coverage(case)


def _honest(case: Case, measure: Measure, *, named: bool = False) -> Measure:
    """Where all answers are right, or all wrong, draws cannot tell how far that is from what is true of other rows: the
    interval of the share of right answers then says it: its ends against the mean confidence, and against each."""
    truth, guess = case.parts
    asked = guess.label > 0 if named else np.ones(len(truth), dtype=bool)
    hits, confidence = (guess.label == truth)[asked], guess.probs.max(axis=1)[asked]
    right, rows = int(hits.sum()), len(hits)
    if not rows or 0 < right < rows:
        return measure
    low, high = jeffreys(right, rows)
    sure = float(confidence.mean())
    least = max(0.0, sure - high, low - sure)
    most = max(float(np.sqrt(np.mean((confidence - end) ** 2))) for end in (low, high))
    return replace(measure, stated=Interval(min(least, measure.value), max(most, measure.value)))


def _reliability(case: Case, bins: int) -> Exhibit:
    truth, guess = case.parts
    confidence, hits = guess.probs.max(axis=1), guess.label == truth
    order = np.argsort(confidence, kind="stable")
    points = []
    for rows in np.array_split(order, max(1, min(bins, len(order) // 20))):
        right, n = int(hits[rows].sum()), len(rows)
        low, high = jeffreys(right, n)
        points.append([float(confidence[rows].mean()), right / n, low, high, n])
    series = [{"name": "model", "points": points}]
    data = {"title": "reliability", "x": "confidence", "y": "accuracy", "series": series, "diagonal": True}
    return Exhibit("curve", data)


def _risk_coverage(case: Case) -> Exhibit:
    """The share of wrong answers among the surest of the rows, by how many of them are kept."""
    truth, guess = case.parts
    order = np.argsort(-guess.probs.max(axis=1), kind="stable")
    errors = np.cumsum((guess.label != truth)[order])
    kept = np.unique(np.linspace(0, len(order), COVERAGES + 1).round().astype(int))
    points = []
    for n in kept[kept > 0].tolist():
        wrong = int(errors[n - 1])
        points.append([n / len(order), wrong / n, *jeffreys(wrong, n), n])
    series = [{"name": "model", "points": points}]
    return Exhibit("curve", {"title": "risk_coverage", "x": "coverage", "y": "error_rate", "series": series})


@calibration.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    return _with_temperature(rng, 1.0), _with_temperature(rng, 1.0 + 3.0 * strength)


def _with_temperature(rng: np.random.Generator, sharpness: float) -> Case:
    """Answers that are right as often as the probabilities say, and then all log-odds times `sharpness`."""
    from duiqi.core.predictions import Predictions, Recorded

    case = simulated_case(rng, rows=1200)
    honest = 1 / (1 + np.exp(-rng.normal(0, 2.2, len(case.data))))
    truth = (rng.random(len(case.data)) < honest).astype(np.int64)
    sharp = 1 / (1 + np.exp(-sharpness * np.log(honest / (1 - honest))))
    data = case.data.with_column("label", [LABELS[t] for t in truth])
    answers = Predictions(data.row_ids, {"probs": np.stack([1 - sharp, sharp], axis=1)})
    return replace(case, data=data, predictor=Recorded(case.predictor.task, answers))
