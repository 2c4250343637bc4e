"""Rows chosen for labelling, out to people and back again."""

from __future__ import annotations

import csv
import json
import shlex
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import duiqi
from duiqi.cli import app, main
from duiqi.core.errors import DataError, ModelError, OptionError, OutputError
from duiqi.data.label_studio import joined
from duiqi.data.read import read
from tiny import BAD, FILLER, GOOD, reviews

FILES = ["label_studio.xml", "report.html", "report.json", "to_label.csv", "to_label.json"]


def lines(path, rows):
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


def texts_of(n, seed):
    """Short texts, no two alike."""
    return [f"{text} {seed}{at:05d}" for at, text in enumerate(reviews(n, seed=seed).texts)]


def table_of(folder):
    with (folder / "to_label.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def fill_table(folder, label_of, path):
    """What a spreadsheet saves when people have labelled the rows; a row for which there is no label stays empty."""
    rows = table_of(folder)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows({**row, "label": label_of(row["id"])} for row in rows)
    return path


def annotate(folder, results_of, path):
    """An export of Label Studio in which a person has done all tasks."""
    tasks = json.loads((folder / "to_label.json").read_text())
    for number, task in enumerate(tasks, 1):
        result = results_of(task["data"]["row_id"], task["predictions"][0]["result"])
        task |= {"id": number, "annotations": [{"id": number, "result": result, "was_cancelled": False,
                                                "ground_truth": False}]}  # fmt: skip
    path.write_text(json.dumps(tasks, ensure_ascii=False), encoding="utf-8")
    return path


def imported(path, folder):
    """Rows by id as `prepare` reads them."""
    duiqi.prepare(path, out=folder, steps=(), dev=0, test=0)
    return {row["id"]: row for row in map(json.loads, (folder / "train.jsonl").read_text().splitlines())}


@pytest.fixture
def classes(tmp_path):
    """Labelled rows and a pool whose texts are what spreadsheets and XML stumble over."""
    labelled = reviews(80, seed=1)
    rows = [
        {"text": text, "label": label} for text, label in zip(labelled.texts, labelled.values("label"), strict=True)
    ]
    wicked = ["=1+1 good", "-bad\r\nfilm", "@great, 'fine'", '+"awful" <b>&', "'=poor", "很好😀 good"]
    pool = [{"id": f"p{at}", "text": text} for at, text in enumerate([*wicked, *texts_of(40, 5)])]
    return lines(tmp_path / "rows.jsonl", rows), lines(tmp_path / "pool.jsonl", pool), pool


@pytest.mark.parametrize("by", ["uncertainty", "margin", "core_set", "worst_slice"])
def test_classes_go_out_and_come_back(body, classes, tmp_path, by):
    data, source, pool = classes
    report = duiqi.label(body, data, pool=source, rows=46, by=by, out=tmp_path / "out", lang="zh")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == FILES
    rows, texts = table_of(tmp_path / "out"), {row["id"]: row["text"] for row in pool}
    assert len(rows) == len({row["id"] for row in rows}) == report.facts["pool"]["chosen"] == 46
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    back = imported(fill_table(tmp_path / "out", lambda row: "negative", tmp_path / "f.csv"), tmp_path / "a")
    assert {row: each["text"] for row, each in back.items()} == texts
    other = imported(annotate(tmp_path / "out", lambda row, guess: guess, tmp_path / "export.json"), tmp_path / "b")
    assert {row: each["text"] for row, each in other.items()} == texts
    guesses = {row["id"]: row["guess"] for row in rows}
    assert {row: each["label"] for row, each in other.items()} == guesses
    assert {*guesses.values()} <= {"negative", "positive"}


def test_the_score_of_uncertainty_is_that_of_the_model(fitted, classes, tmp_path):
    data, source, pool = classes
    duiqi.label(fitted, data, pool=source, rows=10, by="uncertainty", out=tmp_path / "out")
    from duiqi.core.dataset import Dataset
    from duiqi.model.open import find, open_model

    asked = Dataset.of({"text": [row["text"] for row in pool], "id": [row["id"] for row in pool]})
    sure = open_model(find(fitted)).predict(asked, ["probs"]).probs.max(axis=1)
    expected = [f"p{at}" for at in np.argsort(sure, kind="stable")[:10]]
    rows = table_of(tmp_path / "out")
    assert [row["id"] for row in rows] == expected
    assert [float(row["confidence"]) for row in rows] == pytest.approx(np.sort(sure)[:10].tolist(), abs=1e-4)


def test_rows_without_a_label_are_left_out(body, classes, tmp_path):
    data, source, _ = classes
    duiqi.label(body, data, pool=source, rows=20, out=tmp_path / "out")
    ids = [row["id"] for row in table_of(tmp_path / "out")]
    some = dict.fromkeys(ids[::2], "good")
    back = imported(fill_table(tmp_path / "out", lambda row: some.get(row, ""), tmp_path / "f.csv"), tmp_path / "a")
    assert {*back} == {*some}
    with (tmp_path / "out" / "to_label.json").open() as file:
        assert all("label" not in task["data"] for task in json.load(file))


def test_labels_by_hand_are_classes_that_were_handed_out(body, classes, tmp_path):
    data, source, _ = classes
    duiqi.label(body, data, pool=source, rows=4, out=tmp_path / "out")
    ids = [row["id"] for row in table_of(tmp_path / "out")]
    written = dict(zip(ids, ["Positive", "ＮＥＧＡＴＩＶＥ", "", "postive"], strict=True))
    filled = fill_table(tmp_path / "out", lambda row: written[row], tmp_path / "out" / "to_label.csv")
    with pytest.raises(DataError, match=r"among negative, positive, given 'postive' \(to_label.csv:\d+; near 'pos"):
        imported(filled, tmp_path / "a")
    assert not (tmp_path / "a").exists()
    duiqi.prepare(filled, out=tmp_path / "b", steps=(), dev=0, test=0, labels={"postive": "positive"})
    rows = map(json.loads, (tmp_path / "b" / "train.jsonl").read_text().splitlines())
    assert [row["label"] for row in rows] == ["positive", "negative", "positive"]


def test_pairs_go_out_and_come_back(body, tmp_path):
    def row(at, **more):
        return {"text": f"good film {at}", "text_pair": f"=bad plot {at}", **more}

    labelled = [row(at, label=["same", "other"][at % 2]) for at in range(40)]
    pool = [row(at, id=f"p{at}") for at in range(100, 130)]
    data, source = lines(tmp_path / "rows.jsonl", labelled), lines(tmp_path / "pool.jsonl", pool)
    duiqi.label(body, data, pool=source, rows=9, out=tmp_path / "out")
    sent = {each["id"]: each for each in pool}
    for made in (fill_table(tmp_path / "out", lambda row: "same", tmp_path / "f.csv"),
                 annotate(tmp_path / "out", lambda row, guess: guess, tmp_path / "f.json")):  # fmt: skip
        back = imported(made, tmp_path / made.suffix)
        assert len(back) == 9
        assert all((each["text"], each["text_pair"]) == (sent[row]["text"], sent[row]["text_pair"])
                   for row, each in back.items())  # fmt: skip
    config = ET.parse(tmp_path / "out" / "label_studio.xml")
    assert [each.get("value") for each in config.iter("Text")] == ["$text", "$text_pair"]


@pytest.mark.parametrize("by", ["core_set", "uncertainty", "worst_slice"])
def test_other_tasks_are_chosen_by_any_strategy(body, tmp_path, by):
    rows = {
        "multilabel": [
            {"text": text, "label": [["a"], ["a", "b"], []][at % 3]} for at, text in enumerate(texts_of(45, 1))
        ],
        "tag": [{"tokens": words, "tags": tags} for words, tags in sentences(30, 1)],
    }
    for task, given in rows.items():
        pool = [{name: value for name, value in row.items() if name not in ("label", "tags")} for row in given]
        sides = [lines(tmp_path / f"{task}-{name}.jsonl", side)
                 for name, side in (("rows", given[:25]), ("pool", pool[25:]))]  # fmt: skip
        report = duiqi.label(body, sides[0], pool=sides[1], rows=4, by=by, out=tmp_path / task)
        assert (report.facts["task"]["name"], len(table_of(tmp_path / task))) == (task, 4)


def test_several_labels_go_out_and_come_back(body, tmp_path):
    rng = np.random.default_rng(0)
    names = ["plot", 'a "b" & <c>', "-minus"]
    labelled = [{"text": text, "label": [name for name in names if rng.random() < 0.5]} for text in texts_of(60, 1)]
    pool = [{"id": f"p{at}", "text": text} for at, text in enumerate(texts_of(30, 2))]
    data, source = lines(tmp_path / "rows.jsonl", labelled), lines(tmp_path / "pool.jsonl", pool)
    duiqi.label(body, data, pool=source, rows=12, out=tmp_path / "out")
    config = ET.parse(tmp_path / "out" / "label_studio.xml").getroot()
    choices = config.find("Choices")
    assert (choices.get("choice"), choices.get("toName")) == ("multiple", config.find("Text").get("name"))
    assert [each.get("value") for each in choices] == sorted(names)
    truth = {row["id"]: [name for name in sorted(names) if rng.random() < 0.4] for row in table_of(tmp_path / "out")}

    def results(row, guess):
        said = {"from_name": choices.get("name"), "to_name": "text", "type": "choices"}
        return [{**said, "value": {"choices": truth[row]}}] if truth[row] else []

    sheet = fill_table(tmp_path / "out", lambda row: "|".join(truth[row]) or "[]", tmp_path / "f.csv")
    for made in (sheet, annotate(tmp_path / "out", results, tmp_path / "f.json")):
        assert {row: each["label"] for row, each in imported(made, tmp_path / made.suffix).items()} == truth
    # the guesses themselves come back as such, by our name for several labels
    own = imported(annotate(tmp_path / "out", lambda row, guess: guess, tmp_path / "g.json"), tmp_path / "g")
    assert {row["id"]: json.loads(row["guess"]) for row in table_of(tmp_path / "out")} == {
        row: each["label"] for row, each in own.items()
    }


def sentences(n, seed):
    rng = np.random.default_rng(seed)
    for at in range(n):
        words = [*rng.choice(FILLER, 3), "U.S.", str(rng.choice(["Kim", "李", "Lee"])), "雷", f"no.{seed}{at}", "😀"]
        yield [str(word) for word in words], ["O", "O", "O", "B-LOC", "B-PER", "I-PER", "O", "O"]


def test_tags_go_out_and_come_back(body, tmp_path):
    labelled = [{"tokens": words, "tags": tags} for words, tags in sentences(40, 1)]
    sent = {f"p{at}": words for at, (words, _) in enumerate(sentences(25, 2))}
    pool = [{"id": row, "tokens": words} for row, words in sent.items()]
    data, source = lines(tmp_path / "rows.jsonl", labelled), lines(tmp_path / "pool.jsonl", pool)
    report = duiqi.label(body, data, pool=source, rows=8, out=tmp_path / "out")
    config = ET.parse(tmp_path / "out" / "label_studio.xml").getroot()
    assert [each.get("value") for each in config.find("Labels")] == ["LOC", "PER"]
    for task in json.loads((tmp_path / "out" / "to_label.json").read_text()):
        assert task["data"]["text"] == joined(sent[task["data"]["row_id"]])
        for each in task["predictions"][0]["result"]:
            value = each["value"]
            assert task["data"]["text"][value["start"] : value["end"]] == value["text"]
            assert (each["from_name"], each["to_name"], each["type"]) == ("label", "text", "labels")
    tags = ["O", "O", "O", "B-LOC", "B-PER", "I-PER", "O", "O"]
    back = imported(fill_table(tmp_path / "out", lambda row: " ".join(tags), tmp_path / "f.csv"), tmp_path / "a")
    assert {row: (each["tokens"], each["label"]) for row, each in back.items()} == {
        row: (sent[row], tags) for row in back
    }
    assert len(back) == 8
    own = imported(annotate(tmp_path / "out", lambda row, guess: guess, tmp_path / "g.json"), tmp_path / "g")
    guesses = {row["id"]: json.loads(row["guess"]) for row in table_of(tmp_path / "out")}
    assert any(tag != "O" for guess in guesses.values() for tag in guess)
    shown = {each.data["title"]: each.data["rows"] for each in report.exhibits}
    types = ("LOC", "PER")
    having = {kind: sum(any(tag.endswith(kind) for tag in guess) for guess in guesses.values()) for kind in types}
    assert {kind: count for kind, count in shown["guesses"] if kind in types} == {k: n for k, n in having.items() if n}
    for row, _, spelled, *_ in shown["to_label"]:  # the words of each span, then its type
        for each in () if spelled == "–" else spelled.split(" · "):
            text, _, kind = each.removesuffix("]").rpartition(" [")
            assert kind in types
            assert text.replace(" ", "") in "".join(sent[row])
    assert {row: (each["tokens"], each["label"]) for row, each in own.items()} == {
        row: (sent[row], guess) for row, guess in guesses.items()
    }


def test_copies_are_left_out_and_told(body, classes, tmp_path):
    data, _, _ = classes
    old = read(data)["all"].texts[:5]
    new = texts_of(6, 9)
    pool = lines(tmp_path / "p.jsonl", [{"text": text} for text in [*old, *new, new[0].upper()]])
    report = duiqi.label(body, data, pool=pool, rows=50, out=tmp_path / "out")
    assert report.facts["pool"]["left_out"] == {"labelled_copy": 5, "pool_copy": 1}
    assert {row["text"] for row in table_of(tmp_path / "out")} == {*new}
    told = "50 rows were asked for (--rows); the pool of 12 rows has only 6 rows left for people to label."
    assert said_of(report) == told
    assert said_of(report, "zh").startswith("要求选 50 行请人标注（--rows）；12 行待选数据中只剩 6 行")


def said_of(report, lang="en"):
    """The first sentence of a report, with plain blanks."""
    from duiqi.show.outline import Outline

    return Outline(report.to_json(), lang=lang).headline[0].replace("\u00a0", " ")


def test_what_one_row_is_told_as(body, classes, tmp_path):
    data, _, _ = classes
    report = duiqi.label(
        body, data, pool=lines(tmp_path / "p.jsonl", [{"text": "a new one"}]), rows=1, out=tmp_path / "a"
    )
    assert said_of(report).startswith("For people to label, 1 row was chosen out of 1: ")


def test_what_more_labels_bring_is_told_of_the_rows_that_are_there(body, tmp_path):
    labelled = reviews(120, seed=1)
    pairs = zip(labelled.texts, labelled.values("label"), strict=True)
    data = lines(tmp_path / "rows.jsonl", [{"text": f"{text} {at}x", "label": k} for at, (text, k) in enumerate(pairs)])
    pool = lines(tmp_path / "pool.jsonl", [{"text": text} for text in texts_of(7, 3)])
    report = duiqi.label(body, data, pool=pool, rows=90, out=tmp_path / "out")
    (told,) = [each.data for each in report.exhibits if each.data["title"] == "more_labels"]
    assert told["rows"][0][told["columns"].index("more_rows")] == 7


def test_where_the_rows_stand_that_are_not_listed_is_told(body, classes, tmp_path, capsys):
    from duiqi.show.terminal import print_report

    data, source, _ = classes
    report = duiqi.label(body, data, pool=source, rows=46, out=tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "All rows that were chosen are in to_label.csv" in page
    for lang, said in (("en", "and 41 more in to_label.csv"), ("zh", "其余 41 行见 to_label.csv")):
        print_report(report.to_json(), lang=lang)
        assert said in capsys.readouterr().out.replace("\u00a0", " ")


def test_the_next_commands_keep_what_was_named_and_run(body, tmp_path):
    """What is typed next groups rows as this call did, and `prepare` takes it."""
    from duiqi.show.outline import Outline

    labelled = reviews(80, seed=1)
    rows = [{"body": f"{text} {at}", "mood": label, "shop": "ab"[at % 2], "label": "other"} for at, (text, label)
            in enumerate(zip(labelled.texts, labelled.values("label"), strict=True))]  # fmt: skip
    data = lines(tmp_path / "rows.jsonl", rows)
    pool = lines(tmp_path / "pool.jsonl", [{"body": text, "shop": "b"} for text in texts_of(9, 2)])
    named = {"text": "body", "label": "mood", "groups": ["shop"], "task": "classify"}
    report = duiqi.label(body, data, pool=pool, rows=4, out=tmp_path / "out", **named)
    commands = [each.command for each in Outline(report.to_json(), lang="en").steps if each.command]
    assert commands == [
        f"duiqi prepare {data} --text body --label mood --group shop --task classify --out divided",
        "duiqi prepare divided --group shop --task classify DIR/to_label.csv --out more-rows",
        f"duiqi align {body} more-rows --group shop --task classify",
    ]
    fill_table(tmp_path / "out", lambda row: "positive", tmp_path / "out" / "to_label.csv")
    for command in commands[:2]:
        placed = command.replace("DIR", str(tmp_path / "out")).replace(" divided", f" {tmp_path / 'divided'}")
        words = shlex.split(placed.replace("more-rows", str(tmp_path / "more-rows")))
        with pytest.raises(SystemExit) as stop:
            app(words[1:])
        assert stop.value.code == 0
    made = read(tmp_path / "more-rows", groups=["shop"])
    assert sum(len(part) for part in made.values()) == 84
    said = json.loads((tmp_path / "more-rows" / "prepare.json").read_text())
    (first, *_) = Outline(said, lang="en").steps
    assert first.command == "duiqi align default DIR --group shop --task classify"


def test_rows_of_a_weak_slice_come_first(fitted, rows_csv, tmp_path):
    pool = tmp_path / "pool.csv"
    with pool.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "region"])
        table.writerows([text, ["north", "south", "east"][at % 3]] for at, text in enumerate(texts_of(90, 4)))
    report = duiqi.label(
        fitted, rows_csv, pool=pool, rows=10, by="worst_slice", groups=["region"], out=tmp_path / "out"
    )
    rows = table_of(tmp_path / "out")
    assert {row["region"] for row in rows} == {"south"}
    assert all("south" in row["why"] for row in rows)
    assert any(each.data["title"] == "weak_slices" for each in report.exhibits)


