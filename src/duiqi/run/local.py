"""Work in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True)
class Local:
    """One after the other, here: torch and BLAS already use all cores."""

    shards: int = 1

    def map(self, function: Callable[[A], B], items: Iterable[A]) -> list[B]:
        """`[function(item) for item in items]`."""
        return [function(item) for item in items]

    def gang(self, function: Callable[[int, int], B], workers: int = 1) -> B:
        """One job on `workers` workers, called as `function(rank, workers)`; here there is one, of rank 0."""
        return function(0, 1)


def local() -> Local:
    """Run here."""
    return Local()
