"""context_use: places are counted by hand, and a model that does not read question or passage is told from one that
does."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from asked import Asked
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Recorded
from duiqi.core.report import without_rows
from duiqi.core.seed import hash64
from duiqi.data.simulated import slipping_case
from duiqi.data.simulated_passages import passage_case
from duiqi.show.html import render

CATALOGUE = Catalogue.installed()


def passages(rows=60, *, unanswered=0):
    """Four sentences, of which one has the only number; the question asks for it, by a name of the row."""
    rng = np.random.default_rng(0)
    columns: dict[str, list[Any]] = {"text": [], "text_pair": [], "label": []}
    for row in range(rows):
        parts = ["Some came early.", "Others stayed.", "It was quiet."]
        parts.insert(int(rng.integers(4)), f"The fair of town{row} had {1000 + row} guests.")
        passage = " ".join(parts)
        said = str(1000 + row)
        columns["text"].append(f"How many came to town{row}?")
        columns["text_pair"].append(passage)
        columns["label"].append([] if row < unanswered else [{"text": said, "start": passage.index(said)}])
    return Dataset.of(columns)


def choices(rows=80, of=4):
    """The right choice names the thing that the question asks for."""
    rng = np.random.default_rng(0)
    columns: dict[str, list[Any]] = {"text": [], "choices": [], "label": []}
    for row in range(rows):
        right = int(rng.integers(of))
        columns["text"].append(f"Which one is thing{row}?")
        columns["choices"].append([f"a thing{row if at == right else row + 100 * (at + 1)} there" for at in range(of)])
        columns["label"].append(right)
    return Dataset.of(columns)


def number(question, passage):
    return re.search(r"\d{4}", passage)[0]


def read(question, passage):
    """What stands in the sentence with the name, else nothing."""
    name = question.split()[-1].rstrip("?")
    return number(question, passage) if f"{name} " in passage else ""


def named(question, given):
    """The choice that the question names, else one by the text as a whole."""
    found = [at for at, each in enumerate(given) if f"{question.split()[-1].rstrip('?')} " in each]
    return found[0] if found else hash64(question + "".join(given)) % len(given)


def case_of(answer, data=None, task="extract"):
    data = data if data is not None else passages()
    columns = chosen if task == "choose" else said
    output = "probs" if task == "choose" else "text"
    model = Asked(CATALOGUE.task(task), lambda data: columns(answer, data), frozenset({output}))
    return Case(model, data, catalogue=CATALOGUE)


def said(answer, data):
    return {"text": [answer(*row) for row in zip(data.texts, data.second_texts, strict=True)]}


def chosen(answer, data):
    rows = zip(data.texts, data.values("choices"), strict=True)
    probs = np.zeros((len(data), 4))
    probs[np.arange(len(data)), [answer(*row) for row in rows]] = 1.0
    return {"probs": probs}


def report_of(case, **options):
    return examine(case, orders(case, only=["context_use"], options={"context_use": options}))


def values(report):
    return {measure.name: measure.value for measure in report.measures}


def found(report):
    return {finding.ruling.measure.name for finding in report.findings}


GAP = "placed_accuracy_gap[answer place]"
QUESTION, PASSAGE = "unread_rate[other_question]", "unread_rate[other_passage]"


def test_who_reads_is_silent():
    report = report_of(case_of(read))
    assert values(report) == {GAP: 0.0, QUESTION: 0.0, PASSAGE: 0.0}
    assert not report.findings
    assert {ruling.verdict for ruling in report.rulings} == {"pass"}


def test_who_reads_the_first_sentence_only_is_told_with_a_bar_for_each_place():
    case = case_of(lambda question, passage: passage.split()[5] if passage.startswith("The fair") else "none")
    report = report_of(case)
    at_first = np.mean([text.startswith("The fair") for text in case.data.second_texts])
    assert found(report) >= {GAP}
    assert values(report)[GAP] == 1.0
    bars = next(each.data["bars"] for each in report.exhibits if each.form == "bars")
    assert [(bar["label"], bar["value"]) for bar in bars] == [
        ("original", pytest.approx(at_first)), ("at_first", 1.0), ("at_middle", 0.0), ("at_last", 0.0),
    ]  # fmt: skip
    (finding,) = [each for each in report.findings if each.ruling.measure.name == GAP]
    assert finding.kind == "spurious_cue"
    assert finding.rows == len(case.data)  # right at the front and wrong at the end, all of them


def test_who_does_not_read_the_question_is_told():
    report = report_of(case_of(number))
    assert values(report) == {GAP: 0.0, QUESTION: 1.0, PASSAGE: 0.0}
    assert found(report) == {QUESTION}
    assert report.findings[0].evidence[0]["text"].startswith("How many")


def test_who_knows_by_heart_is_told():
    report = report_of(case_of(lambda question, passage: str(1000 + int(re.search(r"\d+", question)[0]))))
    assert values(report) == {GAP: 0.0, QUESTION: 0.0, PASSAGE: 1.0}
    assert found(report) == {PASSAGE}


def test_rows_without_an_answer_take_no_part():
    report = report_of(case_of(read, passages(unanswered=20)))
    assert {measure.rows for measure in report.measures} == {40}


def test_few_right_answers_give_no_verdict():
    report = report_of(case_of(lambda question, passage: read(question, passage) if "town1?" in question else "none"))
    assert {(r.measure.name, r.verdict) for r in report.rulings if "unread" in r.measure.name} == {
        (QUESTION, "unclear"), (PASSAGE, "unclear"),
    }  # fmt: skip


def test_all_versions_are_asked_in_one_call_and_rows_are_drawn():
    case = case_of(read)
    report = report_of(case, most=30)
    assert [len(each) for each in case.predictor.calls] == [60, 30 * 5]
    assert {measure.rows for measure in report.measures} == {30}


@pytest.mark.parametrize("of", [2, 4])
def test_choices_by_place_and_without_the_question(of):
    data = choices(of=of)
    assert not report_of(case_of(named, data, "choose")).findings
    lazy = report_of(case_of(lambda question, given: 0, data, "choose"))
    assert values(lazy)[GAP] == 1.0
    assert GAP in found(lazy)
    blind = report_of(case_of(lambda question, given: min(range(of), key=lambda at: len(given[at])), data, "choose"))
    assert QUESTION in found(blind)  # the right one is the shortest, whatever is asked
    assert {r.gate.bound["at_most"] for r in blind.rulings if "unread" in r.measure.name} == {(1 + 1 / of) / 2}


def test_the_order_of_rows_changes_nothing():
    case = passage_case(np.random.default_rng(0), lazy=0.5)
    turned = Case(case.predictor, case.data.take(np.random.default_rng(1).permutation(len(case.data))),
                  catalogue=CATALOGUE, seed=case.seed)  # fmt: skip
    assert values(report_of(case, most=100)) == values(report_of(turned, most=100))


def test_sick_cases_are_told_and_healthy_ones_are_not():
    for seed in range(20):
        healthy, sick = (passage_case(np.random.default_rng(seed), lazy=lazy) for lazy in (0.0, 0.3))
        assert not report_of(healthy).findings
        assert found(report_of(sick)) == {GAP}


def test_other_tasks_say_so():
    (skipped,) = report_of(slipping_case(np.random.default_rng(0), slips=0.0)).skipped
    assert "finds answers in passages or chooses" in skipped["detail"]


def test_recorded_answers_and_passages_too_short_say_so():
    case = case_of(read)
    recorded = Case(Recorded(case.task, case.guess), case.data, catalogue=CATALOGUE)
    (skipped,) = report_of(recorded).skipped
    assert skipped["needs"] == ["model.anew"]
    one = Dataset.of({"text": ["?"], "text_pair": ["One. Two."], "label": [[{"text": "One", "start": 0}]]})
    (skipped,) = report_of(case_of(lambda question, passage: "One", one)).skipped
    assert "three sentences" in skipped["detail"]


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", ("hangs on where the answer stands", "answer in the middle", "question of another row")),
        ("zh", ("取决于答案所在的位置", "答案在中间", "别的行的问题")),
    ],
)
def test_the_page_says_it_in_words_and_hides_rows_where_asked(lang, said):
    report = report_of(passage_case(np.random.default_rng(0), lazy=0.5)).to_json()
    page = render(report, lang=lang)
    assert not [each for each in said if each not in page]
    codes = ("at_first", "other_question", "placed_accuracy", "unread_rate", "put_in", "answer place")
    assert not [code for code in codes if code in page]
    assert "The kettle is kept" in page
    assert "The kettle is kept" not in render(without_rows(report), lang=lang)
