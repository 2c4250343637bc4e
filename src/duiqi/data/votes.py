"""Labelling functions: rules that a user writes in plain Python, what they say of rows, and a model of how far to
trust each of them that needs no labels.

Every function votes for a class or abstains. Given the class y of a row the votes are taken as independent,

    p(v, y) = p(y) Π p(v_j | y),      v_j one of the classes or "abstains",

fitted by expectation maximisation from the majority vote on (Dawid & Skene, 1979, Maximum likelihood estimation of
observer error-rates using the EM algorithm, Applied Statistics; Ratner et al., 2017, Snorkel: rapid training data
creation with weak supervision, VLDB, https://arxiv.org/abs/1711.10160, in small). To abstain is one of the outcomes:
of a function that knows one class only, nothing but where it speaks tells how good it is. A function that repeats
another one beyond what independence allows shares its say with it, so that a rule written twice does not count twice.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, nearest
from duiqi.core.part import module_of
from duiqi.core.seed import generator

ABSTAINS = -1
ALIKE = 0.8  # of rows where either of two functions votes, the share of equal votes from which on one may be a copy
MISSING = 0.5  # of the differences that independence would make, the share whose lack makes it one
SURELY = 4.0  # standard errors of that lack
FEWEST_OTHERS = 2  # functions by which two more are judged
GUESS, HELD = 0.7, 100.0  # before looking: how often a vote is right, worth so many votes of each function,
LEANING = 0.3  # and the classes' shares those of the majority's, worth this share of the rows
MOST_FITTED, MOST_COMPARED = 100_000, 4_000  # rows for the model; for copies and intervals, which take many fits
ROUNDS, RESAMPLED, CLOSE = 200, 25, 1e-5
Floats = NDArray[np.float64]
Votes = NDArray[np.int64]


@dataclass(frozen=True)
class Function:
    """A labelling function: `call(text)`, or `call(row)` where its parameter is named row, gives a label or None."""

    name: str
    call: Callable[[Any], Any]
    wants_row: bool = False


class LeftOut(NamedTuple):
    """A function that raised, the row it raised on, and what."""

    name: str
    row_id: str
    error: str


@dataclass(frozen=True, eq=False)
class Ballot:
    """What functions say of rows: `votes` int[n, m], -1 where one abstains, by the `names` of the m functions that
    could be asked. `left_out` are the others."""

    votes: Votes
    names: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class Standing:
    """How a function does: shares of the rows where it votes, where another one votes, too, and where one of these
    says otherwise; how often its votes are right as the model has it, with a 95 % interval; how many labelled rows it
    votes on, how many of these it has right, with theirs. `classes` are those it votes for. `weight` is its say: less
    than 1 where it is much like `copy_of`."""

    name: str
    classes: tuple[int, ...]
    coverage: float
    overlaps: float
    conflicts: float
    accuracy: float
    low: float
    high: float
    labelled: int = 0
    right: int = 0
    labelled_low: float = 0.0
    labelled_high: float = 1.0
    weight: float = 1.0
    copy_of: str = ""


def read_functions(path: str | Path) -> tuple[Function, ...]:
    """The public functions that a Python file defines at its top, in their order there.

    A name that begins with an underscore is a helper's. `PartError` for a file that cannot be run, `DataError` for one
    without functions, or a function that takes more than one argument.
    """
    path = Path(path)
    module = module_of(path, "rules")
    found = []
    for name, value in vars(module).items():
        if name.startswith("_") or not inspect.isfunction(value) or value.__module__ != module.__name__:
            continue
        parameters = list(inspect.signature(value).parameters.values())
        needed = [each for each in parameters if each.default is each.empty and each.kind not in (2, 4)]
        if len(needed) != 1 or needed[0].kind is inspect.Parameter.KEYWORD_ONLY:
            raise DataError(
                f"expected functions of one argument in {path}, given {name}{inspect.signature(value)}",
                hint=f"Write def {name}(text) or def {name}(row); a helper's name begins with an underscore.",
            )
        found.append(Function(name, value, wants_row=needed[0].name == "row"))
    if not found:
        raise DataError(
            f"expected labelling functions in {path}, given a file without any",
            hint="Write one: def thanks(text): return 'positive' if 'thank' in text else None",
        )
    return tuple(found)


def votes(functions: Sequence[Function], data: Dataset, classes: Sequence[str]) -> Ballot:
    """What every function says of every row.

    One that raises is left out, with the row and the error. `DataError` where all are, or for a label that is no class.
    """
    rows = data.table.to_pylist() if any(each.wants_row for each in functions) else []
    places = {name: at for at, name in enumerate(classes)}
    columns, names, left_out = [], [], []
    for function in functions:
        column = np.full(len(data), ABSTAINS, dtype=np.int64)
        for at, given in enumerate(rows if function.wants_row else data.texts):
            try:
                label = function.call(dict(given) if function.wants_row else given)
            except Exception as error:  # a user's code may raise anything
                said = f"{type(error).__name__}: {error}"
                left_out.append(LeftOut(function.name, str(data.row_ids[at]), said))
                break
            if label is not None:
                column[at] = _place(function, label, places)
        else:
            columns.append(column)
            names.append(function.name)
    if not columns:
        first = f"{left_out[0].name} raises {left_out[0].error} on row {left_out[0].row_id}" if left_out else "none"
        raise DataError(
            f"expected at least one labelling function that runs on all rows, given {first}",
            hint="Mend it; a function may return None for rows that it does not know.",
        )
    return Ballot(np.stack(columns, axis=1), tuple(names), tuple(left_out))


def _place(function: Function, label: Any, places: dict[str, int]) -> int:
    at = places.get(str(label))
    if at is None:
        raise DataError(
            f"expected a class or None from the labelling function {function.name}, given {label!r}",
            hint=nearest(str(label), places),
        )
    return at


@dataclass(frozen=True, eq=False)
class LabelModel:
    """How likely functions say what, given the class: `says` float[m, k + 1, k], its last outcome to abstain; the
    classes' shares `prior` float[k], `fixed` where they were known; how much each function counts, `weights` float[m];
    what each is a copy of, `copy_of` int[m], -1 for none."""

    prior: Floats
    says: Floats
    weights: Floats
    copy_of: Votes
    fixed: bool = False

    @property
    def classes(self) -> int:
        return len(self.prior)

    def probs(self, votes: Votes) -> Floats:
        """How likely each class is, float[n, k]; nan where all functions abstain."""
        patterns, which, _ = aggregated(votes, self.classes)
        probs = self.posterior(_outcomes(patterns, self.classes))
        probs[(patterns == ABSTAINS).all(axis=1)] = np.nan
        return probs[which]

    def posterior(self, outcomes: Any) -> Floats:
        """The same for outcomes as 0 and 1, sparse [p, m (k + 1)]; of rows where all abstain, too."""
        logs = (self.weights[:, None, None] * np.log(self.says)).reshape(-1, self.classes)
        joint = outcomes @ logs + np.log(self.prior)
        raised = np.exp(joint - joint.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    def fitted(self, seen: _Seen, *, start: Floats | None = None, rounds: int = ROUNDS) -> LabelModel:
        """The model that makes the votes likeliest, climbing from here, or from the classes' chances at the `start`."""
        model, chances = self, self.posterior(seen.outcomes) if start is None else start
        for _ in range(rounds):
            chances[seen.known >= 0] = np.eye(self.classes)[seen.known[seen.known >= 0]]
            mass = chances * seen.counts[:, None]
            says = (seen.outcomes.T @ mass).reshape(self.says.shape) + seen.before
            prior = model.prior if self.fixed else mass.sum(axis=0) + LEANING * mass.sum() * seen.shares
            prior = prior / prior.sum()
            moved = replace(model, prior=prior, says=says / says.sum(axis=1, keepdims=True))
            close = np.abs(moved.says - model.says).max() < CLOSE
            model = moved
            if close:
                break
            chances = model.posterior(seen.outcomes)
        return model


