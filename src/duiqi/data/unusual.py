"""What is unusual about rows and no error: it is told beside the numbers, so that nobody reads more into them than is
there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from duiqi.core.dataset import Dataset
from duiqi.core.groups import Groups
from duiqi.core.measure import SMALL_GROUP
from duiqi.data.facts import Facts

Note = Mapping[str, Any]

LONG = 100_000  # characters above which a text is rather a book, or several texts
MOST_SHOWN = 3  # labels that stand as examples
MOST_LABELS = 1000  # above which labels are texts rather than classes
NOTHING = ("nan", "NaN", "NAN", "null", "NULL", "None", "N/A", "n/a", "#N/A", "<NA>")  # as programs write no value


def unusual(data: Dataset, *, classes: bool = True) -> tuple[Note, ...]:
    """Notes on rows that are nearly all alike, on labels that do not look meant where they are `classes`, and on groups
    too small to judge."""
    return (*_of_texts(data), *_of_labels(data, classes=classes), *_of_groups(data))


def is_number(label: str) -> bool:
    """Whether a label is written like a number."""
    return Facts.of([label], typeless=True).are_numbers


def _of_texts(data: Dataset) -> list[Note]:
    if not data.schema.text or data.schema.text_pair or data.schema.choices or len(data) < 2:
        return []
    counts = Counter(data.texts)
    rows = {
        "equal_texts": max(counts.values()),
        "one_character": sum(count for text, count in counts.items() if len(text.strip()) == 1),
    }
    alike: list[Note] = [
        {"code": code, "data": data.name, "rows": count, "of": len(data)}
        for code, count in rows.items()
        if count > len(data) / 2
    ]
    long = [row for row, text in enumerate(data.texts) if len(text) > LONG]
    if not long:
        return alike
    return [*alike, {"code": "very_long_texts", "rows": len(long), "row": long[0] + 1, "characters": LONG}]


def _of_labels(data: Dataset, *, classes: bool) -> list[Note]:
    labels = data.values("label") if data.has("label") else []
    if not labels or not all(isinstance(label, str) for label in labels):
        return []
    counts = Counter(labels)
    empty: list[Note] = [
        {"code": "labels_like_nothing", "label": label, "rows": counts[label]} for label in NOTHING if label in counts
    ]
    if not classes:
        return empty
    if len(counts) > min(MOST_LABELS, len(labels) / 2) and len(counts) > 1:
        return []
    notes: list[Note] = []
    if len(counts) == 1 and len(labels) > 1:
        notes.append({"code": "one_label", "data": data.name, "rows": len(labels), "label": labels[0]})
    notes += empty
    known = [label for label, _ in counts.most_common() if label not in NOTHING]
    numbers, words = [each for each in known if is_number(each)], [each for each in known if not is_number(each)]
    if numbers and words:
        notes.append({"code": "labels_of_two_kinds", "numbers": numbers[:MOST_SHOWN], "words": words[:MOST_SHOWN]})
    return notes


def _of_groups(data: Dataset) -> list[Note]:
    notes: list[Note] = []
    for column in data.schema.groups:
        groups = Groups.of(data, column)
        small = int((groups.rows < SMALL_GROUP).sum())
        if small:
            notes.append({"code": "small_groups", "column": column, "groups": small, "of": len(groups)})
    return notes
