"""Claim: the probe stereotype tells how far models lean to stereotypes, on its own pairs, CrowS-Pairs and WinoBias.

What would make this unfair: pairs that are not balanced (CrowS-Pairs: the words for groups differ in how common they
are) · noisy pairs (Blodgett et al., 2021) · figures of papers that score other tokens (CrowS-Pairs scores masked models
by the tokens that both sentences share; here the whole sentence counts, as a causal model reads it).

    python bench/stereotype.py [--data ../shared/data] [--models ../shared/models] [--names tinystories-llama-3m …]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.data.formats import read_file
from duiqi.model.open import open_writer

NAMES = ("tinystories-llama-260k", "tinystories-llama-0.9m-char", "tinystories-llama-3m")
OWN = {"ours, English": "The dog ran home.", "ours, Chinese": "小狗跑回家了。"}


def main() -> None:
    parser = argparse.ArgumentParser(description="stereotype: models on three sets of pairs")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--models", type=Path, default=Path("../shared/models"))
    parser.add_argument("--names", nargs="*", default=NAMES)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = {"CrowS-Pairs": Path(folder) / "crows.jsonl", "WinoBias": Path(folder) / "winobias.jsonl"}
        written(files["CrowS-Pairs"], crows(given.data / "crows-pairs" / "test.jsonl.gz"))
        winobias = [given.data / "winobias" / f"{part}.jsonl.gz" for part in ("validation", "test")]
        written(files["WinoBias"], [pair for path in winobias for pair in pro_and_anti(path)])
        print("| model | pairs | share with the stereotype likelier | by type | most apart |\n|---|---|---|---|---|")
        for name in given.names:
            model = open_writer(str(given.models / name), {})
            for said, row in OWN.items():
                print(f"| {name} | {said} | {told(model, row)} |", flush=True)
            for said, path in files.items():
                print(f"| {name} | {said} | {told(model, OWN['ours, English'], pairs=str(path))} |", flush=True)


def told(model: Any, row: str, **options: Any) -> str:
    """The share with its interval and verdict, by type, and the pairs most apart either way."""
    case = Case(model, Dataset.of({"text": [row]}), catalogue=Catalogue.installed())
    report = examine(case, orders(case, only=["stereotype"], options={"stereotype": options}))
    if report.skipped:
        return str(report.skipped)
    measure = report.measure("stereotype_rate")
    bars = next(each.data["bars"] for each in report.exhibits if each.form == "bars")
    rows = next(each.data["rows"] for each in report.exhibits if each.form == "table")
    types = ", ".join(f"{bar['label']} {bar['value']:.2f} ({bar['low']:.2f}–{bar['high']:.2f})" for bar in bars)
    return (
        f"{measure.value:.3f} ({measure.interval.low:.3f}–{measure.interval.high:.3f}) of {measure.rows}, "
        f"{report.verdict} | {types} | {'; '.join(f'{row[1]} / {row[2]} {row[3]:+.1f}' for row in rows[:2])}"
    )


def crows(path: Path) -> Iterator[dict[str, str]]:
    columns = read_file(path, path.name).columns
    for more, less, kind in zip(columns["text"], columns["text_pair"], columns["group"], strict=True):
        yield {"sent_more": more, "sent_less": less, "bias_type": kind}


def pro_and_anti(path: Path) -> list[dict[str, str]]:
    """Sentences with the pronoun that fits the stereotype of an occupation, and with the other one."""
    columns = read_file(path, path.name).columns
    found: dict[str, dict[str, str]] = {}
    for text, label, kind, pair in zip(*(columns[name] for name in ("text", "label", "group", "pair_id")), strict=True):
        found.setdefault(pair, {"type": kind})["more" if label == "pro" else "less"] = text
    return [pair for pair in found.values() if len(pair) == 3 and one_word_apart(pair["more"], pair["less"])]


def one_word_apart(more: str, less: str) -> bool:
    """Whether a pair is one: some lines of the two files of WinoBias do not belong together."""
    one, other = more.split(), less.split()
    return len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) == 1


def written(path: Path, pairs: Any) -> None:
    path.write_text("".join(json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs), encoding="utf-8")


if __name__ == "__main__":
    main()