def test_a_weak_slice_that_the_pool_cannot_show_is_told(fitted, rows_csv, tmp_path):
    pool = lines(tmp_path / "pool.jsonl", [{"text": text} for text in texts_of(30, 4)])
    report = duiqi.label(
        fitted, rows_csv, pool=pool, rows=10, by="worst_slice", groups=["region"], out=tmp_path / "out"
    )
    assert {"code": "slices_not_in_pool", "slices": 1} in report.notes
    assert {"code": "no_weak_slice"} in report.notes
    assert len(table_of(tmp_path / "out")) == 10


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("to_label.csv", '"label"\n', '"label","mine"\n'),  # labels in a column of one's own
        ("to_label.csv", '"label"\n', '"Label"\n'),
        ("to_label.json", '"predictions"', '"annotations"'),
    ],
)
def test_whatever_people_changed_is_work(body, classes, tmp_path, name, old, new):
    data, source, _ = classes
    duiqi.label(body, data, pool=source, rows=5, out=tmp_path / "out")
    place = tmp_path / "out" / name
    said = place.read_text(encoding="utf-8")
    assert old in said
    place.write_text(said.replace(old, new), encoding="utf-8")
    kept = place.read_bytes()
    with pytest.raises(OutputError, match="was changed"):
        duiqi.label(body, data, pool=source, rows=5, out=tmp_path / "out")
    (tmp_path / "out" / "report.json").write_text("{")  # nor is it lost where the report is
    with pytest.raises(OutputError, match="was changed"):
        duiqi.label(body, data, pool=source, rows=5, out=tmp_path / "out")
    assert place.read_bytes() == kept


