"""What a user may name as a model: a folder, `hub:NAME`, `default`, the address of a service, or a file of answers."""

from __future__ import annotations

from pathlib import Path

from duiqi.data.recorded import is_recorded
from duiqi.model.address import Address, is_service


def is_elsewhere(name: str | Path) -> bool:
    """Whether what answers under this name is no model that could be opened, trained or written."""
    return is_service(name) or is_recorded(name)


def shown(name: str | Path) -> str:
    """The name as it may stand in a report: that of a service without what may hold keys."""
    return Address.of(str(name)).shown if is_service(name) else str(name)


def made_for(name: str | Path, *, by_head: bool = True) -> str | None:
    """The task that a model was made for, where its folder says so, or (`by_head`) its head does; `None` for what is
    elsewhere: it is asked what the rows ask for."""
    from duiqi.model.open import find, task_of

    if is_elsewhere(name):
        return None
    bundle = find(str(name))
    if bundle.task:
        return str(bundle.task["name"])
    made = task_of(bundle) if by_head else None
    return made.name if made else None


def labels_of(name: str | Path) -> tuple[str, ...]:
    """The labels of a model's head; of what is elsewhere none are known before it is asked."""
    from duiqi.model.open import find
    from duiqi.model.open import labels_of as of_bundle

    return () if is_elsewhere(name) else of_bundle(find(str(name)))


def place_of(name: str | Path) -> str:
    """Where it is: the folder of a model, else the name as it may be shown."""
    from duiqi.model.open import find

    return shown(name) if is_elsewhere(name) else str(find(str(name)).path)