class _Seen(NamedTuple):
    """Different rows: outcomes as 0 and 1, sparse [p, m (k + 1)], how often each comes, its label or -1. And what one
    thinks before looking: the classes' shares float[k], pseudo-rows for every function float[m, k + 1, k]."""

    outcomes: Any
    counts: Floats
    known: Votes
    shares: Floats
    before: Floats


def fit_label_model(
    votes: Votes, classes: int, *, prior: Floats | None = None, truth: Votes | None = None, seed: int = 0
) -> LabelModel:
    """The model of votes int[n, m]. `prior` float[k] are the classes' shares where they are known; `truth` int[n] are
    known labels, -1 for none: such rows count as what they are. Of more than 100,000 rows as many are drawn.

    It misleads where functions are wrong together, on the same rows for one reason: they are taken as independent
    given the class. Two functions alone, without labels, do not tell which of them is better. Where functions speak
    rarely and each for one class the classes' shares are hardly told by them: give `prior`.
    """
    truth = np.full(len(votes), ABSTAINS) if truth is None else truth
    few = _some(truth, MOST_COMPARED, seed)
    copy_of = _copies(votes[few], truth[few], classes, prior)
    heads = np.where(copy_of >= 0, copy_of, np.arange(len(copy_of)))
    rows = _some(truth, MOST_FITTED, seed)
    model = _fit(votes[rows], truth[rows], classes, prior, 1 / np.bincount(heads)[heads])
    return replace(model, copy_of=copy_of)


