"""Claim: a pre-trained body is better than the same network without pre-training, on every set named, and how both
stand to TF-IDF with logistic regression.

What would make this unfair, and how it is met: other training (same rows, epochs, seeds and settings on both sides;
only the weights to begin with differ) · one lucky fit (every seed is fitted on both sides; intervals draw seeds first
and then rows) · test texts that were read in pre-training (the recipe leaves out every text of a test file) · a floor
on other rows (TF-IDF is fitted on the same training rows and asked the same test rows).

    python bench/pretrained.py WITHOUT WITH [--data ../shared/data] [--sets waimai-10k …] [--rows 3000] [--seeds 3]

WITHOUT and WITH are folders of the same architecture.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from duiqi.core.bundle import Bundle, Step
from duiqi.core.dataset import Dataset
from duiqi.core.part import Catalogue
from duiqi.data.floors import tfidf
from duiqi.data.read import read
from duiqi.model.fit import fit
from duiqi.model.open import find, open_model

SETS = ("chnsenticorp-hotel", "waimai-10k", "thucnews-titles", "tnews-fewclue")
DRAWS = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description="a pre-trained body against the same network without pre-training")
    parser.add_argument("without", type=Path)
    parser.add_argument("with_", metavar="with", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--rows", type=int, default=0, help="training rows (default: all)")
    parser.add_argument("--test-rows", type=int, default=0, help="test rows (default: all)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    given = parser.parse_args()
    bundles = [find(str(given.without)), find(str(given.with_))]
    for name in given.sets:
        parts = read(given.data / name)
        train, test = cut(parts["train"], given.rows), cut(parts["test"], given.test_rows)
        labels = tuple(sorted(set(map(str, train.values("label")))))
        right = [[fitted(each, train, test, labels, s, given.epochs) for s in range(given.seeds)] for each in bundles]
        without, with_ = (np.array(each, dtype=float) for each in right)
        low, high = interval(with_ - without)
        print(
            f"{name:20} {len(train)} rows: without {without.mean():.3f}, with {with_.mean():.3f} "
            f"({', '.join(f'{each.mean():.3f}' for each in with_)}), change {(with_ - without).mean():+.3f} "
            f"({low:+.3f} to {high:+.3f}); TF-IDF {floor(train, test, labels):.3f}",
            flush=True,
        )


def cut(data: Dataset, rows: int) -> Dataset:
    """So many rows drawn at random, in their order; all where 0 or more than there are."""
    if not rows or rows >= len(data):
        return data
    return data.take(np.sort(np.random.default_rng(0).permutation(len(data))[:rows]))


def fitted(
    bundle: Bundle, train: Dataset, test: Dataset, labels: tuple[str, ...], seed: int, epochs: int
) -> np.ndarray:
    """Which test rows a fit answers right, bool[n]."""
    task = Catalogue.installed().task("classify", labels=labels)
    with tempfile.TemporaryDirectory() as folder:
        made = fit(bundle, train, task=task, out=Path(folder) / "m", step=Step("finetune"), seed=seed, epochs=epochs)
        answers = open_model(made, task).predict(test, ["probs"]).label
    return np.asarray(answers == task.read_truth(test))


def interval(change: np.ndarray) -> tuple[float, float]:
    """95 % of the mean of float[seeds, n], drawing seeds first and then rows."""
    rng = np.random.default_rng(0)
    seeds, n = change.shape
    by_row = [change[rng.integers(seeds, size=seeds)].mean(axis=0) for _ in range(DRAWS)]
    draws = [each[rng.integers(n, size=n)].mean() for each in by_row]
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def floor(train: Dataset, test: Dataset, labels: tuple[str, ...]) -> float:
    task = Catalogue.installed().task("classify", labels=labels)
    answers = tfidf(train, task.read_truth(train), test, len(labels)).label
    return float(np.mean(answers == task.read_truth(test)))


if __name__ == "__main__":
    main()
