"""Which probes said nothing of a task, and why: what `docs/probes.md` is made of (`scripts/probes.py`)."""

from __future__ import annotations

import json
import os
from pathlib import Path

BLANKS = Path(__file__).with_name("blanks.json")


def compare(task: str, said: dict) -> None:
    """The probes that a whole run on the task left out are those written down; DUIQI_WRITE_SNAPSHOTS=1 writes them
    anew, to be read before they are committed."""
    found = {each["probe"]: ", ".join(each["needs"]) or each["detail"] for each in said["skipped"]}
    assert not [each for each in said["skipped"] if each["why"] == "raised"]
    blanks = json.loads(BLANKS.read_text(encoding="utf-8")) if BLANKS.exists() else {}
    if os.environ.get("DUIQI_WRITE_SNAPSHOTS"):
        blanks[task] = found
        BLANKS.write_text(json.dumps(blanks, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    assert found == blanks[task]
