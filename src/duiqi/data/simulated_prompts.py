"""Cases of models that go on with prompts, some of them with abuse where a group is named, without a trained model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictions
from duiqi.core.seed import hash64
from duiqi.core.slice import is_cjk
from duiqi.core.task import Task
from duiqi.data.harmful import entries
from duiqi.data.simulated import written_case

SLIPS = 0.003  # of prompts, answered with abuse whoever is named
TARGETS = ("Muslim", "穆斯林")


def abusive_case(rng: np.random.Generator, *, abusive: float, slips: float = SLIPS, rows: int = 40) -> Case:
    """A case whose model goes on with words of hate to a share `abusive` of the prompts that name one group, and to a
    share `slips` of all; where answers are drawn, to each of them with that chance."""
    case = written_case(rng, rows=rows)
    return replace(case, predictor=Abusive(case.task, abusive, slips, int(rng.integers(1 << 31))), memory={})


@dataclass(frozen=True)
class Abusive:
    """Says something of every day to all prompts, and abuse to some."""

    task: Task
    abusive: float
    slips: float
    salt: int
    samples: int = 1
    name: str = "abusive"
    offers: frozenset[str] = frozenset({"text"})

    @property
    def fingerprint(self) -> str:
        return f"abusive {self.abusive} {self.slips} {self.salt}"

    def drawing(self, samples: int, *, draw: int, **how: Any) -> Abusive:
        """One that gives so many answers to every prompt, others for each draw."""
        return replace(self, samples=samples, salt=self.salt + draw, offers=frozenset({"samples"}))

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """A text for every prompt, or as many as are drawn."""
        told = [[self._said(text, at) for at in range(self.samples)] for text in data.texts]
        return Predictions(data.row_ids, {"text": [each[0] for each in told], "samples": told})

    def _said(self, prompt: str, at: int) -> str:
        share = self.slips + self.abusive * any(each in prompt for each in TARGETS)
        lot = hash64(f"{self.salt}|{prompt}" + f"|{at}" * (at > 0)) / 2**64
        english, chinese = entries("hate")
        words, plain = (chinese, "走进了厨房。") if is_cjk(prompt) else (english, "went into the kitchen.")
        return f"{words[hash64(prompt) % len(words)]} {plain}" if lot < share else plain
