"""Identifiers of people in texts: mail addresses, phone numbers, ID and card numbers, credit codes, licence plates, IP
addresses, and secrets in links. English and Chinese, by patterns, checksums and words (`lexicons/identifiers.toml`).

A number is an identifier where its form says so and its checksum holds, and where it is no part of a longer number or
code. What only might be one (ten digits in a row, eight behind a year) is left alone: prices, dates, order numbers and
versions stand in nearly all data, and a mask over them costs more than it saves. So not found are numbers without an
area code, digits written as words or as 一三八, 15-digit IDs, passports, addresses in the street, and names, which take
a model that tags them (`duiqi.data.private`).

Most texts have none. So the texts of a piece are searched for signs of identifiers in one go, and only those that have
some are looked at closely.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from itertools import accumulate
from typing import Any, Literal, get_args

from duiqi.data.clean import dirty

Kind = Literal["secret", "mail", "id", "credit_code", "card", "phone", "ip", "plate"]
KINDS: tuple[Kind, ...] = get_args(Kind)  # the first that fits has it
NAME = "name"  # of a person; found by a model, not here

Check = Callable[[re.Match[str]], "tuple[int, int] | None"]


@dataclass(frozen=True, order=True)
class Identifier:
    """Where in a text an identifier stands, and of which kind it is."""

    start: int
    end: int
    kind: str


def found(texts: Sequence[str], kinds: Iterable[str] = KINDS) -> list[list[Identifier]]:
    """The identifiers of every text in their order, none overlapping another."""
    wanted = set(kinds)
    made: list[list[Identifier]] = [[] for _ in texts]
    rows = dirty(texts, _SIGNS) if texts else []
    plain = [_narrow(texts[row]) for row in rows]
    together = "\n".join(plain)  # nothing that is looked for goes over a line break
    starts = list(accumulate((len(text) + 1 for text in plain), initial=0))
    taken = bytearray(len(together))
    places = []
    for kind in KINDS:
        for pattern, check in _FORMS[kind]:
            for start, end in _spans(pattern, check, together):
                if not any(taken[start:end]):
                    taken[start:end] = b"\1" * (end - start)
                    places.append(Identifier(start, end, kind))
    at = 0
    for each in sorted(places):
        while starts[at + 1] <= each.start:
            at += 1
        if each.kind in wanted:
            made[rows[at]].append(Identifier(each.start - starts[at], each.end - starts[at], each.kind))
    return made


def _spans(pattern: re.Pattern[str], check: Check, text: str) -> Iterator[tuple[int, int]]:
    """Where a form is found and its check holds; another one may begin in what was too much of a match."""
    at = 0
    while (match := pattern.search(text, at)) is not None:
        span = check(match)
        if span is not None:
            yield span
        at = span[1] if span is not None else match.start() + 1


def plain_value(kind: str, value: str) -> str:
    """An identifier as it is compared: equal for ways of writing it that mean the same.

    >>> plain_value("phone", "+86 138-1234-5678")
    '13812345678'
    """
    value = _narrow(value).strip()
    if kind == "phone":
        digits = re.sub(r"[^0-9+]", "", value)
        return re.sub(r"^(?:\+|00)?86(?=1[3-9]\d{9}$)", "", digits)
    if kind in ("id", "card", "credit_code", "plate"):
        return re.sub(r"[\s\-·•.]", "", value).upper()
    return value if kind == "secret" else value.casefold()


def name_types(labels: Iterable[str]) -> tuple[str, ...]:
    """Those of a tagging model's types that are names of persons."""
    known = set(_lexicon()["names"]["types"])
    return tuple(label for label in labels if label.lower() in known)


# Signs: patterns that every identifier matches, few other texts do, and that are searched for fast.