def test_files_of_people_in_the_folder_are_not_replaced(body, classes, tmp_path):
    data, source, _ = classes
    duiqi.label(body, data, pool=source, rows=5, out=tmp_path / "out")
    (tmp_path / "out" / "to_label.xlsx").write_bytes(b"what a spreadsheet saved")
    with pytest.raises(OutputError, match=r"to_label\.xlsx"):
        duiqi.label(body, data, pool=source, rows=5, out=tmp_path / "out")
    assert (tmp_path / "out" / "to_label.xlsx").read_bytes() == b"what a spreadsheet saved"


def test_without_a_weak_slice_the_margin_decides(body, classes, tmp_path):
    data, source, _ = classes
    report = duiqi.label(body, data, pool=source, rows=10, by="worst_slice", out=tmp_path / "out")
    duiqi.label(body, data, pool=source, rows=10, by="margin", out=tmp_path / "other")
    assert {"code": "no_weak_slice"} in report.notes
    assert report.facts["pool"]["by"] == "margin"
    assert next(note["times"] for note in report.notes if note["code"] == "looks") == 1
    assert [r["id"] for r in table_of(tmp_path / "out")] == [r["id"] for r in table_of(tmp_path / "other")]


def test_equal_calls_give_equal_bytes(body, classes, tmp_path):
    data, source, _ = classes
    for out in ("one", "two"):
        duiqi.label(body, data, pool=source, rows=10, by="core_set", out=tmp_path / out)
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in FILES)


