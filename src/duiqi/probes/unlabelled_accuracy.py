from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import Case, parts_of
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Interval, Measure
from duiqi.core.part import probe
from duiqi.core.seed import jeffreys_weights, poisson_weights
from duiqi.data.accuracy_elsewhere import (
    OF_ANSWERS,
    Answers,
    Elsewhere,
    accuracy_elsewhere,
    effective_rows,
    ends_of,
    share_right,
)
from duiqi.data.simulated import unsure_case
from duiqi.data.two_samples import FEWEST, check_enough, drawn, tell_apart
from duiqi.data.vectors import vectors_of

TOO_FAR = 0.99  # AUROC beyond which the two sides barely overlap; chosen on half of the shifts of bench/unlabelled.py
LEAST_ALIKE = 30.0  # labelled rows that those like the others must count as; fewer say nothing of rows there
COMPARED = 500  # rows of either side that the classifier sees: of more it learns more, and the bound would be another
MOST_LOST = 0.1  # less than that estimates can hardly tell: on real shifts their intervals are about .2 wide
MOST_LEARNED = 0.5  # of the labelled rows may be among those the model was trained on
UNITS = ("row", "word", "label")


@probe(
    kind="shift",
    needs=("case.references", "data.text", "model.confidence"),
    gates=(Gate("lost_accuracy", at_most=MOST_LOST),),
    source="Garg, Balakrishnan, Lipton, Neyshabur & Sedghi, 2022, Leveraging unlabeled data to predict "
    "out-of-distribution performance, ICLR, https://arxiv.org/abs/2201.04234; Guillory et al., 2021, Predicting with "
    "confidence on unseen distributions, ICCV, https://arxiv.org/abs/2107.03315",
)
def unlabelled_accuracy(case: Case, *, rows: int = 2000) -> Iterator[Measure | Exhibit]:
    """How often the model is right on rows without labels: each reference, or the rows examined where these have none.

    A model meets rows that nobody has labelled, and is known to work only on those that somebody has. From up to `rows`
    labelled rows that it has not learned, and its answers to as many others, four estimates are made and printed side
    by side, each with what it assumes: mean confidence (a confidence means the same there), the share of answers above
    a threshold (so does the threshold), labelled rows weighted to be like the others (alike rows are answered alike),
    classes mixed anew (only the shares of classes moved). Of the last two it is told where the answers contradict what
    they assume. The interval spans the others, made longer downwards by how much all of them disagree and how well the
    rows are told apart. What is judged is the loss against the labelled rows. Where a reference has labels the truth
    stands beside the estimates and is what is judged: so the method can be tried on rows of one's own. Of tags,
    accuracy is meant by word; of several labels, by label.

    Where a classifier tells the two sides apart nearly always, or hardly any labelled row is like the others, no number
    is given: nothing known is like those rows.

    Misleads where labels mean something else there, or texts are made to deceive the model: its confidence does not
    tell, and estimates are too high. Settled by labels for some of those rows; treated by training on rows like them.
    """
    if case.task.unit not in UNITS or case.task.output not in ("probs", "tags", "labels"):
        raise DataError(
            f"expected a task with classes, tags, labels or choices, given {case.task.name}",
            hint="For other answers give labels to some of the rows and look at performance.",
        )
    known, others = _sides(case)
    known = known.take(drawn(known, case.seed)[:rows])
    refused: dict[str, _Told] = {}
    for name, each in others.items():
        other = each.take(drawn(each, case.seed)[:rows])
        told = _look(case, known, other)
        if told.elsewhere is None:
            refused[name] = told
        else:
            yield from _said(case, name, other, told)
    if refused and len(refused) == len(others):
        raise _too_far({name or case.data.name: told for name, told in refused.items()})
    if refused:
        rows_of = [[name, round(told.auroc, 4), round(told.alike)] for name, told in refused.items()]
        columns = ["against", "shift_auroc", "rows_alike"]
        yield Exhibit("table", {"title": "too_far", "columns": columns, "rows": rows_of})


def _too_far(refused: Mapping[str, _Told]) -> DataError:
    said = [f"{name} (AUROC {told.auroc:.4f}; {told.alike:.0f} rows)" for name, told in refused.items()]
    return DataError(
        f"expected rows that overlap with the labelled ones (told from them with an AUROC of {TOO_FAR} at most, and "
        f"labelled rows like them that count as {LEAST_ALIKE:.0f} or more), given {', '.join(said)}",
        hint="No number would stand on anything. Label some of these rows, or give labelled rows like them.",
    )


def _sides(case: Case) -> tuple[Dataset, Mapping[str, Dataset]]:
    """The labelled rows that the model has not learned, and the others by name; "" are the rows examined."""
    if case.data.has("label"):
        known = case.data
        others = {name: each for name, each in case.references.items() if each is not known and len(each) >= FEWEST}
    else:
        labelled = [each for each in case.references.values() if _truth(case, each) is not None]
        if not labelled:
            raise DataError(
                f"expected labelled rows to start from, given none in {case.data.name} and the references",
                hint="Name labelled rows that the model has not learned: --reference known=FILE",
            )
        known, others = max(labelled, key=len), {"": case.data}
    learned = getattr(case.predictor, "learned", lambda data: None)(known)
    if learned is not None and learned.mean() > MOST_LEARNED:
        raise DataError(
            f"expected labelled rows that the model has not learned, given {known.name}, of which it has learned "
            f"{learned.mean():.0%}",
            hint="Give rows that were kept from training, such as dev or test.",
        )
    known = known if learned is None else known.take(~learned)
    for each in others.values():
        check_enough(known, each)
    if not others:
        raise DataError(
            f"expected a reference of {FEWEST} rows or more beside the rows examined, given none",
            hint="Give one with --reference NAME=DATA.",
        )
    return known, others


