"""The edit `synonyms`: other words for the same thing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from duiqi.core.edit import Change, some
from duiqi.core.part import edit
from duiqi.data.english import put_in
from duiqi.data.synonyms import Place, read, shipped


@edit(
    preserves=("label", "meaning"),
    source="Zhang, Zhao & LeCun, 2015, Character-level convolutional networks for text classification, NeurIPS, "
    "https://arxiv.org/abs/1509.01626",
)
def synonyms(
    texts: Sequence[str],
    rngs: Sequence[np.random.Generator],
    *,
    rate: float = 0.3,
    lexicon: Path | None = None,
) -> list[list[Change]]:
    """Words replaced by synonyms, English and Chinese: film by movie, 立刻 by 马上.

    People say one thing in many words; a model that holds on to some of them has not learned the matter. `rate` is the
    share of the words with a synonym that are replaced, at least one where there is any. English keeps its form (films,
    bought, buying), its capitals, and "a" or "an"; a capital inside a sentence is taken for a name and stays. Chinese
    words are replaced where jieba, if installed, ends words.

    The lists that come with duiqi are short and careful: words that are safe to exchange nearly anywhere. `lexicon` is
    a file of your own instead: groups a line, separated by commas (film, movie), TOML with the keys verb, noun and
    word, WordNet as JSON lines, or Cilin. A word in several groups is replaced only by what stands with it in all of
    them. Where tags, spans or answers are marked, those words stay.

    It misleads where a text is about words, and with a large lexicon: synonyms there are often no synonyms here. No
    word is weighed by its context, unlike in the paper's thesaurus, where the first senses are chosen more often.
    """
    found = read(lexicon) if lexicon else shipped()
    return [
        [_replaced(text, place, rng) for place in some(found.places(text), rng, rate)]
        for text, rng in zip(texts, rngs, strict=True)
    ]


def _replaced(text: str, place: Place, rng: np.random.Generator) -> Change:
    return put_in(text, place.start, place.end, place.others[rng.integers(len(place.others))])
