"""Claim: cleaning takes at least 20 MB of text a second on one core, with traditional characters made simplified at
least 2.

What would make this unfair, and how it is met: texts without dirt (real rows as they come; how many are changed is
printed, and the same rows with dirt put into every tenth are measured too) · reading and writing left out (it is the
steps that are claimed; both are in bench/prepare.py) · work spread over cores (one thread; times are processor time,
the best of some runs).

    python bench/clean.py [--data ../shared/data] [--sets online-shopping-7cats medical-abstracts …]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from duiqi.core.dataset import Dataset
from duiqi.data.read import read
from duiqi.data.step import Step
from duiqi.data.steps import Clean, Simplify

SETS = ("online-shopping-7cats", "waimai-10k", "medical-abstracts", "sst2", "ag-news")
DIRT = ("<br>", "&amp;", "\u200b", "!!!!!!", "Ã©", "１２３", "  ", "\u00a0")
RUNS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description="how fast texts are cleaned")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="*", default=SETS)
    given = parser.parse_args()
    for name in given.sets:
        texts = read(given.data / name)["train"].texts
        size = sum(len(text.encode()) for text in texts) / 1e6
        for kind, rows in (("as it comes", texts), ("a tenth dirty", dirtied(texts))):
            plain, changed = rate([Clean()], rows, size)
            both, more = rate([Clean(), Simplify()], rows, size)
            print(
                f"{name:22} {size:5.1f} MB {kind:14} clean {plain:6.1f} MB/s ({changed} rows changed), "
                f"with script conversion {both:6.1f} MB/s ({more})", flush=True,
            )  # fmt: skip


def dirtied(texts: list[str]) -> list[str]:
    """The texts, every tenth with some dirt in it."""
    rng = np.random.default_rng(0)
    return [
        f"{text[: len(text) // 2]}{DIRT[rng.integers(len(DIRT))]}{text[len(text) // 2 :]}" if row % 10 == 0 else text
        for row, text in enumerate(texts)
    ]


def rate(steps: list[Step], texts: list[str], size: float) -> tuple[float, int]:
    """Megabytes a second of processor time, the best run, and how many changes were made."""
    best = np.inf
    for _ in range(RUNS):
        data = Dataset.of({"text": texts, "origin": [str(row) for row in range(len(texts))]})
        begun, changes = time.process_time(), 0
        for step in steps:
            outcome = step(data)
            data, changes = outcome.data, changes + len(outcome.changes)
        best = min(best, time.process_time() - begun)
    return size / best, changes


if __name__ == "__main__":
    main()
