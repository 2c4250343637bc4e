"""The contract every part keeps, to be run on anybody's part: `duiqi.testing.check(part)`.

    from duiqi.testing import check
    from my_parts import my_probe

    def test_my_probe():
        check(my_probe)

It raises `AssertionError` with a sentence that names the part and what it breaks.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from duiqi.core.case import Case
from duiqi.core.edit import apply
from duiqi.core.errors import OptionError
from duiqi.core.examine import Order, examine
from duiqi.core.measure import Measure, Weights, accumulate
from duiqi.core.part import Catalogue, Part
from duiqi.core.plan import Plan
from duiqi.core.seed import generator
from duiqi.core.task import Task
from duiqi.data.made_up import private_case
from duiqi.data.simulated import (
    harmful_case,
    judged_case,
    labelled_case,
    moved_case,
    ranked_case,
    retold_case,
    scored_case,
    simulated_case,
    tagged_case,
    written_case,
)

TEXTS = (
    "The kettle works well, from the first day.", "it broke at once", "", "x", "房间很干净，早餐也不错。",
    "Preis: 12,50 €", "naïve café — 👍🏽", "two  blanks", "ALL CAPITALS!", "tab\tand\nnewline",
    "She told her brother so.",
)  # fmt: skip

# What a metric reads → cases that offer it; all others read classes.
_CASES: Mapping[str, Callable[..., Case]] = {
    "model.tags": tagged_case, "model.labels": labelled_case, "model.scores": scored_case, "model.ranks": ranked_case,
    "model.text": written_case, "model.loglik": written_case, "model.unfaithful": retold_case,
    "model.flipped": moved_case, "model.attacked": judged_case, "model.effect": moved_case,
    "model.wrong": judged_case, "model.leaked": judged_case, "model.turned": judged_case, "model.cued": judged_case,
    "model.unknown": judged_case, "model.cut": judged_case, "model.stereotyped": judged_case,
    "model.estimated": judged_case, "model.lost": judged_case, "model.broken": judged_case,
    "model.moved": judged_case, "model.seconds": judged_case, "model.failed": judged_case,
    "model.known": judged_case, "model.found": judged_case, "model.unread": judged_case,
    "model.harmed": judged_case,
    "model.placed": judged_case, "model.gain": judged_case, "model.shares": judged_case,
    "model.private": private_case, "model.harmful": harmful_case,
}  # fmt: skip


def check(part: Part, *, seeds: int = 3) -> None:
    """Run the contract of the part's role; `seeds` is how many planted pairs a probe must tell apart."""
    _declared(part)
    contracts: Mapping[str, Callable[[Part, int], None]] = {
        "metric": _metric, "edit": _edit, "attack": _attack, "task": _task, "probe": _probe, "remedy": _remedy,
    }  # fmt: skip
    contracts[part.role](part, seeds)


def _declared(part: Part) -> None:
    assert len(part.doc) > 40, f"{part.name}: its docstring is its page; say what it does and when it misleads"
    assert len(part.summary) <= 120, f"{part.name}: the first line of its docstring is over 120 characters"
    for option in part.options.values():
        assert option.default is not inspect.Parameter.empty, f"{part.name}: option '{option.name}' needs a default"
        assert option.annotation is not inspect.Parameter.empty, f"{part.name}: option '{option.name}' needs a type"


def _metric(part: Part, seeds: int) -> None:
    make = next((_CASES[need] for need in part.needs if need in _CASES), simulated_case)
    case = make(np.random.default_rng(0), rows=240)
    rows = part(case.truth, case.guess)
    assert rows.shape[0] == len(case.data), f"{part.name}: expected one row of statistics for each row of data"
    halves = [np.arange(len(case.data)) % 2 == side for side in (0, 1)]
    totals, sums = accumulate(rows, [None, *halves], Weights(case.data.draw_keys, draws=50))
    assert np.array_equal(totals[0], totals[1] + totals[2]), f"{part.name}: statistics of two halves must add up"
    order = np.random.default_rng(1).permutation(len(case.data))
    turned = part(case.task.read_truth(case.data.take(order)), case.guess.take(order))
    assert abs(turned - rows[order]).sum() < 1e-9, f"{part.name}: statistics depend on the order of rows"
    value = part.hooks["finish"](totals[0])
    assert np.all(np.isfinite(value)), f"{part.name}: not finite on ordinary rows"
    if part.facts.get("shape"):
        return
    measure = Measure(part, totals[0], sums[0], len(case.data), 0)
    low, high = part.facts["low"], part.facts["high"]
    assert low <= measure.interval.low <= measure.value <= measure.interval.high <= high, f"{part.name}: out of range"


def _asks(part: Part, *arguments: Any) -> bool:
    """Whether the part asks for options that only its user can give; it then says so in one error and does no more."""
    unknown = [name for name in part.asks if name not in part.options]
    assert not unknown, f"{part.name}: asks for options that it has not: {', '.join(unknown)}"
    if not part.asks:
        return False
    said = None
    try:
        part(*arguments)
    except OptionError as error:
        said = error.hint
    assert said, f"{part.name}: asks for {', '.join(part.asks)}, and does not say so where they are missing"
    return True


