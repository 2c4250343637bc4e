"""Attack and defence as a game: in every round the attacker takes the attack that turns most answers of the model as it
is, and the defender the training that lets this attack turn fewest, among those that cost at most two points of
accuracy. Both choose on dev rows; the last table is measured on test rows that nobody chose by.

What would make this unfair, and how it is met: a defence that looks good because rows got harder to answer (only rows
that are answered rightly are attacked, and accuracy stands beside) · an attacker that stands still (the attack is run
anew against every model) · luck of one draw (the same rows are attacked in all rounds; intervals are told).

    python bench/game.py [--data ../shared/data/sst2] [--rounds N] [--rows N] [--attacked N]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from duiqi.core.bundle import Bundle, Step
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.model.fit import fit
from duiqi.model.open import find, open_model
from fit import footer, opened, read

CATALOGUE = Catalogue.installed()
PROBE = "adversarial_robustness"
MOST_LOST = 0.02  # of accuracy that a defence may cost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/sst2"))
    parser.add_argument("--model", default="default")
    parser.add_argument("--attacks", nargs="*", default=("deepwordbug", "textfooler", "pwws"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=2000, help="training rows")
    parser.add_argument("--attacked", type=int, default=200, help="rows that are attacked")
    given = parser.parse_args()
    train, dev = read(given.data, "train", given.rows), read(given.data, "validation")
    test = read(given.data, "test")
    with tempfile.TemporaryDirectory() as folder:
        played = play(given, train, dev, Path(folder))
        print("\n| after round | accuracy on test | " + " | ".join(given.attacks) + " |")
        print("|---" * (len(given.attacks) + 2) + "|")
        for number, bundle in enumerate(played):
            rates, accuracy = looked(case_of(bundle, test, train), given.attacks, given.attacked)
            cells = [f"{m.value:.3f} ({m.interval.low:.3f}–{m.interval.high:.3f})" for m in rates.values()]
            print(f"| {number} | {accuracy:.3f} | " + " | ".join(cells) + " |", flush=True)
    print(footer(test))


def play(given: Any, train: Dataset, dev: Dataset, folder: Path) -> list[Bundle]:
    """The models after every round, the first plainly trained."""
    models = [fit(find(given.model), train, task=opened(train), out=folder / "0", step=Step("finetune"), epochs=2)]
    for number in range(1, given.rounds + 1):
        case = case_of(models[-1], dev, train)
        rates, accuracy = looked(case, given.attacks, given.attacked)
        attack = max(rates, key=lambda name: rates[name].value)
        print(f"round {number}: attacked with {attack}, which turns {rates[attack].value:.3f}; accuracy {accuracy:.3f}")
        answers: dict[str, tuple[float, Bundle]] = {"nothing": (rates[attack].value, models[-1])}
        for name, make in defences(case, attack).items():
            made = fit(
                models[-1], make(train), out=folder / f"{number}-{name}", task=case.task, step=Step(name), epochs=1
            )
            after, kept = looked(case_of(made, dev, train), (attack,), given.attacked)
            print(f"  {name}: {attack} turns {after[attack].value:.3f}; accuracy {kept:.3f}", flush=True)
            if kept >= accuracy - MOST_LOST:
                answers[name] = (after[attack].value, made)
        best = min(answers, key=lambda name: answers[name][0])
        print(f"  answered with {best}", flush=True)
        models.append(answers[best][1])
    return models


def defences(case: Case, attack: str) -> dict[str, Callable[[Dataset], Dataset]]:
    """Trainings that the defender may choose, as what they make of the training rows."""
    plans = {
        "attack_training": CATALOGUE.find("remedy", "attack_training")(case, (), attacks=(attack,)),
        "augment": CATALOGUE.find("remedy", "augment")(case, (), edits=("typos", "synonyms")),
    }
    return {name: plan.data for name, plan in plans.items()}


def case_of(bundle: Bundle, data: Dataset, train: Dataset) -> Case:
    return Case(
        open_model(bundle),
        data,
        train=train,
        catalogue=CATALOGUE,
        start=lambda: open_model(find("default"), opened(train)),
    )


def looked(case: Case, attacks: Any, rows: int) -> tuple[dict[str, Any], float]:
    """The share that every attack turns, and accuracy."""
    options = {PROBE: {"attacks": tuple(attacks), "rows": rows}}
    report = examine(replace(case, memory={}), orders(case, only=[PROBE], options=options))
    rates = {name: report.measure(f"attack_success_rate[{name}]") for name in attacks}
    return rates, float(np.mean(case.right))


if __name__ == "__main__":
    main()
