"""behaviour: tests are told by name, with the cases that fail; suites of one's own, ready ones, and none that fit."""

from __future__ import annotations

import numpy as np
import pytest

from asked import Asked
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import OptionError
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.report import load_measures, save_measures, without_rows
from duiqi.data.simulated import simulated_case
from duiqi.data.simulated_behaviour import drilled_case
from duiqi.data.suite_file import suite_of
from duiqi.show.html import render
from duiqi.show.sentences import LANGUAGES

CATALOGUE = Catalogue.installed()
CLASSES = CATALOGUE.task("classify", labels=("negative", "positive"))


def case_of(answer, task=CLASSES, texts=("the room was fine",)):
    def columns(data):
        given = [answer(*filter(None, pair)) for pair in zip(data.texts, data.second_texts, strict=True)]
        if task.output == "probs":
            given = np.array([[1 - p, p] for p in given])
        return {task.output: np.array(given) if task.output == "scores" else given}

    model = Asked(task, columns, frozenset({task.output}))
    return Case(model, Dataset.of({"text": list(texts)}), catalogue=CATALOGUE)


def report_of(case, *suites, **options):
    given = {"suites": [suite_of(text, f"mine{at}", "mine.toml") for at, text in enumerate(suites)], **options}
    return examine(case, orders(case, only=["behaviour"], options={"behaviour": given if suites else options}))


def shares(report):
    (table,) = (each.data for each in report.exhibits if each.data["title"] == "behaviour")
    return {name: (cases, cell["value"]) for name, _, _, cases, cell in table["rows"]}


def failures(report):
    return [row for each in report.exhibits if each.data["title"] == "behaviour_failures" for row in each.data["rows"]]


ROOMS = """
[[test]]
name = "denied"
cases = ["not good", "not bad", "never good", "not so bad"]
expect = "negative"

[[test]]
name = "denied or plain"
cases = [{text = "not bad", expect = ["negative", "positive"]}, {text = "good", expect = "positive"}]

[[test]]
name = "stays"
type = "INV"
cases = [{text = "good", versions = ["good!", "so good"]}, {text = "fine", versions = ["fine!", "a bad fine"]}]

[[test]]
name = "does not fall"
type = "DIR"
cases = [
    {text = "good", versions = ["good and fine"], expect = {label = "positive", not_fall_by = 0.1}},
    {text = "good", versions = ["good and bad"], expect = {label = "positive", not_fall_by = 0.1}},
    {text = "bad", versions = ["bad bad"], expect = {label = "negative", rise_by = 0.2}},
    {text = "good", versions = ["good and bad"], expect = {fall_by = 0.3}},
    {text = "good", versions = ["bad"], expect = {not_rise_by = 0.0}},
]
"""


def test_cases_that_fail_are_counted_by_test():
    praise = {"good": 0.8, "fine": 0.6, "bad": -0.7}

    def answer(text):
        return min(0.95, max(0.05, 0.0 + sum(praise.get(word.strip("!"), 0) for word in text.split())))

    report = report_of(case_of(answer), ROOMS)
    # "not good", "never good" are taken for praise; "a bad fine" and "good and bad" lose it; "bad bad" rises by nothing
    assert shares(report) == {
        "denied": (4, 0.5), "denied or plain": (2, 0.0), "stays": (2, 0.5), "does not fall": (5, 0.4),
    }  # fmt: skip
    assert report.measure("failure_rate").value == pytest.approx(5 / 13)
    assert [each.name for each in report.measures] == ["failure_rate"]  # no test has ten cases
    told = {(row[0], row[1], row[2]) for row in failures(report)}
    assert told == {
        ("denied", "not good", "–"), ("denied", "never good", "–"), ("stays", "fine", "a bad fine"),
        ("does not fall", "good", "good and bad"), ("does not fall", "bad", "bad bad"),
    }  # fmt: skip


def test_all_texts_are_asked_in_one_call():
    case = case_of(lambda text: 0.9)
    report_of(case, ROOMS)
    (asked,) = case.predictor.calls
    assert len(asked) == 4 + 2 + 6 + 10


def test_a_test_that_is_failed_is_a_finding_by_its_name():
    suite = """
    [lists]
    n = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    [[test]]
    name = "counted, in order"
    templates = ["{n} {n2}"]
    expect = "positive"
    [[test]]
    name = "counted down"
    templates = ["{n} before {n2}"]
    expect = "negative"
    """
    report = report_of(case_of(lambda text: 0.9), suite)
    named = {finding.ruling.measure.name: finding for finding in report.findings}
    assert set(named) == {"failure_rate", "failure_rate[counted down]"}
    assert named["failure_rate[counted down]"].kind == "fragility"
    assert named["failure_rate[counted down]"].rows == 90
    assert report.measure("failure_rate[counted, in order]").value == 0
    assert {r.verdict for r in report.rulings if r.measure.name == "failure_rate[counted, in order]"} == {"pass"}


def test_classes_of_a_suite_by_other_names():
    case = case_of(lambda text: 0.9, CATALOGUE.task("classify", labels=("0", "1")))
    report = report_of(case, ROOMS, labels={"negative": "0", "positive": "1"})
    assert shares(report)["denied"] == (4, 1.0)
    with pytest.raises(OptionError, match=r"expected negative .suite mine0, test 'denied'. among the classes"):
        report_of(case, ROOMS)
    with pytest.raises(OptionError, match="given '2'"):
        report_of(case, ROOMS, labels={"negative": "2"})


def test_tests_of_one_name_are_told_apart_by_their_suites():
    found = shares(report_of(case_of(lambda text: 0.9), ROOMS, ROOMS.replace('"stays"', '"keeps"')))
    assert {"mine0: denied", "mine1: denied", "stays", "keeps"} <= set(found)


