"""Heads with an answer a row beyond one class: what they read, what they lose, and what they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from duiqi.core.bundle import Step
from duiqi.core.dataset import Dataset
from duiqi.core.part import Catalogue
from duiqi.model.export import recalibrated
from duiqi.model.fit import fit
from duiqi.model.open import find, open_model
from duiqi.model.tokens import MarkedText, collate, encode, words_of

CPU = torch.device("cpu")
CATALOGUE = Catalogue.installed()


@pytest.fixture(scope="module")
def choosing(body):
    return open_model(find(body), CATALOGUE.task("choose"))


CHOICES = Dataset.of({
    "text": ["it was", "the plot", "scene"],
    "choices": [["good", "very bad film"], ["a", "b", "the actor was great"], ["fine", "poor"]],
    "label": ["1", "2", "0"],
})  # fmt: skip


def test_choices_stand_side_by_side_and_rows_with_fewer_are_filled_up(choosing):
    encoded = encode(choosing.tokenizer, choosing.head.inputs(CHOICES), 24, windows=False)
    assert len(encoded) == 3
    batch = collate(encoded, np.array([1, 0]), 0, CPU)
    for row, (text, choices) in enumerate(
        [("the plot", CHOICES.values("choices")[1]), ("it was", ["good", "very bad film"])]
    ):
        for at, choice in enumerate(choices):
            ids = choosing.tokenizer(text, choice)["input_ids"]
            assert batch["input_ids"][row, at, : len(ids)].tolist() == ids
            assert int(batch["attention_mask"][row, at].sum()) == len(ids)
    assert int(batch["attention_mask"][1, 2].sum()) == 0


def test_a_choice_gets_the_same_score_in_any_company(choosing):
    """The score of a choice hangs on its text and itself, not on other rows or the filling."""
    model = choosing.with_dtype("float32")
    together = model.predict(CHOICES, ["probs"]).probs
    assert together.shape == (3, 3)
    assert together[0, 2] == 0 == together[2, 2]
    for row in range(3):
        alone = model.predict(CHOICES.take([row]), ["probs"]).probs[0]
        assert np.allclose(together[row, : len(alone)], alone, atol=1e-6)
    # worked by hand: one pair at a time through the network, then a softmax over the choices of a row
    scores = []
    with torch.no_grad():
        for choice in CHOICES.values("choices")[1]:
            pair = model.tokenizer("the plot", choice, return_tensors="pt")
            states = model.net.bert(**pair).pooler_output
            scores.append(float(model.net.classifier(states)))
    assert np.allclose(together[1], np.exp(scores) / np.exp(scores).sum(), atol=1e-5)


def test_choices_that_are_too_long_are_cut_and_told(choosing):
    long = Dataset.of({"text": ["the plot " * 30], "choices": [["good", "bad"]], "label": ["0"]})
    model = open_model(find(choosing.bundle.path), CATALOGUE.task("choose"))
    assert model.predict(long, ["probs"]).probs.shape == (1, 2)
    assert [note["code"] for note in model.notes if note["code"] == "cut"] == ["cut"]


def test_a_label_may_be_the_choice_itself():
    task = CATALOGUE.task("choose")
    by_text = Dataset.of({"text": ["x", "y"], "choices": [["2", "1"], ["0", "7"]], "label": ["1", "7"]})
    assert task.read_truth(by_text).tolist() == [1, 1]
    by_place = Dataset.of({"text": ["x", "y"], "choices": [["a", "b"], ["c", "d"]], "label": ["1", "0"]})
    assert task.read_truth(by_place).tolist() == [1, 0]


def test_marks_stand_where_the_parts_begin(body):
    text = "the plot was made by the actor"
    marked = MarkedText.of(text, [[21, 30], [4, 8]])  # the object comes first
    assert "".join(marked) == "the #plot# was made by @the actor@"
    task = CATALOGUE.task("relation", labels=("a", "b"))
    model = open_model(find(body), task)
    encoded = encode(model.tokenizer, [marked], 24, windows=False)
    batch = collate(encoded, np.array([0]), 0, CPU)
    words = words_of(encoded, np.array([0]), CPU)
    assert words is not None
    begins = {int(mark): "".join(marked[int(w)] for w in words[batch["shapes"] == mark].unique()) for mark in (1, 2)}
    assert begins == {1: "@", 2: "#"}
    assert int((batch["shapes"] == 1).sum()) == 1 == int((batch["shapes"] == 2).sum())


def test_a_text_with_marks_of_its_own_is_read_right():
    marked = MarkedText.of("a @ b # c", [[0, 1], [8, 9]])
    assert list(marked) == ["", "@", "a", "@", " @ b # ", "#", "c", "#", ""]
    assert marked.shapes() == [3, 1, 3, 3, 3, 2, 3, 3, 3]


def test_labels_are_decisions_of_their_own(body, tmp_path):
    task = CATALOGUE.task("multilabel", labels=("x", "y", "z"))
    model = open_model(find(body), task).with_dtype("float32")
    data = Dataset.of({"text": ["good plot", "bad"], "label": [["x"], []]})
    said = model.predict(data, ["probs", "labels"])
    with torch.no_grad():
        raw = torch.cat([model.net(**model.tokenizer(text, return_tensors="pt")).logits for text in data.texts])
    assert np.allclose(said.probs, raw.sigmoid().numpy(), atol=1e-5)
    assert np.array_equal(said["labels"], (said.probs >= 0.5).astype(int))
    truth = torch.from_numpy(model.head.targets(task, data))
    by_hand = -(truth * raw.sigmoid().log() + (1 - truth) * (1 - raw.sigmoid()).log()).sum(dim=1)
    assert torch.allclose(model.head.losses(model.net, raw, truth), by_hand, atol=1e-5)


def test_numbers_come_back_in_their_own_unit(body, tmp_path):
    rng = np.random.default_rng(0)
    good = rng.integers(0, 2, 200)
    data = Dataset.of({"text": [f"the film was {'great' if g else 'awful'}" for g in good],
                       "label": (1000.0 + 500 * good).tolist()})  # fmt: skip
    plain = CATALOGUE.task("regress")
    task = CATALOGUE.task("regress", **plain.learn(data))
    assert task.options["mean"] == pytest.approx(1000 + 500 * good.mean())
    made = fit(find(body), data, task=task, out=tmp_path / "m", step=Step("finetune"), learning_rate=3e-3, epochs=4)
    model = open_model(find(made.path)).with_dtype("float32")
    assert np.abs(model.predict(data, ["scores"])["scores"] - np.array(data.values("label"))).max() < 100
    assert "probs" not in model.offers


def test_temperature_moves_confidence_and_no_label(body, tmp_path):
    task = CATALOGUE.task("multilabel", labels=("x", "y"))
    data = Dataset.of({"text": ["good plot", "bad film", "great"], "label": [["x"], ["y"], []]})
    made = fit(find(body), data, task=task, out=tmp_path / "m", step=Step("finetune"), epochs=1)
    cool = recalibrated(made, {"temperature": 4.0}, tmp_path / "cool")
    before, after = (
        open_model(find(each.path)).with_dtype("float32").predict(data, ["probs", "labels"]) for each in (made, cool)
    )
    assert np.array_equal(before["labels"], after["labels"])
    assert np.all(np.abs(after.probs - 0.5) < np.abs(before.probs - 0.5) + 1e-9)
