from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.edit import edit_dataset, keeping
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding
from duiqi.core.seed import derive


@remedy(
    treats=("fragility", "unfairness", "blind_spot"),
    needs=("case.train", "data.text"),
    source="Belinkov & Bisk, 2018, Synthetic and natural noise both break neural machine translation, ICLR, "
    "https://arxiv.org/abs/1711.02173",
)
def augment(
    case: Case,
    findings: Sequence[Finding],
    *,
    edits: tuple[str, ...] = (),
    edit_options: dict[str, dict[str, Any]] | None = None,
    copies: int = 1,
    epochs: int = 2,
) -> Plan:
    """Add edited copies of the training rows: the edits that lost right answers (or those named in `edits`).

    Without either, as for a slice or group that may be written differently, typing errors are added. Every edit adds
    `copies` versions of each row, the label kept. The same kind of edit as in the probe, drawn with
    another seed: the model learns the kind, not the instances. Training takes as many times longer as rows are added.
    `edit_options` maps an edit to its own options.
    """
    lost = [
        name for f in findings for name in case.catalogue.names("edit") if f.ruling.measure.name.endswith(f"[{name}]")
    ]
    names = edits or tuple(dict.fromkeys(lost)) or ("typos",)
    parts = keeping("label", (case.catalogue.find("edit", name) for name in names))

    def add(train: Dataset) -> Dataset:
        grown = train
        for part in parts:
            for copy in range(copies):
                edited = edit_dataset(
                    train, part, seed=derive(case.seed, "augment", copy), **(edit_options or {}).get(part.name, {})
                )
                grown = grown.joined(renamed(edited, f"{part.name}{copy}"))
        return grown

    return Plan(data=add, training={"epochs": epochs})


def renamed(data: Dataset, suffix: str) -> Dataset:
    """The same rows under ids of their own."""
    return data.with_column("id", [f"{row}+{suffix}" for row in data.row_ids], column="duiqi_id")
