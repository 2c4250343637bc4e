"""Texts as token ids: tokenised in one batch, packed flat, cut into windows where they are too long, and batched."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Input = tuple[str, ...]


class Words(tuple[str, ...]):
    """An input that is given as words; its tokens know which of them they belong to."""

    def shapes(self) -> list[int] | None:
        """A number for every word that the network is told beside it, above 0; `None` where it is told none."""
        return None


class ShapedWords(Words):
    """Words of which the network is also told how they are written: tokens carry the shape of their word."""

    def shapes(self) -> list[int]:
        return [shape(word, at) for at, word in enumerate(self)]


class MarkedText(Words):
    """A text in pieces with the marks of two parts of it; their tokens carry which part begins there (1 or 2)."""

    SUBJECT, OBJECT = "@", "#"

    @classmethod
    def of(cls, text: str, spans: Sequence[Sequence[int]]) -> MarkedText:
        """The text cut at its two spans (character offsets), each put between marks."""
        cuts = [(start, -side, cls.SUBJECT if side == 1 else cls.OBJECT) for side, (start, _) in enumerate(spans, 1)]
        ends = [(end, side - 3, cls.SUBJECT if side == 1 else cls.OBJECT) for side, (_, end) in enumerate(spans, 1)]
        pieces, at = [], 0
        for place, _, mark in sorted(cuts + ends):
            pieces += [text[at:place], mark]
            at = place
        return cls([*pieces, text[at:]])

    def shapes(self) -> list[int]:
        seen: list[str] = []
        marks = []
        for piece, is_mark in zip(self, [False, True] * 4 + [False], strict=True):
            opens = is_mark and piece not in seen
            marks.append((1 if piece == self.SUBJECT else 2) if opens else 3)
            seen += [piece] if is_mark else []
        return marks


class Passage(tuple[str, ...]):
    """A question and a passage to find the answer in: tokens of the passage know where they stand in it."""


class Choices(tuple[str, ...]):
    """A text and the choices that go with it: each is read together with the text, and all are one input."""


class Apart(tuple[str, ...]):
    """Two texts that are read apart from each other and are one input: a query and what it should find, a source and
    what is to be written for it."""


SHAPES = 10  # of words, 0 for tokens that belong to none
NO_WORD = -1  # the word of a token that belongs to none
PADDED_TO = 1  # rounding up to 8 cost 9 % on texts of 25 tokens, and gained nothing in the products
CHUNK = 4096


@dataclass(frozen=True, eq=False)
class Encoded:
    """Token sequences packed flat: sequence `i` is `ids[starts[i]:starts[i + 1]]`.

    `rows` int[m] says which input a sequence belongs to: one each, more where an input was cut into windows.
    `types` are segment ids where the tokenizer gives them. `cut` bool[n]: inputs of which a part was left out.
    `words`, where inputs are given as words, is the word of every token in its input, `NO_WORD` for special tokens; of
    a `Passage` it is int[tokens, 2], the first character of every token in the passage and the one behind its last.
    `shapes`, where they are asked for, is the shape of that word (`shape`). Of `Choices` and texts `Apart` the
    sequences of a row stand one after the other as one, and `parts` says which of them a token belongs to.
    """

    ids: NDArray[np.int32]
    types: NDArray[np.int8] | None
    starts: NDArray[np.int64]
    rows: NDArray[np.int64]
    cut: NDArray[np.bool_]
    words: NDArray[np.int32] | None = None
    shapes: NDArray[np.int8] | NDArray[np.int32] | None = None
    parts: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of every sequence, int[m]."""
        return np.diff(self.starts)