def _fit(votes: Votes, truth: Votes, classes: int, prior: Floats | None, weights: Floats | None = None) -> LabelModel:
    """The model from the majority vote on."""
    seen, patterns = _seen(votes, truth, classes, prior)
    m = votes.shape[1]
    start = majority(patterns, classes)
    start = np.where(np.isnan(start), seen.shares, 0.98 * start + 0.02 * seen.shares)
    weights = np.ones(m) if weights is None else weights
    says = np.full((m, classes + 1, classes), 1 / (classes + 1))
    blank = LabelModel(seen.shares, says, weights, np.full(m, ABSTAINS), fixed=prior is not None)
    return blank.fitted(seen, start=start)


def majority(votes: Votes, classes: int) -> Floats:
    """Shares of the votes for each class, float[n, k]; nan where all abstain."""
    counts = np.stack([(votes == each).sum(axis=1) for each in range(classes)], axis=1).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def standings(
    model: LabelModel, ballot: Ballot, *, truth: Votes | None = None, draws: int = 100, seed: int = 0
) -> tuple[Standing, ...]:
    """How every function does. `truth` int[n] are known labels, -1 for none: those that the model was fitted to.

    Intervals of what is estimated come from rows drawn anew, the model fitted to them again.
    """
    given, n = ballot.votes, len(ballot.votes)
    truth = np.full(n, ABSTAINS) if truth is None else truth
    voted = given != ABSTAINS
    voters = voted.sum(axis=1)
    accuracy, low, high = _accuracies(model, given, truth, draws, seed)
    found = []
    for j, name in enumerate(ballot.names):
        mine = voted[:, j]
        differs = ((given != given[:, [j]]) & voted).any(axis=1)
        labelled = mine & (truth >= 0)
        right = int((given[labelled, j] == truth[labelled]).sum())
        labelled_low, labelled_high = jeffreys(right, int(labelled.sum()))
        found.append(
            Standing(
                name=name,
                classes=tuple(np.unique(given[mine, j]).tolist()),
                coverage=float(mine.mean()) if n else 0.0,
                overlaps=float((mine & (voters > 1)).mean()) if n else 0.0,
                conflicts=float((mine & differs).mean()) if n else 0.0,
                accuracy=float(accuracy[j]),
                low=float(low[j]),
                high=float(high[j]),
                labelled=int(labelled.sum()),
                right=right,
                labelled_low=labelled_low,
                labelled_high=labelled_high,
                weight=float(model.weights[j]),
                copy_of=ballot.names[model.copy_of[j]] if model.copy_of[j] >= 0 else "",
            )
        )
    return tuple(found)


