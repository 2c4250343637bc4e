"""One seed comes in; children are derived by name. And the weights of the Poisson bootstrap, keyed by row.

Counter-based: the weight of a row in a draw is a pure function of (key, draw, seed), so it is the same in any order,
on any machine, in any shard (Chamandy et al. 2012, "Estimating uncertainty for massive data streams").
"""

from __future__ import annotations

import hashlib
import math
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def derive(seed: int, *names: object) -> int:
    """A 63-bit child seed of `seed` for the given names; equal names give equal children."""
    text = "\x1f".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(seed: int, *names: object) -> np.random.Generator:
    """A numpy generator for the child seed of the given names."""
    return np.random.default_rng(derive(seed, *names))


def hash64(text: str) -> int:
    """64-bit hash of a text, stable over machines and versions."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The splitmix64 finaliser: a bijection of uint64 whose outputs look independent."""
    with np.errstate(over="ignore"):
        return _mix_in_place(x.copy())


def _mix_in_place(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x


@cache
def _poisson_table() -> NDArray[np.float32]:
    """Inverse CDF of Poisson(1) over 16 bits: four draws share one 64-bit hash.

    Sixteen bits put the mean within 1e-5 of one and cut the tail at eight, far below Monte-Carlo error at any
    number of draws that is used here.
    """
    table = np.zeros(1 << 16, dtype=np.float32)
    cumulative = 0.0
    for count in range(20):
        cumulative += math.exp(-1) / math.factorial(count)
        table[min(round(cumulative * (1 << 16)), 1 << 16) :] = count + 1
    return table


def poisson_weights(keys: NDArray[np.uint64], draws: int, seed: int) -> NDArray[np.float32]:
    """Bootstrap weights `float32[n, draws]`, Poisson(1), for rows with the given keys; equal keys get equal weights."""
    with np.errstate(over="ignore"):
        start = mix(keys.astype(np.uint64) ^ mix(np.array([derive(seed, "draws")], dtype=np.uint64)))
        counters = np.arange(1, -(-draws // 4) + 1, dtype=np.uint64) * _GOLDEN
        hashes = _mix_in_place(start[:, None] + counters[None, :])
    lanes = hashes.astype("<u8", copy=False).view("<u2")[:, :draws]
    return np.take(_poisson_table(), lanes)


@lru_cache(maxsize=32)
def jeffreys_weights(name: str, pairs: int, draws: int, seed: int) -> NDArray[np.float64]:
    """Weights `float64[draws, pairs]`, Gamma(1/2, 1), of the pseudo-rows added to a proportion when it is finished."""
    weights = generator(seed, "jeffreys", name).standard_gamma(0.5, size=(draws, pairs))
    weights.setflags(write=False)
    return weights
