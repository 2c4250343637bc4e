"""Which class a label by hand means: what keyboards and spreadsheets change is mended, nothing else is guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duiqi.data.known_classes import KnownClasses, Meant, plain_form

MOODS = KnownClasses.of(["positive", "negative", "正面", "负面", "NLP课程", "card arrival"])


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("positive", "positive"),
        ("Positive", "positive"),
        ("POSITIVE", "positive"),
        (" positive\u3000", "positive"),
        ("ｐｏｓｉｔｉｖｅ", "positive"),
        ("posi\u200btive", "positive"),
        ("正面 ", "正面"),
        ("正 面", "正面"),
        ("ｎｌｐ課程", None),  # another character is another word
        ("ｎｌｐ 课程", "NLP课程"),
        ("Card  Arrival", "card arrival"),
        ("postive", None),
        ("pos", None),
        ("正", None),
        ("中性", None),
        ("", None),
        ("positive negative", None),
    ],
)
def test_one_class(said, meant):
    assert MOODS.one(said) == meant
    assert MOODS.meant(said) == (Meant(said, (said,)) if meant is None else Meant(meant))


def test_a_form_that_two_classes_have_is_neither():
    known = KnownClasses.of(["US", "us", "Ａ", "b"])
    assert (known.one("US"), known.one("us"), known.one("Us")) == ("US", "us", None)
    assert (known.one("A"), known.one("Ａ"), known.one("B")) == ("Ａ", "Ａ", "b")


@given(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=6), st.text(max_size=6))
def test_known_names_stay_and_whatever_is_taken_is_known(names, said):
    known = KnownClasses.of(names)
    assert all(known.one(name) == name for name in names)
    assert known.one(said) in {None, *names}
    assert plain_form(plain_form(said)) == plain_form(said)


def test_near_classes_are_found_whatever_the_case():
    assert MOODS.nearest("POSTIVE") == "positive"
    assert MOODS.nearest("正面的") == "正面"
    assert MOODS.nearest("zzz") is None


@pytest.mark.parametrize(
    ("said", "meant", "unknown"),
    [
        (["plot", "Actor"], ["plot", "actor"], ()),
        (["plot;actor"], ["plot", "actor"], ()),
        (["plot；剧情"], ["plot", "剧情"], ()),
        (["剧情、Plot｜actor"], ["剧情", "plot", "actor"], ()),
        (["Plot", "plot"], ["plot"], ()),
        (["a;b"], ["a;b"], ()),  # a class of that name
        (["plot; stroy"], ["plot", "stroy"], ("stroy",)),
        ([], [], ()),
    ],
)
def test_several_labels(said, meant, unknown):
    known = KnownClasses.of(["plot", "actor", "剧情", "a;b"])
    assert known.meant(said) == Meant(meant, unknown)


@pytest.mark.parametrize(
    ("said", "meant", "unknown"),
    [
        ("B-PER I-PER O", "B-PER I-PER O", ()),
        ("b-per i-Per o", "B-PER I-PER O", ()),
        ("Ｂ－ＰＥＲ Ｏ O", "B-PER O O", ()),
        ("S-PER O e-loc", "S-PER O E-LOC", ()),
        ("PER O loc", "B-PER O B-LOC", ()),
        ("PER LOC O", "B-PER B-LOC O", ()),
        ("PER I-PER O", "B-PER I-PER O", ()),
        ("PER PER O", "B-PER B-PER O", ("PER PER",)),  # one span or two
        ("B-PER PER O", "B-PER B-PER O", ("PER PER",)),
        ("B-PRE O 人名", "B-PRE O B-人名", ("PRE",)),
        ("PRE O O", "PRE O O", ("PRE",)),
    ],
)
def test_tags(said, meant, unknown):
    known = KnownClasses.of(["PER", "LOC", "人名"])
    assert known.meant(said.split(), tags=True) == Meant(meant.split(), unknown)


def test_what_is_no_text_is_left_alone():
    assert MOODS.meant(1.5) == Meant(1.5)
