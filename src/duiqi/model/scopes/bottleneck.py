"""Bottleneck adapters: a small network after each half of every layer (peft has none)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from duiqi.core.errors import OptionError
from duiqi.model.scopes.base import Adapter, layer_of
from duiqi.model.scopes.low_rank import last_in_layers, linear_names

START = 5e-2  # spread of the weights that narrow: what they widen to is 0 at first, however large


class WithBottleneck(nn.Module):
    """A linear layer, and what a narrow network makes of its answer added to it; at first that is 0."""

    def __init__(self, layer: nn.Module, width: int, narrow: int) -> None:
        super().__init__()
        self.layer = layer
        self.bottleneck = nn.Sequential(nn.Linear(width, narrow), nn.GELU(), nn.Linear(narrow, width))
        nn.init.normal_(self.bottleneck[0].weight, std=START)  # type: ignore[arg-type]
        nn.init.zeros_(self.bottleneck[0].bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.bottleneck[2].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.bottleneck[2].bias)  # type: ignore[arg-type]

    @property
    def weight(self) -> Tensor:
        """The layer's own: architectures look at it for type and device."""
        return self.layer.weight  # type: ignore[return-value]

    def forward(self, x: Tensor) -> Tensor:
        states = self.layer(x)
        added: Tensor = states + self.bottleneck(states)
        return added


@dataclass(frozen=True)
class Bottleneck(Adapter):
    """Houlsby et al. (2019, Parameter-efficient transfer learning for NLP, https://arxiv.org/abs/1902.00751).

    One after attention and one after the feed-forward part, before what they said is added to what came in; the norms
    move too. Where the answer of a layer's half ends is read from the order of its linear layers: the last one of its
    attention, and the last one at all.
    """

    width: int = 32
    name: ClassVar[str] = "bottleneck"
    mark: ClassVar[str] = ".bottleneck."
    swift: ClassVar[float] = 4.0  # on dev of sst2 better than 1 (docs/log.md)
    merges: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not self.width > 0:
            raise OptionError(f"expected a width above 0, given {self.width}", hint="32 suits most encoders.")

    def attach(self, net: Any) -> None:
        names, width = linear_names(net), net.config.hidden_size
        for name in sorted({*last_in_attention(net, names), *last_in_layers(net, names)}):
            layer = net.get_submodule(name)
            if (layer.out_features if isinstance(layer, nn.Linear) else layer.nf) != width:
                raise OptionError(
                    f"expected layers whose halves end in a linear layer {width} wide, given {name}", hint="Use lora()."
                )
            net.set_submodule(name, WithBottleneck(layer, width, self.width))

    def moving(self, net: Any) -> list[str]:
        norms = [(name, m) for name, m in net.named_modules() if "norm" in type(m).__name__.lower()]
        theirs = {f"{name}.{part}" for name, module in norms for part, _ in module.named_parameters(recurse=False)}
        chosen = {*super().moving(net), *theirs}
        return [name for name, _ in net.named_parameters() if name in chosen]


def last_in_attention(net: nn.Module, names: list[str]) -> list[str]:
    """Of the names of linear layers the last in every attention."""
    last = {}
    for name in names:
        layer = layer_of(net, name)
        parts = name[len(layer) + 1 :].split(".")
        at = next((i for i, part in enumerate(parts[:-1]) if "att" in part.lower()), None)
        if at is not None:
            last[".".join([layer, *parts[: at + 1]])] = name
    return list(last.values())
