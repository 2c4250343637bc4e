"""The table for a spreadsheet: nothing in it is run, everything comes back."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duiqi.core.errors import DataError
from duiqi.data.formats import read_file
from duiqi.data.read import read
from duiqi.data.sheet import GUESSED, from_sheet, guarded, unguarded, write_sheet

WICKED = [
    "=1+1",
    "+1",
    "-1",
    "@x",
    "\t=1",
    "\r=1",
    "'=1",
    "''=1",
    "'quoted'",
    "''",
    "",
    "plain",
    "＝１",
    '=cmd|"/c"!A1',
]


@given(st.one_of(st.sampled_from(WICKED), st.text("=+-@'\t\r\n x好😀", max_size=8)))
def test_a_guarded_cell_is_no_formula_and_comes_back(text):
    assert not guarded(text).startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"))
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", ["=1+1", "-1", "@x"])
def test_a_spreadsheet_may_take_the_apostrophe_as_its_own(text):
    assert unguarded(text) == text


def filled(path, labels):
    """The table with its last column filled in, as a spreadsheet writes it."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, quoting=csv.QUOTE_ALL)
        table.writerows([rows[0], *([*row[:-1], label] for row, label in zip(rows[1:], labels, strict=True))])
    return path


def sheet(path, guesses, **columns):
    n = len(guesses)
    said = {"confidence": [0.5] * n, "why": ["margin"] * n, "score": [0.1] * n}
    write_sheet(path, {"id": [f"r{at}" for at in range(n)], **columns, "guess": guesses, **said})
    return path


def test_texts_come_back_byte_for_byte(tmp_path):
    odd = ['say "a",\r\nthen b', "line\nbreak", " blanks ", "酒店😀，好", "\ufeffmark"]
    texts = [*(text for text in WICKED if text.strip()), *odd]
    labels = ["'-bad" if at % 2 else "good" for at in range(len(texts))]
    path = filled(sheet(tmp_path / "x.csv", ["good"] * len(texts), text=texts), labels)
    data = read(path)["all"]
    assert data.texts == texts
    assert set(data.values("label")) == {"good", "-bad"}
    assert data.row_ids.tolist() == [f"r{at}" for at in range(len(texts))]
    assert {"guess", "why", "score", "confidence"}.isdisjoint(data.table.column_names)


def test_several_labels_are_lists(tmp_path):
    path = sheet(tmp_path / "x.csv", [["a"], ["a", "b"], [], []], text=list("wxyz"))
    made = from_sheet(read_file(filled(path, ["a|b c", '["b"]', "[]", ""]), "x"), "label")
    assert made.columns["label"] == [["a", "b c"], ["b"], [], None]


def test_tags_are_lists_one_a_word(tmp_path):
    words = [["=Kim", "lives", "in U.S."], ["a b", "c"]]
    path = sheet(tmp_path / "x.csv", [["O"] * 3, ["O"] * 2], text=["=Kim lives in U.S.", "a b c"], tokens=words)
    data = read(filled(path, ["B-PER O B-LOC", '["O", "O"]']))["all"]
    assert data.values("tokens") == words
    assert data.values("label") == [["B-PER", "O", "B-LOC"], ["O", "O"]]
    with pytest.raises(DataError, match=r"a tag for each of the 3 words .* given 2 .*line 2"):
        read(filled(path, ["B-PER O", "O O"]))


def test_another_table_is_left_as_it_is(tmp_path):
    (tmp_path / "x.csv").write_text("text,label\n'=1,good\n'-1,bad\n")
    assert read(tmp_path / "x.csv")["all"].texts == ["'=1", "'-1"]


def test_saved_as_a_workbook_it_is_read_all_the_same(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    path = filled(sheet(tmp_path / "x.csv", [["a"], []], text=["=1+1", "plain"]), ["a|b", ""])
    book = openpyxl.Workbook()
    with path.open(newline="") as file:
        for row in csv.reader(file):
            book.active.append([cell or None for cell in row])
    book.save(tmp_path / "x.xlsx")
    made = from_sheet(read_file(tmp_path / "x.xlsx", "x"), "label")
    assert made.columns["text"] == ["=1+1", "plain"]
    assert made.columns["label"] == [["a", "b"], None]


def test_names_of_columns_are_no_formulas_either(tmp_path):
    name = "=cmd|' /C calc'!A0"
    write_sheet(tmp_path / "a.csv", {"id": ["1"], name: ["x"], **{each: ["y"] for each in GUESSED}})
    header = (tmp_path / "a.csv").read_text(encoding="utf-8-sig").splitlines()[0]
    assert f'"\'{name}"' in header
    raw = read_file(tmp_path / "a.csv", "a.csv")
    assert from_sheet(raw, "label").columns[name] == ["x"]
