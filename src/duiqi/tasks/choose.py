"""One of the choices that come with a row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.part import task
from duiqi.core.task import Task


@task(source="Zellers et al., 2018, SWAG: a large-scale adversarial dataset for grounded commonsense inference, EMNLP")
def choose() -> Task:
    """One of the choices that come with a row: multiple-choice questions, ambiguous references, next steps.

    Rows have a `text` (the question), perhaps a `text_pair` (what it is about), a list of `choices` and a `label`: the
    place of the right choice, counted from 0, or the choice itself. Every choice is read together with the text; the
    answer is a probability for each. Floors are the place that is right most often and the choice that shares most
    words with the text.
    """
    return Task(
        name="choose",
        head="multiple_choice",
        inputs=("text", "choices"),
        output="probs",
        metrics=("accuracy", "log_loss", "brier", "calibration_error"),
        primary="accuracy",
        read_truth=places_of,
        spell=lambda answer, words: f"({'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[int(answer) % 26]})",
        learned=lambda data: {},
        fewest=0,
        floors=("majority", "overlap"),
    )


def places_of(data: Dataset) -> NDArray[np.int64]:
    """The place of the right choice of every row, int[n]; `DataError` where there is none."""
    given, choices = [str(said) for said in data.values("label")], data.values("choices")
    by_text = all(said in among for said, among in zip(given, choices, strict=True))
    places = []
    for row, (said, among) in enumerate(zip(given, choices, strict=True)):
        allowed = among if by_text else list(map(str, range(len(among))))
        if said not in allowed:
            raise DataError(
                f"expected a place among the {len(among)} choices (counted from 0) or one of them in row "
                f"{data.row_ids[row]} of {data.name}, given {said!r}",
                hint=f"Its choices are {', '.join(map(repr, among[:6]))}.",
            )
        places.append(allowed.index(said))
    return np.array(places, dtype=np.int64)
