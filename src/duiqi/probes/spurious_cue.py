from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Interval, Measure, Weights, accumulate, jeffreys
from duiqi.core.part import probe
from duiqi.core.seed import generator
from duiqi.core.slice import Slice, is_cjk
from duiqi.data.cues import Cue, association, find_cues
from duiqi.data.divided import Divided
from duiqi.data.explaining import explained, subject_of
from duiqi.data.simulated_cues import cued_case

WEIGHED = 30  # rows in which the weight of a cue is told, word by word
MOST_GLUED, MOST_OTHERS = 10, 5  # cues that are told; of those that hang on what rows say the strongest, to compare


@dataclass(frozen=True)
class Use:
    """What a model makes of a cue: its effect on the probability of the class where it is taken out (the mean over
    rows, with an interval), and which answers turned to the class where it was put in (`rows`: which rows of the data
    these are). `weight` is the share of the cue in what all words of a row that carries it weigh."""

    removed: dict[str, float | None]
    weight: dict[str, float | None]
    rows: np.ndarray
    turned: np.ndarray


@probe(
    kind="spurious_cue",
    needs=("case.train", "task.classes", "data.text", "data.label"),
    gates=(Gate("turned_rate", at_most=0.05, slice=None), Gate("cued_rate", at_most=0.05, slice=None)),
    source="Gardner et al., 2021, Competency problems: on finding and removing artifacts in language data, EMNLP, "
    "https://aclanthology.org/2021.emnlp-main.135/; Gururangan et al., 2018, Annotation artifacts in natural language "
    "inference data, NAACL, https://aclanthology.org/N18-2017/",
)
def spurious_cue(case: Case, *, most_rows: int = 500) -> Iterator[Measure | Exhibit]:
    """Whether something that rows are not about gives the label away in training, and whether the model uses it.

    A name, a signature or a mark that stands in one class only is learned in place of the task, and fails where it is
    missing. Of each token (word, mark, one or two Chinese characters, and what always stands beside it; of
    pairs in either text alone) the z of the share of the class among its rows is told. As most words with a high z are
    what rows are about ("excellent"), a cue counts as glued on only where the rest of the row does not tell whether it
    is there, among rows of its class, and it stands in 15 % of these, five times as often as elsewhere. Then the model
    is asked: up to `most_rows` rows of other classes are answered with the cue put in, and rows that carry it without
    it. The measure is the share of answers that turn to the class. Of some of the rows that carry it each word is
    taken out alone, and the share of the cue in all that moves their answers (log-odds, whether for or against) is
    told: it is small where a model reads it beside others. Where the model cannot be asked about new rows, the
    share of the class's rows that carry the cue is held against the gate. Beside it stands how closely group columns
    and labels go together (Cramér's V).

    Misleads where phrases are drawn by chance (made-up data), and where a source writes in a manner of its own: its
    mark is then foretold by the rest and not reported. Classes of fewer than about 150 rows are too small to tell.
    Treated by taking the cue out of training rows, or putting it into those of other classes alike.
    """
    train = case.train
    assert train is not None
    texts = _texts(train)
    if not any(text.strip() for rows in texts.values() for text in rows):
        raise DataError("expected training rows with a text, given empty ones", hint="Name the column with --text.")
    truth = case.task.read_truth(train)
    if len(np.unique(truth)) < 2:
        raise DataError(
            "expected training rows of two classes at least, given one",
            hint="What gives a label away can only be told where labels differ.",
        )
    cues = case.remember(f"cues:{train.fingerprint}", lambda: find_cues(texts, truth, train.input_keys))
    glued = [cue for cue in cues if cue.glued][:MOST_GLUED]
    others = [cue for cue in cues if not cue.glued][:MOST_OTHERS]
    uses = _uses(case, glued, most_rows)
    if not glued:
        yield case.of_train().noted("cued_rate", np.zeros(len(train)))
    for at, cue in enumerate(glued):
        yield from [_turned(case, cue, uses[at])] if uses else [_share(case, cue, truth)]
    yield _table(case, [*glued, *others], uses)
    if groups := _groups(case, truth):
        yield groups


