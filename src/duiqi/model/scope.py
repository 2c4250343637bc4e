"""Scopes: which weights move. A value with `choose(net)`, and new ways to choose are one class each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from torch import nn

from duiqi.core.errors import OptionError


@dataclass(frozen=True)
class Scope:
    """Which weights move; equal options make equal scopes."""

    name: ClassVar[str]

    @property
    def pace(self) -> float:
        """By how much faster than a whole body these weights learn, for the default learning rate."""
        return 1.0

    def moving(self, net: Any) -> Iterable[str]:
        """Names of the parameters that move."""
        raise NotImplementedError

    def apply(self, net: nn.Module) -> None:
        """Let the chosen parameters move, hold the others, and run what is held in evaluation mode (no dropout)."""
        chosen = set(self.moving(net))
        for name, parameter in net.named_parameters():
            parameter.requires_grad_(name in chosen)
        set_modes(net)

    def to_json(self) -> dict[str, Any]:
        """Name and options."""
        return {self.name: asdict(self)}


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
        return [name for name in _from(net, f"{prefix}.0.") if not name.startswith(below)]


def stack(net: nn.Module) -> tuple[str, nn.ModuleList]:
    """Name and modules of the body's layers: the longest list of modules it has."""
    lists = [(name, module) for name, module in net.named_modules() if isinstance(module, nn.ModuleList)]
    if not lists:
        raise OptionError(
            f"expected a model made of layers, given {type(net).__name__}, which has none", hint="Use full()."
        )
    return max(lists, key=lambda pair: len(pair[1]))


def _from(net: nn.Module, start: str) -> list[str]:
    """Names of the parameters from the first one that begins with `start`, in the order of the forward pass.

    transformers registers modules in the order in which it runs them, so what precedes the layers lies below them.
    """
    names = [name for name, _ in net.named_parameters()]
    first = next(i for i, name in enumerate(names) if name.startswith(start))
    return names[first:]


def set_modes(net: nn.Module) -> None:
    """Training mode, except for modules all of whose parameters are held: those run in evaluation mode."""
    net.train()
    _hold(net)


def _hold(module: nn.Module) -> None:
    parameters = list(module.parameters())
    if parameters and not any(parameter.requires_grad for parameter in parameters):
        module.eval()
        return
    for child in module.children():
        _hold(child)


def full() -> Scope:
    """All weights move."""
    return Full()


def top_layers(count: int) -> Scope:
    """The last `count` layers and the head move."""
    return TopLayers(int(count))


def head() -> Scope:
    """Only the head moves (with the pooler, where the body has one)."""
    return TopLayers(0)
