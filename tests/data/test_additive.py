"""Errors taken apart by column, where it is known which column they go with."""

from __future__ import annotations

import numpy as np
import pytest

from duiqi.core.groups import Groups
from duiqi.core.measure import Weights
from duiqi.data.additive import decompose

N = 6000


def column(name, values):
    known, codes = np.unique(values, return_inverse=True)
    return Groups((name,), (known.astype(str),), np.arange(len(known))[:, None], codes.astype(np.int64))


def weights(n=N, draws=400):
    return Weights(np.arange(n, dtype=np.uint64), draws, 0)


def society(seed=0, n=N):
    """Women are answered wrong more often; the region goes with the gender in three rows of four, and says no more."""
    rng = np.random.default_rng(seed)
    gender = rng.integers(0, 2, n)
    region = np.where(rng.random(n) < 0.75, gender, rng.integers(0, 4, n))
    wrong = rng.random(n) < np.where(gender == 1, 0.25, 0.1)
    return column("gender", np.array(["man", "woman"])[gender]), column("region", np.array(list("nsew"))[region]), wrong


def levels_of(attribute):
    return {level.name: level for level in attribute.levels}


def test_the_region_looks_bad_only_because_of_who_lives_there():
    gender, region, wrong = society()
    found = decompose([gender, region], wrong, weights())
    first, second = found.attributes
    south = levels_of(second)["s"]
    assert south.measured.low > 0.04
    assert south.adjusted.low < 0 < south.adjusted.high
    assert levels_of(first)["woman"].adjusted.value == pytest.approx(0.075, abs=0.015)
    assert levels_of(first)["woman"].adjusted.low > 0.05
    assert second.measured.low > 0.04
    assert second.adjusted.value < 0.02
    assert first.share.value > 10 * second.share.value


def test_shares_add_to_what_both_columns_explain_less_what_chance_does():
    gender, region, _ = society(1)
    wrong = np.random.default_rng(2).random(N) < 0.1 + 0.2 * (gender.codes == 1) + 0.2 * (region.codes == 3)
    hot = np.concatenate([np.ones((N, 1)), np.eye(2)[gender.codes][:, 1:], np.eye(4)[region.codes][:, 1:]], axis=1)
    explained = np.var(hot @ np.linalg.lstsq(hot, wrong.astype(float), rcond=None)[0]) / np.var(wrong)
    told = [each.share.value for each in decompose([gender, region], wrong, weights(draws=1000)).attributes]
    assert sum(told) == pytest.approx(explained - 4 / N, abs=0.0015)


def test_intervals_hold_for_all_groups_at_once():
    """Of 60 societies, in which two columns matter: how often every effect, and every share, lies in its interval."""
    all_effects = shares = 0
    for seed in range(60):
        gender, region, _ = society(seed, 2000)
        own = [0.2 * (gender.codes == 1), 0.2 * (region.codes == 0)]
        rate = 0.1 + own[0] + own[1]
        wrong = np.random.default_rng(1000 + seed).random(2000) < rate
        found = decompose([gender, region], wrong, weights(2000, 200)).attributes
        true = {name: effect[column.codes == at].mean() - effect.mean()
                for column, effect in zip((gender, region), own, strict=True)
                for at, name in enumerate(column.names)}  # fmt: skip
        levels = [level for each in found for level in each.levels]
        all_effects += all(each.adjusted.low < true[each.name] < each.adjusted.high for each in levels)
        variance = rate.mean() * (1 - rate.mean())
        true_shares = [np.cov(effect, rate)[0, 1] / variance for effect in own]
        shares += sum(each.share.low < true < each.share.high for each, true in zip(found, true_shares, strict=True))
    assert all_effects >= 53
    assert shares >= 106


def test_effects_are_those_of_least_squares():
    gender, region, wrong = society(1, 900)
    found = decompose([gender, region], wrong, weights(900))
    hot = np.concatenate([np.ones((900, 1)), np.eye(2)[gender.codes][:, 1:], np.eye(4)[region.codes][:, 1:]], axis=1)
    solved = np.linalg.lstsq(hot, wrong.astype(float), rcond=None)[0]
    own = np.concatenate([[0], solved[2:]])
    own -= own[region.codes].mean()
    places = {name: at for at, name in enumerate(region.names)}
    assert {level.name: level.adjusted.value for level in found.attributes[1].levels} == pytest.approx(
        {name: own[at] for name, at in places.items()}, abs=1e-6
    )


def test_what_cannot_be_told_apart_is_said():
    gender, region, wrong = society()
    rng = np.random.default_rng(0)
    same, alone = column("same", gender.codes), column("alone", np.zeros(N))
    ids, many = column("ids", np.arange(N)), column("many", rng.integers(0, 100, N))
    found = decompose([gender, same, region, alone, ids, many], wrong, weights(draws=50))
    assert [each.column for each in found.attributes] == ["gender", "region"]
    assert dict(found.left_out) == {
        "same": "told_by_others", "alone": "one_group", "ids": "too_many_groups", "many": "too_many_groups",
    }  # fmt: skip
    assert decompose([gender, same], wrong, weights(draws=50)).attributes == ()


def test_small_groups_are_put_together_and_keep_their_rows():
    gender, region, wrong = society()
    values = np.array(region.names)[region.codes].astype("U8")
    values[:3], values[3:8], values[8:10] = "three", "five", ""
    known = column("region", values)
    missing = Groups(("region",), (known.values[0][1:],), known.cells[:-1], known.codes - 1)  # "" is no value
    found = decompose([gender, missing], wrong, weights(draws=100))
    rest = levels_of(found.attributes[1])[None]
    assert (rest.rows, rest.pooled) == (10, 2)
    assert (rest.adjusted.low, rest.adjusted.high) == (None, None)
    assert rest.measured.value == pytest.approx((wrong[:10].mean() - wrong.mean()) * 10 / 30, abs=1e-6)
    assert sum(level.rows for level in found.attributes[1].levels) == N


def test_the_order_of_rows_changes_nothing_and_copies_say_no_more():
    gender, region, wrong = society(2, 800)
    keys, order = np.arange(800, dtype=np.uint64), np.random.default_rng(0).permutation(800)

    def taken(rows, keys):
        columns = [Groups(g.columns, g.values, g.cells, g.codes[rows]) for g in (gender, region)]
        found = decompose(columns, wrong[rows], Weights(keys[rows], 200, 0))
        return np.array([list(vars(level.adjusted).values()) for a in found.attributes for level in a.levels])

    once, turned, twice = (taken(rows, keys) for rows in (np.arange(800), order, np.tile(np.arange(800), 2)))
    assert turned == pytest.approx(once, abs=1e-4)
    assert twice == pytest.approx(once, abs=5e-3)


def test_all_answers_right_is_no_certainty():
    gender, region, wrong = society(3, 400)
    found = decompose([gender, region], np.zeros_like(wrong), weights(400, 200))
    woman = levels_of(found.attributes[0])["woman"]
    assert woman.adjusted.value == pytest.approx(0)
    assert woman.adjusted.high > 0.001
