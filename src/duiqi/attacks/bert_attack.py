"""The attack `bert_attack`: words that a masked language model puts in the place of those that matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from duiqi.core.attack import Attack, Place
from duiqi.core.part import attack
from duiqi.core.slice import is_cjk
from duiqi.data.attackable import content_words
from duiqi.data.english import cased
from duiqi.data.negations import free, negates
from duiqi.data.words import dictionary, spans

CHINESE = "default-zh"
KINDS = ("n", "v", "a", "d", "i", "l")  # first letters of jieba's tags: nouns, verbs, adjectives, adverbs, phrases
FEWEST, LONGEST = 100, 4  # counts in jieba's dictionary, and characters, of a Chinese word that is put in


@attack(
    search=Attack(ranking="unknown", most_changed=0.4, least_similar=0.84),
    source="Li, Ma, Guo, Xue & Qiu, 2020, BERT-ATTACK: adversarial attack against BERT using BERT, EMNLP, "
    "https://arxiv.org/abs/2004.09984",
    preserves=("label",),
)
def bert_attack(
    texts: Sequence[str], rngs: Sequence[np.random.Generator], *, model: str = "", most: int = 12, device: str = "cpu"
) -> list[list[Place]]:
    """Replace the words that matter most by others that a masked language model finds likely there.

    The model reads the text unhidden and says which words it takes for likely in every place: the `most` likeliest may
    be put in. Without a `model` Chinese words are replaced with the Chinese model that comes with duiqi; for English
    name one with a masked-LM head (a folder or hub:NAME). At most four tenths of the words change, and the embedding of
    the text must keep a cosine of .84 to the original, where a model that has not learned the rows gives embeddings.

    Differs from the paper, which takes the 48 likeliest pieces and puts pieces of a word together: here only whole
    words of as many pieces as the old one are put in, Chinese ones from jieba's dictionary. Words that build a
    sentence, negations and the word behind one stay. A word that fits need not mean the same: "bad" fits where "good"
    did, so the label may no longer hold; look at what was turned.
    """
    from duiqi.model.filling_in import Place as Asked
    from duiqi.model.filling_in import lexicons, open_filler, standing_for

    cut = [spans(text) for text in texts]
    asked: list[Asked] = []
    for row, (text, places) in enumerate(zip(texts, cut, strict=True)):
        english = set(content_words(text)) if model else set()
        asked += [
            Asked(row, at, "zh" if is_cjk(text[start]) else "")
            for at, ((start, end), may) in enumerate(zip(places, free(text, places), strict=True))
            if may and ((start, end) in english or _tells(text[start:end]))
        ]
    found: list[list[Place]] = [[] for _ in texts]
    if not asked:
        return found
    filler = open_filler(model or CHINESE, device=device)
    rows = [[text[start:end] for start, end in places] for text, places in zip(texts, cut, strict=True)]
    known = lexicons(filler, _known() if any(each.kind == "zh" for each in asked) else {}, english=bool(model))
    for place, fits in zip(asked, standing_for(filler, rows, asked, known, most=most), strict=True):
        (start, end), old = cut[place.row][place.word], rows[place.row][place.word]
        new = tuple(cased(fit.word, old) for fit in fits if not negates(fit.word))
        found[place.row] += [Place(start, end, new)] if new else []
    return found


def _tells(word: str) -> bool:
    """Whether a Chinese word says something rather than building the sentence."""
    return is_cjk(word[0]) and dictionary().get(word, (0, ""))[1][:1] in KINDS


@cache
def _known() -> Mapping[str, tuple[int, str]]:
    """The Chinese words that may be put in, all of one kind."""
    return {
        word: (count, "zh")
        for word, (count, kind) in dictionary().items()
        if kind[:1] in KINDS and count >= FEWEST and len(word) <= LONGEST and all(map(is_cjk, word))
    }
