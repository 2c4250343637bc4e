"""Rows that are labelled by rules or by the model itself, and what more labels would bring."""

import json
import re
import sys

import numpy as np
import pytest

import duiqi
from duiqi.cli import main
from duiqi.core.errors import DataError, OptionError, PartError
from duiqi.core.exhibit import Exhibit
from tiny import BAD, GOOD, reviews

RULES = f"""
GOOD, BAD = {GOOD[:2]!r}, {BAD[:2]!r}

def praise(text):
    return "positive" if any(word in text.split() for word in GOOD) else None

def blame(row):
    return "negative" if any(word in row["text"].split() for word in BAD) else None

def coin(text):
    return "positive" if len(text) % 2 else "negative"

def breaks(text):
    return text.index("no such word")

def _helper(text):
    return "negative"
"""


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def laid(tmp_path):
    """Labelled rows, a pool with its truth, and rules of which one is right, one a coin, one broken."""
    labelled, pool = reviews(300, seed=1), reviews(240, seed=2)
    pairs = zip(labelled.texts, labelled.values("label"), strict=True)
    data = lines(tmp_path / "rows.jsonl", [{"text": f"{t} x{n}a", "label": c} for n, (t, c) in enumerate(pairs)])
    texts = [f"{text} y{n}b" for n, text in enumerate(pool.texts)]
    (tmp_path / "rules.py").write_text(RULES)
    truth = dict(zip(texts, pool.values("label"), strict=True))
    return data, lines(tmp_path / "pool.jsonl", [{"text": text} for text in texts]), tmp_path / "rules.py", truth


def labelled_rows(folder):
    return [json.loads(line) for line in (folder / "labelled.jsonl").read_text().splitlines()]


def test_rules_label_what_they_are_sure_of_and_people_get_the_rest(body, laid, tmp_path):
    data, pool, rules, truth = laid
    report = duiqi.label(body, data, pool=pool, rules=rules, right=0.9, rows=500, out=tmp_path / "out")
    made = labelled_rows(tmp_path / "out")
    assert 60 < len(made) < 160
    assert {row["labelled_by"] for row in made} == {"rules"}
    assert np.mean([truth[row["text"]] == row["label"] for row in made]) >= 0.9
    assert report.facts["pool"]["by_machines"] == len(made)
    chosen = {each["id"] for each in report.facts["chosen"]}
    left_out = sum(report.facts["pool"]["left_out"].values())
    assert not chosen & {row["id"] for row in made}
    assert len(chosen) + len(made) + left_out == len(truth)
    (left,) = [note for note in report.notes if note["code"] == "rule_left_out"]
    assert (left["name"], left["error"]) == ("breaks", "ValueError: substring not found")
    rows = next(each.data["rows"] for each in report.exhibits if each.data["title"] == "rules")
    right = {row[0]: row[3]["value"] for row in rows}
    assert set(right) == {"praise", "blame", "coin"}
    assert right["praise"] > right["coin"] + 0.2
    duiqi.prepare([data, tmp_path / "out" / "labelled.jsonl"], out=tmp_path / "all", steps=(), dev=0, test=0)
    assert len((tmp_path / "all" / "train.jsonl").read_text().splitlines()) == 300 + len(made)


def test_the_model_labels_what_it_is_sure_of(fitted, laid, tmp_path):
    data, pool, _, truth = laid
    duiqi.label(fitted, data, pool=pool, self_label=True, right=0.9, rows=5, out=tmp_path / "out")
    made = labelled_rows(tmp_path / "out")
    assert {row["labelled_by"] for row in made} == {"model"}
    assert np.mean([truth[row["text"]] == row["label"] for row in made]) >= 0.9


def test_rules_and_model_together(fitted, laid, tmp_path):
    """The model knows these words; a rule that is wrong about half of the rows must not spoil what it says."""
    data, pool, rules, truth = laid
    duiqi.label(fitted, data, pool=pool, rules=rules, self_label=True, right=0.9, rows=5, out=tmp_path / "out")
    made = labelled_rows(tmp_path / "out")
    assert {row["labelled_by"] for row in made} <= {"model", "rules and model"}
    assert len(made) > 60
    assert np.mean([truth[row["text"]] == row["label"] for row in made]) >= 0.9


