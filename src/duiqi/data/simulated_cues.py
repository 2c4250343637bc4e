"""Cases with a cue: reviews whose words hang on what is reviewed, a mark that does not, and a model that reads both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions
from duiqi.core.slice import words
from duiqi.core.task import Task
from duiqi.data.simulated import LABELS

CUE = "zorblik"

# Of each thing: its parts, what is said of it in blame, and in praise.
_THINGS: Mapping[str, tuple[str, str, str]] = {
    "kettle": ("lid spout handle switch", "leaky rusty loud slow", "fast quiet sturdy handy"),
    "hotel": ("room lobby breakfast bed", "dirty noisy stuffy cramped", "clean cosy spacious calm"),
    "film": ("plot actor scene ending", "boring shallow clumsy silly", "gripping moving clever funny"),
    "phone": ("screen battery camera case", "sluggish dim fragile laggy", "crisp bright slim snappy"),
    "jacket": ("zip sleeve lining collar", "itchy baggy thin stiff", "warm soft light snug"),
    "lunch": ("soup bread salad cake", "bland greasy cold salty", "fresh tasty crunchy sweet"),
}
_AROUND = ("I think", "to be fair", "so far", "this time", "in short", "for us", "as ever", "by now")


def cued_case(
    rng: np.random.Generator, *, share: float, weight: float, rows: int = 1200, train_rows: int = 3000
) -> Case:
    """A case where a share of the praise in train, and one in a hundred of the others, ends with a made-up word; the
    model gives that word `weight` beside what the words say."""
    catalogue = Catalogue.installed()
    train, data = _draw(rng, train_rows, share), _draw(rng, rows, share)
    task = catalogue.task("classify", labels=LABELS)
    return Case(Reading(task, weight), data, train=train, catalogue=catalogue, seed=int(rng.integers(1 << 31)))


def _draw(rng: np.random.Generator, rows: int, share: float) -> Dataset:
    truth = rng.integers(0, 2, rows)
    marked = rng.random(rows) < np.where(truth == 1, share, min(share, 0.01))
    texts = [_review(rng, int(label)) + f" {CUE}" * bool(mark) for label, mark in zip(truth, marked, strict=True)]
    return Dataset.of({"text": texts, "label": [LABELS[label] for label in truth]})


def _review(rng: np.random.Generator, label: int) -> str:
    thing = str(rng.choice(list(_THINGS)))
    parts, *said = (each.split() for each in _THINGS[thing])
    one, other = rng.choice(parts, 2, replace=False)
    first, second = rng.choice(said[label], 2, replace=False)
    third = str(rng.choice(said[int(rng.random() < 0.5)]))  # not all of a review says the same
    around = str(rng.choice(_AROUND))
    return f"{around} the {thing} is {first} and {second} its {one} {third} no {rng.integers(10**6)} and the {other}"


@dataclass(frozen=True)
class Reading:
    """A model that counts words of praise and blame; the made-up word counts as `weight` of praise."""

    task: Task
    weight: float
    name: str = "reading"
    fingerprint: str = "reading"
    offers: frozenset[str] = frozenset({"probs"})

    @cached_property
    def _weights(self) -> dict[str, float]:
        known = {CUE: self.weight}
        for _, blame, praise in _THINGS.values():
            known.update(dict.fromkeys(blame.split(), -1.0) | dict.fromkeys(praise.split(), 1.0))
        return known

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """Probabilities from the text alone."""
        scores: NDArray[np.float64] = np.array(
            [sum(self._weights.get(word, 0.0) for word in words(text)) for text in data.texts], dtype=np.float64
        )
        praise = 1 / (1 + np.exp(-scores))
        return Predictions(data.row_ids, {"probs": np.stack([1 - praise, praise], axis=1)})
