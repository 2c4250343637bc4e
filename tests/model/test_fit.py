"""Training: it learns, it weighs rows, it holds what is to be held, it names bad rows, and it resumes exactly."""

from __future__ import annotations

import shutil
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from duiqi.core.bundle import Step
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, OptionError, ResumeError, TrainingError
from duiqi.core.part import Catalogue
from duiqi.model import fit as fit_module
from duiqi.model.export import recalibrated
from duiqi.model.fit import fit, forecast
from duiqi.model.heads import SequenceClassification
from duiqi.model.objective import Likelihood, adversarial, likelihood
from duiqi.model.open import find, open_model
from duiqi.model.optimise import Settings, batch_for, rate, warmup_steps
from duiqi.model.scope import full, head, top_layers
from duiqi.model.tokens import collate, encode, grouped
from tiny import reviews

FAST = {"learning_rate": 3e-3, "batch_rows": 16, "epochs": 3}


class Stop(Exception):
    """What the tests interrupt a fit with."""


def weights(folder):
    return load_file(folder / "model.safetensors")


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture
def run(body, task, tmp_path):
    """`fit` of the tiny body with short arguments; gives the bundle."""

    def go(name="out", data=None, bundle=None, **more):
        rows = reviews(96) if data is None else data
        options = {**FAST, **more}
        return fit(bundle or find(body), rows, task=task, out=tmp_path / name, step=Step("finetune"), **options)

    return go


def accuracy(bundle, rows):
    model = open_model(bundle)
    return (model.predict(rows, ["probs"]).label == model.task.read_truth(rows)).mean()


@pytest.mark.parametrize("objective", [likelihood(), likelihood() + 0.5 * adversarial(0.1)])
def test_it_learns_what_can_be_learned(run, objective):
    test = reviews(200, seed=9)
    made = run(data=reviews(240), epochs=8, batch_rows=8, learning_rate=1e-3, objective=objective)
    assert accuracy(made, test) > 0.95
    assert [step.remedy for step in made.lineage] == ["finetune"]


def test_the_same_seed_gives_the_same_bits_and_another_does_not(run, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(name, seed=seed)
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))


def test_an_old_temperature_does_not_outlive_its_weights(run, tmp_path):
    warm = recalibrated(run("first"), {"temperature": 3.0}, tmp_path / "warm")
    assert run("second", bundle=warm).calibration == {}


def test_training_leaves_the_random_generator_alone(run):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run()
    assert torch.equal(torch.rand(3), expected)


def test_rows_of_weight_zero_teach_nothing(run, tmp_path):
    rows = reviews(64)
    wrong = ["positive" if label == "negative" else "negative" for label in rows.values("label")]
    both = Dataset.of(
        {"text": rows.texts * 2, "label": rows.values("label") + wrong, "weight": [1.0] * 64 + [0.0] * 64}
    )
    made = run(data=both, epochs=20, batch_rows=16, learning_rate=1e-3)
    assert accuracy(made, reviews(200, seed=9)) > 0.95


def test_weights_enter_the_gradient_as_they_should(body, task):
    """Rows that weigh 3 and 1 give the gradient of a data set that repeats the first ones three times."""
    rows = reviews(8)
    labels = rows.values("label")
    weighted = Dataset.of({"text": rows.texts, "label": labels, "weight": [3.0] * 4 + [1.0] * 4})
    repeated = Dataset.of({"text": rows.texts[:4] * 3 + rows.texts[4:], "label": labels[:4] * 3 + labels[4:]})
    gradients = []
    for data in (weighted, repeated):
        settings = {"number_type": "float32"}
        plan = fit_module._job(find(body), data, task, None, None, 0, None, "cpu", settings)
        with fit_module._private_state(0):
            started = fit_module.Run.start(plan)
            started.model.net.eval()
            started.backward(np.arange(len(data)), len(data))
            gradients.append({n: p.grad.clone() for n, p in started.model.net.named_parameters() if p.requires_grad})
    assert all(torch.allclose(gradients[0][name], gradients[1][name], atol=1e-6) for name in gradients[0])
    assert any(gradient.abs().max() > 1e-3 for gradient in gradients[0].values())


