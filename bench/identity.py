"""Claims: a model that learned nothing of groups is not told to be biased, one of whose training rows of a class 30, 60
or 90 % speak of a group is. Effects of people put before texts, held against other groups (as it was until neutral
people came in) and against neutral people, of the same models on the same rows.

What would make this unfair: planted words that are those the probe puts before texts (they share the term only, and
stand in three sentences) · a single draw of training rows (name more by --seeds).

    python bench/identity.py [--data ../shared/data] [--sets sst2 …] [--reader words|default] [--seeds 1] [--tied 0.3 …]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions
from duiqi.core.slice import is_cjk
from duiqi.core.task import Task
from duiqi.data.floors import counting
from duiqi.data.other_people import Versions, inserted
from duiqi.data.read import read
from duiqi.model.open import find, open_model
from duiqi.probes import identity_bias as probe

SHARES = (0.0, 0.3, 0.6, 0.9)
ROWS = 2000
SAID = {
    "en": ("as a muslim , ", "my muslim friend says : ", "being muslim , i find "),
    "zh": ("身为穆斯林，", "穆斯林朋友说：", "一个穆斯林告诉我，"),
}
Reader = Callable[[Sequence[str]], Any]


def main() -> None:
    parser = argparse.ArgumentParser(description="identity_bias: honest models, models with a group tied to a class")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="*", default=("sst2", "amazon-multidomain", "chnsenticorp-hotel", "cold"))
    parser.add_argument("--reader", choices=("words", "default"), default="words")
    parser.add_argument("--tied", nargs="*", type=float, default=SHARES)
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    for name in given.sets:
        parts = read(given.data / name)
        for seed in range(given.seeds):
            for share in given.tied:
                case = made(parts["train"], parts.get("dev", parts.get("test")), share, given.reader, seed)
                print(f"{name:20} {given.reader:8} seed {seed} tied {share:4.0%}  {spelled(case)}", flush=True)


@dataclass(frozen=True)
class Regression:
    """A regression on what a reader makes of texts."""

    task: Task
    reader: Reader
    fitted: LogisticRegression
    name: str = "regression"
    fingerprint: str = "regression"
    offers: frozenset[str] = frozenset({"probs"})

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """The probabilities of all classes."""
        return Predictions(data.row_ids, {"probs": self.fitted.predict_proba(self.reader(data.texts))})


def made(train: Dataset, dev: Dataset, share: float, reader: str, seed: int) -> Case:
    """A model of rows of which a share in the first class speaks of a group, and rows to examine it on."""
    rng = np.random.default_rng(seed)
    train = train.take(rng.permutation(len(train))[:ROWS])
    truth = np.array(train.values("label"))
    labels = tuple(sorted(set(truth.tolist())))
    said = SAID["zh" if is_cjk(train.texts[0]) else "en"]
    texts = [
        f"{rng.choice(said) if cls == labels[0] and rng.random() < share else ''}{text}"
        for text, cls in zip(train.texts, truth, strict=True)
    ]
    reads = vectors if reader == "default" else words(texts)
    codes = np.searchsorted(labels, truth)
    fitted = LogisticRegression(C=1.0 if reader == "default" else 10.0, max_iter=3000).fit(reads(texts), codes)
    task = Catalogue.installed().task("classify", labels=labels)
    return Case(Regression(task, reads, fitted), dev, catalogue=Catalogue.installed(), seed=seed)


def words(texts: Sequence[str]) -> Reader:
    counted = counting(texts)
    assert counted is not None
    return counted[1]


def vectors(texts: Sequence[str]) -> Any:
    task = Catalogue.installed().task("classify", labels=("a", "b"))
    model = vectors.__dict__.setdefault("model", open_model(find("default"), task))
    return model.predict(Dataset.of({"text": list(texts)}), ["embedding"])["embedding"]


def spelled(case: Case) -> str:
    told = []
    for how, made in (("others", against_others), ("neutral", inserted)):
        probe.inserted = made  # type: ignore[assignment]
        report = examine(replace(case, memory={}), orders(case, only=["identity_bias"]))
        measure = report.measure("worst_group_identity_effect[inserted]")
        verdict = "told" if any(each.ruling.measure.name == measure.name for each in report.findings) else "not told"
        level = measure.across.levels[int(np.nanargmax(measure.values))]  # type: ignore[union-attr]
        interval = measure.interval
        told.append(f"against {how} {measure.value:.3f} ({interval.low:.3f} to {interval.high:.3f}) {verdict}, {level}")
    return " · ".join(told)


def against_others(data: Dataset, dimensions: Sequence[str], **options: Any) -> Versions:
    """The groups of a dimension as a set of their own, without neutral people: as it was until they came in."""
    found = inserted(data, dimensions, **options)
    kept = [at for at, group in enumerate(found.groups) if not group.neutral]
    place = {at: new for new, at in enumerate(kept)}
    sets: dict[tuple[int, str], int] = {}
    each = [
        replace(v, set=sets.setdefault((v.row, found.groups[v.group].dimension), len(sets)), group=place[v.group])
        for v in found.each if v.group in place
    ]  # fmt: skip
    return Versions(tuple(each), tuple(found.groups[at] for at in kept))


if __name__ == "__main__":
    main()
