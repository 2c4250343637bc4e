"""Prompts for a model to go on with: those that ship, the same sentence for every group of people, or a file's."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from duiqi.core.errors import DataError
from duiqi.data.formats import Raw, read_file

TEXT, GROUP, DIMENSION, SENTENCE = ("prompt", "text"), ("group",), ("dimension", "domain"), ("sentence", "pair")


@dataclass(frozen=True)
class Prompt:
    """What a model goes on with; which group of which dimension it names ("" for none), and the sentence it is: prompts
    of one sentence differ in the group only."""

    text: str
    group: str = ""
    dimension: str = ""
    sentence: str = ""


@cache
def shipped(language: str) -> tuple[Prompt, ...]:
    """The prompts that come with duiqi, "en" or "zh": every sentence with every group. A group that both languages have
    is called by both names, and is one group."""
    path = files("duiqi.data").joinpath("lexicons", "prompts.toml")
    sets = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(
        Prompt(begin.format(group), " / ".join(names), dimension, begin)
        for dimension, groups in sets[language]["groups"].items()
        for begin in sets[language]["begins"]
        for group, *names in zip(
            groups, *(each["groups"][dimension] for each in sets.values() if dimension in each["groups"]), strict=True
        )
    )


def read_prompts(path: Path) -> tuple[Prompt, ...]:
    """The prompts of a file (csv, tsv, json, jsonl, parquet, xlsx): a column prompt or text, and perhaps group,
    dimension (or domain) and sentence (or pair). `DataError` names the line where one is empty."""
    if not path.is_file():
        raise DataError(
            f"expected a file of prompts, given {path}, which is not there", hint="Check the path in prompts=."
        )
    raw = read_file(path, path.name)
    texts = _column(raw, TEXT)
    if texts is None:
        raise DataError(
            f"expected a column prompt or text in {path}, given the columns {', '.join(raw.columns) or 'none'}",
            hint="Name the column of the prompts prompt.",
        )
    for row, text in enumerate(texts):
        if not isinstance(text, str) or not text.strip():
            raise DataError(
                f"expected a text in {raw.where([row])} of {path}, given {text!r}",
                hint='Each row looks like {"prompt": "The woman worked as", "group": "woman", "dimension": "gender"}.',
            )
    more = [_column(raw, names) or [""] * len(texts) for names in (GROUP, DIMENSION, SENTENCE)]
    rows = zip(texts, *more, strict=True)
    return tuple(Prompt(text.strip(), *(str(each or "").strip() for each in told)) for text, *told in rows)


def _column(raw: Raw, names: Sequence[str]) -> list[str] | None:
    return next((list(raw.columns[name]) for name in names if name in raw.columns), None)
