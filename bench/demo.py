"""Claim: of the misalignments that the demo plants, at least 95 % are found over 20 seeds, its clean control is silent
in at least 19 of 20, and at least three different remedies win somewhere.

What would make this easy, and how it is met: seeds that were tuned on (the settings of `reviews` were last chosen on
seeds 100 and above; the claim is about 80 to 99, which no choice has seen) · a finding that would be there anyway (the
same search runs on the control) · a finding of other rows that is counted for the plant (`matching`: its rows overlap
the planted ones by half, or lie inside them) · wins on the rows they were chosen on (remedies count when `align` keeps
them, on dev and corrected for all that were tried; the last table of the demo's report says what test shows).

    python bench/demo.py [--seeds 80:100] [--workers 2] [--whole 0]

`--whole K` also runs the whole demo for the first K seeds, one after the other, with its time and its peak of memory.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from duiqi.align import _labels, plainly_fitted
from duiqi.data.reviews import reviews
from duiqi.demo import BUDGET, OPTIONS, matching
from duiqi.diagnose import diagnose_case
from duiqi.model.open import find
from duiqi.run.carry import Bench
from duiqi.run.table import lay
from duiqi.run.workshop import Workshop


def main() -> None:
    parser = argparse.ArgumentParser(description="what the demo finds")
    parser.add_argument("--seeds", default="80:100", help="from:to")
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    parser.add_argument("--sides", default="planted,control", help="empty: only the whole demos")
    parser.add_argument("--whole", type=int, default=0, help="whole demos to run")
    given = parser.parse_args()
    seeds = range(*map(int, given.seeds.split(":")))
    sides = list(filter(None, given.sides.split(",")))
    if given.whole:  # before `diagnosed`, which leaves one thread to every process
        whole_demos(seeds[: given.whole])
    diagnosed([(seed, side == "planted") for side in sides for seed in seeds], given.workers)


def diagnosed(jobs: list[tuple[int, bool]], workers: int) -> None:
    """Plain training and diagnosis for every seed and side: the demo without its repair, which finds nothing more."""
    found: Counter[str] = Counter()
    silent: list[bool] = []
    planted = plants = 0
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for future in as_completed([pool.submit(one, *job) for job in jobs]):
            said = future.result()
            print(json.dumps(said), flush=True)
            if said["planted"]:
                planted, plants = planted + 1, plants + len(said["plants"])
                found.update(code for code, as_ in said["plants"].items() if as_)
            else:
                silent.append(not said["findings"])
    if planted:
        print(f"found {sum(found.values())} of {plants} planted: {dict(found)} of {planted} each")
    if silent:
        print(f"silent in {sum(silent)} of {len(silent)} controls")


def one(seed: int, planted: bool) -> dict[str, Any]:
    """What is found on one seed's rows, and as what each plant."""
    begun = time.monotonic()
    made = reviews(seed, planted=planted)
    table = lay(made.parts, {"seed": seed, "options": OPTIONS, "threads": 1})
    bundle = find("default")
    with tempfile.TemporaryDirectory() as folder:
        task = table.task_for(_labels(table, bundle))
        bench = Bench(table, Workshop(Path(folder)), task, table.part("train"), table.part("dev"))
        before, _notes = plainly_fitted(bench, bundle, 60 * BUDGET)
        report = diagnose_case(table, table.case(table.open(before), table.part("dev")))
    dev = table.part("dev")
    plants = {plant.code: [f.title for f in matching(plant, report.findings, dev)][:2] for plant in made.plants}
    return {
        "seed": seed, "planted": planted, "accuracy": round(report.measure("accuracy").value, 3), "plants": plants,
        "where": {plant.code: [c["value"] for c in plant.where] for plant in made.plants},
        "findings": [f.title for f in report.findings], "seconds": round(time.monotonic() - begun),
    }  # fmt: skip


def whole_demos(seeds: range) -> None:
    """Whole demos one after the other: which remedies were kept, which plants found, and what became of them."""
    wins: Counter[str] = Counter()
    became: Counter[str] = Counter()
    for seed in seeds:
        kept, statuses = whole(seed)
        wins.update(kept)
        became.update(statuses)
    print(f"kept: {dict(wins)}")
    print(f"found {became.total() - became['not_found']} of {became.total()} planted: {dict(became)}")


def whole(seed: int) -> tuple[list[str], list[str]]:
    """The whole demo as its user runs it: the remedies it kept, and what became of each plant."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["/usr/bin/time", "-v", sys.executable, "-m", "duiqi", "demo", "--seed", str(seed), "--quiet"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        report = json.loads((Path(folder) / "duiqi-out-demo" / "report.json").read_text())
    trials = report["trials"]
    kept = [remedy["name"] for trial in trials if trial["decision"] == "kept" for remedy in trial["remedies"]]
    (rows,) = (each["data"]["rows"] for each in report["exhibits"] if each["data"].get("title") == "planted")
    took = re.search(r"Elapsed.*: (\S+)", done.stderr)
    peak = re.search(r"Maximum resident.*: (\d+)", done.stderr)
    print(json.dumps({
        "seed": seed, "exit": done.returncode, "elapsed": took and took[1], "GiB": peak and int(peak[1]) / 2**20,
        "tried": {"+".join(r["name"] for r in t["remedies"]): f"{t['decision']}: {t['why']}" for t in trials},
        "planted": {row[0]: row[3] for row in rows},
    }), flush=True)  # fmt: skip
    return kept, [row[3] for row in rows]


if __name__ == "__main__":
    main()
