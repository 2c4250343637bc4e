"""Codes and values into words: every sentence of a report, in English and Chinese.

The sentences stand in `text/en.toml` and `text/zh.toml` under equal keys. Numbers are formatted here, because how a
percentage, an interval or a row count is written belongs to the language. Codes without a sentence (from parts of
third parties) are shown as plain words and never raise.
"""

from __future__ import annotations

import math
import re
import string
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeGuard

from duiqi.core.errors import OptionError, nearest
from duiqi.show.wrong import translated

LANGUAGES = ("en", "zh")
NBSP = "\u00a0"
MINUS = "\u2212"

# Scores that people quote as decimals; every other score between 0 and 1 is quoted in percent.
_DECIMALS = frozenset(
    {"auroc", "aurc", "bias_score", "shift_auroc", "mcc", "log_loss", "brier", "kappa", "perplexity"}
    | {
        "loss",
        "r_squared",
        "pearson",
        "spearman",
        "mean_absolute_error",
        "root_mean_squared_error",
        "mean_weight",
        "mean_change",
        "latency",
    }
)
# The name of a measure: `accuracy`, `accuracy_gap[region]`, `worst_group_accuracy[region]`, `brier_difference[tfidf]`.
_MEASURE = re.compile(
    r"^(?P<worst>worst_group_)?(?P<base>[^\[\]]+?)(?P<after>_gap|_difference|_drop|_change|_spread)?(?:\[(?P<by>.*)\])?$"
)
_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")


class Count(int):
    """A number of things: `{n:row|rows}` gives "1 row" or "1,204 rows", `{n}` gives "1,204"."""

    def __format__(self, spec: str) -> str:
        number = f"{int(self):,}"
        if "|" not in spec:
            return number
        one, _, many = spec.partition("|")
        return f"{number}{NBSP}{one if self == 1 else many}"


@cache
def _read(lang: str) -> Mapping[str, str]:
    found = tomllib.loads(files("duiqi.show").joinpath("text", f"{lang}.toml").read_text(encoding="utf-8"))
    return dict(_flat(found))


