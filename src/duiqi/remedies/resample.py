from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import OptionError
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding
from duiqi.data.balance import check_options, rows_wanted, times
from duiqi.data.balance_rows import BETWEEN, cells, keys, repeated


@remedy(
    treats=("imbalance", "unfairness"),
    needs=("case.train", "data.label", "task.classes"),
    source="Conneau et al., 2020, Unsupervised cross-lingual representation learning at scale, ACL, "
    "https://arxiv.org/abs/1911.02116 (sampling by temperature); Buda, Maki & Mazurowski, 2018, A systematic study of "
    "the class imbalance problem in convolutional neural networks, https://arxiv.org/abs/1710.05381",
)
def resample(
    case: Case,
    findings: Sequence[Finding],
    *,
    by: tuple[str, ...] = (),
    how: Literal["over", "under", "weight"] = "over",
    temperature: float = 2.0,
    shares: dict[str, float] | None = None,
    most: float = 10.0,
    epochs: int = 3,
) -> Plan:
    """Repeat training rows of rare classes, or of rare groups, or leave out rows of frequent ones.

    Rows are balanced `by` columns ("label" is the label; of several each combination). Without them: by label, and
    where groups were found to be treated unfairly by label and group together. Shares are raised to 1/`temperature`
    (1 changes nothing, a large one makes all even), or are those named in `shares`, a mapping such as "positive" to
    0.3; who is not named divides the rest. `how`: "over" repeats rows, each at most `most` times; "under" leaves rows
    out; "weight" repeats none and lets them count as often. Training begins again from where plain training began,
    where that is known: a network that has learned its rows by heart fits them however often they come.

    Gives the rare class recall and takes some from the others. Repeated rows take time and are learned by heart sooner;
    rows left out are lost; a group that has hardly any rows is not helped by seeing them ten times. Confidences follow
    the new shares, not those met in serving: set them again afterwards.
    """
    check_options(how, temperature, shares or {}, most)
    if not np.isfinite(temperature):
        raise OptionError(f"expected a temperature that is a number, given {temperature}", hint="100 is nearly even.")
    columns = by or ("label", *_unfair(case, findings))

    def sample(train: Dataset) -> Dataset:
        said = cells(train, columns)
        named = np.array([each is not None for each in said], dtype=bool)
        names, of, numbers = np.unique(
            np.array([each for each in said if each is not None], dtype=np.str_),
            return_inverse=True,
            return_counts=True,
        )
        counts = dict(zip(names.tolist(), numbers.tolist(), strict=True))
        wanted = rows_wanted(counts, how=how, temperature=temperature, shares=shares, most=most)
        if how == "weight":
            weights = np.array(train.values("weight"), dtype=float) if train.has("weight") else np.ones(len(train))
            weights[named] *= (np.array(list(wanted.values())) / numbers)[of]
            return train.with_column("weight", (weights / weights.mean()).tolist())
        often = np.ones(len(train), dtype=np.int64)
        often[named] = times(of, list(wanted.values()), keys(train)[named], seed=case.seed)
        return repeated(train, often)[0]

    return Plan(data=sample, training={"epochs": epochs}, restart=True)


def _unfair(case: Case, findings: Sequence[Finding]) -> list[str]:
    """The group columns between whose values a gap was found."""
    gaps = [f.ruling.measure.across for f in findings if f.kind == "unfairness"]
    named = {column for gap in gaps if gap for column in gap.by.split(BETWEEN)}
    return [column for column in case.data.schema.groups if column in named]
