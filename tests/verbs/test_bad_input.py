"""Bad input ends with exit 2 and one message (expected, given, what to do), and leaves existing output untouched."""

from __future__ import annotations

import errno
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

import duiqi
from duiqi.cli import main
from duiqi.core.errors import OutputError, ResumeError
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


def a_number_among_them_is_a_word(folder, fitted):
    lines = [(text, "soon" if i == 7 else f"{i}.5") for i, (text, _) in enumerate(plain_rows())]
    return ["default", rows_file(folder, lines)], "'soon' in 1 of 60 rows (first: row 8)"


def a_word_for_nothing(folder, fitted):
    path = folder / "rows.jsonl"
    path.write_text("".join(f'{{"text": "row {i}", "label": {"NaN" if i == 7 else i % 2}}}\n' for i in range(60)))
    return ["default", path], "line 8"


def broken_line(folder, fitted):
    path = folder / "rows.jsonl"
    path.write_text('{"text": "a", "label": "x"}\n\n{"text": "b", label}\n')
    return [fitted, path], "line 3 that is not JSON (Expecting property name enclosed in double quotes, at character 15"


def unknown_task(folder, fitted):
    return [fitted, rows_file(folder, plain_rows()), "--task", "clasify"], "Did you mean classify"


def unknown_device(folder, fitted):
    return [fitted, write_csv(folder / "rows.csv", 60), "--device", "gpu"], "(cpu"


def file_as_output(folder, fitted):
    (folder / "thesis.txt").write_text("years of work")
    return [fitted, write_csv(folder / "rows.csv", 60), "--out", folder / "thesis.txt"], "given the file"


def output_in_which_it_runs(folder, fitted):
    return [fitted, write_csv(folder / "rows.csv", 60), "--out", "."], "folder of its own"


def model_inside_the_output(folder, fitted):
    (folder / "mine").mkdir()
    (folder / "mine" / "report.json").write_text("{}")
    shutil.copytree(fitted, folder / "mine" / "model")
    rows = write_csv(folder / "rows.csv", 60)
    return [folder / "mine" / "model", rows, "--out", folder / "mine"], "sources outside"


def missing_reference(folder, fitted):
    return [fitted, write_csv(folder / "rows.csv", 60), "--reference", "may=mai.csv"], "mai.csv, which does not exist"


def reference_without_a_name(folder, fitted):
    return [fitted, write_csv(folder / "rows.csv", 60), "--reference", "may.csv"], "NAME=DATA"


def json_rows(folder, rows):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return path


def missing_reference_of_the_file(folder, fitted):
    (folder / "duiqi.toml").write_text('[reference]\nmay = "mai.csv"\n')
    return [fitted, write_csv(folder / "rows.csv", 60)], "mai.csv, which does not exist"


def fewer_tags_than_words(folder, fitted):
    rows = [{"tokens": ["Ann", f"came {i}"], "label": ["B-PER", "O"]} for i in range(60)]
    return ["default", json_rows(folder, [*rows, {"tokens": ["Bob", "went"], "label": ["B-PER"]}])], "Bob went"


def a_tag_that_is_none(folder, fitted):
    rows = [{"tokens": ["Ann", f"came {i}"], "label": ["B-PER", "O"]} for i in range(60)]
    return ["default", json_rows(folder, [*rows, {"tokens": ["Bob", "went"], "label": ["PER", "O"]}])], "Bob went"


def answer_outside_its_passage(folder, fitted):
    row = {"question": "Who came?", "context": "Ann came.", "answers": {"text": ["Ann"], "answer_start": [0]}}
    wrong = {**row, "answers": {"text": ["Bob"], "answer_start": [3]}}
    return ["default", json_rows(folder, [row] * 60 + [wrong])], "line 61"


def chat_without_a_last_answer(folder, fitted):
    asked = [{"role": "user", "content": "Who came?"}]
    row = {"messages": [*asked, {"role": "assistant", "content": "Ann"}]}
    return ["default", json_rows(folder, [row] * 60 + [{"messages": asked}])], "line 61"


def texts_to_write_by_a_model_that_reads(folder, fitted):
    rows = [{"text": f"Who came on day {i}?", "target": f"Ann and {i} more came."} for i in range(60)]
    return ["default", json_rows(folder, rows), "--task", "generate"], "An encoder answers by"


