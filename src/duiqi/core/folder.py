"""Run folders: written aside, then swapped in at once. A killed run leaves the old folder or the new one."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from duiqi.core.errors import OutputError

_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


@contextmanager
def swapped_in(out: Path) -> Iterator[Path]:
    """A fresh folder to write into; when the block ends well it takes the place of `out`, else it is removed.

    `OutputError` where nothing can be written or the disk is full; then `out` is as it was.
    """
    out = Path(os.path.realpath(out))  # what a link leads to is replaced, not the link
    _check_folder(out)
    aside = out.with_name(f".{out.name}.{os.getpid()}.new")
    try:
        aside.parent.mkdir(parents=True, exist_ok=True)
        _clear(aside)
        aside.mkdir()
        yield aside
        _sync(aside)
        _take_place(aside, out)
    except OSError as error:
        raise _unwritable(out, error) from error
    finally:
        _clear(aside)


def check_replaceable(out: Path, ours: Collection[str], sources: Iterable[str | Path], *, made: str) -> None:
    """`OutputError` where a folder that is replaced as a whole holds a source, or files of other names than `ours`."""
    check_outside(out, sources)
    place = Path(os.path.realpath(out))
    others = sorted(path.name for path in place.iterdir() if path.name not in ours) if place.is_dir() else []
    if others:
        raise OutputError(
            f"expected an empty folder or one of an earlier run, given {out}, which holds {others[0]}",
            hint="Choose another --out: the folder would be replaced as a whole.",
        )
    check_writable(out, made)


def check_report_place(out: str | Path | None, sources: Iterable[object] = ()) -> None:
    """`OutputError` at once where a report alone could not be written to `out`, or where something else would be lost
    there: files of no earlier run, the model of one, or a source of this run."""
    if out is None:
        return
    place = Path(out)
    check_writable(place)
    if (place / "model").exists():
        raise OutputError(
            f"expected a folder for the report, given {out}, in which there is a model, too",
            hint="Choose another --out: the folder would be replaced as a whole, and the model with it.",
        )
    check_outside(place, sources)


def check_outside(out: Path, sources: Iterable[object]) -> None:
    """`OutputError` where a model or rows that a run reads lie in the folder that it replaces as a whole."""
    place = Path(os.path.realpath(out))
    named = [each for each in sources if isinstance(each, str | Path)]
    inside = next((each for each in named if Path(each).resolve().is_relative_to(place)), None)
    if inside is not None:
        raise OutputError(
            f"expected sources outside the folder for the output, given {inside} in {out}",
            hint="Choose another --out: the folder would be replaced as a whole.",
        )


def check_writable(out: Path, made: str = "report.json") -> None:
    """`OutputError` at once, not after an hour, where `out` could not be written, or holds what no earlier run made. A
    folder of ours is known by the file `made`."""
    out = Path(os.path.realpath(out))
    _check_folder(out)
    if out.is_dir() and any(out.iterdir()) and not (out / made).exists():
        raise OutputError(
            f"expected an empty folder or one of an earlier run, given {out}, which holds other files",
            hint="Choose another --out: the folder would be replaced as a whole.",
        )
    probe = out.with_name(f".{out.name}.{os.getpid()}.probe")
    try:
        probe.mkdir(parents=True, exist_ok=True)
        (probe / "probe").write_bytes(b"0" * 65536)
    except OSError as error:
        raise _unwritable(out, error) from error
    finally:
        _clear(probe)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """JSON for people and programs: UTF-8, indented by one, no NaN."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def sha256(path: Path) -> str:
    """The digest of a file's bytes, in hexadecimal; read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_folder(out: Path) -> None:
    """`OutputError` for a file, and for a folder that must not be replaced because this runs in it."""
    if out == Path.cwd() or out in Path.cwd().parents:
        raise OutputError(
            f"expected a folder of its own for the output, given {out}, in which this runs",
            hint="Choose another --out.",
        )
    if out.exists() and not out.is_dir():
        raise OutputError(f"expected a folder for the output, given the file {out}", hint="Choose another --out.")


def _unwritable(out: Path, error: OSError) -> OutputError:
    return OutputError(
        f"expected a place where {out} can be written, given {error.strerror or error}",
        hint="Choose another folder with --out, or make room there. What was there before is untouched.",
    )


def _take_place(aside: Path, out: Path) -> None:
    if not out.exists():
        aside.rename(out)
    elif not _exchange(aside, out):  # no such call on this system: the moment between two renames remains
        old = out.with_name(f".{out.name}.{os.getpid()}.old")
        out.rename(old)
        aside.rename(out)
        _clear(old)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two folders in one step (renameat2 on Linux); whether that worked."""
    if not sys.platform.startswith("linux"):
        return False
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    return call(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _clear(folder: Path) -> None:
    with suppress(OSError):  # a name that is too long is none
        if folder.is_dir():
            shutil.rmtree(folder)
