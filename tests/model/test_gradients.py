"""Integrated gradients: exact for a linear network, complete for others, in windows and pairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from duiqi.core.dataset import Dataset
from duiqi.core.part import Catalogue
from duiqi.data.explaining import explained, subject_of
from duiqi.model import gradients
from duiqi.model.open import find, open_model
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


def test_what_cannot_be_followed_says_why(body, encoder_decoder):
    assert gradients.lacking(object()) == "no_gradient"
    assert gradients.lacking(model_for(body, labels=LABELS)) == ""
    crf = open_model(find(body), Catalogue.installed().task("tag", labels=("PER",)))
    assert gradients.lacking(crf) == "head"
