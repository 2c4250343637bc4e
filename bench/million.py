"""Claim: blind spots are looked for in a million rows, predictions given, within five minutes and 6 GiB; and the page
of the report stays under 5 MB.

What would make this unfair, and how it is met: short or equal rows (real news and reviews, each with two of its own
words put behind it, so that none is equal) · no slice to find (one is planted, and must be named) · a quiet time of
reading (rows are made before; the seconds are those of the probe and of the page).

    python bench/million.py [--rows 1000000] [--sets ag-news sst2 amazon-multidomain] [--probes blind_spots]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded
from duiqi.core.report import Report
from duiqi.core.slice import Slice
from fit import footer, read

WEAK = "good"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="*", default=("ag-news", "sst2", "amazon-multidomain"))
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--probes", nargs="*", default=("blind_spots",))
    given = parser.parse_args()
    case = case_of(made(given.data, given.sets, given.rows))
    for name in given.probes:
        start = time.perf_counter()
        report = examine(case, orders(case, only=[name]))
        seconds = time.perf_counter() - start
        told = [finding.slice.rule for finding in report.findings] + [each["detail"] for each in report.skipped]
        print(f"{name}: {given.rows:,} rows, {seconds:.0f} s, peak {peak():.2f} GiB; told: {'; '.join(told) or 'none'}")
        with tempfile.TemporaryDirectory() as folder:
            print(f"  page {page(report, Path(folder)) / 1e6:.2f} MB", flush=True)
    print(footer(case.data))


def made(data: Path, sets: Sequence[str], rows: int) -> Dataset:
    """Real texts over and over, each with two words of its own, and two group columns."""
    rng = np.random.default_rng(0)
    texts = [text for name in sets for text in read(data / name, "train").texts]
    words = sorted({word for text in texts[:5000] for word in text.split()})
    drawn = rng.integers(0, len(words), (rows, 2))
    taken = rng.integers(0, len(texts), rows)
    return Dataset.of(
        {
            "text": [f"{texts[t]} {words[a]} {words[b]}" for t, (a, b) in zip(taken, drawn, strict=True)],
            "label": rng.choice(["no", "yes"], rows),
            "source": rng.choice([f"source {letter}" for letter in "abcdefgh"], rows),
            "channel": rng.choice(["app", "web", "shop"], rows),
        },
        groups=("source", "channel"),
    )


def case_of(data: Dataset) -> Case:
    """Wrong answers to 12 % of the rows, and to 20 % of those that mention a word."""
    rng = np.random.default_rng(1)
    catalogue = Catalogue.installed()
    task = catalogue.task("classify", labels=("no", "yes"))
    truth = task.read_truth(data)
    weak = Slice.of("text", WEAK, "contains").mask(data)
    answer = np.where(rng.random(len(data)) < np.where(weak, 0.2, 0.12), 1 - truth, truth)
    probs = np.where(np.eye(2)[answer] > 0, 0.85, 0.15)
    return Case(Recorded(task, Predictions(data.row_ids, {"probs": probs})), data, catalogue=catalogue)


def page(report: Report, folder: Path) -> int:
    """Bytes of the page."""
    from duiqi.show.publish import publish

    publish(report, folder / "out", lang="en")
    return (folder / "out" / "report.html").stat().st_size


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