def _edit(part: Part, seeds: int) -> None:
    if _asks(part, list(TEXTS), [generator(0, row) for row in range(len(TEXTS))]):
        return

    def proposed(seed: int) -> list[Any]:
        return part(list(TEXTS), [generator(seed, row) for row in range(len(TEXTS))])

    first = proposed(0)
    assert len(first) == len(TEXTS), f"{part.name}: expected one list of changes for every text"
    edited = [apply(text, changes).text for text, changes in zip(TEXTS, first, strict=True)]
    assert any(e != t for e, t in zip(edited, TEXTS, strict=True)), f"{part.name}: changed none of the texts"
    assert first == proposed(0), f"{part.name}: equal seeds must give equal changes"


def _attack(part: Part, seeds: int) -> None:
    if _asks(part, list(TEXTS), [generator(0, row) for row in range(len(TEXTS))]):
        return

    def proposed(seed: int) -> list[Any]:
        return part(list(TEXTS), [generator(seed, row) for row in range(len(TEXTS))])

    first = proposed(0)
    assert len(first) == len(TEXTS), f"{part.name}: expected one list of places for every text"
    for text, places in zip(TEXTS, first, strict=True):
        for place in places:
            assert 0 <= place.start < place.end <= len(text), f"{part.name}: {place} lies outside of {text!r}"
            assert text[place.start : place.end] not in place.new, f"{part.name}: {place} puts in what stands there"
    assert any(place.new for places in first for place in places), f"{part.name}: changes none of the texts"
    assert first == proposed(0), f"{part.name}: equal seeds must give equal places"


def _task(part: Part, seeds: int) -> None:
    made = part()
    assert isinstance(made, Task), f"{part.name}: expected a Task, given {type(made).__name__}"
    catalogue = Catalogue.installed()
    unknown = set(made.metrics) - set(catalogue.names("metric"))
    assert not unknown, f"{part.name}: unknown metrics {', '.join(sorted(unknown))}"
    assert made.primary in made.metrics, f"{part.name}: its primary metric is not among its metrics"
    assert part(**made.options).options == made.options, f"{part.name}: its options do not make it again"


def _probe(part: Part, seeds: int) -> None:
    assert part.kind, f"{part.name}: say which kind of misalignment it finds (kind=…)"
    assert "planted" in part.hooks, f"{part.name}: bring a healthy and a sick case (@{part.name}.planted)"
    for seed in range(seeds):
        healthy, sick = part.hooks["planted"](np.random.default_rng(seed), 1.0)
        report = examine(healthy, [Order(part)])
        assert not report.skipped, f"{part.name}: skipped on its own case: {report.skipped}"
        assert not report.findings, f"{part.name}: finds {report.findings[0].title} on its healthy case, seed {seed}"
        kinds = {finding.kind for finding in examine(sick, [Order(part)]).findings}
        assert kinds == {part.kind}, f"{part.name}: finds {kinds or 'nothing'} on its sick case, seed {seed}"


def _remedy(part: Part, seeds: int) -> None:
    assert part.treats, f"{part.name}: say which kinds it treats (treats=…)"
    if _asks(part, None, ()):
        return
    for kind in part.treats:
        case = planted_case(kind, part)
        if case is None:
            continue
        probe, sick = case
        findings = [finding for finding in examine(sick, [Order(probe)]).findings if finding.kind == kind]
        plan = part(sick, findings)
        assert isinstance(plan, Plan), f"{part.name}: expected a Plan, given {type(plan).__name__}"
        assert plan.trains or plan.finish, f"{part.name}: its plan for {kind} does nothing"
        if plan.data is not None and sick.train is not None:
            train = plan.data(sick.train)
            assert len(train) > 0, f"{part.name}: leaves no training rows"
            assert train.has("label"), f"{part.name}: its training rows have no labels"
            assert len(set(map(str, train.row_ids))) == len(train), f"{part.name}: its training rows share ids"


def planted_case(kind: str, remedy: Part) -> tuple[Part, Case] | None:
    """A probe that finds this kind and its sick case, with what the remedy needs; `None` where no probe finds it, or
    its case is of another task than the remedy is for."""
    probes = Catalogue.installed().all("probe")
    for probe in sorted(probes, key=lambda each: bool(each.facts.get("on_request"))):  # those that always run first
        if probe.kind == kind:
            _, sick = probe.hooks["planted"](np.random.default_rng(0), 1.0)
            missing = [need for need in remedy.needs if not sick.has(need)]
            if "case.train" in missing:
                sick = replace(
                    sick, train=simulated_case(np.random.default_rng(1), rows=300, groups=_groups(sick)).data
                )
            return (probe, sick) if all(map(sick.has, remedy.needs)) else None
    return None


def _groups(case: Case) -> dict[str, tuple[str, ...]]:
    return {column: tuple(map(str, np.unique(case.data.group(column)))) for column in case.data.schema.groups}


__all__ = ["check", "planted_case"]
