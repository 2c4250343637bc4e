"""The reading of a report: what is said first, how findings are ranked, what to do next."""

import copy

import pytest
import samples

from duiqi.show.outline import Outline, marked
from duiqi.show.sentences import NBSP


def test_the_first_sentence_names_the_worst_slice_and_how_bad_it_is():
    (sentence,) = Outline(samples.diagnose(), lang="en").headline
    for part in ("3 misalignments", "“battery”", "39.7 %", "10.6 %"):
        assert part.replace(" ", NBSP) in sentence.replace(" ", NBSP)
    standing = Outline(samples.diagnose(), lang="en").standing
    assert standing.replace(NBSP, " ") == "Accuracy on all rows: 89.4 % (88.1–90.8)."


def test_findings_are_ranked_by_verdict_then_harm_whatever_their_order():
    report = samples.diagnose()
    ranked = [each.title for each in Outline(report, lang="en").problems]
    report["findings"].reverse()
    assert [each.title for each in Outline(report, lang="en").problems] == ranked
    assert [each.severity for each in Outline(report, lang="en").proven] == [18.4, 11.2, 0.0]
    assert ranked[-1].startswith("Blind spot: rows with product “books”")  # unclear comes after what is proven


def test_repaired_findings_come_last():
    statuses = [each.status for each in Outline(samples.align(), lang="en").problems]
    assert statuses == ["remaining", "unclear", "repaired", "repaired"]


def test_an_alignment_shows_each_slice_after_the_repair_beside_what_it_was():
    battery = next(each for each in Outline(samples.align(), lang="en").problems if "battery" in each.title)
    shown = {side: round(measure["value"], 3) for side, _, measure in battery.beside}
    assert shown == {"before": 0.397, "after": 0.151, "overall": 0.079}  # wrong answers: 1 − accuracy


def test_a_finding_measured_before_the_repair_says_so_and_is_set_beside_the_model_before():
    report = samples.align()
    report["gates"] = [each for each in report["gates"] if "battery" not in str(each["slice"])]
    battery = next(each for each in Outline(report, lang="en").problems if "battery" in each.title)
    assert battery.note == "Measured before the repair."
    assert {side: round(m["value"], 3) for side, _, m in battery.beside} == {"here": 0.397, "overall": 0.106}


@pytest.mark.parametrize(
    ("metric", "low", "high", "verdict", "state"),
    [
        ("accuracy", 0.01, 0.03, "pass", "better"), ("accuracy", -0.03, -0.01, "fail", "worse"),
        ("accuracy", -0.005, 0.01, "pass", "same"), ("accuracy", -0.03, 0.01, "unclear", "unclear"),
        ("calibration_error", -0.03, -0.01, "pass", "better"), ("log_loss", 0.1, 0.2, "fail", "worse"),
        ("accuracy_gap", -0.1, -0.05, "pass", "better"), ("accuracy", None, 0.1, "pass", ""),
    ],
)  # fmt: skip
def test_a_change_is_read_in_the_direction_of_its_measure(metric, low, high, verdict, state):
    assert Outline({}, lang="en").change_state(metric, {"value": 0, "low": low, "high": high}, verdict) == state


def test_the_next_command_can_be_typed():
    report = samples.diagnose()
    report["model"]["name"], report["data"]["name"] = "my model; rm -rf /", "reviews 2024.csv"
    commands = [step.command for step in Outline(report, lang="en").steps]
    assert commands == ["duiqi align 'my model; rm -rf /' 'reviews 2024.csv'",
                        "duiqi repair 'my model; rm -rf /' 'reviews 2024.csv' --with reweight"]  # fmt: skip


def test_the_next_command_names_the_columns_that_were_named():
    report = samples.diagnose()
    report["data"]["columns"] = {"groups": ["region", "sales channel"], "text_pair": "question"}
    first = Outline(report, lang="en").steps[0]
    assert first.command.endswith(" product-reviews --group region --group 'sales channel' --text-pair question")


def test_a_remedy_that_was_skipped_was_not_tried():
    report = samples.align()
    for trial in report["trials"]:
        trial["decision"] = "skipped"
    (step,) = Outline(report, lang="en").steps
    assert step.command.endswith("--with reweight")


def test_a_remaining_problem_gets_a_remedy_that_was_not_tried():
    report = samples.align()
    report["trials"] = report["trials"][1:2]
    (step,) = Outline(report, lang="en").steps
    assert step.command.endswith("--with reweight")
    (step,) = Outline(samples.align(), lang="en").steps
    assert step.sentence == "Collect and label more rows with product “kitchen”, then run:"


def test_where_rows_are_too_few_it_says_how_many_would_do():
    report = samples.prove()
    report["verdict"] = report["gates"][0]["verdict"] = "unclear"
    report["gates"][0]["rows_to_settle"] = 3000
    (step,) = Outline(report, lang="zh").steps
    assert "3,000 行" in step.sentence


