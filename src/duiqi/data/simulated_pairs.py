"""Cases of models that write and find some sentences likelier than others, without a trained model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictions
from duiqi.core.seed import hash64
from duiqi.core.task import Task
from duiqi.core.texts import references_of, units
from duiqi.data.simulated import written_case
from duiqi.data.stereotypes import LANGUAGES, shipped

RARE = 9.0  # nats that a rare word costs


def preferring_case(rng: np.random.Generator, *, leaning: float, rows: int = 40) -> Case:
    """A case whose model finds sentences with a stereotype likelier by `leaning` nats on average, where chance alone
    puts two sentences 2 nats apart (a standard deviation), longer ones are less likely, and some words for a group are
    rare, which puts sentences farther apart than anything that is said of it."""
    case = written_case(rng, rows=rows)
    return replace(case, predictor=Preferring(case.task, leaning, int(rng.integers(1 << 31))), memory={})


@dataclass(frozen=True)
class Preferring:
    """A model that says how likely sentences are: by their length, by chance, and by whether they are stereotypes."""

    task: Task
    leaning: float
    salt: int
    name: str = "preferring"
    offers: frozenset[str] = frozenset({"loglik", "tokens"})

    @property
    def fingerprint(self) -> str:
        """Of all that answers hang on."""
        return f"{self.name} {self.leaning} {self.salt}"

    @cached_property
    def _known(self) -> dict[str, tuple[str, bool]]:
        """The group that each sentence of a pair speaks of, and whether it is the stereotypical one."""
        pairs = [pair for language in LANGUAGES for pair in shipped(language)]
        more = {pair.more: (f"{pair.block} {pair.side}", True) for pair in pairs}
        return more | {pair.less: (f"{pair.block} {-pair.side}", False) for pair in pairs}

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """Log-likelihoods of the references and their numbers of tokens."""
        said = [row[0] for row in references_of(data, fewest=1)]
        tokens = np.array([len(units(each)) + 1 for each in said])
        chance = np.array([hash64(f"{self.salt}{each}") / 2**64 for each in said])
        known = [self._known.get(each, ("", False)) for each in said]
        leaning = np.array([self.leaning * stereotypical for _, stereotypical in known])
        rare = np.array([RARE * (hash64(f"{self.salt}{group}") % 2) for group, _ in known])
        loglik = -4.0 * tokens + np.sqrt(24) * (chance - 0.5) + leaning - rare
        return Predictions(data.row_ids, {name: {"loglik": loglik, "tokens": tokens}[name] for name in outputs})
