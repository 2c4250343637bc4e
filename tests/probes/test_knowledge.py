"""knowledge: facts are counted beyond guessing, what is likely anyway is taken off, and what is wrong is told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from asked import Asked
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import OptionError
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.report import without_rows
from duiqi.core.seed import hash64
from duiqi.data.simulated import simulated_case
from duiqi.data.simulated_knowledge import knowing_case
from duiqi.model.open import open_writer
from duiqi.show.html import render
from duiqi.show.sentences import LANGUAGES

CATALOGUE = Catalogue.installed()
MODELS = Path(__file__).parents[3] / "shared" / "models"
GENERATE, CHOOSE = CATALOGUE.task("generate"), CATALOGUE.task("choose")


def case_of(answer, texts=("The dog ran.",), task=GENERATE, **more):
    def chosen(data):
        return {"probs": np.array([answer(*row) for row in zip(data.texts, data.values("choices"), strict=True)])}

    def likely(data):
        said = data.values("label")
        return {"loglik": np.array([answer(each) for each in said]), "tokens": [len(each.split()) for each in said]}

    model = Asked(task, chosen, frozenset({"probs"}))
    if task.name != "choose":
        model = Asked(task, likely, frozenset({"loglik", "tokens"}))
    return Case(model, Dataset.of({"text": list(texts)}), catalogue=CATALOGUE, **more)


def report_of(case, **options):
    return examine(case, orders(case, only=["knowledge"], options={"knowledge": options}))


def table_of(report, title):
    (found,) = [each.data for each in report.exhibits if each.data["title"] == title]
    return found


def glossary_of(folder, facts, name="facts.csv", relation="capital"):
    lines = [f"{subject},{relation},{thing}\n" for subject, thing in facts]
    path = folder / name
    path.write_text("subject,relation,object\n" + "".join(lines), encoding="utf-8")
    return str(path)


TOWNS = [(f"Land{at}", f"Town{at}") for at in range(20)]


def capital(sentence):
    """(land, town) of a sentence."""
    land, _, town = sentence.removeprefix("The capital of ").rstrip(".").partition(" is ")
    return land, town


def chance(text):
    return hash64(text) / 2**64


def test_facts_known_are_counted_beyond_guessing(tmp_path):
    """Fifteen of twenty are known, the others answered wrong for sure: (15 - 5) / (20 - 5)."""

    def answer(sentence):
        land, town = capital(sentence)
        right = town.removeprefix("Town") == land.removeprefix("Land")
        return -10.0 + (9.0 if right else 0.0) * (1 if int(land[4:]) < 15 else -1)

    case = case_of(answer)
    report = report_of(case, glossary=glossary_of(tmp_path, TOWNS))
    measure = report.measure("known_rate")
    assert (measure.value, measure.rows) == (pytest.approx(10 / 15), 20)
    assert len(case.predictor.calls) == 1
    everything, relation = table_of(report, "knowledge_by_relation")["rows"]
    assert relation[:2] == ["capital", 20]
    assert (everything[2]["value"], everything[3]["value"], everything[4]["value"]) == (0.75, 0.25, 0.25)
    assert everything[5] == (15 * 1 + 5 * 4) / 20  # the mean rank
    assert report.measure("known_rate[capital]").value == measure.value


def test_what_is_likely_of_any_subject_is_taken_off(tmp_path):
    """One town is likelier than all others by far, and each is a little likelier of its own land."""

    def answer(sentence):
        land, town = capital(sentence)
        return 30.0 * (town == "Town3") + chance(town) * 20 - 7 * chance(land) + (land[4:] == town[4:])

    glossary = glossary_of(tmp_path, TOWNS)
    assert report_of(case_of(answer), glossary=glossary).measure("known_rate").value == 1.0
    assert report_of(case_of(answer), glossary=glossary, choices=0).measure("known_rate").value == 1.0
    plain = report_of(case_of(answer), glossary=glossary, others=0)
    assert plain.measure("known_rate").value < 0.3
    assert {row[3] for row in table_of(plain, "knowledge_wrong")["rows"]} >= {"Town3"}


def test_without_others_the_score_is_by_token(tmp_path):
    """Two words less likely in all, but likelier each: by token they win."""
    facts = [("Land0", "Two Words"), *TOWNS[1:5]]
    answer = {"Two Words": -8 * 1.0, **{town: -7 * 1.2 for _, town in TOWNS}}
    report = report_of(case_of(lambda sentence: answer[capital(sentence)[1]]), others=0,
                       glossary=glossary_of(tmp_path, facts), choices=0)  # fmt: skip
    assert table_of(report, "knowledge_by_relation")["rows"][0][2]["value"] == 0.2  # Two Words, whatever is asked


def test_a_model_that_chooses_gives_its_own_probabilities(tmp_path):
    def answer(text, choices):
        assert text.endswith("is ___.")
        land = capital(text)[0]
        sure = [0.7 if choice[4:] == land[4:] else 0.1 for choice in choices]
        return sure if int(land[4:]) % 2 else [1 - each for each in sure]

    report = report_of(case_of(answer, task=CHOOSE), glossary=glossary_of(tmp_path, TOWNS))
    assert table_of(report, "knowledge_by_relation")["rows"][0][2]["value"] == 0.5
    points = table_of(report, "knowledge_confidence")["series"][0]["points"]
    assert points[0][0] == pytest.approx(0.5 * 0.7 + 0.5 * 0.9)


def test_how_often_the_subject_was_met(tmp_path):
    """Lands that stand in the corpus are known, those that do not are not."""

    def answer(sentence):
        land, town = capital(sentence)
        return 5.0 * (land[4:] == town[4:]) * (1 if int(land[4:]) < 10 else -1)

    train = Dataset.of({"text": [f"I saw land{at}, and again Land{at}!" for at in range(10)] + ["Land0 " * 20]})
    glossary = glossary_of(tmp_path, TOWNS)
    rows = table_of(report_of(case_of(answer, train=train), glossary=glossary), "knowledge_by_frequency")["rows"]
    assert [(name, n, cell["value"]) for name, n, cell in rows] == [("0", 10, 0.0), ("1–9", 9, 1.0), ("10–99", 1, 1.0)]
    for name, text in (("c.txt", "Land1\nLand1 Land2\n"), ("c.jsonl", json.dumps({"text": "Land1 Land2"}) + "\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
        report = report_of(case_of(answer, train=train), glossary=glossary, corpus=str(tmp_path / name))
        assert [row[:2] for row in table_of(report, "knowledge_by_frequency")["rows"]] == [["0", 18], ["1–9", 2]]
    without = table_of(report_of(case_of(answer), glossary=glossary), "knowledge_by_frequency")
    assert without["remarks"] == [{"code": "no_corpus"}]


def test_what_is_wrong_for_sure_is_told_and_escaped(tmp_path):
    facts = [("<b>Land</b>", "<i>Here</i>"), *TOWNS[1:6]]

    def answer(sentence):
        land, town = capital(sentence)
        return 9.0 * (town == "Town1" if land == "<b>Land</b>" else land[4:] == town[4:])

    report = report_of(case_of(answer), glossary=glossary_of(tmp_path, facts), choices=0)
    (row,) = table_of(report, "knowledge_wrong")["rows"]
    assert row[:4] == ["<b>Land</b>", "capital", "<i>Here</i>", "Town1"]
    assert row[4]["value"] > 0.9
    for lang in LANGUAGES:
        page = render(report.to_json(), lang=lang)
        assert "&lt;b&gt;Land&lt;/b&gt;" in page
        assert "<b>Land</b>" not in page
        assert not any(code in page for code in ("rank_of_right", "no_corpus", "all_facts", "known_rate"))
    assert "Here" not in json.dumps(without_rows(report.to_json()))


def test_what_is_odd_in_the_glossary_is_told(tmp_path):
    path = tmp_path / "terms.csv"
    path.write_text(
        "subject,relation,object\n"
        + "".join(f"thing{at},part_of,whole{at}\n" for at in range(5))
        + "whole0,part_of,thing0\nhot,opposite,cold\ncold,opposite,hot\nMexico,capital,Mexico City\n",
        encoding="utf-8",
    )
    remarks = {each["code"]: each for each in table_of(
        report_of(case_of(chance), glossary=str(path)), "knowledge_by_relation")["remarks"]}  # fmt: skip
    assert remarks["relations_left_out"]["relations"] == "opposite (2)"
    assert remarks["glossary_cycles"]["cycles"] == "thing0 → whole0 → thing0"
    assert remarks["facts_given_away"]["n"] == 1


def test_bad_files_and_options_are_the_users_to_mend(tmp_path):
    broken = tmp_path / "broken.csv"
    broken.write_text("term,definition\ncow,an animal\nudder,\n", encoding="utf-8")
    with pytest.raises(OptionError, match=r"definition in line 3 of .*broken.csv"):
        report_of(case_of(chance), glossary=str(broken))
    with pytest.raises(OptionError, match="which is no file"):
        report_of(case_of(chance), glossary=str(tmp_path / "none.csv"))
    with pytest.raises(OptionError, match=r"at least 4 different objects .*capital \(3\)"):
        report_of(case_of(chance), glossary=glossary_of(tmp_path, TOWNS[:3]))
    with pytest.raises(OptionError, match="given 1, 8 and 1000"):
        report_of(case_of(chance), choices=1)
    with pytest.raises(OptionError, match="as corpus"):
        report_of(case_of(chance), corpus=str(tmp_path / "none.txt"))


def test_languages_are_those_of_the_rows():
    for texts, rows in ((("The dog ran.",), 60), (("小狗跑了。",), 60), (("The dog ran.", "小狗跑了。"), 120)):
        assert report_of(case_of(chance, texts)).measure("known_rate").rows == rows


def test_it_runs_where_it_is_named_or_given_options():
    case = case_of(chance)
    assert "knowledge" not in {order.probe.name for order in orders(case)}
    assert "knowledge" in {order.probe.name for order in orders(case, options={"knowledge": {"choices": 4}})}


def test_models_that_say_nothing_of_sentences_are_passed_over():
    (skipped,) = report_of(simulated_case(np.random.default_rng(0), rows=50)).skipped
    assert skipped["why"] == "unsuited"
    assert "says how likely texts are" in skipped["detail"]


@pytest.mark.parametrize("seed", range(4))
def test_patients(seed):
    rng = np.random.default_rng(seed)
    healthy, sick = knowing_case(rng, known=0.9), knowing_case(rng, known=0.0)
    assert not report_of(healthy).findings
    findings = report_of(sick).findings
    assert {each.kind for each in findings} == {"vocabulary_gap"}
    assert "known_rate" in {each.ruling.measure.name for each in findings}
    assert abs(report_of(sick).measure("known_rate").value) < 0.2  # it guesses


def test_two_models_are_compared_fact_by_fact():
    case = knowing_case(np.random.default_rng(0), known=0.9)
    knows, does_not = (
        report_of(case),
        report_of(case.with_predictor(knowing_case(np.random.default_rng(0), known=0.0).predictor)),
    )
    assert (knows.measure("known_rate") - does_not.measure("known_rate")).verdict() == "better"


@pytest.mark.skipif(not (MODELS / "tinystories-llama-3m").is_dir(), reason="no shared models beside the repository")
def test_a_model_of_stories_knows_animals_and_no_capitals():
    model = open_writer(str(MODELS / "tinystories-llama-3m"), {})
    report = report_of(Case(model, Dataset.of({"text": ["The dog ran."]}), catalogue=CATALOGUE))
    accuracy = {row[0]: row[2]["value"] for row in table_of(report, "knowledge_by_relation")["rows"][1:]}
    assert accuracy["sound"] > 0.6
    assert accuracy["capital"] < 0.45


def test_a_ready_glossary_is_given_by_its_name():
    assert report_of(case_of(chance), glossary="general_zh").measure("known_rate").rows == 60
    with pytest.raises(OptionError, match="expected the file of a glossary, given 3"):
        report_of(case_of(chance), glossary=3)