def test_a_head_is_not_judged_by_rows_that_it_has_learned(fitted, laid, tmp_path):
    own = reviews(600, seed=1)
    pairs = zip(own.texts, own.values("label"), strict=True)
    data = lines(tmp_path / "own.jsonl", [{"text": text, "label": label} for text, label in pairs])
    with pytest.raises(DataError, match="has not learned"):
        duiqi.label(fitted, data, pool=laid[1], self_label=True, out=tmp_path / "out")


def test_labels_by_machines_prove_nothing_in_the_next_round(body, laid, tmp_path):
    """A machine's labels of an earlier round, all wrong here, neither teach nor judge: the round is the same as without
    them, but for the rows of the pool that have them."""
    data, pool, rules, truth = laid
    wrong = [
        {"text": text, "label": "negative" if label == "positive" else "positive", "labelled_by": "rules"}
        for text, label in list(truth.items())[:100]
    ]
    duiqi.prepare([data, lines(tmp_path / "made.jsonl", wrong)], out=tmp_path / "both", steps=(), dev=0, test=0)
    report = duiqi.label(
        body, tmp_path / "both", pool=pool, rules=rules, self_label=True, right=0.9, rows=500, out=tmp_path / "out"
    )
    (note,) = [note for note in report.notes if note["code"] == "by_machines_before"]
    assert note["rows"] == 100
    made = labelled_rows(tmp_path / "out")
    assert np.mean([truth[row["text"]] == row["label"] for row in made]) >= 0.9
    assert not {row["text"] for row in made} & {row["text"] for row in wrong}
    (told,) = [each.data["rows"] for each in report.exhibits if each.data["title"] == "more_labels"]
    assert told[0][0] == 300
    with pytest.raises(DataError, match="that people labelled"):
        duiqi.label(body, tmp_path / "made.jsonl", pool=pool, out=tmp_path / "none")


def test_where_nobody_is_sure_people_get_all(body, laid, tmp_path):
    data, pool, rules, _ = laid
    rules.write_text('def coin(text):\n    return "positive" if len(text) % 2 else "negative"\n')
    report = duiqi.label(body, data, pool=pool, rules=rules, rows=500, out=tmp_path / "out", lang="zh")
    assert not (tmp_path / "out" / "labelled.jsonl").exists()
    assert any(note["code"].startswith("unsure") for note in report.notes)
    assert report.facts["pool"]["by_machines"] == 0


def test_how_sure_and_how_right_is_told_as_it_is_known():
    """Where every answer counts no confidence is named, and a bound from below is none from above."""
    from duiqi.core.report import Report
    from duiqi.data.confident import Bound, Group
    from duiqi.run.machine_labels import _counts
    from duiqi.show.html import render

    groups = (Group((0,), 0.0, 400, above=400, right=396, low=0.96), Group((1,), 0.81234, 400, 300, 290, 0.93))
    rows = list(_counts(Bound(groups, 2, 0.95, 0.05), np.array([0, 0, 1, -1]), ["good", "bad"]))
    columns = ["class", "rows", "threshold", "precision"]
    exhibit = Exhibit("table", {"title": "machine_labels", "columns": columns, "rows": rows})
    facts = {"pool": {"chosen": 2, "rows": 4, "by": "margin"}, "task": {"name": "classify"}}
    said = Report("label", seed=0, exhibits=(exhibit,), facts=facts).to_json()
    for lang, words in (("en", ("whatever the confidence", "81.2 %", "at least 93.0 %")),
                        ("zh", ("不限", "81.2%", "不低于 93.0%"))):  # fmt: skip
        page = render(said, lang=lang).replace("\u00a0", " ")
        assert all(word in page for word in words)
        assert not re.search("0\\.0 ?%|100\\.0", page)  # surer than 0.0 %, up to 100.0 %


def test_what_two_say_is_their_mean():
    from duiqi.run.machine_labels import _together

    nan = np.nan
    first = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [nan, nan], [nan, nan]])
    second = np.array([[0.1, 0.9], [0.9, 0.1], [nan, nan], [0.15, 0.85], [nan, nan]])
    found = _together(first, second)
    assert found[:4] == pytest.approx(np.array([[0.5, 0.5], [0.9, 0.1], [0.6, 0.4], [0.15, 0.85]]))
    assert np.isnan(found[4]).all()


