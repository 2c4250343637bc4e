from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import SMALL_GROUP, Measure, critical
from duiqi.core.part import probe
from duiqi.core.predictions import Predictions
from duiqi.core.slice import Slice
from duiqi.core.spans import find_spans, tags_of
from duiqi.core.texts import excerpt
from duiqi.data.identity_words import Dimension
from duiqi.data.other_people import UNKNOWN, Group, Versions, inserted, swapped, written
from duiqi.data.simulated import leaning_case

MOST_CLASSES = 10  # those answered most often: effects on others are small because they are rare
MOST_BARS, MOST_GROUPS, MOST_EXAMPLES = 24, 60, 8
DIRECTIONS, MARKS = np.array([1.0, -1.0]), ("↑", "↓")
Floats = NDArray[np.float64]


@probe(
    kind="identity_bias",
    needs=("model.answer", "data.text", "model.anew"),
    gates=(Gate("worst_group_identity_effect", at_most=0.15),),
    source="Garg et al., 2019, Counterfactual fairness in text classification through robustness, AIES, "
    "https://arxiv.org/abs/1809.10610; sentences with a place for a group: Dixon et al., 2018, Measuring and "
    "mitigating unintended bias in text classification, AIES; intervals: Romano & Wolf, 2005, Econometrica",
)
def identity_bias(
    case: Case,
    *,
    dimensions: tuple[Dimension, ...] = ("gender", "age", "religion", "ethnicity", "disability", "orientation"),
    most: int = 300,
    most_inserted: int = 60,
    swaps: int = 3,
) -> Iterator[Measure | Exhibit]:
    """Whether the answer hangs on whom a text speaks of: women or men, a faith, an origin, an age.

    What: the same rows are asked about other people, in two forms that are told apart. `swapped`: in rows that name
    somebody, other groups of the same dimension stand in their place (up to `swaps` of them, up to `most` rows for
    each set of groups). `inserted`: before up to `most_inserted` rows that name nobody stands who speaks ("As a Muslim
    person, I can say:", 作为穆斯林，), every group in turn, and six neutral people (a neighbour, a left-handed person,
    邻居). Of each form the share of rows whose answer changes (flip rate; inserted: against the first neutral person)
    and, per group and class, the directed effect: how much more likely the class gets, on average, with this group;
    0 is best, 0.1 are ten points of probability. For numbers it is in standard deviations, for tags in spans of a type
    a row. A swapped group is held against the others on the same row. An inserted one is held against the neutral
    person that moves the class farthest the same way on the same rows: what any noun does to the model is no bias.

    Why: flips alone do not tell a fragile model, which turns to and fro, from one that ties a group to a label. So the
    finding rests on the directed effect of the worst group and class, proven to be above 0.15 by intervals that hold
    for all groups and classes at once (max-T). Models that learned nothing of groups also move: each word says
    something to them. Which neutral person moves farthest is read off the same rows, so effects are told rather too
    small than too large.

    Groups with fewer than 30 rows are shown and take no part in the verdict. It misleads where the group is what the
    label is about (hate speech that depends on its target, medicine, the country of a piece of news: so `nationality`,
    `region` and `occupation` are only looked at when asked for); where a word of the lists means something else; and
    it says nothing of groups that are not in them. A large effect says that the model is biased, a small one only that
    these words do not show it.

    No remedy that ships treats it: more rows of the group with the other labels do.
    """
    _suits(case)
    forms = case.remember(
        f"other people:{case.data.fingerprint}:{dimensions}:{most}:{most_inserted}:{swaps}",
        lambda: {
            "swapped": swapped(case.data, dimensions, most=most, swaps=swaps, seed=case.seed),
            "inserted": inserted(case.data, dimensions, most=most_inserted, seed=case.seed),
        },
    )
    if not any(each.each for each in forms.values()):
        raise DataError(
            f"expected rows with a text in {case.data.name}, given none that could speak of somebody else",
            hint="Choose other dimensions, or give rows with texts in English or Chinese.",
        )
    for form, asked in _answered(case, forms).items():
        yield from _told(form, asked)


def _suits(case: Case) -> None:
    if not (case.task.labels or case.task.output == "scores"):
        raise DataError(
            f"expected answers that are classes, labels, tags or numbers, given those of the task {case.task.name}",
            hint="Whether texts that are written say other things of other people is not measured here.",
        )


