"""Rows that are unusual and no error: the notes that say so, in both languages, and usual rows, which have none."""

from __future__ import annotations

import pytest

from duiqi.core.dataset import Dataset
from duiqi.data.unusual import unusual
from duiqi.show.outline import Outline

TEXTS = [f"row number {i}" for i in range(100)]
TWO = ["good", "bad"] * 50


def rows(texts=TEXTS, labels=TWO, **more):
    groups = tuple(more)
    return Dataset.of({"text": list(texts), "label": list(labels), **more}, groups=groups)


CASES = {
    "all equal": (rows(texts=["the same"] * 100), "equal_texts", ["100 of 100 rows", "same text"], ["完全相同"]),
    "one character": (
        rows(texts=[chr(97 + i % 26) for i in range(100)]),
        "one_character",
        ["100 of 100"],
        ["一个字符"],
    ),
    "one class": (rows(labels=["good"] * 100), "one_label", ["All 100 rows", "“good”"], ["全部 100 行", "“good”"]),
    "written nothing": (
        rows(labels=[*TWO[:97], "nan", "nan", "None"]),
        "labels_like_nothing",
        ["2 rows have", "“nan”"],
        ["有 2 行", "“nan”"],
    ),
    "a number and a word": (
        rows(labels=["1", "positive"] * 50),
        "labels_of_two_kinds",
        ["(1)", "(positive)"],
        ["数字（1）", "词（positive）"],
    ),
    "three in a group": (
        rows(region=["north", "south"] * 48 + ["north", "hamlet", "hamlet", "hamlet"]),
        "small_groups",
        ["“region”", "1 of 3 groups"],
        ["“region”", "3 个群体中有 1 个"],
    ),
    "a book": (
        rows(texts=[*TEXTS[:99], "word " * 30_000]),
        "very_long_texts",
        ["1 row holds", "row 100"],
        ["第 100 行"],
    ),
}


@pytest.mark.parametrize(("data", "code", "en", "zh"), CASES.values(), ids=CASES)
def test_what_is_unusual_is_said(data, code, en, zh):
    notes = unusual(data)
    assert code in {note["code"] for note in notes}
    note = next(note for note in notes if note["code"] == code)
    for lang, said in (("en", en), ("zh", zh)):
        (sentence,) = Outline({"notes": [note]}, lang=lang).notes
        for part in said:
            assert part in sentence.replace("\u00a0", " ")


@pytest.mark.parametrize(
    "data",
    [
        rows(),
        rows(labels=["0", "1"] * 50),
        rows(labels=["none", "some"] * 50),
        rows(region=["north", "south"] * 50),
        rows(texts=["the same"] * 50 + TEXTS[:50]),
        Dataset.of({"text": TEXTS}),
        Dataset.of({"text": ["one"], "label": ["good"]}),
        Dataset.of({"source": TEXTS, "target": ["ok"] * 60 + TEXTS[:40]}, text="source", label="target"),
    ],
)
def test_what_is_usual_is_passed_over(data):
    assert unusual(data) == ()


def test_equal_texts_to_write_are_not_one_label():
    data = Dataset.of({"text": TEXTS, "target": ["ok"] * len(TEXTS)}, text="text", label="target")
    assert [note["code"] for note in unusual(data)] == ["one_label"]
    assert unusual(data, classes=False) == ()
    nothing = data.with_column("label", ["NaN", *["ok"] * (len(TEXTS) - 1)])
    assert [note["code"] for note in unusual(nothing, classes=False)] == ["labels_like_nothing"]


def test_a_hundred_thousand_groups_are_one_sentence():
    data = rows(texts=[f"row {i}" for i in range(100_000)], labels=TWO * 1000, user=[f"u{i}" for i in range(100_000)])
    (note,) = unusual(data)
    assert (note["groups"], note["of"]) == (100_000, 100_000)
