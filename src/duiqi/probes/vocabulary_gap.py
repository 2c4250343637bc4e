from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from duiqi.core.case import Case, misses
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Measure, jeffreys
from duiqi.core.part import probe
from duiqi.core.search import search
from duiqi.core.seed import generator
from duiqi.core.slice import Slice
from duiqi.data.by_length import explained_by_length
from duiqi.data.cutting import Cutting, cut, reads_characters
from duiqi.data.simulated_terms import term_case
from duiqi.data.terms import Met, Term, find_terms

LEVEL = 0.006  # chance of any finding where no term does harm; 1 % is what is promised
SORTS = 3  # of terms that are tested apart: cut and new, new, cut
MOST_ROWS = 20
MOST_TRAIN = 500  # training rows whose cutting is told beside


@probe(
    kind="vocabulary_gap",
    needs=("data.text",),
    gates=(
        Gate("{row_metric}_difference", at_least=0.0, slice=None),
        Gate("unknown_rate", at_most=0.01),  # real texts in the model's language: at most .002; in another: .7
        Gate("cut_rate", at_most=0.2),  # .03 to .06; in another: .45
    ),
    source="Rust et al., 2021, How good is your tokenizer?, ACL, https://aclanthology.org/2021.acl-long.243/; "
    "Westfall and Young, 1993, Resampling-Based Multiple Testing",
)
def vocabulary_gap(
    case: Case, *, fewest_rows: int = 5, largest: float = 0.5, permutations: int = 2000, level: float = LEVEL
) -> Iterator[Measure | Exhibit]:
    """Terms that the model cuts to pieces, does not know or never met in training, and whether it fails on their rows.

    What: the share of words (of Chinese: characters) that the tokenizer does not know, the share that it cuts into
    three pieces or more, and for each such term, and each that no training row has, the share of its rows answered
    right minus that of all others.
    Why: the names of a trade, a product or a drug carry the meaning of a row; to the model they are a heap of letters.
    How: the tokenizer is asked where its pieces lie. A Chinese term is a run of up to four characters around one
    that is unknown, or around two that never stand together in training. Terms in at least `fewest_rows` rows (and
    a share `largest` of them at most) are tested for harm as in blind_spots, by permuting over rows how much
    probability was not given to the truth (where none is told: whether the answer was wrong); of tags, how much of
    it the length of the sentence does not explain. Terms that are both cut and new, those only new, and those only
    cut are tested apart: the first are few and suspect, and need not stand against many others. The chance of any
    finding where no term does harm is at most `level`. Of a term that passes, the share right is told with an
    interval of its own, and it is a finding where that lies below zero. All others are only listed.
    When it misleads: of tags that share is told as it is, the length of sentences in it. A rare term in fewer rows
    is only counted. Rows with a term may be hard for another reason. A tokenizer of bytes or single characters cuts
    everything by design: its cutting is not told. Of a model that does not say how it cuts, such as an API, only
    terms that no training row has are looked at; without training rows none.
    What treats it: pre-training on texts with the terms, or labelled rows with them.
    """
    offered = "pieces" in case.predictor.offers
    train = case.train if case.train is not case.data else None
    if not offered and train is None:
        raise DataError(
            "expected a model that says how it cuts words, or training rows, given neither",
            hint="Use a local model, or give a folder with train, dev and test files.",
        )
    sides = _sides(case.data)
    cutting = reduce(add, (cut(case.predictor, texts) for texts in sides.values())) if offered else None
    told = cutting if cutting is not None and not reads_characters(case.predictor) else None
    whole = replace(case, slices=())
    if cutting is not None and len(cutting.words):
        yield whole.noted("unknown_rate", cutting.counted(cutting.unknown))
        if told is not None:
            yield whole.noted("cut_rate", cutting.counted(cutting.cut))
            yield _counts(case, cutting, train)
    terms = _terms(case, sides, told or _only_unknown(cutting), train, fewest_rows, largest)
    judged = case.has("model.answer") and case.has("data.label")
    if judged and case.slices:
        names = {term.slice for term in terms}
        yield from (_difference(case, each) for each in case.slices if each in names)
        return
    harmful = _harmful(case, terms, permutations, level) if judged else []
    yield from (replace(measure, stated=measure.interval) for _, measure in harmful)
    if terms:
        yield _table(case, terms, [at for at, _ in harmful], judged)


def _sides(data: Dataset) -> dict[str, list[str]]:
    """The texts of the rows by role."""
    return {"text": data.written, **({"text_pair": data.second_texts} if data.has("text_pair") else {})}


def _only_unknown(cutting: Cutting | None) -> Cutting | None:
    """What a tokenizer of characters says of words: which it does not know."""
    return None if cutting is None else replace(cutting, pieces=np.ones_like(cutting.pieces))


