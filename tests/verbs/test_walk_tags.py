"""The whole walk with a tag for every word: found, repaired, proven, and shown in both languages."""

from __future__ import annotations

import json

import numpy as np
import pytest

import duiqi
from duiqi.core.errors import DataError, ModelError, OptionError
from duiqi.show.html import render

PLACES = ("the plot", "the scene", "the film")


def write_rows(path, n, seed=0, *, wrong="south"):
    """Sentences with a thing after "the"; in one region half of the things have no tag."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        region = str(rng.choice(["north", "south", "east"]))
        words, tags = [], []
        for _ in range(int(rng.integers(2, 6))):
            if rng.random() < 0.5:
                first, second = str(rng.choice(PLACES)).split()
                words += [first, second]
                tags += ["O", "O" if region == wrong and rng.random() < 0.6 else "B-THING"]
            else:
                words.append(str(rng.choice(["was", "it", "very", "good", "quite"])))
                tags.append("O")
        rows.append({"tokens": words, "tags": tags, "region": region})
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def aligned(body, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tagging")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUIQI_STATE", str(folder / "state"))
        rows = write_rows(folder / "rows.jsonl", 900)
        options = {"finetune": {}, "augment": {"edits": ("typos",)}}
        report = duiqi.align(
            body, rows, groups=["region"], out=folder / "out", threads=1, options=options,
            with_=["reweight", "augment", "adversarial_training", "temperature_scaling"],
        )  # fmt: skip
    return folder, report, json.loads((folder / "out" / "report.json").read_text(encoding="utf-8"))


def test_the_group_without_tags_is_found(aligned):
    _, report, _ = aligned
    assert report.facts["task"]["name"] == "tag"
    south = [finding for finding in report.findings if "south" in finding.slice.rule]
    assert {finding.kind for finding in south} >= {"unfairness"}
    assert all(row["label"] != row["answer"] for finding in south for row in finding.evidence)


def test_every_probe_and_remedy_ran(aligned):
    _, report, said = aligned
    without = ["imbalance", "label_shift", "spurious_cue", "unfaithfulness", "unlabelled_accuracy"]
    assert [each["probe"] for each in said["skipped"]] == without
    tried = [trial["remedies"][0]["name"] for trial in said["trials"] if trial["decision"] != "skipped"]
    assert tried == ["reweight", "augment", "adversarial_training", "temperature_scaling"]
    assert any(m.name == "span_f1_difference[typos]" for m in report.measures)


def test_the_model_goes_on_by_itself(aligned, monkeypatch):
    folder, _, _ = aligned
    monkeypatch.setenv("DUIQI_STATE", str(folder / "state"))
    fresh = write_rows(folder / "fresh.jsonl", 200, seed=8, wrong="")
    report = duiqi.diagnose(folder / "out" / "model", fresh, groups=["region"], threads=1)
    assert report.measure("span_f1").value > 0.5
    other = varied(folder / "other.jsonl", {"tokens": ["a", "b"], "tags": ["B-OTHER", "O"]})
    with pytest.raises(ModelError, match="expected labels that the model"):
        duiqi.align(folder / "out" / "model", other, out=folder / "no", threads=1)


def varied(path, row, n=200):
    """So many rows that differ from each other in both words."""
    words = np.random.default_rng(0).integers(0, 10**9, (n, 2))
    rows = [{**row, "tokens": [f"{row['tokens'][0]}{a}", f"{row['tokens'][1]}{b}"]} for a, b in words.tolist()]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_a_model_for_classes_is_none_for_tags(fitted, tmp_path):
    rows = write_rows(tmp_path / "rows.jsonl", 200)
    with pytest.raises(ModelError, match=r"expected a model for tag, as the rows ask for, given .* made for classify"):
        duiqi.diagnose(fitted, rows, threads=1)
    with pytest.raises(DataError, match="expected one class a row in column 'tags'"):
        duiqi.align(fitted, rows, task="classify", out=tmp_path / "out", threads=1)


def test_a_head_that_is_none_is_told(body, tmp_path):
    with pytest.raises(OptionError, match=r"expected a head among token_classification, crf, bilstm_crf, given 'cfr'"):
        duiqi.align(
            body, write_rows(tmp_path / "rows.jsonl", 200), out=tmp_path / "out", options={"tag": {"head": "cfr"}}
        )


def test_the_head_is_the_users_choice_and_stays_the_models(body, tmp_path):
    rows = write_rows(tmp_path / "rows.jsonl", 400)
    duiqi.align(body, rows, out=tmp_path / "out", threads=1, with_=["temperature_scaling"],
                options={"tag": {"head": "bilstm_crf"}})  # fmt: skip
    assert (tmp_path / "out" / "model" / "head.safetensors").exists()
    said = json.loads((tmp_path / "out" / "model" / "duiqi.json").read_text())
    assert said["task"]["options"]["head"] == "bilstm_crf"
    report = duiqi.diagnose(tmp_path / "out" / "model", rows, threads=1, options={"tag": {"head": "crf"}})
    assert report.facts["task"]["options"]["head"] == "bilstm_crf"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page_speaks_of_spans(aligned, lang):
    _, _, said = aligned
    page = render(said, lang=lang)
    assert {"en": "F1 of spans", "zh": "片段 F1"}[lang].lower() in page.lower()
    assert "span_f1" not in page.replace("span_f1_", "")
    assert "{" not in page.split("<body")[1].split("<style")[0].replace("{}", "")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"tokens": ["a", "b"], "tags": ["O"]}, "expected a tag for each of the 2 words"),
        ({"tokens": ["a", "b"], "tags": ["O", "X"]}, "expected tags of BIO or BIOES, given 'X'"),
        ({"tokens": ["a", "b"], "tags": ["O", "O"]}, "expected at least one span"),
    ],
)
def test_bad_tags_are_told(body, tmp_path, row, said):
    rows = varied(tmp_path / "rows.jsonl", row)
    with pytest.raises(DataError, match=said):
        duiqi.align(body, rows, out=tmp_path / "out", threads=1)
    assert not (tmp_path / "out").exists()