def warmed(body, task, rows, weights=None):
    """A network whose fresh head has seen some rows, and its log-probabilities of them, float[n, k]."""
    model = open_model(find(body), task, seed=3)
    encoded = encode(model.tokenizer, model.head.inputs(rows), model.max_tokens, windows=False)
    batch = collate(encoded, np.arange(len(rows)), model.tokenizer.pad_token_id, torch.device("cpu"))
    truth = model.head.targets(task, rows)
    with torch.no_grad():
        model.head.warm(model.net, [(batch, None)], truth, np.ones(len(rows)) if weights is None else weights)
        return model.net, model.head.raw(model.net, batch).log_softmax(dim=-1).numpy(), truth


def test_a_fresh_head_begins_better_than_guessing(body, task):
    rows = reviews(400)
    truth = open_model(find(body), task, seed=3).head.targets(task, rows)
    rows = rows.take(np.concatenate([np.flatnonzero(truth == 1), np.flatnonzero(truth == 0)[:20]]))
    _, said, truth = warmed(body, task, rows)
    loss = -said[np.arange(len(rows)), truth].mean()
    share = truth.mean()
    assert loss < -share * np.log(share) - (1 - share) * np.log(1 - share) + 0.01  # a head of chance begins at .69
    before = open_model(find(body), task, seed=3).net
    after, _, _ = warmed(body, task, rows)
    still = [name for name, value in before.named_parameters() if torch.equal(value, after.get_parameter(name))]
    assert set(dict(before.named_parameters())) - set(still) == {"classifier.weight", "classifier.bias"}


class Reads(torch.nn.Module):
    """A network whose last layer reads its input as it is."""

    def __init__(self, width, classes):
        super().__init__()
        self.classifier = torch.nn.Linear(width, classes)

    def forward(self, features):
        return SimpleNamespace(logits=self.classifier(features))


def test_the_first_fit_of_many_classes_is_as_sure_as_that_of_two():
    """One penalty for two classes and for many left a head of 77 with hardly a preference."""

    rng = np.random.default_rng(0)

    def mean_chance(classes):
        centres = rng.normal(size=(classes, 64))
        truth = np.arange(512) % classes
        features = torch.tensor(centres[truth] + 0.3 * rng.normal(size=(512, 64)), dtype=torch.float32)
        net = Reads(64, classes)
        SequenceClassification().warm(net, [({"features": features}, None)], truth, np.ones(512))
        said = net(features).logits.softmax(dim=-1).detach().numpy()
        return said[np.arange(512), truth].mean()

    assert mean_chance(64) > mean_chance(2) - 0.05


def test_a_fresh_head_follows_the_weights_of_rows(body, task):
    rows = reviews(200)
    truth = open_model(find(body), task, seed=3).head.targets(task, rows)
    _, said, _ = warmed(body, task, rows, np.where(truth == 1, 20.0, 1.0))
    assert (said.argmax(axis=1) == 1).all()


def test_rows_of_no_weight_do_not_count_and_may_be_all_there_is(body, task):
    rows = reviews(60)
    fresh = open_model(find(body), task, seed=3).net
    net, said, _ = warmed(body, task, rows, np.zeros(60))
    assert np.isfinite(said).all()
    assert torch.equal(net.classifier.weight, fresh.classifier.weight)


def test_a_body_that_gives_no_numbers_names_the_rows(run, body, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(body, broken)
    held = load_file(broken / "model.safetensors")
    held["embeddings.word_embeddings.weight"][:] = float("nan")
    save_file(held, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TrainingError, match="rows"):
        run(bundle=find(broken))


def test_classes_that_no_row_has_stay_possible(body):
    labels = ("a", "negative", "positive")
    rows = reviews(100)
    net, said, _ = warmed(body, Catalogue.installed().task("classify", labels=labels), rows)
    assert np.isfinite(said).all()
    assert (said.argmax(axis=1) > 0).all()
    assert torch.isfinite(net.classifier.bias).all()


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), None])
def test_weights_that_are_none(run, wrong):
    rows = reviews(4)
    data = Dataset.of(
        {"text": rows.texts, "label": rows.values("label"), "id": list("abcd"), "weight": [1, wrong, 1, 1]}
    )
    with pytest.raises(DataError, match="rows b"):
        run(data=data)


