from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.examine import MOST_EVIDENCE, rows_told
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Measure, Shown
from duiqi.core.part import probe
from duiqi.core.slice import Slice
from duiqi.core.texts import excerpt
from duiqi.data.simulated import forgetful_case

MOST_LOST = 0.02
MOST_EXAMPLES, MOST_SLICES = 4, 8  # of each set of rows


@probe(
    kind="forgetting",
    needs=("case.before", "model.answer"),
    gates=(Gate("backward_transfer", at_least=-MOST_LOST),),
    source="Lopez-Paz & Ranzato, 2017, Gradient episodic memory for continual learning, NeurIPS, "
    "https://arxiv.org/abs/1706.08840; forgotten rows: Toneva et al., 2019, An empirical study of example forgetting "
    "during deep neural network learning, ICLR, https://arxiv.org/abs/1812.05159",
)
def forgetting(case: Case) -> Iterator[Measure | Exhibit]:
    """What the model could do before and can no longer: on the rows examined and on every reference with labels.

    What: for each set of rows how much more often answers are right than the model before had them (`--before`), row
    by row; below 0 is forgetting, and it may fall by two points. Why: training on new rows, or for one slice, is paid
    for on rows that nobody looks at: keep a set of each kind that matters and give it with `--reference NAME=DATA`.
    How: a row is right as the task counts whole rows; both models answer the same rows, so what they share cancels and
    small losses show. Beside it stand the rows that were right before and are wrong now, forgotten (Toneva et al.
    count this over the steps of one training, here it is once, between two models), those that were learned, and the
    groups and classes they are of.

    A reference without labels is left to unlabelled_accuracy. One of another task, or with labels that either model
    does not know, is left out and the table says why; where no set of rows is left, nothing is told.

    Misleads where the model before was trained on the reference: it knew those rows by heart, and a model that knows
    the matter as well has them less often right. And a class that was renamed is no loss. Given to repair and align, a
    reference is also what no step of a repair may make worse, and the proof ends with the ledger. Treated by training
    on rows like the forgotten ones, too.
    """
    assert case.before is not None
    sets = {"": case.data, **{name: each for name, each in case.references.items() if each is not case.data}}
    pages: dict[str, _Page] = {}
    refused: dict[str, str] = {}
    for name, data in sets.items():
        if data.has("label"):
            try:
                pages[name] = _page(case, data)
            except DataError as error:
                refused[name or case.data.name] = str(error)
    if not pages:
        raise DataError(
            "expected labelled rows that both models can be asked, given "
            + ("; ".join(f"{name}: {why}" for name, why in refused.items()) or "none with labels"),
            hint="Give rows for the same task with --reference NAME=DATA.",
        )
    measures = {name: page.measured(name) for name, page in pages.items()}
    yield from measures.values()
    yield _ledger(pages, measures, refused, case.task.row_metric)
    by = [row for name, page in pages.items() for row in page.slices(name)]
    if by:
        columns = ["slice", "n", "forgotten", "learned", "against"]
        yield Exhibit("table", {"title": "forgotten_by", "columns": columns, "rows": by})
    rows = [row for name, page in pages.items() for row in page.examples(name)]
    if rows:
        columns = ["claim", "original", "label", "answer_before", "answer", "against"]
        yield Exhibit("table", {"title": "forgotten", "columns": columns, "rows": rows, "rows_of_data": True})


@dataclass(frozen=True, eq=False)
class _Page:
    """One set of rows, asked both models."""

    now: Case
    then: Case

    @property
    def forgotten(self) -> NDArray[np.bool_]:
        return self.then.right & ~self.now.right

    @property
    def learned(self) -> NDArray[np.bool_]:
        return self.now.right & ~self.then.right

    def measured(self, name: str) -> Measure:
        """How many more rows are right now, with those that were forgotten."""
        moved = self.learned.astype(np.float64) - self.forgotten
        of: dict[str, Any] = {"of": name} if name else {}
        measure = self.now.noted("backward_transfer", moved, **of)
        rows = np.flatnonzero(self.forgotten)
        surest = rows[np.argsort(-self.now.confidence[rows], kind="stable")]
        ids = tuple(map(str, self.now.data.row_ids[rows]))
        return replace(measure, shown=Shown(ids, tuple(rows_told(self.now, surest[:MOST_EVIDENCE]))))

    def slices(self, name: str) -> list[list[Any]]:
        """Of every group and class of which rows were forgotten how many were, the most first."""
        data = self.now.data
        columns = {column: data.group(column) for column in data.schema.groups}
        if self.now.has("task.classes"):
            columns["label"] = np.asarray(data.values("label"))
        found: list[list[Any]] = []
        for column, values in columns.items():
            for value in sorted({str(each) for each in values[self.forgotten]}):
                inside = np.array([str(each) == value for each in values])
                counts = [int((inside & each).sum()) for each in (inside, self.forgotten, self.learned)]
                found.append([Slice.of(column, value).rule, *counts, name or "rows_examined"])
        return sorted(found, key=lambda row: -row[2])[:MOST_SLICES]

    def examples(self, name: str) -> Iterator[list[Any]]:
        """Rows that were forgotten and rows that were learned, those first of which the model is surest now."""
        spell, words = self.now.task.spell, self.now.data.words
        for claim, which in (("forgotten", self.forgotten), ("learned", self.learned)):
            rows = np.flatnonzero(which)
            for i in rows[np.argsort(-self.now.confidence[rows], kind="stable")][:MOST_EXAMPLES]:
                was = self.then.task.spell(self.then.guess.answers[i], words[i])
                is_now, truth = (spell(each[i], words[i]) for each in (self.now.guess.answers, self.now.truth))
                yield [claim, excerpt(self.now.data.shown[i]), truth, was, is_now, name or "rows_examined"]


def _page(case: Case, data: Dataset) -> _Page:
    """A set of rows with both models on it; `DataError` where it is of another task than either."""
    now = case if data is case.data else replace(case, data=data, slices=())
    assert case.before is not None
    then = now.with_predictor(case.before, before=None)
    for side in (now, then):
        missing = [each for each in side.task.inputs if case.has(f"data.{each}") and not side.has(f"data.{each}")]
        if missing:
            raise DataError(
                f"expected rows with {' and '.join(missing)}, as the rows examined have them for "
                f"{side.task.name}, given {data.name} without",
                hint="Give rows for the task that the models were made for.",
            )
        _ = side.truth  # tells what labels it does not know
    if not len(data):
        raise DataError(f"expected rows in {data.name}, given none", hint="Give rows with labels.")
    return _Page(now, then)


def _ledger(
    pages: Mapping[str, _Page], measures: Mapping[str, Measure], refused: Mapping[str, str], metric: str
) -> Exhibit:
    """What was right before and is right now, set by set."""
    rows = []
    for name, page in pages.items():
        sides = [{**side.measure(metric).cell, "metric": metric} for side in (page.then, page.now)]
        change = {**measures[name].cell, "metric": f"{metric}_difference"}
        counts = [int(each.sum()) for each in (page.forgotten, page.learned)]
        rows.append([name or "rows_examined", len(page.now.data), *sides, change, *counts])
    columns = ["against", "n", "right_before", "right_now", "right_change", "forgotten", "learned"]
    remarks = [{"code": "reference_refused", "by": name, "why": why} for name, why in refused.items()]
    return Exhibit("table", {"title": "ledger", "columns": columns, "rows": rows, "remarks": remarks})


@forgetting.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    """Both models of either case differ on one row in twenty; the sick one forgets rows of a reference alone."""
    return forgetful_case(rng, lost=0.0), forgetful_case(rng, lost=0.12 * strength)
