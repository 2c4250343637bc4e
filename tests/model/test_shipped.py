"""The Chinese encoder that the package carries: small, whole, and made once for a user."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from duiqi.core.dataset import Dataset
from duiqi.core.errors import OutputError
from duiqi.core.part import Catalogue
from duiqi.model.open import SHIPPED, find, labels_of, open_model
from duiqi.model.shipped import narrowed, pack, unpacked, widened

SOURCE = SHIPPED / "default_zh"


@pytest.fixture(scope="module")
def chinese(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUIQI_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield find("default-zh")


def test_it_fits_into_the_package_and_names_its_sources():
    assert sum(path.stat().st_size for path in SOURCE.iterdir()) < 16e6
    card = (SOURCE / "README.md").read_text(encoding="utf-8")
    assert all(name in card for name in ("KdConv", "COLD", "AFQMC", "Tatoeba", "DPO-En-Zh", "toxicity", "laws"))


def test_it_is_unpacked_once(chinese, monkeypatch):
    monkeypatch.setenv("DUIQI_CACHE", str(chinese.path.parent))
    before = (chinese.path / "model.safetensors").stat().st_mtime_ns
    again = find("default-zh")
    assert (again.fingerprint, again.name) == (chinese.fingerprint, "default-zh")
    assert (chinese.path / "model.safetensors").stat().st_mtime_ns == before
    assert labels_of(chinese) == ()


def test_a_cache_that_cannot_be_written_is_told(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DUIQI_CACHE", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="expected a place to write"):
        find("default-zh")


def test_it_fills_in_words_and_keeps_english_ones(chinese):
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(chinese.path)
    assert tokenizer.tokenize("用 iPhone 拍电影") == ["用", "iphone", "拍", "电", "影"]
    net = AutoModelForMaskedLM.from_pretrained(chinese.path).eval()
    for text, word in (
        ("这部[MASK]影真好看", "电"),
        ("违反本法[MASK]定的，由公安机关处罚", "规"),
    ):
        given = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            scores = net(**given).logits[0][given["input_ids"][0] == tokenizer.mask_token_id][0]
        assert word in tokenizer.convert_ids_to_tokens(scores.topk(5).indices.tolist()), text


def test_it_is_told_which_text_of_a_pair_a_token_belongs_to(chinese):
    model = open_model(chinese, Catalogue.installed().task("classify_pair", labels=("0", "1")))
    pairs = Dataset.of({"text": ["借呗能还吗"], "text_pair": ["花呗能还吗"]})
    probs = model.with_dtype("float32").predict(pairs, ["probs"]).probs
    given = model.tokenizer("借呗能还吗", "花呗能还吗", return_tensors="pt")
    assert given["token_type_ids"].tolist() == [[0] * 7 + [1] * 6]
    with torch.no_grad():
        assert np.allclose(model.net(**given).logits.softmax(dim=1).numpy(), probs, atol=1e-5)


def test_eight_bits_are_off_by_half_a_step_at_most():
    rng = np.random.default_rng(0)
    weights = {"table": rng.normal(size=(40, 30)).astype(np.float32), "bias": rng.normal(size=7).astype(np.float32)}
    weights["table"][3] = 0.0
    weights["table"][4] *= 1e-9
    back = widened(narrowed(weights))
    steps = np.abs(weights["table"]).max(axis=1, keepdims=True) / 127
    assert np.all(np.abs(back["table"] - weights["table"]) <= 0.51 * steps + 1e-7)
    assert np.allclose(back["bias"], weights["bias"], rtol=1e-3)
    assert set(back) == set(weights)


def test_what_is_packed_is_what_is_unpacked(body, tmp_path, monkeypatch):
    monkeypatch.setenv("DUIQI_CACHE", str(tmp_path / "cache"))
    assert pack(body, tmp_path / "shipped") < (body / "model.safetensors").stat().st_size
    made = unpacked(tmp_path / "shipped")
    first, second = load_file(body / "model.safetensors"), load_file(made / "model.safetensors")
    assert first.keys() == second.keys()
    assert all(np.allclose(first[name], second[name], atol=2e-3) for name in first)
    assert find(made).fingerprint == find(unpacked(tmp_path / "shipped")).fingerprint
