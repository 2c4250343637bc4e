"""Traditional Chinese written in simplified characters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
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
    try:
        folder = files("opencc") / "dictionary"
    except ModuleNotFoundError as error:
        raise DependencyError(
            "expected the package 'opencc-python-reimplemented' for the step simplify, given none",
            hint="pip install 'duiqi[zh]'",
        ) from error
    table: dict[str, str] = {}
    for name in ("TSCharacters.txt", "TSPhrases.txt"):
        for line in (folder / name).read_text(encoding="utf-8").splitlines():
            old, _, new = line.partition("\t")
            if old and new.split() and max(old) < "\U00010000":  # rarer ones would make the search linear
                table[old] = new.split()[0]
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


def _any(phrases: Sequence[str]) -> re.Pattern[str]:
    """A pattern for any of these phrases, tried only where one of them can begin."""
    return re.compile(f"(?=[{''.join(sorted({phrase[0] for phrase in phrases}))}])(?:{'|'.join(phrases)})")
