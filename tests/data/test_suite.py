"""Suites: templates are filled as told, alike for equal seeds; what is wrong in a file is told with its line."""

from __future__ import annotations

import re

import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, OptionError
from duiqi.core.part import Catalogue
from duiqi.core.slice import is_cjk
from duiqi.data.suite import INV, MFT, FunctionalTest, Movement, Trial
from duiqi.data.suite_file import find_suite, ready_suites, suite_of
from duiqi.data.suites_at_hand import edited, suites_for

CATALOGUE = Catalogue.installed()
READY = {suite.name: suite for suite in ready_suites()}

PLAIN = """task = "classify"

[labels]
negative = ["bad"]
positive = ["good", "好评"]

[lists]
name = ["Ann", "Bo", "Cy"]
good = ["good", "great"]
pair = [["up", "down"], ["in", "out"]]

[[test]]
name = "denied"
capability = "negation"
templates = ["The room was not {good}."]
cases = [
    "Never again.",
    {text = "Not bad {sic}.", expect = "positive"},
]
expect = "negative"

[[test]]
name = "names"
type = "INV"
templates = ["{name} told {name2}: {good}."]
vary = "name"
versions = 1

[[test]]
name = "more"
type = "DIR"
templates = ["It is {pair.1}."]
to = ["{text} And {pair.2}."]
expect = {label = "positive", not_fall_by = 0.1}
"""


def changed(old, new):
    assert PLAIN.count(old) == 1
    return PLAIN.replace(old, new)


def refused(text):
    with pytest.raises(OptionError) as error:
        suite_of(text, "mine", "mine.toml")
    return f"{error.value} / {error.value.hint}"


def test_cases_and_templates_become_trials():
    denied, names, more = suite_of(PLAIN, "mine", "mine.toml").tests
    assert set(denied.trials(0)) == {
        Trial((("Never again.", ""),), ("negative",)),
        Trial((("Not bad {sic}.", ""),), ("positive",)),  # what is written out has no places
        Trial((("The room was not good.", ""),), ("negative",)),
        Trial((("The room was not great.", ""),), ("negative",)),
    }
    filled = names.trials(0)
    assert len(filled) == 3 * 2 * 2
    for trial in filled:
        (first, _), (other, _) = trial.versions
        said, told = re.match(r"(\w+) told (\w+)", first).groups()
        then, still = re.match(r"(\w+) told (\w+)", other).groups()
        assert {said, told, then} == {"Ann", "Bo", "Cy"}  # the third name, as the second one stands there already
        assert (still, first[-6:]) == (told, other[-6:])
        assert trial.expected is None
    assert set(more.trials(0)) == {
        Trial((("It is up.", ""), ("It is up. And down.", "")), Movement(-0.1, float("inf"), "positive")),
        Trial((("It is in.", ""), ("It is in. And out.", "")), Movement(-0.1, float("inf"), "positive")),
    }


def test_filling_hangs_on_the_seed_and_stops_at_its_bound():
    many = {"a": tuple((str(n),) for n in range(400)), "b": tuple((str(n),) for n in range(900))}
    test = FunctionalTest("t", MFT, templates=(("{a} {b}", ""), ("{a}", ""), ("{b}!", "")), expected=("x",), lists=many)
    assert 400 * 900 > 100_000  # too many to tell over
    first = test.trials(0)
    assert first == test.trials(0)
    assert set(first) != set(test.trials(1))
    assert len(first) == len(set(first)) == test.most
    assert sum("!" in trial.versions[0][0] for trial in first) == pytest.approx(test.most / 3, abs=1)


def test_what_small_templates_cannot_fill_falls_to_the_others():
    lists = {"a": tuple((str(n),) for n in range(500))}
    test = FunctionalTest("t", MFT, templates=(("{a}", ""), ("one", ""), ("two", "")), expected=("x",), lists=lists)
    assert len(test.trials(3)) == test.most


def test_pairs_move_along_with_what_is_changed():
    text = """task = "classify_pair"
    [lists]
    name = ["Ann", "Bo"]
    [[test]]
    name = "turned"
    type = "INV"
    templates = [["Is {name} in?", "Has {name} come?"]]
    to = [["{text_pair}", "{text}"], "Please: {text}"]
    """
    (test,) = suite_of(text, "mine", "mine.toml").tests
    trial = next(each for each in test.trials(0) if "Ann" in each.versions[0][0])
    assert set(trial.versions) == {
        ("Is Ann in?", "Has Ann come?"), ("Has Ann come?", "Is Ann in?"), ("Please: Is Ann in?", "Has Ann come?"),
    }  # fmt: skip


