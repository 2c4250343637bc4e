"""Whether rows without a source, such as those that a model wrote, deserve their label and look like real ones.

What hangs on the real rows alone is worked out once, by `of`; what then is asked about are the new rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictor
from duiqi.core.task import Task
from duiqi.data.crossfit import CLOSELY, out_of_sample
from duiqi.data.floors import counting, regression
from duiqi.data.vectors import characters_of, vectors_of

FEWEST_OF_KIND = 10
CELLS = 1 << 22  # cosines that are held at once
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Deserving:
    """Which rows deserve their label, as far as word counts can tell.

    A linear model on word counts, in which all classes weigh alike, must find the label the likeliest, and likelier
    than it finds those of the `most_doubtful` share of the real rows of the class, when it has not seen these: `least`
    float[k]. None do where no word stands in two rows, or all rows are of one class: nobody can then say.
    """

    task: Task
    answer: Callable[[Sequence[str]], Floats] | None
    least: Floats

    @classmethod
    def of(cls, task: Task, train: Dataset, *, most_doubtful: float) -> Deserving:
        truth = task.read_truth(train)
        counts = np.bincount(truth, minlength=len(task.labels))
        found = counting(train.texts) if (counts > 0).sum() > 1 else None
        if found is None:
            return cls(task, None, np.ones(len(counts)))
        known, count = found
        weights = len(train) / ((counts > 0).sum() * np.maximum(counts, 1)[truth])
        own = out_of_sample(task, train, [known], weights=weights)[1][np.arange(len(train)), truth]
        kinds = [own[truth == label] for label in range(len(counts))]
        least = np.array([np.quantile(each, most_doubtful) if len(each) else 1.0 for each in kinds])
        model = regression(known, truth, len(task.labels), strength=CLOSELY, weights=weights)
        return cls(task, lambda texts: model(count(texts)), least)

    def __call__(self, made: Dataset) -> NDArray[np.bool_]:
        """bool[n]"""
        if self.answer is None or not len(made):
            return np.zeros(len(made), dtype=bool)
        wanted, probs = self.task.read_truth(made), self.answer(made.texts)
        return np.asarray(
            (probs.argmax(axis=1) == wanted) & (probs[np.arange(len(made)), wanted] >= self.least[wanted])
        )


@dataclass(frozen=True, eq=False)
class Belonging:
    """Which rows look like the real rows of their class: as like their nearest ones, in the mean of so many cosines, as
    all but the `most_strange` share of the real rows are like theirs.

    Compared are embeddings where a `reader` gives some, else counts of two and three characters in a row. A class of
    fewer than ten rows shows no such bound, and all rows are compared with each other: of very many that takes long.
    """

    vectors: Callable[[Dataset], Any]
    kinds: Mapping[str, _Kind]

    @classmethod
    def of(
        cls, train: Dataset, labels: Iterable[object], reader: Predictor | None, *, most_strange: float,
        neighbours: int = 5,
    ) -> Belonging:  # fmt: skip
        """What is known of the rows of some classes."""

        def vectors(data: Dataset) -> Any:
            reads = reader is not None and "embedding" in reader.offers
            return vectors_of(reader, data) if reader is not None and reads else characters_of(data.shown)

        known, given = vectors(train), np.array(train.values("label"), dtype=np.str_)
        rows = {label: np.flatnonzero(given == label) for label in map(str, labels)}
        few = [label for label, mine in rows.items() if len(mine) < FEWEST_OF_KIND]
        kinds = {label: _Kind.of(known[mine], most_strange, neighbours)
                 for label, mine in rows.items() if label not in few}  # fmt: skip
        whole = dict.fromkeys(few, _Kind.of(known, most_strange, neighbours)) if few else {}
        return cls(vectors, {**kinds, **whole})

    def __call__(self, made: Dataset) -> NDArray[np.bool_]:
        """bool[n]"""
        kept = np.zeros(len(made), dtype=bool)
        if not len(made):
            return kept
        wanted, asked = np.array(made.values("label"), dtype=np.str_), self.vectors(made)
        for label in np.unique(wanted):
            rows = np.flatnonzero(wanted == label)
            kept[rows] = self.kinds[label].holds(asked[rows])
        return kept


@dataclass(frozen=True, eq=False)
class _Kind:
    """Vectors of real rows, and how like its `count` nearest ones a row must be at least."""

    real: Any
    count: int
    least: float

    @classmethod
    def of(cls, real: Any, most_strange: float, neighbours: int) -> _Kind:
        count = max(1, min(neighbours, real.shape[0] - 1))
        return cls(real, count, float(np.quantile(nearest(real, real, count, own=True), most_strange)))

    def holds(self, asked: Any) -> NDArray[np.bool_]:
        return nearest(asked, self.real, self.count) >= self.least


def nearest(asked: Any, real: Any, count: int, *, own: bool = False) -> Floats:
    """The mean of the `count` largest cosines of each vector asked about with the real ones, float[n]; where these are
    the same vectors (`own`), none counts as its own neighbour."""
    at_once = max(1, CELLS // real.shape[0])
    found = []
    for start in range(0, asked.shape[0], at_once):
        product = asked[start : start + at_once] @ real.T
        cosines = product.toarray() if hasattr(product, "toarray") else product
        if own:
            rows = np.arange(len(cosines))
            cosines[rows, start + rows] = -1.0
        cosines.partition(-count, axis=1)
        found.append(np.sort(cosines[:, -count:], axis=1).mean(axis=1))
    return np.concatenate(found)
