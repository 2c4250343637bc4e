"""Explanations in words: one sentence that anybody understands, the text with its weights, and how far to trust it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duiqi.show.sentences import Sentences, is_number, tight

Json = Mapping[str, Any]
LEVELS = 3
NAMED = 3  # words in a sentence
ENOUGH = 0.5  # share of all that speaks for an answer that the named words make up
LISTED = 8  # words in a table
ANSWER = 80  # characters of an answer that are shown


@dataclass(frozen=True)
class Line:
    """The text by one method: pieces with a level (p1 to p3 speak for the answer, n1 to n3 against), and how far the
    weights may be trusted."""

    method: str
    pieces: tuple[tuple[str, str], ...]
    trust: str


@dataclass(frozen=True)
class Told:
    """One explanation as people read it. `edit` is the text that turns the answer, with what is new in it marked;
    `table` has the words that weigh most, with their weight by every method."""

    sentence: str
    lines: tuple[Line, ...]
    edit: tuple[tuple[str, bool], ...]
    table: tuple[tuple[str, ...], ...]
    examples_said: str
    examples: tuple[tuple[str, str, str], ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods, as the columns of the table are called."""
        return tuple(line.method for line in self.lines)


def told(explanation: Json, words: Sentences) -> Told:
    """An explanation of a report in words."""
    methods = [each for each in explanation.get("methods") or [] if isinstance(each, Mapping)]
    return Told(
        sentence=_sentence(explanation, words),
        lines=tuple(
            Line(
                words.title(words.name("method", each.get("method"))),
                _pieces(explanation, each.get("weights") or []),
                _trust(each, words),
            )
            for each in methods
        ),
        edit=_edited(explanation, words),
        table=_table(explanation, methods, words),
        examples_said=_examples_said(explanation, words),
        examples=tuple(
            (str(each.get("text")), str(each.get("label")), words.decimal(float(each.get("similarity") or 0)))
            for each in explanation.get("examples") or []
        ),
    )


def levels(weights: Sequence[Any]) -> list[str]:
    """A class for every weight by its share of the largest: "p1" to "p3", "n1" to "n3", "" for little."""
    numbers = [float(each) if is_number(each) else 0.0 for each in weights]
    top = max(map(abs, numbers), default=0.0) or 1.0
    steps = [round(LEVELS * each / top) for each in numbers]
    return ["" if step == 0 else f"{'p' if step > 0 else 'n'}{abs(step)}" for step in steps]


def _pieces(explanation: Json, weights: Sequence[Any]) -> tuple[tuple[str, str], ...]:
    level = levels(weights)
    return tuple(
        (str(text), "" if number is None or number >= len(level) else level[number])
        for text, number in explanation.get("segments") or []
    )


# The sentence


def _sentence(explanation: Json, words: Sentences) -> str:
    parts = {"said": _said(explanation, words), "why": _why(explanation, words), "edit": _edit(explanation, words)}
    return words.title(tight(words.say("explain.edit" if parts["edit"] else "explain.plain", **parts)))


def _said(explanation: Json, words: Sentences) -> str:
    about, answer = str(explanation.get("about") or ""), _short(str(explanation.get("answer") or ""))
    sure, inside = explanation.get("confidence"), [str(each) for each in explanation.get("words_of_answer") or []]
    share = words.share(float(sure)) if is_number(sure) else None
    key, value = _kind(explanation), explanation.get("value")
    if key == "class" and about != explanation.get("answer"):
        key = "asked"
    if key == "answer" and not answer:
        key = "no_answer"
    return words.say_first(
        [f"explain.said.{key}", f"explain.said.{key}_bare"],
        about=words.quote(about), answer=words.quote(answer) if key != "score" else answer, share=share,
        words=words.quote(_joined(inside)), value=words.decimal(float(value)) if is_number(value) else None,
    )  # fmt: skip


def _kind(explanation: Json) -> str:
    """What kind of answer it is; reports of earlier versions do not say so."""
    return str(explanation.get("kind") or ("class" if explanation.get("about") else "text"))


def _joined(inside: Sequence[str]) -> str:
    return tight(" ".join(inside))


