"""The smallest edit that turns an answer: which words to take out or replace so that the model says something else.

A beam search over all texts in lock-step: at every depth all candidates of all texts are asked in one call. The first
depth tries every word, so an edit of one word is missed only if none of the candidates for it turns the answer; deeper
ones begin from the best few. Compare Wallace et al. 2019 (https://arxiv.org/abs/1909.12434) and Ross, Marasović &
Peters 2021 (https://arxiv.org/abs/2012.13985), whose replacements come from a language model; ours are no word at all,
words that rows of other classes have more often, and synonyms: what is told is what the model reacts to, not always
what a person would write.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictor
from duiqi.core.slice import is_cjk
from duiqi.data.divided import divided
from duiqi.data.explaining import Explanation, Subject
from duiqi.data.synonyms import Synonyms
from duiqi.data.targets import asked_again, numbers_of, reading_of

BEAM = 3
MOST = 5  # edits
DEEPER = 8  # words that are tried at depths after the first: those whose change moved the answer most
CHANGES = 4  # of each of them that are tried there: those that moved it most
TELLING = 6  # words of other classes that are tried in every place
FEWEST = 3  # rows in which such a word must stand


@dataclass(frozen=True)
class Edit:
    """A word and what stands in its place, "" where it is taken out."""

    piece: int
    old: str
    new: str


@dataclass(frozen=True)
class Counterfactual:
    """The edits after which the model says `instead`, and the texts with them."""

    edits: tuple[Edit, ...]
    texts: tuple[str, ...]
    instead: str


@dataclass(frozen=True)
class _State:
    words: tuple[str, ...]
    changed: frozenset[int] = field(default=frozenset())


def telling_words(train: Dataset) -> Mapping[str, list[str]]:
    """For every class, words that its rows have more often than others, the most telling first: by the log-odds of
    having the word, with one half added to every count."""
    labels = train.values("label") if train.has("label") else []
    classes = sorted({str(each) for each in labels if isinstance(each, str | int | bool)})
    if len(classes) < 2:
        return {}
    having: dict[str, Counter[str]] = {name: Counter() for name in classes}
    sizes = Counter[str]()
    for label, row in zip(labels, divided(train), strict=True):
        if str(label) in having:
            having[str(label)].update(
                {piece.text if is_cjk(piece.text) else piece.text.lower() for piece in row.pieces}
            )
            sizes[str(label)] += 1
    everywhere = sum(having.values(), Counter[str]())
    found = {}
    for name in classes:
        rest = sum(sizes.values()) - sizes[name]

        def odds(word: str, name: str = name, rest: int = rest) -> float:
            own, other = having[name][word], everywhere[word] - having[name][word]
            return float(np.log((own + 0.5) / (sizes[name] - own + 0.5)) - np.log((other + 0.5) / (rest - other + 0.5)))

        known = [word for word, count in having[name].items() if count >= FEWEST and not word.isdigit()]
        found[name] = sorted(known, key=lambda word: (-odds(word), word))[:TELLING]
    return found


def counterfactuals(
    predictor: Predictor, subject: Subject, found: Sequence[Explanation], *, train: Dataset | None = None,
    synonyms: Synonyms | None = None, most: int = MOST, beam: int = BEAM,
) -> list[Counterfactual | None]:  # fmt: skip
    """For every explanation the smallest edit that turns its answer; `None` where none is found, or where the answer is
    a number or a text, which turn into nothing else."""
    reading = reading_of(predictor)
    result: list[Counterfactual | None] = [None] * len(found)
    if reading.turned is None:
        return result
    telling = telling_words(train) if train is not None else {}
    options = [_options(each, telling, synonyms) for each in found]
    beams: dict[int, list[_State]] = {at: [_State(tuple(each.divided.words))] for at, each in enumerate(found)}
    order: dict[int, list[int]] = {at: list(range(len(each.divided))) for at, each in enumerate(found)}
    for depth in range(most):
        chunks: list[list[tuple[int, _State]]] = [[]]
        for at, states in beams.items():
            asked = [(at, each) for each in _next(states, order[at], options[at])]
            if len(chunks[-1]) + len(asked) > reading.at_once:  # one call, but for a bound on memory
                chunks.append([])
            chunks[-1] += asked
        if not any(chunks):
            break
        for chunk in filter(None, chunks):
            _answer(predictor, subject, found, chunk, result, beams, order, beam, options, depth)
        beams = {at: states for at, states in beams.items() if result[at] is None and states}
    return result


def _options(each: Explanation, telling: Mapping[str, list[str]], synonyms: Synonyms | None) -> list[list[str]]:
    """For every word what may stand in its place."""
    others = [word for name, words in telling.items() if name != each.target.answer for word in words]
    chinese = is_cjk("".join(each.divided.texts))
    others = [word for word in others if is_cjk(word) == chinese]
    tokens = each.divided.roles[0][0] == "tokens"
    found = []
    for piece in each.divided.pieces:
        alike: Sequence[str] = ()
        if synonyms is not None and not tokens:
            text = each.divided.texts[piece.field]
            alike = next((p.others for p in synonyms.places(text) if (p.start, p.end) == (piece.start, piece.end)), ())
        new = ["", *others, *alike[:TELLING]]
        found.append([word for word in dict.fromkeys(new) if word != piece.text])
    return found


def _next(states: Sequence[_State], places: Sequence[int], options: Sequence[Sequence[str]]) -> list[_State]:
    """Every state with one more word changed, each once."""
    made: dict[tuple[str, ...], _State] = {}
    for state in states:
        for place in places:
            if place in state.changed:
                continue
            for word in options[place]:
                words = (*state.words[:place], word, *state.words[place + 1 :])
                made.setdefault(words, _State(words, state.changed | {place}))
    return list(made.values())


def _put_in(state: _State) -> int:
    """How many words stand in the place of others."""
    return sum(bool(state.words[place]) for place in state.changed)


def _answer(
    predictor: Predictor, subject: Subject, found: Sequence[Explanation], asked: Sequence[tuple[int, _State]],
    result: list[Counterfactual | None], beams: dict[int, list[_State]], order: dict[int, list[int]], beam: int,
    options: list[list[list[str]]], depth: int,
) -> None:  # fmt: skip
    """Ask all candidates; note those that turn their answer, and keep the nearest ones of the others."""
    reading = reading_of(predictor)
    assert reading.turned is not None
    rows = [found[at].row for at, _ in asked]
    texts = [found[at].divided.spelled(state.words) for at, state in asked]
    answers = predictor.predict(asked_again(reading, subject.data, rows, subject.divided, texts), reading.asks)
    start = 0
    while start < len(asked):
        at, end = asked[start][0], start
        while end < len(asked) and asked[end][0] == at:
            end += 1
        span, target = slice(start, end), found[at].target
        row_id = str(subject.data.row_ids[found[at].row])
        values = numbers_of(reading, answers.columns, span, [target], "log_odds", row_id)[:, 0]
        turned = reading.turned(answers.columns, span, target)
        states = [state for _, state in asked[span]]
        nearest = np.argsort(values, kind="stable")
        if turned.any():
            words = found[at].divided.words  # of edits of as many words those that only take out are plainest
            best = min(nearest[turned[nearest]].tolist(), key=lambda i: _put_in(states[i]))
            edits = tuple(Edit(i, words[i], states[best].words[i]) for i in sorted(states[best].changed))
            instead = reading.instead(predictor.task, answers.columns, start + best, target)
            result[at] = Counterfactual(edits, texts[start + best], instead)
        beams[at] = [states[i] for i in nearest[:beam].tolist()]
        if depth == 0:
            best_first: dict[int, list[str]] = {}
            for i in nearest.tolist():
                (place,) = states[i].changed
                best_first.setdefault(place, []).append(states[i].words[place])
            order[at] = list(best_first)[:DEEPER]
            for place, words in best_first.items():
                options[at][place] = words[:CHANGES]
        start = end
