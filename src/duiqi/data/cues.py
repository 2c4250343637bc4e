"""Cues: tokens that give a label away without being what a row is about, and how closely groups and labels go together.

A token is a word, one or two Chinese characters, or a run of one mark ("--"). Where the token next to it is always the
same one, both are one cue, so that a signature is found whole; but only by tokens that go with the class
themselves: a full stop that ends all rows is no part of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.measure import Weights
from duiqi.core.slice import CJK, is_cjk
from duiqi.data.crossfit import crossed, folds_of
from duiqi.data.floors import logistic
from duiqi.data.properties import presence

# Chosen on sst2, thucnews-titles, ag-news and 3,000 rows of banking77, untouched and with cues put in.
SHARE = 0.15  # of the rows of its class that carry a cue, at least
LIFT = 5.0  # how many times as often it stands in its class as elsewhere, at least
ALOOF = 0.1  # how far from a half the AUROC may lie by which the rest of a row tells of a cue, with room for chance
ROOM = 1.64  # standard errors of that room
NEARLY, PURE = 0.75, 0.9  # share of its class and purity of a cue from which on it must be proven to be foretold
LARGE = 0.075  # standard error of the AUROC in classes that are large enough for that: from about 150 rows on
LEVEL = 0.01  # of a false candidate among all tokens and classes
FEWEST = 10  # rows that carry it
REST = 3  # tokens beside the cue without which a row does not say whether the cue hangs on them
ALWAYS = 0.8  # of the rows with one token that have the other, too, where both are one cue
MOST, TOLD = 40, 3  # candidates of each class that may be glued on, and the strongest of all, which are told beside
COMMON = 3  # rows of the class with a token that is to foretell others
STRENGTH = 0.1  # inverse of the regularisation of the regression
DRAWS = 300

_TOKEN = re.compile(rf"[{CJK}]|[^\W_{CJK}]+(?:['’][^\W_{CJK}]+)*|([^\w\s]|_)\1*")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cue:
    """A token, or several in a row, that stands in one class more often than chance allows.

    `share` of the rows of class number `label` carry it, and `elsewhere` of the others; `purity` of the rows with it
    are of the class; `z` holds this against the share of the class; `bits` of the class it tells (mutual information).
    `foretold` is the AUROC by which the rest of a row tells whether the cue stands in it, among rows of the class and
    from other rows: 0.5 is chance; `error` is its standard error, `nan` where it cannot be told.
    """

    text: str
    role: str
    label: int
    rows: int
    share: float
    elsewhere: float
    purity: float
    z: float
    bits: float
    foretold: float
    error: float

    @property
    def glued(self) -> bool:
        """Whether it gives its class away and does not hang on what else these rows say.

        Where nearly all rows of the class have it and hardly any other, too few are without it to prove that. In a
        large class no word that rows are about does so (none of fourteen sets has one), so there it is enough that
        nothing proves the contrary.
        """
        marked = self.share >= SHARE and self.share >= LIFT * self.elsewhere
        if self.share >= NEARLY and self.purity >= PURE and self.error <= LARGE:
            return marked and self.foretold - 0.5 - ROOM * self.error <= ALOOF
        return marked and bool(abs(self.foretold - 0.5) + ROOM * self.error <= ALOOF)


@dataclass(frozen=True, eq=False)
class Column:
    """One text of every row: which tokens stand where. `presence` is sparse 0/1 float64[n, t] of the tokens `names`."""

    role: str
    texts: Sequence[str]

    @cached_property
    def _held(self) -> tuple[Any, NDArray[np.str_]]:
        return presence(self.texts, _tokens)

    @property
    def presence(self) -> Any:
        return self._held[0]

    @property
    def names(self) -> NDArray[np.str_]:
        return self._held[1]


def find_cues(texts: Mapping[str, Sequence[str]], truth: NDArray[np.int64], keys: NDArray[np.uint64]) -> list[Cue]:
    """Tokens that go with a class and stand in `SHARE` of its rows: those that may give it away, and the strongest of
    each class; those that do give it away first, the strongest first. `texts` are by role; `keys` say which rows are
    copies of each other.

    z of each token is held against chance for all tokens and classes together (Bonferroni). Whether the rest of a row
    tells where a cue stands is asked of naive Bayes on the other tokens, fitted to other rows of the class, and where
    that cannot tell of a logistic regression, too; tokens that share a character with the cue, or nearly always stand
    with it, are a part of it and left out.
    """
    columns = [Column(role, rows) for role, rows in texts.items()]
    if len(np.unique(truth)) < 2:
        return []
    found = [cue for at in range(len(columns)) for cue in _of_column(columns, at, truth, folds_of(keys))]
    best: dict[tuple[str, str], Cue] = {}
    for cue in sorted(found, key=lambda cue: (not cue.glued, -cue.z, cue.text)):
        best.setdefault((cue.role, cue.text), cue)
    return list(best.values())


def _of_column(columns: Sequence[Column], at: int, truth: NDArray[np.int64], folds: NDArray[np.int64]) -> Iterator[Cue]:
    from scipy.stats import norm

    column, n = columns[at], len(truth)
    classes = np.unique(truth)
    one_hot = (truth[:, None] == classes).astype(np.float64)
    counts = np.asarray(column.presence.sum(axis=0)).ravel()
    inside = column.presence.T @ one_hot
    common = counts >= FEWEST
    prior = one_hot.mean(axis=0)
    z = strength(inside, counts[:, None], prior)
    least = norm.isf(LEVEL / max(common.sum() * len(classes), 1))
    for place, label in enumerate(classes):
        rows = np.flatnonzero(one_hot[:, place])
        chosen = np.flatnonzero(common & (z[:, place] > least) & (inside[:, place] >= SHARE * len(rows)))
        chosen = chosen[np.argsort(-z[chosen, place], kind="stable")]
        elsewhere = (counts - inside[:, place]) / (n - len(rows))
        marked = inside[chosen, place] >= LIFT * len(rows) * elsewhere[chosen]
        chosen = np.unique(np.concatenate([chosen[marked][:MOST], chosen[:TOLD]]))
        taken = np.zeros(n, dtype=bool)
        bound = {column.names[token] for token in np.flatnonzero(common & (z[:, place] > least))}
        names = [column.names[token] for token in chosen]
        across = [is_cjk(name) and not bound.issuperset(name) for name in names]
        chosen = chosen[np.lexsort((across, -z[chosen, place]))]
        for text, tokens, carries in _whole(column, chosen, rows, bound):
            own = carries & (one_hot[:, place] > 0)
            if own.sum() < FEWEST or (own & taken).sum() >= ALWAYS * own.sum():
                continue
            foretold, error = _foretold(columns, at, tokens, own[rows], rows, folds[rows])
            total, mine = int(carries.sum()), int(own.sum())
            cue = Cue(
                text=text,
                role=column.role,
                label=int(label),
                rows=total,
                share=mine / len(rows),
                elsewhere=(total - mine) / (n - len(rows)),
                purity=mine / total,
                z=float(strength(np.array(mine), np.array(total), prior[place])),
                bits=_information(mine, total, len(rows), n),
                foretold=foretold,
                error=error,
            )
            taken |= own & cue.glued
            yield cue


def strength(inside: Any, rows: Any, prior: Any) -> Floats:
    """z of how many of the `rows` with a token are of a class, against the class's share `prior` of all rows."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((inside / rows - prior) / np.sqrt(prior * (1 - prior) / rows))


