"""`parts`: what can be measured, edited, asked, probed and remedied, and a page for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from duiqi.core.errors import PartError, nearest
from duiqi.core.part import ROLES, Catalogue, Part


def list_parts(what: str | None = None, files: Sequence[str | Path] = ()) -> list[dict[str, Any]]:
    """Role, name, first line, kind, needs and options of all parts, of one role, or of the part of that name."""
    catalogue = Catalogue.installed(files)
    chosen = _chosen(catalogue, what)
    return [
        {
            "role": part.role,
            "name": part.name,
            "summary": part.summary,
            "kind": part.kind,
            "needs": list(part.needs),
            "treats": list(part.treats),
            "options": {name: repr(option.default) for name, option in part.options.items()},
            "source": part.source,
        }
        for part in chosen
    ]


def page(what: str | None, files: Sequence[str | Path] = ()) -> str | None:
    """The page of the part of that name; `None` for a role or for all."""
    catalogue = Catalogue.installed(files)
    if what is None or what in ROLES or what.rstrip("s") in ROLES:
        return None
    return "\n\n".join(_page(part) for part in _chosen(catalogue, what))


def _chosen(catalogue: Catalogue, what: str | None) -> list[Part]:
    if what is None:
        return [part for role in ROLES for part in catalogue.all(role)]
    for role in ROLES:
        if what in (role, f"{role}s", "remedies" if role == "remedy" else role):
            return list(catalogue.all(role))
    found = [catalogue.find(role, what) for role in ROLES if what in catalogue.names(role)]
    if not found:
        names = [name for role in ROLES for name in catalogue.names(role)]
        raise PartError(f"expected a role or the name of a part, given '{what}'", hint=nearest(what, [*ROLES, *names]))
    return found


def _page(part: Part) -> str:
    lines = [f"{part.name} ({part.role})", "", part.doc, ""]
    facts = {
        "finds": part.kind,
        "treats": ", ".join(part.treats),
        "needs": ", ".join(part.needs),
        "preserves": ", ".join(part.preserves),
        "gates": ", ".join(f"{g.measure} {' '.join(f'{k} {v}' for k, v in g.bound.items())}" for g in part.gates),
        "source": part.source,
    }
    lines += [f"{name}: {said}" for name, said in facts.items() if said]
    lines += [f"option {o.name} = {o.default!r}  ({o.annotation})" for o in part.options.values()]
    return "\n".join(lines).rstrip()
