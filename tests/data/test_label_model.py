"""The model of votes: Bayes by hand, and many patterns of votes."""

import numpy as np
import pytest

from duiqi.data.label_model import LabelModel, aggregated


def test_the_posterior_is_that_of_bayes_by_hand():
    # two functions, two classes; outcomes: votes 0, votes 1, abstains; columns are the true class
    says = np.array([[[0.6, 0.1], [0.2, 0.5], [0.2, 0.4]], [[0.3, 0.2], [0.1, 0.7], [0.6, 0.1]]])
    model = LabelModel(np.array([0.7, 0.3]), says, np.ones(2))
    probs = model.probs(np.array([[0, 1], [1, -1], [-1, -1], [0, 1]]))
    first = np.array([0.7 * 0.6 * 0.1, 0.3 * 0.1 * 0.7])
    second = np.array([0.7 * 0.2 * 0.6, 0.3 * 0.5 * 0.1])
    assert probs[0] == pytest.approx(first / first.sum())
    assert probs[1] == pytest.approx(second / second.sum())
    assert np.isnan(probs[2]).all()
    assert (probs[3] == probs[0]).all()


def test_patterns_of_many_functions_and_classes_are_kept_apart():
    rng = np.random.default_rng(0)
    given = rng.integers(-1, 77, (300, 20))  # 78^20 is more than 64 bits hold
    given[200:] = given[:100]
    patterns, which, counts = aggregated(given, 77)
    assert len(patterns) == 200
    assert (patterns[which] == given).all()
    assert counts.sum() == 300
