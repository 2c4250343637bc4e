"""`Case`: what is on the table when something is examined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from duiqi.core.asking import answers_of
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.groups import Groups
from duiqi.core.measure import (
    Across,
    Measure,
    Weights,
    accumulate,
    accumulate_all,
    accumulate_parted,
    digest_of,
    row_hashes,
    totals_of,
)
from duiqi.core.part import Catalogue, Part
from duiqi.core.predictions import Predictions, Predictor, Recorded
from duiqi.core.progress import Progress, silent
from duiqi.core.slice import ALL, Slice
from duiqi.core.spans import find_spans
from duiqi.core.task import Task
from duiqi.core.texts import matches

T = TypeVar("T")


def rights(truth: Any, guess: Predictions) -> NDArray[np.bool_]:
    """Which rows were answered exactly, bool[n]; a text is right where it says what a reference says."""
    if isinstance(truth, np.ndarray):
        return np.asarray((guess.answers == truth).reshape(len(truth), -1).all(axis=1))
    same: Callable[[Any, Any], bool] = matches if "text" in guess.columns else np.array_equal
    return np.array([same(a, b) for a, b in zip(truth, guess.answers, strict=True)], dtype=bool)


def confidences(guess: Predictions) -> NDArray[np.float64]:
    """The largest probability of every row, float[n]; of tags and labels, the mean over them; of texts how likely they
    are right; ones where there are none."""
    if "probs" not in guess.columns:
        return np.ones(len(guess))
    if "text" in guess.columns:
        return guess.probs[:, 1]
    if "labels" in guess.columns:
        return np.maximum(guess.probs, 1 - guess.probs).mean(axis=1)
    if isinstance(guess["probs"], np.ndarray):
        return guess.probs.max(axis=1)
    return np.array([each.max(axis=1).mean() if len(each) else 1.0 for each in guess["probs"]])


def parts_of(task: Task, truth: Any, guess: Predictions) -> tuple[NDArray[np.int64], Predictions]:
    """Truths and answers of what has one class each: rows, words, labels given or not, answers right or not."""
    divide = {"row": lambda truth, guess: (truth, guess), "word": as_words, "label": as_labels, "answer": as_right}[
        task.unit
    ]
    divided: tuple[NDArray[np.int64], Predictions] = divide(truth, guess)
    return divided


def misses(task: Task, truth: Any, guess: Predictions) -> NDArray[np.float64] | None:
    """How much of the probability of every row was not given to its truth, float[n], 0 to 1: of words and labels, to
    all of them being right, as if they did not hang on each other. `None` where none is told of truths."""
    if "probs" not in guess.columns or task.unit == "answer" or "text" in guess.columns:
        return None
    classes, parts = parts_of(task, truth, guess)
    told = np.log(np.maximum(parts.probs[np.arange(len(classes)), classes], 1e-12))
    lengths = [1] * len(guess) if task.unit == "row" else [len(each) for each in truth]
    return np.asarray(1 - np.exp(by_row(told, lengths)), dtype=np.float64)


def as_words(truth: Sequence[NDArray[np.int64]], guess: Predictions) -> tuple[NDArray[np.int64], Predictions]:
    """Tags of all words one after the other, and the answers to them as one class each."""
    flat = np.concatenate([np.zeros(0, dtype=np.int64), *truth])
    columns = {"label": np.concatenate([np.zeros(0, dtype=np.int64), *guess["tags"]])}
    if "probs" in guess.columns:
        columns["probs"] = np.concatenate(list(guess["probs"])) if len(guess) else np.zeros((0, 1))
    return flat, Predictions(np.empty(len(flat), dtype="U1"), columns)


def as_labels(truth: NDArray[np.int64], guess: Predictions) -> tuple[NDArray[np.int64], Predictions]:
    """Every label of every row as a decision between 0 and 1, row by row."""
    columns: dict[str, Any] = {"label": np.asarray(guess["labels"]).ravel()}
    if "probs" in guess.columns:
        given = guess.probs.ravel()
        columns["probs"] = np.stack([1 - given, given], axis=1)
    return truth.ravel(), Predictions(np.empty(truth.size, dtype="U1"), columns)


def as_right(truth: Sequence[Sequence[str]], guess: Predictions) -> tuple[NDArray[np.int64], Predictions]:
    """Whether every answer is right, and how likely the model says that it is, as a class of 0 or 1."""
    right = rights(truth, guess).astype(np.int64)
    return right, Predictions(guess.row_ids, {"probs": guess.probs})


def by_row(statistics: Any, lengths: Sequence[int]) -> Any:
    """Statistics of words float[w, s] summed over each row: float[n, s]."""
    from scipy.sparse import csr_array

    ends = np.concatenate([[0], np.cumsum(lengths)])
    adding = csr_array((np.ones(ends[-1]), np.arange(ends[-1]), ends), shape=(len(lengths), int(ends[-1])))
    return adding @ statistics


def _whole(numbers: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(int(each) for each in numbers)


Asked = tuple[str, Mapping[str, Any]]  # a metric's name and its options


@dataclass(frozen=True, eq=False)
class Case:
    """A predictor and data, and where there is one `train`, `before`, `references` and `policy`.

    `slices` were found earlier and are to be measured again. `start` opens what the model was before it learned the
    training rows. `aside` tells which rows stand among those put aside for the proof, as they are or nearly. `progress`
    is told of what takes long: the stage, how much is done, of how much, and facts. `memory`
    is shared by all cases on the same rows: what was computed for one model and does not depend on it (floors,
    candidate slices) is computed once.
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
    start: Callable[[], Predictor] | None = None
    aside: Callable[[Dataset], NDArray[np.bool_]] | None = None
    progress: Progress = silent
    memory: dict[str, Any] = field(default_factory=dict)

    def has(self, need: str) -> bool:
        """Whether the case offers what a part needs, such as "data.groups", "case.train" or "model.probs".

        "model.confidence": probabilities that say how sure the model is, where "model.probs" may say no more than which
        class it answers.
        """
        room, _, name = need.partition(".")
        if room == "data":
            return self.data.has(name) or (name == "text" and self.data.has("tokens"))
        if need == "model.anew":  # may be asked about other rows than those at hand
            return not isinstance(self.predictor, Recorded)
        if need == "model.confidence":
            return self.has("model.probs") and not getattr(self.predictor, "classes_only", False)
        if room == "model":
            return (self.task.output if name == "answer" else name) in self.predictor.offers
        if room == "task":
            labels = bool(self.task.labels)
            return (
                name == self.task.name
                or (name == "labels" and labels)
                or (name == "classes" and labels and self.task.unit == "row")
            )
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
        return self.answers_to(self.data)

    def answers_to(self, data: Dataset) -> Predictions:
        """The model's answers to other rows, such as edited ones."""
        return answers_of(self.predictor, data, [each for each in self.task.outputs if each in self.predictor.offers])

    @property
    def reader(self) -> Predictor | None:
        """A model that has not learned the training rows, where there is one: what the model was before, else the
        model itself where that is known of it."""
        if self.start is not None:
            return self.start()
        learned = getattr(self.predictor, "learned", None)
        known = learned(self.train) if learned and self.train is not None else None
        return self.predictor if known is not None and known.mean() < 0.05 else None

    @property
    def learned_rows(self) -> Dataset:
        """The training rows, to hold the rows examined against; `DataError` where both are one."""
        if self.train is None or self.train is self.data:
            raise DataError(
                "expected training rows and others to hold against them, given one file",
                hint="A folder with train and dev or test, which duiqi prepare makes.",
            )
        return self.train

    def of_train(self) -> Case:
        """The same table with the training rows to be looked at."""
        assert self.train is not None
        return replace(self, data=self.train, slices=())

    @property
    def task(self) -> Task:
        return self.predictor.task

    @property
    def labels(self) -> tuple[str, ...]:
        return self.task.labels

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Which rows were answered right as a whole, bool[n]."""
        return self.rights(self.truth, self.guess)

    def rights(self, truth: Any, guess: Predictions) -> NDArray[np.bool_]:
        """Which answers are right as a whole, by the task's own measure of it."""
        _, statistics = self._rows(self.task.row_metric, guess, {}, truth)
        return np.asarray(statistics)[:, 0] > 0

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        """How sure the model is of each row, float[n]: of tags, the mean over the words."""
        return confidences(self.guess)

    @cached_property
    def parts(self) -> tuple[NDArray[np.int64], Predictions]:
        """Truths and answers of what has one class each: rows, words, or labels that are given or not."""
        return parts_of(self.task, self.truth, self.guess)

    @cached_property
    def _weights(self) -> Weights:
        return Weights(self.data.draw_keys, self.draws, self.seed)

    def mask(self, slice: Slice) -> NDArray[np.bool_]:
        """Which rows a slice means."""
        return self.remember(f"mask:{self.data.fingerprint}:{slice.rule}", lambda: slice.mask(self.data))

    def measure(self, metric: str, *, slice: Slice = ALL, guess: Predictions | None = None, truth: Any = None,
                **options: Any) -> Measure:  # fmt: skip
        """One metric on one slice."""
        return self.measures(metric, [slice], guess=guess, truth=truth, **options)[0]

    def measures(self, metric: str | Sequence[str | Asked], slices: Sequence[Slice], *,
                 guess: Predictions | None = None, truth: Any = None, **options: Any) -> list[Measure]:  # fmt: skip
        """One metric, or several, on many slices, in one pass over the rows; all slices of the first metric first.

        A metric with options of its own is given as `(name, options)`; `options` go to all of them. `truth` stands in
        for that of the rows, for a metric that reads none.
        """
        names = [metric] if isinstance(metric, str) else metric
        asked: list[Asked] = [(each, {}) if isinstance(each, str) else each for each in names]
        given = [(name, {**options, **own}) for name, own in asked]
        found = [self._rows(name, guess, each, truth) for name, each in given]
        return self._summed(found, slices, [chosen for _, chosen in given])

    def noted(self, metric: str, notes: Any, *, slice: Slice = ALL, **options: Any) -> Measure:
        """A metric of what a probe noted of every row, float[n] or float[n, w], on one slice."""
        return self._summed([self._noted(metric, notes, options)], [slice], [options])[0]

    def _summed(self, found: Sequence[tuple[Part, Any]], slices: Sequence[Slice],
                options: Sequence[Mapping[str, Any]]) -> list[Measure]:  # fmt: skip
        """Metrics with their row statistics and options, on every slice."""
        masks = [self.mask(each) if each.where else None for each in slices]
        summed = accumulate_all([statistics for _, statistics in found], masks, self._weights)
        about = [self._about(mask) for mask in masks]
        return [
            Measure(metric=part, total=total, sums=drawn, slice=each, options=chosen, **said)
            for (part, _), chosen, (totals, sums) in zip(found, options, summed, strict=True)
            for each, said, total, drawn in zip(slices, about, totals, sums, strict=True)
        ]

    def across(self, metric: str, levels: Mapping[str, NDArray[np.bool_]], *, by: str, reduce: str, slice: Slice = ALL,
               **options: Any) -> Measure:  # fmt: skip
        """A metric on several sets of rows, reduced to one number: "gap", "worst" or "difference"."""
        part, statistics = self._rows(metric, None, options)
        masks = list(levels.values())
        totals, sums = accumulate(statistics, masks, self._weights)
        counts = tuple(int(mask.sum()) for mask in masks)
        distinct = tuple(self._weights.distinct(mask) for mask in masks)
        return Measure(
            metric=part,
            total=totals,
            sums=np.ascontiguousarray(sums.swapaxes(0, 1)),
            slice=slice,
            options=options,
            across=Across(reduce, by, tuple(levels), counts, distinct),
            **self._about(np.logical_or.reduce(masks)),
        )

    def by_groups(self, metrics: Sequence[str | Asked], groups: Groups) -> list[Measure]:
        """Metrics on groups that have no row in common, each reduced to the gap between them.

        The same as `across` with "gap", in one pass over the rows however many groups and metrics there are.
        """
        asked: list[Asked] = [(each, {}) if isinstance(each, str) else each for each in metrics]
        found = [self._rows(name, None, options) for name, options in asked]
        summed = accumulate_parted([rows for _, rows in found], groups.codes, len(groups), self._weights)
        distinct = self._weights.distinct_by(groups.codes, len(groups))
        across = Across("gap", groups.by, groups.names, _whole(groups.rows), _whole(distinct))
        about = self._about(groups.codes >= 0)
        return [
            Measure(metric=part, total=total, sums=sums.swapaxes(0, 1), options=options, across=across, **about)
            for (part, _), (_, options), (total, sums) in zip(found, asked, summed, strict=True)
        ]

    def group_values(self, metric: str, groups: Groups) -> NDArray[np.float64]:
        """A metric in every group, float[g], without draws: for choosing among very many."""
        part, statistics = self._rows(metric, None, {})
        with np.errstate(divide="ignore", invalid="ignore"):
            values = part.hooks["finish"](totals_of(statistics, groups.codes, len(groups)))
            return np.asarray(part.hooks.get("shown", lambda shown: shown)(values), dtype=np.float64)

    def row_statistics(self, metric: str, **options: Any) -> Any:
        """The statistics of a metric in every row, float[n, s]."""
        return self._rows(metric, None, options)[1]

    def class_counts(self, truth: Any) -> Any:
        """How often every class of the task stands in every row of these truths, sparse int[n, k]: once or not at all,
        or as many spans as have the type."""
        from scipy.sparse import csr_array

        if self.task.unit == "label":
            return csr_array(np.asarray(truth, dtype=np.int64))
        rows, classes = np.arange(len(truth)), truth
        if self.task.unit == "word":
            spans = find_spans(truth)
            rows, classes = spans.row, spans.type
        ones = np.ones(len(rows), dtype=np.int64)
        return csr_array((ones, (rows, classes)), shape=(len(truth), len(self.task.classes)))

    def by_level(self, metric: str, statistics: Any, levels: Sequence[str], *, by: str, reduce: str,
                 slice: Slice = ALL, slices: Sequence[Slice] = ()) -> Measure:  # fmt: skip
        """A metric whose levels have statistics of their own in each row, reduced to one number.

        `statistics` is a sparse array [n, g * s], level by level; a row in which a level has none is none of its rows.
        `slice` says which rows the measure is about, `slices` which each level is about.
        """
        part = self.catalogue.find("metric", metric)
        (total,), (sums,) = accumulate(statistics, [None], self._weights)
        held = abs(statistics).tocsc()
        width = statistics.shape[1] // len(levels)
        masks = [np.asarray(held[:, [width * (g + 1) - 1]].sum(axis=1)).ravel() > 0 for g in range(len(levels))]
        return Measure(
            metric=part,
            total=total.reshape(len(levels), width),
            sums=sums.reshape(len(sums), len(levels), width),
            slice=slice,
            across=Across(
                reduce,
                by,
                tuple(levels),
                tuple(int(mask.sum()) for mask in masks),
                tuple(self._weights.distinct(mask) for mask in masks),
                tuple(slices),
            ),
            **self._about(None),
        )

    def versus(self, metric: str, other: Predictions, *, by: str, guess: Predictions | None = None,
               truth: Any = None, **options: Any) -> Measure:  # fmt: skip
        """A metric of this model's answers minus that of other answers to the same rows (a floor, an edit).

        `truth` is what `guess` is held against, where an edit has moved the truths along.
        """
        part, mine = self._rows(metric, guess, options, truth)
        _, theirs = self._rows(metric, other, options)
        return self._apart(part, mine, theirs, by, options)

    def noted_versus(self, metric: str, notes: Any, others: Any, *, by: str, **options: Any) -> Measure:
        """A metric of what a probe noted of every row minus the same of what it noted of something else (`by`)."""
        part, mine = self._noted(metric, notes, options)
        _, theirs = self._noted(metric, others, options)
        return self._apart(part, mine, theirs, by, options)

    def _apart(self, part: Part, mine: Any, theirs: Any, by: str, options: Mapping[str, Any]) -> Measure:
        """The difference of a metric on two sets of row statistics."""
        (total, sums), (other_total, other_sums) = accumulate_all([mine, theirs], [None], self._weights)
        about = self._about(None)
        return Measure(
            metric=part,
            total=np.concatenate([total, other_total]),
            sums=np.stack([sums[0], other_sums[0]], axis=1),
            options=options,
            across=Across("difference", by, ("model", by), (about["rows"],) * 2, (about["distinct"],) * 2),
            **about,
        )

    def _rows(
        self, metric: str, guess: Predictions | None, options: Mapping[str, Any], truth: Any = None
    ) -> tuple[Any, Any]:
        """The metric and its statistics of every row. A metric of one class a row is taken over words or labels where
        they have the classes, and summed by row."""
        part = self.catalogue.find("metric", metric)
        options = {**self.task.metric_options.get(metric, {}), **options}
        truth, guess = self.truth if truth is None else truth, self.guess if guess is None else guess
        if self.task.unit == "row" or part.facts.get("level") == "row":
            return part, part(truth, guess, **options)
        statistics = part(*parts_of(self.task, truth, guess), **options)
        if self.task.unit == "answer":
            return part, statistics
        return part, by_row(statistics, [len(each) for each in truth])

    def _noted(self, metric: str, notes: Any, options: Mapping[str, Any]) -> tuple[Part, Any]:
        """A metric of notes and its statistics of every row."""
        part = self.catalogue.find("metric", metric)
        return part, part(np.asarray(notes, dtype=np.float64).reshape(len(self.data), -1), **options)

    def _about(self, mask: NDArray[np.bool_] | None) -> dict[str, Any]:
        """What a measure says of the rows it was taken on."""
        hashes = self.remember(f"hashes:{self.data.fingerprint}", lambda: row_hashes(self.data.row_ids))
        return {
            "rows": len(self.data) if mask is None else int(mask.sum()),
            "distinct": self._weights.distinct(mask),
            "digest": digest_of(hashes, mask),
            "seed": self.seed,
        }
