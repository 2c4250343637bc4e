"""Claim: on real passages the probe context_use tells a reader that takes the first sentence from one that chooses the
sentence by the words of the question; and it tells where small trained encoders look.

Of xquad-en and cmrc2018 two readers without training choose a sentence: the first one, or the one that shares most
words with the question; they answer with a reference where that sentence has one (so choosing is all that is judged).
Encoders are trained on made-up passages (six sentences, each says where a thing is kept), with answers anywhere and
with answers in the first sentence only, and on the training rows of the sets.

What would make this unfair: readers who are handed references tell nothing of marking answers · made-up passages are
easy, and no measure of reading at large · of so few training rows encoders read weakly, wherever an answer stands.

    python bench/context_use.py [--data ../shared/data] [--only choosing | made-up | xquad-en | cmrc2018] [--rows 900]
        [--epochs 4]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from duiqi.core.bundle import Step
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions
from duiqi.core.slice import is_cjk
from duiqi.core.texts import plain_words
from duiqi.data.asked_otherwise import in_passages, sentences
from duiqi.data.read import read
from duiqi.data.simulated_passages import passage_case
from duiqi.model.fit import fit
from duiqi.model.open import find, open_model

SETS = ("choosing", "made-up", "xquad-en", "cmrc2018")


def main() -> None:
    parser = argparse.ArgumentParser(description="context_use: places of answers, and questions of other rows")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", nargs="*", default=SETS, choices=SETS)
    parser.add_argument("--rows", type=int, default=900)
    parser.add_argument("--epochs", type=int, default=4)
    given = parser.parse_args()
    for name in given.only:
        if name == "choosing":
            choosing(given.data)
            continue
        for said, encoder, train, test in (
            made_up(given.rows) if name == "made-up" else real(given.data, name, given.rows)
        ):
            begun = time.monotonic()
            print(f"{said}: {told(encoder, train, test, given.epochs)}; {time.monotonic() - begun:.0f} s", flush=True)


Sides = Iterator[tuple[str, str, Dataset, Dataset]]


def made_up(rows: int) -> Sides:
    train, test = (english(passage_case(np.random.default_rng(seed), lazy=0.0, rows=2 * n).data)
                   for seed, n in ((0, rows), (1, 400)))  # fmt: skip
    yield "made up, answers anywhere in training", "default", train, test
    truth = [[each["text"] for each in row] for row in train.values("label")]
    first = {v.row: v.changed["text_pair"] for v in in_passages(train, truth) if v.form == "at_first"}
    kept = train.take(np.array(sorted(first)))
    passages = [first[row] for row in sorted(first)]
    answers = [[{"text": truth[row][0], "start": first[row].index(truth[row][0])}] for row in sorted(first)]
    yield (
        "made up, answers first in training",
        "default",
        kept.with_column("text_pair", passages).with_column("label", answers),
        test,
    )


def english(data: Dataset) -> Dataset:
    return data.take(np.array([not is_cjk(text) for text in data.texts]))


def real(data: Path, name: str, rows: int) -> Sides:
    parts = read(data / name)
    order = np.random.default_rng(0).permutation(len(parts["test"]))
    if "train" in parts:
        train, test = parts["train"], parts["test"].take(order[:600])
    else:
        passages = sorted(set(parts["test"].second_texts))
        held = set(np.random.default_rng(0).permutation(passages)[: len(passages) // 4])
        inside = np.array([passage in held for passage in parts["test"].second_texts])
        train, test = parts["test"].take(~inside), parts["test"].take(inside)
    yield name, "default-zh" if name == "cmrc2018" else "default", train.take(np.arange(min(rows, len(train)))), test


def choosing(data: Path) -> None:
    """Both readers that choose a sentence, on real passages."""
    for name in ("xquad-en", "cmrc2018"):
        test = read(data / name)["test"]
        for first in (False, True):
            case = Case(Choosing(test, first), test, catalogue=Catalogue.installed())
            print(f"{name}, {'first sentence' if first else 'words of the question'}: {figures(case)}", flush=True)


class Choosing:
    """Chooses a sentence and answers with what of the references of the passage stands in it, those of the question
    asked first; else with the sentence."""

    name, offers = "choosing", frozenset({"text"})

    def __init__(self, data: Dataset, first: bool) -> None:
        self.task, self.first, self.fingerprint = Catalogue.installed().task("extract"), first, f"choosing {first}"
        self.known: dict[str, list[tuple[str, list[str]]]] = {}
        for row in zip(data.texts, data.second_texts, self.task.read_truth(data), strict=True):
            self.known.setdefault(key(row[1]), []).append((row[0], row[2]))

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        rows = zip(data.texts, data.second_texts, strict=True)
        return Predictions(data.row_ids, {"text": [self.answer(*row) for row in rows]})

    def answer(self, question: str, passage: str) -> str:
        asked, parts = set(plain_words(question)), sentences(passage)
        chosen = parts[0] if self.first else max(parts, key=lambda each: len(asked & set(plain_words(each))))
        there = self.known.get(key(passage), [])
        mine = [said for other, said in there if other == question] or [said for _, said in there]
        return next((answer for said in mine for answer in said if answer in chosen), chosen)


def key(passage: str) -> str:
    """The same for all orders of the sentences of a passage."""
    return "".join(sorted(passage)).strip()


def told(encoder: str, train: Dataset, test: Dataset, epochs: int) -> str:
    """Figures of an encoder trained on these rows."""
    catalogue = Catalogue.installed()
    task = catalogue.task("extract")
    with tempfile.TemporaryDirectory() as folder:
        made = fit(
            find(encoder), train, task=task, out=Path(folder) / "model", step=Step("finetune", {}), epochs=epochs,
            learning_rate=1e-4,
        )  # fmt: skip
        model = open_model(made)
        case = Case(model, test, catalogue=catalogue)
        return f"{len(train)} training rows, {figures(case)}"


def figures(case: Case) -> str:
    """How the model does as a whole, by place, and with parts of other rows."""
    whole = case.measure("exact_match"), case.measure("token_f1")
    report = examine(case, orders(case, only=["context_use"]))
    if report.skipped:
        return str(report.skipped)
    bars = next(each.data["bars"] for each in report.exhibits if each.form == "bars")
    by_place = ", ".join(f"{bar['label']} {bar['value']:.3f}" for bar in bars)
    said = [f"{each.name} {each.value:.3f} ({each.interval.low:.3f}–{each.interval.high:.3f})"
            for each in [*whole, *report.measures]]  # fmt: skip
    verdicts = ", ".join(f"{ruling.measure.name} {ruling.verdict}" for ruling in report.rulings)
    return f"{len(case.data)} asked; {'; '.join(said)}; {by_place}; {verdicts}"


if __name__ == "__main__":
    main()
