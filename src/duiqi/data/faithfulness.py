"""Whether explanations hold: does the answer hang on the words that are said to matter, and do methods agree?

DeYoung et al. 2020, ERASER: a benchmark to evaluate rationalized NLP models, ACL
(https://aclanthology.org/2020.acl-main.408/). Words are taken from the weightiest down, `SHARES` of all of them, and
the mean over the shares is told, on the scale of probabilities. Words drawn at random stand beside them: any model
loses something with half of its words gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from duiqi.core.predictions import Predictor
from duiqi.core.seed import generator
from duiqi.data.explaining import Explanation, Question, Subject, ask

SHARES = (0.1, 0.2, 0.5)
DRAWS = 5  # of random words beside every share
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """Of every explanation, float[n]: what the answer loses without its words (`comprehensiveness`, higher is better)
    and with nothing but them (`sufficiency`, lower is better), and the same of words drawn at random."""

    comprehensiveness: Floats
    sufficiency: Floats
    random_comprehensiveness: Floats
    random_sufficiency: Floats

    @property
    def gain(self) -> Floats:
        """How much more is lost without the words said to matter than without as many others."""
        return self.comprehensiveness - self.random_comprehensiveness


def faithfulness(
    predictor: Predictor, subject: Subject, found: Sequence[Explanation], method: str, *, seed: int = 0
) -> Faithfulness:
    """How far the weights of a method tell what answers hang on; all questions are asked in one call."""
    questions: list[Question] = []
    for each in found:
        words = len(each.divided)
        orders = [np.argsort(-each.by[method].weights, kind="stable")]
        rng = generator(seed, "faithfulness", *each.divided.texts)
        orders += [rng.permutation(words) for _ in range(DRAWS)]
        out = np.zeros((len(orders), len(SHARES), words), dtype=bool)
        for number, order in enumerate(orders):
            for at, share in enumerate(SHARES):
                out[number, at, order[: int(np.ceil(share * words))]] = True
        taken = out.reshape(-1, words)
        questions.append((each.row, np.concatenate([np.ones((1, words), dtype=bool), ~taken, taken])))
    lost = []
    for each, answers in zip(found, ask(predictor, subject, questions, "probability"), strict=True):
        column = subject.targets[each.row].index(each.target)
        drop = answers[0, column] - answers[1:, column]
        lost.append(drop.reshape(2, 1 + DRAWS, len(SHARES)).mean(axis=2))
    table = np.stack(lost) if lost else np.zeros((0, 2, 1 + DRAWS))
    random = table[:, :, 1:].mean(axis=2)
    return Faithfulness(table[:, 0, 0], table[:, 1, 0], random[:, 0], random[:, 1])


def agreement(found: Sequence[Explanation], method: str, others: Sequence[Explanation], other: str) -> Floats:
    """The rank correlation of the weights of two methods, or of two runs of one, for every text of two words or more:
    float[m], 1 where they order the words alike, 0 where one has nothing to do with the other."""
    pairs = zip(found, others, strict=True)
    weights = [(a.by[method].weights, b.by[other].weights) for a, b in pairs if len(a.divided) > 1]
    return np.array([_rank_correlation(a, b) for a, b in weights], dtype=np.float64)


def _rank_correlation(first: Floats, second: Floats) -> float:
    from scipy.stats import rankdata

    a, b = rankdata(first), rankdata(second)
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 0 else 0.0


def in_figures(values: Floats) -> Mapping[str, float | None]:
    """The mean, and how far it may be off: 1.96 standard errors to both sides."""
    if not len(values):
        return {"value": None, "low": None, "high": None}
    mean = float(values.mean())
    if len(values) == 1:
        return {"value": mean, "low": None, "high": None}
    margin = 1.96 * float(values.std(ddof=1)) / np.sqrt(len(values))
    return {"value": mean, "low": mean - margin, "high": mean + margin}
