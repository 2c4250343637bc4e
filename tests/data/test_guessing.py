"""Guesses of labels: two regressions, each with as much say as rows show that neither has learned."""

import numpy as np
import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions
from duiqi.data.crossfit import best_shares, blend
from duiqi.data.guessing import Guesser

WORDS = ("pump", "valve", "motor", "cable", "lamp", "fuse")


class Reader:
    """A body without a head: embeddings drawn at random, which tell nothing, or `told` by the text."""

    name, offers = "reader", ("embedding",)

    def __init__(self, told=None):
        self.told = told

    def predict(self, data, columns):
        rng = np.random.default_rng(len(data))
        found = rng.normal(size=(len(data), 8))
        if self.told:
            found[:, 0] += [4.0 * self.told(text) for text in data.texts]
        return Predictions(data.row_ids, {"embedding": found})


def reports(n, seed=0, *, told=True):
    """Rows whose label hangs on one word among others; where it is not told, on whether their number is even."""
    rng = np.random.default_rng(seed)
    bad = rng.random(n) < 0.5
    verbs = ["leaks" if each else "runs" for each in (bad if told else rng.random(n) < 0.5)]
    texts = [f"{' '.join(rng.choice(WORDS, 4))} {verbs[i]} {2 * i + each}" for i, each in enumerate(bad)]
    return Dataset.of({"text": texts, "label": ["bad" if each else "good" for each in bad]})


def guesser(rows, reader):
    plain = Catalogue.installed().task("classify")
    return Guesser(reader, Catalogue.installed().task("classify", **plain.learn(rows)), rows)


def right(guess, rows):
    return float((guess.probs.argmax(axis=1) == np.array([label == "good" for label in rows.values("label")])).mean())


def test_who_knows_nothing_has_no_say():
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=400)
    knows = np.where(np.eye(2)[truth] > 0, 0.9, 0.1)
    noise = rng.dirichlet([1, 1], 400)
    assert best_shares([knows, noise], truth)[0] >= 0.9
    assert best_shares([noise, knows], truth)[1] >= 0.9
    assert best_shares([noise], truth) == (1.0,)


def test_two_that_are_wrong_about_different_rows_share():
    rng = np.random.default_rng(1)
    truth = rng.integers(2, size=2000)
    given = [np.where(np.eye(2)[np.where(rng.random(2000) < 0.2, 1 - truth, truth)] > 0, 0.8, 0.2) for _ in range(2)]
    first, second = best_shares(given, truth)
    assert 0.3 <= first <= 0.7
    assert first + second == pytest.approx(1)


def test_a_share_of_all_is_the_model_itself():
    probs = np.random.default_rng(0).dirichlet([1, 1, 1], 50)
    assert np.allclose(blend([probs, probs[::-1]], (1.0, 0.0)), probs)


@pytest.mark.parametrize("by_words", [True, False])
def test_words_or_embeddings_whichever_know(by_words):
    """Embeddings that tell nothing do not spoil what words tell, nor words what embeddings tell."""
    known, asked = reports(300, told=by_words), reports(200, seed=1, told=by_words)
    found = guesser(known, Reader() if by_words else Reader(lambda text: int(text.split()[-1]) % 2))
    assert right(found.answers(asked), asked) > 0.95
    apart = (found.unlearned().argmax(axis=1) == found.task.read_truth(known)).mean()
    assert apart > 0.95


def test_rows_are_not_judged_by_what_learned_their_label():
    """Labels drawn at random: what has not learned them is right as often as a coin."""
    rows = reports(400)
    coin = np.random.default_rng(5).random(400) < 0.5
    rows = rows.with_column("label", ["good" if each else "bad" for each in coin], column="label")
    found = guesser(rows, Reader())
    assert 0.4 < (found.unlearned().argmax(axis=1) == found.task.read_truth(rows)).mean() < 0.6
