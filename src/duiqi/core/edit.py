"""`Change`: one replacement in a text. Applying changes moves spans, tokens and tags along with the text.

Offsets count characters (code points) of the original text, the end excluded. `start == end` inserts, an empty `new`
deletes. An edit is a part that proposes changes; `edit_dataset` carries them out on every row of a data set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from duiqi.core.answers import are_answers
from duiqi.core.dataset import Dataset
from duiqi.core.errors import OptionError, PartError
from duiqi.core.part import Part
from duiqi.core.seed import generator
from duiqi.core.texts import SPEAKER

T = TypeVar("T")

_GAP = -1  # owner of a character that separates tokens
_NEW = -2  # owner of a character that belongs to no original token


@dataclass(frozen=True)
class Change:
    """Replace the characters `start` to `end` (excluded) of a text by `new`."""

    start: int
    end: int
    new: str

    @property
    def growth(self) -> int:
        """By how many characters the text gets longer; negative where it shrinks."""
        return len(self.new) - (self.end - self.start)


@dataclass(frozen=True)
class Edited:
    """A text after its changes, and those changes: sorted, none overlapping another."""

    text: str
    changes: tuple[Change, ...] = ()

    def move_span(self, start: int, end: int) -> tuple[int, int] | None:
        """Where the span now lies; `None` where it was destroyed.

        A change inside the span goes with it, an insertion at one of its ends stays outside. A span is destroyed when
        a change reaches over one of its ends, or when nothing of it is left. An empty span stays empty.
        """
        before = inside = 0
        for change in self.changes:
            if change.end <= start:
                before += change.growth
            elif change.start >= end:
                break
            elif start <= change.start and change.end <= end:
                inside += change.growth
            else:
                return None
        moved = (start + before, end + before + inside)
        return None if start < end and moved[0] == moved[1] else moved


def apply(text: str, changes: Iterable[Change]) -> Edited:
    """The text with the changes made; `PartError` where two overlap or one lies outside the text.

    >>> apply("a kettle", [Change(2, 3, "K")]).text
    'a Kettle'
    """
    ordered = _ordered(text, changes)
    pieces, at = [], 0
    for change in ordered:
        pieces += [text[at : change.start], change.new]
        at = change.end
    return Edited("".join([*pieces, text[at:]]), ordered)


def apply_tokens(
    tokens: Sequence[str], tags: Sequence[Any], changes: Iterable[Change], *, outside: Any = "O"
) -> tuple[list[str], list[Any]]:
    """Tokens and tags after changes whose offsets count in `" ".join(tokens)`.

    New whitespace splits a token: its first piece keeps the tag, the others continue it (`B-x` becomes `I-x`).
    A deleted space joins two tokens, and the first one's tag stays. A token of which nothing is left goes with its
    tag. A word that touches no original token is tagged `outside`.
    """
    if len(tokens) != len(tags):
        raise PartError(
            f"expected one tag per token, given {len(tags)} tags for {len(tokens)} tokens",
            hint="Token rows need a list of tags as long as the list of tokens.",
        )
    words: list[tuple[str, int]] = []
    open_word = False
    for character, owner in _owned(tokens, changes):
        if owner == _GAP:
            open_word = False
        elif open_word:
            word, first = words[-1]
            words[-1] = (word + character, owner if first == _NEW else first)
        else:
            words.append((character, owner))
            open_word = True
    moved, last = [], _NEW
    for _, owner in words:
        moved.append(outside if owner == _NEW else _continued(tags[owner]) if owner == last else tags[owner])
        last = owner
    return [word for word, _ in words], moved


def some(places: Sequence[T], rng: np.random.Generator, rate: float, *, of: int | None = None) -> list[T]:
    """`rate` of the places, drawn at random, in their order; at least one where there is any and `rate` is above 0.

    `of` is the number of things that `rate` is a share of, where these are more than the places: all words, say.
    """
    count = max(1, round(rate * (len(places) if of is None else of))) if rate > 0 else 0
    return [places[at] for at in sorted(rng.permutation(len(places))[:count])]


def edit_dataset(data: Dataset, part: Part, *, seed: int, strength: float = 1.0, **options: Any) -> Dataset:
    """The same rows with the texts edited by `part` in one batched call; ids, labels and draw keys stay.

    Every row has a generator of its own, derived from the seed, the part's name and the row's id: what happens to a
    row does not depend on the others or on their order. `strength`, 0 to 1, is the share of the proposed changes that
    are made; those of a lower strength are among those of a higher one. Both texts of a pair are edited. Rows of tokens
    keep their tags aligned, spans and answers move along; a row of which an edit would destroy one stays as it was.
    An edit that does not preserve "spans" leaves alone what is tagged, marked or the answer.
    """
    if not 0 <= strength <= 1:
        raise OptionError(f"expected a strength from 0 to 1, given {strength}", hint="1 makes all proposed changes.")

    def proposed(texts: Sequence[str], *name: str) -> list[list[Change]]:
        rngs = [generator(seed, part.name, row, *name) for row in data.row_ids]
        found = part(texts, rngs, **options)
        if len(found) != len(data):
            raise PartError(
                f"expected one list of changes for each of {len(data)} texts, given {len(found)} by '{part.name}'",
                hint="An edit returns an empty list for a text that it leaves alone.",
            )
        made = [_thinned(each, rng, strength) for each, rng in zip(found, rngs, strict=True)]
        if "spans" in part.preserves:
            return made
        marked = marked_spans(data, second=bool(name))
        return [_elsewhere(each, spans) for each, spans in zip(made, marked, strict=True)]

    return data.paired(with_changes(data, proposed))


def keeping(what: str, parts: Iterable[Part]) -> list[Part]:
    """These edits; `OptionError` where one of them does not preserve `what` ("label", say)."""
    found = list(parts)
    for part in found:
        if what not in part.preserves:
            raise OptionError(
                f"expected edits that preserve the {what}, given '{part.name}', which does not",
                hint=f"duiqi parts {part.name} says what it does.",
            )
    return found


def with_changes(data: Dataset, propose: Callable[..., Sequence[Sequence[Change]]]) -> Dataset:
    """The rows with the changes that `propose(texts)` proposes for their texts, and `propose(seconds, "text_pair")` for
    second texts. Tags, spans and answers move along; a row of which a span or answer would be destroyed stays as it
    was."""
    changes = propose(data.texts)
    if data.schema.tokens is not None:
        return _edited_tokens(data, changes)
    made = [apply(text, each) for text, each in zip(data.texts, changes, strict=True)]
    edited = data.with_column("text", [each.text for each in made])
    if data.schema.text_pair is not None:
        seconds = data.second_texts
        kept = map(outside_marks, seconds, propose(seconds, "text_pair"))
        others = [apply(*each) for each in zip(seconds, kept, strict=True)]
        edited = edited.with_column("text_pair", [each.text for each in others])
        if data.has("label") and are_answers(data.values("label")):
            edited = _with_moved_answers(data, edited, others)
    return _with_moved_spans(data, edited, made) if data.schema.spans is not None else edited


def marked_spans(data: Dataset, *, second: bool = False) -> list[list[tuple[int, int]]]:
    """Spans of every text, or second text, that stand for something: those of its schema, answers that stand in it, and
    tokens with a tag, their edges included.

    A word put against a tagged token would get its tag: so a token's span reaches over the blanks beside it.
    """
    if second:
        return _answers(data)
    if data.schema.spans is not None:
        return [[(start, end) for start, end in row] for row in data.values("spans")]
    if data.schema.tokens is None or not data.has("label"):
        return [[] for _ in range(len(data))]
    return [_tagged(*row) for row in zip(data.values("tokens"), data.values("label"), strict=True)]


def _tagged(tokens: Sequence[str], tags: Any) -> list[tuple[int, int]]:
    if not isinstance(tags, list) or len(tags) != len(tokens):
        return []
    found, at = [], 0
    for token, tag in zip(tokens, tags, strict=True):
        if tag != "O":
            found.append((at - 1, at + len(token) + 1))
        at += len(token) + 1
    return found


def _answers(data: Dataset) -> list[list[tuple[int, int]]]:
    if not data.has("label") or not are_answers(data.values("label")):
        return [[] for _ in range(len(data))]
    return [[(each["start"], each["start"] + len(each["text"])) for each in row] for row in data.values("label")]


def _elsewhere(changes: Sequence[Change], spans: Sequence[tuple[int, int]]) -> list[Change]:
    return [
        change for change in changes if not any(change.start < end and change.end > start for start, end in spans)
    ]  # fmt: skip


def _ordered(text: str, changes: Iterable[Change]) -> tuple[Change, ...]:
    ordered = tuple(sorted(changes, key=lambda change: (change.start, change.end)))
    at = 0
    for change in ordered:
        if not at <= change.start <= change.end <= len(text):
            raise PartError(
                f"expected changes inside {len(text)} characters, each starting where the last one ended or later, "
                f"given {change} after character {at}",
                hint="Let the edit propose one change per place, with offsets into the original text.",
            )
        at = change.end
    return ordered


def _thinned(changes: Sequence[Change], rng: np.random.Generator, strength: float) -> list[Change]:
    lots = rng.random(len(changes))
    return [change for change, lot in zip(changes, lots, strict=True) if lot < strength]


def _owned(tokens: Sequence[str], changes: Iterable[Change]) -> list[tuple[str, int]]:
    """Every character of the edited text with the index of the token it belongs to."""
    text = " ".join(tokens)
    owners = [_GAP] * len(text)
    at = 0
    for index, token in enumerate(tokens):
        owners[at : at + len(token)] = [index] * len(token)
        at += len(token) + 1
    owned: list[tuple[str, int]] = []
    at = 0
    for change in _ordered(text, changes):
        owned += zip(text[at : change.start], owners[at : change.start], strict=True)
        heir = _heir(owners, change)
        owned += [(character, _GAP if character.isspace() else heir) for character in change.new]
        at = change.end
    return [*owned, *zip(text[at:], owners[at:], strict=True)]


def _heir(owners: Sequence[int], change: Change) -> int:
    """The token new characters go to: the one they replace, else the one on their left, else on their right."""
    replaced = owners[change.start : change.end]
    beside = owners[max(change.start - 1, 0) : change.start], owners[change.end : change.end + 1]
    return next((owner for owner in [*replaced, *beside[0], *beside[1]] if owner != _GAP), _NEW)


def _continued(tag: Any) -> Any:
    return f"I-{tag[2:]}" if isinstance(tag, str) and tag.startswith(("B-", "S-", "U-")) else tag


def _with_moved_spans(data: Dataset, edited: Dataset, made: Sequence[Edited]) -> Dataset:
    spans, texts = [], []
    for text, row, each in zip(data.texts, data.values("spans"), made, strict=True):
        moved = [each.move_span(*span) for span in row]
        whole = None not in moved
        spans.append([list(span) for span in moved if span is not None] if whole else row)
        texts.append(each.text if whole else text)
    return edited.with_column("text", texts).with_column("spans", spans)


def outside_marks(text: str, changes: Sequence[Change]) -> list[Change]:
    """Of the changes of a conversation those that leave its lines and the marks of who speaks as they are."""
    marks = [mark.span() for mark in SPEAKER.finditer(text)]
    if not marks:
        return list(changes)
    return [
        change for change in changes
        if "\n" not in change.new + text[change.start : change.end]
        and not any(change.start < end and change.end >= start for start, end in marks)
    ]  # fmt: skip


def _with_moved_answers(data: Dataset, edited: Dataset, made: Sequence[Edited]) -> Dataset:
    """Answers as they stand in the edited passages; a row of which one would be destroyed keeps its passage."""
    passages, labels = [], []
    for passage, row, each in zip(data.values("text_pair"), data.values("label"), made, strict=True):
        spans = [each.move_span(answer["start"], answer["start"] + len(answer["text"])) for answer in row]
        whole = None not in spans
        passages.append(each.text if whole else passage)
        labels.append([{"text": each.text[a:b], "start": a} for a, b in filter(None, spans)] if whole else row)
    return edited.with_column("text_pair", passages).with_column("label", labels)


def _edited_tokens(data: Dataset, changes: Sequence[Sequence[Change]]) -> Dataset:
    rows = data.values("tokens")
    tagged = data.has("label") and all(
        isinstance(tags, list) and len(tags) == len(tokens)
        for tags, tokens in zip(data.values("label"), rows, strict=True)
    )
    labels = data.values("label") if tagged else rows
    moved = [apply_tokens(*row) for row in zip(rows, labels, changes, strict=True)]
    tokens = [words for words, _ in moved]
    edited = data.with_column("tokens", tokens)
    if tagged:
        edited = edited.with_column("label", [tags for _, tags in moved])
    if data.schema.text is not None:
        edited = edited.with_column("text", [" ".join(words) for words in tokens])
    return edited
