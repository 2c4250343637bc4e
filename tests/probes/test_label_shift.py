"""label_shift: labels are counted where rows have some, else estimated; the report says which; bad input is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.data.simulated import simulated_case, unlabelled_case
from duiqi.show.html import render


def report_of(case):
    return examine(case, orders(case, only=["label_shift"]))


def share(data):
    return np.mean([label == "positive" for label in data.values("label")])


def test_labels_are_counted_where_there_are_some():
    case = simulated_case(np.random.default_rng(0), rows=600, positive=0.8, train_positive=0.5, train_rows=600)
    report = report_of(case)
    measure = report.measure("label_shift")
    assert measure.value == pytest.approx(abs(share(case.data) - share(case.train)), abs=1e-5)
    assert [each.kind for each in report.findings] == ["shift"]
    assert {each.data["title"] for each in report.exhibits} == {"label_shares"}


def test_labels_are_estimated_where_there_are_none():
    report = report_of(unlabelled_case(np.random.default_rng(1), positive=0.8))
    measure = report.measure("label_shift")
    assert measure.interval.low < 0.3 < measure.interval.high
    assert {each.data["title"] for each in report.exhibits} == {"label_shares_estimated"}
    bars = next(each.data["bars"] for each in report.exhibits if each.form == "bars")
    assert {each["label"]: each["value"] > 0 for each in bars} == {"positive": True, "negative": False}
    for lang, said in (("en", "have no labels"), ("zh", "没有标注")):
        assert said in render(report.to_json(), lang=lang)


def test_estimates_never_look_at_answers_or_labels():
    """The same rows with labels turned round: the estimate is the same."""
    case = unlabelled_case(np.random.default_rng(2), positive=0.7)
    first = report_of(case).measure("label_shift").value
    again = report_of(replace(case, predictor=simulated_case(np.random.default_rng(3)).predictor, memory={}))
    assert again.measure("label_shift").value == first


def test_bad_input_is_told():
    case = unlabelled_case(np.random.default_rng(0), positive=0.5, rows=200)
    one = case.train.take(np.array([label == "positive" for label in case.train.values("label")]))
    silent = Dataset.of({"text": [f"w{n}" for n in range(200)], "label": ["negative", "positive"] * 100})
    for bad, said in (
        (replace(case, train=case.data), "one file"),
        (replace(case, data=case.data.take(np.arange(29))), "30 rows or more"),
        (replace(case, train=one), "two classes or more"),
        (replace(case, train=silent), "words that come again"),
    ):
        (skipped,) = report_of(bad).skipped
        assert skipped["why"] == "unsuited", skipped
        assert said in skipped["detail"]
