"""Texts as answers: how they are cut into words and characters, held against references and counted.

The truth of a row is a list of reference texts, and the best one counts. A row without references expects an empty
text. Full-width and half-width forms of a character are one character: "Ａ，" is "A,".
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.slice import CJK, words

T = TypeVar("T")

ROLES = ("system", "user", "assistant")  # who speaks in a conversation
SPEAKER = re.compile(rf"^(?:{'|'.join(ROLES)}): ", re.M)
EXCERPT, BEFORE = 160, 60  # characters of a long text that are shown, and of these before what it is shown for

_WIDTHS = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFF01, 0xFFEF)} | {0x3000: " "}
_UNIT = re.compile(rf"[{CJK}]|[^\s{CJK}]+")
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_ASCII_SYMBOLS = frozenset("$+<=>^`|~")  # with these SQuAD's punctuation is ASCII's, though Unicode calls them symbols


def references_of(data: Dataset, *, fewest: int = 0) -> list[list[str]]:
    """The texts that are right for every row, where labels are texts or lists of texts; `DataError` where they are not,
    or fewer than `fewest`."""
    rows = [value if isinstance(value, list) else [value] for value in data.values("label")]
    wrong = [at for at, row in enumerate(rows) if len(row) < fewest or not all(isinstance(each, str) for each in row)]
    if wrong:
        raise DataError(
            f"expected a text, or a list of texts, in column '{data.schema.label}' of {data.name}, given "
            f"{data.values('label')[wrong[0]]!r} in row {data.row_ids[wrong[0]]}",
            hint="Name the column that holds the texts with --label COLUMN.",
        )
    return rows


def spelled(messages: Sequence[Mapping[str, str]]) -> str:
    """Messages ({"role", "content"}) as lines "role: content", from which `turns` makes them again: further lines of a
    message begin with two blanks."""
    return "\n".join(f"{each['role']}: " + each["content"].replace("\n", "\n  ") for each in messages)


def turns(earlier: str) -> list[dict[str, str]]:
    """The messages of a conversation as lines; text without roles is one message of the system."""
    found: list[dict[str, str]] = []
    for line in earlier.split("\n") if earlier else []:
        role, colon, said = line.partition(": ")
        if colon and role in ROLES:
            found.append({"role": role, "content": said})
        elif found:
            found[-1]["content"] += "\n" + line.removeprefix("  ")
        else:
            found.append({"role": "system", "content": line})
    return found


def even(text: str) -> str:
    """The text with composed accents and every character in its ordinary width."""
    return unicodedata.normalize("NFC", text.translate(_WIDTHS))


def plain_words(text: str) -> list[str]:
    """Words in lower case without punctuation; every Chinese character is one."""
    return words(even(text))


def units(text: str) -> list[str]:
    """What stands between blanks, as written; every Chinese character is a unit of its own."""
    return _UNIT.findall(even(text))


def excerpt(text: str, around: str = "") -> str:
    """The text, or of a long one `EXCERPT` characters with what `around` names."""
    if len(text) <= EXCERPT:
        return text
    begin = max(0, text.find(around) - BEFORE)
    end = begin + EXCERPT
    return f"{'… ' if begin else ''}{text[begin:end]}{' …' if end < len(text) else ''}"


def bare(text: str) -> str:
    """The text as SQuAD compares it: lower case, no punctuation, no English articles, single blanks.

    A text that has nothing else stays as it is, so that "A" and "!" are still answers.
    """
    folded = " ".join(even(text).casefold().split())
    kept = "".join(character for character in folded if not _is_punctuation(character))
    return " ".join(_ARTICLE.sub(" ", kept).split()) or folded


@cache
def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] == "P" or character in _ASCII_SYMBOLS


def matches(references: Sequence[str], answer: str) -> bool:
    """Whether the answer says what one of the references says, both `bare`."""
    return bare(answer) in {bare(each) for each in references or [""]}


def paired(
    truth: Sequence[Sequence[str]], answers: Sequence[str], cut: Callable[[str], T]
) -> Iterator[tuple[list[T], T]]:
    """For every row its references and its answer, all cut by `cut`."""
    for references, answer in zip(truth, answers, strict=True):
        yield [cut(each) for each in references or [""]], cut(answer)


def ngrams(items: Sequence[str], n: int) -> Counter[Any]:
    """How often each run of `n` items occurs."""
    return Counter(zip(*(items[start:] for start in range(n)), strict=False))


def best_rows(
    truth: Sequence[Sequence[str]],
    answers: Sequence[str],
    cut: Callable[[str], list[str]],
    score: Callable[[list[str], list[str]], float],
) -> NDArray[np.float64]:
    """Row statistics of a mean over rows of the best `score(reference, answer)`: float[n, 2], score and one."""
    scores = [max(score(each, answer) for each in references) for references, answer in paired(truth, answers, cut)]
    return np.stack([np.array(scores, dtype=np.float64), np.ones(len(scores))], axis=1)


def distinct_rows(answers: Sequence[str], n: int) -> NDArray[np.float64]:
    """Row statistics float[n, 2]: different runs of `n` words in each answer, and all of them."""
    counts = [ngrams(plain_words(text), n) for text in answers]
    return np.array([(len(each), each.total()) for each in counts], dtype=np.float64).reshape(-1, 2)


def overlap_f1(reference: list[str], answer: list[str], n: int = 1) -> float:
    """F1 of the runs of `n` items that both have, as bags; what is equal agrees, however short."""
    if reference == answer:
        return 1.0
    expected, said = ngrams(reference, n), ngrams(answer, n)
    return 2 * (expected & said).total() / max(expected.total() + said.total(), 1)


def subsequence_f1(reference: list[str], answer: list[str]) -> float:
    """F1 of the longest common subsequence; what is equal agrees."""
    both = len(reference) + len(answer)
    return 2 * common_length(reference, answer) / both if both else 1.0


def common_length(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, one bit for each item of `first` (Hyyrö 2004)."""
    places, full = _places(first), (1 << len(first)) - 1
    row = full
    for item in second:
        there = row & places.get(item, 0)
        row = ((row + there) | (row - there)) & full
    return len(first) - row.bit_count()


