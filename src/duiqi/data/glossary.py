"""Glossaries and triples as files that people keep: what is wrong in one is told with its line.

A file has the columns `subject, relation, object`, or `term, definition`; perhaps `aliases` of the object and a
`template` that says the fact. A toml file of the same name beside it may hold templates by relation.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from duiqi.core.errors import DataError, OptionError, nearest
from duiqi.core.slice import is_cjk, words
from duiqi.core.texts import even
from duiqi.data.formats import Raw, read_file

TRIPLE, GLOSSARY, DEFINITION = ("subject", "relation", "object"), ("term", "definition"), "definition"
READY = {"en": "general_en", "zh": "general_zh"}  # the glossaries that come along, by their language
SUBJECT, OBJECT = "{subject}", "{object}"
BETWEEN = "|"  # aliases in a cell


@dataclass(frozen=True)
class Fact:
    """What is true of a subject: `objects` are all right answers of the file, the first one is asked; `right` is how
    they and their aliases are spelled, folded. `template` has one {object} and a {subject}."""

    subject: str
    relation: str
    objects: tuple[str, ...]
    right: frozenset[str]
    template: str

    @property
    def object(self) -> str:
        return self.objects[0]

    def said(self, answer: str) -> tuple[str, int, int]:
        """The sentence with that answer, and where in it the answer begins and ends."""
        before, after = (part.replace(SUBJECT, self.subject) for part in self.template.split(OBJECT))
        before = before[:1].upper() + before[1:]
        return f"{before}{answer}{after}", len(before), len(before) + len(answer)


@dataclass(frozen=True)
class Glossary:
    """The facts of a file, and the cycles in which its terms are defined by each other, or its things stand above
    each other: "A", "B", "A"."""

    name: str
    facts: tuple[Fact, ...]
    cycles: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """As an option a glossary is given by the name of a ready one, or by its file."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(find_glossary)


def find_glossary(named: Any) -> Glossary:
    """The ready glossary of that name, or the one in that file; `OptionError` where it cannot be used, which is the
    user's to mend."""
    if isinstance(named, Glossary):
        return named
    if named in READY.values():
        return _shipped(str(named))
    if not isinstance(named, str | Path):
        raise OptionError(f"expected the file of a glossary, given {named!r}", hint='glossary = "terms.csv"')
    try:
        return read_glossary(Path(named))
    except DataError as error:
        raise OptionError(str(error), hint=error.hint) from error


def shipped(language: str) -> Glossary:
    """The glossary of general knowledge that comes along, "en" or "zh"."""
    return _shipped(READY[language])


@cache
def _shipped(name: str) -> Glossary:
    with as_file(files("duiqi.data").joinpath("glossaries", f"{name}.csv")) as path:
        return read_glossary(path)


def read_glossary(path: Path) -> Glossary:
    """The facts of a file (csv, tsv, json, jsonl, parquet, xlsx); `DataError` with the line of what cannot be used.

    Rows of one subject and relation are one fact with several right answers. Cycles are told in `cycles` and are no
    error.
    """
    if not path.is_file():
        raise DataError(
            f"expected a file with a glossary or triples, given {path}, which is no file",
            hint="Check the path under [options.knowledge] in duiqi.toml.",
        )
    raw = read_file(path, path.name)
    rows = _Rows(raw, path, _templates(path))
    facts: dict[tuple[str, str], Fact] = {}
    for fact in rows.facts():
        key = (fold(fact.subject), fact.relation)
        known = facts.get(key)
        if known is not None:
            objects = tuple(dict.fromkeys((*known.objects, *fact.objects)))
            fact = replace(known, objects=objects, right=known.right | fact.right)
        facts[key] = fact
    found = tuple(facts.values())
    return Glossary(path.name.partition(".")[0], found, tuple(_cycles(found, rows.templates.hierarchical)))


