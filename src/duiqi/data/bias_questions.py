"""Questions about two people of different groups, to which one answer is a stereotype and one that nobody can know."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.slice import is_cjk
from duiqi.data.formats import Raw, read_file

LANGUAGES = ("en", "zh")
CHOICES = 3
# names of columns: ours, those of BBQ in one table, those of BBQ as it is published
TEMPLATE, CATEGORY, POLARITY = ("template", "question_index"), ("category", "group"), ("polarity", "question_polarity")
NEGATIVE = {"neg": True, "negative": True, "nonneg": False, "non-negative": False, "positive": False}
AMBIGUOUS = {"ambig": True, "ambiguous": True, "disambig": False, "disambiguated": False}
UNKNOWN = "unknown"  # the group of the choice that says that it cannot be known
SAME = {"f": "woman", "m": "man", "female": "woman", "male": "man"}  # BBQ has both


@dataclass(frozen=True)
class BiasQuestion:
    """A question with three choices, two people and `unknown`; all are places among the choices, from 0.

    `stereotyped` is the person of the group of which people say what a `negative` question asks for; `truth` is what
    the context says: `unknown` where it is ambiguous. Questions of one `template` belong together; `category` is what
    the stereotype is about ("gender"; "" where unknown).
    """

    context: str
    question: str
    choices: tuple[str, ...]
    unknown: int
    stereotyped: int
    negative: bool
    truth: int
    category: str
    template: str

    @property
    def ambiguous(self) -> bool:
        return self.truth == self.unknown

    @property
    def biased(self) -> int:
        """The place of the answer that is a stereotype: of a negative question the group of which it is said, of
        another one the other group."""
        return self.stereotyped if self.negative else sum(range(CHOICES)) - self.unknown - self.stereotyped

    @property
    def said(self) -> str:
        """Context and question as one text."""
        return self.context + ("" if is_cjk(self.context) else " ") + self.question


@dataclass(frozen=True)
class Questionnaire:
    """Questions, and how many rows of a file tell of no or of two persons of whom people say it."""

    questions: tuple[BiasQuestion, ...]
    left_out: int = 0


def to_choose(questions: Sequence[BiasQuestion], name: str) -> Dataset:
    """A row for every question: the question as its text, the context as the second one, and the choices."""
    columns: dict[str, list[Any]] = {
        "text": [each.question for each in questions],
        "text_pair": [each.context for each in questions],
        "choices": [list(each.choices) for each in questions],
    }
    return Dataset.of(columns, name=name)


def to_write(questions: Sequence[BiasQuestion], name: str) -> Dataset:
    """A row for every choice of every question, one after another: context and question, and the choice as label."""
    pairs = [(each.said, choice) for each in questions for choice in each.choices]
    return Dataset.of({"text": [said for said, _ in pairs], "label": [choice for _, choice in pairs]}, name=name)


@cache
def shipped(language: str) -> tuple[BiasQuestion, ...]:
    """The questions that come with duiqi: each of its templates with both orders of the people, an ambiguous context
    and two that say which of them it was, and two questions."""
    path = files("duiqi.data").joinpath("lexicons", f"bias_questions_{language}.toml")
    said = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(
        question
        for number, template in enumerate(said["template"])
        for question in _made(said, template, number, f"{language} {number}")
    )


def _made(said: Mapping[str, Any], template: Mapping[str, Any], number: int, name: str) -> Iterator[BiasQuestion]:
    of_whom, other = template["groups"]
    never = said["unknown"][number % len(said["unknown"])]
    for turn, (first, second) in enumerate(((of_whom, other), (other, of_whom))):
        unknown = (number + turn) % CHOICES
        choices = [said["choice"].format(first), said["choice"].format(second)]
        stereotyped = choices[turn]
        choices.insert(unknown, never)
        ambiguous = template["context"].format(first=first, second=second)
        apart = "" if is_cjk(ambiguous) else " "
        contexts = [(ambiguous, "", "")] + [
            (ambiguous + apart + template["told"].format(one=one, other=rest), one, rest)
            for one, rest in ((of_whom, other), (other, of_whom))
        ]
        for context, one, rest in contexts:
            for negative in (True, False):
                right = said["choice"].format(one if negative else rest) if one else never
                yield BiasQuestion(
                    context, template["negative" if negative else "positive"], tuple(choices), unknown,
                    choices.index(stereotyped), negative, choices.index(right), template["type"], name,
                )  # fmt: skip


def read_questions(path: Path) -> Questionnaire:
    """The questions of a file (csv, tsv, json, jsonl, parquet, xlsx); `DataError` names the line that is none.

    Columns are those of BBQ as it is published (ans0 … ans2, answer_info, additional_metadata), the same in one table
    (choices, choice_groups, stereotyped_groups), or plain ones: context, question, choices (a list, or divided by
    bars), label, unknown and stereotyped (a choice or its place from 0), polarity (negative or non-negative), template,
    and perhaps category. Rows of BBQ in which not exactly one of the two people is of a stereotyped group are counted
    and left out.
    """
    if not path.is_file():
        raise DataError(
            f"expected a file of questions, given {path}, which is not there", hint="Check the path in questions=."
        )
    raw = read_file(path, path.name)
    _columns(raw, path)
    found = [_read(_Row(raw, row, path)) for row in range(len(raw.places))]
    questions = tuple(each for each in found if each is not None)
    if not questions:
        raise DataError(
            f"expected questions in which one of two people is of a stereotyped group in {path}, given none in "
            f"{len(found)} rows",
            hint="The groups of choice_groups, or the choices, name those of stereotyped_groups.",
        )
    return Questionnaire(questions, len(found) - len(questions))


def _columns(raw: Raw, path: Path) -> None:
    """`DataError` where a column is missing."""
    wanted: list[tuple[str, ...]] = [("context",), ("question",), ("label",), TEMPLATE, POLARITY]
    if "answer_info" in raw.columns:
        wanted += [("ans0",), ("ans1",), ("ans2",), ("additional_metadata", "stereotyped_groups")]
    elif "choice_groups" in raw.columns:
        wanted += [("choices",), ("stereotyped_groups",)]
    else:
        wanted += [("choices",), ("unknown",), ("stereotyped",)]
    for names in wanted:
        if not any(name in raw.columns for name in names):
            raise DataError(
                f"expected a column {' or '.join(names)} in {path}, given the columns "
                f"{', '.join(raw.columns) or 'none'}",
                hint="Columns are those of BBQ, or context, question, choices, label, unknown, stereotyped, polarity, "
                "template and perhaps category; rows of one template belong together.",
            )


@dataclass(frozen=True)
class _Row:
    """A row of a file that can say where it stands."""

    raw: Raw
    row: int
    path: Path

    def has(self, name: str) -> bool:
        return name in self.raw.columns

    def __getitem__(self, names: str | tuple[str, ...]) -> Any:
        named = [names] if isinstance(names, str) else names
        return next((self.raw.columns[name][self.row] for name in named if name in self.raw.columns), None)

    def wrong(self, expected: str, given: Any) -> DataError:
        return DataError(
            f"expected {expected} in {self.raw.where([self.row])} of {self.path}, given {given!r}",
            hint='Each row looks like {"context": "…", "question": "Who was rude?", "choices": ["The old man", '
            '"The young man", "Not known"], "label": 2, "unknown": 2, "stereotyped": 0, "polarity": "negative", '
            '"template": "1"}.',
        )

    def text(self, name: str) -> str:
        value = self[name]
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(f"a text as {name}", value)
        return value.strip()

    def code(self, names: tuple[str, ...], codes: Mapping[str, bool]) -> bool:
        value = str(self[names]).strip().casefold()
        if value not in codes:
            raise self.wrong(f"one of {', '.join(codes)} as {names[0]}", self[names])
        return codes[value]

    def loaded(self, name: str) -> Any:
        """A list or table, which a cell of a csv file holds as JSON or, of a list, divided by bars."""
        value = self[name]
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith(("[", "{")):
            try:
                return json.loads(value)
            except json.JSONDecodeError as error:
                raise self.wrong(f"a list or table in JSON as {name}", value) from error
        return [each.strip() for each in value.split("|")]

    def place(self, name: str, choices: Sequence[str]) -> int:
        value = self[name]
        said = str(value).strip()
        if isinstance(value, str) and said in choices:  # a number is a place, though a choice be spelled alike
            return choices.index(said)
        if isinstance(value, bool) or not re.fullmatch(r"[0-2](\.0)?", said):
            raise self.wrong(f"one of the three choices or its place from 0 to 2 as {name}", value)
        return int(float(said))


def _read(row: _Row) -> BiasQuestion | None:
    """The question of a row; `None` where it is not told whom a stereotype is about."""
    context, question, choices = row.text("context"), row.text("question"), _choices(row)
    negative, truth = row.code(POLARITY, NEGATIVE), row.place("label", choices)
    unknown, stereotyped = _groups(row, choices)
    if row.has("context_condition") and row.code(("context_condition",), AMBIGUOUS) != (truth == unknown):
        raise row.wrong(
            "the choice that says that it cannot be known as label of an ambiguous context, and of no other",
            choices[truth],
        )
    template = row[TEMPLATE]
    if template is None or not str(template).strip():
        raise row.wrong("a name or number as template", template)
    if stereotyped is None:
        return None
    category = str(row[CATEGORY] or "").strip()
    return BiasQuestion(
        context, question, choices, unknown, stereotyped, negative, truth, category, f"{category} {template}"
    )


def _choices(row: _Row) -> tuple[str, ...]:
    given = [row[f"ans{at}"] for at in range(CHOICES)] if row.has("answer_info") else row.loaded("choices")
    said = [each.strip() for each in given if isinstance(each, str)] if isinstance(given, list) else []
    if len(said) != CHOICES or len({*said, ""}) != CHOICES + 1:
        raise row.wrong("three different choices", given)
    return tuple(said)


def _groups(row: _Row, choices: Sequence[str]) -> tuple[int, int | None]:
    """The place of the choice that it cannot be known, and of the person of whom people say it, if that is told."""
    if not (row.has("answer_info") or row.has("choice_groups")):
        unknown, stereotyped = row.place("unknown", choices), row.place("stereotyped", choices)
        if unknown == stereotyped:
            raise row.wrong("the choice of a person as stereotyped", row["stereotyped"])
        return unknown, stereotyped
    groups, of_whom = _published(row) if row.has("answer_info") else (
        [[each] for each in _listed(row, "choice_groups", row.loaded("choice_groups"))],
        _listed(row, "stereotyped_groups", row.loaded("stereotyped_groups")),
    )  # fmt: skip
    never = [at for at, named in enumerate(groups) if UNKNOWN in named]
    if len(groups) != CHOICES or len(never) != 1:
        raise row.wrong(f"the groups of three choices, one of which is {UNKNOWN}", groups)
    people = [at for at in range(CHOICES) if at != never[0]]
    known = {_plain(each) for each in of_whom}
    meant = [at for at in people if known & {_plain(name) for name in groups[at]}]
    if not meant:  # the groups are parts of the world, say, and those of the stereotype the names of peoples
        meant = [at for at in people if any(_names(choices[at], each) for each in of_whom)]
    return never[0], meant[0] if len(meant) == 1 else None


def _published(row: _Row) -> tuple[list[list[str]], list[str]]:
    """The groups of every choice and those of whom people say it, as BBQ is published."""
    info, more = row.loaded("answer_info"), row.loaded("additional_metadata")
    if not isinstance(info, dict) or not all(isinstance(info.get(f"ans{at}"), list) for at in range(CHOICES)):
        raise row.wrong('{"ans0": ["name", "group"], …} as answer_info', info)
    of_whom = more.get("stereotyped_groups") if isinstance(more, dict) else row.loaded("stereotyped_groups")
    groups = [[str(name).strip() for name in info[f"ans{at}"]] for at in range(CHOICES)]
    return groups, _listed(row, "stereotyped_groups", of_whom)


def _listed(row: _Row, name: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        raise row.wrong(f"a list of groups as {name}", value)
    return [each.strip() for each in value]


def _plain(group: str) -> str:
    """A group without what the files of BBQ write one way here and another there: "low SES", "F-Black"."""
    letters = re.sub(r"[\W_]", "", re.sub(r"^[FM]-", "", group.strip()).casefold())
    return SAME.get(letters, letters)


def _names(choice: str, group: str) -> bool:
    return re.search(rf"\b{re.escape(group)}\b", choice, flags=re.IGNORECASE) is not None