def edit_distance(first: Sequence[str], second: Sequence[str]) -> int:
    """Fewest items to insert, delete or replace (Levenshtein), one bit for each item of `first`.

    Myers 1999, A fast bit-vector algorithm, JACM, as Hyyrö 2003 writes it: `up` and `down` say where the column of
    the table rises or falls by one.
    """
    if not first:
        return len(second)
    places, full, last = _places(first), (1 << len(first)) - 1, 1 << (len(first) - 1)
    up, down, distance = full, 0, len(first)
    for item in second:
        there = places.get(item, 0)
        diagonal = (((there & up) + up) ^ up) | there | down
        right, left = down | (full & ~(diagonal | up)), diagonal & up
        distance += bool(right & last) - bool(left & last)
        right, left = (right << 1 | 1) & full, (left << 1) & full
        up, down = left | (full & ~(diagonal | right)), diagonal & right
    return distance


def _places(items: Sequence[str]) -> dict[str, int]:
    """Where each item stands, as bits."""
    places: dict[str, int] = {}
    for at, item in enumerate(items):
        places[item] = places.get(item, 0) | 1 << at
    return places


def excerpts(original: str, edited: str) -> tuple[str, str]:
    """Both texts from a little before the first place where they differ, `EXCERPT` characters at most; short ones
    whole."""
    if max(len(original), len(edited)) <= EXCERPT:
        return original, edited
    pairs = enumerate(zip(original, edited, strict=False))
    same = next((at for at, (one, other) in pairs if one != other), min(len(original), len(edited)))
    begin = max(0, same - BEFORE)
    gap = original.rfind(" ", max(0, begin - BEFORE), begin)  # a word is shown from its beginning, where it has one
    begin = gap + 1 if gap >= 0 else begin
    return tuple(  # type: ignore[return-value]
        f"{'… ' if begin else ''}{each[begin : begin + EXCERPT]}{' …' if len(each) > begin + EXCERPT else ''}"
        for each in (original, edited)
    )
