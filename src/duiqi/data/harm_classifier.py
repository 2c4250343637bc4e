"""A small classifier of harm, trained on labelled rows: counts of words and characters, what the word lists find, and a
logistic regression. English and Chinese in one.

It sees texts without the names of groups: `SOMEBODY` stands in the place of every one that `group_names` knows. So it
cannot learn that a group is often insulted and take its name for an insult (Dixon et al., 2018, Measuring and
mitigating unintended bias in text classification, AIES, https://doi.org/10.1145/3278721.3278729). They add harmless
rows with these names; to take the names out needs no other rows. What that gives and costs, beside adding rows with
other names, is measured by bench/harmful.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.errors import DataError
from duiqi.core.slice import is_cjk, words
from duiqi.data.group_names import without_identities
from duiqi.data.harmful import CATEGORIES, folded, rated

LONGEST = 3  # of runs of words, or of Chinese characters, that are counted
LETTERS = (3, 4, 5)  # lengths of the pieces of words that are counted
WEIGHTS, WORDS = "harm.npz", "harm.json"


@dataclass(frozen=True, eq=False)
class HarmClassifier:
    """Probabilities of harm by label. `labels` are those of the rows it learned from, the harmless one first;
    `vocabulary` its d features with their inverse document frequencies float[d]; `weights` float[d + 5, k], the last
    five for what the word lists find, and `bias` float[k]. In training every label weighs the same, however rare."""

    labels: tuple[str, ...]
    vocabulary: tuple[str, ...]
    idf: NDArray[np.float64]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    masks: bool = True

    @classmethod
    def fit(cls, texts: Sequence[str], labels: Sequence[str], *, harmless: str, masks: bool = True) -> HarmClassifier:
        """Learn from labelled texts; `harmless` is the label of those that do no harm. The same rows give the same
        classifier. Raises `DataError` where there is no such label or no other."""
        from sklearn.linear_model import LogisticRegression

        names = (harmless, *sorted(set(labels) - {harmless}))
        if len(names) < 2 or harmless not in labels:
            raise DataError(
                f"expected rows with and without the label '{harmless}' of harmless ones, given labels "
                f"{', '.join(sorted(set(labels))) or 'none'}",
                hint="Name the label of the rows that do no harm.",
            )
        shown = [_shown(text, masks) for text in texts]
        try:
            counter = _counter().fit(shown)
        except ValueError as error:  # no word stands in two rows
            raise DataError(
                f"expected rows that share words, given {len(texts)} without a word in common",
                hint="Give some hundred labelled rows.",
            ) from error
        features = _features(counter, texts, shown)
        truth = np.array([names.index(label) for label in labels])
        fitted = LogisticRegression(C=10.0, max_iter=300, class_weight="balanced").fit(features, truth)
        weights, bias = fitted.coef_.T, fitted.intercept_
        if len(names) == 2:  # one score: that of the second label
            weights, bias = np.hstack([-weights / 2, weights / 2]), np.array([-bias[0] / 2, bias[0] / 2])
        vocabulary = tuple(counter.get_feature_names_out().tolist())
        return cls(names, vocabulary, counter.idf_, weights, bias, masks)

    def probs(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """How likely each label is, float[n, k]; rows sum to 1, the first column is that of no harm."""
        if not len(texts):
            return np.zeros((0, len(self.labels)))
        counter = _counter(vocabulary=self.vocabulary)
        counter.idf_ = self.idf
        scores = _features(counter, texts, [_shown(text, self.masks) for text in texts]) @ self.weights + self.bias
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def save(self, folder: str | Path) -> None:
        """Write it into a folder: numbers as npz, words and labels as JSON."""
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(place / WEIGHTS, idf=self.idf, weights=self.weights, bias=self.bias)
        said = {"labels": self.labels, "masks": self.masks, "vocabulary": self.vocabulary}
        (place / WORDS).write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> HarmClassifier:
        """The one that was saved there; `DataError` where there is none."""
        place = Path(folder)
        try:
            said = json.loads((place / WORDS).read_text(encoding="utf-8"))
            with np.load(place / WEIGHTS, allow_pickle=False) as numbers:
                idf, weights, bias = (numbers[name] for name in ("idf", "weights", "bias"))
            return cls(tuple(said["labels"]), tuple(said["vocabulary"]), idf, weights, bias, bool(said["masks"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"expected a folder with {WEIGHTS} and {WORDS}, given {folder} ({type(error).__name__}: {error})",
                hint="Train one on labelled rows and save it: HarmClassifier.fit(texts, labels, …).save(folder).",
            ) from error


def _shown(text: str, masks: bool) -> str:
    return without_identities(folded(text)) if masks else folded(text)


def _counter(**options: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    least = {} if options else {"min_df": 2}
    return TfidfVectorizer(analyzer=_pieces, sublinear_tf=True, **least, **options)


def _pieces(text: str) -> Iterator[str]:
    """What is counted in a text: runs of up to three words, and pieces of words that are not Chinese."""
    found = words(text)
    for size in range(1, LONGEST + 1):
        for at in range(len(found) - size + 1):
            yield " ".join(found[at : at + size])
    for word in found:
        if not is_cjk(word):
            framed = f"<{word}>"
            for size in LETTERS:
                yield from (f"#{framed[at : at + size]}" for at in range(len(framed) - size + 1))


def _features(counter: Any, texts: Sequence[str], shown: Sequence[str]) -> Any:
    """TF-IDF of what is counted, and by category how many entries of the word lists there are: sparse[n, d + 5]."""
    from scipy.sparse import csr_matrix, hstack

    named = np.array([[np.log1p(len(each.get(name, ()))) for name in CATEGORIES] for each in rated(texts)])
    return hstack([counter.transform(shown), csr_matrix(named.reshape(-1, len(CATEGORIES)))], format="csr")
