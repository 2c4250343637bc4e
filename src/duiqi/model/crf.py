"""A linear-chain conditional random field: exact log-likelihood, marginals and the best sequence, over whole batches.

Lafferty, McCallum & Pereira 2001 (ICML). Scores of n sequences of at most w words with k tags: `emissions` float[n, w,
k], `transitions` float[k, k] from row to column, `first` float[k] for the first word; `mask` bool[n, w] says which
words are there, and they come first. Sums over all sequences are taken in the scale of probabilities, each step scaled
to 1 (Rabiner 1989), so that a step is one product of matrices, and in float64, which reaches from e⁻⁷⁰⁰ to e⁷⁰⁰. The
gradient is the marginals, and is written down instead of being traced.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

IMPOSSIBLE = -1e4
LEAST, TINY = -600.0, 1e-290  # what a step may shrink to, so that no sum is ever 0


class CRF(nn.Module):
    """Scores of tags that follow each other. What BIO forbids (going on with what did not begin) stays forbidden."""

    def __init__(self, tags: int) -> None:
        super().__init__()
        self.transitions = nn.Parameter(torch.zeros(tags, tags))
        self.first = nn.Parameter(torch.zeros(tags))
        self.register_buffer("allowed", allowed(tags), persistent=False)

    def scores(self) -> tuple[Tensor, Tensor]:
        """Transitions float[k, k] and first float[k], with the forbidden ones as good as minus infinity."""
        may: Tensor = self.allowed  # type: ignore[assignment]
        inner, start = may[1:], may[0]
        return self.transitions.masked_fill(~inner, IMPOSSIBLE), self.first.masked_fill(~start, IMPOSSIBLE)

    def set_from(self, sequences: list[Tensor]) -> None:
        """Begin with how much more often tags follow each other than chance would have it, in log-odds."""
        k = len(self.first)
        pairs, starts = torch.full((k, k), 0.5), torch.full((k,), 0.5)
        for tags in sequences:
            if len(tags):
                pairs.index_put_((tags[:-1], tags[1:]), torch.ones(len(tags) - 1), accumulate=True)
                starts[tags[0]] += 1
        often = pairs.sum(dim=0) / pairs.sum()
        with torch.no_grad():
            self.transitions.copy_((pairs / pairs.sum(dim=1, keepdim=True) / often).log())
            self.first.copy_((starts / starts.sum() / often).log())


def allowed(tags: int) -> Tensor:
    """Which tags may follow which, bool[1 + k, k], numbered as in `core.spans`; the first row is for the beginning."""
    tag = torch.arange(tags)
    inside, kind = (tag > 0) & (tag % 2 == 0), (tag - 1) // 2
    goes_on = (kind[:, None] == kind[None, :]) & (tag > 0)[:, None]
    return torch.cat([~inside[None], ~inside[None] | goes_on])


def log_likelihood(emissions: Tensor, tags: Tensor, mask: Tensor, transitions: Tensor, first: Tensor) -> Tensor:
    """Log-probability of each tag sequence int[n, w], float[n]; sequences of no words have 0."""
    safe = tags.masked_fill(~mask, 0)
    here = emissions.gather(2, safe.unsqueeze(2)).squeeze(2)
    moves = transitions[safe[:, :-1], safe[:, 1:]]
    score = (here * mask).sum(dim=1) + (moves * mask[:, 1:]).sum(dim=1) + first[safe[:, 0]] * mask[:, 0]
    return score - log_partition(emissions, mask, transitions, first)


def log_partition(emissions: Tensor, mask: Tensor, transitions: Tensor, first: Tensor) -> Tensor:
    """Logarithm of the sum of exponentials of the scores of all tag sequences, float[n]."""
    total: Tensor = _Partition.apply(emissions, transitions, first, mask)
    return total


class _Partition(torch.autograd.Function):
    """Logarithm of the sum over all sequences, float[n]."""

    @staticmethod
    def forward(ctx: Any, emissions: Tensor, transitions: Tensor, first: Tensor, mask: Tensor) -> Tensor:
        forward, total, peak, step = _forwards(emissions, transitions, first, mask)
        ctx.save_for_backward(forward, peak, step, mask)
        ctx.kind = emissions.dtype
        return total.to(emissions.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        forward, peak, step, mask = ctx.saved_tensors
        (gradient,) = gradients
        alone, pairs = (each.to(ctx.kind) for each in _marginals(forward, peak, step, mask, gradient.double()))
        return alone, pairs, alone[:, 0].sum(dim=0), None


def _forwards(
    emissions: Tensor, transitions: Tensor, first: Tensor, mask: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Forward probabilities float[w, n, k] that sum to 1 at every word, the log-sum float[n], and exponentials of
    emissions float[w, n, k] and transitions, each relative to its largest."""
    words = emissions.shape[1]
    steps, transitions, first = emissions.transpose(0, 1).double(), transitions.double(), first.double()
    top = steps.amax(dim=2, keepdim=True)
    peak = (steps - top).clamp_min(LEAST).exp()
    high = transitions.max()
    step = (transitions - high).exp()
    there = mask.t().unsqueeze(2)
    start = first.max()
    at = ((first - start).exp() * peak[0]).clamp_min(TINY)
    size = at.sum(dim=1, keepdim=True)
    at = at / size
    forward = [at]
    sizes = [size]
    for word in range(1, words):
        moved = ((at @ step) * peak[word]).clamp_min(TINY)
        size = moved.sum(dim=1, keepdim=True)
        at = torch.where(there[word], moved / size, at)
        forward.append(at)
        sizes.append(size)
    logs = torch.stack(sizes).log() + top
    logs[0] = logs[0] + start
    logs[1:] = logs[1:] + high
    total = (logs.squeeze(2) * mask.t()).sum(dim=0)
    return torch.stack(forward), total, peak, step


