from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Interval, Measure
from duiqi.core.part import probe
from duiqi.core.texts import excerpt
from duiqi.data.identifiers import KINDS, Identifier, Kind
from duiqi.data.made_up import private_case
from duiqi.data.private import Mask

RIGHT, SEEN = 0.99, 0.99  # of what is found how much is right, of what is there how much is found: bench/private.py
MOST_EXAMPLES = 3  # of each kind
Held = Sequence[Sequence[Identifier]]


@probe(kind="private_data", needs=("data.text",), gates=(Gate("private_rate", at_most=0.001),))
def private_data(case: Case, *, kinds: tuple[Kind, ...] = KINDS) -> Iterator[Measure | Exhibit]:
    """Whether rows hold identifiers of people: phone numbers, mail addresses, IDs, cards, secrets in links.

    What: the share of rows whose text or second text has an identifier of one of `kinds`, of the rows examined and of
    the training rows; 0 to 1, lower is better. Why: a model can learn such values by heart and say them to others, and
    whoever gets the rows gets them, too. How: by form, checksum (GB 11643 for mainland IDs, GB 32100 for credit codes,
    Luhn for cards) and the words around, in English and Chinese; see `duiqi.data.identifiers` for what counts.

    All rows are read, so the share is counted and not estimated: its interval says how far the finder may be off (one
    in a hundred of what it finds, and of what is there), not what other rows would hold. At most one row in a thousand
    may have one: ten times as many as the finder takes for identifiers by mistake.

    Misleads where identifiers are public (a shop's hotline, an address of a server in a log), and it does not see what
    has no form of its own: names, streets, digits written as words. Reports show rows with placeholders, never a value.
    Treated by training on masked rows (mask_private) and, before that, by `duiqi prepare --step private`.
    """
    parts = {"data": case.data}
    if case.train is not None and case.train is not case.data and (case.train.has("text") or case.train.has("tokens")):
        parts["train"] = case.train
    held = {part: _held(case, data, kinds) for part, data in parts.items()}
    for part, data in parts.items():
        yield _measured(case, data, part, np.array([bool(each) for each in held[part]], dtype=np.float64))
    counts = {part: {kind: sum(_has(each, kind) for each in rows) for kind in kinds} for part, rows in held.items()}
    there = [kind for kind in kinds if any(counts[part][kind] for part in held)]
    if there:
        columns = ["claim", *({"data": "count", "train": "rows_of_train"}[part] for part in held)]
        rows = [[kind, *(counts[part][kind] for part in held)] for kind in there]
        yield Exhibit("table", {"title": "private", "columns": columns, "rows": rows})
        shown = [row for kind in there for row in _examples(parts, held, kind)]
        columns = ["claim", "row", "original"]
        yield Exhibit("table", {"title": "private_examples", "columns": columns, "rows": shown, "rows_of_data": True})


def _has(each: Sequence[Identifier], kind: str) -> bool:
    return any(one.kind == kind for one in each)


def _held(case: Case, data: Dataset, kinds: Sequence[str]) -> Held:
    """What every row holds, read once for all models on these rows."""

    def look() -> Held:
        finder = Mask(kinds)
        made = finder.found(data.texts)
        if data.has("text_pair"):
            seconds = finder.found([text or "" for text in data.values("text_pair")])
            made = [[*one, *other] for one, other in zip(made, seconds, strict=True)]
        return made

    return case.remember(f"identifiers:{data.fingerprint}:{'+'.join(kinds)}", look)


def _measured(case: Case, data: Dataset, part: str, private: np.ndarray) -> Measure:
    """The share of rows, as a measure that adds and pairs like all others; with the interval of the finder."""
    options: dict[str, Any] = {} if part == "data" else {"part": part}
    measure = replace(case, data=data).noted("private_rate", private, **options)
    return replace(measure, stated=Interval(measure.value * RIGHT, min(1.0, measure.value / SEEN)))


def _examples(parts: dict[str, Any], held: dict[str, Held], kind: str) -> Iterator[list[Any]]:
    """Rows with a kind, masked; the shortest, which say soonest what is wrong."""
    mask = Mask()
    some = [(len(parts[part].shown[row]), part, row) for part in held for row, each in enumerate(held[part])
            if _has(each, kind)]  # fmt: skip
    for _, part, row in sorted(some)[:MOST_EXAMPLES]:
        text, name = mask([parts[part].shown[row], str(parts[part].row_ids[row])])
        yield [kind, name, excerpt(text, f"[{kind.upper()}]")]


@private_data.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    """The healthy case has prices, order numbers, versions and wrong checksums in a fifth of its rows."""
    return private_case(rng, share=0.0), private_case(rng, share=0.1 * strength)
