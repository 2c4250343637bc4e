"""Claim: every task goes through `duiqi align` on real data within 20 minutes and beats a cheap floor.

What would make this unfair, and how it is met: rows that flatter (the first so many of a permutation drawn from a fixed
seed, of train and test alike) · a floor on other rows (floors are fitted on the same training rows and asked the same
test rows) · a difference of chance (the paired interval on test is printed; "beats" is said where it lies above 0).

Encoder-decoders "from nothing" are those of examples/encoder_decoder.py with a vocabulary of the training rows. Words
to pronounce are those of the lexicons, as the released small BART pronounces them; who learns is the same network with
random weights. Replies of kdconv are written, and chosen among all
replies that are asked for. Films are rows "the last three films that a user gave 4 or more" → the next one.

    python bench/tasks.py [--data ../shared/data] [--sets sick bbq …] [--rows 2000] [--test-rows 1000] [--budget 6]
        [--out FOLDER]
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import duiqi
from duiqi.core.dataset import Dataset
from duiqi.core.report import Report
from duiqi.core.texts import references_of
from duiqi.data.dedupe import overlap, row_keys
from duiqi.data.floors import FLOORS as ALL_FLOORS
from duiqi.data.read import read

SEEN = 3  # films that stand in a query
LIKED = 4.0  # stars
FLOORS = {name for _, name in ALL_FLOORS}
Parts = Mapping[str, Dataset]


@dataclass(frozen=True)
class Entry:
    """A set: what starts, how rows are read, columns whose equal values keep rows together (templates), whether rows of
    dev and test that stand in train are left out (short chat lines come again and again), rows where they are not the
    usual number, and what `align` is told. `model` is a name or a function of (training rows, folder, data)."""

    model: str | Callable[[Dataset, Path, Path], str] = "default"
    read: Callable[[Path, str], Parts] = lambda data, name: read(data / name.partition(":")[0])
    together: tuple[str, ...] = ()
    unseen: bool = False
    rows: int = 0
    test_rows: int = 0
    told: Mapping[str, Any] = field(default_factory=dict)


def from_nothing(train: Dataset, folder: Path, data: Path, **sizes: int) -> str:
    """A small encoder-decoder of random weights for these rows."""
    recipe = Path(__file__).parents[1] / "examples" / "encoder_decoder.py"
    spec = importlib.util.spec_from_file_location("encoder_decoder", recipe)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.make([*train.texts, *(text for row in references_of(train) for text in row)], folder / "start", **sizes)
    return str(folder / "start")


def blank(train: Dataset, folder: Path, data: Path, *, name: str) -> str:
    """A released network with all its weights drawn anew."""
    import torch
    from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer

    released = data.parent / "models" / name
    torch.manual_seed(0)
    AutoModelForSeq2SeqLM.from_config(AutoConfig.from_pretrained(released)).float().save_pretrained(folder / "start")
    AutoTokenizer.from_pretrained(released).save_pretrained(folder / "start")
    return str(folder / "start")


def released(train: Dataset, folder: Path, data: Path, *, name: str) -> str:
    """A small network as it is released."""
    return str(data.parent / "models" / name)


def films(data: Path, name: str) -> Parts:
    """Queries of the last films that a user liked, and the next one, by its title and kinds."""
    folder = data / name
    titles = {each["item"]: f"{each['title']} {', '.join(each['genres'])}" for each in lines(folder / "items.jsonl.gz")}
    history: dict[int, list[str]] = defaultdict(list)
    parts = {}
    for part in ("train", "test"):
        rows: dict[str, list[str]] = {"text": [], "label": [], "cluster": []}
        for each in lines(folder / f"{part}.jsonl.gz"):
            title = titles.get(each["item"])
            if each["rating"] < LIKED or title is None:
                continue
            if history[each["user"]]:
                rows["text"].append("; ".join(history[each["user"]][-SEEN:]))
                rows["label"].append(title)
                rows["cluster"].append(str(each["user"]))
            history[each["user"]].append(title)
        parts[part] = Dataset.of(rows, name=f"{name}/{part}")
    return parts


def pronounced(data: Path, name: str) -> Parts:
    """English words and how the released network says them."""
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    words: set[str] = set()
    for path in sorted((data / "lexicons" / "en").glob("opinion_*.txt.gz")):
        with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
            words |= {line.strip() for line in file if line.strip().isalpha() and line.isascii()}
    place = data.parent / "models" / "g2p-en-us-bart"
    tokenizer, net = AutoTokenizer.from_pretrained(place), AutoModelForSeq2SeqLM.from_pretrained(place).float()
    asked, said = sorted(words), list[str]()
    for at in range(0, len(asked), 200):
        given = tokenizer(asked[at : at + 200], padding=True, return_tensors="pt")
        said += tokenizer.batch_decode(net.generate(**given), skip_special_tokens=True)
    return {"all": Dataset.of({"text": asked, "label": said}, name="words")}


def lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def scratch(epochs: int, rate: float = 3e-3) -> dict[str, Any]:
    """What a network that knows nothing needs: more epochs, more steps in each, and longer ones."""
    finetune = {"epochs": epochs, "learning_rate": rate, "settings": {"batch_rows": 16}}
    options = {"finetune": finetune, "generate": {"by": "chrf", "longest": 48}}
    return {"task": "generate", "options": options}


SETS: dict[str, Entry] = {
    "semeval2010-task8": Entry(),
    "cmeie": Entry("default-zh"),
    "snli-counterfactual": Entry(),
    "sick": Entry(),
    "sick:relatedness": Entry(
        read=lambda data, name: read(data / "sick", label="relatedness"), told={"task": "regress"}
    ),
    "afqmc": Entry("default-zh", rows=3000),
    "bbq": Entry(together=("group", "question_index")),
    "nps-chat-dialogue-acts": Entry(unseen=True),
    "cmrc2018": Entry("default-zh", test_rows=300),
    "xquad-en": Entry(rows=600, test_rows=200),
    "movielens-small": Entry(
        read=films, rows=3000, test_rows=600,
        told={"task": "rank"},
    ),
    "multi30k-en-de": Entry(from_nothing, rows=8000, test_rows=400, told=scratch(6)),
    "tatoeba-en-zh": Entry(from_nothing, rows=8000, test_rows=400, told=scratch(6)),
    "g2p": Entry(
        partial(blank, name="g2p-en-us-bart"), read=pronounced, rows=4000, test_rows=400, told=scratch(10, 1e-3)
    ),
    "samsum-test": Entry(
        partial(released, name="tinystories-llama-3m"), test_rows=240,
        told={**scratch(5, 5e-4), "options": {
            "finetune": {"epochs": 5, "learning_rate": 5e-4}, "generate": {"longest": 64}}},
    ),
    "kdconv:replies": Entry(
        "default-zh", lambda data, name: read(data / "kdconv", as_texts=True), ("dialogue_id",), rows=3000,
        test_rows=600, told={"task": "rank"},
    ),
    "kdconv": Entry(from_nothing, together=("dialogue_id",), rows=4000, test_rows=300, told=scratch(5)),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="every task through align, on real data")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--test-rows", type=int, default=1000)
    parser.add_argument("--budget", type=float, default=6.0, help="minutes")
    parser.add_argument("--out", type=Path, help="keep the report of every set under this folder")
    given = parser.parse_args()
    for name in given.sets:
        entry = SETS[name]
        rows = prepared(entry, given.data, name, entry.rows or given.rows, entry.test_rows or given.test_rows)
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            train = rows["train"] if isinstance(rows, dict) else rows
            model = entry.model if isinstance(entry.model, str) else entry.model(train, place, given.data)
            out = given.out / name.replace(":", "-") if given.out else place / "out"
            report = duiqi.align(model, rows, out=out, budget=given.budget, **entry.told)
        print(line(name, report, time.monotonic() - begun), flush=True)


def prepared(entry: Entry, data: Path, name: str, most: int, most_test: int) -> Any:
    """Rows of each part, so many at most; one set of rows where the parts are to be made."""
    parts = {part: clustered(each, entry.together) for part, each in entry.read(data, name).items()}
    if entry.unseen:
        parts = {part: each if part == "train" else unseen(each, parts["train"]) for part, each in parts.items()}
    if set(parts) in ({"test"}, {"all"}):  # some sets are made to test on alone
        return cut(next(iter(parts.values())), most + 2 * most_test)
    limits = {"train": most, "dev": most_test, "test": most_test}
    rows = {part: cut(each, limits[part]) for part, each in parts.items()}
    return {part: known(each, rows["train"]) for part, each in rows.items()}


def clustered(data: Dataset, together: tuple[str, ...]) -> Dataset:
    """The rows, those of equal values in some columns kept together."""
    if not together:
        return data
    return data.with_column("cluster", map(str, zip(*(data.group(column) for column in together), strict=True)))


def unseen(data: Dataset, train: Dataset) -> Dataset:
    """The rows that are not, nor nearly, rows of train."""
    seen = overlap(data, row_keys(train))
    return data.take(~(seen.exact | seen.near))


def known(data: Dataset, train: Dataset) -> Dataset:
    """The rows whose class stands in train too: a handful of rare ones do not."""
    labels = train.values("label")
    classes = {label for label in labels if isinstance(label, str)}
    if len(classes) > len(labels) / 4:  # texts to write or to find
        return data
    return data.take([not isinstance(label, str) or label in classes for label in data.values("label")])


def cut(data: Dataset, rows: int) -> Dataset:
    """So many rows drawn at random, in their order; all where there are fewer."""
    if rows >= len(data):
        return data
    return data.take(np.sort(np.random.default_rng(0).permutation(len(data))[:rows]))


def line(name: str, report: Report, seconds: float) -> str:
    """Value and interval on test, and how far every floor is behind."""
    task = report.facts["task"]
    primary = report.measure(task["primary"])
    floors = [
        each for each in report.measures if each.base == f"{task['primary']}_difference" and each.slice.rule == "all"
    ]
    floors = [each for each in floors if each.across and each.across.by in FLOORS]
    said = [
        f"{each.across.by} {each.value:+.3f} ({each.interval.low:+.3f} to {each.interval.high:+.3f})"
        f"{' beaten' if each.interval.low > 0 else ''}"
        for each in floors
        if each.across
    ]
    low, high = primary.interval.low, primary.interval.high
    kept = [trial["remedies"][0]["name"] for trial in report.facts["trials"] if trial["decision"] == "kept"]
    return (
        f"{name:24} {task['name']}, {primary.rows} test rows: "
        f"{primary.name} {primary.value:.3f} ({low:.3f} to {high:.3f}); "
        f"{'; '.join(said)}; kept {', '.join(kept) or 'none'}; {seconds / 60:.1f} minutes"
    )


if __name__ == "__main__":
    main()
