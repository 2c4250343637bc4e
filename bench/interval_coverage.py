"""How often nominal 95 % intervals hold the truth, on simulated sets, through the code that makes every report.

    python bench/interval_coverage.py [--sets 2000] [--draws 1000] [--only WORD] [--rows 200]
        [--write docs/statistics.md]

A cell is a population whose truth is known. For every set new rows and new keys are drawn, the weights are made once
and shared by all cells of that size (cells are judged one by one, so what they share does no harm). `promise` is the
figure that docs/statistics.md speaks of, or a floor (written ≥). With `--write` the table in that page is replaced,
also on the way.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from duiqi.core.gate import Gate, judge
from duiqi.core.measure import Across, Change, Interval, Measure, Weights, accumulate
from duiqi.core.part import Catalogue, Part
from duiqi.core.predictions import Predictions

BEGIN, END = "<!-- begin: coverage -->", "<!-- end: coverage -->"
CATALOGUE = Catalogue.installed()

Answers = tuple[np.ndarray, np.ndarray]  # truth int[n], probabilities float[n, k]


@dataclass(frozen=True)
class Table:
    """Rows of one simulated set: their keys' weights, made once."""

    weights: Weights
    made: list

    @classmethod
    def of(cls, rng: np.random.Generator, n: int, draws: int, seed: int) -> Table:
        weights = Weights(rng.integers(0, 2**63, n, dtype=np.uint64), draws, seed)
        return cls(weights, list(weights.blocks()))

    def measure(self, metric: str, answers: Answers, masks: Sequence | None = None, reduce: str = "") -> Measure:
        """What `Case.measure` and `Case.across` make, from weights that are already there."""
        part: Part = CATALOGUE.find("metric", metric)
        truth, probs = answers
        n = len(truth)
        rows = part(truth, Predictions(np.arange(n).astype(str), {"probs": probs}))
        totals, sums = accumulate(rows, masks or [None], self)
        if masks is None:
            return Measure(part, totals[0], sums[0], n, 0, self.weights.seed)
        counts = tuple(int(mask.sum()) for mask in masks)
        across = Across(reduce, "group", tuple(f"g{i}" for i in range(len(masks))), counts)
        return Measure(part, totals, np.ascontiguousarray(sums.swapaxes(0, 1)), n, 0, self.weights.seed, across=across)

    # What `accumulate` asks of weights.
    @property
    def keys(self) -> np.ndarray:
        return self.weights.keys

    @property
    def draws(self) -> int:
        return self.weights.draws

    def blocks(self) -> list:
        return self.made


@dataclass(frozen=True)
class Cell:
    """A population and a question to it: `ask(rng, table, n)` gives the measure or change, `truth` what is true."""

    title: str
    n: int
    promise: str
    truth: float
    ask: Callable[[np.random.Generator, Table, int], Measure | Change]


def two_classes(right: np.ndarray, truth: np.ndarray | None = None) -> Answers:
    """Truth and sure probabilities of two classes for rows that are right or wrong."""
    truth = np.zeros(len(right), dtype=np.int64) if truth is None else truth
    return truth, np.eye(2)[np.where(right, truth, 1 - truth)]


def ask_accuracy(rng, table, n, *, p):
    return table.measure("accuracy", two_classes(rng.random(n) < p))


def ask_change(rng, table, n, *, gained, lost, p=0.85):
    """`p` right before; of all rows a share `gained` turns right and a share `lost` turns wrong."""
    fate = rng.choice(4, n, p=[p - lost, lost, gained, 1 - p - gained])
    before, after = np.isin(fate, (0, 1)), np.isin(fate, (0, 2))
    return table.measure("accuracy", two_classes(after)) - table.measure("accuracy", two_classes(before))


def ask_two_groups(rng, table, n, *, rates):
    group = np.arange(n) % 2
    answers = two_classes(rng.random(n) < np.array(rates)[group])
    return table.measure("accuracy", answers, [group == 0, group == 1], "difference")


def ask_groups(rng, table, n, *, rates, shares, reduce):
    group = np.searchsorted(np.cumsum(shares)[:-1] * n, np.arange(n), side="right")
    answers = two_classes(rng.random(n) < np.array(rates)[group])
    return table.measure("accuracy", answers, [group == g for g in range(len(rates))], reduce)


