from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import Case
from duiqi.core.edit import keeping
from duiqi.core.errors import DataError
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Measure
from duiqi.core.part import probe
from duiqi.core.seed import derive
from duiqi.core.texts import excerpts
from duiqi.data.attackable import usual
from duiqi.data.attacking import Attacked, attacked
from duiqi.data.simulated import slipping_case

MOST_EXAMPLES = 8


@probe(
    kind="fragility",
    needs=("model.answer", "data.label", "data.text", "model.anew"),
    gates=(Gate("attack_success_rate", at_most=0.5, slice=None),),
    on_request=True,
    source="Morris et al., 2020, TextAttack: a framework for adversarial attacks, data augmentation, and adversarial "
    "training in NLP, EMNLP demonstrations, https://arxiv.org/abs/2005.05909",
)
def adversarial_robustness(
    case: Case, *, attacks: tuple[str, ...] = (), rows: int = 200, queries: int = 500,
    attack_options: dict[str, dict[str, Any]] | None = None,
) -> Iterator[Measure | Exhibit]:  # fmt: skip
    """How many right answers are turned by somebody who searches for small changes that turn them.

    Robustness edits texts blindly; an attack asks the model which words matter and changes those, until the answer
    turns or it has asked `queries` times. `attacks` names them (`duiqi parts attack`); without it slips of the fingers
    and synonyms, in Chinese characters that sound or look alike and synonyms. At most `rows` rows that are answered
    rightly are attacked, drawn from the seed; the measure is the share of them that is turned. `attack_options` maps an
    attack to options of its own, such as `{"textfooler": {"lexicon": "cilin.txt"}}`.

    All texts are attacked at once: every round is one call of the model. Whole classes, pairs, several labels, numbers,
    tags and answers found in a passage can be attacked; tagged words, spans and answers stay as they are.

    Misleads where nobody is against the model: almost any model can be turned by enough misspellings, and an attack
    that changes most of a text shows little (the table says how much was changed). Compare models by it, rather than
    reading it alone. Treated by adversarial training and by augmenting training rows with such edits.
    """
    names = attacks or usual(case.data.texts)
    parts = keeping("label", (case.catalogue.find("attack", name) for name in names))
    right = np.flatnonzero(case.right)
    if not len(right):
        raise DataError(
            f"expected rows that are answered rightly to attack, given none of {len(case.data)}",
            hint="Train the model first: duiqi align MODEL DATA.",
        )
    taken = np.sort(np.random.default_rng(derive(case.seed, "adversarial_robustness")).permutation(right)[:rows])
    table, examples = [], list[list[Any]]()
    for part in parts:
        options = (attack_options or {}).get(part.name, {})
        found = attacked(case, part, taken, queries=queries, **options)
        measure = _measure(case, taken, found, part.name)
        yield measure
        table.append(_line(part.name, measure, found))
        examples += _examples(case, taken, found, part.name, MOST_EXAMPLES // len(parts) or 1)
    columns = ["attack", "attack_success_rate", "changed_words", "questions", "support"]
    yield Exhibit("table", {"title": "attacks", "columns": columns, "rows": table})
    if examples:
        columns = ["attack", "original", "edited", "label", "answer"]
        yield Exhibit("table", {"title": "turned", "columns": columns, "rows": examples, "rows_of_data": True})


def _measure(case: Case, taken: NDArray[np.int64], found: Attacked, name: str) -> Measure:
    """The share that was turned, of the rows that were attacked."""
    turned = np.zeros((len(case.data), 2))
    turned[taken] = [[each.turned, 1] for each in found.outcomes]
    return case.noted("attack_success_rate", turned, of=name)


def _line(name: str, measure: Measure, found: Attacked) -> list[Any]:
    """Of the turned ones the share of words that is changed, and of all how often the model was asked."""
    turned = [each.changed for each in found.outcomes if each.turned]
    changed = float(np.mean(turned)) if turned else None
    asked = float(np.mean([each.queries for each in found.outcomes]))
    return [name, measure.cell, changed, round(asked, 1), len(found.outcomes)]


def _examples(case: Case, taken: NDArray[np.int64], found: Attacked, name: str, most: int) -> list[list[Any]]:
    """Rows that were turned, those with the fewest words changed first."""
    turned = [at for at, each in enumerate(found.outcomes) if each.turned]
    turned.sort(key=lambda at: found.outcomes[at].changed)
    originals, spell = case.data.take(taken), case.task.spell
    words = originals.words
    return [
        [
            name,
            *excerpts(originals.shown[at], found.data.shown[at]),
            spell(found.truth[at], words[at]),
            spell(found.answers.answers[at], found.data.words[at]),
        ]
        for at in turned[:most]
    ]


@adversarial_robustness.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    healthy, sick = (
        slipping_case(rng, slips=slips, rows=300, learned=300) for slips in (0.001, 0.001 + 0.08 * strength)
    )
    return healthy, sick
