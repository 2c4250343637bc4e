"""The edit `masked_lm`: words that a language model finds fitting, in the place of others."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from duiqi.core.edit import Change
from duiqi.core.errors import OptionError
from duiqi.core.part import edit
from duiqi.core.slice import is_cjk
from duiqi.data.english import begins_sentence, cased, put_in
from duiqi.data.negations import free, negates
from duiqi.data.words import dictionary, spans

if TYPE_CHECKING:
    from duiqi.model.filling_in import Fit

CHINESE = "default-zh"
TRIED = 3  # words that are hidden, in as many turns (neighbours never in one), for each that is replaced
Span = tuple[int, int]


@edit(
    preserves=("label",),
    source="Kobayashi, 2018, Contextual augmentation: data augmentation by words with paradigmatic relations, NAACL, "
    "https://arxiv.org/abs/1805.06201; Wu et al., 2019, Conditional BERT contextual augmentation, "
    "https://arxiv.org/abs/1812.06705; Zhou et al., 2019, BERT-based lexical substitution, ACL",
)
def masked_lm(
    texts: Sequence[str],
    rngs: Sequence[np.random.Generator],
    *,
    model: str = "",
    rate: float = 0.1,
    top: int = 3,
    temperature: float = 0.5,
    least: float = -2.0,
    device: str = "cpu",
) -> list[list[Change]]:
    """Words replaced by others that a masked language model finds fitting: 也 by 都, 消息 by 信息.

    A model hides some words, reads the rest and says what could stand there. Rows so made have words that the training
    rows lack; a model that holds on to single words learns to read on. `rate` is the share of the words that are
    replaced, at least one where anything fits. Three times as many are hidden, in three turns; where the model would
    not have thought of the old word itself, or the best new one scores below `least`, the old one stays. One of the
    `top` words is drawn, the likelier the better it fits; at `temperature` 0 the best.

    Without a `model`, the Chinese one that comes with duiqi fills in Chinese words, and texts without any stay as they
    are. For English name one with a masked-LM head (a folder or hub:NAME); it replaces Chinese words as well where its
    vocabulary has them. A word is replaced by a whole word of as many pieces: a Chinese one by a word of jieba's
    dictionary of the same kind and length (nouns, verbs, adverbs; needs jieba), an English one of a single piece by
    another. Numbers, names, capitals inside a sentence, negations and the word behind one, adjectives (Chinese)
    and words that build the sentence stay, as do tagged words, spans and answers.

    What fits need not mean the same: this keeps the label by and large, not the meaning. English adjectives may turn
    round ("good" fits where "bad" does), so filter what is made (`augment` does). The small Chinese model is sure of
    little beyond adverbs and common words. It is slower than edits by list, and not among those tried by default.
    """
    if not top >= 1 or not temperature >= 0:
        raise OptionError(
            f"expected top of at least 1 and a temperature of at least 0, given {top} and {temperature}",
            hint="top=3 and temperature=0.5 are the defaults.",
        )
    drawn = [_drawn(text, rng, rate, english=bool(model)) for text, rng in zip(texts, rngs, strict=True)]
    changes: list[list[Change]] = [[] for _ in texts]
    if not any(each.asked for each in drawn):
        return changes
    from duiqi.model.filling_in import Place, fill_in, lexicons, open_filler

    filler = open_filler(model or CHINESE, device=device)
    words = _known() if any(each.kinds[at] for each in drawn for at in each.asked) else {}
    asked = [
        Place(row, word, each.kinds[word], turn % TRIED)
        for row, each in enumerate(drawn) for turn, word in enumerate(each.asked)
    ]  # fmt: skip
    found = fill_in(filler, [each.words for each in drawn], asked, lexicons(filler, words, english=bool(model)))
    fits: list[dict[int, list[Fit]]] = [{} for _ in texts]
    for place, words_for_it in zip(asked, found, strict=True):
        row = drawn[place.row]
        good = [fit for fit in words_for_it if fit.score >= least and row.admits(fit.word)]
        if good:
            fits[place.row][place.word] = good[:top]
    for made, row, fitting, rng in zip(changes, drawn, fits, rngs, strict=True):
        best = sorted(fitting, key=lambda word: -fitting[word][0].score)[: row.most]
        made += [row.change(word, _chosen(fitting[word], temperature, rng)) for word in sorted(best)]
    return changes


@dataclass(frozen=True)
class _Row:
    """A text cut into words and what stands between them, `asked` the numbers of those that are hidden, `most` how many
    of them may be replaced. `kinds` are the tags of Chinese words, "" for others."""

    text: str
    places: Sequence[Span]
    kinds: Sequence[str]
    asked: Sequence[int] = ()
    most: int = 0

    @property
    def words(self) -> list[str]:
        return [self.text[start:end] for start, end in self.places]

    def admits(self, word: str) -> bool:
        """Whether a word may be put in: one that is not in the text yet and neither denies, counts nor binds."""
        return word not in self.text.lower() and not negates(word) and word not in _stay()

    def change(self, at: int, new: str) -> Change:
        start, end = self.places[at]
        return put_in(self.text, start, end, cased(new, self.text[start:end]))


def _drawn(text: str, rng: np.random.Generator, rate: float, *, english: bool) -> _Row:
    """The text with some of its words drawn to be hidden."""
    places, is_word = _cut(text)
    words = [place for place, each in zip(places, is_word, strict=True) if each]
    may = dict(zip(words, free(text, words), strict=True))
    kinds = [_kind(text[start:end]) for start, end in places]
    open_ = [
        at for at, place in enumerate(places)
        if is_word[at] and may[place] and _replaceable(text, places, kinds, at, english=english)
    ]  # fmt: skip
    most = max(1, round(rate * len(words))) if rate > 0 else 0
    asked = [open_[number] for number in rng.permutation(len(open_))[: TRIED * most]]
    return _Row(text, places, kinds, sorted(asked), most)


def _cut(text: str) -> tuple[list[Span], list[bool]]:
    """Words and what stands between them, blanks left out, and which of them are words."""
    found: list[tuple[Span, bool]] = []
    at = 0
    for start, end in [*spans(text), (len(text), len(text))]:
        between = text[at:start]
        if between.strip():
            begin = at + len(between) - len(between.lstrip())
            found.append(((begin, begin + len(between.strip())), False))
        if start < end:
            found.append(((start, end), True))
        at = end
    return [place for place, _ in found], [word for _, word in found]


def _replaceable(text: str, places: Sequence[Span], kinds: Sequence[str], at: int, *, english: bool) -> bool:
    start, end = places[at]
    word = text[start:end]
    if is_cjk(word):
        adjacent = at > 0 and places[at - 1][1] == start
        counted = adjacent and (kinds[at - 1] in _listed("counted") or text[start - 1].isdigit())
        return (
            len(word) <= _numbers("longest") and kinds[at] in _listed("kinds") and word not in _stay() and not counted
        )
    plain = word.isalpha() and (word.islower() or (word.istitle() and begins_sentence(text, start)))
    return english and plain and len(word) > 1 and word.lower() not in _stay()


def _chosen(fits: Sequence[Fit], temperature: float, rng: np.random.Generator) -> str:
    """One of the words, drawn by the exponential of its score."""
    scores = np.array([fit.score for fit in fits])
    weights = np.exp((scores - scores.max()) / temperature) if temperature else np.eye(len(scores))[0]
    return fits[int(np.searchsorted(np.cumsum(weights / weights.sum()), rng.random(), side="right"))].word


def _kind(word: str) -> str:
    """The tag of a Chinese word in jieba's dictionary; "" for others."""
    return dictionary().get(word, (0, ""))[1] if is_cjk(word) else ""


@cache
def _known() -> Mapping[str, tuple[int, str]]:
    """The Chinese words that may be put in."""
    return dict(_fitting_kind())


def _fitting_kind() -> Iterator[tuple[str, tuple[int, str]]]:
    kinds, fewest, longest = _listed("kinds"), _numbers("fewest"), _numbers("longest")
    for word, (count, kind) in dictionary().items():
        if kind in kinds and count >= fewest and len(word) <= longest and all(map(is_cjk, word)) and not negates(word):
            yield word, (count, kind)


@cache
def _lists() -> Mapping[str, str | int]:
    return tomllib.loads(files("duiqi.edits").joinpath("data", "masked_lm.toml").read_text(encoding="utf-8"))


@cache
def _listed(name: str) -> frozenset[str]:
    return frozenset(str(_lists()[name]).split())


def _numbers(name: str) -> int:
    return int(_lists()[name])


@cache
def _stay() -> frozenset[str]:
    """Words that are neither replaced nor put in."""
    lexicon = files("duiqi.data").joinpath("lexicons", "function_words.toml").read_text(encoding="utf-8")
    return frozenset([*tomllib.loads(lexicon)["en"], *_listed("numbers"), *_listed("kept")])
