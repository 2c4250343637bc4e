from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
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
from duiqi.core.predictions import Predictions
from duiqi.core.seed import jeffreys_weights, poisson_weights
from duiqi.data.accuracy_elsewhere import Answers, Elsewhere, accuracy_elsewhere, ends_of
from duiqi.data.simulated import unsure_case
from duiqi.data.two_samples import FEWEST, check_enough, drawn, tell_apart
from duiqi.data.vectors import vectors_of

TOO_FAR = 0.99  # AUROC beyond which the two sides barely overlap; chosen on half of the shifts of bench/unlabelled.py
COMPARED = 500  # rows of either side that the classifier sees: of more it learns more, and the bound would be another
MOST_LEARNED = 0.5  # of the labelled rows may be among those the model was trained on
UNITS = ("row", "word", "label")


@probe(
    kind="shift",
    needs=("case.references", "data.text", "model.probs"),
    gates=(Gate("lost_accuracy", at_most=0.05),),
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
    they assume. The interval spans the others, made longer downwards by how much all of them disagree. What is judged
    is the loss against the labelled rows. Where a reference has labels the truth stands beside the estimates and is
    what is judged: so the method can be tried on rows of one's own. Of tags, accuracy is meant by word; of several
    labels, by label.

    Where a classifier tells the two sides apart nearly always no number is given: nothing known is like those rows.
    Misleads where labels mean something else there, or texts are made to deceive the model: its confidence does not
    tell, and estimates are too high. Settled by labels for some of those rows; treated by training on rows like them.
    """
    if case.task.unit not in UNITS or case.task.output not in ("probs", "tags", "labels"):
        raise DataError(
            f"expected a task with classes, tags, labels or choices, given {case.task.name}",
            hint="For other answers give labels to some of the rows and look at performance.",
        )
    known, others = _sides(case)
    refused: dict[str, float] = {}
    for name, other in others.items():
        told = case.remember(
            f"elsewhere:{case.predictor.fingerprint}:{known.fingerprint}:{other.fingerprint}:{rows}:{case.draws}",
            partial(_estimated, case, known, other, rows),
        )
        if isinstance(told, float):
            refused[name] = told
        else:
            yield from _said(case, name, other.take(drawn(other, case.seed)[:rows]), told)
    if refused and len(refused) == len(others):
        said = ", ".join(f"{name or case.data.name} (AUROC {value:.3f})" for name, value in refused.items())
        raise DataError(
            f"expected rows that overlap with the labelled ones (an AUROC of {TOO_FAR} at most), given {said}",
            hint="No number would stand on anything. Label some of these rows, or give labelled rows like them.",
        )
    if refused:
        listed = [[name, round(value, 4)] for name, value in refused.items()]
        yield Exhibit("table", {"title": "too_far", "columns": ["against", "shift_auroc"], "rows": listed})


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


def _estimated(case: Case, known: Dataset, other: Dataset, most: int) -> tuple[Elsewhere, Any] | float:
    """The estimates, and where the other rows have labels the counted accuracy, float[1 + b]; the AUROC alone where
    the sides are too far apart."""
    known, other = (each.take(drawn(each, case.seed)[:most]) for each in (known, other))
    reader = case.reader or case.predictor
    embed = partial(vectors_of, reader) if "embedding" in reader.offers else None
    apart = tell_apart(known, other, embed=embed, seed=case.seed, most=COMPARED)
    if apart.auroc > TOO_FAR:
        return apart.auroc
    odds = np.full(len(known), -np.inf)
    odds[drawn(known, case.seed)[:COMPARED]] = -apart.odds[: len(apart.rows)]
    pseudo = np.concatenate([np.zeros((1, 2)), jeffreys_weights("elsewhere", 2, case.draws, case.seed)])
    truth, given = _answers(case, known, case.task.read_truth(known))
    there, counted = _answers(case, other, _truth(case, other))[::-1], None
    told = accuracy_elsewhere(
        given, truth, there[0], pseudo=pseudo, odds=odds, classes=bool(case.task.labels) and case.task.unit != "label"
    )
    if there[1] is not None:
        counted = there[0].mean((there[0].given == there[1]).astype(float))
    return told, counted


def _answers(case: Case, data: Dataset, truth: Any) -> tuple[NDArray[np.int64] | None, Answers]:
    """The classes that are true (`None` where `truth` is), and the answers: one a row, or one a word or label."""
    guess = case.guess if data is case.data else case.answers_to(data)
    classes, flat = parts_of(case.task, guess.answers if truth is None else truth, guess)
    sizes = {"row": lambda: np.ones(len(data), int), "label": lambda: np.full(len(data), len(case.task.labels))}
    each = sizes.get(case.task.unit, lambda: np.array([len(words) for words in guess.answers]))()
    weights = poisson_weights(data.draw_keys, case.draws, case.seed)
    weights = np.concatenate([np.ones((len(data), 1), np.float32), weights], axis=1)
    given = Answers(flat.probs, np.asarray(flat.label), np.repeat(np.arange(len(data)), each), weights)
    return (None if truth is None else classes), given


def _said(case: Case, name: str, other: Dataset, told: tuple[Elsewhere, Any]) -> Iterator[Measure | Exhibit]:
    elsewhere, counted = told
    yield _measure(case, "estimated_accuracy", name, other, elsewhere.accuracy, elsewhere.interval)
    lost = elsewhere.lost if counted is None else elsewhere.here - counted
    stated = elsewhere.interval_of_lost if counted is None else ends_of(lost)
    yield _measure(case, "lost_accuracy", name, other, lost, stated)
    rows: list[list[Any]] = [["here", _cell(elsewhere.here), "none_assumed", "", name or "examined"]]
    for how, values in elsewhere.found.items():
        held = "refuted" if how in elsewhere.refuted else "not_refuted" if how in CHECKED else "not_checked"
        rows.append([f"by_{how}", _cell(values), f"assumes_{how}", held, name or "examined"])
    rows += [["counted", _cell(counted), "none_assumed", "", name or "examined"]] if counted is not None else []
    columns = ["claim", "accuracy", "assumption", "held", "against"]
    yield Exhibit("table", {"title": "accuracy_estimates", "columns": columns, "rows": rows})


CHECKED = ("weighted", "mixed")


def _cell(values: NDArray[np.float64]) -> dict[str, float]:
    interval = ends_of(values)
    return {"value": float(values[0]), "low": interval.low, "high": interval.high}


def _measure(
    case: Case, metric: str, name: str, other: Dataset, values: NDArray[np.float64], stated: Interval
) -> Measure:
    """One number about the other rows, with its draws, so that two models can be compared on them."""
    part = replace(case, data=other, slices=(), memory={})
    column = {"estimated_accuracy": "estimated", "lost_accuracy": "lost"}[metric]
    guess = Predictions(other.row_ids, {column: np.full(len(other), values[0])})
    measure = part.measure(metric, guess=guess, truth=(), **({"of": name} if name else {}))
    sums = measure.sums.copy()
    sums[:, 0] = values[1:] * sums[:, 1]
    return replace(measure, sums=sums, stated=stated)


@unlabelled_accuracy.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    """The rows of the sick case are of a kind that is rare among the labelled ones and that the model is unsure of."""
    return unsure_case(rng, share=0.1), unsure_case(rng, share=0.1 + 0.8 * strength)
