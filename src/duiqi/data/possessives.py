"""Whether "her" and "his" own what follows: "her keys", not "saw her leave"; "his keys", not "a friend of his"."""

from __future__ import annotations

import re

from duiqi.core.slice import CJK
from duiqi.data.identity_words import lexicon

WORD = rf"[^\W_{CJK}]+(?:['’-][^\W_{CJK}]+)*"
NEXT = re.compile(rf"\s+({WORD})")
_QUOTED = re.compile(rf"\s+[\"“‘']?({WORD})")
LAST = re.compile(rf"({WORD})\s+$")


def owns(text: str, start: int, end: int) -> bool:
    """Whether a noun follows the "her" or "his" at `start` to `end`, so that it says whose that is.

    By the words around it, from lists: what no noun begins with, verbs that take somebody and a verb ("let her go"),
    somebody and a gift ("gave her flowers."), somebody and a name, somebody and a place. Where both readings are open
    ("saw her duck") she owns it.
    """
    lists = lexicon().her
    follows = _QUOTED.match(text, end)
    if follows is None:
        return False
    word = follows[1].lower()
    if word in lists["no_noun"] or word.partition("’")[0].partition("'")[0] in ("that", "there", "he", "she", "it"):
        return False
    before = LAST.search(text[max(0, start - 30) : start])
    verb = before[1].lower() if before else ""
    if text[start:end].lower() == "his":
        return verb != "of" or word not in lists["past"]
    return not (
        word in lists["adverbs"]
        or _is_adverb(text, word, follows.end())
        or (verb in lists["with_verb"] and _is_verb(word))
        or (verb in lists["with_name"] and follows[1][0].isupper())
        or (verb in lists["with_place"] and word in lists["places"])
        or (verb in lists["with_gift"] and _is_gift(text, word, follows.end()))
    )


def _is_adverb(text: str, word: str, end: int) -> bool:
    """Whether a word in -ly says how something is done, and belongs to no adjective ("her badly lit room")."""
    lists = lexicon().her
    if not word.endswith("ly") or word in lists["adjectives"]:
        return False
    follows = NEXT.match(text, end)
    return follows is None or follows[1].lower() in lists["no_noun"] | lists["adverbs"]


def _is_verb(word: str) -> bool:
    lists = lexicon().her
    return word in lists["verbs"] or (word.endswith("ing") and word not in lists["nouns_in_ing"])


def _is_gift(text: str, word: str, end: int) -> bool:
    follows = NEXT.match(text, end)
    last = follows is None or follows[1].lower() in lexicon().her["no_noun"] - {"a", "an", "the", "some"}
    return word.isdigit() or (last and word.endswith("s") and not word.endswith("ss"))
