"""The attack `textfooler`: synonyms for the words that matter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from duiqi.core.attack import Attack, Place
from duiqi.core.part import attack
from duiqi.data.synonyms import read, shipped


@attack(
    search=Attack(ranking="delete", least_similar=0.84),
    preserves=("label", "meaning"),
    source="Jin, Jin, Zhou & Szolovits, 2020, Is BERT really robust? A strong baseline for natural language attack on "
    "text classification and entailment, AAAI, https://arxiv.org/abs/1907.11932",
)
def textfooler(
    texts: Sequence[str], rngs: Sequence[np.random.Generator], *, lexicon: Path | None = None
) -> list[list[Place]]:
    """Replace the words that matter most by synonyms, as long as the text stays alike, English and Chinese.

    Words are tried by what is lost where they are left out; of the synonyms of each the one that does most harm is
    taken, and of those that turn the answer the one that turns it most. The embedding of the text must keep a cosine of
    .84 to the original, where a model that has not learned the rows gives embeddings.

    Differs from the paper, whose candidates are the 50 nearest words in counter-fitted vectors, filtered by part of
    speech: ours are the lists that come with duiqi, short and careful, so it succeeds far less often; `lexicon` names a
    larger one (forms: `duiqi parts synonyms`). Its ranking counts a turn of the answer extra; its similarity is that of
    the Universal Sentence Encoder in a window of words.
    """
    found = read(lexicon, any_sense=True) if lexicon else shipped(any_sense=True)
    return [[Place(each.start, each.end, each.others) for each in found.places(text)] for text in texts]
