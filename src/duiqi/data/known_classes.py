"""Which class people mean by a label that they wrote by hand: one of those that are known, or none of them."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duiqi.core.spans import OUTSIDE, is_tag

DIVIDERS = re.compile("[|｜;；,，、]")  # what people write between labels


@dataclass(frozen=True)
class Meant:
    """What a label stands for, as rows have it, and what in it is `unknown`: no known class, or two of them."""

    label: Any
    unknown: tuple[str, ...] = ()


def plain_form(label: str) -> str:
    """A label without what spreadsheets and keyboards change unseen: width and form of characters (NFKC), case, blanks,
    characters without a shape."""
    return _shaped(_shaped(label).casefold())


def _shaped(label: str) -> str:
    """In the form NFKC, without blanks and characters that have no shape."""
    known = unicodedata.normalize("NFKC", label)
    return "".join(char for char in known if not char.isspace() and unicodedata.category(char) != "Cf")


@dataclass(frozen=True, eq=False)
class KnownClasses:
    """The names of the classes (of tags: the types of spans), and which of them have one plain form."""

    names: frozenset[str]
    alike: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, names: Iterable[str]) -> KnownClasses:
        """The classes of these names."""
        alike: dict[str, tuple[str, ...]] = {}
        for name in sorted(set(names)):
            alike[plain_form(name)] = (*alike.get(plain_form(name), ()), name)
        return cls(frozenset(name for found in alike.values() for name in found), alike)

    def one(self, said: str) -> str | None:
        """The class of that name, else the only one of the same plain form; `None` where there is none, or several."""
        found = (said,) if said in self.names else self.alike.get(plain_form(said), ())
        return found[0] if len(found) == 1 else None

    def nearest(self, said: str) -> str | None:
        """The class whose plain form looks most like that of a label."""
        close = difflib.get_close_matches(plain_form(said), self.alike, n=1, cutoff=0.5)
        return self.alike[close[0]][0] if close else None

    def meant(self, label: Any, *, tags: bool = False) -> Meant:
        """What is meant by a row's label: a class, a list of classes or, with `tags`, a tag for every word."""
        if isinstance(label, list):
            return self._tags(label) if tags else self._several(label)
        if not isinstance(label, str):
            return Meant(label)
        found = self.one(label)
        return Meant(label, (label,)) if found is None else Meant(found)

    def _several(self, labels: Sequence[str]) -> Meant:
        """Each class once. A label that is none is divided where people put signs between labels."""
        found, unknown = list[str](), list[str]()
        for label in labels:
            whole = self.one(label)
            pieces = [label] if whole else [piece.strip() for piece in DIVIDERS.split(label) if piece.strip()]
            for piece in pieces:
                name = self.one(piece)
                found.append(piece if name is None else name)
                unknown += [piece] if name is None else []
        return Meant(list(dict.fromkeys(found)), tuple(unknown))

    def _tags(self, tags: Sequence[str]) -> Meant:
        """Tags of known types. A type alone begins a span; behind a word of its type it could as well go on, and is
        unknown."""
        found, unknown = list[str](), list[str]()
        for tag in tags:
            made = self._tag(tag)
            if made is None:
                name = self.one(tag)
                joins = name is not None and bool(found) and found[-1][2:] == name
                made = tag if name is None else f"B-{name}"
                unknown += [f"{tag} {tag}"] if joins else [_type(tag)] if name is None else []
            found.append(made)
        return Meant(found, tuple(unknown))

    def _tag(self, tag: str) -> str | None:
        """A tag as it is spelled: O, or B-, I- and the like before a known type; `None` for what is none."""
        plain = _shaped(tag)
        plain = plain[:1].upper() + plain[1:]
        if plain == OUTSIDE:
            return OUTSIDE
        name = self.one(plain[2:]) if is_tag(plain) else None
        return None if name is None else plain[:2] + name


def _type(tag: str) -> str:
    """What follows B- or I- in a tag."""
    return tag[2:] if is_tag(tag) and tag != OUTSIDE else tag
