"""Claim: `align` killed at ten random moments, one of them inside a save, ends with the same model, bit for bit.

What would make this easy, and how it is met: kills that come before or after the work (a kill counts only if the
process was still alive, and the moments are spread over the whole run: each call may live for a random part of what
one undisturbed run takes) · a tiny model (the default one, on real rows) · comparing answers (the bytes of the
weights and of the verdicts are compared) · saves that are never hit (the process is killed the moment a half-written
checkpoint or model shows in its folder, the first such moment after a random wait).

    python bench/kill.py [--data ../shared/data/sst2] [--model default] [--rows N] [--kills K] [--seed S]
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from duiqi.core.dataset import Dataset
from fit import read

SETTLED = (0, 1, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description="kill align, again and again")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/sst2"))
    parser.add_argument("--model", default="default")
    parser.add_argument("--rows", type=int, default=1500, help="training rows; a quarter more for dev and test each")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for split, rows in (("train", given.rows), ("validation", given.rows // 4), ("test", given.rows // 4)):
            write(read(given.data, split, rows), folder / "data" / f"{split}.csv")
        begun = time.monotonic()
        code = align(given.model, folder, "whole").wait()
        took = time.monotonic() - begun
        print(f"undisturbed: {took:.0f} s, exit {code}", flush=True)
        assert code in SETTLED, code
        kills = 0
        while kills < given.kills:
            wait, in_save = rng.uniform(0.1, 3) * took / given.kills + 4, kills == given.kills // 2
            moment = killed(align(given.model, folder, "killed"), folder, wait, in_save=in_save)
            if moment is None:
                print("it came to its end before all kills; the remaining ones begin a new run", flush=True)
                same(folder)
                (folder / "killed").rename(folder / f"killed-{kills}")
                continue
            kills += 1
            print(f"kill {kills} after {moment:.1f} s{', inside a save' if in_save else ''}", flush=True)
        code = align(given.model, folder, "killed").wait()
        assert code in SETTLED, code
        same(folder)


def write(data: Dataset, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *zip(data.texts, data.values("label"), strict=True)])


def align(model: str, folder: Path, out: str) -> subprocess.Popen[bytes]:
    words = ["align", model, "data", "--out", out, "--budget", "60", "--quiet"]
    with (folder / f"{out}.log").open("ab") as log:
        return subprocess.Popen([sys.executable, "-m", "duiqi", *words], cwd=folder, stdout=log, stderr=log)


def killed(process: subprocess.Popen[bytes], folder: Path, wait: float, *, in_save: bool) -> float | None:
    """Kill it after `wait` seconds, or inside the first save after that; the moment, `None` where it ended before."""
    begun, left = time.monotonic(), saving(folder)  # an earlier kill may have left something behind
    while process.poll() is None:
        since = time.monotonic() - begun
        if since > wait and (not in_save or saving(folder) - left):
            process.kill()
            process.wait()
            return since
        time.sleep(0.0005 if in_save else 0.02)
    return None


def saving(folder: Path) -> set[Path]:
    """What stands half-written in the folders of the run."""
    return set(folder.rglob(".*.new"))


def same(folder: Path) -> None:
    """The weights, and what the report says, agree byte for byte with the undisturbed run's."""
    said = {}
    for name in ("whole", "killed"):
        weights = hashlib.sha256((folder / name / "model" / "model.safetensors").read_bytes()).hexdigest()
        report = json.loads((folder / name / "report.json").read_text())
        verdicts = [(gate["measure"], gate["slice"], gate["verdict"], gate["after"]) for gate in report["gates"]]
        said[name] = (weights, json.dumps(verdicts))
        print(f"{name}: weights {weights[:16]}, {len(verdicts)} gates", flush=True)
    print("the same, bit for bit" if said["whole"] == said["killed"] else "NOT THE SAME", flush=True)
    if said["whole"] != said["killed"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
