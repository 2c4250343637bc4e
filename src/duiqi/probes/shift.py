from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from duiqi.core.candidates import candidates
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Measure
from duiqi.core.part import probe
from duiqi.core.predictions import Predictions, Predictor
from duiqi.core.search import search
from duiqi.core.seed import generator
from duiqi.core.slice import ALL, Slice
from duiqi.data.floors import both_texts
from duiqi.data.moved import moved_properties, moved_words
from duiqi.data.properties import distinct
from duiqi.data.simulated import shifted_case
from duiqi.data.two_samples import FEWEST, Apart, tell_apart
from duiqi.data.vectors import vectors_of

MOST_APART = 0.53  # chosen with bench/shift.py
EXPLAINED = 0.7  # of what sets the rows apart, that a slice must hold to stand for it
CERTAIN = 0.01  # chance that a slice is found where none is set apart
MOST_ROWS, MOST_WORDS = 8, 20


@probe(
    kind="shift",
    needs=("case.train", "data.text"),
    gates=(Gate("shift_auroc", at_most=MOST_APART, slice=None),),
    source="Lopez-Paz & Oquab, 2017, Revisiting classifier two-sample tests, ICLR, https://arxiv.org/abs/1610.06545; "
    "Rabanser, Günnemann & Lipton, 2019, Failing loudly, NeurIPS, https://arxiv.org/abs/1810.11953",
)
def shift(case: Case, *, rows: int = 2000) -> Iterator[Measure | Exhibit]:
    """Whether the rows examined differ from those learned, and from each reference: in words, form or meaning.

    A model is only known to work on rows like those it learned and was tried on. Classifiers learn to tell the rows
    examined from the training rows, by word counts, by how texts are written (length, marks, script, words that no
    known row has) and by embeddings of a model that has not learned them; the measure is how well the best of them
    ranks rows that it has not seen: .5 not at all, 1 always. Its interval holds for all three at once. Up to `rows`
    rows of each side are compared, near copies in one fold. Where a slice in words holds most of the difference, the
    finding is about that slice. Beside it stand the words, properties and columns that moved, corrected together, and
    the most telling rows.

    Misleads where rows differ in what does not matter to the task, such as a date; and a shift of labels alone is seen
    only as far as the texts tell it. A slip in one Chinese character of a text is mostly not seen. Treated by training
    rows like those examined.
    """
    if case.train is case.data:
        raise DataError(
            "expected training rows and others to hold against them, given one file",
            hint="A folder with train and dev or test, which duiqi prepare makes.",
        )
    assert case.train is not None
    known = {"train": case.train, **{n: each for n, each in case.references.items() if each is not case.data}}
    reader = case.reader if case.predictor.offers or case.start else None
    for name, other in known.items():
        if name != "train" and len(other) < FEWEST:
            continue  # a small reference is no reason to be silent about the training rows
        embedder = reader if name == "train" else reader or case.predictor
        yield from _against(case, name, other, embedder, rows)


def _against(case: Case, name: str, known: Dataset, reader: Predictor | None, most: int) -> Iterator[Measure | Exhibit]:
    told = case.remember(
        f"apart:{case.data.fingerprint}:{known.fingerprint}:{most}:{reader and reader.fingerprint}",
        lambda: _look(case, known, reader, most),
    )
    apart, options = told.apart, {} if name == "train" else {"of": name}
    flags = Predictions(apart.rows.row_ids, {"placed": apart.placed})
    part = replace(case, data=apart.rows, slices=())
    measure = part.measure("shift_auroc", slice=told.slice, guess=flags, truth=(), **options)
    inside = told.slice.mask(apart.rows)
    yield replace(measure, stated=apart.interval(inside=inside, reach=told.reach))
    yield _views(apart, name)
    if told.found:
        yield from _what_moved(apart, name)
        yield _rows(apart, name)


