"""From raw files of several forms to one folder: every row is told, nothing is lost, equal input gives equal bytes."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys

import pytest

import duiqi
from duiqi.core.errors import DataError, OptionError, OutputError
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
    monkeypatch.setattr(sys.modules["duiqi.prepare"], "TOGETHER", 0)
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
        ({"sources": []}, OptionError, "at least one source"),
        ({"sources": ["rows.jsonl", "rows.jsonl"]}, OptionError, "every source once"),
        ({"sources": ["rows.jsonl", "tags.conll"]}, DataError, "one form, given text in rows.jsonl and tokens"),
        ({"sources": ["gone.jsonl"]}, DataError, "does not exist"),
        ({"sources": ["empty"]}, DataError, "which has none"),
        ({"sources": ["cut.jsonl"]}, DataError, "line 2 that is not JSON"),
        ({"sources": ["parts.jsonl"]}, DataError, "'holdout'"),
        ({"sources": ["blank.jsonl"]}, DataError, "expected rows with a text"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_left_behind(tmp_path, monkeypatch, options, error, said):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "rows.jsonl", [{"text": text(n), "label": "ab"[n % 2]} for n in range(20)])
    (tmp_path / "tags.conll").write_text("a O\nb B-X\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "cut.jsonl").write_text('{"text": "a", "label": "b"}\n{"text": "c", "la')
    write(tmp_path / "parts.jsonl", [{"text": "a", "label": "b", "split": each} for each in ("train", "holdout")])
    write(tmp_path / "blank.jsonl", [{"text": " ", "label": "b"}] * 3)
    given = {"sources": "rows.jsonl", **options}
    with pytest.raises(error, match=said) as caught:
        duiqi.prepare(given.pop("sources"), out=tmp_path / "out", **given)
    assert caught.value.hint
    assert not (tmp_path / "out").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


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
