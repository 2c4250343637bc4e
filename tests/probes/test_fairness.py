"""Groups as people bring them: tiny, very many, correlated; and what the report says of them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from duiqi.core.dataset import Dataset
from duiqi.core.errors import OptionError
from duiqi.core.examine import Order, examine
from duiqi.core.gate import Gate
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded
from duiqi.core.report import load_measures, save_measures
from duiqi.data.simulated import labelled_case, scored_case, simulated_case, tagged_case, written_case
from duiqi.show import html
from duiqi.show.terminal import print_report

CATALOGUE = Catalogue.installed()
PROBE = CATALOGUE.find("probe", "fairness")


def report_of(case, *, gates=(), **options):
    report = examine(case, [Order(PROBE, options)], gates=gates)
    assert not report.skipped
    return report


def tables(report, title):
    return [each.data for each in report.exhibits if each.data["title"] == title and each.form == "table"]


def with_groups(case, **columns):
    """The case with group columns beside its own."""
    table = case.data.table
    for name, values in columns.items():
        table = table.append_column(name, [list(map(str, values))])
    schema = replace(case.data.schema, groups=tuple(columns))
    data = replace(case.data, table=table, schema=schema)
    data.__dict__["row_ids"] = case.data.row_ids
    return replace(case, data=data, memory={})


def society(rows=4000, seed=0):
    """Women are answered wrong more often; the region goes with the gender, and says no more."""
    rng = np.random.default_rng(seed)
    woman = rng.random(rows) < 0.5
    region = np.where(rng.random(rows) < 0.75, np.where(woman, "south", "north"), rng.choice(["south", "west"], rows))
    case = simulated_case(rng, rows=rows, error=lambda data: np.where(woman, 0.3, 0.1), draws=300)
    return with_groups(case, gender=np.where(woman, "f", "m"), region=region)


def test_a_group_of_three_rows_is_said_and_not_dropped():
    case = simulated_case(np.random.default_rng(0), rows=603, error=0.1, draws=200)
    town = np.repeat(["large", "other", "hamlet"], [300, 300, 3])
    probs = np.where(np.arange(603)[:, None] >= 600, 1 - case.guess.probs, case.guess.probs)
    case = replace(case, predictor=replace(case.predictor, answers=case.guess.with_columns({"probs": probs})))
    report = report_of(with_groups(case, town=town))
    (table,) = tables(report, "by_group")
    rows = {row[0]: row for row in table["rows"]}
    overall = case.right.mean()
    assert rows["hamlet"][-1] == 3
    assert rows["hamlet"][1]["shrunk"]
    assert rows["hamlet"][1]["value"] == pytest.approx((3 * case.right[600:].mean() + 27 * overall) / 30)
    assert "hamlet" not in report.measure("accuracy_gap").across.levels
    said = {"en": "1 of 3 groups have fewer than 30 rows", "zh": "3 个群体中有 1 个不足 30 行"}
    for lang, sentence in said.items():
        page = html.render({**report.to_json(), "task": case.task.to_json()}, lang=lang).replace("\u00a0", " ")
        assert sentence in page
        assert re.search(r"hamlet</t.>\s*<td[^>]*>[\d.]+ ?%\*", page)


def test_one_large_group_is_no_gap_and_said():
    case = simulated_case(np.random.default_rng(0), rows=310, draws=100)
    report = report_of(with_groups(case, town=np.repeat(["large", "small"], [300, 10])))
    assert not report.measures
    (table,) = tables(report, "by_group")
    assert {each["code"] for each in table["remarks"]} == {"groups_small", "groups_alone"}


def test_very_many_groups_are_met():
    """Twenty thousand groups, of which some are large: the largest are compared, the worst shown, the rest counted."""
    rng = np.random.default_rng(0)
    case = simulated_case(rng, rows=60_000, error=0.1, draws=50)
    user = np.where(rng.random(60_000) < 0.5, rng.integers(0, 400, 60_000), rng.integers(400, 20_400, 60_000))
    bad = user == 7
    truth, guess = case.truth, case.guess
    probs = np.where(bad[:, None], np.eye(2)[1 - truth] * 0.8 + 0.1, guess.probs)
    case = replace(case, predictor=replace(case.predictor, answers=guess.with_columns({"probs": probs})))
    case = with_groups(case, user=user, gender=rng.choice(["f", "m"], 60_000))
    report = report_of(case)
    counts = np.unique(user, return_counts=True)[1]
    gap = next(each for each in report.measures if each.name == "accuracy_gap[user]")
    assert len(gap.across.levels) == 200
    assert min(gap.across.rows) >= np.sort(counts)[-200:].min()
    table = next(each for each in tables(report, "by_group") if each["by"] == "user")
    assert table["total"] == len(counts)
    assert table["rows"][0][0] == "7"
    assert len(table["rows"]) == 60
    remarks = {each["code"]: each for each in table["remarks"]}
    assert remarks["groups_small"]["n"] == int((counts < 30).sum())
    assert (remarks["groups_compared"]["n"], remarks["groups_compared"]["of"]) == (200, int((counts >= 30).sum()))
    assert (remarks["groups_shown"]["n"], remarks["groups_shown"]["of"]) == (60, len(counts))
    (by_attribute,) = tables(report, "error_by_attribute")
    assert by_attribute["remarks"] == [{"code": "attribute_too_many_groups", "by": "user"}]


def test_what_errors_go_with_is_told_by_column():
    report = report_of(society())
    assert {finding.kind for finding in report.findings} == {"unfairness"}
    (table,) = tables(report, "error_by_attribute")
    spread = {row[0]: row for row in table["rows"]}
    assert spread["region"][1]["low"] > 0.03 > spread["region"][2]["value"]
    assert spread["gender"][2]["low"] > 0.07
    drawn = Console(width=100, record=True, file=StringIO())
    print_report({**report.to_json(), "task": None}, lang="en", console=drawn)
    assert re.search(r"What errors go with.*\n.*Adjusted.*\n +gender +[\d.]+ points", drawn.export_text())
    south = {row[0]: row for each in tables(report, "error_by_group") for row in each["rows"]}["south"]
    assert south[2]["low"] > 0
    assert south[3]["low"] < 0 < south[3]["high"]


def test_gaps_name_the_class_and_the_groups_they_lie_between():
    report = report_of(society())
    case = society()
    (table,) = tables(report, "fairness_gaps")
    rows = {(row[0], row[1]): row for row in table["rows"]}
    women, positive = case.data.group("gender") == "f", case.truth == 1
    found = [float(np.mean(case.guess.label[positive & side] == 1)) for side in (women, ~women)]
    row = rows["gender", "equal_opportunity"]
    assert row[4] == "positive"
    assert (row[5]["group"], row[6]["group"]) == ("f", "m")
    assert (row[5]["value"], row[6]["value"]) == pytest.approx(found)
    assert row[2]["value"] == pytest.approx(found[1] - found[0])
    assert row[2]["value"] - 0.01 < row[3]["value"] <= row[2]["value"]  # of two groups chance makes little
    odds = rows["gender", "equalized_odds"]
    assert odds[6]["value"] - odds[5]["value"] == pytest.approx(odds[2]["value"])
    by_gender = next(each for each in tables(report, "by_group") if each["by"] == "gender")
    rates = {row[0]: dict(zip(by_gender["columns"], row, strict=True)) for row in by_gender["rows"]}
    mistaken = float(np.mean(case.guess.label[~positive & women] == 1))
    assert rates["f"]["false_positive_rate"]["value"] == pytest.approx(mistaken)
    assert rates["f"]["true_positive_rate"]["value"] == pytest.approx(found[0])
    for cell in rates["f"].values():
        assert not isinstance(cell, dict) or cell["low"] <= cell["value"] <= cell["high"]


def test_a_gate_of_the_users_on_equalised_odds_names_the_group():
    report = report_of(society(), gates=[Gate("equalized_odds_gap", at_most=0.1)], crossings=False)
    found = {(each.ruling.measure.base, each.slice.rule) for each in report.findings}
    assert ("equalized_odds_gap", "gender == f") in found


def test_the_positive_class_is_the_one_that_is_named():
    case = society(1500)
    report = report_of(case, positive="negative", crossings=False)
    women, negative = case.data.group("gender") == "f", case.truth == 0
    expected = np.ptp([np.mean(case.guess.label[negative & side] == 0) for side in (women, ~women)])
    gap = next(each for each in report.measures if each.name == "equal_opportunity_gap[gender]")
    assert gap.value == pytest.approx(expected)
    with pytest.raises(OptionError, match="given 'positif'"):
        report_of(case, positive="positif")


@pytest.mark.parametrize("metric", ["confusion", "leaked_rate"])
def test_metrics_that_are_no_number_of_answers_are_refused(metric):
    with pytest.raises(OptionError, match=f"one number for a group, given '{metric}'"):
        report_of(simulated_case(np.random.default_rng(0), groups={"a": ("x", "y")}, draws=50), metrics=(metric,))


def test_three_columns_are_crossed_where_asked():
    case = simulated_case(np.random.default_rng(0), groups=dict.fromkeys("abc", ("x", "y")), draws=50)
    assert "accuracy_gap[a × b × c]" in {each.name for each in report_of(case, most_crossed=3).measures}
    assert "accuracy_gap[a × b × c]" not in {each.name for each in report_of(case).measures}


def test_columns_that_say_the_same_are_said():
    case = society(600)
    report = report_of(
        with_groups(case, sex=case.data.group("gender"), title=np.where(case.data.group("gender") == "f", "Ms", "Mr"))
    )
    page = html.render({**report.to_json(), "task": case.task.to_json()}, lang="en")
    assert "title is left out: its groups are told by the columns before it" in page
    assert not tables(report, "error_by_group")


@pytest.mark.parametrize("make", [tagged_case, labelled_case, scored_case, written_case])
def test_other_tasks_have_the_measures_that_make_sense(make, tmp_path):
    case = make(np.random.default_rng(0), rows=400, draws=60)
    report = report_of(with_groups(case, town=np.arange(400) % 3, age=np.arange(400) % 2))
    told = {each.metric.name for each in report.measures}
    classes = {"demographic_parity", "equal_opportunity", "equalized_odds"}
    assert told & classes == (classes if make in (tagged_case, labelled_case) else set())
    assert case.task.primary in told
    json.dumps(report.to_json(), allow_nan=False)
    save_measures(report.measures, tmp_path / "draws.npz")
    for saved, measure in zip(load_measures(tmp_path / "draws.npz", CATALOGUE), report.measures, strict=True):
        assert saved.name == measure.name
        assert saved.value == pytest.approx(measure.value, nan_ok=True)
        assert saved + saved  # options came back as they were
    for lang in ("en", "zh"):
        assert html.render({**report.to_json(), "task": case.task.to_json()}, lang=lang)


def test_many_classes_and_groups_keep_no_more_draws_than_can_be_kept():
    rng = np.random.default_rng(0)
    k, n = 60, 8000
    names = tuple(f"c{c:02}" for c in range(k))
    truth = rng.integers(0, k, n)
    data = Dataset.of({"text": [f"row {i}" for i in range(n)], "label": [names[t] for t in truth]})
    probs = np.eye(k)[np.where(rng.random(n) < 0.1, rng.integers(0, k, n), truth)] * 0.5 + 0.5 / k
    task = CATALOGUE.task("classify", labels=names)
    case = replace(
        simulated_case(rng, rows=10, draws=20),
        predictor=Recorded(task, Predictions(data.row_ids, {"probs": probs})),
        data=data,
        memory={},
    )
    report = report_of(with_groups(case, town=rng.integers(0, 40, n)))
    assert max(measure.total.size for measure in report.measures) <= 4 * 500