def encode(tokenizer: Any, inputs: Sequence[Input], limit: int, *, windows: bool) -> Encoded:
    """Token sequences of at most `limit` tokens; longer inputs become overlapping windows, or are cut at the end.

    Windows overlap by a quarter of the limit. Of a pair, the second text is cut into windows, and the first one is
    cut at half the limit where both would not fit.
    """
    if inputs and hasattr(inputs[0], "encoded"):  # an input of another module that knows how
        made: Encoded = inputs[0].encoded(tokenizer, inputs, limit)
        return made
    if inputs and isinstance(inputs[0], Choices):
        return _with_choices(tokenizer, inputs, limit)
    if inputs and isinstance(inputs[0], Apart):
        return _apart(tokenizer, inputs, limit)
    return _shaped(_encoded(tokenizer, inputs, limit, windows=windows), inputs)


def _with_choices(tokenizer: Any, inputs: Sequence[Input], limit: int) -> Encoded:
    """Every choice beside its text; what is too long loses its end, the longer of the two first."""
    pairs = [(text, choice) for text, *choices in inputs for choice in choices]
    return together(_encoded(tokenizer, pairs, limit, windows=False), [len(each) - 1 for each in inputs])


def _apart(tokenizer: Any, inputs: Sequence[Input], limit: int) -> Encoded:
    """Both texts of every input as sequences of their own; what is too long loses its end."""
    sides = [_encoded(tokenizer, [(each[side],) for each in inputs], limit, windows=False) for side in (0, 1)]
    both = _join(*sides)
    turn = np.arange(2 * len(inputs)).reshape(2, -1).T.ravel()  # first, second, first, second …
    flat = replace(taken(both, turn), cut=np.stack([side.cut for side in sides], axis=1).ravel())
    return together(flat, [2] * len(inputs))


def together(flat: Encoded, count: Sequence[int]) -> Encoded:
    """Sequences that follow each other as parts of one, so many each time."""
    first = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    part = np.concatenate([np.zeros(0, np.int32), *(np.arange(each, dtype=np.int32) for each in count)])
    return replace(
        flat,
        starts=flat.starts[first],
        rows=np.arange(len(count)),
        cut=np.array([flat.cut[a:b].any() for a, b in itertools.pairwise(first)], dtype=bool),
        parts=np.repeat(part, flat.lengths),
    )


def _encoded(tokenizer: Any, inputs: Sequence[Input], limit: int, *, windows: bool) -> Encoded:
    whole = pack(_tokenise(tokenizer, inputs), np.arange(len(inputs)), len(inputs))
    long = np.flatnonzero(whole.lengths > limit)
    if not len(long):
        return whole
    parts, cut = (_windows if windows else _cut)(tokenizer, inputs, long, limit)
    short = taken(whole, np.flatnonzero(whole.lengths <= limit))
    return _in_order(_join(short, replace(parts, cut=cut)))


def _tokenise(tokenizer: Any, inputs: Sequence[Input], **options: Any) -> dict[str, list[Any]]:
    """Columns of the tokenizer for all inputs, in chunks that keep the memory small."""
    settings = {"truncation": False, "padding": False, "return_attention_mask": False, **options}
    columns: dict[str, list[Any]] = {}
    divided = bool(inputs) and isinstance(inputs[0], Words)
    placed = bool(inputs) and isinstance(inputs[0], Passage)
    if placed:
        settings["return_offsets_mapping"] = True
    for at in range(0, len(inputs), CHUNK):
        chunk = inputs[at : at + CHUNK]
        texts = [[list(words) for words in chunk]] if divided else [list(c) for c in zip(*chunk, strict=True)]
        given = tokenizer(*texts, is_split_into_words=divided, **settings)
        if divided:
            each = [[NO_WORD if w is None else w for w in given.word_ids(i)] for i in range(len(given["input_ids"]))]
            columns.setdefault("words", []).extend(each)
        if placed:
            of = given.get("overflow_to_sample_mapping", range(len(chunk)))
            columns.setdefault("words", []).extend(_places(given, i, chunk[row][1]) for i, row in enumerate(of))
        for row in given.get("overflow_to_sample_mapping", ()):
            columns.setdefault("of", []).append(row + at)
        for name in ("input_ids", "token_type_ids"):
            columns.setdefault(name, []).extend(given.get(name, ()))
    return columns or {"input_ids": [], "token_type_ids": []}


