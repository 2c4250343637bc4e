"""Labels that need no people: from rules that a user wrote, and from the model where it is sure enough.

What they say together is judged on labelled rows that neither has learned: of what is kept at least a share `right` is
right (`duiqi.data.confident`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.errors import OptionError
from duiqi.core.exhibit import Exhibit
from duiqi.data.confident import Bound, confident, find_bound
from duiqi.data.crossfit import blend, folds_of
from duiqi.data.guessing import Guesser
from duiqi.data.labelling_functions import Ballot, Function, votes
from duiqi.data.weighing import fit_label_model, standings
from duiqi.run.choosing import judged_rows
from duiqi.run.table import Table

RULES, MODEL, BOTH = "rules", "model", "rules and model"
NOBODY = -1
ANY = "any_confidence"  # the threshold of classes of which every answer counts
LABELLED = ("classify", "classify_pair")  # tasks whose rows have one class each


@dataclass(frozen=True, eq=False)
class MachineLabels:
    """Labels for rows of a pool: the class of each row, -1 for none, int[n], how sure it is, float[n], and who says so;
    what is to be shown and said of it."""

    labels: NDArray[np.int64]
    confidence: NDArray[np.float64]
    by: Sequence[str]
    exhibits: tuple[Exhibit, ...] = ()
    notes: tuple[Mapping[str, Any], ...] = ()

    @property
    def rows(self) -> NDArray[np.int64]:
        """The places of the rows that have a label."""
        return np.flatnonzero(self.labels != NOBODY)


def check_task(task: str) -> None:
    """`OptionError` for a task whose answers are no classes."""
    if task not in LABELLED:
        raise OptionError(
            f"expected a task whose rows have one class each, given {task}",
            hint="Rules and the model's own labels are for classify and classify_pair.",
        )


def machine_labels(
    table: Table, guesser: Guesser, pool: Dataset, *, rules: Sequence[Function], own: bool, right: float
) -> MachineLabels:
    """What rules and, if `own`, the model itself say of a pool, where that is sure enough.

    Where both speak, the geometric mean of their probabilities counts, so that where they differ hardly anything is
    sure. `DataError` for rules that cannot be asked.
    """
    task = guesser.task
    exhibits, notes = list[Exhibit](), list[Mapping[str, Any]]()
    if own:
        labelled, on_labelled = _on_labelled(table, guesser)
        in_pool = guesser.answers(pool).probs
    else:
        labelled = reduce(Dataset.joined, [part for name, part in table.parts.items() if name != "test"])
        on_labelled, in_pool = (np.full((len(each), len(task.labels)), np.nan) for each in (labelled, pool))
    truth, spoken = task.read_truth(labelled), np.zeros(len(pool), dtype=bool)
    if rules:
        ballots = _ballots(rules, (pool, labelled), task.labels)
        by_rules, of_labelled, shown = _by_rules(
            ballots, truth, folds_of(labelled.input_keys), task.labels, seed=table.seed
        )
        exhibits.append(shown)
        notes += [{"code": "rule_left_out", **each._asdict()} for each in ballots[0].left_out]
        spoken = np.asarray(~np.isnan(by_rules).any(axis=1))
        on_labelled, in_pool = _together(of_labelled, on_labelled), _together(by_rules, in_pool)
    bound = find_bound(on_labelled, truth, right=right)
    rows, said = confident(in_pool, bound)
    labels, sure = np.full(len(pool), NOBODY), np.zeros(len(pool))
    labels[rows], sure[rows] = said, in_pool[rows, said]
    by = np.where(spoken, BOTH if own else RULES, MODEL)
    if bound.holds:
        counts = list(_counts(bound, labels, task.labels))
        columns = ["class", "rows", "threshold", "precision"]
        exhibits.append(Exhibit("table", {"title": "machine_labels", "columns": columns, "rows": counts}))
    return MachineLabels(labels, sure, by.tolist(), tuple(exhibits), (*notes, *_limits(bound, len(truth))))


def _together(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of what two say, float[n, k]; of rows of which one says nothing (nan), what the other says."""
    one, other = np.isnan(first).any(axis=1, keepdims=True), np.isnan(second).any(axis=1, keepdims=True)
    return np.where(one, second, np.where(other, first, blend([first, second])))


