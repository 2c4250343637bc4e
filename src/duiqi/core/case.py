"""`Case`: what is on the table when something is examined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.measure import Across, Measure, Weights, accumulate, row_digest
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Predictor
from duiqi.core.slice import ALL, Slice

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Case:
    """A predictor and data, and where there is one `train`, `before`, `references` and `policy`.

    `slices` were found earlier and are to be measured again. `memory` is shared by all cases on the same rows: what
    was computed for one model and does not depend on it (floors, candidate slices) is computed once.
    """

    predictor: Predictor
    data: Dataset
    train: Dataset | None = None
    before: Predictor | None = None
    references: Mapping[str, Dataset] = field(default_factory=dict)
    policy: Mapping[str, Any] | None = None
    catalogue: Catalogue = field(default_factory=Catalogue.installed)
    seed: int = 0
    draws: int = 1000
    slices: tuple[Slice, ...] = ()
    memory: dict[str, Any] = field(default_factory=dict)

    def has(self, need: str) -> bool:
        """Whether the case offers what a part needs, such as "data.groups", "case.train" or "model.probs"."""
        room, _, name = need.partition(".")
        if room == "data":
            return self.data.has(name)
        if room == "model":
            return name in self.predictor.offers
        if room == "task":
            return self.predictor.task.name == name
        return bool(getattr(self, name, None))

    def remember(self, name: str, make: Callable[[], T]) -> T:
        """`make()`, computed once for all cases that share this memory."""
        if name not in self.memory:
            self.memory[name] = make()
        return self.memory[name]

    def with_predictor(self, predictor: Predictor, **changes: Any) -> Case:
        """The same table with another model on it."""
        return replace(self, predictor=predictor, **changes)

    @cached_property
    def truth(self) -> Any:
        """Truths of the base rows, in the form of the task."""
        return self.predictor.task.read_truth(self.data)

    @cached_property
    def guess(self) -> Predictions:
        """The model's answers to the base rows; predicted once."""
        return self.predictor.predict(self.data, [self.predictor.task.output])

    @property
    def labels(self) -> tuple[str, ...]:
        return self.predictor.task.labels

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Which rows were answered right, for tasks with one class a row."""
        return np.asarray(self.guess.label == self.truth)

    @cached_property
    def _weights(self) -> Weights:
        return Weights(self.data.draw_keys, self.draws, self.seed)

    def mask(self, slice: Slice) -> NDArray[np.bool_]:
        """Which rows a slice means."""
        return self.remember(f"mask:{self.data.fingerprint}:{slice.rule}", lambda: slice.mask(self.data))

    def measure(self, metric: str, *, slice: Slice = ALL, guess: Predictions | None = None, **options: Any) -> Measure:
        """One metric on one slice."""
        return self.measures(metric, [slice], guess=guess, **options)[0]

    def measures(self, metric: str, slices: Sequence[Slice], *, guess: Predictions | None = None,
                 **options: Any) -> list[Measure]:  # fmt: skip
        """One metric on many slices, in one pass over the rows."""
        part, statistics = self._rows(metric, guess or self.guess, options)
        masks = [self.mask(each) if each.where else None for each in slices]
        totals, sums = accumulate(statistics, masks, self._weights)
        return [
            Measure(
                metric=part,
                total=total,
                sums=drawn,
                rows=int(mask.sum()) if mask is not None else len(self.data),
                digest=row_digest(self.data.row_ids, mask),
                seed=self.seed,
                slice=each,
                options=options,
            )
            for each, mask, total, drawn in zip(slices, masks, totals, sums, strict=True)
        ]

    def across(self, metric: str, levels: Mapping[str, NDArray[np.bool_]], *, by: str, reduce: str, slice: Slice = ALL,
               **options: Any) -> Measure:  # fmt: skip
        """A metric on several sets of rows, reduced to one number: "gap", "worst" or "difference"."""
        part, statistics = self._rows(metric, self.guess, options)
        masks = list(levels.values())
        totals, sums = accumulate(statistics, masks, self._weights)
        counts = tuple(int(mask.sum()) for mask in masks)
        held = np.logical_or.reduce(masks)
        return Measure(
            metric=part,
            total=totals,
            sums=np.ascontiguousarray(sums.swapaxes(0, 1)),
            rows=int(held.sum()),
            digest=row_digest(self.data.row_ids, held),
            seed=self.seed,
            slice=slice,
            options=options,
            across=Across(reduce, by, tuple(levels), counts),
        )

    def versus(self, metric: str, other: Predictions, *, by: str, guess: Predictions | None = None,
               **options: Any) -> Measure:  # fmt: skip
        """A metric of this model's answers minus that of other answers to the same rows (a floor, an edit)."""
        part, mine = self._rows(metric, guess or self.guess, options)
        _, theirs = self._rows(metric, other, options)
        totals, sums = accumulate(np.concatenate([mine, theirs], axis=1), [None], self._weights)
        width = mine.shape[1]
        return Measure(
            metric=part,
            total=totals[0].reshape(2, width),
            sums=sums[0].reshape(-1, 2, width),
            rows=len(self.data),
            digest=row_digest(self.data.row_ids),
            seed=self.seed,
            options=options,
            across=Across("difference", by, ("model", by), (len(self.data),) * 2),
        )

    def _rows(self, metric: str, guess: Predictions, options: Mapping[str, Any]) -> tuple[Any, Any]:
        part = self.catalogue.find("metric", metric)
        return part, part(self.truth, guess, **options)
