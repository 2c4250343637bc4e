"""Relations read from marks and from triples; edits that move spans along and edit both texts of a pair."""

from __future__ import annotations

import json

import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.edit import Change, edit_dataset
from duiqi.core.errors import DataError
from duiqi.core.part import edit
from duiqi.data.read import read


def lines(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_marks_become_spans(tmp_path):
    rows = [{"text": "The <e1>audits</e1> were about <e2>waste</e2>.", "label": "Topic(e1,e2)"},
            {"text": "<e2>Rain</e2> brings <e1>floods</e1>", "label": "Cause(e2,e1)"}]  # fmt: skip
    data = read(lines(tmp_path / "rows.jsonl", rows))["all"]
    assert data.texts == ["The audits were about waste.", "Rain brings floods"]
    parts = [[text[a:b] for a, b in spans] for text, spans in zip(data.texts, data.values("spans"), strict=True)]
    assert parts == [["audits", "waste"], ["floods", "Rain"]]
    assert data.shown == ["The [audits] were about [waste]₂.", "[Rain]₂ brings [floods]"]


def test_equal_texts_with_other_spans_are_other_inputs():
    data = Dataset.of({"text": ["a b c"] * 2, "spans": [[[0, 1], [2, 3]], [[0, 1], [4, 5]]], "label": ["x", "y"]})
    assert data.input_keys[0] != data.input_keys[1]


def test_triples_become_rows_with_pairs_that_stand_in_none(tmp_path):
    text = "阿司匹林治疗头痛，布洛芬治疗发热"
    triples = [{"subject": "阿司匹林", "predicate": "治疗", "object": "头痛"},
               {"subject": "布洛芬", "predicate": "治疗", "object": "发热"},
               {"subject": "布洛芬", "predicate": "别名", "object": "没有"}]  # fmt: skip
    data = read(lines(tmp_path / "rows.jsonl", [{"id": "a", "text": text, "triples": triples, "region": "north"}]),
                groups=["region"])["all"]  # fmt: skip
    said = [(*(text[a:b] for a, b in spans), label)
            for spans, label in zip(data.values("spans"), data.values("label"), strict=True)]  # fmt: skip
    assert said[:2] == [("阿司匹林", "头痛", "治疗"), ("布洛芬", "发热", "治疗")]
    assert set(said[2:]) == {("阿司匹林", "发热", "no_relation"), ("布洛芬", "头痛", "no_relation")}
    assert data.schema.cluster == "cluster"
    assert data.group("region").tolist() == ["north"] * 4
    assert len(set(data.row_ids)) == 4
    assert any(note["code"] == "triples_read" for note in data.notes)


def test_a_text_that_lacks_a_mark_is_told(tmp_path):
    rows = [{"text": "<e1>a</e1> b <e2>c</e2>", "label": "x"}, {"text": "a <e2>c</e2>", "label": "x"}]
    with pytest.raises(DataError, match=r"expected <e1>…</e1> and <e2>…</e2> once each .*line 2"):
        read(lines(tmp_path / "rows.jsonl", rows))


@edit(preserves=("label", "spans"))
def shout(texts, rngs):
    """Doubles the first character of every text and of its last word: for these tests only."""
    return [[Change(0, 0, text[:1]), Change(len(text) - 2, len(text) - 1, "")] for text in texts]


def test_spans_move_along_and_a_row_whose_span_would_go_stays():
    data = Dataset.of({"text": ["rain hurts us", "we like it"], "spans": [[[0, 4], [5, 10]], [[0, 2], [8, 9]]],
                       "label": ["x", "y"]})  # fmt: skip
    edited = edit_dataset(data, shout, seed=0)
    assert edited.texts[0] == "rrain hurts s"
    assert [edited.texts[0][a:b] for a, b in edited.values("spans")[0]] == ["rain", "hurts"]
    assert (edited.texts[1], edited.values("spans")[1]) == ("we like it", [[0, 2], [8, 9]])
    assert list(edited.row_ids) == list(data.row_ids)


def test_both_texts_of_a_pair_are_edited():
    data = Dataset.of({"text": ["rain hurts"], "text_pair": ["it pours"], "label": ["x"]})
    edited = edit_dataset(data, shout, seed=0)
    assert (edited.texts, edited.values("text_pair")) == (["rrain hurs"], ["iit pous"])
    assert list(edited.draw_keys) == list(data.draw_keys)
