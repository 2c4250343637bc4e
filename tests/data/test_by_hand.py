"""Labels by hand come in as known classes, or not at all."""

from __future__ import annotations

import csv
import json
import sys

import pytest

import duiqi
from duiqi.cli import main
from duiqi.core.errors import DataError
from duiqi.data.sheet import write_sheet


def labelled(path, labels):
    rows = [{"text": f"known row {at} {label}", "label": label} for at, label in enumerate(labels)]
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


def sheet(path, labels, guess="positive", **columns):
    """A table as people send it back, a row for each label."""
    n = len(labels)
    said = {"id": [f"r{at}" for at in range(n)], "text": [f"new row {at}" for at in range(n)], **columns}
    write_sheet(path, {**said, "guess": [guess] * n, **{each: ["x"] * n for each in ("confidence", "why", "score")}})
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerows([rows[0], *([*row[:-1], label] for row, label in zip(rows[1:], labels, strict=True))])
    return path


def handed_out(folder, labels):
    said = {"handed_out": {"to_label.csv": "x"}, "task": {"name": "classify", "options": {"labels": labels}}}
    (folder / "report.json").write_text(json.dumps(said))


def export(path, chosen):
    """An export of Label Studio of the tasks that were handed out."""
    tasks = [
        {
            "id": 500 + at,
            "data": {"row_id": f"r{at}", "text": f"new row {at}"},
            "annotations": [
                {"result": [{"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": each}}]}
            ],
        }
        for at, each in enumerate(chosen)
    ]
    path.write_text(json.dumps(tasks, ensure_ascii=False), encoding="utf-8")
    return path


def prepared(sources, out, **options):
    """The report, and the labels of the rows that were labelled by hand."""
    report = duiqi.prepare(sources, out=out, steps=(), dev=0, test=0, **options)
    rows = map(json.loads, (out / "train.jsonl").read_text(encoding="utf-8").splitlines())
    return report, [row["label"] for row in rows if "known row" not in row.get("text", "known row")]


WRITTEN = ["positive", "Positive", " ｎｅｇａｔｉｖｅ", "NEGATIVE "]
MEANT = ["positive", "positive", "negative", "negative"]


@pytest.mark.parametrize("beside", ["rows", "report"])
@pytest.mark.parametrize("form", ["sheet", "tasks"])
def test_what_is_a_known_class_otherwise_written_is_taken_as_it(tmp_path, beside, form):
    made = (
        sheet(tmp_path / "s.csv", WRITTEN) if form == "sheet" else export(tmp_path / "s.json", [[w] for w in WRITTEN])
    )
    if beside == "report":
        handed_out(tmp_path, ["negative", "positive"])
    known = labelled(tmp_path / "known.jsonl", ["negative", "positive"])
    report, labels = prepared([made, known] if beside == "rows" else [made], tmp_path / "out")
    assert labels == MEANT
    changes = [json.loads(line) for line in (tmp_path / "out" / "changes.jsonl").read_text().splitlines()]
    mended = {each["origin"]: each["after"]["label"] for each in changes if each["reason"] == "label_as_meant"}
    unit = 2 if form == "sheet" else 1  # the header is a line, too
    wrong = {f"{made.name}:{at + unit}": MEANT[at] for at in range(4) if WRITTEN[at].strip() != MEANT[at]}
    assert mended == wrong
    (told,) = [each for each in report.facts["steps"] if each["reason"] == "label_as_meant"]
    assert (told["rows"], told["dropped"]) == (len(wrong), False)


@pytest.mark.parametrize("form", ["sheet", "tasks"])
def test_what_is_no_known_class_is_an_error_that_names_the_rows(tmp_path, form):
    written = ["positive", "postive", "neutral", "Postive", "postive", "负面的"]
    made = (
        sheet(tmp_path / "s.csv", written) if form == "sheet" else export(tmp_path / "s.json", [[w] for w in written])
    )
    sources = [labelled(tmp_path / "known.jsonl", ["负面", "positive"]), made]
    with pytest.raises(DataError) as error:
        prepared(sources, tmp_path / "out")
    said, places = str(error.value), [f"{made.name}:{at + (2 if form == 'sheet' else 1)}" for at in range(6)]
    assert "among positive, 负面, given" in said
    assert f"'postive' ({places[1]}, {places[4]}; near 'positive')" in said
    assert f"'neutral' ({places[2]})" in said
    assert f"'Postive' ({places[3]}; near 'positive')" in said
    assert f"'负面的' ({places[5]}; near '负面')" in said
    assert "--label-name postive=positive" in error.value.hint
    assert "--label-name postive=postive" in error.value.hint
    assert not (tmp_path / "out").exists()
    names = {"postive": "positive", "Postive": "positive", "neutral": "neutral", "负面的": "负面"}
    _, labels = prepared(sources, tmp_path / "out", labels=names)
    assert labels == ["positive", "positive", "neutral", "positive", "positive", "负面"]


def test_where_no_class_is_near_none_is_proposed(tmp_path):
    made = sheet(tmp_path / "s.csv", ["中性"])
    with pytest.raises(DataError, match=r"among 正面, 负面, given '中性' \(s\.csv:2\)") as error:
        prepared([labelled(tmp_path / "known.jsonl", ["负面", "正面"]), made], tmp_path / "out")
    assert "中性=CLASS" in error.value.hint
    assert "中性=正面" not in error.value.hint


