"""Metrics of texts: against sacrebleu, against values worked by hand, and the laws they keep."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF

from duiqi.core.case import rights
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions
from duiqi.core.texts import common_length, edit_distance
from duiqi.data.simulated import written_case

CATALOGUE = Catalogue.installed()
BEST = {"bleu": 1, "chrf": 1, "rouge_1": 1, "rouge_2": 1, "rouge_l": 1, "token_f1": 1, "exact_match": 1,
        "edit_rate": 0}  # fmt: skip
TEXTS = st.text(alphabet="ab c你好，。Ａ!", max_size=12)


def statistics(name, truth, texts, **options):
    guess = Predictions(np.arange(len(texts)).astype(str), {"text": list(texts)})
    return CATALOGUE.find("metric", name)(truth, guess, **options)


def value(name, truth, texts, **options):
    return float(CATALOGUE.find("metric", name).hooks["finish"](statistics(name, truth, texts, **options).sum(axis=0)))


def written(language):
    """References and answers of one language: rows of English and Chinese come by turns."""
    case = written_case(np.random.default_rng(3), rows=300, error=0.7)
    return case.truth[language::2], case.guess["text"][language::2]


def columns(truth):
    """References as sacrebleu takes them, one list for each place; the first stands in where a row has fewer."""
    most = max(map(len, truth))
    return [[row[place] if place < len(row) else row[0] for row in truth] for place in range(most)]


@pytest.mark.parametrize(("language", "tokenizer"), [(0, "13a"), (1, "zh")], ids=["en", "zh"])
@pytest.mark.parametrize("rows", [150, 3])
def test_bleu_and_chrf_are_those_of_sacrebleu(language, tokenizer, rows):
    truth, texts = (each[:rows] for each in written(language))
    theirs = BLEU(tokenize=tokenizer).corpus_score(texts, columns(truth)).score
    assert 100 * value("bleu", truth, texts) == pytest.approx(theirs, abs=1e-6)
    assert 100 * value("chrf", truth, texts) == pytest.approx(
        CHRF().corpus_score(texts, columns(truth)).score, abs=1e-6
    )


@pytest.mark.parametrize(
    ("reference", "answer"),
    [("the cat sat on a mat", "a dog"), ("the cat sat on a mat", "the dog sat under a mat today"), ("a b", "a b"),
     ("hello", ""), ("a b c d e", "e d c b a")],
)  # fmt: skip
def test_bleu_and_chrf_without_hits_and_with_short_texts(reference, answer):
    theirs = BLEU().corpus_score([answer], [[reference]]).score
    assert 100 * value("bleu", [[reference]], [answer]) == pytest.approx(theirs, abs=1e-6)
    theirs = CHRF().corpus_score([answer], [[reference]]).score
    assert 100 * value("chrf", [[reference]], [answer]) == pytest.approx(theirs, abs=1e-6)


@pytest.mark.filterwarnings("error")
def test_chrf_without_any_reference_text_is_no_number():
    """Nothing is counted then, as where there are no rows; sacrebleu says 0. Among others such a row adds nothing."""
    assert CHRF().corpus_score(["hello"], [[""]]).score == 0
    assert np.isnan(value("chrf", [[""]], ["hello"]))
    both = CHRF().corpus_score(["hello", "a cat"], [["", "a bat"]]).score
    assert 100 * value("chrf", [[""], ["a bat"]], ["hello", "a cat"]) == pytest.approx(both, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "references", "answer", "expected"),
    [
        ("rouge_1", ["the cat sat"], "the cat ran home", 2 * 2 / 7),
        ("rouge_1", ["the the cat"], "the the the", 4 / 6),
        ("rouge_2", ["the cat sat"], "the cat ran home", 2 * 1 / 5),
        ("rouge_2", ["cat"], "dog", 0),
        ("rouge_2", ["cat"], "cat", 1),
        ("rouge_l", ["police killed the gunman"], "police kill the gunman", 0.75),
        ("rouge_l", ["police killed the gunman"], "the gunman kill police", 0.5),
        ("rouge_1", ["今天天气很好。"], "天气好", 2 * 3 / 9),
        ("rouge_2", ["今天天气很好。"], "天气好", 2 * 1 / 7),
        ("rouge_l", ["ＡＢＣ 公司"], "abc公司！", 1),
        ("rouge_1", ["no", "the cat sat"], "the cat sat", 1),
        ("token_f1", ["the Eiffel Tower"], "Eiffel tower, Paris", 2 * 2 / 5),
        ("token_f1", ["北京大学"], "在北京", 2 * 2 / 7),
        ("token_f1", ["《红楼梦》"], "红楼梦。", 1),
        ("token_f1", [], "", 1),
        ("token_f1", [""], "word", 0),
        ("exact_match", ["The U.S."], "us", 1),
        ("exact_match", ["A"], "B", 0),
        ("exact_match", ["１２％"], "12%", 1),
        ("exact_match", ["no", "yes"], "Yes!", 1),
        ("exact_match", [], "", 1),
        ("edit_rate", ["the cat sat on it"], "the bat sat it now", 3 / 5),
        ("edit_rate", ["你好，世界"], "你好,世界啊", 1 / 5),
        ("edit_rate", ["a b", "c d e f"], "c d e x", 1 / 4),
        ("edit_rate", ["a"], "b c d", 3),
        ("edit_rate", ["a"], "", 1),
        ("distinct_1", [], "good good good", 1 / 3),
        ("distinct_2", [], "a b a b", 2 / 3),
    ],
)  # fmt: skip
def test_worked_by_hand(name, references, answer, expected):
    assert value(name, [references], [answer]) == pytest.approx(expected)


def test_edit_rate_of_characters_leaves_blanks_out():
    assert value("edit_rate", [["kitten s"]], ["sittings"], unit="character") == pytest.approx(3 / 7)


def test_edit_rate_adds_before_it_divides():
    assert value("edit_rate", [["a"], ["a b c"]], ["b", "a b c"]) == pytest.approx(1 / 4)


def test_perplexity():
    """Two tokens at a half and two at an eighth waver between four on average."""
    guess = Predictions(np.array(["0", "1"]), {"loglik": np.log([0.25, 1 / 64]), "tokens": np.array([2, 2])})
    part = CATALOGUE.find("metric", "perplexity")
    assert part.hooks["finish"](part(None, guess).sum(axis=0)) == pytest.approx(4)


def table(first, second):
    """Subsequence and edit distance by the plain tables."""
    common = np.zeros((len(first) + 1, len(second) + 1), int)
    edits = np.add.outer(np.arange(len(first) + 1), np.arange(len(second) + 1))
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            common[i + 1, j + 1] = common[i, j] + 1 if a == b else max(common[i, j + 1], common[i + 1, j])
            edits[i + 1, j + 1] = min(edits[i, j] + (a != b), edits[i, j + 1] + 1, edits[i + 1, j] + 1)
    return common[-1, -1], edits[-1, -1]


@given(st.text("abc", max_size=80), st.text("abc", max_size=80))
def test_bits_do_what_the_tables_do(first, second):
    assert (common_length(first, second), edit_distance(first, second)) == table(first, second)


@pytest.mark.parametrize("name", BEST)
@given(st.lists(st.lists(TEXTS.filter(str.strip), min_size=1, max_size=3), min_size=1, max_size=6))
def test_a_perfect_answer_scores_best(name, truth):
    texts = [row[-1] for row in truth]
    if name == "bleu":  # which has no value for texts of fewer than four words
        truth = [[*row, "one two three four five"] for row in truth]
        texts = [row[-1] for row in truth]
    assert value(name, truth, texts) == pytest.approx(BEST[name])


@pytest.mark.parametrize("name", [*BEST, "distinct_1", "distinct_2"])
@given(st.lists(st.tuples(st.lists(TEXTS, max_size=3), TEXTS), max_size=6))
def test_rows_stand_alone_and_stay_in_range(name, rows):
    """Rows one by one are the rows of the whole, so shards add up and order does not matter; empty texts included."""
    truth, texts = [row[0] for row in rows], [row[1] for row in rows]
    whole, part = statistics(name, truth, texts), CATALOGUE.find("metric", name)
    alone = [statistics(name, [references], [text]) for references, text in rows]
    assert np.array_equal(whole, np.concatenate([whole[:0], *alone]))
    with np.errstate(divide="ignore", invalid="ignore"):
        finished = part.hooks["finish"](whole.sum(axis=0))
    assert np.isnan(finished) or part.facts["low"] <= finished <= part.facts["high"] + 1e-9


def test_right_rows_are_those_that_share_enough():
    case = written_case(np.random.default_rng(0), rows=100)
    assert case.measure("enough_shared").value == pytest.approx(case.right.mean())
    same = rights(case.truth, case.guess)
    assert (case.right | ~same).all()
    assert 0.6 < same.mean() < case.right.mean() < 1
    strict = case.with_predictor(replace(case.predictor, task=case.catalogue.task("generate", enough=1.0)))
    assert strict.right.mean() == pytest.approx(same.mean(), abs=0.05)


def test_edit_rate_is_fast():
    rng = np.random.default_rng(0)
    rows = [" ".join(map(str, rng.integers(0, 30, 50))) for _ in range(10_000)]
    start = time.perf_counter()
    value("edit_rate", [[each] for each in rows[:5000]], rows[5000:])
    assert time.perf_counter() - start < 5
