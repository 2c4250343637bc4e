"""Traditional Chinese written in simplified characters, and simplified in traditional ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.resources import files

from duiqi.core.edit import Change
from duiqi.core.errors import DependencyError
from duiqi.data.clean import Cleaner


@cache
def simplifier() -> Cleaner:
    """Phrases first, the longest of them, then single characters; tables of OpenCC, one reading of each.

    Regional words are not translated: 軟體 becomes 软体, not 软件.
    """
    table = _table("TSCharacters.txt", "TSPhrases.txt")
    single = "".join(old for old, new in table.items() if len(old) == 1 and old != new)
    phrases = sorted((old for old in table if len(old) > 1), key=len, reverse=True)
    whole = [phrase for phrase in phrases if not set(phrase) & set(single)]  # told by no character of theirs alone
    signs = [re.compile(f"[{single}]"), *([_any(whole)] if whole else [])]
    found = re.compile(f"{_any(phrases).pattern}|[{single}]")

    def changes(text: str) -> Iterator[Change]:
        for match in found.finditer(text):
            if table[match[0]] != match[0]:
                yield Change(*match.span(), table[match[0]])

    return Cleaner(signs, changes)


@cache
def traditionalizer() -> Callable[[str], list[Change]]:
    """Simplified → traditional characters, the other way round and by the same rules: 头发 becomes 頭髮, 发现 發現.

    Of variants, those written in Taiwan are chosen: 麵 and 裡, not 麪 and 裏. The list of phrases is long, so
    the longest that begins at a character is looked up, not searched for by a pattern.
    """
    variants = str.maketrans(_table("TWVariants.txt"))
    table = {"着": "着"} | _table("STCharacters.txt", "STPhrases.txt")
    table = {old: new.translate(variants) for old, new in table.items()}
    lengths: dict[str, list[int]] = {}  # first character → how long what begins with it can be, the longest first
    for old in sorted(table, key=len, reverse=True):
        if len(old) not in (known := lengths.setdefault(old[0], [])):
            known.append(len(old))

    def changes(text: str) -> list[Change]:
        found, at = [], 0
        while at < len(text):
            widths = lengths.get(text[at], ())
            width = next((width for width in widths if text[at : at + width] in table and at + width <= len(text)), 1)
            old = text[at : at + width]
            new = table.get(old, old)
            if len(new) == width:  # character by character: what is equal is no change
                found += [Change(i, i + 1, n) for i, (o, n) in enumerate(zip(old, new, strict=True), at) if o != n]
            else:
                found.append(Change(at, at + width, new))
            at += width
        return found

    return changes


@cache
def traditional() -> frozenset[str]:
    """Characters that only texts in traditional script have."""
    table = _table("TSCharacters.txt")
    return frozenset(old for old, new in table.items() if old != new)


def _table(*names: str) -> dict[str, str]:
    """Old → new, of these tables of OpenCC."""
    try:
        folder = files("opencc") / "dictionary"
    except ModuleNotFoundError as error:
        raise DependencyError(
            "expected the package 'opencc-python-reimplemented' to change the script of Chinese, given none",
            hint="pip install 'duiqi[zh]'",
        ) from error
    table: dict[str, str] = {}
    for name in names:
        for line in (folder / name).read_text(encoding="utf-8").splitlines():
            old, _, new = line.partition("\t")
            if old and new.split() and max(old) < "\U00010000":  # rarer ones would make the search linear
                table[old] = new.split()[0]
    return table


def _any(phrases: Sequence[str]) -> re.Pattern[str]:
    """A pattern for any of these phrases, tried only where one of them can begin."""
    return re.compile(f"(?=[{''.join(sorted({phrase[0] for phrase in phrases}))}])(?:{'|'.join(phrases)})")
