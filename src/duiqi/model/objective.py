"""Objectives: what training lowers. `(net, batch) -> float[n]`, one loss per row, and they add and scale.

    likelihood() + 0.5 * adversarial(epsilon=1.0)

A new objective is one frozen dataclass below `Objective` with `__call__` and a `name`; its fields are its options.
Row weights do not belong here: the loop applies them when it reduces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from duiqi.core.errors import OptionError, nearest
from duiqi.model.heads import Head, MaskedLanguageModel


@dataclass(frozen=True, eq=False)
class Batch:
    """Some rows as tensors: model inputs, targets, weights float[n], the positions of the rows, and their head.

    `words` int[n, t] says which word a token belongs to, where the inputs are given as words (-1: none). `mask_token`
    is the id that stands for a hidden token, where the tokenizer has one.
    """

    inputs: Mapping[str, Tensor]
    targets: Tensor
    weights: Tensor
    rows: Any
    head: Head
    words: Tensor | None = None
    mask_token: int | None = None


@dataclass(frozen=True)
class Objective:
    """A loss per row; `a + b` and `0.5 * a` are objectives again. Equal options make equal objectives."""

    name: ClassVar[str]

    @property
    def invents(self) -> bool:
        """Whether it gives the network tokens that no row has."""
        return False

    @property
    def alters(self) -> bool:
        """Whether it gives the network anything but the rows as they are."""
        return self.invents

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

    @property
    def invents(self) -> bool:
        return any(term.invents for term in self.terms)

    @property
    def alters(self) -> bool:
        return any(term.alters for term in self.terms)

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

    @property
    def invents(self) -> bool:
        return self.term.invents

    @property
    def alters(self) -> bool:
        return self.term.alters

    def __call__(self, net: nn.Module, batch: Batch) -> Tensor:
        return self.factor * self.term(net, batch)

    def to_json(self) -> dict[str, Any]:
        return {self.name: {"factor": self.factor, "term": self.term.to_json()}}


@dataclass(frozen=True)
class Likelihood(Objective):
    """Negative log-likelihood of the truth, in nats."""

    name: ClassVar[str] = "likelihood"

    def __call__(self, net: nn.Module, batch: Batch) -> Tensor:
        return batch.head.losses(net, batch.head.raw(net, batch.inputs), batch.targets)


@dataclass(frozen=True)
class Smoothed(Objective):
    """Cross-entropy with a truth that gives `share` of itself to all classes alike (Szegedy et al. 2016, Rethinking the
    Inception architecture, https://arxiv.org/abs/1512.00567): a model never gains by being surer than that."""

    share: float = 0.1
    name: ClassVar[str] = "smoothed"

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise OptionError(f"expected a share from 0 to below 1, given {self.share}", hint="0.1 is usual.")

    def __call__(self, net: nn.Module, batch: Batch) -> Tensor:
        said, true = _of_classes(self, net, batch)
        return _by_row(-(1 - self.share) * true - self.share * said.mean(dim=-1), batch)


@dataclass(frozen=True)
class Focal(Objective):
    """Cross-entropy times (1 − p)^focus, p the probability of the truth: what is known already counts little (Lin et
    al. 2017, Focal loss for dense object detection, https://arxiv.org/abs/1708.02002). With 0 it is the likelihood."""

    focus: float = 2.0
    name: ClassVar[str] = "focal"

    def __post_init__(self) -> None:
        if not self.focus >= 0:
            raise OptionError(f"expected a focus of at least 0, given {self.focus}", hint="2.0 is usual.")

    def __call__(self, net: nn.Module, batch: Batch) -> Tensor:
        _, true = _of_classes(self, net, batch)
        missing = (1 - true.exp()).clamp_min(torch.finfo(true.dtype).tiny)
        return _by_row(-true * missing**self.focus, batch)


ONE_OF_CLASSES = ("sequence_classification", "marked_classification", "multiple_choice", "token_classification")


def _of_classes(objective: Objective, net: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Log-probabilities float[…, k] of all classes and float[…] of the true ones; where there is no truth, 0."""
    if batch.head.name not in ONE_OF_CLASSES:
        raise OptionError(
            f"expected a head that chooses one class for {objective.name}, given {batch.head.name}",
            hint="Use likelihood(); to tag words with it, take the head token_classification.",
        )
    said = batch.head.raw(net, batch.inputs).float().log_softmax(dim=-1)
    true = said.gather(-1, batch.targets.clamp_min(0).unsqueeze(-1)).squeeze(-1)
    return said, true


def _by_row(losses: Tensor, batch: Batch) -> Tensor:
    """Losses of rows as they are; those of words summed over a row and divided by their mean number."""
    if losses.ndim == 1:
        return losses
    here = batch.targets >= 0
    return (losses * here).sum(dim=1) * len(losses) / here.sum().clamp_min(1)


@dataclass(frozen=True)
class Agreement(Objective):
    """R-Drop (Liang et al. 2021, https://arxiv.org/abs/2106.14448): the mean likelihood of two passes with other
    dropout, and alpha / 4 times the sum of both divergences between what they say.

    The paper adds two likelihoods and alpha / 2 times the sum; here both are halved, so that a rate that suits the
    likelihood suits this too.
    """

    alpha: float = 1.0
    name: ClassVar[str] = "r_drop"

    def __post_init__(self) -> None:
        if not self.alpha >= 0:
            raise OptionError(f"expected an alpha of at least 0, given {self.alpha}", hint="1.0 to 5.0 are usual.")

    def __call__(self, net: nn.Module, batch: Batch) -> Tensor:
        first, second = (batch.head.raw(net, batch.inputs) for _ in range(2))
        losses = [batch.head.losses(net, raw, batch.targets) for raw in (first, second)]
        return (losses[0] + losses[1]) / 2 + self.alpha / 4 * _divergence(batch, first, second)


def _divergence(batch: Batch, first: Tensor, second: Tensor) -> Tensor:
    """KL(p|q) + KL(q|p) of the shares of two raw answers, summed over the decisions of a row, float[n]; of tags divided
    by the mean number of words, as their likelihood is."""
    one, other = (batch.head.shares(raw).clamp_min(1e-12) for raw in (first, second))
    if (
        one.ndim != 2
        or one.shape[1] < 2
        or not torch.allclose(one.sum(dim=1), torch.ones(len(one), device=one.device), atol=1e-3)
    ):
        raise OptionError(
            f"expected a head with probabilities for r_drop, given {batch.head.name}", hint="Use likelihood()."
        )
    each = ((one - other) * (one.log() - other.log())).sum(dim=1).view(len(batch.targets), -1)
    if batch.words is None:
        return each.sum(dim=1)
    here = batch.targets >= 0
    return (each * here).sum(dim=1) * len(each) / here.sum().clamp_min(1)


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

    @property
    def alters(self) -> bool:
        return True

    def __call__(self, net: nn.Module, batch: Batch) -> Tensor:
        given = {name: tensor for name, tensor in batch.inputs.items() if name != "input_ids"}
        words = word_vectors(net, batch.inputs["input_ids"])
        at = words.detach().requires_grad_(True)
        losses = batch.head.losses(net, batch.head.raw(net, {"inputs_embeds": at, **given}), batch.targets)
        (slope,) = torch.autograd.grad(losses.sum(), at)
        mask = batch.inputs["attention_mask"]
        lengths = (at.detach().float().norm(dim=-1) * mask).flatten(start_dim=1)
        scale = lengths.sum(dim=1) / mask.flatten(start_dim=1).sum(dim=1)
        push = self.epsilon * scale.view(-1, *[1] * (at.ndim - 1)) * unit(slope.float() * mask.unsqueeze(-1))
        moved = {"inputs_embeds": words + push.to(words.dtype), **given}
        return batch.head.losses(net, batch.head.raw(net, moved), batch.targets)


@dataclass(frozen=True)
class Masked(Objective):
    """Negative log-likelihood of hidden tokens, in nats a token: whole words are hidden, `share` of them.

    Of the hidden tokens four in five are replaced by the mask token, one in ten by any other, and one in ten is left
    (Devlin et al. 2019, https://arxiv.org/abs/1810.04805); all tokens of a word together (Cui et al. 2021, Pre-training
    with whole word masking for Chinese BERT, https://arxiv.org/abs/1906.08101). Every hidden token counts the same: a
    row's loss is the sum over its own, divided by their mean number in the batch. A decoder learns every token from
    those before it instead.
    """

    share: float = 0.15
    name: ClassVar[str] = "masked"

    @property
    def invents(self) -> bool:
        return True

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise OptionError(f"expected a share between 0 and 1, given {self.share}", hint="0.15 is usual.")

    def __call__(self, net: nn.Module, batch: Batch) -> Tensor:
        if batch.head.writes:  # a decoder has nothing to hide: it learns every next token
            return batch.head.losses(net, batch.head.raw(net, batch.inputs), batch.targets)
        if batch.words is None or batch.mask_token is None or not isinstance(batch.head, MaskedLanguageModel):
            raise OptionError(
                f"expected a masked language model with a mask token, given {batch.head.name}",
                hint="Use this objective for pre-training only.",
            )
        ids = batch.inputs["input_ids"]
        hidden = hide(batch.words, self.share)
        inputs = {**batch.inputs, "input_ids": replaced(ids, hidden, batch.mask_token, _entries(net))}
        losses = batch.head.losses(net, batch.head.scores(net, inputs, hidden).float(), ids[hidden])
        rows = hidden.nonzero()[:, 0]
        return torch.zeros(len(ids), device=ids.device).index_add(0, rows, losses) * len(ids) / max(len(rows), 1)


def hide(words: Tensor, share: float) -> Tensor:
    """Which tokens to hide, bool[n, t]: all of about `share` of the words of each row, at least one word a row."""
    draws = torch.rand(len(words), int(words.max()) + 2, device=words.device)
    draws[:, 0] = 2.0  # the place of tokens that belong to no word
    of_token = draws.gather(1, words + 1)
    least = of_token.amin(dim=1, keepdim=True)
    return (of_token < share) | ((of_token == least) & (least < 2.0))


def replaced(ids: Tensor, hidden: Tensor, mask_token: int, entries: int) -> Tensor:
    """The ids with hidden ones replaced: 8 in 10 by the mask token, 1 in 10 by any entry, 1 in 10 as they are."""
    draws = torch.rand(ids.shape, device=ids.device)
    other = torch.randint(entries, ids.shape, device=ids.device)
    masked = torch.where(hidden & (draws < 0.8), torch.full_like(ids, mask_token), ids)
    return torch.where(hidden & (draws >= 0.9), other, masked)


def _entries(net: Any) -> int:
    return int(getattr(net, "module", net).config.vocab_size)


def word_vectors(net: Any, ids: Tensor) -> Tensor:
    """Word vectors float[n, t, d] of token ids, as the body reads them."""
    inner = getattr(net, "module", net)
    return inner.get_input_embeddings()(ids)


def unit(slope: Tensor) -> Tensor:
    """float[n, …, d] scaled to length 1 row by row; a row of zeros stays zero."""
    length = slope.flatten(start_dim=1).norm(dim=1).clamp_min(torch.finfo(slope.dtype).tiny)
    return slope / length.view(-1, *[1] * (slope.ndim - 1))


def likelihood() -> Objective:
    """Negative log-likelihood of the truth."""
    return Likelihood()


def smoothed(share: float = 0.1) -> Objective:
    """Cross-entropy with a truth that gives `share` of itself to all classes alike (label smoothing)."""
    return Smoothed(float(share))


def focal(focus: float = 2.0) -> Objective:
    """Cross-entropy in which what is known already counts little (focal loss)."""
    return Focal(float(focus))


def r_drop(alpha: float = 1.0) -> Objective:
    """The likelihood of two passes with other dropout, which are to agree (R-Drop)."""
    return Agreement(float(alpha))


def objective_of(said: Mapping[str, Any]) -> Objective:
    """The objective of that name with these options: {"focal": {"focus": 2.0}}."""
    ((name, options),) = said.items()
    if name not in OBJECTIVES:
        raise OptionError(
            f"expected an objective among {', '.join(OBJECTIVES)}, given '{name}'", hint=nearest(name, OBJECTIVES)
        )
    try:
        return OBJECTIVES[name](**options)
    except TypeError as error:
        raise OptionError(
            f"expected options of {name}, given {', '.join(options)} ({error})", hint="See duiqi.model.objective."
        ) from error


def masked(share: float = 0.15) -> Objective:
    """Negative log-likelihood of hidden words: the objective of pre-training."""
    return Masked(float(share))


def adversarial(epsilon: float = 1.0) -> Objective:
    """Negative log-likelihood at word vectors pushed uphill by `epsilon` mean word lengths (fast gradient method)."""
    return Adversarial(float(epsilon))


OBJECTIVES: Mapping[str, Callable[..., Objective]] = {
    "likelihood": likelihood,
    "smoothed": smoothed,
    "focal": focal,
    "r_drop": r_drop,
    "adversarial": adversarial,
}
