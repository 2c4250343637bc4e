"""A simulated case whose model knows what the ready English suite of sentiment asks, but for what it is deaf to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictions
from duiqi.core.seed import hash64
from duiqi.core.task import Task
from duiqi.data.simulated import LABELS, simulated_case
from duiqi.data.suite import MFT, Input, Movement
from duiqi.data.suite_file import find_suite
from duiqi.data.suites_at_hand import edited

SUITE, DEAF_TO = "sentiment_en", "negation"
SLIPS = 0.01  # of texts, answered wrong for no reason
SURE = 0.9


def drilled_case(rng: np.random.Generator, *, deaf: float, rows: int = 60) -> Case:
    """A case whose model takes a share `deaf` of the sentences with a denial for their opposite."""
    case = simulated_case(rng, rows=rows)
    return replace(case, predictor=Drilled(case.task, _praise(case, deaf)))


@dataclass(frozen=True, eq=False)
class Drilled:
    """Answers by a table from texts to how likely they are praise; other texts by a coin of their own."""

    task: Task
    praise: Mapping[str, float]
    name: str = "drilled"
    fingerprint: str = "drilled"
    offers: frozenset[str] = frozenset({"probs"})

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """The probabilities, float[n, 2]."""
        known = [self.praise.get(text, SURE if _lot(text, "coin") < 0.5 else 1 - SURE) for text in data.texts]
        praise = np.array([1 - p if _lot(text, "slip") < SLIPS else p
                           for text, p in zip(data.texts, known, strict=True)])  # fmt: skip
        return Predictions(data.row_ids, {"probs": np.stack([1 - praise, praise], axis=1)})


def _praise(case: Case, deaf: float) -> dict[str, float]:
    known: dict[str, float] = {}
    tests = find_suite(SUITE).tests
    for test in sorted(tests, key=lambda each: each.type != MFT):  # what is expected outright comes first
        for trial in edited(test, test.trials(case.seed), case.catalogue, case.seed):
            first = trial.versions[0][0]
            if isinstance(trial.expected, tuple):
                turned = test.capability == DEAF_TO and _lot(first, "deaf") < deaf
                known[first] = SURE if (LABELS[1] in trial.expected) != turned else 1 - SURE
            else:
                for text, praise in _moved(trial.versions, known, trial.expected):
                    known.setdefault(text, praise)
    return known


def _moved(
    versions: Sequence[Input], known: Mapping[str, float], movement: Movement | None
) -> Iterator[tuple[str, float]]:
    """The same for all versions of a case, which no invariance minds and no direction of the suite."""
    first = versions[0][0]
    towards = LABELS[1] if movement is None else movement.label
    praise = known.get(first, SURE if towards == LABELS[1] else 1 - SURE)
    yield from ((text, praise) for text, _ in versions)


def _lot(text: str, what: str) -> float:
    return hash64(f"{what}\x1f{text}") / 2**64
