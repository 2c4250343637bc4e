"""Balanced rows: counts worked out by hand, laws of the shares, and that only training rows are touched."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, OptionError
from duiqi.data.balance import WAYS, rows_wanted, target_shares, times
from duiqi.data.balance_rows import Balance, cells
from duiqi.data.steps import steps_of

COUNTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 5000), min_size=1)


@pytest.mark.parametrize(
    ("counts", "options", "wanted"),
    [
        ({"a": 90, "b": 30, "c": 6}, {"how": "over", "most": 20}, {"a": 90, "b": 90, "c": 90}),
        ({"a": 90, "b": 30, "c": 6}, {"how": "over", "most": 10}, {"a": 90, "b": 90, "c": 60}),
        ({"a": 90, "b": 30, "c": 6}, {"how": "under"}, {"a": 6, "b": 6, "c": 6}),
        # 81 and 9: square roots 9 and 3, so shares 3/4 and 1/4: 81 asks for 27, 9 for 27
        ({"a": 81, "b": 9}, {"how": "over", "temperature": 2}, {"a": 81, "b": 27}),
        ({"a": 81, "b": 9}, {"how": "under", "temperature": 2}, {"a": 27, "b": 9}),
        ({"a": 81, "b": 9}, {"how": "weight", "temperature": 2}, {"a": 67.5, "b": 22.5}),
        ({"a": 60, "b": 40}, {"how": "over", "shares": {"a": 0.2, "b": 0.8}}, {"a": 60, "b": 240}),
        ({"a": 60, "b": 40}, {"how": "under", "shares": {"a": 0.2, "b": 0.8}}, {"a": 10, "b": 40}),
        # b and c divide the half that a leaves as they stand, 1 to 3
        ({"a": 10, "b": 10, "c": 30}, {"shares": {"a": 0.5}, "temperature": 1}, {"a": 40, "b": 10, "c": 30}),
        # a and c need 16.67 rows in all, of which b gets 3.67: 17 are made, and the largest fraction is rounded up
        ({"a": 10, "b": 3, "c": 3}, {"shares": {"a": 0.6, "b": 0.22, "c": 0.18}}, {"a": 10, "b": 4, "c": 3}),
        ({"a": 1000, "b": 1}, {"how": "under", "shares": {"a": 0.999, "b": 0.001}}, {"a": 999, "b": 1}),
    ],
)  # fmt: skip
def test_rows_wanted_by_hand(counts, options, wanted):
    made = rows_wanted(counts, **options)
    assert made == pytest.approx(wanted)
    if options.get("how") != "weight":
        assert made == wanted


@given(COUNTS, st.sampled_from(WAYS))
def test_a_temperature_of_one_changes_nothing(counts, how):
    made = rows_wanted(counts, how=how, temperature=1)
    assert made == pytest.approx(counts)
    assert how == "weight" or made == counts


@given(COUNTS, st.floats(1, 50), st.sampled_from(WAYS))
def test_what_comes_out_has_the_shares(counts, temperature, how):
    raised = {name: count ** (1 / temperature) for name, count in counts.items()}
    made = rows_wanted(counts, how=how, temperature=temperature, most=math.inf)
    total = sum(made.values())
    scale = {"over": max, "under": min}.get(how, lambda each: sum(counts.values()) / sum(raised.values()))(
        [counts[name] / raised[name] for name in counts]
    )
    for name, rows in made.items():
        assert abs(rows - scale * raised[name]) < (1e-6 * total if how == "weight" else 1)
    if how == "weight":
        assert total == pytest.approx(sum(counts.values()))
    else:
        assert all(rows == int(rows) for rows in made.values())
        assert all((made[name] >= n) if how == "over" else (1 <= made[name] <= n) for name, n in counts.items())


@given(COUNTS)
def test_hotter_is_more_even(counts):
    spread = [np.ptp(list(target_shares(counts, temperature=each).values())) for each in (1, 2, 5, 1e9, math.inf)]
    assert all(a >= b - 1e-12 for a, b in pairwise(spread))
    assert spread[-1] == pytest.approx(0, abs=1e-12)
    assert spread[-2] == pytest.approx(0, abs=1e-6)


@given(COUNTS, st.floats(1, 12))
def test_no_row_counts_more_than_the_bound(counts, most):
    often = [rows / counts[name] for name, rows in rows_wanted(counts, how="weight", most=most).items()]
    assert max(often) <= min(often) * most * (1 + 1e-9)


@pytest.mark.parametrize(
    "options",
    [
        {"how": "more"}, {"temperature": 0.3}, {"temperature": math.nan}, {"most": 0.5},
        {"shares": {"a": 0.7, "b": 0.7}},
        {"shares": {"a": 0, "b": 1}}, {"shares": {"a": 0.5, "b": 0.4}}, {"shares": {"c": 0.5}}, {"shares": {"a": 1.0}},
    ],
)  # fmt: skip
def test_what_no_rows_can_be_balanced_by(options):
    with pytest.raises(OptionError):
        rows_wanted({"a": 3, "b": 2}, **options)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=60), st.integers(0, 200), st.integers(0, 5))
def test_rows_of_a_class_are_taken_evenly_and_whatever_their_order(classes, wanted, seed):
    of = np.array(classes)
    keys = np.arange(len(of), dtype=np.uint64) * 7919
    rows = [wanted if (of == k).any() else 0 for k in range(3)]
    often = times(of, rows, keys, seed=seed)
    assert [often[of == k].sum() for k in range(3)] == rows
    assert all(np.ptp(often[of == k]) <= 1 for k in set(classes))
    order = np.random.default_rng(seed).permutation(len(of))
    assert (times(of[order], rows, keys[order], seed=seed) == often[order]).all()


def test_another_seed_takes_other_rows():
    of, keys = np.zeros(100, dtype=np.int64), np.arange(100, dtype=np.uint64)
    drawn = [times(of, [50], keys, seed=seed) for seed in (0, 1)]
    assert 10 < (drawn[0] & drawn[1]).sum() < 40


# The step


def rows(labels, **columns):
    texts = [f"text {n}" for n in range(len(labels))]
    return Dataset.of({"text": texts, "label": labels, **columns, "origin": [f"f:{n}" for n in range(len(labels))]},
                      groups=[name for name in columns if name == "sex"])  # fmt: skip


def balanced(data, parts=(), **options):
    step = Balance(**options)
    half = len(data) // 2
    pieces = [(data.take(range(half)), parts[:half]), (data.take(range(half, len(data))), parts[half:])]
    for piece in pieces:
        step.look(*piece)
    return step, [step(*piece) for piece in pieces]


def origins(made):
    return [place for each in made for place in each.data.table.column("origin").to_pylist()]


def test_rare_rows_are_repeated_under_names_of_their_own():
    data = rows(list("aaaaaab" + "ab"), id=[f"r{n}" for n in range(9)])
    step, made = balanced(data)
    assert Counter(label for each in made for label in each.data.values("label")) == {"a": 7, "b": 7}
    ids = [row for each in made for row in each.data.values("id")]
    assert len(set(ids)) == 14
    assert len(set(origins(made))) == 14
    assert {"r6", "r6+copy1", "r6+copy2", "r8", "r8+copy1", "r8+copy2"} < set(ids)
    assert [str(row) for each in made for row in each.data.row_ids] == ids
    changes = [change for each in made for change in each.changes]
    assert Counter((change.reason, change.of, change.origin.split("+")[0]) for change in changes) in (
        {("balance:over", "f:6", "f:6"): 3, ("balance:over", "f:8", "f:8"): 2},
        {("balance:over", "f:6", "f:6"): 2, ("balance:over", "f:8", "f:8"): 3},
    )
    for each, start in zip(made, (0, 4), strict=True):  # every row is the one that `kept` says
        assert each.data.texts == [data.texts[start + row] for row in each.kept]
    assert [note["code"] for note in step.notes] == ["balanced_over"]
    assert step.notes[0]["counts"] == "a: 7 → 7; b: 2 → 7"


def test_copies_of_copies_have_ids_of_their_own():
    data = rows(list("aaaab"), id=["r0", "r1", "r2", "r3", "r4"])
    once = rows(list("aaaabb"), id=["r0", "r1", "r2", "r3", "r4", "r4+copy1"])
    for each in (data, once):
        step = Balance()
        step.look(each, ())
        ids = step(each).data.values("id")
        assert len(ids) == len(set(ids)) == 8


def test_frequent_rows_are_left_out_and_told():
    _, made = balanced(rows(list("aaaaaab" + "ab")), how="under")
    assert Counter(label for each in made for label in each.data.values("label")) == {"a": 2, "b": 2}
    gone = [change for each in made for change in each.changes]
    assert {change.reason for change in gone} == {"balance:under"}
    assert all(change.after is None and change.before["label"] == "a" for change in gone)
    assert sorted([*origins(made), *(change.origin for change in gone)]) == [f"f:{n}" for n in range(9)]


@pytest.mark.parametrize("how", WAYS)
def test_dev_and_test_stay_as_they_are(how):
    parts = ["train"] * 6 + ["dev", "test"] * 4 + [None]
    data = rows(list("aaaaab" + "aaaaaaab" + "b"))
    _, made = balanced(data, parts, how=how)
    now = [parts[start + row] for each, start in zip(made, (0, 7), strict=True) for row in each.kept]
    other = [place for place, part in zip(origins(made), now, strict=True) if part in ("dev", "test")]
    assert other == [f"f:{n}" for n in range(6, 14)]
    if how == "weight":
        weights = np.array([w for each in made for w in each.data.table.column("sample_weight").to_pylist()])
        labels = np.array([label for each in made for label in each.data.values("label")])
        train = np.array([part not in ("dev", "test") for part in now])
        assert (weights[~train] == 1).all()
        assert weights[train].mean() == pytest.approx(1)
        assert weights[train & (labels == "a")].sum() == pytest.approx(weights[train & (labels == "b")].sum())
    else:
        labels = [label for each in made for label in each.data.values("label")]
        counted = Counter(label for label, part in zip(labels, now, strict=True) if part not in ("dev", "test"))
        assert counted == ({"a": 5, "b": 5} if how == "over" else {"a": 2, "b": 2})


def test_weights_that_are_there_are_multiplied():
    data = rows(list("aaab"), weight=[2.0, 1.0, 1.0, 4.0])
    step = Balance(how="weight")
    step.look(data, ())
    weights = np.array(step(data).data.values("weight"))
    assert weights.mean() == pytest.approx(1)
    assert weights / weights[1] == pytest.approx([2, 1, 1, 12])
    assert "sample_weight" not in step(data).data.table.column_names


def test_labels_and_groups_together_and_rows_without_a_group():
    data = rows(list("aaaaabb" + "ab"), sex=["f", "f", "f", "m", "m", "f", "m", None, ""])
    assert cells(data, ["label", "sex"])[0] == "a × f"
    step = Balance(by=["label", "sex"])
    step.look(data, ())
    made = step(data).data
    assert Counter(cells(made, ["label", "sex"])) == {"a × f": 3, "a × m": 3, "b × f": 3, "b × m": 3, None: 2}


def test_columns_that_nothing_can_be_balanced_by():
    with pytest.raises(DataError, match="a column 'sexx'"):
        Balance(by="sexx").look(rows(list("ab"), sex=["f", "m"]), ())
    with pytest.raises(DataError, match="one class a row"):
        Balance().look(rows([["a"], ["a", "b"]]), ())
    with pytest.raises(OptionError):
        steps_of(["balance"], {"balance": {"how": "both"}})