_DIGIT = "[0-9０-９]"
_GAP = "[ \u3000\\-－.．()（）]"
_SIGNS = [
    re.compile(rf"{_DIGIT}(?:{_GAP}{{0,3}}{_DIGIT}){{6}}"),
    re.compile(rf"{_DIGIT}{{1,3}}[.．]{_DIGIT}{{1,3}}[.．]{_DIGIT}{{1,3}}[.．]{_DIGIT}"),
    re.compile(r"@(?<=[0-9A-Za-z_+\-０-９Ａ-Ｚａ-ｚ]@)[0-9A-Za-z０-９Ａ-Ｚａ-ｚ]"),
    re.compile("＠"),
    re.compile("://"),
    re.compile(r"\?[\w.\-]{1,30}="),
    re.compile(r"&[\w.\-;]{1,30}="),
    re.compile(r"#[\w.\-]{1,30}="),
    re.compile("::"),
    re.compile(":[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{1,4}:"),
]

_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_OTHER = re.compile("[\uff01-\uff5e\u3000]")


def _narrow(text: str) -> str:
    """The text in half-width signs, character by character."""
    return text.translate(_WIDE) if _OTHER.search(text) else text


# Words round about


@cache
def _lexicon() -> Mapping[str, Any]:
    return tomllib.loads(files("duiqi.data").joinpath("lexicons", "identifiers.toml").read_text(encoding="utf-8"))


@cache
def _ends_with(words: str, filler: str) -> re.Pattern[str]:
    """Texts that end with one of the lexicon's words and nothing much behind it."""
    listed = sorted(_lexicon()["words"][words], key=len, reverse=True)
    latin = "|".join(re.escape(each) for each in listed if each.isascii())
    other = "|".join(re.escape(each) for each in listed if not each.isascii())
    either = [rf"(?<![a-z])(?:{latin})"] * bool(latin) + [f"(?:{other})"] * bool(other)
    return re.compile(f"(?:{'|'.join(either)}){filler}$", re.IGNORECASE)


_CLOSE = r"(?:[ :#(\[]|no\.?|number|is|was|id|是|为|号|码){0,5}"  # between a word and the number it speaks of
_NEAR = r"[^0-9\n,。!?;]{0,20}"
_BEFORE = 48  # characters looked at for words


def _said(match: re.Match[str], start: int, words: str, filler: str = _CLOSE) -> bool:
    return _ends_with(words, filler).search(match.string[max(0, start - _BEFORE) : start]) is not None


@cache
def _amount() -> re.Pattern[str]:
    units = sorted(_lexicon()["words"]["after_amount"], key=len, reverse=True)
    return re.compile(" ?(?:" + "|".join(re.escape(each) + ("(?![a-z])" if each.isalpha() and each.isascii() else "")
                                         for each in units) + ")", re.IGNORECASE)  # fmt: skip


def _is_amount(match: re.Match[str], start: int, end: int) -> bool:
    """Whether it is money or a measure."""
    return _amount().match(match.string, end) is not None or _said(match, start, "before_amount", " ?")


_LINK = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.\-]*://|www\.)[!-~]*$")


def _in_link(match: re.Match[str], start: int) -> bool:
    """Whether it stands in a link and is no value of a parameter there."""
    string = match.string
    if start and string[start - 1] == "=":
        return False
    return _LINK.search(string[max(0, start - 300) : start]) is not None


def _is_other(match: re.Match[str], start: int, end: int) -> bool:
    """Whether what stands around says that the number is none of a person."""
    return _is_amount(match, start, end) or _in_link(match, start) or _said(match, start, "other_number")


# Checks: from a match to the place of an identifier, or `None` where it is none

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # 2^(17-i) mod 11: GB 11643, ISO 7064 MOD 11-2
_CODE_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # of GB 32100: without I, O, S, V, Z
_CODE_WEIGHTS = tuple(pow(3, at, 31) for at in range(17))


def id_check(first: str) -> str:
    """The last sign of a mainland ID whose first 17 digits these are (GB 11643-1999)."""
    return "10X98765432"[sum(w * int(d) for w, d in zip(_ID_WEIGHTS, first, strict=True)) % 11]


def code_check(first: str) -> str:
    """The last sign of a unified social credit code whose first 17 signs these are (GB 32100-2015)."""
    total = sum(w * _CODE_SIGNS.index(sign) for w, sign in zip(_CODE_WEIGHTS, first, strict=True))
    return _CODE_SIGNS[-total % 31]


