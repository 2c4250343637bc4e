"""The attack `deepwordbug`: slips in the words that matter."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence

import numpy as np

from duiqi.core.attack import Attack, Place
from duiqi.core.part import attack
from duiqi.data.attackable import content_words


@attack(
    search=Attack(ranking="unknown", most_edits=30),
    preserves=("label", "meaning", "tokens", "spans"),
    source="Gao, Lanchantin, Soffa & Qi, 2018, Black-box generation of adversarial text sequences to evade deep "
    "learning classifiers, IEEE Security and Privacy Workshops, https://arxiv.org/abs/1801.04354",
)
def deepwordbug(texts: Sequence[str], rngs: Sequence[np.random.Generator]) -> list[list[Place]]:
    """Misspell the words that matter most: two letters swapped, one replaced, dropped or put in.

    Each word has one candidate of each kind, its place and letter drawn at random; at most 30 characters of a text
    change. Words are tried by what is lost with an unknown word in their place, and each is misspelled in the way that
    does most harm, if it does any.

    Differs from the paper, which scores a word by what stands before and behind it (temporal head and tail) and chooses
    the kind beforehand: this is how TextAttack's recipe of that name searches. Words that build a sentence and
    negations are left alone; Chinese has no letters to slip on (see `chinese_characters`).
    """
    return [
        [Place(start, end, _misspelled(text[start:end], rng)) for start, end in content_words(text)]
        for text, rng in zip(texts, rngs, strict=True)
    ]


def _misspelled(word: str, rng: np.random.Generator) -> tuple[str, ...]:
    made = [kind(word, rng) for kind in KINDS]
    return tuple(dict.fromkeys(each for each in made if each and each != word))


def _swapped(word: str, rng: np.random.Generator) -> str:
    if len(word) < 2:
        return ""
    at = int(rng.integers(len(word) - 1))
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _replaced(word: str, rng: np.random.Generator) -> str:
    at = int(rng.integers(len(word)))
    return word[:at] + _letter(rng) + word[at + 1 :]


def _dropped(word: str, rng: np.random.Generator) -> str:
    at = int(rng.integers(len(word)))
    return word[:at] + word[at + 1 :]


def _put_in(word: str, rng: np.random.Generator) -> str:
    at = int(rng.integers(len(word)))
    return word[:at] + _letter(rng) + word[at:]


def _letter(rng: np.random.Generator) -> str:
    return string.ascii_letters[int(rng.integers(len(string.ascii_letters)))]


KINDS: tuple[Callable[[str, np.random.Generator], str], ...] = (_swapped, _replaced, _dropped, _put_in)
