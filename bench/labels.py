"""Claim: with the same number of labels, rows chosen by margin, as `duiqi label` does, make a better model than rows
drawn at random. The other strategies are shown beside it, also where they do not. From 100 random labels on, 100 are
added five times; accuracy on test after all 600, and its mean over the five rounds, are set against random.

What would make this unfair, and how it is met: another start (all begin with the same 100 rows of a seed) · a single
lucky draw of random (`--draws` draws of it a seed; their mean counts) · rows that are copies (left out for all sides
alike, as the verb does) · a dev set that only worst_slice has (`--dev` rows are put aside from train for it, and nobody
is trained on them; it costs people labels that are not counted here) · another model than people train (regressions on
embeddings of the bundled models and on word counts, as the verb guesses: nothing is said of fine-tuning) · seeds that
share their test rows (the interval is of the mean difference over seeds, by Student's t: with three seeds it is wide,
and it says nothing of other test rows).

    python bench/labels.py [--data ../shared/data] [--sets banking77 sst2 waimai-10k] [--seeds 3] [--draws 3]

Embeddings are made once a set and kept in --cache.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
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
from duiqi.data.guessing import Guesser
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
    reader = Kept.of(model, task, (train, test), given.cache / f"labels-{name}")
    begun = time.monotonic()
    found: dict[str, list[np.ndarray]] = {each: [] for each in ("random", *STRATEGIES)}
    slices = []
    for seed in range(given.seeds):
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(train))
        dev, start, pool = order[: given.dev], order[given.dev :][:FIRST], order[given.dev + FIRST :]
        bench = Bench(task, train, reader, test, dev)
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


@dataclass(frozen=True, eq=False)
class Kept:
    """A model whose embeddings were made once, by the key of the input."""

    vectors: Mapping[int, np.ndarray]
    name: str = "kept"
    offers: frozenset[str] = frozenset({"embedding"})

    @classmethod
    def of(cls, model: str, task: Task, data: Sequence[Dataset], place: Path) -> Kept:
        """The embeddings of all rows, length 1; they are kept in files that begin so."""
        from duiqi.model.open import find, open_model

        place.parent.mkdir(exist_ok=True)
        found = dict[int, np.ndarray]()
        for each in data:
            file = place.with_name(f"{place.name}-{len(each)}.npy")
            if not file.is_file():
                np.save(file, vectors_of(open_model(find(model), task), each))
            found |= dict(zip(each.input_keys.tolist(), np.load(file), strict=True))
        return cls(found)

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        return Predictions(data.row_ids, {"embedding": self.matrix(data)})

    def matrix(self, data: Dataset) -> np.ndarray:
        return np.array([self.vectors[key] for key in data.input_keys.tolist()])


@dataclass(eq=False)
class Bench:
    """One seed: what is labelled grows, what is chosen hangs on the strategy alone."""

    task: Task
    train: Dataset
    reader: Kept
    test: Dataset
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
        return float((self.probs(labelled, self.test).argmax(axis=1) == self.task.read_truth(self.test)).mean())

    def probs(self, labelled: np.ndarray, asked: Dataset) -> np.ndarray:
        return Guesser(self.reader, self.task, self.train.take(labelled)).answers(asked).probs

    def chosen(self, by: str, labelled: np.ndarray, pool: np.ndarray) -> np.ndarray:
        """Places in the pool, as the verb chooses them."""
        if by == "random":
            return np.arange(STEP)
        if by == "core_set":
            there, here = (self.reader.matrix(self.train.take(each)) for each in (pool, labelled))
            return k_centres(there, here, STEP)[0]
        rows = self.train.take(pool)
        probs = self.probs(labelled, rows)
        if by != "worst_slice":
            return most_doubtful(DOUBTS[by, "row"](probs), STEP)
        dev = self.train.take(self.dev)
        answers = Predictions(dev.row_ids, {"probs": self.probs(labelled, dev)})
        case = Case(Recorded(self.task, answers), dev)
        report = examine(case, orders(case, only=["blind_spots"]))
        weak = [each.slice for each in report.findings if each.ruling.verdict == "fail" and each.slice.where]
        self.found.append(len(weak))
        inside = np.array([each.mask(rows) for each in weak], dtype=bool).reshape(-1, len(pool))
        return weakest_first(inside, DOUBTS["margin", "row"](probs), STEP)[0]


if __name__ == "__main__":
    main()
