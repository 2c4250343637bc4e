"""What labelling functions say together and how each does, of votes whose truths are known."""

import time

import numpy as np
import pytest

from duiqi.core.measure import jeffreys
from duiqi.data.label_model import majority
from duiqi.data.labelling_functions import ABSTAINS
from duiqi.data.weighing import fit_label_model, standings
from simulated_votes import RIGHT, brier, named, simulated


def accuracy(probs, truth):
    asked = ~np.isnan(probs[:, 0])
    return (probs[asked].argmax(axis=1) == truth[asked]).mean()


@pytest.mark.parametrize(("k", "right"), [(2, RIGHT), (4, (0.9, 0.8, 0.6, 0.5, 0.4, 0.4))])
def test_finds_how_good_functions_are_without_labels_and_beats_their_majority(k, right):
    for seed in range(5):
        truth, given = simulated(np.random.default_rng(seed), 10_000, right, k=k)
        model = fit_label_model(given, k)
        found = [each.accuracy for each in standings(model, named(given))]
        assert found == pytest.approx(right, abs=0.04)
        counted = majority(given, k)
        assert brier(model.probs(given), truth) < brier(counted, truth) - 0.05
        assert accuracy(model.probs(given), truth) > accuracy(counted, truth) + 0.03


def test_a_function_that_is_mostly_wrong_counts_the_other_way():
    truth, given = simulated(np.random.default_rng(0), 10_000, (0.9, 0.8, 0.8, 0.2), (0.7,) * 4)
    model = fit_label_model(given, 2)
    assert standings(model, named(given))[3].accuracy == pytest.approx(0.2, abs=0.04)
    assert accuracy(model.probs(given), truth) > accuracy(majority(given, 2), truth) + 0.03


def test_what_is_known_of_the_shares_and_of_some_rows_helps():
    rng = np.random.default_rng(1)
    shares = np.array([0.85, 0.15])
    truth, given = simulated(rng, 3000, (0.75, 0.7, 0.65), (0.6,) * 3, shares=shares)
    some = np.where(rng.random(3000) < 0.1, truth, -1)
    alone = brier(fit_label_model(given, 2).probs(given), truth)
    assert brier(fit_label_model(given, 2, prior=shares).probs(given), truth) < alone - 0.05
    assert brier(fit_label_model(given, 2, truth=some).probs(given), truth) < alone
    assert fit_label_model(given, 2, prior=shares).prior == pytest.approx(shares)


@pytest.mark.parametrize("positive", [0.4, 0.15])
def test_functions_that_know_one_class_only(positive):
    """Keywords: each speaks for one class, rarely, more often where that is right."""
    rng = np.random.default_rng(0)
    truth = (rng.random(8000) < positive).astype(np.int64)
    rates = ((1, 0.3, 0.03), (1, 0.2, 0.05), (1, 0.1, 0.02), (0, 0.25, 0.03), (0, 0.2, 0.1), (0, 0.15, 0.02))
    given = np.stack(
        [np.where(rng.random(8000) < np.where(truth == c, hit, slip), c, ABSTAINS) for c, hit, slip in rates], axis=1
    )
    shares = np.array([1 - positive, positive])
    model = fit_label_model(given, 2, prior=shares)
    assert brier(model.probs(given), truth) < brier(majority(given, 2), truth) - 0.03
    for j, each in enumerate(standings(model, named(given))):
        voted = given[:, j] >= 0
        assert each.classes == (rates[j][0],)
        assert each.accuracy == pytest.approx((given[voted, j] == truth[voted]).mean(), abs=0.15)


def test_a_copied_function_does_not_count_twice():
    rng = np.random.default_rng(0)
    truth, given = simulated(rng, 3000, (0.9, 0.85, 0.8, 0.6), (0.8,) * 4)
    plain = fit_label_model(given, 2).probs(given)
    copied = np.column_stack([given, *[given[:, 3]] * 4])
    model = fit_label_model(copied, 2)
    assert model.copy_of.tolist() == [-1, -1, -1, -1, 3, 3, 3, 3]
    assert model.weights == pytest.approx([1, 1, 1, *[0.2] * 5])
    assert np.nanmax(np.abs(model.probs(copied) - plain)) < 0.05
    assert brier(model.probs(copied), truth) < brier(majority(copied, 2), truth) - 0.1
    told = standings(model, named(copied))
    assert (told[4].copy_of, told[4].weight, told[0].copy_of) == ("f3", pytest.approx(0.2), "")


def test_nearly_copied_functions_are_told_from_good_ones():
    rng = np.random.default_rng(1)
    _, given = simulated(rng, 3000, (0.9, 0.85, 0.8, 0.6), (0.8,) * 4)

    def nearly(column):
        changed = rng.random(3000) < 0.03
        return np.where(changed, np.where(column >= 0, 1 - column, ABSTAINS), column)

    twice = np.column_stack([given, nearly(given[:, 3]), nearly(given[:, 3])])
    model = fit_label_model(twice, 2)
    assert model.copy_of.tolist() == [-1, -1, -1, -1, 3, 3]
    for right in ((0.98, 0.98, 0.97, 0.99, 0.7), (0.95,) * 6):  # they agree because they are right
        _, good = simulated(rng, 3000, right, (1.0,) * len(right))
        assert (fit_label_model(good, 2).copy_of == -1).all()


