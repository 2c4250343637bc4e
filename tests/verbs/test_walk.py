"""The whole walk on a tiny model, through Python and through the real command line."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import blanks
import pytest

import duiqi
from duiqi.cli import Screen
from duiqi.core.dataset import Dataset
from duiqi.core.errors import ContaminationError, DataError, ModelError, OptionError, PartError
from duiqi.core.part import Catalogue
from duiqi.core.report import load_measures
from duiqi.model.open import find
from duiqi.run.carry import Bench
from duiqi.run.table import lay
from duiqi.run.workshop import Workshop
from tiny import reviews, write_csv


def call(*words, cwd, **options):
    """Run the command line in a process of its own, as a user does."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "duiqi", *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, **options)


def weights_of(folder):
    return hashlib.sha256((folder / "model" / "model.safetensors").read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def aligned(fitted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("aligned")
    os.environ["DUIQI_STATE"] = str(folder / "state")
    rows = write_csv(folder / "rows.csv", 900)
    report = duiqi.align(fitted, rows, out=folder / "out", groups=["region"], threads=1, with_=["reweight"])
    return folder, report


def test_align_writes_a_run_folder_that_others_can_read(aligned):
    folder, report = aligned
    out = folder / "out"
    said = json.loads((out / "report.json").read_text())
    assert said["format"] == "duiqi-report/1"
    assert said["verb"] == "align"
    assert said["verdict"] == report.verdict in ("pass", "fail", "unclear")
    assert {"measures", "gates", "findings", "exhibits", "skipped", "versions", "model", "data"} <= set(said)
    assert "<html" in (out / "report.html").read_text()[:200]
    blanks.compare("classify", said)
    assert not (folder / "out.work").exists()
    measures = load_measures(out / "draws.npz", Catalogue.installed())
    assert {m.name for m in measures} == {m["name"] for m in said["measures"]}
    accuracy = next(m for m in measures if m.name == "accuracy" and m.slice.rule == "all")
    assert accuracy.value == pytest.approx(report.measure("accuracy").value)


def test_the_planted_group_is_found_and_shown_with_rows(aligned):
    _, report = aligned
    south = [finding for finding in report.findings if "south" in finding.slice.rule]
    assert south, [finding.title for finding in report.findings]
    assert all(row["label"] != row["answer"] for finding in south for row in finding.evidence)


def test_the_aligned_model_opens_and_proves_against_itself(aligned):
    folder, _ = aligned
    fresh = write_csv(folder / "fresh.csv", 300, seed=99)
    report = duiqi.prove(folder / "out" / "model", folder / "out" / "model", fresh, groups=["region"], threads=1)
    assert report.verb == "prove"
    assert report.measure("accuracy").value > 0.6


def test_a_test_set_that_was_trained_on_is_refused(aligned):
    folder, _ = aligned
    model = folder / "out" / "model"
    learned = {"all": reviews(600, seed=1)}  # what the model was trained on before it came here
    with pytest.raises(ContaminationError, match=r"600 of 600 rows"):
        duiqi.prove(model, model, learned, threads=1)


def test_diagnose_in_both_languages_and_without_rows(aligned, tmp_path):
    folder, _ = aligned
    fresh = write_csv(tmp_path / "fresh.csv", 300, seed=7)
    duiqi.diagnose(folder / "out" / "model", fresh, out=tmp_path / "zh", lang="zh", rows=False, threads=1)
    said = json.loads((tmp_path / "zh" / "report.json").read_text())
    page = (tmp_path / "zh" / "report.html").read_text()
    assert 'lang="zh' in page
    texts = [line.split(",")[0] for line in fresh.read_text().splitlines()[1:]]
    assert not any(text in page or text in json.dumps(said) for text in texts if len(text) > 20)


def test_repair_tries_what_is_asked_for(aligned, tmp_path):
    folder, _ = aligned
    report = duiqi.repair(
        folder / "out" / "model", write_csv(tmp_path / "more.csv", 400, seed=12), with_=["temperature_scaling"],
        out=tmp_path / "repaired", threads=1,
    )  # fmt: skip
    (trial,) = report.facts["trials"]
    assert [each["name"] for each in trial["remedies"]] == ["temperature_scaling"]
    assert trial["decision"] in ("kept", "dropped", "unclear")
    card = json.loads((tmp_path / "repaired" / "model" / "duiqi.json").read_text())
    kept = trial["decision"] == "kept"
    assert ("temperature" in card["calibration"]) is kept


def test_a_remedy_that_cannot_be_carried_out_is_skipped_with_its_reason(fitted, rows_csv, tmp_path):
    part = tmp_path / "hopeless.py"
    part.write_text(
        """
from duiqi.core.errors import ModelError
from duiqi.core.part import remedy
from duiqi.core.plan import Plan

@remedy(treats=("task_fit",))
def hopeless(case, findings):
    \"\"\"A remedy that finds out on the way that this model is none for it, whatever the rows may be.\"\"\"
    def rows(train):
        raise ModelError("expected a decoder, given an encoder")
    return Plan(data=rows, training={"epochs": 1})
"""
    )
    report = duiqi.repair(fitted, rows_csv, with_=["hopeless"], parts=[part], out=tmp_path / "out", threads=1)
    (trial,) = report.facts["trials"]
    assert (trial["decision"], trial["why"]) == ("skipped", "raised:expected a decoder, given an encoder")
    assert "expected a decoder, given an encoder" in (tmp_path / "out" / "report.html").read_text()


def test_pretraining_comes_before_the_labels_are_learned_again(body, rows_csv, tmp_path, monkeypatch):
    table = lay(rows_csv, {"threads": 1, "options": {"pretrain": {"pretraining_epochs": 2}}}, complete=True)
    task = table.task_for(table.part("train"))
    bench = Bench(table, Workshop.open(tmp_path / "work", {}), task, table.part("train"), table.part("dev"), find(body))
    case = table.case(None, table.part("dev"))
    plan = table.catalogue.find("remedy", "pretrain")(case, (), pretraining_epochs=2)
    made = bench.carry_out(replace(plan, remedies=(("pretrain", {"epochs": 3}),)), find(body), "0-pretrain")
    assert [(step.remedy, step.options) for step in made.lineage] == [
        ("pretrain", {"pretrain": {"epochs": 2, "share": 0.15}}), ("pretrain", {"pretrain": {"epochs": 3}}),
    ]  # fmt: skip
    assert find(str(bench.shop.place("0-pretrain.first"))).task is None
    monkeypatch.setattr("duiqi.model.fit.forecast", lambda *_, **settings: SimpleNamespace(seconds=10.0))
    assert (bench.forecast(plan, find(body)), bench.forecast(replace(plan, first=None), find(body))) == (20.0, 10.0)


def test_an_alignment_says_which_model_it_was_given(aligned, fitted):
    _, report = aligned
    assert report.facts["given"] == str(fitted)
    assert report.facts["before"] is None or "plainly_trained" not in report.facts["before"]


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"data": "no.csv"}, DataError, r"no\.csv"),
        ({"data": "rows.csv", "label": "lable"}, DataError, r"'lable'"),
        ({"model": "nowhere", "data": "rows.csv"}, ModelError, r"nowhere"),
        ({"data": "rows.csv", "options": {"calibrations": {}}}, OptionError, r"'calibrations'"),
        ({"data": "rows.csv", "options": {"calibration": {"bins": "many"}}}, OptionError, r"calibration\.bins"),
        ({"data": "rows.csv", "gates": {"accuracy": {"at_last": 1}}}, OptionError, r"at_last"),
        ({"data": "rows.csv", "threads": 0}, OptionError, r"at least one thread"),
        ({"data": "rows.csv", "speed": 1}, OptionError, r"'speed'"),
    ],
)
def test_bad_arguments_are_told_and_leave_the_output_alone(body, tmp_path, monkeypatch, arguments, error, said):
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "rows.csv", 60)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.json").write_text("{}")
    with pytest.raises(error, match=said) as raised:
        duiqi.align(**{"model": body, "out": tmp_path / "out", **arguments})
    assert raised.value.hint
    assert (tmp_path / "out" / "report.json").read_text() == "{}"


