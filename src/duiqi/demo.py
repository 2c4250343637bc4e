"""`demo`: misalignments planted in made-up reviews, then found, repaired and proven like in anybody's data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from duiqi.align import align_table
from duiqi.core.dataset import Dataset
from duiqi.core.exhibit import Exhibit
from duiqi.core.folder import check_writable
from duiqi.core.report import Finding, Report
from duiqi.core.slice import Slice
from duiqi.data.reviews import Plant, reviews
from duiqi.run.table import Progress, Settings, lay
from duiqi.show.publish import publish

BUDGET = 2.8
# Rows are put together from phrases that come again and again, so a slice of a few rows may be one phrase that the
# model does not get: look at slices of four rows in a hundred and more, and take only what chance shows once in a
# hundred times. Of all edits, try the one that is planted.
OPTIONS: dict[str, dict[str, Any]] = {
    "blind_spots": {"smallest": 0.04, "level": 0.01},
    "robustness": {"edits": ("typos",)},
}
MOST_TRIALS = 2
AMONG = ("class_weights", "reweight")  # of the remedies that train; the report names all that might help
OVERLAP = 0.5
INSIDE = 0.8


def demo(
    *,
    seed: int = 0,
    lang: str = "en",
    out: str | Path = "duiqi-out-demo",
    clean: bool = False,
    threads: int | None = None,
    model: str = "default",
    progress: Progress | None = None,
) -> Report:
    """Align a model on about 3,200 reviews with planted misalignments; the report ends with what came of each.

    The reviews are written to `out`/data, to go on with.

    At most three fits (one plain, two trials) and a budget of 2.8 minutes. `clean` leaves the misalignments
    out: then nothing should be found. The exit code is that of `align`.
    """
    made = reviews(seed, lang="en", planted=not clean)
    groups = made.parts["train"].schema.groups
    settings: Settings = {"seed": seed, "threads": threads, "options": OPTIONS, "groups": groups, "progress": progress}
    table = lay(made.parts, settings)
    check_writable(Path(out))
    report, repaired, shop = align_table(table, model, Path(out), budget=BUDGET, most_trials=MOST_TRIALS, among=AMONG)
    told = [_told(plant, report.findings, table.part("dev")) for plant in made.plants]
    columns = ["plant", "slice", "found_as", "status"]
    if told:
        exhibit = Exhibit("table", {"title": "planted", "columns": columns, "rows": told})
        report = replace(report, exhibits=(*report.exhibits, exhibit))
    report = publish(report, out, lang=lang, model=repaired.bundle.path, data=made.parts)
    shop.close()
    return report


def matching(plant: Plant, findings: tuple[Finding, ...], dev: Dataset) -> list[Finding]:
    """The findings that speak of a plant: of its kind (or one it shows as), and of its rows.

    A slice speaks of the planted rows when it overlaps them by half (Jaccard) or lies almost wholly inside them.
    """
    planted = plant.rows(dev)
    kinds = {plant.kind, *plant.shows_as}
    return [f for f in findings if f.kind in kinds and (not plant.where or _speaks_of(f.slice.mask(dev), planted))]


def _speaks_of(found: np.ndarray[Any, Any], planted: np.ndarray[Any, Any]) -> bool:
    both, either = (found & planted).sum(), (found | planted).sum()
    return bool(both >= OVERLAP * either or (found.any() and both >= INSIDE * found.sum()))


def _told(plant: Plant, findings: tuple[Finding, ...], dev: Dataset) -> list[Any]:
    """A row of the last table: what was planted where, as what it was found, what became of it."""
    where = Slice.from_json({"where": [{"op": "==", **condition} for condition in plant.where]})
    found = sorted(matching(plant, findings, dev), key=lambda f: (f.kind != plant.kind, -f.severity))
    best: Mapping[str, int] = {"repaired": 0, "improved": 1, "unclear": 2, "remaining": 3}
    status = min((f.status for f in found), key=lambda s: best.get(s, 4), default="not_found")
    return [plant.code, where.rule, found[0].title if found else None, status]
