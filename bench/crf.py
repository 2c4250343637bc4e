"""Claim: forward and backward of the conditional random field are at least twice as fast as pytorch-crf's, and equal.

What would make this unfair, and how it is met: another problem (the same scores, tags, mask and transitions; end
transitions, which ours has not, are 0) · other results (log-likelihood and gradients are compared first) · one side
always first (they alternate; medians with their spread).

    pip install pytorch-crf; python bench/crf.py [--rows 32] [--words 128] [--tags 21]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from duiqi.model.crf import best, log_likelihood


def main() -> None:
    parser = argparse.ArgumentParser(description="conditional random field against pytorch-crf")
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--words", type=int, default=128)
    parser.add_argument("--tags", type=int, default=21)
    parser.add_argument("--times", type=int, default=30)
    given = parser.parse_args()
    from torchcrf import CRF

    torch.manual_seed(0)
    theirs = CRF(given.tags, batch_first=True)
    theirs.end_transitions.data.zero_()
    transitions, first = theirs.transitions, theirs.start_transitions
    emissions = torch.randn(given.rows, given.words, given.tags)
    tags = torch.randint(given.tags, (given.rows, given.words))
    lengths = torch.randint(given.words // 2, given.words + 1, (given.rows,))
    mask = torch.arange(given.words)[None, :] < lengths.clamp_max(given.words)[:, None]

    def ours_trains() -> tuple[Tensor, Tensor]:
        at = emissions.clone().requires_grad_(True)
        value = log_likelihood(at, tags, mask, transitions, first).sum()
        value.backward()
        return value.detach(), at.grad

    def theirs_trains() -> tuple[Tensor, Tensor]:
        at = emissions.clone().requires_grad_(True)
        value = theirs(at, tags, mask=mask, reduction="sum")
        value.backward()
        return value.detach(), at.grad

    (value, slope), (their_value, their_slope) = ours_trains(), theirs_trains()
    apart = abs(float(value - their_value)) / abs(float(their_value))
    print(f"log-likelihoods {apart:.1e} apart (relative), gradients at most {(slope - their_slope).abs().max():.1e}")
    compare("forward and backward", ours_trains, theirs_trains, given.times)
    with torch.no_grad():
        ours = best(emissions, mask, transitions, first)
        same = [row[:n].tolist() for row, n in zip(ours, mask.sum(dim=1).tolist(), strict=True)]
        assert same == theirs.decode(emissions, mask=mask), "other best sequences"
        compare(
            "best sequence",
            lambda: best(emissions, mask, transitions, first),
            lambda: theirs.decode(emissions, mask=mask),
            given.times,
        )


def compare(what: str, ours: Callable[[], object], theirs: Callable[[], object], times: int) -> None:
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(times):
        for side, run in zip(taken, (ours, theirs), strict=True):
            begun = time.perf_counter()
            run()
            side.append(time.perf_counter() - begun)
    ratios = sorted(b / a for a, b in zip(*taken, strict=True))
    low, high = ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10]
    ms = [1000 * statistics.median(side) for side in taken]
    spread = f"{statistics.median(ratios):.1f} times ({low:.1f} to {high:.1f})"
    print(f"{what}: {ms[0]:.1f} ms, theirs {ms[1]:.1f} ms: {spread}")


if __name__ == "__main__":
    main()
