"""Labelling functions: how they are read and asked."""

import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, PartError
from duiqi.data.labelling_functions import read_functions, votes


def asked(tmp_path, source, data, classes=("bad", "good")):
    (tmp_path / "rules.py").write_text(source, encoding="utf-8")
    return votes(read_functions(tmp_path / "rules.py"), data, classes)


ROWS = Dataset.of({"text": ["great film", "awful 差评", "so so", "great but awful"], "stars": [5, 1, 3, None]})


def test_functions_are_read_and_asked(tmp_path):
    source = (
        "from math import floor\n"
        "import re\n"
        "WORDS = {'great': 'good', 'awful': 'bad'}\n"
        "def _first(text, words):\n    return next((w for w in words if w in text), None)\n"
        "def by_word(text):\n    return WORDS.get(_first(text, WORDS))\n"
        "def by_stars(row, least=3):\n"
        "    stars = row.pop('stars')\n"
        "    return None if stars is None or stars == least else 'good' if stars > least else 'bad'\n"
        "def chinese(text):\n    return 'bad' if '差评' in text else None\n"
        "def again(row):\n    return 'good' if row['stars'] == 5 else None\n"
    )
    ballot = asked(tmp_path, source, ROWS)
    assert ballot.names == ("by_word", "by_stars", "chinese", "again")  # no helper, nothing that was imported
    assert ballot.votes.tolist() == [[1, 1, -1, 1], [0, 0, 0, -1], [-1, -1, -1, -1], [1, -1, -1, -1]]
    assert ballot.left_out == ()


def test_a_function_that_raises_is_left_out_and_named(tmp_path):
    source = (
        "def fine(text):\n    return 'good'\n"
        "def breaks(text):\n    return {}['nothing'] if 'awful' in text else 'good'\n"
    )
    ballot = asked(tmp_path, source, ROWS)
    assert ballot.names == ("fine",)
    [(name, row, error)] = ballot.left_out
    assert (name, row, error) == ("breaks", ROWS.row_ids[1], "KeyError: 'nothing'")
    with pytest.raises(DataError, match="breaks raises KeyError"):
        asked(tmp_path, source.partition("def breaks")[1] + source.partition("def breaks")[2], ROWS)


def test_a_row_comes_without_what_only_labelled_rows_have(tmp_path):
    columns = {"text": ["a", "b"], "sentiment": ["good", "bad"], "part": ["dev", "dev"], "times": [3.5, 7.25]}
    data = Dataset.of({**columns, "stars": [5, 1]}, label="sentiment", split="part", weight="times", groups=["stars"])
    source = (
        "def peeks(row):\n    return 'good' if 'good' in str(row) else 'bad' if 'bad' in str(row) else None\n"
        "def lists(row):\n    return 'good' if sorted(row) == ['stars', 'text'] else None\n"
        "def asks(row):\n    return row['sentiment']\n"
    )
    ballot = asked(tmp_path, source, data)
    assert ballot.votes.tolist() == [[-1, 1], [-1, 1]]
    assert [(name, error) for name, _, error in ballot.left_out] == [("asks", "KeyError: 'sentiment'")]
    edited = Dataset.of({"text": ["a"], "label": ["good"]}).with_column("key", [1], column="duiqi_key")
    assert asked(tmp_path, "def keys(row):\n    return 'good' if list(row) == ['text'] else None\n", edited).votes == 1


def test_what_exits_is_left_out_and_an_interrupt_interrupts(tmp_path):
    fine = "import sys\ndef fine(text):\n    return 'good'\n"
    ballot = asked(tmp_path, fine + "def leaves(text):\n    sys.exit('enough')\n", ROWS)
    assert ballot.names == ("fine",)
    assert [(name, error) for name, _, error in ballot.left_out] == [("leaves", "SystemExit: enough")]
    with pytest.raises(PartError, match="SystemExit: 3"):
        asked(tmp_path, fine + "sys.exit(3)\n", ROWS)
    with pytest.raises(KeyboardInterrupt):
        asked(tmp_path, "def stops(text):\n    raise KeyboardInterrupt\n", ROWS)
    with pytest.raises(KeyboardInterrupt):
        asked(tmp_path, "raise KeyboardInterrupt\n", ROWS)


@pytest.mark.parametrize(
    ("classes", "returned", "at"),
    [
        (("bad", "good"), "'good'", 1),
        (("bad", "good"), "np.str_('good')", 1),
        (("bad", "good"), "np.array(['good', 'bad'])[0]", 1),
        (("0", "1"), "1", 1),
        (("0", "1"), "np.int64(1)", 1),
        (("0", "1"), "np.float32(1)", 1),
        (("1.0", "2.5"), "1.0", 0),
        (("1.0", "2.5"), "2.5", 1),
        (("false", "true"), "True", 1),  # as a label that is true in a file is read
        (("false", "true"), "np.False_", 0),
        (("False", "True"), "np.True_", 1),
    ],
)
def test_a_label_need_not_be_a_string(tmp_path, classes, returned, at):
    ballot = asked(tmp_path, f"import numpy as np\ndef says(text):\n    return {returned}\n", ROWS, classes=classes)
    assert (ballot.votes == at).all()


@pytest.mark.parametrize(
    ("classes", "returned", "said"),
    [
        (("bad", "good"), "'goood'", "given 'goood'"),
        (("bad", "good"), "''", "given ''"),
        (("bad", "good"), "['good']", r"given \['good'\]"),
        (("bad", "good"), "{'good'}", "given {'good'}"),
        (("bad", "good"), "np.array('good')", "given array"),
        (("bad", "good"), "['good'] * 1000", "given .{80}$"),
        (("bad", "good"), "b'good'", "given b'good'"),
        (("bad", "good"), "Path('good')", r"given PosixPath|given WindowsPath"),
        (("0", "1"), "True", "given True"),
        (("0", "1"), "np.True_", "given np.True_"),
        (("0", "1"), "2", "given 2"),
        (("0", "1"), "0.5", "given 0.5"),
        (("False", "True"), "1", "given 1"),
        (("good", "nan"), "float('nan')", "given nan"),
        (("good", "inf"), "np.inf", "given inf"),
        (("01", "02"), "1", "given 1"),
    ],
)
def test_what_is_no_class_is_told_with_the_classes(tmp_path, classes, returned, said):
    source = f"import numpy as np\nfrom pathlib import Path\ndef slips(text):\n    return {returned}\n"
    with pytest.raises(DataError, match=f"slips, {said}") as error:
        asked(tmp_path, source, ROWS, classes=classes)
    assert any(each in error.value.hint for each in classes)


@pytest.mark.parametrize(
    ("source", "error", "said"),
    [
        ("WORDS = 1\n", DataError, "without any"),
        ("def two(text, row):\n    return None\n", DataError, r"two\(text, row\)"),
        ("def nothing():\n    return None\n", DataError, "nothing"),
        ("import no_such_module_at_all\n", PartError, "ModuleNotFoundError"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, source, error, said):
    with pytest.raises(error, match=said):
        asked(tmp_path, source, ROWS)
    with pytest.raises(PartError, match="no file"):
        read_functions(tmp_path / "none.py")