def _information(both: int, token: int, label: int, n: int) -> float:
    """Mutual information of two yes-or-no facts in bits, from how many of `n` rows have both and each."""
    cells = [(both, token, label), (token - both, token, n - label), (label - both, n - token, label)]
    cells.append((n - token - label + both, n - token, n - label))
    return float(sum(cell / n * np.log2(cell * n / (a * b)) for cell, a, b in cells if cell))


def _tokens(text: str) -> dict[str, None]:
    """Words, marks, Chinese characters and pairs of these: each once, in their order."""
    found = list(_TOKEN.finditer(text))
    tokens = dict.fromkeys(match[0].casefold() for match in found)
    for first, second in pairwise(found):
        if first.end() == second.start() and is_cjk(first[0]) and is_cjk(second[0]):
            tokens[first[0] + second[0]] = None
    return tokens


def _sequence(text: str) -> list[str]:
    return [match[0].casefold() for match in _TOKEN.finditer(text)]


def _spelled(run: tuple[str, ...], text: str) -> str:
    """The run as the text first has it, in lower case."""
    spans = [match.span() for match in _TOKEN.finditer(text)]
    first = _places(run, _sequence(text))[0]
    return text[spans[first][0] : spans[first + len(run) - 1][1]].casefold()


def _whole(
    column: Column, chosen: NDArray[np.int64], rows: NDArray[np.int64], bound: set[str]
) -> Iterator[tuple[str, tuple[str, ...], NDArray[np.bool_]]]:
    """Each token grown to the run that it is always met in: its spelling, its tokens, and which rows carry it."""
    csc = column.presence.tocsc()
    sequence = cache(lambda row: _sequence(column.texts[row]))
    inside, known = np.zeros(len(column.texts), dtype=bool), set()
    inside[rows] = True
    for token in chosen:
        with_it = csc.indices[csc.indptr[token] : csc.indptr[token + 1]]
        sequences = {int(row): sequence(int(row)) for row in with_it}
        name = column.names[token]
        start = tuple(name) if is_cjk(name) else (name,)
        run = _grown(start, [sequences[int(row)] for row in with_it if inside[row]], bound)
        if run in known:
            continue
        known.add(run)
        places = {row: _places(run, said) for row, said in sequences.items()}
        carries = np.zeros(len(column.texts), dtype=bool)
        carries[[row for row, found in places.items() if found]] = True
        row = next(row for row, found in places.items() if found and inside[row])
        yield _spelled(run, column.texts[row]), run, carries


