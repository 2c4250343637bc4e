"""Steps of a preparation: what each changes and drops, and that places in texts move along."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duiqi.core.dataset import Dataset
from duiqi.core.edit import apply
from duiqi.core.errors import OptionError
from duiqi.data.clean import CLEANERS, dirty
from duiqi.data.language import languages
from duiqi.data.steps import Boilerplate, Clean, Duplicates, Language, Length, Simplify, steps_of

ANN = {"text": "Ann", "start": 11}


def rows(texts, **columns):
    columns = {"label": ["a"] * len(texts), **columns}
    return Dataset.of({"text": texts, **columns, "origin": [f"f:{n}" for n in range(len(texts))]})


def became(step, text):
    """The text after a step."""
    return step(rows([text])).data.texts[0]


CLEANED = {
    "It&#39;s <b>great</b>!!!!!!!  really": "It's great!!! really",
    "cafÃ© and â€œquotesâ€\x9d": "café and “quotes”",
    "ä¸\xadæ–‡å¾ˆå¥½": "中文很好",
    "ｈｅｌｌｏ\u3000ｗｏｒｌｄ１２３": "hello world123",
    "好 的 房间，，，，，很 好！": "好的房间，，，很好！",
    "e\u0301te\u0301": "été",
    "a\u200bb\xa0c\r\nd": "ab c\nd",
    "<p>Hi<br/>there</p><script>x=1</script><!-- no -->": "Hi\nthere",
    "one\n\n\n\ntwo ": "one\n\ntwo",
    "\x1e left ^ right": "left ^ right",
}
LEFT = ["3 < 5 and x <e1>y</e1>", "中文 English 中文", "café Âme", "wait... what?!", "R&D, AT&T & co", "（好）：是～",
        "👨\u200d👩\u200d👧 می\u200cخواهم", "AÐ is no encoding", "1_000 -- 2", "¿Qué?", "«très»"]  # fmt: skip


@pytest.mark.parametrize("text", CLEANED)
def test_dirt_goes(text):
    assert became(Clean(), text) == CLEANED[text]


@pytest.mark.parametrize("text", LEFT)
def test_what_is_no_dirt_stays(text):
    step = Clean()(rows([text]))
    assert step.data.texts == [text]
    assert not step.changes


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), min_size=1, max_size=6))
def test_the_signs_find_all_that_is_changed_and_cleaning_again_changes_nothing(texts):
    for name, cleaner in CLEANERS.items():
        found = dirty(texts, cleaner.signs)
        changed = [row for row, text in enumerate(texts) if list(cleaner.changes(text))]
        assert set(changed) <= set(found), name
        for text in texts:
            once = apply(text, cleaner.changes(text)).text
            if name in ("control", "width", "punctuation", "blanks"):
                assert apply(once, cleaner.changes(once)).text == once, name


def test_one_by_one_or_together_is_the_same():
    texts = [*CLEANED, *LEFT]
    assert Clean()(rows(texts)).data.texts == [became(Clean(), text) for text in texts]


def test_spans_answers_and_tags_move_along():
    marked = Dataset.of({"text": ["<b>Rain</b>  brings &amp; floods"], "spans": [[[3, 7], [26, 32]]], "label": ["x"]})
    made = Clean()(marked).data
    assert [made.texts[0][a:b] for a, b in made.values("spans")[0]] == ["Rain", "floods"]
    asked = Dataset.of({"text": ["who?"], "text_pair": ["It  was <i>Ann</i> "], "label": [[ANN]]})
    made = Clean()(asked).data
    (answer,) = made.values("label")[0]
    assert made.values("text_pair")[0][answer["start"] :] == "Ann"
    tagged = Dataset.of({"tokens": [["ＡＢＣ", "北", "京"]], "label": [["B-X", "B-Y", "I-Y"]]})
    made = Clean()(tagged).data
    assert (made.values("tokens"), made.values("label")) == ([["ABC", "北", "京"]], [["B-X", "B-Y", "I-Y"]])


def test_what_was_done_is_told_row_by_row():
    made = Clean()(rows(["fine", "<p> </p>", "a  b!!!!!"]))
    assert made.data.texts == ["fine", "a b!!!"]
    assert list(made.kept) == [0, 2]
    said = [(each.origin, each.reason, each.before["text"], each.after and each.after["text"]) for each in made.changes]
    assert said == [
        ("f:1", "html+blanks", "<p> </p>", ""),
        ("f:2", "punctuation+blanks", "a  b!!!!!", "a b!!!"),
        ("f:1", "nothing_left", "", None),
    ]


def test_traditional_characters():
    pytest.importorskip("opencc")
    assert became(Simplify(), "軟體的頭髮和發展，不瞭解一目瞭然") == "软体的头发和发展，不了解一目了然"
    assert became(Simplify(), "软体 software") == "软体 software"


def test_languages():
    pytest.importorskip("py3langid")
    texts = [
        "The room was really very nice and quiet",
        "房间很好，早餐也不错",
        "部屋はとても静かでした",
        "방이 좋았어요",
    ]
    texts += ["Das Zimmer war sehr schön und das Frühstück auch", "ok", "2024 !!", "用 Python 写 code"]
    assert [name for name, _ in languages(texts)] == ["en", "zh", "ja", "ko", "de", "", "", ""]
    made = Language()(rows(texts))
    assert made.data.texts == [*texts[:2], *texts[5:]]
    assert [each.reason for each in made.changes] == ["language:ja", "language:ko", "language:de"]


def test_lengths():
    made = Length(least=2, most=4)(rows(["one", "one two", "一二三四五", "一二三四"]))
    assert made.data.texts == ["one two", "一二三四"]
    assert {each.origin: each.reason for each in made.changes} == {"f:0": "too_short", "f:2": "too_long"}


def test_lines_of_many_rows():
    texts = [f"I liked number {n}\nSent from my phone" for n in range(30)] + ["Sent from my phone", "alone\nagain"]
    step = Boilerplate(rows=10, share=0.1)
    step.look(rows(texts), [None] * len(texts))
    made = step(rows(texts)).data.texts
    assert made[3] == "I liked number 3"
    assert made[30:] == texts[30:]


@pytest.mark.parametrize(
    ("names", "options", "said"),
    [
        (["claen"], {}, "'claen'"),
        (["clean"], {"clean": {"cleaner": ["html"]}}, "'cleaner'"),
        (["clean"], {"clean": {"cleaners": ["htlm"]}}, "'htlm'"),
        (["clean"], {"length": {"most": 3}}, "'length'"),
        (["length"], {"length": {"least": 5, "most": 3}}, "least=5"),
        (["language"], {"language": {"keep": ["klingon"]}}, "'klingon'"),
    ],
)
def test_steps_that_there_are_not(names, options, said):
    with pytest.raises(OptionError, match=said) as caught:
        steps_of(names, options)
    assert caught.value.hint


def test_letters_and_marks_are_those_of_the_standard():
    text = "e\u0301 A\u030a \u1112\u1161\u11ab, \uf900"
    assert became(Clean(), text) == unicodedata.normalize("NFC", text)


def without_copies(texts, labels, parts, pieces=1, **options):
    """What becomes of every row: why it went, and of which row it is a copy."""
    data, step = rows(texts, label=labels), Duplicates(**options)
    ends = np.array_split(np.arange(len(texts)), pieces)
    for where in ends:
        step.look(data.take(where), [parts[at] for at in where])
    outcomes = [step(data.take(where), [parts[at] for at in where]) for where in ends]
    gone = {each.origin: (each.reason, each.of) for made in outcomes for each in made.changes}
    kept = [text for made in outcomes for text in made.data.texts]
    assert len(kept) + len(gone) == len(texts)
    return [gone.get(f"f:{row}", "") for row in range(len(texts))]


LONG = "the quick brown fox jumps over the lazy dog and runs into the dark forest again"


@pytest.mark.parametrize("pieces", [1, 3])
def test_of_copies_one_stays_that_of_test_rather_than_that_of_train(pieces):
    texts = ["Good film.", "good FILM", "other", "good film!", LONG, f"{LONG}!!", f"{LONG} too", "alone", "other"]
    parts = ["train", "train", "train", "test", "train", None, "dev", None, "train"]
    assert without_copies(texts, ["a"] * 9, parts, pieces) == [
        ("copy_in_other_part", "f:3"), ("copy_in_other_part", "f:3"), "", "",
        ("near_copy_in_other_part", "f:6"), ("equal_copy", "f:4"), "", "", ("equal_copy", "f:2"),
    ]  # fmt: skip
    found = without_copies(texts, ["a"] * 9, parts, pieces, near=1)
    assert found[4:6] == ["", ("equal_copy", "f:4")]


def test_copies_with_other_labels_contradict_each_other():
    texts, parts = ["x", "x", "x", "y", "y", "z z z z"], ["train"] * 6
    assert without_copies(texts, ["a", "b", "a", "a", "b", "a"], parts) == [
        "", ("contradicting_label", "f:0"), ("equal_copy", "f:0"), ("contradicting_label", None),
        ("contradicting_label", None), "",
    ]  # fmt: skip
    assert without_copies([LONG, f"{LONG} not"], ["a", "b"], parts[:2]) == ["", ""]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["aa", "AA!", "bb", f"{LONG}", f"{LONG}s"]), st.sampled_from("ab"),
                          st.sampled_from(["train", "dev", "test", None])), min_size=1, max_size=12))  # fmt: skip
def test_what_stays_is_no_copy_of_what_stays(drawn):
    texts, labels, parts = (list(each) for each in zip(*drawn, strict=True))
    fates = without_copies(texts, labels, parts)
    left = [row for row, fate in enumerate(fates) if not fate]
    keys = rows(texts).input_keys[left]
    assert len(set(keys.tolist())) == len(keys)
    for row, fate in enumerate(fates):
        if fate and fate[1] is not None:
            other = int(fate[1][2:])
            assert other in left or fates[other][0].startswith("near"), (row, fates)


def test_rows_may_go_through_again_behind_a_look():
    """Steps that look at what duplicates leave have them go through twice."""
    step, data = Duplicates(near=1), rows(["one text", "another text", "one text"])
    step.look(data, [None] * 3)
    assert [list(step(data).kept) for _ in range(2)] == [[0, 1], [0, 1]]