def test_labels_that_people_filled_in_are_never_lost(body, classes, tmp_path):
    data, source, _ = classes
    for _ in range(2):
        duiqi.label(body, data, pool=source, rows=5, out=tmp_path / "out")
    made = fill_table(tmp_path / "out", lambda row: "good", tmp_path / "out" / "to_label.csv").read_bytes()
    with pytest.raises(OutputError, match=r"to_label\.csv was changed"):
        duiqi.label(body, data, pool=source, rows=5, out=tmp_path / "out")
    assert (tmp_path / "out" / "to_label.csv").read_bytes() == made
    with pytest.raises(OutputError, match="outside the folder"):
        duiqi.label(body, data, pool=source, rows=5, out=tmp_path)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"rows": 0}, OptionError, "at least one row"),
        ({"by": "margins"}, OptionError, "--by among .* given 'margins'"),
        ({"task": "generate"}, OptionError, "a task whose rows get labels .* given generate"),
        ({"text": "texts"}, DataError, "a column 'texts'"),
    ],
)
def test_what_cannot_be_done_is_told(body, classes, tmp_path, options, error, said):
    data, source, _ = classes
    with pytest.raises(error, match=said):
        duiqi.label(body, data, pool=source, out=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_pool_of_nothing_new_is_told(body, classes, tmp_path):
    data, _, _ = classes
    with pytest.raises(DataError, match="80 rows that are all copies"):
        duiqi.label(body, data, pool=data, out=tmp_path / "out")


def test_a_model_of_another_task_is_told(fitted, tmp_path):
    rows = lines(tmp_path / "rows.jsonl", [{"text": text, "label": ["a"]} for text in texts_of(20, 1)])
    pool = lines(tmp_path / "pool.jsonl", [{"text": text} for text in texts_of(20, 2)])
    with pytest.raises(ModelError, match="made for classify"):
        duiqi.label(fitted, rows, pool=pool, out=tmp_path / "out")


def test_weak_slices_need_rows_that_were_not_learned(fitted, tmp_path):
    (tmp_path / "set").mkdir()
    good = [{"text": f"{word} {at}", "label": "positive"} for at, word in enumerate(GOOD * 4)]
    bad = [{"text": f"{word} {at}", "label": "negative"} for at, word in enumerate(BAD * 4)]
    lines(tmp_path / "set" / "train.jsonl", [*good, *bad])
    pool = lines(tmp_path / "pool.jsonl", [{"text": text} for text in texts_of(20, 2)])
    with pytest.raises(DataError, match=r"has not learned, given only train"):
        duiqi.label(fitted, tmp_path / "set", pool=pool, by="worst_slice", out=tmp_path / "out")


def test_what_it_says_to_do_next_keeps_chosen_rows_out_of_dev_and_test(body, classes, tmp_path):
    from duiqi.show.outline import Outline

    data, source, _ = classes
    report = duiqi.label(body, data, pool=source, rows=20, out=tmp_path / "out")
    commands = [each.command for each in Outline(report.to_json(), lang="en").steps if each.command]
    assert commands[0] == f"duiqi prepare {data} --out divided"
    assert commands[1] == "duiqi prepare divided DIR/to_label.csv --out more-rows"
    duiqi.prepare(data, out=tmp_path / "divided")
    sheet = fill_table(tmp_path / "out", lambda row: "positive", tmp_path / "to_label.csv")
    duiqi.prepare([tmp_path / "divided", sheet], out=tmp_path / "more")
    before, after = read(tmp_path / "divided"), read(tmp_path / "more")
    assert len(after["train"]) == len(before["train"]) + 20
    assert all({*after[part].texts} == {*before[part].texts} for part in ("dev", "test"))
    report = duiqi.label(body, tmp_path / "divided", pool=source, rows=20, out=tmp_path / "out")
    commands = [each.command for each in Outline(report.to_json(), lang="en").steps if each.command]
    assert commands[0] == f"duiqi prepare {tmp_path / 'divided'} DIR/to_label.csv --out more-rows"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_command_says_what_to_do_next(body, classes, tmp_path, monkeypatch, capsys, lang):
    data, source, _ = classes
    words = ["label", body, data, "--pool", source, "--rows", "7", "--out", tmp_path / "out", "--lang", lang]
    monkeypatch.setattr(sys, "argv", ["duiqi", *map(str, words)])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main()
    said = capsys.readouterr().out
    assert stop.value.code == 0
    assert "duiqi prepare" in said
    assert "to_label.csv" in said
    page = (tmp_path / "out" / "report.html").read_text()
    assert {"en": "Rows to label", "zh": "待标注的行"}[lang] in page
    known = json.loads((tmp_path / "out" / "report.json").read_text())
    assert len(next(e["data"]["rows"] for e in known["exhibits"] if e["data"]["title"] == "to_label")) == 7


def test_a_report_without_rows_has_no_text(body, classes, tmp_path):
    data, source, pool = classes
    duiqi.label(body, data, pool=source, rows=46, out=tmp_path / "out", report_rows=False)
    said = (tmp_path / "out" / "report.json").read_text() + (tmp_path / "out" / "report.html").read_text()
    assert not any(row["text"] in said for row in pool)
