"""Reading: the same rows whatever the format, guesses that are said, and one clear error for each bad input."""

from __future__ import annotations

import csv
import gzip
import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, DependencyError
from duiqi.data.read import check_labels, read, require_labels

ROWS = [
    {"text": 'He said "fine", then left', "label": "positive", "region": "north", "age": 31, "score": 0.5},
    {"text": "味道很好，\n还会再来", "label": "positive", "region": "south", "age": 27, "score": 1.0},
    {"text": "", "label": "negative", "region": "north", "age": None, "score": 2.25},
    {"text": "naïve; 5\t6 😀", "label": "negative", "region": "south", "age": 60, "score": -3.0},
]


def write(path: Path, rows: list[dict]) -> Path:
    """One file of these rows, in the format that the name of the file says."""
    suffix = path.name.removesuffix(".gz").rpartition(".")[2]
    if suffix == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
        return path
    if suffix in ("csv", "tsv"):
        lines: list[str] = []
        sink = type("Sink", (), {"write": lambda _, text: lines.append(text)})()
        writer = csv.writer(sink, delimiter="," if suffix == "csv" else "\t")
        writer.writerow(rows[0])
        writer.writerows([["" if v is None else v for v in row.values()] for row in rows])
        content = "".join(lines)
    elif suffix == "jsonl":
        content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    else:
        content = json.dumps({"data": rows})
    encoded = content.encode()
    path.write_bytes(gzip.compress(encoded) if path.suffix == ".gz" else encoded)
    return path


def message(source: Path | str, **roles: object) -> str:
    """What the user is told: message and hint."""
    with pytest.raises(DataError) as caught:
        read(source, **roles)  # type: ignore[arg-type]
    assert caught.value.hint
    return f"{caught.value} {caught.value.hint}"


def codes(data: Dataset) -> set[tuple[str, str]]:
    return {(note["code"], note.get("role", "")) for note in data.notes}


FORMATS = ["csv", "tsv", "json", "jsonl", "jsonl.gz", "csv.gz", "tsv.gz", "json.gz", "parquet"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_gives_the_same_rows(tmp_path: Path, suffix: str) -> None:
    data = read(write(tmp_path / f"rows.{suffix}", ROWS))["all"]
    assert data.texts == [row["text"] for row in ROWS]
    assert data.table.select(["label", "region", "age", "score"]).to_pylist() == [
        {key: row[key] for key in ("label", "region", "age", "score")} for row in ROWS
    ]
    assert data.schema.groups == ("region",)
    reference = read(write(tmp_path / "reference.parquet", ROWS))["all"]
    assert data.fingerprint == reference.fingerprint
    assert data.row_ids.tolist() == reference.row_ids.tolist()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20),
            st.sampled_from(["a", "b", "0", "否"]),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_any_text_survives_any_format(tmp_path: Path, pairs: list[tuple[str, str]]) -> None:
    rows = [{"text": text, "label": label} for text, label in pairs]
    for suffix in ("csv", "tsv", "jsonl", "parquet"):
        data = read(write(tmp_path / f"rows.{suffix}", rows))["all"]
        assert data.texts == [text for text, _ in pairs], suffix
        assert data.values("label") == [label for _, label in pairs], suffix


