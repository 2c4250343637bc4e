"""Labels that need no people: from rules that a user wrote, and from the model where it is sure enough.

Who gives labels is judged on labelled rows that it has not learned: what is kept of its answers is right in at least a
share `right` of the rows (`duiqi.data.confident`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.errors import OptionError
from duiqi.core.exhibit import Exhibit
from duiqi.core.seed import mix
from duiqi.data.confident import Bound, confident, find_bound
from duiqi.data.crossfit import FOLDS
from duiqi.data.guessing import Guesser
from duiqi.data.labelling_functions import Ballot, read_functions, votes
from duiqi.data.weighing import fit_label_model, standings
from duiqi.run.choosing import judged_rows
from duiqi.run.table import Table

RULES, MODEL = "rules", "model"
NOBODY = -1


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


@dataclass(frozen=True, eq=False)
class Voice:
    """Somebody who says labels: how likely each class is in the pool, float[n, k], and from which confidence on it is
    believed."""

    name: str
    probs: NDArray[np.float64]
    bound: Bound


def machine_labels(
    table: Table, guesser: Guesser, pool: Dataset, *, rules: str | Path | None, own: bool, right: float
) -> MachineLabels:
    """What rules and, if `own`, the model itself say of a pool. Where both are sure and differ, nobody says anything.

    `OptionError` for a task whose answers are no classes; `DataError` for rules that cannot be asked.
    """
    task = guesser.task
    if task.unit != "row" or task.output != "probs":
        raise OptionError(
            f"expected a task whose rows have one class each, given {task.name}",
            hint="Rules and the model's own labels are for classify and classify_pair.",
        )
    voices, exhibits, notes = list[Voice](), list[Exhibit](), list[Mapping[str, Any]]()
    if rules is not None:
        labelled = reduce(Dataset.joined, [part for name, part in table.parts.items() if name != "test"])
        truth, ballots = task.read_truth(labelled), _ballots(rules, (pool, labelled), task.labels)
        folds = (mix(labelled.input_keys) % np.uint64(FOLDS)).astype(np.int64)
        voice, shown = _by_rules(ballots, truth, folds, task.labels, right=right, seed=table.seed)
        voices.append(voice)
        exhibits += shown
        notes += [{"code": "rule_left_out", **each._asdict()} for each in ballots[0].left_out]
        notes += _no_bound(voice, len(labelled))
    if own:
        probs, truth = _on_labelled(table, guesser)
        voices.append(Voice(MODEL, guesser.answers(pool).probs, find_bound(probs, truth, right=right)))
        notes += _no_bound(voices[-1], len(truth))
    made = _agreed(voices, len(pool))
    counts = list(_counts(voices, made, task.labels))
    if counts:
        columns = ["said_by", "class", "rows", "threshold", "precision"]
        exhibits.append(Exhibit("table", {"title": "machine_labels", "columns": columns, "rows": counts}))
    return MachineLabels(made.labels, made.confidence, made.by, tuple(exhibits), tuple(notes))


def _on_labelled(table: Table, guesser: Guesser) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """What is guessed for labelled rows by what has not learned them, float[n, k], and their classes, int[n].

    Regressions are crossed, so all labelled rows can judge them; of a model with a head only dev can.
    """
    task = guesser.task
    if guesser.known is None:
        judged, _ = judged_rows(table, guesser)
        return guesser.answers(judged).probs, task.read_truth(judged)
    probs, truth = guesser.unlearned(), task.read_truth(guesser.known)
    if "dev" in table.parts:
        dev = table.part("dev")
        probs = np.concatenate([probs, guesser.answers(dev).probs])
        truth = np.concatenate([truth, task.read_truth(dev)])
    return probs, truth


def _ballots(rules: str | Path, data: Sequence[Dataset], classes: Sequence[str]) -> list[Ballot]:
    """What the rules in a file say of several sets of rows; one that raises on any of them is left out of all."""
    functions = list(read_functions(rules))
    left_out = dict[str, Any]()
    while True:
        ballots = [votes(functions, rows, classes) for rows in data]
        new = {each.name: each for ballot in ballots for each in ballot.left_out}
        left_out |= new
        if not new:
            return [Ballot(each.votes, each.names, tuple(left_out.values())) for each in ballots]
        functions = [each for each in functions if each.name not in new]


def _by_rules(
    ballots: Sequence[Ballot], truth: NDArray[np.int64], folds: NDArray[np.int64], classes: Sequence[str],
    *, right: float, seed: int,
) -> tuple[Voice, list[Exhibit]]:  # fmt: skip
    """What rules say together, by a model of their votes on the pool and on labelled rows; how far to trust it is told
    by models that know the labels of the other `folds` only."""
    pool, judged = ballots
    both = Ballot(np.concatenate([pool.votes, judged.votes]), pool.names)
    unknown = np.full(len(pool.votes), NOBODY)
    shares = (np.bincount(truth, minlength=len(classes)) + 1.0) / (len(truth) + len(classes))
    fit = partial(fit_label_model, both.votes, len(classes), prior=shares, seed=seed)
    probs = np.empty((len(truth), len(classes)))
    for fold in np.unique(folds):  # the truth of a row that is judged is not told
        inside = folds == fold
        model = fit(truth=np.concatenate([unknown, np.where(inside, NOBODY, truth)]))
        probs[inside] = model.probs(judged.votes[inside])
    known = np.concatenate([unknown, truth])
    model = fit(truth=known)
    voice = Voice(RULES, model.probs(pool.votes), find_bound(probs, truth, right=right))
    rows = [
        [
            each.name,
            each.coverage,
            each.conflicts,
            {"value": each.accuracy, "low": each.low, "high": each.high},
            f"{each.right} / {each.labelled}",
            each.copy_of or "–",
        ]
        for each in standings(model, both, truth=known, seed=seed)
    ]
    columns = ["labelling_rule", "coverage", "conflicts", "accuracy", "right_of_labelled", "repeats"]
    return voice, [Exhibit("table", {"title": "rules", "columns": columns, "rows": rows})]


def _agreed(voices: Sequence[Voice], n: int) -> MachineLabels:
    """The labels of the first voice that is sure, where no other one that is says otherwise."""
    labels, sure, by = np.full(n, NOBODY), np.zeros(n), np.full(n, "", dtype="U8")
    disputed = np.zeros(n, dtype=bool)
    for voice in voices:
        rows, said = confident(voice.probs, voice.bound)
        disputed[rows] |= (labels[rows] != NOBODY) & (labels[rows] != said)
        new = labels[rows] == NOBODY
        labels[rows[new]], by[rows[new]] = said[new], voice.name
        sure[rows[new]] = voice.probs[rows[new], said[new]]
    labels[disputed] = NOBODY
    return MachineLabels(labels, sure, by.tolist())


def _counts(voices: Sequence[Voice], made: MachineLabels, classes: Sequence[str]) -> Iterator[list[Any]]:
    """Who gave how many labels of which classes, from which confidence on, and how many of those are right at least."""
    by = np.array(made.by)
    for voice in voices:
        for group in voice.bound.groups:
            rows = int(((by == voice.name) & np.isin(made.labels, group.classes)).sum())
            if group.holds:
                named = ", ".join(classes[each] for each in group.classes[:3])
                named += " …" if len(group.classes) > 3 else ""
                precision = {"value": group.right / group.above, "low": group.low, "high": 1.0}
                yield [voice.name, named, rows, round(group.threshold, 4), precision]


def _no_bound(voice: Voice, rows: int) -> list[Mapping[str, Any]]:
    """Where nothing of what somebody says is sure enough: that, and how many labelled rows might show that it is."""
    if voice.bound.holds:
        return []
    needed = voice.bound.rows_to_settle
    code = f"unsure_{voice.name}" if needed else f"unsure_{voice.name}_whatever"
    return [{"code": code, "rows": rows, "right": f"{voice.bound.right:.0%}", **({"needed": needed} if needed else {})}]