@dataclass(frozen=True, eq=False)
class _Told:
    """What a comparison gave: the slice that holds the difference, and how many standard errors it had to exceed."""

    apart: Apart
    found: bool
    slice: Slice = ALL
    reach: float = 0.0


def _look(case: Case, known: Dataset, reader: Predictor | None, most: int) -> _Told:
    embed = None
    if reader is not None and "embedding" in reader.offers:
        model = reader
        embed = lambda rows: vectors_of(model, rows)  # noqa: E731
    apart = tell_apart(case.data, known, embed=embed, seed=case.seed, most=most)
    if apart.interval().low <= MOST_APART:
        return _Told(apart, False)
    slice, reach = _slice_of(apart, case.seed)
    return _Told(apart, True, slice, reach)


def _slice_of(apart: Apart, seed: int) -> tuple[Slice, float]:
    """The strongest slice that holds what sets the rows apart, where there is one: on the rest little is left of it."""
    looked = candidates(apart.rows)
    found = search(
        looked.rows,
        apart.placed,
        keys=apart.rows.draw_keys,
        complexity=looked.complexity,
        generator=generator(seed, "shift"),
        permutations=300,
        level=CERTAIN,
    )
    for hit in found.hits:
        inside = looked.rows[[hit.index]].toarray()[0] > 0
        left = (apart.placed[~inside] - 0.5).sum()
        if left <= (1 - EXPLAINED) * (apart.placed - 0.5).sum():
            return looked.slices[hit.index], hit.threshold
    return ALL, 0.0


def _views(apart: Apart, name: str) -> Exhibit:
    """How well each classifier tells the rows apart."""
    bars = []
    for view, told in apart.views.items():
        interval = apart.interval(view)
        bars.append({"label": view, "value": float(told.placed.mean()), "low": interval.low, "high": interval.high})
    return Exhibit("bars", {"title": "shift_views", "of": name, "x": "auroc", "bars": bars})


def _what_moved(apart: Apart, name: str) -> Iterator[Exhibit]:
    n = len(apart.rows)
    texts = [
        [each[i] for i in distinct(alike)]
        for each, alike in ((both_texts(apart.rows), apart.alike[:n]), (both_texts(apart.known), apart.alike[n:]))
    ]
    words, looked = moved_words(*texts)
    if words:
        rows = [[each.word, *(round(v, 4) for v in (each.known, each.examined, each.z))] for each in words[:MOST_WORDS]]
        columns = ["word", "share_known", "share_examined", "z"]
        said: dict[str, Any] = {"title": "shift_words", "of": name, "columns": columns, "rows": rows}
        yield Exhibit("table", {**said, "total": len(words), "searched": looked, "rows_of_data": True})
    moved = moved_properties(apart.properties, apart.rows, apart.known)
    if moved:
        rows = [[each.name, *(round(v, 4) for v in (each.known, each.examined, each.distance))] for each in moved]
        columns = ["property", "mean_known", "mean_examined", "distance"]
        yield Exhibit("table", {"title": "shift_properties", "of": name, "columns": columns, "rows": rows[:40]})


def _rows(apart: Apart, name: str) -> Exhibit:
    """The rows that look least like known ones."""
    odds = apart.odds[: len(apart.rows)]
    order = np.argsort(-odds, kind="stable")[:MOST_ROWS]
    shown, ids = apart.rows.shown, apart.rows.row_ids
    rows = [[str(ids[i]), shown[i], round(_chance(odds[i]), 3)] for i in order]
    columns = ["row", "original", "probability_new"]
    return Exhibit("table", {"title": "shift_rows", "of": name, "columns": columns, "rows": rows, "rows_of_data": True})


def _chance(odds: float) -> float:
    return float(1 / (1 + np.exp(-odds)))


@shift.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    """The sick case has rows of a shop that the training rows hardly hold, and these speak of other things."""
    return shifted_case(rng, share=0.0), shifted_case(rng, share=0.6 * strength)
