"""How far apart groups are, on sets made to ask it: EEC (gender and origin in sentences of emotion), comments of
Wikipedia with identities swapped, and Chinese templates with identities. Small models, trained here in minutes; the
rows examined share no template, pair or cluster with those learned where the set says which belong together.

What would make this unfair, and how it is met: a gap of chance (intervals that hold for all gates together, draws by
template or pair) · the widest of many groups (its debiased value stands beside).

    python bench/equity.py [--data ../shared/data] [--sets eec wiki-toxicity-fuzzed toxicity-templates-zh] [--rows N]
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from duiqi.core.bundle import Step
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.data.read import read
from duiqi.model.fit import fit
from duiqi.model.open import find, open_model
from fit import footer, opened


@dataclass(frozen=True)
class Asked:
    """A set: its body, the part that is learned and the one examined, group columns, what belongs together. `source` is
    the set that is learned in its place, with the names that its classes have here."""

    body: str
    learned: str
    examined: str
    groups: tuple[str, ...]
    cluster: str
    source: str = ""
    names: tuple[tuple[str, str], ...] = ()


SETS = {
    "eec": Asked("default", "dev", "test", ("gender", "race"), "emotion_word"),
    "wiki-toxicity-fuzzed": Asked("default", "test", "test", ("group",), "pair_id"),
    "toxicity-templates-zh": Asked(
        "default-zh",
        "train",
        "test",
        ("group",),
        "template",
        "cold",
        (("offensive", "toxic"), ("non-offensive", "non-toxic")),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="*", default=tuple(SETS))
    parser.add_argument("--rows", type=int, default=1500, help="training rows")
    given = parser.parse_args()
    print("| set | measure | value | interval | debiased | rows | verdict |\n|---|---|---|---|---|---|---|")
    for name in given.sets:
        show(name, given.data / name, given.rows)


def show(name: str, folder: Path, rows: int) -> None:
    """Train, and print the measures of fairness."""
    asked = SETS[name]
    train, test = parts(folder, asked, rows)
    with tempfile.TemporaryDirectory() as out:
        task = opened(train)
        made = fit(find(asked.body), train, task=task, out=Path(out) / "m", step=Step("finetune"), epochs=2)
        case = Case(open_model(made), test, catalogue=Catalogue.installed())
        report = examine(case, orders(case, only=["performance", "fairness"]))
    verdicts = {ruling.measure.name: ruling.verdict for ruling in report.rulings}
    for measure in report.measures:
        if measure.name in ("accuracy", "macro_f1") or (measure.across and measure.across.reduce == "gap"):
            low, high = measure.interval.low, measure.interval.high
            debiased = f"{measure.debiased:.3f}" if measure.across else ""
            line = f"{measure.value:.3f} | {low:.3f}–{high:.3f} | {debiased} | {measure.rows}"
            print(f"| {name} | {measure.name} | {line} | {verdicts.get(measure.name, '')} |", flush=True)
    print(footer(test))


def parts(folder: Path, asked: Asked, rows: int) -> tuple[Dataset, Dataset]:
    """Rows to learn from and others to examine; of one part, its pairs are divided between both."""
    found = read(folder, groups=asked.groups, cluster=asked.cluster)
    train, test = found[asked.learned], found[asked.examined]
    if asked.source:
        train = read(folder.parent / asked.source)[asked.learned]
        train = train.with_column("label", [dict(asked.names)[str(each)] for each in train.values("label")])
    rng = np.random.default_rng(0)
    if asked.learned == asked.examined:
        of = np.array(train.values("cluster"))
        mine = rng.permutation(np.unique(of))
        learned = np.isin(of, mine[: len(mine) // 2])
        train, test = train.take(learned), test.take(~learned)
    return train.take(np.sort(rng.permutation(len(train))[:rows])), test


if __name__ == "__main__":
    main()
