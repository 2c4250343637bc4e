"""Optimisers, schedules, paces and averages: each does what its name says, learns, and resumes exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from duiqi.core.bundle import Step
from duiqi.core.errors import OptionError
from duiqi.model import fit as fit_module
from duiqi.model.fit import fit
from duiqi.model.open import find, open_model
from duiqi.model.optimise import Average, Settings, parameter_groups, rate
from duiqi.model.scope import head, prompt
from tiny import reviews


class Stop(Exception):
    """What the tests interrupt a fit with."""


@pytest.fixture
def run(body, task, tmp_path):
    def go(name="out", **more):
        options = {"batch_rows": 16, "epochs": 2, **more}
        made = fit(
            find(body),
            options.pop("data", reviews(96)),
            task=task,
            out=tmp_path / name,
            step=Step("finetune"),
            **options,
        )
        return made, load_file(tmp_path / name / "model.safetensors")

    return go


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
def test_schedules_rise_to_the_peak_and_end_where_they_should(schedule):
    settings = Settings(warmup=0.1, schedule=schedule)
    rates = np.array([rate(step, 1000, settings, 2.0) for step in range(1000)])
    assert rates.max() == pytest.approx(2.0)
    assert (np.diff(rates[:100]) > 0).all()
    middle = rates[550]
    assert middle == pytest.approx({"linear": 1.0, "cosine": 1.0, "constant": 2.0}[schedule], abs=0.01)
    assert rates[-1] == pytest.approx(2.0 if schedule == "constant" else 0.0, abs=0.01)
    if schedule == "cosine":  # it stays near the peak longer than a line, and near 0
        assert rates[325] > 2.0 * 0.76
        assert rates[775] < 2.0 * 0.24


def test_deeper_layers_are_slower(body, task):
    net = open_model(find(body), task).net
    net.requires_grad_(True)
    pace = {}
    names = {id(p): name for name, p in net.named_parameters()}
    for group in parameter_groups(net, Settings(layer_decay=0.5)):
        for p in group["params"]:
            pace[names[id(p)]] = group["pace"]
    assert pace["classifier.weight"] == pace["bert.pooler.dense.weight"] == 1.0
    assert pace["bert.encoder.layer.1.output.dense.bias"] == 0.5
    assert pace["bert.encoder.layer.0.output.dense.bias"] == 0.25
    assert pace["bert.embeddings.word_embeddings.weight"] == 0.125
    assert len(pace) == len(names)


def test_prompts_are_swifter_than_the_head_above_them(body, task):
    net, scope = open_model(find(body), task).net, prompt(4)
    scope.attach(net)
    scope.apply(net)
    names = {id(p): name for name, p in net.named_parameters()}
    pace = {names[id(p)]: group["pace"] for group in parameter_groups(net, Settings(), scope.swiftness)
            for p in group["params"]}  # fmt: skip
    assert pace["bert.prompt.vectors"] == 10.0
    assert pace["classifier.weight"] == pace["bert.pooler.dense.weight"] == 1.0


def test_a_first_step_of_adamw_is_as_long_as_the_pace_says(run, body):
    """Adam's first step is the rate itself, whatever the gradient is."""
    _, after = run(layer_decay=0.1, epochs=1, batch_rows=96, learning_rate=1e-3, weight_decay=0.0, dev=None)
    before = load_file(body / "model.safetensors")

    def moved(name):
        return float((after[f"bert.{name}"] - before[name]).abs().median())

    steps = [moved(f"encoder.layer.{i}.output.dense.weight") for i in (0, 1)]
    assert steps[1] / steps[0] == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize(("optimizer", "peak"), [("adamw", 1e-3), ("adafactor", 1e-3)])
def test_every_optimiser_learns(run, optimizer, peak):
    made, _ = run(optimizer=optimizer, learning_rate=peak, data=reviews(240), epochs=8, batch_rows=8, layer_decay=0.9)
    model, rows = open_model(made), reviews(200, seed=9)
    assert (model.predict(rows, ["probs"]).label == model.task.read_truth(rows)).mean() > 0.9


