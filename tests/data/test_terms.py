"""Terms: English words and Chinese runs that are cut, unknown or new, with their rows; what is common is none."""

from __future__ import annotations

from duiqi.core.dataset import Dataset
from duiqi.data.terms import Met, find_terms

KNOWN = {"zorvax": (4.0, False), "plot": (1.0, False), "龘": (1.0, True), "靐": (1.0, True), "好": (1.0, False)}


def found(texts, train=None, *, fewest=2, most=1.0, known=KNOWN):
    met = Met(None if train is None else Dataset.of({"text": train}))
    return {term.text: term for term in find_terms({"text": texts}, known, met, fewest=fewest, most=most)}


def test_english_terms_with_their_rows_and_reasons():
    texts = ["the Zorvax plot", "zorvax!", "the plot", "a newword 2024", "newword and 2024"]
    terms = found(texts, ["the plot and the zorvax"])
    assert {name: term.rows.tolist() for name, term in terms.items()} == {"zorvax": [0, 1], "newword": [3, 4]}
    zorvax, new = terms["zorvax"], terms["newword"]  # numbers are no terms
    assert (zorvax.cut, zorvax.unknown, zorvax.unmet, zorvax.pieces) == (True, False, False, 4.0)
    assert (new.cut, new.unknown, new.unmet) == (False, False, True)


def test_parts_of_words_do_not_count_as_met():
    assert "plot" in found(["the plot", "a plot"], ["the plots thicken"])


def test_without_training_rows_nothing_is_new():
    assert set(found(["the zorvax newword", "a zorvax newword"])) == {"zorvax"}


def test_chinese_terms_need_no_dictionary():
    texts = ["我买了龘靐很好", "这个龘靐，不好", "龘靐坏了", "今天天气好"]
    terms = found(texts, ["我买了很好", "这个不好", "坏了", "今天天气好"])
    assert set(terms) == {"龘靐"}  # not 了龘靐, nor 龘 alone, which never stands without 靐
    assert terms["龘靐"].rows.tolist() == [0, 1, 2]
    assert terms["龘靐"].unknown
    assert terms["龘靐"].unmet
    assert terms["龘靐"].pieces == 2


def test_two_known_characters_that_never_stood_together_are_new():
    known = dict.fromkeys("共享单车共乘坐好", (1.0, False))
    terms = found(["坐单车好", "单车共乘", "有单车"], ["单人", "车上", "共乘", "坐好"], known=known, fewest=3)
    assert set(terms) == {"单车"}
    assert not terms["单车"].unknown
    assert not found(["坐单车", "有单车", "单车"], ["这是单车"], known=known, fewest=3)


def test_runs_do_not_reach_over_marks():
    assert not found(["好单，车好", "单，车", "单，车"], ["单人", "车上", "好单", "车好"], known={}, fewest=3)


def test_a_term_everywhere_or_hardly_anywhere_is_none():
    texts = ["zorvax one", "zorvax two", "zorvax three", "quen"]
    assert set(found(texts, texts[:3], fewest=2, most=0.8)) == {"zorvax"}
    assert not found(texts, texts, fewest=2, most=0.5)


def test_slices_hold_the_rows_of_their_terms():
    rows = Dataset.of({"text": ["a Zorvax", "zorvaxes", "zorvax 龘靐", "龘靐"]})
    terms = found(rows.texts, ["nothing"], fewest=1)
    for name in ("zorvax", "龘靐"):
        assert terms[name].slice.mask(rows).nonzero()[0].tolist() == terms[name].rows.tolist()


def test_second_texts_have_terms_of_their_own():
    met = Met(Dataset.of({"text": ["one"], "text_pair": ["seen"]}))
    sides = {"text": ["one", "one"], "text_pair": ["seen strange", "strange"]}
    assert [(term.role, term.text) for term in find_terms(sides, {}, met, fewest=2, most=1.0)] == [
        ("text_pair", "strange")
    ]
