"""Rows of chats, of instructions and of preferences, as a text, what was said before it, and the answer to write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from duiqi.core.errors import DataError
from duiqi.core.texts import ROLES, spelled
from duiqi.data.columns import CERTAIN, LIKELY
from duiqi.data.formats import Raw

CHATS = ("messages", "conversations")
NAMES = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant"}  # as other tools call the roles


def find_preferences(raw: Raw) -> str | None:
    """The column of the answers that people liked better, where another holds those that they liked less."""
    return "chosen" if {"chosen", "rejected"} <= set(raw.columns) and not _is_read_already(raw) else None


def find_chats(raw: Raw) -> str | None:
    """The column of messages ([{"role", "content"}, …] or [{"from", "value"}, …])."""
    return next((name for name in CHATS if name in raw.columns and _are_chats(raw.columns[name])), None)


def find_instructions(raw: Raw) -> str | None:
    """The column of what is asked, where another holds what comes out."""
    return "instruction" if {"instruction", "output"} <= set(raw.columns) and not _is_read_already(raw) else None


def _is_read_already(raw: Raw) -> bool:
    """Whether text and label have columns of plain names beside these."""
    names = {column.strip().casefold() for column in raw.columns}
    return all(names & {*CERTAIN[role]} for role in ("text", "label"))


def _are_chats(values: list[Any]) -> bool:
    first = next((value for value in values if value), None)
    return isinstance(first, list) and isinstance(first[0], dict) and bool({"role", "from"} & set(first[0]))


def from_chats(raw: Raw, name: str) -> Raw:
    """What the user says last in `source`, what was said before in `earlier`, the answer in `target`."""
    columns: dict[str, list[Any]] = {"source": [], "earlier": [], "target": []}
    for row, value in enumerate(raw.columns[name]):
        said = _ended(value, raw, row)
        for each, values in zip(said, columns.values(), strict=True):
            values.append(each)
    return replace(raw, columns={**_kept(raw, name), **columns})


def _ended(value: Any, raw: Raw, row: int) -> tuple[str, str, str]:
    """What the user said last in a chat, what was said before it, and the answer."""
    messages = [_message(each, raw, row) for each in (value if isinstance(value, list) else [value] if value else [])]
    roles = [each["role"] for each in messages]
    if roles[-2:] != ["user", "assistant"]:
        raise DataError(
            f"expected chats that end with a message of the user and the answer to it in {raw.name}, given "
            f"{', '.join(roles[-2:]) or 'no message'} at the end ({raw.where([row])})",
            hint="Leave out what follows the last answer, and rows without one.",
        )
    return messages[-2]["content"], spelled(messages[:-2]), messages[-1]["content"]


def from_preferences(raw: Raw, _: str = "chosen") -> Raw:
    """Answers as texts after a prompt, or as whole chats; the one that was liked less stays as `rejected`."""
    prompts = raw.columns.get("prompt", [None] * len(raw.places))
    rows = zip(prompts, raw.columns["chosen"], raw.columns["rejected"], strict=True)
    said = [_preferred(*each, raw, row) for row, each in enumerate(rows)]
    names = ("source", "earlier", "target", "rejected")
    columns = {name: [each[at] for each in said] for at, name in enumerate(names)}
    return replace(raw, columns={**_kept(raw, "prompt", "chosen", "rejected"), **columns})


def _preferred(prompt: Any, chosen: Any, rejected: Any, raw: Raw, row: int) -> tuple[str, str, str, str]:
    before = prompt if isinstance(prompt, list) else [{"role": "user", "content": prompt}] if prompt else []
    chats = [
        value if isinstance(value, list) and (not before or len(value) > 1) else
        [*before, *(value if isinstance(value, list) else [{"role": "assistant", "content": value}])]
        for value in (chosen, rejected)
    ]  # fmt: skip
    liked, other = (_ended(chat, raw, row) for chat in chats)
    if liked[:2] != other[:2]:
        raise DataError(
            f"expected two answers to one prompt in {raw.name}, given chats that differ before the last answer "
            f"({raw.where([row])})",
            hint="Give the prompt in a column of its own, and both answers to it.",
        )
    return *liked, other[2]


def _kept(raw: Raw, *read: str) -> dict[str, list[Any]]:
    """The other columns, but for those that would be taken for a text or its answer: a whole chat as one text often
    stands beside its messages, with the answer in it."""
    rivals = {name for role in ("text", "text_pair", "label") for table in (CERTAIN, LIKELY) for name in table[role]}
    return {
        name: values for name, values in raw.columns.items()
        if name not in read and (name.strip().casefold() not in rivals)
    }  # fmt: skip


def _message(given: Any, raw: Raw, row: int) -> dict[str, str]:
    said = given if isinstance(given, Mapping) else {}
    role = said.get("role", said.get("from"))
    content = said.get("content", said.get("value"))
    role = NAMES.get(str(role), str(role))
    if role not in ROLES or not isinstance(content, str):
        raise DataError(
            f"expected messages with a role among {', '.join(ROLES)} and a text in {raw.name}, given {given!r} "
            f"({raw.where([row])})",
            hint='Write {"role": "user", "content": "…"}.',
        )
    return {"role": role, "content": content}


def from_instructions(raw: Raw, _: str = "instruction") -> Raw:
    """The input as the text, and the instruction before it: rows of one instruction are not like each other then."""
    asked = list(zip(raw.columns["instruction"], raw.columns.get("input", [None] * len(raw.places)), strict=True))
    columns = {
        "source": [str(given) if given else str(said or "") for said, given in asked],
        "earlier": [str(said or "") if given else "" for said, given in asked],
        "target": raw.columns["output"],
    }
    return replace(raw, columns={**_kept(raw, "instruction", "input", "output"), **columns})
