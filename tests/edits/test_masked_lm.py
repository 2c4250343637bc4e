"""Words filled in by a masked language model: known whole words; what counts, denies or is marked stays; the model is
called in batches, and what cannot fill in says so."""

from __future__ import annotations

import json

import numpy as np
import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.edit import apply, edit_dataset
from duiqi.core.errors import ModelError, OptionError
from duiqi.core.part import Catalogue
from duiqi.data.words import dictionary, spans
from duiqi.model import filling_in

pytest.importorskip("jieba")
PART = Catalogue.installed().find("edit", "masked_lm")
ROWS = ["房间很干净，服务员也非常热情。", "水果很新鲜，价格也便宜。", "A quiet room.", "", "手机收到了，声音也很大。"]


def proposed(texts, seed=0, **options):
    return PART(texts, [np.random.default_rng([seed, at]) for at in range(len(texts))], **options)


def test_a_word_becomes_a_known_word_of_its_kind_and_length_and_english_stays():
    made = proposed(ROWS, rate=0.3)
    assert [bool(each) for each in made[:4]] == [True, True, False, False]
    known = dictionary()
    for text, changes in zip(ROWS, made, strict=True):
        for change in changes:
            old = text[change.start : change.end]
            assert (change.start, change.end) in spans(text)
            assert known[change.new][1] == known[old][1]
            assert len(change.new) == len(old)
            assert change.new not in text
    assert made == proposed(ROWS, rate=0.3)
    assert proposed(ROWS, rate=0.0) == [[]] * 5


def test_a_row_hangs_on_its_own_generator_only():
    together = proposed(ROWS)
    alone = [PART([text], [np.random.default_rng([0, at])])[0] for at, text in enumerate(ROWS)]
    assert together == alone


def test_all_that_fits_is_drawn_from_and_the_best_at_temperature_0():
    text = "水果很新鲜，价格也便宜。"
    drawn = {apply(text, proposed([text], seed, temperature=2.0, rate=0.5)[0]).text for seed in range(12)}
    best = {apply(text, proposed([text], seed, temperature=0.0, rate=0.5)[0]).text for seed in range(12)}
    assert len(drawn) > len(best)
    assert not any(proposed([text], least=50.0))


def test_negations_numbers_and_what_is_marked_stay():
    for seed in range(4):
        for text in ("早餐不也很好吗", "三也很大", "没都来"):
            made = apply(text, proposed([text], seed, rate=1.0, least=-30.0)[0]).text
            assert [c for c in made if c in "不没三"] == [c for c in text if c in "不没三"]
    data = Dataset.of({"text": ["房间很干净，服务员也非常热情。"], "spans": [[[9, 10]]]})
    assert data.texts[0][9:10] == "也"
    assert "也" in edit_dataset(data, PART, seed=0, rate=0.5).texts[0]


def test_each_distinct_text_is_read_once_and_in_batches(monkeypatch):
    sizes = []
    whole = filling_in.collate
    monkeypatch.setattr(filling_in, "collate", lambda *given: sizes.append(len(given[1])) or whole(*given))
    text = "水果很新鲜，价格也便宜。"
    PART([text] * 40, [np.random.default_rng(7) for _ in range(40)])
    assert sum(sizes) <= 1 + 3  # as it stands, and three turns: all rows draw alike
    sizes.clear()
    proposed([f"{text}{at}号房" for at in range(20)])
    assert len(sizes) <= 2 * 5


def test_a_word_of_two_characters_is_scored_by_hand():
    """The score is that of the model's own probabilities, hidden and as it stands, put together outside."""
    import torch

    model = filling_in.open_filler("default-zh")
    words = {"影片": (100, "n"), "电视": (300, "n"), "电影": (200, "n")}
    known = filling_in.lexicons(model, words, english=False)
    row = ["我", "不", "喜欢", "这部", "电影", "的", "结尾", "。"]
    fits = filling_in.fill_in(model, [row], [filling_in.Place(0, 4, "n")], known)[0]
    assert {fit.word for fit in fits} == {"影片", "电视"}
    ids = model.tokenizer("".join(row))["input_ids"]
    at = [ids.index(model.tokenizer.convert_tokens_to_ids(c)) for c in "电影"]
    hidden = list(ids)
    for each in at:
        hidden[each] = model.tokenizer.mask_token_id
    with torch.no_grad():
        covered, plain = (model.net(torch.tensor([each])).logits[0].log_softmax(-1).numpy() for each in (hidden, ids))
    table = model.net.get_input_embeddings().weight.numpy()
    table = table - table.mean(axis=0)
    table = table / np.linalg.norm(table, axis=1, keepdims=True)
    pieces = {word: model.tokenizer.convert_tokens_to_ids(list(word)) for word in words}
    middle = {word: table[each].mean(axis=0) for word, each in pieces.items()}
    for fit in fits:
        fitting = sum(covered[a, p] + 0.3 * plain[a, p] for a, p in zip(at, pieces[fit.word], strict=True))
        # 电 begins 500 of 600 words, 影 100; 影 ends 200 of them, 视 300, 片 100
        lift = {"影片": np.log(1 / 6) - np.log(1 / 6 * 1 / 6), "电视": np.log(1 / 2) - np.log(5 / 6 * 1 / 2)}[fit.word]
        one, other = middle[fit.word], middle["电影"]
        cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        assert fit.score == pytest.approx(fitting + 0.7 * lift + 8 * cosine, abs=1e-3)


