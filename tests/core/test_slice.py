"""Slices: rules in words that mean the same rows on any data set."""

import json
import re

import numpy as np
import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.slice import ALL, CJK, Condition, Slice, is_cjk, words

TEXTS = [
    "The room was not clean.",
    "Nothing to add: great!",
    "房间不干净，3个蟑螂",
    "服务很好 very nice",
    "don't go",
    "",
]


@pytest.fixture
def data():
    columns = {
        "text": TEXTS,
        "label": [0, 1, 0, 1, 0, 1],
        "stars": [1, 5, 2, None, 10, 3],
        "city": ["北京", "Rome", "北京", None, "Rome", "Oslo"],
        "paid": [True, False, True, False, True, False],
    }
    return Dataset.of(columns, groups=("stars", "city", "paid"))


def rows(data, column, op, value):
    return Slice.of(column, value, op).mask(data).nonzero()[0].tolist()


@pytest.mark.parametrize(
    ("column", "op", "value", "expected"),
    [
        ("text", "contains", "not", [0]),  # a word, not "nothing"
        ("text", "contains", "NICE", [3]),
        ("text", "contains", "not clean", [0]),
        ("text", "contains", "干净", [2]),
        ("text", "contains", "!", [1]),  # a mark, as it stands
        ("text", "contains", "", []),
        ("length", "<=", 2, [4, 5]),
        ("length", ">=", 6, [2, 3]),
        ("negation", "==", True, [0, 1, 2, 4]),
        ("number", "==", True, [2]),
        ("label", "==", 1, [1, 3, 5]),
        ("label", "==", "1", [1, 3, 5]),
        ("city", "==", "北京", [0, 2]),
        ("stars", "==", 5, [1]),
        ("stars", ">=", 3, [1, 4, 5]),  # as numbers: "10" is above "3"; a missing one is neither
        ("paid", "==", True, [0, 2, 4]),
    ],
)
def test_hand_checked(data, column, op, value, expected):
    assert rows(data, column, op, value) == expected


def test_words_in_both_scripts():
    assert words("Don't, it’s 3pm!") == ["don't", "it’s", "3pm"]
    assert words("好吃ok了") == ["好", "吃", "ok", "了"]
    assert (is_cjk("a好"), is_cjk("naïve")) == (True, False)


def test_conditions_all_hold_in_any_order(data):
    first, second = Condition("negation", "==", True), Condition("city", "==", "北京")
    assert Slice((first, second)).mask(data).tolist() == [True, False, True, False, False, False]
    assert Slice((first, second)).rule == Slice((second, first)).rule == "city == 北京 and negation"
    assert ALL.mask(data).all()
    assert ALL.rule == "all"


def test_a_slice_means_the_same_elsewhere_and_after_saving(data):
    for slice in (
        Slice.of("city", "北京"),
        Slice((Condition("text", "contains", "not"), Condition("length", "<=", 9))),
    ):
        again = Slice.from_json(json.loads(json.dumps(slice.to_json())))
        assert again == slice
        turned = data.take([5, 4, 3, 2, 1, 0])
        assert again.mask(turned).tolist() == slice.mask(data).tolist()[::-1]


def test_what_cannot_be_meant_is_said(data):
    with pytest.raises(DataError, match="'contain'"):
        Slice.of("text", "a", "contain").mask(data)
    with pytest.raises(DataError, match="'ctiy'") as raised:
        Slice.of("ctiy", "Rome").mask(data)
    assert "city" in raised.value.hint


def test_second_texts_are_searched_and_may_be_missing():
    pairs = Dataset.of({"text": ["it broke", "it works", "it broke"], "text_pair": ["it works", "it broke", None]})
    assert rows(pairs, "text_pair", "contains", "broke") == [1]
    assert rows(pairs, "text", "contains", "broke") == [0, 2]


def test_words_negation_and_numbers_are_those_of_the_plain_patterns():
    """What makes them fast changes nothing: pieces of words, marks and Chinese put together at random."""
    pieces = (
        *(
            "not",
            "No",
            "NEVER",
            "none",
            "nobody",
            "nothing",
            "neither",
            "nor",
            "nowhere",
            "cannot",
            "without",
            "hardly",
        ),
        *(
            "barely",
            "n't",
            "n’t",
            "N'T",
            "know",
            "note",
            "can",
            "o",
            "t",
            "n",
            "_",
            "'",
            "’",
            "-",
            " ",
            " ",
            " ",
            ".",
            "é",
        ),
        *("ſ", "İ", "ß", "ﬁ", "Σ", "K", "3", "٣", "²", "三", "两百", "个", "天", "人", "不", "没有", "店", "ア", "한"),
    )
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(pieces, rng.integers(1, 9))) for _ in range(20_000)]
    data = Dataset.of({"text": texts})
    word = re.compile(rf"[{CJK}]|[^\W_{CJK}]+(?:['’][^\W_{CJK}]+)*")
    cut = [[each.casefold() for each in word.findall(text)] for text in texts]
    assert [words(text) for text in texts] == cut
    assert rows(data, "length", ">=", 3) == [at for at, each in enumerate(cut) if len(each) >= 3]
    said = r"(?i)\b(?:not|no|never|none|nobody|nothing|neither|nor|nowhere|cannot|without|hardly|barely)\b|n['’]t\b"
    for column, pattern in [
        ("negation", said + "|[不没沒无無未非莫勿别別]"),
        ("number", r"\d|[一二三四五六七八九十百千万亿两]+[个只次天年月元块分名]"),
    ]:
        assert rows(data, column, "==", True) == [at for at, text in enumerate(texts) if re.search(pattern, text)]
    for value in ("not", "Nothing", "n't", "ß", "not no", "fi"):
        phrase = f" {' '.join(words(value))} "
        expected = [at for at, each in enumerate(cut) if phrase in f" {' '.join(each)} "]
        assert rows(data, "text", "contains", value) == expected
