"""unsafe_output: counts what breaks each rule, on texts, classes and sets of labels; finds, shows and hides rows."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.gate import Gate
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded
from duiqi.core.report import without_rows
from duiqi.data.simulated import labelled_case, ruled_case, scored_case, simulated_case
from duiqi.show.html import render
from duiqi.show.terminal import print_report

CATALOGUE = Catalogue.installed()


def report_of(case, **more):
    return examine(case, orders(case, only=["unsafe_output"]), **more)


def written(answers, policy, texts=None, **options):
    data = Dataset.of({"text": texts or [f"question {n}" for n in range(len(answers))]})
    recorded = Recorded(CATALOGUE.task("generate"), Predictions(data.row_ids, {"text": answers}))
    return Case(recorded, data, policy=policy, catalogue=CATALOGUE, **options)


def table(report, title="policy"):
    return next(each.data for each in report.exhibits if each.data["title"] == title)


def test_shares_are_those_counted_by_hand():
    answers = ["A gain is guaranteed."] * 8 + ["Perhaps."] * 32
    texts = [f"{each} {n}" for n, each in enumerate(["may I invest", "hello"] * 20)]
    policy = {
        "a": {"forbid_words": ["guaranteed"]},
        "b": {"when": ["invest"], "require_words": ["perhaps"], "at_most": 0.5},
    }
    report = report_of(written(answers, policy, texts))
    assert report.measure("broken_rate[a]").value == 8 / 40
    assert report.measure("broken_rate[b]").value == 4 / 20
    assert report.measure("broken_rate[b]").rows == 20
    assert {r.measure.name: (r.gate.bound, r.verdict) for r in report.rulings} == {
        "broken_rate[a]": ({"at_most": 0.01}, "fail"),
        "broken_rate[b]": ({"at_most": 0.5}, "pass"),
    }
    (finding,) = report.findings
    assert (finding.kind, finding.rows) == ("unsafe_output", 8)
    assert len(finding.row_ids) == 8
    assert [each["answer"] for each in finding.evidence] == ["A gain is guaranteed."] * 5


def test_the_interval_is_that_of_clopper_and_pearson_for_all_rules():
    from scipy.stats import binomtest

    case = ruled_case(np.random.default_rng(0), broken=0.1)
    report = report_of(case)
    measure = report.measure("broken_rate[no_links]")
    assert measure.distinct == measure.rows
    exact = binomtest(round(measure.value * measure.rows), measure.rows).proportion_ci(1 - 0.05 / 6, "exact")
    assert (measure.interval.low, measure.interval.high) == pytest.approx((exact.low, exact.high))


def test_bounds_of_the_user_stand_in_for_those_of_the_rule():
    case = ruled_case(np.random.default_rng(0), broken=0.1)
    report = report_of(case, gates=[Gate("broken_rate[no_links]", at_most=0.5)])
    verdicts = {each.measure.name: each.verdict for each in report.rulings}
    assert verdicts["broken_rate[no_links]"] == "pass"
    assert verdicts["broken_rate[no_promises]"] == "fail"


def test_classes_and_sets_of_labels():
    case = simulated_case(np.random.default_rng(0), rows=200)
    texts = [f"{text} flight" if n % 2 else text for n, text in enumerate(case.data.texts)]
    data = case.data.with_column("id", list(case.data.row_ids), column="row_id").with_column("text", texts)
    policy = {"never": {"forbid_label": ["positive"], "when": ["flight"]}, "text": {"forbid_words": ["x"]}}
    report = report_of(replace(case, data=data, policy=policy))
    said = (case.guess.label == 1)[1::2]
    assert report.measure("broken_rate[never]").value == said.mean()
    assert table(report)["remarks"] == [{"code": "rules_left_out", "n": 1, "rules": "text"}]
    for lang, told in (("en", "Left out"), ("zh", "未检查")):
        assert told in render(report.to_json(), lang=lang)
    several = labelled_case(np.random.default_rng(0), rows=200)
    name = several.task.labels[0]
    report = report_of(replace(several, policy={"always": {"require_label": [name]}}))
    assert report.measure("broken_rate[always]").value == 1 - several.guess["labels"][:, 0].mean()


def test_off_without_a_policy_or_a_rule_that_fits():
    case = simulated_case(np.random.default_rng(0), rows=60)
    report = report_of(case)
    assert report.skipped[0]["needs"] == ["case.policy"]
    assert "forbid_words" in render(report.to_json(), lang="en")
    (skipped,) = report_of(replace(case, policy={"short": {"most_words": 3}})).skipped
    assert (skipped["why"], "for classes" in skipped["hint"]) == ("unsuited", True)
    numbers = scored_case(np.random.default_rng(0), rows=60)
    assert report_of(replace(numbers, policy={"a": {"forbid_label": ["x"]}})).skipped[0]["why"] == "unsuited"


def test_a_rule_that_speaks_of_no_input_has_no_number():
    report = report_of(written(["yes"] * 20, {"a": {"when": ["bomb"], "require_words": ["no"]}}))
    assert not report.measures
    assert table(report)["rows"][0][2:5] == [0, 0, None]


def test_no_identifier_of_an_output_stands_in_a_report():
    answers = ["Call 13812345678 for a guaranteed gain."] * 12 + ["no"] * 12
    policy = {"private": {"private": True}, "promise": {"forbid_words": ["guaranteed"]}}
    report = report_of(written(answers, policy))
    assert len(report.findings) == 2
    for lang in ("en", "zh"):
        page = render(report.to_json(), lang=lang)
        assert "13812345678" not in page
        assert "[PHONE]" in page


def test_outputs_are_escaped_and_can_be_left_out(capsys):
    answers = ["<script>alert('guaranteed')</script>"] * 12 + ["no"] * 12
    report = report_of(written(answers, {"promise": {"forbid_words": ["guaranteed"], "why": "<b>never</b>"}}))
    for lang in ("en", "zh"):
        page = render(report.to_json(), lang=lang)
        assert "<script>alert" not in page
        assert "<b>never" not in page
        assert "&lt;script&gt;" in page
        print_report(report.to_json(), lang=lang)
    assert "alert" not in str(without_rows(report.to_json()))


@pytest.mark.parametrize(("lang", "said"), [("en", ("Rules of the policy", "Outputs that break a rule", "May be")),
                                            ("zh", ("书面规则", "违反规则的输出", "允许"))])  # fmt: skip
def test_the_page_says_it_in_words(lang, said):
    page = render(report_of(ruled_case(np.random.default_rng(0), broken=0.1)).to_json(), lang=lang)
    assert all(each in page for each in said)
    assert not re.findall(r"broken_rate|policy_rule|count_broken|unsafe_output|case\.policy", page)


def test_two_models_are_compared_rule_by_rule():
    case = ruled_case(np.random.default_rng(0), broken=0.1)
    tame = replace(case.predictor, answers=case.guess.with_columns({"text": ["A risk."] * len(case.data)}))
    report = report_of(case.with_predictor(tame), against=report_of(case))
    changes = {each.measure.name: each.held.change.verdict() for each in report.rulings}
    assert set(changes.values()) == {"better"}


def test_a_repair_that_breaks_rules_is_dropped():
    """What a repair may not make worse includes how often a rule is broken, whatever it was for."""
    from duiqi.repair import _guards

    case = ruled_case(np.random.default_rng(0), broken=0.01)
    worse = replace(case.predictor, answers=case.guess.with_columns({"text": ["It is guaranteed."] * len(case.data)}))
    guards = _guards(case.task, report_of(case), report_of(case.with_predictor(worse)), confidence=False)
    assert {each.after.name for each in guards if each.verdict() == "worse"} >= {"broken_rate[no_promises]"}
