"""Rows asked otherwise: sentences keep their words and order, partners fit, and the order of rows decides nothing."""

from __future__ import annotations

import numpy as np
import pytest

from duiqi.core.dataset import Dataset
from duiqi.data.asked_otherwise import PLACES, as_rows, in_choices, in_passages, of_another_row, sentences


@pytest.mark.parametrize(
    ("passage", "parts"),
    [
        ("A b. C d? E f", ["A b. ", "C d? ", "E f "]),
        ("It cost 3.50 euros. Really!", ["It cost 3.50 euros. ", "Really! "]),
        ("他来了。“你好！”她说。走了", ["他来了。", "“你好！”", "她说。", "走了"]),
        ("one line\ntwo lines\n", ["one line\n", "two lines\n"]),
        ("   ", []),
        ("", []),
    ],
)
def test_sentences_end_where_readers_say(passage, parts):
    assert sentences(passage) == parts
    assert "".join(sentences(passage)).rstrip() == passage.rstrip()


@pytest.mark.parametrize(
    ("passage", "answer", "moved"),
    [
        (
            "Ann sings. Bob runs home. Cy reads. Di naps.",
            "home",
            [
                "Bob runs home. Ann sings. Cy reads. Di naps.",
                "Ann sings. Cy reads. Bob runs home. Di naps.",
                "Ann sings. Cy reads. Di naps. Bob runs home.",
            ],
        ),
        (
            "甲在唱歌。乙回家了。丙在看书",
            "看书",
            ["丙在看书甲在唱歌。乙回家了。", "甲在唱歌。丙在看书乙回家了。", "甲在唱歌。乙回家了。丙在看书"],
        ),
    ],
)
def test_the_sentence_of_the_answer_moves_and_nothing_else(passage, answer, moved):
    data = Dataset.of({"text": ["?"], "text_pair": [passage]})
    versions = list(in_passages(data, [[answer]]))
    assert [each.form for each in versions] == list(PLACES)
    assert as_rows(data, versions).second_texts == moved


@pytest.mark.parametrize(
    ("passage", "answers"),
    [
        ("One. Two.", ["Two"]),  # too few sentences
        ("A fox. A dog. A fox.", ["fox"]),  # in two sentences
        ("A fox. A dog. A cow.", ["fox", "cow"]),  # answers in two sentences
        ("A fox. A dog. A cow.", ["fox. A dog"]),  # over an end
        ("A fox. A dog. A cow.", []),  # no answer
    ],
)
def test_rows_without_one_place_are_left(passage, answers):
    assert not list(in_passages(Dataset.of({"text": ["?"], "text_pair": [passage]}), [answers]))


def test_the_right_choice_moves_and_truth_with_it():
    data = Dataset.of({"text": ["?", "!"], "choices": [["a", "b", "c", "d"], ["x", "y"]]})
    versions = list(in_choices(data, [1, 0]))
    assert [(v.row, v.form, "".join(v.changed["choices"]), v.truth) for v in versions] == [
        (0, "at_first", "bacd", 0), (0, "at_middle", "acbd", 2), (0, "at_last", "acdb", 3),
        (1, "at_first", "xy", 0), (1, "at_last", "yx", 1),
    ]  # fmt: skip


def partnered(seed=0, rows=60):
    rng = np.random.default_rng(seed)
    passages = [f"passage {n} tells of {rng.integers(5)}." for n in range(rows // 3) for _ in range(3)]
    passages[::6] = [f"文章{n}" for n in range(len(passages[::6]))]
    data = Dataset.of({"text": [f"{'问' if n % 6 == 0 else 'q'}{n}" for n in range(rows)], "text_pair": passages})
    return data, [[str(n % 5)] for n in range(rows)]


@pytest.mark.parametrize("role", ["text", "text_pair"])
def test_partners_are_about_something_else_and_do_not_tell_the_answer(role):
    data, truth = partnered()
    versions = list(of_another_row(data, truth, role, 3))
    assert len(versions) > 40
    for v in versions:
        if role == "text":
            other = data.texts.index(v.changed[role])
            assert data.second_texts[other] != data.second_texts[v.row]
            assert ("问" in data.texts[other]) == ("问" in data.texts[v.row])
        else:
            assert v.changed[role] != data.second_texts[v.row]
            assert truth[v.row][0] not in v.changed[role]


def test_partners_hang_on_rows_not_on_their_order():
    data, truth = partnered()
    turn = np.random.default_rng(1).permutation(len(data))
    turned = data.take(turn)
    for role in ("text", "text_pair"):
        found = [
            {(str(rows.row_ids[v.row]), v.changed[role]) for v in of_another_row(rows, said, role, 3)}
            for rows, said in ((data, truth), (turned, [truth[at] for at in turn]))
        ]
        assert found[0] == found[1]
