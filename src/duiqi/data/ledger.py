"""What was done to rows, written down as it is done: every change with its reason, and counts of all that went
through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from duiqi.core.dataset import Dataset
from duiqi.core.slice import is_cjk
from duiqi.data.collect import TARGET, Change, Piece
from duiqi.data.write import written

FILE = "changes.jsonl"
COUNTED = 100_000  # different labels, after which new ones are counted as others
OTHERS = "…"


@dataclass(eq=False)
class Ledger:
    """Writes changes into a file, one a line, and counts: rows read by source, changes by source, step and reason,
    rows by part, labels by part, rows with Chinese, notes of the readers."""

    file: TextIO
    read: Counter[str] = field(default_factory=Counter)
    changes: Counter[tuple[str, str, str, bool]] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    labels: dict[str, Counter[str]] = field(default_factory=dict)
    chinese: int = 0
    noted: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path) -> Ledger:
        """A ledger whose changes stand in a folder."""
        return cls((folder / FILE).open("w", encoding="utf-8", errors="backslashreplace", newline="\n"))

    def enter(self, piece: Piece) -> None:
        """Rows as they came in."""
        dropped = sum(change.after is None for change in piece.changes)
        self.read[piece.source] += len(piece.data) + dropped
        for change in piece.changes:
            self.change(piece.source, change)
        self.chinese += sum(map(is_cjk, piece.data.texts))
        for note in piece.data.notes:
            self._note(note)

    def change(self, source: str, change: Change) -> None:
        """What was done to a row of a source."""
        self.changes[source, change.step, change.reason, change.after is None] += 1
        self.file.write(written(change.to_json()) + "\n")

    def leave(self, part: str, data: Dataset) -> None:
        """Rows as they go out, into a part."""
        self.rows[part] += len(data)
        if not data.has("label") or data.schema.label == TARGET:
            return
        counts = self.labels.setdefault(part, Counter())
        for value in data.values("label"):
            for label in value if isinstance(value, list) else [value]:
                if isinstance(label, str):
                    counts[label if label in counts or len(counts) < COUNTED else OTHERS] += 1

    def close(self) -> None:
        self.file.close()

    @property
    def dropped(self) -> Counter[str]:
        """How many rows of each source were left out."""
        found: Counter[str] = Counter()
        for (source, _, _, gone), count in self.changes.items():
            found[source] += count if gone else 0
        return found

    @property
    def notes(self) -> list[Mapping[str, Any]]:
        """What the readers said of the rows, said once."""
        return list(self.noted.values())

    def _note(self, note: Mapping[str, Any]) -> None:
        about = sorted((key, str(value)) for key, value in note.items() if key not in ("rows", "first"))
        seen = self.noted.setdefault(str(about), {**note, "rows": 0} if "rows" in note else dict(note))
        if "rows" in note:
            seen["rows"] += note["rows"]
