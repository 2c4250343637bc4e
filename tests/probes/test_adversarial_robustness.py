"""adversarial_robustness: fires on a model that slips, stays silent on one that hardly does, and shows what it did."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from duiqi.core.errors import OptionError, PartError
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.data.simulated import slipping_case, written_case

PROBE = Catalogue.installed().find("probe", "adversarial_robustness")
SEEDS = 100


def looked(case, **options):
    return examine(case, orders(case, only=["adversarial_robustness"], options={"adversarial_robustness": options}))


def test_silent_on_healthy_models_and_not_on_sick_ones():
    told = [[len(looked(case, rows=60).findings) for case in PROBE.hooks["planted"](np.random.default_rng(seed), 1.0)]
            for seed in range(SEEDS)]  # fmt: skip
    healthy, sick = np.array(told).T > 0
    assert healthy.mean() <= 0.01
    assert sick.mean() >= 0.95


def test_what_was_turned_is_counted_and_shown():
    case = slipping_case(np.random.default_rng(1), slips=0.05, rows=300)
    report = looked(case, attacks=["deepwordbug"], rows=80, queries=100)
    measure = report.measure("attack_success_rate[deepwordbug]")
    table, examples = (each.data for each in report.exhibits)
    ((name, cell, changed, questions, rows),) = table["rows"]
    assert (name, cell["value"], rows) == ("deepwordbug", measure.value, 80)
    assert 0 < changed < 1
    assert 1 < questions <= 100
    originals = set(case.data.texts)
    for _, original, edited, label, answer in examples["rows"]:
        assert original in originals
        assert edited not in originals
        assert label != answer


def test_rows_that_are_wrong_anyway_are_not_attacked():
    case = slipping_case(np.random.default_rng(2), slips=1.0, rows=300)
    report = looked(case, rows=1000)
    assert report.measure("attack_success_rate[deepwordbug]").total[1] == case.right.sum()
    assert report.measure("attack_success_rate[deepwordbug]").value > 0.95


def test_what_cannot_be_attacked_says_so():
    case = written_case(np.random.default_rng(0), rows=60)
    (skipped,) = looked(case).skipped
    assert skipped["needs"] == ["model.anew"]
    recorded = case.predictor
    anew = SimpleNamespace(
        name="anew", task=case.task, offers=recorded.offers, fingerprint="", predict=recorded.predict
    )
    (skipped,) = looked(case.with_predictor(anew)).skipped
    assert "expected a task among" in skipped["detail"]
    with pytest.raises(PartError, match="luck"):
        looked(slipping_case(np.random.default_rng(0), slips=0.0, rows=60), attacks=["luck"])


@pytest.mark.parametrize("wrong", [{"rows": "many"}, {"luck": 1}])
def test_wrong_options_are_refused(wrong):
    with pytest.raises(OptionError):
        PROBE.check(wrong)
