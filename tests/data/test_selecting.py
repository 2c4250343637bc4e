"""Strategies for choosing rows, by hand and against slow versions of themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duiqi.data import selecting
from duiqi.data.selecting import DOUBTS, k_centres, most_doubtful, weakest_first


def test_classes_by_hand():
    probs = np.array([[0.9, 0.1, 0.0], [0.4, 0.35, 0.25], [0.5, 0.5, 0.0]])
    assert DOUBTS["uncertainty", "row"](probs) == pytest.approx([0.1, 0.6, 0.5])
    assert DOUBTS["margin", "row"](probs) == pytest.approx([0.2, 0.95, 1.0])
    assert most_doubtful(DOUBTS["uncertainty", "row"](probs), 2).tolist() == [1, 2]
    assert most_doubtful(DOUBTS["margin", "row"](probs), 2).tolist() == [2, 1]


def test_labels_by_hand():
    probs = np.array([[0.9, 0.2], [0.5, 0.0], [1.0, 0.0]])
    assert DOUBTS["uncertainty", "label"](probs) == pytest.approx([1 - 0.9 * 0.8, 0.5, 0.0])
    assert DOUBTS["margin", "label"](probs) == pytest.approx([1 - 0.6, 1.0, 0.0])


def test_long_sentences_have_no_start_among_tags():
    word = np.array([[0.7, 0.2, 0.1]])
    probs = [word, np.repeat(word, 9, axis=0), np.zeros((0, 3)), np.array([[0.9, 0.1, 0], [0.4, 0.3, 0.3]])]
    mean = np.sqrt(0.9 * 0.4)
    assert DOUBTS["uncertainty", "word"](probs) == pytest.approx([0.3, 0.3, 0, 1 - mean])
    assert DOUBTS["margin", "word"](probs) == pytest.approx([0.5, 0.5, 0, (0.2 + 0.9) / 2])


@given(st.integers(2, 6), st.integers(1, 20), st.integers(0, 99))
def test_on_two_classes_margin_and_confidence_order_alike(k, n, seed):
    probs = np.random.default_rng(seed).dirichlet(np.ones(k), n)
    for by in ("uncertainty", "margin"):
        doubts = DOUBTS[by, "row"](probs)
        assert ((doubts >= 0) & (doubts <= 1)).all()
        assert DOUBTS[by, "row"](probs[:, ::-1]) == pytest.approx(doubts)
    two = np.stack([probs[:, 0], 1 - probs[:, 0]], axis=1)
    assert DOUBTS["margin", "row"](two) == pytest.approx(2 * DOUBTS["uncertainty", "row"](two))


def slow_k_centres(vectors, known, most):
    chosen = []
    for _ in range(min(most, len(vectors))):
        there = np.concatenate([known, vectors[chosen]])
        far = np.array([np.linalg.norm(there - each, axis=1).min() for each in vectors])
        far[chosen] = -1
        chosen.append(int(far.argmax()))
    return chosen


@pytest.mark.parametrize("block", [3, 7, 1024])
def test_k_centres_whatever_the_blocks(monkeypatch, block):
    rng = np.random.default_rng(0)
    vectors, known = rng.normal(size=(40, 5)), rng.normal(size=(11, 5))
    monkeypatch.setattr(selecting, "BLOCK", block)
    rows, reach = k_centres(vectors, known, 15)
    assert rows.tolist() == slow_k_centres(vectors, known, 15)
    assert reach[0] == pytest.approx(np.linalg.norm(known - vectors[rows[0]], axis=1).min(), rel=1e-4)
    assert (np.diff(reach) <= 1e-6).all()


def test_k_centres_covers_a_line_and_never_takes_a_row_twice():
    line = np.array([[0.0], [1.0], [5.0], [9.0], [9.0]])
    assert k_centres(line, np.array([[0.0]]), 2)[0].tolist() == [3, 2]
    assert sorted(k_centres(line, np.array([[0.0]]), 99)[0].tolist()) == [0, 1, 2, 3, 4]
    assert k_centres(line, np.zeros((0, 1)), 1)[0].tolist() == [0]  # the mean is 4.8
    assert k_centres(np.zeros((0, 1)), line, 3)[0].tolist() == []


def test_k_centres_never_holds_all_distances():
    import tracemalloc

    rng = np.random.default_rng(0)
    vectors, known = rng.normal(size=(6000, 8)).astype(np.float32), rng.normal(size=(6000, 8)).astype(np.float32)
    tracemalloc.start()
    k_centres(vectors, known, 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6000 * 6000 * 4 / 3


def test_weak_slices_take_turns_and_the_rest_comes_after():
    inside = np.array([[1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 0, 0]], dtype=bool)
    doubts = np.array([0.1, 0.3, 0.2, 0.0, 0.9, 0.8])
    rows, of = weakest_first(inside, doubts, 6)
    assert rows.tolist() == [1, 3, 2, 0, 4, 5]  # row 2 counts for the first slice only
    assert of.tolist() == [0, 1, 0, 0, -1, -1]
    assert weakest_first(inside, doubts, 2)[0].tolist() == [1, 3]
    rows, of = weakest_first(np.zeros((0, 6), dtype=bool), doubts, 2)
    assert (rows.tolist(), of.tolist()) == ([4, 5], [-1, -1])
