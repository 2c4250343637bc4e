"""The demo's reviews: short product reviews made from phrase banks, with misalignments planted at drawn places.

The banks (`phrases/en.toml`, `phrases/zh.toml`) are written by hand; what is drawn is how they are put together. A
review is an opener that names the product, a body that carries the verdict, and sometimes a closing remark. The body
is one of: a phrase or two about the product, a general phrase, a negated one, a contrast whose main clause decides, a
word of the trade with a phrase that explains it, or something on which honest readers disagree.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset, Schema
from duiqi.core.edit import apply
from duiqi.core.errors import OptionError, nearest
from duiqi.core.part import Catalogue
from duiqi.core.seed import generator

LABELS = ("negative", "positive")
SPLITS = {"train": 0.4, "dev": 0.4, "test": 0.2}
DEVICES = {"desktop": 0.76, "phone": 0.24}

# How bodies are drawn for everyone; and for the topic that only people of the trade can read.
MIX = {"topic": 0.54, "general": 0.17, "negated": 0.1, "contrast": 0.08, "explained": 0.09, "mixed": 0.02}
TRADE_MIX = {"jargon": 0.85, **{body: 0.15 * share for body, share in MIX.items()}}
SLANG_MIX = {"slang": 0.9, **{body: 0.1 * share for body, share in MIX.items()}}

SLIPS = 0.01  # labels that are wrong anywhere, as in any data that people label
TYPO_ROWS = 0.1  # rows with typing errors in the control, whatever they were written on
SLIP_RATE = 0.3  # and the share of their words that have one
PHONE_ROWS = 0.95  # rows with typing errors among those to serve that were written on a phone
TYPO_RATE = 0.9  # and the share of their words that have one
WRONG = 0.5  # labels that are wrong in the group with careless labels
STARVED = 1 / 8  # share of the starved class in train: one to seven
SERVED = 0.4  # and among the rows to serve
NEWS = 1.5  # how often the missing topic comes among the rows to serve, against any other
RARE = 0.07  # how often the group with a dialect comes in train, against any other
SPOKEN = 1.5  # and among the rows to serve


@dataclass(frozen=True)
class Plant:
    """One misalignment that was put into the data.

    `kind` is a kind of misalignment, `where` the slice as conditions (empty: all rows), `strength` its size: the share
    of wrong labels, of rows with errors, of the starved class, of rows in the manner of the topic or group. `code`
    names the plant; `shows_as` lists other kinds as which an honest diagnosis may report it.
    """

    kind: str
    code: str
    where: tuple[Mapping[str, str], ...]
    strength: float
    shows_as: tuple[str, ...] = ()

    def rows(self, data: Dataset) -> NDArray[np.bool_]:
        """Which rows of `data` lie in the planted slice, bool[n]."""
        inside = np.ones(len(data), dtype=bool)
        for condition in self.where:
            inside &= data.group(condition["column"]) == condition["value"]
        return inside


@dataclass(frozen=True, eq=False)
class Demo:
    """The demo's data: `parts` are train, dev and test; `plants` says what is wrong, empty for the control."""

    parts: Mapping[str, Dataset]
    plants: tuple[Plant, ...] = ()


@dataclass(frozen=True)
class _Places:
    """Where the misalignments go; `None` everywhere in the control."""

    topic: str | None = None
    careless: tuple[str, str] | None = None
    dialect: tuple[str, str] | None = None
    starved: str | None = None
    phones: bool = False


@dataclass(frozen=True)
class _Row:
    topic: str
    groups: Mapping[str, str]
    truth: str


