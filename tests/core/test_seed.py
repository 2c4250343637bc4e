"""Weights of the bootstrap: Poisson(1), independent, a pure function of key, draw and seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duiqi.core.seed import derive, generator, hash64, jeffreys_weights, mix, poisson_weights

KEYS = np.random.default_rng(1).integers(0, 2**63, 4000, dtype=np.uint64)


@pytest.fixture(scope="module")
def weights():
    return poisson_weights(KEYS, 500, seed=3).astype(float)


def test_shares_of_counts_are_those_of_poisson_one(weights):
    shares = np.bincount(weights.astype(int).ravel(), minlength=5)[:5] / weights.size
    expected = np.exp(-1) / np.array([1, 1, 2, 6, 24])
    assert np.allclose(shares, expected, atol=5 * np.sqrt(0.25 / weights.size))


def test_mean_and_variance_are_one(weights):
    assert abs(weights.mean() - 1) < 5 / np.sqrt(weights.size)
    assert abs(weights.var() - 1) < 5 * np.sqrt(3 / weights.size)  # the fourth central moment is 4


@pytest.mark.parametrize("axis", [0, 1])
def test_rows_and_draws_are_independent(weights, axis):
    table = weights[:400, :400] if axis == 0 else weights[:400, :400].T
    between = np.corrcoef(table)[np.triu_indices(400, 1)]
    assert abs(between.mean()) < 5e-4
    assert abs(between.std() - 1 / np.sqrt(400)) < 0.002
    assert np.abs(between).max() < 6.5 / np.sqrt(400)


def test_neighbouring_keys_are_as_independent_as_any():
    table = poisson_weights(np.arange(400, dtype=np.uint64), 400, seed=0)
    between = np.corrcoef(table)[np.triu_indices(400, 1)]
    assert abs(between.std() - 1 / np.sqrt(400)) < 0.002


def test_seeds_are_independent():
    first, second = (poisson_weights(KEYS[:500], 500, seed=s).ravel() for s in (0, 1))
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(len(first))


def test_equal_keys_have_equal_weights_wherever_they_stand():
    keys = np.array([5, 9, 5, 7, 9], dtype=np.uint64)
    weights = poisson_weights(keys, 40, seed=2)
    assert np.array_equal(weights[0], weights[2])
    assert np.array_equal(weights[1], weights[4])
    assert np.array_equal(weights[3:4], poisson_weights(keys[3:4], 40, seed=2))


@given(st.integers(1, 60), st.integers(1, 60))
def test_more_draws_only_add_draws(few, more):
    keys = KEYS[:3]
    assert np.array_equal(poisson_weights(keys, few, 0), poisson_weights(keys, few + more, 0)[:, :few])


def test_golden_values():
    """The same on every machine and version, or saved draws of two machines would not be paired."""
    keys = np.array([0, 1, 2**63 + 11], dtype=np.uint64)
    assert poisson_weights(keys, 12, seed=0).astype(int).tolist() == [
        [1, 1, 2, 3, 2, 1, 1, 1, 0, 0, 3, 0],
        [2, 1, 1, 2, 2, 1, 0, 0, 1, 0, 2, 0],
        [1, 1, 0, 0, 1, 1, 0, 2, 1, 1, 2, 0],
    ]
    assert mix(np.array([1], dtype=np.uint64))[0] == 6238072747940578789
    assert hash64("对齐") == 13889341499855487588
    assert derive(0, "a", 1) == 5640247956467711177


def test_children_by_name():
    assert derive(0, "a", "b") != derive(0, "ab")
    assert derive(0, "a") != derive(1, "a")
    assert generator(4, "x").random() == generator(4, "x").random()


def test_jeffreys_weights_are_gamma_of_one_half():
    weights = jeffreys_weights("any", 8, 20_000, 0)
    assert abs(weights.mean() - 0.5) < 5 * np.sqrt(0.5 / weights.size)
    assert abs(weights.var() - 0.5) < 0.02
    with pytest.raises(ValueError, match="read-only"):
        weights[0, 0] = 1
