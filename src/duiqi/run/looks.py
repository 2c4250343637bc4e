"""A ledger of how often each set of rows was looked at, kept for the user over all runs.

A test set that has been used twenty times has become a dev set. The ledger holds fingerprints and counts, no rows.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from duiqi.core.dataset import Dataset


def ledger() -> Path:
    """The file: `DUIQI_STATE`, else the user's state folder as desktop systems define it."""
    home = os.environ.get("DUIQI_STATE") or Path(
        os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state", "duiqi"
    )
    return Path(home) / "looks.json"


def look(data: Dataset, *, run: str) -> int:
    """Note that `run` looked at these rows; how many different runs have done so by now."""
    path = ledger()
    runs = _read(path)
    seen = runs.setdefault(data.fingerprint, [])
    if run not in seen:
        seen.append(run)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            aside = path.with_suffix(f".{os.getpid()}")
            aside.write_text(json.dumps(runs), encoding="utf-8")
            aside.replace(path)
        except OSError:  # a home that cannot be written must not stop a proof; the count is then of this run alone
            return len(seen)
    return len(seen)


def _read(path: Path) -> dict[str, list[str]]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return said if isinstance(said, dict) else {}
    except (OSError, ValueError):
        return {}
