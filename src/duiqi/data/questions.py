"""Questions made of facts: the right object among wrong ones of the same relation, as a model's data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.seed import generator
from duiqi.core.slice import is_cjk
from duiqi.data.glossary import Fact, fold, mentions

FEWEST_OBJECTS = 4  # different ones of a relation, to draw wrong choices from
GAP = "___"


@dataclass(frozen=True)
class Question:
    """A fact, the choices, where among them the right one stands, and how often one is right who answers with the
    commonest object of the relation (below 1 where several are equally common). `others` are facts of other subjects:
    how likely the choices are whatever the subject is told by these."""

    fact: Fact
    choices: tuple[str, ...]
    truth: int
    popular: float
    others: tuple[Fact, ...] = ()

    @property
    def chance(self) -> float:
        """How often a guess is right."""
        return 1 / len(self.choices)

    @property
    def known_of_others(self) -> NDArray[np.bool_]:
        """Which choices are right for the other subjects, bool[o, c]."""
        said = [fold(each) for each in self.choices]
        return np.array([[each in other.right for each in said] for other in self.others], dtype=bool)

    def sentences(self) -> list[tuple[str, int, int]]:
        """The sentence of every choice, with its place in it; then the same of the other subjects, one by one."""
        facts = [self.fact, *(replace(self.fact, subject=other.subject) for other in self.others)]
        return [fact.said(choice) for fact in facts for choice in self.choices]


@dataclass(frozen=True)
class Quiz:
    """Questions, and what no question was made of: relations with too few different objects, and facts that give
    themselves away ("Mexico": "Mexico City")."""

    questions: tuple[Question, ...]
    too_few: Mapping[str, int] = field(default_factory=dict)
    given_away: int = 0

    def sentences(self) -> tuple[Dataset, NDArray[np.int64]]:
        """Different sentences as rows, and the row of every sentence of every question, one after another. A sentence
        is the `label`, and `spans` says where in it the choice stands. The text is empty: nothing comes before it."""
        rows: dict[tuple[str, int, int], int] = {}
        where = [rows.setdefault(said, len(rows)) for each in self.questions for said in each.sentences()]
        columns: dict[str, list[Any]] = {
            "text": [""] * len(rows),
            "label": [sentence for sentence, _, _ in rows],
            "spans": [[[start, end]] for _, start, end in rows],
        }
        return Dataset.of(columns, name="glossary"), np.array(where, dtype=np.int64)

    def to_choose(self) -> Dataset:
        """A row for every question: the sentence with a gap as its `text`, and the `choices`."""
        return Dataset.of(
            {
                "text": [each.fact.said(GAP)[0] for each in self.questions],
                "choices": [list(each.choices) for each in self.questions],
            },
            name="glossary",
        )


def quiz_of(facts: Sequence[Fact], *, choices: int, others: int, most: int, seed: int) -> Quiz:
    """Questions of at most `most` facts, each with so many choices (0: all objects of the relation) and `others`, the
    same for equal seeds. A wrong choice is an object of the same relation and script that is not right by any
    spelling."""
    telling = [fact for fact in facts if not _gives_itself_away(fact)]
    pools: dict[tuple[str, bool], Counter[str]] = {}
    spelled: dict[tuple[str, str], str] = {}
    related: dict[tuple[str, bool], list[Fact]] = {}
    for fact in facts:
        related.setdefault((fact.relation, is_cjk(fact.object)), []).append(fact)
        for thing in fact.objects:
            pools.setdefault((fact.relation, is_cjk(fact.object)), Counter())[fold(thing)] += 1
            spelled.setdefault((fact.relation, fold(thing)), thing)
    too_few: dict[str, int] = {}
    questions = []
    for fact in telling:
        pool = pools[fact.relation, is_cjk(fact.object)]
        wrong = sorted(each for each in pool if each not in fact.right)
        if len(pool) < FEWEST_OBJECTS or not wrong:
            too_few[fact.relation] = len(pool)
            continue
        draw = generator(seed, "knowledge", fact.relation, fold(fact.subject))
        drawn = [wrong[at] for at in draw.permutation(len(wrong))[: choices - 1 if choices else len(wrong)]]
        own = fold(fact.object)
        order = [[own, *drawn][at] for at in draw.permutation(len(drawn) + 1)]
        top = max(pool[each] for each in order)
        popular = (pool[own] == top) / sum(pool[each] == top for each in order)
        told = tuple(fact.object if each == own else spelled[fact.relation, each] for each in order)
        group = [each for each in related[fact.relation, is_cjk(fact.object)] if each is not fact]
        beside = tuple(group[at] for at in draw.permutation(len(group))[:others])
        questions.append(Question(fact, told, order.index(own), popular, beside))
    if len(questions) > most:
        kept = generator(seed, "knowledge", "facts").permutation(len(questions))[:most]
        questions = [questions[at] for at in sorted(kept)]
    return Quiz(tuple(questions), too_few, len(facts) - len(telling))


def _gives_itself_away(fact: Fact) -> bool:
    """Whether the subject stands in the object, or the other way round."""
    return any(mentions([fact.subject])(fact.object)) or any(mentions([fact.object])(fact.subject))
