"""Which edited rows keep their label: falls of probability by hand, and a filter that sees good edits from bad ones."""

from dataclasses import dataclass

import numpy as np
import pytest

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions
from duiqi.core.task import Task
from duiqi.data.agreeing import agreeing, alike, falls
from duiqi.data.simulated import LABELS, simulated_texts

CATALOGUE = Catalogue.installed()
CLASSIFY = CATALOGUE.task("classify", labels=LABELS)


@dataclass
class Said:
    """A predictor that says for every text what it was told to; it counts how often it is asked."""

    probs: dict
    task: Task = CLASSIFY
    name: str = "said"
    fingerprint: str = "said"
    offers: frozenset = frozenset({"probs"})
    asked: int = 0

    def predict(self, data, outputs):
        self.asked += 1
        return Predictions(data.row_ids, {"probs": np.array([self.probs[text] for text in data.texts])})


def rows(texts, labels):
    return Dataset.of({"text": texts, "label": labels})


SOURCE = rows(["a", "b", "c"], ["negative", "positive", "positive"])
MADE = rows(["a1", "a2", "b1", "c1"], ["negative", "negative", "positive", "positive"])
OF = np.array([0, 0, 1, 2])
PROBS = {
    "a": [0.9, 0.1], "b": [0.4, 0.6], "c": [0.8, 0.2],
    "a1": [0.86, 0.14], "a2": [0.5, 0.5], "b1": [0.1, 0.9], "c1": [0.81, 0.19],
}  # fmt: skip


def test_falls_by_hand():
    predictor = Said(PROBS)
    found = falls(lambda data: predictor.predict(data, ()), CLASSIFY, SOURCE, MADE, OF)
    assert found == pytest.approx([0.04, 0.4, -0.3, 0.01])
    assert predictor.asked == 1


def test_a_row_that_was_wrong_before_is_not_contradicted():
    kept = agreeing("model", Said(PROBS), SOURCE, MADE, OF, most_fall=0.05, least_alike=0.8)
    assert kept.tolist() == [True, False, True, True]
    assert agreeing("none", Said(PROBS), SOURCE, MADE, OF, most_fall=0.0, least_alike=1.0).all()


def test_of_tags_the_least_probable_word_counts():
    task = CATALOGUE.task("tag", labels=("x",))  # O, B-x, I-x
    source = Dataset.of({"tokens": [["p", "q"]], "label": [["O", "B-x"]]})
    made = Dataset.of({"tokens": [["p", "q", "r"]], "label": [["O", "B-x", "I-x"]]})
    probs = [np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]]), np.array([[0.9, 0.1, 0], [0.2, 0.7, 0.1], [0.1, 0.4, 0.5]])]

    def answer(data):
        return Predictions(data.row_ids, {"tags": [each.argmax(axis=1) for each in probs], "probs": probs})

    assert falls(answer, task, source, made, np.array([0])) == pytest.approx([0.8 - 0.5])


def test_of_sets_of_labels_the_least_probable_one_counts():
    task = CATALOGUE.task("multilabel", labels=("x", "y"))
    source, made = (Dataset.of({"text": [text], "label": [["x"]]}) for text in ("one", "two"))
    probs = np.array([[0.9, 0.3], [0.95, 0.6]])

    def answer(data):
        return Predictions(data.row_ids, {"labels": (probs > 0.5).astype(int), "probs": probs})

    assert falls(answer, task, source, made, np.array([0])) == pytest.approx([0.7 - 0.4])


def test_alike_by_hand():
    source, made = rows(["abcd", "其他人", ""], ["x"] * 3), rows(["abcd", "abce", "水壶好", "其他人"], ["x"] * 4)
    # of "abcd" and "abce" the pairs and threes ab, bc, abc are the same, of five each
    assert alike(source, made, np.array([0, 0, 1, 1])) == pytest.approx([1.0, 0.6, 0.0, 1.0])
    kept = agreeing("similarity", Said({}), source, made, np.array([0, 0, 1, 1]), most_fall=0, least_alike=0.5)
    assert kept.tolist() == [True, True, False, True]


@pytest.mark.parametrize("seed", range(3))
def test_word_counts_tell_turned_texts_from_lightly_changed_ones(seed):
    rng = np.random.default_rng(seed)
    truth = (rng.random(400) < 0.5).astype(int)
    texts = simulated_texts(rng, truth)
    source = rows(texts, [LABELS[each] for each in truth])
    light = [text.replace(" no ", " nr ") for text in texts]
    turned = simulated_texts(rng, 1 - truth)
    made = rows(light + turned, [LABELS[each] for each in [*truth, *truth]])
    of = np.tile(np.arange(400), 2)
    kept = agreeing("words", Said({}), source, made, of, most_fall=0.05, least_alike=0.8)
    assert kept[:400].mean() > 0.99
    assert kept[400:].mean() < 0.01


def test_where_nobody_can_say_nothing_is_dropped():
    task = CATALOGUE.task("regress", mean=0.0, scale=1.0)
    source, made = rows(["a"], [1.0]), rows(["z"], [1.0])
    for filter in ("words", "model"):
        predictor = Said({}, task=task, offers=frozenset({"scores"}))
        assert agreeing(filter, predictor, source, made, np.array([0]), most_fall=0.0, least_alike=1.0).all()
    nothing = made.take([])
    assert len(agreeing("words", Said(PROBS), SOURCE, nothing, OF[:0], most_fall=0.0, least_alike=1.0)) == 0


def case(predictor, train):
    return Case(predictor, train, train=train, catalogue=CATALOGUE, seed=3)


def test_augment_adds_only_rows_that_changed_and_agree():
    texts = ["she is fine", "no one here", "他很好"]
    train = rows(texts, ["negative", "positive", "positive"])
    probs = {text: [0.5, 0.5] for text in texts} | {"he is fine": [0.5, 0.5], "她很好": [0.9, 0.1]}
    options = {"edits": ("identity_swaps",)}
    for filter, expected in (("none", ["he is fine", "她很好"]), ("model", ["he is fine"])):
        plan = CATALOGUE.find("remedy", "augment")(case(Said(probs), train), (), filter=filter, **options)
        made = plan.data(train)
        assert made.texts == texts + expected
        assert made.values("label")[:3] == train.values("label")
        assert len(set(made.row_ids)) == len(made)


def test_augment_adds_nothing_where_nothing_changes():
    train = rows(["no one here", "nobody"], ["negative", "positive"])
    plan = CATALOGUE.find("remedy", "augment")(case(Said({}), train), (), edits=("identity_swaps",))
    assert plan.data(train).texts == train.texts
