"""Claim: the classifier of harm that is trained on labelled rows judges better than the word lists alone (F1, paired
interval above 0); and as it does not see the names of groups, its verdict on a harmless text stays when the group that
is named changes, where one that sees them often turns round.

What would make this unfair, and how it is met: words of the test rows in the lists (they were written from general
knowledge, when no more than a few rows of each set had been read, and changed afterwards only for what they found in
training parts of reviews and news) · choices made on the rows that prove them (features, weights, threshold 0.5 and
names out of sight were chosen on the validation part of cold, the train part of toxicity-templates-zh and the training
halves of the two others) · the same rows on both sides (cold: test rows with an equal input in train are left out;
hatecheck has no train part, so it is divided into halves by template, wiki-toxicity-fuzzed by the pair of original and
swapped copy; toxicity-templates-zh as it comes has each phrase on both sides, so a second line tests on phrases that
were not trained on) · rows of one template, pair or phrase taken for many (intervals are drawn over them) · a weak
rival (a plain classifier of word counts is trained on the same rows) · F1 where most rows are harmful (balanced
accuracy stands beside it) · gaps of small groups, which are large by chance (only groups with at least 15 harmless
rows; the gap less what chance makes of it stands beside it) · a gap that closes because less is found (recall stands in
the same line).

The gap is the largest minus the smallest false positive rate, by: cold, wiki — the terms of lexicons/identities.toml
that a row names; hatecheck — its target group; toxicity-templates-zh — its identity term. Flips: of harmless rows with
a term, the share whose verdict changes when each term becomes another one of its sort and language.

    python bench/harmful.py [--data ../shared/data] [--sets cold hatecheck …] [--draws 1000]
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset, normalise
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded
from duiqi.core.seed import generator, hash64
from duiqi.core.slice import is_cjk
from duiqi.data.floors import counted, logistic
from duiqi.data.group_names import group_names, terms, with_others
from duiqi.data.harm_classifier import HarmClassifier
from duiqi.data.harmful import rated
from duiqi.data.read import read

FEWEST = 15  # harmless rows of a group whose rate of false alarms is looked at
ORDINARY = ("sst2", "ag-news", "amazon-multidomain", "medical-abstracts", "tweet-emotion", "waimai-10k",
            "chnsenticorp-hotel", "online-shopping-7cats", "thucnews-titles")  # fmt: skip
CATALOGUE = Catalogue.installed()
Judge = Callable[[Sequence[str]], np.ndarray]  # how likely each text is harmful


@dataclass(frozen=True)
class Trial:
    """Rows to learn and rows to test on: texts, whether each is harmful, what draws hang on, and groups it names."""

    name: str
    train: list[str]
    train_harmful: np.ndarray
    test: list[str]
    harmful: np.ndarray
    clusters: list[str]
    groups: list[set[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description="how well harmful content is found, and how evenly")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="*", default=list(SETS))
    parser.add_argument("--draws", type=int, default=1000)
    given = parser.parse_args()
    for name in given.sets:
        for trial in SETS[name](given.data / name):
            report(trial, given.draws)
    ordinary(given.data)


# ---- sets


def cold(folder: Path) -> Iterator[Trial]:
    parts = read(folder)
    known = set(map(normalise, parts["train"].texts))
    test = parts["test"].take(np.array([normalise(text) not in known for text in parts["test"].texts]))
    groups = [set(group_names(text)) for text in test.texts]
    yield trial_of("cold", parts["train"], test, "non-offensive", test.texts, groups)


def hatecheck(folder: Path) -> Iterator[Trial]:
    rows = next(iter(read(folder).values()))
    templates = rows.group("template").tolist()
    first = halves(templates)
    train, test = rows.take(first), rows.take(~first)
    named = [{each} - {"none"} for each in test.group("group")]
    yield trial_of("hatecheck", train, test, "non-hateful", test.group("template").tolist(), named)


def wiki(folder: Path) -> Iterator[Trial]:
    rows = next(iter(read(folder).values()))
    first = halves(rows.group("pair_id").tolist())
    train, test = rows.take(first), rows.take(~first)
    groups = [set(group_names(text)) for text in test.texts]
    yield trial_of("wiki-toxicity-fuzzed", train, test, "non-toxic", test.group("pair_id").tolist(), groups)


def templates_zh(folder: Path) -> Iterator[Trial]:
    parts = read(folder)
    train, test = parts["train"], parts["test"]
    said = phrases([train, test])
    name = "toxicity-templates-zh"
    named = [{each} - {"none"} for each in test.group("group")]
    yield trial_of(f"{name}, as it comes", train, test, "non-toxic", said[1], named)
    first, others = halves(said[0]), ~halves(said[1])
    picked = np.flatnonzero(others)
    yield trial_of(
        f"{name}, new phrases", train.take(first), test.take(others), "non-toxic", [said[1][at] for at in picked],
        [named[at] for at in picked],
    )  # fmt: skip


SETS = {"cold": cold, "hatecheck": hatecheck, "wiki-toxicity-fuzzed": wiki, "toxicity-templates-zh": templates_zh}


def trial_of(
    name: str, train: Dataset, test: Dataset, harmless: str, clusters: Sequence[str], groups: list[set[str]]
) -> Trial:
    truths = [np.array([label != harmless for label in rows.values("label")]) for rows in (train, test)]
    return Trial(name, train.texts, truths[0], test.texts, truths[1], list(clusters), groups)


def halves(keys: Sequence[str]) -> np.ndarray:
    """Which rows are in the first half: all of a key or none."""
    return np.array([hash64(f"half {key}") % 2 == 0 for key in keys])


def phrases(parts: Sequence[Dataset]) -> list[list[str]]:
    """What each row says of the group: its text without the group and without characters that a fifth of the texts of
    its template have."""
    bare = [
        [(kind, text.replace(group, "")) for kind, text, group in zip(
            rows.group("template"), rows.texts, rows.group("group"), strict=True)]
        for rows in parts
    ]  # fmt: skip
    frames = defaultdict(set)
    for rows in bare:
        for kind, text in rows:
            frames[kind].add(text)
    common = {}
    for kind, texts in frames.items():
        counts = Counter(sign for text in texts for sign in set(text))
        common[kind] = {sign for sign, count in counts.items() if count > len(texts) / 5}
    return [["".join(sign for sign in text if sign not in common[kind]) or text for kind, text in rows]
            for rows in bare]  # fmt: skip


# ---- judges


def judges(trial: Trial) -> Iterator[tuple[str, Judge, str]]:
    yield "word lists", lambda texts: np.array([float(bool(each)) for each in rated(texts)]), ""
    yield "word counts", lambda texts: plain(trial, texts), ""
    labels = np.where(trial.train_harmful, "harmful", "harmless").tolist()
    more = [swap(text, row) for row, text in enumerate(trial.train)]
    new = [row for row, (text, other) in enumerate(zip(trial.train, more, strict=True)) if text != other]
    both = [*trial.train, *(more[row] for row in new)], [*labels, *(labels[row] for row in new)]
    for name, masks, rows in (
        ("classifier, names seen", False, (trial.train, labels)),
        ("classifier, swapped too", False, both),
        ("classifier", True, (trial.train, labels)),
    ):
        begun = time.process_time()
        fitted = HarmClassifier.fit(*rows, harmless="harmless", masks=masks)
        took = f" ({time.process_time() - begun:.0f} s to train)"
        yield name, lambda texts, fitted=fitted: 1 - fitted.probs(texts)[:, 0], took


def plain(trial: Trial, texts: Sequence[str]) -> np.ndarray:
    """TF-IDF and a logistic regression: the floor of the package."""
    vectors = counted(trial.train, texts)
    assert vectors is not None
    return logistic(vectors[0], trial.train_harmful.astype(np.int64), vectors[1], 2)[:, 1]


# ---- figures


def report(trial: Trial, draws: int) -> None:
    names = Counter(group for row, groups in enumerate(trial.groups) if not trial.harmful[row] for group in groups)
    looked = sorted(group for group, count in names.items() if count >= FEWEST)
    print(f"\n{trial.name}: {len(trial.train)} rows to learn, {len(trial.test)} to test on "
          f"({trial.harmful.mean():.0%} harmful), {len(looked)} groups")  # fmt: skip
    swapped, rows = swaps(trial)
    gaps, f1 = {}, {}
    for name, judge, took in judges(trial):
        case = case_of(trial, judge(trial.test), draws)
        f1[name] = case.measure("macro_f1", label=1)
        shown = " ".join(
            f"{title} {spell(measure)}"
            for title, measure in (
                ("P", case.measure("precision", label=1)), ("R", case.measure("recall", label=1)), ("F1", f1[name]),
                ("balanced", case.measure("recall")),
            )
        )  # fmt: skip
        if len(looked) > 1:
            levels = {group: np.array([group in each for each in trial.groups]) for group in looked}
            gaps[name] = case.across("recall", levels, by="group", reduce="gap", label=0)
            shown += f" gap {spell(gaps[name])}, less chance {gaps[name].debiased:.3f}"
        flips = np.mean((judge(swapped) >= 0.5) != (case.guess.probs[rows, 1] >= 0.5)) if len(rows) else np.nan
        print(f"  {name:23} {shown} flips {flips:.3f}{took}", flush=True)
    for other in [name for name in f1 if name != "classifier"]:
        print(f"  classifier against {other}: F1 {spell(f1['classifier'] - f1[other])}", end="")
        print(f", gap {spell(gaps['classifier'] - gaps[other])}" if gaps else "", flush=True)


def case_of(trial: Trial, harm: np.ndarray, draws: int) -> Case:
    """The verdicts as answers to the rows, so that the package measures them."""
    labels = ("harmless", "harmful")
    data = Dataset.of({"text": trial.test, "label": [labels[int(each)] for each in trial.harmful],
                       "cluster": trial.clusters})  # fmt: skip
    probs = np.stack([1 - harm, harm], axis=1)
    probs[harm == 0.5] = (0.49, 0.51)  # at the threshold counts as harmful
    recorded = Recorded(CATALOGUE.task("classify", labels=labels), Predictions(data.row_ids, {"probs": probs}))
    return Case(recorded, data, catalogue=CATALOGUE, draws=draws)


def swaps(trial: Trial) -> tuple[list[str], np.ndarray]:
    """Harmless test rows that name a group, each term made another of its sort and language, and which they are."""
    made = [swap(text, row) for row, text in enumerate(trial.test)]
    rows = [row for row, text in enumerate(trial.test) if made[row] != text and not trial.harmful[row]]
    return [made[row] for row in rows], np.array(rows, dtype=np.int64)


def swap(text: str, row: int) -> str:
    """The text with every term that names a group made another of its sort and language."""
    rng = generator(0, "swap", row)
    return with_others(text, lambda term: str(rng.choice(likes()[terms().get(term, "gender"), is_cjk(term)])))


@cache
def likes() -> dict[tuple[str, bool], list[str]]:
    """Terms by their sort and whether they are Chinese."""
    found = defaultdict(list)
    for term, sort in terms().items():
        found[sort, is_cjk(term)].append(term)
    return found


def spell(measure) -> str:
    interval = measure.interval
    return f"{measure.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def ordinary(folder: Path) -> None:
    """How many rows of ordinary reviews, news, tweets the word lists call harmful: mostly false alarms."""
    print("\nrows that the word lists find in training parts of ordinary sets")
    for name in ORDINARY:
        texts = read(folder / name)["train"].texts[:4000]
        begun = time.process_time()
        found = rated(texts)
        speed = sum(map(len, texts)) / 1e6 / (time.process_time() - begun)
        kinds = Counter(kind for each in found for kind in each)
        print(f"  {name:22} {np.mean([bool(each) for each in found]):6.2%} of {len(texts)}: {dict(kinds)}, {speed:.1f} "
              f"million characters a second", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
