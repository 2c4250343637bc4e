"""A number for every text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.part import task
from duiqi.core.task import Task


@task()
def regress(*, mean: float = 0.0, scale: float = 1.0, tolerance: float = 0.0) -> Task:
    """A number for every text or pair of texts: a rating, a degree of likeness, a price.

    Training sets `mean` and `scale` (the standard deviation) to those of its rows: the network answers in these units,
    the model in those of the rows. A row counts as right when its answer is off by at most `tolerance`, where 0 stands
    for half of `scale`: slices are searched by that. The model is chosen by R², the share of the variance it explains.
    """

    def learn(data: Dataset) -> Mapping[str, Any]:
        numbers = numbers_of(data)
        spread = float(numbers.std())
        if not spread > 0:
            raise DataError(
                f"expected at least two different numbers in {data.name}, given only {numbers[0]:g}",
                hint=f"Is '{data.schema.label}' the column to learn? Name another with --label COLUMN.",
            )
        return {"mean": float(numbers.mean()), "scale": spread}

    within = tolerance or scale / 2
    return Task(
        name="regress",
        head="regression",
        inputs=("text",),
        output="scores",
        metrics=(
            *("r_squared", "pearson", "spearman"),
            *("mean_absolute_error", "root_mean_squared_error", "within_tolerance"),
        ),
        primary="r_squared",
        read_truth=numbers_of,
        options={"mean": mean, "scale": scale, "tolerance": tolerance},
        spell=lambda answer, words: f"{float(answer):.4g}",
        row_metric="within_tolerance",
        metric_options={"within_tolerance": {"tolerance": within}},
        learned=learn,
        fewest=0,
    )


def numbers_of(data: Dataset) -> NDArray[np.float64]:
    """The number of every row, float[n]; `DataError` where one has none."""

    def number(value: Any) -> float:
        try:
            return float(value)
        except (TypeError, ValueError):
            return math.nan

    numbers = np.array([number(value) for value in data.values("label")], dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        raise DataError(
            f"expected a number in column '{data.schema.label}' of every row of {data.name}, given "
            f"{data.values('label')[wrong[0]]!r} in row {data.row_ids[wrong[0]]} ({len(wrong)} rows)",
            hint="Fill these rows, leave them out, or use --task classify for classes.",
        )
    return numbers
