"""The one runner: what it measures, what it skips and says so, what it finds."""

from dataclasses import replace

import numpy as np
import pytest

from duiqi.core.errors import DataError, OptionError
from duiqi.core.examine import Order, examine, orders
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.part import Catalogue, probe


@probe(kind="task_fit", needs=("model.probs", "data.label"), gates=(Gate("accuracy", at_least=0.9),))
def plain(case):
    """Accuracy and a picture."""
    yield case.measure("accuracy")
    yield Exhibit("table", {"title": "any"})


@probe(kind="unfairness", needs=("data.groups",), gates=(Gate("accuracy_gap", at_most=0.05),))
def by_group(case):
    """Gap."""
    group = case.data.group("group")
    yield case.across("accuracy", {g: group == g for g in np.unique(group)}, by="group", reduce="gap")


@probe(kind="cost")
def breaking(case, *, times: int = 1):
    """Raises after its first measure."""
    yield case.measure("accuracy")
    raise ZeroDivisionError("scales")


@probe(kind="cost")
def asking_more(case):
    """Asks for more rows than there are."""
    raise DataError(f"expected a million rows, given {len(case.data)}", hint="Add rows.")
    yield


@pytest.fixture
def case(make_case):
    n = np.arange(600)
    wrong = np.where(n % 3 == 0, n % 2 == 0, n % 20 == 1)
    made = make_case(np.zeros(600, int), wrong, group=[["south", "north", "west"][i % 3] for i in range(600)])
    return replace(made, catalogue=Catalogue.installed())


def test_fails_become_findings_with_slice_and_rows(case):
    report = examine(case, [Order(plain), Order(by_group)])
    assert report.verdict == "fail"
    kinds = {finding.kind: finding for finding in report.findings}
    assert set(kinds) == {"task_fit", "unfairness"}
    unfair = kinds["unfairness"]
    assert unfair.slice.rule == "group == south"
    assert unfair.rows == 200
    assert set(unfair.row_ids) <= set(case.data.row_ids[case.data.group("group") == "south"])
    assert all(row["label"] != row["answer"] for row in unfair.evidence)
    # rows wrong beyond the bound, for every 1,000 rows
    assert kinds["task_fit"].severity == pytest.approx((0.9 - case.right.mean()) * 1000)
    assert [exhibit.probe for exhibit in report.exhibits] == ["plain"]


def test_only_remedies_for_the_task_are_named(case):
    """Mixing spans is for tags; training rows are not there, but may be when the remedy is tried."""
    named = {finding.kind: finding.remedies for finding in examine(case, [Order(plain)]).findings}["task_fit"]
    assert "mix_spans" in {part.name for part in case.catalogue.all("remedy") if "task_fit" in part.treats}
    assert "mix_spans" not in named
    assert "finetune" in named


def test_missing_needs_are_skips_that_say_what_to_supply(make_case):
    report = examine(make_case(np.zeros(50, int), np.zeros(50, int)), [Order(plain), Order(by_group)])
    (skip,) = report.skipped
    assert (skip["probe"], skip["needs"], skip["why"]) == ("by_group", ["data.groups"], "missing")
    assert "data.groups" in skip["hint"]
    assert len(report.measures) == 1


def test_a_part_that_raises_is_a_skip_not_a_dead_run(case):
    report = examine(case, [Order(breaking), Order(plain)])
    assert report.skipped[0]["why"] == "raised"
    assert "ZeroDivisionError: scales" in report.skipped[0]["detail"]
    assert [measure.probe for measure in report.measures] == ["plain"]


def test_rows_that_a_probe_cannot_use_are_no_error_of_its(case):
    report = examine(case, [Order(asking_more), Order(plain)])
    (skip,) = report.skipped
    assert (skip["why"], skip["hint"]) == ("unsuited", "Add rows.")
    assert skip["detail"] == "expected a million rows, given 600"
    assert [measure.probe for measure in report.measures] == ["plain"]


def test_a_mistyped_option_is_the_users_to_mend(case):
    with pytest.raises(OptionError, match="tmes"):
        examine(case, [Order(breaking, {"tmes": 2})])


def test_own_gates_replace_the_defaults(case):
    report = examine(case, [Order(plain)], gates=[Gate("accuracy", at_least=0.1)])
    assert [ruling.gate.at_least for ruling in report.rulings] == [0.1]
    assert report.exit_code == 0


def test_against_an_earlier_report_the_change_is_paired(case, make_case):
    earlier = examine(case, [Order(plain)])
    better = case.with_predictor(make_case(np.zeros(600, int), np.zeros(600, int)).predictor)
    report = examine(better, [Order(plain)], gates=[Gate("accuracy", no_worse_by=0.01)], against=earlier)
    (ruling,) = report.rulings
    assert ruling.verdict == "pass"
    assert ruling.held.change.value == pytest.approx(1 - case.right.mean())
    assert ruling.held.change.verdict() == "better"


def test_matrices_are_shown_and_not_judged(case):
    @probe(kind="task_fit", gates=(Gate("confusion", at_least=0.5),))
    def matrix(case):
        """Confusion."""
        yield case.measure("confusion")

    report = examine(case, [Order(matrix)])
    assert report.rulings == ()
    assert report.measures[0].values.shape == (2, 2)
    assert report.to_json()["measures"] == []


def test_a_random_healthy_model_is_left_alone(make_case):
    """Forty models that are right in 95 % of the rows, whatever the group: hardly any finding."""
    found = 0
    for number in range(40):
        rng = np.random.default_rng(number)
        healthy = make_case(
            np.zeros(500, int), rng.random(500) < 0.05, group=rng.choice(list("abcdef"), 500), seed=number
        )
        found += len(examine(healthy, [Order(plain), Order(by_group)]).findings) > 0
    assert found <= 2


def test_orders_by_name(case):
    chosen = orders(case, only=["calibration"], options={"calibration": {"bins": 5}})
    assert [(order.probe.name, order.options) for order in chosen] == [("calibration", {"bins": 5})]
