"""imbalance: which of several rare classes is answered worse is told, not only that some are."""

from __future__ import annotations

import numpy as np
import pytest

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded

LABELS = ("common", "frequent", "odd", "seldom")
CATALOGUE = Catalogue.installed()


def case_of(right: dict[str, float], train_shares: dict[str, float], seed: int = 0) -> Case:
    """200 rows of each class, answered right as often as said, and training rows in these shares."""
    rng = np.random.default_rng(seed)
    task = CATALOGUE.task("classify", labels=LABELS)
    truth = np.repeat(np.arange(4), 200)
    hit = rng.random(800) < np.array([right[LABELS[t]] for t in truth])
    answer = np.where(hit, truth, (truth + 1) % 4)
    data = Dataset.of({"text": [f"row {i}" for i in range(800)], "label": [LABELS[t] for t in truth]})
    drawn = rng.choice(4, 2000, p=[train_shares[label] for label in LABELS])
    train = Dataset.of({"text": [f"learned {i}" for i in range(2000)], "label": [LABELS[t] for t in drawn]})
    answers = Predictions(data.row_ids, {"probs": np.eye(4)[answer] * 0.9 + 0.025})
    return Case(Recorded(task, answers), data, train=train, catalogue=CATALOGUE)


def looked(case: Case):
    return examine(case, orders(case, only=["imbalance"]))


def test_of_two_rare_classes_the_one_that_suffers_is_named():
    right = {"common": 0.9, "frequent": 0.9, "odd": 0.9, "seldom": 0.4}
    report = looked(case_of(right, {"common": 0.5, "frequent": 0.4, "odd": 0.05, "seldom": 0.05}))
    assert {m.slice.rule for m in report.measures} == {"all", "label == odd", "label == seldom"}
    assert {finding.slice.rule for finding in report.findings} == {"all", "label == seldom"}
    told = {m.slice.rule: m.value for m in report.measures}
    assert told["label == seldom"] == pytest.approx(0.4 - 0.9, abs=0.08)
    assert told["all"] == pytest.approx((told["label == odd"] + told["label == seldom"]) / 2)


def test_one_rare_class_is_measured_once_and_even_classes_not_at_all():
    right = dict.fromkeys(LABELS, 0.8)
    alone = looked(case_of(right, {"common": 0.4, "frequent": 0.3, "odd": 0.25, "seldom": 0.05}))
    assert [m.slice.rule for m in alone.measures] == ["label == seldom"]
    assert not looked(case_of(right, dict.fromkeys(LABELS, 0.25))).measures
