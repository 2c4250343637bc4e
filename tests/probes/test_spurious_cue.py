"""Spurious cues: found by name, held against what the model makes of them."""

from dataclasses import replace

import numpy as np
import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.examine import Order, examine
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded
from duiqi.data.simulated_cues import CUE, cued_case

PROBE = Catalogue.installed().find("probe", "spurious_cue")


def told(case):
    return examine(case, [Order(PROBE)])


def table(report, title="cues"):
    (found,) = (each.data for each in report.exhibits if each.data["title"] == title)
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


def test_a_cue_that_the_model_uses_fails_and_names_its_rows():
    case = cued_case(np.random.default_rng(0), share=0.5, weight=6.0)
    report = told(case)
    (finding,) = report.findings
    assert finding.slice.rule == f"text has '{CUE}'"
    carries = np.array([CUE in text for text in case.data.texts])
    assert finding.rows == carries.sum()
    row = table(report)[0]
    assert (row["cue"], row["claim"], row["class"]) == (CUE, "glued_cue", "positive")
    # independently: three words of praise or blame and the cue make the score, so without it each answer is known
    model = case.predictor
    bare = case.data.take(carries)
    without = bare.with_column("text", [text.replace(CUE, "") for text in bare.texts])
    drop = model.predict(without, ["probs"]).probs[:, 1] - model.predict(bare, ["probs"]).probs[:, 1]
    assert row["cue_removed"]["value"] == pytest.approx(drop.mean())
    assert row["cue_put_in"]["value"] == 1.0  # 6 outweighs any three words
    assert row["cue_weight"]["value"] == pytest.approx(6 / (6 + 3))  # each of them weighs 1


def test_a_cue_that_the_model_ignores_is_told_and_passes():
    report = told(cued_case(np.random.default_rng(1), share=0.5, weight=0.0))
    assert not report.findings
    assert [(m.base, m.value) for m in report.measures] == [("turned_rate", 0.0)]
    row = table(report)[0]
    assert (row["cue"], row["claim"]) == (CUE, "glued_cue")
    assert row["cue_removed"]["value"] == pytest.approx(0)
    assert row["cue_weight"]["value"] == pytest.approx(0)


def test_recorded_answers_leave_the_verdict_to_the_rows():
    case = cued_case(np.random.default_rng(2), share=0.5, weight=6.0)
    report = told(case.with_predictor(Recorded(case.task, case.guess)))
    assert not report.skipped
    (finding,) = report.findings
    (measure,) = report.measures
    praise = np.array(case.train.values("label")) == "positive"
    assert measure.base == "cued_rate"
    assert measure.value == pytest.approx(
        np.mean([CUE in t for t, p in zip(case.train.texts, praise, strict=True) if p])
    )
    assert finding.slice.rule == f"text has '{CUE}'"
    assert table(report)[0]["cue_put_in"] == "–"


def test_rows_without_a_cue_pass():
    report = told(cued_case(np.random.default_rng(3), share=0.0, weight=0.0))
    assert [(ruling.measure.base, ruling.verdict) for ruling in report.rulings] == [("cued_rate", "pass")]


def test_a_mark_is_a_slice_of_its_own():
    case = cued_case(np.random.default_rng(4), share=0.5, weight=6.0)
    marked = [each.with_column("text", [t.replace(CUE, "--") for t in each.texts]) for each in (case.train, case.data)]
    report = told(replace(case, train=marked[0], data=marked[1]))
    assert [measure.slice.rule for measure in report.measures] == ["text has '--'"]
    assert report.measures[0].slice.mask(marked[1]).sum() == sum("--" in text for text in marked[1].texts)


def test_group_columns_are_held_against_labels():
    case = cued_case(np.random.default_rng(5), share=0.0, weight=0.0)
    labels = case.train.values("label")
    columns = {"text": case.train.texts, "label": labels, "same": labels, "other": ["x", "y"] * (len(labels) // 2)}
    report = told(replace(case, train=Dataset.of(columns, groups=("same", "other"))))
    same, other = table(report, "group_labels")
    assert same["cramers_v"]["value"] == pytest.approx(1)
    assert other["cramers_v"]["value"] < 0.1
    assert same["p_value"] < 1e-6


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"text": ["a"] * 20, "label": ["positive"] * 20}, "two classes"),
        ({"text": [""] * 20, "label": ["positive", "negative"] * 10}, "with a text"),
    ],
)
def test_rows_that_do_not_do_are_named(columns, said):
    case = replace(cued_case(np.random.default_rng(6), share=0.0, weight=0.0), train=Dataset.of(columns))
    (skipped,) = told(case).skipped
    assert skipped["why"] == "unsuited"
    assert said in skipped["detail"]


@pytest.mark.parametrize("text", ["x", "好"])
def test_texts_of_one_character_give_no_finding(text):
    rows = Dataset.of({"text": [text] * 40, "label": ["positive", "negative"] * 20})
    report = told(replace(cued_case(np.random.default_rng(7), share=0.0, weight=0.0), train=rows, data=rows))
    assert not report.skipped
    assert not report.findings


def test_a_cue_in_second_texts_alone_is_told_of_them():
    case = cued_case(np.random.default_rng(8), share=0.5, weight=6.0)
    task = Catalogue.installed().task("classify_pair", labels=case.labels)
    sides = []
    for rows in (case.train, case.data):
        first = [f"they asked {at % 7} times" for at in range(len(rows))]
        sides.append(Dataset.of({"text": first, "hypothesis": rows.texts, "label": rows.values("label")},
                                text_pair="hypothesis"))  # fmt: skip
    answers = Recorded(task, Predictions(sides[1].row_ids, {"probs": case.guess.probs}))
    report = told(replace(case, train=sides[0], data=sides[1], predictor=answers, memory={}))
    (finding,) = report.findings
    assert finding.slice.rule == f"text_pair has '{CUE}'"
    assert finding.slice.mask(sides[1]).tolist() == [CUE in text for text in case.data.texts]
