"""Claims: values of numbers in all spellings, names, negations and what only looks like one; the laws of support."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duiqi.data.claims import KINDS, Support, chinese_number, names, negations, numbers


def values(text):
    return [value for _, value in numbers(text)]


def added(source, text):
    """What the text adds, without the kinds that are empty."""
    return {kind: said for kind, said in Support.of(source).lacks(text).items() if said}


@pytest.mark.parametrize(
    ("numeral", "value"),
    [
        ("十", 10),
        ("十二", 12),
        ("二十", 20),
        ("三百", 300),
        ("三百五", 350),
        ("三百零五", 305),
        ("一百一十一", 111),
        ("一千零五", 1005),
        ("两万五", 25_000),
        ("一万零五百", 10_500),
        ("十二万", 120_000),
        ("一亿三千万", 130_000_000),
        ("三万亿", 3 * 10**12),
        ("二〇二四", 2024),
        ("零", 0),
    ],
)
def test_values_of_chinese_numerals(numeral, value):
    assert chinese_number(numeral) == value


def test_decimals_of_chinese_numerals():
    assert chinese_number("三点一四") == Decimal("3.14")


def spelled(number):
    """A number below ten thousand as it is written in Chinese, by the rule for noughts within it."""
    digits, said = [int(each) for each in f"{number:04}"], ""
    for digit, unit in zip(digits, ("千", "百", "十", ""), strict=True):
        said += "零一二三四五六七八九"[digit] + (unit if digit else "")
    while "零零" in said:
        said = said.replace("零零", "零")
    return said.strip("零")


@given(st.integers(1, 9999), st.integers(0, 9999))
def test_numerals_are_read_as_they_are_written(high, low):
    assert chinese_number(spelled(high)) == high
    gap = "零" if 0 < low < 1000 else ""
    assert chinese_number(f"{spelled(high)}万{gap}{spelled(low)}") == high * 10_000 + low


@given(st.text("零〇一二两三四九十百千万亿", min_size=1, max_size=12))
def test_every_run_of_numerals_has_a_value(numeral):
    assert chinese_number(numeral) >= 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,000 men and 1000", [1000, 1000]),
        ("3 million, 1.5bn", [3 * 10**6, 15 * 10**8]),
        ("50% or 7.5 %", [50, Decimal("7.5")]),
        ("twenty-five of two hundred", [25, 200]),
        ("one of the best", []),
        ("one million", [10**6]),
        ("F16, COVID19", []),
        ("the 4th at 12:30", [4, 12, 30]),
        ("1.5亿元，30万人", [15 * 10**7, 300_000]),
        ("三百人", [300]),
        ("百分之五", [5]),
        ("百分之五十", [50]),
        ("三个人，两天", [3, 2]),
        ("十分好的三明治", []),
        ("一个人一样", []),
        ("三五天，几十个，二十几岁，万一", []),
    ],
)
def test_numbers_of_a_text(text, expected):
    assert values(text) == expected


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("1,000 men", "1000 men"),
        ("他卖了300盏", "他卖了三百盏"),
        ("百分之五十", "50%"),
        ("３万元", "30000元"),
        ("half of it", "50% of it"),
        ("one million", "1 million"),
        ("a dozen", "12"),
        ("the first", "1"),
        ("ten", "10"),
        ("两人", "2人"),
        ("3 million", "3,000,000"),
    ],
)
def test_a_number_in_another_spelling_is_supported(source, text):
    assert added(source, text) == {}


def test_numbers_that_only_look_alike_are_added():
    assert added("3 lamps in 2023", "3 million lamps in 2024") == {"number": ["3 million", "2024"]}
    assert added("卖了三百盏", "卖了三千盏") == {"number": ["三千"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He met Barack Obama in Paris.", ["Barack", "Obama", "Paris"]),
        ("Then Mr. Hale's dog ran.", ["Hale"]),
        ("It rained. London slept. He left", []),
        ("Police Arrest Man in London", []),
        ("He said I'm OK", []),
        ("They speak of “Lyon” there", []),
        ("He is in Rome", ["Rome"]),
        ("他买了iPhone，重5kg", ["iPhone"]),
        ("他在读《三体》", ["三体"]),
        ("王小明去了北京", []),
    ],
)
def test_names_of_a_text(text, expected):
    assert [name.removesuffix("'s") for name in names(text)] == expected


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("OBAMA spoke", "They heard Obama's speech"),
        ("in Paris", "He saw Paris"),
        ("15 dec, Sat", "it is due in December, on Saturday"),
        ("they heard solstafir", "They heard Sólstafir"),
        ("三体很好看", "他在读《三体》"),
        ("he uses an iphone", "他用iPhone"),
        ("《The  Wire》很好", "他看《the wire》"),
    ],
)
def test_a_name_in_another_dress_is_supported(source, text):
    assert added(source, text) == {}


def test_a_part_of_a_word_supports_no_name():
    assert added("joanna went home", "They say Anna went home") == {"name": ["Anna"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He does not go", 1),
        ("don't, can’t", 2),
        ("No, never", 2),
        ("no. 5 and No 7", 0),
        ("no doubt, not only", 0),
        ("notes in a knot", 0),
        ("他没来，也不说", 2),
        ("不过非常好，别人无论如何", 0),
        ("是不是？有没有？", 0),
        ("未来特别不错", 0),
        ("从来没有", 1),
        ("不去南非", 1),
    ],
)
def test_negations_of_a_text(text, expected):
    assert len(list(negations(text))) == expected


@pytest.mark.parametrize("source", ["He never came", "He failed to come", "他未到场", "他拒绝到场"])
@pytest.mark.parametrize("text", ["he did not come", "他没有来"])
def test_a_negation_of_any_form_supports_one(source, text):
    assert "negation" not in added(source, text)


def test_a_word_that_only_looks_like_a_negation_supports_none():
    assert added("不过他非常高兴", "他不高兴") == {"negation": ["不"]}


@given(st.text(max_size=80), st.text(max_size=40))
def test_a_text_adds_nothing_to_itself_nor_to_what_holds_it(text, more):
    for source in (text, f"{text}\n{more}"):
        assert not added(source, text).get("name")
    assert added(text, text) == {}


@given(st.text(alphabet="a1Bc三百不《》. ,not", max_size=60))
def test_nothing_adds_nothing(source):
    assert Support.of(source).lacks("") == {kind: [] for kind in KINDS}


@given(st.text(alphabet="AaBb 13,.三百万个不非常noNt'", max_size=60))
def test_what_is_found_stands_in_the_text(text):
    for found in Support.of("").lacks(text).values():
        assert all(each in text for each in found)
