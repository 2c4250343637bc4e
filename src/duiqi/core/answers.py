"""Answers that stand in a passage: a list of texts and the place where each begins, for every row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def are_answers(labels: Sequence[Any]) -> bool:
    """Whether the labels of rows are lists of answers ({"text", "start"}), some of which are not empty."""
    lists = bool(labels) and all(isinstance(row, list) for row in labels)
    return lists and any(labels) and all(_is_answer(each) for row in labels for each in row)


def _is_answer(value: Any) -> bool:
    return isinstance(value, dict) and {"text", "start"} <= set(value)
