"""Who is told how far something is that takes long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Progress = Callable[[str, int, int, Mapping[str, Any]], None]  # the stage, how much is done, of how much, and facts


def silent(stage: str, done: int, total: int, facts: Mapping[str, Any]) -> None:
    """One who tells nobody."""