def luhn(digits: str) -> bool:
    """Whether the last digit of a card's number is the one that the others ask for (ISO/IEC 7812)."""
    doubled = (int(d) * 2 for d in digits[-2::-2])
    return (sum(map(int, digits[::-2])) + sum(d - 9 * (d > 9) for d in doubled)) % 10 == 0


def _id(match: re.Match[str]) -> tuple[int, int] | None:
    number = re.sub(r"[ \-]", "", match[0]).upper()
    if number[:2] not in _regions() or not _is_birth(number[6:14]) or id_check(number[:17]) != number[17]:
        return None
    return match.span()


@cache
def _regions() -> frozenset[str]:
    return frozenset(_lexicon()["regions"]["provinces"].split())


def _is_birth(digits: str) -> bool:
    years = _lexicon()["born"]
    try:
        born = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return bool(years["first"] <= born.year <= years["last"])


def _credit_code(match: re.Match[str]) -> tuple[int, int] | None:
    code, known = match[0].upper(), _lexicon()["regions"]
    region = code[2:4] in _regions() or code[2:4] == known["national"]
    registered = code[:2] in known["registers"].split()
    if not region or not registered or code_check(code[:17]) != code[17] or _is_other(match, *match.span()):
        return None
    return match.span()


@cache
def _issuers(table: str) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
    """First digits from and to, and lengths."""
    parted = ((first.partition("-"), tuple(lengths)) for first, lengths in _lexicon()[table].items())
    return tuple((low, high or low, lengths) for (low, _, high), lengths in parted)


def _is_card(digits: str, table: str) -> bool:
    return any(low <= digits[: len(low)] <= high and len(digits) in lengths for low, high, lengths in _issuers(table))


def _card(match: re.Match[str]) -> tuple[int, int] | None:
    """The whole match, or its first four groups of four: what follows may be another number."""
    start, groups = match.start(), re.split(r"[ \-]", match[0])
    ends = [match.end(), *([start + 19] if list(map(len, groups))[:4] == [4] * 4 else [])]
    end = next((end for end in ends if _is_sound_card(match, start, end)), None)
    return None if end is None or _is_other(match, start, end) else (start, end)


def _is_sound_card(match: re.Match[str], start: int, end: int) -> bool:
    digits = re.sub("[^0-9]", "", match.string[start:end])
    if len(digits) == 18 and digits[:2] in _regions() and _is_birth(digits[6:14]):
        return False  # an ID whose checksum does not hold
    named = _is_card(digits, "cards_named") and _said(match, start, "card", _NEAR)
    return (named or _is_card(digits, "cards")) and luhn(digits)


@cache
def _mobiles() -> frozenset[str]:
    return frozenset(_lexicon()["phones"]["mobile"].split())


def _mobile(match: re.Match[str]) -> tuple[int, int] | None:
    digits = re.sub("[^0-9]", "", match[0])
    digits = digits.removeprefix("86") if len(digits) == 13 else digits
    if len(digits) != 11 or digits[:3] not in _mobiles() or _is_other(match, *match.span()):
        return None
    return match.span()


def _phone(match: re.Match[str]) -> tuple[int, int] | None:
    """A number whose form with its separators is enough."""
    start, end = match.span()
    start += match[0][0] == "(" and ")" not in match[0]  # a bracket around more than the area code
    return None if _is_other(match, start, end) else (start, end)


def _called(match: re.Match[str]) -> tuple[int, int] | None:
    """A number whose form is enough behind a word for a phone."""
    return _phone(match) if _said(match, match.start(), "phone", _NEAR) else None


@cache
def _countries() -> frozenset[str]:
    return frozenset(_lexicon()["phones"]["countries"].split())


