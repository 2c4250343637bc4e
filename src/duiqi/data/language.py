"""In which language a text is: scripts say it for most, letters of the Latin script are told apart by a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from duiqi.core.errors import DependencyError
from duiqi.core.slice import is_cjk

# Scripts that one widely written language uses, and the share of a text's letters from which on it is in that language.
_SCRIPTS = {
    "ja": re.compile("[\u3040-\u30ff]"),
    "ko": re.compile("[\u1100-\u11ff\uac00-\ud7af]"),
    "zh": re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]"),
    "th": re.compile("[\u0e00-\u0e7f]"),
    "he": re.compile("[\u0590-\u05ff]"),
    "el": re.compile("[\u0370-\u03ff]"),
    "hy": re.compile("[\u0530-\u058f]"),
    "ka": re.compile("[\u10a0-\u10ff]"),
}
_LETTER = re.compile(r"[^\W\d_]")
_MOSTLY = 0.6
_FEWEST = 20  # letters of the Latin script (or one that several languages use) below which nothing is said
# What the model tells apart, and the scripts above.
KNOWN = tuple(sorted({
    *("af", "ar", "az", "be", "bg", "bn", "bs", "ca", "cs", "cy", "da", "de", "en", "eo", "es", "et", "eu", "fa", "fi"),
    *("fr", "ga", "gl", "gu", "hi", "hr", "hu", "id", "is", "it", "kk", "kn", "la", "lt", "lv", "mk", "ml", "mr", "ms"),
    *("mt", "ne", "nl", "no", "pa", "pl", "pt", "ro", "ru", "sk", "sl", "sq", "sr", "sv", "sw", "ta", "te", "tl", "tr"),
    *("uk", "ur", "vi", "xh", "zu"), *_SCRIPTS,
}))  # fmt: skip


SPOKEN = 0.1  # share of the texts that a language needs to be one of theirs


def of_the_two(texts: Sequence[str]) -> list[str]:
    """Which of English ("en", texts without a Chinese character) and Chinese ("zh") enough of the texts are in."""
    chinese = sum(map(is_cjk, texts)) / len(texts) if len(texts) else 0.0
    return [language for language, share in (("en", 1 - chinese), ("zh", chinese)) if share >= SPOKEN]


def languages(texts: Sequence[str]) -> list[tuple[str, float]]:
    """For every text its language (ISO 639-1) and how certain that is, 0 to 1; ("", 0) where it is too short to say.

    Kana make a text with Chinese characters Japanese.
    """
    return [_language(text) for text in texts]


def _language(text: str) -> tuple[str, float]:
    letters = len(_LETTER.findall(text))
    if not letters:
        return "", 0.0
    shares = {name: len(pattern.findall(text)) / letters for name, pattern in _SCRIPTS.items()}
    if shares["ja"] > 0.1 and shares["ja"] + shares["zh"] > _MOSTLY:
        return "ja", 1.0
    name = max(shares, key=shares.__getitem__)
    if shares[name] > _MOSTLY:
        return name, 1.0
    if letters < _FEWEST or max(shares.values()) > 1 - _MOSTLY:
        return "", 0.0
    return _told(text)


def _told(text: str) -> tuple[str, float]:
    label, certain = _model().classify(text)
    return str(label), float(certain)


@cache
def _model() -> Any:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError as error:
        raise DependencyError(
            "expected the package 'py3langid' for the step language, given none", hint="pip install 'duiqi[lang]'"
        ) from error
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
