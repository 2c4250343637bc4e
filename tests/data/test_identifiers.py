"""Identifiers in texts: known numbers by hand, made-up ones in sentences, and what only looks like some."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duiqi.data.identifiers import KINDS, Identifier, code_check, found, id_check, luhn, plain_value
from duiqi.data.made_up import MISSES, made_up, near_miss, sentence

LANGUAGES = ("en", "zh")
ROWS = 400


def said(text, kinds=KINDS):
    return [(each.kind, text[each.start : each.end]) for each in found([text], kinds)[0]]


# Public examples: IDs of GB 11643, card numbers that payment companies give for tests, numbers kept free for fiction,
# addresses kept free for documentation.
KNOWN = {
    "身份证11010519491231002X，已核": [("id", "11010519491231002X")],
    "ID 440524188001010014.": [("id", "440524188001010014")],
    "１１０１０５１９４９１２３１００２Ｘ": [("id", "１１０１０５１９４９１２３１００２Ｘ")],
    "id:110105 19491231 002x": [("id", "110105 19491231 002x")],
    "卡号4111111111111111付款": [("card", "4111111111111111")],
    "card 5555-5555-5555-4444, 3782 822463 10005": [("card", "5555-5555-5555-4444"), ("card", "3782 822463 10005")],
    "6011000990139424 and 3530111333300000": [("card", "6011000990139424"), ("card", "3530111333300000")],
    "税号91350100M000100Y43。": [("credit_code", "91350100M000100Y43")],
    "我的电话13812345678谢谢": [("phone", "13812345678")],
    "+86 138 1234 5678 / 0086-13912345678": [("phone", "+86 138 1234 5678"), ("phone", "0086-13912345678")],
    "电话０１０－６５５２９９８８": [("phone", "０１０－６５５２９９８８")],
    "(0755)86013388转8001": [("phone", "(0755)86013388转8001")],
    "call (212) 555-0123 or 1-800-555-0199": [("phone", "(212) 555-0123"), ("phone", "1-800-555-0199")],
    "UK: 020 7946 0958, +44 (0)20 7946 0958": [("phone", "020 7946 0958"), ("phone", "+44 (0)20 7946 0958")],
    "+12025550147, +49 30 901820": [("phone", "+12025550147"), ("phone", "+49 30 901820")],
    "13812345678/13912345678": [("phone", "13812345678"), ("phone", "13912345678")],
    "邮箱zhang.san@example.com谢谢": [("mail", "zhang.san@example.com")],
    "a+b@x-y.example.co.uk.": [("mail", "a+b@x-y.example.co.uk")],
    "车牌京A12345和粤B·D12345、沪A1234学": [("plate", "京A12345"), ("plate", "粤B·D12345"), ("plate", "沪A1234学")],
    "从192.0.2.146登录, 2001:db8::ff00:42:8329": [("ip", "192.0.2.146"), ("ip", "2001:db8::ff00:42:8329")],
    "DNS 8.8.8.8": [("ip", "8.8.8.8")],
    "https://x.example/cb?user=1&access_token=abc123#top": [("secret", "abc123")],
    "ssh://root:p@ss@192.0.2.7/srv": [("secret", "p@ss"), ("ip", "192.0.2.7")],
    "见https://x.example/?a=1&amp;api_key=zzz9。": [("secret", "zzz9")],
}
NONE = [
    "身份证110105194912310021",  # another last digit
    "ID 110105194902300019",  # 30 February
    "ID 990105194912310021 is from nowhere",
    "4111111111111112", "1234567812345678", "card 6011000990139425", "91350100M000100Y44",
    "order number 4111111111111111", "订单号13812345678", "https://shop.example/13812345678.html",
    "价格13812345678元", "$13812345678", "138123456789", "1381234567", "x13812345678", "d13812345678e",
    "0.13812345678", "2024-05-06 13:14:15", "20240506131415", "ISBN 978-7-111-40701-0", "ISBN 0-306-40615-2",
    "v10.20.30.40", "第10.2.3.4节", "version 192.168.10.2", "1.2.3.4", "999.1.2.3", "10.20.30", "127.0.0.1",
    "12:30:45", "std::dec", "00:1A:2B:3C:4D:5E", "550e8400-e29b-41d4-a716-446655440000",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709", "icon@2x.png", "@user", "a @ b.com", "1,234,567.89",
    "北京A12345", "3-2 (1-0)", "200 400 1500 metres", "+2000", "x+12345678", "?token=abc without a link",
    "https://x.example/?page=2&sort=key", "12010 3210 4321", "400-300-20000", "1984-1999",
]  # fmt: skip


@pytest.mark.parametrize("text", KNOWN)
def test_known_identifiers(text):
    assert said(text) == KNOWN[text]


@pytest.mark.parametrize("text", NONE)
def test_what_only_looks_like_one(text):
    assert said(text) == []


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_made_up_ones_are_found_in_sentences(lang, kind):
    """The share found whole and nothing else with them."""
    rng = np.random.default_rng(KINDS.index(kind))
    values = [made_up(rng, kind) for _ in range(ROWS)]
    texts = [sentence(rng, lang, kind, value) for value in values]
    hits = 0
    for value, text, each in zip(values, texts, found(texts), strict=True):
        start = text.index(value)
        inside = len(each) == 1 and start <= each[0].start and each[0].end <= start + len(value)
        whole = inside and (kind == "secret" or each[0].end - each[0].start == len(value))
        hits += whole and each[0].kind == kind
    assert hits >= 0.99 * ROWS


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("sort", MISSES)
def test_near_misses_are_left_alone(lang, sort):
    rng = np.random.default_rng(MISSES.index(sort))
    texts = [sentence(rng, lang, sort, near_miss(rng, sort)) for _ in range(ROWS)]
    assert sum(map(bool, found(texts))) <= 0.01 * ROWS


def test_the_check_of_an_id_is_that_of_the_standard():
    """ISO 7064 MOD 11-2: with weights 2^(17-i), all 18 digits (X is 10) sum to 1 modulo 11."""
    rng = np.random.default_rng(0)
    for _ in range(500):
        born = date(1900, 1, 1) + timedelta(days=int(rng.integers(40_000)))
        first = f"440106{born:%Y%m%d}{rng.integers(1000):03}"
        digits = [10 if sign == "X" else int(sign) for sign in first + id_check(first)]
        assert sum(digit * 2 ** (17 - at) for at, digit in enumerate(digits)) % 11 == 1


def test_the_check_of_a_credit_code_is_that_of_the_standard():
    """GB 32100: the first 17 signs, weighted by 3^(i-1), and the last sum to 0 modulo 31."""
    signs, rng = "0123456789ABCDEFGHJKLMNPQRTUWXY", np.random.default_rng(0)
    for _ in range(500):
        first = "91440101" + "".join(signs[at] for at in rng.integers(31, size=9))
        total = sum(signs.index(sign) * 3**at for at, sign in enumerate(first))
        assert (total + signs.index(code_check(first))) % 31 == 0


def test_luhn_finds_every_wrong_digit():
    right = "4111111111111111"
    assert luhn(right)
    for at in range(16):
        wrong = [right[:at] + digit + right[at + 1 :] for digit in "0123456789" if digit != right[at]]
        assert not any(map(luhn, wrong))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(st.sampled_from("0123456789 -+()@.:/?&=aX京A年，元1３＠\n"), max_size=40), max_size=5))
def test_places_are_in_order_apart_and_the_same_in_any_company(texts):
    together = found(texts)
    assert together == [found([text])[0] for text in texts]
    for text, each in zip(texts, together, strict=True):
        ends = [0, *(one.end for one in each)]
        assert all(end <= one.start < one.end <= len(text) for end, one in zip(ends, each, strict=False))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(KINDS), st.text(st.sampled_from("好房间，。（）"), max_size=5))
def test_chinese_characters_may_touch_it(seed, kind, around):
    value = made_up(np.random.default_rng(seed), kind)
    (one,) = found([f"{around}{value}{around}"])[0]
    assert one.kind == kind
    assert len(around) <= one.start < one.end <= len(around) + len(value)


def test_kinds_that_are_not_asked_for_are_left():
    text = "13812345678 a@example.com"
    assert said(text, ["mail"]) == [("mail", "a@example.com")]
    assert found([], KINDS) == []
    assert found([""]) == [[]]
    assert found(["", text, ""])[1] == [Identifier(0, 11, "phone"), Identifier(12, 25, "mail")]


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("phone", "+86 138-1234-5678", "１３８１２３４５６７８"),
        ("phone", "(010)65529988", "010-65529988"),
        ("card", "4111 1111 1111 1111", "4111-1111-1111-1111"),
        ("id", "11010519491231002x", "110105 19491231 002X"),
        ("mail", "A@Example.com", "a@example.com"),
        ("plate", "京A·12345", "京A12345"),
    ],
)
def test_ways_of_writing_one_value(kind, one, other):
    assert plain_value(kind, one) == plain_value(kind, other)


def test_long_texts_without_end_take_no_time():
    """Texts that make bad patterns slow: their time must grow with their length, not with its square."""
    import time

    for piece in ("a.", "1-", "+1 ", "://a:", "?a=", ":1", "1234567890", "(0", "a@a.", "1.1.1."):
        begun = time.process_time()
        found([piece * 20_000])
        assert time.process_time() - begun < 3, piece
