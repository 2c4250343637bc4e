"""Who answers the rows: a model that is opened here, one behind HTTP, or answers that stand in a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from duiqi.core.dataset import Dataset
from duiqi.data.recorded import is_recorded, recorded
from duiqi.run.named import is_elsewhere
from duiqi.run.table import ENCODING, Table


def answering(table: Table, name: str | Path, data: Dataset) -> Any:
    """The predictor of that name for the rows of `data`, a part of the table."""
    from duiqi.model.open import find

    if not is_elsewhere(name):
        return table.open(find(name))
    train = table.parts.get("train")
    if is_recorded(name):
        task = table.task_for(train) if train is not None else None
        return recorded(name, task, table.task, table.catalogue, data, table.columns.get(ENCODING))
    from duiqi.model.service import open_service

    known = train if train is not None else data if data.has("label") else None
    return open_service(str(name), table.task_for(known), table.catalogue, progress=table.progress)


def notes_of(*predictors: Any) -> tuple[Mapping[str, Any], ...]:
    """What these have to say of the rows they were asked (windows, unknown characters, how answers were matched), each
    once."""
    notes = [note for each in predictors for note in getattr(each, "notes", ())]
    return tuple({str(sorted(note.items())): note for note in notes}.values())
