from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Measure
from duiqi.core.part import probe
from duiqi.core.predictions import Predictor
from duiqi.core.search import search
from duiqi.core.seed import generator
from duiqi.core.slice import ALL, Slice
from duiqi.data.floors import both_texts
from duiqi.data.moved import moved_properties, moved_words
from duiqi.data.properties import distinct
from duiqi.data.readable_slices import readable_slices
from duiqi.data.simulated import shifted_case
from duiqi.data.two_samples import FEWEST, Apart, tell_apart
from duiqi.data.vectors import vectors_of

MOST_APART = 0.55  # bench/shift.py: what is planted in half of the rows lies at .56 and above, halves of one set at .51
EXPLAINED = 0.7  # of the difference must be gone on the rest for a slice to stand for it
CERTAIN = 0.01  # chance that a slice is found where none is set apart
MOST_ROWS, MOST_WORDS, MOST_PROPERTIES = 8, 20, 40


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
    known = {"train": case.learned_rows, **{n: each for n, each in case.references.items() if each is not case.data}}
    reader = case.reader
    for name, other in known.items():
        if name != "train" and len(other) < FEWEST:
            continue  # a small reference is no reason to be silent about the training rows
        embedder = reader if name == "train" else reader or case.predictor
        yield from _against(case, name, other, embedder, rows)


def _against(case: Case, name: str, known: Dataset, reader: Predictor | None, most: int) -> Iterator[Measure | Exhibit]:
    against = "in_train" if name == "train" else name
    told = case.remember(
        f"apart:{case.data.fingerprint}:{known.fingerprint}:{most}:{reader and reader.fingerprint}",
        lambda: _look(case, known, reader, most),
    )
    apart, options = told.apart, {} if name == "train" else {"of": name}
    part = replace(case, data=apart.rows, slices=())
    measure = part.noted("shift_auroc", apart.placed, slice=told.slice, **options)
    inside = told.slice.mask(apart.rows)
    yield replace(measure, stated=apart.interval(inside=inside, reach=told.reach))
    yield _views(apart, against)
    if told.found:
        yield from _what_moved(apart, against)
        yield _telling(apart, against)


@dataclass(frozen=True, eq=False)
class _Told:
    """What a comparison gave: the slice that holds the difference, and how many standard errors it had to exceed."""

    apart: Apart
    found: bool
    slice: Slice = ALL
    reach: float = 0.0


def _look(case: Case, known: Dataset, reader: Predictor | None, most: int) -> _Told:
    embed = partial(vectors_of, reader) if reader is not None and "embedding" in reader.offers else None
    apart = tell_apart(case.data, known, embed=embed, seed=case.seed, most=most)
    if apart.interval().low <= MOST_APART:
        return _Told(apart, False)
    slice, reach = _slice_of(case, apart)
    return _Told(apart, True, slice, reach)


def _slice_of(case: Case, apart: Apart) -> tuple[Slice, float]:
    """The simplest slice, and of these the strongest, without which the rows hardly differ; all rows where there is
    none."""
    looked = readable_slices(case, apart.rows)
    if not len(looked):
        return ALL, 0.0
    found = search(
        looked.rows,
        apart.placed,
        keys=apart.rows.draw_keys,
        complexity=looked.complexity,
        generator=generator(case.seed, "shift"),
        permutations=300,
        level=CERTAIN,
    )
    beyond, sizes = apart.placed - 0.5, np.asarray(looked.rows.sum(axis=1)).ravel()
    rest = (beyond.sum() - looked.rows @ beyond) / np.maximum(len(beyond) - sizes, 1)
    enough = np.flatnonzero((found.z > found.threshold) & (rest <= (1 - EXPLAINED) * beyond.mean()))
    if not len(enough):
        return ALL, 0.0
    best = enough[np.lexsort((-found.z[enough], looked.complexity[enough]))[0]]
    return looked.slices[best], found.threshold


def _views(apart: Apart, name: str) -> Exhibit:
    """How well each classifier tells the rows apart."""
    rows = []
    for view, told in apart.views.items():
        interval = apart.interval(view)
        value = {"value": float(told.placed.mean()), "low": interval.low, "high": interval.high}
        rows.append([f"shift_{view}", value, name])
    return Exhibit("table", {"title": "shift_views", "columns": ["claim", "shift_auroc", "against"], "rows": rows})


def _what_moved(apart: Apart, name: str) -> Iterator[Exhibit]:
    n = len(apart.rows)
    texts = [
        [each[i] for i in distinct(alike)]
        for each, alike in ((both_texts(apart.rows), apart.alike[:n]), (both_texts(apart.known), apart.alike[n:]))
    ]
    words, looked = moved_words(*texts)
    if words:
        listed = [[each.word, *_numbers(each.known, each.examined, each.z), name] for each in words[:MOST_WORDS]]
        columns = ["word", "share_known", "share_examined", "z", "against"]
        said = {"title": "shift_words", "columns": columns, "rows": listed, "total": len(words), "searched": looked}
        yield Exhibit("table", {**said, "rows_of_data": True})
    moved = moved_properties(apart.properties, apart.rows, apart.known)
    if moved:
        own = apart.properties.names
        named = [f"property_{each.name}" if each.name in own else each.name for each in moved]
        numbers = [_numbers(each.known, each.examined, each.distance) for each in moved]
        rows = [[code, *given, name] for code, given in zip(named, numbers, strict=True)]
        columns = ["property", "mean_known", "mean_examined", "distance", "against"]
        said = {"title": "shift_properties", "columns": columns, "rows": rows[:MOST_PROPERTIES], "total": len(rows)}
        yield Exhibit("table", said)


def _numbers(*values: float) -> list[float]:
    return [round(float(each), 4) for each in values]


def _telling(apart: Apart, name: str) -> Exhibit:
    """The rows that look least like known ones, near copies once."""
    n = len(apart.rows)
    odds = apart.odds[:n]
    order = np.argsort(-odds, kind="stable")
    order = order[distinct(apart.alike[:n][order])][:MOST_ROWS]
    probability = 1 / (1 + np.exp(-odds))
    rows = [[str(apart.rows.row_ids[i]), apart.rows.shown[i], round(float(probability[i]), 3), name] for i in order]
    columns = ["row", "original", "probability_new", "against"]
    return Exhibit("table", {"title": "shift_rows", "columns": columns, "rows": rows, "rows_of_data": True})


@shift.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    """The sick case has rows of a shop that the training rows hardly hold, and these speak of other things."""
    return shifted_case(rng, share=0.0), shifted_case(rng, share=0.6 * strength)
