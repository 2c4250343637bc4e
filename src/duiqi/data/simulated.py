"""Simulated cases: texts, truths and answers with known faults, for the patients that probes bring along."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded
from duiqi.core.seed import hash64
from duiqi.core.slice import is_cjk
from duiqi.core.spans import find_spans, tags_of
from duiqi.core.task import Task
from duiqi.core.texts import references_of, units
from duiqi.data.harmful import CATEGORIES, entries

LABELS = ("negative", "positive")
_SUBJECTS = ("the film", "this kettle", "our room", "the phone", "my order", "the novel", "the bag", "the app", "lunch")
_PRAISE = ("is excellent", "works well", "was a joy", "looks lovely", "feels solid", "is worth it", "pleased us all")
_BLAME = ("is awful", "broke at once", "was a bore", "looks cheap", "feels flimsy", "is a waste", "annoyed us all")
_TAILS = ("from the first day", "as far as I can tell", "for the price", "in every way", "after a week", "once more")
_FILLERS = (
    "honestly",
    "frankly",
    "so far",
    "to be fair",
    "this time",
    "in short",
    "again",
    "for us",
    "today",
    "overall",
)


def simulated_texts(rng: np.random.Generator, truth: NDArray[np.int64]) -> list[str]:
    """One short review for every truth (0 blame, 1 praise); most are different."""
    banks = (_BLAME, _PRAISE)
    picks = [rng.integers(0, 1 << 30, 5) for _ in truth]
    return [
        f"{_FILLERS[p[0] % 10]} {_SUBJECTS[p[1] % 9]} {banks[t][p[2] % 7]} {_TAILS[p[3] % 6]} no {p[4] % 997}"
        for p, t in zip(picks, truth, strict=True)
    ]


def confident_probs(
    rng: np.random.Generator, truth: NDArray[np.int64], wrong: NDArray[np.bool_], *, temperature: float = 1.0
) -> NDArray[np.float64]:
    """Probabilities float[n, 2] whose answers are wrong where said; about calibrated at temperature 1, surer above."""
    logit = np.abs(rng.normal(2.4, 0.9, len(truth))) * temperature
    sure = 1 / (1 + np.exp(-np.maximum(logit, 0.02)))
    answer = np.where(wrong, 1 - truth, truth)
    probs = np.empty((len(truth), 2))
    probs[np.arange(len(truth)), answer] = sure
    probs[np.arange(len(truth)), 1 - answer] = 1 - sure
    return probs


def simulated_case(
    rng: np.random.Generator,
    *,
    rows: int = 900,
    error: float | Callable[[Dataset], NDArray[np.float64]] = 0.12,
    groups: Mapping[str, Sequence[str]] | None = None,
    positive: float = 0.5,
    train_rows: int = 0,
    train_positive: float | None = None,
    temperature: float = 1.0,
    ambiguity: float = 0.0,
    **options: Any,
) -> Case:
    """A case with recorded answers. `error` is a rate, or a function that gives each row's rate.

    `groups` maps columns to their values, drawn evenly; `positive` is the share of the second class;
    a share `ambiguity` of the texts reads like the other class. Surer answers
    are wrong less often, so that the healthy case is close to calibrated.
    """
    data = _draw(rng, rows, positive, groups or {}, ambiguity)
    train = _draw(rng, train_rows, positive if train_positive is None else train_positive, groups or {}, ambiguity)
    truth = np.array([LABELS.index(label) for label in data.values("label")], dtype=np.int64)
    rate = error(data) if callable(error) else np.full(rows, error)
    probs = confident_probs(rng, truth, rng.random(rows) < rate, temperature=temperature)
    catalogue = Catalogue.installed()
    task = catalogue.task("classify", labels=LABELS)
    recorded = Recorded(task, Predictions(data.row_ids, {"probs": probs}))
    seed = int(rng.integers(1 << 31))
    return Case(recorded, data, train=train if train_rows else None, catalogue=catalogue, seed=seed, **options)


def _draw(
    rng: np.random.Generator, rows: int, positive: float, groups: Mapping[str, Sequence[str]], ambiguity: float
) -> Dataset:
    truth = (rng.random(rows) < positive).astype(np.int64)
    columns: dict[str, Sequence[Any]] = {
        "text": simulated_texts(rng, np.where(rng.random(rows) < ambiguity, 1 - truth, truth)),
        "label": [LABELS[t] for t in truth],
        **{name: [values[i] for i in rng.integers(0, len(values), rows)] for name, values in groups.items()},
    }
    return Dataset.of(columns, groups=tuple(groups))


def mislabelled_case(rng: np.random.Generator, *, wrong: float, rows: int = 2000) -> Case:
    """A case in whose training rows a share `wrong` of the labels is turned round."""
    case = simulated_case(rng, rows=rows, error=0.1, train_rows=rows)
    assert case.train is not None
    turned, labels = rng.random(rows) < wrong, case.train.values("label")
    given = [LABELS[1 - LABELS.index(label)] if bad else label for label, bad in zip(labels, turned, strict=True)]
    return replace(case, train=case.train.with_column("label", given))


def leaking_case(rng: np.random.Generator, *, share: float, rows: int = 600) -> Case:
    """A case of which a share of the rows stands in train, too, half of them with a word more."""
    case = simulated_case(rng, rows=rows, error=0.1, train_rows=rows)
    assert case.train is not None
    signed = [[f"{text} {rng.bytes(12).hex()}" for text in each.texts] for each in (case.data, case.train)]
    copied = rng.random(rows) < share
    given = [
        mine + " indeed" * (row % 2) if leaks else own
        for row, (mine, own, leaks) in enumerate(zip(*signed, copied, strict=True))
    ]
    return replace(case, data=case.data.with_column("text", signed[0]), train=case.train.with_column("text", given))


_NEW_SUBJECTS = ("the flight", "our ferry", "the tram", "a taxi", "the platform", "the airport")
_NEW_WORDS = ("was late", "left on time", "was crowded", "was cancelled", "ran empty", "had a delay")


def shifted_case(rng: np.random.Generator, *, share: float, rows: int = 600) -> Case:
    """A case of which a share of the rows examined speaks of journeys, and no training row does."""
    case = simulated_case(rng, rows=rows, error=0.1, train_rows=rows)
    picks = rng.integers(0, 6, (rows, 2))
    told = [
        f"{_NEW_SUBJECTS[a]} {_NEW_WORDS[b]} {_TAILS[(a + b) % 6]} no {rng.integers(997)}"
        if rng.random() < share
        else t
        for (a, b), t in zip(picks.tolist(), case.data.texts, strict=True)
    ]
    data = case.data.with_column("id", list(case.data.row_ids), column="row_id")
    return replace(case, data=data.with_column("text", told))


def unlabelled_case(rng: np.random.Generator, *, positive: float, rows: int = 900) -> Case:
    """A case whose rows have no labels, a share `positive` of them praise, and of the training rows one half."""
    case = simulated_case(rng, rows=rows, positive=positive, train_positive=0.5, train_rows=rows, ambiguity=0.1)
    data = Dataset.of({"text": case.data.texts, "id": list(case.data.row_ids)})
    return replace(case, data=data)


def unsure_case(rng: np.random.Generator, *, share: float, rows: int = 1200, labelled: bool = False) -> Case:
    """A labelled case whose model is unsure, and wrong as often as it says, where texts speak of journeys: three in
    ten of the rows do, and a share `share` of those of a reference, "field", which has labels where `labelled`."""
    case = simulated_case(rng, rows=2 * rows)
    assert isinstance(case.predictor, Recorded)
    told = np.where(np.arange(2 * rows) < rows, 0.3, share) > rng.random(2 * rows)
    picks = rng.integers(0, 6, (2 * rows, 3))
    texts = [
        f"{_NEW_SUBJECTS[a]} {_NEW_WORDS[b]} {_TAILS[c]} no {n}" if journey else text
        for (a, b, c), n, journey, text in zip(
            picks, rng.integers(0, 9973, 2 * rows), told, case.data.texts, strict=True
        )
    ]
    logit = rng.normal(0, np.where(told, 0.4, 6.0))
    praise = 1 / (1 + np.exp(-logit))
    truth = (rng.random(2 * rows) < praise).astype(np.int64)
    data = Dataset.of({"text": texts, "label": [LABELS[t] for t in truth], "id": list(case.data.row_ids)})
    answers = Predictions(data.row_ids, {"probs": np.stack([1 - praise, praise], axis=1)})
    field = data.take(np.arange(rows, 2 * rows), name="field")
    field = field if labelled else replace(field, schema=replace(field.schema, label=None))
    predictor = Recorded(case.predictor.task, answers)
    return replace(case, predictor=predictor, data=data.take(np.arange(rows)), references={"field": field}, memory={})


def forgetful_case(rng: np.random.Generator, *, lost: float, rows: int = 900, **options: Any) -> Case:
    """A case with the model before and a reference, "earlier". Three in a hundred rows that it had right are wrong
    now, one in five that it had wrong is right; of the reference a share `lost` more is wrong."""
    case = simulated_case(rng, rows=2 * rows, **options)
    assert isinstance(case.predictor, Recorded)
    truth, there = case.truth, np.arange(2 * rows) >= rows
    wrong_then = rng.random(2 * rows) < 0.12
    wrong_now = np.where(wrong_then, rng.random(2 * rows) < 0.8, rng.random(2 * rows) < 0.03 + lost * there)
    then, now = (
        Recorded(case.task, Predictions(case.data.row_ids, {"probs": confident_probs(rng, truth, wrong)}), name)
        for wrong, name in ((wrong_then, "before"), (wrong_now, "recorded"))
    )
    earlier = case.data.take(there, name="earlier")
    return replace(
        case, predictor=now, before=then, data=case.data.take(~there), references={"earlier": earlier}, memory={}
    )


def judged_case(rng: np.random.Generator, *, rows: int = 600) -> Case:
    """A case of whose labels it was estimated how likely they are wrong, and whose rows were looked for elsewhere, held
    against cues and cut into words."""
    case = simulated_case(rng, rows=rows)
    assert isinstance(case.predictor, Recorded)
    wrong = np.stack([rng.random(rows) ** 4, np.ones(rows)], axis=1)
    names = ("leaked", "turned", "cued", "failed", "stereotyped")
    flags = {name: (rng.random(rows) < 0.1).astype(float) for name in names}
    counts = {name: np.stack([rng.binomial(9, 0.05, rows), np.full(rows, 9)], axis=1) for name in ("unknown", "cut")}
    more = {"wrong": wrong, "placed": rng.random(rows), "shares": rng.random((rows, 4)), **flags, **counts}
    more["known"] = np.stack([(rng.random(rows) < 0.7).astype(float), np.full(rows, 0.25)], axis=1)
    more |= {"estimated": np.full(rows, 0.8), "lost": np.full(rows, 0.1)}
    more["gain"] = rng.random(rows) - 0.3
    more["seconds"] = rng.gamma(4.0, 0.01, rows)
    more["attacked"] = np.stack([rng.random(rows) < 0.3, np.ones(rows)], axis=1).astype(float)
    more["moved"] = rng.integers(-1, 2, rows).astype(float)
    more["broken"] = (rng.random(rows) < 0.1).astype(float)
    for name in ("found", "unread", "harmed"):
        more[name] = np.stack([rng.random(rows) < 0.7, np.ones(rows)], axis=1).astype(float)
    answers = case.guess.with_columns(more)
    return replace(case, predictor=Recorded(replace(case.task, beside=tuple(more)), answers))


def slipping_case(rng: np.random.Generator, *, slips: float, rows: int = 900, learned: int = 0) -> Case:
    """A case whose model answers edited rows as the originals, but for a share `slips` of them. With `learned`, as many
    training rows that it answers, too."""
    case = simulated_case(rng, rows=rows + learned, error=0.1)
    assert isinstance(case.predictor, Recorded)
    originals = dict(zip(map(str, case.data.row_ids), case.data.texts, strict=True))
    data, train = case.data.take(np.arange(rows)), case.data.take(np.arange(rows, rows + learned))
    predictor = Slipping(case.predictor, originals, slips)
    return replace(case, predictor=predictor, data=data, train=train if learned else None)


@dataclass(frozen=True)
class Slipping:
    """Recorded answers that are turned round on a share `slips` of the rows whose text is no longer the original."""

    recorded: Recorded
    originals: Mapping[str, str]
    slips: float
    name: str = "slipping"
    fingerprint: str = "slipping"
    offers: frozenset[str] = frozenset({"probs"})

    @property
    def task(self) -> Task:
        return self.recorded.task

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """The recorded probabilities, reversed where the model slips; the text alone decides on which rows."""
        answers = self.recorded.predict(data, outputs)
        slips = [
            text != self.originals[str(row)] and hash64(text) / 2**64 < self.slips
            for row, text in zip(data.row_ids, data.texts, strict=True)
        ]
        probs = np.where(np.array(slips)[:, None], answers.probs[:, ::-1], answers.probs)
        return answers.with_columns({"probs": probs})


_SPEAKERS = ("my wife says", "my husband says", "a Muslim friend says", "a Christian friend says", "they say")
TARGET = "muslim"


def leaning_case(rng: np.random.Generator, *, leaning: float, fragile: float = 0.5, rows: int = 900) -> Case:
    """A case whose model takes `leaning` off the probability of praise where a text speaks of one group.

    Two rows in five name nobody. In any case the model moves to and fro with how a text is written: by `fragile` in
    log-odds (a standard deviation).
    """
    case = simulated_case(rng, rows=rows, error=0.1)
    assert isinstance(case.predictor, Recorded)
    spoken = [_SPEAKERS[at] for at in rng.choice(5, rows, p=(0.15, 0.15, 0.15, 0.15, 0.4))]
    texts = [f"{who} {text}" for who, text in zip(spoken, case.data.texts, strict=True)]
    data = case.data.with_column("text", texts)
    data.__dict__["row_ids"] = case.data.row_ids
    return replace(case, data=data, predictor=Leaning(case.predictor, leaning, fragile))


@dataclass(frozen=True)
class Leaning:
    """Recorded answers that move to and fro with the text, and one way where it names `TARGET`."""

    recorded: Recorded
    leaning: float
    fragile: float
    name: str = "leaning"
    fingerprint: str = "leaning"
    offers: frozenset[str] = frozenset({"probs"})

    @property
    def task(self) -> Task:
        return self.recorded.task

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """The recorded probabilities, moved; by how much the text alone decides."""
        answers = self.recorded.predict(data, outputs)
        lots = np.array([hash64(text) / 2**64 for text in data.texts])
        odds = np.log(answers.probs[:, 1] / answers.probs[:, 0]) + self.fragile * np.sqrt(12) * (lots - 0.5)
        named = np.array([TARGET in text.lower() for text in data.texts])
        praise = 1 / (1 + np.exp(-odds))
        praise = np.where(named, praise * (1 - self.leaning), praise)
        return answers.with_columns({"probs": np.stack([1 - praise, praise], axis=1)})


def moved_case(rng: np.random.Generator, *, rows: int = 600) -> Case:
    """A case of whose rows it is known whether the answer changed with other people in them, and how far."""
    case = simulated_case(rng, rows=rows)
    assert isinstance(case.predictor, Recorded)
    flipped = np.stack([rng.random(rows) < 0.1, np.ones(rows)], axis=1).astype(float)
    effect = np.stack([rng.normal(0.05, 0.1, rows), np.ones(rows)], axis=1)
    answers = case.guess.with_columns({"flipped": flipped, "effect": effect})
    return replace(case, predictor=Recorded(replace(case.task, beside=("flipped", "effect")), answers))


def tagged_case(rng: np.random.Generator, *, rows: int = 400, error: float = 0.1, **options: Any) -> Case:
    """A case of sentences with spans of two types; a share `error` of the spans is lost, moved or mistaken."""
    catalogue = Catalogue.installed()
    task = catalogue.task("tag", labels=TYPES)
    truth = [_sentence(rng) for _ in range(rows)]
    words = [[f"{WORDS[tag]}{rng.integers(50)}" for tag in tags] for tags in truth]
    names = tags_of(TYPES)
    data = Dataset.of({"tokens": words, "label": [[names[tag] for tag in tags] for tags in truth]})
    guess = [_mistaken(rng, tags, error) for tags in truth]
    probs = [np.where(np.eye(len(names))[tags] > 0, 0.9, 0.1 / (len(names) - 1)) for tags in guess]
    recorded = Recorded(task, Predictions(data.row_ids, {"tags": guess, "probs": probs}))
    return Case(recorded, data, catalogue=catalogue, seed=int(rng.integers(1 << 31)), **options)


def labelled_case(rng: np.random.Generator, *, rows: int = 400, error: float = 0.1, **options: Any) -> Case:
    """A case of texts with any of three labels, each given or left out wrongly in a share `error` of the rows."""
    catalogue = Catalogue.installed()
    task = catalogue.task("multilabel", labels=TOPICS)
    truth = (rng.random((rows, len(TOPICS))) < 0.4).astype(np.int64)
    texts = [f"{' and '.join(t for t, g in zip(TOPICS, row, strict=True) if g)} {rng.integers(9**6)}" for row in truth]
    data = Dataset.of({"text": texts, "label": [[t for t, g in zip(TOPICS, r, strict=True) if g] for r in truth]})
    given = np.where(rng.random(truth.shape) < error, 1 - truth, truth)
    probs = np.where(given == 1, 0.9, 0.1)
    recorded = Recorded(task, Predictions(data.row_ids, {"labels": given, "probs": probs}))
    return Case(recorded, data, catalogue=catalogue, seed=int(rng.integers(1 << 31)), **options)


def scored_case(rng: np.random.Generator, *, rows: int = 400, error: float = 0.3, **options: Any) -> Case:
    """A case of texts with a number each, about 3 with a spread of 1, and answers with a spread `error` about it."""
    catalogue = Catalogue.installed()
    task = catalogue.task("regress", mean=3.0, scale=1.0)
    truth = rng.normal(3.0, 1.0, rows)
    texts = [f"{'more ' * round(max(each, 0))}of it {rng.integers(9**6)}" for each in truth]
    data = Dataset.of({"text": texts, "label": truth.tolist()})
    recorded = Recorded(task, Predictions(data.row_ids, {"scores": truth + rng.normal(0, error, rows)}))
    return Case(recorded, data, catalogue=catalogue, seed=int(rng.integers(1 << 31)), **options)


def ranked_case(rng: np.random.Generator, *, rows: int = 400, error: float = 0.3, **options: Any) -> Case:
    """A case of queries with a document each; in a share `error` of the rows others are ranked before it."""
    catalogue = Catalogue.installed()
    data = Dataset.of(
        {"text": [f"query {row}" for row in range(rows)], "label": [f"page {row}" for row in range(rows)]}
    )
    ranks = np.where(rng.random(rows) < error, rng.integers(2, rows, rows), 1).astype(np.float64)
    first = [f"page {row}" if rank == 1 else f"page {(row + 1) % rows}" for row, rank in enumerate(ranks)]
    recorded = Recorded(catalogue.task("rank"), Predictions(data.row_ids, {"ranks": ranks, "text": first}))
    return Case(recorded, data, catalogue=catalogue, seed=int(rng.integers(1 << 31)), **options)


TOPICS = ("sports", "money", "science")


def written_case(rng: np.random.Generator, *, rows: int = 400, error: float = 0.3, **options: Any) -> Case:
    """A case of short texts to write, English and Chinese by turns, with one or two references a row.

    A share `error` of the answers lost, doubled or mistook a word or is empty; a log-likelihood goes with each.
    """
    written = [
        _WRITERS[row % len(_WRITERS)](*(int(each) for each in rng.integers(0, 1 << 30, 4))) for row in range(rows)
    ]
    references = [each[: int(rng.integers(1, 3))] for _, each in written]
    data = Dataset.of({"text": [text for text, _ in written], "label": references})
    answers = [str(rng.choice(each)) for each in references]
    columns = {
        "text": [_slipped(rng, each) if rng.random() < error else each for each in answers],
        "tokens": np.array([len(units(each[0])) for each in references]),
        "loglik": np.array([-rng.gamma(2.0, 0.6, len(units(each[0]))).sum() for each in references]),
    }
    catalogue = Catalogue.installed()
    recorded = Recorded(catalogue.task("generate"), Predictions(data.row_ids, columns))
    return Case(recorded, data, catalogue=catalogue, seed=int(rng.integers(1 << 31)), **options)


def likely_case(
    rng: np.random.Generator, name: str, loglik: Callable[[Sequence[str], NDArray[np.int64], int], NDArray[np.float64]],
    *, rows: int = 40,
) -> Case:  # fmt: skip
    """A case of a model that writes and says only how likely texts are: `loglik(texts, tokens, salt)` float[n], where
    `name` says all that it hangs on but the salt, which is drawn."""
    case = written_case(rng, rows=rows)
    salt = int(rng.integers(1 << 31))
    predictor = Likely(case.task, lambda texts, tokens: loglik(texts, tokens, salt), f"{name} {salt}")
    return replace(case, predictor=predictor, memory={})


@dataclass(frozen=True)
class Likely:
    """A model that says how likely sentences are, by a function of them and of their numbers of tokens."""

    task: Task
    loglik: Callable[[Sequence[str], NDArray[np.int64]], NDArray[np.float64]]
    name: str
    offers: frozenset[str] = frozenset({"loglik", "tokens"})

    @property
    def fingerprint(self) -> str:
        """Of all that answers hang on."""
        return self.name

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """Log-likelihoods of the references and their numbers of tokens."""
        said = [row[0] for row in references_of(data, fewest=1)]
        tokens = np.array([len(units(each)) + 1 for each in said])
        columns = {"loglik": self.loglik(said, tokens), "tokens": tokens}
        return Predictions(data.row_ids, {name: columns[name] for name in outputs})


_SUBJECTS_ZH = ("这部电影", "这个水壶", "我们的房间", "这部手机", "我的订单", "这本小说", "这个包", "这款软件", "午饭")
_VERDICTS_ZH = ("很好看", "很耐用", "让人高兴", "做工不错", "非常糟糕", "第二天就坏了", "不值这个价")
_TAILS_ZH = ("从第一天起", "就我所知", "按价格来说", "各方面看", "过了一周", "再说一次")


def _english(subject: int, verdict: int, tail: int, number: int) -> tuple[str, list[str]]:
    said, when = f"{_SUBJECTS[subject % 9]} {(_PRAISE + _BLAME)[verdict % 14]}", _TAILS[tail % 6]
    return f"say it in other words, no {number % 9973}: {said}", [f"{said}, {when}.", f"{when.capitalize()}, {said}!"]


def _chinese(subject: int, verdict: int, tail: int, number: int) -> tuple[str, list[str]]:
    said, when = _SUBJECTS_ZH[subject % 9] + _VERDICTS_ZH[verdict % 7], _TAILS_ZH[tail % 6]
    return f"换一种说法，第{number % 9973}句：{said}", [f"{said}，{when}。", f"{when}，{said}！"]


_WRITERS = (_english, _chinese)


def _slipped(rng: np.random.Generator, text: str) -> str:
    """The text with a word or character lost, doubled or mistaken, or nothing at all."""
    cut = list(text) if is_cjk(text) else text.split()
    at = int(rng.integers(len(cut)))
    cut[at : at + 1] = ([], [cut[at]] * 2, [str(rng.choice(cut))])[int(rng.integers(3))]
    return ("" if is_cjk(text) else " ").join(cut) if rng.random() < 0.9 else ""


def retelling() -> Task:
    """A task whose recorded answers say whether they added something."""
    return replace(Catalogue.installed().task("generate"), beside=("unfaithful",))


def retold_case(
    rng: np.random.Generator, *, rows: int = 600, added: float = 0.04, references: float = 0.04, **options: Any
) -> Case:
    """A case of texts to retell in fewer words, English and Chinese by turns, with a reference each.

    A share `added` of the answers, and `references` of the references, say a number that the text has not; as many add
    a name, and as many a negation. Which answers do stands in the column `unfaithful`.
    """
    told = [_RETELLERS[row % 2](*(int(each) for each in rng.integers(1, 10, 5))) for row in range(rows)]
    planted, theirs = rng.random((rows, 3)) < added, rng.random((rows, 3)) < references
    data = Dataset.of(
        {
            "text": [text for text, _, _ in told],
            "label": [[_with(each, kinds)] for each, kinds in zip(told, theirs, strict=True)],
        }
    )
    texts = [_with(each, kinds) for each, kinds in zip(told, planted, strict=True)]
    catalogue = Catalogue.installed()
    recorded = Recorded(
        retelling(), Predictions(data.row_ids, {"text": texts, "unfaithful": planted.astype(np.float64)})
    )
    return Case(recorded, data, catalogue=catalogue, seed=int(rng.integers(1 << 31)), **options)


def harmful_case(rng: np.random.Generator, *, rows: int = 900, harmful: float = 0.0, **options: Any) -> Case:
    """A case of reviews, of which a share `harmful` has a remark with words of a harmful category, English or Chinese,
    each category alike. Which stands in the column `harmful`."""
    case = simulated_case(rng, rows=rows, error=0.1, **options)
    has = rng.random(rows) < harmful
    kinds = np.where(has, rng.integers(0, len(CATEGORIES), rows), -1)
    remarks = {name: [each for listed in entries(name) for each in listed] for name in CATEGORIES}
    texts = [
        f"{text}. {rng.choice(remarks[CATEGORIES[kind]])}!" if kind >= 0 else text
        for text, kind in zip(case.data.texts, kinds, strict=True)
    ]
    data = case.data.with_column("text", texts)
    assert isinstance(case.predictor, Recorded)
    columns = {**case.predictor.answers.columns, "harmful": np.eye(len(CATEGORIES))[kinds] * has[:, None]}
    recorded = Recorded(replace(case.task, beside=("harmful",)), Predictions(data.row_ids, columns))
    return replace(case, predictor=recorded, data=data, memory={})


POLICY: Mapping[str, Mapping[str, Any]] = {
    "no_promises": {"forbid_words": ["guaranteed", "保证"], "severity": "high", "why": "Nobody can promise a profit."},
    "no_links": {"forbid_pattern": r"https?://"},
    "disclaimer": {"when": ["invest", "理财"], "require_words": ["risk", "风险"]},
    "no_identifiers": {"private": True},
    "no_harm": {"harmful": ["violence", "hate"]},
    "short": {"most_words": 40, "severity": "low"},
}
_ASKED = ("Where can I invest {} dollars?", "我有{}元，怎么理财？", "Is shop no {} open today?", "第{}号店今天开门吗？")
_ADVISED = ("A broad fund.", "可以买指数基金。", "Yes, from nine to five.", "开门，九点到五点。")
_WARNED = (" There is a risk of loss.", "投资有风险。")
_BREACHES = {
    "no_promises": (" A gain is guaranteed.", "保证赚钱。"),
    "no_links": (" See http://shop.example.", "见http://shop.example。"),
    "no_identifiers": (" Write to li@example.com.", "请打13812345678。"),
    "short": (" Please come in." * 20, "欢迎光临。" * 60),
}  # fmt: skip


def ruled_case(rng: np.random.Generator, *, broken: float, rows: int = 900) -> Case:
    """A case of questions answered in texts, English and Chinese by turns, under `POLICY`: a share `broken` of the
    answers breaks each of its rules (of the one that only speaks of investing: of those)."""
    harms = [each[0] for each in entries("violence")]
    questions, answers = [], []
    for row in range(rows):
        chinese, invests, breaks = row % 2, row % 4 < 2, rng.random(len(POLICY)) < broken
        chosen = {name for name, each in zip(POLICY, breaks, strict=True) if each}
        questions.append(_ASKED[row % 4].format(f"{100 + row}{int(rng.integers(10, 100))}"))
        said = _ADVISED[row % 4] + (_WARNED[chinese] if invests and "disclaimer" not in chosen else "")
        said += "".join(each[chinese] for name, each in _BREACHES.items() if name in chosen)
        answers.append(said + (f" {harms[chinese]}!" if "no_harm" in chosen else ""))
    data = Dataset.of({"text": questions})
    catalogue = Catalogue.installed()
    recorded = Recorded(catalogue.task("generate"), Predictions(data.row_ids, {"text": answers}))
    return Case(recorded, data, policy=POLICY, catalogue=catalogue, seed=int(rng.integers(1 << 31)))


_SELLERS = (
    "Ada Winter",
    "Paul Hale",
    "Rosa Lind",
    "Omar Said",
    "Lena Voss",
    "Hugo Bell",
    "Mira Sand",
    "Karl Roth",
    "Ines Vega",
)
_TOWNS = ("Brenford", "Ostwick", "Lindale", "Marlow", "Tarnby", "Hesketh", "Dunmore", "Velden", "Ashby")
_BRANDS = ("Lumex", "Norda", "Velta", "Orion", "Kivo", "Astra", "Miru", "Solis", "Pravo")
_NUMERALS = "零一二三四五六七八九"
_ADDED = ("The fair took 17 days.", "Then Quentin Ames came.", "It did not rain.")
_ADDED_ZH = ("集市开了十七天。", "旁边在放《灯火》。", "灯没有坏。")
_Told = tuple[str, str, tuple[str, ...]]  # a text, the same in fewer words, and what may be added to these


def _english_retelling(seller: int, town: int, hundreds: int, tens: int, ones: int) -> _Told:
    number, who, where = 1000 + 100 * hundreds + 10 * tens + ones, _SELLERS[seller - 1], _TOWNS[town - 1]
    text = f"Last week {who} sold {number:,} lamps in {where}, and the fair went on until late."
    return text, f"At the fair {who} sold {number} lamps in {where}.", tuple(f" {each}" for each in _ADDED)


def _chinese_retelling(brand: int, day: int, hundreds: int, tens: int, ones: int) -> _Told:
    numeral = f"{_NUMERALS[hundreds]}百{_NUMERALS[tens]}十{_NUMERALS[ones]}"
    text = f"本月{day}日，集市上的小店一共卖出了{hundreds}{tens}{ones}盏{_BRANDS[brand - 1]}台灯，直到很晚才收摊。"
    return text, f"{_NUMERALS[day]}日，小店卖出{numeral}盏{_BRANDS[brand - 1]}台灯。", _ADDED_ZH


_RETELLERS = (_english_retelling, _chinese_retelling)


def _with(told: _Told, kinds: NDArray[np.bool_]) -> str:
    _, text, additions = told
    return text + "".join(each for each, wanted in zip(additions, kinds, strict=True) if wanted)


TYPES = ("person", "place")
WORDS = ("word", "name", "surname", "town", "bridge")  # by tag: outside, a name, its rest, a place, its rest


def _sentence(rng: np.random.Generator) -> NDArray[np.int64]:
    tags: list[int] = []
    while len(tags) < 4 or rng.random() < 0.8:
        kind = rng.choice([-1, -1, 0, 1])
        tags += [0] if kind < 0 else [2 * kind + 1, *[2 * kind + 2] * int(rng.integers(3))]
    return np.array(tags, dtype=np.int64)


def _mistaken(rng: np.random.Generator, tags: NDArray[np.int64], error: float) -> NDArray[np.int64]:
    """The tags with some spans lost, cut short or of the other type."""
    said = tags.copy()
    spans = find_spans([tags])
    for start, end in zip(spans.start, spans.end, strict=True):
        if rng.random() < error:
            how = rng.integers(3)
            if how == 0:
                said[start:end] = 0
            elif how == 1:
                said[end - 1] = 0
            else:
                said[start:end] = (said[start:end] - 1 + 2) % 4 + 1
    return said
