"""How words are cut: pieces counted by hand, marks left out, unknown ones told; tokenizers of characters are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from duiqi.core.predictions import Predictions
from duiqi.data.cutting import cut, reads_characters


@dataclass
class Given:
    """A model that cuts as it is told: text → (start, end, unknown)."""

    said: dict

    def predict(self, data, outputs):
        assert outputs == ["pieces"]
        found = [np.array(self.said[text], dtype=np.int32).reshape(-1, 3) for text in data.texts]
        return Predictions(data.row_ids, {"pieces": found})


class Letters:
    """A model of single characters; `whole` words it has as they are."""

    def __init__(self, *whole):
        self.whole = whole

    def predict(self, data, outputs):
        found = []
        for text in data.texts:
            ends = [len(text)] if text in self.whole else range(1, len(text) + 1)
            found.append(np.array([(end - 1, end, 0) for end in ends], dtype=np.int32).reshape(-1, 3))
        return Predictions(data.row_ids, {"pieces": found})


def test_pieces_of_every_word_are_counted_by_hand():
    told = cut(
        Given(
            {
                "Zorvax isn't 龘好": [(0, 1, 0), (1, 3, 0), (3, 6, 0), (7, 10, 0), (10, 11, 0), (11, 12, 0),
                                     (13, 14, 1), (14, 15, 0)],
                "": [],
                "好，e-mail": [(0, 1, 0), (1, 2, 0), (2, 3, 0), (3, 4, 0), (4, 8, 0)],
            }
        ),
        ["Zorvax isn't 龘好", "", "好，e-mail"],
    )  # fmt: skip
    assert told.words.tolist() == ["zorvax", "isn't", "龘", "好", "好", "e", "mail"]
    assert told.pieces.tolist() == [3, 2, 1, 1, 1, 1, 1]  # the apostrophe is no piece of a word
    assert told.unknown.tolist() == [False, False, True, False, False, False, False]
    assert told.of.tolist() == [0, 0, 0, 0, 2, 2, 2]
    assert told.counted(told.cut).tolist() == [[1, 4], [0, 0], [0, 3]]
    assert told.counted(told.unknown).tolist() == [[1, 4], [0, 0], [0, 3]]
    assert told.known["好"] == (1.0, False)
    assert told.known["龘"] == (1.0, True)


def test_a_piece_over_several_characters_counts_for_each_and_bytes_of_one_for_it():
    told = cut(Given({"喜欢龘": [(0, 2, 0), (2, 3, 0), (2, 3, 0), (2, 3, 0)]}), ["喜欢龘"])
    assert told.pieces.tolist() == [1, 1, 3]
    assert told.cut.tolist() == [False, False, True]


def test_second_texts_add_to_their_rows():
    model = Given({"a": [(0, 1, 0)], "b c": [(0, 1, 1), (2, 3, 0)], "d": [(0, 1, 0)]})
    both = cut(model, ["a", "b c"]) + cut(model, ["d", "d"])
    assert both.counted(both.unknown).tolist() == [[0, 2], [1, 3]]


@pytest.mark.parametrize(("model", "expected"), [(Letters(), True), (Letters("the", "and", "with"), True)])
def test_a_model_of_letters_is_known_as_one(model, expected):
    assert reads_characters(model) is expected


def test_a_model_of_words_is_none():
    class Whole(Letters):
        def predict(self, data, outputs):
            found = [np.array([(0, len(text), 0)], dtype=np.int32) for text in data.texts]
            return Predictions(data.row_ids, {"pieces": found})

    assert not reads_characters(Whole())


def test_no_texts_are_no_error():
    told = cut(Given({"": []}), ["", ""])
    assert len(told.words) == 0
    assert told.counted(told.cut).tolist() == [[0, 0], [0, 0]]
