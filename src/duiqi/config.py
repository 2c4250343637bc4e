"""`duiqi.toml`: options written down. Read at the edge; nothing below the command line sees it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from duiqi.core.errors import OptionError, nearest

FILE = "duiqi.toml"
TABLES = ("gates", "policy", "options", "columns", "labels", "steps", "reference")
PLAIN = (
    "task", "text", "text_pair", "tokens",
    "choices", "spans", "label", "group", "id", "split", "time", "cluster", "encoding", "seed", "threads", "device",
    "parts", "budget", "out", "lang", "with", "only",
)  # fmt: skip
NUMBERS: Mapping[str, tuple[type, ...]] = {"seed": (int,), "threads": (int,), "budget": (int, float)}
SEVERAL = ("group", "parts", "with", "only")  # options that may be given again
ROLES = ("text", "text_pair", "tokens", "choices", "spans", "label", "id", "split", "time", "cluster")


def read_config(folder: Path) -> dict[str, Any]:
    """What `duiqi.toml` in that folder says, checked; empty where there is none."""
    path = folder / FILE
    if not path.is_file():
        return {}
    return check_config(_load(path), path)


def read_gates(path: Path) -> Mapping[str, Any]:
    """Gates from a toml file of their own: its `[gates]` table, or the whole file."""
    if not path.is_file():
        raise OptionError(f"expected a toml file with gates, given {path}, which is no file", hint="Check --gates.")
    said = _load(path)
    gates = said.get("gates", said)
    assert isinstance(gates, dict)
    return gates


def read_policy(path: Path) -> Mapping[str, Any]:
    """The rules of a policy from a toml file of their own, its `[policy]` table or the whole file, checked there, where
    an error can name the line."""
    from duiqi.data.policy import rules_of

    if not path.is_file():
        raise OptionError(f"expected a toml file with rules, given {path}, which is no file", hint="Check --policy.")
    said = _load(path)
    rules = said.get("policy", said)
    if not rules:
        raise OptionError(
            f"expected rules in {path}, given none", hint="duiqi parts unsafe_output shows how they look."
        )
    rules_of(rules, path.read_text(encoding="utf-8"))
    assert isinstance(rules, dict)
    return rules


def check_config(said: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The same, or an `OptionError` that names what is unknown."""
    known = (*TABLES, *PLAIN)
    for name in said:
        if name not in known:
            raise OptionError(f"expected an option of duiqi in {path}, given '{name}'", hint=nearest(name, known))
    for name in TABLES:
        if not isinstance(said.get(name, {}), dict):
            raise OptionError(
                f"expected [{name}] in {path} to be a table, given {said[name]!r}", hint=f"Write [{name}]."
            )
    for name, place in said.get("reference", {}).items():
        if not isinstance(place, str):
            raise OptionError(
                f"expected a file or folder as reference {name} in {path}, given {place!r}",
                hint=f'Write it so: {name} = "may.csv"',
            )
    for name in PLAIN:
        _check_form(name, said.get(name), path)
    return {name: [value] if name in SEVERAL and isinstance(value, str) else value for name, value in said.items()}


def _check_form(name: str, value: Any, path: Path) -> None:
    """`OptionError` where a value is not of the form that the option of that name has on the command line."""
    if value is None:
        return
    if name in NUMBERS:
        form, example = "a number", f"{name} = 4"
        fits = isinstance(value, NUMBERS[name]) and not isinstance(value, bool)
    elif name in SEVERAL or name in ROLES:
        form, example = "a text or a list of texts", f'{name} = ["a", "b"]'
        fits = isinstance(value, str) or (isinstance(value, list) and all(isinstance(each, str) for each in value))
    else:
        form, example, fits = "a text", f'{name} = "…"', isinstance(value, str)
    if not fits:
        raise OptionError(f"expected {form} as {name} in {path}, given {value!r}", hint=f"Write it so: {example}")


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(
            f"expected toml in {path}, given what cannot be read: {error}", hint="Mend that line."
        ) from error
