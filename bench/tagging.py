"""Claim: with all training rows of conll2003-en the best head reaches .87 span F1 on test in at most 20 minutes, and
the conditional random fields are not worse than the linear head, on the same rows.

What would make this unfair, and how it is met: another training (same rows, epochs, seeds and rates for all heads) ·
a difference that is one of rows (draws are paired row by row).

    python bench/tagging.py [--data ../shared/data/conll2003-en] [--heads token_classification crf] [--rows N]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from duiqi.core.bundle import Step
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.measure import Measure
from duiqi.core.part import Catalogue
from duiqi.data.floors import floors
from duiqi.data.read import read
from duiqi.model.fit import fit
from duiqi.model.open import find, open_model

HEADS = ("token_classification", "crf", "bilstm_crf")


def main() -> None:
    parser = argparse.ArgumentParser(description="heads that tag words")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/conll2003-en"))
    parser.add_argument("--model", default="default")
    parser.add_argument("--heads", nargs="*", default=HEADS)
    parser.add_argument("--rows", type=int, default=0, help="training rows (default: all)")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=0)
    given = parser.parse_args()
    parts = read(given.data)
    train, test = parts["train"], parts["test"]
    if given.rows:
        train = train.take(np.sort(np.random.default_rng(0).permutation(len(train))[: given.rows]))
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        first: Measure | None = None
        for head in given.heads:
            measure, seconds = fitted(given.model, head, train, test, seed, given.epochs)
            low, high = measure.interval.low, measure.interval.high
            line = f"seed {seed} {head}: span F1 {measure.value:.4f} ({low:.4f}–{high:.4f}), {seconds / 60:.1f} minutes"
            if first is not None:
                change = measure - first
                low, high = change.interval.low, change.interval.high
                line += f", minus {given.heads[0]} {change.value:+.4f} ({low:+.4f} to {high:+.4f})"
            first = first or measure
            print(line, flush=True)


def fitted(model: str, head: str, train: Dataset, test: Dataset, seed: int, epochs: int) -> tuple[Measure, float]:
    """Span F1 on test of one fit, and the seconds that training took."""
    catalogue = Catalogue.installed()
    task = catalogue.task("tag", head=head, labels=catalogue.task("tag").find_labels(train))
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        made = fit(
            find(model), train, task=task, out=Path(folder) / "m", step=Step("finetune"), seed=seed, epochs=epochs
        )
        seconds = time.monotonic() - begun
        case = Case(open_model(made, task), test)
        if head == HEADS[0] and seed == 0:
            cheap = {name: Case(case.predictor, test).measure("span_f1", guess=guess).value
                     for name, guess in floors(task, train, test).items()}  # fmt: skip
            print(f"floors: {cheap}")
        return case.measure("span_f1"), seconds


if __name__ == "__main__":
    main()