@dataclass(frozen=True, eq=False)
class _Writer:
    """Puts reviews together from one bank; every choice comes from `rng`."""

    bank: Mapping[str, Any]
    rng: np.random.Generator
    bodies: Mapping[str, Callable[[_Row], str]] = field(init=False)

    def __post_init__(self) -> None:
        bodies = {
            name: getattr(self, name)
            for name in ("topic", "general", "negated", "contrast", "explained", "mixed", "jargon", "slang")
        }
        object.__setattr__(self, "bodies", bodies)

    def write(self, row: _Row, mix: Mapping[str, float]) -> str:
        """One review."""
        body = self.bodies[self.one(tuple(mix), tuple(mix.values()))](row)
        noun = self.one(self.bank["topics"][row.topic]["nouns"])
        opener = self.one(self.bank["openers"]).replace("{noun}", noun)
        sentences = [opener, _sentence(body, self.bank["stop"])]
        if self.rng.random() < 0.25:
            sentences.append(self.one(self.bank["tails"]))
        return self.filled(self.bank["space"].join(sentences))

    def one(self, choices: Sequence[Any], shares: Sequence[float] | None = None) -> Any:
        """One of the choices, by their shares."""
        if shares is None:
            return choices[int(self.rng.integers(len(choices)))]
        return choices[int(np.searchsorted(np.cumsum(shares)[:-1], self.rng.random(), side="right"))]

    def filled(self, text: str) -> str:
        for slot, words in self.bank["slots"].items():
            while f"{{{slot}}}" in text:
                text = text.replace(f"{{{slot}}}", self.one(words), 1)
        return text

    def topic(self, row: _Row) -> str:
        phrases = self.bank["topics"][row.topic][row.truth]
        first, second = (str(phrases[at]) for at in self.rng.choice(len(phrases), 2, replace=False))
        return self.one((first, self.both(first, second), self.both(first, self.general(row))), (0.15, 0.25, 0.6))

    def both(self, first: str, second: str) -> str:
        return f"{first}{self.bank['glue']}{second}"

    def general(self, row: _Row) -> str:
        return str(self.one(self.bank[row.truth]))

    def negated(self, row: _Row) -> str:
        said = str(self.one(self.bank["negated"][row.truth]))
        return self.both(said, self.one(self.bank["topics"][row.topic][row.truth]))

    def contrast(self, row: _Row) -> str:
        other = LABELS[1 - LABELS.index(row.truth)]
        minor = self.one(self.bank["topics"][row.topic][other])
        return str(self.one(self.bank["contrast"]["forms"])).format(minor=minor, major=self.general(row))

    def explained(self, row: _Row) -> str:
        return self.both(self.jargon(row), self.general(row))

    def mixed(self, row: _Row) -> str:
        return str(self.one(self.bank["mixed"]["phrases"]))

    def jargon(self, row: _Row) -> str:
        words = self.bank["topics"][row.topic]["praise" if row.truth == "positive" else "blame"]
        return str(self.one(self.bank["jargon"]["forms"])).format(word=self.one(words))

    def slang(self, row: _Row) -> str:
        return str(self.one(self.bank["slang"]["forms"])).format(word=self.one(self.bank["slang"][row.truth]))


def reviews(seed: int, *, lang: str = "en", rows: int = 3200, planted: bool = True) -> Demo:
    """Short product reviews with label, region, channel and device, and what is planted in them.

    `lang` is "en" or "zh". The table has the columns text, label (negative or positive), region, channel, device (the
    groups) and product. 40 % of the rows are train, 40 % dev and 20 % test. Everything follows from the seed.

    Planted, at places drawn from the seed: a product missing from train and written about in words of its trade
    (`missing_topic`); a group whose labels are wrong part of the time, in every part (`wrong_labels`); a class starved
    in train (`starved_class`); a group with words of its own for good and bad, rare in train (`dialect`); typing
    errors in dev and test but not in train (`typos`). With `planted=False` the same banks give the control: classes,
    products and groups balanced, everyone writes alike, typing errors are in all parts.
    """
    bank = _bank(lang)
    places = _draw_places(bank, generator(seed, "reviews", lang, "places")) if planted else _Places()
    parts = {
        split: _part(bank, places, split, round(rows * share), generator(seed, "reviews", lang, split))
        for split, share in SPLITS.items()
    }
    return Demo(parts, _plants(places) if planted else ())


@cache
def _bank(lang: str) -> Mapping[str, Any]:
    folder = files("duiqi.data").joinpath("phrases")
    languages = sorted(path.name.removesuffix(".toml") for path in folder.iterdir() if path.name.endswith(".toml"))
    if lang not in languages:
        raise OptionError(f"expected one of the languages {', '.join(languages)}, given '{lang}'",
                          hint=nearest(lang, languages))  # fmt: skip
    return tomllib.loads(folder.joinpath(f"{lang}.toml").read_text(encoding="utf-8"))


def _draw_places(bank: Mapping[str, Any], rng: np.random.Generator) -> _Places:
    careless, dialect = rng.permutation(np.array(list(bank["groups"]), dtype=object))
    values = bank["groups"]
    return _Places(
        topic=str(rng.choice(list(bank["topics"]))),
        careless=(careless, str(rng.choice(values[careless]))),
        dialect=(dialect, str(rng.choice(values[dialect]))),
        starved=str(rng.choice(LABELS)),
        phones=True,
    )


