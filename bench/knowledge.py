"""Claim: the probe knowledge tells what small models know from what they do not, and takes off what is likely anyway.

Models of stories for children and the Chinese encoder that comes with duiqi are asked about the glossaries that come
along: by how much likelier an object is than of other subjects, by the plain likelihood by token (others=0), and
among all objects of the relation (choices=0).

What would make this unfair: the facts are few and plain and were written by us; a model may know what our sentences do
not ask for. What such models have read is known only in kind: stories with animals and opposites, no geography.

    python bench/knowledge.py [--models ../shared/models] [--names tinystories-llama-3m …]
"""

from __future__ import annotations

import argparse
import platform
import time
from pathlib import Path
from typing import Any

import torch
import transformers

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.report import Report
from duiqi.model.open import find, open_model, open_writer

NAMES = ("tinystories-llama-260k", "tinystories-llama-0.9m-char", "tinystories-llama-3m")
WAYS: dict[str, dict[str, Any]] = {
    "beyond other subjects": {}, "plain, by token": {"others": 0}, "among all objects": {"choices": 0},
}  # fmt: skip
SEEDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description="knowledge: what small models know")
    parser.add_argument("--models", type=Path, default=Path("../shared/models"))
    parser.add_argument("--names", nargs="*", default=NAMES)
    given = parser.parse_args()
    catalogue = Catalogue.installed()
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, {platform.processor()}\n")
    print("| model | scored | share known (95 %) | right | by chance | right by relation | surest wrong | seconds |")
    print("|---|---|---|---|---|---|---|---|")
    models = [(name, open_writer(str(given.models / name), {}), "The dog ran home.") for name in given.names]
    body = open_model(find("default-zh"), catalogue.task("classify", labels=("a", "b")))
    for name, model, row in [*models, ("default-zh", body, "小狗跑回家了。")]:
        for way, options in WAYS.items():
            print(f"| {name} | {way} | {told(model, row, options)} |", flush=True)
    print(f"\nRight over {SEEDS} seeds (other wrong choices and other subjects): mean, lowest, highest.\n")
    print("| model | scored | right |\n|---|---|---|")
    for name, model, row in [*models, ("default-zh", body, "小狗跑回家了。")]:
        for way in ("beyond other subjects", "plain, by token"):
            found = [right(report_of(model, row, WAYS[way], seed=seed)) for seed in range(SEEDS)]
            print(f"| {name} | {way} | {sum(found) / SEEDS:.2f} ({min(found):.2f}–{max(found):.2f}) |", flush=True)


def report_of(model: Any, row: str, options: dict[str, Any], *, seed: int = 0) -> Report:
    case = Case(model, Dataset.of({"text": [row]}), catalogue=Catalogue.installed(), seed=seed)
    report = examine(case, orders(case, only=["knowledge"], options={"knowledge": options}))
    assert not report.skipped, report.skipped
    return report


def rows_of(report: Report, title: str) -> list[Any]:
    return next((each.data["rows"] for each in report.exhibits if each.data["title"] == title), [])


def right(report: Report) -> float:
    return float(rows_of(report, "knowledge_by_relation")[0][2]["value"])


def told(model: Any, row: str, options: dict[str, Any]) -> str:
    begun = time.perf_counter()
    report = report_of(model, row, options)
    seconds = time.perf_counter() - begun
    measure, (whole, *relations) = report.measure("known_rate"), rows_of(report, "knowledge_by_relation")
    by = ", ".join(f"{each[0]} {each[2]['value']:.2f}" for each in relations)
    wrong = [f"{each[0]}: {each[3]} ({each[4]['value']:.2f})" for each in rows_of(report, "knowledge_wrong")[:3]]
    return (
        f"{measure.value:.2f} ({measure.interval.low:.2f}–{measure.interval.high:.2f}), {report.verdict} | "
        f"{whole[2]['value']:.2f} | {whole[3]['value']:.2f} | {by} | {'; '.join(wrong)} | {seconds:.1f}"
    )


if __name__ == "__main__":
    main()
