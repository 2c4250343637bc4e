"""What a command would do, without doing it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from duiqi.run.carry import check_remedies
from duiqi.run.named import found, shown
from duiqi.run.table import Settings, lay


def plan_ahead(verb: str, arguments: Mapping[str, Any], out: Any) -> dict[str, Any]:
    """The data as understood, the models, the probes that would run or be skipped, and where the result would go."""
    settings = {name: value for name, value in arguments.items() if name in Settings.__annotations__}
    names = [str(arguments[name]) for name in ("model", "before", "after") if arguments.get(name)]
    changes = verb in ("align", "repair")
    table = lay(arguments["data"], cast(Settings, settings), complete=changes, model=names[-1])
    if changes:
        check_remedies(table, arguments.get("with_") or ())
    first = next(iter(table.parts.values()))
    schema = {role: value for role, value in vars(first.schema).items() if value}
    return {
        "verb": verb,
        "task": table.task,
        "rows": {name: len(part) for name, part in table.parts.items()},
        "columns": schema,
        "notes": [dict(note) for note in table.notes(*table.parts.values())],
        "models": {shown(name): found(name) for name in names},
        "probes": [
            part.name
            for part in table.catalogue.all("probe")
            if part.name in table.options or not part.facts.get("on_request")
        ],
        "out": str(out) if out else None,
    }
