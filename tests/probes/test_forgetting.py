"""forgetting: counts rows lost and won between two models, set by set; what is of another task is told, not counted."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded
from duiqi.core.report import without_rows
from duiqi.data.simulated import forgetful_case, labelled_case, scored_case, tagged_case, written_case
from duiqi.show.html import render

CATALOGUE = Catalogue.installed()


def report_of(case):
    return examine(case, orders(case, only=["forgetting"]))


def sick(**options):
    return forgetful_case(np.random.default_rng(0), lost=0.12, **options)


def table(report, title="ledger"):
    return next(each.data for each in report.exhibits if each.data["title"] == title)


def by_hand(texts, truth, then, now, *, labels=("no", "yes"), before=("no", "yes"), **more):
    """A case of which each side answers one class a row; the model before may number its classes otherwise."""
    data = Dataset.of({"text": texts, "label": truth}, **more)

    def model(answers, known):
        probs = np.eye(len(known))[[known.index(each) for each in answers]] * 0.8 + 0.2 / len(known)
        return Recorded(CATALOGUE.task("classify", labels=known), Predictions(data.row_ids, {"probs": probs}))

    return Case(model(now, labels), data, before=model(then, before), catalogue=CATALOGUE)


def test_rows_are_counted_as_by_hand():
    truth = ["yes"] * 10 + ["no"] * 10
    then = ["yes"] * 8 + ["no"] * 12  # 18 right
    now = ["no"] * 3 + ["yes"] * 7 + ["no"] * 8 + ["yes"] * 2  # forgotten: 0-2 and 18-19; learned: 8-9
    case = by_hand([f"t{n}" for n in range(20)], truth, then, now)
    report = report_of(case)
    assert report.measure("backward_transfer").value == pytest.approx(-3 / 20)
    name, n, was, is_now, change, forgotten, learned = table(report)["rows"][0]
    assert (name, n, forgotten, learned) == ("rows_examined", 20, 5, 2)
    assert (was["value"], is_now["value"], change["value"]) == pytest.approx((18 / 20, 15 / 20, -3 / 20))
    assert table(report, "forgotten_by")["rows"] == [
        ["label == yes", 10, 3, 2, "rows_examined"],
        ["label == no", 10, 2, 0, "rows_examined"],
    ]
    shown = [row[:5] for row in table(report, "forgotten")["rows"]]
    assert ["learned", "t8", "yes", "no", "yes"] in shown
    assert sum(row[0] == "forgotten" for row in shown) == 4
    assert "t0" not in str(without_rows(report.to_json())["exhibits"])


def test_classes_that_the_model_before_numbered_otherwise_are_the_same_classes():
    texts, truth = [f"t{n}" for n in range(20)], ["yes", "no"] * 10
    case = by_hand(texts, truth, truth, truth, before=("yes", "no"))
    report = report_of(case)
    assert report.measure("backward_transfer").value == 0
    assert table(report)["rows"][0][5:] == [0, 0]


def test_what_is_lost_on_a_reference_is_found_there_with_its_rows():
    case = sick()
    report = report_of(case)
    (finding,) = report.findings
    assert (finding.kind, finding.ruling.measure.name) == ("forgetting", "backward_transfer[earlier]")
    earlier = case.references["earlier"]
    assert set(finding.row_ids) <= set(map(str, earlier.row_ids))
    assert finding.rows == table(report)["rows"][1][5]
    assert len(finding.evidence) == 5
    assert all(row["label"] != row["answer"] for row in finding.evidence)


def test_the_change_is_that_of_the_accuracies_and_surer_than_the_two_apart():
    case = sick()
    report = report_of(case)
    then = case.with_predictor(case.before, before=None)
    apart = case.measure("accuracy") - then.measure("accuracy")
    measure = report.measure("backward_transfer")
    assert measure.value == pytest.approx(apart.value)
    assert measure.interval.low == pytest.approx(apart.interval.low, abs=0.003)
    assert measure.interval.high == pytest.approx(apart.interval.high, abs=0.003)
    single = case.measure("accuracy").interval
    assert measure.interval.high - measure.interval.low < single.high - single.low


def test_two_equal_models_forget_nothing_and_are_not_certain_of_it():
    case = sick()
    same = replace(case, before=case.predictor)
    report = report_of(same)
    assert report.verdict == "pass"
    for measure in report.measures:
        assert measure.value == 0
        assert measure.interval.low < 0 < measure.interval.high


def test_groups_with_the_most_forgotten_rows_are_named():
    case = sick(groups={"shop": ("north", "south")})
    rows = table(report_of(case), "forgotten_by")["rows"]
    assert {row[0] for row in rows} >= {"shop == north", "shop == south", "label == positive"}
    of_shops = [row for row in rows if row[0].startswith("shop") and row[4] == "earlier"]
    assert sum(row[2] for row in of_shops) == table(report_of(case))["rows"][1][5]


def test_references_of_another_task_are_refused_and_said_to_be():
    case = sick()
    strange = Dataset.of({"text": ["a", "b"] * 20, "label": ["sports", "money"] * 20}, name="strange")
    bare = Dataset.of({"text": ["a", "b"] * 20}, name="bare")
    report = report_of(replace(case, references={**case.references, "strange": strange, "bare": bare}))
    assert [row[0] for row in table(report)["rows"]] == ["rows_examined", "earlier"]
    (remark,) = table(report)["remarks"]
    assert remark["by"] == "strange"
    assert "sports" in remark["why"] or "money" in remark["why"]
    for lang, said in (("en", "strange is left out"), ("zh", "strange 未列入")):
        assert said in render(report.to_json(), lang=lang)
    tags = tagged_case(np.random.default_rng(0), rows=60)
    (skipped,) = report_of(replace(case, data=bare, references={"tags": tags.data})).skipped
    assert skipped["why"] == "unsuited"
    assert "tags: expected" in skipped["detail"]


def test_it_wants_a_model_before():
    case = sick()
    (skipped,) = report_of(replace(case, before=None)).skipped
    assert skipped["needs"] == ["case.before"]


@pytest.mark.parametrize("make", [labelled_case, tagged_case, scored_case, written_case])
def test_every_task_whose_rows_are_right_or_wrong(make):
    """The model before answers as well as this one did on another draw of errors: little is lost, and it is counted."""
    now, then = make(np.random.default_rng(0), rows=200), make(np.random.default_rng(0), rows=200, error=0.0)
    assert now.data.texts == then.data.texts
    before = Recorded(then.task, Predictions(now.data.row_ids, then.predictor.answers.columns))
    report = report_of(replace(now, before=before))
    assert not report.skipped
    lost = now.right.mean() - replace(now, predictor=before, memory={}).right.mean()
    assert report.measure("backward_transfer").value == pytest.approx(lost)


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", ("What was forgotten and what was learned", "Right before", "lost what it could do before", "points")),
        ("zh", ("遗忘了什么，学会了什么", "以前正确率", "丢失了以前具备的能力", "个百分点")),
    ],
)
def test_the_page_says_it_in_words(lang, said):
    page = render(report_of(sick()).to_json(), lang=lang)
    assert all(each in page for each in said)
    assert not re.findall(r"backward_transfer|right_before|rows_examined|forgotten_by", page)


def test_a_repair_that_forgets_a_reference_is_dropped():
    from duiqi.repair import _guards

    case = sick()
    first = report_of(replace(case, predictor=case.before))  # what a repair began with, held against itself
    guards = _guards(case.task, first, report_of(case), confidence=False)
    assert {each.after.name for each in guards if each.verdict() == "worse"} == {"backward_transfer[earlier]"}
