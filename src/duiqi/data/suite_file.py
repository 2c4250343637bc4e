"""Suites as toml files that people write by hand. What is wrong in one is told with its line."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from duiqi.core.errors import OptionError, nearest
from duiqi.data.suite import (
    DIR,
    INPUT,
    INV,
    MFT,
    PLACE,
    TYPES,
    Expected,
    Forms,
    FunctionalTest,
    Input,
    Movement,
    Suite,
    Trial,
    list_of,
)

TASKS = ("classify", "classify_pair", "extract", "regress")
_PAIRS = ("classify_pair", "extract")
_TOP = ("task", "language", "labels", "lists", "test")
_TEST = ("name", "type", "capability", "templates", "cases", "expect", "vary", "to", "edits", "most", "versions")
_CASE = (*INPUT, "versions", "expect")
# How far an answer may move at least and at most, in units of what is said; 0: any way.
_MOVES = {"rise_by": (1, 0), "not_fall_by": (-1, 0), "fall_by": (0, -1), "not_rise_by": (0, 1)}
_SYNTAX = re.compile(r"(.*) \(at line (\d+)(?:, column \d+)?\)", re.DOTALL)


def ready_suites() -> tuple[Suite, ...]:
    """The suites that come along."""
    return tuple(map(_ready, ready_names()))


@cache
def ready_names() -> tuple[str, ...]:
    """Names of the suites that come along, sorted."""
    found = files("duiqi.data").joinpath("suites").iterdir()
    return tuple(sorted(each.name.removesuffix(".toml") for each in found if each.name.endswith(".toml")))


@cache
def _ready(name: str) -> Suite:
    text = files("duiqi.data").joinpath("suites", f"{name}.toml").read_text(encoding="utf-8")
    return suite_of(text, name, f"{name}.toml")


def find_suite(named: Any) -> Suite:
    """The ready suite of that name, or the one in that file; `OptionError` with the line where it cannot be read."""
    if isinstance(named, Suite):
        return named
    if not isinstance(named, str | Path):
        raise OptionError(f"expected the name or file of a suite, given {named!r}", hint='suites = ["my_suite.toml"]')
    if named in ready_names():
        return _ready(str(named))
    path = Path(named)
    if not path.is_file():
        raise OptionError(
            f"expected a toml file with a suite, or one of {', '.join(ready_names())}, given {named}, which is no file",
            hint="duiqi parts behaviour shows how to write one.",
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise OptionError(
            f"expected UTF-8 in {path}, given other bytes in line {line}", hint="Save the file as UTF-8."
        ) from error
    return suite_of(text, path.stem, str(path))


def suite_of(text: str, name: str, source: str) -> Suite:
    """The suite that a toml text describes; `source` is what errors call it."""
    page = _Page(source, text.replace("\r\n", "\n"))
    said = page.read()
    page.only(said, _TOP, "a suite")
    task = page.one_of(said.get("task", "classify"), TASKS, "task")
    lists = {each: _forms(page, each, values) for each, values in page.table(said, "lists").items()}
    labels = {each: page.texts(spelled, each) for each, spelled in page.table(said, "labels").items()}
    language = page.one_text(said.get("language", ""), "language")
    found = said.get("test", [])
    if not isinstance(found, list) or not found or not all(isinstance(each, dict) for each in found):
        raise page.wrong("tests, each under [[test]]", found or "none", "test")
    tests: list[FunctionalTest] = []
    for at, each in enumerate(found):
        test = _Reader(replace(page, block=at), task, lists, labels).test(each)
        if any(other.name == test.name for other in tests):
            raise replace(page, block=at).wrong("every test to have a name of its own", test.name, "name")
        tests.append(test)
    return Suite(name, task, tuple(tests), language, labels)


@dataclass(frozen=True)
class _Page:
    """The text of a file, to say where in it something stands; `block` is the number of the test that is read."""

    source: str
    text: str
    block: int | None = None

    def read(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            found = _SYNTAX.match(str(error))
            line = int(found[2]) if found else self.text.count("\n") + 1
            why = found[1] if found else str(error).partition(" (")[0]
            shown = (self.text.split("\n")[line - 1 : line] or [""])[0].strip()
            raise OptionError(
                f"expected toml in {self.source}, line {line}, given {shown!r}: {why[:1].lower()}{why[1:]}",
                hint="Texts stand in quotation marks, and so do names with letters beyond a to z; lists stand in [ ]; "
                "a test begins with [[test]].",
            ) from error

    def wrong(self, expected: str, given: object, key: str = "", needle: str = "", hint: str = "") -> OptionError:
        """The error of something in this file, at the line of its key, or below it where `needle` stands."""
        where = f"{self.source}, line {self._line(key, needle)}"
        shown = given if isinstance(given, str) else repr(given)
        return OptionError(
            f"expected {expected} in {where}, given {shown}", hint=hint or "duiqi parts behaviour shows an example."
        )

    def _line(self, key: str, needle: str) -> int:
        lines = self.text.split("\n")
        starts = [at for at, line in enumerate(lines) if re.match(r"\s*\[\[\s*test\s*\]\]", line)]
        begin, end = 0, starts[0] if starts else len(lines)
        if self.block is not None and self.block < len(starts):
            begin, end = starts[self.block], [*starts, len(lines)][self.block + 1]
        keyed = re.compile(rf"""\s*(?:\[+\s*)?["']?{re.escape(key)}["']?\s*(?:=|\])""")
        at = next((n for n in range(begin, end) if key and keyed.match(lines[n])), begin)
        return 1 + next((n for n in range(at, end) if needle and needle in lines[n]), at)

    def only(self, said: Mapping[str, Any], known: Sequence[str], what: str, key: str = "") -> None:
        for name in said:
            if name not in known:
                raise self.wrong(f"a key of {what}", f"'{name}'", key or name, name, nearest(name, known))

    def table(self, said: Mapping[str, Any], key: str) -> dict[str, Any]:
        found = said.get(key, {})
        if not isinstance(found, dict):
            raise self.wrong(f"[{key}] to be a table", found, key)
        return found

    def one_text(self, value: Any, key: str) -> str:
        if not isinstance(value, str):
            raise self.wrong(f"{key} to be a text", value, key)
        return value

    def texts(self, value: Any, key: str) -> tuple[str, ...]:
        """One text or several."""
        several = [value] if isinstance(value, str) else value
        if not isinstance(several, list) or not all(isinstance(each, str) for each in several):
            raise self.wrong(f"{key} to be a text or a list of texts", value, key)
        return tuple(several)

    def one_of(self, value: Any, known: Sequence[str], key: str) -> str:
        if value not in known:
            shown = f"'{value}'" if isinstance(value, str) else value
            hint = nearest(value, known) if isinstance(value, str) else ""
            raise self.wrong(f"{key} to be one of {', '.join(known)}", shown, key, hint=hint)
        return str(value)

    def count(self, value: Any, key: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 10_000:
            raise self.wrong(f"{key} to be a whole number from 1 to 10000", value, key)
        return value


def _forms(page: _Page, name: str, values: Any) -> tuple[Forms, ...]:
    if name in INPUT or not re.fullmatch(r"\w+", name):
        raise page.wrong("a list to have a name of letters, other than text and text_pair", f"'{name}'", name)
    if not isinstance(values, list) or not values:
        raise page.wrong(f"the list {name} to be texts, or lists of words that go together", values, name)
    return tuple(page.texts(each, name) for each in values)


@dataclass(frozen=True)
class _Reader:
    """Reads one test."""

    page: _Page
    task: str
    lists: Mapping[str, tuple[Forms, ...]]
    labels: Mapping[str, tuple[str, ...]]

    def test(self, said: Mapping[str, Any]) -> FunctionalTest:
        page = self.page
        page.only(said, _TEST, "a test")
        name = page.one_text(said.get("name", ""), "name").strip()
        if not name:
            raise page.wrong("a test to have a name", "none", "name")
        kind = page.one_of(said.get("type", MFT), TYPES if self.task != "extract" else (MFT, INV), "type")
        if kind == MFT and self.task == "regress":
            raise page.wrong("INV or DIR for numbers", kind, "type")
        test = FunctionalTest(
            name=name,
            type=kind,
            capability=page.one_text(said.get("capability", ""), "capability"),
            templates=tuple(self._input(each, "templates") for each in self._list(said, "templates")),
            expected=self._expected(kind, said["expect"]) if "expect" in said else None,
            lists=self.lists,
            vary=page.texts(said.get("vary", []), "vary"),
            to=tuple(self._changed(each) for each in self._list(said, "to")),
            edits=page.texts(said.get("edits", []), "edits"),
            most=page.count(said.get("most", 100), "most"),
            versions=page.count(said.get("versions", 4), "versions"),
        )
        self._check(test, said)
        return replace(test, written=tuple(self._written(test, each) for each in self._list(said, "cases")))

    def _check(self, test: FunctionalTest, said: Mapping[str, Any]) -> None:
        page = self.page
        if not test.templates and not said.get("cases"):
            raise page.wrong("templates or cases", "neither")
        changes = test.vary or test.to or test.edits
        if test.type == MFT and changes:
            raise page.wrong("no versions in a test of type MFT", "some", "vary" if test.vary else "to",
                             hint="vary, to and edits are for INV and DIR.")  # fmt: skip
        if test.type == INV and test.expected is not None:
            raise page.wrong("no expect in a test of type INV (the answer must stay)", said["expect"], "expect")
        if test.type != INV and test.templates and test.expected is None:
            raise page.wrong(f"an expect in a test of type {test.type}", "none",
                             hint='For MFT: expect = "positive". For DIR: '
                             'expect = {label = "positive", not_fall_by = 0.1}.')  # fmt: skip
        if test.type != MFT and test.templates and not changes:
            raise page.wrong("what changes (vary, to or edits)", "none", hint='For example: vary = "name".')
        for template in test.templates:
            self._filled_by(template, "templates")
        for template in test.to:
            self._filled_by(template, "to")
        if isinstance(test.expected, tuple):
            self._filled_by(test.expected, "expect")
        inside = {match[1] for template in test.templates for text in template for match in PLACE.finditer(text)}
        for place in test.vary:
            if place not in inside:
                raise page.wrong("vary to name a place of the templates", f"'{place}'", "vary",
                                 hint=nearest(place, inside))  # fmt: skip

    def _filled_by(self, templates: Sequence[str], key: str) -> None:
        """Every place has a list whose entries have the form that is asked for."""
        allowed = {*INPUT} if key == "to" else set()
        for text in templates:
            for match in PLACE.finditer(text):
                name, form = list_of(match[1], self.lists), int(match[2] or 1)
                if match[1] in allowed:
                    continue
                if name not in self.lists:
                    raise self.page.wrong(f"a list for {match[0]}", "none of that name", key, match[0],
                                          nearest(match[1], [*self.lists, *allowed]))  # fmt: skip
                short = next((each for each in self.lists[name] if len(each) < form), None)
                if short is not None:
                    raise self.page.wrong(
                        f"entries of {form} words in the list {name} for {match[0]}", list(short), key, match[0]
                    )

    def _list(self, said: Mapping[str, Any], key: str) -> list[Any]:
        found = said.get(key, [])
        if not isinstance(found, list):
            raise self.page.wrong(f"{key} to be a list", found, key)
        return found

    def _input(self, value: Any, key: str) -> Input:
        """A text; of tasks that read two, a list of both."""
        if self.task in _PAIRS:
            if isinstance(value, list) and len(value) == 2 and all(isinstance(each, str) for each in value):
                return value[0], value[1]
            raise self.page.wrong(f'["text", "second text"] for the task {self.task}', value, key, _needle(value))
        if not isinstance(value, str):
            raise self.page.wrong(f"a text for the task {self.task}", value, key, _needle(value))
        return value, ""

    def _changed(self, value: Any) -> Input:
        """What an input is changed to; a single text leaves the second one as it was."""
        if isinstance(value, str) and self.task in _PAIRS:
            return value, "{text_pair}"
        return self._input(value, "to")

    def _expected(self, kind: str, value: Any, needle: str = "") -> Expected:
        key = "cases" if needle else "expect"
        if kind == DIR:
            return self._movement(value, key, needle)
        if not isinstance(value, str | list) or not value:
            raise self.page.wrong("an answer, or a list of answers of which one is right", value, key, needle)
        answers = self.page.texts(value, key)
        for answer in answers:
            self._known(answer, key, needle)
        return answers

    def _movement(self, value: Any, key: str, needle: str) -> Movement:
        said = dict(value) if isinstance(value, dict) else {}
        label = said.pop("label", "")
        ((move, by),) = said.items() if len(said) == 1 else (("", None),)
        number = by if isinstance(by, int | float) and not isinstance(by, bool) else -1
        if move not in _MOVES or not 0 <= number < math.inf or not isinstance(label, str):
            raise self.page.wrong(
                f"how the answer moves, by one of {', '.join(_MOVES)}, and perhaps a label", value, key, needle,
                'For example: expect = {label = "positive", not_fall_by = 0.1}.',
            )  # fmt: skip
        if label:
            self._known(label, key, needle)
        low, high = _MOVES[move]
        return Movement(number * low if low else -math.inf, number * high if high else math.inf, label)

    def _known(self, label: str, key: str, needle: str) -> None:
        """Where the suite names its classes, an answer is one of them."""
        if self.labels and self.task != "extract" and not PLACE.search(label) and label not in self.labels:
            raise self.page.wrong(f"a class among {', '.join(self.labels)}", f"'{label}'", key, needle or label,
                                  nearest(label, self.labels))  # fmt: skip

    def _written(self, test: FunctionalTest, value: Any) -> Trial:
        """A case written out: the input alone, or a table with its versions and what is expected."""
        if not isinstance(value, dict):
            value = dict(zip(INPUT, self._input(value, "cases"), strict=True))
            value = value if self.task in _PAIRS else {"text": value["text"]}
        page, text = self.page, value.get("text", "")
        needle = text if isinstance(text, str) else ""
        page.only(value, _CASE, "a case", "cases")
        input = self._input([text, value.get("text_pair", "")] if self.task in _PAIRS else text, "cases")
        if not any(input):
            raise page.wrong("a case to have a text", value, "cases", needle)
        others = value.get("versions", [])
        if not isinstance(others, list):
            raise page.wrong("versions to be a list of texts", others, "cases", needle)
        made = [self._input(each, "cases") for each in others]
        expected = self._expected(test.type, value["expect"], needle) if "expect" in value else test.expected
        if (test.type == INV) != (expected is None):
            what = (
                "no expect (the answer must stay)" if test.type == INV else f"an expect in a case of type {test.type}"
            )
            raise page.wrong(what, value.get("expect", "none"), "cases", needle)
        if test.type == MFT and made:
            raise page.wrong("no versions in a test of type MFT", made[0][0], "cases", needle)
        if test.type != MFT and not made and not test.edits:
            raise page.wrong("versions of a case, or edits", "none", "cases", needle)
        return Trial(tuple(dict.fromkeys([input, *made])), expected)


def _needle(value: Any) -> str:
    """A text in a wrong value, to find its line by."""
    if isinstance(value, list) and value:
        return _needle(value[0])
    return value if isinstance(value, str) else ""
