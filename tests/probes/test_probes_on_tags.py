"""Every probe that makes sense for tags runs on them, and says what a count by hand says."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions
from duiqi.core.slice import Slice
from duiqi.core.spans import find_spans, mended
from duiqi.data.simulated import tagged_case
from duiqi.prove import promises
from duiqi.show.publish import publish


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


def test_nothing_is_skipped_and_even_types_are_not_held_against_each_other(report):
    assert not report.skipped
    assert not [each for each in report.measures if each.across and each.across.by == "rare classes"]


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
    assert re.search(r"name\S* \[person\]|town\S* \[place\]", row["label"])


def test_a_type_that_is_never_answered_and_a_group_without_spans_are_no_numbers(case, tmp_path):
    """The report can be written all the same: JSON has no NaN."""
    answers = [np.where(tags > 2, 0, tags) for tags in case.guess["tags"]]
    towns = case.data.group("town")
    words = [["word"] * len(t) if town == "small" else w
             for w, t, town in zip(case.data.values("tokens"), case.truth, towns, strict=True)]  # fmt: skip
    labels = [["O"] * len(w) if town == "small" else tags
              for w, tags, town in zip(words, case.data.values("label"), towns, strict=True)]  # fmt: skip
    data = Dataset.of({"tokens": words, "label": labels, "town": towns.tolist()}, groups=("town",))
    said = [np.zeros_like(a) if town == "small" else a for a, town in zip(answers, towns, strict=True)]
    guess = replace(case.guess, row_ids=data.row_ids, columns={**case.guess.columns, "tags": said})
    sick = replace(case, data=data, predictor=replace(case.predictor, answers=guess), memory={})
    report = examine(sick, orders(sick, only=["performance", "fairness"]))
    assert not report.skipped
    publish(replace(report, facts={**report.facts, "data": {}}), tmp_path / "out")
    (table,) = [each.data for each in report.exhibits if each.data["title"] == "per_class"]
    assert [row[1]["value"] is None for row in table["rows"] if row[0] == "place"] == [True]
    (by_town,) = [each.data for each in report.exhibits if each.data["title"] == "by_group"]
    assert [row[0] for row in by_town["rows"]] == ["large", "small"]  # what has no number comes last


def test_a_repair_that_ruins_its_slice_breaks_a_promise(case):
    small = Slice.of("town", "small")
    before = replace(case, slices=(small,))
    ruined = [np.zeros_like(g) if bad else g for g, bad in zip(case.guess["tags"], case.mask(small), strict=True)]
    answers = case.guess.with_columns({"tags": ruined})
    after = before.with_predictor(replace(case.predictor, answers=answers))
    probes = orders(before, only=["performance"])
    gates = promises(case.task, 0.01, [small])
    report = examine(after, probes, verb="prove", gates=gates, against=examine(before, probes))
    verdicts = {(r.measure.name, r.measure.slice.rule): r.verdict for r in report.rulings if r.gate.no_worse_by}
    assert verdicts[("exact_match", small.rule)] == "fail"


def test_tags_alone_are_examined_too(case):
    answers = Predictions(case.guess.row_ids, {"tags": case.guess["tags"]})
    bare = case.with_predictor(replace(case.predictor, answers=answers), memory={})
    report = examine(bare, orders(bare, only=["performance", "fairness", "blind_spots", "calibration"]))
    assert [each["probe"] for each in report.skipped] == ["calibration"]
    assert report.measure("span_f1").value == pytest.approx(case.measure("span_f1").value)
    assert "log_loss" not in {measure.name for measure in report.measures}


def test_equal_recorded_tags_have_equal_fingerprints(case):
    copied = Predictions(case.guess.row_ids, {name: [each.copy() for each in column]
                                              for name, column in case.guess.columns.items()})  # fmt: skip
    again = replace(case.predictor, answers=copied)
    assert again.fingerprint == replace(case.predictor, answers=case.guess).fingerprint
    other = copied.with_columns({"tags": [np.zeros_like(each) for each in copied["tags"]]})
    assert replace(case.predictor, answers=other).fingerprint != again.fingerprint


def test_an_inside_that_begins_is_a_beginning():
    task = Catalogue.installed().task("tag", labels=("X", "Y"))
    rows = Dataset.of({"tokens": [["a"] * 4], "label": [["I-X", "I-X", "I-Y", "O"]]})
    (truth,) = task.read_truth(rows)
    assert truth.tolist() == [1, 2, 3, 0]
    guess = Predictions(rows.row_ids, {"tags": mended([np.array([2, 2, 4, 0])])})
    assert exact_match_of(truth, guess) == 1.0


def exact_match_of(truth, guess):
    metric = Catalogue.installed().find("metric", "exact_match")
    return metric.hooks["finish"](metric([truth], guess).sum(axis=0))
