"""Adapters and other ways to train through the whole loop: what is written stands when the work folder is gone."""

from __future__ import annotations

import numpy as np
import pytest

import duiqi
from duiqi.core.errors import OptionError
from duiqi.model.open import find, open_model
from tiny import reviews, write_csv

LEARNING = {"epochs": 4, "learning_rate": 5e-3}


@pytest.fixture
def aligned(body, tmp_path, monkeypatch):
    monkeypatch.setenv("DUIQI_STATE", str(tmp_path / "state"))

    def go(**finetune):
        rows = write_csv(tmp_path / "rows.csv", wrong=0.0)
        report = duiqi.align(body, rows, out=tmp_path / "out", threads=1, with_=["finetune", "temperature_scaling"],
                             options={"finetune": {**LEARNING, **finetune}})  # fmt: skip
        assert not (tmp_path / "out.work").exists()
        return report, find(tmp_path / "out" / "model")

    return go


@pytest.mark.parametrize(
    ("scope", "leans"),
    [("lora", False), ("adalora", False), ("bottleneck", True), ("prefix", True), ("head", False)],
)
def test_what_a_scope_makes_stands_alone(aligned, scope, leans):
    report, made = aligned(scope=scope)
    (trial, *_) = report.facts["trials"]
    assert not trial["why"].startswith("raised"), trial
    if trial["decision"] == "kept":
        assert (made.adapter is not None) == leans
        assert (made.path / "base").is_dir() == leans
    answers = open_model(made).predict(reviews(40, seed=9), ["probs"]).probs
    assert np.isfinite(answers).all()


def test_other_ways_to_train_are_options(aligned):
    report, _ = aligned(objective="smoothed", objective_options={"share": 0.1},
                        settings={"optimizer": "adafactor", "schedule": "cosine", "average": 0.9})  # fmt: skip
    assert not report.facts["trials"][0]["why"].startswith("raised")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scope": "lara"}, "expected a scope among"),
        ({"scope": "lora", "scope_options": {"ranks": 3}}, "expected options of lora"),
        ({"objective": "vocal"}, "expected an objective among"),
        ({"objective": "focal", "objective_options": {"gamma": 3}}, "expected options of focal"),
        ({"settings": {"optimiser": "sgd"}}, "expected settings among"),
    ],
)
def test_what_is_no_way_to_train_is_told(aligned, options, said):
    """At once: the options hold for the first training, too."""
    with pytest.raises(OptionError, match=said):
        aligned(**options)


def test_plain_fine_tuning_goes_with_remedies_that_change_what_is_lowered():
    from duiqi.core.part import Catalogue

    catalogue = Catalogue.installed()
    plain, adversarial = (catalogue.find("remedy", name)(None, ()) for name in ("finetune", "adversarial_training"))
    assert (plain | adversarial).objective == adversarial.objective
    smoothed = catalogue.find("remedy", "finetune")(None, (), objective="smoothed")
    with pytest.raises(OptionError, match="agree on the objective"):
        smoothed | adversarial
