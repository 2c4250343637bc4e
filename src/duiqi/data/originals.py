"""The files that rows came from, kept byte for byte beside what was made of them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from duiqi.core.errors import DataError, OutputError

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
    import pyarrow as pa

    made = []
    for source in sources:
        packed, place = kept / FOLDER / f"{source['name']}.zst", to / source["name"]
        if not packed.is_file():
            raise DataError(
                f"expected a copy of {source['name']} in {kept / FOLDER}, given none",
                hint="It was prepared with --no-originals, comes from the hub, or its copy was deleted.",
            )
        if place.exists():
            if sha256(place) == source["sha256"]:
                continue
            raise OutputError(
                f"expected a place where {place} can be written, given another file there", hint="Choose another --out."
            )
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = place.with_name(f".{place.name}.part")
        try:
            with pa.CompressedInputStream(str(packed), "zstd") as source_bytes, aside.open("wb") as file:
                shutil.copyfileobj(source_bytes, file, _BLOCK)
            whole = sha256(aside) == source["sha256"]
        except OSError as error:
            raise DataError(
                f"expected a packed copy in {packed}, given bytes that do not unpack ({error})",
                hint="The copy is damaged; take the file from where it came from.",
            ) from error
        finally:
            if aside.exists() and not (aside.stat().st_size and "whole" in locals() and whole):
                aside.unlink()
        if not whole:
            raise DataError(
                f"expected {source['name']} as it was prepared (sha256 {source['sha256'][:12]}…), given other bytes in "
                f"{packed}",
                hint="The copy was changed; take the file from where it came from.",
            )
        aside.replace(place)
        made.append(place)
    return made


def sha256(path: Path) -> str:
    """The digest of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
