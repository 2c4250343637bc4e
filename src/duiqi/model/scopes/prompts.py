"""Vectors that are learned and read beside a text: as words in front of it, or in front of every layer's attention.

peft's own fail where a head reads every token. Here a body answers for the text's places alone, whatever stands before
them, so every head works.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from duiqi.core.errors import OptionError
from duiqi.model.kernels import PREFIXED
from duiqi.model.scopes.base import Adapter, stack

SPREAD = 0.02


class Vectors(nn.Module):
    """Learned vectors, which go with their network into copies of it."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(*shape) * SPREAD)


@dataclass(frozen=True)
class _Learned(Adapter):
    length: int = 8
    merges: ClassVar[bool] = False
    swift: ClassVar[float] = 10.0

    def __post_init__(self) -> None:
        if not self.length > 0:
            raise OptionError(f"expected a length above 0, given {self.length}", hint="8 to 100 are usual.")


@dataclass(frozen=True)
class Prefix(_Learned):
    """Keys and values in front of those of the text, in every layer (Li & Liang 2021, Prefix-tuning,
    https://arxiv.org/abs/2101.00190; without their network that makes them, as in Liu et al. 2022, P-tuning v2,
    https://arxiv.org/abs/2110.07602)."""

    name: ClassVar[str] = "prefix"
    mark: ClassVar[str] = ".prefix."

    def attach(self, net: Any) -> None:
        found = _attentions(net)
        if not found:
            raise OptionError(
                f"expected attention that can be given a prefix, given {type(net).__name__}, whose is its own",
                hint="Use prompt(), lora() or bottleneck().",
            )
        for module, (heads, width) in found.items():
            module.add_module("prefix", Vectors(2, heads, self.length, width))
        net.set_attn_implementation(PREFIXED)


def _attentions(net: Any) -> dict[Any, tuple[int, int]]:
    """Modules that ask the attention function of transformers, with the heads and the width of their keys."""
    if not getattr(net, "_supports_attention_backend", False):
        return {}
    found: dict[Any, tuple[int, int]] = {}

    def note(module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **more: Any) -> Any:
        found[module] = (key.shape[1], key.shape[3])
        return _prefixed(module, query, key, value, mask, **more)

    _register(note)
    own, training = net.config._attn_implementation, net.training
    net.set_attn_implementation(PREFIXED)
    ids = torch.zeros(1, 2, dtype=torch.int64, device=net.device)
    with torch.no_grad():
        net.eval().base_model(input_ids=ids, attention_mask=torch.ones_like(ids))
    net.train(training)
    net.set_attn_implementation(own)
    _register(_prefixed)
    return found


def _register(attention: Any) -> None:
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    AttentionInterface.register(PREFIXED, attention)
    AttentionMaskInterface.register(PREFIXED, eager_mask)


def _prefixed(
    module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **more: Any
) -> tuple[Tensor, None]:
    """transformers' fused attention, with the module's prefix before keys and values."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    prefix = getattr(module, "prefix", None)
    if prefix is not None:
        own_keys, own_values = prefix.vectors.to(key.dtype).unsqueeze(1).expand(-1, len(key), -1, -1, -1)
        key, value = torch.cat([own_keys, key], dim=2), torch.cat([own_values, value], dim=2)
        if mask is not None:
            mask = nn.functional.pad(mask, (own_keys.shape[2], 0), value=0.0).to(query.dtype)
    said: tuple[Tensor, None] = sdpa_attention_forward(module, query, key, value, mask, **more)
    return said


@dataclass(frozen=True)
class Prompt(_Learned):
    """Vectors in front of those of the words (Lester, Al-Rfou & Constant 2021, The power of scale for
    parameter-efficient prompt tuning, https://arxiv.org/abs/2104.08691).

    After the layers their places are dropped again, so that whatever stands on them finds the first token first. They
    begin as the vectors of words drawn from the vocabulary.
    """

    name: ClassVar[str] = "prompt"
    mark: ClassVar[str] = ".prompt."

    @property
    def places(self) -> int:
        return self.length

    def attach(self, net: Any) -> None:
        entrance = net.get_encoder() if net.config.is_encoder_decoder else net.base_model
        table = net.get_input_embeddings().weight
        prompt = Vectors(self.length, table.shape[1])
        with torch.no_grad():
            prompt.vectors.copy_(table[torch.randint(len(table), (self.length,))])
        entrance.add_module("prompt", prompt)
        entrance.register_forward_pre_hook(_put_before, with_kwargs=True)
        owner: Any = entrance.get_submodule(stack(entrance)[0].rpartition(".")[0])
        owner.places = self.length
        owner.register_forward_hook(_drop_again)


def _put_before(entrance: Any, args: tuple[Any, ...], given: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The inputs of a body with its prompt in front."""
    given = {**dict(zip(("input_ids", "attention_mask"), args, strict=False)), **given}
    ids, words = given.pop("input_ids", None), given.pop("inputs_embeds", None)
    words = entrance.get_input_embeddings()(ids) if words is None else words
    prompt = entrance.prompt.vectors.to(words.dtype).expand(len(words), -1, -1)
    for name, filler in (("attention_mask", 1), ("token_type_ids", 0)):
        if given.get(name) is not None:
            given[name] = nn.functional.pad(given[name], (prompt.shape[1], 0), value=filler)
    return (), {**given, "inputs_embeds": torch.cat([prompt, words], dim=1)}


def _drop_again(owner: Any, args: Any, said: Any) -> Any:
    """The answer of all layers at the places of the text."""
    states = said[0][:, owner.places :]
    if isinstance(said, tuple):
        return (states, *said[1:])
    said["last_hidden_state"] = states
    return said
