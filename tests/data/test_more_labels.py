"""What more labels would bring: curves drawn on where the truth is known, and what is said where there is none."""

import time

import numpy as np
import pytest

from duiqi.core.errors import DataError
from duiqi.data.more_labels import SHARES, Curve, curves, drawn_on


def curve(a, b, c, *, rows=1000, noise=0.002, rng=None):
    """Errors of a power law at the sizes that are looked at, with noise of a known size."""
    sizes = np.array(SHARES) * rows
    errors = a + b * (sizes / rows) ** -c
    errors = errors + (rng.normal(0, noise, len(sizes)) if rng is not None else 0)
    return Curve(None, sizes, errors, noise**2 * np.eye(len(sizes)), rows)


@pytest.mark.parametrize(("a", "b", "c"), [(0.05, 0.1, 0.5), (0.0, 0.2, 0.3), (0.1, 0.05, 0.9)])
def test_a_power_law_is_drawn_on(a, b, c):
    """The interval holds the true gain of a doubling in about 95 of 100 draws of noise."""
    gain = b * (1 - 2.0**-c)
    found = [curve(a, b, c, rng=np.random.default_rng(seed)).worth(1000) for seed in range(60)]
    assert np.mean([each.low <= gain <= each.high for each in found]) >= 0.9
    assert np.median([each.gain for each in found]) == pytest.approx(gain, abs=0.25 * gain + 0.005)
    assert found[0].now == pytest.approx(1 - a - b, abs=0.01)
    assert all(each.told for each in found)


def test_more_rows_bring_more_and_from_further_off_less_is_known():
    worths = [curve(0.05, 0.1, 0.5).worth(more) for more in (250, 1000, 3000)]
    gains, widths = [w.gain for w in worths], [w.high - w.low for w in worths]
    assert gains == sorted(gains)
    assert widths == sorted(widths)
    with pytest.raises(DataError, match="3000"):
        curve(0.05, 0.1, 0.5).worth(3001)
    with pytest.raises(DataError):
        curve(0.05, 0.1, 0.5).worth(0)


def test_errors_that_do_not_fall_promise_nothing():
    """Flat errors with noise: in 200 draws at most a few promise a gain."""
    told = sum(curve(0.3, 0.0, 0.5, noise=0.01, rng=np.random.default_rng(s)).worth(1000).told for s in range(200))
    assert told <= 12


def test_curves_of_all_power_laws_pass_through_the_errors_seen():
    made = curve(0.05, 0.1, 0.5, noise=0.001)
    assert drawn_on(made, made.sizes).mean(axis=0) == pytest.approx(made.errors, abs=0.003)


def blobs(rng, rows, d=60, far=1.2, classes=3):
    """Classes as clouds in many directions, most of them noise: more rows are better."""
    labels = rng.integers(0, classes, rows)
    return rng.normal(size=(rows, d)) + far * np.eye(d)[labels], labels


def test_the_gain_is_the_one_that_more_rows_bring():
    from sklearn.linear_model import LogisticRegression

    held, said, came = 0, [], []
    x, y = blobs(np.random.default_rng(99), 6000)
    for seed in range(6):
        more, labels = blobs(np.random.default_rng(seed), 1200)
        worth = curves(more[:400], labels[:400], ("a", "b", "c"), np.arange(400, dtype=np.uint64), seed=seed)[0].worth(
            800
        )
        right = [LogisticRegression(C=10, max_iter=200).fit(more[:n], labels[:n]).score(x, y) for n in (400, 1200)]
        said.append(worth.gain)
        came.append(right[1] - right[0])
        held += worth.low <= came[-1] <= worth.high
    assert held >= 5
    assert np.mean(came) > 0.02
    assert np.mean(said) == pytest.approx(np.mean(came), rel=0.5)


def test_classes_are_looked_at_where_they_have_rows_enough():
    rng = np.random.default_rng(0)
    x, y = blobs(rng, 500)
    y[y == 2] = np.where(rng.random((y == 2).sum()) < 0.95, 1, 2)  # a class of under twenty rows
    found = curves(x, y, ("a", "b", "c"), np.arange(500, dtype=np.uint64))
    assert [each.label for each in found] == [None, "a", "b"]
    assert found[1].rows == (y == 0).sum()
    assert found[1].worth(10).measure == "f1"


@pytest.mark.parametrize(("rows", "classes"), [(99, 3), (200, 1)])
def test_too_few_rows_are_told(rows, classes):
    x, y = blobs(np.random.default_rng(0), rows, classes=classes)
    with pytest.raises(DataError, match="at least 100 rows of two classes"):
        curves(x, y, ("a", "b", "c"), np.arange(rows, dtype=np.uint64))


def test_two_thousand_rows_take_seconds():
    x, y = blobs(np.random.default_rng(0), 2000, d=384, classes=8)
    begun = time.process_time()
    curves(x, y, [str(each) for each in range(8)], np.arange(2000, dtype=np.uint64))
    assert time.process_time() - begun < 30
