"""Prediction: the same answer in any company, order and number of calls; windows; codes for what was met."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from duiqi.core.dataset import Dataset
from duiqi.core.errors import OptionError
from duiqi.model.numbers import agree
from duiqi.model.open import find, open_model
from duiqi.model.predict import Answer, Cache, predict
from tiny import reviews


@pytest.fixture
def model(body, task):
    return open_model(find(body), task).with_dtype("float32")


@pytest.fixture
def runs(model):
    """How many sequences the network was given, call by call."""
    seen: list[int] = []
    model.net.register_forward_pre_hook(
        lambda _module, _given, named: seen.append(len(named["input_ids"])), with_kwargs=True
    )
    predict(model, Dataset.of({"text": ["what the first question costs once"]}), ["probs"])
    seen.clear()
    return seen


def by_hand(model, text: str, pair: str | None = None) -> np.ndarray:
    """Probabilities of one text through transformers alone."""
    with torch.no_grad():
        inputs = model.tokenizer(text, pair, return_tensors="pt")
        return model.net(**inputs).logits[0].double().softmax(-1).numpy()


def test_equals_one_text_at_a_time_through_transformers(model):
    rows = reviews(40)
    made = predict(model, rows, ["probs"]).probs
    assert made == pytest.approx(np.stack([by_hand(model, text) for text in rows.texts]), abs=1e-5)
    assert made.sum(axis=1) == pytest.approx(1)


def test_order_and_company_do_not_matter(model, body, task):
    rows = reviews(30)
    order = np.random.default_rng(3).permutation(30)
    made = predict(model, rows, ["probs", "embedding"])
    other = open_model(find(body), task)
    again = predict(other, rows.take(order), ["embedding", "probs"], dtype="float32")
    assert again.probs == pytest.approx(made.probs[order], abs=1e-5)
    assert again["embedding"] == pytest.approx(made["embedding"][order], abs=1e-5)
    assert (again.row_ids == made.row_ids[order]).all()


def test_the_last_layer_is_shortened_with_the_same_weights_and_answers(model):
    rows = Dataset.of({"text": ["good", "the film was very good and the plot was fine"]})
    made = predict(model, rows, ["probs"], dtype="float32").probs
    assert made == pytest.approx(np.stack([by_hand(model, text) for text in rows.texts]), abs=1e-6)
    short = model.engines["float32"]
    assert "forward" in vars(short.base_model.encoder.layer[-1])
    assert "forward" not in vars(model.net.base_model.encoder.layer[-1])
    assert all(a is b for a, b in zip(short.parameters(), model.net.parameters(), strict=True))


def test_pairs_are_read_as_pairs(model):
    rows = Dataset.of({"text": ["good film", "bad"], "text_pair": ["very bad plot", "it was great"]})
    expected = [by_hand(model, "good film", "very bad plot"), by_hand(model, "bad", "it was great")]
    assert predict(model, rows, ["probs"]).probs == pytest.approx(np.stack(expected), abs=1e-5)


def test_the_embedding_is_the_mean_over_real_tokens(model):
    rows = Dataset.of({"text": ["good", "the film was very good and the plot was fine"]})
    made = predict(model, rows, ["embedding"])["embedding"]
    with torch.no_grad():
        states = model.net.base_model(**model.tokenizer("good", return_tensors="pt")).last_hidden_state[0]
    assert made[0] == pytest.approx(states.mean(dim=0).numpy(), abs=1e-5)


def test_equal_texts_run_once_and_answers_are_kept(model, runs):
    rows = Dataset.of({"text": ["good", "bad", "good", "Good"]})
    first = predict(model, rows, ["probs"]).probs
    assert sum(runs) == 3  # the exact text counts: "Good" is another one
    assert (predict(model, rows, ["probs"]).probs == first).all()
    predict(model.with_dtype("float32"), rows, ["probs"])
    assert sum(runs) == 3
    predict(model, rows, ["embedding"])
    assert sum(runs) == 6


def test_the_cache_is_bounded_and_forgets_the_oldest():
    answer = Answer(np.zeros(100, np.float32), 1, 3, 0, False)  # 400 bytes, 800 with what is around it
    cache = Cache(limit=2000)
    keys = [("f", "raw", "float32", bytes([i])) for i in range(4)]
    cache.put(keys[:2], [answer, answer])
    cache.get(keys[:1])  # now the second is the oldest
    cache.put(keys[2:3], [answer])
    assert [found is not None for found in cache.get(keys)] == [True, False, True, False]
    assert cache.held <= cache.limit


def test_long_texts_are_read_in_windows(model):
    text = " ".join(["the film was very good and quite lovely", "but then the plot got bad and it was awful"] * 3)
    rows = Dataset.of({"text": ["good", text]}, name="long")
    made = predict(model, rows, ["probs", "embedding"]).probs
    ids = model.tokenizer(text, add_special_tokens=False)["input_ids"]
    room, overlap = model.max_tokens - 2, model.max_tokens // 4
    logs = []
    for at in range(0, len(ids), room - overlap):
        inside = [2, *ids[at : at + room], 3]
        with torch.no_grad():
            logs.append(model.net(input_ids=torch.tensor([inside])).logits[0].log_softmax(-1).numpy())
        if at + room >= len(ids):
            break
    assert len(logs) > 2
    mean = np.exp(np.mean(logs, axis=0))
    assert made[1] == pytest.approx(mean / mean.sum(), abs=1e-5)
    assert made[0] == pytest.approx(by_hand(model, "good"), abs=1e-5)
    assert model.notes == ({"code": "windowed", "data": "long", "rows": 1},)


def test_the_end_of_a_long_second_text_counts(model):
    filler = " ".join(["the film was"] * 20)
    pairs = [("good", f"{filler} {end}") for end in ("awful", "lovely")]
    rows = Dataset.of({"text": [a for a, _ in pairs], "text_pair": [b for _, b in pairs]})
    made = predict(model, rows, ["probs"]).probs
    assert abs(made[0] - made[1]).max() > 1e-5


def test_a_pair_whose_first_text_is_too_long_says_so(model):
    long = " ".join(["the film was"] * 20)
    rows = Dataset.of({"text": [long], "text_pair": [long]}, name="pairs")
    assert predict(model, rows, ["probs"]).probs.shape == (1, 2)
    assert {"code": "cut", "data": "pairs", "rows": 1} in model.notes


def test_unknown_characters_are_noted_and_known_ones_are_not(model):
    predict(model, Dataset.of({"text": ["good film 电影", "很 好"]}, name="zh"), ["probs"])
    predict(model, reviews(5), ["probs"])
    (note,) = model.notes
    assert (note["code"], note["data"]) == ("unknown_characters", "zh")
    assert note["share"] == pytest.approx(4 / 6, abs=1e-4)


def test_no_rows(model):
    made = predict(model, reviews(3).take([]), ["probs", "embedding"])
    assert made.probs.shape == (0, 2)
    assert made["embedding"].shape == (0, 32)


def test_outputs_that_are_not_offered(model):
    with pytest.raises(OptionError, match="'tags'"):
        predict(model, reviews(2), ["tags"])


@pytest.mark.parametrize(("number_type", "said"), [("float16", "float16"), ("float8", "float8")])
def test_number_types_that_are_refused(model, number_type, said):
    with pytest.raises(OptionError, match=said):
        predict(model, reviews(2), ["probs"], dtype=number_type)


def test_bfloat16_is_close_and_recorded(body, task, monkeypatch):
    monkeypatch.setattr("duiqi.model.predict.fast_type", lambda _device: "bfloat16")
    model = open_model(find(body), task)
    rows = reviews(30)
    exact, fast = (predict(model, rows, ["probs"], dtype=kind).probs for kind in ("float32", "auto"))
    assert model.used_number_type == "bfloat16"
    assert 0 < abs(exact - fast).max() < 0.02


def test_a_fast_type_that_disagrees_is_not_used(body, task, monkeypatch):
    monkeypatch.setattr("duiqi.model.predict.fast_type", lambda _device: "bfloat16")
    monkeypatch.setattr("duiqi.model.numbers.DIFFERENCE", 0.0)
    model = open_model(find(body), task)
    predict(model, reviews(30), ["probs"])
    assert model.used_number_type == "float32"


def test_agreement_by_hand():
    exact = np.array([[0.9, 0.1]] * 98 + [[0.505, 0.495]] * 2)
    assert agree(exact, exact)
    flipped = exact.copy()
    flipped[98:] = [0.495, 0.505]  # near-ties may flip
    assert agree(exact, flipped)
    wrong = exact.copy()
    wrong[:1] = [0.84, 0.16]
    assert not agree(exact, wrong)
    assert not agree(exact, np.full_like(exact, np.nan))