def config(line, said):
    def write_config(folder, fitted):
        (folder / "duiqi.toml").write_text(line + "\n")
        return [fitted, write_csv(folder / "rows.csv", 60)], said

    write_config.__name__ = line
    return write_config


BAD = [
    missing_file, empty_file, one_label, missing_labels, unseen_test_label, not_utf8, labels_of_another_head, no_model,
    truncated_checkpoint, pickle_checkpoint, mistyped_remedy, gates_without_a_file, unwritable_output,
    policy_without_a_file, policy_with_a_broken_pattern, policy_of_a_label_that_is_none,
    broken_suite, broken_glossary, a_number_among_them_is_a_word, a_word_for_nothing, broken_line, unknown_task,
    unknown_device, file_as_output, output_in_which_it_runs, model_inside_the_output, missing_reference,
    reference_without_a_name, missing_reference_of_the_file, fewer_tags_than_words, a_tag_that_is_none,
    answer_outside_its_passage, chat_without_a_last_answer, texts_to_write_by_a_model_that_reads,
    config("group = 5", "a list of texts as group"), config("threads = '2'", "a number as"),
    config("text = 1", "a text or a list of texts as text"), config("lang = 7", "a text as lang"),
    config("reference = {may = 5}", "a file or folder as reference may"),
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


def held(folder, fitted):
    """What must still be there afterwards."""
    (folder / "thesis.txt").write_text("years of work")
    (folder / "papers").mkdir()
    (folder / "papers" / "one.txt").write_text("years of work")
    (folder / "aligned").mkdir()
    (folder / "aligned" / "report.json").write_text("{}")
    shutil.copytree(fitted, folder / "aligned" / "model")
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


OUTS = [
    ("thesis.txt", "given the file"),
    ("papers", "holds other files"),
    ("aligned", "in which there is a model"),
    ("thesis.txt/below", "Not a directory"),
    ("/proc/duiqi", "can be written"),
    (".", "folder of its own"),
]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc stands for a folder nobody may write to")
@pytest.mark.parametrize(("out", "said"), OUTS, ids=[out for out, _ in OUTS])
@pytest.mark.parametrize("verb", ["diagnose", "prove", "explain", "label", "prepare"])
def test_a_report_takes_nobodys_place(verb, out, said, run, tmp_path, fitted):
    rows = write_csv(tmp_path / "rows.csv", 60)
    before = held(tmp_path, fitted)
    words = {
        "diagnose": [fitted, rows],
        "prove": [fitted, fitted, rows],
        "explain": [fitted, "the film was good"],
        "label": [fitted, rows, "--pool", rows],
        "prepare": [rows],
    }[verb]
    code, complaint = run(verb, *words, "--out", out)
    assert code == 2, complaint
    of_many = verb in ("label", "prepare") and ("which holds" in complaint or "sources outside" in complaint)
    assert said in complaint or of_many
    assert "hint:" in complaint
    assert ".probe" not in complaint
    assert {path: path.read_bytes() for path in before} == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("verb", ["diagnose", "prove"])
def test_labels_that_the_model_has_not_are_no_pass(verb, lang, run, tmp_path, fitted):
    rows = rows_file(tmp_path, [*plain_rows(labels=("positive", "negative")), ("so so", "postive")])
    models = [fitted] * (2 if verb == "prove" else 1)
    code, complaint = run(verb, *models, rows, "--lang", lang)
    assert code == 2
    told = {
        "en": ("postive in rows (1 rows)", "Did you mean positive or negative?", "hint:"),
        "zh": ("rows 中有 postive（1 行）", "是不是指 positive 或 negative？", "提示："),
    }
    assert all(each in complaint for each in told[lang])


def test_a_model_that_answers_nan_is_no_pass(run, tmp_path, fitted):
    from safetensors.torch import load_file, save_file

    shutil.copytree(fitted, tmp_path / "nan")
    for each in ("duiqi.json", "lineage.parquet"):
        (tmp_path / "nan" / each).unlink(missing_ok=True)
    weights = load_file(tmp_path / "nan" / "model.safetensors")
    for name in weights:
        if "classifier" in name:
            weights[name][:] = float("nan")
    save_file(weights, tmp_path / "nan" / "model.safetensors", metadata={"format": "pt"})
    code, complaint = run("diagnose", tmp_path / "nan", write_csv(tmp_path / "rows.csv", 60))
    assert code == 2
    assert "expected numbers as 'probs' of nan, given nan in 60 of 60 rows" in complaint
    assert "first: row 1" in complaint


def test_a_name_of_a_file_that_is_not_there_is_no_text_to_explain(run, fitted):
    code, complaint = run("explain", fitted, "nowhere.csv")
    assert code == 2
    assert "nowhere.csv, which does not exist" in complaint


def test_two_runs_do_not_work_in_one_folder(tmp_path, fitted):
    """A second run is refused while the first is at work, and takes its place when that was killed."""
    waiting = (
        "import sys; from pathlib import Path; from duiqi.run.workshop import Workshop;"
        f"shop = Workshop.open(Path({str(tmp_path / 'out.work')!r}), {{}}); print('open', flush=True); sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", waiting], text=True, **pipes) as other:
        assert other.stdout.readline() == "open\n"
        rows = write_csv(tmp_path / "rows.csv", 120)
        with pytest.raises(ResumeError, match="another run that is at work there") as raised:
            duiqi.repair(fitted, rows, out=tmp_path / "out", threads=1)
        assert "--out" in raised.value.hint
        other.kill()
    duiqi.repair(fitted, rows, out=tmp_path / "out", threads=1, with_=["temperature_scaling"])
    assert json.loads((tmp_path / "out" / "report.json").read_text())["verb"] == "repair"
    assert not (tmp_path / "out.work").exists()


