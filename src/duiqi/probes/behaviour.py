from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, OptionError, nearest
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import FEWEST_ROWS, Measure
from duiqi.core.part import probe
from duiqi.core.predictions import Predictions
from duiqi.core.texts import bare, excerpt, matches
from duiqi.data.simulated_behaviour import drilled_case
from duiqi.data.suite import FunctionalTest, Movement, Suite, Trial
from duiqi.data.suite_file import ready_names
from duiqi.data.suites_at_hand import edited, suites_for

MOST_FAILED = 0.1
MOST_EXAMPLES, OF_EACH = 40, 2
ROUNDING = 1e-9


@probe(
    kind="fragility",
    needs=("model.answer", "model.anew"),
    gates=(Gate("failure_rate", at_most=MOST_FAILED),),
    on_request=True,
    source="Ribeiro, Wu, Guestrin & Singh, 2020, Beyond accuracy: behavioral testing of NLP models with CheckList, "
    "ACL, https://arxiv.org/abs/2005.04118",
)
def behaviour(
    case: Case, *, suites: tuple[Suite, ...] = (), labels: dict[str, str] | None = None
) -> Iterator[Measure | Exhibit]:
    """Which functional tests the model fails: negation, names, typing errors … by suites of your own or ready ones.

    A suite is a toml file of tests. MFT: short texts have the answer expected. INV: other versions of a text get the
    same answer. DIR: what is changed must move the probability of a class (or a number), or must not, by more than a
    margin. Rows of data tell how often a model is right on what is common; a test tells whether it can do one thing.

        task = "classify"                             # or classify_pair, extract, regress
        [lists]
        name = ["Mary", "Ahmed", "Wei"]
        good = ["good", "great", "lovely"]
        [[test]]
        name = "denied praise"
        templates = ["The room was not {good}."]      # every place is filled from its list
        expect = "negative"
        [[test]]
        name = "names"
        type = "INV"
        templates = ["{name} says the room was {good}."]
        vary = "name"                                 # or edits = ["typos"], or to = ["{text} It was a Monday."]
        [[test]]
        name = "more praise"
        type = "DIR"
        templates = ["The room was {good}."]
        to = ["{text} I loved it."]
        expect = {label = "positive", not_fall_by = 0.1}      # or rise_by, fall_by, not_rise_by

    Of pairs and of questions with their passage a template is a list of two texts; the answer to a question is
    expected as text. `cases` are written out: texts, or tables with text, versions and expect. `{name2}` is another
    value of the list name, `{word.2}` the second of words that go together. `[labels]` may name the classes with other
    spellings. A test fills up to `most` cases (100) with up to `versions` others each (4), alike for equal seeds.

    It runs where it is named (`--only behaviour`), or given options in duiqi.toml:

        [options.behaviour]
        suites = ["my_suite.toml", "sentiment_en"]
        labels = {positive = "1", negative = "0"}     # classes of the suites → those of the model

    Without `suites`, the ready ones are taken that fit the task, the classes (as spelled in the suites, or told by
    `labels`) and the language of the rows: sentiment and pairs of questions, English and Chinese.

    How: all texts of all tests are answered in one go. Told is the share of failed cases of every test and of all. A
    test is a finding where the share is proven above .1, corrected for all tests. The bound is no lower, because a
    hundred cases without any failure show no less than about .05 among many tests, and of made-up sentences a few read
    odd. Tests of fewer than ten different cases are shown, and count in the whole only. The interval speaks of further
    fillings of the same templates, not of the ability as such.

    Misleads where an expectation is not what people would say: read the failures. Ready suites are in the plain
    language of reviews; a model of another field may rightly take their words otherwise. All passed does not show that
    a model is right; a failure does show a fault. Treated by rows that show the difference; adversarial training and
    augmenting help with versions that differ by spelling.
    """
    _suits(case)
    chosen = suites or suites_for(case.task, case.data, labels or {})
    tests = _apart([asked for suite in chosen for asked in _asked(case, suite, labels or {})])
    rows, starts = _rows(tests)
    answers = _READ[case.task.output](case, case.answers_to(rows))
    failed = [[_failures(asked, trial, answers, next(starts)) for trial in asked.trials] for asked in tests]
    yield _rate(case, [trial for asked in tests for trial in asked.trials], [bool(each) for t in failed for each in t])
    measures = [
        _rate(case, asked.trials, list(map(bool, each)), test=asked.test.name)
        for asked, each in zip(tests, failed, strict=True)
    ]
    yield from (measure for measure in measures if measure.distinct >= FEWEST_ROWS)
    yield _table(tests, measures)
    examples = _examples(tests, failed, measures, answers)
    if examples:
        columns = ["functional_test", "original", "version", "expected", "answer"]
        data = {"title": "behaviour_failures", "columns": columns, "rows": examples, "rows_of_data": True}
        yield Exhibit("table", data)


