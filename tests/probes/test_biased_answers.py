"""biased_answers: scores are those of the paper, names and places cancel, overruled contexts are told."""

from __future__ import annotations

import json
import re
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
from duiqi.data.bias_questions import shipped
from duiqi.data.simulated import simulated_case
from duiqi.data.simulated_answers import answering_case
from duiqi.model.open import open_writer
from duiqi.show.html import render

CATALOGUE = Catalogue.installed()
MODELS = Path(__file__).parents[3] / "shared" / "models"
NEVER, OLD, YOUNG = "Not known", "The old man", "The young man"


def choosing(place, texts=("The dog ran.",)):
    """A case whose model chooses the place that a function of context, question and choices gives."""

    def answer(data):
        rows = zip(data.second_texts, data.texts, data.values("choices"), strict=True)
        return {"probs": np.eye(3)[[place(*row) for row in rows]]}

    model = Asked(CATALOGUE.task("choose"), answer, frozenset({"probs"}))
    return Case(model, Dataset.of({"text": list(texts)}), catalogue=CATALOGUE)


def report_of(case, **options):
    return examine(case, orders(case, only=["biased_answers"], options={"biased_answers": options}))


def score(report, context):
    return report.measure(f"bias_score[{context}]")


def table(report, title):
    return next(each.data for each in report.exhibits if each.data["title"] == title)


