"""Wrong labels: which labels of training rows are likely to be slips, and how many there are.

Out-of-sample probabilities come from cheap models fitted on the other rows (cross-fitting): word counts, and embeddings
of a model that has not learned these rows where there is one. A model of slips is then laid over them: a label is drawn
from the probabilities q of the row, sharpened or softened by an exponent a, or, at a rate e, from all labels alike,

    p(label | x) = (1 - e) q(label)^a / Σ q^a + e / k,

the lapse of psychometric functions. Both are fitted by maximum likelihood, with a prior of Beta(1.5, 1.5) on e, to the
labels as they are; rows that only look hard are left to the exponent, and what no exponent explains are slips.

Northcutt, Jiang & Chuang, 2021, Confident learning: estimating uncertainty in dataset labels, JAIR,
https://arxiv.org/abs/1911.00068, count instead how often a row's probability for another label is above that label's
mean. On labels without a single slip that flags rows that are merely hard (bench/noise.py), so the likelihood is used
here; rankings are as good. The lapse: Wichmann & Hill, 2001, The psychometric function: I, Perception & Psychophysics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.predictions import Predictor
from duiqi.core.seed import mix
from duiqi.core.task import Task
from duiqi.data.floors import both_texts, counted, logistic

FOLDS, MORE_FOLDS = 5, 10  # more where that is cheap: each model then sees nine tenths of the rows
CHEAP = 200_000  # rows times classes up to which it is
SURE = 0.9
FEWEST = 10  # labels of a class below which nothing is said of them
TOLD = 0.01  # a rate of slips from which on they are ranked by how likely each is one
FLOOR = 0.1  # of probabilities in odds: what cheap models say below it means little (best on tags that were turned)
FEATURES = 1 << 18  # places for what stands around a word
QUICK = 300_000  # rows times classes from which on counts of texts are fitted by the quick solver
MOST_CLASSES, MOST_READ = 300, 20_000
LEAST = 1e-9  # of a probability
STRENGTH = 3.0  # inverse regularisation: the best average precision on sst2 and banking77 with flipped labels
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Noise:
    """What is likely wrong among labels, one of each row, of each word, or of each row and label.

    `wrong` float[m]: how likely each label is a slip. `doubt` float[m] ranks them, the most suspicious label highest;
    it is `wrong` where slips were told from hard rows, and else the odds of another label. `likely` int[m]: the class
    that is likeliest otherwise. `rate`:
    the share of wrong labels, 0 to 1; `shares` float[m] have it as their mean and vary as much as it does by chance.
    `sizes` int[n] says how many labels each row has. Rows of classes that are too rare to tell have `wrong` 0.
    """

    wrong: Floats
    doubt: Floats
    likely: NDArray[np.int64]
    rate: float
    shares: Floats
    sizes: NDArray[np.int64]

    @cached_property
    def by_row(self) -> Floats:
        """How likely some label of each row is wrong, by its most suspicious one: float[n]."""
        starts = np.cumsum(self.sizes) - self.sizes
        worst = np.zeros(len(self.sizes))
        some = self.sizes > 0
        worst[some] = np.maximum.reduceat(self.wrong, starts[some]) if some.any() else 0
        return worst

    @property
    def statistics(self) -> Floats:
        """Of every row the sum of its shares and how many labels it has, float[n, 2]: what the metric reads."""
        rows = np.repeat(np.arange(len(self.sizes)), self.sizes)
        return np.stack([np.bincount(rows, self.shares, len(self.sizes)), self.sizes], axis=1)

    def suspects(self, sure: float = SURE) -> NDArray[np.bool_]:
        """Labels that are wrong with a probability of `sure` or more, bool[m]."""
        return self.wrong >= sure


def noise_of(case: Case) -> Noise:
    """What is likely wrong among the labels of the training rows; computed once for all cases on them."""
    train, reader = case.train, case.reader
    assert train is not None
    name = f"noise:{train.fingerprint}:{reader.fingerprint if reader else ''}"
    return case.remember(name, lambda: find_noise(case.task, train, reader))


def sources(made: Dataset, of: Dataset) -> NDArray[np.int64]:
    """Of every row the place of the row that it is, or was made of (copies have its id and what was done behind a
    plus), int[n]; -1 for rows that are new."""
    where = {str(row): at for at, row in enumerate(of.row_ids)}

    def place(row: str) -> int:
        while row not in where and "+" in row:
            row = row.rpartition("+")[0]
        return where.get(row, -1)

    return np.array([place(str(row)) for row in made.row_ids], dtype=np.int64)


def find_noise(task: Task, train: Dataset, reader: Predictor | None = None) -> Noise:
    """What is likely wrong among the labels of some rows. `reader` is a model that has not learned them.

    Where classes are given to rows they are ranked anew, held against models in whose fitting likely slips counted
    less. How many slips there are is told by the first models: the second ones have made up their minds. The reader is
    asked for up to 20,000 rows; of more, counts tell enough. `DataError` for more than 300 classes.
    """
    if len(task.labels) > MOST_CLASSES:
        raise DataError(
            f"expected at most {MOST_CLASSES} labels to be held against each other, given {len(task.labels)}",
            hint="Look at a part of them, or at broader classes.",
        )
    reader = reader if len(train) <= MOST_READ else None
    vectors = around_words(train) if task.unit == "word" else of_texts(train, reader)
    labels, probs, sizes = out_of_sample(task, train, vectors)
    noise = fitted(probs, labels, sizes)
    if sizes is not None:
        return noise
    labels, probs, _ = out_of_sample(task, train, vectors, weights=1 - noise.wrong)
    return ranked_anew(noise, probs, labels)


def ranked_anew(first: Noise, probs: Floats, labels: NDArray[np.int64]) -> Noise:
    """The same share of slips, and labels ranked by other probabilities."""
    second = fitted(probs, labels, rate=max(first.rate, 1e-6))
    return replace(first, wrong=second.wrong, doubt=second.doubt, likely=second.likely)


def fitted(
    probs: Floats, labels: NDArray[np.int64], sizes: NDArray[np.int64] | None = None, *, rate: float | None = None
) -> Noise:
    """The model of slips, laid over out-of-sample probabilities float[m, k] of labels int[m]; with the share of slips
    given as `rate`, or fitted."""
    from scipy.optimize import minimize

    m, k = probs.shape
    logs, rows = np.log(np.clip(probs, 1e-12, 1)), np.arange(m)
    common = np.bincount(labels, minlength=k)[labels] >= FEWEST
    if k < 2 or len(np.unique(labels[common])) < 2:
        nothing = np.zeros(m)
        return Noise(nothing, nothing, labels, 0.0, nothing, np.ones(m, np.int64) if sizes is None else sizes)
    known, given = logs[common], labels[common]

    def fitting(point: Floats) -> tuple[float, Floats]:
        """The mean negative log-likelihood at (log a, logit e), and where it leads."""
        lapse = 1 / (1 + np.exp(-point[1]))
        chosen, slope = _sharpened(known, given, np.exp(point[0]))
        p = (1 - lapse) * chosen + lapse / k
        prior = 0.5 * (np.log(lapse) + np.log1p(-lapse)) / len(given)
        down = np.array([((1 - lapse) * slope / p).mean(), ((1 / k - chosen) / p).mean() * lapse * (1 - lapse)])
        down[1] += 0.5 * (1 - 2 * lapse) / len(given)
        return -(np.log(p).mean() + prior), -down

    missed = 1 - 1 / k  # of labels drawn from all alike, those that are not the right one by chance
    logits = (-4.0, -1.0) if rate is None else (float(np.log(rate / (missed - rate))),)
    bounds = [(-4, 4), (-16, 4) if rate is None else (logits[0], logits[0])]
    starts = [np.array(each) for each in product((0.0, 2.0), logits)]  # it has several peaks
    best = min((minimize(fitting, s, jac=True, method="L-BFGS-B", bounds=bounds) for s in starts), key=lambda r: r.fun)
    exponent, lapse = float(np.exp(best.x[0])), float(1 / (1 + np.exp(-best.x[1])))
    chosen, slope = _sharpened(logs, labels, exponent)
    p = (1 - lapse) * chosen + lapse / k
    wrong = np.where(common, lapse / k * (1 - chosen) / p, 0.0)
    others = logs.copy()
    others[rows, labels] = -np.inf
    scores = np.stack([(1 - lapse) * slope / p, (1 / k - chosen) / p], axis=1)[common]
    shares = np.full(m, lapse * missed)
    shares[common] += missed * _influence(scores)
    told = sizes is None and lapse >= TOLD
    odds = np.log((np.exp(others.max(axis=1)) + FLOOR) / (np.exp(logs[rows, labels]) + FLOOR))
    doubt = wrong if told else np.where(common, odds, odds.min())
    sizes = np.ones(m, np.int64) if sizes is None else sizes
    return Noise(wrong, doubt, others.argmax(axis=1), lapse * missed, shares, sizes)


def _sharpened(logs: Floats, labels: NDArray[np.int64], exponent: float) -> tuple[Floats, Floats]:
    """q^a of the labels, normalised, and its derivative by log a."""
    raised = exponent * logs
    raised -= raised.max(axis=1, keepdims=True)
    weights = np.exp(raised)
    total = weights.sum(axis=1)
    rows = np.arange(len(labels))
    chosen = weights[rows, labels] / total
    mean = (weights * logs).sum(axis=1) / total
    return chosen, chosen * exponent * (logs[rows, labels] - mean)


def _influence(scores: Floats) -> Floats:
    """How much each label moves the rate: the scores float[m, 2] times the inverse of their information, for e."""
    information = scores.T @ scores / len(scores) + 1e-9 * np.eye(2)
    moved: Floats = np.linalg.solve(information, (scores - scores.mean(axis=0)).T)[1]
    return moved


# Probabilities of rows that the model did not learn


def out_of_sample(
    task: Task, train: Dataset, vectors: Sequence[Any], *, weights: Floats | None = None
) -> tuple[NDArray[np.int64], Floats, NDArray[np.int64] | None]:
    """Labels int[m], their probabilities float[m, k] from models fitted on other rows, and how many each row has
    (`None` where that is one).

    Of each kind of `vectors` a model is fitted; their normalised geometric mean counts. Rows of equal input are left
    out together: a copy would give the label away. `weights` float[n] say how much rows count in fitting.
    """
    from scipy.sparse import issparse

    truth = task.read_truth(train)
    classes = {"word": 2 * len(task.labels) + 1, "label": 2}.get(task.unit, len(task.labels))
    cost = len(train) * (len(task.labels) if task.unit == "label" else classes)
    many = FOLDS if task.unit == "word" or cost > CHEAP else MORE_FOLDS
    folds = (mix(train.input_keys) % np.uint64(many)).astype(np.int64)
    if len(np.unique(folds)) < 2:
        raise DataError(
            f"expected rows of different inputs, given {len(train)} alike in {train.name}", hint="Give more rows."
        )
    if task.unit == "word":
        sizes = np.array([len(each) for each in truth], dtype=np.int64)
        labels, places = np.concatenate([np.zeros(0, np.int64), *truth]), np.repeat(folds, sizes)
        return labels, _blend([crossed(each, labels, places, classes, fit=_of_words) for each in vectors]), sizes
    if cost > QUICK and task.unit == "label":  # as many regressions as labels: counts alone
        vectors = [each for each in vectors if issparse(each)] or vectors[:1]
    fits = [_quick if issparse(each) and cost > QUICK else logistic for each in vectors]
    if task.unit == "label":
        sizes = np.full(len(train), truth.shape[1])
        kinds = list(zip(vectors, fits, strict=True))
        given = [_blend([crossed(each, column, folds, 2, fit=fit) for each, fit in kinds]) for column in truth.T]
        return truth.ravel(), np.stack(given, axis=1).reshape(-1, 2), sizes
    pairs = zip(vectors, fits, strict=True)
    return truth, _blend([crossed(each, truth, folds, classes, weights=weights, fit=fit) for each, fit in pairs]), None


def of_texts(train: Dataset, reader: Predictor | None = None) -> list[Any]:
    """Word counts, and embeddings of length 1 where a model gives some: vectors of every row."""
    texts = both_texts(train)
    found = counted(texts, texts)
    vectors = [found[0]] if found else []
    if reader is not None and "embedding" in reader.offers:
        given = np.asarray(reader.predict(train, ["embedding"])["embedding"], dtype=np.float64)
        vectors.append(given / np.maximum(np.linalg.norm(given, axis=1, keepdims=True), 1e-12))
    return vectors or [np.ones((len(train), 1))]


def _blend(given: Sequence[Floats]) -> Floats:
    """The normalised geometric mean of several models' probabilities."""
    mean = np.exp(sum(np.log(np.clip(each, 1e-9, 1)) for each in given) / len(given))
    return np.asarray(mean / mean.sum(axis=1, keepdims=True))