def _suits(case: Case) -> None:
    if case.task.output not in _READ or case.task.name not in ("classify", "classify_pair", "extract", "regress"):
        raise DataError(
            f"expected a task that classifies texts or pairs, finds answers or gives numbers, given {case.task.name}",
            hint="Suites speak of one class, one number or one answer for a text.",
        )


@dataclass(frozen=True)
class _Asked:
    """A test with its cases filled, and what its classes are called in the model."""

    suite: Suite
    test: FunctionalTest
    trials: tuple[Trial, ...]
    classes: Mapping[str, int]


def _asked(case: Case, suite: Suite, given: Mapping[str, str]) -> Iterator[_Asked]:
    if suite.task != case.task.name:
        raise OptionError(
            f"expected suites for the task {case.task.name}, given '{suite.name}' for {suite.task}",
            hint=f'Say task = "{case.task.name}" in the file, or leave it out. Ready: {", ".join(ready_names())}.',
        )
    classes = _classes(case.task.labels, suite, given)
    for test in suite.tests:
        trials = edited(test, test.trials(case.seed), case.catalogue, case.seed)
        if not trials:
            raise OptionError(
                f"expected cases of the test '{test.name}' in {suite.name}, given none that can be filled",
                hint="Places such as {name} and {name2} have different values, vary needs others than these, and an "
                "edit must change the text.",
            )
        for trial in trials:
            _check_classes(case.task.labels, suite, test, trial, classes)
        yield _Asked(suite, test, trials, classes)


def _classes(known: Sequence[str], suite: Suite, given: Mapping[str, str]) -> Mapping[str, int]:
    """Which class of the model is meant by each class of a suite."""
    for word, label in given.items():
        if label not in known:
            raise OptionError(
                f"expected a class of the model for '{word}', given '{label}'", hint=nearest(label, known)
            )
    own = {label: at for at, label in enumerate(known)}
    return {**own, **suite.classes(known), **{word: known.index(label) for word, label in given.items()}}


def _check_classes(
    known: Sequence[str], suite: Suite, test: FunctionalTest, trial: Trial, classes: Mapping[str, int]
) -> None:
    if not known:
        return
    expected = trial.expected
    named = (expected.label,) if isinstance(expected, Movement) else expected or ()
    if any(named) and not any(word in classes for word in named):
        raise OptionError(
            f"expected {' or '.join(named)} (suite {suite.name}, test '{test.name}') among the classes of the model "
            f"({', '.join(known[:20])}), given no such class",
            hint=f'Say which is meant, under [options.behaviour]: labels = {{{named[0]} = "{known[0]}"}}',
        )


def _apart(tests: Sequence[_Asked]) -> list[_Asked]:
    """Tests of one name in two suites, with that of the suite before it."""
    counts = Counter(asked.test.name for asked in tests)
    named = [
        asked
        if counts[asked.test.name] == 1
        else replace(asked, test=replace(asked.test, name=f"{asked.suite.name}: {asked.test.name}"))
        for asked in tests
    ]
    twice = next((n for n, times in Counter(each.test.name for each in named).items() if times > 1), None)
    if twice is not None:
        raise OptionError(f"expected every suite once, given '{twice}' twice", hint="Name each suite, or file, once.")
    return named


def _rows(tests: Sequence[_Asked]) -> tuple[Dataset, Iterator[int]]:
    """All versions of all cases as rows, and at which row each case begins."""
    trials = [trial for asked in tests for trial in asked.trials]
    ends = np.cumsum([0, *(len(trial.versions) for trial in trials)])
    return _inputs([version for trial in trials for version in trial.versions], tests), iter(ends[:-1].tolist())


def _inputs(inputs: Sequence[tuple[str, str]], tests: Sequence[_Asked]) -> Dataset:
    columns = {"text": [first for first, _ in inputs]}
    if any(second for _, second in inputs):
        columns["text_pair"] = [second for _, second in inputs]
    return Dataset.of(columns, name=", ".join(dict.fromkeys(asked.suite.name for asked in tests)))


class _Answers(NamedTuple):
    """How to read answers to rows: whether one is right, whether two are the same, how likely a class or how large a
    number is, and how people read an answer."""

    right: Callable[[int, Sequence[Any]], bool]
    same: Callable[[int, int], bool]
    level: Callable[[int, int | None, int], float]
    spelled: Callable[[int], str]


def _of_classes(case: Case, answers: Predictions) -> _Answers:
    given, probs, sure = answers.label, answers.probs, case.has("model.confidence")
    return _Answers(
        right=lambda row, classes: given[row] in classes,
        same=lambda row, other: bool(given[row] == given[other]),
        level=lambda row, label, first: float(probs[row, given[first] if label is None else label]),
        spelled=lambda row: case.labels[given[row]] + (f" ({probs[row, given[row]]:.2f})" if sure else ""),
    )