def test_plain_descent_follows_the_clipped_gradient(body, task):
    settings = {"optimizer": "sgd", "learning_rate": 0.5, "warmup": 0.0, "weight_decay": 0.0, "clip": 0.01}
    job = fit_module._job(find(body), reviews(16), task, None, None, 0, None, "cpu", settings)
    with fit_module._private_state(0):
        run = fit_module.Run.start(job)
        run.net.eval()
        run.backward(np.arange(16), 16)
        slopes = {name: p.grad.clone() for name, p in run._weights().items()}
        before = {name: p.detach().clone() for name, p in run._weights().items()}
        run.optimizer.zero_grad()
        run._step([np.arange(16)])
    length = torch.stack([each.norm() for each in slopes.values()]).norm()
    assert length > 0.01
    for name, p in run._weights().items():
        assert torch.allclose(p, before[name] - 0.5 * slopes[name] * 0.01 / length, atol=1e-6), name


def test_the_average_is_that_of_the_formula():
    weights = {"w": torch.tensor([1.0])}
    average = Average(0.5, weights)
    expected = 1.0
    for step in range(1, 8):
        weights["w"] = torch.tensor([float(step)])
        average.add(weights)
        keep = min(0.5, (1 + step) / (10 + step))
        expected = keep * expected + (1 - keep) * step
    assert float(average.kept["w"]) == pytest.approx(expected)
    average.swap(weights)
    assert float(weights["w"]) == pytest.approx(expected)
    assert float(average.kept["w"]) == 7.0


def test_what_is_kept_is_the_average(run):
    """With a pace near 1 and few steps, the average stays near where it began."""
    options = {"optimizer": "sgd", "schedule": "constant", "weight_decay": 0.0, "scope": head(), "epochs": 1}
    one, two = ({"batch_rows": rows, "warmup": 0.0, "learning_rate": 0.1} for rows in (96, 48))
    (_, start), (_, first), (_, second), (_, averaged) = (
        run("a", **options, **{**one, "learning_rate": 1e-12}), run("b", **options, **one),
        run("c", **options, **two), run("d", **options, **two, average=0.999),
    )  # fmt: skip
    assert not torch.equal(first["classifier.bias"], second["classifier.bias"])
    moved, kept = (each["classifier.weight"] - start["classifier.weight"] for each in (second, averaged))
    assert kept.norm() > 0
    assert float((kept * moved).sum() / (kept.norm() * moved.norm())) > 0.8  # the same way,
    assert kept.norm() < 0.98 * moved.norm()  # but not as far


def test_dev_measures_the_average(run):
    made, _ = run(average=0.9, dev=reviews(48, seed=3), data=reviews(240), epochs=8, batch_rows=8, learning_rate=1e-3)
    model, rows = open_model(made), reviews(200, seed=9)
    assert (model.predict(rows, ["probs"]).label == model.task.read_truth(rows)).mean() > 0.9


def test_checkpointed_activations_give_the_same_gradients(body, task):
    gradients = []
    for checkpointing in (False, True):
        job = fit_module._job(
            find(body), reviews(16), task, None, None, 0, None, "cpu", {"gradient_checkpointing": checkpointing}
        )
        with fit_module._private_state(0):
            run = fit_module.Run.start(job)
            run.backward(np.arange(16), 16)
            gradients.append({n: p.grad.clone() for n, p in run.model.net.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    assert all(torch.allclose(gradients[0][name], gradients[1][name], atol=1e-6) for name in gradients[0])


@pytest.mark.parametrize(
    "more",
    [
        {"optimizer": "sgd", "schedule": "cosine", "layer_decay": 0.8},
        {"optimizer": "adafactor", "gradient_checkpointing": True},
        {"average": 0.9, "dev": reviews(24, seed=3)},
        {"average": 0.99, "scope": head()},
    ],
)
def test_an_interrupted_fit_ends_with_the_same_bits(run, tmp_path, more):
    options = {**more, "checkpoint_seconds": 0.0}
    _, whole = run("whole", **options)

    def interrupt(done, total, facts):
        if done == 8:
            raise Stop

    with pytest.raises(Stop):
        run("parts", work=tmp_path / "work", progress=interrupt, **options)
    _, parts = run("parts", work=tmp_path / "work", **options)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


@pytest.mark.parametrize(
    "wrong", [{"optimizer": "adam"}, {"schedule": "line"}, {"layer_decay": 0.0}, {"average": 1.0}, {"layer_decay": 1.1}]
)
def test_settings_that_cannot_be(wrong):
    with pytest.raises(OptionError):
        Settings(**wrong)
