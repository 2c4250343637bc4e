"""Ranking: which document stands where for every query, among the documents of all rows asked together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.texts import references_of

BLOCK = 256  # queries scored at once, so that no table of all queries and documents is ever held


def documents_of(data: Dataset) -> list[list[str]]:
    """The documents that are right for every row; `DataError` where a row has none."""
    return references_of(data, fewest=1)


@dataclass(frozen=True, eq=False)
class Pool:
    """The documents of all rows, each once; `own` are the places of the right ones of every row, and `known` the
    places of those that are right for the same query in any row, and of the query itself where it is a document;
    `itself` is that one's place, where it is not right for the row."""

    documents: tuple[str, ...]
    own: Sequence[NDArray[np.int64]]
    known: Sequence[NDArray[np.int64]]
    itself: Sequence[int | None]

    @classmethod
    def of(cls, data: Dataset) -> Pool:
        """The pool of some rows."""
        places: dict[str, int] = {}
        by_query: dict[str, set[int]] = {}
        own = []
        for text, found in zip(data.texts, documents_of(data), strict=True):
            own.append(np.array([places.setdefault(each, len(places)) for each in found], dtype=np.int64))
            by_query.setdefault(text, set()).update(own[-1].tolist())
        for text, right in by_query.items():  # the query itself is no answer to it, unless it is said to be
            right.update({places[text]} if text in places else set())
        known = {text: np.array(sorted(found), dtype=np.int64) for text, found in by_query.items()}
        itself = [
            places.get(text) if places.get(text) not in mine else None
            for text, mine in zip(data.texts, own, strict=True)
        ]
        return cls(tuple(places), own, [known[text] for text in data.texts], itself)

    def answers(self, score: Callable[[slice], NDArray[Any]]) -> dict[str, Any]:
        """`ranks` float[n] of the best right document of every row, from 1, and the `text` of the first of all.

        `score(rows)` gives float[b, m], higher for what fits better. Other documents that are right for the same query
        are left out of the count (filtered ranks: Bordes et al. 2013, Translating embeddings for modeling
        multi-relational data, NeurIPS). Equals share the mean of their ranks.
        """
        ranks, first = np.zeros(len(self.own)), np.zeros(len(self.own), dtype=np.int64)
        for begin in range(0, len(self.own), BLOCK):
            scores = np.asarray(score(slice(begin, begin + BLOCK)), dtype=np.float64)
            for row, given in enumerate(scores, begin):
                itself = self.itself[row]
                first[row] = given.argmax() if itself is None else np.delete(given, itself).argmax()
                first[row] += itself is not None and first[row] >= itself
                mine = given[self.own[row]].max()
                others = np.delete(given, self.known[row])
                ranks[row] = 1 + (others > mine).sum() + 0.5 * (others == mine).sum()
        return {"ranks": ranks, "text": [self.documents[each] for each in first]}
