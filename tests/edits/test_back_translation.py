"""There and back: sentences one by one, one change each, and silence where nothing comes back."""

from __future__ import annotations

import numpy as np
import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.edit import apply, edit_dataset
from duiqi.core.errors import ModelError, OptionError
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions
from duiqi.model import open as opening

PART = Catalogue.installed().find("edit", "back_translation")
HOME = {
    "GOOD ROOM.": "The room is good.", "3.5 STARS!": "", "房间好。": "房间不错。",
    "IT COST 3.5 EUROS.": "It cost 3.5 euros.",
    "FINE": "Fine", "WHO?": "Who is it?",
}  # fmt: skip
AWAY = {"The room was good.": "GOOD ROOM.", "Stars: 3.5!": "3.5 STARS!", "房间很好。": "房间好。",
        "It cost 3.5 euros.": "IT COST 3.5 EUROS.", "Fine": "FINE", "Who?": "WHO?"}  # fmt: skip


@pytest.fixture
def asked(monkeypatch):
    """Two models that answer from a table; what each call was given."""
    calls = []

    class Table:
        def __init__(self, answers):
            self.answers = answers

        def predict(self, data, outputs):
            calls.append(data.texts)
            return Predictions(data.row_ids, {"text": [self.answers[text] for text in data.texts]})

    monkeypatch.setattr(opening, "find", lambda name: name)
    monkeypatch.setattr(opening, "open_model", lambda name, task, device: Table({"a": AWAY, "b": HOME}[name]))
    return calls


def edited(*texts):
    made = PART(list(texts), [np.random.default_rng(0) for _ in texts], there="a", back="b")
    return [apply(text, changes).text for text, changes in zip(texts, made, strict=True)], made


def test_sentence_by_sentence_equal_ones_once(asked):
    texts = ["The room was good. It cost 3.5 euros.  Stars: 3.5!", "房间很好。房间很好。", "", "The room was good."]
    new, changes = edited(*texts)
    assert new == ["The room is good. It cost 3.5 euros.  Stars: 3.5!", "房间不错。房间不错。", "", "The room is good."]
    assert asked[0] == ["The room was good.", "It cost 3.5 euros.", "Stars: 3.5!", "房间很好。"]
    assert len(asked) == 2
    assert [texts[0][c.start : c.end] for c in changes[0]] == ["wa"]


def test_who_speaks_stays(asked):
    assert edited("user: Who?\nassistant: Fine")[0] == ["user: Who is it?\nassistant: Fine"]


def test_a_sentence_with_a_mark_in_what_changes_stays_whole_and_others_move(asked):
    text = "房间很好。The room was good."
    data = Dataset.of({"text": [text, text], "spans": [[[2, 4]], [[0, 2], [9, 13]]]})
    made = edit_dataset(data, PART, seed=0, there="a", back="b")
    assert made.texts == ["房间很好。The room is good.", "房间不错。The room is good."]
    assert made.values("spans") == [[[2, 4]], [[0, 2], [9, 13]]]


def test_it_asks_for_both_models():
    for options in ({}, {"there": "a"}, {"back": "b"}):
        with pytest.raises(OptionError, match=r"there|back") as caught:
            PART(["x"], [np.random.default_rng(0)], **options)
        assert "duiqi parts back_translation" in caught.value.hint


def test_real_models_of_both_kinds_and_one_that_does_not_write(encoder_decoder, decoder, body):
    texts = ["the film was good", "quite a dull plot", "the film was good"]
    rngs = [np.random.default_rng(0) for _ in texts]
    options = {"there": str(encoder_decoder), "back": str(decoder), "longest": 6}
    made = PART(texts, rngs, **options)
    assert made[0] == made[2]
    assert made == PART(texts, rngs, **options)
    with pytest.raises(ModelError, match="writes"):
        PART(texts, rngs, there=str(body), back=str(decoder))
