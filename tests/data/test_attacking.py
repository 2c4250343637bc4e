"""Attacks: what is turned, in which order, within which bounds, and how truths move along."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from duiqi.core.attack import Attack, Place
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import AnswerError, DataError, PartError
from duiqi.core.part import Catalogue, attack
from duiqi.core.predictions import Predictions
from duiqi.core.task import Task
from duiqi.data.attacking import attacked
from duiqi.data.words import spans

CATALOGUE = Catalogue.installed()
WEIGHTS = {"good": 2.0, "fine": 1.0, "bad": -2.0}


class Counting:
    """Praise by the words it knows, and a log of every text it was asked about."""

    name, fingerprint = "counting", "counting"
    offers = frozenset({"probs"})

    def __init__(self, task: Task) -> None:
        self.task, self.calls = task, list[list[str]]()

    def predict(self, data: Dataset, outputs) -> Predictions:
        self.calls.append(list(data.texts))
        seconds = data.second_texts
        known = [
            sum(WEIGHTS.get(word, 0.0) for word in f"{text} {second}".split())
            for text, second in zip(data.texts, seconds, strict=True)
        ]
        praise = 1 / (1 + np.exp(-(np.array(known) - 0.5)))
        return Predictions(data.row_ids, {"probs": np.stack([1 - praise, praise], axis=1)})


def case_of(texts: list[str], labels: list[str], **columns) -> Case:
    pair = "text_pair" in columns
    task = CATALOGUE.task("classify_pair" if pair else "classify", labels=("blame", "praise"))
    data = Dataset.of({"text": texts, "label": labels, **columns})
    return Case(Counting(task), data, catalogue=CATALOGUE)


def every_word(new: tuple[str, ...] = ("thing",), **search):
    @attack(search=Attack(**search))
    def made(texts, rngs):
        """Put the same words in the place of every word, whatever stands there and whatever comes of it."""
        return [[Place(start, end, new) for start, end in spans(text)] for text in texts]

    return made


def texts_after(found) -> list[str]:
    return found.data.texts


def test_the_word_that_matters_is_changed_and_no_other():
    case = case_of(["a good day", "a bad day indeed"], ["praise", "blame"])
    found = attacked(case, every_word(), np.array([0]))
    assert texts_after(found) == ["a thing day"]
    (outcome,) = found.outcomes
    assert outcome.turned
    assert outcome.changed == pytest.approx(1 / 3)
    assert outcome.queries == 1 + 3 + 1  # as it is, each word hidden, the first word replaced


def test_a_text_that_no_word_holds_is_not_turned():
    case = case_of(["a good fine good day"], ["praise"])
    assert not attacked(case, every_word(most_changed=0.2), np.array([0])).outcomes[0].turned
    assert attacked(case, every_word(most_changed=0.6), np.array([0])).outcomes[0].turned


def test_of_what_may_be_put_in_the_most_harmful_is_taken():
    case = case_of(["so good"], ["praise"])
    found = attacked(case, every_word(new=("thing", "bad", "fine")), np.array([0]))
    assert texts_after(found) == ["so bad"]


def test_all_texts_are_asked_about_at_once():
    case = case_of([f"a good {each}" for each in ("day", "night", "week")], ["praise"] * 3)
    attacked(case, every_word(), np.arange(3))
    calls = case.predictor.calls
    assert len(calls) == 4  # as they are, hidden, the first words, and the answers to what came out
    assert [len(each) for each in calls] == [3, 9, 3, 3]


def test_questions_are_bounded_and_counted():
    case = case_of(["good " * 30], ["praise"])
    found = attacked(case, every_word(new=("a", "b", "c")), np.array([0]), queries=20)
    assert not found.outcomes[0].turned
    assert found.outcomes[0].queries <= 20
    asked = sum(map(len, case.predictor.calls)) - 1  # but for the answer to what came out
    assert found.outcomes[0].queries == asked


def test_edit_distance_is_bounded():
    case = case_of(["good good"], ["praise"])
    assert not attacked(case, every_word(new=("goodly good", "goob"), most_edits=1), np.array([0])).outcomes[0].turned
    assert texts_after(attacked(case, every_word(new=("goob",), most_edits=2), np.array([0]))) == ["goob goob"]


def test_saliency_takes_the_best_of_each_word_and_the_shortest_way():
    case = case_of(["good fine day so good"], ["praise"])
    found = attacked(case, every_word(new=("thing", "bad"), ranking="saliency"), np.array([0]))
    assert texts_after(found) == ["bad fine day so bad"]
    assert len(case.predictor.calls) == 5  # as it is, hidden, each alone, one after the other, what came out


def test_saliency_keeps_to_its_questions_and_puts_nothing_in_twice():
    case = case_of(["good " * 30], ["praise"])
    part = every_word(new=("a", "b", "bad"), ranking="saliency")
    found = attacked(case, part, np.array([0]), queries=40)
    assert found.outcomes[0].queries <= 40
    assert sum(map(len, case.predictor.calls)) - 1 <= 40  # but for the answer to what came out

    @attack(search=Attack(ranking="saliency"))
    def overlapping(texts, rngs):
        """Propose the same word twice, once with the blank behind it, as an attack of a user's own may."""
        return [[Place(2, 6, ("bad",)), Place(2, 7, ("bad ",))] for _ in texts]

    assert texts_after(attacked(case_of(["a good day"], ["praise"]), overlapping, np.array([0]))) == ["a bad day"]


