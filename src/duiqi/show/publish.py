"""The run folder: report.json, report.html, draws.npz and, where they were made, model/ and data/."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from duiqi.core.dataset import Dataset
from duiqi.core.folder import swapped_in, write_json
from duiqi.core.report import Report, save_measures, without_rows


def publish(
    report: Report,
    out: str | Path | None,
    *,
    lang: str = "en",
    rows: bool = True,
    model: Path | None = None,
    data: Mapping[str, Dataset] | None = None,
) -> Report:
    """Write a run folder, swapped in at once, and give the report as it was written; nothing where `out` is None.

    `rows=False` leaves all row texts out. A `model` is copied into the folder and goes by its new place; so do the
    parts of `data`, which are given where the rows stand in no file yet.
    """
    if out is None:
        return report
    from duiqi.show.html import render

    if model is not None:
        made = {**report.facts.get("model", {}), "name": f"{out}/model", "path": f"{out}/model"}
        report = report.with_facts(model=made)
    if data is not None:
        report = report.with_facts(data={**report.facts.get("data", {}), "path": f"{out}/data"})
    said = report.to_json() if rows else without_rows(report.to_json())
    with swapped_in(Path(out)) as aside:
        write_json(aside / "report.json", said)
        (aside / "report.html").write_text(render(said, lang=lang), encoding="utf-8")
        save_measures(report.measures, aside / "draws.npz")
        if model is not None:
            shutil.copytree(model, aside / "model")
        for name, part in (data or {}).items():
            write_csv(part, aside / "data" / f"{name}.csv")
    return report


def write_csv(data: Dataset, path: Path) -> None:
    """All columns of the rows, as a table that `duiqi` and every spreadsheet can read."""
    from pyarrow import csv

    path.parent.mkdir(parents=True, exist_ok=True)
    csv.write_csv(data.table, path)
