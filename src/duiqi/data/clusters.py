"""Clusters of rows that a model takes for alike, and what tells the rows of one from the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.data.moved import moved_words
from duiqi.data.readable_slices import of_little_meaning

MOST = 50  # clusters
MOST_WORDS = 5  # that are told of one


@dataclass(frozen=True, eq=False)
class Clusters:
    """Which cluster a row is in, int[n], and how far it lies from the middle, float[n]."""

    label: NDArray[np.int64]
    distance: NDArray[np.float64]

    def rows(self) -> Any:
        """The rows of every cluster, sparse 0/1 float32[clusters, n]."""
        from scipy.sparse import csr_array

        n = len(self.label)
        return csr_array((np.ones(n, dtype=np.float32), (self.label, np.arange(n))), shape=(self.label.max() + 1, n))

    def typical(self, cluster: int) -> int:
        """The row nearest to the middle of a cluster."""
        return int(np.argmin(np.where(self.label == cluster, self.distance, np.inf)))


def clusters_of(vectors: NDArray[np.float64], *, fewest_rows: int, seed: int) -> Clusters:
    """Clusters of vectors of length 1, float[n, d], by k-means: as many as the root of half the rows (Mardia, Kent &
    Bibby 1979), at most `MOST`, as there are distinct vectors, and so many that they have `fewest_rows` rows on
    average."""
    from sklearn.cluster import KMeans

    vectors = vectors.round(5)  # equal inputs are equal to the last digit
    distinct = len(np.unique(vectors, axis=0))
    many = int(np.clip(min((len(vectors) / 2) ** 0.5, len(vectors) / fewest_rows, distinct), 1, MOST))
    fitted = KMeans(many, n_init=2, max_iter=50, random_state=seed).fit(vectors)
    middle = fitted.cluster_centers_[fitted.labels_]
    return Clusters(fitted.labels_.astype(np.int64), np.linalg.norm(vectors - middle, axis=1))


def telling_words(inside: Sequence[str], outside: Sequence[str]) -> list[str]:
    """The words that stand in some texts more often than in others, by more than chance, the most telling first."""
    found, _ = moved_words(inside, outside)
    little = of_little_meaning()[0]
    return [each.word for each in found if each.z > 0 and each.word not in little][:MOST_WORDS]
