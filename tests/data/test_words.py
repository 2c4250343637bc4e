"""Words of mixed texts, and rows of words that fill what a model reads at once."""

from __future__ import annotations

import pytest

from duiqi.data.words import packed, tokens, words

pytest.importorskip("jieba", reason="needs jieba to divide Chinese texts")

MIXED = "我们用iPhone 14打电话，效果不错！It's 3.5元。"


def test_nothing_but_blanks_is_lost():
    assert "".join(words(MIXED)) == MIXED.replace(" ", "")


def test_chinese_words_and_english_words_stay_whole():
    found = words(MIXED)
    assert {"我们", "iPhone", "14", "打电话", "效果", "不错", "，"} <= set(found)


def test_rows_are_full_and_nothing_is_lost_or_turned_round():
    texts = ["今天天气很好。我们出去玩吧！你说呢？好的，走吧。", "a short one", "", "再见。" * 9]
    rows = list(packed(texts, 16))
    assert [word for row in rows for word in row] == [word for text in texts for word in words(text)]
    sizes = [sum(map(tokens, row)) for row in rows]
    assert max(sizes) <= 16
    assert min(sizes[:-1]) >= 8


def test_a_row_ends_with_a_sentence_where_it_can():
    first, *_ = packed(["今天天气很好。我们出去玩吧！你说呢？好的，走吧。"], 16)
    assert "".join(first) == "今天天气很好。我们出去玩吧！"


def test_a_word_longer_than_a_row_does_not_stop_it():
    assert list(packed(["x" * 400, "y"], 16)) == [["x" * 400], ["y"]]