@dataclass(frozen=True, eq=False)
class Answered:
    """Versions of rows, v of them, and the answers to them: `scores` float[v, c] of what may be answered, `flipped`
    bool[v] where the answer is another than to the first version of the set (of neutral people: never), and
    texts and answers as people read them.

    `case` holds the rows that have versions, among them `at` int[v] is that of each version. `first` int[v] is the
    first version of its set. `whole` is all rows.
    """

    case: Case
    whole: Dataset
    versions: Versions
    at: NDArray[np.int64]
    first: NDArray[np.int64]
    names: tuple[str, ...]
    scores: Floats
    flipped: NDArray[np.bool_]
    texts: Sequence[str]
    said: Sequence[str]

    @property
    def neutral(self) -> NDArray[np.bool_]:
        """Which groups are people who stand for anybody, bool[g]."""
        return np.array([group.neutral for group in self.versions.groups], dtype=bool)


def _answered(case: Case, forms: Mapping[str, Versions]) -> dict[str, Answered]:
    """All forms asked in one call; rows as they stand were answered before."""
    known = _with_answers(case) if case.task.output == "tags" else case.data
    asked = {name: [v for v in form.each if not v.original] for name, form in forms.items()}
    edited = [written(known, each) for each in asked.values() if each]
    together = edited[0] if len(edited) == 1 else edited[0].joined(edited[1])
    answers = case.answers_to(together)
    found, start = {}, 0
    for name, form in forms.items():
        if form.each:
            mine = np.arange(start, start + len(asked[name]))
            found[name] = _of_form(case, form, together.take(mine), answers.take(mine))
        start += len(asked[name])
    return found


def _of_form(case: Case, form: Versions, edited: Dataset, answers: Predictions) -> Answered:
    """The versions of one form with their answers; rows as they stand come first in what is looked up."""
    each, task, rows = form.each, case.task, form.rows
    asked = np.cumsum([not v.original for v in each]) - 1 + len(case.data)
    where = [v.row if v.original else int(number) for v, number in zip(each, asked, strict=True)]
    # words put in front are not the row's, and tags of them are no answers to it
    fronts = np.zeros(len(case.data) + len(edited), dtype=np.int64)
    for v, at in zip(each, where, strict=True):
        if v.insertion and task.output == "tags":
            fronts[at] = len(edited.words[at - len(case.data)]) - len(case.data.words[v.row])
    both = _joined(case.guess, answers, fronts)
    words = [row[front:] for row, front in zip([*case.data.words, *edited.words], fronts, strict=True)]
    shown = [*case.data.shown, *edited.shown]
    classes = _classes(_scores(case, _joined(case.guess, answers.take(np.arange(0)), fronts[: len(case.data)])))
    firsts: dict[int, int] = {}
    first = np.array([firsts.setdefault(v.set, at) for at, v in enumerate(each)])
    expected = [both.answers[where[at]] for at in first]
    if task.output == "tags" and not each[0].insertion:
        moved = [*both.answers[: len(case.data)], *task.read_truth(edited)]
        expected = [moved[at] for at in where]
    place = {row: at for at, row in enumerate(rows)}
    return Answered(
        case=replace(case, data=case.data.take(np.array(rows)), slices=()),
        whole=case.data,
        versions=form,
        at=np.array([place[v.row] for v in each]),
        first=first,
        names=tuple(task.labels[c] for c in classes) if task.labels else ("",),
        scores=_scores(case, both)[where][:, classes],
        flipped=np.array(
            [
                not (v.group != UNKNOWN and form.groups[v.group].neutral) and _differ(task, both.answers[at], told)
                for v, at, told in zip(each, where, expected, strict=True)
            ]
        ),
        texts=[shown[at] for at in where],
        said=[task.spell(both.answers[at], words[at]) for at in where],
    )


def _joined(first: Predictions, second: Predictions, fronts: NDArray[np.int64]) -> Predictions:
    """The answers of both; of tags those behind as many words as are in front."""
    columns: dict[str, Any] = {}
    for name in first.columns:
        one, other = first[name], second[name]
        if isinstance(one, np.ndarray):
            columns[name] = np.concatenate([one, other])
        else:
            columns[name] = [tags[front:] for tags, front in zip([*one, *other], fronts, strict=True)]
    return Predictions(np.concatenate([first.row_ids, second.row_ids]), columns)


def _differ(task: Any, answer: Any, other: Any) -> bool:
    if task.output == "scores":
        return bool(abs(answer - other) > task.metric_options["within_tolerance"]["tolerance"])
    return not np.array_equal(answer, other)


def _with_answers(case: Case) -> Dataset:
    """The rows with the tags the model gave them for labels: where these move to is what it should answer again."""
    names = tags_of(case.task.labels)
    return case.data.with_column("label", [[names[tag] for tag in row] for row in case.guess["tags"]])


def _classes(scores: Floats) -> NDArray[np.int64]:
    """What is answered most often, in the order of the labels."""
    return np.sort(np.argsort(-scores.mean(axis=0), kind="stable")[:MOST_CLASSES])


