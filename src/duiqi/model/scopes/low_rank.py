"""LoRA and its kin, and IA3: peft's layers put around the body's own, in place, so that the network keeps its class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from duiqi.core.errors import OptionError
from duiqi.model.scopes.base import Adapter, layer_modules, layer_of

ADAPTER = "default"  # peft's name for the one adapter of a network


@dataclass(frozen=True)
class LowRank(Adapter):
    """A change of every linear layer by a product of two thin matrices, W + s B A.

    LoRA (Hu et al. 2022, https://arxiv.org/abs/2106.09685) with s = alpha / rank. They adapt queries and values only;
    all linear layers of the body are adapted here, as Dettmers et al. (2023, QLoRA, https://arxiv.org/abs/2305.14314)
    found that this is what it takes to reach full fine-tuning.
    """

    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.0
    name: ClassVar[str] = "lora"
    mark: ClassVar[str] = ".lora_"
    flags: ClassVar[dict[str, bool]] = {}

    def __post_init__(self) -> None:
        if not self.rank > 0 or not self.alpha > 0 or not 0 <= self.dropout < 1:
            raise OptionError(
                f"expected a rank and an alpha above 0 and a dropout from 0 to below 1, given {self.rank}, "
                f"{self.alpha} and {self.dropout}",
                hint="lora(rank=8) suits most tasks.",
            )

    def attach(self, net: nn.Module) -> None:
        from peft import LoraConfig

        names = linear_names(net)
        size: dict[str, Any] = {"r": self.rank, "lora_alpha": self.alpha, "lora_dropout": self.dropout, **self.flags}
        _inject(net, LoraConfig(target_modules=names, fan_in_fan_out=_is_turned(net, names), **size))

    def merge(self, net: nn.Module) -> None:
        fold(net)


@dataclass(frozen=True)
class RankStabilised(LowRank):
    """LoRA with s = alpha / sqrt(rank), which lets high ranks learn (Kalajdzievski 2023,
    https://arxiv.org/abs/2312.03732)."""

    name: ClassVar[str] = "rslora"
    flags: ClassVar[dict[str, bool]] = {"use_rslora": True}


@dataclass(frozen=True)
class Decomposed(LowRank):
    """LoRA on the direction of the weights, whose lengths are learned too (Liu et al. 2024, DoRA,
    https://arxiv.org/abs/2402.09353)."""

    name: ClassVar[str] = "dora"
    flags: ClassVar[dict[str, bool]] = {"use_dora": True}


@dataclass(frozen=True)
class Rescaling(Adapter):
    """Learned factors on keys, values and what the feed-forward part reads between its layers: the fewest weights of
    all (Liu et al. 2022, IA3, https://arxiv.org/abs/2205.05638)."""

    name: ClassVar[str] = "ia3"
    mark: ClassVar[str] = ".ia3_"
    swift: ClassVar[float] = 5.0

    def attach(self, net: nn.Module) -> None:
        from peft import IA3Config

        names = linear_names(net)
        inner = last_in_layers(net, names)
        projections = [name for name in names if name.rpartition(".")[2] in KEYS_AND_VALUES]
        if not projections:
            raise OptionError(
                f"expected attention with keys and values of their own, given {type(net).__name__}", hint="Use lora()."
            )
        turned = _is_turned(net, names)
        targets = projections + inner
        _inject(net, IA3Config(target_modules=targets, feedforward_modules=inner, fan_in_fan_out=turned))

    def merge(self, net: nn.Module) -> None:
        fold(net)


KEYS_AND_VALUES = (
    "key", "value", "k_proj", "v_proj", "k_lin", "v_lin", "k", "v", "key_proj", "value_proj", "c_attn", "Wqkv",
)  # fmt: skip


def linear_names(net: nn.Module) -> list[str]:
    """Names of the linear layers inside the body's layers."""
    return [name for name, module in layer_modules(net) if is_linear(module)]


def is_linear(module: nn.Module) -> bool:
    """Whether it is a linear layer: torch's, or GPT-2's, which lays its weights out the other way round."""
    from transformers.pytorch_utils import Conv1D

    return type(module) in (nn.Linear, Conv1D)


def last_in_layers(net: nn.Module, names: list[str]) -> list[str]:
    """Of the names of linear layers the last in every layer: where the feed-forward part ends."""
    layers = {}
    for name in names:
        layers[layer_of(net, name)] = name
    return list(layers.values())


def _is_turned(net: nn.Module, names: list[str]) -> bool:
    return bool(names) and not isinstance(net.get_submodule(names[0]), nn.Linear)


def _inject(net: nn.Module, config: Any) -> None:
    from peft import inject_adapter_in_model

    inject_adapter_in_model(config, net, ADAPTER)


def fold(net: nn.Module) -> None:
    """Put every one of peft's layers into the weights it stands around, and the layer itself in its place."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for module in list(net.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, BaseTunerLayer):
                child.merge()
                setattr(module, name, child.get_base_layer())
