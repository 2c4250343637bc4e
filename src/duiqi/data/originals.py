"""The files that rows came from, kept byte for byte beside what was made of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from duiqi.core.errors import DataError, OutputError
from duiqi.core.folder import sha256

FOLDER = "originals"
_BLOCK = 1 << 20


def keep(path: Path, name: str, folder: Path) -> None:
    """Put a packed copy (Zstandard) of a file into a folder."""
    import pyarrow as pa

    place = folder / FOLDER / f"{name}.zst"
    place.parent.mkdir(parents=True, exist_ok=True)
    with path.open("rb") as source, pa.CompressedOutputStream(str(place), "zstd") as packed:
        shutil.copyfileobj(source, packed, _BLOCK)


def restore(sources: Iterable[Mapping[str, Any]], kept: Path, to: Path) -> list[Path]:
    """Write the files that `kept` holds into the folder `to`, each checked against its sha256.

    `sources` are the entries of prepare.json. `DataError` where a copy is not there or not what it was, `OutputError`
    where another file stands in the way.
    """
    made = []
    for source in sources:
        name = str(source["name"])
        packed, place = kept / FOLDER / f"{name}.zst", to / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise DataError(
                f"expected names of files inside a folder, given {name!r}", hint="prepare.json was changed."
            )
        if not packed.is_file():
            raise DataError(
                f"expected a copy of {name} in {kept / FOLDER}, given none",
                hint="It was prepared with --no-originals, comes from the hub, or its copy was deleted.",
            )
        try:
            if place.is_file() and sha256(place) == source["sha256"]:
                continue
            if place.exists():
                raise OutputError(
                    f"expected a place where {place} can be written, given another file there",
                    hint="Choose another --out.",
                )
            place.parent.mkdir(parents=True, exist_ok=True)
            _unpack(packed, place, str(source["sha256"]))
        except OSError as error:
            raise OutputError(
                f"expected a place where {place} can be written, given {error.strerror or error}",
                hint="Choose another --out, or make room there.",
            ) from error
        made.append(place)
    return made


def _unpack(packed: Path, place: Path, digest: str) -> None:
    """The file inside a packed copy, put in its place when it is whole."""
    import pyarrow as pa

    aside = place.with_name(f".{place.name}.part")
    try:
        with aside.open("wb") as file:
            try:
                with pa.CompressedInputStream(str(packed), "zstd") as unpacked:
                    shutil.copyfileobj(unpacked, file, _BLOCK)
            except OSError as error:
                raise DataError(
                    f"expected a packed copy in {packed}, given bytes that do not unpack ({error})",
                    hint="The copy is damaged; take the file from where it came from.",
                ) from error
        if sha256(aside) != digest:
            raise DataError(
                f"expected {place.name} as it was prepared (sha256 {digest[:12]}…), given other bytes in {packed}",
                hint="The copy was changed; take the file from where it came from.",
            )
        aside.replace(place)
    finally:
        aside.unlink(missing_ok=True)
