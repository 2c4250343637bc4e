"""The edit `negation`: a negation more or less."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np

from duiqi.core.edit import Change
from duiqi.core.part import edit
from duiqi.core.slice import is_cjk
from duiqi.data.denied_chinese import Chinese
from duiqi.data.denied_english import English


@edit(
    preserves=(),
    source="Gardner et al., 2020, Evaluating models' local decision boundaries via contrast sets, Findings of EMNLP, "
    "https://arxiv.org/abs/2004.02709; Ribeiro et al., 2020, Beyond accuracy: behavioral testing of NLP models with "
    "CheckList, ACL, https://arxiv.org/abs/2005.04118",
)
def negation(
    texts: Sequence[str],
    rngs: Sequence[np.random.Generator],
    *,
    way: Literal["either", "add", "remove"] = "either",
) -> list[list[Change]]:
    """One negation taken out or put in: "it is good" and "it is not good", 很干净 and 不干净.

    It turns a sentence round, so an answer that stays the same was not read from it. It does **not** keep the label:
    it makes contrast rows to be labelled anew, and no edit for robustness or for more training rows.

    Every text gets one change at most: a negation that can go is taken out, else one is put in (`way` says which of
    both may be done). English: not or n't behind an auxiliary; do, does or did with other verbs, whose form follows;
    never and "no longer" are taken out. Chinese: 不 before verbs and adjectives (很 goes or comes), 没 with verbs
    (了 goes or comes), 没有 for 有. Where a word hangs on a negation (any, yet; 任何, 从来) it stays. Sentences whose
    grammar no rule knows stay as they are: few wrong sentences count for more than many edited ones.

    It misleads where a text has several sentences: one of them is turned round, not the whole.
    """
    return [_one(text, rng, way) for text, rng in zip(texts, rngs, strict=True)]


def _one(text: str, rng: np.random.Generator, way: str) -> list[Change]:
    english, chinese = _rules()
    return _drawn(chinese, text, rng, way) if is_cjk(text) else _drawn(english, text, rng, way)


def _drawn(rules: Any, text: str, rng: np.random.Generator, way: str) -> list[Change]:
    """One of the changes of the first clause, in an order drawn at random, that can lose (else take) a negation."""
    clauses = rules.clauses(text)
    order = rng.permutation(len(clauses))
    ways = [find for name, find in (("remove", rules.removed), ("add", rules.added)) if way in (name, "either")]
    for find in ways:
        for at in order:
            found = find(text, clauses[at])
            if found:
                return [found[rng.integers(len(found))]]
    return []


@cache
def _rules() -> tuple[English, Chinese]:
    path = files("duiqi.data").joinpath("lexicons", "denials.toml")
    lists = tomllib.loads(path.read_text(encoding="utf-8"))
    return English(lists["english"]), Chinese(lists["chinese"])
