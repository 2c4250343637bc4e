"""`parts`: what can be measured, edited, asked, probed and remedied, what steps a preparation can take, and a page for
each."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from duiqi.core.errors import PartError, nearest
from duiqi.core.part import ROLES, Catalogue, Part

STEP = "step"
LISTED = (*ROLES, STEP)
TRIED_BY = {
    "edit": "robustness",
    "attack": "adversarial_robustness",
}  # the probes that edits and attacks are options of


class StepPart(Part):
    """A step of a preparation, listed beside the parts."""

    @cached_property
    def options(self) -> dict[str, inspect.Parameter]:
        return dict(inspect.signature(self.function).parameters)


def list_parts(what: str | None = None, files: Sequence[str | Path] = ()) -> list[dict[str, Any]]:
    """Role, name, first line, kind, needs and options of all parts and steps, of one role, or of the part of that
    name."""
    chosen = _chosen(what, files)
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
    if what is None or _role(what):
        return None
    return "\n\n".join(_page(part) for part in _chosen(what, files))


def _chosen(what: str | None, files: Sequence[str | Path]) -> list[Part]:
    catalogue = Catalogue.installed(files)
    known = {role: list(catalogue.all(role)) for role in ROLES} | {STEP: _steps()}
    if what is None:
        return [part for parts in known.values() for part in parts]
    if role := _role(what):
        return known[role]
    found = [part for parts in known.values() for part in parts if part.name == what]
    if not found:
        names = [part.name for parts in known.values() for part in parts]
        raise PartError(f"expected a role or the name of a part, given '{what}'", hint=nearest(what, [*LISTED, *names]))
    return found


def _role(what: str) -> str | None:
    """The role that is meant, in the singular or the plural."""
    return next((role for role in LISTED if what in (role, f"{role}s", role.replace("remedy", "remedies"))), None)


def _steps() -> list[Part]:
    from duiqi.data.steps import STEPS

    return [StepPart(STEP, name, step) for name, step in STEPS.items()]


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
    return "\n".join([*lines, *_how_to_give(part)]).rstrip()


def _how_to_give(part: Part) -> list[str]:
    """How the options are given that only the user can choose, as duiqi.toml has them."""
    if not part.asks:
        return []
    given = [f'{name} = "{name.upper()}"' for name in part.asks]
    if part.role in TRIED_BY:
        lines = [f"[options.{TRIED_BY[part.role]}]", f'{part.role}s = ["{part.name}"]',
                 f"{part.role}_options = {{ {part.name} = {{ {', '.join(given)} }} }}"]  # fmt: skip
    else:
        lines = [f"[options.{part.name}]", *given]
    run = [f"and then: duiqi align MODEL DATA --with {part.name}"] if part.role == "remedy" else []
    return ["", f"What only you can choose ({', '.join(part.asks)}) stands in duiqi.toml:", "", *lines, "", *run]