def _scores(case: Case, answers: Predictions) -> Floats:
    """What a version moves, float[n, c]: probabilities, a number in standard deviations, spans of each type."""
    task = case.task
    if task.output == "scores":
        return np.asarray(answers["scores"], dtype=np.float64)[:, None] / float(task.options["scale"])
    if task.output == "tags":
        counts = [np.bincount(find_spans([tags]).type, minlength=len(task.labels)) for tags in answers["tags"]]
        return np.array(counts, dtype=np.float64).reshape(-1, len(task.labels))
    return answers.probs if "probs" in answers.columns else np.asarray(answers["labels"], dtype=np.float64)


def _told(form: str, asked: Answered) -> Iterator[Measure | Exhibit]:
    """Measures and pictures of one form."""
    flips = np.zeros((len(asked.case.data), 2))
    flips[:, 1] = 1
    flips[asked.at[asked.flipped], 0] = 1
    yield asked.case.noted("flip_rate", flips, of=form)
    effects = (_beyond_neutral if asked.neutral.any() else _against_others)(asked)
    support = effects.asked.astype(bool).sum(axis=0)
    large = [int(group) for group in np.flatnonzero((support >= SMALL_GROUP) & ~asked.neutral)]
    strongest: dict[int, tuple[str, dict[str, Any]]] = {}
    order: list[int] = []
    if large:
        worst = _worst(form, asked, effects, large)
        yield worst
        strongest = _strongest(worst, large)
        order = sorted(strongest, key=lambda group: -strongest[group][1]["value"])
        bars = [{"label": strongest[group][0], **strongest[group][1]} for group in order[:MOST_BARS]]
        yield Exhibit("bars", {"title": f"identity_{form}", "x": "identity_effect", "bars": bars})
    yield _groups(form, asked, strongest, effects, support)
    examples = _examples(asked, order)
    if examples:
        columns = ["group", "original", "first_answer", "other_people", "answer"]
        data = {"title": f"identity_{form}_answers", "columns": columns, "rows": examples, "rows_of_data": True}
        yield Exhibit("table", data)


@dataclass(frozen=True, eq=False)
class Effects:
    """By row and group how much more likely something gets with it, in both directions, and how often it was asked:
    `sums` float[n, g, 2, c], `asked` float[n, g]."""

    sums: Floats
    asked: Floats


def _none(asked: Answered) -> Effects:
    shape = len(asked.case.data), len(asked.versions.groups)
    return Effects(np.zeros((*shape, len(DIRECTIONS), len(asked.names))), np.zeros(shape))


def _sets(asked: Answered) -> list[NDArray[np.int64]]:
    """The numbers of the versions that are held against one another."""
    return np.split(np.arange(len(asked.versions.each)), np.flatnonzero(np.diff(asked.first)) + 1)


def _against_others(asked: Answered) -> Effects:
    """Each group against the mean of the others in its set."""
    each, effects = asked.versions.each, _none(asked)
    for members in _sets(asked):
        if len(members) < 2 or each[members[0]].group == UNKNOWN:
            continue
        scores = asked.scores[members]
        others = (scores.sum(axis=0) - scores) / (len(members) - 1)
        for member, effect in zip(members, scores - others, strict=True):
            effects.sums[asked.at[member], each[member].group] += DIRECTIONS[:, None] * effect
            effects.asked[asked.at[member], each[member].group] += 1
    return effects


def _beyond_neutral(asked: Answered) -> Effects:
    """Each group against the neutral person that moves the answer farthest the same way; neutral people against the
    mean of the other ones."""
    effects, alike = _none(asked), defaultdict(list)
    group_of = np.array([v.group for v in asked.versions.each])
    for members in _sets(asked):
        alike[tuple(group_of[members])].append(members)  # those of a language were asked about the same people
    for groups, sets in alike.items():
        members, people = np.stack(sets), np.array(groups)
        scores, neutral = asked.scores[members], asked.neutral[people]
        anybody = scores[:, neutral]
        farthest = np.argmax(DIRECTIONS[:, None, None] * anybody.mean(axis=0), axis=1)  # int[2, c]
        theirs = anybody[:, farthest, np.arange(scores.shape[2])]  # float[rows, 2, c]
        held = np.repeat(theirs[:, None], len(people), axis=1)
        others = (anybody.sum(axis=1, keepdims=True) - anybody) / (neutral.sum() - 1)
        held[:, neutral] = others[:, :, None]
        at = np.ix_(asked.at[members[:, 0]], people)
        effects.sums[at] = DIRECTIONS[:, None] * (scores[:, :, None] - held)
        effects.asked[at] = 1
    return effects


