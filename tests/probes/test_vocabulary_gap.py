"""vocabulary_gap: terms that do harm are found, those that do none are listed; words a model has no pieces for are
told; and what cannot be told is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded
from duiqi.core.report import without_rows
from duiqi.core.slice import Slice
from duiqi.data.simulated import simulated_case, tagged_case, written_case
from duiqi.data.simulated_terms import TERM, CuttingWords, term_case
from duiqi.show.html import render

CATALOGUE = Catalogue.installed()


def report_of(case, **options):
    return examine(case, orders(case, only=["vocabulary_gap"], options={"vocabulary_gap": options}))


def exhibit(report, title):
    return next((each.data for each in report.exhibits if each.data["title"] == title), None)


def words_case(texts, wrong, train, *, pieces=True, pairs=None):
    """Rows of one class, of which some are answered wrong."""
    columns = {"text": texts, "label": ["a"] * len(texts), **({"text_pair": pairs} if pairs else {})}
    data = Dataset.of(columns)
    task = CATALOGUE.task("classify_pair" if pairs else "classify", labels=("a", "b"))
    probs = np.where(np.array(wrong)[:, None], [0.1, 0.9], [0.9, 0.1])
    recorded = Recorded(task, Predictions(data.row_ids, {"probs": probs}))
    given = None if train is None else Dataset.of({"text": train})
    return Case(CuttingWords(recorded) if pieces else recorded, data, train=given, catalogue=CATALOGUE)


def test_the_term_that_does_harm_is_found_and_the_others_are_listed():
    case = term_case(np.random.default_rng(3), harm=0.35)
    report = report_of(case)
    (finding,) = report.findings
    inside = np.array([TERM in text for text in case.data.texts])
    assert finding.slice == Slice.of("text", TERM, "contains")
    assert (finding.slice.mask(case.data) == inside).all()
    right = case.right
    assert finding.ruling.measure.value == pytest.approx(right[inside].mean() - right[~inside].mean())
    assert finding.ruling.measure.interval.high < 0
    assert "pretrain" in finding.remedies
    rows = exhibit(report, "terms")["rows"]
    assert rows[0][:4] == [TERM, "term_cut_unmet", inside.sum(), 8.0]
    assert {row[0]: row[1] for row in rows[1:]} == {
        "quenbril": "term_cut", "tamvexor": "term_cut", "丽珐": "term_unknown",
    }  # fmt: skip


def test_shares_of_words_are_counted_by_hand():
    """Eight words: two of them cut to eight letters, one character unknown."""
    case = words_case(["zorvaxil one two", "quenbril 丽 three four five"], [0, 0], None)
    report = report_of(case)
    assert report.measure("cut_rate").value == pytest.approx(2 / 8)
    assert report.measure("unknown_rate").value == pytest.approx(1 / 8)
    (row,) = exhibit(report, "cutting")["rows"]
    assert row == ["in_examined", 8, pytest.approx((8 + 8 + 6) / 8), 0.25, 0.125]


def test_a_model_without_pieces_for_the_language_fails():
    rng = np.random.default_rng(0)
    texts = [f"{'丽珐' if rng.random() < 0.7 else '房间'}很好{n}" for n in range(300)]
    report = report_of(words_case(texts, [False] * 300, texts[:50]))
    assert "unknown_rate" in {finding.ruling.measure.name for finding in report.findings}
    cut = [f"zorvaxil quenbril {n} good" for n in range(300)]
    assert {finding.ruling.measure.name for finding in report_of(words_case(cut, [False] * 300, cut)).findings} == {
        "cut_rate"
    }


@pytest.mark.parametrize("pieces", [True, False])
def test_new_chinese_terms_are_found_with_and_without_pieces(pieces):
    """A term of known characters that no training row has; of an API it is all that can be told."""
    rng = np.random.default_rng(1)
    has = rng.random(600) < 0.1
    texts = [f"房间{'单车' if new else '早餐'}都很好{n}" for n, new in enumerate(has)]
    wrong = rng.random(600) < np.where(has, 0.5, 0.1)
    report = report_of(words_case(texts, wrong, ["房间早餐都很好", "单人", "车上"], pieces=pieces))
    (finding,) = report.findings
    assert "单车" in finding.slice.where[0].value
    assert (finding.slice.mask(words_case(texts, wrong, None).data) == has).mean() > 0.98
    assert ({measure.name for measure in report.measures} >= {"unknown_rate", "cut_rate"}) == pieces


def test_second_texts_are_read():
    rng = np.random.default_rng(2)
    has = rng.random(400) < 0.12
    wrong = rng.random(400) < np.where(has, 0.6, 0.1)
    pairs = [f"it is {TERM if new else 'good'} {n}" for n, new in enumerate(has)]
    report = report_of(words_case([f"so {n}" for n in range(400)], wrong, ["so it is good"], pairs=pairs))
    assert [finding.slice.where[0].column for finding in report.findings] == ["text_pair"]


def test_known_slices_are_measured_again_and_not_searched():
    case = term_case(np.random.default_rng(3), harm=0.0)
    slices = (Slice.of("text", TERM, "contains"), Slice.of("text", "kettle", "contains"), Slice.of("length", 3, ">="))
    report = report_of(replace(case, slices=slices))
    assert [m.slice for m in report.measures if m.across] == [slices[0]]  # the others are about no term
    assert exhibit(report, "terms") is None


def test_rows_without_labels_are_told_of_their_words():
    case = term_case(np.random.default_rng(3), harm=0.35)
    bare = replace(case, data=Dataset.of({"text": case.data.texts}))
    report = report_of(bare)
    assert not report.skipped
    assert not report.findings
    assert exhibit(report, "terms")["columns"] == ["term", "claim", "rows", "pieces"]


def test_without_pieces_and_training_rows_nothing_can_be_told():
    for train in (None, "same"):
        case = simulated_case(np.random.default_rng(0))
        (skipped,) = report_of(replace(case, train=case.data if train else None)).skipped
        assert skipped["why"] == "unsuited"
        assert "says how it cuts words, or training rows" in skipped["detail"]


def tagged_sentences(seed: int, *, worse: float) -> Case:
    """Sentences of 3 to 60 words of which each is tagged wrong at .04; one in five of the longer ones names the term,
    and is wrong in a share `worse` of the words more. No training row does."""
    rng = np.random.default_rng(seed)
    words = [["word"] * rng.integers(3, 61) for _ in range(1000)]
    said = np.array([len(row) > 30 and rng.random() < 0.2 for row in words])
    words = [[*row, TERM] if named else row for row, named in zip(words, said, strict=True)]
    truth = [rng.integers(0, 2, len(row)) for row in words]
    turned = [rng.random(len(row)) < 0.04 + worse * named for row, named in zip(words, said, strict=True)]
    guess = [np.where(each, 1 - tags, tags) for tags, each in zip(truth, turned, strict=True)]
    label = [[("O", "B-thing")[tag] for tag in tags] for tags in truth]
    data = Dataset.of({"tokens": words, "label": label})
    recorded = Recorded(CATALOGUE.task("tag", labels=("thing",)), Predictions(data.row_ids, {"tags": guess}))
    train = Dataset.of({"tokens": [["word"]], "label": [["O"]]})
    return Case(CuttingWords(recorded, offers=recorded.offers | {"pieces"}), data, train=train, catalogue=CATALOGUE)


def test_of_tags_a_term_of_long_sentences_is_not_blamed_for_their_length():
    harmless = [report_of(tagged_sentences(seed, worse=0.0)) for seed in range(5)]
    assert [finding.slice.rule for report in harmless for finding in report.findings] == []
    assert exhibit(harmless[0], "terms")["rows"][0][4]["value"] > 0.7  # a raw error far above the .6 of the others
    harmful = [report_of(tagged_sentences(seed, worse=0.2)) for seed in range(5)]
    assert [finding.slice.rule for report in harmful for finding in report.findings] == [f"text has '{TERM}'"] * 5


@pytest.mark.parametrize("make", [tagged_case, written_case])
def test_words_and_written_answers_are_no_error(make):
    case = make(np.random.default_rng(0))
    other = make(np.random.default_rng(1)).data
    for predictor in (case.predictor, CuttingWords(case.predictor, offers=case.predictor.offers | {"pieces"})):
        report = report_of(replace(case, predictor=predictor, train=other))
        assert not report.skipped
        assert not [finding for finding in report.findings if finding.slice.where]


def test_the_order_of_rows_changes_nothing():
    case = term_case(np.random.default_rng(4), harm=0.35)
    order = np.random.default_rng(0).permutation(len(case.data))
    turned = replace(case, data=case.data.take(order), memory={})
    values = [sorted((m.name, m.slice.rule, round(m.value, 9)) for m in report_of(c).measures) for c in (case, turned)]
    assert values[0] == values[1]


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("en", ("Vocabulary gap", "Terms that the model cuts or has not met", "cut to pieces, and in no training row")),
        ("zh", ("词表缺口", "被切碎或从未见过的词", "被切碎，训练中也没有")),
    ],
)
def test_the_page_says_it_in_words_and_hides_terms_where_asked(lang, said):
    report = report_of(term_case(np.random.default_rng(3), harm=0.35)).to_json()
    page = render(report, lang=lang)
    assert all(each in page for each in said)
    assert not [code for code in ("term_cut", "cut_share", "unknown_rate", "cut_rate", "words_counted") if code in page]
    bare = render(without_rows(report), lang=lang)
    assert "tamvexor" in page
    assert "tamvexor" not in bare


@pytest.mark.slow
def test_harmless_terms_stay_silent_and_harmful_ones_are_found():
    """At the promised level of one in a hundred, seven of two hundred would be a chance of 1 in 200."""
    alarms = sum(bool(report_of(term_case(np.random.default_rng(s), harm=0.0)).findings) for s in range(200))
    assert alarms <= 6
