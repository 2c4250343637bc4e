"""Claim: every probe finds its fault in at least 95 of 100 sick cases at full strength, and in at most one of 100
healthy ones.

Each probe brings its own patients, a healthy and a sick case drawn from a seed (`@probe.planted`); here all of them are
examined by that probe with its defaults, as a user would run it alone.

What would make this unfair, and how it is met: seeds that were looked at (parts are written with the first few; all of
them count here) · a finding of another kind that would count as the right one (only the kind that the probe declares
counts in the sick case; in the healthy one any finding does) · probes that were skipped (a skipped case is neither
found nor silent: it is counted and shown).

    python bench/patients.py [--probes calibration …] [--seeds 100] [--strength 1] [--out patients.jsonl]

A run is resumed where it stopped: one line a probe and seed. The table says what all lines of the file say.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from duiqi.core.case import Case
from duiqi.core.examine import Order, examine
from duiqi.core.part import Catalogue, Part

SICK, HEALTHY = 0.95, 0.01  # least share found, largest share of false alarms


def main() -> None:
    parts = {part.name: part for part in Catalogue.installed().all("probe")}
    parser = argparse.ArgumentParser(description="every probe on its own patients")
    parser.add_argument("--probes", nargs="*", default=sorted(parts), choices=sorted(parts))
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--strength", type=float, default=1.0)
    parser.add_argument("--out", type=Path, default=Path("patients.jsonl"))
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    lines = [json.loads(line) for line in given.out.read_text().splitlines()] if given.out.exists() else []
    done = {(line["probe"], line["seed"], line["strength"]) for line in lines}
    for seed in range(given.seeds):  # of every probe a little, so that a run that is stopped says something of each
        for name in given.probes:
            if (name, seed, given.strength) not in done:
                lines.append(examined(parts[name], seed, given.strength))
                with given.out.open("a") as file:
                    print(json.dumps(lines[-1]), file=file)
    show([line for line in lines if line["strength"] == given.strength])


def examined(part: Part, seed: int, strength: float) -> dict[str, Any]:
    """What a probe says of its two patients of one seed."""
    begun = time.process_time()
    healthy, sick = part.hooks["planted"](np.random.default_rng(seed), strength)
    said = {"alarm": kinds(part, healthy), "found": kinds(part, sick)}
    found = None if said["found"] is None else part.kind in said["found"]
    alarm = None if said["alarm"] is None else bool(said["alarm"])
    seconds = round(time.process_time() - begun, 2)
    return {"probe": part.name, "seed": seed, "strength": strength, "alarm": alarm, "found": found, "seconds": seconds}


def kinds(part: Part, case: Case) -> list[str] | None:
    """Which kinds of misalignment the probe finds in a case; `None` where it was skipped."""
    report = examine(case, [Order(part)])
    return None if report.skipped else sorted({finding.kind for finding in report.findings})


def show(lines: list[dict[str, Any]]) -> None:
    """A row for every probe: false alarms on healthy cases, faults found in sick ones, and whether both bounds hold."""
    of = defaultdict(list)
    for line in lines:
        of[line["probe"]].append(line)
    print("| probe | seeds | healthy, alarms | sick, found | seconds a pair | holds |\n|---|---|---|---|---|---|")
    for name, mine in sorted(of.items()):
        alarms, found = (sum(bool(each[what]) for each in mine) for what in ("alarm", "found"))
        skipped = sum(each["alarm"] is None or each["found"] is None for each in mine)
        holds = alarms <= HEALTHY * len(mine) and found >= SICK * len(mine) and not skipped
        seconds = np.median([each["seconds"] for each in mine])
        more = f", {skipped} skipped" if skipped else ""
        print(f"| {name} | {len(mine)}{more} | {alarms} | {found} | {seconds:.1f} | {'yes' if holds else 'no'} |")


if __name__ == "__main__":
    main()
