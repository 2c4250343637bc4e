"""Functional tests by name, with the share of failed cases and its interval, as the probe behaviour tells them: of
public suites (CheckList for sentiment, question pairs and reading; HateCheck; contrast sets) and of the ready ones.

What would make this unfair: models. They are small and trained in minutes on a cut of one set, so the figures say what
such models cannot do, not what can be done. No English pairs of questions and no English hate speech come with the
data: those models learn entailment both ways read as "the same" (sick) and toxic comments (wiki-toxicity-fuzzed), and
the figures of their suites say how far that is from what the suite asks. Cases of a test beyond `--most` are left out,
drawn by the seed; of CheckList for sentiment the cases whose only right answer is neutral, which a model of two classes
cannot give, and of CheckList for questions an invariance that comes with a single version. A movement of probability
counts from .1 on, as in CheckList.

    python bench/behaviour.py [--data ../shared/data] [--suites sentiment questions …] [--most 60] [--rows 2000]
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from duiqi.core.bundle import Step
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import Order, examine
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictor
from duiqi.core.report import Report
from duiqi.data.read import read
from duiqi.data.suite import INV, MFT, Expected, FunctionalTest, Input, Movement, Suite, Trial
from duiqi.data.suite_file import find_suite
from duiqi.model.fit import fit
from duiqi.model.open import find, open_model

INFINITE = float("inf")
MARGIN = 0.1
MOVES = {
    "same prediction": None,
    "stronger: the probability of the original sentiment must not fall": Movement(-MARGIN, INFINITE),
    "weaker: the probability of the original sentiment must not rise": Movement(-INFINITE, MARGIN),
    "must not become more negative": Movement(-INFINITE, MARGIN, "negative"),
    "must not become more positive": Movement(-INFINITE, MARGIN, "positive"),
}
Told = tuple[str, str, str, Trial]  # ability, test, type, case


def main() -> None:
    parser = argparse.ArgumentParser(description="functional tests by name")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--suites", nargs="*", default=tuple(SUITES), choices=tuple(SUITES))
    parser.add_argument("--most", type=int, default=60, help="cases of a test, of the public suites")
    parser.add_argument("--rows", type=int, default=2000, help="training rows of a model")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {platform.machine()}\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        models = Models(given.data, Path(folder), given.rows, given.epochs, given.seed)
        for name in given.suites:
            source, make = SUITES[name]
            begun = time.monotonic()
            model, said = models.of(source)
            trained = time.monotonic() - begun
            told = report(model, make(given.data, given.most, given.seed), given.seed)
            print(f"## {name}\n\n{said}; {trained:.0f} s, answers {time.monotonic() - begun - trained:.0f} s\n")
            print("\n".join([*table(told), ""]), flush=True)


class Models:
    """Models by the set they learned, each trained once."""

    def __init__(self, data: Path, folder: Path, rows: int, epochs: int, seed: int) -> None:
        self.data, self.folder, self.rows, self.epochs, self.seed = data, folder, rows, epochs, seed
        self.catalogue = Catalogue.installed()
        self.made: dict[str, tuple[Predictor, str]] = {}

    def of(self, source: str) -> tuple[Predictor, str]:
        if source not in self.made:
            name, body, task, read_rows = SOURCES[source]
            rows = read_rows(self.data / name)
            order = np.random.default_rng(self.seed).permutation(len(rows))
            rows = rows.take(np.sort(order[: self.rows]))
            held = read_rows(self.data / name).take(np.sort(order[self.rows : self.rows + 400]))
            part = self.catalogue.task(task)
            made = self.catalogue.task(task, **part.learn(rows))
            bundle = fit(find(body), rows, task=made, out=self.folder / source, step=Step("finetune"), seed=self.seed,
                         epochs=self.epochs)  # fmt: skip
            model = open_model(bundle, made)
            score = Case(model, held).measure(made.primary).value if len(held) else 0.0
            right = f", {made.primary} {score:.3f} on {len(held)} others" if len(held) else ""
            said = f"{body} trained on {len(rows)} rows of {name} ({self.epochs} epochs, seed {self.seed}){right}"
            self.made[source] = model, said
        return self.made[source]


def report(model: Predictor, suite: Suite, seed: int) -> Report:
    rows = Dataset.of({"text": ["-"], "text_pair": ["-"]})
    probe = Catalogue.installed().find("probe", "behaviour")
    return examine(Case(model, rows, seed=seed), [Order(probe, {"suites": (suite,), "labels": LABELS.get(suite.name)})])


def table(told: Report) -> Iterator[str]:
    if told.skipped:
        yield f"skipped: {told.skipped}"
        return
    (shown,) = (each.data for each in told.exhibits if each.data["title"] == "behaviour")
    verdicts = {ruling.measure.name: ruling.verdict for ruling in told.rulings}
    overall = told.measure("failure_rate")
    yield "| test | ability | type | cases | failed | interval | verdict |"
    yield "|---|---|---|---|---|---|---|"
    rows = [*shown["rows"], ["all", "", "", overall.rows, overall.cell]]
    for name, ability, kind, cases, cell in rows:
        verdict = verdicts[f"failure_rate[{name}]" if kind else "failure_rate"]
        name = name.replace("|", "\\|")
        yield (
            f"| {name} | {ability} | {kind} | {cases} | {cell['value']:.3f} | {cell['low']:.3f} to {cell['high']:.3f} "
            f"| {verdict} |"
        )


# ---- public suites as values


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def suite(name: str, task: str, told: Iterator[Told], most: int, seed: int) -> Suite:
    by_test: dict[tuple[str, str, str], list[Trial]] = defaultdict(list)
    for ability, test, kind, trial in told:
        by_test[ability, test, kind].append(trial)
    tests = []
    for (ability, test, kind), trials in by_test.items():
        kept = np.sort(np.random.default_rng(seed).permutation(len(trials))[:most])
        tests.append(FunctionalTest(test, kind, ability, written=tuple(trials[at] for at in kept)))
    return Suite(name, task, tuple(tests))


def sentiment(data: Path, most: int, seed: int) -> Suite:
    def told() -> Iterator[Told]:
        right = {"not negative": ("positive", "neutral")}
        for row in lines(data / "checklist-sentiment" / "test.jsonl.gz"):
            if row["label"] != "neutral":
                yield (
                    row["group"],
                    row["test"],
                    MFT,
                    Trial(((row["text"], ""),), right.get(row["label"], (row["label"],))),
                )
        for row in lines(data / "checklist-sentiment" / "invariance.jsonl.gz"):
            yield (
                row["group"],
                row["test"],
                row["type"],
                versions([(text, "") for text in row["texts"]], MOVES[row["expect"]]),
            )

    return suite("checklist-sentiment", "classify", told(), most, seed)


def questions(data: Path, most: int, seed: int) -> Suite:
    def told() -> Iterator[Told]:
        words = {"1": ("duplicate",), "0": ("not duplicate",)}
        for row in lines(data / "checklist-qqp" / "test.jsonl.gz"):
            yield row["group"], row["test"], MFT, Trial(((row["text"], row["text_pair"]),), words[row["label"]])
        for row in lines(data / "checklist-qqp" / "invariance.jsonl.gz"):
            pairs = [(first, second) for first, second in row["pairs"]]
            if row["expect"] in MOVES and len(pairs) > 1:
                yield row["group"], row["test"], INV, versions(pairs, None)
            elif row["expect"] not in MOVES:
                label = row["expect"].partition(" (")[0]
                for pair in pairs[1:]:
                    yield row["group"], row["test"], MFT, Trial((pair,), (label,))

    return suite("checklist-qqp", "classify_pair", told(), most, seed)


def reading(data: Path, most: int, seed: int) -> Suite:
    def told() -> Iterator[Told]:
        for row in lines(data / "checklist-squad" / "test.jsonl.gz"):
            answers = tuple(each["text"] for each in row["answers"])
            yield row["group"], row["test"], MFT, Trial(((row["question"], row["context"]),), answers)
        for row in lines(data / "checklist-squad" / "invariance.jsonl.gz"):
            pairs = [(question, context) for context, question in row["pairs"]]
            yield row["group"], row["test"], INV, versions(pairs, None)

    return suite("checklist-squad", "extract", told(), most, seed)


def hatecheck(data: Path, most: int, seed: int) -> Suite:
    rows = lines(data / "hatecheck" / "test.jsonl.gz")
    told = ((row["label"], row["functionality"], MFT, Trial(((row["text"], ""),), (row["label"],))) for row in rows)
    return suite("hatecheck", "classify", told, most, seed)


def films(data: Path, most: int, seed: int) -> Suite:
    rows = lines(data / "imdb-contrast" / "test.jsonl.gz")
    told = (("contrast sets", row["group"], MFT, Trial(((row["text"], ""),), (row["label"],))) for row in rows)
    return suite("imdb-contrast", "classify", told, 3 * most, seed)


def inference(data: Path, most: int, seed: int) -> Suite:
    rows = lines(data / "snli-counterfactual" / "test.jsonl.gz")
    told = (
        ("contrast sets", row["group"], MFT, Trial(((row["text"], row["text_pair"]),), (row["label"],))) for row in rows
    )
    return suite("snli-counterfactual", "classify_pair", told, 3 * most, seed)


def versions(inputs: list[Input], expected: Expected) -> Trial:
    return Trial(tuple(dict.fromkeys(inputs)), expected)


def ready(name: str) -> Callable[[Path, int, int], Suite]:
    return lambda data, most, seed: find_suite(name)


# ---- what models learn


def plain(folder: Path) -> Dataset:
    return read(folder)["train"]


@cache
def toxic(folder: Path) -> Dataset:
    rows = [row for row in lines(folder / "test.jsonl.gz") if row["group"] == "original"]
    return Dataset.of({"text": [row["text"][:400] for row in rows], "label": [row["label"] for row in rows]})


@cache
def same(folder: Path) -> Dataset:
    """Pairs of sick, entailment as the same; pairs that contradict or say something else as different."""
    rows = list(lines(folder / "train.jsonl.gz"))
    label = ["same" if row["label"] == "entailment" else "different" for row in rows]
    return Dataset.of({"text": [r["text"] for r in rows], "text_pair": [r["text_pair"] for r in rows], "label": label})


@cache
def originals(folder: Path) -> Dataset:
    rows = [row for row in lines(folder / "train.jsonl.gz") if row["group"] == "original"]
    return Dataset.of({each: [row[each] for row in rows] for each in ("text", "text_pair", "label")})


def whole(folder: Path) -> Dataset:
    return next(iter(read(folder).values()))


SOURCES: dict[str, tuple[str, str, str, Callable[[Path], Dataset]]] = {
    "films": ("sst2", "default", "classify", plain),
    "toxic": ("wiki-toxicity-fuzzed", "default", "classify", toxic),
    "same": ("sick", "default", "classify_pair", same),
    "inference": ("snli-counterfactual", "default", "classify_pair", originals),
    "reading": ("xquad-en", "default", "extract", whole),
    "shops": ("waimai-10k", "default-zh", "classify", plain),
    "asked-zh": ("afqmc", "default-zh", "classify_pair", plain),
}
SUITES: dict[str, tuple[str, Callable[[Path, int, int], Suite]]] = {
    "ready-sentiment-en": ("films", ready("sentiment_en")),
    "sentiment": ("films", sentiment),
    "films": ("films", films),
    "ready-sentiment-zh": ("shops", ready("sentiment_zh")),
    "hatecheck": ("toxic", hatecheck),
    "inference": ("inference", inference),
    "ready-questions-en": ("same", ready("questions_en")),
    "questions": ("same", questions),
    "ready-questions-zh": ("asked-zh", ready("questions_zh")),
    "reading": ("reading", reading),
}
LABELS = {
    "hatecheck": {"hateful": "toxic", "non-hateful": "non-toxic"},
    "checklist-qqp": {"duplicate": "same", "not duplicate": "different"},
    "questions_zh": {"same": "1", "different": "0"},
}


if __name__ == "__main__":
    main()
