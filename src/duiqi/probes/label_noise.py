from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from duiqi.core.case import Case
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Interval, Measure
from duiqi.core.part import probe
from duiqi.core.search import search
from duiqi.core.seed import generator
from duiqi.core.spans import tags_of
from duiqi.data.noise import Noise, noise_of
from duiqi.data.readable_slices import readable_slices
from duiqi.data.simulated import mislabelled_case

MOST_SUSPECTS = 20
LIKELY = 0.5
MOST_SLICES, PERMUTATIONS, LEVEL = 1500, 500, 0.01


@probe(
    kind="label_noise",
    needs=("case.train", "task.labels"),
    gates=(Gate("wrong_label_rate", at_most=0.05, slice=None),),
    source="Northcutt, Jiang & Chuang, 2021, Confident learning: estimating uncertainty in dataset labels, JAIR, "
    "https://arxiv.org/abs/1911.00068",
)
def label_noise(case: Case) -> Iterator[Measure | Exhibit]:
    """How many labels of the training rows are likely wrong, and which.

    What a model learns from wrong labels it answers wrong, and surely so where it had time to learn them by heart. Each
    label is held against probabilities from cheap models that were fitted on the other rows: on word counts, and on
    embeddings of the model where it has not learned these rows (of tags, on the words around). A label counts as wrong
    by how likely it is a slip, drawn from all labels alike, rather than a hard row; the share of slips is fitted to all
    labels together (the formula stands in `duiqi.data.noise`). Slices with more wrong labels than chance explains are
    searched as blind spots are, and told with a share of their own. Listed are the most suspicious ones, with what they
    are likely meant to be.

    Misleads where slips follow a pattern that can be learned from the text: a rule applied wrongly to all rows of a
    kind looks right, and where a class is always taken for the same neighbour the share is told too low; so it is of
    tags. Rows whose texts say nothing of the label are never suspected, and labels of fewer than ten rows are not
    judged. Where no model is at hand that has not learned the rows, at least 2,000 of them are asked for. Treated by
    relabelling, dropping or weighting down.
    """
    noise, rows = noise_of(case), case.of_train()
    yield rows.noted("wrong_label_rate", noise.statistics)
    yield from _slices(rows, noise)
    listed = list(_suspects(rows, noise))
    if listed:
        columns = ["row", "original", "label", "likely", "probability"]
        said = {"title": "suspects", "columns": columns, "rows": listed, "total": int(noise.suspects(LIKELY).sum())}
        yield Exhibit("table", {**said, "rows_of_data": True})


def _slices(case: Case, noise: Noise) -> Iterator[Measure]:
    """The share of wrong labels in every slice that has more of them than chance explains."""
    looked = readable_slices(case, case.data, most=MOST_SLICES)
    found = search(
        looked.rows, noise.by_row, keys=case.data.draw_keys, complexity=looked.complexity,
        generator=generator(case.seed, "label_noise"), permutations=PERMUTATIONS, level=LEVEL,
    )  # fmt: skip
    for hit in found.hits:
        slice = looked.slices[hit.index]
        inside = case.mask(slice)
        measure = case.noted("wrong_label_rate", noise.within(inside).statistics, slice=slice)
        reach = abs(measure.value - float(noise.by_row[~inside].mean())) * hit.threshold / hit.z
        yield replace(measure, stated=Interval(max(0.0, measure.value - reach), min(1.0, measure.value + reach)))


def _suspects(case: Case, noise: Noise) -> Iterator[list[Any]]:
    """The most suspicious labels that are rather wrong than right, with what they say and likely should."""
    task, rows = case.task, np.repeat(np.arange(len(noise.sizes)), noise.sizes)
    names = tags_of(task.labels) if task.unit == "word" else task.labels
    starts = np.cumsum(noise.sizes) - noise.sizes
    found = np.flatnonzero(noise.suspects(LIKELY))
    for at in found[np.argsort(-noise.doubt[found], kind="stable")][:MOST_SUSPECTS]:
        row, place = int(rows[at]), int(at - starts[rows[at]])
        text, truth = case.data.shown[row], case.truth[row]
        if task.unit == "label":  # given though wrong, or missing
            said = [names[place] if truth[place] else "–", "–" if truth[place] else names[place]]
        elif task.unit == "word":
            said = [f"{case.data.words[row][place]}/{names[truth[place]]}", names[noise.likely[at]]]
        else:
            said = [names[truth], names[noise.likely[at]]]
        yield [str(case.data.row_ids[row]), text, *said, round(float(noise.wrong[at]), 3)]


@label_noise.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    return mislabelled_case(rng, wrong=0.01), mislabelled_case(rng, wrong=0.01 + 0.2 * strength)