def test_edits_make_versions_and_cases_they_leave_alone_are_none():
    test = FunctionalTest("t", INV, edits=("casing",), written=(Trial((("A lamp", ""),)), Trial((("…", ""),))))
    (trial,) = edited(test, test.trials(0), CATALOGUE, 0)
    first, other = (text for text, _ in trial.versions)
    assert first == "A lamp" != other
    assert other.casefold() == first.casefold()
    with pytest.raises(OptionError, match="preserve the label"):
        edited(FunctionalTest("t", INV, edits=("negation",)), test.trials(0), CATALOGUE, 0)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('name = "names"', "name = names", 23, "expected toml"),
        ('task = "classify"', 'task = "clasify"', 1, "classify_pair"),
        ("[lists]", "[list]", 7, "a key of a suite"),
        ('name = ["Ann", "Bo", "Cy"]', "name = []", 8, "the list name"),
        ("[[\"up\", \"down\"]", '[["up"]', 33, "entries of 2 words in the list pair"),
        ('capability = "negation"', 'ability = "negation"', 14, "capability"),
        ("was not {good}", "was not {god}", 15, "a list for {god}"),
        ('expect = "positive"', 'expect = "posituve"', 18, "'posituve'"),
        ('expect = "negative"', 'expect = "neg"', 20, "a class among negative, positive"),
        ('expect = "negative"', "", 12, "an expect"),
        ('type = "INV"', 'type = "INVARIANT"', 24, "MFT, INV, DIR"),
        ('vary = "name"', 'vary = "names"', 26, "Did you mean name"),
        ('vary = "name"\n', "", 22, "what changes"),
        ("versions = 1", "versions = 0", 27, "from 1 to 10000"),
        ("versions = 1", 'expect = "positive"', 27, "the answer must stay"),
        ('to = ["{text} And {pair.2}."]', 'to = ["{txt} And {pair.2}."]', 33, "Did you mean text"),
        ("not_fall_by = 0.1", "not_fall = 0.1", 34, "not_fall_by"),
        ("not_fall_by = 0.1", "not_fall_by = true", 34, "not_fall_by"),
        ('name = "more"', 'name = "names"', 30, "a name of its own"),
    ],
)  # fmt: skip
def test_a_broken_line_is_told(old, new, line, said):
    message = refused(changed(old, new))
    assert f"mine.toml, line {line}," in message
    assert said in message


def test_what_is_no_suite_at_all(tmp_path):
    assert "line 1, given none" in refused("")
    broken = tmp_path / "gbk.toml"
    broken.write_bytes('[lists]\n"好" = ["好"]\n'.encode("gbk"))
    with pytest.raises(OptionError, match="line 2"):
        find_suite(broken)
    with pytest.raises(OptionError, match="sentiment_en"):
        find_suite("sentimnt_en")


def test_a_file_with_a_byte_order_mark_and_windows_line_ends_reads_as_any(tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_bytes(b"\xef\xbb\xbf" + PLAIN.replace("\n", "\r\n").encode())
    assert find_suite(mine) == suite_of(PLAIN, "mine", "mine.toml")


@pytest.mark.parametrize("name", READY)
def test_ready_suites_fill_every_test_in_their_language(name):
    suite = READY[name]
    names = set()
    for test in suite.tests:
        trials = edited(test, test.trials(0), CATALOGUE, 0)
        assert len(trials) >= 10, test.name
        names.add(test.name)
        for trial in trials:
            for version in trial.versions:
                whole = " ".join(version)
                assert not re.search(r"[{}]", whole), whole
                assert is_cjk(whole) == (suite.language == "zh"), whole
                assert not re.search(r"\b[Aa] [aeiou]|\b[Aa]n [^aeiou]|  ", version[0]) or "blanks" in test.name, whole
            assert len(trial.versions) > 1 or isinstance(trial.expected, tuple)
            assert not isinstance(trial.expected, tuple) or set(trial.expected) <= set(suite.labels)
    assert len(names) == len(suite.tests) >= 20


@pytest.mark.parametrize(
    ("task", "labels", "texts", "found"),
    [
        ("classify", ("neg", "pos"), ["the room is fine"], "sentiment_en"),
        ("classify", ("Negative", "Neutral", "Positive"), ["the room is fine"], "sentiment_en"),
        ("classify", ("好评", "差评"), ["房间不错", "早餐好吃", "the room"], "sentiment_zh"),
        ("classify", ("0", "1"), ["the room is fine"], None),
        ("classify", ("neutral", "positive"), ["the room is fine"], None),
        ("classify", ("very negative", "negative", "positive"), ["the room is fine"], None),
        ("classify", ("neg", "pos"), ["das Zimmer war gut"], None),
        ("classify_pair", ("different", "same"), ["那个怎么走"] * 2, "questions_zh"),
        ("classify_pair", ("entailment", "neutral"), ["the room is fine"], None),
    ],
)
def test_ready_suites_are_taken_where_they_fit(task, labels, texts, found):
    made = CATALOGUE.task(task, labels=labels)
    if found is None:
        with pytest.raises(DataError, match="expected a task with a ready suite"):
            suites_for(made, Dataset.of({"text": texts}), {})
    else:
        assert [suite.name for suite in suites_for(made, Dataset.of({"text": texts}), {})] == [found]


def test_classes_may_be_told():
    made = CATALOGUE.task("classify", labels=("0", "1"))
    (suite,) = suites_for(made, Dataset.of({"text": ["the room is fine"]}), {"negative": "0", "positive": "1"})
    assert suite.name == "sentiment_en"