def moved(before, after, prefix=""):
    """Names of the parameters that differ between the body and a checkpoint made from it."""
    shared = {name: after["bert." + name] for name in before if "bert." + name in after}
    assert len(shared) == len(before)
    return {name for name in before if not torch.equal(before[name], shared[name])}


@pytest.mark.parametrize(
    ("scope", "still"),
    [(head(), ("embeddings.", "encoder.")), (top_layers(1), ("embeddings.", "encoder.layer.0.")), (full(), ())],
)
def test_what_is_held_stays_bit_for_bit(run, body, tmp_path, scope, still):
    run(scope=scope)
    before, after = weights(body), weights(tmp_path / "out")
    changed = moved(before, after)
    assert not {name for name in changed if name.startswith(still)}
    expected = {name for name in before if not name.startswith(still) and "position" not in name}
    assert expected - changed <= {name for name in expected if "key.bias" in name}  # softmax is blind to key biases


def test_held_layers_do_not_drop(body, task):
    model = open_model(find(body), task)
    top_layers(1).apply(model.net)
    layers = model.net.base_model.encoder.layer
    assert [layer.training for layer in layers] == [False, True]
    assert not model.net.base_model.embeddings.dropout.training
    assert model.net.dropout.training


def test_more_layers_than_there_are(run):
    with pytest.raises(OptionError, match="at most the 2 layers"):
        run(scope=top_layers(3))


class Broken(Likelihood):
    """No number for the row at position 5."""

    def __call__(self, net, batch):
        losses = super().__call__(net, batch)
        return losses + torch.where(torch.from_numpy(batch.rows) == 5, torch.nan, 0.0)


def test_a_loss_that_is_no_number_names_the_row(run, tmp_path):
    rows = reviews(40)
    data = Dataset.of({"text": rows.texts, "label": rows.values("label"), "id": [f"row-{i}" for i in range(40)]})
    with pytest.raises(TrainingError, match=r"given none for rows row-5$"):
        run(data=data, objective=Broken())
    assert not (tmp_path / "out").exists()


def test_a_rate_that_blows_up_is_an_error_and_no_model(run, tmp_path):
    with pytest.raises(TrainingError):
        run(learning_rate=1e30, epochs=10)
    assert not (tmp_path / "out").exists()


def test_long_rows_are_cut_and_counted(run):
    made = run(data=reviews(32).joined(Dataset.of({"text": ["good film " * 9], "label": ["positive"]})), max_tokens=16)
    assert made.card["training"]["notes"] == [{"code": "training_cut", "rows": 1, "tokens": 16}]


@pytest.mark.parametrize("stops", [(1,), (4, 11), (17,)])
@pytest.mark.parametrize("more", [{}, {"dev": reviews(24, seed=3)}, {"objective": adversarial(0.5), "accumulation": 2}])
def test_an_interrupted_fit_ends_with_the_same_bits(run, tmp_path, stops, more):
    if "accumulation" in more and max(stops) > 8:
        stops = (8,)
    options = {**more, "checkpoint_seconds": 0.0, "seed": 4}
    run("whole", **options)
    for stop in stops:

        def interrupt(done, total, facts, stop=stop):
            if done == stop:
                raise Stop

        with pytest.raises(Stop):
            run("parts", work=tmp_path / "work", progress=interrupt, **options)
        assert not (tmp_path / "parts").exists()
    first: list[int] = []
    run("parts", work=tmp_path / "work", progress=lambda done, _t, _f: first.append(done), **options)
    assert first[0] == stops[-1] + 1  # it went on, it did not start over
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_a_finished_fit_is_not_run_again(run, tmp_path):
    made = run(work=tmp_path / "work")

    def never(*_):
        raise AssertionError

    assert run(work=tmp_path / "work", progress=never).fingerprint == made.fingerprint


