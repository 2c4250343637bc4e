"""Blind spots: slices on which the model is weaker than elsewhere, found by looking at thousands of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from duiqi.core.candidates import Candidates
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Interval, Measure
from duiqi.core.part import probe
from duiqi.core.search import Hit, Search, search
from duiqi.core.seed import generator
from duiqi.core.slice import Slice
from duiqi.data.by_length import explained_by_length
from duiqi.data.clusters import clusters_of, telling_words
from duiqi.data.floors import both_texts
from duiqi.data.readable_slices import readable_slices
from duiqi.data.simulated import simulated_case
from duiqi.data.vectors import vectors_of

# The promise is at most one false alarm in twenty healthy models. A stricter level keeps it with room for chance when
# somebody counts; at 5,000 rows it costs nothing that could be measured.
LEVEL = 0.03
PRIOR_ROWS = 90.0  # chosen on four sets, see `duiqi.core.search`
MOST_CLUSTERED = 20_000  # rows


@probe(
    kind="blind_spot",
    needs=("model.answer", "data.label"),
    gates=(Gate("{row_metric}_difference", at_least=0.0, slice=None),),
    source="Westfall and Young, 1993, Resampling-Based Multiple Testing",
)
def blind_spots(
    case: Case, *, fewest_rows: int = 15, smallest: float = 0.015, largest: float = 0.8, most_slices: int = 3000,
    permutations: int = 1000, level: float = LEVEL, prior_rows: float = PRIOR_ROWS,
) -> Iterator[Measure | Exhibit]:  # fmt: skip
    """Slices of the data on which the model is wrong more often than on the rest, in words a person can check.

    What: the share of rows right in a slice minus that on the rest, for every slice where chance does not explain it.
    Why: an average hides that all rows of one source, about one topic, or with a negation go wrong.
    How: up to `most_slices` slices are made from the rows alone (each value of a group column, words, runs of two to
    four Chinese characters, length, negation, numbers, and pairs of these) that hold at least `fewest_rows` rows and
    from `smallest` to `largest` of the data. Errors are permuted over rows, `permutations` times; a slice counts where
    its z exceeds what the largest z of all slices reaches in a share `level` of the permutations. So on a model
    without blind spots the chance to report any is at most `level`. Ordinary slices differ, too, if little, and luck
    does the rest in the smallest: what is told must be expected on new rows, where a difference seen on n rows shrinks
    to n / (n + `prior_rows`) of it. What a stronger slice explains is left out, and of
    two that explain the same errors the simpler is told. Once slices are found, the search goes on among the rows that
    none of them holds, for what they hid. A sentence whose tags must all be right goes wrong the more often the longer
    it is; there only errors count that length does not explain. Slices that come with the case are measured, not
    searched. Where the model gives embeddings, clusters of rows that it takes for alike are tested, too, by
    a threshold of their own, and listed with the words that tell them apart (Eyuboglu et al. 2022 look there): a
    cluster is no rule that another file could be held against, so it is no finding.
    When it misleads: a slice that was selected looks worse than it is; the interval has room for that, the bare
    number has not. A blind spot that no rule of this kind describes is not found; nor is one smaller than `smallest`.
    Wrong labels in a slice look like a blind spot. Rows with the same key (equal inputs, or one cluster) count as one.
    What treats it: more or better labelled rows of the slice, or a larger weight for them in training.
    """
    if case.slices:
        yield from (_difference(case, each) for each in case.slices if each.where)
        return
    looked = readable_slices(
        case, case.data, fewest_rows=fewest_rows, smallest=smallest, largest=largest, most=most_slices
    )
    wrong = np.asarray(~case.right, dtype=np.float64)
    expected = explained_by_length(case, wrong)
    found = search(
        looked.rows,
        wrong - expected,
        keys=case.data.draw_keys,
        complexity=looked.complexity,
        generator=generator(case.seed, "blind_spots"),
        permutations=permutations,
        level=level,
        prior_rows=prior_rows,
    )
    measured = [(hit, _difference(case, looked.slices[hit.index])) for hit in found.hits]
    weaker = [(hit, measure) for hit, measure in measured if measure.value < 0]  # counted by rows, not only by keys
    yield from (replace(measure, stated=_simultaneous(measure.value, hit)) for hit, measure in weaker)
    yield _table(looked, wrong, expected, found, [hit for hit, _ in weaker])
    if "embedding" in case.predictor.offers and len(case.data) >= 2 * fewest_rows:
        yield from _clusters(case, wrong - expected, fewest_rows, permutations, level)


def _difference(case: Case, slice: Slice) -> Measure:
    """The share of rows right in the slice minus that on the rest."""
    inside = case.mask(slice)
    levels = {"slice": inside, "rest": ~inside}
    return case.across(case.task.row_metric, levels, by="slice", reduce="difference", slice=slice)


def _simultaneous(value: float, hit: Hit) -> Interval:
    """The interval that holds for all slices looked at together: the value and as many standard errors as the search
    asks for. Its upper end lies below zero exactly where the search found the slice.

    For a slice found among the rows outside others the value is that of all rows, and its standard error stands to it
    as among the rows where it was found.
    """
    reach = abs(value) * hit.threshold / hit.z
    return Interval(max(-1.0, value - reach), min(1.0, value + reach))


def _table(
    looked: Candidates, wrong: NDArray[np.float64], expected: NDArray[np.float64], found: Search, hits: list[Hit]
) -> Exhibit:
    """The found slices beside what chance alone could show; `searched` says how many were looked at."""
    rows = []
    for hit in hits:
        inside = looked.rows[[hit.index]].toarray()[0] > 0
        by_chance = hit.by_chance + float(expected[inside].mean())
        said = [int(inside.sum()), float(wrong[inside].mean()), float(wrong[~inside].mean()), hit.z, by_chance]
        rows.append([looked.slices[hit.index].rule, said[0], *(round(each, 4) for each in said[1:])])
    data = {
        "title": "slices",
        "columns": ["slice", "rows", "error", "rest", "z", "expected_by_chance"],
        "rows": rows,
        "searched": len(looked),
        "errors": int(np.count_nonzero(wrong)),
        "threshold": round(found.threshold, 3) if np.isfinite(found.threshold) else None,
    }
    return Exhibit("table", data)


def _clusters(
    case: Case, errors: NDArray[np.float64], fewest_rows: int, permutations: int, level: float
) -> Iterator[Exhibit]:
    """Clusters of rows that the model takes for alike on which it is weaker, tested as slices are: words, a row."""
    drawn = generator(case.seed, "clusters")
    some = np.sort(drawn.permutation(len(case.data))[:MOST_CLUSTERED])
    data, errors = case.data.take(some), errors[some]
    clusters = clusters_of(vectors_of(case.predictor, data), fewest_rows=fewest_rows, seed=case.seed)
    rows = clusters.rows()
    large = np.flatnonzero(np.asarray(rows.sum(axis=1)).ravel() >= fewest_rows)
    found = search(
        rows[large],
        errors,
        keys=data.draw_keys,
        complexity=np.ones(len(large), dtype=np.int64),
        generator=drawn,
        permutations=permutations,
        level=level,
    )
    wrong, texts, listed = ~case.right[some], np.array(both_texts(data), dtype=object), []
    for hit in found.hits:
        cluster = int(large[hit.index])
        inside = clusters.label == cluster
        words = telling_words(texts[inside].tolist(), texts[~inside].tolist())
        numbers = [round(float(each), 4) for each in (wrong[inside].mean(), wrong[~inside].mean(), hit.z)]
        typical = data.shown[clusters.typical(cluster)]
        listed.append([" · ".join(words) or "–", int(inside.sum()), *numbers, typical])
    if listed:
        columns = ["words", "rows", "error", "rest", "z", "typical"]
        said = {"title": "clusters", "columns": columns, "rows": listed, "searched": len(large), "rows_of_data": True}
        yield Exhibit("table", said)


@blind_spots.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    """12 % of the answers are wrong; the sick model is worse on what one channel says of one thing (5 % of rows)."""

    def worse(data: Dataset) -> NDArray[np.float64]:
        inside = (data.group("channel") == "app") & np.array(["kettle" in text for text in data.texts])
        return np.where(inside, 0.12 + 0.28 * strength, 0.12)

    groups = {"channel": ("app", "shop"), "region": ("north", "south", "east", "west")}
    healthy = simulated_case(rng, rows=2000, error=0.12, groups=groups)
    return healthy, simulated_case(rng, rows=2000, error=worse, groups=groups)