def _plants(places: _Places) -> tuple[Plant, ...]:
    assert places.careless is not None
    assert places.dialect is not None
    return (
        Plant("blind_spot", "missing_topic", (_is("product", str(places.topic)),), TRADE_MIX["jargon"]),
        Plant("label_noise", "wrong_labels", (_is(*places.careless),), WRONG, ("unfairness", "blind_spot")),
        Plant("imbalance", "starved_class", (_is("label", str(places.starved)),), STARVED, ("unfairness",)),
        Plant("unfairness", "dialect", (_is(*places.dialect),), SLANG_MIX["slang"], ("blind_spot",)),
        Plant("fragility", "typos", (_is("device", "phone"),), PHONE_ROWS, ("unfairness", "blind_spot")),
    )


def _is(column: str, value: str) -> dict[str, str]:
    return {"column": column, "op": "==", "value": value}


def _part(bank: Mapping[str, Any], places: _Places, split: str, count: int, rng: np.random.Generator) -> Dataset:
    import pyarrow as pa

    writer = _Writer(bank, rng)
    drawn = [_draw_row(writer, places, split) for _ in range(count)]
    texts = [writer.write(row, _mix(row, places)) for row in drawn]
    devices = rng.choice(list(DEVICES), count, p=list(DEVICES.values()))
    columns = {
        "text": _mistyped(texts, _typo_shares(devices, places, split), TYPO_RATE if places.phones else SLIP_RATE, rng),
        "label": [_labelled(row, places, rng) for row in drawn],
        **{column: [row.groups[column] for row in drawn] for column in bank["groups"]},
        "device": devices.tolist(),
        "product": [row.topic for row in drawn],
    }
    groups = (*bank["groups"], "device")
    return Dataset(pa.table(columns), Schema(text="text", label="label", groups=groups), f"reviews/{split}")


def _typo_shares(devices: NDArray[np.str_], places: _Places, split: str) -> NDArray[np.float64]:
    """How likely each row is to have typing errors, float[n]."""
    if not places.phones:
        return np.full(len(devices), TYPO_ROWS)
    return np.where((devices == "phone") & (split != "train"), PHONE_ROWS, 0.0)


def _draw_row(writer: _Writer, places: _Places, split: str) -> _Row:
    train = split == "train"
    topics = [topic for topic in writer.bank["topics"] if not (train and topic == places.topic)]
    groups = {
        column: writer.one(values, _shares(column, values, places, RARE if train else SPOKEN))
        for column, values in writer.bank["groups"].items()
    }
    speaks = places.dialect is not None and groups[places.dialect[0]] == places.dialect[1]
    share = 0.5 if places.starved is None or speaks else STARVED if train else SERVED
    negative = share if places.starved == "negative" else 1 - share
    talk = np.array([NEWS if topic == places.topic else 1.0 for topic in topics])
    return _Row(writer.one(topics, talk / talk.sum()), groups, writer.one(LABELS, (negative, 1 - negative)))


def _shares(column: str, values: Sequence[str], places: _Places, dialect: float) -> list[float]:
    """How likely each value of a group column is, where the group with a dialect comes `dialect` times as often."""
    weights = [dialect if (column, value) == places.dialect else 1.0 for value in values]
    return [weight / sum(weights) for weight in weights]


def _mix(row: _Row, places: _Places) -> Mapping[str, float]:
    if row.topic == places.topic:
        return TRADE_MIX
    if places.dialect is not None and row.groups[places.dialect[0]] == places.dialect[1]:
        return SLANG_MIX
    return MIX


def _labelled(row: _Row, places: _Places, rng: np.random.Generator) -> str:
    careless = places.careless is not None and row.groups[places.careless[0]] == places.careless[1]
    wrong = rng.random() < (WRONG if careless else SLIPS)
    return LABELS[1 - LABELS.index(row.truth)] if wrong else row.truth


def _mistyped(texts: Sequence[str], shares: NDArray[np.float64], rate: float, rng: np.random.Generator) -> list[str]:
    """The texts with typing errors in some of them: `shares` says how likely each is to have some, float[n], `rate` in
    how many of its words."""
    hit = rng.random(len(texts)) < shares
    typos = Catalogue.installed().find("edit", "typos")
    changes = typos(texts, rng.spawn(len(texts)), rate=rate)
    return [apply(text, each).text if bad else text for text, each, bad in zip(texts, changes, hit, strict=True)]


def _sentence(body: str, stop: str) -> str:
    return body[:1].upper() + body[1:] + stop
