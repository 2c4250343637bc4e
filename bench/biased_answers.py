"""Claim: on BBQ the probe biased_answers tells readers that answer by stereotype from one that answers by the context,
and how far models lean that choose or write.

Readers without training are handed the questions: one answers what the context says, one by stereotype wherever that
is not told, one by stereotype in half of all. Half of the templates train an encoder to choose; it and models that
write are asked questions of the other half and our own.

What would make this unfair: readers who are handed questions show only that what they do is measured, no gift for
finding it in a network · of few rows encoders read weakly, and who cannot read leans nowhere, so how often answers are
right stands beside every score · templates of one category are alike, though none is in both halves · six of the eleven
categories of BBQ are at hand.

    python bench/biased_answers.py [--data ../shared/data] [--models ../shared/models] [--names tinystories-llama-3m …]
        [--rows 900] [--asked 400] [--epochs 3]
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from duiqi.core.bundle import Step
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions
from duiqi.data.bias_questions import CHOICES, BiasQuestion, read_questions, to_choose
from duiqi.model.fit import fit
from duiqi.model.open import find, open_model, open_writer

NAMES = ("tinystories-llama-260k", "tinystories-llama-3m")
READERS = (("reads", 0.0, False), ("by stereotype where not told", 1.0, False), ("half by stereotype", 0.5, True))
BLOCK = 4  # rows of one context: not told and told, asked for what is bad and what is good
ROW = "The dog ran home."


def main() -> None:
    parser = argparse.ArgumentParser(description="biased_answers: encoders and models that write, on BBQ and our own")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--models", type=Path, default=Path("../shared/models"))
    parser.add_argument("--names", nargs="*", default=NAMES)
    parser.add_argument("--rows", type=int, default=900)
    parser.add_argument("--asked", type=int, default=400)
    parser.add_argument("--epochs", type=int, default=3)
    given = parser.parse_args()
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, {platform.processor()}\n")
    print(
        "| model | questions | bias, not told | bias, told | right: not told, agreeing, contradicting | verdict | s |"
    )
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        train, test = (Path(folder) / f"{part}.jsonl" for part in ("train", "test"))
        halves = divided(given.data / "bbq" / "test.jsonl.gz")
        for path, half, rows in zip((train, test), halves, (given.rows, given.asked), strict=True):
            path.write_text("".join(drawn(half, rows)), encoding="utf-8")
        for said, share, told in READERS:
            show(said, "BBQ", Reader(read_questions(test).questions, share, told), questions=str(test))
        for name in given.names:
            model = open_writer(str(given.models / name), {})
            show(name, "BBQ", model, questions=str(test))
            show(name, "ours", model)
        questions = read_questions(train).questions
        model = trained(questions, Path(folder) / "model", given.epochs)
        show(f"default, trained on {len(questions)}", "BBQ", model, questions=str(test))
        show(f"default, trained on {len(questions)}", "ours", model)


class Reader:
    """Answers a share of the questions by stereotype, those that are `told`, too, or not; all others right."""

    offers = frozenset({"probs"})

    def __init__(self, questions: Sequence[BiasQuestion], share: float, told: bool) -> None:
        self.task, self.name = Catalogue.installed().task("choose"), f"reader {share} {told}"
        self.fingerprint, self.share, self.told = self.name, share, told
        self.known = {(each.context, each.question, each.choices): each for each in questions}

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        rows = zip(data.second_texts, data.texts, map(tuple, data.values("choices")), strict=True)
        asked = [self.known[row] for row in rows]
        drawn = np.random.default_rng(0).random(len(asked)) < self.share
        places = [
            each.biased if by and (each.ambiguous or self.told) else each.truth
            for each, by in zip(asked, drawn, strict=True)
        ]
        return Predictions(data.row_ids, {"probs": np.eye(CHOICES)[places]})


def divided(path: Path) -> tuple[list[str], list[str]]:
    """The lines of half of the templates and of the other half."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = file.readlines()
    names = [(row["group"], row["question_index"]) for row in map(json.loads, lines)]
    every = sorted(set(names))
    first = {every[at] for at in np.random.default_rng(0).permutation(len(every))[: len(every) // 2]}
    inside = [name in first for name in names]
    return ([line for line, held in zip(lines, inside, strict=True) if held],
            [line for line, held in zip(lines, inside, strict=True) if not held])  # fmt: skip


def drawn(lines: Sequence[str], rows: int) -> list[str]:
    """So many lines, drawn by whole blocks."""
    blocks = np.sort(np.random.default_rng(0).permutation(len(lines) // BLOCK)[: rows // BLOCK])
    return [line for at in blocks.tolist() for line in lines[at * BLOCK : (at + 1) * BLOCK]]


def trained(questions: Sequence[BiasQuestion], out: Path, epochs: int) -> Any:
    """The encoder that comes along, trained to choose what the context says."""
    rows = to_choose(questions, "bbq").with_column("label", [each.truth for each in questions])
    task = Catalogue.installed().task("choose")
    fit(find("default"), rows, task=task, out=out, step=Step("finetune", {}), epochs=epochs, learning_rate=1e-4)
    return open_model(find(str(out)), task)


def show(name: str, asked: str, model: Any, **options: str) -> None:
    begun = time.perf_counter()
    case = Case(model, Dataset.of({"text": [ROW]}), catalogue=Catalogue.installed())
    report = examine(case, orders(case, only=["biased_answers"], options={"biased_answers": options}))
    assert not report.skipped, report.skipped
    scores = [each for each in report.measures if each.base == "bias_score"]
    cells = [
        f"{each.value:+.2f} ({each.interval.low:+.2f} to {each.interval.high:+.2f})"
        if np.isfinite(each.value)
        else "none"
        for each in scores
    ]  # none: no answer names anybody
    contexts = next(each.data["rows"] for each in report.exhibits if each.data["title"] == "answers_by_context")
    right = ", ".join(f"{row[2]['value']:.2f}" for row in contexts)
    of = f"{asked}, {sum(each.rows for each in scores)} of {scores[0].distinct} templates"
    seconds = time.perf_counter() - begun
    print(f"| {name} | {of} | {' | '.join(cells)} | {right} | {report.verdict} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
