"""Services through whole runs: what is said of one is what is said of the model behind it, and what it cannot do."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

import duiqi
from duiqi.cli import app
from duiqi.core.dataset import Dataset
from duiqi.core.errors import ModelError
from duiqi.show.html import render
from served import lengths, served
from tiny import write_csv

FEW = ["performance", "calibration", "blind_spots", "robustness"]


@pytest.fixture
def as_service(fitted):
    """The fitted model's answers, as a service gives them."""
    from duiqi.model.open import find, open_model

    model = open_model(find(fitted)).with_dtype("float32")

    def answer(body):
        probs = model.predict(Dataset.of({"text": body["inputs"]}), ["probs"]).probs
        return [[{"label": n, "score": float(p)} for n, p in zip(model.task.labels, row, strict=True)] for row in probs]

    return answer


def told(report):
    return {(each.name, each.slice.rule): each.value for each in report.measures}


def test_a_service_is_told_what_its_model_is_told(fitted, as_service, tmp_path):
    rows = write_csv(tmp_path / "rows.csv", 200, seed=5)
    own = duiqi.diagnose(fitted, rows, only=FEW, threads=1)
    with served(as_service) as there:
        report = duiqi.diagnose(there.url, rows, only=FEW, threads=1)
        assert len(there.texts) == len(set(there.texts))
    assert told(report).keys() == told(own).keys()
    for name, value in told(own).items():
        assert told(report)[name] == pytest.approx(value, abs=0.02), name
    model = report.facts["model"]
    assert (model["name"], model["path"]) == (there.url, None)


def test_two_versions_of_a_service_are_proven_and_nobody_knows_what_they_learned(as_service, tmp_path):
    rows = write_csv(tmp_path / "rows.csv", 300, seed=6)

    def worse(body):
        return [
            [{**each, "score": 1 - each["score"]} for each in row] if "a" in text[:3] else row
            for text, row in zip(body["inputs"], as_service(body), strict=True)
        ]

    with served(as_service) as new, served(worse) as old:
        report = duiqi.prove(old.url, new.url, rows, only=["performance"], threads=1)
    codes = [note for note in report.notes if note["code"] == "unknown_lineage"]
    assert [note["model"] for note in codes] == [old.url, new.url]
    (promise,) = [each for each in report.rulings if each.gate.measure == "accuracy"]
    assert promise.verdict == "pass"
    assert promise.held.judged.interval.low > 0  # the change between the two, row by row


def test_a_service_is_explained_by_asking_it():
    with served(lambda body: [lengths(text) for text in body["inputs"]]) as there:
        report = duiqi.explain(there.url, "the big red house on the table", method=["occlusion"], threads=1)
    (explanation,) = report.facts["explanations"]
    assert explanation["answer"] == "long"
    (by,) = explanation["methods"]
    assert len(by["weights"]) == 7
    assert min(by["weights"]) > 0  # each word makes the text longer


def test_what_is_kept_of_two_days_is_held_against_each_other(as_service, tmp_path):
    """One address, another model behind it: files of answers tell them apart."""
    rows, today = write_csv(tmp_path / "rows.csv", 200, seed=6), [as_service]

    def turned(body):
        return [[{**each, "score": 1 - each["score"]} for each in row] for row in as_service(body)]

    with served(lambda body: today[0](body)) as there:
        for day, today[0] in (("old", turned), ("new", as_service)):
            duiqi.diagnose(f"{there.url}#keep={tmp_path / day}", rows, only=["performance"], threads=1)
        asked = len(there.texts)
        kept = [f"{there.url}#keep={tmp_path / day}" for day in ("old", "new")]
        report = duiqi.prove(*kept, rows, only=["performance"], threads=1)
        assert len(there.texts) == asked + 4  # only what is asked to learn how it speaks
    (promise,) = [each for each in report.rulings if each.gate.measure == "accuracy"]
    assert promise.held.judged.interval.low > 0.2


def test_no_report_message_or_plan_holds_what_an_address_keeps_secret(as_service, rows_csv, tmp_path):
    with served(as_service) as there:
        secret = there.url.replace("http://", "http://me:pa55@") + "?key=t0ken"
        reports = [
            duiqi.diagnose(secret, rows_csv, only=["performance"], threads=1, out=tmp_path / "a"),
            duiqi.prove(secret, secret, rows_csv, only=["performance"], threads=1, out=tmp_path / "b"),
            duiqi.explain(secret, "a good one", method=["occlusion"], threads=1, out=tmp_path / "c"),
        ]
        moves = (("", "--dry-run"), ("#workers=0", "--quiet"), ("#nothing=1", "--quiet"))
        said = [
            CliRunner().invoke(app, ["diagnose", secret + more, str(rows_csv), flag]).output for more, flag in moves
        ]
    said += [file.read_text() for file in tmp_path.glob("*/report.*")] + [str(each.to_json()) for each in reports]
    assert len(said) >= 3 + 6
    assert not [text for text in said if "pa55" in text or "t0ken" in text]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_report_names_no_command_that_a_service_cannot_do(lang, rows_csv):
    def wrong(body):  # always sure of the same answer
        return [[{"label": "positive", "score": 0.99}, {"label": "negative", "score": 0.01}] for _ in body["inputs"]]

    with served(wrong) as there:
        report = duiqi.diagnose(there.url, rows_csv, only=["performance", "calibration"], threads=1)
    assert report.findings
    page = render(report.to_json(), lang=lang)
    assert "duiqi align MODEL" in page
    assert f"align {there.url}" not in page
    assert f"repair {there.url}" not in page


