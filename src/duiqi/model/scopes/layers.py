"""Scopes that choose among the weights there are: all of them, the last layers, the head."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from duiqi.core.errors import OptionError
from duiqi.model.scopes.base import Scope, from_layers, stack


@dataclass(frozen=True)
class Full(Scope):
    """All weights."""

    name: ClassVar[str] = "full"

    def moving(self, net: Any) -> Iterable[str]:
        return [name for name, _ in net.named_parameters()]


@dataclass(frozen=True)
class TopLayers(Scope):
    """The last `count` layers of the body and whatever comes after them; with 0 layers, the head alone."""

    count: int
    name: ClassVar[str] = "top_layers"

    def __post_init__(self) -> None:
        if self.count < 0:
            raise OptionError(
                f"expected a number of layers of at least 0, given {self.count}", hint="Use head() for 0."
            )

    @property
    def pace(self) -> float:
        return 1.0 if self.count else 10.0  # a head alone is a nearly linear model

    def moving(self, net: Any) -> Iterable[str]:
        prefix, layers = stack(net)
        if self.count > len(layers):
            raise OptionError(
                f"expected at most the {len(layers)} layers of the model, given {self.count}",
                hint="Use full() to train everything.",
            )
        below = tuple(f"{prefix}.{i}." for i in range(len(layers) - self.count))
        return [name for name in from_layers(net) if not name.startswith(below)]
