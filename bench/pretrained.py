"""Claim: a pre-trained body is better than the same network without pre-training, on every set named, and how both
stand to TF-IDF with logistic regression.

What would make this unfair, and how it is met: other training (same rows, epochs, seeds and settings on both sides;
only the weights to begin with differ) · one lucky fit (every seed is fitted on both sides; intervals draw seeds first
and then rows) · test texts that were read in pre-training (the recipe leaves out every text of a test file) · a floor
on other rows (TF-IDF is fitted on the same training rows and asked the same test rows) · few test rows (with `--folds`
all rows of a set are asked, each by a model that was fitted on the other folds; equal inputs stand in one fold).

    python bench/pretrained.py WITHOUT WITH [--data ../shared/data] [--sets waimai-10k …] [--rows 3000] [--seeds 3]
        [--folds 7]

WITHOUT and WITH are folders of the same architecture (or names of models, such as default-zh); WITHOUT may be `random`,
the network of WITH with weights drawn at random. What is measured is what the task is chosen by: accuracy, or F1 of
spans.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from duiqi.core.bundle import Bundle, Step
from duiqi.core.dataset import Dataset
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions
from duiqi.core.task import Task
from duiqi.data.floors import floors
from duiqi.data.read import read
from duiqi.model.fit import fit
from duiqi.model.open import find, open_model
from duiqi.run.table import guessed_task

SETS = ("chnsenticorp-hotel", "waimai-10k", "thucnews-titles", "tnews-fewclue")
DRAWS = 1000
CATALOGUE = Catalogue.installed()
Divided = Sequence[tuple[Dataset, Dataset]]  # rows to learn from and rows asked


def main() -> None:
    parser = argparse.ArgumentParser(description="a pre-trained body against the same network without pre-training")
    parser.add_argument("without")
    parser.add_argument("with_", metavar="with")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--rows", type=int, default=0, help="training rows (default: all)")
    parser.add_argument("--test-rows", type=int, default=0, help="test rows (default: all)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--part", choices=("test", "dev"), default="test", help="dev: to choose settings by")
    parser.add_argument("--folds", type=int, default=0, help="ask all rows, by cross-validation")
    given = parser.parse_args()
    drawn = tempfile.TemporaryDirectory()
    with_ = find(given.with_)
    bundles = [anew(with_, Path(drawn.name)) if given.without == "random" else find(given.without), with_]
    for name in given.sets:
        parts = read(given.data / name)
        train, test = cut(parts["train"], given.rows), cut(parts[given.part], given.test_rows)
        if given.folds:
            train = test = whole(list(parts.values()))
        kind, _ = guessed_task(train)
        plain = CATALOGUE.task(kind)
        task = CATALOGUE.task(kind, **plain.learn(train))
        test = known(task, test)
        divided = list(folds(test, given.folds)) if given.folds else [(train, test)]
        metric = CATALOGUE.find("metric", task.primary)
        sides = [
            np.stack([asked(each, divided, task, seed, given.epochs) for seed in range(given.seeds)])
            for each in bundles
        ]
        finish = metric.hooks["finish"]
        without, with_ = (finish(side.sum(axis=1)) for side in sides)
        low, high = interval(sides[0], sides[1], finish)
        cheap = {}
        if not given.folds:
            truth = task.read_truth(test)
            cheap = {
                each: finish(metric(truth, guess).sum(axis=0)) for each, guess in floors(task, train, test).items()
            }
        print(
            f"{name:20} {len(train)} rows, {task.primary}: without {without.mean():.3f}, with {with_.mean():.3f} "
            f"({', '.join(f'{each:.3f}' for each in with_)}), change {(with_ - without).mean():+.3f} "
            f"({low:+.3f} to {high:+.3f}); {', '.join(f'{name} {value:.3f}' for name, value in cheap.items())}",
            flush=True,
        )


def anew(bundle: Bundle, folder: Path) -> Bundle:
    """The network of a bundle with weights drawn at random, and its tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer

    torch.manual_seed(0)
    AutoModelForMaskedLM.from_config(AutoConfig.from_pretrained(bundle.path)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(bundle.path, local_files_only=True).save_pretrained(folder)
    return find(str(folder))


def whole(parts: Sequence[Dataset]) -> Dataset:
    """The rows of all parts."""
    rows = parts[0]
    for each in parts[1:]:
        rows = rows.joined(each)
    return rows


def folds(rows: Dataset, many: int) -> Iterator[tuple[Dataset, Dataset]]:
    """Rows to learn from and rows asked, for every fold; equal inputs stand in one fold."""
    keys, unit = np.unique(rows.input_keys, return_inverse=True)
    fold = np.random.default_rng(0).permutation(np.arange(len(keys)) % many)[unit]
    for each in range(many):
        yield rows.take(fold != each), rows.take(fold == each)


def known(task: Task, test: Dataset) -> Dataset:
    """The test rows whose labels all stand in train."""
    keep = np.array([set(row) <= set(task.labels) for row in task.row_labels(test)])
    if not keep.all():
        print(f"{(~keep).sum()} test rows with labels that train has not are left out")
    return test.take(keep)


def cut(data: Dataset, rows: int) -> Dataset:
    """So many rows drawn at random, in their order; all where 0 or more than there are."""
    if not rows or rows >= len(data):
        return data
    return data.take(np.sort(np.random.default_rng(0).permutation(len(data))[:rows]))


def fitted(bundle: Bundle, train: Dataset, test: Dataset, task: Task, seed: int, epochs: int) -> Predictions:
    """Answers to the test rows after a fit."""
    with tempfile.TemporaryDirectory() as folder:
        made = fit(bundle, train, task=task, out=Path(folder) / "m", step=Step("finetune"), seed=seed, epochs=epochs)
        return open_model(made, task).predict(test, task.outputs)


def asked(bundle: Bundle, divided: Divided, task: Task, seed: int, epochs: int) -> np.ndarray:
    """Row statistics of the task's metric on all rows asked, each part of them after a fit of its own: float[n, s]."""
    metric = CATALOGUE.find("metric", task.primary)
    found = [
        metric(task.read_truth(rows), fitted(bundle, learned, rows, task, seed, epochs)) for learned, rows in divided
    ]
    return np.concatenate([np.asarray(each) for each in found])


def interval(without: np.ndarray, with_: np.ndarray, finish: Callable[..., Any]) -> tuple[float, float]:
    """95 % of the mean change, from row statistics float[seeds, n, s], drawing seeds first and then rows."""
    rng = np.random.default_rng(0)
    seeds, n, _ = without.shape
    draws = []
    for _ in range(DRAWS):
        picked = rng.integers(seeds, size=seeds)
        weights = np.bincount(rng.integers(n, size=n), minlength=n).astype(float)
        sums = [np.einsum("n,kns->ks", weights, side[picked]) for side in (without, with_)]
        draws.append(float((finish(sums[1]) - finish(sums[0])).mean()))
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


if __name__ == "__main__":
    main()