def _places(given: Any, sequence: int, passage: str) -> NDArray[np.int32]:
    """Where every token stands in the second text, int[t, 2], without blanks before it; `NO_WORD` for tokens that are
    not of it."""
    places = np.array(given["offset_mapping"][sequence], dtype=np.int32).reshape(-1, 2)
    places[:, 0] += [len(passage[a:b]) - len(passage[a:b].lstrip()) for a, b in places.tolist()]
    second = np.array([of == 1 for of in given.sequence_ids(sequence)], dtype=bool)
    return np.where(second[:, None], places, np.int32(NO_WORD))


def pack(columns: dict[str, list[Any]], rows: NDArray[np.int64], inputs: int) -> Encoded:
    """Sequences of token ids (with segment ids and words, where there are some) of the given inputs, packed flat."""
    sequences = columns["input_ids"]
    starts = np.concatenate([[0], np.cumsum([len(each) for each in sequences])]).astype(np.int64)
    types = columns["token_type_ids"]
    flat_types = np.fromiter((t for each in types for t in each), np.int8) if types else None
    words = np.concatenate(columns["words"]).astype(np.int32) if "words" in columns else None
    ids = np.fromiter((token for each in sequences for token in each), np.int32, count=int(starts[-1]))
    return Encoded(ids, flat_types, starts, rows, np.zeros(inputs, dtype=bool), words)


def _shaped(encoded: Encoded, inputs: Sequence[Input]) -> Encoded:
    """With the shapes of the words, where the inputs ask for them."""
    if not inputs or not isinstance(inputs[0], Words) or inputs[0].shapes() is None or encoded.words is None:
        return encoded
    of_word = [words.shapes() or [] for words in inputs if isinstance(words, Words)]
    begins = np.cumsum([0, *map(len, of_word)])[np.repeat(encoded.rows, encoded.lengths)]
    flat = np.array([each for words in of_word for each in words], dtype=np.int8)
    shapes, known = np.zeros(len(encoded.ids), dtype=np.int8), encoded.words != NO_WORD
    shapes[known] = flat[(begins + encoded.words)[known]]
    return replace(encoded, shapes=shapes)


def shape(word: str, at: int) -> int:
    """How a word is written: 1 small letters, 2 Capital, 3 CAPITALS, 4 Capital at the beginning of a sentence, 5 miXed,
    6 digits, 7 d1gits and letters, 8 marks, 9 a script that has no capitals."""
    if any(character.isdigit() for character in word):
        return 6 if all(character.isdigit() or not character.isalnum() for character in word) else 7
    letters = [character for character in word if character.isalpha()]
    if not letters:
        return 8
    if not any(character.isupper() or character.islower() for character in letters):
        return 9
    upper = [character.isupper() for character in letters]
    if not any(upper):
        return 1
    if all(upper) and (at or len(letters) > 1):
        return 3
    return (2 if at else 4) if upper[0] and not any(upper[1:]) else 5


def _windows(
    tokenizer: Any, inputs: Sequence[Input], long: NDArray[np.int64], limit: int
) -> tuple[Encoded, NDArray[np.bool_]]:
    fitted, cut = _room_for_the_second(tokenizer, [inputs[i] for i in long], limit)
    which = "only_second" if len(fitted[0]) > 1 and not isinstance(fitted[0], Words) else "only_first"
    columns = _tokenise(
        tokenizer, fitted, truncation=which, max_length=limit, stride=limit // 4, return_overflowing_tokens=True
    )
    was_cut = np.zeros(len(inputs), dtype=bool)
    was_cut[long] = cut
    return pack(columns, long[np.array(columns["of"])], len(inputs)), was_cut


