"""The whole walk for every task with an answer a row: rows are read, the task is guessed, floors, slices, groups and
edits are examined, remedies tried, the proof made, and the page written. And the saved model answers the same."""

from __future__ import annotations

import json

import numpy as np
import pytest

import duiqi
from duiqi.core.case import Case
from duiqi.core.errors import DataError
from duiqi.data.read import read
from duiqi.model.open import find, open_model
from duiqi.show.html import render
from tiny import BAD, FILLER, GOOD


def texts(rng, word):
    words = [str(each) for each in rng.choice(FILLER, size=rng.integers(3, 8))]
    words.insert(int(rng.integers(len(words))), word)
    return " ".join(words)


def pair(rng, good):
    """The second text decides: what a body of two layers can learn in a second."""
    return {"text": texts(rng, str(rng.choice(GOOD + BAD))),
            "text_pair": texts(rng, str(rng.choice(GOOD if good else BAD))),
            "label": "agrees" if good else "denies"}  # fmt: skip


def multilabel(rng, good):
    bad = bool(rng.integers(2))
    said = [*(["praise"] if good else []), *(["blame"] if bad else [])]
    words = [str(rng.choice(GOOD))] * good + [str(rng.choice(BAD))] * bad
    return {"text": texts(rng, " ".join(words) or "it"), "label": said}


def regress(rng, good):
    return {"text": texts(rng, str(rng.choice(GOOD if good else BAD))), "label": float(50 * good + rng.normal(0, 5))}


def choose(rng, good):
    """The choice that praises is right."""
    choices = [texts(rng, str(rng.choice(BAD))) for _ in range(int(rng.integers(2, 4)))]
    right = int(good)
    choices[right] = texts(rng, str(rng.choice(GOOD)))
    return {"question": texts(rng, "it"), "choices": choices, "label": right}


def relation(rng, good):
    """What stands before "was" and between the parts tells which way round."""
    return {"sentence": f"<e1>plot</e1> {rng.choice(GOOD if good else BAD)} {texts(rng, 'it')} <e2>scene</e2>",
            "label": "praises(e1,e2)" if good else "blames(e1,e2)"}  # fmt: skip


def extract(rng, good):
    """The one word that judges is the answer."""
    context = texts(rng, str(rng.choice(GOOD if good else BAD)))
    words = context.split()
    answers = [{"text": word, "start": context.index(word)} for word in words if word in GOOD + BAD]
    wrong = next(word for word in words if word not in GOOD + BAD)
    return {"question": texts(rng, "it"), "context": context, "answers": answers,
            "turned": [{"text": wrong, "start": context.index(wrong)}]}  # fmt: skip


def rank(rng, good):
    """What belongs together has its three words in common, in another order."""
    words = [str(each) for each in rng.choice([*FILLER, *GOOD, *BAD], size=3, replace=False)]
    other = [str(each) for each in rng.choice([*FILLER, *GOOD, *BAD], size=3, replace=False)]
    return {"text": " ".join(words), "label": " ".join(words[::-1]), "turned": " ".join(other)}


def generate(rng, good):
    """One of two verdicts, in words."""
    verdict = {True: "the film was fine", False: "it was a poor plot"}
    return {"source": texts(rng, str(rng.choice(GOOD if good else BAD))), "target": verdict[good],
            "turned": verdict[not good]}  # fmt: skip


MAKERS = {"classify_pair": pair, "multilabel": multilabel, "regress": regress, "choose": choose, "relation": relation,
          "extract": extract, "rank": rank,
          "generate": generate, "generate with a decoder": generate}  # fmt: skip
NAMED = ("rank", "generate")  # tasks that rows of two texts do not speak of by themselves


def named(task):
    """What a task must be told that its rows do not say."""
    name = task.split()[0]
    return {"task": name} if name in NAMED else {}


def write_rows(path, make, n, seed=0):
    """Rows from three regions; in the south a share of the truths is turned round."""
    rng = np.random.default_rng(seed)
    rows = []
    for at in range(n):
        region = str(rng.choice(["north", "south", "east"]))
        good = bool(rng.integers(2))
        row = make(rng, good)
        label = next(name for name in ("answers", "target", "label") if name in row)
        turned = row.pop("turned", None) or make(rng, not good)[label]
        if region == "south" and rng.random() < 0.45:
            row = {**row, label: turned}
        rows.append({**row, "region": region, "id": f"r{at}"})
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


@pytest.fixture(scope="module", params=MAKERS)
def walked(request, body, decoder, encoder_decoder, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param.replace(" ", "_"))
    model = {"generate": encoder_decoder, "generate with a decoder": decoder}.get(request.param, body)
    epochs = 5 if model is body else 12
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUIQI_STATE", str(folder / "state"))
        rows = write_rows(folder / "rows.jsonl", MAKERS[request.param], 900)
        report = duiqi.align(
            model, rows, groups=["region"], out=folder / "out", threads=1, **named(request.param),
            with_=["finetune", "reweight", "adversarial_training", "augment"],
            options={"finetune": {"epochs": epochs, "learning_rate": 3e-3}, "reweight": {"epochs": 1}},
        )  # fmt: skip
    return request.param, folder, report, json.loads((folder / "out" / "report.json").read_text(encoding="utf-8"))


