"""Labels that a model gives itself: how often they are right above the threshold that was found."""

import numpy as np
import pytest

from duiqi.core.errors import OptionError
from duiqi.data.confident import confident, find_bound


def answers(rng, n, k=3, *, steep=3.0, stretch=1.0):
    """Probabilities, truths drawn from them before they were stretched, and how likely each answer is right."""
    logits = rng.normal(size=(n, k)) * steep
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    truth = (probs.cumsum(axis=1) < rng.random(n)[:, None]).sum(axis=1).clip(0, k - 1)
    said = probs**stretch
    return said / said.sum(axis=1, keepdims=True), truth, probs.max(axis=1)


@pytest.mark.parametrize(("stretch", "steep"), [(1.0, 3.0), (4.0, 3.0), (0.3, 3.0), (1.0, 6.0)])
def test_too_few_are_right_in_at_most_alpha_of_the_samples(stretch, steep):
    """Whether the model is as sure as it may be, far too sure, or too little: 1,000 samples of rows each."""
    population, _, chances = answers(np.random.default_rng(0), 100_000, steep=steep, stretch=stretch)
    broken = found = 0
    for seed in range(1000):
        probs, truth, _ = answers(np.random.default_rng(1 + seed), 600, steep=steep, stretch=stretch)
        bound = find_bound(probs, truth, right=0.9)
        rows, _ = confident(population[::20], bound)
        found += len(rows) > 0
        per_class = population[::20].argmax(axis=1)
        broken += any(
            chances[::20][rows[np.isin(per_class[rows], group.classes)]].mean() < 0.9
            for group in bound.groups
            if np.isin(per_class[rows], group.classes).any()
        )
    assert broken <= 65  # 50 are allowed, and three standard errors of 6.9 less those for what the population is cut to
    assert found > 900


def test_confidence_that_means_nothing_gives_no_labels():
    """Answers right in nine of ten whatever the confidence: no threshold reaches .95, but in few samples."""
    found = 0
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        sure = rng.uniform(0.5, 1, 400)
        truth = (rng.random(400) < 0.1).astype(np.int64)
        found += find_bound(np.stack([sure, 1 - sure], axis=1), truth).holds
    assert found <= 50


def test_the_fewest_rows_that_show_it():
    """With all answers right, .95^n must fall to alpha: 59 rows of one class at .05, and 58 do not."""

    def bound(n):
        probs = np.tile([0.9, 0.1], (n, 1)) + np.linspace(0, 0.05, n)[:, None] * [1, -1]
        return find_bound(probs, np.zeros(n, dtype=np.int64), right=0.95, alpha=0.05)

    assert bound(59).holds
    assert bound(59).groups[0].above == 59
    assert not bound(58).holds
    assert bound(58).rows_to_settle >= 59


def test_equal_confidences_stand_or_fall_together():
    probs = np.tile([0.9, 0.1], (300, 1))
    found = find_bound(probs, np.zeros(300, dtype=np.int64))
    assert len(confident(probs, found)[0]) == 300
    wrong = (np.arange(300) % 10 == 0).astype(np.int64)
    assert not find_bound(probs, wrong).holds


def test_a_bad_class_does_not_spoil_a_good_one():
    rng = np.random.default_rng(0)
    answer = np.arange(4000) % 2
    sure = rng.uniform(0.6, 1, 4000)
    probs = np.where(np.eye(2)[answer] > 0, sure[:, None], 1 - sure[:, None])
    slip = rng.random(4000) < np.where(answer == 0, 0.01, 0.3)
    found = find_bound(probs, np.where(slip, 1 - answer, answer))
    assert np.isfinite(found.thresholds[0])
    assert found.thresholds[1] == np.inf
    rows, labels = confident(probs, found)
    assert set(labels) == {0}
    assert (answer[rows] == 0).all()


def test_where_a_rare_class_shows_nothing_alone_all_are_judged_together():
    """Of 400 rows a fifth are of a class that is too rare to show a share of .9 by itself: labels of the other alone
    would leave it out. Above the one threshold for all, too few are right in at most alpha of the samples."""

    def drawn(seed, n):
        rng = np.random.default_rng(seed)
        logits = np.stack([rng.normal(2.2, 3.0, n), np.zeros(n)], axis=1)
        probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return probs, (rng.random(n) > probs[:, 0]).astype(np.int64)

    population, _ = drawn(999, 20_000)
    chance, broken, both = population.max(axis=1), 0, 0
    for seed in range(400):
        bound = find_bound(*drawn(seed, 400), right=0.9)
        rows, labels = confident(population, bound)
        shares = [chance[rows[np.isin(labels, each.classes)]] for each in bound.groups if each.holds]
        broken += any(each.mean() < 0.9 for each in shares)
        both += len(bound.groups) == 1 and set(labels) == {0, 1}
    assert broken <= 20 + 3 * 4.4
    assert both > 200


def test_how_many_rows_it_would_take_is_about_right():
    rng = np.random.default_rng(3)
    probs, truth, _ = answers(rng, 60, steep=6.0)
    few = find_bound(probs, truth)
    assert not few.holds
    needed = few.rows_to_settle
    assert 60 < needed < 3000
    holds = [find_bound(*answers(np.random.default_rng(s), 2 * needed, steep=6.0)[:2]).holds for s in range(20)]
    assert sum(holds) >= 15


def test_rows_without_probabilities_get_no_label():
    probs, truth, _ = answers(np.random.default_rng(0), 2000, steep=6.0)
    probs[::2] = np.nan
    rows, labels = confident(probs, find_bound(probs, truth))
    assert len(rows) > 100
    assert (rows % 2 == 1).all()
    assert (labels == probs[rows].argmax(axis=1)).all()


@pytest.mark.parametrize("options", [{"right": 1.0}, {"right": 0}, {"alpha": 1}, {"alpha": -0.1}])
def test_shares_that_cannot_be(options):
    probs, truth, _ = answers(np.random.default_rng(0), 50)
    with pytest.raises(OptionError):
        find_bound(probs, truth, **options)
