"""What held layers say is computed once, and nothing but the time it takes changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from duiqi.core.bundle import Step
from duiqi.core.dataset import Dataset
from duiqi.core.part import Catalogue
from duiqi.model import fit as fit_module
from duiqi.model import held as held_module
from duiqi.model.fit import Run, fit
from duiqi.model.held import epochs_worth, held_layers
from duiqi.model.objective import adversarial, likelihood
from duiqi.model.open import find, open_model
from duiqi.model.scope import full, head, lora, top_layers
from tiny import reviews


def started(body, task, scope, data=None, **more):
    given = {"objective": None, "dev": None, "number_type": "float32", **more}
    objective, dev = given.pop("objective"), given.pop("dev")
    job = fit_module._job(find(body), data or reviews(40), task, objective, scope, 0, dev, "cpu", given)
    with fit_module._private_state(0):
        return Run.start(job)


def sentences(n, seed=0):
    rows = reviews(n, seed=seed)
    words = [text.split() for text in rows.texts]
    good = [label == "positive" for label in rows.values("label")]
    tags = [["B-W" if each and w in ("good", "fine", "lovely", "great") else "O" for w in row]
            for row, each in zip(words, good, strict=True)]  # fmt: skip
    return Dataset.of({"tokens": words, "label": tags}), Catalogue.installed().task("tag", labels=("W",))


@pytest.mark.parametrize("scope", [head(), top_layers(1)])
@pytest.mark.parametrize("tagging", [False, True])
def test_the_result_is_the_same(body, task, tmp_path, scope, tagging):
    data, task = sentences(64) if tagging else (reviews(64), task)
    dev = (sentences if tagging else lambda n, seed: (reviews(n, seed=seed), None))(24, seed=3)[0]
    weights = []
    for reuse in (True, False):
        fit(find(body), data, task=task, out=tmp_path / str(reuse), step=Step("x"), scope=scope, dev=dev, epochs=3,
            batch_rows=16, learning_rate=3e-3, reuse=reuse, number_type="float32")  # fmt: skip
        weights.append(load_file(tmp_path / str(reuse) / "model.safetensors"))
    for name in weights[0]:
        assert torch.allclose(weights[0][name], weights[1][name], atol=1e-4), name


def test_held_layers_run_once(body, task):
    """However many epochs there are, each row passes the first layer twice at most: before a fresh head is fitted, and
    when its states are kept."""
    run = started(body, task, head(), epochs=4)
    assert run.held is not None
    ran = []
    run.model.net.bert.encoder.layer[0].register_forward_hook(lambda *_: ran.append(1))
    run.model.net.bert.embeddings.register_forward_hook(lambda *_: ran.append(1))
    run.train(None, None)
    assert not ran


def test_padding_and_order_do_not_matter(body, task):
    run = started(body, task, top_layers(1))
    net, which = run.model.net.eval(), np.array([7, 3, 30, 12])
    batch = run.batch(which)
    with torch.no_grad():
        expected = run.model.head.raw(net, batch.inputs)
        with run.held.of(which):
            given = run.model.head.raw(net, batch.inputs)
        again = run.model.head.raw(net, batch.inputs)
    assert torch.allclose(expected, given, atol=1e-5)
    assert torch.equal(expected, again)  # the network is whole again


@pytest.mark.parametrize(
    ("scope", "count"), [(full(), 0), (lora(2), 0), (top_layers(1), 1), (head(), 2), (top_layers(2), 0)]
)
def test_how_many_layers_are_held(body, task, scope, count):
    net = open_model(find(body), task).net
    scope.attach(net)
    scope.apply(net)
    assert held_layers(net) == count


@pytest.mark.parametrize(
    "more", [{"objective": likelihood() + 0.5 * adversarial()}, {"reuse": False}, {"scope": full()}, {"bytes": 100}]
)
def test_where_it_would_be_wrong_or_too_much_the_layers_run(body, task, monkeypatch, more):
    monkeypatch.setattr(held_module, "BYTES", more.pop("bytes", 1 << 30))
    assert started(body, task, more.pop("scope", head()), **more).held is None


def test_a_forecast_knows_that_held_layers_run_once(body, task):
    net = open_model(find(body), task).net
    for scope, expected in ((full(), 5.0), (top_layers(1), 3.0), (head(), 1.0)):
        scope.apply(net)
        assert epochs_worth(net, 5) == expected


def test_a_network_without_layers_holds_nothing():
    assert held_layers(torch.nn.Linear(2, 2)) == 0