def _flat(table: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def plain(code: object) -> str:
    """A code as words, for codes that have no sentence: "tail_recall" gives "tail recall"."""
    return str(code).replace("_", " ").strip()


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a finite number (a bool is none)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_chinese(text: str) -> bool:
    """Whether a text has Chinese characters."""
    return bool(_CJK.search(text))


@dataclass(frozen=True)
class Named:
    """The name of a measure taken apart: the metric, its form ("", gap, difference, spread, worst_group …), of what."""

    base: str
    form: str = ""
    by: str = ""

    @classmethod
    def of(cls, name: str) -> Named:
        """`Named.of("accuracy_gap[region]")` is `Named("accuracy", "gap", "region")`."""
        found = _MEASURE.match(name)
        if found is None:
            return cls(name)
        form = ((found["worst"] or "") + (found["after"] or "")).strip("_")
        return cls(found["base"], form, found["by"] or "")


def is_share(metric: str) -> bool:
    """Whether values of this metric are quoted in percent, and differences of it in points."""
    return not ({metric, Named.of(metric).base} & _DECIMALS)


@dataclass(frozen=True)
class Sentences:
    """The sentences of one language, and how it writes numbers."""

    lang: str
    texts: Mapping[str, str]

    @classmethod
    def of(cls, lang: str) -> Sentences:
        """The sentences of a language, "en" or "zh"."""
        if lang not in LANGUAGES:
            raise OptionError(f"expected a language among {', '.join(LANGUAGES)}, given '{lang}'",
                              hint=nearest(lang, LANGUAGES))  # fmt: skip
        return cls(lang, _read(lang))

    # ---- sentences and names

    def say(self, key: str, **values: Any) -> str:
        """The sentence of a key with its values put in; whole numbers are written as counts."""
        counted = {k: Count(v) if isinstance(v, int) and not isinstance(v, bool) else v for k, v in values.items()}
        return self.texts[key].format(**counted)

    def say_first(self, keys: Iterable[str], **values: Any) -> str:
        """The first of these sentences that exists and whose values are all known (not `None`); else ""."""
        for key in keys:
            text = self.texts.get(key)
            if text is not None and all(values.get(slot) is not None for slot in _slots(text)):
                return self.say(key, **values)
        return ""

    def name(self, table: str, code: object, otherwise: str | None = None) -> str:
        """What a code is called: `name("kind", "blind_spot")`. A code without a name is shown as plain words."""
        for key in (f"{table}.{code}.name", f"{table}.{code}"):
            if key in self.texts:
                return self.texts[key]
        return plain(code) if otherwise is None else otherwise

    def stage(self, stage: str, name: str = "") -> str:
        """What is shown of a stage while it runs: "training: 2-reweight", "examining: Fairness"."""
        code, _, trial = stage.partition(" ")
        what = self.name("probe", name) if name else re.sub("[a-z_]+", lambda word: self._trained(word[0]), trial)
        return self.name("stage", code) + (self.say("list.colon") + what if what else "")

    def _trained(self, word: str) -> str:
        return self.name("remedy", word, otherwise=self.name("stage", word))

    def wrong(self, said: str) -> str:
        """What an error says, in the language where there is a sentence for it."""
        return translated(said, self.lang)

    def complaint(self, message: str, hint: str) -> str:
        """What is wrong, as errors say it ("expected …, given …"), and what to do next, in the language where there is
        a sentence for it."""
        message, hint = self.wrong(message), self.wrong(hint)
        found = re.fullmatch("expected (.+?), given (.+)", message, re.DOTALL)
        said = self.say("error.said", expected=found[1], given=found[2]) if found else ""
        said = said or self.say("error.other", message=message)
        return said + (f"\n{self.say('error.hint', hint=hint)}" if hint else "")

    def knows(self, table: str, code: object) -> bool:
        """Whether a code has a name in this table."""
        return f"{table}.{code}.name" in self.texts or f"{table}.{code}" in self.texts

    def metric(self, metric: str) -> str:
        """What a measure is called; `accuracy_gap[region]` is made of the words for accuracy, gap and region."""
        if self.knows("metric", metric):
            return self.name("metric", metric)
        named = Named.of(metric)
        if not self.knows("metric", named.base):
            return plain(metric)
        values = {"metric": self.name("metric", named.base), "by": self._by(named.by) if named.by else None}
        keys = (f"versus.{named.form}.{named.by}", f"around.{named.form}_by", f"around.{named.form}", "around.by")
        return tight(self.say_first(keys if named.by else keys[2:3], **values)) or self.name("metric", named.base)

    def _by(self, by: str) -> str:
        """What a measure is taken by: a column, or what its options are called ("hate,train")."""
        options = by.split(",")
        if not all(self.knows("by", each) or each.isdigit() for each in options):
            return self.name("by", by)
        return self.say("list.comma").join(self.name("by", each) for each in options)

    def listing(self, words: Sequence[str], *, last: str = "and") -> str:
        """Words in a row: "a, b and c"."""
        if len(words) < 2:
            return "".join(words)
        return self.say("list.comma").join(words[:-1]) + self.say(f"list.{last}") + words[-1]

    def quote(self, text: object) -> str:
        """A word of the user's in the quotation marks of the language."""
        return f"“{text}”"

    def title(self, text: str) -> str:
        """With a capital first letter where the language has them."""
        return text if self.lang == "zh" else text[:1].upper() + text[1:]

    # ---- numbers

    def share(self, value: float, *, signed: bool = False) -> str:
        """A share of 0 to 1 in percent with one decimal: "81.2 %"."""
        return self._signed(value * 100, 1, signed) + self.say("number.percent")

    def points(self, value: float, *, signed: bool = True) -> str:
        """A difference of shares in percentage points: "+2.1 points"."""
        return self.say("number.points", value=self._signed(value * 100, 1, signed))

    def decimal(self, value: float, *, signed: bool = False) -> str:
        """A score with three decimals, fewer above 10."""
        places = 3 if abs(value) < 10 else 1
        return self._signed(value, places, signed)

    def value(self, metric: str, measure: Mapping[str, Any] | None, *, change: bool = False, low: bool = True) -> str:
        """A measure with its interval, "81.2 % (79.4–83.0)"; without `low` the value alone; "–" where there is none."""
        if not measure or not is_number(measure.get("value")):
            return "–"
        in_percent, form = is_share(metric), Named.of(metric).form
        signed = change or form == "difference"
        value = float(measure["value"])
        if not in_percent:
            shown = self.decimal(value, signed=signed)
        elif signed or form in ("gap", "spread"):
            shown = self.points(value, signed=signed)
        else:
            shown = self.share(value)
        return shown + (self.interval(measure, 100 if in_percent else 1, signed=signed) if low else "")

    def interval(self, measure: Mapping[str, Any], scale: float = 100, *, signed: bool = False) -> str:
        """The interval of a measure in parentheses, with the space before them, "at least" where it has only a lower
        bound; "" where it has none."""
        places = 1 if scale == 100 else 3
        if is_number(measure.get("low")) and "high" in measure and measure["high"] is None:
            bound = self._signed(float(measure["low"]) * scale, places, signed)
            return self.say("number.lower_bound", low=bound + (self.say("number.percent") if scale == 100 else ""))
        if not (is_number(measure.get("low")) and is_number(measure.get("high"))):
            return ""
        low, high = float(measure["low"]), float(measure["high"])
        places = 1 if max(abs(low), abs(high)) >= 10 else places
        ends = [self._signed(end * scale, places, signed) for end in (low, high)]
        between = self.say("number.to") if low < 0 or signed else "–"
        return self.say("number.interval", low=ends[0], between=between, high=ends[1])

    def plain_number(self, value: object) -> str:
        """A number of unknown meaning: counts with separators, others with three significant digits."""
        if not is_number(value):
            return "–" if value is None or isinstance(value, float) else str(value)
        if float(value).is_integer():
            return f"{int(value):,}".replace("-", MINUS)
        return f"{value:.3g}".replace("-", MINUS)

    def duration(self, seconds: object) -> str:
        """Seconds as people say them: "41 s", "3 min"."""
        if not is_number(seconds):
            return "–"
        number = float(seconds)
        if number < 90:
            return self.say("number.seconds", n=f"{number:.1f}" if number < 10 else f"{number:.0f}")
        return self.say("number.minutes", n=f"{number / 60:.1f}" if number < 600 else f"{number / 60:.0f}")

    def _signed(self, value: float, places: int, signed: bool) -> str:
        rounded = round(value, places) + 0.0  # no "-0.0"
        shown = f"{abs(rounded):,.{places}f}"
        return (MINUS if rounded < 0 else "+" if signed and rounded > 0 else "") + shown

    # ---- slices

    def slice(self, where: Sequence[Mapping[str, Any]], *, characters: bool) -> str:
        """The conditions of a slice in words: "rows with product “books” that contain a negation".

        `characters` says that lengths count characters (Chinese data), not words. No condition means all rows.
        """
        if not where:
            return self.say("slice.all")
        columns = [self._condition(each, characters) for each in where if _is_column(each)]
        texts = [self._condition(each, characters) for each in where if not _is_column(each)]
        keys = {(True, False): "slice.columns", (False, True): "slice.texts", (True, True): "slice.both"}
        joined = {"columns": self.listing(columns, last="both"), "texts": self.listing(texts, last="both")}
        return tight(self.say(keys[bool(columns), bool(texts)], **joined))

    def _condition(self, condition: Mapping[str, Any], characters: bool) -> str:
        column, op, value = condition.get("column", ""), condition.get("op", "=="), condition.get("value")
        unit = condition.get("unit") or ("characters" if characters else "words")
        shown = self.quote(value) if isinstance(value, str) else self.plain_value(value)
        code = _OPS.get(str(op), "other")
        own = f"condition.{column}.{code}"
        keys = [f"{own}.{unit}", f"{own}.{str(value).lower()}", own, f"condition.column.{code}"]
        said = self.say_first(keys, column=column, op=op, value=shown)
        return tight(said or self.say("condition.unknown", column=column, op=op, value=shown))

    def plain_value(self, value: object) -> str:
        """A value from the data or from options, as short text."""
        if isinstance(value, bool) or value is None:
            return self.say(f"value.{str(value).lower()}")
        if isinstance(value, Mapping):
            return self.say("list.comma").join(f"{key} = {self.plain_value(each)}" for key, each in value.items())
        if isinstance(value, list | tuple):
            return self.say("list.comma").join(self.plain_value(each) for each in value)
        return self.plain_number(value) if is_number(value) else str(value)


_OPS = {
    "==": "is",
    "!=": "is_not",
    "contains": "has",
    "has": "has",
    ">=": "at_least",
    "<=": "at_most",
    ">": "above",
    "<": "below",
}
_TEXT_COLUMNS = frozenset({"text", "length", "negation", "number"})


def _is_column(condition: Mapping[str, Any]) -> bool:
    """Whether a condition speaks of a column of the user's, not of the text itself."""
    return condition.get("column") not in _TEXT_COLUMNS


def tight(text: str) -> str:
    """Chinese spacing where words of the user's stand in a sentence; what is in quotation marks stays as it is.

    No space between two Chinese characters, one between a Chinese character and a Latin letter or digit.
    """
    han, latin = _CJK.pattern, "[A-Za-z0-9]"
    spaced = re.compile(rf"(?<={han})(?={latin})|(?<={latin})(?={han})")
    pieces = re.split("(“[^”]*”)", text)
    plain_pieces = [spaced.sub(" ", re.sub(rf"(?<={han}) (?={han})", "", each)) for each in pieces[::2]]
    return "".join(each for pair in zip(plain_pieces, [*pieces[1::2], ""], strict=True) for each in pair)


@cache
def _slots(text: str) -> tuple[str, ...]:
    return tuple(name for _, name, _, _ in string.Formatter().parse(text) if name)
