"""CoNLL files: sentences of words with tags."""

from __future__ import annotations

import gzip

import pytest

from duiqi.core.errors import DataError
from duiqi.core.part import Catalogue
from duiqi.data.read import read

FOUR = """-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O

# a comment
Peter NNP B-NP S-PER
Blackburn NNP I-NP E-PER


中国\tNR\tB-NP\tB-LOC
"""


def test_words_are_the_first_column_and_tags_the_last(tmp_path):
    (tmp_path / "rows.conll").write_text(FOUR, encoding="utf-8")
    rows = read(tmp_path / "rows.conll")["all"]
    assert rows.values("tokens") == [["EU", "rejects"], ["Peter", "Blackburn"], ["中国"]]
    assert rows.values("label") == [["B-ORG", "O"], ["S-PER", "E-PER"], ["B-LOC"]]


def test_packed_and_in_a_folder(tmp_path):
    for part in ("train", "test"):
        (tmp_path / f"{part}.bio.gz").write_bytes(gzip.compress(b"a O\nb B-X\n\n# O\nc O\n"))
    assert {name: len(part) for name, part in read(tmp_path).items()} == {"train": 2, "test": 2}


def test_bioes_is_read_as_bio(tmp_path):
    (tmp_path / "rows.iob").write_text(FOUR, encoding="utf-8")
    rows = read(tmp_path / "rows.iob")["all"]
    task = Catalogue.installed().task("tag", labels=("LOC", "ORG", "PER"))
    assert [row.tolist() for row in task.read_truth(rows)] == [[3, 0], [5, 6], [1]]
    assert task.find_labels(rows) == ("LOC", "ORG", "PER")


@pytest.mark.parametrize("line", ["alone", "a b c"])
def test_a_line_of_another_form_is_named(tmp_path, line):
    (tmp_path / "rows.conll").write_text(f"a O\n{line}\n")
    with pytest.raises(DataError, match="in line 2"):
        read(tmp_path / "rows.conll")


def test_nothing_but_comments_is_no_rows(tmp_path):
    (tmp_path / "rows.conll").write_text("# nothing\n\n-DOCSTART- O\n")
    with pytest.raises(DataError, match="expected rows"):
        read(tmp_path / "rows.conll")


def test_a_hash_with_a_tag_is_a_word(tmp_path):
    (tmp_path / "rows.conll").write_text("# O\nwinning B-X\n")
    assert read(tmp_path / "rows.conll")["all"].values("tokens") == [["#", "winning"]]


def test_only_line_ends_end_lines_and_only_blanks_divide_them(tmp_path):
    (tmp_path / "rows.conll").write_text("x\u2028y\tO\r\n\u00a0 O\n\t\nz\tB-X\n", encoding="utf-8", newline="")
    assert read(tmp_path / "rows.conll")["all"].values("tokens") == [["x\u2028y", "\u00a0"], ["z"]]