def test_reports_written_at_once_are_whole(tmp_path, fitted):
    rows = write_csv(tmp_path / "rows.csv", 120)
    command = [sys.executable, "-m", "duiqi", "diagnose", fitted, rows, "--out", "out", "--only", "performance", "-q"]
    both = [subprocess.Popen([*map(str, command), "--seed", str(seed)], cwd=tmp_path) for seed in (0, 1)]
    assert {each.wait(120) for each in both} <= {0, 1, 3}
    said = json.loads((tmp_path / "out" / "report.json").read_text())
    assert said["seed"] in (0, 1)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"report.json", "report.html", "draws.npz"}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("after", ["…", "2 …"])
def test_an_interrupted_diagnosis_leaves_nothing_half_written(tmp_path, fitted, after):
    rows = write_csv(tmp_path / "rows.csv", 3000)
    command = [sys.executable, "-m", "duiqi", "diagnose", str(fitted), str(rows), "--out", "out", "--lang", "en"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stderr.readline().rstrip().endswith("…")
        time.sleep(1 if after == "2 …" else 0)
        run.send_signal(signal.SIGINT)
        stdout, stderr = run.communicate(timeout=120)
    assert run.returncode == 130
    assert stdout == ""
    assert "Traceback" not in stderr
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("rows.csv", "state")] == []


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


HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_characters_of_control_do_no_harm_in_texts_labels_and_groups(run, tmp_path, fitted, lang, capsys):
    """Escape sequences colour no terminal, turned lines stay as they are, and charts are drawn all the same."""
    path = tmp_path / "rows.jsonl"
    odd = ["north\x1b[31m\x07", "<img src=x onerror=alert(1)>\u202e\uffff"]
    rows = [
        {
            "text": f"<script>alert({i})</script> the \u202efilm\u202c was\x07 \x1b[31m{('good', 'bad')[i % 2]}",
            "label": ("positive", "negative")[i % 2 if i % 4 else 1],
            "group": odd[i % 3 % 2],
        }
        for i in range(160)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    report = duiqi.diagnose(fitted, path, groups=["group"], out=tmp_path / "out", lang=lang, threads=1)
    page = (tmp_path / "out" / "report.html").read_text()
    assert not HIDDEN.search(page)
    assert "<script" not in page
    assert "<img" not in page
    assert "north␛[31m␇" in page
    from duiqi.show.terminal import print_report

    print_report(report.to_json(), lang=lang)
    assert not HIDDEN.search(capsys.readouterr().out)
    code, complaint = run("diagnose", fitted, path, "--label", "la\x1b[31mbel", "--lang", lang)
    assert code == 2
    assert not HIDDEN.search(complaint)
