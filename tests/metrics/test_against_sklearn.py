"""Every metric against scikit-learn, for two and many classes, absent classes and slices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn import metrics as sk

from duiqi.core.measure import Weights, accumulate
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions

CATALOGUE = Catalogue.installed()


def measured(name, truth, probs, mask=None, **options):
    part = CATALOGUE.find("metric", name)
    rows = part(truth, Predictions(np.arange(len(truth)).astype(str), {"probs": probs}), **options)
    totals, _ = accumulate(rows, [mask], Weights(np.arange(len(truth), dtype=np.uint64), 2, 0))
    with np.errstate(divide="ignore", invalid="ignore"):  # an absent class has no value; `Measure` finishes like this
        value = part.hooks["finish"](totals[0])
    return part.hooks["shown"](value) if "shown" in part.hooks else value


def answers(rng, n, k, absent=()):
    """Truths and probabilities; classes in `absent` occur neither as truth nor as answer."""
    classes = np.setdiff1d(np.arange(k), absent)
    truth = rng.choice(classes, n)
    scores = rng.normal(size=(n, k)) + 1.5 * np.eye(k)[truth]
    scores[:, list(absent)] = -30
    probs = np.exp(scores)
    return truth, probs / probs.sum(axis=1, keepdims=True)


THEIRS = {
    "accuracy": lambda t, p, k: sk.accuracy_score(t, p.argmax(1)),
    "macro_f1": lambda t, p, k: sk.f1_score(t, p.argmax(1), average="macro", zero_division=0),
    "precision": lambda t, p, k: sk.precision_score(t, p.argmax(1), average="macro", zero_division=0),
    "recall": lambda t, p, k: sk.balanced_accuracy_score(t, p.argmax(1)),
    "mcc": lambda t, p, k: sk.matthews_corrcoef(t, p.argmax(1)),
    "log_loss": lambda t, p, k: sk.log_loss(t, p, labels=np.arange(k)),
    "brier": lambda t, p, k: np.mean(((p - np.eye(k)[t]) ** 2).sum(1)),
}


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize(("k", "absent"), [(2, ()), (3, ()), (7, ()), (7, (0, 4)), (12, (11,))])
def test_whole_and_slice(name, k, absent):
    rng = np.random.default_rng(k)
    truth, probs = answers(rng, 500, k, absent)
    mask = rng.random(500) < 0.3
    assert measured(name, truth, probs) == pytest.approx(THEIRS[name](truth, probs, k), abs=2e-6)
    assert measured(name, truth, probs, mask) == pytest.approx(THEIRS[name](truth[mask], probs[mask], k), abs=2e-6)


@pytest.mark.parametrize("k", [2, 5])
def test_one_class_alone(k):
    truth, probs = answers(np.random.default_rng(1), 300, k)
    theirs = sk.precision_recall_fscore_support(truth, probs.argmax(1), labels=[1], zero_division=0)
    for name, value in zip(("precision", "recall", "macro_f1"), theirs, strict=False):
        assert measured(name, truth, probs, label=1) == pytest.approx(value[0])


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_a_class_answered_but_never_true():
    """It counts as 0 in precision and F1, as it does there, and not at all in balanced accuracy."""
    truth, answer = np.array([0, 0, 1, 1, 0]), np.array([0, 2, 1, 1, 0])
    probs = np.eye(4)[answer]
    for name in ("macro_f1", "precision", "recall"):
        assert measured(name, truth, probs) == pytest.approx(THEIRS[name](truth, probs, 4))
    assert measured("macro_f1", truth, probs) == pytest.approx((0.8 + 1 + 0) / 3)


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 6.0])
def test_auroc_of_two_classes(sharpness):
    rng = np.random.default_rng(4)
    truth = (rng.random(3000) < 0.3).astype(int)
    second = 1 / (1 + np.exp(-sharpness * (rng.normal(size=3000) + 1.3 * truth - 0.5)))
    probs = np.stack([1 - second, second], axis=1)
    assert measured("auroc", truth, probs) == pytest.approx(sk.roc_auc_score(truth, second), abs=1e-3)
    mask = rng.random(3000) < 0.2
    expected = sk.roc_auc_score(truth[mask], second[mask])
    assert measured("auroc", truth, probs, mask) == pytest.approx(expected, abs=1e-3)


def test_auroc_of_many_classes_is_the_pooled_one():
    truth, probs = answers(np.random.default_rng(5), 1500, 6)
    expected = sk.roc_auc_score(np.eye(6)[truth].ravel(), probs.ravel())
    assert measured("auroc", truth, probs) == pytest.approx(expected, abs=1e-3)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=40))
def test_auroc_counts_ties_half(rows):
    truth = np.array([t for t, _ in rows], dtype=int)
    score = np.array([s for _, s in rows]) / 5 + 0.1
    if len(set(truth)) < 2:
        return
    ours = measured("auroc", truth, np.stack([1 - score, score], axis=1))
    assert ours == pytest.approx(sk.roc_auc_score(truth, score), abs=1e-9)


def test_confusion():
    truth, probs = answers(np.random.default_rng(6), 200, 5)
    expected = sk.confusion_matrix(truth, probs.argmax(1), labels=range(5), normalize="all")
    assert np.allclose(measured("confusion", truth, probs), expected)


def test_calibration_error_by_hand():
    """One bin: 100 rows said .9, 70 right: squared gap .04, less .7 × .3 / 99 of chance."""
    truth = (np.arange(100) >= 70).astype(int)
    probs = np.tile([0.9, 0.1], (100, 1))
    assert measured("calibration_error", truth, probs) == pytest.approx(np.sqrt(0.04 - 0.21 / 99), abs=1e-5)
    assert measured("calibration_error", (np.arange(100) >= 90).astype(int), probs) == 0


def test_calibration_error_is_not_biased_where_the_plain_form_is():
    squared = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        confidence = rng.uniform(0.5, 1, 200)
        truth = (rng.random(200) > confidence).astype(int)
        part = CATALOGUE.find("metric", "calibration_error")
        rows = part(
            truth, Predictions(np.arange(200).astype(str), {"probs": np.stack([confidence, 1 - confidence], 1)})
        )
        squared.append(part.hooks["finish"](rows.sum(axis=0)))
    assert abs(np.mean(squared)) < 4 * np.std(squared) / np.sqrt(200)


@given(st.integers(0, 2**31), st.integers(2, 6), st.integers(1, 30))
def test_ranges_and_perfection(seed, k, n):
    """A perfect and sure model has the best value; any model lies in the declared range."""
    rng = np.random.default_rng(seed)
    truth, probs = answers(rng, n, k)
    best = {
        "accuracy": 1,
        "macro_f1": 1,
        "precision": 1,
        "recall": 1,
        "log_loss": 0,
        "brier": 0,
        "calibration_error": 0,
    }
    for name, value in best.items():
        part = CATALOGUE.find("metric", name)
        assert measured(name, truth, np.eye(k)[truth]) == pytest.approx(value, abs=1e-6)
        assert part.facts["low"] - 1e-9 <= measured(name, truth, probs) <= part.facts["high"] + 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_sets_of_labels_against_sklearn(seed):
    rng = np.random.default_rng(seed)
    truth = (rng.random((60, 4)) < 0.4).astype(int)
    given = np.where(rng.random(truth.shape) < 0.2, 1 - truth, truth)
    guess = Predictions(np.arange(60).astype(str), {"labels": given})
    theirs = {"micro_f1": sk.f1_score, "micro_precision": sk.precision_score, "micro_recall": sk.recall_score}
    for name, score in theirs.items():
        part = CATALOGUE.find("metric", name)
        finish = part.hooks["finish"]
        assert np.isclose(finish(part(truth, guess).sum(axis=0)), score(truth, given, average="micro"))
        each = [finish(part(truth, guess, label=label).sum(axis=0)) for label in range(4)]
        assert np.allclose(each, score(truth, given, average=None))
    exact = CATALOGUE.find("metric", "exact_match")
    assert np.isclose(exact.hooks["finish"](exact(truth, guess).sum(axis=0)), sk.accuracy_score(truth, given))


@pytest.mark.parametrize("seed", range(4))
def test_numbers_against_sklearn(seed):
    rng = np.random.default_rng(seed)
    truth = rng.normal(100, 20, 80)
    scores = truth + rng.normal(3, 10, 80)
    guess = Predictions(np.arange(80).astype(str), {"scores": scores})
    theirs = {
        "r_squared": sk.r2_score(truth, scores),
        "mean_absolute_error": sk.mean_absolute_error(truth, scores),
        "root_mean_squared_error": sk.root_mean_squared_error(truth, scores),
        "pearson": np.corrcoef(truth, scores)[0, 1],
        "spearman": spearmanr(truth, scores).statistic,
    }
    for name, value in theirs.items():
        part = CATALOGUE.find("metric", name)
        totals, _ = accumulate(part(truth, guess), [None], Weights(np.arange(80, dtype=np.uint64), 2, 0))
        assert np.isclose(part.hooks.get("shown", float)(part.hooks["finish"](totals[0])), value, rtol=1e-5), name
    within = CATALOGUE.find("metric", "within_tolerance")
    share = within.hooks["finish"](within(truth, guess, tolerance=5.0).sum(axis=0))
    assert np.isclose(share, np.mean(np.abs(scores - truth) <= 5))
