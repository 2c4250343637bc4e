"""Integrated gradients: exact for a linear network, complete for others, in windows and pairs."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
import torch

from duiqi.core.dataset import Dataset
from duiqi.core.part import Catalogue
from duiqi.data.explaining import explained, subject_of
from duiqi.model import gradients
from duiqi.model.open import find, open_model
from duiqi.model.tokens import encode
from tiny import FILLER, GOOD, LABELS

LONG = " ".join([*FILLER, *GOOD] * 3)  # 42 words; the model reads 24 tokens at once


def model_for(body, name="classify", **options):
    model = open_model(find(body), Catalogue.installed().task(name, **options), seed=3).with_dtype("float32")
    with torch.no_grad():
        for parameter in model.net.classifier.parameters() if hasattr(model.net, "classifier") else ():
            parameter.mul_(20)  # a fresh head hardly prefers anything
    return model


def found_of(model, data, wanted=None, **options):
    return explained(model, subject_of(model, data, wanted), ["occlusion"], **options)


@pytest.mark.parametrize("scale", ["log_odds", "probability"])
@pytest.mark.parametrize("columns", [
    {"text": ["the film was good", "it was awful , quite a dull plot", LONG]},
    {"text": ["the film was good", LONG], "text_pair": ["a poor plot", "the actor " + LONG]},
])  # fmt: skip
def test_weights_sum_to_the_change_of_the_answer(body, columns, scale):
    name = "classify_pair" if "text_pair" in columns else "classify"
    model = model_for(body, name, labels=LABELS)
    found = found_of(model, Dataset.of(columns), scale=scale)
    for each, made in zip(found, gradients.integrated_gradients(model, found, scale=scale), strict=True):
        assert made.errors["completeness_error"] <= gradients.TOLERANCE
        assert np.abs(made.weights).sum() > 0
        # independently: the network asked for the text with [MASK] for every word
        masked = " ".join(["[MASK]"] * len(each.divided))
        if "text_pair" not in columns and len(each.divided) < 10 and "," not in each.divided.texts[0]:
            probs = model.predict(Dataset.of({"text": [masked]}), ["probs"])["probs"][0]
            p = probs[each.target.column]
            start = np.log(p / (1 - p)) if scale == "log_odds" else p
            assert made.weights.sum() == pytest.approx(each.full - start, rel=0.03, abs=1e-4)


def test_the_path_ends_where_prediction_stands(body):
    """The windows of a long text, and the two texts of a pair that is cut, are those that prediction reads."""
    for columns in ({"text": [LONG]}, {"text": [LONG], "text_pair": ["good " + LONG]}):
        model = model_for(body, "classify_pair" if "text_pair" in columns else "classify", labels=LABELS)
        found = found_of(model, Dataset.of(columns))
        encoded, paths = gradients._paths(model, found)
        with torch.no_grad():
            _, said = gradients._along(model, encoded, paths, [(0, 1.0, 1.0)], "log_odds")
        assert float(said[0]) == pytest.approx(found[0].full, abs=1e-4)
        assert len(paths[0].sequences) > 1


def test_a_linear_network_gives_back_its_weights(body):
    """A network that sums a number for every token: each word gets its number minus that of [MASK]."""
    model = model_for(body, labels=LABELS)
    table = torch.nn.Embedding(model.net.config.vocab_size, 4)
    readout = torch.tensor([1.0, -2.0, 0.5, 3.0])

    class Summing(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.config, self.base_model = table, model.net.config, torch.nn.Identity()

        def get_input_embeddings(self):
            return self.table

        def forward(self, input_ids, attention_mask, **rest):
            score = ((self.table(input_ids) @ readout) * attention_mask).sum(dim=1)
            return type("Out", (), {"logits": torch.stack([torch.zeros_like(score), score], dim=1)})

    found = found_of(model, Dataset.of({"text": ["the film was good"]}), "positive")
    linear = type(model)(Summing(), model.tokenizer, model.task, model.bundle, model.head, model.max_tokens)
    (made,) = gradients.integrated_gradients(linear, found)
    ids = model.tokenizer("the film was good", add_special_tokens=False)["input_ids"]
    values = (table.weight @ readout).detach().numpy()
    np.testing.assert_allclose(made.weights, values[ids] - values[model.tokenizer.mask_token_id], rtol=1e-4)
    assert made.errors["steps"] == gradients.STEPS[0]


@pytest.mark.parametrize(("name", "options"), [
    ("multilabel", {"labels": ("blame", "praise")}),
    ("regress", {"mean": 3.0, "scale": 2.0}),
    ("tag", {"labels": ("PER",), "head": "token_classification"}),
])  # fmt: skip
def test_other_heads_are_complete_too(body, name, options):
    model = model_for(body, name, **options)
    data = Dataset.of({"text": ["the film was good", "a dull plot"]})
    wanted = {"multilabel": "praise", "tag": "film"}.get(name)
    if name == "tag":
        data = Dataset.of({"tokens": [["the", "film", "was", "good"], ["film", "x"]]})
    found = found_of(model, data, wanted)
    assert len(found) == 2
    encoded, paths = gradients._paths(model, found)
    with torch.no_grad():
        _, said = gradients._along(model, encoded, paths, [(0, 1.0, 1.0), (1, 1.0, 1.0)], "log_odds")
    np.testing.assert_allclose(said.numpy(), [each.full for each in found], atol=1e-3)
    for made in gradients.integrated_gradients(model, found):
        assert made.errors["completeness_error"] <= gradients.TOLERANCE


SPANS = [[[4, 8], [13, 17]]]  # "film" and "good" of "the film was good"
OTHER_HEADS = {
    "crf": ("tag", {"labels": ("PER",)}, {"tokens": [["the", "film", "was", "good"], LONG.split()]}),
    "bilstm_crf": ("tag", {"labels": ("PER",), "head": "bilstm_crf"},
                   {"tokens": [["the", "film", "was"], LONG.split()]}),
    "relation": ("relation", {"labels": LABELS}, {"text": ["the film was good", "filmx and good"],
                                                  "spans": [*SPANS, [[0, 5], [10, 14]]]}),
    "a long relation": ("relation", {"labels": LABELS}, {"text": [LONG], "spans": [[[0, 3], [4, 8]]]}),
    "choose": ("choose", {}, {"text": ["it was", " the film"],
                              "choices": [["good", "a dull plot"], ["a", "b", "c d"]]}),
    "choose with a text": ("choose", {}, {"text": ["it was"], "text_pair": ["the actor"],
                                          "choices": [["good", "a dull plot " + LONG]]}),
    "extract": ("extract", {}, {"text": ["it was", "the film"], "text_pair": ["a dull plot was good", "very fine"]}),
    "extract or none": ("extract", {"no_answer": True}, {"text": ["it was"] * 2,
                                                         "text_pair": ["a dull plot was good", "very fine"]}),
    "rank": ("rank", {}, {"text": ["it was good", "the plot"], "label": ["a good film was it", "plot " + LONG]}),
}  # fmt: skip


@pytest.mark.parametrize("scale", ["log_odds", "probability"])
@pytest.mark.parametrize("name", list(OTHER_HEADS))
def test_every_head_is_followed_to_where_prediction_stands(body, name, scale):
    task, options, columns = OTHER_HEADS[name]
    model = model_for(body, task, **options)
    with torch.no_grad():
        for part, size in (("qa_outputs", 0.3), ("on_top", 0.1)):  # larger ones leave the range of float32
            for parameter in getattr(model.net, part).parameters() if hasattr(model.net, part) else ():
                parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(5)) * size)
    found = found_of(model, Dataset.of(columns), "film" if task == "tag" else None, scale=scale)
    assert len(found) == len(next(iter(columns.values())))
    encoded, paths = gradients._paths(model, found)
    with torch.no_grad():
        said = [
            float(gradients._along(model, encoded, paths, [(at, 1.0, 1.0)], scale)[1][0]) for at in range(len(found))
        ]
    np.testing.assert_allclose(said, [each.full for each in found], atol=2e-3)
    for each, made in zip(found, gradients.integrated_gradients(model, found, scale=scale), strict=True):
        assert made.errors["completeness_error"] <= gradients.TOLERANCE, (name, made.errors)
        assert len(made.weights) == len(each.divided)
        assert np.abs(made.weights).sum() > 0


def test_texts_that_a_decoder_wrote_are_followed_back_to_its_prompt(decoder):
    task = Catalogue.installed().task("generate", longest=4)
    model = open_model(find(decoder), task).with_dtype("float32")
    with torch.no_grad():
        for parameter in model.net.model.layers.parameters():
            parameter.mul_(3)
    data = Dataset.of({"text": ["the film was good", LONG + " and it was"], "text_pair": ["it was , very", ""]})
    found = found_of(model, data)
    encoded, paths = gradients._paths(model, found)
    with torch.no_grad():
        _, said = gradients._along(model, encoded, paths, [(0, 1.0, 1.0), (1, 1.0, 1.0)], "log_odds")
    np.testing.assert_allclose(said.numpy(), [each.full for each in found], atol=1e-4)
    line = paths[0].lines[0]
    words = [model.tokenizer.decode([token]) for token in line.ids]
    for token, word in zip(words, line.words.tolist(), strict=True):
        assert word == -1 or found[0].divided.words[word] == token
    assert {*line.words.tolist()} == {-1, *range(len(found[0].divided))}
    for made in gradients.integrated_gradients(model, found):
        assert made.errors["completeness_error"] <= gradients.TOLERANCE
        assert np.abs(made.weights).sum() > 0


def test_marginals_of_a_field_are_read_as_by_hand(body):
    """The log-odds of a tag at a word, against all sequences of tags summed one by one."""
    model = model_for(body, "tag", labels=("PER",))
    crf = model.net.on_top.crf
    with torch.no_grad():
        crf.transitions.copy_(torch.tensor([[0.3, -1.0, 0.0], [0.5, 0.2, 1.5], [-0.4, 0.7, 0.1]]))
        crf.first.copy_(torch.tensor([0.2, 0.9, 0.0]))
    (found,) = found_of(model, Dataset.of({"tokens": [["the", "film", "good"]]}), "film")
    encoded, paths = gradients._paths(model, [found])
    with torch.no_grad():
        _, said = gradients._along(model, encoded, paths, [(0, 1.0, 1.0)], "log_odds")
        raw = model.head.raw(model.net, {**gradients.collate(encoded, np.array([0]), 0, torch.device("cpu"))})[0]
    scores = raw[1:4].double().numpy()  # one piece a word, behind [CLS]
    transitions, first = (each.detach().double().numpy() for each in crf.scores())
    total = {True: 0.0, False: 0.0}
    for tags in product(range(3), repeat=3):
        score = first[tags[0]] + sum(scores[i, tag] for i, tag in enumerate(tags))
        score += sum(transitions[a, b] for a, b in pairwise(tags))
        total[tags[1] == found.target.tags[0]] += np.exp(score)
    assert float(said[0]) == pytest.approx(np.log(total[True] / total[False]), abs=1e-5)


def test_what_cannot_be_followed_says_why(body, decoder, encoder_decoder):
    assert gradients.lacking(object()) == "no_gradient"
    assert gradients.lacking(model_for(body, labels=LABELS)) == ""
    assert gradients.lacking(open_model(find(encoder_decoder), Catalogue.installed().task("generate"))) == "two_parts"
    writing = open_model(find(decoder), Catalogue.installed().task("generate"))
    assert gradients.lacking(writing) == ""
    writing.tokenizer.chat_template = "{{ messages[0].content }}"
    assert gradients.lacking(writing) == "template"


def test_every_head_of_the_catalogue_is_followed_or_says_why():
    from duiqi.model.heads import HEADS

    assert {*HEADS} - {*gradients.LINES} <= {"masked_language_model", "reading"}
    assert {*gradients.LINES} == {*gradients.READ}


def test_no_answer_of_a_recurrent_field_hangs_on_the_rows_beside_it(body):
    model = model_for(body, "tag", labels=("PER",), head="bilstm_crf")
    with torch.no_grad():
        for parameter in model.net.on_top.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(5)) * 0.1)
    rows = [["the", "film", "was"], LONG.split()[:15]]
    inputs = [model.head.inputs(Dataset.of({"tokens": each})) for each in (rows[:1], rows)]
    alone, together = (
        model.head.raw(model.net, gradients.collate(encode(model.tokenizer, each, 24, windows=True),
                                                    np.arange(len(each)), 0, torch.device("cpu")))
        for each in inputs
    )  # fmt: skip
    np.testing.assert_allclose(alone[0].detach(), together[0, :5].detach(), atol=1e-4)