def _room_for_the_second(tokenizer: Any, inputs: list[Input], limit: int) -> tuple[list[Input], NDArray[np.bool_]]:
    """Pairs whose first text takes at most half the limit; single texts stay as they are."""
    if len(inputs[0]) == 1 or isinstance(inputs[0], Words):
        return inputs, np.zeros(len(inputs), dtype=bool)
    given = tokenizer([first for first, _ in inputs], add_special_tokens=False, return_offsets_mapping=True)
    fitted: list[Input] = []
    cut, kind = [], type(inputs[0])
    for (first, second), offsets in zip(inputs, given["offset_mapping"], strict=True):
        long = len(offsets) > limit // 2
        fitted.append(kind((first[: offsets[limit // 2 - 1][1]] if long else first, second)))
        cut.append(long)
    return fitted, np.array(cut, dtype=bool)


def _cut(
    tokenizer: Any, inputs: Sequence[Input], long: NDArray[np.int64], limit: int
) -> tuple[Encoded, NDArray[np.bool_]]:
    columns = _tokenise(tokenizer, [inputs[i] for i in long], truncation="longest_first", max_length=limit)
    was_cut = np.zeros(len(inputs), dtype=bool)
    was_cut[long] = True
    return pack(columns, long, len(inputs)), was_cut


def _positions(encoded: Encoded, which: NDArray[np.int64]) -> NDArray[np.int64]:
    lengths = encoded.lengths[which]
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.repeat(encoded.starts[which], lengths) + within


def taken(encoded: Encoded, which: NDArray[np.int64]) -> Encoded:
    """Some of the sequences, in that order."""
    at = _positions(encoded, which)
    starts = np.concatenate([[0], np.cumsum(encoded.lengths[which])]).astype(np.int64)
    columns: tuple[Any, ...] = (encoded.types, encoded.words, encoded.shapes, encoded.parts)
    types, words, shapes, parts = (None if each is None else each[at] for each in columns)
    return Encoded(encoded.ids[at], types, starts, encoded.rows[which], encoded.cut, words, shapes, parts)


def _join(first: Encoded, second: Encoded) -> Encoded:
    return Encoded(
        np.concatenate([first.ids, second.ids]),
        _both(first.types, second.types),
        np.concatenate([first.starts, first.starts[-1] + second.starts[1:]]),
        np.concatenate([first.rows, second.rows]),
        first.cut | second.cut,
        _both(first.words, second.words),
    )


def _both(first: NDArray[Any] | None, second: NDArray[Any] | None) -> NDArray[Any] | None:
    return None if first is None or second is None else np.concatenate([first, second])


def _in_order(encoded: Encoded) -> Encoded:
    return taken(encoded, np.argsort(encoded.rows, kind="stable"))


def collate(
    encoded: Encoded, which: NDArray[np.int64], pad: int, device: torch.device, *, multiple: int = 1
) -> dict[str, torch.Tensor]:
    """Model inputs of some sequences, padded on the right to the longest of them (rounded up to `multiple`): int[n, t];
    of choices int[n, c, t], where rows with fewer of them than others are filled up with empty ones."""
    if encoded.parts is not None:
        return _collate_choices(encoded, which, pad, device)
    lengths = encoded.lengths[which]
    width = -(-int(lengths.max()) // multiple) * multiple
    filled = np.arange(width)[None, :] < lengths[:, None]
    at = _positions(encoded, which)
    ids = np.full(filled.shape, pad, dtype=np.int64)
    ids[filled] = encoded.ids[at]
    batch = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(filled.astype(np.int64))}
    if encoded.types is not None:
        types = np.zeros(filled.shape, dtype=np.int64)
        types[filled] = encoded.types[at]
        batch["token_type_ids"] = torch.from_numpy(types)
    if encoded.shapes is not None:
        shapes = np.zeros(filled.shape, dtype=np.int64)
        shapes[filled] = encoded.shapes[at]
        batch["shapes"] = torch.from_numpy(shapes)
    return batch if device.type == "cpu" else {name: tensor.to(device) for name, tensor in batch.items()}


def _collate_choices(
    encoded: Encoded, which: NDArray[np.int64], pad: int, device: torch.device
) -> dict[str, torch.Tensor]:
    assert encoded.parts is not None
    at = _positions(encoded, which)
    part = encoded.parts[at]
    row = np.repeat(np.arange(len(which)), encoded.lengths[which])
    begins = np.flatnonzero(np.diff(part + row * (int(part.max()) + 1), prepend=-1))
    place = np.arange(len(at)) - np.repeat(begins, np.diff(np.append(begins, len(at))))
    shape = (len(which), int(part.max()) + 1, int(place.max()) + 1)
    columns: dict[str, tuple[NDArray[Any], int]] = {"input_ids": (encoded.ids[at], pad)}
    columns["attention_mask"] = (np.ones(len(at), dtype=np.int64), 0)
    if encoded.types is not None:
        columns["token_type_ids"] = (encoded.types[at], 0)
    if encoded.shapes is not None:
        columns["shapes"] = (encoded.shapes[at], 0)
    batch = {}
    for name, (values, filler) in columns.items():
        filled = np.full(shape, filler, dtype=np.int64)
        filled[row, part, place] = values
        batch[name] = torch.from_numpy(filled).to(device)
    return batch


def words_of(
    encoded: Encoded, which: NDArray[np.int64], device: torch.device, *, multiple: int = 1
) -> torch.Tensor | None:
    """The word of every token of some sequences, int[n, t] padded like `collate`, of passages the places int[n, t, 2];
    `None` where words are not known."""
    if encoded.words is None:
        return None
    lengths = encoded.lengths[which]
    width = -(-int(lengths.max()) // multiple) * multiple
    filled = np.arange(width)[None, :] < lengths[:, None]
    words = np.full((*filled.shape, *encoded.words.shape[1:]), NO_WORD, dtype=np.int64)
    words[filled] = encoded.words[_positions(encoded, which)]
    return torch.from_numpy(words).to(device)


def by_length(lengths: NDArray[np.int64], budget: int) -> Iterator[NDArray[np.int64]]:
    """Positions in batches of at most `budget` tokens with their padding, the longest sequences first.

    Longest first, so that a batch too large for the memory fails at once and not at the end.
    """
    order = np.argsort(-lengths, kind="stable")
    at = 0
    while at < len(order):
        rows = max(1, budget // max(1, int(lengths[order[at]])))
        yield order[at : at + rows]
        at += rows


def grouped(
    lengths: NDArray[np.int64], rows: int, rng: np.random.Generator, *, chunk: int = 50
) -> list[NDArray[np.int64]]:
    """Positions in shuffled batches of `rows` sequences of like length, other batches in every epoch.

    Rows are shuffled, sorted by length inside chunks of `chunk` batches, cut into batches, and the batches shuffled:
    little padding, and which rows meet stays random.
    """
    order = rng.permutation(len(lengths))
    size = rows * chunk
    batches: list[NDArray[np.int64]] = []
    for at in range(0, len(order), size):
        part = order[at : at + size]
        part = part[np.argsort(lengths[part], kind="stable")]
        batches.extend(part[i : i + rows] for i in range(0, len(part), rows))
    return [batches[i] for i in rng.permutation(len(batches))]


def longest(tokenizer: Any, net: Any) -> int:
    """The number of tokens a model takes: what its positions and its tokenizer allow."""
    limits = [int(tokenizer.model_max_length), *_position_limits(net)]
    limits.append(int(getattr(net.config, "max_position_embeddings", None) or limits[0]))
    return min(limits)


def _position_limits(net: Any) -> Iterator[int]:
    """Rows of learned position tables; those with a padding index count positions from behind it (RoBERTa)."""
    is_table: Callable[[str], bool] = lambda name: name.rpartition(".")[2] in ("position_embeddings", "wpe")  # noqa: E731
    for name, module in net.named_modules():
        if is_table(name) and isinstance(module, torch.nn.Embedding):
            yield module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