def test_the_task_is_guessed_and_the_whole_loop_ran(walked):
    name, _, report, said = walked
    assert report.facts["task"]["name"] == name.split()[0]
    primary = report.facts["task"]["primary"]
    measures = {measure.name for measure in report.measures}
    floor = {"extract": "commonest", "rank": "popularity", "generate": "commonest"}.get(name.split()[0], "majority")
    assert {primary, f"{primary}_difference[{floor}]", f"{primary}_gap[region]"} <= measures
    cheap = {"extract": "sentence", "rank": "cosine"}.get(name, floor)
    assert f"{primary}_difference[{cheap}]" in {gate["measure"] for gate in said["gates"]}
    assert {f"{primary}_difference[{edit}]" for edit in ("typos", "casing", "punctuation", "whitespace")} <= measures
    classes = name in ("classify_pair", "relation")
    without = {"unlabelled_accuracy"} | (set() if classes else {"imbalance", "label_shift", "spurious_cue"})
    without |= set() if classes or name in ("multilabel", "regress") else {"identity_bias"}
    without |= set() if classes or name in ("multilabel", "choose", "extract") else {"calibration"}
    without |= set() if name.startswith("generate") else {"unfaithfulness"}
    without |= set() if classes or name == "multilabel" else {"label_noise"}
    assert {each["probe"] for each in said["skipped"]} == without
    assert not [each for each in said["skipped"] if each["why"] == "raised"]
    tried = {trial["remedies"][0]["name"]: trial["decision"] for trial in said["trials"]}
    assert not any(trial["why"].startswith("raised") for trial in said["trials"]), said["trials"]
    assert list(tried) == ["finetune", "reweight", "adversarial_training", "augment"]
    skipped = [each["why"] for each in said["trials"] if each["decision"] == "skipped"]
    assert set(skipped) <= {"already_repaired"}
    knew_nothing = any(note["code"] == "knew_nothing" for note in said["notes"])
    assert knew_nothing == name.startswith("generate") or name == "rank"  # whether random vectors rank is chance


def test_what_was_planted_is_found(walked, monkeypatch):
    name, folder, _, _ = walked
    monkeypatch.setenv("DUIQI_STATE", str(folder / "state"))
    rows = write_rows(folder / "field.jsonl", MAKERS[name], 600, seed=3)
    report = duiqi.diagnose(folder / "out" / "model", rows, groups=["region"], threads=1, **named(name))
    south = [finding for finding in report.findings if "south" in finding.slice.rule]
    assert south, [finding.title for finding in report.findings]
    unsure = name.split()[0] in ("regress", "rank", "generate")  # no confidence is told where there is none
    assert all((row["confidence"] is None) == unsure for finding in south for row in finding.evidence)
    if name != "regress":
        assert all(row["label"] != row["answer"] for finding in south for row in finding.evidence)


def test_it_learned_and_what_is_saved_answers_the_same(walked):
    name, folder, _, _ = walked
    clean = write_rows(folder / "clean.jsonl", lambda rng, good: MAKERS[name](rng, good), 240, seed=5)
    data = read(clean, groups=["region"])["all"]
    data = data.take(data.group("region") != "south")
    first, again = (open_model(find(str(folder / "out" / "model"))).with_dtype("float32") for _ in range(2))
    case = Case(first, data)
    assert first.task.name == name.split()[0]
    assert case.measure(first.task.row_metric).value > (0.75 if name == "multilabel" else 0.8)
    one, other = case.guess.answers, Case(again, data).guess.answers
    assert np.array_equal(one, other)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page_is_whole(walked, lang):
    _, _, _, said = walked
    page = render(said, lang=lang)
    primary = said["task"]["primary"]
    if "_" in primary:
        assert primary not in page.replace(f"{primary}_", "")
    assert "{" not in page.split("<body")[1].split("<style")[0].replace("{}", "")


def broken(path, **columns):
    rows = [{"text": f"the plot {i}", **{k: v(i) if callable(v) else v for k, v in columns.items()}} for i in range(60)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("task", "columns", "said"),
    [
        ("regress", {"label": "many"}, "expected a number in column 'label'"),
        ("regress", {"label": 1.5}, "expected at least two different numbers"),
        ("multilabel", {"label": lambda i: "ab"[i % 2]}, "expected a list of labels a row"),
        ("choose", {"choices": [["a", "b"]][0], "label": 2}, "expected a place among the 2 choices"),
        ("choose", {"choices": ["a"], "label": 0}, "expected a list of at least two choices"),
        ("relation", {"spans": [[0, 3], [2, 5]], "label": lambda i: "ab"[i % 2]}, "expected two spans"),
        ("relation", {"spans": [[0, 3], [4, 500]], "label": lambda i: "ab"[i % 2]}, "expected two spans"),
        ("classify", {"label": lambda i: ["a"]}, "expected one class a row"),
        ("extract", {"context": "it was", "answers": [{"text": "was", "start": 2}]}, "expected every answer in its"),
        ("extract", {"context": "it was", "answers": [{"text": "was", "start": "3"}]}, "expected answers as"),
        ("extract", {"context": "it was", "label": lambda i: "ab"[i % 2]}, "expected lists of answers"),
        ("rank", {"label": 7.5}, "expected a text, or a list of texts"),
    ],
)
def test_bad_rows_are_told(body, tmp_path, task, columns, said):
    with pytest.raises(DataError, match=said):
        duiqi.align(body, broken(tmp_path / "rows.jsonl", **columns), task=task, out=tmp_path / "out", threads=1)
    assert not (tmp_path / "out").exists()
