from __future__ import annotations

from collections.abc import Sequence

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding
from duiqi.core.spans import types_of
from duiqi.data.harmful import CATEGORIES, Category, rated
from duiqi.data.harmful_rows import lines


@remedy(treats=("harmful_content",), needs=("case.train", "data.text"))
def drop_harmful(
    case: Case, findings: Sequence[Finding], *, categories: tuple[Category, ...] = (), epochs: int = 3
) -> Plan:
    """Leave out the training rows with harmful content and train again on the others.

    A row goes where its words name one of `categories`; where none are given, one of those that were found. Training
    begins again from where plain training began, where that is known: what was learned from those rows is then not in
    the weights. What is served or tested is not changed by it, so a share that was found in rows to test on stays.

    Harms where harm is what the model is to tell: it refuses to take away the last row of a label.
    """
    found = [str(finding.ruling.measure.options["of"]) for finding in findings
             if "of" in finding.ruling.measure.options]  # fmt: skip
    wanted = categories or tuple(name for name in CATEGORIES if name in found) or CATEGORIES
    written = case.task.name == "generate"

    def drop(train: Dataset) -> Dataset:
        kept = train.take([row for row, each in enumerate(rated(lines(train, written=written), wanted)) if not each])
        if len(kept) == 0 or (case.task.labels and len(_labels(kept)) < len(_labels(train))):
            raise DataError(
                f"expected rows of every label without harmful content, given {train.name}, where {len(kept)} of "
                f"{len(train)} rows have none",
                hint="Leave this remedy out where harm is what the model is to tell.",
            )
        return kept

    return Plan(data=drop, training={"epochs": epochs}, restart=True)


def _labels(data: Dataset) -> set[str]:
    """The labels that occur, of lists each one; of tags their types."""
    given = data.values("label") if data.has("label") else []
    each = (label for row in given for label in (row if isinstance(row, list) else [row]))
    return set(types_of(list(map(str, each)))) if data.has("tokens") else set(map(str, each))
