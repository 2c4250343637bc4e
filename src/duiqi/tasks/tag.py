"""A tag for every word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, OptionError, nearest
from duiqi.core.part import task
from duiqi.core.slice import is_cjk
from duiqi.core.spans import find_spans, is_tag, mended, tags_of, to_bio, types_of
from duiqi.core.task import Task
from duiqi.core.texts import excerpt

HEADS = ("token_classification", "crf", "bilstm_crf")


@task()
def tag(*, labels: tuple[str, ...] = (), head: str = "crf") -> Task:
    """A tag for every word, and from them spans with a type: names, slots, terms, sentiment of parts.

    Rows are sentences as lists of words (`tokens`) with as many tags (`label`), in BIO or BIOES; inside they are BIO.
    `labels` are the types of spans, in the order of the model's outputs; training sets them to the types of the
    training rows. An answer may go on with what did not begin: that begins it.

    `head` is "crf" (a conditional random field: what follows what counts, and how words are written, which an uncased
    body does not see), "bilstm_crf" (with an LSTM that reads the sentence below it) or "token_classification" (each
    word on its own, a plain checkpoint of transformers).
    """
    if head not in HEADS:
        raise OptionError(f"expected a head among {', '.join(HEADS)}, given '{head}'", hint=nearest(head, HEADS))
    types = tuple(labels)
    index = {name: i for i, name in enumerate(tags_of(types))}

    def read_truth(data: Dataset) -> list[NDArray[np.int64]]:
        rows = bio_tags(data)
        unknown = sorted({each for row in rows for each in row} - set(index))
        if unknown:
            raise DataError(
                f"expected spans of the types {', '.join(types[:20]) or 'that were trained'}, given "
                f"{', '.join(each[2:] for each in unknown[:5])} in {data.name}",
                hint=f"{nearest(unknown[0][2:], types)} Rename these types, or train on rows that have them.",
            )
        return mended([np.array([index[each] for each in row], dtype=np.int64) for row in rows])

    def spell(answer: Any, words: Sequence[str]) -> str:
        spans = find_spans([answer])
        said = [
            f"{('' if is_cjk(words[start]) else ' ').join(words[start:end])} [{types[kind]}]"
            for start, end, kind in zip(spans.start, spans.end, spans.type, strict=True)
        ]
        return " · ".join(said) or "–"

    return Task(
        name="tag",
        head=head,
        inputs=("tokens",),
        output="tags",
        metrics=(
            "span_f1",
            "span_precision",
            "span_recall",
            "exact_match",
            "accuracy",
            "log_loss",
            "calibration_error",
        ),
        primary="span_f1",
        read_truth=read_truth,
        labels=types,
        options={"labels": types, "head": head},
        row_labels=lambda data: [types_of(row) for row in bio_tags(data)],
        spell=spell,
        row_metric="exact_match",
        unit="word",
        beside=("probs",),
        classes=types,
        by_class=("span_precision", "span_recall", "span_f1"),
        fewest=1,
        floors=("majority", "lookup"),
    )


def bio_tags(data: Dataset) -> list[list[str]]:
    """The tags of every row in BIO; `DataError` where they are none, or not one for each word."""
    tokens, rows = data.values("tokens"), data.values("label")
    for number, (words, tags) in enumerate(zip(tokens, rows, strict=True)):
        if not isinstance(tags, list) or len(tags) != len(words):
            given = f"{len(tags)} tags" if isinstance(tags, list) else f"{type(tags).__name__} '{tags}'"
            raise DataError(
                f"expected a tag for each of the {len(words)} words of {_row(data, number, words)}, given {given}",
                hint="Give two lists of equal length: tokens and tags.",
            )
        wrong = [each for each in tags if not is_tag(str(each))]
        if wrong:
            raise DataError(
                f"expected tags of BIO or BIOES, given '{wrong[0]}' in {_row(data, number, words)}",
                hint="Write O, B-TYPE and I-TYPE.",
            )
    return [to_bio(tags) for tags in rows]


def _row(data: Dataset, number: int, words: Sequence[str]) -> str:
    """Which row is meant: of a part, whose rows have other numbers than the lines of the file, also by its words."""
    return f"row {number + 1} of {data.name} ({excerpt(' '.join(map(str, words)))!r})"
