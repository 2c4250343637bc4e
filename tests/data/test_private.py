"""Private data while preparing: what is masked, hashed and dropped, what moves along, and that nothing is left."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import duiqi
from duiqi.core.dataset import Dataset
from duiqi.core.errors import ModelError, OptionError
from duiqi.data.identifiers import KINDS, NAME, Identifier
from duiqi.data.made_up import made_up, sentence
from duiqi.data.private import Mask, Private
from duiqi.data.steps import steps_of

PHONE, ALIKE, OTHER = "13812345678", "+86 138-1234-5678", "13912345678"


def rows(texts, **columns):
    columns = {"label": ["a"] * len(texts), **columns}
    return Dataset.of({"text": texts, **columns, "origin": [f"f:{n}" for n in range(len(texts))]})


def everything(outcome):
    return repr(outcome.data.table.to_pylist()) + repr(outcome.changes)


def test_masking_says_what_stood_there():
    made = Private()(rows([f"打{PHONE}或写a@example.com", "nothing", "my card 4111 1111 1111 1111!"]))
    assert made.data.texts == ["打[PHONE]或写[MAIL]", "nothing", "my card [CARD]!"]
    assert [(each.origin, each.reason) for each in made.changes] == [
        ("f:0", "private:mail+private:phone"),
        ("f:2", "private:card"),
    ]
    assert list(made.kept) == [0, 1, 2]
    assert PHONE not in everything(made)
    assert "4111" not in everything(made)


def test_masking_again_changes_nothing():
    rng = np.random.default_rng(0)
    texts = [
        sentence(rng, lang, kind, made_up(rng, kind)) for kind in KINDS for lang in ("en", "zh") for _ in range(40)
    ]
    for step in (Private(), Private(action="hash", salt="s")):
        once = step(rows(texts))
        again = step(rows(once.data.texts))
        assert len(once.data) == len(texts) == len(once.changes)
        assert again.data.texts == once.data.texts
        assert not again.changes


def test_hashes_are_equal_for_equal_values_only():
    texts = [f"call {each}" for each in (PHONE, ALIKE, OTHER)]
    one, alike, other = Private(action="hash", salt="s")(rows(texts)).data.texts
    assert one == alike != other
    assert re.fullmatch(r"call \[PHONE:[0-9a-f]{8}\]", one)
    (salted,) = Private(action="hash", salt="t")(rows(texts[:1])).data.texts
    assert salted != one


def test_dropping():
    made = Private(action="drop")(rows([f"call {PHONE}", "fine"]))
    assert made.data.texts == ["fine"]
    assert [(each.reason, each.after) for each in made.changes] == [("private:phone", None)]
    assert PHONE not in everything(made)


def test_kinds_that_are_chosen():
    assert Private(kinds=("mail",))(rows([f"{PHONE} a@example.com"])).data.texts == [f"{PHONE} [MAIL]"]


def test_tags_spans_and_answers_move_along():
    tagged = Dataset.of(
        {
            "tokens": [["call", "138-1234-5678", "Ann"], list(f"电话{PHONE}找李")],
            "label": [["O", "B-TEL", "B-PER"], ["O", "O", "B-TEL", *["I-TEL"] * 10, "O", "B-PER"]],
        }
    )
    made = Private()(tagged).data
    assert made.values("tokens") == [["call", "[PHONE]", "Ann"], ["电", "话", "[PHONE]", "找", "李"]]
    assert made.values("label") == [["O", "B-TEL", "B-PER"], ["O", "O", "B-TEL", "O", "B-PER"]]
    marked = Dataset.of({"text": [f"Ann, {PHONE}, lives in Rome"], "spans": [[[0, 3], [27, 31]]], "label": ["x"]})
    (text,), (spans,) = (made := Private()(marked).data).texts, made.values("spans")
    assert [text[a:b] for a, b in spans] == ["Ann", "Rome"]
    passage = f"Call {PHONE} for Ann"
    asked = Dataset.of({"text": ["who?"], "text_pair": [passage], "label": [[{"text": "Ann", "start": 21}]]})
    made = Private()(asked).data
    (answer,) = made.values("label")[0]
    assert made.values("text_pair") == ["Call [PHONE] for Ann"]
    assert "Call [PHONE] for Ann"[answer["start"] :] == answer["text"] == "Ann"


def test_a_row_whose_mark_would_be_destroyed_goes():
    torn = Dataset.of(
        {"text": [f"call {PHONE} now"] * 2, "spans": [[[0, 4], [8, 20]], [[0, 4], [5, 16]]], "label": ["x"] * 2}
    )
    made = Private()(torn)
    assert list(made.kept) == [1]
    assert made.data.texts == ["call [PHONE] now"]
    assert [each.reason for each in made.changes] == ["private:phone", "private:phone", "private_in_mark"]
    assert PHONE not in everything(made)


def test_other_columns_are_masked_and_ids_stay():
    data = Dataset.of(
        {
            "text": ["a", "b"],
            "label": ["x", "y"],
            "user": ["a@example.com", None],
            "id": [PHONE, OTHER],
            "choices": [["p", PHONE], ["q", "r"]],
        }
    )
    made = Private()(data).data.table.to_pylist()
    assert [row["user"] for row in made] == ["[MAIL]", None]
    assert [row["choices"] for row in made] == [["p", "[PHONE]"], ["q", "r"]]
    assert [row["id"] for row in made] == [PHONE, OTHER]


def finder(texts):
    """Finds Ann, also inside what is already masked."""
    return [[Identifier(found.start(), found.end(), NAME) for found in re.finditer("Ann|NAME", text)] for text in texts]


def test_names_by_a_model():
    step = Private()
    step.finder = finder
    made = step(rows(["Ann called ann@example.com", "no one"]))
    assert made.data.texts == ["[NAME] called [MAIL]", "no one"]
    assert made.changes[0].reason == "private:mail+private:name"
    assert Mask(names=finder)(["[NAME] and Ann"]) == ["[NAME] and [NAME]"]
    with pytest.raises(OptionError, match="opened model"):
        Private(names="some/folder")(rows(["Ann"]))


@pytest.mark.parametrize(
    ("options", "said"), [({"action": "hide"}, "one of mask, hash, drop"), ({"kinds": ["fone"]}, "a kind among")]
)
def test_options_that_there_are_not(options, said):
    with pytest.raises(OptionError, match=said):
        steps_of(["private"], {"private": options})


DIRTY = "138&#49;2345678"  # becomes a phone number by cleaning only


@pytest.mark.parametrize("action", ["mask", "hash", "drop"])
@pytest.mark.parametrize("steps", [["clean", "private"], ["private", "duplicates"], ["clean", "duplicates", "private"]])
def test_no_value_stands_in_what_is_written(tmp_path, action, steps):
    rng = np.random.default_rng(0)
    values = [made_up(rng, KINDS[n % len(KINDS)]) for n in range(80)]
    said = [f"{sentence(rng, 'en' if n % 2 else 'zh', KINDS[n % len(KINDS)], v)} {n}  " for n, v in enumerate(values)]
    lines = [{"text": text, "label": "ab"[n % 2], "user": f"u{n}@example.com"} for n, text in enumerate(said)]
    lines += [{"text": f"a room {n}", "label": "ab"[n % 2], "user": "none"} for n in range(60)]
    lines += [lines[0], {"text": "", "label": "a", "user": "lost@example.com"}]
    if "clean" in steps:
        lines += [{"text": f"打{DIRTY}找我", "label": "a", "user": "none"}]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(each, ensure_ascii=False) for each in lines))
    options = {"private": {"action": action, "salt": "keep-this-away"}}
    report = duiqi.prepare(tmp_path / "a.jsonl", out=tmp_path / "out", steps=steps, step_options=options)
    assert [note["code"] for note in report.notes if note["code"].startswith("private")] == [
        "private_told",
        "private_originals",
    ]
    written = {path.name: path.read_text() for path in (tmp_path / "out").iterdir() if path.is_file()}
    assert set(written) == {"train.jsonl", "dev.jsonl", "test.jsonl", "changes.jsonl", "prepare.json", "prepare.html"}
    for name, text in written.items():
        assert "keep-this-away" not in text, name
        assert "example.com" not in re.sub(r"(://|@)[\w.\[\]:]*example\.com[^\s]*", "", text), name
        hidden = [re.findall("[a-z0-9]{24}", value)[0] if "://" in value else value for value in values]
        assert [value for value in hidden if value in text] == [], name
        assert DIRTY not in text, name
    if action != "drop":
        assert any("[MAIL" in written[part] for part in ("train.jsonl", "dev.jsonl", "test.jsonl"))


def test_without_originals_there_is_nothing_to_note(tmp_path):
    (tmp_path / "a.csv").write_text(
        "text,label\n" + "\n".join(f"call 138123456{n:02} in room {n * n} of {n},{'ab'[n % 2]}" for n in range(40))
    )
    report = duiqi.prepare(tmp_path / "a.csv", out=tmp_path / "out", steps=["private"], originals=False)
    assert "private_originals" not in [note["code"] for note in report.notes]
    assert not (tmp_path / "out" / "originals").exists()


def test_a_model_that_knows_no_names_is_refused(tmp_path):
    from duiqi.run.persons import persons_of

    with pytest.raises(ModelError):
        persons_of(str(tmp_path))


@pytest.mark.parametrize("action", ["mask", "hash", "drop"])
def test_a_column_of_phone_numbers_is_emptied(action):
    data = Dataset.of({"text": ["fine", "fine, too"], "label": ["a", "b"], "phone": [13812345678, 7]})
    made = Private(action=action)(data)
    if action == "drop":
        assert list(made.kept) == [1]
    else:
        assert made.data.table.column("phone").to_pylist() == [None, 7]
    assert "13812345678" not in str(made)
    assert [change.reason for change in made.changes] == ["private:phone"]


def test_classes_are_no_texts_to_mask():
    data = Dataset.of({"text": ["one", "two"], "label": ["sales@example.com", "help@example.com"]})
    assert Private()(data).data.values("label") == ["sales@example.com", "help@example.com"]
