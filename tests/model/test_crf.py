"""The conditional random field against every sequence counted, on small cases."""

from __future__ import annotations

import itertools

import pytest
import torch

from duiqi.model.crf import CRF, allowed, best, log_likelihood, marginals


def everything(emissions, transitions, first, length):
    """Scores of all sequences of one sentence: {tags: score}."""
    k = emissions.shape[1]
    scores = {}
    for tags in itertools.product(range(k), repeat=length):
        score = first[tags[0]] + emissions[0, tags[0]] if length else torch.tensor(0.0)
        for at in range(1, length):
            score = score + transitions[tags[at - 1], tags[at]] + emissions[at, tags[at]]
        scores[tags] = float(score)
    return scores


@pytest.fixture(params=[0, 1, 2])
def case(request):
    torch.manual_seed(request.param)
    lengths = torch.tensor([4, 1, 3, 2])
    k = 3 + request.param % 2 * 2
    emissions = 2 * torch.randn(4, 4, k, dtype=torch.float64)
    mask = torch.arange(4)[None, :] < lengths[:, None]
    return emissions, mask, torch.randn(k, k, dtype=torch.float64), torch.randn(k, dtype=torch.float64), lengths


def test_log_likelihood_is_that_of_all_sequences(case):
    emissions, mask, transitions, first, lengths = case
    tags = torch.randint(emissions.shape[2], mask.shape)
    given = log_likelihood(emissions, tags, mask, transitions, first)
    for at, length in enumerate(lengths.tolist()):
        scores = everything(emissions[at], transitions, first, length)
        total = torch.tensor(list(scores.values())).logsumexp(0)
        assert float(given[at]) == pytest.approx(scores[tuple(tags[at, :length].tolist())] - float(total), abs=1e-6)


def test_gradients_are_those_of_differences(case):
    emissions, mask, transitions, first, _ = case
    tags = torch.randint(emissions.shape[2], mask.shape)
    inputs = [each.clone().requires_grad_(True) for each in (emissions, transitions, first)]
    weight = torch.tensor([1.0, 0.5, 2.0, 0.0], dtype=torch.float64)

    def loss(e, t, f):
        return (weight * log_likelihood(e, tags, mask, t, f)).sum()

    assert torch.autograd.gradcheck(loss, inputs, atol=1e-6)


def test_marginals_are_shares_of_all_sequences(case):
    emissions, mask, transitions, first, lengths = case
    given = marginals(emissions, mask, transitions, first)
    for at, length in enumerate(lengths.tolist()):
        scores = everything(emissions[at], transitions, first, length)
        weights = torch.tensor(list(scores.values())).softmax(0)
        wanted = torch.zeros(4, emissions.shape[2], dtype=torch.float64)
        for tags, weight in zip(scores, weights, strict=True):
            for word, tag in enumerate(tags):
                wanted[word, tag] += weight
        assert torch.allclose(given[at], wanted, atol=1e-6)


def test_the_best_sequence_is_the_best_of_all(case):
    emissions, mask, transitions, first, lengths = case
    given = best(emissions, mask, transitions, first)
    for at, length in enumerate(lengths.tolist()):
        scores = everything(emissions[at], transitions, first, length)
        assert tuple(given[at, :length].tolist()) == max(scores, key=scores.get)
    assert (given[~mask] == 0).all()


def test_long_sequences_of_large_scores_stay_finite():
    torch.manual_seed(0)
    emissions = (60 * torch.randn(3, 400, 9)).requires_grad_(True)
    mask = torch.ones(3, 400, dtype=torch.bool)
    crf = CRF(9)
    tags = torch.zeros(3, 400, dtype=torch.int64)
    value = log_likelihood(emissions, tags, mask, *crf.scores()).sum()
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(emissions.grad).all()
    assert torch.isfinite(crf.transitions.grad).all()


def test_what_may_follow_what():
    # O, B-a, I-a, B-b, I-b
    after = {"start": [1, 1, 0, 1, 0], 0: [1, 1, 0, 1, 0], 1: [1, 1, 1, 1, 0], 2: [1, 1, 1, 1, 0], 3: [1, 1, 0, 1, 1]}
    given = allowed(5).int().tolist()
    assert [given[0], *given[1:5]] == list(after.values())
    torch.manual_seed(1)
    mask = torch.ones(20, 12, dtype=torch.bool)
    for row in best(5 * torch.randn(20, 12, 5), mask, *CRF(5).scores()).tolist():
        for before, tag in zip(["start", *row], row, strict=False):
            assert allowed(5)[0 if before == "start" else before + 1, tag]


def test_it_begins_with_how_often_tags_follow_each_other():
    crf = CRF(3)
    crf.set_from(
        [torch.tensor([0, 1, 2, 0])] * 50 + [torch.tensor([0, 0, 0, 0])] * 50 + [torch.tensor([], dtype=torch.int64)]
    )
    transitions, first = crf.scores()
    assert transitions[1].argmax() == 2
    assert first.argmax() == 0
    assert transitions[0, 2] < -1000
