"""Identifiers of nobody: made-up numbers and addresses with right checksums, others that only look like some, and
sentences in English and Chinese that hold them. For planted cases, tests and benchmarks."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from duiqi.core.case import Case
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded
from duiqi.data.identifiers import code_check, id_check, luhn
from duiqi.data.simulated import simulated_case

_LATIN = "abcdefghijklmnopqrstuvwxyz"
_CODE = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_PLATE = "ABCDEFGHJKLMNPQRSTUVWXYZ"


def made_up(rng: np.random.Generator, kind: str) -> str:
    """A right identifier of a kind, in one of the forms that people write it in."""
    return _one(rng, _FORMS[kind])(rng)


def near_miss(rng: np.random.Generator, sort: str) -> str:
    """What looks like an identifier and is none, of a sort among `MISSES`."""
    return _one(rng, _MISSES[sort])(rng)


def sentence(rng: np.random.Generator, lang: str, kind: str, value: str) -> str:
    """A sentence that holds a value of a kind, or a near miss of a sort."""
    phrases = _phrases()[lang]
    return str(_one(rng, phrases[kind] if kind in phrases else phrases["misses"][kind])).format(value=value)


def private_case(rng: np.random.Generator, *, rows: int = 900, share: float = 0.1, **options: Any) -> Case:
    """A case of reviews, some with numbers that only look like identifiers and a share of them with identifiers.

    The column `private` of the recorded answers says which.
    """
    case = simulated_case(rng, rows=rows, train_rows=rows // 2, **options)
    assert case.train is not None
    assert isinstance(case.predictor, Recorded)
    private = rng.random(rows) < share
    data = case.data.paired(case.data.with_column("text", _filled(rng, case.data.texts, private)))
    held = _filled(rng, case.train.texts, rng.random(len(case.train)) < share)
    answers = Predictions(data.row_ids, {**case.predictor.answers.columns, "private": private.astype(np.float64)})
    task = replace(case.task, beside=("private",))
    train = case.train.paired(case.train.with_column("text", held))
    return replace(case, predictor=Recorded(task, answers), data=data, train=train, catalogue=Catalogue.installed())


def _filled(rng: np.random.Generator, texts: Sequence[str], private: Sequence[bool] | np.ndarray) -> list[str]:
    made = []
    for text, wanted in zip(texts, private, strict=True):
        lang, more = ("en", "zh")[int(rng.integers(2))], ""
        if wanted:
            kind = _one(rng, list(_FORMS))
            more = sentence(rng, lang, kind, made_up(rng, kind))
        elif rng.random() < 0.2:
            sort = _one(rng, MISSES)
            more = sentence(rng, lang, sort, near_miss(rng, sort))
        made.append(f"{text}. {more}" if more else text)
    return made


@cache
def _phrases() -> Mapping[str, Any]:
    path = files("duiqi.data").joinpath("lexicons", "identifier_sentences.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _one(rng: np.random.Generator, choices: Any) -> Any:
    return choices[int(rng.integers(len(choices)))]


def _signs(rng: np.random.Generator, count: int, of: str = "0123456789") -> str:
    return "".join(of[at] for at in rng.integers(len(of), size=count))


def _code(rng: np.random.Generator, count: int) -> str:
    """Letters and digits, at least one of each."""
    return f"{_signs(rng, 1, _LATIN)}{_signs(rng, count - 2, _LATIN + '0123456789')}{_signs(rng, 1)}"


# Right ones

_PROVINCES = ("11", "13", "21", "31", "32", "33", "37", "42", "44", "51", "61", "65")


def _birth(rng: np.random.Generator) -> str:
    return f"{rng.integers(1930, 2012)}{rng.integers(1, 13):02}{rng.integers(1, 29):02}"


def _id(rng: np.random.Generator) -> str:
    first = f"{_one(rng, _PROVINCES)}01{rng.integers(1, 30):02}{_birth(rng)}{_signs(rng, 3)}"
    last = id_check(first)
    return first + (last.lower() if rng.random() < 0.3 else last)


def _credit_code(rng: np.random.Generator) -> str:
    first = f"{_one(rng, ('91', '92', '93', '11', '12', '51', '52'))}{_one(rng, _PROVINCES)}01{rng.integers(1, 30):02}"
    first += _signs(rng, 9, _CODE)
    return first + code_check(first)


def _card_digits(rng: np.random.Generator) -> str:
    issuer, size = _one(rng, (("4", 16), ("52", 16), ("2345", 16), ("6222", 19), ("622848", 19), ("6011", 16)))
    first = issuer + _signs(rng, size - len(issuer) - 1)
    return next(first + digit for digit in "0123456789" if luhn(first + digit))


def _card(rng: np.random.Generator) -> str:
    digits = _card_digits(rng)
    gap = _one(rng, ("", " ", "-"))
    return gap.join(digits[at : at + 4] for at in range(0, len(digits), 4))


def _mobile(rng: np.random.Generator) -> str:
    first = _one(rng, ("130", "135", "138", "139", "147", "150", "159", "166", "177", "186", "188", "191", "199"))
    middle, last = _signs(rng, 4), _signs(rng, 4)
    form = _one(
        rng, ("{}{}{}", "{}-{}-{}", "{} {} {}", "+86 {}{}{}", "+86{}{}{}", "0086{}{}{}", "86-{}{}{}", "(+86){}{}{}")
    )
    return str(form).format(first, middle, last)


def _landline(rng: np.random.Generator) -> str:
    area, size = _one(rng, (("010", 4), ("021", 4), ("028", 4), ("0755", 4), ("0571", 4), ("0351", 3), ("0898", 4)))
    first, last = f"{rng.integers(2, 9)}{_signs(rng, size - 1)}", _signs(rng, 4)
    form = _one(rng, ("{}-{}{}", "({}){}{}", "{}-{}-{}", "（{}）{}{}", "+86-{}-{}{}"))
    return str(form).format(area[1:] if form.startswith("+") else area, first, last)


def _american(rng: np.random.Generator) -> str:
    area, last = _one(rng, ("212", "415", "305", "617", "702", "206", "312", "503")), _signs(rng, 4)
    form = _one(rng, ("({}) {}-{}", "{}-{}-{}", "{}.{}.{}", "1-{}-{}-{}", "+1 {}-{}-{}", "+1{}{}{}", "+1 ({}) {}-{}"))
    return str(form).format(area, _one(rng, ("555", "867", "234", "320")), last)


def _british(rng: np.random.Generator) -> str:
    forms = ("020 7946 {}", "(020) 7946 {}", "0161 496 {}", "07700 90{}", "01632 96{}")
    return str(_one(rng, (*forms, "+44 20 7946 {}", "+44 (0)20 7946 {}", "+4477009{}1"))).format(_signs(rng, 4))


def _abroad(rng: np.random.Generator) -> str:
    form = _one(rng, ("+49 30 901820{}", "+33 1 70 18 {} 00", "+81-3-5550-{}00", "+65 6123 {}00", "+852 2345 {}00",
                      "+61 2 7010 {}00", "+91 98765 432{}", "+55 11 91234-56{}"))  # fmt: skip
    return str(form).format(_signs(rng, 2))


def _mail(rng: np.random.Generator) -> str:
    name = _one(rng, ("li.wei", "anna_b", "zhangsan", "j.doe+news", "info", "wang-fang", "m", "Kim.Lee"))
    host = _one(rng, ("example.com", "mail.example.org", "qq.example.cn", "uni-x.example.ac.uk", "EXAMPLE.NET"))
    return f"{name}{rng.integers(1000)}@{host}"


def _ip(rng: np.random.Generator) -> str:
    first = 10 if rng.random() < 0.1 else rng.integers(128, 224)
    return ".".join(map(str, (first, *rng.integers(0, 256, 2), rng.integers(10, 255))))


def _ip6(rng: np.random.Generator) -> str:
    groups = [f"{each:x}" for each in rng.integers(4096, 65536, 7)]
    forms = (f"2001:{':'.join(groups)}", f"2001:db8::{groups[1]}:{groups[2]}", f"fe80::{':'.join(groups[:3])}")
    return str(_one(rng, forms))


def _secret(rng: np.random.Generator) -> str:
    forms = (
        *("https://api.example.com/v1/items?token={}", "http://example.org/cb#access_token={}&state=1"),
        *("https://example.com/reset?user=7&password={}", "postgres://app:{}@db.example.com:5432/shop"),
        *("https://example.com/f?page=2&api_key={}&size=9", "https://{}@git.example.com/x.git"),
    )
    return str(_one(rng, forms)).format(_code(rng, 24))


def _plate(rng: np.random.Generator) -> str:
    letter = _one(rng, _PLATE)
    fuel = (
        _signs(rng, 5),
        f"{letter}{_signs(rng, 4)}",
        f"{_signs(rng, 3)}{letter}{_signs(rng, 1)}",
        f"{_signs(rng, 4)}学",
    )
    electric = f"D{_signs(rng, 5)}", f"F{letter}{_signs(rng, 4)}", f"{_signs(rng, 5)}D"
    first = f"{_one(rng, '京沪粤苏浙鲁湘鄂冀豫闽陕')}{_one(rng, 'ABCDE')}{_one(rng, ('', '·'))}"
    return first + str(_one(rng, (*fuel, *electric)))


_Makers = Sequence[Callable[[np.random.Generator], str]]
_FORMS: Mapping[str, _Makers] = {
    "secret": (_secret,), "mail": (_mail,), "id": (_id,), "credit_code": (_credit_code,), "card": (_card,),
    "phone": (_mobile, _mobile, _landline, _american, _british, _abroad), "ip": (_ip, _ip, _ip6), "plate": (_plate,),
}  # fmt: skip


# Near misses


def _price(rng: np.random.Generator) -> str:
    euros, cents = int(rng.integers(10, 10**7)), int(rng.integers(100))
    form = _one(rng, ("${:,}.{:02}", "¥{}.{:02}", "{}.{:02}元", "€{:,},{:02}", "{:,}.{:02} dollars"))
    return str(form).format(euros, cents)


def _amount(rng: np.random.Generator) -> str:
    return str(_one(rng, ("¥{}", "${}", "{}元"))).format(f"138{_signs(rng, 8)}")


def _date(rng: np.random.Generator) -> str:
    parts = rng.integers(1990, 2026), rng.integers(1, 13), rng.integers(1, 29), rng.integers(24), rng.integers(60)
    forms = ("{}-{:02}-{:02} {:02}:{:02}", "{}{:02}{:02}{:02}{:02}", "{}/{}/{}", "{}.{:02}.{:02}", "{}年{}月{}日")
    return str(_one(rng, forms)).format(*(int(each) for each in parts))


def _book(rng: np.random.Generator) -> str:
    form = _one(rng, ("978-7-{}-{}-{}", "978{}{}{}", "7-{}-{}-{}", "979-8-{}-{}-{}"))
    return str(form).format(_signs(rng, 3), _signs(rng, 5), _signs(rng, 1))


def _order(rng: np.random.Generator) -> str:
    plain = _signs(rng, 18), f"1{_signs(rng, 12)}", _card_digits(rng), f"138{_signs(rng, 8)}"
    coded = f"SF{_signs(rng, 12)}", f"403-{_signs(rng, 7)}-{_signs(rng, 7)}", f"JD{_signs(rng, 11)}"
    return str(_one(rng, (*plain, *coded)))


def _version(rng: np.random.Generator) -> str:
    return ".".join(map(str, rng.integers(0, 30, int(rng.integers(3, 5)))))


def _spoilt(rng: np.random.Generator) -> str:
    """An ID, a card or a credit code with another last digit."""
    right = _one(rng, (_id, _card_digits, _credit_code))(rng)
    others = [digit for digit in "0123456789" if digit != right[-1]]
    return str(right[:-1] + _one(rng, others))


def _longer(rng: np.random.Generator) -> str:
    """An identifier inside a longer number or code."""
    inner, hexadecimal = _one(rng, (f"138{_signs(rng, 8)}", _id(rng).upper(), _card_digits(rng))), "0123456789abcdef"
    around = f"9{inner}{_signs(rng, 9)}", f"{_signs(rng, 5, 'abcdef')}{inner}{_signs(rng, 6, 'abcdef')}", f"x{inner}"
    codes = "-".join(_signs(rng, n, hexadecimal) for n in (8, 4, 4, 4, 12)), _signs(rng, 40, hexadecimal)
    return str(_one(rng, (*around, *codes)))


def _score(rng: np.random.Generator) -> str:
    return f"{rng.integers(9)}{_one(rng, (':', '-', '/'))}{rng.integers(99)}{_one(rng, ('', '.5', ' (1-0)'))}"


_MISSES: Mapping[str, _Makers] = {
    "price": (_price, _price, _amount), "date": (_date,), "book": (_book,), "order": (_order,), "version": (_version,),
    "checked": (_spoilt,), "longer": (_longer,), "score": (_score,),
}  # fmt: skip
MISSES = tuple(_MISSES)
