"""Who answers the rows: a model that is opened here, one behind HTTP, or answers that stand in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.model.address import is_service
from duiqi.run.table import Table


def is_elsewhere(name: str | Path) -> bool:
    """Whether what answers under this name is no model that could be opened, trained or written."""
    return is_service(name)


def answering(table: Table, name: str | Path, data: Dataset) -> Any:
    """The predictor of that name for the rows of `data`, a part of the table."""
    from duiqi.model.open import find

    if is_service(name):
        from duiqi.model.service import open_service

        task = table.task_for(table.parts.get("train"))
        return open_service(str(name), task, table.catalogue, progress=table.progress)
    return table.open(find(name))


def learned_by(predictor: Any, data: Dataset) -> NDArray[np.bool_]:
    """Which rows a predictor is known to have learned, bool[n]."""
    learned = getattr(predictor, "learned", None)
    known = learned(data) if learned else None
    return np.zeros(len(data), dtype=bool) if known is None else known