def test_what_more_labels_would_bring_is_told(body, laid, tmp_path):
    data, pool, _, _ = laid
    report = duiqi.label(body, data, pool=pool, rows=60, out=tmp_path / "out")
    (rows,) = [each.data["rows"] for each in report.exhibits if each.data["title"] == "more_labels"]
    ((have, now, more, gain),) = rows
    assert (have, more) == (300, 60)
    assert 0.4 <= now <= 1
    assert gain == "not_told" or 0 < gain["low"] <= gain["value"] <= gain["high"] <= 1 - now + 0.05
    (by_class,) = [each.data["rows"] for each in report.exhibits if each.data["title"] == "more_of_class"]
    assert sorted(row[0] for row in by_class) == ["negative", "positive"]
    assert sum(row[1] for row in by_class) == 300
    untold = [row for row in (*rows, *by_class) if row[-1] == "not_told"]
    told = [note["rows"] for note in report.notes if note["code"] == "gain_not_told"]
    assert told == ([300] if untold else [])  # what would show it is said where it is not shown
    page = (tmp_path / "out" / "report.html").read_text()
    assert "What more labels would bring" in page
    assert ("More labelled rows would show it" in page) == bool(untold)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"right": 1.5}, OptionError, "right between 0 and 1, given 1.5"),
        ({"right": 1.5, "rules": None}, OptionError, "right between 0 and 1, given 1.5"),
        ({"rules": "nowhere.py"}, PartError, "which is no file"),
        ({"rules": "syntax.py"}, PartError, "SyntaxError"),
        ({"task": "tag", "tokens": "words"}, OptionError, "one class each, given tag"),
        ({"task": "tag", "tokens": "words", "rules": None, "self_label": True}, OptionError, "one class each"),
    ],
)
def test_what_cannot_be_done_is_told_before_the_model_is_asked(laid, tmp_path, monkeypatch, options, error, said):
    data, _, rules, _ = laid
    monkeypatch.chdir(tmp_path)
    (tmp_path / "syntax.py").write_text("def f(text:")
    rows = [{"words": ["in", "Rome"], "text": "x", "label": ["O", "B-LOC"]}]
    data = lines(tmp_path / "tags.jsonl", rows) if "task" in options else data
    with pytest.raises(error, match=said):  # there is no such model, nor such a pool
        duiqi.label("no-model", data, pool="no-pool", out=tmp_path / "out", **{"rules": rules, **options})


def test_what_rules_print_does_not_spoil_the_report(body, laid, tmp_path, monkeypatch, capsys):
    data, pool, rules, _ = laid
    rules.write_text('print("loaded")\n\ndef coin(text):\n    print("asked", text)\n    return None\n')
    words = ["label", body, data, "--pool", pool, "--rules", rules, "--rows", 5, "--out", tmp_path / "out", "--json"]
    monkeypatch.setattr(sys, "argv", ["duiqi", *map(str, words)])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main()
    told = capsys.readouterr()
    assert stop.value.code == 0
    assert json.loads(told.out)["verb"] == "label"
    assert "loaded\n" in told.err
    assert "asked " in told.err


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("def f(text):\n    return 'postive'\n", DataError, "'postive'"),
        ("x = 1\n", DataError, "without any"),
        ("def f(a, b):\n    return None\n", DataError, "one argument"),
        ("def f(text):\n    return 1 / 0\n", DataError, "at least one labelling function"),
    ],
)
def test_rules_that_cannot_be_asked(body, laid, tmp_path, text, error, said):
    data, pool, rules, _ = laid
    rules.write_text(text)
    with pytest.raises(error, match=said):
        duiqi.label(body, data, pool=pool, rules=rules, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_share_that_is_none(body, laid, tmp_path):
    data, pool, rules, _ = laid
    with pytest.raises(OptionError, match=r"given 95"):
        duiqi.label(body, data, pool=pool, rules=rules, right=95, out=tmp_path / "out")
