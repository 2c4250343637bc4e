"""Words for hidden places of a text, as a masked language model sees them: whole words, all their pieces at once.

A place is read twice: hidden, which says what fits there, and as it stands, which says what is like the word that is
there. A word of several pieces is scored by the product of its pieces' probabilities, which are then read as if they
did not hang on each other; `lift` gives back how much oftener its pieces stand together than by chance, so that a
mixture of two likely words is not taken for a third. Filling in from left to right instead costs a run for each first
piece, and read no better with the Chinese model that comes with duiqi (docs/log.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from duiqi.core.errors import ModelError
from duiqi.core.slice import is_cjk
from duiqi.model import folder as on_disk
from duiqi.model.heads import MaskedLanguageModel, filling
from duiqi.model.open import Model, find, open_model
from duiqi.model.predict import TOKENS_PER_BATCH
from duiqi.model.quiet import quiet
from duiqi.model.tokens import Words, by_length, collate, encode, words_of

LIKE, AS_IT_STANDS, TOGETHER = 8.0, 0.3, 0.7  # weights of likeness, the unhidden reading, and `lift`: read by eye
KNOWN = -3.0  # a piece's mean log-probability from which on a place counts as understood
AT_ONCE = 1 << 26  # scores of pieces that are held at once, 4 bytes each
LISTED = 64  # best words of a place before likeness is looked at
HEADS = ("ForMaskedLM", "ForPreTraining")
Floats = NDArray[Any]
Job = tuple[tuple[str, ...], tuple[int, ...]]  # the words of a text, and the numbers of those that are asked about


@dataclass(frozen=True, eq=False)
class Lexicon:
    """Words of one number of pieces and one kind: their pieces int[m, n], and `lift` float[m]."""

    words: tuple[str, ...]
    pieces: NDArray[np.int64]
    lift: Floats


@dataclass(frozen=True)
class Place:
    """A word to be replaced: its row, its number in it, the kind of word that may stand for it, and which turn of
    reading it is hidden in: the fewer words are hidden at once, the more is left to tell them by."""

    row: int
    word: int
    kind: str
    turn: int = 0


@dataclass(frozen=True)
class Fit:
    """A word, and how well it fits: about the logarithm of a probability, higher for words like the one that stood
    there."""

    word: str
    score: float


def open_filler(name: str, *, device: str = "cpu") -> Model:
    """A model that fills in hidden words; `ModelError` for one without a masked-LM head."""
    bundle = find(name)
    said = on_disk.config(bundle.path)
    if not on_disk.is_made_for(said, HEADS):
        raise ModelError(
            f"expected a model with a masked-LM head (…ForMaskedLM), given {name} "
            f"({', '.join(said.get('architectures') or ['one without a name'])})",
            hint="Name an encoder as it was pre-trained, such as default-zh; fine-tuned ones have lost that head.",
        )
    return open_model(bundle, filling(), device=device)


def lexicons(model: Model, chinese: Mapping[str, tuple[int, str]], english: bool) -> dict[tuple[int, str], Lexicon]:
    """(pieces, kind) → the words: Chinese ones with their counts and kinds, as far as every character has a piece, and,
    where asked for, other words in small letters that are one piece (kind "")."""
    vocabulary: Mapping[str, int] = model.tokenizer.get_vocab()
    by_kind: dict[tuple[int, str], list[str]] = {}
    for word, (_, kind) in chinese.items():
        if all(character in vocabulary for character in word):
            by_kind.setdefault((len(word), kind), []).append(word)
    made = {}
    lifts = _lifts({word: chinese[word][0] for words in by_kind.values() for word in words})
    for key, words in by_kind.items():
        pieces = np.array([[vocabulary[character] for character in word] for word in words])
        made[key] = Lexicon(tuple(words), pieces, np.array([lifts[word] for word in words]))
    if english:
        found = _whole(model.tokenizer)
        if found:  # a vocabulary may have none
            pieces = np.array(list(found.values()), dtype=np.int64).reshape(-1, 1)
            made[1, ""] = Lexicon(tuple(found), pieces, np.zeros(len(found)))
    return made


def _lifts(counts: Mapping[str, int]) -> dict[str, float]:
    """How much oftener the characters of each word stand together than by chance, as a logarithm: among words of as
    many characters, each at its place."""
    totals: Counter[int] = Counter()
    at: Counter[tuple[int, int, str]] = Counter()
    for word, count in counts.items():
        totals[len(word)] += count
        for place, character in enumerate(word):
            at[len(word), place, character] += count
    found = {}
    for word, count in counts.items():
        total = totals[len(word)]
        chance = sum(np.log(at[len(word), place, character] / total) for place, character in enumerate(word))
        found[word] = float(np.log(count / total) - chance)
    return found


def _whole(tokenizer: Any) -> dict[str, int]:
    """Words in small letters that the tokenizer makes one piece of, and that piece."""
    numbers = sorted({*tokenizer.get_vocab().values()} - {*tokenizer.all_special_ids})
    spelled = [text.strip() for text in tokenizer.batch_decode([[number] for number in numbers])]
    tried = [
        (text, number) for text, number in zip(spelled, numbers, strict=True)
        if len(text) > 1 and text.isalpha() and text.islower() and not is_cjk(text)
    ]  # fmt: skip
    if not tried:
        return {}
    read = tokenizer([[text] for text, _ in tried], is_split_into_words=True, add_special_tokens=False)["input_ids"]
    return {text: number for (text, number), ids in zip(tried, read, strict=True) if ids == [number]}


def fill_in(
    model: Model, rows: Sequence[Sequence[str]], places: Sequence[Place], known: Mapping[tuple[int, str], Lexicon]
) -> list[list[Fit]]:
    """For every place the words that fit, the best first, without the word that stands there.

    None where its pieces are not as many as those of a known word, and none where the model would not have thought of
    the word that stands there: what it says of such a place is a guess. Places of one `turn` of a row are hidden
    together, and what is equal is read once.
    """
    turns: dict[tuple[int, int], list[int]] = {}
    for place in places:
        turns.setdefault((place.row, place.turn), []).append(place.word)
    said = {turn: (tuple(rows[turn[0]]), tuple(sorted(words))) for turn, words in turns.items()}
    keys = [(*said[place.row, place.turn], place.word) for place in places]
    kinds = {key: place.kind for key, place in zip(keys, places, strict=True)}
    vectors = model.net.get_input_embeddings().weight.detach().float().cpu().numpy()
    vectors = _unit(vectors - vectors.mean(axis=0))
    longest = max((pieces for pieces, _ in known), default=0)
    fits: dict[tuple[Any, ...], list[Fit]] = {}
    for jobs in _portions(dict.fromkeys(said.values()), longest, AT_ONCE // (2 * len(vectors))):
        asked: dict[tuple[str, ...], set[int]] = {}
        for words, hidden in jobs:
            asked.setdefault(words, set()).update(hidden)
        whole = [(words, tuple(sorted(each))) for words, each in asked.items()]
        standing = _read(model, whole, longest, hide=False)
        covered = _read(model, jobs, longest, hide=True)
        as_it_stands = {(words, at): scores for (words, _, at), (_, scores) in standing.items()}
        for key, (own, scores) in covered.items():
            lexicon = known.get((len(own), kinds[key]))
            if lexicon is not None:
                fits[key] = _best(lexicon, key[0][key[2]], own, scores, as_it_stands[key[0], key[2]], vectors)
    return [fits.get(key, []) for key in keys]


def standing_for(
    model: Model, rows: Sequence[Sequence[str]], places: Sequence[Place], known: Mapping[tuple[int, str], Lexicon],
    *, most: int,
) -> list[list[Fit]]:  # fmt: skip
    """For every place the `most` likeliest words as the model reads the row unhidden, the likeliest first, without the
    word that stands there; none where its pieces are not as many as those of a known word. Every row is read once."""
    asked: dict[tuple[str, ...], set[int]] = {}
    for place in places:
        asked.setdefault(tuple(rows[place.row]), set()).add(place.word)
    longest = max((pieces for pieces, _ in known), default=0)
    kinds = {(tuple(rows[place.row]), place.word): place.kind for place in places}
    fits: dict[tuple[tuple[str, ...], int], list[Fit]] = {}
    jobs = [(words, tuple(sorted(each))) for words, each in asked.items()]
    for portion in _portions(jobs, longest, AT_ONCE // model.net.get_input_embeddings().weight.shape[0]):
        for (words, _, at), (own, scores) in _read(model, portion, longest, hide=False).items():
            lexicon = known.get((len(own), kinds[words, at]))
            if lexicon is None or not len(scores):
                continue
            likely = scores[np.arange(len(own)), lexicon.pieces].sum(axis=1)
            listed = np.argpartition(-likely, min(most, len(likely) - 1))[: most + 1]
            order = listed[np.argsort(-likely[listed], kind="stable")]
            found = [Fit(lexicon.words[i], float(likely[i])) for i in order if lexicon.words[i] != words[at].lower()]
            fits[words, at] = found[:most]
    return [fits.get((tuple(rows[place.row]), place.word), []) for place in places]


def _portions(jobs: Iterable[Job], longest: int, most: int) -> Iterator[list[Job]]:
    """The jobs in portions of about `most` pieces at most, of words of up to `longest` pieces; a job is not divided.

    A piece has a character at least, as a rule. Turns of a text that come one after the other are read together.
    """
    portion: list[Job] = []
    held = 0
    for words, hidden in sorted(jobs):
        pieces = sum(min(len(words[at]), longest) for at in hidden)
        if portion and held + pieces > most:
            yield portion
            portion, held = [], 0
        portion.append((words, hidden))
        held += pieces
    if portion:
        yield portion


@torch.inference_mode()
def _read(
    model: Model, jobs: Sequence[Job], longest: int, *, hide: bool
) -> dict[tuple[tuple[str, ...], tuple[int, ...], int], tuple[NDArray[np.int64], Floats]]:
    """(words, those asked about, one of these) → its pieces int[n], and the logarithms of all pieces' probabilities at
    its places float[n, v], with what is asked about hidden or as it stands; none of words of over `longest` pieces.

    Of a word in two windows the first counts; a window that cuts a word has fewer pieces of it than another.
    """
    with quiet():
        encoded = encode(model.tokenizer, [Words(words) for words, _ in jobs], model.max_tokens, windows=True)
    device, head = torch.device(model.device), model.head
    assert isinstance(head, MaskedLanguageModel)
    found: dict[tuple[tuple[str, ...], tuple[int, ...], int], tuple[NDArray[np.int64], Floats]] = {}
    for which in by_length(encoded.lengths, TOKENS_PER_BATCH):
        inputs = collate(encoded, which, model.tokenizer.pad_token_id, device)
        words = words_of(encoded, which, device)
        assert words is not None
        numbers = words.cpu().numpy()
        rows = encoded.rows[which]
        asked = np.stack([np.isin(numbers[at], jobs[row][1]) for at, row in enumerate(rows)])
        if not asked.any():  # a window without any of them
            continue
        at, ids = torch.from_numpy(asked).to(device), inputs["input_ids"]
        own = ids[at].cpu().numpy()
        if hide:
            inputs = {**inputs, "input_ids": ids.masked_fill(at, model.tokenizer.mask_token_id)}
        scores = head.scores(model.net, inputs, at).float().log_softmax(dim=-1).cpu().numpy()
        sequence, token = np.nonzero(asked)
        of = numbers[sequence, token]
        begins = np.flatnonzero(np.diff(sequence * (numbers.max() + 1) + of, prepend=-1))
        for a, b in zip(begins, [*begins[1:], len(of)], strict=True):
            key = (*jobs[rows[sequence[a]]], int(of[a]))
            if key not in found or len(found[key][0]) < b - a:
                scored = b if b - a <= longest else a
                found[key] = own[a:b], scores[a:scored].copy()  # a view would hold the whole batch
    return found


def _best(
    known: Lexicon, own: str, pieces: NDArray[np.int64], hidden: Floats, standing: Floats, vectors: NDArray[np.float32]
) -> list[Fit]:
    at = np.arange(len(pieces))
    if hidden[at, pieces].mean() < KNOWN:
        return []
    scores = (hidden + AS_IT_STANDS * standing)[at, known.pieces].sum(axis=1) + TOGETHER * known.lift
    listed = np.argpartition(-scores, min(LISTED, len(scores) - 1))[:LISTED]
    alike = _unit(vectors[known.pieces[listed]].mean(axis=1)) @ _unit(vectors[pieces].mean(axis=0))
    scores = scores[listed] + LIKE * alike
    order = np.argsort(-scores, kind="stable")
    return [Fit(known.words[listed[i]], float(scores[i])) for i in order if known.words[listed[i]] != own.lower()]


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    made: NDArray[np.float32] = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    return made
