"""Claim: with the same number of labels, rows chosen by margin, as `duiqi label` does, make a better model than rows
drawn at random. The other strategies are shown beside it, also where they do not. From 100 random labels on, 100 are
added five times; accuracy on test after all 600, and its mean over the five rounds, are set against random.

What would make this unfair, and how it is met: another start (all begin with the same 100 rows of a seed) · a single
lucky draw of random (`--draws` draws of it a seed; their mean counts) · rows that are copies (left out for all sides
alike, as the verb does) · a dev set that only worst_slice has (`--dev` rows are put aside from train for it, and nobody
is trained on them; it costs people labels that are not counted here) · another model than people train (a logistic
regression on embeddings of the bundled models; the verb lets word counts have a say, too: nothing is said of that, nor
of fine-tuning) · seeds that share their test rows (the interval is of the mean difference over seeds, by Student's t:
with three seeds it is wide, and it says nothing of other test rows).

    python bench/labels.py [--data ../shared/data] [--sets banking77 sst2 waimai-10k] [--seeds 3] [--draws 3]

Embeddings are made once a set and kept in --cache.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded
from duiqi.core.task import Task
from duiqi.data.guessing import fitted
from duiqi.data.pool import without_copies
from duiqi.data.read import read
from duiqi.data.selecting import DOUBTS, k_centres, most_doubtful, weakest_first
from duiqi.data.vectors import vectors_of

FIRST, STEP, ROUNDS = 100, 100, 5
STRATEGIES = ("uncertainty", "margin", "core_set", "worst_slice")
MOST_POOL = 10_000
MODELS = {"waimai-10k": "default-zh"}


def main() -> None:
    parser = argparse.ArgumentParser(description="rows chosen for labelling against random ones")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="*", default=("banking77", "sst2", "waimai-10k"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--dev", type=int, default=500)
    parser.add_argument("--cache", type=Path, default=Path("bench-cache"))
    given = parser.parse_args()
    print(", ".join(f"{name} {version(name)}" for name in ("numpy", "scikit-learn")))
    for name in given.sets:
        one_set(name, given)


def one_set(name: str, given: argparse.Namespace) -> None:
    """All strategies on one set, and the table of it."""
    parts = read(given.data / name)
    train, test = parts["train"], parts["test"]
    if len(train) > MOST_POOL:
        train = train.take(np.sort(np.random.default_rng(0).permutation(len(train))[:MOST_POOL]))
    train = train.take(without_copies(train, [test]).rows)
    task = Catalogue.installed().task("classify", labels=tuple(sorted(set(map(str, train.values("label"))))))
    model = MODELS.get(name, "default")
    train_x, test_x = (embedded(model, task, each, given.cache / f"labels-{name}-{len(each)}.npy")
                       for each in (train, test))  # fmt: skip
    begun = time.monotonic()
    found: dict[str, list[np.ndarray]] = {each: [] for each in ("random", *STRATEGIES)}
    slices = []
    for seed in range(given.seeds):
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(train))
        dev, start, pool = order[: given.dev], order[given.dev :][:FIRST], order[given.dev + FIRST :]
        bench = Bench(task, train, train_x, task.read_truth(train), test_x, task.read_truth(test), dev)
        draws = [bench.curve("random", start, rng.permutation(pool)) for _ in range(given.draws)]
        found["random"].append(np.mean(draws, axis=0))
        for each in STRATEGIES:
            found[each].append(bench.curve(each, start, pool))
        slices.append(bench.found)
    sizes = f"{len(train):,} rows, {len(test):,} test rows, {len(task.labels)} classes, {given.seeds} seeds"
    print(f"\n{name} ({model}): {sizes}, {time.monotonic() - begun:.0f} s; weak slices found in each round {slices}")
    base = np.array(found["random"])
    print(f"{'':<12} accuracy at {' / '.join(str(FIRST + STEP * r) for r in range(ROUNDS + 1))}")
    for each, curves in found.items():
        mine = np.array(curves)
        shown = " / ".join(f"{value:.1%}" for value in mine.mean(axis=0))
        last, mean = (mine[:, -1] - base[:, -1]) * 100, (mine[:, 1:] - base[:, 1:]).mean(axis=1) * 100
        said = "" if each == "random" else f"; to random at the end {interval(last)}, over all rounds {interval(mean)}"
        print(f"{each:<12} {shown}{said}", flush=True)


def interval(values: np.ndarray) -> str:
    """Mean and 95 % interval over seeds, in points."""
    reach = (
        student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.inf
    )
    return f"{values.mean():+.1f} ({values.mean() - reach:+.1f} to {values.mean() + reach:+.1f})"


def embedded(model: str, task: Task, data: Dataset, place: Path) -> np.ndarray:
    """Embeddings of length 1, made once."""
    from duiqi.model.open import find, open_model

    if not place.is_file():
        place.parent.mkdir(exist_ok=True)
        np.save(place, vectors_of(open_model(find(model), task), data))
    return np.load(place)


@dataclass(eq=False)
class Bench:
    """One seed: what is labelled grows, what is chosen hangs on the strategy alone."""

    task: Task
    train: Dataset
    vectors: np.ndarray
    truth: np.ndarray
    test_vectors: np.ndarray
    test_truth: np.ndarray
    dev: np.ndarray
    found: list[int] = field(default_factory=list)

    def curve(self, by: str, labelled: np.ndarray, pool: np.ndarray) -> np.ndarray:
        """Accuracy on test with the first labels, and after each round."""
        scores = [self.accuracy(labelled)]
        for _ in range(ROUNDS):
            chosen = self.chosen(by, labelled, pool)
            labelled, pool = np.concatenate([labelled, pool[chosen]]), np.delete(pool, chosen)
            scores.append(self.accuracy(labelled))
        return np.array(scores)

    def accuracy(self, labelled: np.ndarray) -> float:
        return float((self.probs(labelled, self.test_vectors).argmax(axis=1) == self.test_truth).mean())

    def probs(self, labelled: np.ndarray, asked: np.ndarray) -> np.ndarray:
        return fitted(self.vectors[labelled], self.truth[labelled], asked, len(self.task.labels))

    def chosen(self, by: str, labelled: np.ndarray, pool: np.ndarray) -> np.ndarray:
        """Places in the pool, as the verb chooses them."""
        if by == "random":
            return np.arange(STEP)
        if by == "core_set":
            return k_centres(self.vectors[pool], self.vectors[labelled], STEP)[0]
        probs = self.probs(labelled, self.vectors[pool])
        if by != "worst_slice":
            return most_doubtful(DOUBTS[by, "row"](probs), STEP)
        dev = self.train.take(self.dev)
        answers = Predictions(dev.row_ids, {"probs": self.probs(labelled, self.vectors[self.dev])})
        case = Case(Recorded(self.task, answers), dev)
        report = examine(case, orders(case, only=["blind_spots"]))
        weak = [each.slice for each in report.findings if each.ruling.verdict == "fail" and each.slice.where]
        self.found.append(len(weak))
        rows = self.train.take(pool)
        inside = np.array([each.mask(rows) for each in weak], dtype=bool).reshape(-1, len(pool))
        return weakest_first(inside, DOUBTS["margin", "row"](probs), STEP)[0]


if __name__ == "__main__":
    main()
