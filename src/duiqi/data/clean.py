"""Texts without dirt: each cleaner says what is dirty and what it becomes, as changes that move spans and answers
along.

Most texts are clean. So the texts of a piece are searched for signs of dirt in one go, and only those that have some
are looked at one by one.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from duiqi.core.edit import Change

_SEPARATOR = "^"  # between texts that are searched together: a rare sign that is never dirt


@dataclass(frozen=True)
class Cleaner:
    """`signs` find texts that may be dirty; `changes` are what cleaning does to one of them. `odd`: all that it looks
    for is among the `ODD` characters."""

    signs: Sequence[re.Pattern[str]]
    changes: Callable[[str], Iterable[Change]]
    odd: bool = False


# What looks like UTF-8 that was read as Windows-1252 or Latin-1: a character that stands for the first byte of a
# sequence, and one that stands for another byte of it.
_LATER = (
    "\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013\u2014\u2018-\u201e\u2020-\u2022"
    "\u2026\u2030\u2039\u203a\u20ac\u2122"
)
_MISREAD = re.compile(rf"[\u00c2-\u00f4][{_LATER}]")
_MISREAD_RUN = re.compile(rf"(?:[\u00c0-\u00ff{_LATER}]|(?<=[{_LATER}]) (?=[\u00c2-\u00f4]))+")

_SCRIPT = re.compile(r"<(script|style)\b[^>]*>.*?</\1\s*>", re.I | re.S)
_BLOCK = "p|br|div|ul|ol|li|h[1-6]|table|thead|tbody|tr|td|th|hr|blockquote|pre|section|article|header|footer|nav"
_INLINE = "a|abbr|b|big|center|cite|code|del|em|font|i|img|ins|label|mark|s|small|span|strike|strong|sub|sup|tt|u"
_WHOLE = "html|head|body|title|meta|link|iframe|button|input|form"
_TAG = re.compile(rf"</?({_BLOCK}|{_INLINE}|{_WHOLE})(?:\s[^<>]*)?/?>", re.I)
_COMMENT = re.compile(r"<!--.*?-->", re.S)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")

# Characters without a shape: C0 and C1 controls, soft hyphens, marks of direction, the byte order mark, private use.
# The joiners U+200C and U+200D stay: Persian and emoji need them.
_SHAPELESS = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
    "\ufff9-\ufffb\ue000-\uf8ff"
)
_BLANKS = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\t"
_BREAKS = "\r\x85\u2028\u2029"
_CONTROL = re.compile(rf"\r\n|[{_SHAPELESS}]+|[{_BLANKS}]|[{_BREAKS}]")

_COMBINED = re.compile("[^\u0300-\u036f\u3099\u309a][\u0300-\u036f\u3099\u309a]+|[\u1100-\u11ff]+|[\uf900-\ufaff]")

# Full-width letters, digits and signs; the marks of Chinese sentences ！（），：；？～ are right as they are.
_WIDE = re.compile("[\uff02-\uff07\uff0a\uff0b\uff0d-\uff19\uff1c-\uff1e\uff20-\uff5d]+")
_NARROW = re.compile("[\uff61-\uff9f]+")

_RUNS = re.compile(r"([!?.,;:~*=_#+\-—…！？。，、；：～·])\1{3,}")
_SPACE = re.compile(r" {2,}|\n(?: *\n){2,}|^[ \n]+|[ \n]+\Z")
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff，。！？；：、"  # Korean words stand apart
_APART = re.compile(f"(?<=[{_HAN}]) +(?=[{_HAN}])")


def _mojibake(text: str) -> Iterator[Change]:
    """UTF-8 that was read as another encoding, read again (ftfy)."""
    import ftfy

    for run in _MISREAD_RUN.finditer(text):
        mended = ftfy.fix_encoding(run[0]) if _MISREAD.search(run[0]) else run[0]
        if mended != run[0]:
            yield Change(*run.span(), mended)


def _html(text: str) -> Iterator[Change]:
    """Tags of HTML, with what is in scripts and styles; entities become what they stand for."""
    at = 0
    found = [match for pattern in (_SCRIPT, _COMMENT, _TAG, _ENTITY) for match in pattern.finditer(text)]
    for match in sorted(found, key=lambda match: (match.start(), -match.end())):
        if match.start() < at:
            continue
        at = match.end()
        if match.re is _ENTITY:
            new = html.unescape(match[0])
        else:
            name = match[1].lower() if match.re is _TAG else ""
            new = "\n" if re.fullmatch(_BLOCK, name) else ""
        if new != match[0]:
            yield Change(*match.span(), new)


def _control(text: str) -> Iterator[Change]:
    """Characters without a shape go; every blank is a plain one, every line break "\\n"."""
    for match in _CONTROL.finditer(text):
        said = match[0]
        new = "\n" if said == "\r\n" or said in _BREAKS else " " if re.fullmatch(f"[{_BLANKS}]", said) else ""
        yield Change(*match.span(), new)


def _unicode(text: str) -> Iterator[Change]:
    """Letters and their marks as one character, where there is one (NFC)."""
    for match in _COMBINED.finditer(text):
        new = unicodedata.normalize("NFC", match[0])
        if new != match[0]:
            yield Change(*match.span(), new)


def _width(text: str) -> Iterator[Change]:
    """Full-width letters, digits and signs become half-width, half-width kana full-width."""
    for pattern in (_WIDE, _NARROW):
        for match in pattern.finditer(text):
            yield Change(*match.span(), unicodedata.normalize("NFKC", match[0]))


def _punctuation(text: str) -> Iterator[Change]:
    """Of a sign that comes more than three times in a row three stay."""
    for match in _RUNS.finditer(text):
        yield Change(match.start() + 3, match.end(), "")


def _blanks(text: str) -> Iterator[Change]:
    """One blank between words and at most one empty line, none at the ends, none between two Chinese characters."""
    at = 0
    found = [match for pattern in (_SPACE, _APART) for match in pattern.finditer(text)]
    for match in sorted(found, key=lambda match: (match.start(), -match.end())):
        if match.start() < at:
            continue
        at = match.end()
        ends = match.start() == 0 or match.end() == len(text)
        new = "" if ends or match.re is _APART else "\n\n" if "\n" in match[0] else " "
        if new != match[0]:
            yield Change(*match.span(), new)


_WIDE_SIGNS = "[\uff02-\uff07\uff0a\uff0b\uff0d-\uff19\uff1c-\uff1e\uff20-\uff5d\uff61-\uff9f]"
# Patterns that begin with one certain character are searched for many times as fast as their union.
_BLANK_SIGNS = ("  ", r"\n *\n *\n", r"\^[ \n]", r" \^", r"\n\^", f" (?=[{_HAN}])(?<=[{_HAN}] )")

_COMBINING = "\u0300-\u036f\u3099\u309a\u1100-\u11ff\uf900-\ufaff"
# Four cleaners look for characters that most texts have none of: they are searched for together first.
ODD = [re.compile(f"[\u00c2-\u00f4{_SHAPELESS}{_BLANKS}{_BREAKS}{_COMBINING}{_WIDE_SIGNS[1:-1]}]")]

# In the order that they are applied in: what was misread is read again before its characters are judged.
CLEANERS: Mapping[str, Cleaner] = {
    "mojibake": Cleaner([_MISREAD], _mojibake, odd=True),
    "html": Cleaner([re.compile("<[a-zA-Z/!]"), re.compile("&[#a-zA-Z]")], _html),
    "control": Cleaner([re.compile(f"[{_SHAPELESS}{_BLANKS}{_BREAKS}]")], _control, odd=True),
    "unicode": Cleaner([re.compile(f"[{_COMBINING}]")], _unicode, odd=True),
    "width": Cleaner([re.compile(_WIDE_SIGNS)], _width, odd=True),
    "punctuation": Cleaner([_RUNS], _punctuation),
    "blanks": Cleaner([re.compile(signs) for signs in _BLANK_SIGNS], _blanks),
}


def dirty(texts: Sequence[str], patterns: Sequence[re.Pattern[str]]) -> list[int]:
    """The texts that have signs of dirt, in order; found in one search over all of them."""
    together = _SEPARATOR.join(["", *texts, ""])
    ends = np.cumsum([len(text) + 1 for text in texts])
    found_at = (match.start() for signs in patterns for match in signs.finditer(together))
    places = np.fromiter(found_at, np.int64)
    if not len(places):
        return []
    found: list[int] = np.unique(np.minimum(np.searchsorted(ends, places, side="right"), len(texts) - 1)).tolist()
    return found
