"""How a model cuts texts: into how many pieces it takes each word, and which words it does not know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictor
from duiqi.core.slice import places, words
from duiqi.data.readable_slices import of_little_meaning

MANY = 3  # pieces from which on a word is cut to pieces; two are mostly a stem and its ending
CHARACTERS = 0.75  # pieces a character of common words from which on a tokenizer reads characters by design


@dataclass(frozen=True, eq=False)
class Cutting:
    """The words of texts one after the other (of Chinese: characters), in small letters: of which text each is, how
    many pieces it has, marks left out, and whether one of them stands for what the tokenizer does not know."""

    texts: int
    of: NDArray[np.int64]
    words: NDArray[np.str_]
    pieces: NDArray[np.int64]
    unknown: NDArray[np.bool_]

    @property
    def cut(self) -> NDArray[np.bool_]:
        """Which words are cut to pieces."""
        return self.pieces >= MANY

    def counted(self, which: NDArray[np.bool_]) -> NDArray[np.float64]:
        """How many words of each text are among these, and how many it has: float[texts, 2]."""
        counts = [np.bincount(each, minlength=self.texts) for each in (self.of[which], self.of)]
        return np.stack(counts, axis=1).astype(np.float64)

    @cached_property
    def known(self) -> dict[str, tuple[float, bool]]:
        """Word → its pieces on average, and whether it is unknown as often as not."""
        names, at, count = np.unique(self.words, return_inverse=True, return_counts=True)
        pieces, unknown = (np.bincount(at, weights=each) / count for each in (self.pieces, self.unknown))
        return {str(word): (float(p), bool(u >= 0.5)) for word, p, u in zip(names, pieces, unknown, strict=True)}

    def __add__(self, other: Cutting) -> Cutting:
        """Both, text by text: the first and the second texts of pairs."""
        both = [(getattr(self, n), getattr(other, n)) for n in ("of", "words", "pieces", "unknown")]
        return Cutting(self.texts, *(np.concatenate(pair) for pair in both))


def cut(predictor: Predictor, texts: Sequence[str]) -> Cutting:
    """The words of texts as a model cuts them; it must offer `pieces`."""
    found = predictor.predict(Dataset.of({"text": list(texts)}), ["pieces"])["pieces"]
    begins = np.cumsum([0, *(len(text) + 1 for text in texts)])
    joined = " ".join(texts)
    flat = [each + np.array([begin, begin, 0]) for each, begin in zip(found, begins[:-1], strict=True)]
    starts, ends, unknown = np.concatenate([np.zeros((0, 3), dtype=np.int64), *flat]).T
    spoken = np.cumsum([0, *map(str.isalnum, joined)])
    said = (spoken[ends] > spoken[starts]) | (unknown > 0)  # pieces that are not mere marks
    starts, ends, unknown = starts[said], ends[said], np.concatenate([[0], np.cumsum(unknown[said])])
    lie = [places(text) for text in texts]
    of = np.repeat(np.arange(len(texts)), [len(each) for each in lie])
    spans = np.array([span for each in lie for span in each], dtype=np.int64).reshape(-1, 2) + begins[of][:, None]
    first = np.searchsorted(ends, spans[:, 0], side="right")
    last = np.maximum(np.searchsorted(starts, spans[:, 1], side="left"), first)
    named = np.array([word for text in texts for word in words(text)], dtype=object)
    return Cutting(len(texts), of, named, last - first, unknown[last] > unknown[first])


def reads_characters(predictor: Predictor) -> bool:
    """Whether it takes even the commonest words character by character: then pieces say nothing of a word."""
    common = sorted(word for word in of_little_meaning()[0] if word.isascii() and len(word) > 2)
    return bool(cut(predictor, common).pieces.sum() >= CHARACTERS * sum(map(len, common)))
