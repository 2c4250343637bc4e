"""Persons in texts, as a tagging model finds them."""

from __future__ import annotations

from collections.abc import Sequence

from duiqi.core.dataset import Dataset
from duiqi.core.errors import ModelError
from duiqi.core.spans import find_spans
from duiqi.data.entities import pieces
from duiqi.data.identifiers import NAME, Identifier, name_types
from duiqi.data.private import Finder


def persons_of(path: str) -> Finder:
    """What finds persons in texts by the tagging model in a folder; `ModelError` where it knows none."""
    from duiqi.model.open import find, open_model, task_of

    bundle = find(path)
    task = task_of(bundle)
    types = name_types(task.labels) if task is not None and task.name == "tag" else ()
    if task is None or not types:
        given = f"labels {', '.join(task.labels[:20])} of the task {task.name}" if task else "no task"
        raise ModelError(
            f"expected a tagging model whose labels include persons, given {path} with {given}",
            hint="Train one on rows with tags such as B-PER, or leave the option names of the step private away.",
        )
    model, wanted = open_model(bundle, task), [task.labels.index(name) for name in types]

    def finder(texts: Sequence[str]) -> list[list[Identifier]]:
        made: list[list[Identifier]] = [[] for _ in texts]
        cut = {row: found for row, text in enumerate(texts) if (found := pieces(text))}
        if not cut:
            return made
        words = [[texts[row][start:end] for start, end in found] for row, found in cut.items()]
        rows, places = list(cut), list(cut.values())
        spans = find_spans(model.predict(Dataset.of({"tokens": words}), ["tags"])["tags"])
        for at, start, end, kind in zip(spans.row, spans.start, spans.end, spans.type, strict=True):
            if kind in wanted:
                made[rows[at]].append(Identifier(places[at][start][0], places[at][end - 1][1], NAME))
        return made

    return finder
