from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding
from duiqi.core.seed import generator
from duiqi.core.spans import find_spans, tags_of

Spans = list[tuple[int, int, int]]  # of a row: first word, word behind the last, type


@remedy(
    treats=("task_fit", "blind_spot"),
    needs=("case.train", "data.tokens", "task.tag"),
    source="Dai & Adel, 2020, An analysis of simple data augmentation for named entity recognition, COLING, "
    "https://arxiv.org/abs/2010.11683",
)
def mix_spans(case: Case, findings: Sequence[Finding], *, share: float = 0.5, copies: int = 1, epochs: int = 2) -> Plan:
    """Add rows in which names, slots or terms stand in each other's place: spans of one type, from all training rows.

    Every row with a span gives `copies` new ones. Each of its spans is replaced, with probability `share`, by another
    of the same type, drawn from the different spans of the training rows (in the paper from all of them, so common
    ones come more often); tags follow the new words. The model meets names in company that it did not see them in.
    With few rows it helps most; a row without a span, or whose spans have no others of their type, gives none.

    It misleads where the words around a span must fit it: a river that is "born in 1970", "an" before a consonant,
    Chinese measure words. Not an edit: those change one text and see no others.
    """

    def add(train: Dataset) -> Dataset:
        tags = case.task.read_truth(train)
        found = _spans(tags)
        words = train.values("tokens")
        pool = _pool(words, found)
        rows, tokens, labels, ids = [], [], [], []
        for copy in range(copies):
            for row, (spans, name) in enumerate(zip(found, train.row_ids, strict=True)):
                rng = generator(case.seed, "mix_spans", copy, name)
                made = _mixed(words[row], tags[row], spans, pool, share, rng)
                if made[0] != words[row]:
                    rows.append(row)
                    tokens.append(made[0])
                    labels.append(made[1])
                    ids.append(f"{name}+mix{copy}")
        if not rows:
            return train
        names = tags_of(case.labels)
        mixed = train.take(rows).with_column("id", ids, column="duiqi_id").with_column("tokens", tokens)
        mixed = mixed.with_column("label", [[names[tag] for tag in each] for each in labels])
        if train.schema.text is not None:
            mixed = mixed.with_column("text", [" ".join(each) for each in tokens])
        return train.joined(mixed)

    return Plan(data=add, training={"epochs": epochs})


def _spans(tags: Sequence[NDArray[np.int64]]) -> list[Spans]:
    found = find_spans(tags)
    by_row: list[Spans] = [[] for _ in tags]
    for row, start, end, kind in zip(found.row, found.start, found.end, found.type, strict=True):
        by_row[row].append((int(start), int(end), int(kind)))
    return by_row


def _pool(words: Sequence[Sequence[str]], found: Sequence[Spans]) -> dict[int, list[tuple[str, ...]]]:
    """The different spans of every type, in the order in which they come."""
    seen: dict[int, dict[tuple[str, ...], None]] = {}
    for row, spans in zip(words, found, strict=True):
        for start, end, kind in spans:
            seen.setdefault(kind, {})[tuple(row[start:end])] = None
    return {kind: list(each) for kind, each in seen.items()}


def _mixed(
    words: list[str], tags: NDArray[np.int64], spans: Spans, pool: dict[int, list[tuple[str, ...]]], share: float,
    rng: np.random.Generator,
) -> tuple[list[str], list[int]]:  # fmt: skip
    """A row's words and tags with some spans replaced; from the last one on, so that places stay right."""
    new, numbers = list(words), [int(tag) for tag in tags]
    for start, end, kind in reversed(spans):
        chosen, other = rng.random() < share, pool[kind][rng.integers(len(pool[kind]))]
        if chosen:
            new[start:end] = other
            numbers[start:end] = [2 * kind + 1, *[2 * kind + 2] * (len(other) - 1)]
    return new, numbers
