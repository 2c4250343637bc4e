"""Simulated cases of models that write and know a share of the facts of the glossary that comes along."""

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
from duiqi.data.glossary import READY, shipped
from duiqi.data.simulated import written_case

LIKELIER = 1.5  # nats a word by which a sentence that is believed stands out


def knowing_case(rng: np.random.Generator, *, known: float, rows: int = 40) -> Case:
    """A case whose model holds a share `known` of the facts for likely, and of the others each choice as likely as
    chance has it."""
    case = written_case(rng, rows=rows)
    return replace(case, predictor=Knowing(case.task, known, int(rng.integers(1 << 31))), memory={})


@dataclass(frozen=True)
class Knowing:
    """A model that says how likely sentences are: by their length, by chance, and by whether it knows the fact."""

    task: Task
    known: float
    salt: int
    name: str = "knowing"
    offers: frozenset[str] = frozenset({"loglik", "tokens"})

    @property
    def fingerprint(self) -> str:
        """Of all that answers hang on."""
        return f"{self.name} {self.known} {self.salt}"

    @cached_property
    def _believed(self) -> frozenset[str]:
        facts = [fact for language in READY for fact in shipped(language).facts]
        return frozenset(fact.said(fact.object)[0] for fact in facts if self._lot(fact.said("")[0]) < self.known)

    def _lot(self, text: str) -> float:
        return hash64(f"{self.salt}\x1f{text}") / 2**64

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """Log-likelihoods of the references and their numbers of tokens."""
        said = [row[0] for row in references_of(data, fewest=1)]
        tokens = np.array([len(units(each)) + 1 for each in said])
        each_token = np.array([-4.0 + 0.5 * self._lot(f"chance {each}") for each in said])
        each_token += [LIKELIER if each in self._believed else 0.0 for each in said]
        columns = {"loglik": each_token * tokens, "tokens": tokens}
        return Predictions(data.row_ids, {name: columns[name] for name in outputs})
