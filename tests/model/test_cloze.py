"""cloze: what a masked model says of a span is what its network says, piece by piece; and who can be asked."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.part import Catalogue
from duiqi.model.cloze import Cloze, likelihoods_of
from duiqi.model.open import find, open_model

CATALOGUE = Catalogue.installed()
TASK = CATALOGUE.task("classify", labels=("a", "b"))


@pytest.fixture(scope="module")
def chinese():
    return likelihoods_of(open_model(find("default-zh"), TASK))


def rows(*said):
    spans = [[[text.index("["), text.index("]") - 1]] for text in said]
    return Dataset.of({"text": [""] * len(said), "label": [t.replace("[", "").replace("]", "") for t in said],
                       "spans": spans})  # fmt: skip


def test_a_span_is_read_from_left_to_right(chinese):
    """Recomputed with the network itself: 上海 as P(上 | both hidden) and P(海 | 上, second hidden)."""
    assert isinstance(chinese, Cloze)
    given = chinese.predict(rows("我住在[上海]。", "我住在[家]。", "今天[上海]很热"), ["loglik", "tokens"])
    assert given["tokens"].tolist() == [2, 1, 2]
    tokenizer, net = chinese.model.tokenizer, chinese.model.net
    mask = tokenizer.mask_token
    expected = 0.0
    for text, piece in ((f"我住在{mask}{mask}。", "上"), (f"我住在上{mask}。", "海")):
        inputs = tokenizer(text, return_tensors="pt")
        at = int((inputs["input_ids"][0] == tokenizer.mask_token_id).nonzero()[0])
        with torch.inference_mode():
            scores = net(**inputs).logits[0, at].double().log_softmax(dim=-1)
        expected += float(scores[tokenizer.convert_tokens_to_ids(piece)])
    assert given["loglik"][0] == pytest.approx(expected, abs=1e-3)


def test_company_changes_nothing(chinese):
    said = ["我住在[上海]。", "冬天的反义词是[夏天]。", "他有一只[猫]，它的名字很长，长得谁也记不住。"]
    together = chinese.predict(rows(*said), ["loglik"])["loglik"]
    apart = [chinese.predict(rows(each), ["loglik"])["loglik"][0] for each in said]
    assert np.allclose(together, apart, atol=1e-3)


def test_sentences_that_are_too_long_are_told(chinese):
    with pytest.raises(DataError, match="expected sentences of at most"):
        chinese.predict(rows("好" * 600 + "[上海]"), ["loglik"])


def test_a_model_without_words_is_not_asked():
    with pytest.raises(DataError, match="which does not"):
        likelihoods_of(open_model(find("default"), TASK))
