"""temperature: the one that was put in comes out, answers stay, and what is honest is left alone."""

from __future__ import annotations

import numpy as np
import pytest

from duiqi.data.temperature import best_temperature, tempered


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 4.0])
def test_what_was_sharpened_is_blunted_again(sharpness):
    rng = np.random.default_rng(0)
    honest = rng.dirichlet(np.ones(3), 6000)
    truth = np.array([rng.choice(3, p=each) for each in honest])
    given = tempered(honest, 1 / sharpness)
    assert best_temperature(given, truth) == pytest.approx(sharpness, rel=0.1)
    assert tempered(given, sharpness) == pytest.approx(honest, abs=2e-3)  # chances below 1e-12 are cut off
    assert np.array_equal(given.argmax(axis=1), honest.argmax(axis=1))


def test_by_hand():
    """Log-odds of log 9 divided by two are log 3."""
    assert tempered(np.array([[0.9, 0.1]]), 2.0) == pytest.approx(np.array([[0.75, 0.25]]))
