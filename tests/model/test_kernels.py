"""The fast kernels do what the slow ones do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from duiqi.model import kernels
from duiqi.model.open import find, open_model


def test_dropout_keeps_the_mean_and_drops_its_share():
    x = torch.ones(400, 500, requires_grad=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        y = kernels.drop(x, 0.1)
    share = float((y == 0).float().mean())
    assert share == pytest.approx(26 / 256, abs=0.003)
    assert float(y.detach().mean()) == pytest.approx(1, abs=0.004)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def test_dropout_is_off_in_evaluation():
    layer = kernels.Dropout(0.5).eval()
    assert torch.equal(layer(torch.ones(9)), torch.ones(9))


def test_plain_attention_gives_the_models_own_answers(body, task):
    model = open_model(find(body), task)
    sample = dict(model.tokenizer(["good film", "the plot was very bad"], padding=True, return_tensors="pt"))
    with torch.no_grad():
        before = model.net(**sample).logits
        assert kernels.quicken(model.net, sample)
        assert model.net.config._attn_implementation == kernels.ATTENTION
        assert model.net(**sample).logits.numpy() == pytest.approx(before.numpy(), abs=1e-5)
    assert not any(type(module) is torch.nn.Dropout for module in model.net.modules())


def test_attention_that_answers_otherwise_is_not_taken(body, task, monkeypatch):
    model = open_model(find(body), task)
    own = model.net.config._attn_implementation
    monkeypatch.setattr(kernels, "_attention", lambda *_a, **_k: (torch.zeros(()), None))
    sample = dict(model.tokenizer(["good film"], return_tensors="pt"))
    assert not kernels.quicken(model.net, sample)
    assert model.net.config._attn_implementation == own


@pytest.fixture
def opened(body, task):
    model = open_model(find(body), task)
    texts = ["good film", "the plot was very bad", "it was"]
    return model, dict(model.tokenizer(texts, padding=True, return_tensors="pt"))


def test_the_first_place_alone_gives_the_same_answers_and_gradients(opened):
    model, sample = opened
    ask = lambda net: model.head.raw(net, sample)  # noqa: E731

    def gradients():
        model.net.zero_grad()
        ask(model.net)[:, 0].sum().backward()
        return {name: p.grad.clone() for name, p in model.net.named_parameters() if p.grad is not None}

    model.net.requires_grad_(True)
    whole = gradients()
    assert kernels.shorten(model.net, ask)
    short = gradients()
    assert model.net.base_model(**sample)[0].shape[1] == 1
    assert whole.keys() == short.keys()
    for name in whole:
        assert torch.allclose(whole[name], short[name], atol=1e-5), name
    kernels.lengthen(model.net)
    assert model.net.base_model(**sample)[0].shape[1] == sample["input_ids"].shape[1]


def test_a_head_that_reads_every_place_keeps_them(opened):
    model, sample = opened
    assert not kernels.shorten(model.net, lambda net: net.base_model(**sample)[0].mean(1))
    assert not kernels.shorten(model.net, lambda net: net.base_model(**sample)[0][:, 1])
    assert model.net.base_model(**sample)[0].shape[1] == sample["input_ids"].shape[1]


def test_packed_layers_give_the_answers_of_the_plain_ones(opened):
    if not kernels.packs():
        pytest.skip("this CPU has no AVX-512, without which torch packs no weights")
    model, sample = opened
    net = model.net.to(torch.bfloat16)
    with torch.inference_mode():
        plain = net(**sample).logits.float().numpy()
        packed = kernels.pack(net, 64)(**sample).logits.float().numpy()
    assert any(isinstance(module, kernels.PackedLinear) for module in net.modules())
    assert packed == pytest.approx(plain, abs=0.02)


def test_only_bfloat16_is_packed(opened):
    net = kernels.pack(opened[0].net, 64)
    assert not any(isinstance(module, kernels.PackedLinear) for module in net.modules())


def test_training_the_compact_table_is_training_the_whole_one(body, task):
    sample = None
    tables = []
    for shrink in (False, True):
        model = open_model(find(body), task)
        model.net.requires_grad_(True)
        sample = dict(model.tokenizer(["good film", "the plot was bad"], padding=True, return_tensors="pt"))
        if shrink:
            assert kernels.compact(model.net, np.unique(sample["input_ids"].numpy()))
        optimizer = torch.optim.AdamW([p for p in model.net.parameters() if p.requires_grad], lr=1e-2, weight_decay=0)
        for _ in range(3):
            model.net(**sample, labels=torch.tensor([0, 1])).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        kernels.expand(model.net)
        tables.append(model.net.get_input_embeddings().weight.detach())
    original = open_model(find(body), task).net.get_input_embeddings().weight
    assert torch.equal(tables[0], tables[1])
    assert not torch.equal(tables[0], original)


def test_a_tied_table_is_left_alone(body, task):
    model = open_model(find(body), task)
    model.net.requires_grad_(True)
    model.net.out = torch.nn.Linear(32, 5, bias=False)
    model.net.out.weight = model.net.get_input_embeddings().weight
    assert not kernels.compact(model.net, np.array([1, 2]))
