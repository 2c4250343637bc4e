"""Asking a predictor: what it answers is checked before anybody counts it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.errors import AnswerError, DuiqiError
from duiqi.core.predictions import Predictions, Predictor

NUMBERS = ("probs", "scores", "embedding", "loglik")  # outputs that are numbers for every row
CLOSE = 1e-3  # how far beyond 0 and 1 a probability may be by rounding


def answers_of(predictor: Predictor, data: Dataset, outputs: Sequence[str]) -> Predictions:
    """The asked outputs of a predictor for every row, in the order of the rows.

    `AnswerError` where it raises, where answers are missing or belong to other rows, where a number is none (NaN,
    infinite), and where probabilities do not lie between 0 and 1; the message names the predictor, what was asked, and
    the first such row. Errors of our own pass as they are.
    """
    try:
        answers = predictor.predict(data, list(outputs))
    except DuiqiError:
        raise
    except Exception as error:  # whatever somebody's own predictor raises: a refused connection, a timeout, a bug
        raise AnswerError(
            f"expected answers of {_name(predictor)} to {len(data)} rows of {data.name} ({', '.join(outputs)}), given "
            f"{type(error).__name__}: {error}",
            hint="See why it fails on these rows. One that asks a service may try again and keep its answers.",
        ) from error
    _check_rows(predictor, data, answers)
    for name in outputs:
        if name not in answers.columns:
            raise AnswerError(
                f"expected '{name}' among the answers of {_name(predictor)}, which says that it offers that, given "
                f"{', '.join(answers.columns) or 'nothing'}",
                hint="Leave it out of `offers`, or answer it.",
            )
    for name in NUMBERS:
        if name in outputs:
            _check_numbers(predictor, data, name, answers[name])
    return answers


def samples_of(
    predictor: Predictor, data: Dataset, samples: int, *, temperature: float, top_p: float, draw: int,
    progress: Callable[[int, int, Mapping[str, Any]], None] | None = None,
) -> list[list[str]]:  # fmt: skip
    """`samples` texts for every row: words are drawn at `temperature` from the likeliest that make up `top_p`, others
    for each `draw`; the same rows asked together and the same draw give the same texts.

    That is what a predictor with a method `drawing` does, such as every model of ours that writes. Another is asked
    every row so many times, in one call, and decodes as it does: a service that is asked at a temperature, say. One
    that decodes greedily says the same each time. `AnswerError` as of `answers_of`, and where a row has more or fewer.
    """
    if drawing := getattr(predictor, "drawing", None):
        drawn = drawing(samples, temperature=temperature, top_p=top_p, draw=draw, progress=progress)
        found = [list(each) for each in answers_of(drawn, data, ["samples"])["samples"]]
        if other := [len(each) for each in found if len(each) != samples]:
            raise AnswerError(
                f"expected {samples} samples of {_name(predictor)} to each of {len(data)} rows of {data.name}, given "
                f"{other[0]} to one of them",
                hint="Give as many texts to every row as `drawing` was asked for.",
            )
        return found
    texts = answers_of(predictor, data.take(np.repeat(np.arange(len(data)), samples)), ["text"])["text"]
    return [list(texts[at : at + samples]) for at in range(0, len(texts), samples)]


def choices_of(predictor: Predictor, data: Dataset) -> list[NDArray[np.float64]]:
    """How likely each choice of every row is to a model that chooses, float[c] each; rows differ in their number."""
    given = answers_of(predictor, data, ["probs"]).probs
    return [row[: len(choices)] for row, choices in zip(given, data.values("choices"), strict=True)]


def likelihoods_of_choices(
    predictor: Predictor, data: Dataset, counts: Sequence[int], where: NDArray[np.int64] | None = None
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Log-likelihoods and numbers of tokens of what may be said, for every question, both float[c]; `counts` says how
    many there are of each. Rows are `data`, or those of it at `where`; all are scored in one call."""
    said = answers_of(predictor, data, ["loglik", "tokens"])
    said = said if where is None else said.take(where)
    ends = np.cumsum(counts)[:-1]
    logliks, tokens = (np.split(np.asarray(said[name], dtype=np.float64), ends) for name in ("loglik", "tokens"))
    return list(zip(logliks, tokens, strict=True))


def by_token(loglik: NDArray[np.float64], tokens: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-likelihoods as if all that may be said were equally long, float[c]."""
    lengths = np.maximum(tokens, 1)
    return np.asarray(loglik / lengths * lengths.mean())


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities, float[c], of scores in nats."""
    raised = np.exp(scores - scores.max())
    return np.asarray(raised / raised.sum())


def _check_rows(predictor: Predictor, data: Dataset, answers: Any) -> None:
    if not isinstance(answers, Predictions):
        raise AnswerError(
            f"expected Predictions as the answers of {_name(predictor)}, given {type(answers).__name__}",
            hint="Return Predictions(data.row_ids, {'probs': …}).",
        )
    if len(answers) != len(data):
        raise AnswerError(
            f"expected an answer of {_name(predictor)} to each of {len(data)} rows of {data.name}, given "
            f"{len(answers)}",
            hint="Answer every row of `data`, in its order; a row that cannot be answered needs an answer, too.",
        )
    other = np.flatnonzero(np.asarray(answers.row_ids) != data.row_ids)
    if len(other):
        raise AnswerError(
            f"expected answers of {_name(predictor)} in the order of {data.name}, given one to row "
            f"'{answers.row_ids[other[0]]}' where row '{data.row_ids[other[0]]}' stands",
            hint="Return Predictions(data.row_ids, …), in the order of `data`.",
        )


def _check_numbers(predictor: Predictor, data: Dataset, name: str, column: Any) -> None:
    rows, values = _flat(column)
    if not np.issubdtype(values.dtype, np.number):
        raise AnswerError(
            f"expected numbers as '{name}' of {_name(predictor)}, given {values.dtype}",
            hint="Return float arrays, one row each.",
        )
    nothing = ~np.isfinite(values)
    if nothing.any():
        hint = "See what it computes for these rows: weights or states that overflow give such numbers."
        _refuse(predictor, data, f"numbers as '{name}'", values, rows, nothing, hint)
    if name == "probs":
        outside = (values < -CLOSE) | (values > 1 + CLOSE)
        if outside.any():
            hint = "Where these are logits, put them through a softmax first."
            _refuse(predictor, data, "probabilities between 0 and 1", values, rows, outside, hint)


def _refuse(
    predictor: Predictor, data: Dataset, expected: str, values: NDArray[Any], rows: NDArray[np.int64],
    wrong: NDArray[np.bool_], hint: str,
) -> None:  # fmt: skip
    found = np.unique(rows[wrong])
    raise AnswerError(
        f"expected {expected} of {_name(predictor)}, given {values[wrong][0]:.4g} in {len(found)} of {len(data)} rows "
        f"of {data.name} (first: row {found[0] + 1}, '{data.row_ids[found[0]]}')",
        hint=hint,
    )


def _flat(column: Any) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """All numbers of a column, and in which row each stands."""
    if isinstance(column, np.ndarray) and column.dtype != object:
        width = column[:1].size if len(column) else 1
        return np.repeat(np.arange(len(column)), width), column.ravel()
    parts = [np.ravel(np.asarray(each)) for each in column]
    rows = np.repeat(np.arange(len(parts)), [len(each) for each in parts])
    return rows, np.concatenate(parts) if parts else np.zeros(0)


def _name(predictor: Predictor) -> str:
    return str(getattr(predictor, "name", type(predictor).__name__))
