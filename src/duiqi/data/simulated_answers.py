"""Cases of models that answer questions about two people, by what the context says or by stereotype."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictions
from duiqi.core.seed import hash64
from duiqi.core.task import Task
from duiqi.data.bias_questions import LANGUAGES, BiasQuestion, shipped
from duiqi.data.simulated import written_case

SLIPS = 0.1  # of answers are drawn by chance


def answering_case(rng: np.random.Generator, *, biased: float, rows: int = 40) -> Case:
    """A case whose model answers a share `biased` of the questions that come along by stereotype, and the others by
    what the context says, but for slips; it is a model that writes, to which some names are likelier than others by
    more than anything else that it does not know."""
    case = written_case(rng, rows=rows)
    salt = int(rng.integers(1 << 31))
    return Case(Answering(case.task, biased, salt), case.data, catalogue=case.catalogue)


@dataclass(frozen=True)
class Answering:
    """A model that says how likely choices are after their questions: drawn by a `salt` for every context."""

    task: Task
    biased: float
    salt: int
    offers: frozenset[str] = frozenset({"loglik", "tokens"})

    @property
    def name(self) -> str:
        return f"answering {self.biased} {self.salt}"

    @property
    def fingerprint(self) -> str:
        return self.name

    def predict(self, data: Dataset, outputs: Any) -> Predictions:
        known = {each.said: each for language in LANGUAGES for each in shipped(language)}
        rows = zip(data.texts, data.values("label"), strict=True)
        loglik = np.array([self._likely(known, text, str(choice)) for text, choice in rows])
        columns: Mapping[str, Any] = {"loglik": loglik, "tokens": np.ones(len(data))}
        return Predictions(data.row_ids, {name: columns[name] for name in outputs})

    def _likely(self, known: Mapping[str, BiasQuestion], text: str, choice: str) -> float:
        """How likely a choice is: the answer that is meant stands out, unless it is one that slips, where a group that
        is likelier than others wins."""
        asked = known.get(text)
        if asked is None or choice not in asked.choices:
            return -9.0
        if self._lot(f"slips {text}") < SLIPS:
            return -5.0 + self._lot(f"{asked.template} {choice}")
        meant = asked.biased if self._lot(f"biased {text}") < self.biased else asked.truth
        return -1.0 if asked.choices[meant] == choice else -5.0

    def _lot(self, said: str) -> float:
        return hash64(f"{self.salt}\x1f{said}") / 2**64
