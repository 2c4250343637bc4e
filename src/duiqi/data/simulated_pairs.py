"""Cases of models that write and find some sentences likelier than others, without a trained model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import Case
from duiqi.core.seed import hash64
from duiqi.data.simulated import likely_case
from duiqi.data.stereotypes import LANGUAGES, shipped

RARE = 9.0  # nats that a rare word costs


def preferring_case(rng: np.random.Generator, *, leaning: float, rows: int = 40) -> Case:
    """A case whose model finds sentences with a stereotype likelier by `leaning` nats on average, where chance alone
    puts two sentences 2 nats apart (a standard deviation), longer ones are less likely, and some words for a group are
    rare, which puts sentences farther apart than anything that is said of it."""
    pairs = [pair for language in LANGUAGES for pair in shipped(language)]
    known = {pair.more: (f"{pair.block} {pair.side}", True) for pair in pairs}
    known |= {pair.less: (f"{pair.block} {-pair.side}", False) for pair in pairs}

    def loglik(said: Sequence[str], tokens: NDArray[np.int64], salt: int) -> NDArray[np.float64]:
        chance = np.array([hash64(f"{salt}{each}") / 2**64 for each in said])
        spoken = [known.get(each, ("", False)) for each in said]
        stereotypical = np.array([leaning * more for _, more in spoken])
        rare = np.array([RARE * (hash64(f"{salt}{group}") % 2) for group, _ in spoken])
        return np.asarray(-4.0 * tokens + np.sqrt(24) * (chance - 0.5) + stereotypical - rare)

    return likely_case(rng, f"preferring {leaning}", loglik, rows=rows)
