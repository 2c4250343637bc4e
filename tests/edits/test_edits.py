"""The four edits: what each does by hand, and the laws all of them keep."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duiqi.core.dataset import Dataset
from duiqi.core.edit import apply, edit_dataset
from duiqi.core.errors import OptionError
from duiqi.core.part import Catalogue

NAMES = ("casing", "punctuation", "typos", "whitespace")
CATALOGUE = Catalogue.installed()
LATIN = st.sampled_from("abcdeABCéß 1 .,!'\n")
HAN = st.sampled_from("这个水壶很好不错质量差，。！3 ")
texts = st.lists(
    st.text(st.one_of(LATIN, HAN, st.characters(exclude_categories=("Cs",))), max_size=40), min_size=1, max_size=4
)


def edited(name, text, seed=0, **options):
    changes = CATALOGUE.find("edit", name)([text], [np.random.default_rng(seed)], **options)[0]
    return apply(text, changes).text


def test_all_are_found_by_name():
    assert set(NAMES) <= set(CATALOGUE.names("edit"))


@pytest.mark.parametrize("name", NAMES)
@given(rows=texts, seed=st.integers(0, 99))
def test_laws(name, rows, seed):
    part = CATALOGUE.find("edit", name)
    proposed = part(rows, [np.random.default_rng([seed, i]) for i in range(len(rows))])
    assert proposed == part(rows, [np.random.default_rng([seed, i]) for i in range(len(rows))])
    for i, (text, changes) in enumerate(zip(rows, proposed, strict=True)):
        new = apply(text, changes).text  # raises where changes overlap or lie outside
        assert all(text[change.start : change.end] != change.new for change in changes)
        digits = [[c for c in each if c.isdigit()] for each in (text, new)]
        assert digits[0] == digits[1]
        assert part([text], [np.random.default_rng([seed, i])]) == [changes]
        assert not text.strip() or new.strip()  # a text never becomes blank


@pytest.mark.parametrize("name", NAMES)
def test_row_order_does_not_matter(name):
    rows = ["The kettle boils quickly, and it is quiet", "这个水壶烧水很快，声音也小。", "Not bad at all!", "ok"]
    data = Dataset.of({"text": rows, "label": ["a", "b", "a", "b"]})
    part = CATALOGUE.find("edit", name)
    forwards = edit_dataset(data, part, seed=5)
    backwards = edit_dataset(data.take([3, 2, 1, 0]), part, seed=5)
    assert forwards.texts == backwards.texts[::-1]
    assert forwards.texts != rows


@given(rows=texts, seed=st.integers(0, 99))
def test_typos_reach_every_text_with_a_long_word(rows, seed):
    part = CATALOGUE.find("edit", "typos")
    for text, changes in zip(rows, part(rows, [np.random.default_rng(seed) for _ in rows]), strict=True):
        plain = all(unicodedata.category(c) in ("Lu", "Ll", "Po", "Zs") and c < "\u0250" for c in text)
        if plain and any(len(word) >= 4 and word.isalpha() for word in text.replace("'", " ").split()):
            assert changes
        for change in changes:
            assert not any(c.isdigit() for c in text[change.start : change.end])
            assert not any(c in "不没无" for c in text[change.start : change.end])


@pytest.mark.parametrize("seed", range(20))
def test_typos_by_kind(seed):
    assert sorted(edited("typos", "kettle", seed, kinds=("swap",))) == sorted("kettle")
    assert edited("typos", "kettle", seed, kinds=("swap",)) != "kettle"
    assert len(edited("typos", "kettle", seed, kinds=("drop",))) == 5
    repeated = edited("typos", "kettle", seed, kinds=("repeat",))
    assert len(repeated) == 7
    assert any(repeated[i] == repeated[i + 1] and repeated[:i] + repeated[i + 1 :] == "kettle" for i in range(6))
    slipped = edited("typos", "kettle", seed, kinds=("neighbour",))
    (at,) = [i for i in range(6) if slipped[i] != "kettle"[i]]
    near = {"e": "wsdr", "t": "rfgy", "l": "kop"}
    assert at > 0
    assert slipped[at] in near["kettle"[at]]
    assert edited("typos", "KETTLE", seed, kinds=("neighbour",)).isupper()


@pytest.mark.parametrize("seed", range(20))
def test_typos_leave_alone(seed):
    for text in ("it is not bad", "XPS1500 4K60", "2024 - 100 %", "不好", "", "🙂🙂🙂🙂"):
        assert edited("typos", text, seed) == text
    marked = edited("typos", "cafe\u0301s", seed, rate=1.0)
    assert "\u0301" not in (marked[0], marked[1])
    at = marked.index("\u0301")
    assert marked[at - 1] not in "caf\u0301" or "e" not in marked  # the accent stays on its letter
    chinese = edited("typos", "这个水壶一点也不好用啊", seed, rate=1.0)
    assert "不" in chinese
    assert chinese != "这个水壶一点也不好用啊"


def test_typos_rate_is_a_share_of_words():
    text = " ".join(["kettle"] * 50)
    for rate, expected in ((0.1, 5), (0.5, 25), (1.0, 50), (0.001, 1), (0.0, 0)):
        changed = [word for word in edited("typos", text, rate=rate).split() if word != "kettle"]
        assert len(changed) == expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("upper", "DON'T BUY THE XR2 STRASSE 好"),
        ("lower", "don't buy the xr2 straße 好"),
        ("title", "Don't Buy The Xr2 Straße 好"),
    ],
)
def test_casing_by_hand(form, expected):
    assert edited("casing", "Don't buy the XR2 straße 好", form=form) == expected


@given(st.text(st.sampled_from("abcDEF xyz 1."), max_size=40), st.sampled_from(["upper", "lower", "title", "random"]))
def test_casing_changes_nothing_but_case(text, form):
    assert edited("casing", text, form=form).casefold() == text.casefold()


def test_casing_random_mixes():
    assert len({edited("casing", "the kettle", seed, form="random") for seed in range(10)}) > 5


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("drop", "Good kettle!!", "Good kettle"),
        ("drop", "水壶不错。", "水壶不错"),
        ("drop", "Good kettle", "Good kettle"),
        ("drop", "?!", "?!"),
        ("add", "Good kettle", "Good kettle."),
        ("add", "水壶不错", "水壶不错。"),
        ("add", "Good kettle.", "Good kettle."),
        ("double", "3.5 litres, 1,000 watts", "3.5 litres,, 1,000 watts"),
        ("double", "no marks", "no marks"),
        ("width", "水壶不错，很好！3.5升", "水壶不错,很好!3.5升"),
        ("width", "水壶不错,很好!3.5升", "水壶不错，很好！3.5升"),
        ("width", "Good, cheap.", "Good, cheap."),
    ],
)
def test_punctuation_by_hand(kind, text, expected):
    assert edited("punctuation", text, kinds=(kind,)) == expected


@given(st.text(st.sampled_from("ab，。不错,.! 12"), max_size=30), st.integers(0, 20))
def test_punctuation_leaves_words_alone(text, seed):
    letters = [[c for c in each if c.isalnum()] for each in (text, edited("punctuation", text, seed))]
    assert letters[0] == letters[1]


@given(st.text(st.sampled_from("abcd efgh 不错 12.\n"), max_size=40), st.integers(0, 20))
def test_whitespace_moves_nothing_but_blanks(text, seed):
    new = edited("whitespace", text, seed)
    assert "".join(new.split()) == "".join(text.split())
    assert new.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("drop", "good kettle", {"goodkettle"}),
        ("double", "good kettle", {"good  kettle"}),
        ("insert", "so good", {"so g ood", "so go od", "so goo d"}),
        ("insert", "水壶", {"水 壶"}),
        ("drop", "4 500", {"4 500"}),
        ("insert", "XPS1500", {"XPS1500"}),
    ],
)
def test_whitespace_by_hand(kind, text, expected):
    assert {edited("whitespace", text, seed, kinds=(kind,)) for seed in range(30)} == expected


def test_unknown_kinds_are_refused():
    with pytest.raises(OptionError, match=r"typos\.kinds"):
        edited("typos", "kettle", kinds=("swop",))
