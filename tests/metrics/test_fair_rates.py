"""Rates by group against counts by hand, and against fairlearn where it is installed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.groups import Groups
from duiqi.core.predictions import Predictions, Recorded
from duiqi.data.simulated import simulated_case, tagged_case

GROUPS = {"region": ("north", "south", "east"), "gender": ("f", "m")}


def case_of(truth, answers, groups, *, sure=0.9, draws=200):
    """A case of classes with these truths and answers, and a column `group`."""
    k = int(max(truth.max(), answers.max())) + 1
    names = tuple(f"class{c}" for c in range(k))
    texts = [f"row {row}" for row in range(len(truth))]
    columns = {"text": texts, "label": [names[t] for t in truth], "group": list(groups)}
    data = Dataset.of(columns, groups=("group",))
    case = simulated_case(np.random.default_rng(0), rows=10, draws=draws)
    probs = np.full((len(truth), k), (1 - sure) / (k - 1))
    probs[np.arange(len(truth)), answers] = sure
    task = case.catalogue.task("classify", labels=names)
    return replace(case, predictor=Recorded(task, Predictions(data.row_ids, {"probs": probs})), data=data, memory={})


def gap(case, metric, column="group", **options):
    (measure,) = case.by_groups([(metric, options)], Groups.of(case.data, column))
    return measure


@pytest.mark.parametrize("seed", range(4))
def test_gaps_of_two_classes_are_those_of_fairlearn(seed):
    fairlearn = pytest.importorskip("fairlearn.metrics", reason="fairlearn is not installed")
    rng = np.random.default_rng(seed)
    case = simulated_case(rng, rows=700, error=lambda d: np.where(d.group("gender") == "f", 0.3, 0.1), groups=GROUPS)
    for column in GROUPS:
        theirs = {"sensitive_features": case.data.group(column)}
        for ours in ("demographic_parity", "equal_opportunity", "equalized_odds"):
            expected = getattr(fairlearn, f"{ours}_difference")(case.truth, case.guess.label, **theirs)
            assert gap(case, ours, column).value == pytest.approx(expected, abs=1e-12)


def test_gaps_of_many_classes_are_the_largest_of_counts_by_hand():
    rng = np.random.default_rng(3)
    truth, groups = rng.integers(0, 4, 1200), rng.choice(list("abc"), 1200)
    answers = np.where(rng.random(1200) < np.where(groups == "b", 0.4, 0.1), rng.integers(0, 4, 1200), truth)
    case = case_of(truth, answers, groups)

    def widest(rate):
        rates = np.array([[rate(groups == g, c) for c in range(4)] for g in "abc"])
        return np.ptp(rates, axis=0).max()

    found = widest(lambda rows, c: np.mean(answers[rows & (truth == c)] == c))
    mistaken = widest(lambda rows, c: np.mean(answers[rows & (truth != c)] == c))
    assert gap(case, "demographic_parity").value == pytest.approx(widest(lambda rows, c: np.mean(answers[rows] == c)))
    assert gap(case, "equal_opportunity").value == pytest.approx(found)
    assert gap(case, "equalized_odds").value == pytest.approx(max(found, mistaken))
    one = gap(case, "equal_opportunity", classes=((2,),))
    assert one.value == pytest.approx(np.ptp([np.mean(answers[(groups == g) & (truth == 2)] == 2) for g in "abc"]))


def test_a_class_of_29_rows_in_a_group_takes_no_part():
    truth = np.repeat([0, 1, 0, 1], [100, 29, 100, 100])
    groups = np.repeat(["a", "b"], [129, 200])
    answers = np.where((truth == 1) & (groups == "a"), 0, truth)  # the few rows are all missed
    assert gap(case_of(truth, answers, groups), "equal_opportunity", classes=((0,), (1,))).value == 0.0
    lone = gap(case_of(truth, answers, groups), "equal_opportunity")
    assert not lone.interval.settled
    grown = np.concatenate([truth, [1]]), np.concatenate([answers, [0]]), np.concatenate([groups, ["a"]])
    assert gap(case_of(*grown), "equal_opportunity", classes=((0,), (1,))).value == 1.0


def test_of_tags_words_in_spans_of_a_type_are_counted():
    made = tagged_case(np.random.default_rng(5), rows=300, error=0.3)
    towns = np.where(np.arange(300) % 3 == 0, "small", "large")
    columns = {"tokens": made.data.values("tokens"), "label": made.data.values("label"), "town": towns.tolist()}
    data = Dataset.of(columns, groups=("town",))
    case = replace(made, data=data, draws=100, memory={})
    found = {}
    for town in ("small", "large"):
        rows = np.flatnonzero(towns == town)
        true, said = (np.concatenate([each[r] for r in rows]) for each in (case.truth, case.guess["tags"]))
        found[town] = [np.mean((said[(true + 1) // 2 == t] + 1) // 2 == t) for t in (1, 2)]
    measure = gap(case, "equal_opportunity", "town", classes=((1, 2), (3, 4)))
    assert measure.value == pytest.approx(np.abs(np.subtract(found["small"], found["large"])).max())


def test_overconfidence_is_signed():
    truth, groups = np.zeros(400, dtype=int), np.repeat(["sure", "unsure"], 200)
    truth[:2] = 1  # both classes occur
    answers = np.where(np.arange(400) % 200 < np.where(groups == "sure", 60, 2), 1 - truth, truth)
    measure = gap(case_of(truth, answers, groups, sure=0.9), "overconfidence")
    assert measure.values[:, 0] == pytest.approx([0.9 - 0.7, 0.9 - 0.99], abs=1e-5)
    assert measure.value == pytest.approx(0.29, abs=1e-5)
    assert measure.across.levels[measure.worst_level] == "sure"


def test_halves_add_up_to_the_whole():
    rng = np.random.default_rng(1)
    truth, groups = rng.integers(0, 3, 600), rng.choice(list("ab"), 600)
    answers = np.where(rng.random(600) < 0.2, rng.integers(0, 3, 600), truth)
    case = case_of(truth, answers, groups)
    half = rng.random(600) < 0.5
    whole = gap(case, "equalized_odds")
    answered = case.predictor.answers
    parts = [
        gap(
            replace(
                case,
                data=case.data.take(each),
                predictor=replace(case.predictor, answers=answered.take(each)),
                memory={},
            ),
            "equalized_odds",
        )
        for each in (half, ~half)
    ]
    merged = parts[0] + parts[1]
    assert merged.value == whole.value
    assert merged.interval.high == pytest.approx(whole.interval.high)
    assert merged.digest == whole.digest


def test_equal_groups_show_a_gap_that_the_interval_does_not_believe():
    """Six equal groups and four classes: the plain gap is large by chance, and its interval begins at 0."""
    believed, plain, debiased = 0, [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        truth, groups = rng.integers(0, 4, 1500), rng.choice(list("abcdef"), 1500)
        answers = np.where(rng.random(1500) < 0.2, rng.integers(0, 4, 1500), truth)
        measure = gap(case_of(truth, answers, groups, draws=300), "equalized_odds")
        believed += measure.interval.low > 0
        plain.append(measure.value)
        debiased.append(measure.debiased)
    assert believed <= 5  # one in twenty is promised
    assert np.mean(plain) > 0.12
    assert np.mean(debiased) < 0.7 * np.mean(plain)
