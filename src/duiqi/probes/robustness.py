from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from duiqi.core.case import Case, confidences
from duiqi.core.dataset import Dataset
from duiqi.core.edit import edit_dataset, keeping
from duiqi.core.errors import OptionError
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Measure
from duiqi.core.part import probe
from duiqi.core.predictions import Predictions
from duiqi.core.seed import derive
from duiqi.core.texts import excerpts
from duiqi.data.simulated import slipping_case

MOST_EXAMPLES = 8


@probe(
    kind="fragility",
    needs=("model.answer", "data.label", "data.text", "model.anew"),
    gates=(Gate("{primary}_difference", at_least=-0.05),),
    source="Ribeiro et al., 2020, Beyond accuracy: behavioral testing of NLP models with CheckList, ACL; "
    "Belinkov & Bisk, 2018, Synthetic and natural noise both break neural machine translation, ICLR",
)
def robustness(
    case: Case,
    *,
    edits: tuple[str, ...] = ("typos", "casing", "punctuation", "whitespace"),
    edit_options: dict[str, dict[str, Any]] | None = None,
    strengths: tuple[float, ...] = (),
) -> Iterator[Measure | Exhibit]:
    """How many right answers are lost when the text is written a little differently.

    Every row is edited in a way that should not change the answer (`edits`: names of edits that preserve the label),
    answered again, and compared with itself: the measure is what the task is chosen by (accuracy, or F1 of spans) on
    edited rows minus that on the originals, paired row by row. Edits are drawn from the seed and the row's id, so every
    model meets the same ones; tags move along with their words.
    `edit_options` maps an edit to its own options, such as `{"typos": {"rate": 0.2}}`. With `strengths`, shares of the
    changes such as `[0.25, 0.5]`, a curve tells how fast answers are lost: the changes of a lower strength are among
    those of a higher one, and each costs as many answers again.

    Misleads where an edit does change what a reader would say. Treated by augmenting training rows with such edits
    and by adversarial training.
    """
    parts = keeping("label", (case.catalogue.find("edit", name) for name in edits))
    flips: list[list[Any]] = []
    metric = case.task.primary
    _check(strengths)
    original = case.measure(metric)
    bars, series = [_bar("original", original)], []
    for part in parts:
        points = [_point(0.0, original)]
        for strength in (*sorted(set(strengths) - {1.0}), 1.0):
            edited = edit_dataset(
                case.data, part, seed=derive(case.seed, "robustness"), strength=strength,
                **(edit_options or {}).get(part.name, {}),
            )  # fmt: skip
            answers, truth = case.answers_to(edited), case.task.read_truth(edited)
            measure = case.versus(metric, case.guess, by=part.name, guess=answers, truth=truth)
            points.append(_point(strength, measure.level(0)))
        yield measure
        bars.append(_bar(part.name, measure.level(0)))
        series.append({"name": part.name, "points": points})
        flips += _flips(case, edited, answers, truth, part.name)
    yield Exhibit("bars", {"title": "fragility", "x": metric, "bars": bars})
    if strengths:
        yield Exhibit("curve", {"title": "strengths", "x": "strength", "y": metric, "series": series})
    if flips:
        columns = ["edit", "original", "edited", "label", "answer"]
        yield Exhibit("table", {"title": "flipped", "columns": columns, "rows": flips, "rows_of_data": True})


def _check(strengths: tuple[float, ...]) -> None:
    if not all(0 < each <= 1 for each in strengths):
        raise OptionError(
            f"expected strengths above 0 and at most 1, given {', '.join(map(str, strengths))}",
            hint="They are shares of the changes: strengths = [0.25, 0.5].",
        )


def _point(strength: float, measure: Measure) -> list[float]:
    return [strength, measure.value, measure.interval.low, measure.interval.high]


def _bar(label: str, measure: Measure) -> dict[str, Any]:
    return {"label": label, **measure.cell}


def _flips(case: Case, edited: Dataset, answers: Predictions, truth: Any, name: str) -> list[list[Any]]:
    """Rows that were right and are wrong once edited, the surest first."""
    lost = np.flatnonzero(case.right & ~case.rights(truth, answers))
    surest = lost[np.argsort(-confidences(answers)[lost], kind="stable")][: MOST_EXAMPLES // 2]
    spell, words = case.task.spell, edited.words
    return [
        [
            name,
            *excerpts(case.data.shown[i], edited.shown[i]),
            spell(truth[i], words[i]),
            spell(answers.answers[i], words[i]),
        ]
        for i in surest
    ]


@robustness.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    healthy, sick = (slipping_case(rng, slips=slips, learned=300) for slips in (0.02, 0.02 + 0.3 * strength))
    return healthy, sick
