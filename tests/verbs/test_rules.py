"""When a remedy is kept, dropped or unclear: the rule itself, on simulated answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from duiqi.core.examine import examine, orders
from duiqi.core.plan import Plan
from duiqi.core.predictions import Predictions, Recorded
from duiqi.core.slice import Slice
from duiqi.data.simulated import confident_probs, mislabelled_case, retold_case, simulated_case
from duiqi.repair import Proposal, judge_trial, proposals

PROBES = ("performance", "fairness", "blind_spots")
SOUTH = Slice.of("region", "south")


@pytest.fixture(scope="module")
def table():
    """A case whose model errs on 45 % of the rows from the south and on 8 % elsewhere, and its findings."""
    rng = np.random.default_rng(4)
    groups = {"region": ("north", "south", "east", "west")}
    case = simulated_case(
        rng, rows=1600, groups=groups, error=lambda d: np.where(d.group("region") == "south", 0.45, 0.08)
    )
    found = examine(case, orders(case, only=PROBES))
    return replace(case, slices=(SOUTH,)), found


def answers(case, rates, *, seed, redo):
    """Answers that err at these rates where `redo` is true, and are the old ones elsewhere."""
    rng = np.random.default_rng(seed)
    fresh = confident_probs(rng, case.truth, rng.random(len(case.data)) < rates)
    probs = np.where(redo[:, None], fresh, case.guess.probs)
    return case.with_predictor(Recorded(case.predictor.task, Predictions(case.data.row_ids, {"probs": probs})))


def judged(table, after, *, earlier=()):
    case, found = table
    before = examine(case, orders(case, only=PROBES))
    findings = tuple(f for f in found.findings if f.slice.rule == SOUTH.rule)
    proposal = Proposal((case.catalogue.find("remedy", "reweight"),), findings, Plan(training={"epochs": 1}))
    return judge_trial(case.task, proposal, before, examine(after, orders(after, only=PROBES)), earlier)


def test_the_weak_group_is_found(table):
    _, found = table
    assert {f.kind for f in found.findings if f.slice.rule == SOUTH.rule} == {"blind_spot", "unfairness"}


def test_kept_where_the_slice_is_proven_better(table):
    case, _ = table
    south = case.mask(SOUTH)
    trial = judged(table, answers(case, np.where(south, 0.12, 0.08), seed=1, redo=south))
    assert trial.decision == "kept"
    (target,) = trial.targets
    assert (target.after.name, target.after.slice.rule) == ("accuracy", SOUTH.rule)


def test_unclear_where_nothing_changed(table):
    case, _ = table
    trial = judged(table, answers(case, np.zeros(len(case.data)), seed=1, redo=np.zeros(len(case.data), bool)))
    assert (trial.decision, trial.why) == ("unclear", "not_proven")


def test_dropped_where_another_group_pays_for_it(table):
    case, _ = table
    south, north = case.mask(SOUTH), case.mask(Slice.of("region", "north"))
    rates = np.where(south, 0.1, 0.4)
    trial = judged(table, answers(case, rates, seed=2, redo=south | north))
    assert trial.decision == "dropped"
    assert trial.why.startswith("worse:")


def test_kept_where_everybody_gains_and_the_gap_grows(table):
    case, _ = table
    south = case.mask(SOUTH)
    after = answers(case, np.where(south, 0.3, 0.0), seed=3, redo=np.ones(len(case.data), bool))
    gap = examine(after, orders(after, only=["fairness"])).measure("accuracy_gap")
    assert gap.value > 0.2
    assert judged(table, after).decision == "kept"


def test_more_tries_ask_for_more(table):
    """The targets of all trials so far share one correction, so its factor can only grow."""
    case, _ = table
    south = case.mask(SOUTH)
    earlier, factors = (), []
    for seed in range(4):
        trial = judged(table, answers(case, np.where(south, 0.4, 0.08), seed=10 + seed, redo=south), earlier=earlier)
        earlier = (*earlier, trial)
        factors.append(trial.factor)
    assert factors[0] == 1.0
    assert factors[-1] > 1.05


@pytest.mark.parametrize(("claims", "decision"), [(0.05, "unclear"), (0.6, "dropped")])
def test_claims_count_against_a_repair_only_beyond_those_of_the_references(claims, decision):
    """A model that wrote next to nothing claims nothing; one that retells claims about what the references claim."""
    before, after = (replace(retold_case(np.random.default_rng(5), added=added, references=0.05), seed=1)
                     for added in (0.0, claims))  # fmt: skip
    reports = [examine(each, orders(each, only=("unfaithfulness",))) for each in (before, after)]
    proposal = Proposal((before.catalogue.find("remedy", "finetune"),), (), Plan(training={"epochs": 1}))
    assert judge_trial(before.task, proposal, *reports, ()).decision == decision


def test_what_is_proposed_treats_what_was_found(table):
    case, found = table
    train = simulated_case(np.random.default_rng(9), rows=300, groups={"region": ("north", "south")}).data
    made = proposals(replace(case, train=train), found.findings, (), {})
    kinds = {finding.kind for finding in found.findings}
    assert made
    for proposal in made:
        assert {finding.kind for finding in proposal.findings} <= kinds
        assert all(finding.kind in proposal.remedies[0].treats for finding in proposal.findings)
    restarts = [proposal.plan.restart for proposal in made]
    assert restarts == sorted(restarts, reverse=True)


@pytest.mark.parametrize(("error", "decision"), [(0.02, "kept"), (0.1, "unclear")])
def test_what_is_wrong_with_rows_is_judged_by_what_the_model_makes_of_them(error, decision):
    """No training mends labels of training rows: a remedy for them is kept where the model is then proven better."""
    case = mislabelled_case(np.random.default_rng(0), wrong=0.2)
    probes = orders(case, only=("performance", "label_noise"))
    before = examine(case, probes)
    findings = tuple(each for each in before.findings if each.kind == "label_noise")
    assert findings
    everywhere = np.ones(len(case.data), dtype=bool)
    after = examine(answers(case, np.full(len(case.data), error), seed=2, redo=everywhere), probes)
    proposal = Proposal((case.catalogue.find("remedy", "relabel"),), findings, Plan(training={"epochs": 1}))
    trial = judge_trial(case.task, proposal, before, after, ())
    assert trial.decision == decision
    assert [change.after.name for change in trial.targets] == ["accuracy"]
