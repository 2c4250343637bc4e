"""What a real tokenizer says of its cutting: pieces lie where they should, and the network is not asked."""

from __future__ import annotations

import numpy as np
import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.errors import ModelError
from duiqi.data.cutting import cut, reads_characters
from duiqi.model import predict as engine
from duiqi.model.open import find, open_model


def pieces_of(model, *texts):
    return model.predict(Dataset.of({"text": list(texts)}), ["pieces"])["pieces"]


def test_pieces_of_a_tiny_vocabulary_by_hand(body, task):
    model = open_model(find(body), task)
    first, empty, last = pieces_of(model, "the  plot abc", "", "龘 a")
    assert first.tolist() == [[0, 3, 0], [5, 9, 0], [10, 11, 0], [11, 12, 0], [12, 13, 0]]
    assert empty.shape == (0, 3)
    assert last.tolist() == [[0, 1, 1], [2, 3, 0]]


def test_the_network_is_not_run_and_other_outputs_stand_beside(body, task, monkeypatch):
    model = open_model(find(body), task)
    rows = Dataset.of({"text": ["the plot", "abc"]})
    both = model.predict(rows, ["pieces", "probs"])
    assert set(both.columns) == {"pieces", "probs"}
    monkeypatch.setattr(engine, "forward", None)
    model = open_model(find(body), task)
    assert all(
        np.array_equal(a, b) for a, b in zip(model.predict(rows, ["pieces"])["pieces"], both["pieces"], strict=True)
    )


def test_texts_longer_than_the_model_takes_are_cut_whole(body, task):
    (found,) = pieces_of(open_model(find(body), task), "the " * 100)
    assert len(found) == 100


def test_a_vocabulary_of_letters_is_told_as_one(body, task):
    assert reads_characters(open_model(find(body), task))


@pytest.mark.parametrize(("name", "word", "cut_in"), [("default", "quendrophane", 4), ("default-zh", "龘", 1)])
def test_models_that_come_along(task, name, word, cut_in):
    try:
        model = open_model(find(name), task)
    except ModelError as error:
        pytest.skip(str(error))
    told = cut(model, [word, "the good film", "这部电影很好看"])
    assert told.pieces[0] == cut_in
    assert told.unknown[0] == (name == "default-zh")
    assert not reads_characters(model)
    ours = slice(1, 4) if name == "default" else slice(4, None)
    assert not told.unknown[ours].any()
    assert (told.pieces[ours] == 1).all()