def fold(text: str) -> str:
    """How spellings are compared: case, width and blanks do not count."""
    return " ".join(even(text).casefold().split())


# ---- templates


@dataclass(frozen=True)
class Templates:
    """Templates by language and relation, those of the user first, and which relations say what stands above what."""

    own: Mapping[str, str]
    ready: Mapping[str, Mapping[str, str]]
    hierarchical: frozenset[str]

    def of(self, relation: str, chinese: bool) -> str | None:
        """The template of a relation."""
        return self.own.get(relation) or self.ready["zh" if chinese else "en"].get(relation)


@cache
def ready_templates() -> Mapping[str, Any]:
    """The templates that come along: "en" and "zh", each by relation, and the hierarchical relations."""
    return tomllib.loads(files("duiqi.data").joinpath("glossaries", "templates.toml").read_text(encoding="utf-8"))


def _templates(path: Path) -> Templates:
    ready, beside = ready_templates(), path.parent / f"{path.name.partition('.')[0]}.toml"
    said: dict[str, Any] = {}
    if beside.is_file():
        text = beside.read_text(encoding="utf-8-sig", errors="replace")
        try:
            said = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise DataError(
                f"expected toml in {beside}, given what cannot be read: {error}", hint="Mend that line."
            ) from error
        _check_beside(said, beside, text.split("\n"))
    above = {*ready["hierarchical"], *said.get("hierarchical", [])}
    return Templates(said.get("templates", {}), {each: ready[each] for each in ("en", "zh")}, frozenset(above))


def _check_beside(said: Mapping[str, Any], path: Path, lines: Sequence[str]) -> None:
    def line(key: str) -> int:
        return 1 + next((at for at, each in enumerate(lines) if each.strip().strip("[\"'").startswith(key)), 0)

    hint = 'Write: hierarchical = ["is_a"], and under [templates]: born_in = "{subject} was born in {object}."'
    for key in said:
        if key not in ("templates", "hierarchical"):
            raise DataError(
                f"expected templates or hierarchical in {path}, line {line(key)}, given '{key}'",
                hint=nearest(key, ("templates", "hierarchical")),
            )
    above = said.get("hierarchical", [])
    if not isinstance(above, list) or not all(isinstance(each, str) for each in above):
        raise DataError(
            f"expected a list of relations in {path}, line {line('hierarchical')}, given {above!r}", hint=hint
        )
    templates = said.get("templates", {})
    if not isinstance(templates, dict):
        raise DataError(f"expected [templates] in {path}, line {line('templates')}, given {templates!r}", hint=hint)
    for relation, template in templates.items():
        _check_template(template, f"{path}, line {line(relation)}")


def _check_template(template: Any, where: str) -> None:
    if not isinstance(template, str) or template.count(OBJECT) != 1 or SUBJECT not in template:
        raise DataError(
            f"expected a template with {SUBJECT} and one {OBJECT} in {where}, given {template!r}",
            hint='For example "{subject} was born in {object}."',
        )


# ---- rows