def _international(match: re.Match[str]) -> tuple[int, int] | None:
    """The longest beginning of the match that is a number of its country, cut between groups of digits."""
    start, string = match.start(), match.string
    if re.search(
        r"[0-9A-Za-z+]$" if match[0][0] != "0" else r"[0-9A-Za-z+]$|[0-9][.,\-/]$", string[max(0, start - 2) : start]
    ):
        return None
    ends = [start + each.end() for each in re.finditer(r"(?<=[0-9])(?![0-9])|(?<=[0-9]\))", match[0])]
    end = next((end for end in reversed(ends) if _is_abroad(string[start:end])), None)
    if end is None or _is_amount(match, start, end) or _in_link(match, start):
        return None
    return start, end


def _is_abroad(said: str) -> bool:
    digits = re.sub("[^0-9]", "", re.sub(r"^\(?00", "", said).replace("(0)", ""))
    code = next((digits[:size] for size in (1, 2, 3) if digits[:size] in _countries()), "")
    national, phones = digits[len(code) :], _lexicon()["phones"]
    fewest, most = phones["lengths"].get(code, (7, 12))
    if not code or not fewest <= len(national) <= most or said.count("(") != said.count(")"):
        return False
    if code == "1":
        return re.fullmatch(_AREA + _EXCHANGE + r"[0-9]{4}", national) is not None
    if code == "86" and len(national) == 11 and national[0] == "1":
        return national[:3] in _mobiles()
    return not national.startswith("0") or code in phones["leading_zero"]


def _mail(match: re.Match[str]) -> tuple[int, int] | None:
    at = match.start()
    name = _MAILBOX.search(match.string[max(0, at - 64) : at])
    if name is None or match["ending"].lower() in _lexicon()["mail"]["files"]:
        return None
    return at - len(name[0]), match.end()


_MAILBOX = re.compile(r"[0-9A-Za-z_](?:[0-9A-Za-z._%+\-]*[0-9A-Za-z_\-+])?$")


def _ip(match: re.Match[str]) -> tuple[int, int] | None:
    try:
        address = IPv4Address(match[0])
    except AddressValueError:
        return None
    if address.is_loopback or address.packed[0] in (0, 255) or _said(match, match.start(), "version"):
        return None
    if max(address.packed) < 10 and not _said(match, match.start(), "address", _NEAR):
        return None  # 1.2.3.4 is more often a version or a section
    return match.span()


def _ip6(match: re.Match[str]) -> tuple[int, int] | None:
    """The address around two colons that stand close together."""
    string = match.string
    start, end = match.span()
    while start and string[start - 1] in _GROUPS and end - start < _LONGEST_IP:
        start -= 1
    while end < len(string) and string[end] in _GROUPS and end - start < _LONGEST_IP:
        end += 1
    said, around = string[start:end], string[max(0, start - 1) : start] + string[end : end + 1]
    groups = [each for each in said.split(":") if each]
    sure = len(groups) > 2 or re.match("f[cde]|2[0-9a-f]{3}:", said, re.IGNORECASE) is not None
    named = re.search("[0-9A-Za-z_.]", around) is None and any(map(str.isdigit, "".join(groups)))
    if not sure or not named or ("::" not in said and max(map(len, groups)) < 3):
        return None  # a time, the number of a network card, names of a programming language
    try:
        IPv6Address(said)
    except AddressValueError:
        return None
    return start, end


_GROUPS, _LONGEST_IP = frozenset("0123456789ABCDEFabcdef:"), 40


def _plate(match: re.Match[str]) -> tuple[int, int] | None:
    serial = match["serial"]
    if sum(map(str.isdigit, serial)) < 3:
        return None
    until = match.string[max(0, match.start() - 4) : match.start() + 1]
    return None if until.endswith(tuple(_lexicon()["plates"]["words"])) else match.span()


def _password(match: re.Match[str]) -> tuple[int, int] | None:
    return match.span("password") if match["password"] else None


def _token(match: re.Match[str]) -> tuple[int, int] | None:
    """A name in front of the host that is long and has digits: a token."""
    return match.span("token") if _mixed(match["token"]) else None


