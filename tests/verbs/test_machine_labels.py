"""Rows that are labelled by rules or by the model itself, and what more labels would bring."""

import json

import numpy as np
import pytest

import duiqi
from duiqi.core.errors import DataError, OptionError
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


def test_where_nobody_is_sure_people_get_all(body, laid, tmp_path):
    data, pool, rules, _ = laid
    rules.write_text('def coin(text):\n    return "positive" if len(text) % 2 else "negative"\n')
    report = duiqi.label(body, data, pool=pool, rules=rules, rows=500, out=tmp_path / "out", lang="zh")
    assert not (tmp_path / "out" / "labelled.jsonl").exists()
    assert any(note["code"].startswith("unsure_rules") for note in report.notes)
    assert report.facts["pool"]["by_machines"] == 0


def test_where_rules_and_model_differ_nobody_says_anything():
    from duiqi.data.confident import Bound, Group
    from duiqi.run.machine_labels import Voice, _agreed

    bound = Bound((Group((0, 1), 0.8, 10, 5, 5, 0.9),), 2, 0.9, 0.05)
    first = Voice("rules", np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [np.nan, np.nan]]), bound)
    second = Voice("model", np.array([[0.1, 0.9], [0.95, 0.05], [0.1, 0.9], [0.15, 0.85]]), bound)
    made = _agreed([first, second], 4)
    assert made.labels.tolist() == [-1, 0, 1, 1]
    assert made.by[1:] == ["rules", "model", "model"]
    assert made.confidence[1:].tolist() == [0.9, 0.9, 0.85]
    assert made.rows.tolist() == [1, 2, 3]


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
    page = (tmp_path / "out" / "report.html").read_text()
    assert "What more labels would bring" in page


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
