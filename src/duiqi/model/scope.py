"""Scopes: which weights move. A value with `moving(net)`; new ways to choose or to add weights are one class each.

fit(bundle, data, scope=lora(rank=8), …)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from duiqi.core.errors import OptionError, nearest
from duiqi.model.scopes.adaptive import Adaptive
from duiqi.model.scopes.base import Adapter, Scope, Tutor, depths, set_modes, stack
from duiqi.model.scopes.bottleneck import Bottleneck
from duiqi.model.scopes.layers import Full, TopLayers
from duiqi.model.scopes.low_rank import Decomposed, LowRank, RankStabilised, Rescaling
from duiqi.model.scopes.prompts import Prefix, Prompt


def full() -> Scope:
    """All weights move."""
    return Full()


def top_layers(count: int) -> Scope:
    """The last `count` layers and the head move."""
    return TopLayers(int(count))


def head() -> Scope:
    """Only the head moves (with the pooler, where the body has one)."""
    return TopLayers(0)


def lora(rank: int = 8, *, alpha: float | None = None, dropout: float = 0.0) -> Scope:
    """Thin matrices beside every linear layer (Hu et al. 2022); `alpha` is twice the rank unless said."""
    return LowRank(rank, 2.0 * rank if alpha is None else alpha, dropout)


def rslora(rank: int = 8, *, alpha: float | None = None, dropout: float = 0.0) -> Scope:
    """LoRA with a scale that suits high ranks (Kalajdzievski 2023)."""
    return RankStabilised(rank, 2.0 * rank**0.5 if alpha is None else alpha, dropout)


def dora(rank: int = 8, *, alpha: float | None = None, dropout: float = 0.0) -> Scope:
    """LoRA on directions, with the lengths of the weights learned too (Liu et al. 2024)."""
    return Decomposed(rank, 2.0 * rank if alpha is None else alpha, dropout)


def ia3() -> Scope:
    """Factors on keys, values and the inner feed-forward layer (Liu et al. 2022)."""
    return Rescaling()


def adalora(rank: int = 8, *, start: int | None = None, alpha: float = 16.0, orthogonality: float = 0.5) -> Scope:
    """LoRA that begins with `start` ranks a matrix and leaves `rank` on average, where they matter (Zhang et al.)."""
    return Adaptive(rank, start or -(-rank * 3 // 2), alpha, orthogonality)


def bottleneck(width: int = 32) -> Scope:
    """A small network after each half of every layer (Houlsby et al. 2019)."""
    return Bottleneck(width)


def prefix(length: int = 8) -> Scope:
    """Learned keys and values before those of the text, in every layer (Li & Liang 2021)."""
    return Prefix(length)


def prompt(length: int = 8) -> Scope:
    """Learned word vectors before the text (Lester et al. 2021)."""
    return Prompt(length)


SCOPES: Mapping[str, Callable[..., Scope]] = {
    "full": full,
    "top_layers": top_layers,
    "head": head,
    "lora": lora,
    "rslora": rslora,
    "dora": dora,
    "ia3": ia3,
    "adalora": adalora,
    "bottleneck": bottleneck,
    "prefix": prefix,
    "prompt": prompt,
}


def scope_of(said: Mapping[str, Any]) -> Scope:
    """The scope that `to_json` wrote."""
    ((name, options),) = said.items()
    if name not in SCOPES:
        raise OptionError(f"expected a scope among {', '.join(SCOPES)}, given '{name}'", hint=nearest(name, SCOPES))
    known = signature(SCOPES[name]).parameters
    strange = next((option for option in options if option not in known), None)
    if strange is not None:
        raise OptionError(
            f"expected options of {name}, which has {', '.join(known) or 'none'}, given '{strange}'",
            hint=nearest(strange, known),
        )
    try:
        return SCOPES[name](**options)
    except TypeError as error:
        raise OptionError(
            f"expected numbers that {name} can work with, given {dict(options)}", hint="lora(rank=8) suits most tasks."
        ) from error


__all__ = [
    "SCOPES",
    "Adapter",
    "Scope",
    "Tutor",
    "adalora",
    "bottleneck",
    "depths",
    "dora",
    "full",
    "head",
    "ia3",
    "lora",
    "prefix",
    "prompt",
    "rslora",
    "scope_of",
    "set_modes",
    "stack",
    "top_layers",
]