def test_work_of_another_run_says_what_differs(run, tmp_path):
    def interrupt(done, _total, _facts):
        raise Stop

    with pytest.raises(Stop):
        run(work=tmp_path / "work", progress=interrupt, checkpoint_seconds=0.0)
    with pytest.raises(ResumeError, match="seed 0 there and 1 here"):
        run(work=tmp_path / "work", seed=1, checkpoint_seconds=0.0)
    with pytest.raises(ResumeError, match="data"):
        run(work=tmp_path / "work", data=reviews(95), checkpoint_seconds=0.0)


def test_a_damaged_checkpoint_says_so(run, tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "fit.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    with pytest.raises(ResumeError, match="readable checkpoint"):
        run(work=tmp_path / "work")


def test_dev_keeps_the_best_epoch_and_stops(run, tmp_path):
    """Dev labels are turned round, so the first epoch is the best there is."""
    rows = reviews(64, seed=3)
    turned = ["positive" if label == "negative" else "negative" for label in rows.values("label")]
    steps: list[int] = []
    run(
        "long",
        data=reviews(240),
        dev=Dataset.of({"text": rows.texts, "label": turned}),
        epochs=9,
        patience=2,
        progress=lambda done, total, _: steps.append(done),
    )
    assert len(steps) < 9 * 15
    assert len(steps) % 15 == 0


def test_the_rate_rises_and_falls():
    settings = Settings(warmup=0.1)
    rates = [rate(step, 1000, settings, 1.0) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == pytest.approx(1.0)
    assert int(np.argmax(rates)) in (99, 100)
    assert 0 < rates[-1] < 0.002
    assert np.diff(rates[100:]) == pytest.approx(np.diff(rates[100:])[0])


@pytest.mark.parametrize(("total", "warmup", "expected"), [(100, 0.06, 30), (300, 0.06, 64), (2000, 0.06, 120),
                                                           (100, 0.0, 1), (3, 0.06, 1)])  # fmt: skip
def test_short_fits_warm_up_longer(total, warmup, expected):
    assert warmup_steps(total, Settings(warmup=warmup)) == expected


@pytest.mark.parametrize(
    ("rows", "epochs", "fresh", "expected"),
    [(6_000, 3, True, 32), (1_300, 3, True, 16), (1_300, 1, True, 8), (1_300, 3, False, 32), (800, 1, False, 16)],
)
def test_few_rows_take_small_batches_and_fitted_models_need_fewer_steps(rows, epochs, fresh, expected):
    assert batch_for(rows, epochs, fresh=fresh) == expected


def test_batches_hold_every_row_once_and_rows_of_like_length():
    lengths = np.random.default_rng(0).integers(3, 60, size=1000)
    batches = grouped(lengths, 32, np.random.default_rng(1))
    assert sorted(np.concatenate(batches).tolist()) == list(range(1000))
    padded = sum(len(which) * lengths[which].max() for which in batches)
    assert padded < 1.06 * lengths.sum()
    other = grouped(lengths, 32, np.random.default_rng(2))
    assert {frozenset(b.tolist()) for b in batches} != {frozenset(b.tolist()) for b in other}


def test_the_forecast_is_as_many_steps_as_the_fit_will_take(body, task, monkeypatch):
    """Were every step a second, it would be the 60 steps of three epochs, and what opening takes."""
    monkeypatch.setattr(fit_module, "_timed", lambda run, which: 1.0)
    begun = time.perf_counter()
    said = forecast(find(body), reviews(320), task=task, **FAST).seconds
    spent = time.perf_counter() - begun
    assert 50 < said < 75 + spent
    twice = forecast(find(body), reviews(320), task=task, **{**FAST, "epochs": 6}).seconds
    assert twice - said > 40 - spent


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"learning_rate": -1.0}, {"epoch": 3}, {"number_type": "float16"}])
def test_settings_that_cannot_be(run, wrong):
    with pytest.raises(OptionError):
        run(**wrong)


def test_no_rows(run):
    with pytest.raises(DataError, match="given none"):
        run(data=reviews(4).take([]))
