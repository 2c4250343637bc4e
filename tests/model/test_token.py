"""Tagging: words and their pieces are kept apart, long sentences go through windows, and what is learned comes back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from duiqi.core.bundle import Step
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.part import Catalogue
from duiqi.model.export import recalibrated
from duiqi.model.fit import fit
from duiqi.model.heads.token import IGNORED
from duiqi.model.open import find, open_model
from duiqi.model.tokens import NO_WORD, ShapedWords, Words, collate, encode, shape, words_of

CPU = torch.device("cpu")


def sentences(n, seed=0, *, longest=9):
    """After "the" comes a thing of one or two words; "great" begins a praise of one word."""
    rng = np.random.default_rng(seed)
    tokens, tags = [], []
    for _ in range(n):
        words, said = [], []
        for _ in range(int(rng.integers(2, longest))):
            how = rng.integers(3)
            if how == 0:
                words += ["the", "plot", "scene"]
                said += ["O", "B-THING", "I-THING"]
            elif how == 1:
                words += ["great", "xyzzy"]
                said += ["B-PRAISE", "O"]
            else:
                words += [str(rng.choice(["was", "it", "very"]))]
                said += ["O"]
        tokens.append(words)
        tags.append(said)
    return Dataset.of({"tokens": tokens, "label": tags})


@pytest.fixture(scope="module", params=["token_classification", "crf", "bilstm_crf"])
def tagging(request):
    return Catalogue.installed().task("tag", labels=("PRAISE", "THING"), head=request.param)


@pytest.fixture(scope="module")
def tagger(body, tagging, tmp_path_factory):
    return fit(
        find(body), sentences(300), task=tagging, out=tmp_path_factory.mktemp("tagger") / "model",
        step=Step("finetune"), learning_rate=3e-3, batch_rows=16, epochs=3,
    )  # fmt: skip


def test_targets_stand_at_the_first_piece_of_each_word(body, tagging):
    model = open_model(find(body), tagging)
    rows = Dataset.of({"tokens": [["great", "xyzzy", "the", "plot"]], "label": [["B-PRAISE", "O", "O", "B-THING"]]})
    encoded = encode(model.tokenizer, model.head.inputs(rows), 24, windows=False)
    words = words_of(encoded, np.array([0]), CPU)
    aligned = model.head.align(model.head.targets(tagging, rows), np.array([0]), words)
    # [CLS] great x ##y ##z ##z ##y the plot [SEP]
    assert words.tolist() == [[NO_WORD, 0, 1, 1, 1, 1, 1, 2, 3, NO_WORD]]
    assert aligned.tolist() == [[IGNORED, 1, 0, *[IGNORED] * 4, 0, 3, IGNORED]]


def test_shapes_say_how_words_are_written_and_stand_at_every_piece(body):
    words = ["The", "plot", "NATO", "A", "iPhone", "12-3", "b2b", ",", "房间", "Rome"]
    assert [shape(word, at) for at, word in enumerate(words)] == [4, 1, 3, 3, 5, 6, 7, 8, 9, 2]
    assert shape("A", 0) == 4
    tokenizer = open_model(find(body), Catalogue.installed().task("tag", labels=("X",))).tokenizer
    encoded = encode(tokenizer, [ShapedWords(("the", "Plot")), ShapedWords(("XY", "it"))], 24, windows=False)
    batch = collate(encoded, np.array([1, 0]), 0, CPU)
    assert batch["shapes"].tolist() == [[0, 3, 3, 1, 0], [0, 1, 2, 0, 0]]
    long = encode(tokenizer, [ShapedWords(("the", "XY") * 30)], 12, windows=True)
    assert (long.shapes == np.where(long.words < 0, 0, np.where(long.words % 2 == 0, 1, 3))).all()


def test_the_loss_is_the_mean_over_words(body):
    tagging = Catalogue.installed().task("tag", labels=("PRAISE", "THING"), head="token_classification")
    model = open_model(find(body), tagging)
    rows = sentences(12, seed=3)
    encoded = encode(model.tokenizer, model.head.inputs(rows), 24, windows=False)
    which = np.arange(12)
    inputs, words = collate(encoded, which, 0, CPU), words_of(encoded, which, CPU)
    aligned = model.head.align(model.head.targets(tagging, rows), which, words)
    raw = model.head.raw(model.net, inputs)
    whole = torch.nn.functional.cross_entropy(raw.flatten(0, 1), aligned.flatten(), ignore_index=IGNORED)
    assert float(model.head.losses(model.net, raw, aligned).mean()) == pytest.approx(float(whole), rel=1e-5)


def test_it_learns_and_what_is_saved_answers_the_same(tagger, tagging):
    rows = sentences(80, seed=9)
    model = open_model(find(tagger.path)).with_dtype("float32")
    assert model.task.name == "tag"
    case = Case(model, rows)
    assert case.measure("span_f1").value > 0.95
    assert case.measure("calibration_error").value < 0.2
    assert [len(tags) for tags in case.guess["tags"]] == [len(words) for words in rows.values("tokens")]
    assert all(np.allclose(each.sum(axis=1), 1) for each in case.guess["probs"])


def test_long_sentences_go_through_windows_and_end_as_well_as_they_begin(tagger):
    model = open_model(tagger).with_dtype("float32")
    words = ["it", "was", "the", "plot", "scene", "very"] * 20
    rows = Dataset.of({"tokens": [words, ["the", "plot"]]})
    tags, short = model.predict(rows, ["tags"])["tags"]
    assert len(tags) == 120
    assert np.mean(tags == np.array([0, 0, 0, 3, 4, 0] * 20)) > 0.95
    assert short.tolist() == [0, 3]


def test_words_that_the_tokenizer_makes_nothing_of_are_outside(tagger):
    model = open_model(tagger).with_dtype("float32")
    rows = Dataset.of({"tokens": [["the", "\u200b", "plot", ""], [""], []]})
    tags = model.predict(rows, ["tags"])["tags"]
    assert [len(each) for each in tags] == [4, 1, 0]
    assert [len(each) for each in model.predict(rows, ["tags"])["tags"]] == [4, 1, 0]  # now from the cache
    assert tags[0][3] == 0


def test_the_order_of_types_is_the_models(tagger, tagging):
    turned = Catalogue.installed().task("tag", labels=("THING", "PRAISE"), head=tagging.head)
    rows = sentences(30, seed=4)
    straight, other = (open_model(tagger, each).with_dtype("float32") for each in (None, turned))
    for a, b in zip(straight.predict(rows, ["tags"])["tags"], other.predict(rows, ["tags"])["tags"], strict=True):
        assert np.array_equal(np.array([0, 3, 4, 1, 2])[a], b)


def test_a_temperature_moves_the_confidence_of_words(tagger, tmp_path):
    rows = sentences(30, seed=4)
    warm = recalibrated(tagger, {"temperature": 3.0}, tmp_path / "warm")
    plain, cooled = (Case(open_model(each).with_dtype("float32"), rows) for each in (tagger, warm))
    assert all(np.array_equal(a, b) for a, b in zip(plain.guess["tags"], cooled.guess["tags"], strict=True))
    assert (cooled.confidence < plain.confidence).all()


def test_the_root_is_a_plain_checkpoint_and_what_stands_on_it_lies_beside(tagger, tagging):
    from safetensors.torch import load_file
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    model = open_model(tagger).with_dtype("float32")
    plain = AutoModelForTokenClassification.from_pretrained(tagger.path).eval()
    inputs = AutoTokenizer.from_pretrained(tagger.path)("the plot was great", return_tensors="pt")
    with torch.no_grad():
        assert torch.equal(plain(**inputs).logits, model.net(**inputs).logits)
    beside = tagger.path / "head.safetensors"
    assert tagger.layout == ("full" if tagging.head == "token_classification" else "composed")
    assert beside.is_file() == (tagging.head != "token_classification")
    if beside.is_file():
        assert torch.equal(load_file(beside)["crf.transitions"], model.net.on_top.crf.transitions)
        assert not any(name.startswith("on_top") for name in load_file(tagger.path / "model.safetensors"))


def test_a_field_never_goes_on_with_what_did_not_begin(tagger, tagging):
    if tagging.head == "token_classification":
        pytest.skip("words decided on their own may")
    words = [["plot", "scene", "great", "was", "plot"], ["scene"] * 6]
    for tags in open_model(tagger).with_dtype("float32").predict(Dataset.of({"tokens": words}), ["tags"])["tags"]:
        for before, tag in zip([0, *tags.tolist()], tags.tolist(), strict=False):
            assert tag % 2 or tag == 0 or before in (tag, tag - 1)


def test_a_plain_checkpoint_of_transformers_is_for_tags(tagger, tagging, tmp_path):
    import shutil

    if tagging.head != "token_classification":
        pytest.skip("has a module of our own on top")
    plain = shutil.copytree(tagger.path, tmp_path / "plain")
    for name in ("duiqi.json", "lineage.parquet"):
        (plain / name).unlink()
    rows = sentences(30, seed=4)
    ours, theirs = (open_model(find(path)).with_dtype("float32") for path in (tagger.path, plain))
    assert (theirs.task.name, theirs.task.labels) == ("tag", ("PRAISE", "THING"))
    for a, b in zip(ours.predict(rows, ["tags"])["tags"], theirs.predict(rows, ["tags"])["tags"], strict=True):
        assert np.array_equal(a, b)


def test_rows_of_no_words_are_trained_on_and_measured(body, tagging, tmp_path):
    some = sentences(40, seed=2)
    rows = Dataset.of({"tokens": [[], *some.values("tokens"), []], "label": [[], *some.values("label"), []]})
    made = fit(find(body), rows, task=tagging, out=tmp_path / "m", step=Step("finetune"), epochs=1, batch_rows=8)
    case = Case(open_model(made), rows)
    assert np.isfinite(case.measure("log_loss").value)
    assert case.right[[0, -1]].all()
    assert case.measure("exact_match").rows == 42


def test_a_window_that_begins_inside_a_word_does_not_answer_for_it(body, tagging):
    model = open_model(find(body), tagging)
    words = ("xyzzyxyzzy", "plot") * 12
    encoded = encode(model.tokenizer, [Words(words)], 16, windows=True)
    inside = [w for s, w in zip(encoded.starts[1:-1], encoded.words[encoded.starts[1:-1] + 1], strict=True)
              if encoded.words[encoded.starts[0] : s].tolist().count(w)]  # fmt: skip
    assert inside  # some windows begin with a word that the window before has too
    rows = [np.array([[0, 9.0, 0], [1, 9.0, 0]], np.float32), np.array([[1, 0, 99.0], [2, 0, 9.0]], np.float32)]
    (merged,) = model.head.merge(rows, np.array([0]), [3])
    assert merged.argmax(axis=1).tolist() == [0, 0, 1]


def test_rows_that_have_no_words_at_all(tagger):
    rows = Dataset.of({"tokens": [[], []]})
    assert [len(each) for each in open_model(tagger).predict(rows, ["tags"])["tags"]] == [0, 0]


def test_a_head_for_other_labels_gives_way(tagger, tmp_path):
    import json
    import shutil

    other = shutil.copytree(tagger.path, tmp_path / "other")
    for name in ("duiqi.json", "lineage.parquet", "head.safetensors"):
        (other / name).unlink(missing_ok=True)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps({**config, "id2label": dict(enumerate("NVADP"))}))  # parts of speech
    task = Catalogue.installed().task("tag", labels=("X", "Y", "Z"), head="token_classification")
    model = open_model(find(other), task)
    assert model.net.config.num_labels == 7
    assert torch.equal(model.net.base_model.embeddings.word_embeddings.weight,
                       open_model(tagger).net.base_model.embeddings.word_embeddings.weight)  # fmt: skip
