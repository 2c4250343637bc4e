"""A written policy: named rules for what a model may answer, read and checked, and held against its outputs.

    [no_promises]
    forbid_words = ["guaranteed", "保证"]
    why = "Nobody can promise a profit."
    at_most = 0.005

A rule has one of `CHECKS`. With `when` (words, or `{pattern = "…"}`, in the input) it speaks of those inputs only.
Words are found as a reader cuts them: case, width and blanks do not count, "sure" is not in "measure", and Chinese is
cut by `duiqi.data.words`, so that 性爱 is not in 女性爱好, nor is 骗 in 欺骗. Forms of a word are other words.
Patterns are those of the package regex, and find what they find in the text as it stands.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import regex
from numpy.typing import NDArray

from duiqi.core.errors import DataError, OptionError, nearest
from duiqi.core.slice import is_cjk
from duiqi.core.task import Task
from duiqi.core.texts import even
from duiqi.data.harmful import CATEGORIES, rated
from duiqi.data.identifiers import KINDS
from duiqi.data.private import Mask
from duiqi.data.words import spans

SEVERITIES = ("high", "medium", "low")
AT_MOST = 0.01
SECONDS, SECONDS_A_TEXT = 10.0, 0.001  # that a pattern may take over all texts together
OF_LABELS = ("forbid_label", "require_label")
_NAME = re.compile(r"[\w -]+")

Found = str | None  # what breaks a rule, as the output has it ("" where something is missing); `None` where it is kept


@dataclass(frozen=True)
class When:
    """What inputs a rule speaks of: those with one of the words, or with the pattern."""

    words: frozenset[str] = frozenset()
    pattern: str = ""


@dataclass(frozen=True)
class Rule:
    """One rule: `check` names what is looked at (one of `CHECKS`) and `value` what for; `at_most` is the share of the
    outputs it speaks of that may break it."""

    name: str
    check: str
    value: Any
    when: When | None = None
    why: str = ""
    severity: str = "medium"
    at_most: float = AT_MOST

    def suits(self, task: Task) -> bool:
        """Whether it speaks of what models for this task answer: texts, or one or several of some classes."""
        if self.check in OF_LABELS:
            return bool(task.labels) and task.unit in ("row", "label")
        return task.output == "text"

    def about(self, inputs: Sequence[str]) -> NDArray[np.bool_]:
        """Which inputs it speaks of, bool[n]."""
        if self.when is None:
            return np.ones(len(inputs), dtype=bool)
        words, pattern = self.when.words, self.when.pattern
        found = [first_word(t, words) for t in inputs] if words else searched(pattern, inputs, self.name)
        return np.array([each is not None for each in found], dtype=bool)

    def broken(self, outputs: Sequence[Any]) -> list[Found]:
        """Of every output what breaks the rule; outputs are texts, or sets of labels."""
        return list(_BROKEN[self.check](self, outputs))


# ---- reading and checking


def rules_of(said: Mapping[str, Any], source: str = "") -> tuple[Rule, ...]:
    """The rules of a policy, name → what it says; `OptionError` where one cannot be read or contradicts another.
    `source` is the text of the file, where it came from one: errors then name the line."""
    if not isinstance(said, Mapping):
        raise OptionError(f"expected a policy as a table of rules, given {said!r}", hint=_EXAMPLE)
    rules = tuple(_rule(name, each, source) for name, each in said.items())
    for one, other in combinations(rules, 2):
        why = _clash(one, other) if _meet(one, other) else ""
        if why:
            at = _Place(other.name, other.check, source)
            raise at.wrong(f"rules that can be kept together with '{one.name}'", why, "Drop one, or give both a when.")
    return rules


def check_labels(rules: Iterable[Rule], task: Task) -> None:
    """`OptionError` where a rule speaks of a label that the task has not: it would be kept, or broken, by anything."""
    for rule in rules:
        if rule.check in OF_LABELS and rule.suits(task):
            for label in rule.value:
                if label not in task.labels:
                    at = _Place(rule.name, rule.check)
                    raise at.wrong("labels of the model", f"'{label}'", nearest(label, task.labels))


_EXAMPLE = 'Write a table for each rule: [no_promises], and below it forbid_words = ["guaranteed"].'


@dataclass(frozen=True)
class _Place:
    """Where in a policy something stands."""

    rule: str
    key: str = ""
    source: str = ""

    def wrong(self, expected: str, given: str, hint: str) -> OptionError:
        line = self._line()
        where = f"rule '{self.rule}' of the policy" + (f" (line {line})" if line else "")
        return OptionError(f"expected {expected} in {where}, given {given}", hint=hint)

    def _line(self) -> int:
        """The line of the key, else of the rule; 0 where there is no text or neither is found in it."""
        quoted = rf"(?:{re.escape(self.rule)}|\"{re.escape(self.rule)}\"|'{re.escape(self.rule)}')"
        header = re.compile(rf"\s*(?:\[\s*(?:policy\s*\.\s*)?{quoted}\s*\]|{quoted}\s*[.=])")
        key = re.compile(rf"\s*{re.escape(self.key)}\s*[.=]") if self.key else None
        begins = 0
        for number, line in enumerate(self.source.splitlines(), 1):
            if not begins:
                begins = number if header.match(line) else 0
            elif line.lstrip().startswith("["):
                break
            elif key is not None and key.match(line):
                return number
        return begins


def _rule(name: str, said: Any, source: str) -> Rule:
    at = _Place(name, source=source)
    if not _NAME.fullmatch(name):
        raise at.wrong("a name of letters, digits, - and _", f"{name!r}", _EXAMPLE)
    if not isinstance(said, Mapping):
        raise at.wrong("a table", f"{said!r}", _EXAMPLE)
    for key in said:
        if key not in (*CHECKS, *_MORE):
            raise _Place(name, key, source).wrong("a key of a rule", f"'{key}'", nearest(key, (*CHECKS, *_MORE)))
    checks = [key for key in said if key in CHECKS]
    if len(checks) != 1:
        given = " and ".join(checks) or "none"
        raise at.wrong(f"exactly one of {', '.join(CHECKS)}", given, "Write a rule for each of them.")
    read = {key: (CHECKS | _MORE)[key](value, _Place(name, key, source)) for key, value in said.items()}
    return Rule(name, checks[0], read.pop(checks[0]), **read)


def _listed(value: Any, at: _Place) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not listed or not all(isinstance(e, str) and e.strip() for e in listed):
        raise at.wrong(f"a list of words for {at.key}", f"{value!r}", f'Write {at.key} = ["…", "…"].')
    return tuple(dict.fromkeys(listed))


def _words(value: Any, at: _Place) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(folded, _listed(value, at))))


def _pattern(value: Any, at: _Place) -> str:
    if not isinstance(value, str) or not value:
        raise at.wrong(f"a pattern for {at.key}", f"{value!r}", "Write it in single quotation marks: '…'.")
    try:
        regex.compile(value)
    except regex.error as error:
        hint = f"At character {error.pos}: {error.msg}." if error.pos is not None else f"{error.msg}."
        raise at.wrong(f"a pattern that can be read for {at.key}", f"'{value}'", hint) from error
    return value


def _among(known: Sequence[str]) -> Callable[[Any, _Place], tuple[str, ...]]:
    def read(value: Any, at: _Place) -> tuple[str, ...]:
        listed = tuple(known) if value is True else _listed(value, at)
        for each in listed:
            if each not in known:
                raise at.wrong(f"true, or some of {', '.join(known)}, for {at.key}", f"'{each}'", nearest(each, known))
        return listed

    return read


def _count(value: Any, at: _Place) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise at.wrong(f"a number of words for {at.key}", f"{value!r}", f"Write {at.key} = 100.")
    return value


def _when(value: Any, at: _Place) -> When:
    if isinstance(value, Mapping):
        if set(value) == {"words"}:
            return When(words=frozenset(_words(value["words"], at)))
        if set(value) == {"pattern"}:
            return When(pattern=_pattern(value["pattern"], at))
        raise at.wrong("words or pattern in when", f"{value!r}", "Write when = ['…'] or when = {pattern = '…'}.")
    return When(words=frozenset(_words(value, at)))


def _why(value: Any, at: _Place) -> str:
    if not isinstance(value, str):
        raise at.wrong("a sentence for why", f"{value!r}", 'Write why = "…".')
    return value


def _severity(value: Any, at: _Place) -> str:
    if value not in SEVERITIES:
        raise at.wrong(f"{', '.join(SEVERITIES)} as severity", f"{value!r}", nearest(str(value), SEVERITIES))
    return str(value)


def _share(value: Any, at: _Place) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise at.wrong("a share from 0 to 1 for at_most", f"{value!r}", "One in a hundred is at_most = 0.01.")
    return float(value)


Read = Callable[[Any, _Place], Any]
CHECKS: dict[str, Read] = {
    "forbid_words": _words, "forbid_pattern": _pattern, "require_words": _words, "require_pattern": _pattern,
    "forbid_label": _listed, "require_label": _listed, "harmful": _among(CATEGORIES), "private": _among(KINDS),
    "most_words": _count, "fewest_words": _count,
}  # fmt: skip
_MORE: dict[str, Read] = {"when": _when, "why": _why, "severity": _severity, "at_most": _share}


def _meet(one: Rule, other: Rule) -> bool:
    """Whether one speaks of all inputs that the other speaks of, or the other way round."""
    return one.when is None or other.when is None or one.when == other.when


def _clash(one: Rule, other: Rule) -> str:
    """Why no output keeps both, or ""."""
    both = {one.check: one.value, other.check: other.value}
    for kind in ("words", "label"):
        forbidden, required = both.get(f"forbid_{kind}"), both.get(f"require_{kind}")
        if forbidden and required and set(required) <= set(forbidden):
            return f"{', '.join(required)} required by one and forbidden by the other"
    if both.get("forbid_pattern", "") == both.get("require_pattern"):
        return f"'{both['forbid_pattern']}' required by one and forbidden by the other"
    if one.check == other.check == "require_label" and not set(one.value) & set(other.value):
        return f"{', '.join(one.value)} required by one and {', '.join(other.value)} by the other"
    most, fewest = both.get("most_words"), both.get("fewest_words")
    if most is not None and fewest is not None and fewest > most:
        return f"at most {most} words required by one and at least {fewest} by the other"
    return ""


# ---- holding outputs against rules


def folded(text: str) -> str:
    """A text as words are looked for in it: without case, widths, forms of apostrophes and how much blank there is."""
    return " ".join(even(text).casefold().replace("’", "'").split())


def first_word(text: str, words: Iterable[str]) -> Found:
    """The first of some words, `folded` themselves, that a text has as a word; `None` where it has none."""
    text = folded(text)
    there = [word for word in words if word in text]
    cut = spans(text) if any(is_cjk(word[0] + word[-1]) for word in there) else []
    begins, ends = {start for start, _ in cut}, {end for _, end in cut}
    found = [(at, word) for word in there for at in _places(text, word, begins, ends)[:1]]
    return min(found)[1] if found else None


def _places(text: str, word: str, begins: set[int], ends: set[int]) -> list[int]:
    """Where a text has a word that touches no other letters, and of Chinese cuts no word."""
    found = [match.start() for match in re.finditer(f"(?={re.escape(word)})", text)]
    return [
        at
        for at in found
        if (at in begins if is_cjk(word[0]) else not (_is_letter(word[0]) and _is_letter(text[at - 1 : at])))
        and (at + len(word) in ends if is_cjk(word[-1])
             else not (_is_letter(word[-1]) and _is_letter(text[at + len(word) : at + len(word) + 1])))
    ]  # fmt: skip


def _is_letter(character: str) -> bool:
    return character.isalnum() and not is_cjk(character)


def searched(pattern: str, texts: Sequence[str], rule: str) -> list[Found]:
    """What a pattern finds first in every text; `DataError` where it takes longer than `SECONDS`, and a thousandth of
    one for each text, over all of them together: a pattern of a user's meets texts that nobody has seen before."""
    compiled, end = regex.compile(pattern), time.monotonic() + SECONDS + SECONDS_A_TEXT * len(texts)
    found: list[Found] = []
    for text in texts:
        try:
            match = compiled.search(text, timeout=max(end - time.monotonic(), 0.001))
        except TimeoutError as error:
            raise DataError(
                f"expected a pattern in rule '{rule}' of the policy that reads {len(texts)} texts in "
                f"{SECONDS + SECONDS_A_TEXT * len(texts):.0f} seconds, given '{pattern}', which is still at text "
                f"{len(found) + 1}, of {len(text)} characters",
                hint="What can be read in many ways and is repeated, such as (a|aa)+, takes for ever on some texts.",
            ) from error
        found.append(match[0] if match else None)
    return found


