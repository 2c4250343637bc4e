from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.edit import edit_dataset, keeping
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding
from duiqi.core.seed import derive
from duiqi.data.agreeing import Filter, agreeing


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
    filter: Filter = "words",
    most_fall: float = 0.02,
    least_alike: float = 0.8,
    epochs: int = 2,
) -> Plan:
    """Add edited copies of the training rows: the edits that lost right answers (or those named in `edits`).

    Without either, as for a slice or group that may be written differently, typing errors are added. Every edit adds
    `copies` versions of each row that it changes, the label kept. The same kind of edit as in the probe, drawn with
    another seed: the model learns the kind, not the instances. Training takes as many times longer as rows are added.
    `edit_options` maps an edit to its own options.

    A `filter` drops edited rows whose label is contradicted: with "words" where word counts and a linear model, trained
    on the rows, find the label less probable than in the original, by more than `most_fall`; with "model" where the
    model itself does, which also drops the edits that fool it and that it should learn from; with "similarity" where
    the text is less than `least_alike` alike (cosine of characters in twos and threes). Labels of words, numbers
    and free texts are not judged by "words", nor pairs of texts.
    """
    lost = [
        name for f in findings for name in case.catalogue.names("edit") if f.ruling.measure.name.endswith(f"[{name}]")
    ]
    names = edits or tuple(dict.fromkeys(lost)) or ("typos",)
    parts = keeping("label", (case.catalogue.find("edit", name) for name in names))

    def add(train: Dataset) -> Dataset:
        made, of = [], []
        for part in parts:
            for copy in range(copies):
                edited = edit_dataset(
                    train, part, seed=derive(case.seed, "augment", copy), **(edit_options or {}).get(part.name, {})
                )
                pairs = zip(edited.shown, train.shown, strict=True)
                changed = np.flatnonzero([text != original for text, original in pairs])
                made.append(edited.renamed(f"{part.name}{copy}").take(changed))
                of.append(changed)
        if not made:
            return train
        added = reduce(Dataset.joined, made)
        kept = agreeing(
            filter, case.predictor, train, added, np.concatenate(of), most_fall=most_fall, least_alike=least_alike
        )
        return train.joined(added.take(kept))

    return Plan(data=add, training={"epochs": epochs})
