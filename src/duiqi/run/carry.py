"""Carrying out a plan: from a bundle and a plan to a new bundle, each finished once and kept in the workshop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from duiqi.core.bundle import Bundle, RowKeys, Step
from duiqi.core.dataset import Dataset
from duiqi.core.plan import Plan, Rows, steps_of
from duiqi.core.report import Finding
from duiqi.core.seed import derive
from duiqi.core.task import Task
from duiqi.run.table import Table
from duiqi.run.workshop import Workshop

PLAIN = {"epochs": 3}
HELD = 8  # made data sets that are held for whoever asks again


def plainly(table: Table, **more: Any) -> Plan:
    """Plain training: the remedy `finetune` with what the user says of it, from the start and a little longer."""
    options = {**PLAIN, **table.options.get("finetune", {}), **more}
    made = table.catalogue.find("remedy", "finetune")(None, (), **options)
    return replace(made, remedies=(("finetune", {**made.training, **options}),))


def check_remedies(table: Table, with_: Sequence[str] = ()) -> None:
    """`OptionError` at once for a remedy that is not known or lacks what it asks for, or options of training that there
    are not."""
    from duiqi.model.optimise import check_settings

    for name in (name for each in with_ for name in each.split("+")):
        table.catalogue.find("remedy", name).check_asked(table.options.get(name, {}))
    check_settings(plainly(table).training)


@dataclass(frozen=True, eq=False)
class Bench:
    """What every trial works with: rows to train on, rows that choose, the task, where work is kept.

    `origin` is what plain training began from, where that happened in this run.
    """

    table: Table
    shop: Workshop
    task: Task
    train: Dataset
    dev: Dataset
    origin: Bundle | None = None

    def forecast(self, plan: Plan, bundle: Bundle) -> float:
        """About how many seconds carrying the plan out will take."""
        if not plan.trains:
            return 1.0
        from duiqi.model.fit import forecast

        start, train = self._start(plan, bundle), self._rows(plan)
        before = self.forecast(plan.first, start) if plan.first else 0.0
        return before + forecast(start, train, task=plan.task or self.task, **_settings(plan)).seconds

    def made(self, data: Rows | None, rows: Dataset) -> Dataset:
        """What a plan's `data` makes of some rows; each of its functions is called once for the same rows.

        A plan is forecast, then carried out, and the next ones build on it: what it writes, translates or labels is
        looked up. The last few data sets are held in memory only: a run that was killed makes again what it needs.
        """
        held = self.table.memory.setdefault("made", {})
        for step in steps_of(data):
            key = (id(step), id(rows))  # of what lives as long as it is held here
            held[key] = held.pop(key, None) or (step, rows, step(rows))  # those used last stand last
            rows = held[key][-1]
        while len(held) > HELD:
            held.pop(next(iter(held)))
        return rows

    def carry_out(self, plan: Plan, bundle: Bundle, name: str, findings: tuple[Finding, ...] = ()) -> Bundle:
        """The bundle that the plan makes of another one; a finished one is taken from the workshop."""
        from duiqi.model.open import find

        place = self.shop.place(name)
        if (place / "duiqi.json").is_file():
            return find(str(place))
        trained = self._trained(
            plan, bundle, name, place if not plan.finish else self.shop.place(f"{name}.raw"), findings
        )
        return self._finished(plan, trained, place, findings) if plan.finish else trained

    def _trained(self, plan: Plan, bundle: Bundle, name: str, place: Path, findings: tuple[Finding, ...]) -> Bundle:
        from duiqi.model.export import alone
        from duiqi.model.fit import fit
        from duiqi.model.open import find

        if not plan.trains:
            return bundle
        if (place / "duiqi.json").is_file():
            return find(str(place))
        start, rows = self._start(plan, bundle), self._rows(plan)
        if plan.first is not None:
            start = self._trained(plan.first, start, f"{name}.first", self.shop.place(f"{name}.first"), findings)

        def progress(done: int, total: int, facts: Mapping[str, Any]) -> None:
            self.table.progress(f"fit {name}", done, total, facts)

        leans = self._leans(plan, start)
        made = fit(
            start,
            rows,
            task=plan.task or self.task,
            out=place.with_name(f"{place.name}.adapter") if leans else place,
            step=self._step(plan, findings, {"trained": self._trained_on(plan, rows)}),
            seed=derive(self.table.seed, "fit", name) % 2**31,
            work=self.shop.folder / "fits" / name,
            progress=progress,
            **_settings(plan),
        )
        return alone(made, place) if leans else made

    def _leans(self, plan: Plan, start: Bundle) -> bool:
        """Whether what is made is an adapter on a model that goes with the workshop."""
        adapts = plan.scope is not None and plan.scope.adapts
        return adapts and start.path.resolve().is_relative_to(self.shop.folder.resolve())

    def _rows(self, plan: Plan) -> Dataset:
        return self.made(plan.data, self.train)

    def _start(self, plan: Plan, bundle: Bundle) -> Bundle:
        return self.origin if plan.restart and self.origin is not None else bundle

    def _finished(self, plan: Plan, bundle: Bundle, place: Path, findings: tuple[Finding, ...]) -> Bundle:
        from duiqi.model.export import recalibrated

        model = self.table.open(bundle)
        for finish in plan.finish:
            model = model.with_calibration(finish(model, self.dev))
        step = self._step(plan, findings, {"calibrated": self._keys(self.dev, "dev")})
        return recalibrated(bundle, model.calibration, place, step)

    def _step(self, plan: Plan, findings: tuple[Finding, ...], rows: Mapping[str, RowKeys]) -> Step:
        names = "+".join(name for name, _ in plan.remedies)
        options = {name: dict(options) for name, options in plan.remedies}
        treated = [f.to_json() for f in findings]
        kept = ("kind", "title", "measure", "slice")
        short = tuple({key: said[key] for key in kept} | {"slice": _rule(said)} for said in treated)
        used = {**rows, "selected": self._keys(self.dev, "dev")}
        return Step(names, options, self.table.seed, short, used)

    def _trained_on(self, plan: Plan, rows: Dataset) -> RowKeys:
        """The training rows, and rows that the plan brought from elsewhere."""
        from duiqi.data.dedupe import row_keys
        from duiqi.data.noise import sources

        keys = self._keys(self.train, "train")
        more = rows.take(sources(rows, self.train) < 0 if plan.task is None else [])
        if not len(more):
            return keys
        added = row_keys(more)
        return RowKeys(np.concatenate([keys.keys, added.keys]), np.concatenate([keys.signatures, added.signatures]))

    def _keys(self, data: Dataset, name: str) -> RowKeys:
        from duiqi.data.dedupe import row_keys

        if name not in self.table.memory:
            self.table.memory[name] = row_keys(data)
        return self.table.memory[name]


def _rule(said: Mapping[str, Any]) -> dict[str, Any]:
    """A slice without the ids of its rows."""
    return {"rule": said["slice"]["rule"], "where": said["slice"]["where"]}


def _settings(plan: Plan) -> dict[str, Any]:
    given = {"objective": plan.objective, "scope": plan.scope}
    return {**plan.training, **{name: value for name, value in given.items() if value is not None}}
