"""Glossaries: what is read, what is told of a broken one and where, and the questions that are made of facts."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from duiqi.core.errors import DataError
from duiqi.core.slice import is_cjk
from duiqi.data.glossary import Fact, mentions, read_glossary, ready_templates, shipped
from duiqi.data.questions import quiz_of


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def triples(*pairs, relation="capital"):
    return [Fact(s, relation, (o,), frozenset({o.casefold()}), "{subject} has {object}.") for s, o in pairs]


def quiz(facts, **options):
    return quiz_of(facts, **{"choices": 4, "others": 0, "most": 1000, "seed": 0, **options})


def test_triples_and_glossaries_of_all_formats(tmp_path):
    table = "subject,relation,object,aliases\nFrance,capital,Paris,\nUSA,capital,Washington,Washington DC|D.C.\n"
    france, usa = read_glossary(written(tmp_path / "a.csv", table)).facts
    assert (france.subject, france.relation, france.object) == ("France", "capital", "Paris")
    assert usa.right == {"washington", "washington dc", "d.c."}
    lines = '{"subject": "spider", "relation": "legs", "object": 8, "template": "A {subject} has {object} legs."}\n'
    (spider,) = read_glossary(written(tmp_path / "b.jsonl", lines)).facts
    assert spider.said("8") == ("A spider has 8 legs.", 13, 14)
    (term,) = read_glossary(written(tmp_path / "c.tsv", "term\tdefinition\nheifer\ta young cow\n")).facts
    assert term.said(term.object)[0] == "Heifer means: a young cow."
    (term,) = read_glossary(written(tmp_path / "d.tsv", "term\tdefinition\n青贮\t密封保存的饲草\n")).facts
    assert term.said(term.object) == ("青贮是指密封保存的饲草。", 4, 11)


def test_rows_of_one_subject_and_relation_are_one_fact(tmp_path):
    table = "subject,relation,object\nSwitzerland,language,German\nswitzerland,language,French\nPeru,language,Spanish\n"
    swiss, peru = read_glossary(written(tmp_path / "a.csv", table)).facts
    assert (swiss.subject, swiss.objects, swiss.right) == ("Switzerland", ("German", "French"), {"german", "french"})
    assert peru.objects == ("Spanish",)


def test_templates_beside_the_file_come_before_ready_ones(tmp_path):
    table = "subject,relation,object\nAspirin,dose,a gram\nFrance,capital,Paris\n"
    path = written(tmp_path / "doses.csv", table)
    with pytest.raises(DataError, match=r"a template for the relation 'dose' in line 2 of .*doses.csv") as told:
        read_glossary(path)
    assert "doses.toml" in told.value.hint
    beside = '[templates]\ndose = "Of {subject} one takes {object}."\ncapital = "{object} rules {subject}."\n'
    written(tmp_path / "doses.toml", beside)
    assert [fact.said(fact.object)[0] for fact in read_glossary(path).facts] == [
        "Of Aspirin one takes a gram.", "Paris rules France.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("subject,object\na b,c\n", r"expected the columns subject, relation, object, or term and definition.*given"),
        ("term,definition\ncow,an animal\nudder,\n", r"a text as definition in line 3 .* given an empty cell"),
        ("subject,relation,object\nFrance,,Paris\n", r"a text as relation in line 2"),
        ("subject,relation,object\n K ,stands_for,potassium\n", r"more than one letter in line 2 .*given 'K'"),
        ("subject,relation,object,template\ncow,sound,moo,The {subject} says.\n", r"one {object} in line 2"),
        ("subject,relation,object,template\ncow,sound,moo,It says {object}.\n", r"with {subject} and .* in line 2"),
        ("subject,relation,object\ncow,sonud,moo\n", r"a template for the relation 'sonud' in line 2"),
        ("subject,relation,object\n", r"expected rows in .*none below the header"),
    ],
)
def test_a_broken_file_is_told_by_its_line(tmp_path, table, said):
    with pytest.raises(DataError, match=said) as raised:
        read_glossary(written(tmp_path / "terms.csv", table))
    assert raised.value.hint


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        ('[templates]\n\ndose = "none"\n', r"terms.toml, line 3"),
        ('template = "x"\n', r"expected templates or hierarchical in .*line 1, given 'template'"),
        ('\nhierarchical = "is_a"\n', r"a list of relations in .*line 2"),
        ("[templates\n", r"expected toml in .*terms.toml"),
    ],
)
def test_broken_templates_are_told_by_their_line(tmp_path, beside, said):
    path = written(tmp_path / "terms.csv", "term,definition\ncow,an animal\n")
    written(tmp_path / "terms.toml", beside)
    with pytest.raises(DataError, match=said):
        read_glossary(path)


def test_cycles_are_told_and_no_error(tmp_path):
    table = (
        "term,definition\nudder,a part of a cow\nCow,an animal with an udder\nhay,dry grass\ngrass,what a cow eats\n"
    )
    assert read_glossary(written(tmp_path / "a.csv", table)).cycles == (("udder", "Cow", "udder"),)
    table = "subject,relation,object\nfinger,part_of,hand\nhand,part_of,arm\narm,part_of,finger\n"
    assert read_glossary(written(tmp_path / "b.csv", table)).cycles == (("finger", "hand", "arm", "finger"),)
    table = "subject,relation,object\nhot,opposite,cold\ncold,opposite,hot\n"  # nothing stands above anything
    assert read_glossary(written(tmp_path / "c.csv", table)).cycles == ()
    written(tmp_path / "d.toml", 'hierarchical = ["boss"]\n[templates]\nboss = "{object} leads {subject}."\n')
    table = "subject,relation,object\nAnn,boss,Ben\nBen,boss,Ann\nCem,boss,Ann\n"
    assert read_glossary(written(tmp_path / "d.csv", table)).cycles == (("Ann", "Ben", "Ann"),)
    deep = "".join(f"t{at:04}x,the next is t{at + 1:04}x\n" for at in range(3000))
    assert read_glossary(written(tmp_path / "e.csv", f"term,definition\n{deep}")).cycles == ()


def test_mentions_are_whole_words():
    find = mentions(["cat", "New York", "小狗", "C++"])
    assert Counter(find("The Cat saw a catalogue in new york; cat!")) == {"cat": 2, "New York": 1}
    assert list(find("一只小狗和小猫")) == ["小狗"]


def test_wrong_choices_are_wrong_and_hang_on_the_seed():
    facts = triples(*((f"land {at}", f"town {at % 7}") for at in range(30)))
    facts[0] = Fact(
        "land 0", "capital", ("town 0", "town 1"), frozenset({"town 0", "town 1", "town 2"}), "{subject} {object}"
    )
    found = quiz(facts)
    for each in found.questions:
        assert each.choices[each.truth] == each.fact.object
        assert len({*each.choices}) == 4
        assert sum(choice in each.fact.right for choice in each.choices) == 1
    assert quiz(facts) == found
    assert quiz(facts, seed=1) != found
    assert {each.truth for each in found.questions} == {0, 1, 2, 3}
    assert {len(each.choices) for each in quiz(facts, choices=0).questions[1:]} == {7}
    assert len(quiz(facts, choices=0).questions[0].choices) == 5  # two others are right as well
    assert len(quiz(facts, most=10).questions) == 10
    assert quiz(facts, most=10) == quiz(facts, most=10)


def test_what_is_not_asked_is_named():
    facts = triples(("hot air", "cold"), ("wet", "dry"), ("big", "small"), relation="opposite")
    facts += triples(("Mexico", "Mexico City"), ("Peru", "Lima"), ("Chile", "Santiago"), ("Cuba", "Havana"))
    found = quiz(facts)
    assert found.too_few == {"opposite": 3}
    assert found.given_away == 1
    assert {each.fact.subject for each in found.questions} == {"Peru", "Chile", "Cuba"}
    assert all("Mexico City" not in each.choices or len(each.choices) == 4 for each in found.questions)


def test_choices_are_of_one_script():
    facts = triples(*((f"land {at}", f"town {at}") for at in range(5)), *((f"国{at}", f"城{at}") for at in range(5)))
    for each in quiz(facts).questions:
        assert len({is_cjk(choice) for choice in each.choices}) == 1


def test_the_commonest_object():
    """Of four objects one is twice as common: who always says it is right for its two facts, and for no other."""
    facts = triples(("Ann", "German"), ("Ben", "German"), ("Cem", "Turkish"), ("Dai", "Welsh"), ("Eva", "Czech"))
    popular = {each.fact.subject: each.popular for each in quiz(facts).questions}
    assert popular == {"Ann": 1, "Ben": 1, "Cem": 0, "Dai": 0, "Eva": 0}
    even = quiz(triples(("Ann", "German"), ("Cem", "Turkish"), ("Dai", "Welsh"), ("Eva", "Czech")))
    assert {each.popular for each in even.questions} == {0.25}


def test_sentences_are_asked_once():
    facts = triples(*((f"land {at}", f"town {at}") for at in range(6)))
    found = quiz(facts, others=5, choices=0)
    rows, where = found.sentences()
    assert len(rows) == 36
    assert len(where) == 6 * 6 * 6
    said = rows.values("label")
    first = found.questions[0]
    assert [said[at] for at in where[:6]] == [
        f"{first.fact.subject.capitalize()} has {each}." for each in first.choices
    ]
    for sentence, ((start, end),) in zip(said, rows.values("spans"), strict=True):
        assert sentence[start:end] == sentence.split(" has ")[1].rstrip(".")
    assert np.array_equal(first.known_of_others.sum(axis=1), np.ones(5))  # the town of every other is among all


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_ships_is_asked_whole(language):
    glossary = shipped(language)
    found = quiz(glossary.facts)
    assert (len(found.questions), found.too_few, found.given_away, glossary.cycles) == (60, {}, 0, ())
    assert all(is_cjk(fact.subject) == (language == "zh") for fact in glossary.facts)
    assert set(ready_templates()["en"]) == set(ready_templates()["zh"])