def test_the_command_says_it_and_ends_with_2(tmp_path, monkeypatch, capsys):
    known = labelled(tmp_path / "known.jsonl", ["negative", "positive"])
    made = sheet(tmp_path / "s.csv", ["postive", "Positive"])
    words = ["duiqi", "prepare", str(known), str(made), "--out", str(tmp_path / "out"), "--dev", "0", "--test", "0"]
    for more, code in (([], 2), (["--label-name", "postive=positive"], 0)):
        monkeypatch.setattr(sys, "argv", [*words, *more])
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == code
    said = capsys.readouterr()
    assert "given 'postive' (s.csv:2; near 'positive')" in said.err
    assert "written otherwise" in said.out


def test_several_labels_by_hand(tmp_path):
    known = labelled(tmp_path / "known.jsonl", [["plot"], ["plot", "actor"], []])
    made = sheet(tmp_path / "s.csv", ["plot;Actor", "plot｜actor", "Plot|actor", "[]"], guess=["plot"])
    assert prepared([known, made], tmp_path / "out")[1] == [["plot", "actor"]] * 3 + [[]]
    made = sheet(tmp_path / "t.csv", ["plot;story"], guess=["plot"])
    with pytest.raises(DataError, match=r"'story' \(t\.csv:2"):
        prepared([known, made], tmp_path / "other")


def test_tags_by_hand(tmp_path):
    rows = [{"tokens": ["known", "row", "in", "Rome"], "label": ["O", "O", "O", "B-LOC"]}] * 2
    (tmp_path / "known.jsonl").write_text("\n".join(map(json.dumps, rows)))
    words = [["old", "Rome", "is"]] * 2
    made = sheet(tmp_path / "s.csv", ["b-loc i-loc o", "O LOC O"], guess=["O"], tokens=words)
    prepared([tmp_path / "known.jsonl", made], tmp_path / "out")
    lines = (tmp_path / "out" / "train.jsonl").read_text().splitlines()
    assert [json.loads(line)["label"] for line in lines[2:]] == [["B-LOC", "I-LOC", "O"], ["O", "B-LOC", "O"]]
    made = sheet(tmp_path / "t.csv", ["LOC LOC O", "O B-LCO O"], guess=["O"], tokens=words)
    with pytest.raises(DataError, match=r"among LOC, given 'LOC LOC' \(t\.csv:2.*'LCO' \(t\.csv:3") as error:
        prepared([tmp_path / "known.jsonl", made], tmp_path / "other")
    assert "B-TYPE for the first word" in error.value.hint


def test_rows_that_nobody_handed_out_may_have_other_classes(tmp_path):
    sources = [labelled(tmp_path / "a.jsonl", ["negative", "positive"]), labelled(tmp_path / "b.jsonl", ["Positive"])]
    report, _ = prepared(sources, tmp_path / "out")
    assert not report.facts["steps"]
    made = export(tmp_path / "s.json", [["neutral"], ["Positive"]])
    made.write_text(made.read_text().replace('"row_id"', '"my_id"'))  # tasks of one's own
    assert prepared([sources[0], made], tmp_path / "own")[1] == ["neutral", "Positive"]


def test_without_known_classes_labels_are_taken_as_they_are(tmp_path):
    assert prepared([sheet(tmp_path / "s.csv", ["a", "B", "b"])], tmp_path / "out")[1] == ["a", "B", "b"]


def test_labels_of_one_row_that_contradict_each_other_are_told(tmp_path):
    known = labelled(tmp_path / "known.jsonl", ["negative", "positive"])
    one = sheet(tmp_path / "one.csv", ["positive", "negative", "Positive", ""])
    two = sheet(tmp_path / "two.csv", ["positive", "positive", "positive", "negative"])
    report, _ = prepared([known, one, two], tmp_path / "out")
    (note,) = [each for each in report.notes if each["code"] == "contradicting_by_hand"]
    assert (note["texts"], note["rows"]) == (1, 2)
    assert note["first"] == "one.csv:3 (negative), two.csv:3 (positive)"
    report, _ = prepared([known, one], tmp_path / "alike")
    assert not [each for each in report.notes if each["code"] == "contradicting_by_hand"]


def test_several_choices_where_one_was_to_be_made_name_the_tasks(tmp_path):
    made = export(tmp_path / "s.json", [["positive"], ["positive", "negative"], ["negative", "positive"]])
    with pytest.raises(DataError, match=r'one choice a task .*choice="single".* in 2 of them: 501, 502'):
        prepared([made], tmp_path / "out")
    rows = [{"id": 7, "row_id": "a", "text": "one", "label": "x"},
            {"id": 9, "row_id": "b", "text": "two", "label": {"choices": ["x", "y"]}}]  # fmt: skip
    stamps = {"annotator": 1, "annotation_id": 5, "lead_time": 2.5}
    (tmp_path / "flat.json").write_text(json.dumps([{**stamps, **row} for row in rows]))
    with pytest.raises(DataError, match=r"in 1 of them: 9"):
        prepared([tmp_path / "flat.json"], tmp_path / "out")
