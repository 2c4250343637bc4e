"""Answers in passages, brought into one form: lists of {"text", "start"}."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from duiqi.core.errors import DataError
from duiqi.data.formats import Raw

NAMES = ("answers", "label", "answer")  # columns that may hold answers


def find_answers(raw: Raw, named: str | None = None) -> str | None:
    """The column of answers with their places: the one `named`, else one of a plain name."""
    looked = [name for name in ([named] if named else NAMES) if name in raw.columns]
    return next((name for name in looked if _speaks_of_answers(raw.columns[name])), None)


def from_answers(raw: Raw, name: str) -> Raw:
    """The file with its answers in one form.

    Read are lists of {"text", "start"} and of {"text", "answer_start"}, and {"text": […], "answer_start": […]} as
    SQuAD has them.
    """
    read = [_read(value, raw, row) for row, value in enumerate(raw.columns[name])]
    return replace(raw, columns={**raw.columns, name: read})


def find_passages(raw: Raw) -> str | None:
    """The column of passages with the questions to them, as SQuAD's own files have it."""
    values = raw.columns.get("paragraphs", [])
    first = next((value for value in values if value), None)
    return "paragraphs" if isinstance(first, list) and isinstance(first[0], dict) and "qas" in first[0] else None


def from_passages(raw: Raw, name: str) -> Raw:
    """The file with a row for every question; questions of one passage are a cluster."""
    columns: dict[str, list[Any]] = {name: [] for name in ("id", "question", "context", "answers", "cluster")}
    places = []
    for row, passages in enumerate(raw.columns[name]):
        for passage in passages or []:
            for asked in passage.get("qas") or []:
                found = [] if asked.get("is_impossible") else asked.get("answers") or []
                given = (asked.get("id"), asked.get("question"), passage.get("context"), found, passage.get("context"))
                for values, value in zip(columns.values(), given, strict=True):
                    values.append(value)
                places.append(raw.places[row])
    if not all(isinstance(each, str) for name in ("question", "context") for each in columns[name]):
        raise DataError(
            f"expected passages with a context and questions, as SQuAD writes them, in {raw.name}, given others",
            hint='Write {"paragraphs": [{"context": "…", "qas": [{"question": "…", "answers": […]}]}]}.',
        )
    return replace(raw, columns=columns, places=places)


def _speaks_of_answers(values: Sequence[Any]) -> bool:
    filled = [value for value in values if value]
    return any(map(_has_places, filled))


def _has_places(value: Any) -> bool:
    first = value[0] if isinstance(value, list) else value
    return isinstance(first, dict) and "text" in first and bool({"start", "answer_start"} & set(first))


def _read(value: Any, raw: Raw, row: int) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        value = [dict(zip(("text", "start"), pair, strict=True)) for pair in zip(*_lists(value), strict=False)]
    found = []
    for each in value if isinstance(value, list) else [value] if value else []:
        known = each if isinstance(each, dict) else {}
        text, start = known.get("text"), known.get("start", known.get("answer_start"))
        if not isinstance(text, str) or not isinstance(start, int) or isinstance(start, bool):
            raise DataError(
                f'expected answers as {{"text": …, "start": …}} in {raw.name}, given {each!r} ({raw.where([row])})',
                hint="Count the characters of the context from 0; an empty list says that it has no answer.",
            )
        bare = text.strip()  # no token has the blanks
        if bare:
            found.append({"text": bare, "start": start + len(text) - len(text.lstrip())})
    return found


def _lists(value: dict[str, Any]) -> list[list[Any]]:
    both = (value.get("text"), value.get("start", value.get("answer_start")))
    return [each if isinstance(each, list) else [each] for each in both]


def check_answers(raw: Raw, contexts: Sequence[str], rows: Sequence[Sequence[dict[str, Any]]]) -> None:
    """`DataError` for an answer that does not stand in its context where it says."""
    for row, (context, found) in enumerate(zip(contexts, rows, strict=True)):
        for each in found:
            begin, end = each["start"], each["start"] + len(each["text"])
            if begin < 0 or context[begin:end] != each["text"]:
                at = context.find(each["text"])
                hint = f"It begins at {at}." if at >= 0 else "It stands nowhere in it: mend or delete the row."
                raise DataError(
                    f"expected every answer in its context, given {each['text'][:60]!r} at {begin} of {raw.name}, "
                    f"where {context[max(begin, 0) : end][:60]!r} stands ({raw.where([row])})",
                    hint=f"{hint} Characters are counted from 0.",
                )
