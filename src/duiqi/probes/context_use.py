from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.examine import MOST_EVIDENCE, rows_told
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Measure, Shown
from duiqi.core.part import probe
from duiqi.core.predictions import Predictions
from duiqi.core.seed import derive, hash64
from duiqi.core.slice import ALL
from duiqi.core.texts import excerpt
from duiqi.data.asked_otherwise import PARTS, PLACES, Version, as_rows, in_choices, in_passages, of_another_row
from duiqi.data.simulated_passages import passage_case

MOST_EXAMPLES = 8


@probe(
    kind="spurious_cue",
    needs=("model.answer", "data.label", "data.text", "model.anew"),
    gates=(Gate("placed_accuracy_gap", at_most=0.1), Gate("unread_rate", at_most=0.5)),
    on_request=True,
    source="Liu et al., 2024, Lost in the middle: how language models use long contexts, TACL, "
    "https://arxiv.org/abs/2307.03172; where answers stand in training: Ko et al., 2020, Look at the first sentence: "
    "position bias in question answering, EMNLP, https://aclanthology.org/2020.emnlp-main.84/; another row's question "
    "or passage: Kaushik & Lipton, 2018, How much reading does reading comprehension require?, EMNLP, "
    "https://aclanthology.org/D18-1546/",
)
def context_use(case: Case, *, most: int = 300) -> Iterator[Measure | Exhibit | Gate]:
    """Whether a model finds the answer wherever it stands, and whether it needs question and passage at all.

    What: of passages the sentence that has the answer is moved to the front, the middle and the end, all others keep
    their order; of choices the right one is. `placed_accuracy_gap` is how far apart the shares of right answers are, 0
    to 1, 0 is best; it must be proven to be above .1. And the question is exchanged for one of another row about
    another passage, the passage for one without the answer: `unread_rate` is the share of the right answers that stay.
    The bound is .5 for passages; for choices, where chance keeps one in k, half-way from chance to all.

    Why: readers learn where answers stand in training (at the beginning, often), and that a passage has one date or
    name worth asking for; models that write read the middle of long contexts least, and may know the answer by heart.
    On rows like those learned nothing of this shows. How: up to `most` rows, each asked in up to five ways in one go. A
    row is its own control: nothing but the place differs, so the gap is not one between hard rows and easy ones (as it
    would be if rows were told apart by where their answers happen to stand), and intervals are paired by rows and hold
    for all pairs of places (max-T). Sentences end at . ! ? before a blank, at 。！？ and at line ends. Rows whose
    answer stands in several sentences, or in passages of fewer than three, are not moved.

    Misleads: a sentence that is moved may lose what its "he" or "it" speaks of, most of all at the front; the share
    right in rows as they stand is shown beside. "None of these" is no longer last. A model that has to mark its answer
    in the passage is wrong by design where that is exchanged: of it only the question tells something. Of a model that
    is hardly ever right, neither says much: unread_rate asks for ten right answers. Heads that read every choice apart
    from the others know no order: their gap is 0. Runs only when asked for (`--only context_use`). No remedy that ships
    treats it: training rows whose answers stand elsewhere, and several questions to a passage, do.
    """
    _suits(case)
    ids = case.data.row_ids
    order = sorted(range(len(ids)), key=lambda row: hash64(f"{derive(case.seed, 'context_use')}|{ids[row]}"))
    rows = np.array(sorted(order[:most]), dtype=np.int64)
    part = replace(case, data=case.data.take(rows), slices=())
    truth = [case.truth[row] for row in rows]
    asked = _asked(part.data, truth, case.task.name, derive(case.seed, "another row"))
    if not asked:
        raise DataError(
            f"expected passages of three sentences or more, one of which has the answer, or several rows, given none "
            f"in {case.data.name}",
            hint="Give other rows.",
        )
    answers = case.answers_to(as_rows(part.data, asked))
    said = [each.truth for each in asked]
    right = part.rights(np.array(said) if isinstance(case.truth, np.ndarray) else said, answers)
    table = _Table(part, rows, case, asked, right)
    yield from _places(table)
    if case.task.name == "choose":
        chance = float(np.mean([1 / len(each) for each in part.data.values("choices")]))
        yield Gate("unread_rate", at_most=round((1 + chance) / 2, 3))
    for form in PARTS.values():
        yield from _unread(table, form)
    examples = [line for form in PARTS.values() for line in _examples(table, form, answers)]
    if examples:
        columns = ["claim", "original", "put_in", "answer"]
        yield Exhibit("table", {"title": "unread", "columns": columns, "rows": examples, "rows_of_data": True})


