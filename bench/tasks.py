"""Claim: every task goes through `duiqi align` on real data within 20 minutes and beats a cheap floor.

What would make this unfair, and how it is met: rows that flatter (the first so many of a permutation drawn from a fixed
seed, of train and test alike) · a floor on other rows (majority, word counts and shared words are fitted on the same
training rows and asked the same test rows) · a difference of chance (the paired interval on test is printed; "beats"
is said where it lies above 0).

    python bench/tasks.py [--data ../shared/data] [--sets sick bbq …] [--rows 2000] [--test-rows 1000] [--budget 6]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import duiqi
from duiqi.core.dataset import Dataset
from duiqi.core.report import Report
from duiqi.data.read import read

# model, columns that have no plain name, and columns whose equal values keep rows together (templates)
SETS: dict[str, tuple[str, dict[str, Any]]] = {
    "semeval2010-task8": ("default", {}),
    "cmeie": ("default-zh", {}),
    "snli-counterfactual": ("default", {}),
    "sick": ("default", {}),
    "sick:relatedness": ("default", {"label": "relatedness", "task": "regress"}),
    "afqmc": ("default-zh", {}),
    "bbq": ("default", {"together": ("group", "question_index")}),
    "nps-chat-dialogue-acts": ("default", {}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="every task through align, on real data")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--test-rows", type=int, default=1000)
    parser.add_argument("--budget", type=float, default=6.0, help="minutes")
    given = parser.parse_args()
    for name in given.sets:
        model, settings = SETS[name]
        columns = {"label": settings["label"]} if "label" in settings else {}
        parts = read(given.data / name.partition(":")[0], **columns)
        limits = {"test": given.test_rows, "dev": given.test_rows, "train": given.rows}
        rows: Any = {part: cut(data, limits.get(part, given.rows + given.test_rows)) for part, data in parts.items()}
        if "train" in rows:
            rows = {part: known(data, rows["train"]) for part, data in rows.items()}
        if set(parts) == {"test"}:  # some sets are made to test on alone
            rows = cut(parts["test"], given.rows + 2 * given.test_rows)
        if "together" in settings:
            values = zip(*(rows.group(column) for column in settings["together"]), strict=True)
            rows = rows.with_column("cluster", map(str, values))
        begun = time.monotonic()
        more = {"task": settings["task"]} if "task" in settings else {}
        with tempfile.TemporaryDirectory() as folder:
            report = duiqi.align(model, rows, out=Path(folder) / "out", budget=given.budget, **more)
        print(line(name, report, time.monotonic() - begun), flush=True)


def known(data: Dataset, train: Dataset) -> Dataset:
    """The rows whose class stands in train too: a handful of rare ones do not."""
    classes = {label for label in train.values("label") if isinstance(label, str)} if train.has("label") else set()
    return data.take([not isinstance(label, str) or label in classes for label in data.values("label")])


def cut(data: Dataset, rows: int) -> Dataset:
    """So many rows drawn at random, in their order; all where there are fewer."""
    if rows >= len(data):
        return data
    return data.take(np.sort(np.random.default_rng(0).permutation(len(data))[:rows]))


def line(name: str, report: Report, seconds: float) -> str:
    """Value and interval on test, and how far every floor is behind."""
    task = report.facts["task"]
    primary = report.measure(task["primary"])
    floors = [
        each for each in report.measures if each.base == f"{task['primary']}_difference" and each.slice.rule == "all"
    ]
    floors = [each for each in floors if each.across and each.across.by in ("majority", "tfidf", "overlap", "lookup")]
    said = [
        f"{each.across.by} {each.value:+.3f} ({each.interval.low:+.3f} to {each.interval.high:+.3f})"
        f"{' beaten' if each.interval.low > 0 else ''}"
        for each in floors
        if each.across
    ]
    low, high = primary.interval.low, primary.interval.high
    kept = [trial["remedies"][0]["name"] for trial in report.facts["trials"] if trial["decision"] == "kept"]
    return (
        f"{name:24} {task['name']}, {primary.rows} test rows: "
        f"{primary.name} {primary.value:.3f} ({low:.3f} to {high:.3f}); "
        f"{'; '.join(said)}; kept {', '.join(kept) or 'none'}; {seconds / 60:.1f} minutes"
    )


if __name__ == "__main__":
    main()
