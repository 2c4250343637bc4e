"""`Scope`: which weights move, and `Adapter`: a scope that adds weights of its own and holds the body's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from duiqi.core.errors import ModelError, OptionError


@dataclass(frozen=True)
class Scope:
    """Which weights move; equal options make equal scopes."""

    name: ClassVar[str]
    adapts: ClassVar[bool] = False  # whether it adds weights, so that a bundle needs no other
    merges: ClassVar[bool] = True  # whether what it adds can become part of the body's own weights

    @property
    def pace(self) -> float:
        """By how much faster than a whole body these weights learn, for the default learning rate."""
        return 1.0

    def swiftness(self, name: str) -> float:
        """By how much faster than the rest of what moves a parameter learns."""
        return 1.0

    @property
    def places(self) -> int:
        """How many places of a sequence it takes for itself."""
        return 0

    def attach(self, net: nn.Module) -> None:
        """Add the modules that it needs, drawn from torch's generator."""

    def moving(self, net: Any) -> Iterable[str]:
        """Names of the parameters that move."""
        raise NotImplementedError

    def apply(self, net: nn.Module) -> None:
        """Let the chosen parameters move, hold the others, and run what is held in evaluation mode (no dropout)."""
        chosen = set(self.moving(net))
        for name, parameter in net.named_parameters():
            parameter.requires_grad_(name in chosen)
        set_modes(net)

    def tutor(self, net: nn.Module, total: int) -> Tutor:
        """What accompanies a fit of `total` steps."""
        return Tutor()

    def to_json(self) -> dict[str, Any]:
        """Name and options."""
        return {self.name: asdict(self)}


class Tutor:
    """What a scope does around the steps of a fit, and what it must remember to go on. This one does nothing."""

    def before_step(self) -> None:
        """When all gradients of a step are there; it may add its own."""

    def after_step(self, done: int) -> None:
        """When `done` steps are made, the gradients still there."""

    def settled(self, done: int) -> bool:
        """Whether the weights after `done` steps are of the kind that is asked for, so that they may be kept."""
        return True

    def finish(self) -> None:
        """When the weights to keep are in the network."""

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint keeps."""
        return {}

    def resume(self, state: Mapping[str, Tensor]) -> None:
        """Take up what a checkpoint kept."""


@dataclass(frozen=True)
class Adapter(Scope):
    """A scope that adds weights: they move with what lies above the layers, and a bundle holds nothing else."""

    adapts: ClassVar[bool] = True
    mark: ClassVar[str]  # what the names of added parameters have in common
    swift: ClassVar[float] = 1.0  # by how much faster they learn than what lies above the layers

    @property
    def pace(self) -> float:
        return 5.0

    def swiftness(self, name: str) -> float:
        return self.swift if self.mark in f".{name}" else 1.0

    def moving(self, net: Any) -> list[str]:
        above, words = set(above_layers(net)), _word_scores(net)
        return [
            name for name, p in net.named_parameters()
            if self.mark in f".{name}" or (name in above and id(p) not in words)
        ]  # fmt: skip

    def tensors(self, net: nn.Module) -> dict[str, Tensor]:
        """The weights that a bundle holds."""
        return {name: net.get_parameter(name).detach() for name in self.moving(net)}

    def load(self, net: nn.Module, tensors: Mapping[str, Tensor]) -> None:
        """Take the weights of a bundle; `ModelError` where they are not those of this scope on this network."""
        wanted = self.moving(net)
        fits = {*tensors} == {*wanted} and all(net.get_parameter(name).shape == tensors[name].shape for name in wanted)
        if not fits:
            strange = sorted({*tensors} ^ {*wanted}) or ["other sizes"]
            raise ModelError(
                f"expected the weights of {self.name} on this base, given others ({strange[0]})",
                hint="Make the adapter again on this base.",
            )
        with torch.no_grad():
            for name in wanted:
                net.get_parameter(name).copy_(tensors[name])

    def merge(self, net: nn.Module) -> None:
        """Make what was added part of the body's own weights; `OptionError` where that cannot be."""
        raise OptionError(
            f"expected an adapter that can be merged into its base, given {self.name}, which is no "
            "change of the body's weights",
            hint="Keep the adapter and its base, or train lora or ia3 instead.",
        )


def _word_scores(net: Any) -> set[int]:
    """Which parameters score the words of a language model: as many as its word vectors, and no head of a task."""
    scores = net.get_output_embeddings()
    return set() if scores is None else {id(p) for p in scores.parameters()}


def stack(net: nn.Module) -> tuple[str, nn.ModuleList]:
    """Name and modules of the body's layers: the longest list of modules that lies in no other one; of two that are
    equally long, as an encoder-decoder has them, the later one."""
    lists = [(name, module) for name, module in net.named_modules() if isinstance(module, nn.ModuleList)]
    outer = [(name, m) for name, m in lists if not any(name.startswith(f"{other}.") for other, _ in lists)]
    if not outer:
        raise OptionError(
            f"expected a model made of layers, given {type(net).__name__}, which has none", hint="Use full()."
        )
    return max(reversed(outer), key=lambda pair: len(pair[1]))


def from_layers(net: nn.Module) -> list[str]:
    """Names of the parameters from the first layer on, in the order of the forward pass.

    transformers registers modules in the order in which it runs them, so what precedes the layers lies below them.
    """
    names = [name for name, _ in net.named_parameters()]
    start = f"{stack(net)[0]}.0."
    first = next(i for i, name in enumerate(names) if name.startswith(start))
    return names[first:]


def above_layers(net: nn.Module) -> list[str]:
    """Names of the parameters that come after the layers."""
    prefix = stack(net)[0]
    return [name for name in from_layers(net) if not name.startswith(f"{prefix}.")]


def depths(net: nn.Module, names: Iterable[str]) -> dict[str, int]:
    """How deep parameters lie: 0 above the layers, 1 in the last layer, one more than there are layers below them."""
    prefix, layers = stack(net)
    above = {*above_layers(net)}

    def depth(name: str) -> int:
        if name in above:
            return 0
        inside = name.startswith(f"{prefix}.")
        return len(layers) + 1 if not inside else len(layers) - int(name[len(prefix) + 1 :].partition(".")[0])

    return {name: depth(name) for name in names}


def stacks(net: nn.Module) -> list[str]:
    """Names of the body's lists of layers: one, or of an encoder-decoder those of both sides."""
    length = len(stack(net)[1])
    lists = [name for name, m in net.named_modules() if isinstance(m, nn.ModuleList) and len(m) == length]
    return [name for name in lists if not any(name.startswith(f"{other}.") for other in lists)]


def layer_modules(net: nn.Module) -> list[tuple[str, nn.Module]]:
    """Names and modules of everything inside the layers."""
    inside = tuple(f"{name}." for name in stacks(net))
    return [(name, module) for name, module in net.named_modules() if name.startswith(inside)]


def layer_of(net: nn.Module, name: str) -> str:
    """The name of the layer in which a module of that name lies."""
    outer = next(each for each in stacks(net) if name.startswith(f"{each}."))
    return f"{outer}.{name[len(outer) + 1 :].partition('.')[0]}"


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
