"""Saving models: a plain Hugging Face checkpoint with `duiqi.json` and `lineage.parquet` beside it, all or nothing."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duiqi.core.bundle import CARD, LINEAGE, Bundle, Step, write_card
from duiqi.core.errors import OptionError
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
    with on_disk.filled(Path(folder)) as place:
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
    with on_disk.filled(Path(out)) as place:
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
    with on_disk.filled(Path(out)) as place:
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