def _grown(run: tuple[str, ...], sequences: Sequence[Sequence[str]], bound: set[str]) -> tuple[str, ...]:
    """The run with those of the tokens `bound` to its class that nearly always stand before and behind it."""
    from collections import Counter

    while True:
        before: Counter[str] = Counter()
        behind: Counter[str] = Counter()
        for sequence in sequences:
            first = next(iter(_places(run, sequence)), None)
            if first is None:
                continue
            last = first + len(run)
            before.update([sequence[first - 1]] if first else [])
            behind.update([sequence[last]] if last < len(sequence) else [])
        sides = ((0, before), (1, behind))
        most = max(((n, side, key) for side, met in sides for key, n in met.items() if key in bound), default=None)
        if most is None or most[0] < ALWAYS * len(sequences):
            return run
        run = (*run, most[2]) if most[1] else (most[2], *run)


def _places(run: tuple[str, ...], keys: Sequence[str]) -> list[int]:
    return [
        at for at in range(len(keys) - len(run) + 1) if keys[at] == run[0] and tuple(keys[at : at + len(run)]) == run
    ]


def _foretold(
    columns: Sequence[Column], at: int, run: tuple[str, ...], carries: NDArray[np.bool_], rows: NDArray[np.int64],
    folds: NDArray[np.int64],
) -> tuple[float, float]:  # fmt: skip
    """AUROC by which the other tokens of a row tell whether it carries the run, and its standard error."""
    from scipy.sparse import hstack
    from scipy.stats import rankdata

    rest = []
    for place, column in enumerate(columns):
        there = column.presence[rows]
        counts = np.asarray(there.sum(axis=0)).ravel()
        both = there.T @ carries.astype(np.float64)
        apart = both < ALWAYS * (counts + carries.sum() - both)
        usable = np.flatnonzero((counts >= COMMON) & apart)
        if place == at:
            characters = {character for token in run if is_cjk(token) for character in token}
            usable = np.array(
                [t for t in usable if column.names[t] not in run and characters.isdisjoint(column.names[t])], dtype=int
            )
        rest.append(there[:, usable])
    seen = hstack(rest, format="csr")
    told = np.asarray(seen.sum(axis=1)).ravel() >= REST
    with_it, without = int((carries & told).sum()), int((~carries & told).sum())
    if min(with_it, without) < 2:
        return float("nan"), float("nan")
    error = float(np.sqrt((with_it + without + 1) / (12 * with_it * without)))
    areas = []
    for scored in (_counted_odds, _regressed):
        ranks = rankdata(scored(seen, carries, folds)[told])
        area = (ranks[carries[told]].sum() - with_it * (with_it + 1) / 2) / (with_it * without)
        areas.append(float(area))
        if abs(area - 0.5) + ROOM * error > ALOOF:  # told well enough, or never to be told
            break
    return max(areas, key=lambda area: abs(area - 0.5)), error


