"""Model folders: which files they have, whether these are whole, the fingerprint, and how one is written at once. Needs
no torch."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from duiqi.core.errors import ModelError, OutputError

ON_TOP_FILE = "head.safetensors"  # what stands on a standard body and transformers has no class for
ADAPTER_FILE = "adapter.safetensors"  # what a scope added to a base that lies elsewhere
INDEX = "model.safetensors.index.json"
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "tokenizer.model", "sentencepiece.bpe.model")
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")
DECODERS = ("ForCausalLM", "LMHeadModel")  # how names of causal language models end
VOLATILE = ("transformers_version", "_name_or_path", "torch_dtype", "dtype", "architectures", "use_cache")


def is_made_for(config: Mapping[str, Any], endings: tuple[str, ...]) -> bool:
    """Whether a config.json names a network whose name ends so."""
    return any(str(name).endswith(endings) for name in config.get("architectures") or ())


def check(folder: Path, *, allow_pickle: bool) -> None:
    """Raise a `ModelError` that says what is missing or broken, if the folder cannot be opened as a model."""
    if not folder.exists():
        raise ModelError(
            f"expected a model folder, given {folder}, which does not exist",
            hint="Give a folder with config.json and model.safetensors, `default`, `hub:NAME`, a file of answers, or "
            "an address with http:// before it.",
        )
    if folder.is_file():
        raise ModelError(
            f"expected a model folder, given the file {folder}",
            hint="A file of recorded answers can be diagnosed and proven, but neither trained nor explained: for these "
            "give the folder of the model.",
        )
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"expected a folder with config.json and model.safetensors, given {folder}, which has no config.json",
            hint="Save the model with save_pretrained, or give the folder that holds the weights themselves.",
        )
    _check_code(folder)
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise ModelError(
            f"expected a tokenizer ({', '.join(TOKENIZERS[:3])} …) beside the weights, given {folder} without one",
            hint="Copy the tokenizer's files there: tokenizer.save_pretrained(FOLDER).",
        )
    for weights in weight_files(folder, allow_pickle=allow_pickle):
        _check_weights(weights)


def config(folder: Path) -> dict[str, Any]:
    """The configuration of a checkpoint."""
    try:
        said = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if not isinstance(said, dict):
            raise ValueError("no JSON object")
        return said
    except (OSError, ValueError) as error:
        raise ModelError(
            f"expected a readable config.json in {folder}, given one that cannot be read ({error})",
            hint="The folder is damaged: copy or download it again.",
        ) from error


def _check_code(folder: Path) -> None:
    if "auto_map" in config(folder) and "model_type" not in config(folder):
        raise remote_code(folder)


def remote_code(folder: Path) -> ModelError:
    """The error for a checkpoint that brings Python code of its own."""
    return ModelError(
        f"expected a model that transformers knows, given {folder}, which asks to run code of its own (auto_map)",
        hint="Code from checkpoints is never run here; convert it to a standard architecture.",
    )


def weight_files(folder: Path, *, allow_pickle: bool = True) -> list[Path]:
    """The files that hold the weights, sorted; `ModelError` where there are none that may be read."""
    if (folder / ADAPTER_FILE).is_file():
        return [folder / ADAPTER_FILE]
    if (folder / "model.safetensors").exists():
        return [folder / "model.safetensors"]
    if (folder / INDEX).is_file():
        shards = json.loads((folder / INDEX).read_text(encoding="utf-8")).get("weight_map", {})
        return sorted({folder / name for name in shards.values()})
    pickled = [folder / name for name in PICKLES if (folder / name).exists()]
    if pickled and allow_pickle:
        return sorted(folder.glob("pytorch_model*.bin"))
    if pickled:
        raise ModelError(
            f"expected weights as safetensors, given {pickled[0]}, a pickle, which can run code when it is opened",
            hint="If you trust its source, convert it: load it with transformers and save_pretrained it again.",
        )
    raise ModelError(
        f"expected weights in {folder} (model.safetensors), given a folder without any",
        hint="Copy or download the folder again, with its weights.",
    )


def _check_weights(path: Path) -> None:
    """A safetensors file is as long as its header says; a truncated one is not."""
    if path.suffix == ".bin":
        return
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(length, 100_000_000)))
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        expected = 8 + length + max(ends, default=0)
    except (OSError, ValueError, struct.error, KeyError, TypeError, MemoryError) as error:
        raise _damaged(path, f"one whose header cannot be read ({error})") from error
    if path.stat().st_size != expected:
        raise _damaged(path, f"{path.stat().st_size} bytes where its header promises {expected}")


def _damaged(path: Path, given: str) -> ModelError:
    return ModelError(
        f"expected a whole safetensors file at {path}, given {given}",
        hint="The file is truncated or damaged: copy or download it again.",
    )


def body_fingerprint(folder: Path, adapter: Mapping[str, Any] | None = None) -> str:
    """Hash over weights, tokenizer and architecture alone: equal where raw answers are equal."""
    return fingerprint(folder, None, {}, adapter)


def fingerprint(
    folder: Path,
    task: Mapping[str, Any] | None,
    calibration: Mapping[str, Any],
    adapter: Mapping[str, Any] | None = None,
) -> str:
    """Hash over weights, tokenizer, architecture, task and calibration: it changes when an answer could change.

    Of an `adapter` its scope and the fingerprint of its base count, not where the base lies.
    """
    digest = hashlib.blake2b(digest_size=8)
    beside = (ON_TOP_FILE, *TOKENIZERS)
    for path in [*weight_files(folder), *(folder / name for name in beside if (folder / name).is_file())]:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest())
    shape = {key: value for key, value in config(folder).items() if key not in VOLATILE}
    on_a_base = [adapter["scope"], adapter["base"]["fingerprint"]] if adapter else []
    said = json.dumps([shape, task, dict(calibration), *on_a_base], sort_keys=True, ensure_ascii=False)
    digest.update(said.encode("utf-8"))
    return digest.hexdigest()


@contextmanager
def filled(final: Path) -> Iterator[Path]:
    """A new folder to fill, which takes the place of `final` when the block ends well and vanishes otherwise."""
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        _recover(final)
        place = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
    except OSError as error:
        raise unwritable(final, error) from error
    try:
        yield place
        flush(place)
        _swap(place, final)
    except Exception as error:
        if isinstance(error, OSError) or _is_full(error):
            raise unwritable(final, error) from error
        raise
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _recover(final: Path) -> None:
    """Clear what a killed save left: a half-filled folder, or the old one that had stepped aside (it comes back)."""
    for rest in final.parent.glob(f".{final.name}.*"):
        old = rest / final.name
        if not final.exists() and old.is_dir():
            os.rename(old, final)
        shutil.rmtree(rest, ignore_errors=True)


def _is_full(error: Exception) -> bool:
    """Whether safetensors' own error speaks of the disk."""
    return type(error).__name__ == "SafetensorError" and ("I/O" in str(error) or "os error" in str(error))


def unwritable(place: Path, error: Exception) -> OutputError:
    """The error for a place where nothing can be written, or no more."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return OutputError(
        f"expected a place to write {place}, given one that cannot be written ({reason})",
        hint="Free some space or give another folder: --out DIR.",
    )


def flush(folder: Path) -> None:
    """Have the disk hold every file of the folder before its name changes."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    os.chmod(folder, 0o755)


def _swap(place: Path, final: Path) -> None:
    """Rename over a folder; the old one steps aside first and goes when the new one stands."""
    if not final.exists():
        os.rename(place, final)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{final.name}.old.", dir=final.parent))
    os.rename(final, aside / final.name)
    os.rename(place, final)
    shutil.rmtree(aside, ignore_errors=True)
