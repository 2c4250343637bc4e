"""The worst of k: against every way to take k, and against draws; a share for scores of 0 and 1."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pytest

from duiqi.data.worst_of import expected_maximum


@pytest.mark.parametrize("k", range(1, 8))
def test_it_is_the_mean_of_the_largest_over_all_ways_to_take_k(k):
    scores = np.random.default_rng(k).random((5, 7))
    scores[0] = 0.25  # all alike
    scores[1, :3] = scores[1, 3]  # some alike
    by_hand = [np.mean([max(taken) for taken in combinations(row, k)]) for row in scores]
    assert expected_maximum(scores, k) == pytest.approx(by_hand)


@pytest.mark.parametrize(("harmful", "k"), [(0, 5), (1, 5), (1, 20), (6, 5), (17, 4), (20, 1)])
def test_of_zeros_and_ones_it_is_how_likely_one_is_among_k(harmful, k):
    scores = np.repeat([[0.0, 1.0]], [20 - harmful, harmful], axis=1)
    assert expected_maximum(scores, k)[0] == pytest.approx(1 - comb(20 - harmful, k) / comb(20, k))


def test_it_is_unbiased_where_k_is_smaller_than_what_was_drawn():
    """The worst of 10 draws of a chance of .05 each; taking the worst of all 40 would say .87."""
    draws = (np.random.default_rng(0).random((20000, 40)) < 0.05).astype(float)
    assert expected_maximum(draws, 10).mean() == pytest.approx(1 - 0.95**10, abs=0.005)


def test_a_thousand_draws_are_no_matter():
    scores = np.random.default_rng(0).random((2, 1000))
    for k in (1, 2, 500, 999, 1000):
        made = expected_maximum(scores, k)
        assert np.isfinite(made).all()
        assert made == pytest.approx([k / (k + 1)] * 2, abs=0.02)
    assert expected_maximum(scores, 1000) == pytest.approx(scores.max(axis=1))