def _terms(
    case: Case, sides: Mapping[str, Sequence[str]], cutting: Cutting | None, train: Dataset | None, fewest: int,
    most: float,
) -> list[Term]:  # fmt: skip
    met = case.remember(f"met:{train.fingerprint if train else None}", lambda: Met(train))
    known = cutting.known if cutting else {}
    return find_terms(sides, known, met, fewest=1 if case.slices else fewest, most=1.0 if case.slices else most)


def _difference(case: Case, slice: Slice) -> Measure:
    """The share of rows right with the term minus that of all others."""
    inside = case.mask(slice)
    levels = {"term": inside, "rest": ~inside}
    return case.across(case.task.row_metric, levels, by="term", reduce="difference", slice=slice)


def _harmful(case: Case, terms: Sequence[Term], permutations: int, level: float) -> list[tuple[int, Measure]]:
    """The terms on whose rows the model is worse than chance explains, the strongest first: place among all, and the
    measure."""
    errors, found = misses(case.task, case.truth, case.guess), []
    errors = errors if errors is not None else np.asarray(~case.right, dtype=np.float64)
    errors = errors - explained_by_length(case, errors)
    sorts: dict[str, list[int]] = defaultdict(list)
    for at, term in enumerate(terms):
        sorts[_claim(term).replace("unknown", "cut")].append(at)
    for name, which in sorts.items():
        searched = search(
            _matrix(case, [terms[at] for at in which]),
            errors,
            keys=case.data.draw_keys,
            complexity=np.ones(len(which), dtype=np.int64),
            generator=generator(case.seed, "vocabulary_gap", name),
            permutations=permutations,
            level=level / SORTS,
        )
        found += [(hit.z, which[hit.index]) for hit in searched.hits]
    measured = [(at, _difference(case, terms[at].slice)) for _, at in sorted(found, reverse=True)]
    return [(at, measure) for at, measure in measured if measure.value < 0]


def _matrix(case: Case, terms: Sequence[Term]) -> Any:
    from scipy.sparse import csr_array

    rows = np.concatenate([term.rows for term in terms])
    ends = np.cumsum([0, *(len(term.rows) for term in terms)])
    return csr_array((np.ones(len(rows), dtype=np.float32), rows, ends), shape=(len(terms), len(case.data)))


def _counts(case: Case, cutting: Cutting, train: Dataset | None) -> Exhibit:
    """How the rows are cut, beside training rows."""
    parts = {"in_examined": cutting}
    if train is not None and len(train):
        some = train.take(np.sort(generator(case.seed, "cutting").permutation(len(train))[:MOST_TRAIN]))
        parts["in_train"] = reduce(add, (cut(case.predictor, texts) for texts in _sides(some).values()))
    rows = [
        [name, len(each.words), *(round(float(np.mean(v)), 4) for v in (each.pieces, each.cut, each.unknown))]
        for name, each in parts.items() if len(each.words)
    ]  # fmt: skip
    columns = ["claim", "words_counted", "pieces", "cut_share", "unknown_share"]
    return Exhibit("table", {"title": "cutting", "columns": columns, "rows": rows})


def _table(case: Case, terms: Sequence[Term], harmful: Sequence[int], judged: bool) -> Exhibit:
    """The terms, those that do harm first, then the commonest."""
    errors = 1.0 - case.right if judged else None
    order = dict.fromkeys([*harmful, *range(len(terms))])
    rows = []
    for at in list(order)[:MOST_ROWS]:
        term = terms[at]
        pieces = "–" if np.isnan(term.pieces) else round(term.pieces, 1)
        said: list[Any] = [term.text, _claim(term), len(term.rows), pieces]
        if errors is not None:
            wrong = errors[term.rows]
            low, high = jeffreys(int(wrong.sum()), len(wrong))
            rest = (errors.sum() - wrong.sum()) / max(len(errors) - len(wrong), 1)
            said += [{"value": float(wrong.mean()), "low": low, "high": high}, round(float(rest), 4)]
        rows.append(said)
    columns = ["term", "claim", "rows", "pieces", *(["error", "rest"] if judged else [])]
    table = {"title": "terms", "columns": columns, "rows": rows, "total": len(terms)}
    return Exhibit("table", {**table, "rows_of_data": True})


def _claim(term: Term) -> str:
    cutting = "unknown" if term.unknown else "cut" if term.cut else ""
    return "_".join(filter(None, ("term", cutting, "unmet" if term.unmet else "")))


@vocabulary_gap.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    """In both cases one row in fifteen has a term that the model cuts to pieces, and no training row has it; the sick
    model is wrong on 35 points more of these rows than of others."""
    return term_case(rng, harm=0.0), term_case(rng, harm=0.35 * strength)
