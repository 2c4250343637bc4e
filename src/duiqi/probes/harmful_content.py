from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import Case
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Measure, exact
from duiqi.core.part import probe
from duiqi.core.texts import excerpt
from duiqi.data.harmful import CATEGORIES, Category, Found, folded, rated
from duiqi.data.harmful_rows import lines
from duiqi.data.simulated import harmful_case

MOST_EXAMPLES = 3  # of each category
EXAMINED, TRAIN = "examined", "train"


@probe(
    kind="harmful_content",
    needs=("data.text",),
    gates=(Gate("harmful_rate", at_most=0.02),),
    source="the intervals: Clopper & Pearson, 1934, The use of confidence or fiducial limits illustrated in the case "
    "of the binomial, Biometrika",
)
def harmful_content(case: Case, *, categories: tuple[Category, ...] = CATEGORIES) -> Iterator[Measure | Exhibit]:
    """Whether the rows hold harmful content: violence, pornography, hate, discrimination, advertising.

    What: for each of `categories` with any row the share of rows whose words name it, of the rows examined and of the
    training rows; 0 to 1, lower is better. Why: a model says what it was taught, and it is judged by what it is tested
    on. How: by the word lists that ship, English and Chinese, which see through usual disguises (f*ck, 傻*逼) and name
    no group of people; of texts to write both sides are read. No model is asked. The intervals are exact (Clopper &
    Pearson) and hold for all categories of all parts at once, so no other check is judged more strictly for this one; a
    finding is a share that is proven to be above two in a hundred. A category without a row is not mentioned.

    Misleads where harm is the subject: rows for a classifier of insults are full of them and shall be, and so are
    quotations and the talk of doctors. And it finds no cruelty in harmless words; the step `harmful` of prepare does
    more where it is given labelled rows. Treated by drop_harmful.
    """
    parts = {EXAMINED: case}
    if case.train is not None and case.train is not case.data and (case.train.has("text") or case.train.has("tokens")):
        parts[TRAIN] = case.of_train()
    held = {name: _held(part) for name, part in parts.items()}
    there = [name for name in categories if any(name in each for part in held.values() for each in part.found)]
    rows: dict[str, list[Any]] = {category: [category] for category in there}
    for name, part in parts.items():
        flags = flagged(held[name].found)
        options: dict[str, Any] = {} if name == EXAMINED else {"part": name}
        for category in there:
            count = sum(category in each for each in held[name].found)
            rows[category].append(count)
            if count:
                measure = part.noted("harmful_rate", flags, of=category, **options)
                yield replace(measure, stated=exact(measure, looks=len(CATEGORIES) * len(parts)))
    if there:
        columns = ["category", *({EXAMINED: "count", TRAIN: "rows_of_train"}[name] for name in parts)]
        yield Exhibit("table", {"title": "harmful", "columns": columns, "rows": list(rows.values())})
        examples = [row for category in there for row in _examples(held, category)]
        said = {"title": "harmful_examples", "columns": ["category", "words", "original", "found_in"], "rows": examples}
        yield Exhibit("table", {**said, "rows_of_data": True})


class Held(NamedTuple):
    """The texts of a part, and what each holds."""

    texts: Sequence[str]
    found: Sequence[Found]


def _held(case: Case) -> Held:
    """Read once for all models on these rows."""
    texts = lines(case.data, written=case.task.name == "generate")
    return Held(texts, case.remember(f"harmful:{case.data.fingerprint}", lambda: rated(texts)))


def flagged(found: Sequence[Found]) -> NDArray[np.float64]:
    """1 where a text has words of a category, float[n, 5]."""
    return np.array([[name in each for name in CATEGORIES] for each in found], dtype=float).reshape(-1, len(CATEGORIES))


def _examples(held: Mapping[str, Held], category: Category) -> Iterator[list[Any]]:
    """Rows of a category with the words that were found: the shortest texts, which are soonest checked."""
    rows = [(len(text), name, text, each[category]) for name, part in held.items()
            for text, each in zip(part.texts, part.found, strict=True) if category in each]  # fmt: skip
    for _, name, text, entries in sorted(rows)[:MOST_EXAMPLES]:
        at = max(folded(text).find(entries[0]), 0)
        yield [category, ", ".join(entries), excerpt(text, text[at : at + len(entries[0])]), f"in_{name}"]


@harmful_content.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    """Five rows in a thousand have a harmful remark in the healthy case: what a list finds in rows that are fine."""
    return harmful_case(rng, harmful=0.005), harmful_case(rng, harmful=0.005 + 0.3 * strength)
