"""label_shares: mixtures come apart exactly, intervals hold what is true and are honest about many classes."""

from __future__ import annotations

import numpy as np
import pytest

from duiqi.data.label_shares import counted_shares, estimated_shares, mixture


def test_a_mixture_comes_apart_exactly():
    """Mean answers of three classes, known; what they mix to gives the shares back."""
    by_class = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]])
    rows = np.array([10.0, 20.0, 5.0])
    shares = np.array([0.1, 0.2, 0.7])
    assert mixture(by_class * rows[:, None], rows, shares @ by_class) == pytest.approx(shares)


def test_a_class_without_known_rows_stays_at_zero():
    shares = mixture(
        np.array([[8.0, 1.0, 1.0], [0, 0, 0], [1.0, 1.0, 8.0]]), np.array([10.0, 0, 10]), np.full(3, 1 / 3)
    )
    assert shares[1] == 0
    assert shares.sum() == pytest.approx(1)


def answered(rng, shares, many, blur):
    truth = rng.choice(len(shares), many, p=shares)
    probs = rng.dirichlet(np.ones(len(shares)), many) * blur + np.eye(len(shares))[truth] * (1 - blur)
    return truth, probs


@pytest.mark.parametrize("blur", [0.3, 0.8])
def test_the_interval_holds_the_true_distance(blur):
    known_shares, asked_shares = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
    held = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        truth, probs = answered(rng, known_shares, 400, blur)
        _, asked = answered(rng, asked_shares, 300, blur)
        found = estimated_shares(truth, probs, asked, rng)
        held += abs(found.distance - 0.3) <= found.reach
    assert held >= 54  # 95 % promised


def test_nothing_that_moved_is_seldom_told_whatever_the_number_of_classes():
    for k in (2, 60):
        low = []
        for seed in range(60):
            rng = np.random.default_rng(seed)
            known, asked = rng.integers(0, k, 600), rng.integers(0, k, 300)
            found = counted_shares(known, asked, k, rng)
            low.append(found.distance - found.reach)
        assert np.mean(np.array(low) > 0) <= 0.1
        assert max(low) < 0.05


def test_counted_shares_by_hand():
    found = counted_shares(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 3, np.random.default_rng(0))
    assert found.known.tolist() == [0.5, 0.5, 0]
    assert found.asked.tolist() == [0.25, 0.75, 0]
    assert found.distance == 0.25
    assert np.all(found.ends[:, 0] <= found.asked - found.known)
    assert np.all(found.ends[:, 1] >= found.asked - found.known)