def test_english_with_a_model_of_the_user(body, tmp_path, monkeypatch):
    import shutil

    import torch
    from transformers import BertConfig, BertForMaskedLM

    place = shutil.copytree(body, tmp_path / "filler")
    with torch.random.fork_rng():
        torch.manual_seed(3)
        BertForMaskedLM(BertConfig(**json.loads((body / "config.json").read_text()))).save_pretrained(place)
    monkeypatch.setattr(filling_in, "KNOWN", -99.0)  # a model drawn at random has thought of nothing
    options = {"model": str(place), "least": -99.0, "rate": 1.0, "top": 9}
    text = "Film was good, the Plot not dull. scenes"
    (changes,) = proposed([text], **options)
    new = apply(text, changes).text
    assert changes
    assert {text[c.start : c.end] for c in changes} <= {
        "Film",
        "good",
    }  # a name, a negation and its word, a word of pieces stay
    words = {
        "good",
        "fine",
        "lovely",
        "great",
        "bad",
        "awful",
        "poor",
        "dull",
        "film",
        "plot",
        "actor",
        "scene",
        "quite",
    }
    assert {c.new.lower() for c in changes} <= words
    assert new[0].isupper()


def test_what_cannot_fill_in_says_so(body):
    with pytest.raises(ModelError, match="masked-LM head") as caught:
        proposed(["a film"], model=str(body))
    assert "default-zh" in caught.value.hint
    with pytest.raises(OptionError, match="top"):
        proposed(["好"], top=0)


def test_a_vocabulary_without_english_words_leaves_english_as_it_is(monkeypatch):
    monkeypatch.setattr(filling_in, "_whole", lambda tokenizer: {})
    model = filling_in.open_filler("default-zh")
    known = filling_in.lexicons(model, {"电影": (1, "n"), "电视": (1, "n")}, english=True)
    assert set(known) == {(2, "n")}
    assert filling_in.lexicons(model, {}, english=True) == {}
    monkeypatch.setattr(filling_in, "KNOWN", -99.0)
    row = ["我", "喜欢", "电影", "a"]
    english, chinese = filling_in.fill_in(
        model, [row], [filling_in.Place(0, 3, ""), filling_in.Place(0, 2, "n", 1)], known
    )
    assert english == []
    assert [fit.word for fit in chinese] == ["电视"]
    made = proposed(["A quiet room.", "a"], model="default-zh", rate=1.0, least=-99.0)
    assert made == [[], []]


def test_no_more_scores_are_held_than_is_said_and_the_same_words_fit(monkeypatch):
    model = filling_in.open_filler("default-zh")
    words = {"电影": (200, "n"), "电视": (300, "n"), "影片": (100, "n"), "也": (9, "d"), "都": (9, "d"), "很": (9, "d")}
    known = filling_in.lexicons(model, words, english=False)
    rows = [["我", "也", "喜欢", "电影", f"{at}", "，", "internationalisation", "很", "好"] for at in range(30)]
    kinds = {1: "d", 3: "n", 6: "", 7: "d"}
    places = [
        filling_in.Place(row, word, kind, turn) for row in range(30) for turn, (word, kind) in enumerate(kinds.items())
    ]
    held, reads = [], []
    whole = filling_in._read

    def read(*given, hide, **more):
        found = whole(*given, hide=hide, **more)
        bases = {
            id(s.base if s.base is not None else s): (s.base if s.base is not None else s) for _, s in found.values()
        }
        size = sum(each.size for each in bases.values())
        held.append(size + (held[-1] if hide else 0))
        reads.append(hide)
        return found

    monkeypatch.setattr(filling_in, "_read", read)
    together = filling_in.fill_in(model, rows, places, known)
    assert reads == [False, True]
    once = held[-1]
    monkeypatch.setattr(filling_in, "AT_ONCE", once // 8)
    held.clear()
    apart = filling_in.fill_in(model, rows, places, known)
    assert max(held) <= once // 8
    assert any(together)
    for one, other in zip(together, apart, strict=True):
        assert [fit.word for fit in one] == [fit.word for fit in other]
        assert [fit.score for fit in one] == pytest.approx([fit.score for fit in other], abs=1e-3)
