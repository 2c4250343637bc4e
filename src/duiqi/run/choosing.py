"""Which rows of a pool are worth a person's look, by one strategy or another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.bundle import Bundle
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, OptionError
from duiqi.core.predictions import Predictions, Recorded
from duiqi.core.slice import Slice
from duiqi.core.task import Task
from duiqi.data.guessing import Guesser, unlearned_by
from duiqi.data.selecting import DOUBTS, k_centres, most_doubtful, weakest_first
from duiqi.data.vectors import vectors_of
from duiqi.run.looks import look
from duiqi.run.table import Table

LABELLED_BY = "labelled_by"  # the column that says that no people gave a row its label


def by_people(table: Table) -> tuple[Table, int]:
    """The table without rows whose labels a machine gave in an earlier round, and how many these are: its own answers
    must neither teach a guesser nor prove it right."""
    parts = {}
    for name, part in table.parts.items():
        said = (
            part.table.column(LABELLED_BY).to_pylist() if LABELLED_BY in part.table.column_names else [None] * len(part)
        )
        parts[name] = part.take([row for row, who in enumerate(said) if not who]) if any(said) else part
    gone = sum(len(part) for part in table.parts.values()) - sum(len(part) for part in parts.values())
    if gone:
        parts = {name: part for name, part in parts.items() if len(part)}
    if not parts:
        raise DataError(
            f"expected rows that people labelled, given {gone} whose labels are all by machines ({LABELLED_BY})",
            hint="Label some rows first: without --rules and --self-label to_label.csv has them.",
        )
    return replace(table, parts=parts), gone


def guesser_of(table: Table, model: str | Path) -> Guesser:
    """The model as it stands where it has a head for the task; else regressions on what is labelled."""
    from duiqi.data.read import require_labels
    from duiqi.model.open import find, has_head

    bundle = find(str(model))
    if has_head(bundle, table.task):
        opened = table.open(bundle)
        return Guesser(opened, opened.task)
    known = table.part("train", "all")
    task = table.task_for(known)
    require_labels(known, task.row_labels, least=task.fewest)
    return Guesser(_body(table, bundle, task), task, known)


def _body(table: Table, bundle: Bundle, task: Task) -> Any:
    """The model for its embeddings; its answers are kept for the next who asks."""
    from duiqi.model.open import open_model
    from duiqi.model.predict import Cache

    if "answers" not in table.memory:
        table.memory["answers"] = Cache()
    return open_model(bundle, task, device=table.device, cache=table.memory["answers"])


@dataclass(frozen=True, eq=False)
class Asked:
    """What a strategy chooses from: the rows of the pool that are left, what is guessed for them, and how many of them
    are wanted."""

    table: Table
    guesser: Guesser
    pool: Dataset
    guess: Predictions
    most: int

    def doubts(self, by: str) -> NDArray[np.float64]:
        """How little sure the guesses are, float[n]."""
        return DOUBTS[by, self.guesser.task.unit](self.guess["probs"])


@dataclass(frozen=True, eq=False)
class Choice:
    """Places in the pool in the order in which to label them, why each was chosen, and by how much; what else is to be
    said of it."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    why: Sequence[str]
    guess: Predictions
    confidence: NDArray[np.float64]
    slices: tuple[Slice, ...] = ()
    notes: tuple[Mapping[str, Any], ...] = ()


def _choice(
    asked: Asked, rows: NDArray[np.int64], scores: NDArray[np.float64], why: Sequence[str], **more: Any
) -> Choice:
    return Choice(rows, scores, why, asked.guess.take(rows), 1 - asked.doubts("uncertainty")[rows], **more)


def _by_doubt(by: str) -> Callable[[Asked], Choice]:
    """The rows that the model is least sure of, in one meaning of it."""

    def choose(asked: Asked) -> Choice:
        doubts = asked.doubts(by)
        rows = most_doubtful(doubts, asked.most)
        return _choice(asked, rows, doubts[rows], [by] * len(rows))

    return choose


