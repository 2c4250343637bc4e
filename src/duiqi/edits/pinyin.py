"""The edit `pinyin`: some Chinese words in Latin letters."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from duiqi.core.edit import Change, some
from duiqi.core.errors import DependencyError
from duiqi.core.part import edit
from duiqi.data.negations import negates
from duiqi.data.words import spans

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]+")


@edit(
    preserves=("label", "meaning", "spans"),
    source="Li et al., 2021, Enhancing model robustness by incorporating adversarial knowledge into semantic "
    "representation (AdvGraph), ICASSP, https://arxiv.org/abs/2102.11584",
)
def pinyin(
    texts: Sequence[str],
    rngs: Sequence[np.random.Generator],
    *,
    rate: float = 0.1,
    unit: Literal["word", "character"] = "word",
) -> list[list[Change]]:
    """Chinese words written as pinyin without tones: 质量 as zhiliang.

    Learners write so, haste, and people who dodge filters; a reader says it aloud and understands. `rate` is the share
    of the Chinese words (of jieba where it is installed, else characters; with `unit` "character" always) that are
    written so, at least one where there is any. Readings are those of pypinyin for the word; a character alone gets
    its most common one. ü is v, as on a keyboard. Words with a negation stay, and so does text that is not Chinese.

    It misleads on words of one syllable, which many words share. Needs the package pypinyin (pip install 'duiqi[zh]').
    """
    read = _reader()
    return [
        [_written(text, start, end, read) for start, end in some(_words(text, unit), rng, rate)]
        for text, rng in zip(texts, rngs, strict=True)
    ]


def _written(text: str, start: int, end: int, read: Callable[[str], list[str]]) -> Change:
    """A word in letters, apart from letters and digits beside it."""
    beside = text[max(start - 1, 0) : start], text[end : end + 1]
    before, behind = (" " if each.isalnum() and each.isascii() else "" for each in beside)
    return Change(start, end, f"{before}{''.join(read(text[start:end]))}{behind}")


def _words(text: str, unit: str) -> list[tuple[int, int]]:
    if unit == "character":
        found = [(at, at + 1) for match in _HAN.finditer(text) for at in range(*match.span())]
    else:
        found = [(start, end) for start, end in spans(text) if _HAN.fullmatch(text, start, end)]
    return [(start, end) for start, end in found if not negates(text[start:end])] if negates(text) else found


def _reader() -> Callable[[str], list[str]]:
    try:
        from pypinyin import lazy_pinyin
    except ImportError as error:
        raise DependencyError(
            "expected the package pypinyin for the edit pinyin, given none", hint="pip install 'duiqi[zh]'"
        ) from error
    return lazy_pinyin
