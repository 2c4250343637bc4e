"""The permutations of a slice search: all errors find new places, and are summed the same however rows are cut."""

import numpy as np
import pytest
from scipy.sparse import random_array

from duiqi.core.search import DENSE_FROM, STRIP, _permuted, _strips, _sums


@pytest.mark.parametrize("density", [0.5 * DENSE_FROM, 2 * DENSE_FROM])
def test_sums_over_strips_are_those_of_one_product(density: float):
    rng = np.random.default_rng(0)
    rows = random_array((20, 2 * STRIP + 7), density=density, format="csr", rng=rng)
    block = rng.integers(0, 2, (5, rows.shape[1])).astype(np.float32)
    strips = _strips(rows)
    assert len(strips) == (3 if density < DENSE_FROM else 1)
    np.testing.assert_allclose(_sums(strips, block), rows @ block.T.astype(np.float64), rtol=1e-4)


@pytest.mark.parametrize("errors", [[1, 0, 0, 1, 0, 0], [1, 1, 0, 1, 1, 1], [0.5, 0.1, 0.5, 0.3, 0.9, 0.5], [3, 1, 2]])
def test_every_permutation_holds_the_same_errors_and_each_is_everywhere_alike(errors: list[float]):
    given = np.array(errors, dtype=np.float32)
    drawn = np.concatenate(list(_permuted(given, np.random.default_rng(0), 20_000)))
    assert drawn.shape == (20_000, len(given))
    assert (np.sort(drawn, axis=1) == np.sort(given)).all()
    for value in np.unique(given):
        here = (drawn == value).astype(np.float64)
        share = (given == value).mean()
        np.testing.assert_allclose(here.mean(axis=0), share, atol=5 * np.sqrt(share * (1 - share) / len(drawn)))
        apart = np.cov(here, rowvar=False)  # of any two places, as of drawing without putting back
        expected = -share * (1 - share) / (len(given) - 1)
        np.testing.assert_allclose(apart[np.triu_indices(len(given), 1)], expected, atol=0.01)
