"""Every probe that makes sense for tags runs on them, and says what a count by hand says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.slice import Slice
from duiqi.core.spans import find_spans
from duiqi.data.simulated import tagged_case


@pytest.fixture(scope="module")
def case():
    made = tagged_case(np.random.default_rng(5), rows=600, error=0.15)
    towns = ["large" if hash_of(words) % 3 else "small" for words in made.data.values("tokens")]
    columns = {"tokens": made.data.values("tokens"), "label": made.data.values("label"), "town": towns}
    data = Dataset.of(columns, groups=("town",))
    return replace(made, data=data, train=tagged_case(np.random.default_rng(6), rows=300, error=0.0).data)


def hash_of(words):
    return sum(map(ord, "".join(words)))


@pytest.fixture(scope="module")
def report(case):
    return examine(case, orders(case, only=["performance", "fairness", "blind_spots", "calibration", "imbalance"]))


def test_only_what_asks_for_classes_is_skipped(report):
    assert [each["probe"] for each in report.skipped] == ["imbalance"]


def test_span_f1_is_that_of_sets(case, report):
    spans = [set(find_spans(tags).keys().tolist()) for tags in (case.truth, case.guess["tags"])]
    f1 = 2 * len(spans[0] & spans[1]) / (len(spans[0]) + len(spans[1]))
    assert report.measure("span_f1").value == pytest.approx(f1)
    assert report.measure("exact_match").value == pytest.approx(np.mean(case.right))
    words = [np.concatenate(list(each)) for each in (case.truth, case.guess["tags"])]
    assert report.measure("accuracy").value == pytest.approx(np.mean(words[0] == words[1]))


def test_a_table_for_each_type_and_words_by_type(report, case):
    by_title = {each.data["title"]: each.data for each in report.exhibits}
    rows = by_title["per_class"]["rows"]
    assert {row[0] for row in rows} == {"person", "place"}
    assert sum(row[-1] for row in rows) == len(find_spans(case.truth))
    assert by_title["confusion"]["columns"] == ["O", "person", "place"]
    assert np.sum(by_title["confusion"]["values"]) == sum(map(len, case.truth))


def test_words_alone_are_a_floor_and_answering_nothing_is_one(report, case):
    assert {"span_f1_difference[majority]", "span_f1_difference[lookup]"} <= {m.name for m in report.measures}
    assert report.measure("span_f1_difference[majority]").value == pytest.approx(report.measure("span_f1").value)


def test_slices_and_evidence_are_in_words(case):
    worse = case.mask(Slice.of("town", "small"))
    tags = [np.zeros_like(t) if bad else g for t, g, bad in zip(case.truth, case.guess["tags"], worse, strict=True)]
    answers = case.guess.with_columns({"tags": tags})
    sick = case.with_predictor(replace(case.predictor, answers=answers))
    found = examine(sick, orders(sick, only=["blind_spots", "fairness"])).findings
    assert {"town == small"} <= {each.slice.rule for each in found}
    assert {each.kind for each in found} == {"blind_spot", "unfairness"}
    row = found[0].evidence[0]
    assert row["answer"] == "–"
    assert "person: name" in row["label"] or "place: town" in row["label"]
