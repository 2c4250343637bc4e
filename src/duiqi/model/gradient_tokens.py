"""Token sequences of what gradients explain, as prediction reads it, and the word that every token is of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.data.divided import Divided
from duiqi.data.explaining import Explanation
from duiqi.model.tokens import NO_WORD, MarkedText, Passage, ShapedWords, encode
from duiqi.model.written import Prompted

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Line:
    """One sequence: token ids, the word of every token int[t] (`NO_WORD` where it has none), and what the head is told
    beside them: segment ids, `shapes` int[t], which text of the row it is of (`side`), and for passages where every
    token stands int[t, 2]."""

    ids: list[int]
    words: Ints
    types: list[int] | None = None
    shapes: Ints | None = None
    side: int = 0
    places: Ints | None = None


def _windows(model: Any) -> dict[str, Any]:
    limit = model.max_tokens
    return {"max_length": limit, "stride": limit // 4, "return_overflowing_tokens": True}


def _lines(given: Any, words: list[Ints], **beside: Any) -> list[Line]:
    """The sequences of a tokenizer's answer; what is given beside has one entry for each."""
    types = given.get("token_type_ids")
    return [
        Line(ids, words[i], None if types is None else types[i], **{name: each[i] for name, each in beside.items()})
        for i, ids in enumerate(given["input_ids"])
    ]


def _at(cut: Divided, field: int) -> dict[int, int]:
    """The word that every character of a text is of."""
    return {
        at: number
        for number, piece in enumerate(cut.pieces)
        if piece.field == field
        for at in range(piece.start, piece.end)
    }


def _of_token(at: Mapping[int, int], start: int, end: int) -> int:
    return next((at[i] for i in range(start, end) if i in at), NO_WORD)


def _by_place(given: Any, sequence: int, at: Mapping[int, Mapping[int, int]]) -> Ints:
    """The word of every token, by where it stands in the first or second text that the tokenizer was given."""
    sides, offsets = given.sequence_ids(sequence), given["offset_mapping"][sequence]
    return np.array(
        [NO_WORD if side is None else _of_token(at[side], *place) for side, place in zip(sides, offsets, strict=True)],
        dtype=np.int64,
    )


def _texts(model: Any, each: Explanation) -> list[Line]:
    """A text, or two that are read together, in windows that overlap by a quarter."""
    texts = list(each.divided.texts)
    if len(texts) > 1:
        texts[0] = _with_room(model, *texts)
    which = "only_second" if len(texts) > 1 else "only_first"
    given = model.tokenizer(*texts, truncation=which, return_offsets_mapping=True, **_windows(model))
    at = {field: _at(each.divided, field) for field in range(len(texts))}
    return _lines(given, [_by_place(given, i, at) for i in range(len(given["input_ids"]))])