def test_second_texts_are_attacked_too():
    case = case_of(["a day"], ["praise"], text_pair=["a good one"])
    found = attacked(case, every_word(), np.array([0]))
    assert found.outcomes[0].turned
    assert found.data.second_texts == ["a thing one"]
    assert found.outcomes[0].changes[0] == ()


def test_similar_texts_only():
    case = case_of(["so good"], ["praise"])

    class Reader:
        name, fingerprint, offers, task = "reader", "reader", frozenset({"embedding"}), case.task

        def predict(self, data, outputs):
            near = [[1.0, 0.0] if "bad" not in text else [0.6, 0.8] for text in data.texts]
            return Predictions(data.row_ids, {"embedding": np.array(near)})

    part = every_word(new=("bad", "thing"), least_similar=0.8)
    assert texts_after(attacked(case, part, np.array([0]))) == ["so bad"]
    assert texts_after(attacked(replace(case, start=Reader), part, np.array([0]))) == ["so thing"]


class Tagging(Counting):
    """Tags a capital as a name where "mister" stands before it."""

    offers = frozenset({"tags", "probs"})

    def predict(self, data: Dataset, outputs) -> Predictions:
        self.calls.append(list(data.texts))
        tags = [
            np.array([int(word[0].isupper() and at > 0 and row[at - 1] == "mister") for at, word in enumerate(row)])
            for row in data.words
        ]
        probs = [np.where(np.eye(3)[each] > 0, 0.9, 0.05) for each in tags]
        return Predictions(data.row_ids, {"tags": tags, "probs": probs})


def test_tagged_words_stay_and_the_words_around_them_change():
    task = CATALOGUE.task("tag", labels=("person",))
    data = Dataset.of({"tokens": [["so", "mister", "Ode", "came"]], "label": [["O", "O", "B-person", "O"]]})
    case = Case(Tagging(task), data, catalogue=CATALOGUE)
    found = attacked(case, every_word(), np.array([0]))
    assert found.data.words == [["so", "thing", "Ode", "came"]]
    assert found.truth[0].tolist() == [0, 0, 1, 0]
    assert found.outcomes[0].turned


def test_answers_that_are_no_numbers_and_other_tasks_are_refused():
    case = case_of(["so good"], ["praise"])
    broken = replace(case, predictor=Broken(case.task))
    broken.__dict__["right"] = np.array([True])
    with pytest.raises(AnswerError, match="nan"):
        attacked(broken, every_word(), np.array([0]))
    ranked = replace(case, predictor=Counting(CATALOGUE.task("rank")))
    with pytest.raises(DataError, match="expected a task among"):
        attacked(ranked, every_word(), np.array([0]))
    with pytest.raises(PartError, match="ranking"):
        Attack(ranking="luck")  # type: ignore[arg-type]


class Broken(Counting):
    def predict(self, data: Dataset, outputs) -> Predictions:
        guess = super().predict(data, outputs)
        return guess.with_columns({"probs": guess.probs * np.nan})
