"""Bad input ends with exit 2 and one message (expected, given, what to do), and leaves existing output untouched."""

from __future__ import annotations

import errno
import json
import shutil
import socket
import sys

import pytest

import duiqi
from duiqi.cli import main
from duiqi.core.errors import OutputError
from tiny import write_csv


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Call the command line in this process, in an own folder: exit code and what it said on stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["duiqi", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code, capsys.readouterr().err

    return call


def rows_file(folder, lines, name="rows.csv"):
    path = folder / name
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in lines), encoding="utf-8")
    return path


def plain_rows(n=60, labels=("good", "bad")):
    return [(f"row number {i} is {labels[i % len(labels)]}", labels[i % len(labels)]) for i in range(n)]


def missing_file(folder, fitted):
    return [fitted, folder / "nowhere.csv"], "nowhere.csv"


def empty_file(folder, fitted):
    (folder / "empty.csv").write_text("")
    return [fitted, folder / "empty.csv"], "empty"


def one_label(folder, fitted):
    return ["default", rows_file(folder, plain_rows(labels=("good",)))], "at least two different labels"


def missing_labels(folder, fitted):
    return ["default", rows_file(folder, [*plain_rows(), ("no label here", "")])], "62"


def unseen_test_label(folder, fitted):
    (folder / "set").mkdir()
    rows_file(folder / "set", plain_rows(), "train.csv")
    rows_file(folder / "set", plain_rows(20), "dev.csv")
    rows_file(folder / "set", [*plain_rows(20), ("so so", "middling")], "test.csv")
    return ["default", folder / "set"], "middling"


def not_utf8(folder, fitted):
    path = folder / "latin.csv"
    path.write_bytes("text,label\nfine,good\ncaf\xe9,bad\n".encode("latin-1"))
    return ["default", path], "3"


def labels_of_another_head(folder, fitted):
    return [fitted, rows_file(folder, plain_rows(labels=("good", "bad")))], "head knows"


def no_model(folder, fitted):
    (folder / "model").mkdir()
    (folder / "model" / "notes.txt").write_text("nothing")
    return [folder / "model", rows_file(folder, plain_rows())], "model"


def truncated_checkpoint(folder, fitted):
    shutil.copytree(fitted, folder / "broken")
    weights = folder / "broken" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    return [folder / "broken", write_csv(folder / "rows.csv", 60)], "broken"


def pickle_checkpoint(folder, fitted):
    shutil.copytree(fitted, folder / "pickled")
    (folder / "pickled" / "model.safetensors").unlink()
    (folder / "pickled" / "duiqi.json").unlink()
    (folder / "pickled" / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    return [folder / "pickled", write_csv(folder / "rows.csv", 60)], "safetensors"


def mistyped_remedy(folder, fitted):
    return [fitted, write_csv(folder / "rows.csv", 200), "--with", "reweigth"], "reweight"


def gates_without_a_file(folder, fitted):
    return [fitted, write_csv(folder / "rows.csv", 60), "--gates", folder / "none.toml"], "none.toml"


def policy_without_a_file(folder, fitted):
    return [fitted, write_csv(folder / "rows.csv", 60), "--policy", folder / "none.toml"], "none.toml"


def policy_with_a_broken_pattern(folder, fitted):
    (folder / "policy.toml").write_text("[a]\nmost_words = 4\n\n[b]\nforbid_pattern = '(x'\n")
    return [fitted, write_csv(folder / "rows.csv", 60), "--policy", folder / "policy.toml"], "line 5"


def policy_of_a_label_that_is_none(folder, fitted):
    (folder / "duiqi.toml").write_text("[policy.a]\nforbid_label = 'positve'\n")
    return [fitted, write_csv(folder / "rows.csv", 60)], "positve"


def unwritable_output(folder, fitted):
    (folder / "file").write_text("x")
    return [fitted, write_csv(folder / "rows.csv", 60), "--out", folder / "file" / "below"], "below"


def broken_suite(folder, fitted):
    (folder / "duiqi.toml").write_text('[options.behaviour]\nsuites = ["mine.toml"]\n')
    (folder / "mine.toml").write_text('[[test]]\nname = "denied"\n\ntemplates = ["not {good}"]\nexpect = "bad"\n')
    return ["default", rows_file(folder, plain_rows())], "mine.toml, line 4"


def broken_glossary(folder, fitted):
    (folder / "duiqi.toml").write_text('[options.knowledge]\nglossary = "terms.csv"\n')
    (folder / "terms.csv").write_text("term,definition\ncow,an animal\nudder,\n")
    return ["default", rows_file(folder, plain_rows())], "line 3 of terms.csv"


BAD = [
    missing_file, empty_file, one_label, missing_labels, unseen_test_label, not_utf8, labels_of_another_head, no_model,
    truncated_checkpoint, pickle_checkpoint, mistyped_remedy, gates_without_a_file, unwritable_output,
    policy_without_a_file, policy_with_a_broken_pattern, policy_of_a_label_that_is_none,
    broken_suite, broken_glossary,
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.__name__)
def test_is_told_in_one_message(bad, run, tmp_path, fitted):
    out = tmp_path / "duiqi-out"
    out.mkdir()
    (out / "report.json").write_text("{}")
    words, said = bad(tmp_path, fitted)
    code, complaint = run("align", *words)
    assert code == 2, complaint
    assert "expected" in complaint
    assert "given" in complaint
    assert "hint:" in complaint
    assert said in complaint
    assert "Traceback" not in complaint
    assert (out / "report.json").read_text() == "{}"


def test_a_full_disk_leaves_the_old_report(tmp_path, fitted, monkeypatch):
    rows = write_csv(tmp_path / "rows.csv", 120)
    duiqi.diagnose(fitted, rows, out=tmp_path / "out", threads=1)
    before = (tmp_path / "out" / "report.json").read_bytes()

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("duiqi.show.publish.save_measures", full)
    with pytest.raises(OutputError, match=r"No space left") as raised:
        duiqi.diagnose(fitted, rows, out=tmp_path / "out", threads=1, seed=1)
    assert raised.value.hint
    assert (tmp_path / "out" / "report.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_nothing_reaches_for_the_network(tmp_path, fitted, monkeypatch):
    def refused(*arguments, **options):
        raise AssertionError("something asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    report = duiqi.align(fitted, write_csv(tmp_path / "rows.csv", 300), out=tmp_path / "out", threads=1)
    assert json.loads((tmp_path / "out" / "report.json").read_text())["verdict"] == report.verdict


def test_a_row_with_markup_shows_as_text(tmp_path, fitted):
    labels = ("positive", "negative")  # the same text with either: half of them go wrong, whatever the model says
    lines = [(f"<script>alert({i})</script> it was bad", labels[i % 2]) for i in range(40)]
    lines += [(f"the film was good {i}", "positive") for i in range(40)]
    lines += [(f"the film was awful {i}", "negative") for i in range(40)]
    duiqi.diagnose(fitted, rows_file(tmp_path, lines), out=tmp_path / "out", threads=1)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "&lt;script&gt;" in page.replace("<mark>", "").replace("</mark>", "")  # the slice's word is marked
    assert "<script" not in page
