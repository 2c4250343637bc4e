"""The attack `bert_attack`: words that a masked language model puts in the place of those that matter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from duiqi.core.attack import Attack, Place
from duiqi.core.part import attack
from duiqi.data.attackable import drawn_from


@attack(
    search=Attack(ranking="unknown", most_changed=0.4, least_similar=0.84),
    preserves=("label",),
    source="Li, Ma, Guo, Xue & Qiu, 2020, BERT-ATTACK: adversarial attack against BERT using BERT, EMNLP, "
    "https://arxiv.org/abs/2004.09984",
)
def bert_attack(
    texts: Sequence[str], rngs: Sequence[np.random.Generator], *, model: str = "", draws: int = 4
) -> list[list[Place]]:
    """Replace the words that matter most by others that a masked language model finds fitting.

    What may stand in a place is what the edit masked_lm puts there in `draws` draws; without a `model` Chinese words
    are replaced with the Chinese model that comes with duiqi, for English name one with a masked-LM head. At most four
    tenths of the words change, and the embedding of the text must keep a cosine of .84 to the original, where a model
    that has not learned the rows gives embeddings.

    Differs from the paper, which takes the 48 best pieces of every place read unhidden: here words are hidden, only
    whole words of the same kind that are like the old one are put in, and adjectives of Chinese, names, numbers and
    negations stay; so it succeeds less often, and what it makes reads better. A word that fits need not mean the same.
    """
    return drawn_from(("masked_lm",), texts, rngs, draws=draws, model=model, temperature=1.0)
