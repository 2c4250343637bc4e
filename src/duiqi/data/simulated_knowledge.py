"""Simulated cases of models that write and know a share of the facts of the glossary that comes along."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import Case
from duiqi.core.seed import hash64
from duiqi.data.glossary import READY, shipped
from duiqi.data.simulated import likely_case

LIKELIER = 1.5  # nats a word by which a sentence that is believed stands out


def knowing_case(rng: np.random.Generator, *, known: float, rows: int = 40) -> Case:
    """A case whose model holds a share `known` of the facts for likely, and of the others each choice as likely as
    chance has it."""
    facts = [fact for language in READY for fact in shipped(language).facts]

    def loglik(said: Sequence[str], tokens: NDArray[np.int64], salt: int) -> NDArray[np.float64]:
        def lot(text: str) -> float:
            return hash64(f"{salt}\x1f{text}") / 2**64

        believed = {fact.said(fact.object)[0] for fact in facts if lot(fact.said("")[0]) < known}
        chance = np.array([-4.0 + 0.5 * lot(f"chance {each}") for each in said])
        return np.asarray((chance + [LIKELIER * (each in believed) for each in said]) * tokens)

    return likely_case(rng, f"knowing {known}", loglik, rows=rows)