def _of_texts(case: Case, answers: Predictions) -> _Answers:
    texts = answers["text"]
    return _Answers(
        right=lambda row, expected: matches(expected, texts[row]),
        same=lambda row, other: bare(texts[row]) == bare(texts[other]),
        level=lambda row, label, first: 0.0,
        spelled=lambda row: texts[row] or "–",
    )


def _of_numbers(case: Case, answers: Predictions) -> _Answers:
    scores = np.asarray(answers["scores"], dtype=np.float64)
    tolerance = float(case.task.metric_options["within_tolerance"]["tolerance"])
    return _Answers(
        right=lambda row, expected: False,
        same=lambda row, other: bool(abs(scores[row] - scores[other]) <= tolerance),
        level=lambda row, label, first: float(scores[row]),
        spelled=lambda row: f"{scores[row]:.3g}",
    )


_READ: Mapping[str, Callable[[Case, Predictions], _Answers]] = {
    "probs": _of_classes, "text": _of_texts, "scores": _of_numbers,
}  # fmt: skip


class _Failure(NamedTuple):
    """A version of a case that is answered as it should not be, and its row and that of the first version."""

    version: int
    row: int
    first: int


def _failures(asked: _Asked, trial: Trial, answers: _Answers, first: int) -> list[_Failure]:
    rows = range(first, first + len(trial.versions))
    expected = trial.expected
    if isinstance(expected, Movement):
        label = asked.classes.get(expected.label)
        start = answers.level(first, label, first)
        moved = [answers.level(row, label, first) - start for row in rows]
        wrong = [not expected.low - ROUNDING <= by <= expected.high + ROUNDING for by in moved]
        wrong[0] = False
    elif expected is None:
        wrong = [not answers.same(row, first) for row in rows]
    else:
        meant = [asked.classes[each] for each in expected if each in asked.classes] if asked.classes else expected
        wrong = [not answers.right(first, meant)]
    return [_Failure(at, rows[at], first) for at, fails in enumerate(wrong) if fails]


def _rate(case: Case, trials: Sequence[Trial], failed: Sequence[bool], **options: Any) -> Measure:
    """The share of failed cases; a case hangs on its first version, so that models are compared case by case."""
    columns = {"text": [trial.versions[0][0] for trial in trials], "text_pair": [t.versions[0][1] for t in trials]}
    data = Dataset.of(columns, name="suites")
    return replace(case, data=data, slices=()).noted("failure_rate", failed, **options)


def _order(measures: Sequence[Measure]) -> NDArray[np.int64]:
    """The tests that are failed most first."""
    return np.argsort([-measure.value for measure in measures], kind="stable")


def _table(tests: Sequence[_Asked], measures: Sequence[Measure]) -> Exhibit:
    rows = [
        [tests[at].test.name, tests[at].test.capability or "–", tests[at].test.type, len(tests[at].trials),
         measures[at].cell]
        for at in _order(measures)
    ]  # fmt: skip
    columns = ["functional_test", "capability", "type_of_test", "cases", "failure_rate"]
    return Exhibit("table", {"title": "behaviour", "columns": columns, "rows": rows, "brief": True})


def _examples(
    tests: Sequence[_Asked], failed: Sequence[Sequence[Sequence[_Failure]]], measures: Sequence[Measure],
    answers: _Answers,
) -> list[list[str]]:  # fmt: skip
    """Failed cases of the tests that are failed most, a few of each."""
    rows = []
    for at in _order(measures):
        pairs = zip(tests[at].trials, failed[at], strict=True)
        some = [(trial, found[0]) for trial, found in pairs if found][:OF_EACH]
        rows += [_example(tests[at], trial, failure, answers) for trial, failure in some]
    return rows[:MOST_EXAMPLES]


def _example(asked: _Asked, trial: Trial, failure: _Failure, answers: _Answers) -> list[str]:
    texts = [excerpt(" ‖ ".join(filter(None, version))) for version in trial.versions]
    expected = trial.expected
    if isinstance(expected, tuple):
        said = " / ".join(expected)
    else:
        said = answers.spelled(failure.first)
        if isinstance(expected, Movement):
            bound = f"≥ {expected.low:+g}" if np.isfinite(expected.low) else f"≤ {expected.high:+g}"
            said = f"{said}: {expected.label} {bound}".replace(":  ", ": ")
    version = texts[failure.version] if failure.version else "–"
    return [asked.test.name, texts[0], version, said, answers.spelled(failure.row)]


@behaviour.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    return drilled_case(rng, deaf=0.0), drilled_case(rng, deaf=0.7 * strength)
