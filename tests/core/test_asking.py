"""Somebody's own predictor, when it fails: one message with its name, what was asked, and the first row concerned."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from duiqi.core.asking import answers_of, samples_of
from duiqi.core.errors import AnswerError, DataError, DuiqiError
from duiqi.core.examine import Order, examine
from duiqi.core.part import Catalogue, probe
from duiqi.core.predictions import Predictions

N = 60


@dataclass
class Service:
    """A predictor of somebody's own; `behave(data, probs)` says how it fails, from its call number `first` on."""

    task: object
    behave: object
    first: int = 1
    name: str = "my-service"
    fingerprint: str = "f"
    offers: frozenset = frozenset({"probs"})
    answered: list = field(default_factory=list)

    def predict(self, data, outputs):
        probs = np.tile([0.75, 0.25], (len(data), 1))
        self.answered.append(len(data))
        if len(self.answered) < self.first:
            return Predictions(data.row_ids, {"probs": probs})
        return self.behave(data, probs)


def raising(error):
    def behave(data, probs):
        raise error

    return behave


def with_value(value):
    def behave(data, probs):
        probs[7, 1] = value
        return Predictions(data.row_ids, {"probs": probs})

    return behave


BAD = {
    "nan": (with_value(np.nan), "expected numbers as 'probs' of my-service, given nan in 1 of 60 rows of", "row 8"),
    "infinite": (with_value(np.inf), "expected numbers as 'probs' of my-service, given inf", "row 8"),
    "logits": (with_value(-3.25), "probabilities between 0 and 1 of my-service, given -3.25", "softmax"),
    "one row less": (
        lambda data, probs: Predictions(data.row_ids[1:], {"probs": probs[1:]}),
        "an answer of my-service to each of 60 rows",
        "given 59",
    ),
    "one row less, unnoticed": (
        lambda data, probs: Predictions(data.row_ids, {"probs": probs[1:]}),
        "ValueError: predictions of 'probs': 59 answers for 60 rows",
        "my-service",
    ),
    "another order": (
        lambda data, probs: Predictions(data.row_ids[::-1], {"probs": probs}),
        "answers of my-service in the order of",
        "where row",
    ),
    "another output": (
        lambda data, probs: Predictions(data.row_ids, {"text": ["a"] * len(data)}),
        "expected 'probs' among the answers of my-service",
        "given text",
    ),
    "an array": (lambda data, probs: probs, "expected Predictions as the answers of my-service, given ndarray", ""),
    "words": (
        lambda data, probs: Predictions(data.row_ids, {"probs": np.full((N, 2), "a")}),
        "expected numbers as 'probs' of my-service",
        "",
    ),
    "a bug": (raising(KeyError("choices")), "answers of my-service to 60 rows", "KeyError: 'choices'"),
    "too slow": (raising(TimeoutError("no answer in 30 s")), "my-service", "TimeoutError: no answer in 30 s"),
    "refused": (raising(ConnectionError("HTTP 503")), "my-service", "ConnectionError: HTTP 503"),
}


@pytest.fixture
def case(make_case):
    made = make_case(np.zeros(N, int), np.zeros(N, int))
    return replace(made, catalogue=Catalogue.installed())


@pytest.mark.parametrize(("behave", "said", "more"), BAD.values(), ids=BAD)
def test_a_predictor_that_fails_is_named_and_the_run_ends(case, behave, said, more):
    broken = case.with_predictor(Service(case.task, behave))
    with pytest.raises(AnswerError) as raised:
        examine(broken, [Order(accurate), Order(edited)])
    assert said in str(raised.value)
    assert more in str(raised.value) + raised.value.hint
    assert raised.value.hint


def test_whose_batches_are_known_is_told_by_them(case):
    """An error of ours, with the batch in it, comes through as it was raised."""
    error = DataError("expected an answer to batch 3, given HTTP 500", hint="Try again.")
    with pytest.raises(DuiqiError) as raised:
        answers_of(Service(case.task, raising(error)), case.data, ["probs"])
    assert raised.value is error


def test_interrupts_are_none_of_its_failures(case):
    with pytest.raises(KeyboardInterrupt):
        answers_of(Service(case.task, raising(KeyboardInterrupt())), case.data, ["probs"])


@pytest.mark.parametrize("behave", [each[0] for each in BAD.values()], ids=BAD)
def test_what_was_computed_before_it_failed_is_kept(case, behave):
    """It answers the rows and fails on edited ones: the first probe's measures stand, the second says why it has none,
    and the rows are not asked again."""
    service = Service(case.task, behave, first=2)
    report = examine(case.with_predictor(service), [Order(accurate), Order(edited), Order(again)])
    assert [each.probe for each in report.measures] == ["accurate", "again"]
    (skip,) = report.skipped
    assert (skip["probe"], skip["why"]) == ("edited", "raised")
    assert "my-service" in skip["detail"]
    assert service.answered == [N, N]


def test_answers_that_are_right_pass_as_they_are(case):
    nearly = Service(case.task, with_value(1.0 + 1e-5))
    assert answers_of(nearly, case.data, ["probs"]).probs[7, 1] > 1
    none = case.data.take([])
    assert (
        len(answers_of(Service(case.task, lambda data, p: Predictions(data.row_ids, {"probs": p})), none, ["probs"]))
        == 0
    )


@probe(kind="task_fit", needs=("model.probs", "data.label"))
def accurate(case):
    """Accuracy."""
    yield case.measure("accuracy")


@probe(kind="fragility", needs=("model.probs", "data.label"))
def edited(case):
    """Accuracy on rows that are asked anew, as edited ones are."""
    yield case.measure("accuracy", guess=case.answers_to(case.data))


@probe(kind="task_fit", needs=("model.probs", "data.label"))
def again(case):
    """Accuracy once more."""
    yield case.measure("macro_f1")


@dataclass
class Drawing(Service):
    """One that draws fewer answers than it is asked for."""

    def drawing(self, samples, **how):
        return replace(self, behave=lambda data, probs: Predictions(data.row_ids, {"samples": [["a"]] * len(data)}))


def test_samples_are_as_many_as_were_asked_for(case):
    with pytest.raises(AnswerError, match=r"expected 3 samples of my-service to each of 60 rows .*, given 1 to one"):
        samples_of(Drawing(case.task, None), case.data, 3, temperature=1.0, top_p=1.0, draw=0)
    told = samples_of(Drawing(case.task, None), case.data, 1, temperature=1.0, top_p=1.0, draw=0)
    assert told == [["a"]] * N
