"""A faster network on a CPU with the same results in distribution: dropout, attention, word table, last layer, weights.

Measured on two cores of an EPYC with MiniLM on sst2, rows/s of training steps: transformers' own path 88 to 94,
with cheap random bits for dropout and plain attention 106 to 111, with the compact word table 114 to 125.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

ATTENTION = "duiqi"
PREFIXED = "duiqi-prefixed"  # attention that reads prefixes (`duiqi.model.scopes.prompts`)
LONGEST_PLAIN = 512
WORTH = 0.9
CLOSE = 1e-4
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # as malloc.h numbers them


@contextmanager
def memory_kept() -> Iterator[None]:
    """Let glibc keep freed memory until the block ends; elsewhere nothing changes.

    Every step frees its gradients. Given back to the system, the same pages are asked for and zeroed again at the next
    step: of a small encoder's step that was a tenth.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "mallopt"):  # musl has none
        yield
        return
    libc.mallopt(MMAP_THRESHOLD, 2**25)
    libc.mallopt(TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        libc.mallopt(TRIM_THRESHOLD, 2**26)
        libc.malloc_trim(0)


class _Drop(torch.autograd.Function):
    """Dropout from random bytes: one 64-bit draw serves eight elements, four times as fast as torch's on a CPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, threshold: int) -> Tensor:
        draws = torch.randint(-(2**63), 2**63 - 1, ((x.numel() + 7) // 8,))
        keep = (draws.view(torch.uint8)[: x.numel()] >= threshold).view(x.shape)
        ctx.save_for_backward(keep)
        ctx.scale = 256 / (256 - threshold)
        return (x * keep).mul_(ctx.scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (keep,) = ctx.saved_tensors
        return (gradients[0] * keep).mul_(ctx.scale), None


def drop(x: Tensor, p: float) -> Tensor:
    """Dropout with `p` rounded to a multiple of 1/256 and the exact scale for it, so that the mean is kept."""
    threshold = min(255, round(p * 256))
    return _Drop.apply(x, threshold) if threshold else x


class Dropout(nn.Dropout):
    """`nn.Dropout` from random bytes."""

    def forward(self, input: Tensor) -> Tensor:
        return drop(input, self.p) if self.training else input


def _attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    """Softmax attention as plain products: for short texts faster to train than the fused kernel of a CPU."""
    scores = torch.matmul(query * (query.shape[-1] ** -0.5 if scaling is None else scaling), key.transpose(2, 3))
    if attention_mask is not None:
        scores = scores + attention_mask[..., : key.shape[-2]]
    weights = drop(nn.functional.softmax(scores, dim=-1).to(value.dtype), dropout if module.training else 0.0)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), None


def quicken(net: Any, sample: dict[str, Tensor]) -> bool:
    """Swap in the cheap dropout, and the plain attention where it gives the same answers as the model's own.

    Architectures bend attention in many ways (biases, windows, shared keys); so the model itself is asked, on a
    sample. Returns whether attention was swapped.
    """
    for module in list(net.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, Dropout(child.p))
    before = net.config._attn_implementation
    if before == PREFIXED:
        return False
    try:
        expected = _answer(net, sample)
        _register()
        net.set_attn_implementation(ATTENTION)
        if torch.allclose(expected, _answer(net, sample), atol=CLOSE, rtol=CLOSE):
            return True
    except Exception:  # an architecture that cannot be asked so, or does not know the plain form, keeps its own
        pass
    net.set_attn_implementation(before)
    return False


def _answer(net: Any, sample: dict[str, Tensor]) -> Tensor:
    net.eval()
    with torch.no_grad():
        flat = {name: each.flatten(0, -2) for name, each in sample.items() if name != "shapes"}
        states: Tensor = net.base_model(**flat)[0]
    mask = flat["attention_mask"].unsqueeze(-1)
    return states * mask


def _register() -> None:
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    AttentionInterface.register(ATTENTION, _attention)
    AttentionMaskInterface.register(ATTENTION, eager_mask)


class PackedLinear(nn.Module):
    """A linear layer for inference on a CPU, its weight laid out once the way oneDNN reads it.

    torch lays it out anew at every call; for 1,000 tokens and 384 features that takes 15 to 20 % of the product.
    """

    def __init__(self, linear: nn.Linear, tokens: int) -> None:
        super().__init__()
        self.packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), tokens)
        self.weight, self.bias = linear.weight, linear.bias  # architectures look at them for type and device

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, "none", [], "")
        return out


def packs() -> bool:
    """Whether torch can pack weights on this CPU; those without AVX-512 cannot."""
    needed = ("_reorder_linear_weight", "_linear_pointwise", "_is_mkldnn_bf16_supported")
    return all(hasattr(torch.ops.mkldnn, name) for name in needed) and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def pack(net: nn.Module, tokens: int) -> nn.Module:
    """Pack the linear layers of a bfloat16 network on a CPU for batches of about `tokens` tokens, where torch and the
    CPU can."""
    if not packs():
        return net
    for module in list(net.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Linear and child.weight.device.type == "cpu" and child.weight.dtype is torch.bfloat16:
                setattr(module, name, PackedLinear(child, tokens))
    return net


def shorten(net: Any, raw: Callable[[Any], Tensor]) -> bool:
    """Let the last layer compute the first token only, where the head reads no other.

    Encoders of BERT's kind classify by the first token: the last layer's queries, outputs and feed-forward parts at
    all other places are computed for nobody (of six layers, one part in seven of all products). Whether a head reads
    other places is asked of the net itself: `raw` gives its raw answers on a sample. Returns whether it was done;
    `lengthen` undoes it.
    """
    layer = _last_layer(net)
    if layer is None or net.config._attn_implementation not in ("sdpa", ATTENTION, PREFIXED):
        return False
    net.eval()
    with torch.no_grad():
        expected = raw(net)
        layer.forward = MethodType(_first_place, layer)
        try:
            same = torch.allclose(expected, raw(net), atol=CLOSE, rtol=CLOSE)
        except Exception:  # a head that asks for every place
            same = False
    if not same:
        lengthen(net)
    return same


def lengthen(net: Any) -> None:
    """Let the last layer compute all places again."""
    layer = _last_layer(net)
    if layer is not None:
        vars(layer).pop("forward", None)


def _last_layer(net: Any) -> Any:
    """The last layer of an encoder that is built as BERT is, or `None`."""
    layers = getattr(getattr(net.base_model, "encoder", None), "layer", None)
    layer: Any = layers[-1] if isinstance(layers, nn.ModuleList) and len(layers) else None
    own = getattr(getattr(layer, "attention", None), "self", None)
    needed = ("query", "key", "value", "num_attention_heads", "attention_head_size", "scaling", "dropout")
    is_one = all(hasattr(own, name) for name in needed) and hasattr(layer, "feed_forward_chunk")
    return layer if is_one and not layer.is_decoder else None


def _first_place(layer: Any, states: Tensor, attention_mask: Tensor | None = None, *_: Any, **__: Any) -> Tensor:
    """A BERT layer's answer at the first place, float[n, 1, d]."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    own, first = layer.attention.self, states[:, :1]
    shape = (len(states), -1, own.num_attention_heads, own.attention_head_size)
    query, key, value = (
        project(given).view(shape).transpose(1, 2)
        for project, given in ((own.query, first), (own.key, states), (own.value, states))
    )
    mixed, _weights = ALL_ATTENTION_FUNCTIONS[own.config._attn_implementation](
        own, query, key, value, None if attention_mask is None else attention_mask[..., :1, :],
        dropout=own.dropout.p if own.training else 0.0, scaling=own.scaling,
    )  # fmt: skip
    answer: Tensor = layer.feed_forward_chunk(layer.attention.output(mixed.reshape(len(states), 1, -1), first))
    return answer


class CompactEmbedding(nn.Module):
    """The rows of a word table that the data can reach, under the same ids.

    A word that never occurs has gradient zero, and without weight decay it never moves: training the occurring rows
    alone gives the same weights, and spares the optimiser most of a large vocabulary (of MiniLM's 22.7 million
    parameters 11.7 million are word vectors).
    """

    def __init__(self, table: nn.Embedding, used: NDArray[np.int64]) -> None:
        super().__init__()
        self.whole = table
        self.used = torch.from_numpy(used)
        self.place = torch.full((table.num_embeddings,), -1, dtype=torch.int64)
        self.place[self.used] = torch.arange(len(used))
        self.padding = None if table.padding_idx is None else int(self.place[table.padding_idx])
        self.weight = nn.Parameter(table.weight.detach()[self.used].clone(), requires_grad=table.weight.requires_grad)
        table.weight.requires_grad_(False)

    def forward(self, ids: Tensor) -> Tensor:
        """Vectors of the tokens, float[n, t, d]."""
        return nn.functional.embedding(self.place[ids], self.weight, padding_idx=self.padding)

    def restored(self) -> nn.Embedding:
        """The whole table with the trained rows in it."""
        with torch.no_grad():
            self.whole.weight[self.used] = self.weight
        return self.whole


def compact(net: Any, ids: NDArray[np.integer[Any]]) -> bool:
    """Train only the rows of the word table that occur in `ids`; False where nothing would be gained or it is tied."""
    table = net.get_input_embeddings()
    used = np.unique(np.append(ids, [i for i in (net.config.pad_token_id, _padding(table)) if i is not None]))
    if type(table) is not nn.Embedding or table.weight.device.type != "cpu" or not table.weight.requires_grad:
        return False
    owners = sum(each is table.weight for module in net.modules() for each in module._parameters.values())
    if owners != 1 or table.max_norm is not None or len(used) > WORTH * table.num_embeddings:
        return False
    net.set_input_embeddings(CompactEmbedding(table, used.astype(np.int64)))
    return True


def _padding(table: Any) -> int | None:
    return getattr(table, "padding_idx", None)


def expand(net: Any) -> None:
    """Put the whole word table back."""
    table = net.get_input_embeddings()
    if isinstance(table, CompactEmbedding):
        net.set_input_embeddings(table.restored())


def forget_activations(net: Any) -> None:
    """Compute what the layers need for their gradients again instead of keeping it."""
    newer = getattr(net, "activation_checkpointing_enable", None)  # the name since transformers 5.23
    (newer or net.gradient_checkpointing_enable)({"use_reentrant": False})


def keep_activations(net: Any) -> None:
    """Keep it again."""
    newer = getattr(net, "activation_checkpointing_disable", None)
    (newer or net.gradient_checkpointing_disable)()