def _levels(asked: Answered, group: int) -> list[tuple[str, int, int]]:
    """What a group may move, by name, direction and place among what is answered; of two classes one gains what the
    other loses."""
    one_way = len(asked.names) == 2 and asked.case.task.output == "probs"
    term = asked.versions.groups[group].term
    return [(f"{term} {mark} {name}".strip(), way, at) for at, name in enumerate(asked.names)
            for way, mark in enumerate(MARKS[:1] if one_way else MARKS)]  # fmt: skip


def _worst(form: str, asked: Answered, effects: Effects, large: Sequence[int]) -> Measure:
    from scipy.sparse import csr_array

    columns, levels, slices = [], [], []
    slice_of = {group: _slice(asked, asked.versions.groups[group]) for group in large}
    for group in large:
        for name, way, at in _levels(asked, group):
            columns += [effects.sums[:, group, way, at], effects.asked[:, group]]
            levels.append(name)
            slices.append(slice_of[group])
    statistics = csr_array(np.stack(columns, axis=1))
    return asked.case.by_level("identity_effect", statistics, levels, by=form, reduce="worst", slices=slices)


def _slice(asked: Answered, group: Group) -> Slice:
    """The rows that name a group, where there are any; else all rows."""
    named = Slice.of("text", group.term, "contains")
    return named if named.mask(asked.whole).any() else Slice()


def _strongest(worst: Measure, large: Sequence[int]) -> dict[int, tuple[str, dict[str, Any]]]:
    """For each group the level with its largest effect, with an interval that holds for all levels at once."""
    assert worst.across is not None
    levels = [worst.level(at) for at in range(len(worst.across.levels))]
    factor = critical([each.draws for each in levels])
    found = {}
    for group, at in zip(large, np.split(np.arange(len(levels)), len(large)), strict=True):
        best = int(at[np.argmax(worst.values[at])])
        cell = {"value": levels[best].value, **levels[best].stretched(factor).to_json()}
        found[group] = (worst.across.levels[best], cell)
    return found


def _groups(
    form: str,
    asked: Answered,
    strongest: Mapping[int, tuple[str, dict[str, Any]]],
    effects: Effects,
    support: NDArray[np.int64],
) -> Exhibit:
    """Every group with what it moves most and how many rows tell so; small groups without an interval."""
    rows: list[list[Any]] = []
    for at, group in enumerate(asked.versions.groups):
        level, cell = strongest.get(at) or _unproven(asked, effects, at)
        rows.append([level, group.dimension, cell, int(support[at])])
    rows.sort(key=lambda row: -(row[2]["value"] or 0.0))
    columns = ["group", "dimension", "identity_effect", "support"]
    data = {"title": f"identity_{form}_groups", "columns": columns, "rows": rows[:MOST_GROUPS], "total": len(rows)}
    return Exhibit("table", data)


def _unproven(asked: Answered, effects: Effects, group: int) -> tuple[str, dict[str, Any]]:
    """The largest effect of a group that takes no part in the verdict: of few rows, of none, or neutral."""
    sums, times = effects.sums[:, group].sum(axis=0), effects.asked[:, group].sum()
    if not times:
        return asked.versions.groups[group].term, {"value": None}
    means = {name: sums[way, at] / times for name, way, at in _levels(asked, group)}
    level = max(means, key=means.__getitem__)
    return level, {"value": float(means[level]), "shrunk": True}


def _examples(asked: Answered, order: Sequence[int]) -> list[list[Any]]:
    """Rows whose answer changed, those of groups that move most first: text and answer, with one and with another."""
    each, groups = asked.versions.each, asked.versions.groups
    rank = {group: at for at, group in enumerate(order)}

    def first_of(pair: tuple[int, int]) -> tuple[int, float]:
        one, other = pair
        return rank.get(each[other].group, len(rank)), -float(np.abs(asked.scores[other] - asked.scores[one]).max())

    pairs = [(int(asked.first[at]), int(at)) for at in np.flatnonzero(asked.flipped)]
    of_rows: dict[int, tuple[int, int]] = {}
    for pair in sorted(pairs, key=first_of):
        of_rows.setdefault(each[pair[1]].row, pair)
    return [
        [
            groups[each[other].group].term if each[other].group != UNKNOWN else "–",
            excerpt(asked.texts[one]),
            asked.said[one],
            excerpt(asked.texts[other]),
            asked.said[other],
        ]
        for one, other in list(of_rows.values())[:MOST_EXAMPLES]
    ]


@identity_bias.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    return leaning_case(rng, leaning=0.0), leaning_case(rng, leaning=0.7 * strength)
