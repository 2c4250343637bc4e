"""The edit `identity_swaps`: the same text about somebody else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from duiqi.core.edit import Change
from duiqi.core.part import edit
from duiqi.data.identities import changes, families, find
from duiqi.data.identity_words import Dimension

Attribute = Literal[Dimension, "names"]


@edit(
    preserves=("label", "meaning", "spans"),
    source="Garg et al., 2019, Counterfactual fairness in text classification through robustness, AIES, "
    "https://arxiv.org/abs/1809.10610; grammar of gender: Zhao et al., 2018, Gender bias in coreference resolution, "
    "NAACL, https://arxiv.org/abs/1804.06876",
)
def identity_swaps(
    texts: Sequence[str],
    rngs: Sequence[np.random.Generator],
    *,
    attributes: tuple[Attribute, ...] = get_args(Attribute),
) -> list[list[Change]]:
    """Who it is about: words for women and men, peoples, faiths, callings and names put in each other's place.

    A model that answers otherwise when "my husband" becomes "my wife" judges people, not texts. Every text gets all
    identity words of the `attributes` changed for those of another group, drawn at random and the same in the whole
    text: pronouns, nouns and given names agree, a country goes with its people, two groups stay two. Capitals, plurals
    and "a" or "an" are kept right. English and Chinese; a text without such words stays as it is.

    Words with an everyday meaning beside it (black, old, blind, 白人 in 明白人) count only where the words around them
    make them somebody's, and a capital noun inside a name ("Wonder Woman") is left alone; rules, no parser, so some are
    missed. Names that are not in the lists stay, and may then disagree with their pronouns. At a strength below 1 the
    changes of one text are made or not one by one, and no longer agree.

    It misleads where the group is what the label is about: hate speech, medicine, history, the country of a piece of
    news.
    """
    return [_swapped(text, rng, attributes) for text, rng in zip(texts, rngs, strict=True)]


def _swapped(text: str, rng: np.random.Generator, attributes: Sequence[Attribute]) -> list[Change]:
    found = find(text)
    able = families(found, attributes)
    return changes(text, found, {family: each[rng.integers(len(each))] for family, each in able.items()})
