"""unfaithfulness: finds what was planted and nothing else, counts as by hand, is off where nothing is written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded
from duiqi.core.report import without_rows
from duiqi.data.claims import KINDS
from duiqi.data.simulated import retelling, retold_case, simulated_case
from duiqi.probes.unfaithfulness import excerpt

CATALOGUE = Catalogue.installed()


def report_of(case):
    report = examine(case, orders(case, only=["unfaithfulness"]))
    assert not report.skipped, report.skipped
    return report


def case_of(rows, answers, **options):
    data = Dataset.of(rows)
    return Case(
        Recorded(retelling(), Predictions(data.row_ids, {"text": answers})), data, catalogue=CATALOGUE, **options
    )


def table_of(report, title):
    return [each.data for each in report.exhibits if each.data["title"] == title]


def test_the_flags_are_those_planted():
    case = retold_case(np.random.default_rng(0), added=0.3)
    report, planted = report_of(case), case.guess["unfaithful"]
    found = [report.measure(f"unfaithful_rate[{kind}]").value for kind in KINDS]
    assert found == pytest.approx(planted.mean(axis=0))
    again = [case.noted("unfaithful_rate", planted, of=kind).value for kind in KINDS]
    assert again == found


def test_faithful_texts_are_silent():
    for seed in range(8):
        case = retold_case(np.random.default_rng(seed), added=0.0, references=0.0)
        report = report_of(case)
        assert not report.findings
        assert [report.measure(f"unfaithful_rate[{kind}]").value for kind in KINDS] == [0, 0, 0]
        assert report.verdict == "pass"
        assert not table_of(report, "added")


def test_as_much_as_the_references_is_no_finding():
    alarms = sum(bool(report_of(retold_case(np.random.default_rng(seed), added=0.1, references=0.1)).findings)
                 for seed in range(12))  # fmt: skip
    assert alarms == 0


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_is_added_is_found(kind):
    """Additions of one kind alone, put into the answers of a case without any."""
    more = {"number": ("It took 17 days.", "共四十五天。"), "name": ("Then Quentin came.", "还有《灯火》。"),
            "negation": ("It did not rain.", "灯没有坏。")}[kind]  # fmt: skip
    for seed in range(3):
        case = retold_case(np.random.default_rng(seed), added=0.0, references=0.0)
        picked = np.random.default_rng(seed + 50).random(len(case.data)) < 0.12
        texts = [f"{text} {more[row % 2]}" if picked[row] else text for row, text in enumerate(case.guess["text"])]
        sick = replace(case, predictor=replace(case.predictor, answers=case.guess.with_columns({"text": texts})))
        report = report_of(sick)
        assert [each.ruling.measure.name for each in report.findings] == [
            f"unfaithful_rate_difference[{kind},references]"
        ]
        assert report.measure(f"unfaithful_rate[{kind}]").value == pytest.approx(picked.mean())
        (table,) = table_of(report, "added")
        assert {row[0] for row in table["rows"]} == {kind}


def test_a_part_of_the_references_counts_a_part():
    rows = {"text": ["a lamp"] * 4, "label": [["a lamp", "it took 5 days"], [], ["2024"], ["a lamp"]]}
    report = report_of(case_of(rows, ["", "it took 7 days", "x", "x"]))
    assert report.measure("unfaithful_rate[number]").value == 1 / 4
    assert report.measure("unfaithful_rate_difference[number,references]").value == pytest.approx((1 - 1.5) / 4)


def test_the_second_text_is_a_source():
    rows = {"text": ["who?"] * 12, "text_pair": ["It was Obama in 2009", None] * 6, "label": [["x"]] * 12}
    report = report_of(case_of(rows, ["it was Obama in 2009"] * 12))
    assert [report.measure(f"unfaithful_rate[{kind}]").value for kind in KINDS] == [0.5, 0.5, 0]


def test_empty_answers_add_nothing_and_asking_again_changes_nothing():
    case = retold_case(np.random.default_rng(1), references=0.0)
    empty = case.guess.with_columns({"text": [""] * len(case.data)})
    silent = replace(case, predictor=replace(case.predictor, answers=empty), memory={})
    first, again = report_of(silent), report_of(silent)
    assert first.verdict == "pass"
    assert [m.to_json() for m in first.measures] == [m.to_json() for m in again.measures]
    assert all(measure.value == 0 for measure in first.measures)


def test_examples_are_rows_and_can_be_left_out():
    case = retold_case(np.random.default_rng(2), added=0.3)
    report = report_of(case)
    (table,) = table_of(report, "added")
    for kind, said, source, answer in table["rows"]:
        assert kind in KINDS
        assert said in answer
        assert said not in source
    assert [each["data"]["title"] for each in without_rows(report.to_json())["exhibits"]] == ["unfaithful"]


def test_a_long_text_is_shown_where_it_adds():
    assert "17" in excerpt("word " * 80 + "17 " + "word " * 80, "17")
    assert excerpt("short", "17") == "short"


def test_off_where_no_text_is_written():
    case = simulated_case(np.random.default_rng(0), rows=60)
    (skip,) = examine(case, orders(case, only=["unfaithfulness"])).skipped
    assert (skip["why"], skip["needs"]) == ("missing", ["model.text", "task.generate"])
