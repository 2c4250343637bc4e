"""accuracy_elsewhere: each estimate by hand, what all share, when an assumption is refuted, honest intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from duiqi.data.accuracy_elsewhere import (
    UNSEEN,
    Answers,
    Elsewhere,
    accuracy_elsewhere,
    effective_rows,
    ends_of,
    mixed,
    reaching,
    shares_elsewhere,
)

DRAWS = 300


def answers(probs, rng=None, *, row=None, draws=DRAWS):
    probs = np.asarray(probs, dtype=float)
    row = np.arange(len(probs)) if row is None else np.asarray(row)
    rows = int(row.max()) + 1
    weights = rng.poisson(1, (rows, draws)) if rng is not None else np.ones((rows, draws))
    return Answers(probs, probs.argmax(axis=1), row, np.column_stack([np.ones(rows), weights]).astype(np.float32))


def two(chances):
    """Probabilities of two classes, the first of which is answered with this confidence."""
    return np.stack([np.asarray(chances), 1 - np.asarray(chances)], axis=1)


def pseudo(rng, draws=DRAWS):
    return np.concatenate([np.zeros((1, 2)), rng.standard_gamma(0.5, (draws, 2))])


def honest(rng, rows, spread):
    """Answers that are right as often as they say."""
    chance = 1 / (1 + np.exp(-rng.normal(0, spread, rows)))
    truth = (rng.random(rows) < chance).astype(int)
    return np.stack([1 - chance, chance], axis=1), truth


def told(seed=0, rows=600, here=2.0, there=2.0, **more):
    """Estimates, and the truth there."""
    rng = np.random.default_rng(seed)
    probs, truth = honest(rng, rows, here)
    asked, true = honest(rng, rows, there)
    found = accuracy_elsewhere(answers(probs, rng), truth, answers(asked, rng), pseudo=pseudo(rng), **more)
    return found, float((asked.argmax(axis=1) == true).mean())


def test_all_say_the_accuracy_here_where_there_is_here():
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(3) * 0.5, 300)
    truth = np.array([rng.choice(3, p=each) for each in probs])
    given = answers(probs, rng)
    found = accuracy_elsewhere(given, truth, given, pseudo=pseudo(rng), odds=np.zeros(300))
    right = (probs.argmax(axis=1) == truth).mean()
    assert set(found.found) == {"confidence", "threshold", "weighted", "mixed"}
    for values in found.found.values():
        assert values[0] == pytest.approx(right, abs=1e-6)
    assert found.disagreement < 1e-5
    assert not found.refuted


def test_the_threshold_by_hand():
    """Three of five known answers are right: the threshold is the third highest, .8; of the others three reach it."""
    known, others = answers(two([0.95, 0.9, 0.8, 0.7, 0.6])), answers(two([0.99, 0.85, 0.8, 0.79, 0.6, 0.55]))
    assert reaching(known, np.full(DRAWS + 1, 0.6), others)[0] == pytest.approx(3 / 6)
    assert reaching(known, np.full(DRAWS + 1, 1.0), others)[0] == pytest.approx(5 / 6)
    assert reaching(known, np.full(DRAWS + 1, 0.0), others)[0] == 0


def test_draws_are_estimates_of_rows_that_come_as_often():
    rng = np.random.default_rng(3)
    known, others = answers(two(rng.uniform(0.5, 1, 40)), rng), answers(two(rng.uniform(0.5, 1, 30)), rng)
    for draw in (1, 7):
        times = [each.weights[:, draw].astype(int) for each in (known, others)]
        repeated = [answers(np.repeat(each.probs, n, axis=0)) for each, n in zip((known, others), times, strict=True)]
        expected = reaching(repeated[0], np.full(DRAWS + 1, 0.7), repeated[1])[0]
        assert reaching(known, np.full(DRAWS + 1, 0.7), others)[draw] == pytest.approx(expected)
        assert known.mean(known.confidence)[draw] == pytest.approx(repeated[0].confidence.mean(), abs=1e-6)


def test_confidence_moves_the_accuracy_by_what_confidence_moves():
    """Labelled answers at .6 and .9 are right as often as they say, so the temperature is one."""
    probs = two([0.6] * 50 + [0.9] * 50)
    truth = np.array([0] * 30 + [1] * 20 + [0] * 45 + [1] * 5)
    found = accuracy_elsewhere(answers(probs), truth, answers(two([0.6] * 30 + [0.9] * 10)), pseudo=np.zeros((301, 2)))
    assert found.here[0] == pytest.approx(0.75)
    assert found.found["confidence"][0] == pytest.approx(0.75 + (0.675 - 0.75), abs=1e-3)
    assert found.lost[0] == pytest.approx(found.here[0] - found.accuracy[0])


def test_weights_count_rows_by_their_odds():
    """Right rows are three times as common there: 3 * 40 of 3 * 40 + 60."""
    truth = np.array([0] * 40 + [1] * 60)
    odds = np.log(np.where(truth == 0, 3.0, 1.0))
    found = accuracy_elsewhere(
        answers(two([0.8] * 100)), truth, answers(two([0.8] * 50)), pseudo=np.zeros((301, 2)), odds=odds
    )
    assert found.found["weighted"][0] == pytest.approx(120 / 180)
    # every confidence is the same on both sides: nothing contradicts
    assert "weighted" not in found.refuted


def test_classes_are_mixed_anew():
    """Class 0 is right in .9, class 1 in .5; there class 1 is as common as the answers say: three in four."""
    sure, unsure = [0.9, 0.1], [0.3, 0.7]
    truth = np.array([0] * 100 + [1] * 100)
    probs = np.array([sure] * 90 + [unsure] * 10 + [unsure] * 50 + [sure] * 50)
    known = answers(probs)
    means = np.array([probs[:100].mean(axis=0), probs[100:].mean(axis=0)])
    asked = [0.25, 0.75] @ means
    others = answers(np.array([asked] * 40))
    shares = shares_elsewhere(known, truth, others)
    assert shares[0] == pytest.approx([0.25, 0.75], abs=1e-6)
    hits = (probs.argmax(axis=1) == truth).astype(float)
    assert mixed(known, truth, hits, shares)[0] == pytest.approx(0.25 * 0.9 + 0.75 * 0.5)


def drawn_by_class(rng, rows, positive):
    """Rows of class 1 are answered worse; only how common it is changes."""
    truth = (rng.random(rows) < positive).astype(int)
    odds = np.where(truth == 1, rng.normal(0.5, 1.5, rows), rng.normal(-3, 1.5, rows))
    chance = 1 / (1 + np.exp(-odds))
    return np.stack([1 - chance, chance], axis=1), truth


def test_where_only_shares_of_classes_move_mixing_is_right_and_stands():
    """The other two are misled, which is why they are printed side by side."""
    off, refuted = [], 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        (probs, truth), (asked, true) = drawn_by_class(rng, 800, 0.3), drawn_by_class(rng, 800, 0.9)
        found = accuracy_elsewhere(answers(probs, rng), truth, answers(asked, rng), pseudo=pseudo(rng))
        off.append(found.found["mixed"][0] - (asked.argmax(axis=1) == true).mean())
        refuted += "mixed" in found.refuted
    assert abs(np.mean(off)) < 0.02
    assert refuted <= 3


def test_where_answers_are_less_sure_for_no_reason_of_classes_mixing_is_refuted():
    found, true = told(here=3.0, there=1.0)
    assert found.refuted == {"mixed"}
    assert found.found["mixed"][0] > true + 0.1
    assert found.interval.high < found.found["mixed"][0]
    assert found.interval.low < true < found.interval.high


def test_the_interval_spans_what_stands_and_goes_down_by_the_doubt():
    steady = {name: np.full(101, value) for name, value in {"confidence": 0.7, "threshold": 0.66, "mixed": 0.8}.items()}
    found = Elsewhere(np.full(101, 0.81), steady, frozenset({"mixed"}))
    assert found.disagreement == pytest.approx(0.15)
    assert found.interval.low == pytest.approx(0.66 - 0.15)
    assert found.interval.high == pytest.approx(0.7)
    assert found.interval_of_lost.low == pytest.approx(0.81 - 0.7)
    assert found.interval_of_lost.high == pytest.approx(0.81 - 0.66 + 0.15)
    apart = replace(found, auroc=0.9)
    assert apart.interval.low == pytest.approx(0.66 - 0.15 - 0.8 * UNSEEN)
    assert apart.interval.high == found.interval.high
    assert replace(found, refuted=frozenset()).interval.high == pytest.approx(0.8)


def test_intervals_hold_what_is_true_where_confidence_means_the_same():
    for there in (2.0, 0.8):
        held = sum(
            e.interval.low <= true <= e.interval.high for e, true in (told(s, 300, 2.0, there) for s in range(40))
        )
        assert held >= 36


def test_all_right_is_not_taken_for_certain():
    rng = np.random.default_rng(0)
    probs = two([0.999] * 40)
    found = accuracy_elsewhere(
        answers(probs, rng), np.zeros(40, int), answers(probs, rng), pseudo=pseudo(rng), classes=True
    )
    assert "mixed" not in found.found  # one class alone is no mixture
    interval = ends_of(found.here)
    assert interval.low < 0.97
    assert found.interval.low < 0.97


def test_several_answers_of_a_row_are_drawn_together():
    """Rows of four equal answers: the spread is that of a quarter of as many observations."""
    rng = np.random.default_rng(0)
    probs, truth = honest(rng, 200, 2.0)
    single = answers(probs, rng, draws=2000)
    whole = Answers(
        np.repeat(probs, 4, axis=0), np.repeat(single.given, 4), np.repeat(np.arange(200), 4), single.weights
    )
    hits = (single.given == truth).astype(float)
    assert single.mean(hits) == pytest.approx(whole.mean(np.repeat(hits, 4)))


def test_many_or_rare_classes_are_not_mixed():
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(3), 100)
    truth = np.array([0] * 50 + [1] * 45 + [2] * 5)
    found = accuracy_elsewhere(answers(probs, rng), truth, answers(probs, rng), pseudo=pseudo(rng))
    assert set(found.found) == {"confidence", "threshold"}
    many = rng.dirichlet(np.ones(40), 800)
    found = accuracy_elsewhere(answers(many, rng), np.arange(800) % 40, answers(many, rng), pseudo=pseudo(rng))
    assert "mixed" not in found.found


def test_rows_count_as_many_as_are_of_equal_weight():
    assert effective_rows(np.zeros(50)) == pytest.approx(50)
    assert effective_rows(np.array([700.0] * 5 + [0.0] * 45)) == pytest.approx(5)
    assert effective_rows(np.log([3.0, 1.0])) == pytest.approx(16 / 10)
    assert effective_rows(np.array([0.0, -np.inf, 0.0])) == pytest.approx(2)
