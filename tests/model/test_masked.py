"""Hidden words: which tokens are hidden, what stands in their place, and that the loss is that of transformers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from duiqi.core.bundle import Step
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, OptionError
from duiqi.core.task import Task
from duiqi.model.fit import fit
from duiqi.model.heads import HEADS
from duiqi.model.objective import Batch, hide, likelihood, masked, replaced
from duiqi.model.open import find, open_model
from duiqi.model.tokens import NO_WORD, Words, collate, encode, words_of
from tiny import reviews

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def filling():
    return Task("fill", "masked_language_model", ("tokens",), "", (), "", lambda data: np.zeros(len(data), np.int64))


@pytest.fixture(scope="module")
def rows():
    return Dataset.of({"tokens": [text.split() for text in reviews(200, seed=2).texts]})


@pytest.fixture
def batch(body, filling, rows):
    model = open_model(find(body), filling)
    encoded = encode(model.tokenizer, model.head.inputs(rows), 24, windows=False)
    which = np.arange(8)
    inputs = collate(encoded, which, model.tokenizer.pad_token_id, CPU)
    words = words_of(encoded, which, CPU)
    return model, Batch(inputs, torch.zeros(8), torch.ones(8), which, model.head, words, model.tokenizer.mask_token_id)


def test_tokens_know_their_words(body, filling):
    tokenizer = open_model(find(body), filling).tokenizer
    encoded = encode(tokenizer, [Words(("good", "xyz", "film")), Words(("bad",))], 24, windows=False)
    pieces = tokenizer.convert_ids_to_tokens(encoded.ids.tolist())
    assert pieces == ["[CLS]", "good", "x", "##y", "##z", "film", "[SEP]", "[CLS]", "bad", "[SEP]"]
    assert encoded.words.tolist() == [NO_WORD, 0, 1, 1, 1, 2, NO_WORD, NO_WORD, 0, NO_WORD]
    padded = words_of(encoded, np.array([1, 0]), CPU)
    assert padded.tolist() == [[NO_WORD, 0, *[NO_WORD] * 5], [NO_WORD, 0, 1, 1, 1, 2, NO_WORD]]


def test_long_rows_of_words_become_windows_that_keep_their_words(body, filling):
    tokenizer = open_model(find(body), filling).tokenizer
    long = Words(("film",) * 50)
    encoded = encode(tokenizer, [long, Words(("good",))], 12, windows=True)
    assert set(encoded.words[encoded.rows.repeat(encoded.lengths) == 0].tolist()) == {NO_WORD, *range(50)}
    assert encoded.rows.tolist() == [0] * (len(encoded) - 1) + [1]


def test_whole_words_are_hidden_about_as_many_as_said():
    words = torch.tensor([[-1, 0, 1, 1, 2, 3, 4, 4, 4, 5, -1], [-1, 0, 0, -1, -1, -1, -1, -1, -1, -1, -1]]).repeat(
        500, 1
    )
    hidden = hide(words, 0.3)
    assert not hidden[words == NO_WORD].any()
    for word in range(6):
        of_word = torch.where(words == word, hidden, False).sum(dim=1)
        assert set(of_word[::2].tolist()) <= {0, int((words[0] == word).sum())}
    assert hidden.any(dim=1).all()  # a row of one word hides it
    share = torch.stack([torch.where(words[::2] == w, hidden[::2], False).any(dim=1) for w in range(6)]).float().mean()
    assert float(share) == pytest.approx(0.3 + 0.7**6 / 6, abs=0.03)  # where none was drawn, one is hidden all the same


def test_what_stands_in_the_place_of_hidden_tokens():
    ids = torch.full((1000, 20), 7)
    hidden = torch.zeros_like(ids, dtype=torch.bool)
    hidden[:, :10] = True
    given = replaced(ids, hidden, 3, 1000)
    assert (given[:, 10:] == 7).all()
    assert float((given[:, :10] == 3).float().mean()) == pytest.approx(0.8, abs=0.02)
    assert float((given[:, :10] == 7).float().mean()) == pytest.approx(0.1, abs=0.02)


def test_the_loss_is_that_of_transformers(batch):
    """With everything hidden the same tokens count on both sides, and the draws of what replaces them are repeated."""
    model, rows = batch
    torch.manual_seed(3)
    losses = masked(0.999)(model.net, rows)
    torch.manual_seed(3)
    hidden = hide(rows.words, 0.999)
    ids = rows.inputs["input_ids"]
    inputs = {**rows.inputs, "input_ids": replaced(ids, hidden, rows.mask_token, model.net.config.vocab_size)}
    whole = model.net(**inputs, labels=torch.where(hidden, ids, torch.full_like(ids, -100))).loss
    assert float(losses.mean()) == pytest.approx(float(whole), rel=1e-5)


def test_it_asks_for_a_mask_token_and_words(batch, task, body):
    with pytest.raises(OptionError, match="sequence_classification"):
        masked()(None, Batch({}, torch.zeros(1), torch.ones(1), np.arange(1), HEADS["sequence_classification"]))
    with pytest.raises(DataError, match="tokens"):
        batch[0].head.inputs(reviews(3))


def test_training_learns_what_stands_beside_what_and_is_a_body_for_other_tasks(body, filling, task, rows, tmp_path):
    texts = [["good", "film", "the", "plot"] if i % 2 else ["bad", "actor", "and", "scene"] for i in range(200)]
    pairs = Dataset.of({"tokens": texts})
    losses = []
    made = fit(
        find(body), pairs, task=filling, out=tmp_path / "made", step=Step("pretrain"), objective=masked(0.25),
        learning_rate=5e-3, epochs=8, batch_rows=16, progress=lambda done, total, facts: losses.append(facts["loss"]),
    )  # fmt: skip
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:10])
    assert made.task is None
    model = open_model(find(made.path), task)
    again = fit(made, reviews(40), task=task, out=tmp_path / "again", step=Step("finetune"), epochs=1)
    assert open_model(again).predict(reviews(3), ["probs"]).probs.shape == (3, 2)
    before = open_model(find(body), task).net.base_model.embeddings.word_embeddings.weight
    assert not torch.equal(before, model.net.base_model.embeddings.word_embeddings.weight)


def test_likelihood_is_no_objective_of_it(batch):
    model, rows = batch
    with pytest.raises(ValueError):
        likelihood()(model.net, rows)


def test_a_body_whose_head_has_words_of_its_own_is_pretrained_too(body, filling, rows, tmp_path):
    import json
    import shutil

    untied = shutil.copytree(body, tmp_path / "untied")
    config = json.loads((untied / "config.json").read_text())
    (untied / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": False}))
    made = fit(
        find(untied), rows, task=filling, out=tmp_path / "made", step=Step("pretrain"), objective=masked(), epochs=1
    )
    assert made.task is None
