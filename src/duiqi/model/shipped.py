"""Models that the package carries: weights in eight bits, unpacked into a plain checkpoint on first use.

A matrix is kept as int8[m, n] with a float16 scale for each row, everything else as float16: a quarter of float32, and
half of what a wheel may weigh. Needs no torch.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.errors import ModelError
from duiqi.core.folder import sha256
from duiqi.model import folder as on_disk
from duiqi.model.folder import filled

CACHE = "DUIQI_CACHE"
PACKED = "packed.safetensors"
SCALES = ".scales"  # behind the name of a matrix
LARGEST = 127


def unpacked(source: Path) -> Path:
    """The folder of a shipped model as a plain checkpoint, made in the user's cache where it is not there yet.

    The cache is `DUIQI_CACHE`, else the user's own. The folder's name holds the hash of what was unpacked, so
    another version gets another one. `ModelError` where the package lacks the model, `OutputError` where nothing can be
    written.
    """
    if not (source / PACKED).is_file():
        raise ModelError(
            f"expected the model that the package carries in {source}, given a package without it",
            hint="Install duiqi again, or give a folder with a Chinese encoder, or hub:NAME.",
        )
    made = cache() / f"{source.name.replace('_', '-')}-{sha256(source / PACKED)[:16]}"
    if not (made / "config.json").is_file():
        from safetensors.numpy import load_file, save_file

        with filled(made) as place:
            for path in source.iterdir():
                if path.is_file() and path.name != PACKED:
                    shutil.copyfile(path, place / path.name)
            save_file(widened(load_file(source / PACKED)), place / "model.safetensors", {"format": "pt"})
    return made


def pack(checkpoint: Path, target: Path) -> int:
    """Write a checkpoint's weights in eight bits, with its configuration and tokenizer, into `target`; its bytes."""
    from safetensors.numpy import load_file, save_file

    target.mkdir(parents=True, exist_ok=True)
    weights: dict[str, NDArray[Any]] = {}
    for path in on_disk.weight_files(checkpoint):
        weights |= load_file(path)
    save_file(narrowed(weights), target / PACKED)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(checkpoint / name, target / name)
    return sum(path.stat().st_size for path in target.iterdir())


def narrowed(weights: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Matrices as int8 with a scale for each row, everything else as float16."""
    kept: dict[str, NDArray[Any]] = {}
    for name, each in weights.items():
        if each.ndim != 2:
            kept[name] = each.astype(np.float16)
            continue
        scales = np.maximum(np.abs(each).max(axis=1, keepdims=True) / LARGEST, np.finfo(np.float16).tiny)
        scales = scales.astype(np.float16)
        steps = np.round(each / scales.astype(np.float32))
        kept[name] = np.clip(steps, -LARGEST, LARGEST).astype(np.int8)
        kept[name + SCALES] = scales
    return kept


def widened(kept: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    """The weights of `narrowed` as float32."""
    return {
        name: each.astype(np.float32) * kept[name + SCALES].astype(np.float32) if name + SCALES in kept
        else each.astype(np.float32)
        for name, each in kept.items() if not name.endswith(SCALES)
    }  # fmt: skip


def cache() -> Path:
    """The user's folder for what can be made again."""
    own = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get(CACHE) or Path(own, "duiqi"))
