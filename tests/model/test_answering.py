"""Answers found in passages and documents found among many, against what is worked by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from duiqi.core.bundle import Step
from duiqi.core.dataset import Dataset
from duiqi.core.edit import edit_dataset
from duiqi.core.part import Catalogue
from duiqi.core.ranking import Pool
from duiqi.data.floors import floors
from duiqi.data.read import read
from duiqi.model.fit import fit
from duiqi.model.heads.answering import best, candidates
from duiqi.model.open import find, open_model
from duiqi.model.tokens import collate, encode, taken, words_of

CPU = torch.device("cpu")
CATALOGUE = Catalogue.installed()
GOOD = ("good", "fine", "lovely", "great")


def asked(n, seed=0, *, length=60, unanswered=0.0, after=0.0):
    """Passages longer than the tiny model reads at once; the one word that praises is the answer."""
    rng = np.random.default_rng(seed)
    contexts, answers = [], []
    for _ in range(n):
        words = [str(each) for each in rng.choice(["the", "film", "was", "plot"], size=length)]
        answered = rng.random() >= unanswered
        at = int(rng.integers(int(after * length), length))
        if answered:
            words[at] = str(rng.choice(GOOD))
        contexts.append(" ".join(words))
        answers.append([{"text": words[at], "start": sum(map(len, words[:at])) + at}] if answered else [])
    return Dataset.of({"text": ["it was"] * n, "text_pair": contexts, "label": answers})


def test_places_of_tokens_are_those_of_the_passage(body):
    model = open_model(find(body), CATALOGUE.task("extract"))
    data = asked(3)
    encoded = encode(model.tokenizer, model.head.inputs(data), 24, windows=True)
    assert len(encoded) > 6
    for window, row in enumerate(encoded.rows):
        at = slice(encoded.starts[window], encoded.starts[window + 1])
        for token, (begin, end) in zip(encoded.ids[at], encoded.words[at], strict=True):
            if begin >= 0:
                assert data.values("text_pair")[row][begin:end] == model.tokenizer.decode([token])
    seen = {int(place) for place in encoded.words[encoded.rows.repeat(encoded.lengths) == 0, 0]} - {-1}
    assert len(seen) == 60  # every word of a passage is read


def test_targets_stand_in_the_windows_that_have_them(body):
    model = open_model(find(body), CATALOGUE.task("extract"))
    data = asked(20)
    encoded = encode(model.tokenizer, model.head.examples(data), 24, windows=True)
    which = np.arange(len(encoded))
    aligned = model.head.align(model.head.targets(model.task, data), encoded.rows, words_of(encoded, which, CPU))
    ids = collate(encoded, which, 0, CPU)["input_ids"]
    held = aligned[:, 0] > 0
    assert set(encoded.rows[held.numpy()]) == set(range(20))
    for window in torch.nonzero(held)[:, 0].tolist():
        first, last = aligned[window].tolist()
        said = model.tokenizer.decode(ids[window, first : last + 1])
        assert said == data.values("label")[encoded.rows[window]][0]["text"]


def test_of_windows_without_the_answer_one_in_three_is_trained_on(body):
    model = open_model(find(body), CATALOGUE.task("extract"))
    data = asked(20, unanswered=0.3)
    encoded = encode(model.tokenizer, model.head.examples(data), 24, windows=True)
    targets = model.head.targets(model.task, data)
    kept = model.head.worth(targets, encoded)
    aligned = model.head.align(targets, encoded.rows, words_of(encoded, np.arange(len(encoded)), CPU))
    held = np.flatnonzero(aligned[:, 0].numpy() > 0)
    assert {*held} <= {*kept}
    assert {*encoded.rows[kept]} == set(range(20))
    for row in range(20):
        without = (encoded.rows == row).sum() - (encoded.rows[held] == row).sum()
        assert (encoded.rows[kept] == row).sum() - (encoded.rows[held] == row).sum() == -(-without // 3)
    some = taken(encoded, kept)
    assert np.array_equal(some.rows, encoded.rows[kept])
    assert np.array_equal(
        some.words[: some.starts[1]], encoded.words[encoded.starts[kept[0]] : encoded.starts[kept[0] + 1]]
    )


def test_candidates_are_the_best_spans_of_all():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(30, 2)).astype(np.float32)
    places = np.full((30, 2), -1)
    places[10:] = [(at, at + 1) for at in range(20)]
    found = candidates(scores, places)
    none = scores[0].sum()
    spans = {(a - 10, b - 9): scores[a, 0] + scores[b, 1] - none for a in range(10, 30) for b in range(a, 30)}
    expected = sorted(spans.values(), reverse=True)[:20]
    assert np.sort(found[:, 2])[::-1] == pytest.approx(expected, abs=1e-5)
    assert all(spans[int(a), int(b)] == pytest.approx(value, abs=1e-5) for a, b, value in found)
    begin, end, share = best(found[:2], may_be_none=True)
    odds = np.exp([0.0, *found[:2, 2]])
    assert share == pytest.approx(odds.max() / odds.sum(), abs=1e-5)
    assert (begin, end) == tuple(found[found[:2, 2].argmax(), :2].astype(int))


def test_long_passages_are_answered_to_their_last_tenth(body, tmp_path):
    """Windows in training as in answering, two thousand tokens a passage, and passages without an answer."""
    train = asked(240, length=40, unanswered=0.3)
    task = CATALOGUE.task("extract", **CATALOGUE.task("extract").learn(train))
    assert task.options == {"no_answer": True}
    made = fit(find(body), train, task=task, out=tmp_path / "m", step=Step("finetune"), epochs=3, learning_rate=5e-3,
               number_type="float32")  # fmt: skip
    model = open_model(find(made.path))
    test = asked(16, seed=5, length=2000, unanswered=0.2, after=0.8)
    said = model.predict(test, ["text", "spans", "probs"])
    late = 0
    for row, wanted in enumerate(test.values("label")):
        assert said["text"][row] == (wanted[0]["text"] if wanted else "")
        if wanted:
            begin, end = said["spans"][row]
            assert test.values("text_pair")[row][begin:end] == wanted[0]["text"]
            late += begin > 0.9 * len(test.values("text_pair")[row])
    assert late >= 2
    assert said["probs"][:, 1].min() > 0.5
    must = model.predict(test, ["text"])["text"]
    assert must == said["text"]


def test_edits_move_answers_along():
    data = asked(30, length=12)
    edited = edit_dataset(data, CATALOGUE.find("edit", "typos"), seed=3, rate=0.9)
    changed = 0
    for before, after, context in zip(data.values("label"), edited.values("label"), edited.values("text_pair"),
                                      strict=True):  # fmt: skip
        for one, other in zip(before, after, strict=True):
            assert context[other["start"] : other["start"] + len(other["text"])] == other["text"]
            changed += one["text"] != other["text"]
    assert changed > 5


def test_answers_of_squad_are_read(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{"text": ["I"], "answer_start": [7]}, {"text": [], "answer_start": []}]
    lines = [json.dumps({"question": "who", "context": "it was I", "answers": each}) for each in rows]
    path.write_text("\n".join(lines))
    assert read(path)["all"].values("label") == [[{"start": 7, "text": "I"}], []]


def test_the_nearest_sentence_is_the_floor():
    data = Dataset.of({"text": ["where is the cat"], "text_pair": ["A dog barks. The cat is here! It rains."],
                       "label": [[{"text": "here", "start": 24}]]})  # fmt: skip
    said = floors(CATALOGUE.task("extract"), data, data)
    assert said["sentence"]["text"] == ["The cat is here!"]
    assert said["commonest"]["text"] == ["here"]


def pairs():
    return Dataset.of({"text": ["a", "b", "a", "c"], "label": ["x", "y", "z", "y"]})


def test_ranks_leave_out_what_is_right_too():
    pool = Pool.of(pairs())
    assert pool.documents == ("x", "y", "z")
    scores = np.array([[0.1, 0.5, 0.9], [0.3, 0.2, 0.2], [0.1, 0.5, 0.9], [0.5, 0.5, 0.5]])
    said = pool.answers(lambda rows: scores[rows])
    assert said["ranks"].tolist() == [2.0, 2.5, 1.0, 2.0]  # row 0: z is right for "a" too; ties share their ranks
    assert said["text"] == ["z", "x", "z", "x"]


def test_metrics_of_ranks():
    data = pairs()
    from duiqi.core.predictions import Predictions

    guess = Predictions(data.row_ids, {"ranks": np.array([1.0, 2.0, 4.0, 11.0])})
    value = lambda name, **o: float(  # noqa: E731
        (part := CATALOGUE.find("metric", name)).hooks["finish"](part(data.values("label"), guess, **o).sum(axis=0))
    )
    assert value("mrr") == pytest.approx((1 + 1 / 2 + 1 / 4 + 1 / 11) / 4)
    assert value("recall_at_k") == 0.75
    assert value("recall_at_k", k=1) == 0.25
    assert value("ndcg") == pytest.approx((1 + 1 / np.log2(3) + 1 / np.log2(5)) / 4)


def test_a_document_that_two_queries_share_is_no_negative(body):
    model = open_model(find(body), CATALOGUE.task("rank"))
    raw = torch.nn.functional.normalize(torch.randn(4, 2, 8), dim=-1)
    targets = torch.from_numpy(model.head.targets(model.task, pairs()))
    odds = 20 * raw[:, 0] @ raw[:, 1].T - torch.tensor([1.0, 2.0, 1.0, 2.0]).log()  # y is right twice
    for row, out in [(0, [2]), (1, [3]), (2, [0]), (3, [1])]:
        kept = [other for other in range(4) if other not in out]
        forward, back = (-side[row, kept].log_softmax(0)[kept.index(row)] for side in (odds, odds.T))
        assert model.head.losses(None, raw, targets)[row] == pytest.approx(float((forward + back) / 2), abs=1e-5)


def test_queries_and_documents_are_read_apart(body):
    model = open_model(find(body), CATALOGUE.task("rank"))
    data = Dataset.of({"text": ["good film", "the plot"], "label": ["it was great", "dull"]})
    encoded = encode(model.tokenizer, model.head.examples(data), 24, windows=False)
    vectors = model.head.raw(model.net, collate(encoded, np.array([0, 1]), 0, CPU)).detach().numpy()
    for row in range(2):
        for side, text in enumerate((data.texts[row], data.values("label")[row])):
            given = model.tokenizer(text, return_tensors="pt")
            states = model.net(**given)[0][0].mean(0).detach().numpy()
            assert vectors[row, side] == pytest.approx(states / np.linalg.norm(states), abs=1e-5)
    said = model.predict(data, ["ranks", "text", "embedding"])
    assert said["embedding"].shape == (2, 32)
    expected = 1 + (vectors[:, 0] @ vectors[:, 1].T > (vectors[:, 0] * vectors[:, 1]).sum(1)[:, None] + 1e-6).sum(1)
    assert said["ranks"].tolist() == expected.tolist()


def test_blanks_are_no_part_of_an_answer(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"question": "who", "context": "it was I there", "gold": [{"text": " I ", "start": 6}]}))
    assert read(path, label="gold")["all"].values("label") == [[{"start": 7, "text": "I"}]]


def test_pieces_that_carry_their_blank_stand_where_their_letters_do():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from duiqi.model.tokens import Passage

    pieces = {"<unk>": 0, "Ġgood": 1, "Ġfilm": 2, "it": 3, "Ġit": 4}
    made = Tokenizer(models.WordLevel(pieces, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>", pad_token="<unk>")
    encoded = encode(tokenizer, [Passage(("it", "it good film"))], 24, windows=True)
    assert encoded.words.tolist() == [[-1, -1], [0, 2], [3, 7], [8, 12]]


def test_sentences_do_not_end_in_numbers():
    from duiqi.data.floors import opening

    text = "Profit rose 3.5 percent to 1.2 million. Mr Smith said so! It rains. No more。好的。"
    assert opening(Dataset.of({"text": [text]}))["text"] == [
        "Profit rose 3.5 percent to 1.2 million. Mr Smith said so! It rains."
    ]


def test_a_query_does_not_find_itself():
    data = Dataset.of({"text": ["a", "b"], "label": ["b", "a"]})
    said = Pool.of(data).answers(lambda rows: np.array([[0.5, 1.0], [1.0, 0.5]])[rows])
    assert said["ranks"].tolist() == [1.0, 1.0]
    assert said["text"] == ["b", "a"]
