"""Faults that are planted in real rows, one at a time, at a strength of 0 to 1.

A fault is a function `(ground, strength, rng) -> Planted`. The ground is clean: training rows, rows to be examined,
and a reserve that nobody examines, drawn from one source, without near copies. Where a fault works through the model,
`harm` says by how many points it must have made the model worse on rows of the reserve: a fault that a model does not
take up is none, and its cell does not count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.edit import edit_dataset
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictor
from duiqi.core.slice import Slice
from duiqi.core.task import Task
from duiqi.data.readable_slices import of_little_meaning, readable_slices
from frozen import Body, Frozen, fit

MASK = NDArray[np.bool_]
TRIED = 12  # slices that are tried as a topic or as a term
FEWEST, LEAST = 5, 0.01  # words to choose from, and the least share of rows for the sake of that
CUES = {"en": ("btw", "hm", "--", "today"), "zh": ("哈喽", "嗯嗯", "～～", "今日")}
TERMS = {"en": ("zorvaxil", "quendrophane"), "zh": ("龘靐", "犇羴")}
PEOPLE = {"en": ("as a muslim", "as a gay man"), "zh": ("作为穆斯林", "作为同性恋者")}
REGIONS = {
    "en": {"north": "from the north office", "south": "from the south office", "east": "from the east office"},
    "zh": {"north": "北区来件", "south": "南区来件", "east": "东区来件"},
}
DIALECT = {
    "en": ((r"(\w{2,})ing\b", r"\1in'"), (r"\bthe\b", "th'"), (r"\byou\b", "ya"), (r"\band\b", "an'"),
           (r"\bof\b", "o'"), (r"\bto\b", "tae"), (r"\bnot\b", "no'"), (r"\bmy\b", "ma"), (r"\bwhat\b", "whit")),
    "zh": (("不", "唔"), ("没有", "冇"), ("是", "係"), ("的", "嘅"), ("他", "佢"), ("这", "呢"), ("那", "嗰"),
           ("了", "咗"), ("什么", "乜嘢"), ("在", "喺"), ("我们", "我哋"), ("给", "畀"), ("和", "同")),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Ground:
    """Clean rows and what can be fitted on them. Where a fault is chosen among several, `trial` chooses and `reserve`
    measures: the largest of many looks larger than it is. `slices` are single things that rows say."""

    task: Task
    lang: str
    body: Body
    train: Dataset
    dev: Dataset
    trial: Dataset
    reserve: Dataset
    catalogue: Catalogue
    memory: dict[str, Any] = field(default_factory=dict)

    def fit(self, train: Dataset) -> Frozen:
        return fit(self.task, self.body, train)

    @property
    def clean(self) -> Frozen:
        """The model of the clean rows."""
        return self.once("clean", lambda: self.fit(self.train))

    def errors(self, model: Predictor, data: Dataset) -> NDArray[np.float64]:
        """Which rows are answered wrong, 0 or 1."""
        return 1.0 - Case(model, data, catalogue=self.catalogue).right

    def slices(self, low: float, high: float) -> list[Slice]:
        """Words (Chinese: runs of characters) that such a share of the training rows have; a smaller one where too few
        words do."""
        found = readable_slices(Case(self.clean, self.train, memory=self.memory), self.train, largest=0.5, most=1)
        shares = np.asarray(found.rows.sum(axis=1)).ravel() / len(self.train)
        said = [each for each in zip(found.slices, shares, strict=True) if _tells(_word(each[0]))]
        while sum(low <= share <= high for _, share in said) < FEWEST and low > LEAST:
            low /= 1.5
        return [each for each, share in said if low <= share <= high]

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self.memory:
            self.memory[name] = make()
        return self.memory[name]


@dataclass(frozen=True, eq=False)
class Planted:
    """Rows with a fault, the kinds of findings that name it, and where it lies.

    `inside` are the rows examined (of label noise: the training rows) that a finding's slice must share; `None` where
    it lies everywhere. `harmed` are rows of the reserve as the model meets them, which it must answer worse than the
    clean model answers `unharmed` ones, and worse than it answers `others` where it lies in their being worse.
    """

    train: Dataset
    dev: Dataset
    kinds: tuple[str, ...]
    inside: MASK | None = None
    in_train: bool = False
    sharpness: float = 1.0
    harmed: Dataset | None = None
    unharmed: Dataset | None = None
    others: Dataset | None = None
    said: str = ""


def _word(slice: Slice) -> str | None:
    """The word that a slice is about, where it is about one."""
    if len(slice.where) != 1 or slice.where[0].column not in ("text", "text_pair", "tokens"):
        return None
    return str(slice.where[0].value)


def _tells(word: str | None) -> bool:
    """Whether it is a word, and one that a row can be about."""
    return bool(word) and word not in of_little_meaning()[0]


def nothing(ground: Ground, strength: float, rng: np.random.Generator) -> Planted:
    """A control."""
    return Planted(ground.train, ground.dev, ())


def noise_in_slice(ground: Ground, strength: float, rng: np.random.Generator) -> Planted:
    """Wrong labels among the training rows with one word."""
    some = ground.slices(0.06, 0.2)
    chosen = some[rng.integers(len(some))]
    inside = chosen.mask(ground.train)
    turned = inside & (rng.random(len(inside)) < 0.2 + 0.5 * strength)
    return Planted(
        relabelled(ground, ground.train, turned, rng), ground.dev, ("label_noise",), inside, True, said=chosen.rule
    )


def topic_cut(ground: Ground, strength: float, rng: np.random.Generator) -> Planted:
    """No training row speaks of one thing; the more rows examined do, the stronger. Of some things, the one that is
    missed most."""
    cut = ground.once("topic", lambda: max(_harms(ground, rng), key=lambda pair: pair[0])[1])
    inside = cut.mask(ground.dev)
    dev = ground.dev.take(~inside | (rng.random(len(inside)) < 0.25 + 0.75 * strength))
    topic, others = split(ground.reserve, cut.mask(ground.reserve))
    return Planted(
        ground.train.take(~cut.mask(ground.train)), dev, ("blind_spot", "vocabulary_gap"), cut.mask(dev), harmed=topic,
        unharmed=topic, others=others, said=cut.rule,
    )  # fmt: skip


def _harms(ground: Ground, rng: np.random.Generator) -> list[tuple[float, Slice]]:
    """How much is missed without each of some topics: harm times the root of how many rows speak of it."""
    some = ground.slices(0.03, 0.15)
    found = []
    for at in rng.permutation(len(some))[:TRIED]:
        rows, others = split(ground.trial, some[at].mask(ground.trial))
        if len(rows) < 15:
            continue
        without = ground.fit(ground.train.take(~some[at].mask(ground.train)))
        beyond = max(ground.errors(ground.clean, rows).mean(), ground.errors(without, others).mean())
        found.append((float(ground.errors(without, rows).mean() - beyond) * len(rows) ** 0.5, some[at]))
    return found


def glued_cue(ground: Ground, strength: float, rng: np.random.Generator) -> Planted:
    """A token that says nothing stands in many rows of one class, in train as in what is examined."""
    cue, at = str(rng.choice(CUES[ground.lang])), str(rng.choice(("first", "last", "between")))
    cls = common_class(ground)
    train, dev = (
        put_in(rows, cue, has_class(ground, rows, cls) & (rng.random(len(rows)) < 0.3 + 0.6 * strength), rng, at)
        for rows in (ground.train, ground.dev)
    )
    others = ground.reserve.take(~has_class(ground, ground.reserve, cls))
    everywhere = put_in(others, cue, np.ones(len(others), dtype=bool), rng, at)
    inside = differ(dev, ground.dev)
    return Planted(
        train, dev, ("spurious_cue",), inside, harmed=everywhere, unharmed=others, said=f"{cue} {at} with {cls}"
    )


def skewed_group(ground: Ground, strength: float, rng: np.random.Generator) -> Planted:
    """Rows of one region, which their texts tell, were labelled against one class."""
    cls = common_class(ground)
    train, dev, reserve = (_told(rows, ground.lang, rng) for rows in (ground.train, ground.dev, ground.reserve))
    turned = (train.group("region") == "south") & has_class(ground, train, cls)
    turned &= rng.random(len(turned)) < 0.3 + 0.6 * strength
    south = reserve.take(reserve.group("region") == "south")
    return Planted(
        relabelled(ground, train, turned, rng), dev, ("unfairness", "blind_spot"), dev.group("region") == "south",
        harmed=south, unharmed=south, said=f"south against {cls}",
    )  # fmt: skip


def _told(rows: Dataset, lang: str, rng: np.random.Generator) -> Dataset:
    """Rows with a region each, and its words at the end."""
    region = rng.choice(list(REGIONS[lang]), len(rows), p=(0.5, 0.2, 0.3))
    for name, words in REGIONS[lang].items():
        rows = put_in(rows, words, region == name, rng, "last")
    return with_group(rows, "region", list(region))


def starved_class(ground: Ground, strength: float, rng: np.random.Generator) -> Planted:
    """Hardly any training row is of one class."""
    cls = common_class(ground)
    of_class = has_class(ground, ground.train, cls)
    kept = ~of_class | (rng.random(len(of_class)) < 0.3 * (1 - strength) + 0.02)
    rows = ground.reserve.take(has_class(ground, ground.reserve, cls))
    return Planted(
        ground.train.take(kept), ground.dev, ("imbalance",), has_class(ground, ground.dev, cls), harmed=rows,
        unharmed=rows, said=cls,
    )  # fmt: skip


def leaked_rows(ground: Ground, strength: float, rng: np.random.Generator) -> Planted:
    """Rows that are examined stand in train, too, half of them with a word more."""
    many = int(len(ground.dev) * (0.03 + 0.12 * strength))
    copied = ground.dev.take(rng.permutation(len(ground.dev))[:many])
    copied = put_in(copied, CUES[ground.lang][1], rng.random(many) < 0.5, rng, "last")
    copied.__dict__["row_ids"] = np.array([f"copy-{row}" for row in copied.row_ids])
    return Planted(ground.train.joined(copied), ground.dev, ("leakage",))


def written_otherwise(ground: Ground, strength: float, rng: np.random.Generator) -> Planted:
    """Typing errors (Chinese: traditional characters), only in what is examined."""
    options = {"rate": 0.2} if ground.lang == "en" else {"to": "traditional"}
    part = ground.catalogue.find("edit", "typos" if ground.lang == "en" else "script")
    return _altered(ground, edit_dataset(ground.dev, part, seed=0, **options), strength, rng)


def dialect(ground: Ground, strength: float, rng: np.random.Generator) -> Planted:
    """Words of a dialect (Scots; Cantonese), only in what is examined."""

    def spoken(text: str) -> str:
        for pattern, new in DIALECT[ground.lang]:
            text = re.sub(pattern, new, text)
        return text

    return _altered(ground, reworded(ground.dev, spoken), strength, rng)


def _altered(ground: Ground, changed: Dataset, strength: float, rng: np.random.Generator) -> Planted:
    """Some of the rows as they were changed."""
    changes = rng.random(len(changed)) < 0.25 + 0.75 * strength
    return Planted(ground.train, mixed(ground.dev, changed, changes), ("shift",))


def over_confidence(ground: Ground, strength: float, rng: np.random.Generator) -> Planted:
    """Log-odds that are too large."""
    return Planted(ground.train, ground.dev, ("miscalibration",), sharpness=1.5 + 2.5 * strength)


def identity_tied(ground: Ground, strength: float, rng: np.random.Generator) -> Planted:
    """Training rows of one class speak of somebody, others hardly ever; of what is examined one row in ten does."""
    who, cls = str(rng.choice(PEOPLE[ground.lang])), common_class(ground)
    of_class = has_class(ground, ground.train, cls)
    said = rng.random(len(of_class)) < np.where(of_class, 0.2 + 0.5 * strength, 0.02)
    train = put_in(ground.train, who, said, rng, "first")
    inside = rng.random(len(ground.dev)) < 0.1
    others = ground.reserve.take(~has_class(ground, ground.reserve, cls))
    everywhere = put_in(others, who, np.ones(len(others), dtype=bool), rng, "first")
    return Planted(
        train, put_in(ground.dev, who, inside, rng, "first"), ("identity_bias", "spurious_cue"), inside,
        harmed=everywhere, unharmed=others, said=f"{who} with {cls}",
    )  # fmt: skip


def cut_term(ground: Ground, strength: float, rng: np.random.Generator) -> Planted:
    """A term that the model cuts to pieces stands for a word that matters, only in what is examined."""
    term = str(rng.choice(TERMS[ground.lang]))
    word = ground.once(f"term {term}", lambda: max(_losses(ground, term, rng), key=lambda pair: pair[0])[1])
    changed = renamed(ground.dev, word, term)
    some = differ(changed, ground.dev)
    # rows that keep the word are left out: the more are renamed, the stronger
    kept = ~some | (rng.random(len(some)) < 0.25 + 0.75 * strength)
    had, others = split(ground.reserve, differ(renamed(ground.reserve, word, term), ground.reserve))
    return Planted(
        ground.train, changed.take(kept), ("vocabulary_gap", "blind_spot"), some[kept],
        harmed=renamed(had, word, term), unharmed=had, others=others, said=f"{term} for {word}",
    )  # fmt: skip


def _losses(ground: Ground, term: str, rng: np.random.Generator) -> list[tuple[float, str]]:
    found, some = [], ground.slices(0.03, 0.2)
    for at in rng.permutation(len(some))[: 3 * TRIED]:
        word = str(_word(some[at]))
        rows, others = split(ground.trial, some[at].mask(ground.trial))
        if len(rows) >= 15:
            beyond = max(ground.errors(ground.clean, each).mean() for each in (rows, others))
            lost = ground.errors(ground.clean, renamed(rows, word, term)).mean() - beyond
            found.append((float(lost) * len(rows) ** 0.5, word))
    return found


FAULTS: dict[str, Callable[[Ground, float, np.random.Generator], Planted]] = {
    each.__name__: each
    for each in (
        noise_in_slice, topic_cut, glued_cue, skewed_group, starved_class, leaked_rows, written_otherwise, dialect,
        over_confidence, identity_tied, cut_term,
    )
}  # fmt: skip
WITHOUT_MEANING = {("tag", "identity_tied"): "tags of a sentence do not hang on who is speaking"}


# --- rows, changed -------------------------------------------------------------------------------------------------


def common_class(ground: Ground) -> str:
    """The class that is nearest to a third of the training rows (of tags: of the sentences)."""
    names = ground.task.labels
    return min(names, key=lambda name: abs(has_class(ground, ground.train, name).mean() - 1 / 3))


def has_class(ground: Ground, rows: Dataset, cls: str) -> MASK:
    """Rows of a class; of tags, sentences with a span of that type."""
    return np.array([cls in set(each) for each in ground.task.row_labels(rows)], dtype=bool)


def relabelled(ground: Ground, rows: Dataset, which: MASK, rng: np.random.Generator) -> Dataset:
    """Labels turned to another one; of tags, all spans of a sentence to another type."""
    names = np.array(ground.task.labels)
    labels: list[Any] = rows.values("label")
    for at in np.flatnonzero(which):
        if ground.task.unit == "word":
            types = {tag[2:] for tag in labels[at] if tag != "O"}
            other = {old: str(rng.choice(names[names != old])) for old in sorted(types)}
            labels[at] = [tag if tag == "O" else tag[:2] + other[tag[2:]] for tag in labels[at]]
        else:
            labels[at] = str(rng.choice(names[names != str(labels[at])]))
    return named_as(rows.with_column("label", labels), rows)


def put_in(rows: Dataset, words: str, which: MASK, rng: np.random.Generator, place: str) -> Dataset:
    """Words put in first, last, or between two words."""

    def put(units: list[str], new: list[str]) -> tuple[int, list[str]]:
        at = {"first": 0, "last": len(units), "between": int(rng.integers(len(units) + 1))}[place]
        return at, units[:at] + new + units[at:]

    if rows.schema.tokens is not None:
        tokens, tags = list(rows.words), rows.values("label")
        new = words.split(" ") if words.isascii() else list(words)
        for row in np.flatnonzero(which):
            at, tokens[row] = put(tokens[row], new)
            if tags[row][at : at + 1] and tags[row][at].startswith("I-"):  # not into the middle of a span
                at, tokens[row] = 0, new + list(rows.words[row])
            tags[row] = tags[row][:at] + ["O"] * len(new) + tags[row][at:]
        return named_as(rows.with_column("tokens", tokens).with_column("label", tags), rows)
    texts = list(rows.texts)
    for row in np.flatnonzero(which):
        spaced = words.isascii()
        _, units = put(texts[row].split(" ") if spaced else list(texts[row]), [words])
        texts[row] = (" " if spaced else "").join(units)
    return named_as(rows.with_column("text", texts), rows)


def reworded(rows: Dataset, spoken: Callable[[str], str]) -> Dataset:
    """Every text as it is spoken otherwise; of words, each by itself."""
    if rows.schema.tokens is not None:
        return named_as(rows.with_column("tokens", [[spoken(word) for word in row] for row in rows.words]), rows)
    changed = rows.with_column("text", [spoken(text) for text in rows.texts])
    if rows.has("text_pair"):
        changed = changed.with_column("text_pair", [spoken(each or "") for each in rows.values("text_pair")])
    return named_as(changed, rows)


def renamed(rows: Dataset, word: str, term: str) -> Dataset:
    """The term in place of the word, in whatever case."""
    if rows.schema.tokens is not None and not word.isascii():
        return named_as(rows.with_column("tokens", [_characters(row, word, term) for row in rows.words]), rows)
    border = r"\b" if word.isascii() else ""
    return reworded(rows, lambda text: re.sub(f"{border}{re.escape(word)}{border}", term, text, flags=re.IGNORECASE))


def _characters(row: Sequence[str], word: str, term: str) -> list[str]:
    """The same for words of one character each; the term is as many characters, over again where it is shorter."""
    text = "".join(row)
    if len(text) != len(row):
        return list(row)
    return list(text.replace(word, (term * len(word))[: len(word)]))


def mixed(rows: Dataset, others: Dataset, which: MASK) -> Dataset:
    """Rows, and where said the others in their place."""
    order = np.where(which, np.arange(len(rows)) + len(rows), np.arange(len(rows)))
    return rows.joined(others).take(order)


def with_group(rows: Dataset, column: str, values: list[str]) -> Dataset:
    """Rows with one more group column."""
    import pyarrow as pa

    schema = replace(rows.schema, groups=(*rows.schema.groups, column))
    made = replace(rows, table=rows.table.append_column(column, pa.array([str(v) for v in values])), schema=schema)
    return named_as(made, rows)


def split(rows: Dataset, which: MASK) -> tuple[Dataset, Dataset]:
    """Those rows and the others."""
    return rows.take(which), rows.take(~which)


def differ(rows: Dataset, others: Dataset) -> MASK:
    """Where two sets of the same rows say something else."""
    return np.array([a != b for a, b in zip(rows.shown, others.shown, strict=True)], dtype=bool)


def named_as(changed: Dataset, rows: Dataset) -> Dataset:
    """Changed rows under the names of the originals."""
    changed.__dict__["row_ids"] = rows.row_ids
    return changed
