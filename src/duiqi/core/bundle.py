"""`Bundle`: a folder with a model, what it is for, and how it came to be. `model/` opens it; nothing mutates it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.errors import ModelError

CARD = "duiqi.json"
LINEAGE = "lineage.parquet"
ROW_ROLES = ("trained", "selected", "calibrated")


@dataclass(frozen=True, eq=False)
class RowKeys:
    """Rows that a step looked at: input keys uint64[n] and, for near-duplicates, MinHash signatures uint32[n, p]."""

    keys: NDArray[np.uint64]
    signatures: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, eq=False)
class Step:
    """One step of a lineage: the remedy, its options, the seed, the slices it treated and the rows by role.

    `rows` maps "trained", "selected" and "calibrated" to the rows that were used so. `treated` holds findings in
    their JSON form, so that a later proof can measure the same slices.
    """

    remedy: str
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    treated: tuple[Mapping[str, Any], ...] = ()
    rows: Mapping[str, RowKeys] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "remedy": self.remedy,
            "options": dict(self.options),
            "seed": self.seed,
            "treated": [dict(each) for each in self.treated],
            "rows": {role: len(keys) for role, keys in self.rows.items()},
        }


@dataclass(frozen=True, eq=False)
class Bundle:
    """A model on disk.

    `task` is `{"name", "options"}` or `None` for a body that has no head yet. `calibration` holds what turns raw
    scores into probabilities (`offsets` to add to the classes' scores, `temperature` to divide them by after that),
    `thresholds` decision bounds, `card` facts for a model card.
    `fingerprint` covers weights, tokenizer, task and calibration. `adapter` is `None` for a model that stands alone;
    else `{"scope", "base": {"name", "path", "fingerprint"}}`: the folder holds only what the scope added to its base.
    """

    path: Path
    fingerprint: str
    task: Mapping[str, Any] | None = None
    lineage: tuple[Step, ...] = ()
    calibration: Mapping[str, Any] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    card: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    layout: str = "full"
    adapter: Mapping[str, Any] | None = None

    def rows(self, *roles: str) -> RowKeys:
        """All rows that any step used in one of the given roles (default: all roles)."""
        used = [step.rows[role] for step in self.lineage for role in (roles or ROW_ROLES) if role in step.rows]
        if not used:
            return RowKeys(np.zeros(0, np.uint64), np.zeros((0, 1), np.uint32))
        return RowKeys(np.concatenate([u.keys for u in used]), np.concatenate([u.signatures for u in used]))

    def to_json(self) -> dict[str, Any]:
        return {
            "format": "duiqi-bundle/1",
            "layout": self.layout,
            "name": self.name,
            "fingerprint": self.fingerprint,
            "task": dict(self.task) if self.task else None,
            "calibration": dict(self.calibration),
            "thresholds": dict(self.thresholds),
            "card": dict(self.card),
            "lineage": [step.to_json() for step in self.lineage],
            **({"adapter": dict(self.adapter)} if self.adapter else {}),
        }


def write_card(bundle: Bundle, folder: Path) -> None:
    """Write `duiqi.json` and `lineage.parquet` into a folder that already holds the weights."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    (folder / CARD).write_text(json.dumps(bundle.to_json(), ensure_ascii=False, indent=1), encoding="utf-8")
    columns: dict[str, list[Any]] = {"step": [], "role": [], "key": [], "signature": []}
    for number, step in enumerate(bundle.lineage):
        for role, used in step.rows.items():
            columns["step"].extend([number] * len(used))
            columns["role"].extend([role] * len(used))
            columns["key"].extend(used.keys.tolist())
            columns["signature"].extend(row.tobytes() for row in used.signatures)
    types = pa.schema([("step", pa.int32()), ("role", pa.string()), ("key", pa.uint64()), ("signature", pa.binary())])
    pq.write_table(pa.table(columns, schema=types), folder / LINEAGE)


def read_card(folder: Path) -> Bundle | None:
    """The bundle written in a folder; `None` where there is no `duiqi.json` (a plain checkpoint)."""
    path = folder / CARD
    if not path.is_file():
        return None
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        rows = _read_rows(folder / LINEAGE) if said["lineage"] else {}
        lineage = tuple(_step(number, step, rows) for number, step in enumerate(said["lineage"]))
        return Bundle(
            path=folder,
            fingerprint=said["fingerprint"],
            task=said["task"],
            lineage=lineage,
            calibration=said["calibration"],
            thresholds=said["thresholds"],
            card=said["card"],
            name=said["name"],
            layout=said["layout"],
            adapter=said.get("adapter"),
        )
    except (ValueError, KeyError, OSError, TypeError) as error:
        raise ModelError(
            f"expected a readable {CARD} and {LINEAGE} in {folder}, given files that cannot be read ({error})",
            hint="The folder is damaged: make the model again, or delete both files to use it as a plain checkpoint.",
        ) from error


def _step(number: int, said: Mapping[str, Any], rows: Mapping[tuple[int, str], RowKeys]) -> Step:
    used = {role: rows[number, role] for role in said["rows"] if (number, role) in rows}
    return Step(said["remedy"], said["options"], said["seed"], tuple(said["treated"]), used)


def _read_rows(path: Path) -> dict[tuple[int, str], RowKeys]:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    steps, roles = table.column("step").to_numpy(), np.array(table.column("role").to_pylist(), dtype=np.str_)
    keys = table.column("key").to_numpy().astype(np.uint64)
    signatures = table.column("signature").to_pylist()
    used = {}
    for step, role in dict.fromkeys(zip(steps.tolist(), roles.tolist(), strict=True)):
        at = np.flatnonzero((steps == step) & (roles == role))
        used[int(step), str(role)] = RowKeys(keys[at], stack_signatures([signatures[i] for i in at]))
    return used


def stack_signatures(signatures: Iterable[bytes]) -> NDArray[np.uint32]:
    """Signatures uint32[n, p] from their bytes."""
    return np.stack([np.frombuffer(each, dtype=np.uint32) for each in signatures])


def bundle_of(predictor: Any) -> Bundle | None:
    """What a predictor was made of, where it was opened from a bundle; `None` of services and recorded answers."""
    bundle: Bundle | None = getattr(predictor, "bundle", None)
    return bundle