def _core_set(asked: Asked) -> Choice:
    """The rows that lie farthest from what is labelled and from one another."""
    model = asked.guesser.model
    if "embedding" not in model.offers:
        raise OptionError(
            f"expected a model that gives embeddings for core_set, given {model.name}, which gives none",
            hint="Take --by margin.",
        )
    known = asked.table.part("train", "all")
    rows, reach = k_centres(vectors_of(model, asked.pool), vectors_of(model, known), asked.most)
    return _choice(asked, rows, reach, ["core_set"] * len(rows))


def _worst_slice(asked: Asked) -> Choice:
    """The rows of slices on which the model is proven weaker on dev, those of the least margin first."""
    judged, guesser = judged_rows(asked.table, asked.guesser)
    found = weak_slices(asked.table, guesser, judged)
    slices = tuple(each for each in found if _known_there(each, asked.pool))
    masks = [each.mask(asked.pool) for each in slices]
    inside = np.stack(masks) if masks else np.zeros((0, len(asked.pool)), dtype=bool)
    doubts = asked.doubts("margin")
    rows, of = weakest_first(inside, doubts, asked.most)
    why = [slices[each].rule if each >= 0 else "margin" for each in of]
    looks = {"code": "looks", "split": judged.name, "times": look(judged, run=str(guesser.model.fingerprint))}
    notes: list[Mapping[str, Any]] = [looks]
    if len(slices) < len(found):
        notes.append({"code": "slices_not_in_pool", "slices": len(found) - len(slices)})
    if not slices:
        notes.append({"code": "no_weak_slice"})
    return _choice(asked, rows, doubts[rows], why, slices=slices, notes=tuple(notes))


def _known_there(slice: Slice, pool: Dataset) -> bool:
    """Whether the pool has the columns that a slice is told by."""
    try:
        slice.mask(pool)
    except DataError:
        return False
    return True


def weak_slices(table: Table, guesser: Guesser, judged: Dataset) -> tuple[Slice, ...]:
    """The slices of some rows on which the model is proven weaker than elsewhere, the one that costs most first."""
    from duiqi.core.examine import examine

    case = table.case(_recorded(guesser, judged), judged)
    report = examine(case, table.orders(case, ["blind_spots"]))
    failed = [each for each in report.findings if each.ruling.verdict == "fail" and each.slice.where]
    return tuple(each.slice for each in sorted(failed, key=lambda each: -each.severity))


def judged_rows(table: Table, guesser: Guesser) -> tuple[Dataset, Guesser]:
    """Rows with labels that the guesser has not learned: those of dev; of rows that are not divided those that a head
    has not learned, for regressions a part that is put aside."""
    from duiqi.data.split import complete

    if guesser.known is not None and "dev" not in table.parts:
        parts = complete(table.parts, seed=table.seed, shares={"test": 0.0})
        return parts["dev"], replace(guesser, known=parts["train"])
    if guesser.known is not None:
        return table.part("dev"), guesser
    judged = table.parts.get("dev", table.parts.get("all"))
    fresh = judged.take(np.flatnonzero(unlearned_by(guesser.model, judged))) if judged is not None else None
    if fresh is None or not len(fresh):
        raise DataError(
            f"expected rows with labels that {guesser.model.name} has not learned, given only "
            f"{', '.join(table.parts)}" + (", which it learned" if judged is not None else ""),
            hint="Give a folder with a dev file beside train.",
        )
    return fresh, guesser


def _recorded(guesser: Guesser, data: Dataset) -> Any:
    return Recorded(guesser.task, guesser.answers(data), getattr(guesser.model, "name", "model"))


STRATEGIES: Mapping[str, Callable[[Asked], Choice]] = {
    "margin": _by_doubt("margin"),
    "uncertainty": _by_doubt("uncertainty"),
    "core_set": _core_set,
    "worst_slice": _worst_slice,
}
