"""Texts that fill what a model reads at once lose nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duiqi.data.words import filled, tokens

TEXTS = st.lists(st.text(alphabet="ab C3.!?。，中文字 \n", max_size=80), max_size=8)


@given(TEXTS, st.integers(4, 40))
def test_nothing_is_lost_and_rows_are_not_too_long(texts, most):
    rows = list(filled(texts, most))
    assert "".join("".join(rows).split()) == "".join("".join(texts).split())
    assert all(rows)


def test_blank_texts_make_no_rows():
    assert list(filled([" ", " ", "3??"], 4)) == ["3??"]
    assert list(filled(["", " \n"], 4)) == []


def test_short_texts_share_a_row_and_long_ones_are_divided_behind_sentences():
    rows = list(filled(["One here.", "二〇二〇年，他来到上海。然后就走了！", "the end"], 16))
    assert rows == ["One here.\n二〇二〇年，他来到上海。", "然后就走了！\nthe end"]


def test_a_sentence_that_is_too_long_alone_is_divided():
    rows = list(filled(["好" * 25], 10))
    assert rows == ["好" * 10, "好" * 10, "好" * 5]
    assert tokens("word") == 1
