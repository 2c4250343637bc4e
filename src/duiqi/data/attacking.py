"""Attacks carried out: of all texts at once, every round one call of the model.

An attack is divided as Morris et al. 2020 (TextAttack, https://arxiv.org/abs/2005.05909) divide it: what may be put
where (the part), in which order places are tried (its ranking), what must hold (its bounds), and a search that is the
same for all. A round asks everything that all texts still under attack want to know; the engine below answers equal
texts once. Truths move along with the changes (tags, spans, answers), so any task is attacked whose answers can be held
against a truth row by row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.attack import Attack, Place
from duiqi.core.case import Case, confidences, misses
from duiqi.core.dataset import Dataset
from duiqi.core.edit import Change, marked_spans, with_changes
from duiqi.core.errors import DataError
from duiqi.core.part import Part
from duiqi.core.predictions import Predictions, Predictor
from duiqi.core.seed import generator
from duiqi.core.texts import edit_distance
from duiqi.data.vectors import vectors_of
from duiqi.data.words import spans

AT_ONCE = 8192  # texts that are asked about in one call
ATTACKED = ("classify", "classify_pair", "multilabel", "regress", "choose", "relation", "tag", "extract")
UNKNOWN = "[UNK]"
Floats = NDArray[np.float64]
Chosen = Mapping["Key", str]
Key = tuple[int, int, int]  # which of the texts of a row, first character, end


@dataclass(frozen=True)
class Outcome:
    """What became of a row: whether its answer was turned, the changes of its texts, how often the model was asked, and
    which share of its words is changed."""

    row: int
    turned: bool
    changes: tuple[tuple[Change, ...], tuple[Change, ...]]
    queries: int
    changed: float


@dataclass(frozen=True)
class Attacked:
    """The outcomes of the rows that were attacked, those rows as they are now, their truths and the answers to them."""

    outcomes: tuple[Outcome, ...]
    data: Dataset
    truth: Any
    answers: Predictions


@dataclass
class _Text:
    """A row under attack."""

    row: int
    places: list[Place]  # of both texts, in the order in which they are tried once they are ranked
    words: int
    harm: float = 0.0
    chosen: dict[Key, str] = field(default_factory=dict)
    queries: int = 0
    turned: bool = False
    open: bool = True


def attacked(case: Case, part: Part, rows: NDArray[np.int64], *, queries: int = 500, **options: Any) -> Attacked:
    """Attack these rows of the case, which must be answered rightly; each may cost `queries` questions at most.

    How far a text may move in meaning is held by the embeddings of the case's `reader`, where there is one. `DataError`
    for a task whose answers cannot be attacked.
    """
    if case.task.name not in ATTACKED:
        raise DataError(
            f"expected a task among {', '.join(ATTACKED)} to attack, given {case.task.name}",
            hint="Answers to this task are not held against one truth a row.",
        )
    data = case.data.take(rows)
    wanted: Attack = part.facts["search"]
    reader = case.reader if wanted.least_similar else None
    search = _Search(case, data, wanted, reader if reader and "embedding" in reader.offers else None, queries)
    texts = [_Text(row, *found) for row, found in enumerate(_places(case, data, part, options))]
    search.begin(texts)
    search.rank(texts)
    if search.attack.ranking == "saliency":
        search.prefixes(texts)
    else:
        depth = 0
        while any(text.open for text in texts):
            search.step(texts, depth)
            depth += 1
    changes = [_by_field(text.chosen) for text in texts]
    made = _changed(data, np.arange(len(data)), changes)
    outcomes = tuple(
        Outcome(int(row), text.turned, each, text.queries, len(text.chosen) / max(text.words, 1))
        for row, text, each in zip(rows, texts, changes, strict=True)
    )
    return Attacked(outcomes, made, case.task.read_truth(made), case.answers_to(made))


def _places(case: Case, data: Dataset, part: Part, options: Mapping[str, Any]) -> Iterator[tuple[list[Place], int]]:
    """The places of every row where something can be put in, and how many words the row has: tagged words, spans and
    answers are left alone."""
    fields = [data.texts, *([data.second_texts] if data.has("text_pair") else [])]
    found: list[list[Place]] = [[] for _ in range(len(data))]
    for at, texts in enumerate(fields):
        rngs = [generator(case.seed, part.name, row, str(at)) for row in data.row_ids]
        marked = marked_spans(data, second=bool(at))
        for row, (proposed, spans_of) in enumerate(zip(part(texts, rngs, **options), marked, strict=True)):
            found[row] += [
                replace(place, field=at) for place in proposed
                if place.new and not any(place.start < end and place.end > start for start, end in spans_of)
            ]  # fmt: skip
    for row, places in enumerate(found):
        yield places, sum(len(spans(texts[row])) for texts in fields)


def _by_field(chosen: Chosen) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    return tuple(  # type: ignore[return-value]
        tuple(Change(start, end, new) for (at, start, end), new in sorted(chosen.items()) if at == side)
        for side in (0, 1)
    )


def _changed(
    data: Dataset, rows: NDArray[np.int64], changes: Sequence[tuple[tuple[Change, ...], tuple[Change, ...]]]
) -> Dataset:
    taken = data.take(rows)
    return taken.paired(with_changes(taken, lambda texts, *second: [each[len(second)] for each in changes]))


@dataclass(frozen=True)
class _Search:
    case: Case
    data: Dataset
    attack: Attack
    reader: Predictor | None
    budget: int

    @cached_property
    def original(self) -> Floats:
        """Embeddings of the rows as they are."""
        assert self.reader is not None
        return vectors_of(self.reader, self.data)

    def ask(self, wanted: Sequence[tuple[_Text, Chosen]]) -> tuple[Floats, NDArray[np.bool_], list[Dataset]]:
        """How far every version is from its truth, float[m], and whether it is answered wrongly, bool[m]."""
        harms, wrongs, made = [np.zeros(0)], [np.zeros(0, dtype=bool)], []
        for start in range(0, len(wanted), AT_ONCE):
            chunk = wanted[start : start + AT_ONCE]
            rows = np.array([text.row for text, _ in chunk], dtype=np.int64)
            versions = _changed(self.data, rows, [_by_field(chosen) for _, chosen in chunk])
            truth, guess = self.case.task.read_truth(versions), self.case.answers_to(versions)
            wrong = ~self.case.rights(truth, guess)
            harm = misses(self.case.task, truth, guess)
            if harm is None:  # nothing is told of truths: less sure while right, wrong beyond
                harm = np.where(wrong, 1.0, 1 - confidences(guess))
            harms.append(harm)
            wrongs.append(wrong)
            made.append(versions)
        for text, _ in wanted:
            text.queries += 1
        return np.concatenate(harms), np.concatenate(wrongs), made

    def begin(self, texts: Sequence[_Text]) -> None:
        """What the model says of the texts as they are; a text with nothing to put in is done."""
        harms, _, _ = self.ask([(text, {}) for text in texts])
        for text, harm in zip(texts, harms.tolist(), strict=True):
            text.harm = harm
            text.open = bool(text.places)

    def rank(self, texts: Sequence[_Text]) -> None:
        """Put the places of every text in the order in which they are tried: where the model misses the word most.

        A text with more places than half of its questions has only so many looked at, evenly spread.
        """
        hidden = "" if self.attack.ranking == "delete" else UNKNOWN
        wanted: list[tuple[_Text, Chosen]] = []
        bounds: list[tuple[_Text, int, int]] = []
        for text in texts:
            if not text.open:
                continue
            most = max(self.budget // 2, 1)
            if len(text.places) > most:
                chosen = np.linspace(0, len(text.places) - 1, most).round().astype(int)
                text.places = [text.places[at] for at in chosen]
            start = len(wanted)
            wanted += [(text, {place.key: hidden}) for place in text.places]
            bounds.append((text, start, len(wanted)))
        harms, _, _ = self.ask(wanted)
        missed = [harms[start:end] for _, start, end in bounds]
        for (text, _, _), own in zip(bounds, missed, strict=True):
            text.places = [text.places[at] for at in np.argsort(-own, kind="stable")]
        if self.attack.ranking == "saliency":
            self._by_saliency([text for text, _, _ in bounds], [-np.sort(-own) for own in missed])

    def _by_saliency(self, texts: Sequence[_Text], missed: Sequence[Floats]) -> None:
        """The best word for every place, and the places by how much it does, weighed by a softmax of how much the model
        misses the old one (Ren et al. 2019). Words are tried place by place for as long as there are questions left."""
        wanted: list[tuple[_Text, Chosen]] = []
        for text in texts:
            tried = [(text, {place.key: new}) for place in text.places for new in place.new]
            wanted += tried[: max(self.budget - text.queries, 0)]
        harms, _, _ = self.ask(wanted)
        did: dict[tuple[int, Key], list[tuple[float, str]]] = {}
        for (text, chosen), harm in zip(wanted, harms.tolist(), strict=True):
            ((key, new),) = chosen.items()
            did.setdefault((text.row, key), []).append((harm, new))
        for text, own in zip(texts, missed, strict=True):
            ranked, weights = [], np.exp(own - own.max())
            for place, weight in zip(text.places, weights / weights.sum(), strict=True):
                harm, new = max(did.get((text.row, place.key), [(0.0, "")]), key=lambda each: each[0])
                if harm > text.harm:
                    ranked.append(((harm - text.harm) * weight, replace(place, new=(new,))))
            text.places = [place for _, place in sorted(ranked, key=lambda each: -each[0])]

    def prefixes(self, texts: Sequence[_Text]) -> None:
        """Put in the first word, the first two, and so on, all asked at once: the shortest that turns the answer. What
        comes after it would not have been asked."""
        versions: list[list[dict[Key, str]]] = []
        for text in texts:
            mine: list[dict[Key, str]] = [{}]
            for place in text.places:
                if not any(_overlap(place.key, key) for key in mine[-1]):
                    mine.append({**mine[-1], place.key: place.new[0]})
            versions.append(mine[1:][: max(min(self._most_places(text), self.budget - text.queries), 0)])
        wanted = [(text, each) for text, mine in zip(texts, versions, strict=True) for each in mine]
        before = [text.queries for text in texts]
        _, wrong, made = self.ask(wanted)
        allowed = self._allowed(wanted, made)
        at = 0
        for text, mine, asked in zip(texts, versions, before, strict=True):
            hits = np.flatnonzero(wrong[at : at + len(mine)] & allowed[at : at + len(mine)])
            if len(hits):
                text.turned, text.chosen = True, mine[hits[0]]
                text.queries = asked + int(hits[0]) + 1
            at += len(mine)
            text.open = False

    def _most_places(self, text: _Text) -> int:
        return max(1, int(self.attack.most_changed * text.words))

    def step(self, texts: Sequence[_Text], depth: int) -> None:
        """Try everything at the next place of every text that is still under attack, and keep what does most harm."""
        wanted: list[tuple[_Text, Chosen]] = []
        bounds: list[tuple[_Text, int, int]] = []
        for text in texts:
            left = self.budget - text.queries
            if not text.open or depth >= len(text.places) or left <= 0 or len(text.chosen) >= self._most_places(text):
                text.open = False
                continue
            place = text.places[depth]
            if any(_overlap(place.key, key) for key in text.chosen):
                continue
            start = len(wanted)
            wanted += [(text, {**text.chosen, place.key: new}) for new in place.new[:left]]
            bounds.append((text, start, len(wanted)))
        harms, wrong, made = self.ask(wanted)
        allowed = self._allowed(wanted, made)
        for text, start, end in bounds:
            inside = np.flatnonzero(allowed[start:end]) + start
            if not len(inside):
                continue
            turns = bool(wrong[inside].any())
            meant = inside[wrong[inside]] if turns else inside
            best = int(meant[harms[meant].argmax()])
            if turns or harms[best] > text.harm:
                text.chosen, text.harm = dict(wanted[best][1]), float(harms[best])
            text.turned, text.open = turns, not turns

    def _allowed(self, wanted: Sequence[tuple[_Text, Chosen]], made: Sequence[Dataset]) -> NDArray[np.bool_]:
        """Which versions keep within the bounds of the attack, bool[m]."""
        fits = np.array([self._near(text, chosen) for text, chosen in wanted], dtype=bool)
        if self.reader is None or not wanted:
            return fits
        rows = [text.row for text, _ in wanted]
        moved = np.concatenate([vectors_of(self.reader, each) for each in made])
        return fits & ((self.original[rows] * moved).sum(axis=1) >= self.attack.least_similar)

    def _near(self, text: _Text, chosen: Chosen) -> bool:
        """Whether the characters that were changed are within the bound on the edit distance."""
        if self.attack.most_edits is None:
            return True
        originals: Iterable[tuple[str, str]] = (
            ((self.data.second_texts if at else self.data.texts)[text.row][start:end], new)
            for (at, start, end), new in chosen.items()
        )
        return sum(edit_distance(old, new) for old, new in originals) <= self.attack.most_edits


def _overlap(one: Key, other: Key) -> bool:
    return one[0] == other[0] and one[1] < other[2] and one[2] > other[1]
