"""A policy: rules are read or refused with one clear message; words are found as a reader cuts them; nothing hangs."""

from __future__ import annotations

import time

import numpy as np
import pytest

from duiqi.config import read_policy
from duiqi.core.errors import DataError, OptionError
from duiqi.core.part import Catalogue
from duiqi.data import policy
from duiqi.data.policy import check_labels, first_word, rules_of, searched


def rule(**said):
    (made,) = rules_of({"r": said})
    return made


def broken(outputs, **said):
    return rule(**said).broken(outputs)


@pytest.mark.parametrize(
    ("text", "words", "found"),
    [
        ("I am SURE of it", ["sure"], "sure"),
        ("a measure of it", ["sure"], None),
        ("surely not", ["sure"], None),
        ("money-back guarantee's end", ["guarantee"], "guarantee"),
        ("it is\n risk  free", ["risk free"], "risk free"),
        ("Ｇｕａｒａｎｔｅｅｄ！", ["guaranteed"], "guaranteed"),
        ("don’t", ["don't"], "don't"),
        ("learn C++ now", ["c++"], "c++"),
        ("buy now!", ["!"], "!"),
        ("buy bonds, then gold", ["gold", "bonds"], "bonds"),  # the first in the text, not in the list
        ("nothing", ["sure"], None),
        ("", ["sure"], None),
    ],
)
def test_english_words(text, words, found):
    assert first_word(text, words) == found


@pytest.mark.parametrize(
    ("text", "words", "found"),
    [
        ("我们保证赚钱", ["保证"], "保证"),
        ("女性爱好阅读", ["性爱"], None),
        ("今天吃黄瓜", ["黄"], None),
        ("这条裙子是黄的", ["黄"], "黄"),
        ("加入VIP会员", ["vip会员"], "vip会员"),
        ("我有SURE卡", ["sure"], "sure"),  # Latin letters touch no others
    ],
)
def test_chinese_words_are_cut_as_a_reader_cuts_them(text, words, found):
    pytest.importorskip("jieba")
    assert first_word(text, words) == found


@pytest.mark.parametrize(
    ("said", "outputs", "found"),
    [
        ({"forbid_words": ["Guaranteed"]}, ["guaranteed gain", "no"], ["guaranteed", None]),
        ({"require_words": ["risk", "风险"]}, ["a risk", "投资有风险。", "no"], [None, None, ""]),
        ({"forbid_pattern": r"https?://\S+"}, ["see http://x.y now", "no"], ["http://x.y", None]),
        ({"require_pattern": r"^Dear "}, ["Dear Sir", "Sir"], [None, ""]),
        ({"forbid_label": ["spam"]}, [["spam"], ["ham"], ["ham", "spam"], []], ["spam", None, "spam", None]),
        ({"require_label": "ham"}, [["spam"], ["ham"], []], ["", None, ""]),
        ({"private": ["mail"]}, ["to li@example.com", "打13812345678"], ["[MAIL]", None]),
        ({"private": True}, ["to li@example.com", "打13812345678", "no"], ["[MAIL]", "[PHONE]", None]),
        ({"most_words": 3}, ["one two three", "one two three four", ""], [None, "", None]),
        ({"fewest_words": 1}, ["one", " . "], [None, ""]),
    ],
)
def test_what_breaks_a_rule(said, outputs, found):
    assert broken(outputs, **said) == found


def test_harmful_categories_are_told_apart():
    from duiqi.data.harmful import entries

    threat = f"{entries('violence')[0][0]}!"
    assert broken([threat, "good morning"], harmful=["violence"])[1] is None
    assert broken([threat], harmful=["violence"]) != [None]
    assert broken([threat], harmful=["advertising"]) == [None]


def test_when_says_what_inputs_a_rule_speaks_of():
    asked = ["How to invest?", "怎么理财", "investor", "hello"]
    assert rule(when=["invest", "理财"], most_words=1).about(asked).tolist() == [True, True, False, False]
    assert rule(when={"pattern": "(?i)^how"}, most_words=1).about(asked).tolist() == [True, False, False, False]
    assert rule(most_words=1).about(asked).all()


