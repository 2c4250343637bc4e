"""Ranking: which document stands where for every query, among the documents of all rows asked together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.texts import references_of

CANDIDATES = 5  # documents that are told of every row
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
        """`ranks` float[n] of the best right document of every row, from 1, and the `text` of the first of all; the
        first `CANDIDATES` of all with their scores, and as `similarity` the scores of all right ones.

        `score(rows)` gives float[b, m], higher for what fits better. Other documents that are right for the same query
        are left out of the count (filtered ranks: Bordes et al. 2013, Translating embeddings for modeling
        multi-relational data, NeurIPS). Equals share the mean of their ranks.
        """
        ranks, first = np.zeros(len(self.own)), list[list[tuple[str, float]]]()
        similarity = list[NDArray[np.float64]]()
        for begin in range(0, len(self.own), BLOCK):
            scores = np.asarray(score(slice(begin, begin + BLOCK)), dtype=np.float64)
            for row, given in enumerate(scores, begin):
                itself = self.itself[row]
                first.append(
                    [
                        (self.documents[each], float(given[each]))
                        for each in _largest(given, CANDIDATES + 1).tolist()
                        if each != itself
                    ][:CANDIDATES]
                )
                similarity.append(given[self.own[row]])
                mine = similarity[-1].max()
                others = np.delete(given, self.known[row])
                ranks[row] = 1 + (others > mine).sum() + 0.5 * (others == mine).sum()
        text = [each[0][0] if each else "" for each in first]
        return {"ranks": ranks, "text": text, "candidates": first, "similarity": similarity}


def _largest(given: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """The places of the largest numbers, the largest first; of equals those that come first."""
    if len(given) > most:
        least = np.partition(given, -most)[-most]
        places = np.flatnonzero(given >= least)
    else:
        places = np.arange(len(given))
    return places[np.argsort(-given[places], kind="stable")][:most]