def _with_room(model: Any, first: str, second: str) -> str:
    """The first text as prediction makes room for the second."""
    tokenizer, limit = model.tokenizer, model.max_tokens
    own = tokenizer(first, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    whole = len(tokenizer(first, second)["input_ids"])
    return first[: own[limit // 2 - 1][1]] if whole > limit and len(own) > limit // 2 else first


def _words(model: Any, each: Explanation) -> list[Line]:
    """Given words, with how they are written where the head asks for that."""
    given = model.tokenizer(list(each.divided.texts), is_split_into_words=True, truncation="only_first",
                            **_windows(model))  # fmt: skip
    found = [given.word_ids(i) for i in range(len(given["input_ids"]))]
    words = [np.array([NO_WORD if w is None else w for w in row], dtype=np.int64) for row in found]
    return _lines(given, words, shapes=[_shapes(row, ShapedWords(each.divided.texts).shapes()) for row in words])


def _shapes(words: Ints, of_words: list[int]) -> Ints:
    return np.where(words == NO_WORD, 0, np.array([*of_words, 0], dtype=np.int64)[words])


def _marked(model: Any, each: Explanation) -> list[Line]:
    """A text with marks around two parts of it."""
    starts = np.cumsum([0, *map(len, each.divided.texts)]).tolist()
    spans = [
        [starts[own[0]], starts[own[-1] + 1]]
        for side in (1, 2)
        for own in [[field for field, (_, of) in enumerate(each.divided.roles) if of & side]]
    ]
    at = {start + i: word for field, start in enumerate(starts[:-1]) for i, word in _at(each.divided, field).items()}
    pieces = MarkedText.of("".join(each.divided.texts), spans)
    begins = np.cumsum([0, *(0 if place % 2 else len(piece) for place, piece in enumerate(pieces))]).tolist()
    given = model.tokenizer(list(pieces), is_split_into_words=True, truncation="only_first",
                            return_offsets_mapping=True, **_windows(model))  # fmt: skip
    words, shapes = [], []
    for sequence in range(len(given["input_ids"])):
        of = [NO_WORD if piece is None else piece for piece in given.word_ids(sequence)]
        words.append(
            np.array(
                [
                    NO_WORD if piece == NO_WORD or piece % 2 else _of_token(at, begins[piece] + a, begins[piece] + b)
                    for piece, (a, b) in zip(of, given["offset_mapping"][sequence], strict=True)
                ],
                dtype=np.int64,
            )
        )
        shapes.append(_shapes(np.array(of, dtype=np.int64), pieces.shapes()))
    return _lines(given, words, shapes=shapes)


def _passage(model: Any, each: Explanation) -> list[Line]:
    """A question and the windows of its passage, with the places of their tokens in it."""
    question, passage = each.divided.texts
    lines = _texts(model, each)
    encoded = encode(model.tokenizer, [Passage((question, passage))], model.max_tokens, windows=True)
    assert encoded.words is not None
    places = np.split(encoded.words.astype(np.int64), encoded.starts[1:-1])
    return [Line(line.ids, line.words, line.types, places=at) for line, at in zip(lines, places, strict=True)]


def _apart(model: Any, each: Explanation) -> list[Line]:
    """A query and a document that are read apart: sides 0 and 1, and as 2 and 3 the same with no word to be moved."""
    lines = list(_sides(model, each))
    return lines + [replace(line, words=np.full_like(line.words, NO_WORD), side=line.side + 2) for line in lines]


def _sides(model: Any, each: Explanation) -> Iterator[Line]:
    for side, text in enumerate(each.divided.texts):
        given = model.tokenizer(text, truncation="only_first", return_offsets_mapping=True, **_windows(model))
        words = [_by_place(given, i, {0: _at(each.divided, side)}) for i in range(len(given["input_ids"]))]
        yield from _lines(given, words, side=[side] * len(words))


def _choices(model: Any, each: Explanation) -> list[Line]:
    """Every choice together with the text; what is too long loses its end."""
    cut, lines = each.divided, []
    fields = {role: field for field, (role, _) in enumerate(cut.roles) if role != "choices"}
    pair = cut.texts[fields["text_pair"]] if "text_pair" in fields else ""
    whole = f"{pair} {cut.texts[fields['text']]}"
    left = len(whole) - len(whole.lstrip())
    before = {at + len(pair) + 1 - left: word for at, word in _at(cut, fields["text"]).items()}
    if "text_pair" in fields:
        before |= {at - left: word for at, word in _at(cut, fields["text_pair"]).items()}
    for field, (role, place) in enumerate(cut.roles):
        if role == "choices":
            given = model.tokenizer([whole.strip()], [cut.texts[field]], truncation="longest_first",
                                    max_length=model.max_tokens, return_offsets_mapping=True)  # fmt: skip
            lines += _lines(given, [_by_place(given, 0, {0: before, 1: _at(cut, field)})], side=[place])
    return lines


def _prompt(model: Any, each: Explanation) -> list[Line]:
    """What was said before, a text and what the model wrote for them; the words of the first two."""
    cut, tokenizer = each.divided, model.tokenizer
    fields = {role: field for field, (role, _) in enumerate(cut.roles)}
    earlier = cut.texts[fields["text_pair"]] if "text_pair" in fields else ""
    text = cut.texts[fields["text"]]
    made = Prompted.of((earlier, text, each.target.answer), model.head.room)
    encoded = encode(tokenizer, [made], model.max_tokens, windows=False)
    assert encoded.shapes is not None
    start = len(earlier) + 1 if earlier else 0
    at = {start + i: word for i, word in _at(cut, fields["text"]).items()}
    if earlier:
        at |= _at(cut, fields["text_pair"])
    given = tokenizer("\n".join(filter(None, (earlier, text))) + "\n", return_offsets_mapping=True)
    prompt = [_of_token(at, *place) for place in given["offset_mapping"]]
    ids = given["input_ids"]
    if ids and ids[-1] in (tokenizer.eos_token_id, tokenizer.sep_token_id):
        prompt = prompt[:-1]
    kept = int((encoded.shapes == 0).sum())
    if kept < len(prompt):  # of a long prompt the beginning is cut off, but for a mark of the beginning
        first = prompt[:1] if ids[0] == tokenizer.bos_token_id else []
        prompt = first + prompt[len(prompt) - kept + len(first) :]
    words = np.full(len(encoded.ids), NO_WORD, dtype=np.int64)
    words[: len(prompt)] = prompt
    return [Line(encoded.ids.tolist(), words, shapes=encoded.shapes.astype(np.int64))]


LINES: Mapping[str, Callable[[Any, Explanation], list[Line]]] = {
    "sequence_classification": _texts,
    "multilabel_classification": _texts,
    "regression": _texts,
    "token_classification": _words,
    "crf": _words,
    "bilstm_crf": _words,
    "marked_classification": _marked,
    "multiple_choice": _choices,
    "question_answering": _passage,
    "embedding": _apart,
    "language_model": _prompt,
}
