"""Words that name groups of people (`lexicons/group_names.toml`), found in texts and put out of sight.

What is said of a group shall be judged by what is said. Lists are never whole: names of groups that are not in them
stay as they are.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files

from duiqi.core.slice import is_cjk

SOMEBODY = "\ufaff"  # stands for any group: a character of its own, which no text has


def group_names(text: str) -> list[str]:
    """The terms that a text names groups by, in its order, in lower case and without the s of the plural."""
    return [_plain(found[0]) for found in _pattern().finditer(text)]


def without_identities(text: str) -> str:
    """The text with `SOMEBODY` in the place of every such term."""
    return with_others(text, lambda _: SOMEBODY)


def with_others(text: str, other: Callable[[str], str]) -> str:
    """The text with something else in the place of every such term; `other` is given the term as `group_names` is."""
    return _pattern().sub(lambda found: other(_plain(found[0])), text)


@cache
def terms() -> Mapping[str, str]:
    """Every term and the sort of groups that it names: gender, sexuality, religion, origin, ability or age."""
    said = tomllib.loads(files("duiqi.data").joinpath("lexicons", "group_names.toml").read_text(encoding="utf-8"))
    return {term: sort for language in said.values() for sort, listed in language.items() for term in listed}


def _plain(found: str) -> str:
    term = " ".join(found.casefold().split())
    return term if term in terms() else term.removesuffix("s")


@cache
def _pattern() -> re.Pattern[str]:
    english, chinese = _longest([t for t in terms() if not is_cjk(t)]), _longest([t for t in terms() if is_cjk(t)])
    return re.compile(rf"(?<![a-z])(?:{'|'.join(english)})s?(?![a-z])|{'|'.join(chinese)}", re.IGNORECASE)


def _longest(listed: Sequence[str]) -> list[str]:
    return [re.escape(term).replace(r"\ ", r"\s+") for term in sorted(listed, key=len, reverse=True)]