def _counted_odds(seen: Any, carries: NDArray[np.bool_], folds: NDArray[np.int64]) -> Floats:
    """How much likelier each row carries the cue by its tokens one by one (naive Bayes), from rows of other folds."""
    scores = np.zeros(len(carries))
    for fold in np.unique(folds):
        inside = folds == fold
        known, has = seen[~inside], carries[~inside].astype(np.float64)
        yes, no = known.T @ has, known.T @ (1 - has)
        odds = np.log((yes + 0.5) / (has.sum() + 1)) - np.log((no + 0.5) / (len(has) - has.sum() + 1))
        scores[inside] = seen[inside] @ odds
    return scores


def _regressed(seen: Any, carries: NDArray[np.bool_], folds: NDArray[np.int64]) -> Floats:
    """The same by a logistic regression, which sees that one token stands in place of another."""
    return crossed(seen, carries.astype(np.int64), folds, 2, fit=partial(logistic, strength=STRENGTH))[:, 1]


@dataclass(frozen=True)
class Association:
    """How closely the values of a column and the classes go together: Cramér's V (0 to 1), and its chi-square."""

    value: float
    low: float
    high: float
    chi_square: float
    probability: float


def association(
    groups: NDArray[np.str_], truth: NDArray[np.int64], keys: NDArray[np.uint64], *, seed: int = 0
) -> Association | None:
    """Cramér's V of a group column and the classes, with a 95 % interval by draws of rows; `None` where one of them has
    a single value. Draws are moved back onto the value, as V is too large where rows are few. Rows without a value are
    left out."""
    from scipy.stats import chi2

    given = groups != ""
    names, group = np.unique(groups[given], return_inverse=True)
    met, label = np.unique(truth[given], return_inverse=True)
    g, k = len(names), len(met)
    if min(g, k) < 2:
        return None
    cells = np.eye(g * k)[group * k + label]
    tables = np.zeros((DRAWS, g * k))
    for rows, weights in Weights(keys[given], DRAWS, seed).blocks():
        tables += weights.T @ cells[rows]
    square = _chi_square(cells.sum(axis=0).reshape(g, k))
    n, least = len(label), min(g, k) - 1
    value = float(np.sqrt(square / (n * least)))
    drawn = np.array([np.sqrt(_chi_square(each.reshape(g, k)) / max(each.sum() * least, 1)) for each in tables])
    low, high = np.quantile(drawn - drawn.mean() + value, [0.025, 0.975])
    probability = float(chi2.sf(square, (g - 1) * (k - 1)))
    return Association(value, max(0.0, float(low)), min(1.0, float(high)), float(square), probability)


def _chi_square(table: Floats) -> float:
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / max(table.sum(), 1)
    return float(((table - expected) ** 2 / np.where(expected > 0, expected, 1)).sum())
