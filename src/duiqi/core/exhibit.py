"""`Exhibit`: what people look at. Data only; show/ draws it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

FORMS = ("table", "curve", "bars", "matrix", "tokens")


@dataclass(frozen=True)
class Exhibit:
    """One picture or table as data in JSON form; `data["title"]` is a code that show/ turns into words.

    table: columns, rows · curve: x, y, series of points [x, y, low, high, weight], diagonal · bars: x, bars with
    label, value, low, high · matrix: rows, columns, values · tokens: tokens, weights.
    `remarks` are codes with facts that stand beside; `rows_of_data` says that it lists rows of the data, `brief` that
    it is for the terminal, too.
    """

    form: str
    data: Mapping[str, Any]
    probe: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"probe": self.probe, "form": self.form, "data": dict(self.data)}
