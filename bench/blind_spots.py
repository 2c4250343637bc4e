"""How often `blind_spots` finds a weak slice that is there, and how often it reports one that is not.

    python bench/blind_spots.py [--runs 200] [--rows 5000] [--data FOLDER]... [--base .12] [--gap .20] [--share .05]

Real texts with made-up answers: each row is wrong with probability `base`, rows of the planted slice with `base` +
`gap`. Two group columns are made up as well: `source` (eight values, the rarest 5 %) and `channel` (three). Single
slices are a value of a column, a word (for Chinese: two characters), a negation, a number, or the shortest or longest
texts; pairs join two of these. The sort is drawn first, so that none dominates. Slices come from a list of this
script's own, not from the list that the probe searches. One counts as found where a finding and it share at least half
of the rows that either has (Jaccard). Function words are not planted: the probe names them only where nothing more
telling fits. For figures of one core, set OMP_NUM_THREADS=1.

Also printed: findings a run, seconds a run, how often the stated interval of a finding of the planted slice holds the
true gap, and rates with 95 % score intervals (Wilson 1927). The rows stay the same over runs; answers and slice change.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import Order, examine
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded
from duiqi.core.slice import Condition, Slice, is_cjk, words

DATA = ("../shared/data/sst2", "../shared/data/waimai-10k")
LABELS = ("no", "yes")


@dataclass(frozen=True)
class Planted:
    """A slice that may be made weak, its rows, and what sort it is."""

    slice: Slice
    rows: np.ndarray
    sort: str


def read(folder: Path, rows: int) -> Dataset:
    """Texts of the training rows, drawn without repeats, with two made-up group columns."""
    rng = np.random.default_rng(0)
    with gzip.open(folder / "train.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    texts = [texts[i] for i in rng.permutation(len(texts))[:rows]]
    shares = np.array([0.05, 0.06, 0.08, 0.11, 0.14, 0.16, 0.19, 0.21])
    return Dataset.of(
        {
            "text": texts,
            "label": [LABELS[i] for i in rng.integers(0, 2, len(texts))],
            "source": rng.choice([f"s{i}" for i in range(8)], len(texts), p=shares).tolist(),
            "channel": rng.choice(["web", "app", "shop"], len(texts)).tolist(),
        },
        name=folder.name,
        groups=("source", "channel"),
    )


def singles(data: Dataset) -> list[Planted]:
    """Everything that a planted slice may be made of."""
    said = tomllib.loads(files("duiqi.data").joinpath("lexicons", "function_words.toml").read_text(encoding="utf-8"))
    listed = [Slice.of(column, str(v)) for column in data.schema.groups for v in np.unique(data.group(column))]
    counts: dict[str, int] = {}
    for text in data.texts:
        tokens = words(text)
        pairs = {a + b for a, b in pairwise(tokens) if is_cjk(a) and is_cjk(b) and a + b in text}
        for word in pairs | {token for token in tokens if not is_cjk(token)} - set(said["en"]):
            counts[word] = counts.get(word, 0) + 1
    edges = set(said["zh_edges"])
    common = [w for w, count in sorted(counts.items()) if count >= 0.03 * len(data) and words(w)]
    common = [w for w in common if not (is_cjk(w) and (w[0] in edges or w[-1] in edges))]
    listed += [Slice.of("text", word, "contains") for word in common]
    found = [Planted(each, each.mask(data), "column" if each.where[0].op == "==" else "word") for each in listed]
    length = np.array([len(words(text)) for text in data.texts])
    for share in (0.05, 0.1, 0.2, 0.3):
        for op, cut in (("<=", np.quantile(length, share)), (">=", np.quantile(length, 1 - share))):
            slice = Slice((Condition("length", op, int(cut)),))
            found.append(Planted(slice, slice.mask(data), "length"))
    for column in ("negation", "number"):
        slice = Slice.of(column, True)
        found.append(Planted(slice, slice.mask(data), column))
    return found


def pairs(parts: list[Planted]) -> list[Planted]:
    """Two of them, where they speak of different things."""
    return [
        Planted(Slice(a.slice.where + b.slice.where), a.rows & b.rows, f"{a.sort} × {b.sort}")
        for a, b in combinations(parts, 2)
        if a.sort == b.sort == "word" or a.slice.where[0].column != b.slice.where[0].column
    ]


def of_size(planted: list[Planted], share: float, lone: bool) -> list[Planted]:
    """Those that hold about the share; a pair also has to be far from both halves, else it is a single slice."""
    halves = {each.slice.where[0]: each.rows.sum() for each in planted if len(each.slice.where) == 1}
    fitting = [each for each in planted if abs(each.rows.mean() / share - 1) <= 0.2]
    if lone:
        return [each for each in fitting if len(each.slice.where) == 1]
    both = [each for each in fitting if len(each.slice.where) == 2]
    return [each for each in both if each.rows.sum() < 0.8 * min(halves[part] for part in each.slice.where)]


def wilson(hits: int, runs: int) -> str:
    """A rate with its 95 % score interval."""
    z, p = 1.96, hits / runs
    middle = (p + z * z / (2 * runs)) / (1 + z * z / runs)
    reach = z * np.sqrt(p * (1 - p) / runs + z * z / (4 * runs * runs)) / (1 + z * z / runs)
    return f"{p:.3f} ({middle - reach:.3f}–{middle + reach:.3f})"


def recorded(data: Dataset, wrong: np.ndarray, catalogue: Catalogue) -> Recorded:
    """A predictor whose answers are wrong on the given rows."""
    truth = np.array([LABELS.index(label) for label in data.values("label")])
    probs = np.full((len(data), 2), 0.2)
    probs[np.arange(len(data)), np.where(wrong, 1 - truth, truth)] = 0.8
    return Recorded(catalogue.task("classify", labels=LABELS), Predictions(data.row_ids, {"probs": probs}))


def trial(name: str, data: Dataset, choose: Callable[[np.random.Generator], Planted | None], said: argparse.Namespace,
          memory: dict) -> None:  # fmt: skip
    """All runs of one setting, printed as one line."""
    catalogue = Catalogue.installed()
    order = Order(catalogue.find("probe", "blind_spots"))
    any_found = found = held = listed = 0
    seconds, missed = [], {}
    for run in range(said.runs):
        rng = np.random.default_rng([run, 7])
        planted = choose(rng)
        rate = np.full(len(data), said.base)
        if planted:
            rate[planted.rows] += said.gap
        wrong = rng.random(len(data)) < rate
        case = Case(recorded(data, wrong, catalogue), data, catalogue=catalogue, seed=run, memory=memory)
        begun = time.perf_counter()
        report = examine(case, [order])
        seconds.append(time.perf_counter() - begun)
        assert not report.skipped, report.skipped
        any_found += bool(report.findings)
        listed += len(report.findings)
        close = [f for f in report.findings if planted and overlap(f.slice.mask(data), planted.rows) >= 0.5]
        found += bool(close)
        if close:
            measure = close[0].ruling.measure
            truth = rate[~close[0].slice.mask(data)].mean() - rate[close[0].slice.mask(data)].mean()
            held += measure.interval.low <= truth <= measure.interval.high
        elif planted:
            missed[planted.sort] = missed.get(planted.sort, 0) + 1
            if said.verbose:
                print(f"  run {run}: {planted.slice.rule} told as {[f.slice.rule for f in report.findings]}")
    shown = f"any finding {wilson(any_found, said.runs)}"
    if found:
        shown = f"found {wilson(found, said.runs)}, interval holds {held / found:.3f}, missed {missed}, {shown}"
    print(f"{data.name}, {name}: {shown}; findings a run {listed / said.runs:.2f}; "
          f"seconds a run {np.median(seconds[1:]):.2f} (first {seconds[0]:.2f})", flush=True)  # fmt: skip


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Jaccard similarity of two sets of rows."""
    return float((first & second).sum() / (first | second).sum())