def test_shares_are_counted_by_hand_and_labels_are_held_against():
    given = np.array([[0, 0, -1], [1, 0, -1], [1, -1, -1], [-1, -1, -1], [1, 1, 0]])
    truth = np.array([0, 1, 0, -1, -1])
    first, second, third = standings(fit_label_model(given, 2), named(given), truth=truth)
    assert (first.coverage, first.conflicts) == pytest.approx((0.8, 0.4))
    assert (second.coverage, second.conflicts) == pytest.approx((0.6, 0.4))
    assert (third.coverage, third.conflicts) == pytest.approx((0.2, 0.2))
    assert [(each.right, each.labelled) for each in (first, second, third)] == [(2, 3), (1, 2), (0, 0)]
    assert (third.labelled_low, third.labelled_high) == (0, 1)
    assert (first.labelled_low, first.labelled_high) == jeffreys(2, 3)


@pytest.mark.parametrize(("k", "share"), [(2, 0.3), (2, 0.05), (4, 0.3), (4, 0.05)])
def test_the_interval_of_labelled_rows_holds_how_often_a_function_is_right(k, share):
    rng = np.random.default_rng(0)
    model = fit_label_model(simulated(rng, 1000, k=k)[1], k)
    held = np.zeros(len(RIGHT))
    for _ in range(1000):
        truth, given = simulated(rng, 1000, k=k)
        told = standings(model, named(given), truth=np.where(rng.random(1000) < share, truth, ABSTAINS))
        held += [each.labelled_low <= right <= each.labelled_high for each, right in zip(told, RIGHT, strict=True)]
    assert (held >= 900).all(), held
    assert (held <= 990).all(), held  # an interval that always holds it says nothing


def test_where_nothing_is_known_no_interval_is_told():
    _, given = simulated(np.random.default_rng(0), 500)
    silent = np.column_stack([given, np.full(500, ABSTAINS)])
    *told, last = standings(fit_label_model(silent, 2), named(silent))
    assert {(each.labelled, each.labelled_low, each.labelled_high) for each in told} == {(0, 0.0, 1.0)}
    assert all(0.5 < each.accuracy < 1 for each in told)
    assert (last.accuracy, last.coverage, last.classes) == (None, 0, ())


def test_an_estimate_counts_labelled_rows_as_what_they_are():
    given = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 1]])
    told = standings(fit_label_model(given, 2, truth=np.ones(4, int)), named(given), truth=np.ones(4, int))
    assert [each.accuracy for each in told] == [0, 0, 1]


def test_the_order_of_rows_changes_nothing():
    _, given = simulated(np.random.default_rng(0), 800)
    model, order = fit_label_model(given, 2), np.random.default_rng(1).permutation(800)
    again = fit_label_model(given[order], 2)
    assert again.says == pytest.approx(model.says)
    assert np.allclose(model.probs(given)[order], again.probs(given[order]), equal_nan=True)


@pytest.mark.parametrize("labelled", [0, 0.2])
def test_the_names_of_classes_change_nothing(labelled):
    rng = np.random.default_rng(0)
    shares = np.array([0.5, 0.3, 0.2])
    truth, given = simulated(rng, 800, k=3, shares=shares)
    some = np.where(rng.random(800) < labelled, truth, ABSTAINS)
    place = np.array([2, 0, 1, ABSTAINS])  # the new class of each, to abstain last
    for prior in (None, shares):
        model = fit_label_model(given, 3, prior=prior, truth=some)
        moved = None if prior is None else prior[np.argsort(place[:3])]
        again = fit_label_model(place[given], 3, prior=moved, truth=place[some])
        assert np.allclose(again.probs(place[given])[:, place[:3]], model.probs(given), equal_nan=True)
        assert again.prior[place[:3]] == pytest.approx(model.prior)
        told = [standings(model, named(given), truth=some), standings(again, named(place[given]), truth=place[some])]
        assert [each.accuracy for each in told[1]] == pytest.approx([each.accuracy for each in told[0]])


def test_the_order_of_functions_changes_nothing():
    rng = np.random.default_rng(0)
    _, given = simulated(rng, 2000)
    changed = rng.random(2000) < 0.03
    near = np.where(changed & (given[:, 4] >= 0), 1 - given[:, 4], given[:, 4])
    given = np.column_stack([given, given[:, 3], near])
    model = fit_label_model(given, 2)
    assert model.weights == pytest.approx([1, 1, 1, 0.5, 0.5, 1, 0.5, 0.5])
    for _ in range(3):
        order = rng.permutation(8)
        again = fit_label_model(given[:, order], 2)
        assert again.weights == pytest.approx(model.weights[order])
        assert again.says == pytest.approx(model.says[order])
        assert np.allclose(again.probs(given[:, order]), model.probs(given), equal_nan=True)


def test_a_million_rows_take_seconds():
    rng = np.random.default_rng(0)
    truth, given = simulated(rng, 1_000_000, rng.uniform(0.55, 0.9, 20), rng.uniform(0.1, 0.5, 20))
    begun = time.process_time()
    probs = fit_label_model(given, 2).probs(given)
    assert time.process_time() - begun < 30
    assert brier(probs, truth) < brier(majority(given, 2), truth) - 0.05
