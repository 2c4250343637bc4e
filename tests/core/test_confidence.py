"""A model that only names classes is examined by its classes, and never told how sure it is."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from duiqi.core.case import misses
from duiqi.core.errors import DataError
from duiqi.core.examine import examine, orders
from duiqi.core.predictions import Predictions
from duiqi.data.simulated import simulated_case
from duiqi.show import html, terminal

OF_PROBABILITIES = {"log_loss", "brier", "calibration_error", "auroc", "aurc", "overconfidence"}


def sure_and_named():
    """The same answers with probabilities, and as classes only; one region is answered worse."""

    def error(data):
        return np.where(data.group("region") == "west", 0.5, 0.05)

    rng = np.random.default_rng(3)
    sure = simulated_case(rng, error=error, groups={"region": ("north", "south", "west")}, train_rows=300)
    sure = replace(sure, draws=200)
    answers = Predictions(sure.data.row_ids, {"probs": np.eye(2)[sure.guess.label]})
    return sure, sure.with_predictor(replace(sure.predictor, answers=answers, classes_only=True))


PROBES = ("performance", "blind_spots", "fairness", "imbalance", "calibration", "unlabelled_accuracy")


@pytest.fixture(scope="module")
def reports():
    sure, named = sure_and_named()
    return [examine(case, orders(case, only=PROBES)) for case in (sure, named)]


def test_classes_are_no_confidences():
    sure, named = sure_and_named()
    assert sure.has("model.confidence")
    assert sure.has("model.probs")
    assert named.has("model.probs")
    assert not named.has("model.confidence")
    numbers = simulated_case(np.random.default_rng(0), rows=40)
    numbers = numbers.with_predictor(replace(numbers.predictor, answers=Predictions(numbers.data.row_ids, {})))
    assert not numbers.has("model.confidence")


def test_probes_of_classes_run_and_say_the_same(reports):
    _, by_class = reports
    ran = {measure.probe for measure in by_class.measures}
    assert ran >= {"performance", "blind_spots", "fairness"}
    skipped = {each["probe"]: each["needs"] for each in by_class.skipped}
    assert skipped == {
        "calibration": ["model.confidence"],
        "unlabelled_accuracy": ["case.references", "model.confidence"],
    }
    found = [{(each.kind, each.slice.rule) for each in report.findings} for report in reports]
    assert ("unfairness", "region == west") in found[1]
    assert {each for each in found[0] if each[0] != "miscalibration"} == found[1]
    values = [{(m.probe, m.name, m.slice.rule): m.value for m in report.measures if m.is_number} for report in reports]
    shared = {key for key in values[1] if key in values[0]}
    assert ("performance", "accuracy", "all") in shared
    assert all(values[0][key] == pytest.approx(values[1][key], nan_ok=True) for key in shared)


def test_nothing_is_measured_that_asks_how_sure_it_is(reports):
    named = [{measure.metric.name for measure in report.measures} & OF_PROBABILITIES for report in reports]
    assert named == [OF_PROBABILITIES, set()]


def test_rows_with_other_labels_cannot_be_judged_even_where_only_confidence_is_asked_for():
    sure, _ = sure_and_named()
    other = replace(sure, data=sure.data.paired(sure.data.with_column("label", ["unheard"] * len(sure.data))))
    with pytest.raises(DataError, match="expected labels among negative, positive, given unheard"):
        examine(other, orders(other, only=["calibration"]))


def test_misses_are_errors():
    _, named = sure_and_named()
    missed = misses(named.task, named.truth, named.guess)
    assert np.allclose(missed, ~named.right)
    assert np.array_equal(named.confidence, np.ones(len(named.data)))


@pytest.mark.parametrize(
    ("lang", "why", "supply", "sure"),
    [
        ("en", "its answers come without probabilities", "record one for each label beside the answers", "sure"),
        ("zh", "答案没有附带概率", "在记录答案时为每个标签附上概率", "置信度"),
    ],
)
def test_reports_say_what_is_missing_and_show_no_confidence(reports, lang, why, supply, sure):
    for report, told in zip(reports, (True, False), strict=True):
        said = report.to_json()
        assert all((row["confidence"] is not None) is told for each in said["findings"] for row in each["evidence"])
        console = Console(file=io.StringIO(), width=200, color_system=None, force_terminal=False)
        terminal.print_report(said, lang=lang, console=console)
        for shown in (console.file.getvalue(), html.render(said, lang=lang)):
            assert (why in shown) is not told
            assert (supply in shown) is not told
        assert (f"<dt>{sure}</dt>" in shown) is told