def _suits(case: Case) -> None:
    if case.task.name not in ("extract", "choose"):
        raise DataError(
            f"expected a task that finds answers in passages or chooses among choices, given {case.task.name}",
            hint="Of other tasks it is not told where in a text an answer stands.",
        )


def _asked(data: Dataset, truth: Sequence[Any], task: str, seed: int) -> list[Version]:
    versions = list((in_passages if task == "extract" else in_choices)(data, truth))
    for role in PARTS:
        if data.has(role):
            versions += [v for v in of_another_row(data, truth, role, seed) if task == "choose" or v.truth]
    return versions


@dataclass(frozen=True, eq=False)
class _Table:
    """The rows asked (`part`: rows `rows` of `case`), their versions, and which were answered right."""

    part: Case
    rows: NDArray[np.int64]
    case: Case
    asked: Sequence[Version]
    right: NDArray[np.bool_]

    @property
    def before(self) -> NDArray[np.bool_]:
        """Which rows are answered right as they stand."""
        return self.case.right[self.rows]

    def of(self, form: str) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The rows that have a version of this form, and whether it was answered right."""
        at = [n for n, each in enumerate(self.asked) if each.form == form]
        return np.array([self.asked[n].row for n in at], dtype=np.int64), self.right[at]

    def inside(self, rows: NDArray[np.int64]) -> Case:
        return replace(self.part, data=self.part.data.take(rows))

    def shown(self, rows: NDArray[np.int64]) -> Shown:
        told = rows_told(self.case, self.rows[rows[:MOST_EVIDENCE]])
        return Shown(tuple(map(str, self.part.data.row_ids[rows])), tuple(told))


def _places(table: _Table) -> Iterator[Measure | Exhibit]:
    """How far apart the places are, and a bar for each."""
    found = {place: each for place in PLACES if len((each := table.of(place))[0])}
    if not found:
        return
    rows = found[PLACES[0]][0]
    at = np.full(len(table.part.data), -1, dtype=np.int64)
    at[rows] = np.arange(len(rows))
    statistics = np.zeros((len(rows), len(found), 2))
    for level, (which, right) in enumerate(found.values()):
        statistics[at[which], level, 0] = right
        statistics[at[which], level, 1] = 1
    inside = table.inside(rows)
    measure = inside.by_level(
        "placed_accuracy", csr_array(statistics.reshape(len(rows), -1)), tuple(found), by="answer place", reduce="gap",
        slices=(ALL,) * len(found),
    )  # fmt: skip
    worst, best, _ = measure.extremes
    lost = rows[(statistics[:, best, 0] > 0) & (statistics[:, worst, 0] == 0) & (statistics[:, worst, 1] > 0)]
    yield replace(measure, shown=table.shown(lost))
    as_written = np.stack([table.before[rows], np.ones(len(rows))], axis=1)
    bars = [{"label": "original", **inside.noted("placed_accuracy", as_written).cell}]
    bars += [{"label": place, **measure.level(level).cell} for level, place in enumerate(found)]
    yield Exhibit("bars", {"title": "answer_places", "x": "placed_accuracy", "bars": bars})


def _unread(table: _Table, form: str) -> Iterator[Measure]:
    """The share of right answers that stay."""
    rows, right = table.of(form)
    if len(rows):
        before, inside = table.before[rows], table.inside(rows)
        measure = inside.noted("unread_rate", np.stack([before & right, before], axis=1), of=form)
        yield replace(measure, shown=table.shown(rows[before & right]))


def _examples(table: _Table, form: str, answers: Predictions) -> Iterator[list[str]]:
    """Rows answered right as they stand and with a part of another row."""
    role = next(role for role, name in PARTS.items() if name == form)
    stay = [n for n, each in enumerate(table.asked)
            if each.form == form and table.right[n] and table.before[each.row]]  # fmt: skip
    for n in stay[: MOST_EXAMPLES // 2]:
        each = table.asked[n]
        answer = table.case.task.spell(answers.answers[n], [])
        yield [form, excerpt(table.part.data.shown[each.row]), excerpt(each.changed[role]), answer]


@context_use.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    """Readers of passages in which every sentence says where something is kept; the sick one reads, of half of the
    rows, no more than the first sentence."""
    return passage_case(rng, lazy=0.0), passage_case(rng, lazy=0.5 * strength)