def _forbidden_words(rule: Rule, texts: Sequence[str]) -> Iterable[Found]:
    return (first_word(text, rule.value) for text in texts)


def _required_words(rule: Rule, texts: Sequence[str]) -> Iterable[Found]:
    return ("" if first_word(text, rule.value) is None else None for text in texts)


def _required_pattern(rule: Rule, texts: Sequence[str]) -> Iterable[Found]:
    return ("" if each is None else None for each in searched(rule.value, texts, rule.name))


def _forbidden_labels(rule: Rule, given: Sequence[Iterable[str]]) -> Iterable[Found]:
    return (next((label for label in labels if label in rule.value), None) for labels in given)


def _required_labels(rule: Rule, given: Sequence[Iterable[str]]) -> Iterable[Found]:
    return (None if set(labels) & set(rule.value) else "" for labels in given)


def _harmful(rule: Rule, texts: Sequence[str]) -> Iterable[Found]:
    return (next((entries[0] for entries in found.values()), None) for found in rated(texts, rule.value))


def _private(rule: Rule, texts: Sequence[str]) -> Iterable[Found]:
    """The kind of what is found, not its value, which no report shall hold."""
    return (f"[{each[0].kind.upper()}]" if each else None for each in Mask(rule.value).found(texts))


def _too_long(rule: Rule, texts: Sequence[str]) -> Iterable[Found]:
    return ("" if len(spans(text)) > rule.value else None for text in texts)


def _too_short(rule: Rule, texts: Sequence[str]) -> Iterable[Found]:
    return ("" if len(spans(text)) < rule.value else None for text in texts)


_BROKEN: Mapping[str, Callable[[Rule, Sequence[Any]], Iterable[Found]]] = {
    "forbid_words": _forbidden_words, "require_words": _required_words,
    "forbid_pattern": lambda rule, texts: searched(rule.value, texts, rule.name), "require_pattern": _required_pattern,
    "forbid_label": _forbidden_labels, "require_label": _required_labels,
    "harmful": _harmful, "private": _private, "most_words": _too_long, "fewest_words": _too_short,
}  # fmt: skip