def test_a_folder_with_other_files_is_not_replaced(body, tmp_path, rows_csv):
    out = tmp_path / "precious"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    done = call("align", body, rows_csv, "--out", out, cwd=tmp_path)
    assert done.returncode == 2
    assert "other files" in done.stderr
    assert (out / "thesis.txt").read_text() == "years of work"


def test_the_command_line_says_one_clear_thing(tmp_path, body, rows_csv):
    done = call("align", body, rows_csv, "--label", "lable", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("duiqi: expected")
    assert "hint:" in done.stderr
    assert "label" in done.stderr
    assert done.stdout == ""


def test_unknown_option_in_the_config_file(tmp_path, body, rows_csv):
    (tmp_path / "duiqi.toml").write_text("budgett = 3\n")
    done = call("diagnose", body, rows_csv, cwd=tmp_path)
    assert done.returncode == 2
    assert "'budgett'" in done.stderr
    assert "budget" in done.stderr


def test_json_goes_to_stdout_and_the_exit_code_tells_the_verdict(aligned, tmp_path):
    folder, _ = aligned
    fresh = write_csv(tmp_path / "fresh.csv", 200, seed=5)
    done = call("diagnose", folder / "out" / "model", fresh, "--json", "--threads", "1", cwd=tmp_path)
    said = json.loads(done.stdout)
    assert done.returncode == {"pass": 0, "fail": 1, "unclear": 3}[said["verdict"]]


def test_dry_run_changes_nothing(tmp_path, body, rows_csv):
    before = sorted(tmp_path.rglob("*"))
    done = call("align", body, rows_csv, "--dry-run", cwd=tmp_path)
    said = json.loads(done.stdout)
    assert done.returncode == 0
    assert said["rows"]["train"] > said["rows"]["test"] > 0
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_a_killed_run_ends_with_the_same_model(tmp_path, body):
    rows = write_csv(tmp_path / "rows.csv", 500)
    words = ["align", body, rows, "--group", "region", "--threads", "1", "--quiet"]
    begun = time.monotonic()
    assert call(*words, "--out", "whole", cwd=tmp_path).returncode in (0, 1, 3)
    took = time.monotonic() - begun
    rng = random.Random(5)
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-m", "duiqi", *map(str, words), "--out", "killed"], cwd=tmp_path,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            process.wait(timeout=rng.uniform(0.2, 0.9) * took)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert call(*words, "--out", "killed", cwd=tmp_path).returncode in (0, 1, 3)
    assert weights_of(tmp_path / "killed") == weights_of(tmp_path / "whole")


@pytest.mark.usefixtures("interruptible")
def test_interrupting_leaves_with_130_and_can_go_on(tmp_path, body):
    rows = write_csv(tmp_path / "rows.csv", 3000)
    process = subprocess.Popen(
        [sys.executable, "-m", "duiqi", "align", str(body), str(rows), "--threads", "1"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not (tmp_path / "duiqi-out.work" / "journal.jsonl").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=120)
    assert process.returncode == 130, complaint
    assert "Interrupted" in complaint
    assert "Traceback" not in complaint


def test_an_interrupt_that_is_ignored_stays_ignored(interruptible):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Screen(True, "en") as screen:
        signal.raise_signal(signal.SIGINT)
        screen.progress("fit", 1, 2, {})
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_that_a_library_swallowed_counts_at_the_next_progress():
    before = signal.getsignal(signal.SIGINT)
    with Screen(True, "en") as screen:
        screen.progress("fit", 0, 2, {})
        with contextlib.suppress(KeyboardInterrupt):  # what a library does
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            screen.progress("fit", 1, 2, {})
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_inside_generated_code_leaves_with_130_too(tmp_path):
    (tmp_path / "interrupted.py").write_text(
        "import sys, typer\n"
        "from duiqi.cli import with_errors\n"
        "try:\n"
        "    with_errors(lambda: exec('raise KeyboardInterrupt'))\n"
        "except typer.Exit as left:\n"
        "    sys.exit(left.exit_code)\n"
    )
    done = subprocess.run([sys.executable, "-m", "interrupted"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 130, done.stderr


def test_other_arguments_do_not_go_on_with_begun_work(tmp_path, body, rows_csv):
    (tmp_path / "duiqi-out.work").mkdir()
    (tmp_path / "duiqi-out.work" / "journal.jsonl").write_text(
        json.dumps({"verb": "align", "seed": 1}) + "\n" + json.dumps({"name": "forecast:plain", "said": 1.0}) + "\n"
    )
    done = call("align", body, rows_csv, "--threads", "1", cwd=tmp_path)
    assert done.returncode == 2
    assert "duiqi-out.work" in done.stderr


def test_work_in_which_nothing_was_decided_stands_in_nobodys_way(tmp_path):
    Workshop.open(tmp_path / "out.work", {"seed": 1})
    shop = Workshop.open(tmp_path / "out.work", {"seed": 2})
    assert shop.decide("first", lambda: 3) == 3
    assert Workshop.open(tmp_path / "out.work", {"seed": 2}).decisions == {"first": 3}


@pytest.mark.parametrize(
    "options",
    [
        {"scope": "lorra"},
        {"scope": "lora", "scope_options": {"rnak": 4}},
        {"scope": "lora", "scope_options": {"rank": -3}},
        {"objective": "smooth"},
        {"settings": {"shedule": "linear"}},
    ],
)
def test_options_of_training_are_checked_before_anything_is_begun(fitted, rows_csv, tmp_path, options):
    for verb in (duiqi.align, duiqi.repair):
        with pytest.raises(OptionError) as caught:
            verb(fitted, rows_csv, out=tmp_path / "out", options={"finetune": options}, threads=1)
        assert "()" not in str(caught.value)
    with pytest.raises(PartError, match="fintune"):
        duiqi.align(fitted, rows_csv, out=tmp_path / "out", with_=["fintune"], threads=1)
    assert not (tmp_path / "out.work").exists()


def test_rows_that_were_learned_are_told(aligned):
    folder, _ = aligned
    report = duiqi.diagnose(folder / "out" / "model", {"all": reviews(600, seed=1)}, only=["performance"], threads=1)
    assert report.notes[0] == {"code": "learned_rows", "learned": 600, "rows": 600}


def test_labels_of_which_nearly_all_differ_are_no_classes(body):
    rows = Dataset.of({"text": [f"film {n}" for n in range(40)], "label": [f"film number {n}" for n in range(40)]})
    with pytest.raises(DataError, match=r"expected classes that come again, given 40 .*") as caught:
        lay(rows, {})
    assert "--task generate" in caught.value.hint
    assert lay(rows, {"task": "classify"}).task == "classify"


def test_sources_with_targets_are_texts_to_write_however_few_there_are():
    rows = Dataset.of(
        {"source": ["hi", "bye"] * 20, "target": ["hello", "so long"] * 20}, text="source", label="target"
    )
    assert lay(rows, {}).task == "generate"


def test_a_task_of_ones_own_goes_all_the_way(body, rows_csv, tmp_path):
    part = tmp_path / "polarity.py"
    part.write_text(
        """
from dataclasses import replace
from types import SimpleNamespace
from duiqi.core.part import Catalogue, task

@task()
def polarity(*, labels: tuple[str, ...] = ()):
    \"\"\"The same as classify under a name of its own, as somebody else might bring it.\"\"\"
    return replace(Catalogue.installed().task("classify", labels=labels), name="polarity")
"""
    )
    report = duiqi.align(
        body, rows_csv, task="polarity", parts=[part], out=tmp_path / "out", threads=1, with_=["temperature_scaling"]
    )
    assert report.facts["task"]["name"] == "polarity"