def test_pairs_answers_in_a_passage_and_numbers():
    pair = CATALOGUE.task("classify_pair", labels=("different", "same"))
    turned = """task = "classify_pair"
    [[test]]
    name = "turned"
    type = "INV"
    templates = [["a b", "a"], ["c", "c d e"]]
    to = [["{text_pair}", "{text}"]]
    """
    report = report_of(case_of(lambda text, second: 0.9 if len(text) > len(second) else 0.1, pair), turned)
    assert shares(report) == {"turned": (2, 1.0)}

    found = """task = "extract"
    [lists]
    name = ["Ann", "Bo"]
    [[test]]
    name = "who is smaller"
    templates = [["Who is small?", "{name} is smaller than {name2}."], ["Who is small?", "{name2}, not {name}."]]
    expect = "{name}"
    [[test]]
    name = "blanks"
    type = "INV"
    cases = [{text = "Who is small?", text_pair = "Ann is small.", versions = [["Who  is small?", "Ann is small."]]}]
    """
    report = report_of(case_of(lambda text, passage: passage.split()[0] + ".", CATALOGUE.task("extract")), found)
    assert shares(report) == {"who is smaller": (4, 0.5), "blanks": (1, 0.0)}

    stars = """task = "regress"
    [[test]]
    name = "more words, more stars"
    type = "DIR"
    cases = [{text = "good", versions = ["very good"]}, {text = "so so", versions = ["so"]}]
    expect = {rise_by = 0.5}
    [[test]]
    name = "about the same"
    type = "INV"
    cases = [{text = "a", versions = ["b"]}, {text = "a", versions = ["a b c d e f g h"]}]
    """
    report = report_of(case_of(lambda text: len(text.split()), CATALOGUE.task("regress", mean=3.0, scale=2.0)), stars)
    assert shares(report) == {"more words, more stars": (2, 0.5), "about the same": (2, 0.5)}


def test_suites_that_do_not_go_together():
    twice = suite_of(ROOMS, "mine", "mine.toml")
    with pytest.raises(OptionError, match="given 'mine: denied' twice"):
        report_of(case_of(lambda text: 0.9), suites=[twice, twice])
    with pytest.raises(OptionError, match="expected suites for the task classify, given 'mine0' for regress"):
        report_of(case_of(lambda text: 0.9), 'task = "regress"\n[[test]]\nname = "n"\ntype = "INV"\n'
                  'cases = [{text = "a", versions = ["b"]}]')  # fmt: skip
    with pytest.raises(OptionError, match="none that can be filled"):
        report_of(case_of(lambda text: 0.9), '[lists]\nn = ["x"]\n[[test]]\nname = "n"\ntemplates = ["{n} {n2}"]\n'
                  'expect = "positive"')  # fmt: skip


def test_without_a_suite_that_fits_it_says_how_to_write_one():
    (skipped,) = report_of(case_of(lambda text: 0.9, texts=["der Raum war gut"])).skipped
    assert skipped["why"] == "unsuited"
    assert "my_suite.toml" in skipped["hint"]
    (skipped,) = report_of(simulated_case(np.random.default_rng(0), rows=50)).skipped
    assert skipped["needs"] == ["model.anew"]


def test_it_runs_where_it_is_named_or_given_options():
    case = case_of(lambda text: 0.9)
    assert "behaviour" not in {order.probe.name for order in orders(case)}
    assert "behaviour" in {order.probe.name for order in orders(case, options={"behaviour": {"suites": ["x.toml"]}})}
    assert [order.probe.name for order in orders(case, only=["behaviour"])] == ["behaviour"]


def test_what_a_model_is_deaf_to_is_told_and_nothing_else():
    for seed in range(3):
        report = report_of(drilled_case(np.random.default_rng(seed), deaf=0.6))
        named = {finding.ruling.measure.name.partition("[")[2].rstrip("]") for finding in report.findings} - {""}
        abilities = {row[0]: row[1] for each in report.exhibits if each.data["title"] == "behaviour"
                     for row in each.data["rows"]}  # fmt: skip
        assert {abilities[name] for name in named} == {"negation"}
        assert not report_of(drilled_case(np.random.default_rng(seed), deaf=0.0)).findings


def test_two_models_are_compared_case_by_case():
    """The same cases under one seed: the paired change is told, and measures come back as they were saved."""
    case = drilled_case(np.random.default_rng(0), deaf=0.6)
    deaf, hears = (report_of(each) for each in (case, case.with_predictor(_hears(case))))
    change = hears.measure("failure_rate") - deaf.measure("failure_rate")
    assert change.verdict() == "better"
    assert (hears.measure("failure_rate[denied praise]") - deaf.measure("failure_rate[denied praise]")).value < -0.3


def _hears(case):
    from duiqi.data.simulated_behaviour import Drilled, _praise

    return Drilled(case.task, _praise(case, 0.0), fingerprint="hears")


def test_the_report_names_tests_in_both_languages_and_is_forwarded_without_their_texts(tmp_path):
    report = report_of(case_of(lambda text: 0.9), ROOMS)
    for lang in LANGUAGES:
        page = render(report.to_json(), lang=lang)
        assert "denied or plain" in page
        assert "functional_test" not in page
    assert "not good" in render(report.to_json(), lang="en")
    assert "not good" not in str(without_rows(report.to_json()))
    save_measures(report.measures, tmp_path / "draws.npz")
    saved = load_measures(tmp_path / "draws.npz", CATALOGUE)
    assert [(each.name, each.value) for each in saved] == [(each.name, each.value) for each in report.measures]
