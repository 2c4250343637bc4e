"""cost: single answers are timed one by one, none from memory, and the size of a model is told."""

from __future__ import annotations

import numpy as np

from duiqi.core.case import Case
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.data.simulated import simulated_case
from duiqi.probes.cost import Slow

CATALOGUE = Catalogue.installed()
PROBE = CATALOGUE.find("probe", "cost")


def looked(case, **options):
    return examine(case, orders(case, only=["cost"], options={"cost": options}))


def test_what_a_slow_answer_takes_is_told_and_many_at_once_take_less():
    made = simulated_case(np.random.default_rng(0), rows=60)
    case = Case(Slow(made.predictor, 0.02), made.data, catalogue=CATALOGUE)
    report = looked(case, rows=40)
    measure = report.measure("latency")
    assert measure.rows == 40
    assert 0.016 < measure.value < 0.026
    shown = dict(report.exhibits[0].data["rows"])
    assert 15 < shown["median_latency"] <= shown["tail_latency"]
    assert shown["throughput"] > 2 / measure.value
    assert "parameters" not in shown


def test_answers_are_not_taken_from_memory_and_the_size_is_told():
    class Counted(Slow):
        asked = 0
        parameters, bytes = 1000, 4 * 2**20

        def uncached(self):
            Counted.asked += 1
            return self

    made = simulated_case(np.random.default_rng(0), rows=40)
    report = looked(Case(Counted(made.predictor, 0.0), made.data, catalogue=CATALOGUE), rows=30, warm_up=2)
    assert Counted.asked == 33
    shown = dict(report.exhibits[0].data["rows"])
    assert (shown["parameters"], shown["size"]) == (1000, 4.0)


def test_it_runs_on_request_only():
    case = simulated_case(np.random.default_rng(0), rows=40)
    assert "cost" not in {order.probe.name for order in orders(case)}


def test_too_few_rows_are_said():
    made = simulated_case(np.random.default_rng(0), rows=4)
    (skipped,) = looked(Case(Slow(made.predictor, 0.1), made.data, catalogue=CATALOGUE)).skipped
    assert "at least 5 rows" in skipped["detail"]


def test_answers_that_are_looked_up_are_not_timed():
    (skipped,) = looked(simulated_case(np.random.default_rng(0), rows=40)).skipped
    assert skipped["needs"] == ["model.anew"]


def test_silent_on_healthy_models_and_not_on_sick_ones():
    told = [[len(looked(case).findings) for case in PROBE.hooks["planted"](np.random.default_rng(seed), 1.0)]
            for seed in range(100)]  # fmt: skip
    healthy, sick = np.array(told).T > 0
    assert healthy.mean() <= 0.01
    assert sick.mean() >= 0.95
