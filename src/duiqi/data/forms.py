"""Forms that rows come in: chats, preferences, marked texts, triples, passages, brought into the columns that duiqi
knows."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from duiqi.data.answers import find_answers, find_passages, from_answers, from_passages
from duiqi.data.chats import (
    find_chats,
    find_instructions,
    find_preferences,
    from_chats,
    from_instructions,
    from_preferences,
)
from duiqi.data.entities import find_entities, from_entities
from duiqi.data.formats import Raw
from duiqi.data.label_studio import IDS, KEYS, find_flat_tasks, find_tasks, from_flat_tasks, from_tasks
from duiqi.data.relations import find_marks, find_triples, from_marks, from_triples
from duiqi.data.sheet import GUESSED, find_sheet, from_sheet


@dataclass(frozen=True)
class Form:
    """`find` names the column that speaks of the form, `turn` brings the rows into columns that duiqi knows; `own` are
    the columns that go in it. A form that is `guessed` is not looked for where the user names text or label."""

    name: str
    find: Callable[[Raw], str | None]
    turn: Callable[[Raw, str], Raw]
    own: tuple[str, ...] = ()
    guessed: bool = True


FORMS = (
    Form("tasks", find_tasks, from_tasks, KEYS, guessed=False),
    Form("flat_tasks", find_flat_tasks, from_flat_tasks, KEYS, guessed=False),
    Form("sheet", find_sheet, from_sheet, (*GUESSED, "text"), guessed=False),
    Form("preferences", find_preferences, from_preferences, ("prompt", "chosen", "rejected")),
    Form("chats", find_chats, from_chats),
    Form("instructions", find_instructions, from_instructions, ("instruction", "input", "output")),
    Form("entities", find_entities, from_entities, ("text",)),
    Form("passages", find_passages, from_passages, guessed=False),
    Form("triples", find_triples, from_triples, guessed=False),
    Form("marks", find_marks, from_marks, guessed=False),
    Form("answers", find_answers, from_answers, guessed=False),
)


def handed_out(forms: Collection[str], columns: Collection[str]) -> bool:
    """Whether rows of these forms and columns are those that `label` wrote for people: its table, or its tasks."""
    return "sheet" in forms or (IDS[0] in columns and not {"tasks", "flat_tasks"}.isdisjoint(forms))


def shaped(raw: Raw, found: dict[str, str], *, text: str | None = None, label: str | None = None) -> Raw:
    """The rows in the columns that duiqi knows. Columns that the user names as text or label are taken as they are.

    `found` holds the forms that other pieces of the file have, by name, and their columns: what one piece has all have.
    It is filled here.
    """
    named = text is not None or label is not None
    for form in FORMS:
        if form.guessed and named:
            continue
        looked = find_answers(raw, label) if form.find is find_answers else form.find(raw)
        column = found.get(form.name) or looked
        if column is None:
            continue
        found[form.name] = column
        if column not in raw.columns:
            raw = replace(raw, columns={**raw.columns, column: [None] * len(raw.places)})
        turned = form.turn(raw, column)
        gone = [name for name in raw.columns if name not in turned.columns and name not in (column, *form.own)]
        notes = ({"code": "columns_left_out", "columns": ", ".join(gone)},) if gone else ()
        raw = replace(turned, notes=(*turned.notes, *notes))
    return raw