def _marginals(forward: Tensor, peak: Tensor, step: Tensor, mask: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Marginals of tags float[n, w, k], and of pairs summed over words and sequences float[k, k], times `weight`
    float[n]."""
    words = len(forward)
    there = mask.t().unsqueeze(2)
    back = torch.ones_like(forward[0])
    alone = [forward[-1] * back]
    before: list[Tensor] = []
    for word in range(words - 1, 0, -1):
        ahead = peak[word] * back
        moved = ahead @ step.t()
        norm = (forward[word - 1] * moved).sum(dim=1, keepdim=True)  # so that a word's marginals sum to 1
        before.append(ahead / norm)
        back = torch.where(there[word], moved / norm, back)
        alone.append(forward[word - 1] * back)
    given = weight[None, :, None] * there
    marginals = torch.stack(alone[::-1]) * given
    pairs = torch.zeros_like(step)
    if words > 1:
        ahead = torch.stack(before[::-1]) * given[1:]
        pairs = step * torch.einsum("wni,wnj->ij", forward[:-1], ahead)
    return marginals.transpose(0, 1), pairs


def marginals(emissions: Tensor, mask: Tensor, transitions: Tensor, first: Tensor) -> Tensor:
    """Probability of every tag at every word, float[n, w, k]; zeros where there is no word."""
    forward, _, peak, step = _forwards(emissions, transitions, first, mask)
    alone, _ = _marginals(forward, peak, step, mask, torch.ones(len(emissions), dtype=torch.float64))
    return alone.to(emissions.dtype)


def best(emissions: Tensor, mask: Tensor, transitions: Tensor, first: Tensor) -> Tensor:
    """The most probable tags, int[n, w] (Viterbi 1967); 0 where there is no word."""
    words = emissions.shape[1]
    score = first + emissions[:, 0]
    came = []
    for word in range(1, words):
        each, place = (score.unsqueeze(2) + transitions).max(dim=1)
        there = mask[:, word, None]
        score = torch.where(there, each + emissions[:, word], score)
        came.append(torch.where(there, place, torch.arange(place.shape[1])))  # past the end, every tag stays itself
    at = score.argmax(dim=1)
    path = [at]
    for place in reversed(came):
        at = place.gather(1, at.unsqueeze(1)).squeeze(1)
        path.append(at)
    return torch.stack(path[::-1], dim=1) * mask
