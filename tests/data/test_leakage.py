"""Overlaps of real sets, as their READMEs state them, are found by the step duplicates."""

from __future__ import annotations

from pathlib import Path

import pytest

from duiqi.data.read import read
from duiqi.data.steps import Duplicates

DATA = Path(__file__).parents[3] / "shared" / "data"
# Inputs that train and test share, and inputs that have two labels.
STATED = {
    "sick": (49, 1),
    "trec": (10, 0),
    "cold": (30, 11),
    "chip-ctc": (139, 10),
    "conll2003-en": (78, 11),
}


@pytest.mark.parametrize("name", STATED)
def test_stated_overlaps_are_found(name):
    if not (DATA / name).is_dir():
        pytest.skip(f"needs {DATA / name}")
    step, parts = Duplicates(near=1.0), read(DATA / name)
    for part, data in parts.items():
        step.look(data, [part] * len(data))
    shared, contradicting = set[int](), set[int]()
    for part, data in parts.items():
        made = step(data, [part] * len(data))
        gone = sorted(set(range(len(data))) - set(made.kept))
        for row, change in zip(gone, made.changes, strict=True):
            key = int(data.input_keys[row])
            shared |= {key} if change.reason == "copy_in_other_part" else set()
            contradicting |= {key} if change.reason == "contradicting_label" else set()
    assert len(shared | contradicting) >= STATED[name][0]
    assert len(contradicting) >= STATED[name][1]