def _texts(data: Dataset) -> dict[str, list[str]]:
    """The texts of the rows by role, a missing one as an empty text."""
    return {"text": data.texts, **({"text_pair": data.second_texts} if data.has("text_pair") else {})}


def _rule(cue: Cue) -> Slice:
    return Slice.of(cue.role, cue.text, "contains")


def _uses(case: Case, cues: list[Cue], most: int) -> list[Use]:
    """What the model makes of each cue, asked in one call; nothing where it cannot answer new rows."""
    if not all(map(case.has, ("model.answer", "model.anew", "data.text"))) or not cues:
        return []
    asked, plan = [], []
    for number, cue in enumerate(cues):
        carry = case.mask(_rule(cue))
        with_it = _some(case, np.flatnonzero(carry), most, number)
        free = ~carry & (case.truth != cue.label) & (case.guess.label != cue.label)
        without = _some(case, np.flatnonzero(free), most, number)
        plan.append((with_it, without))
        asked += [_edited(case, cue, with_it, number, put=False), _edited(case, cue, without, number, put=True)]
    together = asked[0]
    for each in asked[1:]:
        together = together.joined(each)
    probs = case.answers_to(together).probs
    weights = _weights(case, cues, [with_it[:WEIGHED] for with_it, _ in plan])
    uses, at = [], 0
    for cue, weight, (with_it, without) in zip(cues, weights, plan, strict=True):
        drop = probs[at : at + len(with_it), cue.label] - case.guess.probs[with_it, cue.label]
        at += len(with_it)
        turned = probs[at : at + len(without)].argmax(axis=1) == cue.label
        at += len(without)
        uses.append(Use(_mean(drop, case.data.take(with_it), case), weight, without, turned))
    return uses


def _weights(case: Case, cues: list[Cue], rows: list[np.ndarray]) -> list[dict[str, float | None]]:
    """The share of each cue in what the words of its rows weigh by occlusion; all rows are asked in one call. A cue
    that is no word (a mark) is never taken out alone and has none."""
    taken = np.unique(np.concatenate(rows))
    found = []
    if len(taken):
        subject = subject_of(case.predictor, case.data.take(taken))
        found = explained(case.predictor, subject, ["occlusion"], seed=case.seed)
    by_row = {int(taken[each.row]): each for each in found}
    made = []
    for cue, own in zip(cues, rows, strict=True):
        kept, shares = [], []
        for row in own.tolist():
            inside = _inside(cue, by_row[row].divided) if row in by_row else np.zeros(0, dtype=bool)
            weights = np.abs(by_row[row].by["occlusion"].weights) if inside.any() else np.zeros(0)
            if weights.sum() > 0:
                kept.append(row)
                shares.append(weights[inside].sum() / weights.sum())
        made.append(_mean(np.array(shares), case.data.take(np.array(kept, dtype=np.int64)), case))
    return made


def _inside(cue: Cue, cut: Divided) -> np.ndarray:
    """Which words of a row the cue lies in, or is made of: bool[w]."""
    fields = [field for field, (role, _) in enumerate(cut.roles) if role in (cue.role, "part")]
    places = {field: [match.span() for match in _pattern(cue).finditer(cut.texts[field])] for field in fields}
    return np.array(
        [any(a < piece.end and piece.start < b for a, b in places.get(piece.field, ())) for piece in cut.pieces],
        dtype=bool,
    )


def _pattern(cue: Cue) -> re.Pattern[str]:
    edge = r"\b" if re.fullmatch(r"\w.*\w|\w", cue.text) and not is_cjk(cue.text) else ""
    return re.compile(edge + re.escape(cue.text) + edge, re.IGNORECASE)


def _some(case: Case, rows: np.ndarray, most: int, number: int) -> np.ndarray:
    """At most so many of the rows, drawn by the seed, in their order."""
    chosen = generator(case.seed, "cue", number).permutation(len(rows))[:most]
    return np.asarray(rows[np.sort(chosen)])


