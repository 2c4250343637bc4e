"""Claim: on 500 labelled rows a step that works on the rows gives a proven gain.

    python bench/few_rows.py --chosen margin [--sets banking77 …] [--rows 500] [--seeds 3] [--epochs 5]
    python bench/few_rows.py --with augment --options '{"edits": ["random_swap"]}' [--after 5] [--part dev] …
    python bench/few_rows.py --with self_training --options '{"pool": "", "right": 0.9}' --held 150 …
    python bench/few_rows.py --rules [--right 0.9] [--after 2] --sets financial-phrasebank waimai-10k

Every seed draws other labelled rows, and one side trains on them plainly, for `--epochs` passes. The other side trains,
from the same start, on as many rows that were chosen (`--chosen`: the first 100 are the same, then 100 at a time as
`duiqi label` does with a model that has no head), or with what a remedy makes of the rows for `--after` passes. The
other training rows of the set, their labels taken away, are the pool of remedies that want one.

What would make this unfair, and how it is met: a plain side that is trained too little (its passes are chosen on dev,
`--part dev`, among several; a remedy that adds rows makes more steps of a pass, so the plain side is tried with more) ·
one lucky draw (three seeds, each with rows of its own; intervals draw seeds first and then test rows) · settings chosen
on test (choose them with `--part dev`) · labels from elsewhere (a remedy sees the labelled rows, dev where it asks for
it, and pool texts without labels; `--held` takes the rows that stand in for dev out of the labelled ones, so that no
label beyond the 500 is used).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from duiqi.core.bundle import Bundle, Step
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.predictions import Predictions
from duiqi.core.task import Task
from duiqi.data.floors import floors
from duiqi.data.read import read
from duiqi.label import label
from duiqi.model.fit import fit
from duiqi.model.open import find, open_model
from duiqi.run.table import guessed_task
from labels import FIRST, Bench, Kept
from pretrained import CATALOGUE, interval, known

SETS = {"banking77": "default", "financial-phrasebank": "default", "waimai-10k": "default-zh"}
RULES = {"financial-phrasebank": "rules_financial_news.py", "waimai-10k": "rules_takeaway_zh.py"}  # in examples/
DEV = 1000  # rows of train, where a set has no dev part


def main() -> None:
    parser = argparse.ArgumentParser(description="what a step gains on few labelled rows")
    parser.add_argument("--chosen", choices=("margin", "uncertainty", "core_set"), help="how rows are chosen")
    parser.add_argument("--with", dest="remedy", help="the remedy that works on the rows")
    parser.add_argument("--rules", action="store_true", help="rows of the pool are labelled by the rules in examples/")
    parser.add_argument("--right", type=float, default=0.9, help="the share that has to be right of what rules label")
    parser.add_argument("--cache", type=Path, default=Path("bench-cache"))
    parser.add_argument("--options", type=json.loads, default={})
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--held", type=int, default=0, help="of the labelled rows, so many are dev for the remedy")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, nargs="*", default=[5], help="of the plain side; several are compared")
    parser.add_argument("--after", type=int, default=5, help="epochs with the remedy")
    parser.add_argument("--part", choices=("test", "dev"), default="test", help="dev: to choose settings by")
    given = parser.parse_args()
    for name in given.sets:
        compare(name, given)


def compare(name: str, given: argparse.Namespace) -> None:
    """Print what both sides reach on one set."""
    parts, bundle = dict(read(given.data / name)), find(SETS[name])
    if "dev" not in parts:
        order = np.random.default_rng(99).permutation(len(parts["train"]))
        parts["dev"], parts["train"] = (parts["train"].take(np.sort(rows)) for rows in np.split(order, [DEV]))
    kind, _ = guessed_task(parts["train"])
    task = CATALOGUE.task(kind, **CATALOGUE.task(kind).learn(parts["train"]))
    asked = known(task, parts[given.part])
    metric, truth = CATALOGUE.find("metric", task.primary), task.read_truth(asked)
    finish = metric.hooks["finish"]
    sides: dict[str, list[Any]] = {}
    for seed in range(given.seeds):
        order = np.random.default_rng(seed).permutation(len(parts["train"]))
        mine, pool = (parts["train"].take(np.sort(rows)) for rows in np.split(order, [given.rows]))
        found = answers(bundle, task, mine, pool, parts["dev"], asked, seed, given)
        if given.chosen:
            picked = parts["train"].take(chosen(name, task, parts["train"], order, given))
            found[given.chosen] = trained(bundle, picked, task, asked, seed, given.epochs[-1])
        if given.rules:
            more = mine.joined(by_rules(name, mine, pool, seed, given))
            print(f"  seed {seed}: {len(mine)} rows became {len(more)} ({right(task, more, pool)})", flush=True)
            found["rules"] = trained(bundle, more, task, asked, seed, given.after)
        for side, guess in found.items():
            sides.setdefault(side, []).append(metric(truth, guess))
    stacked = {side: np.stack(rows) for side, rows in sides.items()}
    values = {side: finish(rows.sum(axis=1)) for side, rows in stacked.items()}
    told = "; ".join(
        f"{side} {value.mean():.3f} ({', '.join(f'{v:.3f}' for v in value)})" for side, value in values.items()
    )
    print(f"{name}, {given.rows} rows, {task.primary} on {given.part}: {told}", flush=True)
    for other in filter(None, (given.remedy, given.chosen, given.rules and "rules")):
        plain = max((side for side in stacked if side.startswith("plain")), key=lambda side: values[side].mean())
        low, high = interval(stacked[plain], stacked[other], finish)
        change = (values[other] - values[plain]).mean()
        print(f"  {other} against {plain}: {change:+.3f} ({low:+.3f} to {high:+.3f})", flush=True)


def answers(
    bundle: Bundle, task: Task, mine: Dataset, pool: Dataset, dev: Dataset, asked: Dataset, seed: int, given: Any
) -> dict[str, Any]:
    """What every side of one seed says to the rows asked."""
    found: dict[str, Any] = dict(floors(task, mine, asked))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for epochs in given.epochs:
            made = train(bundle, mine, task, place / f"plain{epochs}", seed, epochs)
            found[f"plain {epochs}"] = open_model(made, task).predict(asked, task.outputs)
        if given.remedy:
            begun = time.monotonic()
            teacher = made
            if given.held:
                order = np.random.default_rng(seed).permutation(len(mine))
                dev, less = (mine.take(np.sort(rows)) for rows in np.split(order, [given.held]))
                teacher = train(bundle, less, task, place / "teacher", seed, max(given.epochs))
            options = {**given.options}
            if "pool" in options:
                options["pool"] = str(place / "pool.jsonl")
                texts = pool.texts
                (place / "pool.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
            known = less if given.held else mine
            case = Case(open_model(teacher, task), dev, train=known, catalogue=CATALOGUE, seed=seed)
            rows = CATALOGUE.find("remedy", given.remedy).function(case, (), **options).data(known)
            rows = mine.joined(rows.take(np.arange(len(known), len(rows)))) if given.held else rows
            print(f"  seed {seed}: {len(mine)} rows became {len(rows)} ({right(task, rows, pool)})", flush=True)
            done = train(bundle, rows, task, place / "after", seed, given.after)
            found[given.remedy] = open_model(done, task).predict(asked, task.outputs)
            print(f"  {time.monotonic() - begun:.0f} s", flush=True)
    return found


def chosen(name: str, task: Task, train: Dataset, order: np.ndarray, given: argparse.Namespace) -> np.ndarray:
    """Rows as a strategy chooses them, from the first of a seed on."""
    reader = Kept.of(SETS[name], task, [train], given.cache / f"few-{name}")
    bench = Bench(task, train, reader, train, np.zeros(0))
    labelled, pool = order[:FIRST], order[FIRST:]
    while len(labelled) < given.rows:
        picked = bench.chosen(given.chosen, labelled, pool)
        labelled, pool = np.concatenate([labelled, pool[picked]]), np.delete(pool, picked)
    return np.sort(labelled[: given.rows])


def by_rules(name: str, mine: Dataset, pool: Dataset, seed: int, given: Any) -> Dataset:
    """Rows of the pool, with labels that `duiqi label` gives by rules and regressions together."""
    rules = Path(__file__).parent.parent / "examples" / RULES[name]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        texts = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in pool.texts)
        (place / "pool.jsonl").write_text(texts, encoding="utf-8")
        label(
            SETS[name], {"train": mine}, pool=place / "pool.jsonl", out=place / "out",
            rules=rules, self_label=True, right=given.right, seed=seed,
        )  # fmt: skip
        found = place / "out" / "labelled.jsonl"
        made = [json.loads(line) for line in found.read_text(encoding="utf-8").splitlines()] if found.is_file() else []
        label_of = {row["text"]: row["label"] for row in made}
    kept = pool.take(np.flatnonzero([text in label_of for text in pool.texts]))
    return kept.with_column("label", [label_of[text] for text in kept.texts], column=kept.schema.label)


def trained(bundle: Bundle, rows: Dataset, task: Task, asked: Dataset, seed: int, epochs: int) -> Predictions:
    with tempfile.TemporaryDirectory() as folder:
        return open_model(train(bundle, rows, task, Path(folder) / "m", seed, epochs), task).predict(
            asked, task.outputs
        )


def right(task: Task, rows: Dataset, pool: Dataset) -> str:
    """Of rows that came from the pool, how many have the label that was taken away."""
    truth = dict(zip(pool.texts, task.row_labels(pool), strict=True))
    hits = [
        truth[text] == label for text, label in zip(rows.texts, task.row_labels(rows), strict=True) if text in truth
    ]
    return f"{len(hits)} from the pool, {np.mean(hits):.3f} of them right" if hits else "none from the pool"


def train(bundle: Bundle, rows: Dataset, task: Task, out: Path, seed: int, epochs: int) -> Bundle:
    return fit(bundle, rows, task=task, out=out, step=Step("finetune"), seed=seed, epochs=epochs)


if __name__ == "__main__":
    main()