def _truth(case: Case, data: Dataset) -> Any:
    """The truths of rows; `None` where they have no labels, or labels of another task."""
    try:
        return case.task.read_truth(data) if data.has("label") else None
    except DataError:
        return None


@dataclass(frozen=True, eq=False)
class _Told:
    """How far two sides are apart, and as how many rows the labelled ones like the others count; where that is not too
    far the estimates, and where the other side has labels the counted accuracy float[1 + b]."""

    auroc: float
    alike: float
    elsewhere: Elsewhere | None = None
    counted: NDArray[np.float64] | None = None


def _look(case: Case, known: Dataset, other: Dataset) -> _Told:
    reader = case.reader or case.predictor
    embed = partial(vectors_of, reader) if "embedding" in reader.offers else None
    apart = tell_apart(known, other, embed=embed, seed=case.seed, most=COMPARED)
    odds = np.full(len(known), -np.inf)  # rows that the classifier did not see count nothing in what it weighs
    odds[drawn(known, case.seed)[:COMPARED]] = -apart.odds[: len(apart.rows)]
    alike = effective_rows(odds)
    if apart.auroc > TOO_FAR or alike < LEAST_ALIKE:
        return _Told(apart.auroc, alike)
    mine, true = _answers(case, known)
    theirs, true_there = _answers(case, other)
    assert true is not None
    here, there = (_pseudo(case, side) for side in ("here", "there"))
    classes = bool(case.task.labels) and case.task.unit != "label"
    elsewhere = accuracy_elsewhere(mine, true, theirs, pseudo=here, odds=odds, classes=classes, auroc=apart.auroc)
    counted = None if true_there is None else share_right(theirs, (theirs.given == true_there).astype(float), there)
    return _Told(apart.auroc, alike, elsewhere, counted)


def _pseudo(case: Case, side: str) -> NDArray[np.float64]:
    weights = jeffreys_weights(f"unlabelled_accuracy|{side}", 2, case.draws, case.seed)
    return np.concatenate([np.zeros((1, 2)), weights])


def _answers(case: Case, data: Dataset) -> tuple[Answers, NDArray[np.int64] | None]:
    """The answers, one a row or one a word or label, and the classes that are true where rows have labels."""
    truth, guess = _truth(case, data), case.guess if data is case.data else case.answers_to(data)
    classes, parts = parts_of(case.task, guess.answers if truth is None else truth, guess)
    sizes = [1 if case.task.unit == "row" else np.size(each) for each in guess.answers]
    drawn_anew = poisson_weights(data.draw_keys, case.draws, case.seed)
    weights = np.concatenate([np.ones((len(data), 1), dtype=np.float32), drawn_anew], axis=1)
    given = Answers(parts.probs, parts.answers, np.repeat(np.arange(len(data)), sizes), weights)
    return given, None if truth is None else classes


def _said(case: Case, name: str, other: Dataset, told: _Told) -> Iterator[Measure | Exhibit]:
    assert told.elsewhere is not None
    elsewhere, counted = told.elsewhere, told.counted
    part, of = replace(case, data=other, slices=()), dict[str, Any]({"of": name} if name else {})

    def measured(metric: str, values: NDArray[np.float64], stated: Interval) -> Measure:
        """One number about the other rows with its draws, so that two models can be compared on them."""
        plain = part.noted(metric, np.full(len(other), values[0]), **of)
        return replace(plain, sums=np.stack([values[1:], np.ones(case.draws)], axis=1) * len(other), stated=stated)

    yield measured("estimated_accuracy", elsewhere.accuracy, elsewhere.interval)
    if counted is None:
        yield measured("lost_accuracy", elsewhere.lost, elsewhere.interval_of_lost)
    else:
        lost = elsewhere.here - counted
        yield measured("lost_accuracy", lost, ends_of(lost))
    yield _side_by_side(elsewhere, counted, name or "rows_examined")


def _side_by_side(elsewhere: Elsewhere, counted: NDArray[np.float64] | None, name: str) -> Exhibit:
    """Each estimate with its interval, what it assumes and whether that holds, between what was counted."""
    lines = [("accuracy_here", elsewhere.here, "nothing_assumed", "held_counted")]
    for how, values in elsewhere.found.items():
        held = "held_unchecked" if how in OF_ANSWERS else "held_refuted" if how in elsewhere.refuted else "held_open"
        lines.append((f"by_{how}", values, f"assumes_{how}", held))
    lines += [("accuracy_counted", counted, "nothing_assumed", "held_counted")] if counted is not None else []
    rows = [
        [claim, {"value": float(values[0]), **ends_of(values).to_json()}, assumption, held, name]
        for claim, values, assumption, held in lines
    ]
    columns = ["claim", "accuracy", "assumption", "held", "against"]
    auroc = round(elsewhere.auroc, 4)
    return Exhibit("table", {"title": "accuracy_estimates", "columns": columns, "rows": rows, "auroc": auroc})


@unlabelled_accuracy.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    """The rows of the sick case are of a kind that is rare among the labelled ones and that the model is unsure of."""
    return unsure_case(rng, share=0.3), unsure_case(rng, share=0.3 + 0.65 * strength)
