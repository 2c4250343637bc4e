"""Rows with harmful content: what of a row is read, and the step `harmful`, which leaves them out or marks them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, OptionError
from duiqi.data.collect import TARGET, Change
from duiqi.data.harm_classifier import HarmClassifier
from duiqi.data.harmful import CATEGORIES, Category, rated
from duiqi.data.step import Outcome, Parts, Step, check_among, dropped, places

ACTIONS = ("drop", "mark")
HARMLESS = ("harmless", "non-harmful", "non-toxic", "non-offensive", "non-hateful", "not harmful", "not toxic", "safe",
            "clean", "neutral", "none", "normal", "ok", "0", "no", "false", "无害", "正常", "安全", "否")  # fmt: skip


def lines(data: Dataset, *, written: bool = False) -> list[str]:
    """What a row says, in one text: its input, and where labels are texts to write (`written`) those as well."""
    if not (written and data.has("label")):
        return data.shown
    return ["\n".join((shown, *_texts(said))) for shown, said in zip(data.shown, data.values("label"), strict=True)]


def _texts(said: object) -> list[str]:
    if isinstance(said, list):
        return [each for each in said if isinstance(each, str)]
    return [said] if isinstance(said, str) else []


@dataclass(eq=False)
class Harmful(Step):
    """Rows with harmful content go (`action` "drop"), or have what was found named in `column` (`action` "mark").

    Without `labelled`, what counts is words: those of `categories` (all five where none are named). `labelled` is a
    file of texts with labels that say which are harmful, or a folder with a classifier that was saved: then a row is
    harmful where the classifier trained on them finds that likely by at least `threshold`, and words count alone only
    for `categories` that are named. `harmless` is the label of rows that do no harm, where it is none of the usual.
    """

    categories: Sequence[Category] = ()
    action: str = "drop"
    labelled: str = ""
    harmless: str = ""
    threshold: float = 0.5
    column: str = "harmful"
    classifier: HarmClassifier | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        check_among("a category", self.categories, CATEGORIES)
        check_among("an action", [self.action], ACTIONS)
        if not 0 < self.threshold < 1:
            raise OptionError(
                f"expected a threshold between 0 and 1, given {self.threshold}", hint="threshold=0.5 suits most data."
            )
        if self.labelled:
            self.classifier = classifier_of(self.labelled, self.harmless)

    @property
    def adds(self) -> Mapping[str, str]:
        return {self.column: "string"} if self.action == "mark" else {}

    def __call__(self, data: Dataset, parts: Parts = ()) -> Outcome:
        found = self._found(lines(data, written=data.schema.label == TARGET))
        if self.action == "drop":
            reasons = {row: f"harmful:{names[0]}" for row, names in enumerate(found) if names}
            return dropped(data, "harmful", reasons)
        return self._marked(data, found)

    def _found(self, texts: Sequence[str]) -> list[list[str]]:
        """What is harmful about every text, in names: categories of words, then the label that the classifier gives."""
        if self.classifier is None:
            return [list(each) for each in rated(texts, self.categories or CATEGORIES)]
        named = rated(texts, self.categories)
        probs = self.classifier.probs(texts)
        likeliest = probs[:, 1:].argmax(axis=1) + 1
        return [
            list(dict.fromkeys([*words, *([self.classifier.labels[best]] if 1 - row[0] >= self.threshold else [])]))
            for words, row, best in zip(named, probs, likeliest, strict=True)
        ]

    def _marked(self, data: Dataset, found: Sequence[Sequence[str]]) -> Outcome:
        import pyarrow as pa

        if self.column in data.table.column_names:
            raise DataError(
                f"expected rows without a column '{self.column}', which would hold the marks, given rows that have one",
                hint='Name another for them: [steps.harmful] column = "…" in duiqi.toml.',
            )
        marks = [",".join(names) or None for names in found]
        rows = [row for row, mark in enumerate(marks) if mark]
        changes = [
            Change(place, "harmful", "+".join(f"harmful:{name}" for name in found[row]), {}, {self.column: marks[row]})
            for row, place in zip(rows, places(data, rows), strict=True)
        ]
        table = data.table.append_column(self.column, pa.array(marks, pa.string()))
        return Outcome(replace(data, table=table), range(len(data)), changes)


def classifier_of(labelled: str | Path, harmless: str = "") -> HarmClassifier:
    """The classifier that was saved in a folder, or one trained on the rows of a file."""
    from duiqi.data.harm_classifier import WORDS
    from duiqi.data.read import one_label, read, require_labels

    place = Path(labelled).expanduser()
    if (place / WORDS).is_file():
        return HarmClassifier.load(place)
    parts = read(place)
    data = parts.get("train", next(iter(parts.values())))
    if not data.has("label"):
        raise DataError(f"expected labelled rows in {labelled}, given rows without a label", hint="Add a label column.")
    require_labels(data)
    labels = [label for (label,) in one_label(data)]
    return HarmClassifier.fit(data.texts, labels, harmless=_harmless(labels, harmless))


def _harmless(labels: Sequence[str], named: str) -> str:
    """The label of rows that do no harm: the one that was named, else one of the usual."""
    known = sorted(set(labels))
    found = [label for label in known if (label == named if named else label.casefold() in HARMLESS)]
    if len(found) != 1:
        given = f"'{named}' among {', '.join(known[:10])}" if named else ", ".join(known[:10])
        raise OptionError(
            f"expected one label that says that a text does no harm, given {given}",
            hint='Name it: harmless = "…", beside labelled in duiqi.toml.',
        )
    return found[0]