@pytest.mark.parametrize(
    ("given_labels", "kept"),
    [
        ([1, 0, 1], ["1", "0", "1"]),
        ([1.0, 0.0, 1.0], ["1", "0", "1"]),
        ([True, False, True], ["true", "false", "true"]),
        (["01", "02", "01"], ["01", "02", "01"]),
        ([" good", "bad ", "good"], ["good", "bad", "good"]),
        ([0.5, 2.0, 3.25], [0.5, 2.0, 3.25]),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_labels_mean_the_same_in_every_format(tmp_path: Path, suffix: str, given_labels: list, kept: list) -> None:
    rows = [{"text": f"row {i}", "label": label} for i, label in enumerate(given_labels)]
    assert read(write(tmp_path / f"rows.{suffix}", rows))["all"].values("label") == kept


@pytest.mark.parametrize("dev", ["dev", "valid", "validation", "val", "Validation"])
def test_folder_with_parts_of_any_format(tmp_path: Path, dev: str) -> None:
    write(tmp_path / "train.csv", ROWS)
    write(tmp_path / f"{dev}.jsonl.gz", ROWS[:2])
    write(tmp_path / "test.parquet", ROWS[2:])
    (tmp_path / "README.md").write_text("not data")
    (tmp_path / "notes.csv").write_text("not,a,part")
    found = read(tmp_path)
    assert list(found) == ["train", "dev", "test"]
    assert [len(each) for each in found.values()] == [4, 2, 2]
    assert found["test"].texts == [row["text"] for row in ROWS[2:]]
    assert found["dev"].name.endswith("/dev")


def test_split_column_divides_a_file(tmp_path: Path) -> None:
    words = ["train", "val", "TEST", "training"]
    rows = [row | {"split": word} for row, word in zip(ROWS, words, strict=True)]
    found = read(write(tmp_path / "rows.csv", rows))
    assert {part: each.texts for part, each in found.items()} == {
        "train": [ROWS[0]["text"], ROWS[3]["text"]],
        "dev": [ROWS[1]["text"]],
        "test": [ROWS[2]["text"]],
    }
    rows[2]["split"] = "tset"
    told = message(write(tmp_path / "rows.csv", rows))
    assert "'tset'" in told
    assert "line 5" in told  # the text of the second row spans two lines


def test_guesses_are_notes_and_named_columns_are_none(tmp_path: Path) -> None:
    rows = [{"review": f"r {i}", "sentiment": "ab"[i % 2], "gender": "fm"[i % 2], "uid": i} for i in range(4)]
    path = write(tmp_path / "rows.jsonl", rows)
    data = read(path)["all"]
    assert (data.schema.text, data.schema.label, data.schema.groups) == ("review", "sentiment", ("gender",))
    assert {("guessed_column", role) for role in ("text", "label", "groups", "id")} <= codes(data)
    named = read(path, text="review", label="gender", groups=["sentiment"], id="uid")["all"]
    assert (named.schema.label, named.schema.groups) == ("gender", ("sentiment",))
    assert not named.notes
    assert read(path, groups="gender")["all"].schema.groups == ("gender",)


def test_chinese_column_names_are_guessed(tmp_path: Path) -> None:
    rows = [{"评论": "好吃", "情感": "正面", "地区": "北"}, {"评论": "难吃", "情感": "负面", "地区": "南"}]
    schema = read(write(tmp_path / "rows.csv", rows))["all"].schema
    assert (schema.text, schema.label, schema.groups) == ("评论", "情感", ("地区",))


def test_two_likely_labels_are_not_guessed_but_a_certain_one_is(tmp_path: Path) -> None:
    rows = [{"text": f"t {i}", "category": "xy"[i % 2], "sentiment": "ab"[i % 2]} for i in range(4)]
    data = read(write(tmp_path / "rows.jsonl", rows))["all"]
    assert data.schema.label is None
    assert {"code": "ambiguous_column", "role": "label", "columns": ["category", "sentiment"]} in [
        {**note, "columns": sorted(note["columns"])} for note in data.notes if "columns" in note
    ]
    rows = [row | {"label": "z"} for row in rows]
    assert read(write(tmp_path / "rows.jsonl", rows))["all"].schema.label == "label"


def test_guessed_ids_that_repeat_are_dropped_and_named_ones_are_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [{"text": f"t {i}", "id": i // 2} for i in range(4)])
    assert read(path)["all"].schema.id is None
    assert "lines 2, 4" in message(path, id="id")


def test_tokens_are_an_input_of_their_own(tmp_path: Path) -> None:
    rows = [{"tokens": ["Ann", "left"], "tags": ["B-PER", "O"]}, {"tokens": ["Go"], "tags": ["O"]}]
    data = read(write(tmp_path / "rows.jsonl", rows))["all"]
    assert (data.schema.tokens, data.schema.label, data.schema.text) == ("tokens", "tags", None)
    assert data.values("label") == [["B-PER", "O"], ["O"]]
    assert data.texts == ["Ann left", "Go"]


def test_numbers_as_texts_and_empty_texts_are_noted(tmp_path: Path) -> None:
    rows = [{"text": 5}, {"text": "ok"}, {"text": None}, {"text": "  "}]
    data = read(write(tmp_path / "rows.jsonl", rows))["all"]
    assert data.texts == ["5", "ok", "", "  "]
    noted = {note["code"]: note for note in data.notes}
    assert noted["numbers_as_text"]["rows"] == 1
    assert (noted["empty_texts"]["rows"], noted["empty_texts"]["first"]) == (2, [3, 4])


def test_byte_order_mark_and_other_separators(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"\xef\xbb\xbf" + b"text;label\r\nfine, really;a\r\nno;b\r\n")
    data = read(path)["all"]
    assert data.texts == ["fine, really", "no"]
    assert {"code": "guessed_delimiter", "delimiter": ";"} in data.notes


def test_quotes_in_a_tsv_that_quotes_nothing_are_characters(tmp_path: Path) -> None:
    path = tmp_path / "rows.tsv"
    path.write_text('text\tlabel\n"Hello" he said\ta\n"unclosed\tb\n')
    data = read(path)["all"]
    assert data.texts == ['"Hello" he said', '"unclosed']
    assert ("literal_quotes", "") in codes(data)


def test_texts_longer_than_the_csv_module_allows(tmp_path: Path) -> None:
    limit = csv.field_size_limit()
    rows = [{"text": "word " * 40_000, "label": "a"}]
    assert len(read(write(tmp_path / "rows.csv", rows))["all"].texts[0]) == 200_000
    assert csv.field_size_limit() == limit


# Bad input


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    write(tmp_path / "reviews.csv", ROWS)
    assert "reviews.csv" in message(tmp_path / "review.csv")


@pytest.mark.parametrize("content", ["", " \n", "\ufeff", "text,label\n", "text,label"])
def test_file_without_rows(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(content, encoding="utf-8")
    told = message(path)
    assert "expected rows" in told
    assert ("header" in told) == content.startswith("text")


def test_wrong_column_lists_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", ROWS)
    assert "Did you mean region" in message(path, groups=["regoin"])
    assert "Did you mean label" in message(path, label="lable")
    path = write(tmp_path / "rows.jsonl", [{"zzz": "a", "yyy": "b"}])
    assert "--text zzz" in message(path)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["plain", "two\nlines", "three\n\nlines"]), min_size=1, max_size=8), st.data())
def test_line_numbers_are_those_of_an_editor(tmp_path: Path, texts: list[str], drawn: st.DataObject) -> None:
    """Whatever came before, the line named is the one in which the bad record starts."""
    bad = drawn.draw(st.integers(0, len(texts) - 1))
    line = 2 + sum(1 + text.count("\n") for text in texts[:bad])
    wide = "".join(f'"{text}",a{",b" if i == bad else ""}\n' for i, text in enumerate(texts))
    unlabelled = "".join(f'"{text}",{"" if i == bad else "a"}\n' for i, text in enumerate(texts))
    path = tmp_path / "rows.csv"
    path.write_text("text,label\n" + wide)
    assert f"given 3 in line {line} " in message(path).replace("  ", " ")
    path.write_text("text,label\n" + unlabelled)
    assert f"given none in 1 of {len(texts)} rows (line {line})" in message(path)
    encoded = ("text,label\n" + wide).encode().split(b"\n")
    encoded[line - 1] = b"\xff" + encoded[line - 1]
    path.write_bytes(b"\n".join(encoded))
    assert f"byte 0xff in line {line} " in message(path)


def test_bad_json_says_the_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a"}\n\n{"text": "b"}\n{"text": \n')
    assert "line 4" in message(path)
    path.write_text('{"text": "a"}\n[1, 2]\n')
    assert "line 2" in message(path)
    path = tmp_path / "rows.json"
    path.write_text('[{"text": "a"},\n {"text" "b"}]')
    assert "line 2" in message(path)
    path.write_text('{"rows": 3}')
    assert "list of objects" in message(path)


def test_labels_missing_in_some_rows_are_counted(tmp_path: Path) -> None:
    rows = [{"text": f"t {i}", "label": None if i % 3 == 0 else "a"} for i in range(30)]
    told = message(write(tmp_path / "rows.jsonl", rows))
    assert "10 of 30 rows" in told
    assert "lines 1, 4, 7, 10, 13 …" in told
    rows = [{"text": "t", "label": float("nan")}, {"text": "u", "label": 1.0}]
    assert "1 of 2 rows (row 1)" in message(write(tmp_path / "rows.parquet", rows))


def test_label_only_in_train(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", [{"text": "a", "label": "x"}])
    write(tmp_path / "test.jsonl", [{"text": "a"}])
    assert f"'label' for label in {tmp_path.name}/test" in message(tmp_path)


@pytest.mark.parametrize(
    ("name", "told"),
    [("rows.xlsx", "CSV"), ("rows.cvs", "Did you mean .csv")],
)
def test_unknown_suffix(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / name).write_text("x")
    assert told in message(tmp_path / name)


def test_folder_without_parts_or_with_two_of_one(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text\na\n")
    assert "given rows.csv" in message(tmp_path)
    write(tmp_path / "dev.csv", ROWS)
    write(tmp_path / "valid.jsonl", ROWS)
    assert "dev.csv and valid.jsonl" in message(tmp_path)


def test_text_that_is_no_text(tmp_path: Path) -> None:
    rows = [{"text": "a"}, {"text": ["b", "c"]}, {"text": {"d": 1}}]
    assert "2 rows (lines 2, 3)" in message(write(tmp_path / "rows.jsonl", rows))
    (tmp_path / "cut.jsonl").write_text('{"text": "fine"}\n{"text": "cut \\ud83d"}\n')
    assert "line 2" in message(tmp_path / "cut.jsonl")


def test_damaged_files(tmp_path: Path) -> None:
    whole = gzip.compress(b"text,label\n" + b"some text,a\n" * 500)
    (tmp_path / "rows.csv.gz").write_bytes(whole[: len(whole) // 2])
    assert "gzip" in message(tmp_path / "rows.csv.gz")
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 this is none")
    assert "parquet" in message(tmp_path / "rows.parquet")
    (tmp_path / "rows.csv").write_text('text,label\na,b\n"open,c\nd,e\n')
    assert "line 3" in message(tmp_path / "rows.csv")
    (tmp_path / "rows.csv").write_text("text,text\na,b\n")
    assert "'text' more than once" in message(tmp_path / "rows.csv")


def test_label_checks() -> None:
    train = Dataset.of({"text": ["a", "b"], "label": ["x", "y"]})
    require_labels(train)
    with pytest.raises(DataError, match="'x' in 2 rows"):
        require_labels(Dataset.of({"text": ["a", "b"], "label": ["x", "x"]}))
    check_labels(train, [train, Dataset.of({"text": ["c"], "label": ["y"]})])
    test = Dataset.of({"text": ["c", "d", "e"], "label": ["z", "y", "z"]})
    with pytest.raises(DataError, match=r"'z' \(2 rows\)"):
        check_labels(train, [train, test])


def test_hub_without_its_package_gives_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DependencyError) as caught:
        read("hub:some/set")
    assert "pip install 'duiqi[hub]'" in caught.value.hint


def test_hub_names_its_classes_and_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    rows = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}, features=features)
    asked = []

    def load_dataset(name: str, config: str | None) -> dict:
        asked.append((name, config))
        return {"train": rows, "validation": rows, "unsupervised": rows}

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    found = read("hub:some/set#plain")
    assert asked == [("some/set", "plain")]
    assert list(found) == ["train", "dev"]
    assert found["dev"].values("label") == ["yes", "no"]