def drawn(planted: list[Planted]) -> Callable[[np.random.Generator], Planted]:
    """Draws a sort, then a slice of it."""
    sorts = sorted({each.sort for each in planted})

    def choose(rng: np.random.Generator) -> Planted:
        sort = sorts[rng.integers(len(sorts))]
        of_sort = [each for each in planted if each.sort == sort]
        return of_sort[rng.integers(len(of_sort))]

    return choose


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--data", type=Path, action="append", help="a folder with train.jsonl.gz; may be repeated")
    parser.add_argument("--base", type=float, default=0.12)
    parser.add_argument("--gap", type=float, default=0.20)
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--verbose", action="store_true", help="print what was missed")
    parser.add_argument("--only", choices=("null", "single", "pair"))
    said = parser.parse_args()
    threads = os.environ.get("OMP_NUM_THREADS", "unset")
    print(f"python {sys.version.split()[0]}, numpy {np.__version__}, OMP_NUM_THREADS={threads}; "
          f"{said.runs} runs, error {said.base}, gap {said.gap}, slice {said.share:.0%}")  # fmt: skip
    for folder in said.data or map(Path, DATA):
        data = read(folder, said.rows)
        memory: dict = {}
        parts = singles(data)
        every = parts + pairs(parts)
        chosen = {lone: of_size(every, said.share, lone) for lone in (True, False)}
        for lone, planted in chosen.items():
            sorts = sorted({each.sort for each in planted})
            print(f"{data.name}: {len(planted)} {'single slices' if lone else 'pairs'} to plant ({', '.join(sorts)})")
        if said.only in (None, "null"):
            trial("nothing planted", data, lambda rng: None, said, memory)
        if said.only in (None, "single"):
            trial("single slice", data, drawn(chosen[True]), said, memory)
        if said.only in (None, "pair"):
            trial("pair", data, drawn(chosen[False]), said, memory)


if __name__ == "__main__":
    main()
