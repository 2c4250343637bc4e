"""What held layers say of the rows, computed once: where nothing moves below, they say the same in every epoch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from duiqi.core.errors import OptionError
from duiqi.model.kernels import CLOSE
from duiqi.model.scopes.base import from_layers, stack
from duiqi.model.tokens import Encoded, by_length, collate

BYTES = 1 << 30  # the most that is kept; above it, held layers run in every epoch
TOKENS = 4096  # of a batch with its padding, when the states are computed


CHECKED = 8  # rows of which the answers are compared
COARSE = 2e-2  # how close they are in a number type of few digits


class Stand(nn.Module):
    """Stands for the embeddings of a body, or for its first layer, and says what was computed before."""

    def __init__(self, *, as_tuple: bool) -> None:
        super().__init__()
        self.states: Tensor | None = None
        self.as_tuple = as_tuple

    def forward(self, *_: Any, **__: Any) -> Any:
        assert self.states is not None
        return (self.states,) if self.as_tuple else self.states


class Through(nn.Module):
    """Stands for a layer and says what it is given."""

    def __init__(self, *, as_tuple: bool) -> None:
        super().__init__()
        self.as_tuple = as_tuple

    def forward(self, states: Tensor, *_: Any, **__: Any) -> Any:
        return (states,) if self.as_tuple else states


class Held:
    """The states after the last held layer for all rows, and the network with stand-ins for what made them.

    Rows lie one after the other, float[all tokens, d], or float[n, d] where the head reads the first token alone.
    """

    def __init__(self, net: Any, count: int, states: Tensor, starts: NDArray[np.int64], as_tuple: bool) -> None:
        self.net, self.count, self.states, self.starts = net, count, states, starts
        self.as_tuple = as_tuple

    def put(self, which: NDArray[np.int64], rows: Tensor) -> None:
        """Keep the states of some rows, float[n, t, d] with their padding."""
        here = np.arange(rows.shape[1]) < (self.starts[which + 1] - self.starts[which])[:, None]
        at = (self.starts[which][:, None] + np.arange(rows.shape[1]))[here]
        self.states[torch.from_numpy(at)] = rows[torch.from_numpy(here)]

    @contextmanager
    def of(self, which: NDArray[np.int64]) -> Iterator[None]:
        """The network with what was computed for some rows in the place of its held layers."""
        layers = stack(self.net)[1]
        own = list(layers)
        embeddings = getattr(self.net.base_model, "embeddings", None)
        stand = Stand(as_tuple=self.as_tuple and embeddings is None)
        stand.states = self._padded(which)
        stands: list[nn.Module] = [Through(as_tuple=self.as_tuple) for _ in range(self.count)]
        if embeddings is None:
            stands[0] = stand
        else:
            self.net.base_model.embeddings = stand
        for at, each in enumerate(stands):
            layers[at] = each
        try:
            yield
        finally:
            for at, layer in enumerate(own):
                layers[at] = layer
            if embeddings is not None:
                self.net.base_model.embeddings = embeddings

    def _padded(self, which: NDArray[np.int64]) -> Tensor:
        begins, lengths = self.starts[which], self.starts[which + 1] - self.starts[which]
        width = int(lengths.max())
        at = np.minimum(begins[:, None] + np.arange(width), len(self.states) - 1)
        padded = self.states[torch.from_numpy(at)]
        if width > 1:
            padded[torch.from_numpy(np.arange(width) >= lengths[:, None])] = 0.0
        return padded


class _Enough(Exception):
    """Raised when the states that are asked for are there: what lies above need not run."""


def hold(net: Any, head: Any, encoded: Encoded, pad: int, number_type: torch.autocast) -> Held | None:
    """The states of all rows, or `None` where nothing is held, they would not fit into `BYTES`, or the network does
    not answer the same with them. Leaves the network in evaluation mode.

    They are computed in one order, whatever epoch a fit is in, so that one that goes on has the same ones.
    """
    count = held_layers(net)
    if not count or encoded.parts is not None or 4 * net.config.hidden_size * len(encoded) > BYTES:
        return None
    net.eval()
    with torch.no_grad(), number_type:
        try:
            made = _read(net, head, encoded, pad, count)
            return made if made is not None and _says_the_same(made, head, encoded, pad) else None
        except Exception:  # a network that cannot be stopped half way, or whose layers pass on more than states
            return None


def _read(net: Any, head: Any, encoded: Encoded, pad: int, count: int) -> Held | None:
    """The states after `count` layers; `None` where they would take too much."""
    read: list[Any] = []

    def note(layer: Any, given: Any, said: Any) -> None:
        read.append(said)
        raise _Enough

    made: Held | None = None
    hook = stack(net)[1][count - 1].register_forward_hook(note)
    try:
        for which in by_length(encoded.lengths, TOKENS):
            with suppress(_Enough):
                head.raw(net, collate(encoded, which, pad, net.device))
            said = read.pop()
            rows = said[0] if isinstance(said, tuple) else said
            if made is None:
                starts = encoded.starts if rows.shape[1] > 1 else np.arange(len(encoded) + 1)
                if rows.element_size() * rows.shape[2] * int(starts[-1]) > BYTES:
                    return None
                made = Held(net, count, rows.new_empty(int(starts[-1]), rows.shape[2]), starts, isinstance(said, tuple))
            made.put(which, rows)
    finally:
        hook.remove()
    return made


def _says_the_same(held: Held, head: Any, encoded: Encoded, pad: int) -> bool:
    which = np.arange(min(CHECKED, len(encoded)))
    batch = collate(encoded, which, pad, held.net.device)
    expected = head.raw(held.net, batch)
    with held.of(which):
        given = head.raw(held.net, batch)
    there = batch["attention_mask"].bool() if expected.ndim == 3 else slice(None)
    loose = CLOSE if not torch.is_autocast_enabled(held.net.device.type) else COARSE
    return torch.allclose(expected[there], given[there], atol=loose, rtol=loose)


def held_layers(net: Any) -> int:
    """How many of the first layers are held, with all that lies below them; of a network without layers, 0."""
    try:
        prefix, layers = stack(net)
    except OptionError:
        return 0
    above = {*from_layers(net)}
    moving = [name for name, p in net.named_parameters() if p.requires_grad]
    if any(name not in above for name in moving):
        return 0
    for count in range(len(layers)):
        if any(name.startswith(f"{prefix}.{count}.") for name in moving):
            return count
    return len(layers)


def epochs_worth(net: Any, epochs: int) -> float:
    """In how many epochs' time so many are done, where held layers run in the first one only."""
    held = held_layers(net)
    return 1 + (epochs - 1) * (1 - held / len(stack(net)[1])) if held else epochs
