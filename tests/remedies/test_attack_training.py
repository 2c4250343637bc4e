"""attack_training: rows that an attack changed are added with their labels, and only where it is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from duiqi.core.examine import examine, orders
from duiqi.data.simulated import slipping_case
from duiqi.repair import proposals


@pytest.fixture(scope="module")
def case():
    made = slipping_case(np.random.default_rng(0), slips=0.05, rows=300)
    return replace(made, train=made.data)


@pytest.fixture(scope="module")
def findings(case):
    return examine(case, orders(case, only=["adversarial_robustness"])).findings


def test_rows_that_were_changed_are_added_with_their_labels(case, findings):
    plan = case.catalogue.find("remedy", "attack_training")(case, findings, rows=50)
    made = plan.data(case.train)
    added = made.take(np.arange(len(case.train), len(made)))
    assert 10 < len(added) <= 50
    originals = dict(
        zip(case.train.row_ids, zip(case.train.texts, case.train.values("label"), strict=True), strict=True)
    )
    for row, text, label in zip(added.row_ids, added.texts, added.values("label"), strict=True):
        name, _, attack = row.partition("+")
        assert attack == "deepwordbug"  # what was found to succeed; synonyms are put into no such text
        assert (text != originals[name][0], label) == (True, originals[name][1])


def test_it_is_tried_only_where_it_is_named(case, findings):
    assert any("attack_training" in each.remedies for each in findings)
    tried = {name for each in proposals(case, findings, (), {}) for name, _ in each.plan.remedies}
    assert "augment" in tried
    assert "attack_training" not in tried
    (named,) = proposals(case, findings, ("attack_training",), {})
    assert named.plan.remedies[0][0] == "attack_training"
