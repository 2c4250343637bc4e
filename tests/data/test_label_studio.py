"""Exports of Label Studio as people leave them: majorities, ties, what was skipped, both forms, odd offsets."""

from __future__ import annotations

import csv
import json
import sys

import pytest

import duiqi
import duiqi.data.parting
from duiqi.core.errors import DataError
from duiqi.data.label_studio import joined, places
from duiqi.data.read import read


def choice(*labels, name="label"):
    return {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": list(labels)}}


def mark(start, end, text, label, **more):
    value = {"start": start, "end": end, "text": text, "labels": [label], **more}
    return {"from_name": "label", "to_name": "text", "type": "labels", "id": "x", "value": value}


def said(*results, **more):
    return {"id": 7, "completed_by": 1, "result": list(results), "was_cancelled": False, "ground_truth": False, **more}


def export(path, tasks):
    """An export as JSON of (data, annotations)."""
    rows = [{"id": at, "data": data, "annotations": made, "predictions": [], "meta": {}, "project": 3, "inner_id": at,
             "total_annotations": len(made), "updated_at": "2024-01-01T00:00:00Z"}
            for at, (data, made) in enumerate(tasks, 100)]  # fmt: skip
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return path


def prepared(path, folder):
    """Rows by text, and the reasons of those left out."""
    duiqi.prepare(path, out=folder, steps=(), dev=0, test=0)
    lines = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    changes = [json.loads(line) for line in (folder / "changes.jsonl").read_text().splitlines()]
    return lines, {each["before"].get("text"): each["reason"] for each in changes}


def test_most_people_count_and_ties_are_told(tmp_path):
    tasks = [
        ({"text": "one", "row_id": "a"}, [said(choice("x"))]),
        ({"text": "most", "row_id": "b"}, [said(choice("x")), said(choice("y")), said(choice("y"))]),
        ({"text": "tie", "row_id": "c"}, [said(choice("x")), said(choice("y"))]),
        ({"text": "cancelled", "row_id": "d"}, [said(choice("x")), said(choice("y"), was_cancelled=True)]),
        ({"text": "skipped", "row_id": "e"}, [said(was_cancelled=True)]),
        ({"text": "untouched", "row_id": "f"}, []),
        (
            {"text": "truth", "row_id": "g"},
            [said(choice("x")), said(choice("x")), said(choice("y"), ground_truth=True)],
        ),
        ({"text": "no choice", "row_id": "h"}, [said(), said(choice("y"))]),
    ]
    rows, gone = prepared(export(tmp_path / "whatever.json", tasks), tmp_path / "out")
    assert {row["text"]: row["label"] for row in rows} == {"one": "x", "most": "y", "cancelled": "x", "truth": "y",
                                                           "no choice": "y"}  # fmt: skip
    assert gone == {"tie": "annotators_disagree", "skipped": "annotation_skipped", "untouched": "no_label"}
    assert {row["id"] for row in rows} == {"a", "b", "d", "g", "h"}
    assert {*rows[0]} == {"text", "label", "id", "origin"}


def test_predictions_are_no_labels(tmp_path):
    task = {"data": {"text": "a"}, "predictions": [{"model_version": "m", "score": 1, "result": [choice("x")]}]}
    other = {"data": {"text": "b"}, "annotations": [said(choice("y"))], "predictions": task["predictions"]}
    (tmp_path / "x.json").write_text(json.dumps([task, other]))
    rows, gone = prepared(tmp_path / "x.json", tmp_path / "out")
    assert [(row["text"], row["label"]) for row in rows] == [("b", "y")]
    assert gone == {"a": "no_label"}


def test_several_labels_are_voted_one_by_one(tmp_path):
    votes = {"one": ["x"], "none": [""], "most": ["xy", "y", "yz"], "tie": ["xy", "y"]}
    tasks = [
        ({"text": text}, [said(*([choice(*each, name="labels")] if each else [])) for each in given])
        for text, given in votes.items()
    ]
    rows, gone = prepared(export(tmp_path / "x.json", tasks), tmp_path / "out")
    assert {row["text"]: row["label"] for row in rows} == {"one": ["x"], "none": [], "most": ["y"]}
    assert gone == {"tie": "annotators_disagree"}


EMOJI = "😀 Kim met 李雷 in Rome"


def test_marks_become_tags_by_characters_or_by_utf_16(tmp_path):
    tasks = [
        ({"text": EMOJI}, [said(mark(2, 5, "Kim", "PER"), mark(10, 12, "李雷", "PER"))]),
        ({"text": f"{EMOJI}!"}, [said(mark(3, 6, "Kim", "PER"), mark(17, 21, "Rome", "LOC"))]),  # UTF-16 units
        ({"text": "nobody here"}, [said()]),
    ]
    data = read(export(tmp_path / "x.json", tasks))["all"]
    spans = [[(word, tag) for word, tag in zip(words, tags, strict=True) if tag != "O"]
             for words, tags in zip(data.values("tokens"), data.values("label"), strict=True)]  # fmt: skip
    assert spans == [[("Kim", "B-PER"), ("李", "B-PER"), ("雷", "I-PER")], [("Kim", "B-PER"), ("Rome", "B-LOC")], []]


def test_marks_that_do_not_fit_the_text_are_told(tmp_path):
    tasks = [
        ({"text": "Kim left"}, [said(mark(0, 3, "Kim", "PER"))]),
        ({"text": "changed"}, [said(mark(1, 4, "Kim", "PER"))]),
    ]
    with pytest.raises(DataError, match=r"marked parts of the 7 characters .* given 1 to 4 as 'Kim' \(row 2\)"):
        read(export(tmp_path / "x.json", tasks))


def test_spans_are_voted_one_by_one_and_words_of_the_task_are_kept(tmp_path):
    words = ["Dr. Kim", "of", "U.S.", "Steel"]
    text = " ".join(words)
    both = (mark(0, 7, "Dr. Kim", "PER"), mark(11, 21, "U.S. Steel", "ORG"))
    tasks = [
        ({"text": text, "tokens": words}, [said(*both), said(both[0]), said(*both)]),
        ({"text": text, "tokens": words}, [said(mark(4, 7, "Kim", "PER"))]),  # a piece of a word
        ({"text": text, "tokens": words}, [said(*both), said(both[0])]),
    ]
    duiqi.prepare(export(tmp_path / "x.json", tasks), out=tmp_path / "out", steps=(), dev=0, test=0)
    rows = [json.loads(line) for line in (tmp_path / "out" / "train.jsonl").read_text().splitlines()]
    assert [row["tokens"] for row in rows] == [words] * 2
    assert [row["label"] for row in rows] == [["B-PER", "O", "B-ORG", "I-ORG"], ["B-PER", "O", "O", "O"]]
    changes = (tmp_path / "out" / "changes.jsonl").read_text()
    assert changes.count("annotators_disagree") == 1


def flat(path, rows):
    stamps = {"annotator": 1, "annotation_id": 5, "created_at": "t", "updated_at": "t", "lead_time": 2.5}
    path.write_text(json.dumps([{**stamps, **row} for row in rows]))
    return path


def test_the_flat_export_of_classes(tmp_path):
    rows = [
        {"id": 1, "row_id": "a", "text": "one", "label": "x"},
        {"id": 2, "row_id": "b", "text": "tie", "label": "x"},
        {"id": 2, "row_id": "b", "text": "tie", "label": "y"},
        {"id": 3, "row_id": "c", "text": "untouched", "annotation_id": None, "annotator": None},
        *({"id": 4, "row_id": "d", "text": "most", "label": each} for each in "xyy"),
    ]
    rows, gone = prepared(flat(tmp_path / "x.json", rows), tmp_path / "out")
    assert [(row["id"], row["label"]) for row in rows] == [("a", "x"), ("d", "y")]
    assert gone == {"tie": "annotators_disagree", "untouched": "no_label"}


def test_the_flat_export_of_several_labels_and_of_marks(tmp_path):
    rows = [{"id": 1, "text": "one", "topics": "x"}, {"id": 2, "text": "two", "topics": {"choices": ["x", "y"]}},
            {"id": 3, "text": "three"}]  # fmt: skip
    data = read(flat(tmp_path / "x.json", rows[:2]))["all"]
    assert data.values("label") == [["x"], ["x", "y"]]
    marks = [{"start": 0, "end": 3, "text": "Kim", "labels": ["PER"]}]
    rows = [{"id": 1, "text": "Kim left", "label": marks}, {"id": 2, "text": "Nobody left", "label": []}]
    data = read(flat(tmp_path / "y.json", rows))["all"]
    assert data.values("tokens") == [["Kim", "left"], ["Nobody", "left"]]
    assert data.values("label") == [["B-PER", "O"], ["O", "O"]]


def test_the_export_as_csv(tmp_path):
    marks = [{"start": 2, "end": 5, "text": "Kim", "labels": ["PER"]}]
    rows = [("1", "[x Kim left", json.dumps(marks)), ("2", '{"a": 1}', json.dumps([])), ("3", "skipped", "")]
    stamps = ("5", "1", "2.5")
    with (tmp_path / "x.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "text", "label", "annotation_id", "annotator", "lead_time"])
        table.writerows([*row, *(stamps if row[2] else ("", "", ""))] for row in rows)
    with pytest.raises(DataError, match="given 2 to 5 as 'Kim'"):
        read(tmp_path / "x.csv")
    marks[0] |= {"start": 3, "end": 6}
    with (tmp_path / "x.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "text", "label", "annotation_id", "annotator", "lead_time"])
        table.writerows([[*rows[0][:2], json.dumps(marks), *stamps], [*rows[1], *stamps], [*rows[2], "", "", ""]])
    duiqi.prepare(tmp_path / "x.csv", out=tmp_path / "out", steps=(), dev=0, test=0)
    made = [json.loads(line) for line in (tmp_path / "out" / "train.jsonl").read_text().splitlines()]
    assert ["".join(row["tokens"]) for row in made] == ["[xKimleft", '{"a":1}']
    assert [tag for tag in made[0]["label"] if tag != "O"] == ["B-PER"]
    assert {*made[1]["label"]} == {"O"}


def test_of_several_controls_the_user_names_one(tmp_path):
    tasks = [({"text": text}, [said(choice(a, name="mood"), choice(b, name="topic"))]) for text, a, b in
             [("one", "good", "food"), ("two", "bad", "staff")]]  # fmt: skip
    assert read(export(tmp_path / "x.json", tasks), label="topic")["all"].values("label") == ["food", "staff"]
    assert read(export(tmp_path / "x.json", tasks), label="mood")["all"].values("label") == ["good", "bad"]


def test_other_controls_are_told(tmp_path):
    stars = {"from_name": "stars", "to_name": "text", "type": "rating", "value": {"rating": 4}}
    with pytest.raises(DataError, match=r"expected choices or marked parts .* given rating"):
        read(export(tmp_path / "x.json", [({"text": "a"}, [said(stars)])]))


@pytest.mark.parametrize("words", [["a", "b"], ["我", "们", "ok", "好"], ["U.S.", "a b", "，", "是"], []])
def test_words_are_found_in_the_text_they_make(words):
    text = joined(words)
    assert [text[a:b] for a, b in places(text, words)] == words
    assert places(f"{text} more", words) is None
    assert joined(["我", "们", "ok", "go", "，", "《", "好", "》", "is", "."]) == "我们ok go，《好》is ."


@pytest.mark.parametrize("given", [[["animal", "cat"]], "cat", {"cat": 1}, [7]])
def test_choices_that_are_no_list_of_words_are_told(tmp_path, given):
    nested = {**choice("x"), "value": {"choices": given}}
    path = export(tmp_path / "a.json", [({"text": "one"}, [said(choice("x"))]), ({"text": "two"}, [said(nested)])])
    with pytest.raises(DataError, match="choices as a list of words"):
        duiqi.prepare(path, out=tmp_path / "out", steps=())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("together", [True, False])
def test_sources_whose_labels_are_of_different_kinds_are_told(tmp_path, monkeypatch, together):
    if not together:
        monkeypatch.setattr(sys.modules["duiqi.data.parting"], "TOGETHER", 0)
    (tmp_path / "tags.jsonl").write_text('{"tokens": ["in", "Rome"], "label": ["O", "B-PLACE"]}\n')
    parts = [{"text": "Rome", "start": 0, "end": 4, "labels": ["PLACE"]}]
    (tmp_path / "parts.jsonl").write_text(json.dumps({"tokens": ["Rome"], "label": parts}) + "\n")
    with pytest.raises(DataError, match="columns of one kind"):
        duiqi.prepare([tmp_path / "tags.jsonl", tmp_path / "parts.jsonl"], out=tmp_path / "out", steps=())
