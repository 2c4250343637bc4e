"""Changes move text, spans, tokens and tags; a row's edit hangs on nothing but the row."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duiqi.core.dataset import Dataset
from duiqi.core.edit import Change, apply, apply_tokens, edit_dataset
from duiqi.core.errors import OptionError, PartError
from duiqi.core.part import edit

characters = st.one_of(st.sampled_from("ab c1.不错。，e\u0301🙂👩🏽\u200dé"), st.characters(exclude_categories=("Cs",)))
texts = st.text(characters, max_size=25)


@st.composite
def edits(draw):
    """A text and changes that do not overlap: cuts in pairs, some of them empty."""
    text = draw(texts)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    return text, [Change(start, end, draw(st.text(characters, max_size=3))) for start, end in pairs]


@edit(preserves=("label",))
def shout(texts, rngs, *, mark: str = "!"):
    return [
        [Change(len(text), len(text), mark * int(rng.integers(1, 9)))] for text, rng in zip(texts, rngs, strict=True)
    ]


@edit(preserves=("label", "meaning", "tokens", "spans"))
def nothing(texts, rngs):
    return [[] for _ in texts]


@edit(preserves=("label", "meaning", "tokens", "spans"))
def stars(texts, rngs):
    return [[Change(at, at, "*") for at in range(len(text))] for text in texts]


def test_hand_worked():
    edited = apply("the kettle is good", [Change(14, 18, "fine"), Change(4, 10, "pot"), Change(0, 0, "> ")])
    assert edited.text == "> the pot is fine"
    assert edited.text[slice(*edited.move_span(11, 13))] == "is"
    assert edited.text[slice(*edited.move_span(4, 10))] == "pot"
    assert edited.text[slice(*edited.move_span(4, 18))] == "pot is fine"
    assert edited.move_span(5, 12) is None  # the change reaches over its start
    assert edited.move_span(0, 6) is None  # the change reaches over its end
    assert apply("abc", [Change(1, 2, "")]).move_span(1, 2) is None  # nothing is left


def test_offsets_count_characters():
    text = "e\u0301t🙂 很好"
    edited = apply(text, [Change(3, 4, "")])
    assert edited.text == "e\u0301t 很好"
    assert edited.text[slice(*edited.move_span(5, 7))] == "很好"


@given(texts)
def test_no_change_is_identity(text):
    edited = apply(text, [])
    assert edited.text == text
    assert edited.move_span(0, len(text)) == (0, len(text))


@given(edits(), st.randoms())
def test_order_of_changes_does_not_matter(case, random):
    text, changes = case
    places = {(change.start, change.end): change for change in changes}  # equal places keep the given order
    one_each = list(places.values())
    shuffled = one_each[:]
    random.shuffle(shuffled)
    assert apply(text, one_each) == apply(text, shuffled)


@given(edits(), st.data())
def test_spans_no_change_touches_still_cover_their_text(case, data):
    text, changes = case
    start, end = sorted(data.draw(st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))))
    edited = apply(text, changes)
    touched = any(change.start < end and change.end > start for change in changes)
    moved = edited.move_span(start, end)
    if not touched:
        assert edited.text[slice(*moved)] == text[start:end]
    elif moved is not None:
        assert 0 <= moved[0] <= moved[1] <= len(edited.text)


@given(edits())
def test_length_grows_by_the_changes(case):
    text, changes = case
    assert len(apply(text, changes).text) == len(text) + sum(change.growth for change in changes)


@pytest.mark.parametrize(
    "changes",
    [[Change(0, 2, ""), Change(1, 3, "")], [Change(0, 9, "")], [Change(-1, 1, "")], [Change(2, 1, "")]],
)
def test_impossible_changes_are_refused(changes):
    with pytest.raises(PartError, match="expected changes inside"):
        apply("abc", changes)


@pytest.mark.parametrize(
    ("tokens", "tags", "changes", "expected"),
    [
        (["New", "York"], ["B-LOC", "I-LOC"], [Change(5, 6, "")], (["New", "Yrk"], ["B-LOC", "I-LOC"])),
        (["to", "Paris"], ["O", "B-LOC"], [Change(5, 5, " ")], (["to", "Pa", "ris"], ["O", "B-LOC", "I-LOC"])),
        (["to", "Paris"], ["O", "B-LOC"], [Change(2, 3, "")], (["toParis"], ["O"])),
        (["Paris", "!"], ["B-LOC", "O"], [Change(6, 7, "")], (["Paris"], ["B-LOC"])),
        (["ok", "!"], [0, 1], [Change(4, 4, "!")], (["ok", "!!"], [0, 1])),
        # new words belong to the token they were put against
        (["a", "b"], ["O", "B-X"], [Change(2, 2, "so ")], (["a", "so", "b"], ["O", "B-X", "I-X"])),
        (["a"], ["B-X"], [Change(1, 1, " and")], (["a", "and"], ["B-X", "I-X"])),
        ([], [], [Change(0, 0, "new")], (["new"], ["O"])),
        (["a b", "c"], ["B-X", "O"], [Change(4, 5, "d")], (["a b", "d"], ["B-X", "O"])),
    ],
)
def test_tokens_hand_worked(tokens, tags, changes, expected):
    assert apply_tokens(tokens, tags, changes) == expected


words = st.lists(st.text(st.sampled_from("ab不错🙂e\u0301"), min_size=1, max_size=4), max_size=5)


@given(words, st.data())
def test_tokens_agree_with_the_text(tokens, data):
    text = " ".join(tokens)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    new = st.text(st.sampled_from("xy 很"), max_size=2)
    changes = [Change(a, b, data.draw(new)) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    tags = [f"T{i}" for i in range(len(tokens))]
    moved, moved_tags = apply_tokens(tokens, tags, changes)
    assert moved == apply(text, changes).text.split()
    order = [tag for tag in moved_tags if tag != "O"]
    assert order == sorted(order)  # tags keep their order
    if not changes:
        assert (moved, moved_tags) == (tokens, tags)


def test_tags_must_fit_tokens():
    with pytest.raises(PartError, match="one tag per token"):
        apply_tokens(["a", "b"], ["O"], [])


ROWS = {"text": ["Fine kettle", "很好用", "bad 🙂", "bad 🙂"], "label": ["pos", "pos", "neg", "neg"]}


def test_rows_keep_ids_labels_and_draw_keys():
    data = Dataset.of(ROWS)
    edited = edit_dataset(data, shout, seed=3)
    assert all(new.startswith(old) and new.endswith("!") for old, new in zip(data.texts, edited.texts, strict=True))
    assert edited.row_ids.tolist() == data.row_ids.tolist()
    assert edited.draw_keys.tolist() == data.draw_keys.tolist()
    assert edited.values("label") == data.values("label")
    assert edit_dataset(data, nothing, seed=3).texts == data.texts


@given(st.permutations(range(4)), st.integers(0, 5))
def test_a_rows_edit_hangs_on_the_row_alone(order, seed):
    data = Dataset.of(ROWS | {"id": ["a", "b", "c", "d"]})
    whole = dict(zip(data.row_ids, edit_dataset(data, shout, seed=seed).texts, strict=True))
    some = data.take(np.array(order[:3]))
    assert edit_dataset(some, shout, seed=seed).texts == [whole[row] for row in some.row_ids]


def test_seeds_differ():
    data = Dataset.of({"text": [f"row {i}" for i in range(30)]})
    assert edit_dataset(data, shout, seed=1).texts == edit_dataset(data, shout, seed=1).texts
    assert edit_dataset(data, shout, seed=1).texts != edit_dataset(data, shout, seed=2).texts


def test_strength_is_a_share_and_nested():
    data = Dataset.of({"text": ["x" * 200, "y" * 200]})
    counts = {s: [text.count("*") for text in edit_dataset(data, stars, seed=0, strength=s).texts] for s in (0, 0.3, 1)}
    assert counts[0] == [0, 0]
    assert counts[1] == [200, 200]
    assert all(30 <= count <= 90 for count in counts[0.3])
    weak, strong = (edit_dataset(data, stars, seed=0, strength=s).texts[0].split("x") for s in (0.3, 0.7))
    assert all(more == "*" for less, more in zip(weak, strong, strict=True) if less == "*")


def test_options_reach_the_edit_and_are_checked():
    data = Dataset.of(ROWS)
    assert edit_dataset(data, shout, seed=0, mark="?").texts[0].endswith("?")
    with pytest.raises(OptionError, match="given 'marc'"):
        edit_dataset(data, shout, seed=0, marc="?")
    with pytest.raises(OptionError, match="strength"):
        edit_dataset(data, shout, seed=0, strength=2)


def test_an_edit_that_loses_rows_is_refused():
    @edit(preserves=("label", "meaning", "tokens", "spans"))
    def short(texts, rngs):
        return [[]]

    with pytest.raises(PartError, match="one list of changes for each"):
        edit_dataset(Dataset.of(ROWS), short, seed=0)


def test_token_rows_keep_tags_aligned():
    @edit(preserves=("label", "meaning", "tokens", "spans"))
    def split_paris(texts, rngs):
        return [[Change(t.index("Paris") + 2, t.index("Paris") + 2, " ")] if "Paris" in t else [] for t in texts]

    rows = {"tokens": [["in", "Paris", "."], ["no"]], "tags": [["O", "B-LOC", "O"], ["O"]]}
    data = Dataset.of(rows, label="tags")
    edited = edit_dataset(data, split_paris, seed=0)
    assert edited.values("tokens") == [["in", "Pa", "ris", "."], ["no"]]
    assert edited.values("label") == [["O", "B-LOC", "I-LOC", "O"], ["O"]]
    assert edited.row_ids.tolist() == data.row_ids.tolist()
    assert edited.draw_keys.tolist() == data.draw_keys.tolist()


def test_token_rows_with_one_label_a_row():
    data = Dataset.of({"tokens": [["not", "bad"]], "label": ["pos"]})
    edited = edit_dataset(data, shout, seed=0)
    assert edited.values("label") == ["pos"]
    assert edited.values("tokens")[0][1].startswith("bad!")


def test_a_word_of_its_own_that_is_divided_goes_on():
    words, tags = apply_tokens(["Peterson", "won"], ["S-PER", "O"], [Change(5, 5, " ")])
    assert words == ["Peter", "son", "won"]
    assert tags == ["S-PER", "I-PER", "O"]


@edit(preserves=("label",))
def gone(texts, rngs):
    """Deletes every word."""
    return [[Change(*match.span(), "") for match in re.finditer(r"\w+", text)] for text in texts]


def test_an_edit_that_does_not_preserve_spans_leaves_what_is_marked_alone():
    marked = Dataset.of({"text": ["Ann met Bob here"], "spans": [[[0, 3], [8, 11]]], "label": ["met"]})
    edited = edit_dataset(marked, gone, seed=0)
    assert edited.texts == ["Ann  Bob "]
    assert [edited.texts[0][a:b] for a, b in edited.values("spans")[0]] == ["Ann", "Bob"]
    tagged = Dataset.of({"tokens": [["Ann", "met", "Bob"]], "label": [["B-PER", "O", "B-PER"]]})
    assert edit_dataset(tagged, gone, seed=0).values("tokens") == [["Ann", "Bob"]]
    asked = Dataset.of({
        "text": ["who"], "text_pair": ["Ann met Bob"], "label": [[{"text": "Bob", "start": 8}]],
    })  # fmt: skip
    answered = edit_dataset(asked, gone, seed=0)
    assert answered.values("text_pair") == ["  Bob"]
    assert answered.values("label") == [[{"text": "Bob", "start": 2}]]
