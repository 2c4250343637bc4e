"""Adapters on bodies of many kinds: encoders, decoders, an encoder-decoder, shared layers, attention of their own."""

from __future__ import annotations

import copy

import pytest
import torch

from duiqi.core.errors import OptionError
from duiqi.model.quiet import quiet
from duiqi.model.scope import adalora, bottleneck, dora, ia3, lora, prefix, prompt

ADAPTERS = {
    "lora": lora(4), "dora": dora(4), "adalora": adalora(2, start=4), "ia3": ia3(), "bottleneck": bottleneck(8),
    "prefix": prefix(4), "prompt": prompt(4),
}  # fmt: skip
SMALL = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
BODIES = {
    "Bert": SMALL,
    "Roberta": SMALL,
    "DebertaV2": SMALL,
    "Albert": {**SMALL, "embedding_size": 16},
    "DistilBert": {"vocab_size": 50, "dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64},
    "ModernBert": {**SMALL, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2, "cls_token_id": 2,
                   "sep_token_id": 1},
    "GPT2": {"vocab_size": 50, "n_embd": 32, "n_layer": 2, "n_head": 2, "pad_token_id": 0},
    "Llama": {**SMALL, "num_attention_heads": 4, "num_key_value_heads": 2, "pad_token_id": 0},
    "T5": {"vocab_size": 50, "d_model": 32, "num_layers": 2, "num_heads": 2, "d_ff": 64, "d_kv": 16,
           "decoder_start_token_id": 0},
}  # fmt: skip
OWN_ATTENTION = {("T5", "prefix"), ("DebertaV2", "prefix")}
IDS = torch.tensor([[5, 6, 7, 8, 9, 1], [5, 6, 7, 1, 0, 0]])
MASK = torch.tensor([[1] * 6, [1] * 4 + [0] * 2])


@pytest.fixture(scope="module", params=BODIES)
def kind(request):
    return request.param


def network(kind):
    import transformers

    with quiet(), torch.random.fork_rng():
        torch.manual_seed(0)
        config = getattr(transformers, f"{kind}Config")(**BODIES[kind])
        return transformers.AutoModelForSequenceClassification.from_config(config).eval()


def say(net, ids=IDS, mask=MASK):
    with torch.no_grad():
        return net(input_ids=ids, attention_mask=mask).logits


@pytest.mark.parametrize("name", ADAPTERS)
def test_adapters_keep_what_an_answer_is(kind, name):
    scope, net = ADAPTERS[name], network(kind)
    plain, names = say(net), {*net.state_dict()}
    if (kind, name) in OWN_ATTENTION:
        with pytest.raises(OptionError, match="prefix"):
            scope.attach(net)
        return
    scope.attach(net)
    if name not in ("prefix", "prompt"):
        assert torch.allclose(say(net), plain, atol=1e-6)  # at first it changes nothing
    scope.apply(net)
    net.eval()
    net(input_ids=IDS, attention_mask=MASK).logits.square().sum().backward()
    moving = {key: p for key, p in net.named_parameters() if p.requires_grad}
    assert all(p.grad is not None for p in moving.values())
    own = {key: p for key, p in moving.items() if scope.mark in f".{key}"}
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(1)
        for p in moving.values():
            p.add_(torch.randn_like(p) * 0.1)
        said, twin = say(net), copy.deepcopy(net)
        assert torch.allclose(say(net, IDS[1:, :4], MASK[1:, :4])[0], said[1], atol=1e-5)  # padding is not read
        for key in own:
            twin.get_parameter(key).add_(torch.randn_like(twin.get_parameter(key)))
    assert not torch.allclose(say(twin), said, atol=1e-4)  # a copy has its own
    assert torch.equal(say(net), said)
    if scope.merges:
        scope.merge(net)
        assert torch.allclose(say(net), said, atol=1e-5)
        assert {*net.state_dict()} == names


@pytest.mark.parametrize("tied", [False, True])
def test_the_words_of_a_language_model_stay(tied):
    import transformers

    with quiet():
        net = transformers.AutoModelForCausalLM.from_config(
            transformers.LlamaConfig(**BODIES["Llama"], tie_word_embeddings=tied)
        )
    lora(4).attach(net)
    moving = lora(4).moving(net)
    assert not [name for name in moving if "lm_head" in name or "embed" in name]
    assert any("lora" in name for name in moving)
