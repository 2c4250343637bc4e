"""`Plan`: what a remedy proposes. Four optional factors that compose; two answers to one question clash."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from duiqi.core.dataset import Dataset
from duiqi.core.errors import OptionError
from duiqi.core.task import Task

Rows = Callable[[Dataset], Dataset]


@dataclass(frozen=True)
class Chain:
    """Functions of rows, one after the other. Chains of the same functions are equal."""

    steps: tuple[Rows, ...]

    def __call__(self, rows: Dataset) -> Dataset:
        for step in self.steps:
            rows = step(rows)
        return rows


@dataclass(frozen=True)
class Plan:
    """What a remedy proposes; everything is optional and `a | b` composes.

    `data`: a function from training rows to training rows (functions compose, left first). It makes the same of the
    same rows, so it is called once for them. `cleans`: what it makes stands for the rows from then on (masked ones,
    say), so probes look at it in their place.
    `objective`: the loss to lower, from `duiqi.model.objective`. `scope`: which weights move, from `duiqi.model.scope`.
    `restart`: begin again from the model that plain training began from, where that is known: what a network has
    learned by heart is not moved by weighting it otherwise.
    `training`: settings of the one training loop (`epochs`, `learning_rate`, …).
    `finish`: functions `(model, rows) -> {"temperature": …}` that change how scores become answers, not the weights:
    values of a bundle's `calibration`. They run after training, one after the other, on rows that were not trained on.
    `first`: a plan to carry out before this one, from the same start, such as pre-training. `task`: what is trained
    for, where it is not the task of the case.
    `remedies` are the names and options of the remedies in it, for the lineage.
    """

    data: Rows | None = None
    cleans: bool = False
    objective: Any = None
    scope: Any = None
    training: Mapping[str, Any] = field(default_factory=dict)
    restart: bool = False
    first: Plan | None = None
    task: Task | None = None
    finish: tuple[Callable[[Any, Dataset], Mapping[str, Any]], ...] = ()
    remedies: tuple[tuple[str, Mapping[str, Any]], ...] = ()

    @property
    def trains(self) -> bool:
        """Whether carrying the plan out moves weights."""
        return any(part is not None for part in (self.data, self.objective, self.scope)) or bool(self.training)

    def __or__(self, other: Plan) -> Plan:
        return Plan(
            data=chained(self.data, other.data),
            cleans=any(p.cleans for p in (self, other)) and all(p.cleans or p.data is None for p in (self, other)),
            objective=self._one("objective", other),
            scope=self._one("scope", other),
            training={**self.training, **self._unless_clashing(other)},
            restart=self.restart or other.restart,
            first=self._one("first", other),
            task=self._one("task", other),
            finish=self.finish + other.finish,
            remedies=self.remedies + other.remedies,
        )

    def _one(self, factor: str, other: Plan) -> Any:
        mine, theirs = getattr(self, factor), getattr(other, factor)
        if mine is not None and theirs is not None and mine != theirs:
            raise self._clash(factor, other)
        return mine if theirs is None else theirs

    def _unless_clashing(self, other: Plan) -> Mapping[str, Any]:
        for setting, value in other.training.items():
            if self.training.get(setting, value) != value:
                raise self._clash(setting, other)
        return other.training

    def _clash(self, factor: str, other: Plan) -> OptionError:
        mine, theirs = (" + ".join(name for name, _ in plan.remedies) or "a plan" for plan in (self, other))
        return OptionError(
            f"expected remedies that agree on the {factor}, given {mine} and {theirs}, which set it differently",
            hint="Use one of them, or give both the same option.",
        )


def chained(first: Rows | None, second: Rows | None) -> Rows | None:
    """Both, the first one first; either may be missing."""
    if first is None or second is None:
        return first or second
    return Chain((*steps_of(first), *steps_of(second)))


def steps_of(data: Rows | None) -> tuple[Rows, ...]:
    """The functions that a plan's `data` is made of, the first one first."""
    if isinstance(data, Chain):
        return data.steps
    return () if data is None else (data,)
