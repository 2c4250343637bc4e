"""Work in progress on disk: one safetensors file, swapped in whole, and what must be equal to go on from it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from duiqi.core.errors import ResumeError
from duiqi.model.folder import unwritable

FILE = "fit.safetensors"
DONE = "fit.json"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Tensors by name, and small facts (position, best score) as JSON."""

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]


def write(work: Path, manifest: Mapping[str, Any], checkpoint: Checkpoint) -> None:
    """Put the checkpoint in place of the last one: written aside, held by the disk, then renamed."""
    from safetensors.torch import save_file

    said = json.dumps({"manifest": manifest, "facts": checkpoint.facts}, sort_keys=True)
    try:
        work.mkdir(parents=True, exist_ok=True)
        aside = work / f".{FILE}.new"
        save_file({name: each.contiguous() for name, each in checkpoint.tensors.items()}, aside, {"duiqi": said})
        _replace(aside, work / FILE)
    except Exception as error:
        if isinstance(error, OSError) or type(error).__name__ == "SafetensorError":
            raise unwritable(work, error) from error
        raise


def _replace(aside: Path, final: Path) -> None:
    with aside.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(aside, final)


def read(work: Path, manifest: Mapping[str, Any]) -> Checkpoint | None:
    """The checkpoint in `work`, `None` where there is none; `ResumeError` where it belongs to another run."""
    from safetensors import SafetensorError, safe_open

    path = work / FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            said = json.loads(file.metadata()["duiqi"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise ResumeError(
            f"expected a readable checkpoint at {path}, given one that is not ({error})",
            hint=f"Delete {work} and start again.",
        ) from error
    compare(said["manifest"], manifest, work)
    return Checkpoint(tensors, said["facts"])


def compare(saved: Mapping[str, Any], now: Mapping[str, Any], work: Path) -> None:
    """Raise a `ResumeError` that names every difference between the run on disk and this one."""
    now = json.loads(json.dumps(now))
    differ = [
        f"{key} {json.dumps(saved.get(key))} there and {json.dumps(now.get(key))} here"
        for key in sorted({*saved, *now})
        if saved.get(key) != now.get(key)
    ]
    if differ:
        raise ResumeError(
            f"expected work in {work} that this run can continue exactly, given " + ", ".join(differ),
            hint="Run again with what stands there, or delete the folder to start over.",
        )


def finish(work: Path, manifest: Mapping[str, Any], fingerprint: str) -> None:
    """Note that the run is over and which bundle it made, and drop the checkpoint."""
    try:
        work.mkdir(parents=True, exist_ok=True)
        aside = work / f".{DONE}.new"
        aside.write_text(json.dumps({"manifest": manifest, "fingerprint": fingerprint}, sort_keys=True))
        _replace(aside, work / DONE)
        (work / FILE).unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(work, error) from error


def finished(work: Path, manifest: Mapping[str, Any]) -> str | None:
    """Fingerprint of the bundle that this very run made before, if it came to its end."""
    path = work / DONE
    if not path.is_file():
        return None
    said = json.loads(path.read_text())
    compare(said["manifest"], manifest, work)
    return str(said["fingerprint"])


def optimizer_tensors(optimizer: torch.optim.Optimizer, names: Mapping[Tensor, str]) -> dict[str, Tensor]:
    """The optimiser's state as named tensors."""
    state = {}
    for parameter, entries in optimizer.state.items():
        for key, value in entries.items():
            state[f"optimizer/{names[parameter]}/{key}"] = torch.as_tensor(value)
    return state


def restore_optimizer(
    optimizer: torch.optim.Optimizer, names: Mapping[Tensor, str], saved: Mapping[str, Tensor]
) -> None:
    """Put named tensors back as the optimiser's state."""
    for parameter, name in names.items():
        prefix = f"optimizer/{name}/"
        entries = {key.removeprefix(prefix): value for key, value in saved.items() if key.startswith(prefix)}
        if entries:
            optimizer.state[parameter] = {key: value.clone() for key, value in entries.items()}
