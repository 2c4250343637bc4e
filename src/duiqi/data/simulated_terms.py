"""Cases with terms: reviews of things whose names a model cuts to pieces and has not met, with or without harm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictions, Recorded
from duiqi.core.slice import is_cjk, places
from duiqi.core.task import Task
from duiqi.data.simulated import simulated_case

TERM, OTHERS = "zorvaxil", ("quenbril", "tamvexor", "丽珐")  # a model that cuts by letters


@dataclass(frozen=True)
class CuttingWords:
    """Recorded answers of a model that has whole pieces for all words but some, which it cuts to letters (of Chinese:
    does not know)."""

    recorded: Recorded
    strange: tuple[str, ...] = (TERM, *OTHERS)
    name: str = "cutting"
    fingerprint: str = "cutting"
    offers: frozenset[str] = frozenset({"probs", "pieces"})

    @property
    def task(self) -> Task:
        return self.recorded.task

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """The recorded probabilities of known rows, and the pieces of any text."""
        columns = {"pieces": [self._pieces(text) for text in data.texts]} if "pieces" in outputs else {}
        others = [name for name in outputs if name != "pieces"]
        answers = self.recorded.predict(data, others) if others else Predictions(data.row_ids)
        return answers.with_columns(columns)

    def _pieces(self, text: str) -> np.ndarray:
        found: list[tuple[int, int, int]] = []
        for start, end in places(text):
            word = text[start:end].casefold()
            unknown = is_cjk(word) and any(word in each for each in self.strange)
            letters = [(at, at + 1, 0) for at in range(start, end)]
            found += letters if word in self.strange else [(start, end, int(unknown))]
        return np.array(found, dtype=np.int32).reshape(-1, 3)


def term_case(
    rng: np.random.Generator, *, harm: float, share: float = 1 / 15, rows: int = 1500, error: float = 0.12
) -> Case:
    """A case in which a share of the rows speaks of `TERM`, and a quarter as many of each of `OTHERS`; the model is
    wrong on a share `harm` more of the rows with `TERM`. Training rows have all of these but `TERM`."""
    chosen = rng.random((rows, 1 + len(OTHERS))) < [share, *[share / 4] * len(OTHERS)]
    case = simulated_case(
        rng, rows=rows, error=lambda _: (error + harm * chosen[:, 0]).astype(np.float64), train_rows=rows
    )
    assert case.train is not None
    assert isinstance(case.predictor, Recorded)

    def named(texts: Sequence[str], which: np.ndarray, words: Sequence[str]) -> list[str]:
        """The texts with some of the words at their end."""
        return [
            " ".join([text, *(word for word, has in zip(words, row, strict=True) if has)])
            for text, row in zip(texts, which, strict=True)
        ]

    data = case.data.paired(case.data.with_column("text", named(case.data.texts, chosen, (TERM, *OTHERS))))
    known = named(case.train.texts, rng.permutation(chosen)[:, 1:], OTHERS)
    train = case.train.with_column("text", known)
    return replace(case, data=data, train=train, predictor=CuttingWords(case.predictor))
