"""AdaLoRA: low-rank changes whose ranks go to the matrices that need them. Written here, as peft's changes ranks only
through a wrapper of the whole network and forgets what it has seen when a fit is interrupted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from duiqi.core.errors import OptionError
from duiqi.model.scopes.base import Adapter, Tutor
from duiqi.model.scopes.low_rank import linear_names

SPREAD = 0.02
SMOOTHING = 0.85  # of importance and of its uncertainty, as the authors' code has both
FULL_SHARE, FINAL_SHARE, EVERY = 0.15, 0.3, 5  # of all steps before and after ranks fall; steps between two changes


class Triplets(nn.Module):
    """A linear layer and, added to its answer, the singular triplets P Λ Q of a change; Λ begins at 0."""

    def __init__(self, layer: Any, rank: int, scale: float) -> None:
        super().__init__()
        self.layer, self.scale = layer, scale
        self.turned = not isinstance(layer, nn.Linear)  # GPT-2's lays its weights out the other way round
        inputs, outputs = layer.weight.shape if self.turned else layer.weight.shape[::-1]
        self.triplets = nn.ParameterDict({
            "right": nn.Parameter(torch.randn(rank, inputs) * SPREAD),
            "strength": nn.Parameter(torch.zeros(rank)),
            "left": nn.Parameter(torch.randn(outputs, rank) * SPREAD),
        })  # fmt: skip

    @property
    def weight(self) -> Tensor:
        """The layer's own: architectures look at it for type and device."""
        own: Tensor = self.layer.weight
        return own

    @property
    def rank(self) -> int:
        """How many triplets count."""
        return int((self.triplets["strength"] != 0).sum())

    def forward(self, x: Tensor) -> Tensor:
        right, strength, left = (self.triplets[name] for name in ("right", "strength", "left"))
        inner = nn.functional.linear(x, right) * (strength * self.scale)
        added: Tensor = self.layer(x) + nn.functional.linear(inner, left)
        return added

    def change(self) -> Tensor:
        """What is added to the weights, in their layout."""
        weighed = self.triplets["left"] * (self.triplets["strength"] * self.scale)
        whole: Tensor = weighed @ self.triplets["right"]
        return whole.T if self.turned else whole


@dataclass(frozen=True)
class Adaptive(Adapter):
    """Zhang et al. (2023, AdaLoRA, https://arxiv.org/abs/2303.10512): every matrix begins with `start` triplets; those
    that matter least to the loss are switched off until `rank` are left for each matrix on average.

    A triplet matters by |weight · gradient|, averaged over steps, times how much that varies. `orthogonality` weighs
    the penalty that keeps triplets apart.
    """

    rank: int = 8
    start: int = 12
    alpha: float = 16.0
    orthogonality: float = 0.5
    name: ClassVar[str] = "adalora"
    mark: ClassVar[str] = ".triplets."
    swift: ClassVar[float] = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.rank <= self.start:
            raise OptionError(
                f"expected a rank above 0 and at most the {self.start} to start with, given {self.rank}",
                hint="adalora(rank=8) suits most tasks.",
            )

    def attach(self, net: nn.Module) -> None:
        for name in linear_names(net):
            net.set_submodule(name, Triplets(net.get_submodule(name), self.start, self.alpha / self.start))

    def tutor(self, net: nn.Module, total: int) -> Tutor:
        return Allocation(self, net, total)

    def merge(self, net: nn.Module) -> None:
        with torch.no_grad():
            for name, module in matrices(net).items():
                module.layer.weight += module.change()
                net.set_submodule(name, module.layer)

    def tensors(self, net: nn.Module) -> dict[str, Tensor]:
        """The weights that a bundle holds: of the triplets those that count."""
        held = super().tensors(net)
        for name, module in matrices(net).items():
            counts = module.triplets["strength"].detach() != 0
            part = f"{name}.triplets."
            held[f"{part}right"] = held[f"{part}right"][counts]
            held[f"{part}strength"] = held[f"{part}strength"][counts]
            held[f"{part}left"] = held[f"{part}left"][:, counts]
        return held

    def load(self, net: nn.Module, tensors: Mapping[str, Tensor]) -> None:
        whole = dict(tensors)
        for name, module in matrices(net).items():
            for part, own in module.triplets.items():
                given = whole.get(f"{name}.triplets.{part}")
                if given is not None and given.shape != own.shape:
                    whole[f"{name}.triplets.{part}"] = _widened(given, own, zeros=part == "strength")
        super().load(net, whole)


