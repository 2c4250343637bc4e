"""What a user may name as a model: a folder, `hub:NAME`, `default`, the address of a service, or a file of answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from duiqi.data.recorded import is_recorded
from duiqi.model.address import Address, is_service


def is_elsewhere(name: str | Path) -> bool:
    """Whether what answers under this name is no model that could be opened, trained or written."""
    return is_service(name) or is_recorded(name)


def shown(name: str | Path) -> str:
    """The name as it may stand in a report: that of a service without what may hold keys."""
    return Address.of(str(name)).shown if is_service(name) else str(name)


def made_for(name: str | Path) -> str | None:
    """The task that a model was made for, where its folder or its head says so; `None` for what is elsewhere: it is
    asked what the rows ask for."""
    from duiqi.model.open import find, task_of

    if is_elsewhere(name):
        return None
    bundle = find(name)
    if bundle.task:
        return str(bundle.task["name"])
    made = task_of(bundle)
    return made.name if made else None


def found(name: str | Path) -> dict[str, Any]:
    """Where a model is and which labels its head has. Of what is elsewhere none are known before it is asked."""
    from duiqi.model.open import find, labels_of

    if is_elsewhere(name):
        return {"path": shown(name), "labels": []}
    bundle = find(name)
    return {"path": str(bundle.path), "labels": list(labels_of(bundle))}