def confusion_of(shares: np.ndarray, p: float) -> np.ndarray:
    """Joint shares float[k, k]: truth by `shares`, right with p, else any other class alike."""
    k = len(shares)
    return shares[:, None] * np.where(np.eye(k) > 0, p, (1 - p) / (k - 1))


def macro_f1_of(shares: np.ndarray, p: float) -> float:
    joint = confusion_of(shares, p)
    return float(np.mean(2 * np.diag(joint) / (joint.sum(0) + joint.sum(1))))


def ask_macro_f1(rng, table, n, *, shares, p):
    k = len(shares)
    drawn = rng.choice(k * k, n, p=confusion_of(shares, p).ravel())
    return table.measure("macro_f1", (drawn // k, np.eye(k)[drawn % k]))


def ask_calibration(rng, table, n, *, excess):
    """Confidence .6 to 1, mostly high; right less often than that by `excess`, which is then the truth."""
    confidence = 0.6 + 0.4 * rng.beta(3, 1, n)
    right = rng.random(n) < confidence - excess
    return table.measure("calibration_error", (np.where(right, 0, 1), np.stack([confidence, 1 - confidence], axis=1)))


def ask_auroc(rng, table, n, *, share, apart):
    truth = (rng.random(n) < share).astype(np.int64)
    second = 1 / (1 + np.exp(-(rng.normal(size=n) + apart * truth)))
    return table.measure("auroc", (truth, np.stack([1 - second, second], axis=1)))


def skewed(k: int) -> np.ndarray:
    """Class shares that fall like 1 / rank."""
    shares = 1 / np.arange(1, k + 1)
    return shares / shares.sum()


def equal(k: int) -> np.ndarray:
    return np.full(k, 1 / k)


def cells() -> list[Cell]:
    """Every claim of docs/statistics.md."""
    found = []
    promised = {(0.6, 200): ".951", (0.85, 200): ".935", (0.97, 200): ".957",
                (0.6, 2000): ".939", (0.85, 2000): ".943", (0.97, 2000): ".949"}  # fmt: skip
    for (p, n), figure in promised.items():
        found.append(Cell(f"accuracy {p:.2f}", n, figure, p, partial(ask_accuracy, p=p)))
    for n in (200, 2000):
        for k, p in ((2, 0.85), (2, 0.97), (5, 0.85)):
            ask = partial(ask_macro_f1, shares=equal(k), p=p)
            found.append(
                Cell(f"macro-F1 {p:.2f}, {k} classes", n, ".952" if (n, k, p) == (200, 2, 0.85) else "≥.93", p, ask)
            )
        shares = np.array([0.9, 0.1])
        ask = partial(ask_macro_f1, shares=shares, p=0.9)
        found.append(Cell("macro-F1, 2 classes, 9 : 1", n, "≥.93", macro_f1_of(shares, 0.9), ask))
        ask = partial(ask_two_groups, rates=(0.85, 0.80))
        found.append(Cell("gap of two groups .85, .80", n, "≥.93", 0.05, ask))
        found.append(Cell("gap of two equal groups .95", n, "≥.93", 0.0, partial(ask_two_groups, rates=(0.95, 0.95))))
        for gained, lost in ((0.05, 0.03), (0.04, 0.04), (0.01, 0.01), (0.004, 0.004)):
            title = f"paired change, {100 * (gained + lost):.1f} % differ, truth {gained - lost:+.2f}"
            promise = "≥.93" if n == 2000 or gained + lost < 0.05 else ".96–.97"
            found.append(Cell(title, n, promise, gained - lost, partial(ask_change, gained=gained, lost=lost)))
        for excess in (0.0, 0.05, 0.15):
            title = f"calibration error, truth {excess:.2f}"
            found.append(Cell(title, n, "≥.93", excess, partial(ask_calibration, excess=excess)))
        apart = 1.5
        truth = 0.5 * (1 + math.erf(apart / 2))
        found.append(Cell("AUROC, half positive", n, "≥.93", truth, partial(ask_auroc, share=0.5, apart=apart)))
    for k in (20, 77):
        for name, shares in (("equal", equal(k)), ("shares 1 / rank", skewed(k))):
            ask = partial(ask_macro_f1, shares=shares, p=0.9)
            found.append(Cell(f"macro-F1, {k} classes, {name}", 2000, "", macro_f1_of(shares, 0.9), ask))
    families = {
        "2 equal": ([0.85] * 2, equal(2)),
        "4 equal": ([0.85] * 4, equal(4)),
        "8 equal": ([0.85] * 8, equal(8)),
        "8 equal at .97": ([0.97] * 8, equal(8)),
        "8 unequal": (list(np.linspace(0.78, 0.92, 8)), equal(8)),
        "8 of unequal size and rate": (list(np.linspace(0.92, 0.78, 8)), skewed(8)),
    }
    for title, (rates, shares) in families.items():
        ask = partial(ask_groups, rates=rates, shares=shares)
        found.append(Cell(f"worst group, {title}", 2000, "≥.91", min(rates), partial(ask, reduce="worst")))
        found.append(Cell(f"max−min gap, {title}", 2000, "≥.91", max(rates) - min(rates), partial(ask, reduce="gap")))
    return found


@dataclass
class Score:
    """How often an interval held the truth, how often the truth lay below it, and the sum of widths."""

    held: int = 0
    below: int = 0
    width: float = 0.0

    def add(self, interval: Interval, truth: float) -> None:
        self.held += interval.low - 1e-12 <= truth <= interval.high + 1e-12
        self.below += truth < interval.low - 1e-12
        self.width += interval.high - interval.low


def simulate(chosen: list[Cell], sets: int, draws: int) -> Iterator[tuple[int, list[Score]]]:
    """For each cell how often the interval held the truth; said twenty times on the way, with the sets done."""
    scores = [Score() for _ in chosen]
    for number in range(sets):
        for n in sorted({cell.n for cell in chosen}):
            rng = np.random.default_rng([number, n])
            table = Table.of(rng, n, draws, seed=number)
            for cell, score in zip(chosen, scores, strict=True):
                if cell.n == n:
                    score.add(cell.ask(rng, table, n).interval, cell.truth)
        if (number + 1) % max(1, sets // 20) == 0 or number + 1 == sets:
            yield number + 1, scores


def five_of_five(draws: int) -> int:
    """How many of 200 gates pass on five rows, all of them right."""
    passed = 0
    for number in range(200):
        table = Table.of(np.random.default_rng(number), 5, draws, seed=number)
        held = Gate("accuracy", at_least=0.5).hold(table.measure("accuracy", two_classes(np.ones(5, dtype=bool))), None)
        assert held is not None
        passed += judge([held])[0].verdict == "pass"
    return passed


def lines_of(chosen: list[Cell], scores: list[Score], sets: int, draws: int) -> list[str]:
    lines = [
        "| what | n | promised | held | ± | truth below / above | mean width |",
        "|---|---|---|---|---|---|---|",
    ]
    for cell, score in zip(chosen, scores, strict=True):
        held = score.held / sets
        error = math.sqrt(max(held * (1 - held), 0.25 / sets) / sets)
        below, above = score.below / sets, (sets - score.held - score.below) / sets
        columns = [cell.title, f"{cell.n:,}", cell.promise, f"{held:.3f}", f"{error:.3f}"]
        columns += [f"{below:.3f} / {above:.3f}", f"{score.width / sets:.3f}"]
        lines.append(f"| {' | '.join(columns)} |")
    return [*lines, "", f"{sets:,} sets a cell, {draws:,} draws each; ± is the Monte-Carlo standard error. "
            f"Five rows, all right, gate at .5: {five_of_five(draws)} of 200 passed."]  # fmt: skip


def write(page: Path, lines: list[str]) -> None:
    """Put the lines between the two marks of a page."""
    text = page.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    page.write_text(head + BEGIN + "\n" + "\n".join(lines) + "\n" + END + tail, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sets", type=int, default=2000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--only", default="", help="only cells whose title contains this")
    parser.add_argument("--rows", type=int, default=0, help="only cells of that many rows")
    parser.add_argument("--write", type=Path, default=None, help="a page with the two marks")
    chosen_by = parser.parse_args()
    chosen = [cell for cell in cells() if chosen_by.only in cell.title and chosen_by.rows in (0, cell.n)]
    started = time.monotonic()
    lines: list[str] = []
    for done, scores in simulate(chosen, chosen_by.sets, chosen_by.draws):
        print(f"{done} of {chosen_by.sets} sets, {time.monotonic() - started:.0f} s", file=sys.stderr)
        lines = lines_of(chosen, scores, done, chosen_by.draws)
        if chosen_by.write:
            write(chosen_by.write, lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
