"""Groups by code, and sums over them, against masks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import duiqi.core.measure as measure_module
from duiqi.core.groups import Groups
from duiqi.core.measure import Weights
from duiqi.data.simulated import simulated_case

CASE = simulated_case(
    np.random.default_rng(0), rows=600, groups={"town": ("a", "b", ""), "age": ("old", "young")}, draws=200
)
TOWN, AGE = (Groups.of(CASE.data, column) for column in ("town", "age"))


def test_rows_without_a_value_are_of_no_group():
    assert TOWN.names == ("a", "b")
    assert TOWN.rows.tolist() == [int((CASE.data.group("town") == name).sum()) for name in TOWN.names]
    assert np.array_equal(TOWN.codes < 0, CASE.data.group("town") == "")


def test_crossings_have_a_group_for_every_pair_that_occurs():
    both = TOWN.crossed(AGE)
    assert both.by == "town × age"
    for at, name in enumerate(both.names):
        town, age = name.split(" × ")
        assert np.array_equal(both.codes == at, (CASE.data.group("town") == town) & (CASE.data.group("age") == age))
    some = both.only(np.array([3, 0]))
    assert some.names == (both.names[3], both.names[0])
    assert np.array_equal(some.codes == 1, both.codes == 0)
    assert (some.codes >= 0).sum() == some.rows.sum()


def test_sums_by_code_are_those_over_masks():
    both = TOWN.crossed(AGE)
    masks = {name: both.codes == at for at, name in enumerate(both.names)}
    for metric in ("accuracy", "macro_f1", "calibration_error"):
        (found,) = CASE.by_groups([metric], both)
        expected = CASE.across(metric, masks, by=both.by, reduce="gap")
        assert np.array_equal(found.total, expected.total)
        assert found.draws == pytest.approx(expected.draws, abs=1e-5)
        assert (found.across, found.digest, found.rows) == (expected.across, expected.digest, expected.rows)
        assert CASE.group_values(metric, both) == pytest.approx([CASE.across(
            metric, {"it": m, "it too": m}, by="", reduce="worst").value for m in masks.values()])  # fmt: skip


def test_distinct_keys_are_counted_by_part():
    keys = np.array([1, 1, 2, 2, 3, 1], dtype=np.uint64)
    codes = np.array([0, 0, 0, 1, 1, -1])
    assert Weights(keys).distinct_by(codes, 3).tolist() == [2, 2, 0]
    assert Weights(np.arange(6, dtype=np.uint64)).distinct_by(codes, 3).tolist() == [3, 2, 0]


def test_bounds_by_level_hold_for_pairs_too(monkeypatch):
    (pairs,) = CASE.by_groups(["accuracy"], TOWN.crossed(AGE))
    monkeypatch.setattr(measure_module, "MOST_PAIRED", 2)
    levels = replace(pairs)
    assert levels.interval.low <= pairs.interval.low <= pairs.value <= pairs.interval.high <= levels.interval.high
    assert levels.interval.high - levels.value < 2 * (pairs.interval.high - pairs.value)


def test_the_debiased_gap_of_a_mean_over_classes_is_below_the_plain_one():
    """Draws of macro-F1 lean, and are moved back onto the estimate; the lean of its gap must not go with them."""
    case = simulated_case(np.random.default_rng(1), rows=600, groups={"g": tuple("abcdefgh")}, draws=300)
    for metric in ("accuracy", "macro_f1"):
        (gap,) = case.by_groups([metric], Groups.of(case.data, "g"))
        assert gap.debiased < 0.9 * gap.value
