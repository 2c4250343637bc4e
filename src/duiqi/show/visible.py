"""Characters that nobody sees, made visible: rows may hold what moves a cursor, colours a terminal, turns the order of
a line round, or breaks a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# One sign for each, so that places of characters stay right. C0 have pictures of their own; the rest is replaced: C1,
# what embeds or overrides a direction (Trojan Source, Boucher & Anderson 2021), and what XML has no place for.
_PICTURES = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"} | {0x7F: 0x2421}
_OTHERS = (*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFFFE, 0xFFFF)
_SHOWN = _PICTURES | dict.fromkeys(_OTHERS, 0xFFFD)


def visible(said: Any) -> Any:
    """The same text, or report, whose strings have a sign in the place of every character of control."""
    if isinstance(said, str):
        return said if said.isascii() and said.isprintable() else said.translate(_SHOWN)
    if isinstance(said, Mapping):
        return {visible(key): visible(value) for key, value in said.items()}
    if isinstance(said, list | tuple):
        return [visible(each) for each in said]
    return said
