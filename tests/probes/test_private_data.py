"""private_data: counts what was planted, in both parts, says no value, and needs neither answers nor labels."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded
from duiqi.core.report import without_rows
from duiqi.data.identifiers import found
from duiqi.data.made_up import private_case
from duiqi.data.private import Mask
from duiqi.data.simulated import simulated_case
from duiqi.show.html import render

CATALOGUE = Catalogue.installed()
PHONE = "13812345678"


def report_of(case):
    report = examine(case, orders(case, only=["private_data"]))
    assert not report.skipped, report.skipped
    return report


def unlabelled(texts, **columns):
    data = Dataset.of({"text": texts, **columns})
    task = CATALOGUE.task("classify", labels=("a", "b"))
    return Case(Recorded(task, Predictions(data.row_ids, {})), data, catalogue=CATALOGUE)


def test_the_share_is_the_one_planted():
    case = private_case(np.random.default_rng(0), share=0.2)
    report = report_of(case)
    assert report.measure("private_rate").value == pytest.approx(case.guess["private"].mean())
    held = np.mean([bool(each) for each in found(case.train.texts)])
    assert report.measure("private_rate[train]").value == pytest.approx(held)
    assert {each.ruling.measure.name for each in report.findings} == {"private_rate", "private_rate[train]"}
    assert all(each.remedies == ("mask_private",) for each in report.findings)


def test_one_row_in_a_thousand_is_the_bound():
    texts = [f"row {n}" for n in range(2000)]
    for rows, verdict in ((0, "pass"), (1, "pass"), (3, "fail")):
        report = report_of(unlabelled([f"{text} {PHONE}" if n < rows else text for n, text in enumerate(texts)]))
        assert report.verdict == verdict, rows
        assert report.measure("private_rate").value == rows / 2000


def test_second_texts_are_read_too():
    report = report_of(unlabelled(["who?", "what?"], text_pair=[f"call {PHONE}", None]))
    assert report.measure("private_rate").value == 0.5


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_no_report_says_a_value(lang):
    case = private_case(np.random.default_rng(3), share=0.3)
    data = case.data.with_column("id", [f"{PHONE[:-4]}{n:04}" for n in range(len(case.data))])
    answers = replace(case.predictor.answers, row_ids=data.row_ids)
    case = replace(case, data=data, predictor=replace(case.predictor, answers=answers))
    said = report_of(case).to_json()
    said["findings"] = [{**each, "slice": {**each["slice"], "row_ids": []}} for each in said["findings"]]
    texts = [json.dumps(said, ensure_ascii=False), render(said, lang=lang)]
    values = [
        text[one.start : one.end]
        for text, each in zip(case.data.texts, found(case.data.texts), strict=True)
        for one in each
    ]
    assert len(values) > 200
    assert [value for value in values if any(value in text for text in texts)] == []
    titles = [each["data"]["title"] for each in said["exhibits"]]
    assert titles == ["private", "private_examples"]
    assert [each["data"]["title"] for each in without_rows(said)["exhibits"]] == ["private"]


def test_kinds_that_are_chosen():
    case = unlabelled([f"call {PHONE}", "a@example.com"])
    report = examine(case, orders(case, only=["private_data"], options={"private_data": {"kinds": ["mail"]}}))
    assert report.measure("private_rate").value == 0.5


def test_what_others_say_of_their_measures_stays():
    """No gate of another probe is judged otherwise because this one was run, too."""
    case = simulated_case(np.random.default_rng(1), error=0.1, train_rows=300)
    alone = examine(case, orders(case, only=["calibration", "performance"]))
    both = examine(case, orders(case, only=["calibration", "performance", "private_data"]))
    theirs = [each for each in both.rulings if each.measure.probe != "private_data"]
    assert [each.to_json() for each in theirs] == [each.to_json() for each in alone.rulings]


def test_the_remedy_leaves_no_identifier_and_every_label():
    case = private_case(np.random.default_rng(5), share=0.3)
    plan = CATALOGUE.find("remedy", "mask_private")(case, ())
    train = plan.data(case.train)
    assert not any(Mask().found(train.texts))
    assert train.values("label") == case.train.values("label")
    assert list(train.row_ids) == list(case.train.row_ids)
    after = examine(replace(case, train=train), orders(case, only=["private_data"]))
    change = after.measure("private_rate[train]") - report_of(case).measure("private_rate[train]")
    assert change.verdict() == "better"