def _edited(case: Case, cue: Cue, rows: np.ndarray, number: int, *, put: bool) -> Dataset:
    """Rows with the cue at their end, or without it; they have ids of their own, as they are new rows."""
    data = case.data.take(rows)
    texts = _texts(data)[cue.role]
    found = _pattern(cue)
    blank = "" if is_cjk(cue.text) else " "
    new = [f"{text}{blank}{cue.text}" if put else " ".join(found.sub(" ", text).split()) for text in texts]
    made = data.with_column(cue.role, new)
    ids = np.array([f"{row}+cue{number}{'+' if put else '-'}" for row in data.row_ids], dtype=np.str_)
    if made.has("id"):
        made = made.with_column("id", ids.tolist(), column="duiqi_id")
    made.__dict__["row_ids"] = ids
    return made


def _mean(values: np.ndarray, data: Dataset, case: Case) -> dict[str, float | None]:
    """The mean over rows with its interval by draws of them."""
    if not len(values):
        return {"value": None, "low": None, "high": None}
    statistics = np.stack([values, np.ones(len(values))], axis=1)
    _, (sums,) = accumulate(statistics, [None], Weights(data.draw_keys, case.draws, case.seed))
    low, high = np.nanquantile(sums[:, 0] / np.where(sums[:, 1] > 0, sums[:, 1], np.nan), [0.025, 0.975])
    return {"value": float(values.mean()), "low": float(low), "high": float(high)}


def _turned(case: Case, cue: Cue, use: Use) -> Measure:
    """The share of answers that turned to the class; its slice is the rows that carry the cue."""
    data = case.data.take(use.rows)
    measure = replace(case, data=data, slices=()).noted("turned_rate", use.turned)
    return replace(measure, slice=_rule(cue))


def _share(case: Case, cue: Cue, truth: np.ndarray) -> Measure:
    """The share of the class's training rows that carry the cue."""
    train = case.train
    assert train is not None
    data = train.take(np.flatnonzero(truth == cue.label))
    measure = replace(case, data=data, slices=()).noted("cued_rate", _rule(cue).mask(data))
    return replace(measure, slice=_rule(cue))


def _table(case: Case, cues: list[Cue], uses: list[Use]) -> Exhibit:
    columns = ["cue", "claim", "class", "rows", "cue_share", "purity", "z", "foretold"]
    columns += ["cue_removed", "cue_put_in", "cue_weight"]
    rows = []
    for at, cue in enumerate(cues):
        effects: list[Any] = ["–"] * 3
        if at < len(uses):
            low, high = jeffreys(int(uses[at].turned.sum()), len(uses[at].turned))
            told = Interval(low, high).to_json()
            effects = [
                uses[at].removed,
                {"value": float(uses[at].turned.mean()) if len(uses[at].turned) else None, **told},
                uses[at].weight,
            ]
        reach = 1.96 * cue.error
        area: Any = "–"
        if np.isfinite(cue.foretold):
            area = {
                "value": cue.foretold,
                "low": max(0.0, cue.foretold - reach),
                "high": min(1.0, cue.foretold + reach),
            }
        claim = "glued_cue" if cue.glued else "content_word"
        said = [cue.text, claim, case.labels[cue.label], cue.rows, round(cue.share, 4), round(cue.purity, 4)]
        rows.append([*said, round(cue.z, 1), area, *effects])
    return Exhibit("table", {"title": "cues", "columns": columns, "rows": rows, "total": len(rows)})


def _groups(case: Case, truth: np.ndarray) -> Exhibit | None:
    """How closely each group column of the training rows goes with the label."""
    train = case.train
    assert train is not None
    rows = []
    for column in train.schema.groups:
        found = association(train.group(column), truth, train.draw_keys, seed=case.seed)
        if found:
            cell = {"value": found.value, "low": found.low, "high": found.high}
            rows.append([column, cell, round(found.chi_square, 1), float(f"{found.probability:.2g}")])
    columns = ["group", "cramers_v", "chi_square", "p_value"]
    return Exhibit("table", {"title": "group_labels", "columns": columns, "rows": rows}) if rows else None


@spurious_cue.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    """The word stands in 60 % of the praise that the sick case learned from, and its model takes it for praise."""
    return cued_case(rng, share=0.0, weight=0.0), cued_case(rng, share=0.6 * strength, weight=6.0 * strength)
