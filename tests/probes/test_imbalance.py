"""imbalance: which of several rare classes is answered worse is told, not only that some are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded

LABELS = ("common", "frequent", "odd", "seldom")
CATALOGUE = Catalogue.installed()


def case_of(right: dict[str, float], train_shares: dict[str, float], *, rows: Sequence[int] = (200,) * 4) -> Case:
    """So many rows of each class, answered right as often as said, and training rows in these shares."""
    rng = np.random.default_rng(0)
    task = CATALOGUE.task("classify", labels=LABELS)
    truth = np.repeat(np.arange(4), rows)
    hit = rng.random(len(truth)) < np.array([right[LABELS[t]] for t in truth])
    answer = np.where(hit, truth, (truth + 1) % 4)
    data = Dataset.of({"text": [f"row {i}" for i in range(len(truth))], "label": [LABELS[t] for t in truth]})
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


def test_a_class_that_is_rarer_in_training_than_in_what_is_examined_is_rare_though_it_is_no_rare_class():
    """Of four classes a share of .14 is not rare (half of an even one is .125), but where half of the rows have it."""
    shares = {"common": 0.3, "frequent": 0.29, "odd": 0.27, "seldom": 0.14}
    right = {**dict.fromkeys(LABELS, 0.9), "seldom": 0.5}
    assert not looked(case_of(right, shares)).measures
    starved = looked(case_of(right, shares, rows=(200, 200, 200, 600)))
    assert [finding.slice.rule for finding in starved.findings] == ["label == seldom"]


def tagged(recall_of_place: float, *, places_in_train: float, sentences: int = 400) -> Case:
    """Sentences with a person, half of them with a place as well, which is found as often as said."""
    rng = np.random.default_rng(3)
    task = CATALOGUE.task("tag", labels=("person", "place"))
    has = rng.random(sentences) < 0.5
    truth = [np.array([1, 2, 0, 3, 4] if place else [1, 2, 0]) for place in has]
    found = rng.random(sentences) < recall_of_place
    guess = [
        np.where(tags > 2, 0, tags) if place and not hit else tags
        for tags, place, hit in zip(truth, has, found, strict=True)
    ]
    names = np.array(["O", "B-person", "I-person", "B-place", "I-place"])

    def rows(tags: list, name: str) -> Dataset:
        words = [[f"{name}{i}", *"bcde"[: len(each) - 1]] for i, each in enumerate(tags)]
        return Dataset.of({"tokens": words, "label": [names[each].tolist() for each in tags]})

    learned = [np.array([1, 2, 0, 3, 4] if rng.random() < places_in_train else [1, 2, 0]) for _ in range(sentences)]
    data = rows(truth, "w")
    answers = Predictions(data.row_ids, {"tags": guess})
    return Case(Recorded(task, answers), data, train=rows(learned, "t"), catalogue=CATALOGUE)


def test_a_rare_type_of_spans_that_is_overlooked_is_named():
    case = tagged(0.3, places_in_train=0.05)
    report = looked(case)
    (measure,) = report.measures
    assert (measure.name, measure.slice.rule) == ("span_recall_difference[rare classes]", "labels has place")
    has = case.mask(measure.slice)
    assert has.sum() == sum(len(tags) == 5 for tags in case.truth)
    assert measure.value == pytest.approx(
        np.mean([len(set(tags)) == 5 for tags in case.guess["tags"]]) / has.mean() - 1
    )
    (finding,) = report.findings
    assert finding.kind == "imbalance"
    assert "class_weights" in finding.remedies


def test_a_rare_type_that_is_found_and_a_common_one_that_is_not_are_no_imbalance():
    assert not looked(tagged(1.0, places_in_train=0.05)).findings
    assert not looked(tagged(0.3, places_in_train=0.9)).measures


def test_a_rare_label_among_several_that_is_left_out_is_named():
    rng = np.random.default_rng(4)
    names = ("money", "science", "sports")
    task = CATALOGUE.task("multilabel", labels=names)
    truth = (rng.random((600, 3)) < 0.4).astype(np.int64)
    given = truth.copy()
    given[:, 1] *= rng.random(600) < 0.4
    lists = [[name for name, has in zip(names, row, strict=True) if has] for row in truth]
    data = Dataset.of({"text": [f"row {i}" for i in range(600)], "label": lists})
    few = [[name for name in row if name != "science" or i % 10 == 0] for i, row in enumerate(lists)]
    train = Dataset.of({"text": [f"learned {i}" for i in range(600)], "label": few})
    case = Case(Recorded(task, Predictions(data.row_ids, {"labels": given})), data, train=train, catalogue=CATALOGUE)
    (finding,) = looked(case).findings
    assert finding.slice.rule == "labels has science"
    assert finding.slice.mask(data).sum() == truth[:, 1].sum()
    assert finding.ruling.measure.value == pytest.approx(-0.6, abs=0.07)