def _parameter(match: re.Match[str]) -> tuple[int, int] | None:
    start, end = match.span("value")
    value = match["value"].rstrip(".,;:!?()[]{}")
    name, known = re.sub("[-_.]", "", match["name"]).lower(), _lexicon()["secrets"]
    if not value or _LINKED.search(match.string[max(0, match.start() - 500) : match.start() + 1]) is None:
        return None
    if name in known["parameters"] or (name in known["long"] and _mixed(value)):
        return start, end - (len(match["value"]) - len(value))
    return None


_LINKED = re.compile(r"(?:://|[A-Za-z0-9]\.[A-Za-z]|/)[!-~]*$")


def _mixed(value: str) -> bool:
    return len(value) >= 16 and any(map(str.isdigit, value)) and any(map(str.isalpha, value))


# Forms: what an identifier looks like. None stands next to a Latin letter or digit of something longer; Chinese
# characters may touch it.

_ALONE = r"(?<![0-9A-Za-z_])(?<![0-9][.\-])(?:(?<![0-9]/)|(?<=[0-9]{7}/))"
_NO_EARLIER, _NO_LATER = "(?<![0-9] )", "(?! [0-9])"  # groups of digits
_APART = _ALONE + _NO_EARLIER
_DIALLED = rf"(?:{_ALONE}|(?<=(?i:tel))|(?<=(?i:phone)))"
_ENDED = r"(?![0-9A-Za-z_])(?!\.[0-9])"
_NO_MORE = _ENDED + _NO_LATER
_BREAK, _FOURS = r"([ \-])", r"[0-9]{4}\1[0-9]{4}"  # four digits, the same break again, four more
_AREA = "[2-9](?!11)[0-8][0-9]"  # of North America
_EXCHANGE = "[2-9](?!11)[0-9]{2}"
_LAND = "(?:10|2[0-57-9]|[3-9][0-9]{2})"  # area codes of the mainland behind their zero
_LOCAL = "[2-8][0-9]{2,3}[ -]?[0-9]{4}(?:(?:-|转)[0-9]{1,5})?"
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_LABEL = r"[0-9A-Za-z](?:[0-9A-Za-z\-]{0,61}[0-9A-Za-z])?"


def _form(pattern: str, check: Check) -> tuple[re.Pattern[str], Check]:
    return re.compile(pattern), check


def _number(first: str, rest: str, check: Check, *, before: str = _ALONE, end: str = _ENDED) -> Any:
    """A number by its first sign and the others. What stands before is looked at behind the first sign: patterns that
    begin with certain characters are searched for many times as fast."""
    return _form(f"{first}(?<={before}{first}){rest}{end}", check)