def _on_labelled(table: Table, guesser: Guesser) -> tuple[Dataset, NDArray[np.float64]]:
    """Labelled rows, and what is guessed for them by what has not learned them, float[n, k].

    Regressions are crossed, so all labelled rows can judge them; a head only those that it has not learned.
    """
    if guesser.known is None:
        judged, _ = judged_rows(table, guesser)
        return judged, guesser.answers(judged).probs
    if "dev" not in table.parts:
        return guesser.known, guesser.unlearned()
    dev = table.part("dev")
    return guesser.known.joined(dev), np.concatenate([guesser.unlearned(), guesser.answers(dev).probs])


def _ballots(rules: Sequence[Function], data: Sequence[Dataset], classes: Sequence[str]) -> list[Ballot]:
    """What rules say of several sets of rows; one that raises on any of them is left out of all."""
    functions = list(rules)
    left_out = dict[str, Any]()
    while True:
        ballots = [votes(functions, rows, classes) for rows in data]
        new = {each.name: each for ballot in ballots for each in ballot.left_out}
        left_out |= new
        if not new:
            return [Ballot(each.votes, each.names, tuple(left_out.values())) for each in ballots]
        functions = [each for each in functions if each.name not in new]


def _by_rules(
    ballots: Sequence[Ballot], truth: NDArray[np.int64], folds: NDArray[np.int64], classes: Sequence[str], *, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], Exhibit]:
    """What rules say together of the pool and of labelled rows, float[n, k] each, nan where all abstain, and how each
    of them does. Labelled rows are answered by models that know the labels of the other `folds` only."""
    pool, judged = ballots
    both = Ballot(np.concatenate([pool.votes, judged.votes]), pool.names)
    unknown = np.full(len(pool.votes), NOBODY)
    shares = (np.bincount(truth, minlength=len(classes)) + 1.0) / (len(truth) + len(classes))
    fit = partial(fit_label_model, both.votes, len(classes), prior=shares, seed=seed)
    probs = np.empty((len(truth), len(classes)))
    for fold in np.unique(folds):
        inside = folds == fold
        model = fit(truth=np.concatenate([unknown, np.where(inside, NOBODY, truth)]))
        probs[inside] = model.probs(judged.votes[inside])
    known = np.concatenate([unknown, truth])
    model = fit(truth=known)
    rows = [
        [
            each.name,
            each.coverage,
            each.conflicts,
            {"value": each.accuracy},
            {
                "value": each.right / each.labelled if each.labelled else None,
                "low": each.labelled_low,
                "high": each.labelled_high,
            },
            each.labelled,
            each.copy_of or "–",
        ]
        for each in standings(model, both, truth=known)
    ]
    columns = ["labelling_rule", "coverage", "conflicts", "accuracy", "right_of_labelled", "labelled_rows", "repeats"]
    return model.probs(pool.votes), probs, Exhibit("table", {"title": "rules", "columns": columns, "rows": rows})


def _counts(bound: Bound, labels: NDArray[np.int64], classes: Sequence[str]) -> Iterator[list[Any]]:
    """How many rows got labels of which classes, from which confidence on, and how many of those are right at least."""
    for group in bound.groups:
        if group.holds:
            named = ", ".join(classes[each] for each in group.classes[:3])
            named += " …" if len(group.classes) > 3 else ""
            precision = {"value": group.right / group.above, "low": group.low, "high": None}
            rows = int(np.isin(labels, group.classes).sum())
            above = round(group.threshold, 4) if group.threshold > 0 else ANY
            yield [named, rows, above, precision]


def _limits(bound: Bound, rows: int) -> list[Mapping[str, Any]]:
    """What nothing was sure enough of: some classes, or all, and how many labelled rows might show otherwise."""
    if bound.holds:
        sure_of = int(np.isfinite(bound.thresholds).sum())
        some = {"code": "sure_of_some_classes", "classes": sure_of, "of": bound.classes}
        return [some] if sure_of < bound.classes else []
    needed = bound.rows_to_settle
    said = {"rows": rows, "right": f"{bound.right:.0%}"}
    return [{"code": "unsure", **said, "needed": needed} if needed else {"code": "unsure_whatever", **said}]
