"""Claim: where 500 labelled rows say that 500 or 1,500 more would bring something, they bring something, and the 95 %
interval holds how much in at least 80 of 100 draws (95 is what it says; where word counts are learned, too little is
foretold).

What would make this unfair, and how it is met: rows measured on that were learned (the gain is measured on a test set
of its own) · words of later rows known beforehand (word counts are made of the rows that are there, each time) · one
lucky draw (ten of the 500 rows, each with rows of its own added) · gains too small to matter (a prediction of no gain
stands beside it, with its mean error) · intervals so wide that they hold everything (their mean width is printed).

    python bench/more_labels.py [--data ../shared/data] [--sets banking77 sst2 waimai-10k] [--draws 10]

Embeddings by `default` are made once a set and kept in --cache.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from duiqi.core.dataset import Dataset
from duiqi.core.part import Catalogue
from duiqi.data.floors import both_texts, counted, logistic
from duiqi.data.more_labels import curves
from duiqi.data.read import read

START, LATER = 500, (1000, 2000)
MOST_TEST = 1500


def main() -> None:
    parser = argparse.ArgumentParser(description="gains of more labels: predicted from 500 rows, and measured")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="*", default=("banking77", "sst2", "waimai-10k"))
    parser.add_argument("--kinds", nargs="*", default=("counts", "embeddings"))
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--cache", type=Path, default=Path("bench-cache"))
    given = parser.parse_args()
    for name in given.sets:
        parts = read(given.data / name)
        train, test = parts["train"], parts["test"]
        test = test.take(np.random.default_rng(0).permutation(len(test))[:MOST_TEST])
        rows = train.take(np.random.default_rng(1).permutation(len(train))[:5000]).joined(test)
        rows = rows.with_column("id", [str(at) for at in range(len(rows))], column="row")
        labels = sorted(set(rows.values("label")))
        truth = np.array([labels.index(each) for each in rows.values("label")])
        for kind in given.kinds:
            vectors = embedded(rows, labels, given.cache / f"more-{name}.npy") if kind == "embeddings" else None
            one(name, kind, rows, truth, labels, len(rows) - len(test), vectors, given.draws)


def embedded(rows: Dataset, labels: list[str], place: Path) -> np.ndarray:
    """Embeddings of length 1 by `default`, made once."""
    from duiqi.model.open import find, open_model

    if not place.is_file():
        place.parent.mkdir(exist_ok=True)
        task = Catalogue.installed().task("classify", labels=tuple(labels))
        np.save(place, open_model(find("default"), task).predict(rows, ["embedding"])["embedding"])
    found = np.load(place).astype(np.float64)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


def one(
    name: str, kind: str, rows: Dataset, truth: np.ndarray, labels: list[str], n: int, vectors: Any, draws: int
) -> None:
    texts, test = both_texts(rows), np.arange(n, len(rows))
    told: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    seconds = []

    def answered(known: np.ndarray) -> np.ndarray:
        if vectors is None:
            made = counted([texts[at] for at in known], [texts[at] for at in test])
            assert made is not None
        else:
            made = vectors[known], vectors[test]
        return np.asarray(logistic(made[0], truth[known], made[1], len(labels)).argmax(axis=1))

    def measured(answers: np.ndarray, label: int | None) -> float:
        if label is None:
            return float((answers == truth[test]).mean())
        both = ((answers == label) & (truth[test] == label)).sum()
        return float(2 * both / max((answers == label).sum() + (truth[test] == label).sum(), 1))

    for draw in range(draws):
        order = np.random.default_rng(100 + draw).permutation(n)
        known, begun = order[:START], time.process_time()
        seen = [texts[at] for at in known]
        own = vectors[known] if vectors is not None else counted(seen, seen)[0]  # type: ignore[index]
        found = curves(own, truth[known], labels, rows.take(known).input_keys, seed=draw)
        seconds.append(time.process_time() - begun)
        then = {size: answered(order[:size]) for size in (START, *LATER)}
        for curve in found:
            label = None if curve.label is None else labels.index(curve.label)
            about = "accuracy" if label is None else "F1 of a class"
            for size in LATER:
                worth = curve.worth(round((size / START - 1) * curve.rows))
                gain = measured(then[size], label) - measured(then[START], label)
                told[f"{about}, {START} → {size}"].append((worth.gain, worth.low, worth.high, gain))
    print(f"{name}, {kind}: {np.mean(seconds):.1f} s a statement", flush=True)
    for about, given in told.items():
        gain, low, high, real = np.array(given).T
        said = low > 0
        shown = (
            f"    {about}: gained {real.mean():+.3f}, predicted {gain.mean():+.3f}; mean error "
            f"{np.abs(gain - real).mean():.3f} (predicting none: {np.abs(real).mean():.3f}); interval holds "
            f"{((low <= real) & (real <= high)).mean():.0%} of {len(real)}, mean width {(high - low).mean():.3f}; "
            f"told in {said.mean():.0%}"
        )
        print(shown + (f", of which {(real[said] > 0).mean():.0%} gained" if said.any() else ""), flush=True)


if __name__ == "__main__":
    main()
