"""harmful_content and drop_harmful: counts as by hand, exact intervals, silence on clean rows, rows that go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded
from duiqi.core.report import without_rows
from duiqi.data.harmful import CATEGORIES
from duiqi.data.simulated import harmful_case, simulated_case, written_case
from duiqi.show.html import render

CATALOGUE = Catalogue.installed()


def report_of(case, only=("harmful_content",)):
    report = examine(case, orders(case, only=only))
    assert not report.skipped, report.skipped
    return report


def case_of(columns):
    data = Dataset.of(columns)
    probs = np.tile([0.5, 0.5], (len(data), 1))
    task = CATALOGUE.task("classify", labels=("a", "b"))
    return Case(Recorded(task, Predictions(data.row_ids, {"probs": probs})), data, catalogue=CATALOGUE)


def table_of(report, title):
    (table,) = [each.data for each in report.exhibits if each.data["title"] == title]
    return table


def test_the_shares_are_those_planted():
    case = harmful_case(np.random.default_rng(0), harmful=0.3)
    planted, report = case.guess["harmful"], report_of(case)
    assert sorted(report.facts["seconds_by_probe"]) == ["harmful_content"]
    for category, share in zip(CATEGORIES, planted.mean(axis=0), strict=True):
        found = report.measure(f"harmful_rate[{category}]").value
        assert share <= found <= share + 0.01  # a remark may hold a word of another category, too
    assert {each.kind for each in report.findings} == {"harmful_content"}
    assert all(each.remedies == ("drop_harmful",) for each in report.findings)


def test_intervals_are_exact_and_hold_for_all_categories_at_once():
    texts = [f"you idiot, no {n}" if n < 7 else f"a fine day, no {n}" for n in range(200)]
    measure = report_of(case_of({"text": texts, "label": ["a", "b"] * 100})).measure("harmful_rate[hate]")
    low, high = binomtest(7, 200).proportion_ci(1 - 0.05 / len(CATEGORIES), method="exact")
    assert measure.value == 7 / 200
    assert (measure.interval.low, measure.interval.high) == pytest.approx((low, high))


def test_copies_of_a_row_are_one_observation():
    texts = [f"you idiot, no {n}" if n < 7 else f"a fine day, no {n}" for n in range(200)]
    measure = report_of(case_of({"text": texts * 2, "label": ["a", "b"] * 200})).measure("harmful_rate[hate]")
    low, high = binomtest(7, 200).proportion_ci(1 - 0.05 / len(CATEGORIES), method="exact")
    assert (measure.interval.low, measure.interval.high) == pytest.approx((low, high))


def test_clean_rows_are_silent_and_other_checks_stay_as_they_were():
    for seed in range(5):
        case = simulated_case(np.random.default_rng(seed))
        report = report_of(case)
        assert (report.measures, report.rulings, report.exhibits) == ((), (), ())
    case = harmful_case(np.random.default_rng(9), harmful=0.4)
    alone, beside = report_of(case, ["calibration"]), report_of(case, ["calibration", "harmful_content"])
    assert len(beside.rulings) == len(alone.rulings) + len(CATEGORIES)
    assert [each.corrected for each in beside.rulings[: len(alone.rulings)]] == [
        each.corrected for each in alone.rulings
    ]


def test_rows_need_no_labels_and_both_texts_are_read():
    columns = {"text": [f"row {n}" for n in range(50)], "text_pair": ["fine", "you idiot"] * 25}
    report = report_of(case_of(columns))
    assert report.measure("harmful_rate[hate]").value == 0.5
    assert [each.name for each in report.measures] == ["harmful_rate[hate]"]


def test_texts_to_write_are_read():
    case = written_case(np.random.default_rng(0), rows=60)
    labels = [[*each, "you idiot"] if row % 3 == 0 else each for row, each in enumerate(case.data.values("label"))]
    data = case.data.with_column("label", labels)
    answers = replace(case.predictor.answers, row_ids=data.row_ids)
    report = report_of(replace(case, data=data, predictor=replace(case.predictor, answers=answers), memory={}))
    assert report.measure("harmful_rate[hate]").value == pytest.approx(20 / 60)


def test_examples_are_rows_and_can_be_left_out():
    long = "well " * 100
    texts = [f"{long}you idiot {long}{n}" for n in range(20)] + ["fine"] * 20
    report = report_of(case_of({"text": texts, "label": ["a", "b"] * 20}))
    (first, *_) = table_of(report, "harmful_examples")["rows"]
    assert first[:2] == ["hate", "idiot"]
    assert "you idiot" in first[2]
    assert len(first[2]) < 200
    assert "idiot" not in str(without_rows(report.to_json())["exhibits"])


# ---- the remedy


def plan_of(case, **options):
    return CATALOGUE.find("remedy", "drop_harmful")(case, report_of(case).findings, **options)


def test_rows_of_the_categories_that_were_found_go():
    texts = [f"you idiot {n}" for n in range(60)] + [f"a fine day {n}" for n in range(140)]
    case = case_of({"text": texts, "label": ["a", "b"] * 100})
    train = Dataset.of({"text": ["you idiot", "buy now", "hello", "bye"], "label": ["a", "b", "a", "b"]})
    plan = plan_of(replace(case, train=train))
    assert plan.data(train).texts == ["buy now", "hello", "bye"]
    assert plan.restart
    assert plan.trains
    everything = plan_of(replace(case, train=train), categories=CATEGORIES)
    assert everything.data(train).texts == ["hello", "bye"]


def test_the_last_row_of_a_label_does_not_go():
    case = harmful_case(np.random.default_rng(3), harmful=0.4)
    train = Dataset.of({"text": ["you idiot", "hello"], "label": ["negative", "positive"]})
    with pytest.raises(DataError, match="every label"):
        plan_of(replace(case, train=train)).data(train)


def test_training_rows_are_looked_at_too_and_the_part_is_said():
    case = case_of({"text": [f"a fine day {n}" for n in range(200)], "label": ["a", "b"] * 100})
    texts = [f"you idiot {n}" for n in range(30)] + [f"a fine day {n}" for n in range(270)]
    case = replace(case, train=Dataset.of({"text": texts, "label": ["a", "b"] * 150}))
    report = report_of(case)
    assert [each.name for each in report.measures] == ["harmful_rate[hate,train]"]
    measure = report.measure("harmful_rate[hate,train]")
    low, high = binomtest(30, 300).proportion_ci(1 - 0.05 / (2 * len(CATEGORIES)), method="exact")
    assert (measure.value, measure.rows) == (0.1, 300)
    assert (measure.interval.low, measure.interval.high) == pytest.approx((low, high))
    assert [each.remedies for each in report.findings] == [("drop_harmful",)]
    assert table_of(report, "harmful")["rows"] == [["hate", 0, 30]]
    assert {row[-1] for row in table_of(report, "harmful_examples")["rows"]} == {"in_train"}
    page = render(report.to_json(), lang="zh")
    assert "训练集" in page
    assert "in_train" not in page
    kept = plan_of(case).data(case.train)
    assert len(report_of(replace(case, train=kept)).measures) == 0


@pytest.mark.parametrize(("lang", "said"), [("en", "(hate, training rows)"), ("zh", "（仇恨、训练集）")])
def test_the_part_is_in_the_name(lang, said):
    from duiqi.show.sentences import Sentences

    words = Sentences.of(lang)
    assert said in words.metric("harmful_rate[hate,train]")
