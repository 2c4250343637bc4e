"""The algebra, and the adversarial push against one worked out by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from duiqi.core.errors import OptionError
from duiqi.core.plan import Plan
from duiqi.model.heads import HEADS
from duiqi.model.objective import Batch, adversarial, focal, likelihood, r_drop, smoothed, unit
from duiqi.model.open import find, open_model
from duiqi.model.tokens import collate, encode
from tiny import reviews


class Linear(torch.nn.Module):
    """Logits (a, -a) with a = the sum of all entries of the word vectors times a fixed vector."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(4, 2)
        self.table.weight.data = torch.tensor([[0.0, 0.0], [1.0, 0.5], [-0.5, 2.0], [0.3, 0.1]])
        self.direction = torch.nn.Parameter(torch.tensor([0.3, 0.4]))

    def get_input_embeddings(self):
        return self.table

    def forward(self, input_ids=None, inputs_embeds=None, attention_mask=None):
        vectors = self.table(input_ids) if inputs_embeds is None else inputs_embeds
        a = ((vectors @ self.direction) * attention_mask).sum(dim=1)
        return SimpleNamespace(logits=torch.stack([a, -a], dim=1))


@pytest.fixture
def batch():
    inputs = {"input_ids": torch.tensor([[1, 2], [3, 0]]), "attention_mask": torch.tensor([[1, 1], [1, 0]])}
    head = HEADS["sequence_classification"]
    return Batch(inputs, torch.tensor([0, 1]), torch.ones(2), np.arange(2), head)


def test_adversarial_by_hand(batch):
    # a is linear in the vectors with slope (0.3, 0.4) of length 0.5 at every real token. The push is shared over them:
    # with two tokens a changes by 2 * 0.5 / sqrt(2), with one by 0.5, each times epsilon times the mean vector length.
    epsilon = 0.1
    a = np.array([0.5 + 0.65, 0.13])
    towards_wrong = np.array([-1.0, 1.0])  # row 0 is class 0 (a should be large), row 1 class 1 (small)
    lengths = np.array([(np.hypot(1, 0.5) + np.hypot(0.5, 2)) / 2, np.hypot(0.3, 0.1)])
    moved = a + towards_wrong * np.array([1 / np.sqrt(2), 0.5]) * epsilon * lengths
    margin = np.array([2 * moved[0], -2 * moved[1]])
    made = adversarial(epsilon)(Linear(), batch).detach().numpy()
    assert made == pytest.approx(np.log1p(np.exp(-margin)), rel=1e-5)


def test_adversarial_is_about_likelihood_plus_epsilon_times_slope(body, task):
    model = open_model(find(body), task)
    rows = reviews(6)
    encoded = encode(model.tokenizer, model.head.inputs(rows), 24, windows=False)
    inputs = collate(encoded, np.arange(6), 0, torch.device("cpu"))
    targets = torch.from_numpy(model.head.targets(task, rows))
    batch = Batch(inputs, targets, torch.ones(6), np.arange(6), model.head)
    epsilon = 1e-3
    words = model.net.get_input_embeddings()(inputs["input_ids"]).requires_grad_(True)
    given = {k: v for k, v in inputs.items() if k != "input_ids"}
    losses = model.head.losses(model.net, model.net(inputs_embeds=words, **given).logits, targets)
    (slope,) = torch.autograd.grad(losses.sum(), words)
    slope = slope * inputs["attention_mask"].unsqueeze(-1)
    mask = inputs["attention_mask"]
    scale = (words.norm(dim=-1) * mask).sum(dim=1) / mask.sum(dim=1)
    expected = losses + epsilon * scale * slope.flatten(1).norm(dim=1)
    made = adversarial(epsilon)(model.net, batch)
    assert made.detach().numpy() == pytest.approx(expected.detach().numpy(), abs=2e-6)
    assert (adversarial(0.1)(model.net, batch) > losses).all()


def test_a_row_without_slope_stays_where_it_is():
    assert not unit(torch.zeros(2, 3, 4)).any()
    lengths = unit(torch.randn(5, 3, 4)).flatten(1).norm(dim=1)
    assert lengths.numpy() == pytest.approx(1)


def test_the_algebra(batch):
    net = Linear()
    one, two = likelihood(), adversarial(0.2)
    both = one + 0.5 * two
    assert both(net, batch).detach().numpy() == pytest.approx(
        (one(net, batch) + 0.5 * two(net, batch)).detach().numpy()
    )
    assert both == likelihood() + 0.5 * adversarial(0.2)
    assert both != likelihood() + 0.5 * adversarial(0.3)
    assert (one + one) + two == one + (one + two)
    assert both.to_json() == {
        "sum": [{"likelihood": {}}, {"scaled": {"factor": 0.5, "term": {"adversarial": {"epsilon": 0.2}}}}]
    }