def jeffreys(right: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of which `right` of `n` were seen; (0, 1) of none."""
    from scipy.special import betaincinv

    if n == 0:
        return 0.0, 1.0
    low, high = betaincinv(right + 0.5, n - right + 0.5, [0.025, 0.975])
    return (0.0 if right == 0 else float(low)), (1.0 if right == n else float(high))


def aggregated(votes: Votes, classes: int) -> tuple[Votes, Votes, Floats]:
    """The different patterns of votes int[p, m], which one each row has, int[n], and how often each comes."""
    codes, room = np.zeros(len(votes), dtype=np.int64), 1
    for column in votes.T:
        if room > (1 << 62) // (classes + 1):  # numbered anew before they overflow
            named, codes = np.unique(codes, return_inverse=True)
            room = len(named)
        codes = codes * (classes + 1) + column + 1
        room *= classes + 1
    _, first, which, counts = np.unique(codes, return_index=True, return_inverse=True, return_counts=True)
    return votes[first], which.ravel(), counts.astype(np.float64)


def _some(truth: Votes, most: int, seed: int) -> Votes:
    """Places of at most so many rows, and of all that are labelled."""
    if len(truth) <= most:
        return np.arange(len(truth))
    drawn = generator(seed, "votes", most).choice(len(truth), most, replace=False)
    return np.union1d(drawn, np.flatnonzero(truth >= 0))


def _outcomes(votes: Votes, classes: int) -> Any:
    """What each function did, as 0 and 1: sparse [p, m (k + 1)], to abstain the last of each."""
    from scipy.sparse import csr_array

    p, m = votes.shape
    places = np.where(votes < 0, classes, votes) + np.arange(m) * (classes + 1)
    return csr_array((np.ones(p * m), places.ravel(), np.arange(p + 1) * m), shape=(p, m * (classes + 1)))


def _seen(votes: Votes, truth: Votes, classes: int, prior: Floats | None) -> tuple[_Seen, Votes]:
    both, _, counts = aggregated(np.column_stack([votes, truth]), classes)
    patterns, known = both[:, :-1], both[:, -1]
    outcomes = _outcomes(patterns, classes)
    shares = np.nansum(majority(patterns, classes) * counts[:, None], axis=0) + 1 if prior is None else prior
    shares = np.clip(shares, 1e-9, None) / np.sum(shares)
    often = (outcomes.T @ counts).reshape(-1, classes + 1)
    voted = np.maximum(often[:, :-1].sum(axis=1), 1)[:, None]
    before = np.empty((votes.shape[1], classes + 1, classes))
    hits = np.where(np.eye(classes) > 0, GUESS, (1 - GUESS) / max(classes - 1, 1))
    before[:, :-1] = HELD * (often[:, :-1] / voted)[:, :, None] * hits
    before[:, -1] = HELD * often[:, -1:] / voted * shares
    return _Seen(outcomes, counts, known, shares, np.maximum(before, 1e-9)), patterns


def _copies(votes: Votes, truth: Votes, classes: int, prior: Floats | None) -> Votes:
    """Which function each one repeats, int[m], -1 for none.

    Two that say the same exactly are copies. So are two that differ far less than functions as good as they are would:
    how good each is is told by the others, without either, so that a pair cannot vouch for itself.
    """
    m = votes.shape[1]
    voted = votes != ABSTAINS
    same = np.array([[((votes[:, j] == votes[:, k]) & voted[:, j]).sum() for k in range(m)] for j in range(m)])
    either = np.array([[(voted[:, j] | voted[:, k]).sum() for k in range(m)] for j in range(m)])
    agree = same / np.maximum(either, 1)
    head = [next((k for k in range(j) if same[j, k] == either[j, k] > 0), j) for j in range(m)]
    own = [j for j in range(m) if head[j] == j]  # each saying once
    typical = np.array([np.median([1.0, *(agree[j, k] for k in own if k != j)][len(own) > 1 :]) for j in range(m)])
    close = (agree >= ALIKE) & (1 - agree <= MISSING * (1 - np.minimum(typical[:, None], typical[None])))
    for j in own:
        for k in own[: own.index(j)]:
            if close[j, k] and head[k] == k and head[j] == j:
                kin = [i for i in own if i not in (j, k) and (close[i, j] or close[i, k])]
                others = [i for i in own if i not in (j, k, *kin)]
                if len(others) < FEWEST_OTHERS:
                    others = [i for i in own if i not in (j, k)]
                if len(others) >= FEWEST_OTHERS or (truth >= 0).any():
                    head[j] = k if _repeats(votes, truth, classes, prior, j, k, others) else j
    return np.array([ABSTAINS if each == j else each for j, each in enumerate(head)], dtype=np.int64)


def _repeats(
    votes: Votes, truth: Votes, classes: int, prior: Floats | None, j: int, k: int, others: Sequence[int]
) -> bool:
    """Whether two functions differ far less than they would if they were independent, by what the others make of
    each."""
    first, second = (_fit(votes[:, [*others, each]], truth, classes, prior) for each in (j, k))
    a, b, shares = first.says[-1], second.says[-1], (first.prior + second.prior) / 2
    same = float(((a[:-1] * b[:-1]).sum(axis=0) * shares).sum())
    expected = same / max(1 - float((a[-1] * b[-1] * shares).sum()), 1e-9)
    either = (votes[:, [j, k]] != ABSTAINS).any(axis=1)
    n, seen = int(either.sum()), float((votes[either, j] == votes[either, k]).mean())
    error = np.sqrt(max(expected * (1 - expected), 1e-9) / n)
    return seen - expected > SURELY * error and seen - expected > MISSING * (1 - expected)


def _accuracies(model: LabelModel, votes: Votes, truth: Votes, draws: int, seed: int) -> tuple[Floats, Floats, Floats]:
    """How often each function's votes are right, float[m], and the ends of its 95 % interval."""
    some, given = _some(truth, MOST_FITTED, seed), model.prior if model.fixed else None
    value = _accuracy(model, _seen(votes[some], truth[some], model.classes, given)[0])
    few = _some(truth, MOST_COMPARED, seed)
    seen, _ = _seen(votes[few], truth[few], model.classes, given)
    rng = generator(seed, "draws")
    drawn = []
    for _ in range(draws):
        again = seen._replace(counts=rng.poisson(seen.counts).astype(np.float64))
        drawn.append(_accuracy(model.fitted(again, rounds=RESAMPLED), again))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0) - np.mean(drawn, axis=0)
    scale = np.sqrt(len(few) / max(len(some), 1))  # fewer rows spread further
    return value, np.clip(value + scale * low, 0, 1), np.clip(value + scale * high, 0, 1)


def _accuracy(model: LabelModel, seen: _Seen) -> Floats:
    chances = model.posterior(seen.outcomes)
    chances[seen.known >= 0] = np.eye(model.classes)[seen.known[seen.known >= 0]]
    table = (seen.outcomes.T @ (chances * seen.counts[:, None])).reshape(model.says.shape)[:, :-1]
    right = table[:, np.arange(model.classes), np.arange(model.classes)].sum(axis=1)
    return np.asarray(right / np.maximum(table.sum(axis=(1, 2)), 1e-9))
