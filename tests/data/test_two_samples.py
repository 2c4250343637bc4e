"""two_samples: parts of one set are not told apart, whatever copies they hold; what was changed is, and by how much."""

from __future__ import annotations

import numpy as np
import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.data.moved import holm, levels, moved_words
from duiqi.data.properties import properties, unknown
from duiqi.data.two_samples import _error, _placed, tell_apart

WORDS = [f"{a}{b}" for a in ("ba", "do", "ki", "lu", "me", "no", "pa", "ru", "so", "ti") for b in "abcdefghij"]


def texts(rng, many, words=WORDS):
    return [" ".join(rng.choice(words, 8)) for _ in range(many)]


def test_placements_are_the_share_of_the_other_side_below():
    odds, examined = np.array([1.0, 3.0, 2.0, 0.0, 3.0]), np.array([True, True, False, False, False])
    # examined 1.0 is above 0.0 alone; 3.0 is above 2.0 and 0.0, and ties with 3.0
    assert _placed(odds, examined)[examined] == pytest.approx([1 / 3, 2.5 / 3])
    # known 2.0 stays below 3.0 alone, 0.0 below both, 3.0 ties with one
    assert _placed(odds, examined)[~examined] == pytest.approx([1 / 2, 1, 0.25])


def test_placements_agree_with_the_area_under_the_curve():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    odds, examined = rng.integers(0, 20, 300).astype(float), rng.random(300) < 0.3
    placed = _placed(odds, examined)
    area = roc_auc_score(examined, odds)
    assert placed[examined].mean() == pytest.approx(area)
    assert placed[~examined].mean() == pytest.approx(area)


def test_copies_of_a_row_are_one_observation():
    placed, alike = np.random.default_rng(0).random(50), np.arange(50)
    assert _error(placed, alike) == pytest.approx(placed.std(ddof=1) / 50**0.5)
    assert _error(np.tile(placed, 4), np.tile(alike, 4)) == pytest.approx(_error(placed, alike))


def test_parts_of_one_set_are_seldom_told_apart():
    told = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        told.append(tell_apart(Dataset.of({"text": texts(rng, 120)}), Dataset.of({"text": texts(rng, 300)}), seed=seed))
    # at 5 % for a two-sided interval, one in forty lies above .5 by chance
    assert sum(each.interval().low > 0.5 for each in told) <= 4
    assert np.mean([each.views["words"].placed.mean() for each in told]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([each.views["form"].placed.mean() for each in told]) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("copies", [2, 5])
def test_known_rows_that_come_again_make_no_shift(copies):
    """A vocabulary that counted a row's own copies would know all its words, and no word of a new row."""
    rng = np.random.default_rng(copies)
    vocabulary = [f"w{n}" for n in range(3000)]  # most words stand in one row alone
    known = texts(rng, 300, vocabulary)
    told = tell_apart(Dataset.of({"text": texts(rng, 300, vocabulary)}), Dataset.of({"text": known * copies}))
    assert told.interval().low < 0.53
    assert told.auroc < 0.6


def test_the_area_says_how_many_rows_changed():
    """Rows that can all be told, in a share s, give an area of 1/2 + s/2."""
    rng = np.random.default_rng(0)
    other = [word.upper()[::-1] for word in WORDS]
    for share in (0.5, 1.0):
        many = int(300 * share)
        rows = texts(rng, many, other) + texts(rng, 300 - many)
        told = tell_apart(Dataset.of({"text": rows}), Dataset.of({"text": texts(rng, 300)}))
        assert told.auroc == pytest.approx(0.5 + share / 2, abs=0.06)
        assert told.interval().low > 0.6


def test_the_order_of_rows_changes_nothing():
    rng = np.random.default_rng(3)
    rows, known = Dataset.of({"text": texts(rng, 100)}), Dataset.of({"text": texts(rng, 150)})
    first = tell_apart(rows, known)
    turned = tell_apart(rows.take(rng.permutation(100)), known.take(rng.permutation(150)))
    assert turned.auroc == pytest.approx(first.auroc)


def test_empty_texts_and_few_rows():
    empty = Dataset.of({"text": [""] * 40})
    assert tell_apart(empty, empty).auroc == 0.5
    with pytest.raises(DataError, match="30 rows or more"):
        tell_apart(empty.take(np.arange(29)), empty)


def test_embeddings_are_a_view_of_their_own():
    rng = np.random.default_rng(0)
    rows, known = Dataset.of({"text": texts(rng, 200)}), Dataset.of({"text": texts(rng, 200)})
    here = set(map(str, rows.row_ids))

    def embed(data):
        moved = np.array([[str(row) in here, 0.0] for row in data.row_ids])
        return moved + rng.normal(0, 0.05, (len(data), 2))

    told = tell_apart(rows, known, embed=embed)
    assert told.strongest == "meaning"
    assert told.auroc > 0.99


def test_words_are_unknown_where_no_other_known_row_has_them():
    rows = ["red cat", "red cat!", "red dog", "a bird"]
    known, alike = np.array([True, True, True, False]), np.array([0, 0, 1, 2])
    # the first two are one row: "cat" stands nowhere else, "red" in the third
    assert unknown(rows, known=known, alike=alike) == pytest.approx([0.5, 0.5, 0.5, 1.0])


def test_properties_by_hand():
    told = properties(["Ab 1!", "這个", ""])
    value = {name: told.values[:, at] for at, name in enumerate(told.names)}
    assert np.expm1(value["length"]) == pytest.approx([5, 2, 0])
    assert value["marks"] == pytest.approx([0.2, 0, 0])
    assert value["digits"] == pytest.approx([0.2, 0, 0])
    assert value["capitals"] == pytest.approx([0.2, 0, 0])
    assert value["blanks"] == pytest.approx([0.2, 0, 0])
    assert value["chinese"] == pytest.approx([0, 1, 0])
    if "traditional" in value:
        assert value["traditional"] == pytest.approx([0, 0.5, 0])


def test_moved_words_by_hand_and_none_by_chance():
    found, looked = moved_words(["new bus"] * 60 + ["old bus"] * 40, ["old bus"] * 100)
    assert {each.word for each in found} == {"new", "old"}
    assert looked == 3
    new = next(each for each in found if each.word == "new")
    assert (new.known, new.examined) == (0.0, 0.6)
    assert new.z == pytest.approx(0.6 / (0.3 * 0.7 * (1 / 100 + 1 / 100)) ** 0.5)
    rng = np.random.default_rng(0)
    assert sum(bool(moved_words(texts(rng, 200), texts(rng, 200))[0]) for _ in range(20)) <= 4


def test_columns_by_the_level_that_moved():
    rng = np.random.default_rng(0)
    known = rng.choice(["app", "shop"], 400)
    (moved,) = levels("channel", np.array(["app"] * 300 + ["shop"] * 100), known)
    assert moved.name.startswith("channel: ")
    assert moved.distance == pytest.approx(abs(0.75 - (known == "app").mean()))
    assert moved.p < 1e-6
    # a column of as many values as rows has nothing that could be compared
    assert list(levels("id", np.arange(100_000).astype(str), np.arange(100_000, 200_000).astype(str))) == []
    assert list(levels("one", np.array(["a"] * 50), np.array(["a"] * 50))) == []


def test_holm_by_hand():
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])
    assert holm(np.zeros(0)).size == 0
