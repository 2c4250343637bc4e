from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.edit import keeping
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding
from duiqi.core.seed import derive
from duiqi.data.attackable import usual
from duiqi.data.attacking import attacked


@remedy(
    treats=("fragility",),
    needs=("case.train", "model.answer", "data.text"),
    on_request=True,
    source="Jin, Jin, Zhou & Szolovits, 2020, Is BERT really robust? A strong baseline for natural language attack on "
    "text classification and entailment, AAAI, https://arxiv.org/abs/1907.11932",
)
def attack_training(
    case: Case,
    findings: Sequence[Finding],
    *,
    attacks: tuple[str, ...] = (),
    attack_options: dict[str, dict[str, Any]] | None = None,
    rows: int = 1000,
    queries: int = 200,
    epochs: int = 2,
) -> Plan:
    """Attack the training rows, and train on what came out beside them: each answer that was turned, with its label.

    The attacks are those that were found to succeed (or those named in `attacks`, or those of the probe). At most
    `rows` training rows that are answered rightly are attacked, drawn from the seed, with `queries` questions each.
    Rows that were changed and not turned are added as well.
    `attack_options` maps an attack to options of its own. Tried only where it is named: `--with attack_training`.

    The model learns to answer what this attack makes of it; the next attack is made against the new model, so look at
    both again (probe adversarial_robustness). It may cost accuracy on rows as they are.
    """
    found = [n for f in findings for n in case.catalogue.names("attack") if f.ruling.measure.name.endswith(f"[{n}]")]

    def add(train: Dataset) -> Dataset:
        own = replace(case, data=train, slices=(), memory={})
        names = attacks or tuple(dict.fromkeys(found)) or usual(train.texts)
        right = np.flatnonzero(own.right)
        taken = np.sort(np.random.default_rng(derive(case.seed, "attack_training")).permutation(right)[:rows])
        made = []
        for part in keeping("label", (case.catalogue.find("attack", name) for name in names)):
            done = attacked(own, part, taken, queries=queries, **(attack_options or {}).get(part.name, {}))
            changed = [at for at, each in enumerate(done.outcomes) if any(each.changes)]
            made.append(done.data.take(changed).renamed(part.name))
        return reduce(Dataset.joined, made, train)

    return Plan(data=add, training={"epochs": epochs})
