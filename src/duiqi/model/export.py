"""Saving models: a plain Hugging Face checkpoint with `duiqi.json` and `lineage.parquet` beside it, all or nothing."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duiqi.core.bundle import CARD, LINEAGE, Bundle, Step, write_card
from duiqi.core.errors import OptionError, OutputError
from duiqi.model import folder as on_disk

if TYPE_CHECKING:
    from duiqi.model.open import Model


def save(
    model: Model, folder: Path | str, *, step: Step | None = None, card: Mapping[str, Any] | None = None
) -> Bundle:
    """The model as a folder that `AutoModel.from_pretrained` opens; the step is added to its lineage.

    The folder appears whole or not at all; one that was there is replaced. `OutputError` where nothing can be written
    or the disk is full.
    """
    from duiqi.model.heads.head import ON_TOP, save_on_top
    from duiqi.model.quiet import quiet

    made = replace(
        model.bundle,
        task=model.task.to_json() if model.head.offers else None,  # what answers nothing is a body for other tasks
        lineage=model.bundle.lineage + ((step,) if step else ()),
        card={**model.bundle.card, **(card or {}), "base": {"name": model.name, "fingerprint": model.fingerprint}},
        layout="adapter" if model.bundle.adapter else "composed" if hasattr(model.net, ON_TOP) else "full",
    )
    with filled(Path(folder)) as place:
        with quiet():
            if model.bundle.adapter:
                _save_adapter(model.net, model.bundle.adapter, place)
            else:
                model.net.save_pretrained(place, state_dict=save_on_top(model.net, place), safe_serialization=True)
            model.tokenizer.save_pretrained(place)
        return _sealed(made, place, Path(folder))


def _save_adapter(net: Any, adapter: Mapping[str, Any], place: Path) -> None:
    from safetensors.torch import save_file

    from duiqi.model.scope import scope_of

    scope: Any = scope_of(adapter["scope"])
    net.config.save_pretrained(place)
    tensors = {name: each.contiguous().cpu() for name, each in scope.tensors(net).items()}
    save_file(tensors, place / on_disk.ADAPTER_FILE)


def merged(bundle: Bundle, out: Path | str) -> Bundle:
    """An adapter and its base as one plain model that answers the same; both stay as they are.

    `OptionError` for a bundle that is no adapter, and for adapters that no weights of the body can stand for.
    """
    from duiqi.model.open import open_model
    from duiqi.model.scope import scope_of

    if not bundle.adapter:
        raise OptionError(
            f"expected an adapter on a base, given {bundle.name}, which stands alone", hint="Use it as is."
        )
    model = open_model(bundle)
    scope: Any = scope_of(bundle.adapter["scope"])
    scope.merge(model.net)
    return save(replace(model, bundle=replace(bundle, adapter=None)), out)


def alone(bundle: Bundle, out: Path | str) -> Bundle:
    """An adapter that needs nothing outside its folder: part of its base where it can be, else with it in `base/`."""
    from duiqi.model.open import base_of
    from duiqi.model.scope import scope_of

    assert bundle.adapter is not None
    if scope_of(bundle.adapter["scope"]).merges:
        return merged(bundle, out)
    base = base_of(bundle)
    made = replace(bundle, adapter={**bundle.adapter, "base": {**bundle.adapter["base"], "path": "base"}})
    with filled(Path(out)) as place:
        _linked(bundle.path, place)
        _linked(base.path, place / "base", card=True)
        return _sealed(made, place, Path(out))


def recalibrated(bundle: Bundle, calibration: Mapping[str, Any], out: Path | str, step: Step | None = None) -> Bundle:
    """A copy of a bundle with another temperature or other offsets; the weights are shared where possible."""
    temperature, offsets = calibration.get("temperature", 1.0), calibration.get("offsets", [])
    if not 0 < temperature < math.inf:
        raise OptionError(f"expected a temperature above 0, given {temperature}", hint="1.0 leaves scores alone.")
    if not all(map(math.isfinite, offsets)):
        raise OptionError(f"expected offsets that are numbers, given {offsets}", hint="0 leaves a score alone.")
    made = replace(
        bundle,
        calibration={**bundle.calibration, **calibration},
        lineage=bundle.lineage + ((step,) if step else ()),
    )
    with filled(Path(out)) as place:
        _linked(bundle.path, place)
        return _sealed(made, place, Path(out))


def _sealed(bundle: Bundle, place: Path, final: Path) -> Bundle:
    fingerprint = on_disk.fingerprint(place, bundle.task, bundle.calibration, bundle.adapter)
    sealed = replace(bundle, path=final, fingerprint=fingerprint, name=final.name)
    write_card(sealed, place)
    return sealed


def _linked(source: Path, folder: Path, *, card: bool = False) -> None:
    """The files of a bundle in another folder, with the base that it may have inside; its own card only if asked."""
    for path in sorted(source.rglob("*")):
        where = path.relative_to(source)
        if path.is_file() and (card or str(where) not in (CARD, LINEAGE)):
            (folder / where).parent.mkdir(parents=True, exist_ok=True)
            _link(path, folder / where)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)


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
