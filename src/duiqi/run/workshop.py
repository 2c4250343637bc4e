"""`Workshop`: the folder `OUT.work/` where a run keeps what it must not lose, and a journal of its decisions.

A run that was killed begins again from the top and finds here what it had decided and which models were finished, so
it goes the same way and ends with the same model. What would make that untrue is pinned in the journal's first line.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from duiqi.core.errors import OutputError, ResumeError

JOURNAL = "journal.jsonl"
LOCK = "at_work"
PINNED = ("duiqi", "torch", "transformers", "tokenizers", "accelerate", "numpy", "scikit-learn")


def versions() -> dict[str, str]:
    """Versions of what a result hangs on."""
    found = {"python": platform.python_version()}
    for name in PINNED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@dataclass(eq=False)
class Workshop:
    """Work in progress: decisions by name, and folders for models by name."""

    folder: Path
    decisions: dict[str, Any] = field(default_factory=dict)
    spent: float = 0.0
    _begun: float = field(default_factory=time.monotonic)
    _lock: int | None = None

    @classmethod
    def open(cls, folder: Path, pins: Mapping[str, Any]) -> Workshop:
        """Begin, or go on where an earlier run with equal pins stopped; `ResumeError` where the pins differ, and where
        another run is at work there."""
        pins = json.loads(json.dumps({**pins, "versions": versions()}))
        journal = folder / JOURNAL
        lock = _alone(folder)
        lines = _read(journal)
        if len(lines) < 2:  # nothing was decided yet: nothing can be lost
            _write_first(journal, pins)
            return cls(folder, _lock=lock)
        differing = [name for name in pins if lines[0].get(name) != pins[name]]
        if differing:
            name = differing[0]
            raise ResumeError(
                f"expected to go on with the work in {folder}, given another {name}: begun with "
                f"{_brief(lines[0].get(name))}, now {_brief(pins[name])}",
                hint=f"Run it as it was begun, or delete {folder} to begin anew.",
            )
        _rewrite(journal, lines)
        decisions = {line["name"]: line["said"] for line in lines[1:]}
        spent = max((said for name, said in decisions.items() if name.startswith("clock:")), default=0.0)
        return cls(folder, decisions, float(spent), _lock=lock)

    def __post_init__(self) -> None:
        self._release = weakref.finalize(self, os.close, self._lock) if self._lock is not None else lambda: None

    def decide(self, name: str, make: Callable[[], Any]) -> Any:
        """What was decided under this name; `make()` where nothing was yet. Values are plain JSON."""
        if name not in self.decisions:
            said = json.loads(json.dumps(make()))
            self._append({"name": name, "said": said})
            self.decisions[name] = said
        return self.decisions[name]

    def say(self, name: str, value: Any) -> Any:
        """Write a value down under this name; what was written first stays."""
        return self.decide(name, lambda: value)

    def seconds(self) -> float:
        """Working time so far, that of killed runs included as far as they wrote it down."""
        return self.spent + time.monotonic() - self._begun

    def mark(self, name: str) -> None:
        """Write the working time down, so that a budget also counts what a killed run spent."""
        self.say(f"clock:{name}", round(self.seconds(), 1))

    def place(self, name: str) -> Path:
        """Where the model of that name is kept."""
        return self.folder / "models" / name

    def close(self) -> None:
        """Remove everything: the result stands elsewhere."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._release()

    def _append(self, line: Mapping[str, Any]) -> None:
        with (self.folder / JOURNAL).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _alone(folder: Path) -> int | None:
    """The open file by which other runs see that somebody is at work here; it is let go of when this run ends, however
    it ends. `ResumeError` where another has it. Nothing on systems without such locks."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR)
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held by a process: one that was stopped may call again
    except (BlockingIOError, PermissionError):
        os.close(file)
        raise ResumeError(
            f"expected to work in {folder} alone, given another run that is at work there",
            hint="Wait until it has ended, or choose another --out.",
        ) from None
    except OSError:  # a file system that knows no locks
        os.close(file)
        return None
    return file


def _unwritable(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"expected a place where {folder} can be written, given {error.strerror or error}",
        hint="Choose another folder with --out.",
    )


def _read(journal: Path) -> list[dict[str, Any]]:
    """The whole lines of a journal; a last line that a kill cut short does not count."""
    if not journal.is_file():
        return []
    lines = []
    for line in journal.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
    return lines


def _write_first(journal: Path, pins: Mapping[str, Any]) -> None:
    try:
        journal.parent.mkdir(parents=True, exist_ok=True)
        _rewrite(journal, [pins])
    except OSError as error:
        raise _unwritable(journal.parent, error) from error


def _rewrite(journal: Path, lines: list[Any] | list[dict[str, Any]]) -> None:
    aside = journal.with_suffix(".new")
    aside.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    aside.replace(journal)


def _brief(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else text[:157] + "…"
