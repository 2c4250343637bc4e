from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Measure
from duiqi.core.part import probe
from duiqi.core.predictions import Predictions, Predictor, Recorded
from duiqi.core.seed import derive
from duiqi.core.task import Task
from duiqi.data.simulated import simulated_case


@probe(
    kind="cost",
    needs=("model.answer", "model.anew"),
    gates=(Gate("latency", at_most=0.5),),
    on_request=True,
    source="Mattson et al., 2020, MLPerf: an industry standard benchmark suite for machine learning performance, IEEE "
    "Micro (one answer at a time, and as many as there are)",
)
def cost(case: Case, *, rows: int = 100, warm_up: int = 3) -> Iterator[Measure | Exhibit]:
    """How long the model takes for an answer, one at a time and many at once, and how large it is.

    At most `rows` rows, drawn from the seed, are asked one after the other, after `warm_up` others that do not count;
    then the same rows in one call. Nothing that was answered before is taken from memory. The measure is the mean over
    rows of the seconds until a single one is answered: what a person waits for. The bound of half a second is one of
    patience, not of the field: set your own with --gates.

    Tells of this machine as it is now, beside whatever else runs, so it runs only when asked for (`--only cost`), and
    its figures are no part of what is equal from run to run.
    """
    if len(case.data) < warm_up + 2:
        raise DataError(
            f"expected at least {warm_up + 2} rows to time, given {len(case.data)}", hint="Give more rows of that kind."
        )
    order = np.random.default_rng(derive(case.seed, "cost")).permutation(len(case.data))[: rows + warm_up]
    data, outputs = case.data.take(order), [each for each in case.task.outputs if each in case.predictor.offers]
    alone = np.array([_seconds(case.predictor, data.take([at]), outputs) for at in range(len(data))])[warm_up:]
    timed = data.take(np.arange(warm_up, len(data)))
    together = _seconds(case.predictor, timed, outputs)
    inside = replace(case, data=timed, slices=())
    yield inside.noted("latency", alone)
    lines: list[list[Any]] = [
        ["median_latency", _in_ms(float(np.median(alone)))],
        ["tail_latency", _in_ms(float(np.quantile(alone, 0.95)))],
        ["throughput", round(len(timed) / max(together, 1e-9), 1)],
    ]
    parameters, held = (getattr(case.predictor, name, None) for name in ("parameters", "bytes"))
    lines += [["parameters", int(parameters)]] if parameters else []
    lines += [["size", round(held / 2**20, 1)]] if held else []
    yield Exhibit("table", {"title": "cost", "columns": ["cost_of", "amount"], "rows": lines, "brief": True})


def _seconds(predictor: Predictor, data: Dataset, outputs: Sequence[str]) -> float:
    """Seconds until all rows are answered, none from memory."""
    fresh = predictor.uncached() if hasattr(predictor, "uncached") else predictor
    clock = getattr(fresh, "clock", time.perf_counter)  # what is simulated brings its own
    begun = clock()
    fresh.predict(data, outputs)
    return float(clock() - begun)


def _in_ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


@dataclass
class Slow:
    """Recorded answers, each call of which takes `wait` seconds and `each` more a row by its own clock."""

    recorded: Recorded
    wait: float
    each: float = 0.001
    now: float = 0.0
    name: str = "slow"
    fingerprint: str = "slow"
    offers: frozenset[str] = frozenset({"probs"})

    @property
    def task(self) -> Task:
        return self.recorded.task

    def clock(self) -> float:
        """Seconds since it was made."""
        return self.now

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """The recorded answers, `wait` seconds and more later, to and fro with the length of the texts."""
        spread = float(np.mean([0.8 + 0.01 * (len(text) % 41) for text in data.texts]))
        self.now += self.wait * spread + self.each * len(data)
        return self.recorded.predict(data, outputs)


@cost.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    made = simulated_case(rng, rows=100)
    assert isinstance(made.predictor, Recorded)
    return replace(made, predictor=Slow(made.predictor, 0.4)), replace(
        made, predictor=Slow(made.predictor, 0.4 + strength)
    )
