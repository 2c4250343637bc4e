"""The attack `pwws`: synonyms, the words chosen by saliency and by what a synonym does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from duiqi.core.attack import Attack, Place
from duiqi.core.part import attack
from duiqi.data.synonyms import read, shipped


@attack(
    search=Attack(ranking="saliency"),
    preserves=("label", "meaning"),
    source="Ren, Deng, He & Che, 2019, Generating natural language adversarial examples through probability weighted "
    "word saliency, ACL, https://aclanthology.org/P19-1103",
)
def pwws(
    texts: Sequence[str], rngs: Sequence[np.random.Generator], *, lexicon: Path | None = None
) -> list[list[Place]]:
    """Replace words by the synonym that does most harm, those first that matter most and can be harmed most.

    Every synonym of every word is tried alone, then the best of each are put in one after the other, by what they did
    times a softmax of what is lost with an unknown word in the place, until the answer turns. All of that is two rounds
    of questions, however many texts there are.

    Differs from the paper in where synonyms come from: the lists that come with duiqi in place of WordNet, so it
    succeeds far less often; `lexicon` names a larger one, such as WordNet (forms: `duiqi parts synonyms`), of which
    words of any sense are tried. Names are not exchanged.
    """
    found = read(lexicon, any_sense=True) if lexicon else shipped(any_sense=True)
    return [[Place(each.start, each.end, each.others) for each in found.places(text)] for text in texts]