def test_equal_objectives_do_not_clash_in_plans():
    assert (Plan(objective=likelihood()) | Plan(objective=likelihood())).objective == likelihood()
    with pytest.raises(OptionError):
        Plan(objective=likelihood()) | Plan(objective=adversarial())


@pytest.mark.parametrize("epsilon", [0, -1, float("nan")])
def test_epsilon_must_push(epsilon):
    with pytest.raises(OptionError):
        adversarial(epsilon)


def said(batch):
    """Logits (a, -a) of both rows by hand: a is the sum of the vectors times (0.3, 0.4)."""
    a = np.array([0.5 + 0.65, 0.13])
    logits = np.stack([a, -a], axis=1)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def test_smoothing_by_hand(batch):
    logs = said(batch)
    expected = -0.95 * logs[[0, 1], [0, 1]] - 0.05 * logs[[0, 1], [1, 0]]  # two classes share a tenth
    assert smoothed(0.1)(Linear(), batch).detach().numpy() == pytest.approx(expected, abs=1e-6)
    assert torch.allclose(smoothed(0.0)(Linear(), batch), likelihood()(Linear(), batch))


def test_focal_by_hand(batch):
    true = said(batch)[[0, 1], [0, 1]]
    expected = -true * (1 - np.exp(true)) ** 2
    assert focal(2.0)(Linear(), batch).detach().numpy() == pytest.approx(expected, abs=1e-6)
    assert torch.allclose(focal(0.0)(Linear(), batch), likelihood()(Linear(), batch))


class Wavering(Linear):
    """Another answer at every second pass, as dropout gives."""

    def __init__(self) -> None:
        super().__init__()
        self.passes = 0

    def forward(self, **given):
        self.passes += 1
        logits = super().forward(**given).logits
        return SimpleNamespace(logits=logits * (1.0 if self.passes % 2 else 0.5))


def test_r_drop_by_hand(batch):
    a = np.array([0.5 + 0.65, 0.13])
    logs = [np.stack([x, -x], axis=1) for x in (a, a / 2)]
    logs = [each - np.log(np.exp(each).sum(axis=1, keepdims=True)) for each in logs]
    p, q = map(np.exp, logs)
    divergence = (p * (logs[0] - logs[1])).sum(axis=1) + (q * (logs[1] - logs[0])).sum(axis=1)
    truth = -(logs[0] + logs[1])[[0, 1], [0, 1]] / 2
    assert r_drop(2.0)(Wavering(), batch).detach().numpy() == pytest.approx(truth + 0.5 * divergence, abs=1e-6)
    assert torch.allclose(r_drop(2.0)(Linear(), batch), likelihood()(Linear(), batch))  # it agrees with itself


@pytest.mark.parametrize("objective", [smoothed(0.0), focal(0.0), r_drop(3.0)])
@pytest.mark.parametrize("name", ["token_classification", "multilabel_classification"])
def test_of_tags_and_label_sets_too(objective, name):
    """In a network without dropout each is the likelihood, padding and all."""
    head = HEADS[name]
    raw = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([[1, 2, -100, 0, -100], [3, -100, -100, -100, -100], [0, 1, 2, 3, 0]])
    words = targets.clamp_max(0)
    if name != "token_classification":
        raw, targets, words = raw[:, 0], (raw[:, 1] > 0).float(), None
    batch = Batch({"x": raw}, targets, torch.ones(3), np.arange(3), head, words)
    net = lambda x: SimpleNamespace(logits=x)  # noqa: E731
    if name != "token_classification" and objective != r_drop(3.0):
        with pytest.raises(OptionError, match="chooses one class"):
            objective(net, batch)
        return
    assert torch.allclose(objective(net, batch), likelihood()(net, batch), atol=1e-6)


@pytest.mark.parametrize("objective", [smoothed(), focal(), r_drop()])
def test_numbers_have_no_classes(objective):
    batch = Batch({"x": torch.ones(2, 1)}, torch.ones(2), torch.ones(2), np.arange(2), HEADS["regression"])
    with pytest.raises(OptionError, match="regression"):
        objective(lambda x: SimpleNamespace(logits=x), batch)


@pytest.mark.parametrize("make", [lambda: smoothed(1.0), lambda: focal(-1.0), lambda: r_drop(-1.0)])
def test_options_that_cannot_be(make):
    with pytest.raises(OptionError):
        make()