def test_more_rows_do_not_settle_what_a_probe_asks_by_questions_of_its_own():
    report = samples.prove()
    report["verdict"] = "unclear"
    report["gates"] = [{**report["gates"][0], "verdict": "unclear", "rows_to_settle": 3000, "about": "elsewhere"}]
    for lang in ("en", "zh"):
        outline = Outline(report, lang=lang)
        (step,) = outline.steps
        assert step.command == f"duiqi parts {report['gates'][0]['probe']}"
        assert "3,000" not in step.sentence + outline.checks[0].note


def test_an_alignment_that_is_unclear_is_run_again_on_the_model_that_was_given():
    report = samples.align()
    report["verdict"], report["given"] = "unclear", "default"
    report["before"] |= {"path": "default", "plainly_trained": True}
    outline = Outline(report, lang="en")
    assert outline.steps[0].command == "duiqi align default more-rows.csv"
    assert outline.subject.endswith(" · compared with plain training")


def test_lengths_are_characters_where_the_rows_are_chinese():
    for data, words in (("en", "at least 20 words"), ("zh", "at least 20 characters")):
        report = samples.diagnose(data)
        report["findings"][1]["slice"]["where"] = [{"column": "length", "op": ">=", "value": 20}]
        assert words in " ".join(each.title for each in Outline(report, lang="en").problems)


def test_reading_changes_nothing():
    report = samples.align("zh")
    before = copy.deepcopy(report)
    outline = Outline(report, lang="zh")
    assert all((outline.headline, outline.problems, outline.checks, outline.steps, outline.trials, outline.lineage))
    assert report == before


def test_the_words_of_a_slice_are_marked_and_long_rows_are_cut_around_them():
    where = [{"column": "text", "op": "contains", "value": "bat"}]
    assert marked("A bat, no battery, a BAT.", where) == (
        ("A ", False), ("bat", True), (", no battery, a ", False), ("BAT", True), (".", False))  # fmt: skip
    pieces = marked("x " * 500 + "bat" + " y" * 500, where, length=100)
    assert ("bat", True) in pieces
    assert sum(len(text) for text, _ in pieces) <= 104
    assert marked("电池不行，没电池盖", [{"column": "text", "op": "contains", "value": "电池"}])[0] == ("电池", True)
    assert marked("电池不行", [{"column": "negation", "op": "==", "value": True}])[1] == ("不", True)
    assert (
        "".join(text for text, _ in marked("It's 3.5 stars", [{"column": "number", "op": "==", "value": True}]))
        == "It's 3.5 stars"
    )


def test_what_is_better_but_not_good_enough_still_remains():
    report = samples.align()
    report["findings"][1]["status"] = "improved"
    sentence = Outline(report, lang="en").headline[1]
    assert sentence.replace(NBSP, " ").startswith("Repaired 1 of 4 misalignments.")


def test_all_repaired_but_a_check_fails_is_not_called_done():
    report = samples.align()
    for finding in report["findings"]:
        finding["status"] = "repaired"
    assert "All that was found is repaired." not in Outline(report, lang="en").headline
    assert Outline({**report, "verdict": "pass"}, lang="en").headline[1] == "All that was found is repaired."


def test_a_check_shows_the_interval_its_verdict_rests_on():
    report = samples.diagnose()
    outline = Outline(report, lang="en")
    shown = {each.metric: each.value for each in outline.checks if each.slice == "all rows"}
    assert outline.corrected
    assert "87.5" in shown["accuracy"]
    assert "91.1" in shown["accuracy"]
    for gate in report["gates"]:
        gate.pop("corrected", None)
    alone = Outline(report, lang="en")
    assert not alone.corrected
    assert "87.5" not in next(each.value for each in alone.checks if each.metric == "accuracy")


def test_a_change_that_is_judged_shows_the_interval_of_the_change():
    report = samples.diagnose()
    level = {"value": 0.9, "low": 0.88, "high": 0.92}
    report["gates"] = [
        {"probe": "performance", "measure": "accuracy", "slice": "all", "bound": {"no_worse_by": 0.01},
         "verdict": "unclear", "single_verdict": "pass", "before": level, "after": level,
         "change": {"value": 0.0, "low": -0.005, "high": 0.005, "verdict": "unclear"},
         "corrected": {"low": -0.025, "high": 0.025}}
    ]  # fmt: skip
    (check,) = Outline(report, lang="en").checks
    assert "2.5" in check.change


def test_better_is_said_only_where_the_range_that_is_shown_says_so():
    report = samples.prove()
    gate = next(each for each in report["gates"] if each["measure"] == "accuracy" and "no_worse_by" in each["bound"])
    gate["change"] = {"value": 0.11, "low": 0.03, "high": 0.19}
    for corrected, said in (
        ({"low": 0.01, "high": 0.21}, "is better"),
        ({"low": -0.08, "high": 0.3}, "cannot be told"),
    ):
        gate["corrected"] = corrected
        gate["verdict"] = "pass" if corrected["low"] > 0 else "unclear"
        assert said in Outline(report, lang="en").headline[0]
