"""The probability that was not given to truths, by hand, for every form of answer."""

from __future__ import annotations

import numpy as np
import pytest

from duiqi.core.case import misses
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions
from duiqi.data.simulated import labelled_case, simulated_case, tagged_case, written_case

CATALOGUE = Catalogue.installed()
IDS = np.array(["r0", "r1"])


def test_rows_miss_what_other_classes_got():
    task = CATALOGUE.task("classify", labels=("a", "b"))
    guess = Predictions(IDS, {"probs": np.array([[0.8, 0.2], [0.3, 0.7]])})
    assert misses(task, np.array([0, 0]), guess) == pytest.approx([0.2, 0.7])


def test_words_must_all_be_right():
    task = CATALOGUE.task("tag", labels=("x",))  # O, B-x, I-x
    probs = [np.array([[0.5, 0.3, 0.2], [0.1, 0.9, 0.0]]), np.array([[0.2, 0.7, 0.1]])]
    guess = Predictions(IDS, {"tags": [each.argmax(axis=1) for each in probs], "probs": probs})
    truth = [np.array([0, 1]), np.array([0])]
    assert misses(task, truth, guess) == pytest.approx([1 - 0.5 * 0.9, 0.8])


def test_labels_count_whether_they_are_given_or_not():
    task = CATALOGUE.task("multilabel", labels=("a", "b"))
    guess = Predictions(IDS, {"labels": np.array([[1, 0], [0, 0]]), "probs": np.array([[0.9, 0.4], [0.3, 0.2]])})
    assert misses(task, np.array([[1, 0], [1, 0]]), guess) == pytest.approx([1 - 0.9 * 0.6, 1 - 0.3 * 0.8])


@pytest.mark.parametrize("make", [simulated_case, tagged_case, labelled_case])
def test_right_rows_miss_less(make):
    case = make(np.random.default_rng(0), error=0.3)
    missed = misses(case.task, case.truth, case.guess)
    assert ((missed >= 0) & (missed <= 1)).all()
    assert missed[case.right].mean() < missed[~case.right].mean() - 0.2


def test_texts_tell_none():
    case = written_case(np.random.default_rng(0))
    assert misses(case.task, case.truth, case.guess) is None
