"""Errors in Chinese: every message that the code may say has a sentence, and each says the same values."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from functools import reduce
from importlib.resources import files
from pathlib import Path

import pytest

from duiqi.core.errors import nearest
from duiqi.show.sentences import Sentences
from duiqi.show.wrong import translated

SCRIPT = Path(__file__).parents[2] / "scripts" / "errors.py"
READ = tomllib.loads(files("duiqi.show").joinpath("text", "errors_zh.toml").read_text("utf-8"))
SENTENCES = READ["messages"]
CHINESE, VALUE = re.compile("[一-鿿]"), re.compile("⟨\\d+⟩")


def test_every_message_has_a_chinese_sentence_and_none_is_left_over():
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, f"python {SCRIPT}\n{done.stdout}"


def test_each_sentence_is_chinese_and_names_values_that_are_there():
    for english, chinese in (SENTENCES | READ["pieces"]).items():
        numbers = [int(each) for each in re.findall(r"\{(\d+)\}", chinese)]
        assert CHINESE.search(chinese) or chinese == english.replace("{}", "{1}"), english  # a command is one anywhere
        assert sorted(numbers) == sorted(set(numbers)), english
        assert all(1 <= each <= english.count("{}") for each in numbers), english


def test_each_sentence_is_found_by_what_it_translates():
    """Or another one that says the same of the same values."""
    for english, chinese in SENTENCES.items():
        if "{}{}" in english:  # nothing tells where one ends
            continue
        values = [f"⟨{at}⟩" for at in range(1, english.count("{}") + 1)]
        wanted = _filled(chinese, values)
        told = translated(reduce(lambda said, value: said.replace("{}", value, 1), values, english), "zh")
        assert told == wanted or {*VALUE.findall(told)} == {*VALUE.findall(wanted)}
        assert "expected" not in told


def _filled(chinese: str, values: Sequence[str]) -> str:
    return re.sub(r"\{(\d+)\}", lambda at: values[int(at[1]) - 1], chinese)


def test_values_are_put_in_their_places_and_translated_where_they_are_sentences():
    said = "expected a class of the task as positive, given 'yes'"
    assert "yes" in translated(said, "zh")
    assert CHINESE.search(translated(said, "zh"))
    hint = nearest("positve", ["positive", "negative"])
    assert CHINESE.search(translated(hint, "zh"))
    assert "positive" in translated(hint, "zh")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("expected a class of the task as positive, given 'none'", "none"),
        ("expected a model folder, given line items, which does not exist", "line items"),
        ("expected a model folder, given the file none", "none"),
        ("expected rows in rows and columns, given none", "rows and columns"),
        ("expected a model folder, given fish or meat, which does not exist", "fish or meat"),
    ],
)
def test_words_of_a_user_stay_as_they_are(said, kept):
    assert kept in translated(said, "zh")
    assert "expected" not in translated(said, "zh")


def test_words_of_the_code_are_translated():
    assert translated("Did you mean a or b?", "zh").count("或") == 1
    said = "expected a number in column 'x' of f.csv, given '?' in 2 rows (lines 3, 8)"
    assert "第 3, 8 行" in translated(said, "zh")


@pytest.mark.parametrize("said", ["something that nobody wrote down", ""])
def test_what_has_no_sentence_stays_as_it_is(said):
    assert translated(said, "zh") == said
    assert translated("expected a class of the task as positive, given 'yes'", "en").startswith("expected a class")


def test_complaints_are_chinese_throughout():
    known = next(each for each in SENTENCES if each.startswith("expected a model folder"))
    said = Sentences.of("zh").complaint(known.replace("{}", "/m"), "Name the column with --text.")
    assert CHINESE.search(said)
    assert "expected" not in said
    assert "Name" not in said