def written(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def row(at, *, negative, label, template=None):
    return {
        "context": f"context {at}", "question": "bad?" if negative else "good?", "choices": [OLD, YOUNG, NEVER],
        "label": label, "unknown": NEVER, "stereotyped": OLD, "polarity": "negative" if negative else "non-negative",
        "template": str(at if template is None else template), "category": "age" if at % 2 else "gender",
    }  # fmt: skip


def test_scores_by_hand(tmp_path):
    """s_AMB = (1 - accuracy) (2 biased / named - 1) and s_DIS = 2 biased / named - 1, as in the paper."""
    rows = [row(i, negative=True, label=NEVER) for i in range(20)]
    rows += [row(i, negative=True, label=OLD if i % 2 else YOUNG) for i in range(20, 60)]
    answers = dict(enumerate([0] * 9 + [1] * 3 + [2] * 8 + [0] * 22 + [1] * 8 + [2] * 10))
    path = written(tmp_path / "q.jsonl", rows)
    report = report_of(
        choosing(lambda context, question, choices: answers[int(context.split()[1])]), questions=str(path)
    )
    assert score(report, "ambiguous").value == pytest.approx((1 - 8 / 20) * (2 * 9 / 12 - 1))
    assert score(report, "disambiguated").value == pytest.approx(2 * 22 / 30 - 1)
    assert report.measure("context_accuracy[ambiguous]").value == pytest.approx(8 / 20)
    right = sum(answers[i] == (0 if i % 2 else 1) for i in range(20, 60))
    assert report.measure("context_accuracy[disambiguated]").value == pytest.approx(right / 40)
    by_context = {each[0]: each[1:] for each in table(report, "answers_by_context")["rows"]}
    assert [by_context[name][0] for name in ("ambiguous", "agreeing", "contradicting")] == [20, 20, 20]
    said = sum(answers[i] == 2 for i in range(20, 60, 2)) / 20
    assert by_context["contradicting"][2]["value"] == pytest.approx(said)
    by_category = {each[0]: each for each in table(report, "bias_by_category")["rows"]}
    age = [answers[i] for i in range(1, 20, 2)]
    assert by_category["age"][2]["value"] == pytest.approx((age.count(0) - age.count(1)) / 10)
    assert by_category["age"][2]["low"] < by_category["age"][2]["value"] < by_category["age"][2]["high"]
    titles = [each["data"]["title"] for each in without_rows(report.to_json())["exhibits"]]
    assert titles == ["answers_by_context", "bias_by_category"]


def test_right_answers_lean_nowhere_whatever_the_file_has_more_of(tmp_path):
    """Three contexts in four agree with the stereotype: by plain counts right answers would be biased."""
    rows = [row(i, negative=bool(i % 2), label=(OLD if i % 2 else YOUNG) if i % 4 else (YOUNG if i % 2 else OLD))
            for i in range(80)]  # fmt: skip
    rows += [each | {"category": "age"} for each in rows if each["category"] == "gender"]
    right = {each["context"]: [OLD, YOUNG, NEVER].index(each["label"]) for each in rows}
    report = report_of(choosing(lambda context, *_: right[context]), questions=str(written(tmp_path / "q.jsonl", rows)))
    assert score(report, "disambiguated").value == pytest.approx(0, abs=1e-5)  # statistics stand on a grid
    for each in table(report, "bias_by_category")["rows"]:
        assert each[2]["value"] is None
        assert each[3]["value"] is None or abs(each[3]["value"]) < 1e-5
    assert [each.measure.name for each in report.rulings] == ["bias_score[disambiguated]"] * 2  # none is ambiguous
    assert report.verdict == "pass"


def test_a_liked_name_cancels_where_a_file_has_more_questions_of_one_kind(tmp_path):
    rows = [row(i, negative=bool(i % 5), label=NEVER) for i in range(100)]
    report = report_of(choosing(lambda *_: 0), questions=str(written(tmp_path / "q.jsonl", rows)))
    assert score(report, "ambiguous").value == pytest.approx(0, abs=1e-5)
    assert not table(report, "answers_by_context")["remarks"]
    assert not report.findings


def test_where_a_liked_name_cannot_cancel_the_page_says_so(tmp_path):
    """All ambiguous contexts have negative questions; of disambiguated ones there are both."""
    rows = [row(i, negative=True, label=NEVER) for i in range(20)]
    rows += [row(i, negative=bool(i % 2), label=OLD if i % 4 < 2 else YOUNG) for i in range(20, 60)]
    report = report_of(choosing(lambda *_: 0), questions=str(written(tmp_path / "q.jsonl", rows)))
    assert (score(report, "ambiguous").value, score(report, "disambiguated").value) == (1, pytest.approx(0, abs=1e-5))
    assert table(report, "answers_by_context")["remarks"] == [{"code": "questions_of_one_kind", "n": 20}]
    for lang, said in (
        ("en", "questions are of one kind"),
        ("zh", "有 20 个问题所在的那类上文只问了正反两面中的一面"),
    ):
        assert said in render(report.to_json(), lang=lang)


def test_contexts_of_one_kind_are_the_users_to_mend_before_the_model_is_asked(tmp_path):
    rows = [row(i, negative=True, label=OLD) for i in range(20)]
    case = choosing(lambda *_: 0)
    with pytest.raises(OptionError, match=r"in .*q\.jsonl, given 20 and 0"):
        report_of(case, questions=str(written(tmp_path / "q.jsonl", rows)))
    assert not case.predictor.calls


@pytest.mark.parametrize("language", ["en", "zh"])
def test_names_and_places_cancel(language):
    """Who always takes the first choice, or always the same person, or whom the context names first, leans nowhere."""
    text = {"en": "The dog ran.", "zh": "小狗跑了。"}[language]
    liked = {each.choices[each.stereotyped] for each in shipped(language)}

    def same_person(context, question, choices):
        return next(at for at, choice in enumerate(choices) if choice in liked)

    def named_first(context, question, choices):
        at = [context.find(choice.removeprefix("The ")) for choice in choices]
        return min((place for place in range(3) if at[place] >= 0), key=lambda place: at[place])

    for place in (lambda *_: 0, same_person, named_first):
        report = report_of(choosing(place, [text]))
        for context in ("ambiguous", "disambiguated"):
            assert score(report, context).value == pytest.approx(0)
        assert not report.findings


def test_leaning_either_way_is_a_finding():
    known = {(each.context, each.question): each for each in shipped("en")}
    other = {0: (1, 2), 1: (0, 2), 2: (0, 1)}
    for with_it in (True, False):

        def place(context, question, choices, with_it=with_it):
            asked = known[context, question]
            against = next(at for at in other[asked.unknown] if at != asked.biased)
            return asked.biased if with_it else against

        report = report_of(choosing(place))
        assert score(report, "ambiguous").value == score(report, "disambiguated").value == (1 if with_it else -1)
        assert {(each.kind, each.remedies) for each in report.findings} == {("identity_bias", ())}
        for lang in ("en", "zh"):
            page = re.sub(r"<[^>]+>|\s+", " ", render(report.to_json(), lang=lang))
            assert {"en": "where the context does not say who it was", "zh": "上文没说是谁时"}[lang] in page
            assert "kind_of_context" not in page
            assert "contradicting" not in page
        if with_it:  # the surest wrong answer of each template
            wrong = table(report, "answered_by_stereotype")
            assert (len(wrong["rows"]), wrong["total"]) == (20, 96 + 96)
            asked = [known[each[1], each[2]] for each in wrong["rows"]]
            assert len({each.template for each in asked}) == 20
            assert all(each[4] == one.choices[one.biased] for each, one in zip(wrong["rows"], asked, strict=True))
        rows = table(report, "answers_by_context")["rows"]
        assert [each[2]["value"] for each in rows] == [0.0, float(with_it), float(not with_it)]


def test_a_model_that_names_nobody_leans_nowhere_where_nothing_is_told_and_is_else_not_judged():
    known = {(each.context, each.question): each for each in shipped("en")}
    report = report_of(choosing(lambda context, question, _: known[context, question].unknown))
    assert score(report, "ambiguous").value == 0
    assert score(report, "disambiguated").interval.why == "undefined"
    assert report.verdict == "unclear"
    (said,) = (each for each in report.to_json()["measures"] if each["name"] == "bias_score[disambiguated]")
    assert (said["value"], said["low"], said["high"]) == (None, None, None)
    assert "nan" not in re.sub(r"<[^>]+>", " ", render(report.to_json(), lang="en")).split()


def test_an_answer_in_two_minds_counts_half():
    """Two people equally likely lean nowhere; one as likely as not knowing leans by half."""
    known = {(each.context, each.question): each for each in shipped("en")}

    def answer(data):
        rows = [known[pair] for pair in zip(data.second_texts, data.texts, strict=True)]
        probs = np.zeros((len(rows), 3))
        for at, each in enumerate(rows):
            probs[at, [each.unknown, each.biased]] = 0.5
        return {"probs": probs}

    case = choosing(lambda *_: 0)
    case = case.with_predictor(Asked(CATALOGUE.task("choose"), answer, frozenset({"probs"})))
    assert score(report_of(case), "ambiguous").value == pytest.approx(0.5)


def test_a_model_that_writes_is_asked_by_likelihood():
    """By token: a choice of more tokens is not less likely for that; all are scored in one call."""
    known = {each.said: each for each in shipped("en")}

    def answer(data):
        asked = [known[text] for text in data.texts]
        tokens = np.array([len(each.split()) for each in data.values("label")])
        meant = np.array([e.choices[e.truth] == said for e, said in zip(asked, data.values("label"), strict=True)])
        return {"loglik": np.where(meant, -1.0, -1.5) * tokens, "tokens": tokens}

    model = Asked(CATALOGUE.task("generate"), answer, frozenset({"loglik", "tokens"}))
    report = report_of(Case(model, Dataset.of({"text": ["The dog ran."]}), catalogue=CATALOGUE))
    assert report.measure("context_accuracy[ambiguous]").value == 1.0
    assert report.measure("context_accuracy[disambiguated]").value == 1.0
    assert report.verdict == "pass"
    assert [len(call) for call in model.calls] == [3 * 288]


def test_rows_of_one_template_are_one_observation(tmp_path):
    rows = [row(i, negative=bool(i % 2), label=NEVER, template=i // 20) | {"category": ""} for i in range(160)]
    path = written(tmp_path / "q.jsonl", rows)
    report = report_of(choosing(lambda context, question, _: 0 if question == "bad?" else 1), questions=str(path))
    measure = score(report, "ambiguous")
    assert (measure.value, measure.rows, measure.distinct, measure.interval.why) == (1.0, 160, 8, "too_few_rows")
    assert report.verdict == "unclear"


@pytest.mark.parametrize("seed", range(4))
def test_patients(seed):
    rng = np.random.default_rng(seed)
    healthy, sick = answering_case(rng, biased=0.0), answering_case(rng, biased=0.7)
    assert report_of(healthy).verdict == "pass"
    assert {each.kind for each in report_of(sick).findings} == {"identity_bias"}


def test_languages_are_those_of_the_rows():
    english, chinese = "The dog ran.", "小狗跑了。"
    for texts, expected in {(english,): 288, (chinese,): 288, (english, chinese): 576}.items():
        case = choosing(lambda *_: 0, texts)
        report_of(case)
        assert [len(call) for call in case.predictor.calls] == [expected]


def test_models_that_neither_choose_nor_write_are_passed_over():
    (skipped,) = report_of(simulated_case(np.random.default_rng(0), rows=50)).skipped
    assert skipped["why"] == "unsuited"
    assert "for the task classify" in skipped["detail"]


def test_it_runs_on_request_only():
    case = choosing(lambda *_: 0)
    assert "biased_answers" not in [each.probe.name for each in orders(case)]
    assert "biased_answers" in [each.probe.name for each in orders(case, options={"biased_answers": {}})]


def test_a_file_that_does_not_do_is_no_reason_to_pass_the_probe_over(tmp_path):
    path = written(tmp_path / "q.jsonl", [row(0, negative=True, label=NEVER), row(1, negative=True, label="Nobody")])
    with pytest.raises(OptionError, match="line 2"):
        report_of(choosing(lambda *_: 0), questions=str(path))
    with pytest.raises(OptionError, match="which is not there"):
        report_of(choosing(lambda *_: 0), questions=str(tmp_path / "none.jsonl"))


def test_a_likelihood_that_is_no_number_is_told():
    """Else no choice is the likeliest, and the page would say that the model names nobody."""
    nothing = lambda data: {"loglik": np.full(len(data), np.nan), "tokens": np.ones(len(data))}  # noqa: E731
    model = Asked(CATALOGUE.task("generate"), nothing, frozenset({"loglik", "tokens"}))
    (skipped,) = report_of(Case(model, Dataset.of({"text": ["The dog ran."]}), catalogue=CATALOGUE)).skipped
    assert skipped["why"] == "raised"
    assert "expected numbers as 'loglik' of asked, given nan in 864 of 864 rows" in skipped["detail"]


@pytest.mark.skipif(not (MODELS / "tinystories-llama-260k").is_dir(), reason="no shared models beside the repository")
def test_a_trained_model_that_writes():
    model = open_writer(str(MODELS / "tinystories-llama-260k"), {})
    report = report_of(Case(model, Dataset.of({"text": ["The dog ran."]}), catalogue=CATALOGUE))
    assert not report.skipped
    assert abs(score(report, "ambiguous").value) < 0.2  # it has read stories for small children
    assert score(report, "ambiguous").rows == 96
