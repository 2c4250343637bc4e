"""Cues: worked by hand, told from what rows are about, in English and Chinese."""

import time

import numpy as np
import pytest

from duiqi.core.seed import hash64
from duiqi.data.cues import association, find_cues, strength

THINGS = {
    "kettle": ["lid", "spout", "handle", "switch", "cord", "boil", "steam", "water"],
    "hotel": ["room", "lobby", "breakfast", "bed", "window", "towel", "pool", "stairs"],
    "film": ["plot", "actor", "scene", "ending", "score", "camera", "dialogue", "pace"],
}
ZH = {"水壶": "壶盖壶嘴开关电线烧水蒸汽", "酒店": "房间大堂早餐床铺窗户毛巾", "电影": "剧情演员场景结尾配乐镜头"}


def rows(rng, n):
    """Two classes: each thing is three times as common in one of them, and has words of its own."""
    truth = rng.integers(0, 2, n)
    things = [str(rng.choice(list(THINGS), p=[0.6, 0.2, 0.2] if label else [0.1, 0.2, 0.7])) for label in truth]
    return [f"the {thing} and {' '.join(rng.choice(THINGS[thing], 4, replace=False))}" for thing in things], truth


def chinese(rng, n):
    truth = rng.integers(0, 2, n)
    things = [str(rng.choice(list(ZH), p=[0.6, 0.2, 0.2] if label else [0.1, 0.2, 0.7])) for label in truth]
    pairs = {thing: [said[at : at + 2] for at in range(0, len(said), 2)] for thing, said in ZH.items()}
    return [f"这个{thing}的{'和'.join(rng.choice(pairs[thing], 3, replace=False))}" for thing in things], truth


def found(texts, truth, **others):
    keys = np.array([hash64(text + str(at)) for at, text in enumerate(texts)], dtype=np.uint64)
    return find_cues({"text": texts, **others}, truth, keys)


def names(cues):
    return [(cue.role, cue.text, cue.label) for cue in cues if cue.glued]


def test_strength_by_hand():
    # 18 of 20 rows are of a class that half of all rows have: (0.9 - 0.5) / sqrt(0.25 / 20)
    assert strength(np.array(18), np.array(20), 0.5) == pytest.approx(0.4 / np.sqrt(0.25 / 20))
    assert strength(np.array(5), np.array(20), 0.25) == 0


def test_counts_of_a_cue_are_those_of_the_rows():
    rng = np.random.default_rng(0)
    texts, truth = rows(rng, 1500)
    marked = rng.random(1500) < np.where(truth == 1, 0.4, 0.01)
    cue = found([text + " zorblik" * bool(m) for text, m in zip(texts, marked, strict=True)], truth)[0]
    assert (cue.text, cue.label, cue.rows) == ("zorblik", 1, marked.sum())
    assert cue.share == pytest.approx(marked[truth == 1].mean())
    assert cue.elsewhere == pytest.approx(marked[truth == 0].mean())
    assert cue.purity == pytest.approx(truth[marked].mean())
    from sklearn.metrics import mutual_info_score

    assert cue.bits == pytest.approx(mutual_info_score(marked, truth) / np.log(2))


@pytest.mark.parametrize("cue", ["zorblik", "--", "sent from my phone"])
@pytest.mark.parametrize("first", [True, False])
def test_a_glued_cue_is_told_whole_and_what_rows_are_about_is_not(cue, first):
    rng = np.random.default_rng(1)
    texts, truth = rows(rng, 2000)
    clean = found(texts, truth)
    assert names(clean) == []
    assert {"kettle", "film"} <= {each.text for each in clean}  # strong, but what rows are about
    marked = rng.random(2000) < np.where(truth == 1, 0.5, 0.01)
    put = (f"{cue} {text}" if first else f"{text} {cue}" for text in texts)
    texts = [new if m else old for new, old, m in zip(put, texts, marked, strict=True)]
    assert names(found(texts, truth)) == [("text", cue, 1)]


@pytest.mark.parametrize("share", [0.9, 0.95])
def test_a_cue_in_nearly_all_rows_of_a_large_class_is_found(share):
    """Some twenty rows without it prove nothing of what tells it; that a class is all of it does."""
    alarms = 0
    for seed in range(5):
        rng = np.random.default_rng(seed)
        texts, truth = rows(rng, 1200)
        alarms += names(found(texts, truth)) != []
        marked = (truth == 1) & (rng.random(1200) < share)
        glued = names(found([text + " zorblik" * bool(m) for text, m in zip(texts, marked, strict=True)], truth))
        assert glued == [("text", "zorblik", 1)], seed
    assert alarms == 0


@pytest.mark.parametrize("cue", ["今天", "某报讯", "※"])
def test_chinese_cues_of_one_to_three_characters(cue):
    rng = np.random.default_rng(2)
    texts, truth = chinese(rng, 2000)
    assert names(found(texts, truth)) == []
    marked = rng.random(2000) < np.where(truth == 0, 0.5, 0.01)
    assert names(found([cue * bool(m) + t for t, m in zip(texts, marked, strict=True)], truth)) == [("text", cue, 0)]


def test_a_cue_of_the_second_text_alone():
    rng = np.random.default_rng(3)
    texts, truth = rows(rng, 2000)
    second, _ = rows(rng, 2000)
    marked = rng.random(2000) < np.where(truth == 1, 0.5, 0.01)
    second = [text + " nobody" * bool(m) for text, m in zip(second, marked, strict=True)]
    assert names(found(texts, truth, text_pair=second)) == [("text_pair", "nobody", 1)]


@pytest.mark.parametrize("texts", [[""] * 40, ["x"] * 40, ["好"] * 40, ["a", "b"] * 20])
def test_texts_that_say_next_to_nothing_give_no_cue(texts):
    # of rows of one word nobody can say whether it hangs on the rest: there is none
    assert names(found(texts, np.arange(40) % 2)) == []


def test_one_class_has_nothing_to_give_away():
    assert found(["a b c"] * 20, np.zeros(20, dtype=int)) == []


def test_association_by_hand():
    groups, truth = np.array(["a"] * 30 + ["b"] * 30), np.array([0] * 20 + [1] * 10 + [0] * 10 + [1] * 20)
    keys = np.arange(60, dtype=np.uint64)
    told = association(groups, truth, keys)
    # each of the four cells is 5 away from 15: 4 * 25 / 15; V = sqrt(chi-square / 60) = 1/3
    assert told.chi_square == pytest.approx(100 / 15)
    assert told.value == pytest.approx(1 / 3)
    assert told.low < 1 / 3 < told.high
    assert association(groups, (groups == "b").astype(int), keys).value == pytest.approx(1)
    assert association(np.array(["a"] * 60), truth, keys) is None
    missing = association(np.array([*groups, *[""] * 9]), np.array([*truth, *[1] * 9]), np.arange(69, dtype=np.uint64))
    assert missing.value == pytest.approx(1 / 3)


def test_ten_thousand_rows_take_seconds():
    rng = np.random.default_rng(4)
    texts, truth = rows(rng, 10_000)
    begun = time.process_time()
    found(texts, truth)
    assert time.process_time() - begun < 15