def crossed(
    vectors: Any,
    labels: NDArray[np.int64],
    folds: NDArray[np.int64],
    classes: int,
    *,
    weights: Floats | None = None,
    fit: Callable[..., Floats] = logistic,
) -> Floats:
    """Probabilities float[m, k] of a regression that has seen the other folds only.

    A class that those do not have has as many as the least likely of the others; where they have one class only, it is
    as good as certain.
    """
    probs = np.full((len(labels), classes), 1.0 / classes)
    for fold in np.unique(folds):
        inside, outside = folds == fold, folds != fold
        met = np.unique(labels[outside])
        if len(met) < 2:
            probs[inside] = np.where(np.arange(classes) == met, 1.0, LEAST)
            continue
        counts = weights[outside] if weights is not None else None
        given = fit(vectors[outside], labels[outside], vectors[inside], classes, strength=STRENGTH, weights=counts)
        given[:, np.setdiff1d(np.arange(classes), met)] = given[:, met].min(axis=1, keepdims=True)
        given = np.clip(given, LEAST, None)
        probs[inside] = given / given.sum(axis=1, keepdims=True)
    return probs


def _quick(
    known: Any,
    labels: NDArray[np.int64],
    asked: Any,
    classes: int,
    *,
    strength: float,
    weights: Floats | None = None,
    alpha: float = 3e-5,
    least: int = 0,
) -> Floats:
    """One averaged stochastic logistic regression for each class, and the softmax of their scores: for many counts, a
    tenth of the time. `alpha` stands for the strength; few labels are gone through until they were met `least` times.
    """
    from scipy.special import softmax
    from sklearn.linear_model import SGDClassifier

    rounds = max(4, least // len(labels))
    model = SGDClassifier(loss="log_loss", alpha=alpha, max_iter=rounds, tol=None, random_state=0, average=True)
    fit = model.fit(known, labels, sample_weight=weights)
    scores = fit.decision_function(asked)
    scores = scores if scores.ndim > 1 else np.stack([0 * scores, scores], axis=1)
    probs = np.zeros((asked.shape[0], classes))
    probs[:, fit.classes_.astype(int)] = softmax(scores, axis=1)
    return probs


_of_words = partial(_quick, alpha=7.5e-6, least=400_000)  # chosen on cluener2020 with turned tags


def around_words(data: Dataset) -> list[Any]:
    """What stands in and around every word, hashed: sparse float32[words, 2¹⁸]."""
    from sklearn.feature_extraction import FeatureHasher

    hasher = FeatureHasher(FEATURES, input_type="string", alternate_sign=False, dtype=np.float32)
    found = hasher.transform(each for row in data.values("tokens") for each in _seen(row))
    return [found.tocsr()]


def _seen(row: Sequence[str]) -> Iterator[list[str]]:
    words = ["<", "<", *(word.lower() for word in row), ">", ">"]
    for at, word in enumerate(row):
        b, a, w, y, z = words[at : at + 5]
        yield [
            f"w{w}", f"a{a}", f"b{b}", f"y{y}", f"z{z}", f"aw{a}|{w}", f"wy{w}|{y}", f"ay{a}|{y}", f"baw{b}|{a}|{w}",
            f"wyz{w}|{y}|{z}", f"<{w[:3]}", f"{w[-3:]}>", f"s{_shape(word)}",
        ]  # fmt: skip


def _shape(word: str) -> str:
    return "".join("X" if c.isupper() else "x" if c.islower() else "0" if c.isdigit() else c for c in word[:4])