def _short(text: str) -> str:
    return text if len(text) <= ANSWER else f"{text[:ANSWER]} …"


def _why(explanation: Json, words: Sentences) -> str:
    score = _kind(explanation) == "score"
    named = _weightiest(explanation, both=score)
    if not named:
        return words.say("explain.why.none")
    many = "one" if len(named) == 1 else "many"
    key = f"explain.why.{'moved' if score else 'because'}_{many}"
    return words.say(key, words=words.listing([words.quote(_short(each)) for each in named]))


def _weightiest(explanation: Json, *, both: bool) -> list[str]:
    """The few words that make up half of what speaks for the answer (of a score, of what moves it), each once."""
    methods = explanation.get("methods") or []
    weights = list(methods[0].get("weights") or []) if methods else []
    sums: dict[str, float] = {}
    for word, weight in zip(explanation.get("words") or [], weights, strict=False):
        sums[str(word)] = sums.get(str(word), 0.0) + (float(weight) if is_number(weight) else 0.0)
    size = {word: abs(each) if both else each for word, each in sums.items()}
    speaking = sorted((word for word in size if size[word] > 0), key=lambda word: -size[word])
    total, named, so_far = sum(size[word] for word in speaking), list[str](), 0.0
    for word in speaking[:NAMED]:
        named.append(word)
        so_far += size[word]
        if so_far >= ENOUGH * total:
            break
    return named


def _edit(explanation: Json, words: Sentences) -> str:
    found = explanation.get("counterfactual")
    if not isinstance(found, Mapping):
        return ""
    gone = [words.quote(_short(each["old"])) for each in found.get("edits") or [] if not each.get("new")]
    new = [each for each in found.get("edits") or [] if each.get("new")]
    said = [words.say("explain.without", words=words.listing(gone))] if gone else []
    said += [words.say("explain.instead", old=words.quote(e["old"]), new=words.quote(e["new"])) for e in new]
    instead = _short(str(found.get("instead") or ""))
    key = "would_put" if _kind(explanation) == "document" else "would_say"
    key = key if instead and not explanation.get("words_of_answer") else "no_more"
    return words.say(f"explain.{key}", edits=words.listing(said), instead=words.quote(instead))


def _edited(explanation: Json, words: Sentences) -> tuple[tuple[str, bool], ...]:
    """The row with the edits made: what stands in the place of words is marked, what is gone is gone."""
    found = explanation.get("counterfactual")
    if not isinstance(found, Mapping):
        return ()
    new = {each.get("word"): str(each.get("new") or "") for each in found.get("edits") or []}
    return tuple(
        (new.get(number, str(text)) if number is not None else str(text), number is not None and bool(new.get(number)))
        for text, number in explanation.get("segments") or []
    )


# How far to trust it, and the numbers


def _trust(method: Json, words: Sentences) -> str:
    errors = method.get("errors") or {}
    shares = {
        key: words.share(float(errors[key])) if is_number(errors.get(key)) else None
        for key in ("additivity_gap", "r_squared", "completeness_error")
    }
    steps = errors.get("steps")
    return words.say_first(
        [f"explain.trust.{method.get('method')}"], **shares, steps=int(steps) if is_number(steps) else None
    )


def _table(explanation: Json, methods: Sequence[Json], words: Sentences) -> tuple[tuple[str, ...], ...]:
    columns = [list(each.get("weights") or []) for each in methods]
    listed = [str(each) for each in explanation.get("words") or []]
    if not columns or not listed:
        return ()
    first = columns[0]
    order = sorted(range(min(len(listed), len(first))), key=lambda at: -abs(float(first[at])))[:LISTED]
    return tuple(
        (_short(listed[at]), *(words.decimal(float(column[at]), signed=True) for column in columns if at < len(column)))
        for at in order
    )


def _examples_said(explanation: Json, words: Sentences) -> str:
    examples = explanation.get("examples") or []
    if not examples:
        return ""
    agree = explanation.get("examples_agree")
    if not is_number(agree):
        return words.say("explain.examples", n=len(examples))
    same = round(float(agree) * len(examples))
    return words.say("explain.examples_agree", same=same, n=len(examples))