FILE = """# what we promise
[fine]
forbid_words = ["guaranteed"]

[bad]
why = "because"
{}
"""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("forbid_pattern = '(a'", r"line 7.*\(a"),
        ("forbid_wrods = ['x']", r"line 7.*forbid_wrods"),
        ("forbid_words = []", r"line 7.*\[\]"),
        ("forbid_words = ['x']\nmost_words = 4", r"exactly one.*forbid_words and most_words"),
        ("severity = 'high'", r"exactly one.*given none"),
        ("most_words = 4\nat_most = 1.2", r"0 to 1.*line 8.*1\.2"),
        ("most_words = 4\nat_most = true", r"0 to 1"),
        ("most_words = -1", r"number of words.*-1"),
        ("most_words = 4\nseverity = 'hihg'", r"hihg"),
        ("most_words = 4\nwhen = {pattern = '['}", r"pattern.*\["),
        ("most_words = 4\nwhen = {word = ['x']}", r"words or pattern in when"),
        ("harmful = ['hte']", r"hate.*hte"),
        ("private = ['fone']", r"phone.*fone"),
        ("require_words = ['GUARANTEED']", r"together with 'fine'.*guaranteed required"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused_with_its_line(tmp_path, line, said):
    file = tmp_path / "policy.toml"
    file.write_text(FILE.format(line), encoding="utf-8")
    with pytest.raises(OptionError, match=said) as raised:
        read_policy(file)
    assert "rule 'bad'" in str(raised.value)
    assert raised.value.hint


def test_an_unknown_key_is_answered_with_the_nearest_one():
    with pytest.raises(OptionError) as raised:
        rules_of({"r": {"forbid_wrods": ["x"]}})
    assert "forbid_words" in raised.value.hint


@pytest.mark.parametrize(
    ("one", "other", "clashes"),
    [
        ({"forbid_words": ["a", "b"]}, {"require_words": ["a"]}, True),
        ({"forbid_words": ["a"]}, {"require_words": ["a", "b"]}, False),  # b is left
        ({"forbid_words": ["a"], "when": ["x"]}, {"require_words": ["a"], "when": ["X"]}, True),
        ({"forbid_words": ["a"], "when": ["x"]}, {"require_words": ["a"], "when": ["y"]}, False),
        ({"forbid_words": ["a"]}, {"require_words": ["a"], "when": ["y"]}, True),
        ({"forbid_label": ["a", "b"]}, {"require_label": ["b"]}, True),
        ({"forbid_label": ["a"]}, {"require_label": ["b"]}, False),
        ({"require_label": ["a"]}, {"require_label": ["b"]}, True),
        ({"forbid_pattern": "a+"}, {"require_pattern": "a+"}, True),
        ({"forbid_pattern": "a+"}, {"forbid_pattern": "a+"}, False),
        ({"most_words": 3}, {"fewest_words": 4}, True),
        ({"most_words": 3}, {"fewest_words": 3}, False),
        ({"forbid_words": ["a"]}, {"forbid_label": ["a"]}, False),
    ],
)
def test_rules_that_no_output_can_keep_together_are_refused(one, other, clashes):
    for both in ({"one": one, "other": other}, {"other": other, "one": one}):
        if clashes:
            with pytest.raises(OptionError, match="kept together"):
                rules_of(both)
        else:
            assert len(rules_of(both)) == 2


def test_files_that_are_no_policy_are_told(tmp_path):
    with pytest.raises(OptionError, match="no file"):
        read_policy(tmp_path / "none.toml")
    empty = tmp_path / "empty.toml"
    empty.write_text("# nothing\n")
    with pytest.raises(OptionError, match="given none"):
        read_policy(empty)
    empty.write_text("[a]\nmost_words = \n")
    with pytest.raises(OptionError, match="cannot be read"):
        read_policy(empty)
    for bad in ({"r": 4}, {"a]b": {"most_words": 3}}, 7):
        with pytest.raises(OptionError):
            rules_of(bad)
    empty.write_text("[policy.short]\nmost_words = 3\n")  # as in duiqi.toml
    assert [each.name for each in rules_of(read_policy(empty))] == ["short"]


def test_labels_that_the_model_has_not_are_told_with_the_nearest():
    task = Catalogue.installed().task("classify", labels=("negative", "positive"))
    check_labels(rules_of({"r": {"forbid_label": ["positive"]}}), task)
    with pytest.raises(OptionError, match="positve") as raised:
        check_labels(rules_of({"r": {"require_label": ["positve"]}}), task)
    assert "positive" in raised.value.hint


def test_a_pattern_that_would_take_for_ever_is_told_and_not_waited_for(monkeypatch):
    monkeypatch.setattr(policy, "SECONDS", 0.3)
    begun = time.monotonic()
    with pytest.raises(DataError, match=r"rule 'r'.*text 3, of 60 characters"):
        searched(r"(a|aa)+$", ["fine", "all fine", "a" * 59 + "!"], "r")
    assert time.monotonic() - begun < 5


def test_searching_finds_what_the_standard_library_finds():
    import re

    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ab保证 1"), 12)) for _ in range(300)]
    for pattern in (r"a+b", r"保证", r"^\s*1", r"(?<!a)b\b", r"[ab]{3,}"):
        theirs = [match[0] if (match := re.search(pattern, text)) else None for text in texts]
        assert searched(pattern, texts, "r") == theirs