@pytest.mark.parametrize("verb", ["align", "repair"])
def test_a_service_cannot_be_trained(verb, rows_csv, tmp_path):
    with pytest.raises(ModelError, match="whose weights are at hand, given the service http://127"):
        getattr(duiqi, verb)("http://127.0.0.1:9/predict", rows_csv, out=tmp_path / "out")


def test_on_the_command_line_one_that_is_not_there_is_told_in_one_message(rows_csv, monkeypatch):
    monkeypatch.setattr("duiqi.model.line.FIRST_WAIT", 0.01)
    with served(lambda body: 1) as there:
        url = there.url
    ended = CliRunner().invoke(app, ["diagnose", f"{url}#tries=2", str(rows_csv), "--quiet"])
    assert ended.exit_code == 2
    assert "ConnectError" in ended.stderr
    assert "after 2 tries" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_dry_run_sends_nothing(rows_csv):
    with served(lambda body: 1) as there:
        ended = CliRunner().invoke(app, ["diagnose", there.url, str(rows_csv), "--dry-run"])
        assert ended.exit_code == 0
        assert not there.requests


def test_a_service_that_writes_is_asked_for_texts(tmp_path):
    import json

    rows = [{"source": f"say {word}", "target": f"{word} and {word}"} for word in ("tea", "milk", "rice", "fish") * 6]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(json.dumps(each) for each in rows), encoding="utf-8")

    def answer(body):
        word = body["messages"][-1]["content"].split()[-1]
        return {"choices": [{"message": {"content": f"{word} and {word}"}}]}

    with served(answer) as there:
        url = there.url.replace("/predict", "/v1#model=m")
        report = duiqi.diagnose(url, file, only=["performance"], threads=1)
        assert len(there.requests) == 4
    values = {each.name: each.value for each in report.measures}
    assert values["rouge_l"] == 1.0
    assert np.isfinite(values["chrf"])


def test_a_chat_service_is_not_taken_for_one_that_names_classes(rows_csv):
    with pytest.raises(ModelError, match="expected a service for classify, as the rows ask for"):
        duiqi.diagnose("http://127.0.0.1:9/v1#model=m", rows_csv)


def test_model_and_rows_the_wrong_way_round(rows_csv):
    ended = CliRunner().invoke(app, ["diagnose", str(rows_csv), "http://127.0.0.1:9/predict"])
    assert ended.exit_code == 2
    assert "The model comes first" in ended.stderr


# Answers in a file


@pytest.fixture
def answers(fitted, rows_csv, tmp_path):
    """The fitted model's answers to the rows of a file, as a table of classes and one of probabilities."""
    from duiqi.data.read import read
    from duiqi.model.open import find, open_model

    model, (rows,) = open_model(find(fitted)), read(rows_csv).values()
    probs = model.predict(rows, ["probs"]).probs
    labels = model.task.labels
    named, likely = tmp_path / "named.csv", tmp_path / "likely.csv"
    named.write_text("prediction\n" + "\n".join(labels[row.argmax()] for row in probs) + "\n")
    head = ",".join(f"prob_{label}" for label in labels)
    likely.write_text(head + "\n" + "\n".join(",".join(f"{each:.6f}" for each in row) for row in probs) + "\n")
    return named, likely


def test_recorded_answers_are_told_what_their_model_is_told(fitted, answers, rows_csv):
    own = told(duiqi.diagnose(fitted, rows_csv, only=["performance", "calibration", "blind_spots"], threads=1))
    named, likely = (told(duiqi.diagnose(each, rows_csv, threads=1)) for each in answers)
    for name, value in own.items():
        if not name[0].startswith(("accuracy_difference[tfidf]", "accuracy_difference[majority]")):
            assert likely[name] == pytest.approx(value, abs=1e-4), name
    assert named["accuracy", "all"] == own["accuracy", "all"]
    assert ("log_loss", "all") in likely
    assert not {"log_loss", "calibration_error", "auroc"} & {name for name, _ in named}


def test_two_files_of_answers_are_held_against_each_other(answers, rows_csv):
    report = duiqi.prove(*answers, rows_csv, only=["performance"], threads=1)
    (promise,) = [each for each in report.rulings if each.gate.measure == "accuracy"]
    assert promise.held.judged.value == 0  # both say the same


@pytest.mark.parametrize("verb", ["align", "explain"])
def test_answers_in_a_file_can_be_neither_trained_nor_explained(verb, answers, rows_csv):
    with pytest.raises(ModelError, match="given the file") as raised:
        getattr(duiqi, verb)(answers[0], rows_csv)
    assert "neither trained nor explained" in raised.value.hint


def test_on_the_command_line_answers_to_other_rows_are_told(answers, rows_csv, tmp_path):
    short = tmp_path / "short.csv"
    short.write_text("".join(answers[0].read_text().splitlines(keepends=True)[:-1]))
    ended = CliRunner().invoke(app, ["diagnose", str(short), str(rows_csv), "--quiet"])
    assert ended.exit_code == 2
    assert "an answer to each of" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(("lang", "said"), [("en", "Nothing was held against a bound"), ("zh", "没有任何指标设了门槛")])
def test_what_no_bound_is_set_for_is_told_and_neither_passes_nor_fails(lang, said, answers, rows_csv):
    ended = CliRunner().invoke(
        app, ["diagnose", str(answers[0]), str(rows_csv), "--only", "performance", "--lang", lang]
    )
    assert ended.exit_code == 3
    assert said in ended.output
    assert "--gates gates.toml" in ended.output
    assert "accuracy = {at_least = 0.9}" in ended.output