def _widened(given: Tensor, own: Tensor, *, zeros: bool) -> Tensor:
    """`given` in the size of `own`, filled up with what stands there, or with zeros."""
    if given.ndim != own.ndim or any(g > o for g, o in zip(given.shape, own.shape, strict=True)):
        return given  # another network's: it will not fit
    whole = torch.zeros_like(own) if zeros else own.detach().clone()
    whole[tuple(slice(size) for size in given.shape)] = given
    return whole


def matrices(net: nn.Module) -> dict[str, Triplets]:
    """The layers that are changed, by name."""
    return {name: module for name, module in net.named_modules() if isinstance(module, Triplets)}


def ranks(net: nn.Module) -> dict[str, int]:
    """How many triplets each matrix has left."""
    return {name: module.rank for name, module in matrices(net).items()}


class Allocation(Tutor):
    """Which triplets are left: the budget falls with the cube of the steps that remain, then stays."""

    def __init__(self, scope: Adaptive, net: nn.Module, total: int) -> None:
        self.scope, self.matrices = scope, matrices(net)
        self.first, self.last = round(total * FULL_SHARE), total - max(1, round(total * FINAL_SHARE))
        self.weights = {
            f"{name}.{part}": p for name, module in self.matrices.items() for part, p in module.triplets.items()
        }
        self.mean = {name: torch.zeros_like(p) for name, p in self.weights.items()}
        self.spread = {name: torch.zeros_like(p) for name, p in self.weights.items()}
        self.kept = {
            name: torch.ones_like(m.triplets["strength"], dtype=torch.bool) for name, m in self.matrices.items()
        }

    def before_step(self) -> None:
        """Add the gradient of the penalty |PᵀP − 1|² + |QQᵀ − 1|², the mean over matrices."""
        loss = sum(_apart(m.triplets["right"]) + _apart(m.triplets["left"].T) for m in self.matrices.values())
        (self.scope.orthogonality * loss / (2 * len(self.matrices))).backward()  # type: ignore[union-attr]

    @torch.no_grad()
    def after_step(self, done: int) -> None:
        if done <= self.last:
            self._watch()
        if self.first < done <= self.last and (done % EVERY == 0 or done == self.last):
            self._allocate(self.budget(done))
        self.finish()

    @torch.no_grad()
    def finish(self) -> None:
        for name, module in self.matrices.items():
            module.triplets["strength"].masked_fill_(~self.kept[name], 0.0)

    def settled(self, done: int) -> bool:
        return done >= self.last

    def budget(self, done: int) -> int:
        """Triplets in all after so many steps."""
        most, least = (count * len(self.matrices) for count in (self.scope.start, self.scope.rank))
        left = min(1.0, max(0.0, 1 - (done - self.first) / max(1, self.last - self.first)))
        return least if done >= self.last else int(least + (most - least) * left**3)

    def _watch(self) -> None:
        for name, p in self.weights.items():
            if p.grad is None:
                continue
            now = (p * p.grad).abs()
            self.mean[name].lerp_(now, 1 - SMOOTHING)
            self.spread[name].lerp_((now - self.mean[name]).abs(), 1 - SMOOTHING)

    def _allocate(self, budget: int) -> None:
        """Switch off all but the `budget` triplets that matter most; one that is off may come back before the end."""
        scores = torch.cat([self._importance(name) for name in self.matrices])
        on = torch.zeros(len(scores), dtype=torch.bool, device=scores.device)
        on[torch.argsort(scores, descending=True, stable=True)[:budget]] = True
        sizes = [len(kept) for kept in self.kept.values()]
        self.kept = dict(zip(self.kept, on.split(sizes), strict=True))

    def _importance(self, name: str) -> Tensor:
        right, strength, left = (
            self.mean[f"{name}.{part}"] * self.spread[f"{name}.{part}"] for part in ("right", "strength", "left")
        )
        return strength + right.mean(dim=1) + left.mean(dim=0)

    def state(self) -> dict[str, Tensor]:
        kinds = {"mean": self.mean, "spread": self.spread, "kept": self.kept}
        return {f"{kind}/{name}": each for kind, held in kinds.items() for name, each in held.items()}

    def resume(self, state: Mapping[str, Tensor]) -> None:
        for kind, held in (("mean", self.mean), ("spread", self.spread), ("kept", self.kept)):
            for name, each in held.items():
                held[name] = state[f"{kind}/{name}"].to(each.device)


def _apart(rows: Tensor) -> Tensor:
    """How far vectors float[r, d] are from being orthogonal and of length 1."""
    product: Tensor = rows @ rows.T
    return ((product - torch.eye(len(rows), device=rows.device)) ** 2).sum()
