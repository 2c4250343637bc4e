"""How weights move: the settings of the loop, learning rates and their schedules, groups of parameters, optimisers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from duiqi.core.errors import OptionError, nearest
from duiqi.model import kernels
from duiqi.model.scope import depths
from duiqi.model.scopes.low_rank import Rescaling

FEWEST_STEPS = 200  # of a fit that begins with a fresh head
FEWEST_MORE = 50  # of one that goes on from a fitted model
SETTLING = 64  # steps until Adam's second moments can be trusted
MOMENTUM = 0.9  # of plain gradient descent


@dataclass(frozen=True)
class Settings:
    """How the loop runs; the defaults suit encoders of 20 to 200 million parameters and a few thousand rows.

    `batch_rows`: rows a batch; `None` takes 32, or fewer where that would leave too few steps (`batch_for`).
    `learning_rate`: the peak; `None` takes 3e-5 at width 768 and more for narrower bodies (`default_rate`), times what
    suits the scope and the `optimizer` ("adamw", "sgd", "adafactor").
    `warmup`: share of the steps in which the rate rises (more in short fits, see `warmup_steps`); after that it follows
    `schedule`: "linear" or "cosine" fall to 0, "constant" stays. `layer_decay`: every layer learns by this factor
    slower than the one above it. `weight_decay` holds for matrices, not for biases, norms and embeddings.
    `average`: with 0.999, say, what is measured and kept is the exponential average of the weights. `accumulation`:
    batches per step. `gradient_checkpointing`: compute activations again instead of keeping them: less memory, a third
    more time. `reuse`: compute what held layers say once and keep it for all epochs, where it fits into memory.
    `patience`: with dev rows, stop after so many epochs without a lower dev loss.
    """

    epochs: int = 3
    learning_rate: float | None = None
    batch_rows: int | None = None
    max_tokens: int = 256
    warmup: float = 0.06
    weight_decay: float = 0.01
    clip: float = 1.0
    accumulation: int = 1
    patience: int = 2
    number_type: str = "auto"
    checkpoint_seconds: float = 30.0
    optimizer: str = "adamw"
    schedule: str = "linear"
    layer_decay: float = 1.0
    average: float = 0.0
    gradient_checkpointing: bool = False
    reuse: bool = True

    def __post_init__(self) -> None:
        positive = {
            name: getattr(self, name) for name in ("epochs", "batch_rows", "max_tokens", "accumulation", "clip")
        }
        for name, value in positive.items():
            if value is not None and not value > 0:
                raise OptionError(f"expected {name} above 0, given {value}", hint="Leave it out for the default.")
        if self.learning_rate is not None and not self.learning_rate > 0:
            raise OptionError(f"expected a learning rate above 0, given {self.learning_rate}", hint="Try 5e-5.")
        _one_of("optimizer", self.optimizer, OPTIMIZERS)
        _one_of("schedule", self.schedule, SCHEDULES)
        if not 0 < self.layer_decay <= 1:
            raise OptionError(
                f"expected a layer_decay above 0 and at most 1, given {self.layer_decay}", hint="0.9 is usual."
            )
        if not 0 <= self.average < 1:
            raise OptionError(f"expected an average from 0 to below 1, given {self.average}", hint="0.999 is usual.")


def check_settings(given: Mapping[str, Any]) -> None:
    """`OptionError` for settings that there are not, or whose values cannot be."""
    known = Settings.__dataclass_fields__
    unknown = next((name for name in sorted(given) if name not in known), None)
    if unknown is not None:
        raise OptionError(
            f"expected settings among {', '.join(known)}, given '{unknown}'", hint=nearest(unknown, known)
        )
    Settings(**given)


def _one_of(setting: str, given: str, known: Mapping[str, Any]) -> None:
    if given not in known:
        raise OptionError(f"expected {setting} among {', '.join(known)}, given '{given}'", hint=nearest(given, known))


def default_rate(width: int) -> float:
    """Peak learning rate by the width of the body: 3e-5 at 768, 1.2e-4 at 384, at most 2e-4.

    BERT's paper (Devlin et al. 2019) tries 2e-5 to 5e-5 at width 768.

    Narrower bodies take larger steps: the rate goes with the inverse square of the width.
    """
    return float(min(2e-4, 3e-5 * (768 / width) ** 2))


def batch_for(rows: int, epochs: int, *, fresh: bool) -> int:
    """Rows a batch: 32, or 16 or 8 where that takes fewer than `FEWEST_STEPS` steps in all.

    A fresh head on a pre-trained body needs some hundred steps whatever the number of rows; a fitted model that goes on
    needs fewer (`FEWEST_MORE`). Batches of 32 take a fifth to a third less time a row than batches of 16.
    """
    least = FEWEST_STEPS if fresh else FEWEST_MORE
    fitting = [size for size in (32, 16) if rows * epochs / size >= least]
    return fitting[0] if fitting else 8


def warmup_steps(total: int, settings: Settings) -> int:
    """Steps in which the rate rises: the set share of all, but 64 where a fit is short, at most three in ten.

    Before Adam has seen that many gradients its steps are too long, and a network may fall into answering one class for
    good (Mosbach et al. 2021, On the stability of fine-tuning BERT, https://arxiv.org/abs/2006.04884). A `warmup` of 0
    is taken at its word.
    """
    settling = min(SETTLING, round(total * 0.3)) if settings.warmup else 0
    return max(1, round(total * settings.warmup), settling)


def rate(step: int, total: int, settings: Settings, peak: float) -> float:
    """Learning rate of a step (from 0): a linear rise over the warm-up, then what the schedule says."""
    warmup = warmup_steps(total, settings)
    if step < warmup:
        return peak * (step + 1) / warmup
    return SCHEDULES[settings.schedule](peak, total - step, max(1, total - warmup + 1))


def _linear(peak: float, left: int, whole: int) -> float:
    return peak * left / whole


def _cosine(peak: float, left: int, whole: int) -> float:
    return peak * (1 - math.cos(math.pi * left / whole)) / 2


def _constant(peak: float, left: int, whole: int) -> float:
    return peak


SCHEDULES: Mapping[str, Callable[[float, int, int], float]] = {
    "linear": _linear,
    "cosine": _cosine,
    "constant": _constant,
}


def parameter_groups(
    net: Any, settings: Settings, swiftness: Callable[[str], float] = lambda name: 1.0
) -> list[dict[str, Any]]:
    """What moves, by weight decay and by `pace`, the factor on the learning rate.

    `swiftness` of a name is a factor on its pace. Matrices decay; biases, norms, factors and embeddings do not. With a
    `layer_decay` below 1 what lies deeper is slower (Howard & Ruder 2018, Universal language model fine-tuning,
    https://arxiv.org/abs/1801.06146).
    """
    steady = {
        id(p) for m in net.modules() if isinstance(m, nn.Embedding | kernels.CompactEmbedding) for p in m.parameters()
    }
    steady |= {id(p) for name, p in net.named_parameters() if Rescaling.mark in name}
    moving = [(name, p) for name, p in net.named_parameters() if p.requires_grad]
    deep = depths(net, [name for name, _ in moving]) if settings.layer_decay < 1 else dict.fromkeys(dict(moving), 0)
    paces = {name: settings.layer_decay ** deep[name] * swiftness(name) for name, _ in moving}
    groups: list[dict[str, Any]] = []
    for pace in sorted({*paces.values()}, reverse=True):
        here = [p for name, p in moving if paces[name] == pace]
        decays = [p for p in here if p.ndim > 1 and id(p) not in steady]
        keeps = [p for p in here if p.ndim <= 1 or id(p) in steady]
        groups += [
            {"params": decays, "weight_decay": settings.weight_decay, "pace": pace},
            {"params": keeps, "weight_decay": 0.0, "pace": pace},
        ]
    return [group for group in groups if group["params"]]


@dataclass(frozen=True)
class Optimizer:
    """How an optimiser is made, and by how much longer than AdamW's the steps are that suit it."""

    make: Callable[[Iterable[dict[str, Any]], str], torch.optim.Optimizer]
    pace: float = 1.0


def _adamw(groups: Iterable[dict[str, Any]], device: str) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, lr=0.0, fused=torch.device(device).type in ("cpu", "cuda"))


def _sgd(groups: Iterable[dict[str, Any]], device: str) -> torch.optim.Optimizer:
    return torch.optim.SGD(groups, lr=0.0, momentum=MOMENTUM)


def _adafactor(groups: Iterable[dict[str, Any]], device: str) -> torch.optim.Optimizer:
    """Adafactor at the rate it is given, so that the schedule and what suits AdamW hold for it too."""
    from transformers.optimization import Adafactor

    made: torch.optim.Optimizer = Adafactor(groups, lr=0.0, scale_parameter=False, relative_step=False)
    return made


OPTIMIZERS: Mapping[str, Optimizer] = {
    "adamw": Optimizer(_adamw),
    "sgd": Optimizer(_sgd, pace=300.0),
    "adafactor": Optimizer(_adafactor),
}


def optimizer_for(
    net: Any, settings: Settings, device: str, swiftness: Callable[[str], float]
) -> torch.optim.Optimizer:
    """The chosen optimiser over what moves; its rate is set before every step."""
    return OPTIMIZERS[settings.optimizer].make(parameter_groups(net, settings, swiftness), device)


class Average:
    """The exponential average of weights that move (Polyak & Juditsky 1992; https://doi.org/10.1137/0330046).

    The average begins as the weights are and forgets faster at first: after t steps with
    min(decay, (1 + t) / (10 + t)).
    """

    def __init__(self, decay: float, weights: Mapping[str, Tensor]) -> None:
        self.decay, self.steps = decay, 0
        self.kept = {name: each.detach().clone() for name, each in weights.items()}

    @torch.no_grad()
    def add(self, weights: Mapping[str, Tensor]) -> None:
        """Take in the weights after a step."""
        self.steps += 1
        share = 1 - min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, each in weights.items():
            self.kept[name].lerp_(each, share)

    @torch.no_grad()
    def swap(self, weights: Mapping[str, Tensor]) -> None:
        """Exchange the weights and their average; a second time takes it back."""
        for name, each in weights.items():
            aside = each.detach().clone()
            each.copy_(self.kept[name])
            self.kept[name] = aside