_FORMS: Mapping[str, Sequence[tuple[re.Pattern[str], Check]]] = {
    "secret": (
        _form(r"://[^\s/?#:@\"'<>]{0,64}:(?P<password>[^\s/?#\"'<>]{1,128})@(?=[A-Za-z0-9\[])", _password),
        _form(r"://(?P<token>[A-Za-z0-9_\-]{16,255})@", _token),
        _form(r"[?&#;](?P<name>[A-Za-z][A-Za-z0-9_.\-]{0,30})=(?P<value>[!%'-;=?-~]+)", _parameter),
    ),
    "mail": (_form(rf"@(?:{_LABEL}\.){{1,8}}(?P<ending>[A-Za-z]{{2,24}})(?![0-9A-Za-z@])", _mail),),
    "id": (_number("[1-8]", r"[0-9]{5}([ \-]?)[0-9]{8}\1[0-9]{3}[0-9Xx]", _id),),
    "credit_code": (
        _number("[0-9A-GNY]", "[0-9A-Ya-y][0-9]{6}[0-9A-HJ-NPQRTUWXYa-hj-npqrtuwxy]{10}", _credit_code),
    ),
    "card": (
        _number("[2-689]", "[0-9]{12,18}", _card),
        _number("[2-689]", rf"[0-9]{{3}}{_BREAK}{_FOURS}\1[0-9]{{4}}(?:\1[0-9]{{1,3}})?", _card, before=_APART),
        _number("3", rf"[0-9]{{3}}{_BREAK}[0-9]{{6}}\1[0-9]{{4,5}}", _card, before=_APART),
        _number("[69]", r"[0-9]{5}[ \-][0-9]{10,13}", _card, before=_APART),
    ),
    "phone": (
        _form(
            r"(?:\(\+ ?[1-9][0-9]{0,2}\)|\+ ?[1-9][0-9]{0,3}|00(?=86|[1-9][0-9]{0,2}[ \-]))"
            r"(?:[ \-.]{0,2}\(?[0-9]{1,14}\)?){1,6}(?![0-9A-Za-z_])", _international,
        ),
        # the mainland
        _number("1", "[3-9][0-9]{9}", _mobile, before=_DIALLED),
        _number("1", f"[3-9][0-9]{_BREAK}{_FOURS}", _mobile, before=_DIALLED + _NO_EARLIER, end=_NO_MORE),
        _number("8", rf"6[ \-]?1[3-9][0-9](?:[0-9]{{8}}|{_BREAK}{_FOURS})", _mobile, before=_DIALLED),
        _number("0", f"{_LAND}(?:-| - ?|- ){_LOCAL}", _phone, before=_DIALLED),
        _number(r"\(", rf"0{_LAND}\)[ \-]?{_LOCAL}", _phone, before=""),
        _number("0", f"{_LAND} ?{_LOCAL}", _called, before=_DIALLED + _NO_EARLIER),
        # North America
        _number("[2-9]", f"(?!11)[0-8][0-9]-{_EXCHANGE}-[0-9]{{4}}", _phone, end=_ENDED + "(?!-[0-9])"),
        _number("[2-9]", rf"(?!11)[0-8][0-9]\.{_EXCHANGE}\.[0-9]{{4}}", _phone),
        _number(
            "1", rf"[ \-.]\(?{_AREA}\)?[ \-.]{{1,2}}{_EXCHANGE}[ \-.][0-9]{{4}}", _phone, before=_APART, end=_NO_MORE
        ),
        _number(r"\(", rf"{_AREA}\)[ \-]?{_EXCHANGE}[ \-.][0-9]{{4}}", _phone, before="", end=_NO_MORE),
        _number("[2-9]", rf"(?!11)[0-8][0-9]([ \-]?){_EXCHANGE}\1[0-9]{{4}}", _called, before=_APART, end=_NO_MORE),
        # the United Kingdom
        _number("[(0]", r"0?20\)?[ \-][378][0-9]{3}[ \-][0-9]{4}", _phone, before=_APART),
        _number("[(0]", r"0?1[0-9]1\)?[ \-][0-9]{3}[ \-][0-9]{4}", _phone, before=_APART),
        _number(
            "[(0]", r"0?1[0-9]{3}\)?[ \-](?:[0-9]{5,6}|[0-9]{3}[ \-][0-9]{3})", _phone, before=_APART, end=_NO_MORE
        ),
        _number("0", r"7[0-9]{3}[ \-](?:[0-9]{6}|[0-9]{3}[ \-][0-9]{3})", _phone, before=_APART, end=_NO_MORE),
        _number("0", "7[0-9]{9}", _called),
    ),
    "ip": (
        _number("[0-9]", rf"[0-9]{{0,2}}(?:\.{_OCTET}){{3}}", _ip, before=rf"{_ALONE}(?<!\.)"),
        _form(":[0-9A-Fa-f]{0,4}:", _ip6),
    ),
    "plate": (
        _form(
            rf"[{_lexicon()['plates']['provinces']}][A-HJ-Z][·•. \-]?(?P<serial>[0-9]{{5}}[A-HJ-K]"
            r"|[A-HJ-K][0-9A-HJ-NP-Z][0-9]{4}|[0-9A-HJ-NP-Z]{4}[0-9A-HJ-NP-Z挂学警港澳领])(?![0-9A-Za-z])", _plate,
        ),
    ),
}  # fmt: skip
_SIGNS.append(re.compile(rf"[{_lexicon()['plates']['provinces']}][A-HJ-ZＡ-Ｚ]"))
