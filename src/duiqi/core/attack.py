"""`Attack`: what a search for harmful changes may do. `Place`: what may be put in somewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from duiqi.core.errors import PartError

RANKINGS = ("unknown", "delete", "saliency")


@dataclass(frozen=True)
class Place:
    """A word of a text, its first character and its end, and what may stand there instead. `field` is 1 in second
    texts."""

    start: int
    end: int
    new: tuple[str, ...]
    field: int = 0

    @property
    def key(self) -> tuple[int, int, int]:
        return self.field, self.start, self.end


@dataclass(frozen=True)
class Attack:
    """In which order places are tried, and what must hold of what is made.

    `ranking` is "unknown" (by what is lost with a word that no model knows in the place), "delete" (with nothing in it)
    or "saliency" (the best of what may be put in, weighed by the first). `most_changed` is the largest share of the
    words, `most_edits` the largest number of characters put in, taken out or replaced, `least_similar` the smallest
    cosine of the embeddings of both texts.
    """

    ranking: Literal["unknown", "delete", "saliency"] = "unknown"
    most_changed: float = 1.0
    most_edits: int | None = None
    least_similar: float | None = None

    def __post_init__(self) -> None:
        if self.ranking not in RANKINGS or not 0 < self.most_changed <= 1:
            raise PartError(
                f"expected a ranking among {', '.join(RANKINGS)} and most_changed above 0 and at most 1, given "
                f"'{self.ranking}' and {self.most_changed}",
                hint="See duiqi.core.attack.",
            )
