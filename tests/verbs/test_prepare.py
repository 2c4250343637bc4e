"""From raw files of several forms to one folder: every row is told, nothing is lost, equal input gives equal bytes."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys

import pytest

import duiqi
from duiqi.core.errors import DataError, OptionError, OutputError, PartError
from duiqi.data.read import read
from duiqi.prepare import restore

WORDS = ("room", "staff", "view", "bed", "noise", "bath", "price", "food", "bar", "pool")


def text(number):
    """A text of its own for every number, far from all others."""
    return " ".join(f"{WORDS[int(digit)]}{number * 7 + place}" for place, digit in enumerate(f"{number:06d}"))


@pytest.fixture
def files(tmp_path):
    """Reviews as csv, jsonl, xlsx: columns and labels by other names in each."""
    openpyxl = pytest.importorskip("openpyxl")
    with (tmp_path / "a.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["review", "sentiment", "region"])
        rows.writerows([text(n) if n % 20 else "", "10"[n % 2], "ns"[n % 3 > 0]] for n in range(60))
    lines = [
        {"content": text(100 + n), "class": ["neg", "pos"][n % 2] if n % 25 else None, "age": n} for n in range(50)
    ]
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode(), mtime=0))
    book = openpyxl.Workbook()
    book.active.append(["text", "label"])
    for n in range(40):
        book.active.append([text(200 + n), ["negative", "positive"][n % 2]])
    book.save(tmp_path / "c.xlsx")
    return [tmp_path / name for name in ("a.csv", "b.jsonl.gz", "c.xlsx")]


NAMES = {"1": "positive", "0": "negative", "pos": "positive", "neg": "negative"}


def rows_of(folder):
    """All rows of a prepared folder by where they are from, with their part."""
    found = {}
    for path in folder.glob("*.jsonl"):
        if path.stem in ("train", "dev", "test"):
            for line in path.read_text().splitlines():
                row = json.loads(line)
                found[row["origin"]] = {**row, "part": path.stem}
    return found


def test_every_row_goes_out_or_is_told(files, tmp_path):
    report = duiqi.prepare(files, out=tmp_path / "out", labels=NAMES)
    rows = rows_of(tmp_path / "out")
    changes = [json.loads(line) for line in (tmp_path / "out" / "changes.jsonl").read_text().splitlines()]
    dropped = {each["origin"]: each for each in changes if "after" not in each}
    assert len(rows) + len(dropped) == 150
    assert not set(rows) & set(dropped)
    assert {each["reason"] for each in dropped.values()} == {"no_text", "no_label"}
    assert dropped["a.csv:2"]["before"] == {"text": "", "label": "1", "region": "n"}
    assert rows["a.csv:3"] == {"text": text(1), "label": "negative", "region": "s", "origin": "a.csv:3",
                               "part": rows["a.csv:3"]["part"]}  # fmt: skip
    assert rows["b.jsonl.gz:2"]["age"] == 1
    assert {row["label"] for row in rows.values()} == {"positive", "negative"}
    changed = [each for each in changes if "after" in each]
    assert len(changed) == 57 + 48
    assert {(each["before"]["label"], each["after"]["label"]) for each in changed} == set(NAMES.items())
    assert report.exit_code == 0
    assert [each["rows"] for each in report.facts["sources"]] == [60, 50, 40]
    assert sum(each["rows"] for each in report.facts["parts"]) == len(rows)


def test_equal_sources_give_equal_bytes_and_the_sources_come_back(files, tmp_path):
    for out in ("one", "two"):
        duiqi.prepare(files, out=tmp_path / out, labels=NAMES)
    made = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(made) == 9
    assert all((tmp_path / "one" / each).read_bytes() == (tmp_path / "two" / each).read_bytes() for each in made)
    assert len(restore(tmp_path / "one", out=tmp_path / "back")) == 3
    assert all((tmp_path / "back" / each.name).read_bytes() == each.read_bytes() for each in files)
    assert restore(tmp_path / "one", out=tmp_path / "back") == []
    (tmp_path / "back" / "a.csv").write_text("mine")
    with pytest.raises(OutputError, match=r"another file there"):
        restore(tmp_path / "one", out=tmp_path / "back")
    assert (tmp_path / "back" / "a.csv").read_text() == "mine"
    packed = tmp_path / "two" / "originals" / "a.csv.zst"
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(DataError):
        restore(tmp_path / "two", out=tmp_path / "again")
    assert not list((tmp_path / "again").glob("*"))


def test_what_was_prepared_is_read_as_it_is(files, tmp_path):
    duiqi.prepare(files, out=tmp_path / "out", labels=NAMES, groups="region")
    parts = read(tmp_path / "out", groups=["region"])
    assert list(parts) == ["train", "dev", "test"]
    assert {*parts["train"].values("label")} == {"positive", "negative"}
    keys = [set(part.input_keys.tolist()) for part in parts.values()]
    assert not (keys[0] & keys[1])
    assert not (keys[0] & keys[2])
    assert not (keys[1] & keys[2])


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_many_rows_are_written_as_they_come(files, tmp_path, monkeypatch, form):
    """The same rows whether all are looked at together or not; equal texts stay together."""
    duiqi.prepare(files, out=tmp_path / "together", labels=NAMES, form=form)
    monkeypatch.setattr(sys.modules["duiqi.data.parting"], "TOGETHER", 0)
    duiqi.prepare([*files, write(tmp_path / "d.jsonl", [{"text": text(1), "label": "positive"}])],
                  out=tmp_path / "apart", labels=NAMES, form=form, dev=0.2, test=0.2)  # fmt: skip
    both = [read(tmp_path / name) for name in ("together", "apart")]
    texts = [sorted(text for part in parts.values() for text in part.texts) for parts in both]
    assert texts[1] == sorted([*texts[0], text(1)])
    assert next(type(v) for v in both[1]["train"].table.column("age").to_pylist() if v is not None) is int
    where = [name for name, part in both[1].items() for each in part.texts if each == text(1)]
    assert len(where) == 2
    assert len(set(where)) == 1
    assert 0.1 < len(both[1]["dev"]) / len(texts[1]) < 0.3


def write(path, rows):
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n", encoding="utf-8")
    return path


def test_files_named_for_a_part_and_split_columns_keep_their_rows(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    for part, begin, rows in (("train", 0, 30), ("test", 30, 10)):
        write(folder / f"{part}.jsonl", [{"text": text(n), "label": "ab"[n % 2]} for n in range(begin, begin + rows)])
    parted = write(tmp_path / "more.jsonl", [{"text": text(n), "label": "ab"[n % 2], "split": ["val", "test"][n % 2]}
                                             for n in range(40, 60)])  # fmt: skip
    duiqi.prepare([folder, parted], out=tmp_path / "out")
    rows = rows_of(tmp_path / "out")
    assert {row["part"] for origin, row in rows.items() if origin.startswith("set/train")} == {"train"}
    assert {row["part"] for origin, row in rows.items() if origin.startswith("set/test")} == {"test"}
    assert sum(row["part"] == "dev" for row in rows.values()) == 10
    assert not any("split" in row for row in rows.values())


def test_columns_of_other_names_are_named_or_renamed(tmp_path):
    one = write(tmp_path / "one.jsonl", [{"body": text(n), "mood": "ab"[n % 2], "text": "x"} for n in range(20)])
    two = write(tmp_path / "two.jsonl", [{"said": text(50 + n), "label": "ab"[n % 2]} for n in range(20)])
    duiqi.prepare([one, two], out=tmp_path / "out", text=["body", "said"], label=["mood", "label"])
    rows = rows_of(tmp_path / "out")
    assert rows["one.jsonl:1"]["text"] == text(0)
    assert rows["one.jsonl:1"]["text_other"] == "x"
    assert rows["two.jsonl:1"]["text"] == text(50)
    duiqi.prepare(two, out=tmp_path / "again", columns={"said": "text"})
    assert len(rows_of(tmp_path / "again")) == 20


def test_ids_that_two_sources_share_are_no_ids(tmp_path):
    for name, first in (("one", 0), ("two", 50)):
        write(tmp_path / f"{name}.jsonl", [{"id": n, "text": text(first + n), "label": "ab"[n % 2]} for n in range(20)])
    duiqi.prepare([tmp_path / "one.jsonl", tmp_path / "two.jsonl"], out=tmp_path / "out")
    assert {row["source_id"] for row in rows_of(tmp_path / "out").values()} == {*range(20)}
    duiqi.prepare(tmp_path / "one.jsonl", out=tmp_path / "alone")
    assert {row["id"] for row in rows_of(tmp_path / "alone").values()} == {str(n) for n in range(20)}


FORMS = {
    "conll": ("ner.conll", "\n".join(f"Word{n} B-per\nsaid{n} O\n" for n in range(20)),
              lambda row: row["tokens"][1].startswith("said") and row["label"] == ["B-PER", "O"]),
    "entities": ("ner.jsonl", [{"text": f"Ann{n} went 北京 {text(n)}", "entities": [
        {"start": 0, "end": 3 + len(str(n)), "label": "per"}]} for n in range(20)],
        lambda row: row["label"][:3] == ["B-PER", "O", "O"] and row["tokens"][2:4] == ["北", "京"]),
    "squad": ("squad.json", {"data": [{"title": "t", "paragraphs": [
        {"context": f"{text(n)} end", "qas": [{"id": str(n), "question": f"what {text(99 + n)}?", "answers": [
            {"text": "end", "answer_start": len(text(n)) + 1}]}]} for n in range(20)]}]},
        lambda row: row["label"][0]["text"] == "end" and row["text_pair"].endswith("end")),
    "chats": ("chats.jsonl", [{"messages": [{"role": "user", "content": text(n)},
                                            {"role": "assistant", "content": text(n + 500)}]} for n in range(20)],
              lambda row: row["target"].startswith(text(int(row["origin"].partition(":")[2]) + 499))),
    "preferences": ("likes.jsonl", [{"prompt": text(n), "chosen": text(n + 500), "rejected": "no"} for n in range(20)],
                    lambda row: row["rejected"] == "no" and row["target"]),
    "ratings": ("ratings.csv", "review,stars\n" + "\n".join(f"{text(n)},{n % 5 + 1}" for n in range(20)),
                lambda row: row["label"] in "12345"),
    "pairs": ("pairs.tsv", "sentence1\tsentence2\tlabel\n" + "\n".join(f"{text(n)}\t{text(n + 9)}\t{'ab'[n % 2]}"
                                                                     for n in range(20)),
              lambda row: row["text_pair"].startswith(("room", "staff", "view"))),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_the_field(tmp_path, form):
    name, content, right = FORMS[form]
    path = tmp_path / name
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    elif isinstance(content, list):
        write(path, content)
    else:
        path.write_text(json.dumps(content), encoding="utf-8")
    labels = {"per": "PER"} if form in ("conll", "entities") else {}
    duiqi.prepare(path, out=tmp_path / "out", labels=labels)
    assert all(map(right, rows_of(tmp_path / "out").values()))
    assert sum(len(part) for part in read(tmp_path / "out").values()) == 20


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"labels": {"pso": "positive"}}, OptionError, "'pso'"),
        ({"labels": {"a": "b", "b": "c"}}, OptionError, "renamed once"),
        ({"columns": {"text": "label"}}, OptionError, "'label' for more than one"),
        ({"text": "txet"}, DataError, "'txet'"),
        ({"form": "xml"}, OptionError, "'xml'"),
        ({"dev": 0.6, "test": 0.5}, OptionError, "below 1 together"),
        ({"dev": float("nan")}, OptionError, "below 1 together"),
        ({"task": "clasify"}, PartError, "'clasify'"),
        ({"columns": {"txet": "text"}}, DataError, "'txet' to be renamed"),
        ({"steps": ["claen"]}, OptionError, "'claen'"),
        ({"sources": ["torn.jsonl"]}, DataError, "half a surrogate pair"),
        ({"sources": ["kinds.jsonl"]}, DataError, "labels of one kind, given lists, numbers"),
        ({"sources": ["deep.json"]}, DataError, "expected JSON in deep.json"),
        ({"sources": ["mixed.jsonl"]}, DataError, "line 2 that is not"),
        ({"sources": []}, OptionError, "at least one source"),
        ({"sources": ["rows.jsonl", "rows.jsonl"]}, OptionError, "every source once"),
        ({"sources": ["rows.jsonl", "tags.conll"]}, DataError, "one form, given text in rows.jsonl and tokens"),
        ({"sources": ["gone.jsonl"]}, DataError, "does not exist"),
        ({"sources": ["empty"]}, DataError, "which has none"),
        ({"sources": ["cut.jsonl"]}, DataError, "line 2 that is not JSON"),
        ({"sources": ["parts.jsonl"]}, DataError, "'holdout'"),
        ({"sources": ["blank.jsonl"]}, DataError, r"none among 3 \(no text: 3\)"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_left_behind(tmp_path, monkeypatch, options, error, said):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "rows.jsonl", [{"text": text(n), "label": "ab"[n % 2]} for n in range(20)])
    (tmp_path / "tags.conll").write_text("a O\nb B-X\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "cut.jsonl").write_text('{"text": "a", "label": "b"}\n{"text": "c", "la')
    write(tmp_path / "parts.jsonl", [{"text": "a", "label": "b", "split": each} for each in ("train", "holdout")])
    (tmp_path / "torn.jsonl").write_text('{"text": "a", "label": "b", "more": "\\ud800"}\n')
    write(tmp_path / "kinds.jsonl", [{"text": "a", "label": each} for each in (1, ["a"])])
    (tmp_path / "deep.json").write_text("[" * 100_000)
    lines = ['{"text": "好"}'.encode(), '{"text": "好"}'.encode("gbk"), *['{"text": "很好"}'.encode()] * 3]
    (tmp_path / "mixed.jsonl").write_bytes(b"\n".join(lines))
    write(tmp_path / "blank.jsonl", [{"text": " ", "label": "b"}] * 3)
    given = {"sources": "rows.jsonl", **options}
    with pytest.raises(error, match=said) as caught:
        duiqi.prepare(given.pop("sources"), out=tmp_path / "out", **given)
    assert caught.value.hint
    assert not (tmp_path / "out").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def made(tmp_path, rows, name="rows.jsonl", **options):
    """All rows of one source, prepared without dividing them."""
    path = tmp_path / name
    if isinstance(rows, str):
        path.write_text(rows, encoding="utf-8", newline="")
    else:
        write(path, rows)
    duiqi.prepare(path, out=tmp_path / "out", dev=0, test=0, **options)
    return list(rows_of(tmp_path / "out").values())


def test_a_form_is_that_of_the_whole_source_whatever_a_piece_shows(tmp_path, monkeypatch):
    monkeypatch.setattr("duiqi.data.formats.ROWS", 8)
    rows = [{"text": f"Rain hurts {n}", "entities": [] if n % 16 < 8 else [[0, 4, "X"]]} for n in range(32)]
    found = made(tmp_path, rows)
    assert [row["label"][0] for row in found] == ["O"] * 8 + ["B-X"] * 8 + ["O"] * 8 + ["B-X"] * 8
    found = made(tmp_path, [{"text": text(n), "label": "ab"[n % 2]} for n in range(16)] + [{"label": "a"}] * 4)
    assert len(found) == 16


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("text,label,tweet_id\n" + "".join(f"t{n},a,123456789012345678{n % 10}\n" for n in range(20)),
         lambda row: row["tweet_id"].startswith("123456789012345678")),
        ("text,label\n" + "".join(f"t{n},123456789012345678{n % 2}\n" for n in range(20)),
         lambda row: row["label"] in ("1234567890123456780", "1234567890123456781")),
        ([{"text": f"t{n}", "label": "a", "more": {"a": n} if n % 2 else {"b": n}} for n in range(20)],
         lambda row: json.loads(row["more"]).keys() <= {"a", "b"}),
        ([{"text": f"t{n}", "label": "a", "score": float("inf") if n % 2 else 1.5} for n in range(20)],
         lambda row: row.get("score", 1.5) == 1.5),
        ([{"text": f"t{n}", "label": "a", "big": 2**70 if n % 2 else n} for n in range(20)],
         lambda row: int(row["big"]) >= 0),
        ([{"text": f"t{n}", "label": "a", "list": [n] if n % 2 else ["s"]} for n in range(20)],
         lambda row: isinstance(json.loads(row["list"]), list)),
        ([{"text": f"t{n}", "label": [1.0, True, 2.5][n % 3]} for n in range(20)],
         lambda row: row["label"] in ("1", "true", "2.5")),
        ([{"text": f"t{n}", "label": "a", "origin": "mine", "origin_other": "too"} for n in range(20)],
         lambda row: row["origin_other"] == "too" and row["origin_other_other"] == "mine"),
        ([{"text": f"t{n}", "label": "ab"[n % 2], "instruction": "x", "output": "y"} for n in range(20)],
         lambda row: row["label"] in "ab" and row["output"] == "y"),
    ],
)  # fmt: skip
def test_values_stay_what_they_are(tmp_path, rows, said):
    name = "rows.csv" if isinstance(rows, str) else "rows.jsonl"
    for form in ("jsonl", "parquet"):
        assert len(found := made(tmp_path, rows, name, form="jsonl")) == 20
        assert all(map(said, found)), found[0]
        duiqi.prepare(tmp_path / name, out=tmp_path / "again", dev=0, test=0, form=form)
        assert len(read(tmp_path / "again")["train"]) == 20


def test_texts_to_write_are_known_by_their_names(tmp_path):
    rows = [{"question": text(n), "label": "x", "content": "y", "target": ["yes", "no"][n % 2]} for n in range(20)]
    found = made(tmp_path, rows, text="question", label="target")
    assert {"source", "target", "label_other", "content_other"} <= found[0].keys()
    data = read(tmp_path / "out")["train"]
    assert (data.schema.text, data.schema.label) == ("source", "target")


def test_columns_that_go_are_told(tmp_path):
    answer = {"role": "assistant", "content": "a"}
    chats = [{"category": "x", "messages": [{"role": "user", "content": text(n)}, answer]} for n in range(20)]
    report = duiqi.prepare(write(tmp_path / "c.jsonl", chats), out=tmp_path / "out", dev=0, test=0)
    assert {"code": "columns_left_out", "columns": "category"} in report.notes


def test_a_table_with_odd_types(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from datetime import UTC, datetime
    from decimal import Decimal

    import pyarrow.parquet as pq

    table = pa.table({"text": [text(n) for n in range(20)], "label": ["a", "b"] * 10, "raw": [b"\xff"] * 20,
                      "when": [datetime(2026, 11, 26, tzinfo=UTC)] * 20, "price": [Decimal("1.50")] * 20})  # fmt: skip
    pq.write_table(table, tmp_path / "rows.parquet")
    duiqi.prepare(tmp_path / "rows.parquet", out=tmp_path / "out", dev=0, test=0)
    row = next(iter(rows_of(tmp_path / "out").values()))
    assert (row["when"], row["price"], row["raw"]) == ("2026-11-26T00:00:00+00:00", "1.50", "ff")


def test_sources_of_one_name_are_told_apart(tmp_path):
    paths = []
    for place in ("x/a.csv", "y/a.csv", "a-2.csv"):
        path = tmp_path / place
        path.parent.mkdir(exist_ok=True)
        path.write_text("text,label\n" + "".join(f"{place} {n},{'ab'[n % 2]}\n" for n in range(20)))
        paths.append(path)
    report = duiqi.prepare(paths, out=tmp_path / "out", dev=0, test=0)
    assert len({each["name"] for each in report.facts["sources"]}) == 3
    assert len(restore(tmp_path / "out", out=tmp_path / "back")) == 3
    assert sorted(p.read_bytes() for p in (tmp_path / "back").iterdir()) == sorted(p.read_bytes() for p in paths)


def test_nothing_that_is_not_ours_is_replaced(tmp_path, monkeypatch):
    source = write(tmp_path / "rows.jsonl", [{"text": text(n), "label": "ab"[n % 2]} for n in range(20)])
    duiqi.prepare(source, out=tmp_path / "out")
    with pytest.raises(OutputError, match="sources outside"):
        duiqi.prepare(tmp_path / "out" / "train.jsonl", out=tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds\s+notes.txt"):
        duiqi.prepare(source, out=tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(OutputError, match="folder of its own"):
        duiqi.prepare("../rows.jsonl", out=".")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    duiqi.prepare("rows.jsonl", out="link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "prepare.json").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    said = json.loads((tmp_path / "real" / "prepare.json").read_text())
    said["sources"][0]["name"] = "../evil"
    (tmp_path / "real" / "prepare.json").write_text(json.dumps(said))
    with pytest.raises(DataError, match="inside a folder"):
        restore("real", out="back")


def test_a_prepared_folder_may_be_prepared_again(files, tmp_path):
    duiqi.prepare(files, out=tmp_path / "one", labels=NAMES)
    duiqi.prepare(tmp_path / "one", out=tmp_path / "two")
    assert next(len(read(tmp_path / name)["train"]) for name in ("one", "two")) > 50
    assert read(tmp_path / "one")["test"].texts == read(tmp_path / "two")["test"].texts


def call(*words, cwd, **options):
    command = [sys.executable, "-m", "duiqi", "prepare", *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, timeout=120, **options)


def test_on_the_command_line(files, tmp_path):
    renames = [word for old, new in NAMES.items() for word in ("--label-name", f"{old}={new}")]
    done = call("a.csv", "c.xlsx", "-", "--out", "out", "--lang", "zh", *renames[:4], cwd=tmp_path,
                input=gzip.decompress(files[1].read_bytes()))  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert "剔除了" in done.stdout.decode()
    assert 'lang="zh-Hans"' in (tmp_path / "out" / "prepare.html").read_text()
    assert "stdin.jsonl:3" in rows_of(tmp_path / "out")
    twice = call("a.csv", "--out", "x", "--label-name", "1=a", "--label-name", "1=b", cwd=tmp_path)
    assert twice.returncode == 2
    assert b"one new name for '1'" in twice.stderr
    cut = call("-", "--out", "x", "--stdin", "csv", cwd=tmp_path, input=b'text,label\ngood,a\n"bad')
    assert cut.returncode == 2
    assert b"line 3" in cut.stderr
    assert b"Traceback" not in cut.stderr
    back = call("--restore", "out", "--out", "back", cwd=tmp_path)
    assert back.returncode == 0
    assert (tmp_path / "back" / "a.csv").read_bytes() == files[0].read_bytes()
    none = call("--restore", "back", "--out", "y", cwd=tmp_path)
    assert none.returncode == 2
    assert b"prepare.json" in none.stderr


def test_a_cell_of_many_megabytes_and_very_many_labels(tmp_path):
    rows = [{"text": text(n), "label": f"l{n % 4000}"} for n in range(9000)]
    rows[5]["text"] = "long " * 2_000_000 + "x"
    duiqi.prepare(write(tmp_path / "rows.jsonl", rows), out=tmp_path / "out", dev=0.1, test=0.1)
    assert len((tmp_path / "out" / "prepare.html").read_bytes()) < 200_000
    assert max(len(row["text"]) for row in rows_of(tmp_path / "out").values()) == 10_000_001


def test_options_written_down(tmp_path):
    write(tmp_path / "rows.jsonl", [{"text": f"{text(n)}!!!!!!", "label": "ab"[n % 2]} for n in range(20)])
    (tmp_path / "duiqi.toml").write_text('[labels]\na = "good"\n[steps.length]\nmost = 5\n[steps.clean]\n')
    done = call("rows.jsonl", "--out", "out", "--dev", "0", "--test", "0", cwd=tmp_path)
    assert done.returncode == 2  # every text has six words
    assert b"given none among 20 (too long: 20)" in done.stderr
    (tmp_path / "duiqi.toml").write_text('[labels]\na = "good"\n[steps.length]\nmost = 6\n')
    assert call("rows.jsonl", "--out", "out", "--dev", "0", "--test", "0", cwd=tmp_path).returncode == 0
    rows = rows_of(tmp_path / "out").values()
    assert {row["label"] for row in rows} == {"good", "b"}
    assert all(row["text"].endswith("!!!") and "!!!!" not in row["text"] for row in rows)
    assert json.loads((tmp_path / "out" / "prepare.json").read_text())["options"]["steps"] == {
        "clean": {}, "length": {"most": 6},
    }  # fmt: skip
    none = call("rows.jsonl", "--out", "out", "--step", "none", "--dev", "0", "--test", "0", cwd=tmp_path)
    assert none.returncode == 2  # options of a step that is not taken
    assert b"'length'" in none.stderr
    (tmp_path / "duiqi.toml").write_text("[steps.lenght]\nmost = 6\n")
    wrong = call("rows.jsonl", "--out", "out", cwd=tmp_path)
    assert wrong.returncode == 2
    assert b"Traceback" not in wrong.stderr


def test_an_encoding_that_rows_do_not_tell_is_said_on_the_command_line_or_in_a_file(tmp_path):
    (tmp_path / "names.csv").write_bytes("text,label\n賈璉,a\n甄嬛,b\n".encode("big5"))
    words = ("names.csv", "--dev", "0", "--test", "0", "--out", "out")
    ended = call(*words, cwd=tmp_path)
    assert (ended.returncode, b"--encoding" in ended.stderr) == (2, True)
    assert call(*words, "--encoding", "big5", cwd=tmp_path).returncode == 0
    assert [row["text"] for row in rows_of(tmp_path / "out").values()] == ["賈璉", "甄嬛"]
    (tmp_path / "duiqi.toml").write_text('encoding = "big5"\n')
    assert call(*words, cwd=tmp_path).returncode == 0


def test_stages_and_errors_are_chinese_where_chinese_is_asked_for(tmp_path):
    write(tmp_path / "rows.jsonl", [{"text": text(n), "label": "ab"[n % 2]} for n in range(20)])
    done = call("rows.jsonl", "--out", "out", "--lang", "zh", cwd=tmp_path)
    assert done.stderr.decode().startswith("查看来源 …\n")
    (tmp_path / "duiqi.toml").write_text('lang = "zh"\n')
    gone = call("gone.jsonl", "--out", "x", cwd=tmp_path)
    assert gone.returncode == 2
    assert "duiqi：需要文件或文件夹，但 gone.jsonl 不存在\n  提示：" in gone.stderr.decode()
    assert "given gone.jsonl, which" in call("gone.jsonl", "--out", "x", "--lang", "en", cwd=tmp_path).stderr.decode()