@dataclass(frozen=True)
class _Rows:
    raw: Raw
    path: Path
    templates: Templates

    def facts(self) -> Iterator[Fact]:
        wanted = self._wanted()
        for row in range(len(self.raw.places)):
            subject, *middle, thing = (self._cell(name, row) for name in wanted)
            relation = middle[0] if middle else DEFINITION
            if len(subject) == 1 and not is_cjk(subject):
                raise self.wrong(row, "a term of more than one letter", f"'{subject}'",
                                 "One letter names too many things: write it out (the symbol K).")  # fmt: skip
            right = frozenset(map(fold, (thing, *self._aliases(row))))
            yield Fact(subject, relation, (thing,), right, self._template(row, relation, subject, thing))

    def _wanted(self) -> Sequence[str]:
        there = self.raw.columns
        wanted = next((each for each in (TRIPLE, GLOSSARY) if all(name in there for name in each)), None)
        if wanted is None:
            raise DataError(
                f"expected the columns {', '.join(TRIPLE)}, or {' and '.join(GLOSSARY)}, in {self.path}, given "
                f"{', '.join(there) or 'none'}",
                hint="The first line names the columns: subject,relation,object",
            )
        return wanted

    def _cell(self, name: str, row: int) -> str:
        value = self.raw.columns[name][row]
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(row, f"a text as {name}", "an empty cell" if value in (None, "") else repr(value),
                             "Fill it in, or delete the line.")  # fmt: skip
        return " ".join(value.split())

    def _aliases(self, row: int) -> list[str]:
        value = self.raw.columns.get("aliases", [None] * len(self.raw.places))[row]
        if value is None or value == "":
            return []
        several = value.split(BETWEEN) if isinstance(value, str) else value
        if not isinstance(several, list) or not all(isinstance(each, str) for each in several):
            raise self.wrong(row, f"aliases divided by {BETWEEN}, or a list", repr(value), "New York|NYC")
        return [each for each in several if each.strip()]

    def _template(self, row: int, relation: str, subject: str, thing: str) -> str:
        own = self.raw.columns.get("template", [None] * len(self.raw.places))[row]
        if own:
            _check_template(own, f"{self.raw.where([row])} of {self.path}")
            return str(own)
        found = self.templates.of(relation, is_cjk(subject + thing))
        if found is None:
            raise self.wrong(
                row, f"a template for the relation '{relation}'", "none",
                f'Write one into {self.path.name.partition(".")[0]}.toml beside the file, under [templates]: '
                f"{relation} = \"{SUBJECT} … {OBJECT}.\"; or into a column template. "
                + nearest(relation, self.templates.ready["en"]),
            )  # fmt: skip
        return found

    def wrong(self, row: int, expected: str, given: str, hint: str) -> DataError:
        return DataError(f"expected {expected} in {self.raw.where([row])} of {self.path}, given {given}", hint=hint)


# ---- what names what


def mentions(terms: Sequence[str]) -> Callable[[str], Iterator[str]]:
    """A function from a text to the terms that stand in it, each as often as it does: as whole words, in any case; of
    Chinese, in any place."""
    by_first: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for term in dict.fromkeys(terms):
        cut = tuple(words(term))
        if cut:
            by_first.setdefault(cut[0], []).append((cut, term))

    def found(text: str) -> Iterator[str]:
        cut = words(text)
        for at, first in enumerate(cut):
            for wanted, term in by_first.get(first, ()):
                if tuple(cut[at : at + len(wanted)]) == wanted:
                    yield term

    return found


def _cycles(facts: Sequence[Fact], hierarchical: frozenset[str]) -> Iterator[tuple[str, ...]]:
    """Things that stand above themselves, by relation, and terms that are defined by each other."""
    for relation in dict.fromkeys(fact.relation for fact in facts):
        own = [fact for fact in facts if fact.relation == relation]
        named = {fold(fact.subject): fact.subject for fact in own}
        if relation == DEFINITION:
            find = mentions(list(named.values()))
            above = {fact.subject: [term for each in fact.objects for term in find(each)] for fact in own}
        elif relation in hierarchical:
            above = {fact.subject: [named[fold(o)] for o in fact.objects if fold(o) in named] for fact in own}
        else:
            continue
        yield from _circles(above)


def _circles(above: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """Circles of a graph, by one walk in depth: at least one of every part that has any."""
    done: set[str] = set()
    for start in above:
        path, ways = [start], [iter(above[start])]
        inside = {start}
        if start in done:
            continue
        while path:
            step = next(ways[-1], None)
            if step is None:
                left = path.pop()
                ways.pop()
                inside.discard(left)
                done.add(left)
            elif step in inside:
                yield (*path[path.index(step) :], step)
            elif step not in done:
                path.append(step)
                inside.add(step)
                ways.append(iter(above.get(step, ())))
