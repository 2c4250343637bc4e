"""Objectives: what training lowers. `(net, batch) -> float[n]`, one loss per row, and they add and scale.

    likelihood() + 0.5 * adversarial(epsilon=1.0)

A new objective is one frozen dataclass below `Objective` with `__call__` and a `name`; its fields are its options.
Row weights do not belong here: the loop applies them when it reduces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from duiqi.core.errors import OptionError
from duiqi.model.heads import Head


@dataclass(frozen=True, eq=False)
class Batch:
    """Some rows as tensors: model inputs, targets, weights float[n], the positions of the rows, and their head."""

    inputs: Mapping[str, Tensor]
    targets: Tensor
    weights: Tensor
    rows: Any
    head: Head


@dataclass(frozen=True)
class Objective:
    """A loss per row; `a + b` and `0.5 * a` are objectives again. Equal options make equal objectives."""

    name: ClassVar[str]

    def __call__(self, net: nn.Module, batch: Batch) -> Tensor:
        """Loss of every row, float[n]."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Name and options."""
        return {self.name: asdict(self)}

    def __add__(self, other: Objective) -> Objective:
        return Sum((*_terms(self), *_terms(other)))

    def __mul__(self, factor: float) -> Objective:
        return Scaled(float(factor), self)

    __rmul__ = __mul__


def _terms(objective: Objective) -> tuple[Objective, ...]:
    return objective.terms if isinstance(objective, Sum) else (objective,)


@dataclass(frozen=True)
class Sum(Objective):
    """Losses added row by row."""

    terms: tuple[Objective, ...]
    name: ClassVar[str] = "sum"

    def __call__(self, net: nn.Module, batch: Batch) -> Tensor:
        total = self.terms[0](net, batch)
        for term in self.terms[1:]:
            total = total + term(net, batch)
        return total

    def to_json(self) -> dict[str, Any]:
        return {self.name: [term.to_json() for term in self.terms]}


@dataclass(frozen=True)
class Scaled(Objective):
    """A loss times a factor."""

    factor: float
    term: Objective
    name: ClassVar[str] = "scaled"

    def __call__(self, net: nn.Module, batch: Batch) -> Tensor:
        return self.factor * self.term(net, batch)

    def to_json(self) -> dict[str, Any]:
        return {self.name: {"factor": self.factor, "term": self.term.to_json()}}


@dataclass(frozen=True)
class Likelihood(Objective):
    """Negative log-likelihood of the truth, in nats."""

    name: ClassVar[str] = "likelihood"

    def __call__(self, net: nn.Module, batch: Batch) -> Tensor:
        return batch.head.losses(batch.head.raw(net, batch.inputs), batch.targets)


@dataclass(frozen=True)
class Adversarial(Objective):
    """Negative log-likelihood at word vectors pushed uphill, row by row, by `epsilon` mean lengths of a word vector.

    The fast gradient method of Miyato, Dai and Goodfellow (2017, ICLR, https://arxiv.org/abs/1605.07725): with g the
    gradient of a row's loss with respect to all its word vectors, the push is epsilon * s * g / |g|, held fixed while
    the weights learn. |g| is over the whole sequence, as there. They scale embeddings to unit variance first; we leave
    a pretrained body as it is and take s, the mean length of the row's word vectors, as the unit of `epsilon`, so that
    one value suits bodies with long and with short vectors. Padding is never pushed.
    """

    epsilon: float = 1.0
    name: ClassVar[str] = "adversarial"

    def __post_init__(self) -> None:
        if not self.epsilon > 0:
            raise OptionError(f"expected epsilon above 0, given {self.epsilon}", hint="1.0 suits most encoders.")

    def __call__(self, net: nn.Module, batch: Batch) -> Tensor:
        given = {name: tensor for name, tensor in batch.inputs.items() if name != "input_ids"}
        words = word_vectors(net, batch.inputs["input_ids"])
        at = words.detach().requires_grad_(True)
        losses = batch.head.losses(batch.head.raw(net, {"inputs_embeds": at, **given}), batch.targets)
        (slope,) = torch.autograd.grad(losses.sum(), at)
        mask = batch.inputs["attention_mask"]
        scale = (at.detach().float().norm(dim=-1) * mask).sum(dim=1) / mask.sum(dim=1)
        push = self.epsilon * scale[:, None, None] * unit(slope.float() * mask.unsqueeze(-1))
        moved = {"inputs_embeds": words + push.to(words.dtype), **given}
        return batch.head.losses(batch.head.raw(net, moved), batch.targets)


def word_vectors(net: Any, ids: Tensor) -> Tensor:
    """Word vectors float[n, t, d] of token ids, as the body reads them."""
    inner = getattr(net, "module", net)
    return inner.get_input_embeddings()(ids)


def unit(slope: Tensor) -> Tensor:
    """float[n, t, d] scaled to length 1 row by row; a row of zeros stays zero."""
    length = slope.flatten(start_dim=1).norm(dim=1).clamp_min(torch.finfo(slope.dtype).tiny)
    return slope / length[:, None, None]


def likelihood() -> Objective:
    """Negative log-likelihood of the truth."""
    return Likelihood()


def adversarial(epsilon: float = 1.0) -> Objective:
    """Negative log-likelihood at word vectors pushed uphill by `epsilon` mean word lengths (fast gradient method)."""
    return Adversarial(float(epsilon))
