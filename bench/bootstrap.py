"""Intervals for four metrics in eight groups: one pass over weighted sums against fairlearn's MetricFrame.

    python bench/bootstrap.py [--rows 100000] [--rounds 3]

What would make it unfair, first. fairlearn resamples a pandas frame and calls scikit-learn for every group, metric and
draw; it is not timed at 1,000 draws (that would take most of an hour) but at a few, less the frame without draws, and
extrapolated: its draws are independent, so its time is linear in them. Ours is timed whole and cold: hashing the keys
of all rows, finding the groups, weights, sums, finish and intervals. Both get rows and answers in memory, and both run
in this process on the same threads, alternating. The intervals are then compared at equal rows.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import warnings
from functools import partial

import fairlearn
import numpy as np
import sklearn
from fairlearn.metrics import MetricFrame
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.measure import Measure
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded
from duiqi.core.slice import ALL, Slice

GROUPS = [f"g{i}" for i in range(8)]
OURS = ("accuracy", "precision", "recall", "macro_f1")
THEIRS = {
    "accuracy": accuracy_score,
    "precision": partial(precision_score, average="macro", zero_division=0),
    "recall": partial(recall_score, average="macro", zero_division=0),
    "macro_f1": partial(f1_score, average="macro", zero_division=0),
}
QUANTILES = [0.025, 0.975]


Spent = np.ndarray  # seconds elapsed, and seconds of processor: on a busy machine the second is the steadier


def now() -> Spent:
    return np.array([time.perf_counter(), time.process_time()])


class Rows:
    """Simulated truths, answers and groups, for both sides."""

    def __init__(self, n: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.truth = (rng.random(n) < 0.4).astype(int)
        self.group = rng.integers(0, 8, n)
        wrong = rng.random(n) < 0.10 + 0.01 * self.group
        self.answer = np.where(wrong, 1 - self.truth, self.truth)
        columns = {
            "text": [f"row {i}" for i in range(n)],
            "label": [str(v) for v in self.truth],
            "group": [GROUPS[g] for g in self.group],
        }
        self.data = Dataset.of(columns, groups=("group",))
        task = Catalogue.installed().task("classify", labels=("0", "1"))
        recorded = Recorded(task, Predictions(self.data.row_ids, {"probs": np.eye(2)[self.answer]}))
        recorded.predict(self.data, ["probs"])
        self.predictor = recorded

    def ours(self, draws: int) -> tuple[Spent, list[Measure]]:
        """Time and measures, from a data set that knows nothing yet of its keys."""
        cold = Dataset(self.data.table, self.data.schema)
        started = now()
        case = Case(self.predictor, cold, draws=draws)
        measures = case.measures(OURS, [ALL, *(Slice.of("group", g) for g in GROUPS)])
        assert all(np.isfinite([m.interval.low for m in measures]))
        return now() - started, measures

    def theirs(self, draws: int) -> tuple[Spent, MetricFrame]:
        """Time and the frame; without draws the frame alone."""
        asked = {"n_boot": draws, "ci_quantiles": QUANTILES, "random_state": 0} if draws else {}
        group = np.array(GROUPS)[self.group]
        started = now()
        frame = MetricFrame(metrics=THEIRS, y_true=self.truth, y_pred=self.answer, sensitive_features=group, **asked)
        _ = (frame.overall_ci, frame.by_group_ci) if draws else (frame.overall, frame.by_group)
        return now() - started, frame


def speed(n: int, rounds: int, draws: int, few: int) -> None:
    rows = Rows(n)
    rows.ours(draws)
    times, ratios = [], []
    for number in range(rounds):
        mine, _ = rows.ours(draws)
        base, _ = rows.theirs(0)
        some, _ = rows.theirs(few)
        whole = base + (some - base) / few * draws
        times.append(mine)
        ratios.append(whole / mine)
        print(f"- round {number + 1}: ours {mine[0]:.2f} s ({mine[1]:.2f} s of processor) for {draws:,} draws; "
              f"fairlearn {base[0]:.2f} s without draws, {some[0]:.2f} s with {few}, so about {whole[0]:,.0f} s "
              f"({whole[1]:,.0f} s of processor) for {draws:,}", flush=True)  # fmt: skip
    for at, what in enumerate(("elapsed", "of processor")):
        seconds, ratio = np.array(times)[:, at], np.array(ratios)[:, at]
        print(f"- {n:,} rows, {draws:,} draws, time {what}: ours {np.median(seconds):.2f} s ({seconds.min():.2f} to "
              f"{seconds.max():.2f}), fairlearn {np.median(ratio):,.0f} times as long ({ratio.min():,.0f} to "
              f"{ratio.max():,.0f})", flush=True)  # fmt: skip


def agreement(n: int, draws: int) -> None:
    """Both sides on the same rows with as many draws: ends of intervals, differences in standard errors."""
    rows = Rows(n, seed=1)
    _, measures = rows.ours(draws)
    spent, frame = rows.theirs(draws)
    differences, values = [], []
    for measure in measures:
        group = str(measure.slice.where[0].value) if measure.slice.where else None
        name = measure.metric.name
        low, high = (ci[name] if group is None else ci.loc[group, name]
                     for ci in (frame.overall_ci if group is None else frame.by_group_ci))  # fmt: skip
        value = frame.overall[name] if group is None else frame.by_group.loc[group, name]
        values.append(abs(measure.value - value))
        error = measure.draws.std()
        differences += [(measure.interval.low - low) / error, (measure.interval.high - high) / error]
    # A quantile of b normal draws has the standard error sqrt(q (1 - q) / b) / density(q); two sides, two of them.
    chance = np.sqrt(2 * 0.025 * 0.975 / draws) / 0.0584
    spread = np.sqrt(np.mean(np.square(differences)))
    print(f"- {n:,} rows, {draws} draws on both sides ({spent[0]:.0f} s there): values differ by at most "
          f"{max(values):.1e}, the {len(differences)} ends of intervals by {spread:.2f} standard errors (r.m.s.; "
          f"by chance alone {chance:.2f}), at most {np.max(np.abs(differences)):.2f}, "
          f"on average {np.mean(differences):+.3f}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--few", type=int, default=4, help="draws fairlearn is timed at")
    parser.add_argument("--equal-draws", type=int, default=200, help="draws on both sides where intervals are compared")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")  # of pandas and scikit-learn inside fairlearn
    print(f"python {platform.python_version()}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, "
          f"fairlearn {fairlearn.__version__}, {os.cpu_count()} cores, {platform.machine()}, "
          f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')}")  # fmt: skip
    speed(asked.rows, asked.rounds, asked.draws, asked.few)
    agreement(4000, asked.equal_draws)


if __name__ == "__main__":
    main()
