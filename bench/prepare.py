"""Claim: memory does not grow with the rows (10 million within 6 GiB, at most 1.3 times the peak of 1 million), and the
time for a row stays the same.

What would make this unfair, and how it is met: rows that are all alike and so are packed or kept once (texts are drawn
word by word, nearly all differ) · memory that is freed before anybody looks (the peak of the whole process is read from
the system when it has ended) · a part of the work left out (sources are read twice, checked, divided, written, packed
and summed up, as a user has it).

    python bench/prepare.py [--rows 1000000 10000000] [--form jsonl] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

WORDS = np.array([f"w{n}" for n in range(3000)] + ["the", "was", "very", "not", "and", "good", "bad", "room"] * 200)
CHUNK = 100_000


def main() -> None:
    parser = argparse.ArgumentParser(description="memory and time of duiqi prepare")
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000_000, 10_000_000])
    parser.add_argument("--form", default="jsonl")
    parser.add_argument("--folder", type=Path, help="where rows are made (default: a temporary folder)")
    given = parser.parse_args()
    for rows in given.rows:
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            source = made(Path(folder) / "rows.csv", rows)
            size = source.stat().st_size
            begun = time.monotonic()
            command = [sys.executable, "-m", "duiqi", "prepare", source, "--out", Path(folder) / "out", "--form",
                       given.form, "--quiet"]  # fmt: skip
            subprocess.run(list(map(str, command)), check=True)
            seconds = time.monotonic() - begun
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20  # the largest so far: give rows in order
        print(
            f"{rows} rows, {size / 1e6:.0f} MB: {seconds:.0f} s, {seconds / rows * 1e6:.1f} µs a row, "
            f"peak {peak:.2f} GiB", flush=True,
        )  # fmt: skip


def made(path: Path, rows: int) -> Path:
    """A csv of reviews with a label, a group and a number."""
    rng = np.random.default_rng(0)
    with path.open("w", encoding="utf-8") as file:
        file.write("review,label,region,stars\n")
        for begin in range(0, rows, CHUNK):
            count = min(CHUNK, rows - begin)
            words = WORDS[rng.integers(len(WORDS), size=(count, 12))]
            kinds = rng.integers(4, size=(count, 3))
            file.writelines(
                f"{' '.join(text)},{('good', 'bad', 'mixed', 'none')[a]},{'nswe'[b]},{c}\n"
                for text, (a, b, c) in zip(words, kinds, strict=True)
            )
    return path


if __name__ == "__main__":
    main()
