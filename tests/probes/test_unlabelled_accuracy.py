"""unlabelled_accuracy: estimates side by side with the truth where there is one; silence and reasons where there is no
telling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.examine import examine, orders
from duiqi.core.predictions import Recorded
from duiqi.data.simulated import labelled_case, tagged_case, unsure_case
from duiqi.run.table import reference_of
from duiqi.show.html import render


def report_of(case, **options):
    return examine(case, orders(case, only=["unlabelled_accuracy"], options={"unlabelled_accuracy": options}))


def sick(seed=0, **options):
    return unsure_case(np.random.default_rng(seed), share=0.95, **options)


def healthy(seed=0, **options):
    return unsure_case(np.random.default_rng(seed), share=0.3, **options)


def table(report, title="accuracy_estimates"):
    return next(each.data["rows"] for each in report.exhibits if each.data["title"] == title)


def test_the_interval_holds_what_was_hidden_and_the_loss_is_found():
    case = sick()
    report = report_of(case)
    shown = sick(labelled=True).references["field"]
    answers = case.predictor.predict(shown, ["probs"])
    truth = float((answers.label == case.task.read_truth(shown)).mean())
    interval = report.measure("estimated_accuracy[field]").interval
    assert interval.low < truth < interval.high < case.measure("accuracy").value
    (finding,) = report.findings
    assert (finding.kind, finding.ruling.measure.name) == ("shift", "lost_accuracy[field]")
    # it is about other rows than those examined: none of these are shown for it
    assert finding.row_ids == ()
    assert finding.evidence == ()
    held = {row[0]: row[3] for row in table(report)}
    assert held["by_mixed"] == "held_refuted"
    assert held["by_confidence"] == held["by_threshold"] == "held_unchecked"


def test_where_there_are_labels_the_truth_stands_beside_and_is_judged():
    report = report_of(sick(labelled=True))
    hidden = report_of(sick())
    (counted,) = (row for row in table(report) if row[0] == "accuracy_counted")
    (here,) = (row for row in table(report) if row[0] == "accuracy_here")
    lost = report.measure("lost_accuracy[field]")
    assert lost.value == pytest.approx(here[1]["value"] - counted[1]["value"], abs=1e-5)
    assert lost.interval.high - lost.interval.low < 0.1
    # estimates never look at the labels they are held against
    assert report.measure("estimated_accuracy[field]").value == hidden.measure("estimated_accuracy[field]").value
    assert table(hidden) == [row for row in table(report) if row[0] != "accuracy_counted"]


def test_a_truth_that_belies_the_estimate_is_what_counts():
    """Confidences fall, and all answers are right: no finding."""
    case = sick(labelled=True)
    field = case.references["field"]
    answers = case.predictor.predict(field, ["probs"])
    right = [case.labels[each] for each in answers.label]
    report = report_of(replace(case, references={"field": field.with_column("label", right)}))
    assert not report.findings
    assert report.measure("lost_accuracy[field]").value < 0


def test_rows_without_labels_are_held_against_a_labelled_reference():
    case = sick()
    turned = replace(case, data=case.references["field"], references={"known": case.data}, memory={})
    report = report_of(turned)
    assert {each.name for each in report.measures} == {"estimated_accuracy", "lost_accuracy"}
    straight = report_of(case).measure("estimated_accuracy[field]")
    assert report.measure("estimated_accuracy").value == straight.value
    assert [each.kind for each in report.findings] == ["shift"]
    for lang, said in (("en", "less often on other rows"), ("zh", "答对得更少")):
        assert said in render(report.to_json(), lang=lang)
    (skipped,) = report_of(replace(turned, references={"other": case.references["field"]})).skipped
    assert "expected labelled rows to start from" in skipped["detail"]


def test_rows_that_nothing_is_known_of_get_no_number():
    case = sick()
    far = Dataset.of({"text": [f"完全不同的第{n}句话" for n in range(200)], "id": [f"far{n}" for n in range(200)]})
    (skipped,) = report_of(replace(case, references={"far": far})).skipped
    assert skipped["why"] == "unsuited"
    assert "far (AUROC 1.0000; " in skipped["detail"]
    report = report_of(replace(case, references={"far": far, "field": case.references["field"]}))
    assert {each.options["of"] for each in report.measures} == {"field"}
    assert [row[:2] for row in table(report, "too_far")] == [["far", 1.0]]
    for lang, said in (("en", "Rows too far from the labelled ones"), ("zh", "与有标注数据相距太远的数据")):
        assert said in render(report.to_json(), lang=lang)


def test_bad_input_is_told():
    case = healthy(rows=300)
    learned = replace(case, predictor=_Learned(case.task, case.predictor.answers))
    for bad, said in (
        (learned, "that the model has not learned"),
        (replace(case, references={"tiny": case.references["field"].take(np.arange(10))}), "a reference of 30 rows"),
        (replace(case, data=case.data.take(np.arange(20))), "30 rows or more"),
        (replace(case, predictor=Recorded(replace(case.task, unit="answer"), case.predictor.answers)), "a task with"),
    ):
        (skipped,) = report_of(bad).skipped
        assert skipped["why"] == "unsuited", skipped
        assert said in skipped["detail"]
    (skipped,) = report_of(replace(case, references={})).skipped
    assert skipped["needs"] == ["case.references"]


class _Learned(Recorded):
    def learned(self, data):
        return np.ones(len(data), dtype=bool)


def test_labels_of_another_task_are_no_labels():
    case = healthy(rows=300)
    field = case.references["field"].with_column("label", ["sports"] * 300)
    report = report_of(replace(case, references={"field": field}))
    assert "accuracy_counted" not in {row[0] for row in table(report)}


def test_two_models_are_compared_on_rows_without_labels():
    """One that is sure of the new rows, too, gains on them; the change is paired and surer than the two apart."""
    case = sick()
    answers = case.predictor.answers
    better = Recorded(case.task, answers.with_columns({"probs": np.where(answers.probs > 0.5, 0.95, 0.05)}))
    now, then = (report_of(case.with_predictor(each, memory={})) for each in (better, case.predictor))
    change = now.measure("estimated_accuracy[field]") - then.measure("estimated_accuracy[field]")
    assert change.interval.low > 0
    assert len(set(np.round(change.draws, 6))) > 100


def test_tags_count_by_word_and_labels_by_label():
    rng = np.random.default_rng(0)
    for make, units in (
        (tagged_case, lambda case: np.concatenate(case.truth)),
        (labelled_case, lambda c: c.truth.ravel()),
    ):
        case = make(rng, rows=400, error=0.1)
        given = case.guess.columns["tags" if "tags" in case.guess.columns else "labels"]
        flat = np.concatenate(given) if isinstance(given, list) else given.ravel()
        halves = [case.data.take(np.arange(400) % 2 == side) for side in (0, 1)]
        whole = replace(case, data=halves[0], references={"other": halves[1]}, memory={})
        report = report_of(whole)
        assert not report.skipped
        (counted,) = (row for row in table(report) if row[0] == "accuracy_counted")
        (here,) = (row for row in table(report) if row[0] == "accuracy_here")
        both = (here[1]["value"] + counted[1]["value"]) / 2
        assert both == pytest.approx((flat == units(case)).mean(), abs=0.01)
        interval = report.measure("estimated_accuracy[other]").interval
        assert interval.low < counted[1]["value"] < interval.high
        assert not report.findings


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        (
            "en",
            (
                "Accuracy on rows without labels",
                "A confidence means the same on these rows",
                "left out",
                "mean confidence",
            ),
        ),
        ("zh", ("没有标注的数据上的准确率", "同样的置信度", "不计入区间", "平均置信度")),
    ],
)
def test_the_page_says_it_in_words(lang, said):
    page = render(report_of(sick()).to_json(), lang=lang)
    assert all(each in page for each in said)
    assert not [code for code in ("assumes_", "held_", "by_", "accuracy_here", "estimated_accuracy") if code in page]


def test_a_reference_may_lack_what_the_user_named_for_the_rows(tmp_path):
    """Labels, groups and ids; a missing text column is still told."""
    file = tmp_path / "fresh.csv"
    file.write_text("review,city\n" + "".join(f"text {n},here\n" for n in range(40)))
    named = {"text": "review", "label": "verdict", "groups": ["region"]}
    found = reference_of(file, named)
    assert len(found) == 40
    assert not found.has("label")
    with pytest.raises(DataError, match="column 'comment' for text"):
        reference_of(file, {**named, "text": "comment"})
