"""Rows as somebody else's: those that name people with other people in their place, those that name nobody with
somebody put before them. Each such version of a row knows of which group it speaks.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from duiqi.core.dataset import Dataset
from duiqi.core.edit import Change, with_changes
from duiqi.core.seed import derive, generator, hash64
from duiqi.core.slice import is_cjk
from duiqi.core.texts import units
from duiqi.data.group_names import group_names
from duiqi.data.identities import Found, changes, families, find
from duiqi.data.identity_words import Family

UNKNOWN = -1  # the group of a version that speaks of several, or of one by a name alone
NEUTRAL = "neutral"  # the dimension of people who stand for anybody: a neighbour, somebody tall


@dataclass(frozen=True)
class Version:
    """A row of the data as somebody else's: the changes of its text and of its second text, the number of the set of
    versions that are held against one another, and the group it speaks of; without changes it is the row as it is."""

    row: int
    set: int
    group: int
    first: tuple[Change, ...] = ()
    second: tuple[Change, ...] = ()

    @property
    def original(self) -> bool:
        """Whether it is the row as it stands."""
        return not self.first and not self.second

    @property
    def insertion(self) -> bool:
        """Whether somebody was put before the text."""
        return any(change.start == change.end for change in self.first)


@dataclass(frozen=True)
class Group:
    """Whom a version speaks of: a word that tells it, and of which dimension it is."""

    term: str
    dimension: str

    @property
    def neutral(self) -> bool:
        """Whether it stands for anybody: what others are held against."""
        return self.dimension == NEUTRAL


@dataclass(frozen=True)
class Versions:
    """Versions of rows, those of a set one after the other, and the groups they speak of."""

    each: tuple[Version, ...]
    groups: tuple[Group, ...]

    @property
    def rows(self) -> list[int]:
        """The rows that have any, in their order."""
        return sorted({version.row for version in self.each})


def written(data: Dataset, versions: Sequence[Version]) -> Dataset:
    """The versions as rows of a data set, with the ids and draw keys of the rows they come from."""
    rows = data.take(np.array([version.row for version in versions], dtype=np.int64))
    return rows.paired(
        with_changes(rows, lambda texts, *second: [list(v.second if second else v.first) for v in versions])
    )


def swapped(data: Dataset, dimensions: Collection[str], *, most: int, swaps: int, seed: int) -> Versions:
    """Of every row that names somebody the row itself and up to `swaps` versions, for each family of groups it names;
    at most `most` rows a family, drawn by their ids."""
    texts, seconds = data.texts, data.second_texts
    found = {i: (find(texts[i]), find(seconds[i])) for i in _drawn(data, seed)}
    able = {i: families([*first, *second], dimensions) for i, (first, second) in found.items() if first or second}
    asked: Counter[Family] = Counter()
    places: dict[tuple[Family, int], int] = {}
    terms: dict[tuple[Family, int], Counter[str]] = {}
    made: list[Version] = []
    sets = 0
    for i, moves in able.items():
        for family, free in moves.items():
            if asked[family] == most:
                continue
            asked[family] += 1
            mine = [each for each in (*found[i][0], *found[i][1]) if each.row.family == family]
            group = mine[0].group if len({each.group for each in mine}) == 1 else UNKNOWN
            for said, text in ((found[i][0], texts[i]), (found[i][1], seconds[i])):
                _count(terms, family, said, text)
            rng = generator(seed, "other people", data.row_ids[i], *family)
            moved = sorted(rng.permutation(free)[:swaps].tolist())
            for place in (0, *moved):
                size = len(mine[0].row.words) if mine else 2
                at = UNKNOWN if group == UNKNOWN else places.setdefault((family, (group + place) % size), len(places))
                pair = [
                    tuple(changes(text, said, {family: place} if place else {}))
                    for text, said in ((texts[i], found[i][0]), (seconds[i], found[i][1]))
                ]
                made.append(Version(i, sets, at, *pair))
                if at != UNKNOWN and place:
                    written_as = [each.row.words[(each.group + place) % size] for each in mine]
                    terms.setdefault((family, (group + place) % size), Counter()).update(dict.fromkeys(written_as, 0))
            sets += 1
    dimension = {f.row.family: f.row.attribute for first, second in found.values() for f in (*first, *second)}
    groups = tuple(Group(_commonest(terms[key]), dimension.get(key[0], "gender")) for key in places)
    return Versions(tuple(made), groups)


def inserted(data: Dataset, dimensions: Collection[str], *, most: int, seed: int) -> Versions:
    """For up to `most` rows that name nobody, drawn by their ids, somebody put before the text: neutral people first,
    then every group of these dimensions, in the language of the row. All versions of a row are one set."""
    texts, seconds = data.texts, data.second_texts
    groups: dict[Group, int] = {}
    made: list[Version] = []
    rows = 0
    for i in _drawn(data, seed):
        if rows == most:
            break
        whole = f"{texts[i]}\n{seconds[i]}"
        if not texts[i] or find(texts[i]) or find(seconds[i]) or group_names(whole):
            continue
        spoken = _carriers()["zh" if is_cjk(texts[i]) else "en"]
        people = spoken.people(dimensions)
        if all(group.neutral for group in people):
            continue
        carrier = spoken.sentences[hash64(str(data.row_ids[i])) % len(spoken.sentences)]
        for group, who in people.items():
            put = carrier.format(who=who)
            put = " ".join(units(put)) + " " if data.schema.tokens is not None else put
            made.append(Version(i, rows, groups.setdefault(group, len(groups)), (Change(0, 0, put),)))
        rows += 1
    return Versions(tuple(made), tuple(groups))


_WITH = {"household": "region", "transition": "gender"}  # dimensions that are looked at with another one


@dataclass(frozen=True)
class _Carriers:
    sentences: tuple[str, ...]
    groups: Mapping[str, Mapping[str, str]]

    def people(self, dimensions: Collection[str]) -> dict[Group, str]:
        """How neutral people and the groups of these dimensions are said."""
        chosen = {NEUTRAL, *dimensions, *(each for each, other in _WITH.items() if other in dimensions)}
        return {Group(term, each): who for each in self.groups if each in chosen
                for term, who in self.groups[each].items()}  # fmt: skip


@cache
def _carriers() -> Mapping[str, _Carriers]:
    path = files("duiqi.data").joinpath("lexicons", "identity_carriers.toml")
    said = tomllib.loads(path.read_text(encoding="utf-8"))
    return {language: _Carriers(tuple(each.pop("carriers")), each) for language, each in said.items()}


def _drawn(data: Dataset, seed: int) -> list[int]:
    """The rows in an order that hangs on the seed and their ids alone."""
    child = derive(seed, "other people")
    return sorted(range(len(data)), key=lambda i: hash64(f"{child}\x1f{data.row_ids[i]}"))


def _count(terms: dict[tuple[Family, int], Counter[str]], family: Family, found: Sequence[Found], text: str) -> None:
    for each in found:
        if each.row.family == family:
            said, proper = text[each.start : each.end].lower(), each.row.words[each.group]
            terms.setdefault((family, each.group), Counter())[proper if proper.lower() == said else said] += 1


def _commonest(counted: Counter[str]) -> str:
    return min(counted, key=lambda term: (-counted[term], term))
