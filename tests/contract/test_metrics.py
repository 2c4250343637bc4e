"""One contract for every metric in the catalogue, ours or another's."""

import inspect
import warnings

import numpy as np
import pytest

from duiqi.core.measure import Measure, Weights, accumulate
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions

CATALOGUE = Catalogue.installed()
OF_CLASSES = {"model.probs", "model.confidence", "data.label"}
CLASSIFY = [part for part in CATALOGUE.all("metric") if set(part.needs) <= OF_CLASSES and part.needs]
metrics = pytest.mark.parametrize("part", CATALOGUE.all("metric"), ids=lambda part: part.name)
classify = pytest.mark.parametrize("part", CLASSIFY, ids=lambda part: part.name)
sizes = pytest.mark.parametrize("k", [2, 5])


def table(k, n=240, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    scores = rng.normal(size=(n, k)) + 2 * np.eye(k)[truth]
    probs = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return truth, Predictions(np.arange(n).astype(str), {"probs": probs})


def dense(rows):
    return np.asarray(rows.todense()) if hasattr(rows, "todense") else np.asarray(rows, dtype=np.float64)


@metrics
def test_declares_what_a_reader_needs(part):
    assert part.name == part.function.__name__ == part.function.__module__.rpartition(".")[2]
    assert part.summary.endswith(".") or part.summary.endswith("1."), part.summary
    assert len(part.doc.split()) >= 12
    if part.facts["better"] == "lower" or "higher is better" in part.doc:
        assert f"{part.facts['better']} is better" in part.doc or part.facts.get("shape")
    assert part.facts["better"] in ("higher", "lower")
    assert part.facts["interval"] in ("percentile", "centred")
    assert part.facts["low"] < part.facts["high"]
    assert "finish" in part.hooks
    assert all(p.default is not inspect.Parameter.empty for p in part.options.values())


def test_the_metrics_of_the_task_are_there():
    assert set(CATALOGUE.task("classify", labels=("a", "b")).metrics) <= set(CATALOGUE.names("metric"))


@classify
@sizes
def test_rows_have_one_shape_and_are_numbers(part, k):
    truth, guess = table(k)
    rows = part(truth, guess)
    assert rows.shape[0] == len(truth)
    assert rows.ndim == 2
    assert np.isfinite(dense(rows)).all()
    assert dense(part(truth[:1], guess.take(np.array([0])))).shape == (1, rows.shape[1])


@classify
@sizes
def test_a_row_counts_the_same_in_any_company(part, k):
    """Rows one by one are the rows of the whole: so sums of shards add and order does not matter."""
    truth, guess = table(k, n=40)
    whole = dense(part(truth, guess))
    alone = np.concatenate([dense(part(truth[[i]], guess.take(np.array([i])))) for i in range(40)])
    assert np.allclose(whole, alone)


@classify
@sizes
def test_finish_takes_any_leading_axes(part, k):
    truth, guess = table(k)
    rows = dense(part(truth, guess))
    sums = np.stack([rows.sum(axis=0), rows[:120].sum(axis=0), rows[120:].sum(axis=0)])
    finished = np.asarray(part.hooks["finish"](sums))
    shapes = {None: (3,), "matrix": (3, k, k), "profile": (3, finished.shape[-1])}
    assert finished.shape == shapes[part.facts.get("shape")]
    assert np.allclose(finished[1], part.hooks["finish"](sums[1]))
    assert np.allclose(part.hooks["finish"](sums[None, :]), finished[None])


@classify
@sizes
def test_values_are_finite_and_in_range(part, k):
    shown = part.hooks.get("shown", lambda values: values)
    for seed in range(5):
        truth, guess = table(k, n=60, seed=seed)
        value = shown(part.hooks["finish"](dense(part(truth, guess)).sum(axis=0)))
        assert np.isfinite(value).all()
        assert np.all((value >= part.facts["low"]) & (value <= part.facts["high"]))


@classify
def test_doubling_all_rows_moves_no_mean(part):
    """Twice the rows, the same value; a debiased form may move by what chance makes with fewer rows."""
    truth, guess = table(3)
    total = dense(part(truth, guess)).sum(axis=0)
    tolerance = 0.01 if part.facts["interval"] == "centred" else 1e-9
    assert np.allclose(part.hooks["finish"](2 * total), part.hooks["finish"](total), atol=tolerance)


@classify
@sizes
def test_makes_a_measure_with_an_interval_round_its_value(part, k):
    if part.facts.get("shape"):
        pytest.skip("a matrix is shown, not judged")
    truth, guess = table(k)
    weights = Weights(np.arange(len(truth), dtype=np.uint64), 200, 0)
    totals, sums = accumulate(part(truth, guess), [None], weights)
    measure = Measure(part, totals[0], sums[0], len(truth), 0)
    assert measure.interval.settled
    assert measure.interval.low <= measure.value <= measure.interval.high
    assert measure.interval.low < measure.interval.high
    assert measure.draws.shape == (200,)


@classify
def test_no_rows_is_no_number_and_no_noise(part):
    truth, guess = table(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        totals, sums = accumulate(
            part(truth, guess), [np.zeros(len(truth), bool)], Weights(np.arange(240, dtype=np.uint64), 50, 0)
        )
        if not part.facts.get("shape"):
            assert not Measure(part, totals[0], sums[0], 0, 0).interval.settled


@classify
def test_pseudo_rows_come_in_pairs_and_do_not_move_absent_classes(part):
    pseudo = part.hooks.get("pseudo")
    if pseudo is None:
        pytest.skip("not made of proportions")
    truth, guess = table(4)
    rows = dense(part(truth[truth < 2], guess.take(truth < 2)))
    added = pseudo(rows.sum(axis=0))
    assert added.shape[0] % 2 == 0
    assert added.shape[1] == rows.shape[1]
    right, wrong = added[0::2], added[1::2]
    assert np.all(right >= wrong)
    seen = np.any(right != 0, axis=1)
    assert np.any(right[seen] != wrong[seen], axis=1).all()
