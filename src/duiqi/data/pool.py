"""A pool of rows without labels: read in the form of labelled rows, and freed of copies of these and of one another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import INPUT_ROLES, Dataset, Schema
from duiqi.core.errors import DataError, nearest
from duiqi.data.columns import CERTAIN, build
from duiqi.data.dedupe import copies, near_duplicates, signatures
from duiqi.data.entities import pieces
from duiqi.data.facts import missing
from duiqi.data.formats import Raw, whole
from duiqi.data.read import HUB, from_disk, from_hub


class Left(NamedTuple):
    """What is left of a pool, as places in it int[m], and how many rows were left out, by reason."""

    rows: NDArray[np.int64]
    out: dict[str, int]


def read_pool(source: str | Path, like: Dataset, encoding: str | None = None) -> Dataset:
    """The rows of a file (or of all parts of a folder or set), read as the rows they are `like`.

    Inputs, groups and ids stand in columns of the same names; a column of labels may be there and is passed over.
    Where the others have words, a pool may have texts: they are cut as marked texts are. `DataError` for other columns.
    """
    raws = from_hub(str(source)) if str(source).startswith(HUB) else from_disk(Path(source), encoding)
    raw = whole(list(raws.values()))
    raw = replace(raw, columns={name: values for name, values in raw.columns.items() if name != like.schema.label})
    if like.has("tokens") and like.schema.tokens not in raw.columns and "text" in raw.columns:
        raw = _cut(raw, str(like.schema.tokens))
    inputs = {role: getattr(like.schema, role) for role in INPUT_ROLES if like.has(role)}
    for role, column in inputs.items():
        if column not in raw.columns:
            raise DataError(
                f"expected a column '{column}' for {role.replace('_', ' ')} in {raw.name}, as the labelled rows have "
                f"it, given columns: {', '.join(raw.columns)}",
                hint=f"{nearest(column, raw.columns)} Rename it in one of the two files.",
            )
    groups = tuple(group for group in like.schema.groups if group in raw.columns)
    schema = Schema(**inputs, groups=groups, id=_id(raw, like.schema))
    return build({"pool": raw}, schema, ())["pool"]


def without_copies(pool: Dataset, labelled: Iterable[Dataset]) -> Left:
    """The rows of a pool that are worth a label: those with a text that are no copies of labelled rows, and of rows
    that are alike the first."""
    reason = np.full(len(pool), "", dtype="U20")
    for data in labelled:
        found = copies(pool, data)
        reason[(found.of >= 0) & ~found.exact & (reason == "")] = "labelled_near_copy"
        reason[found.exact] = "labelled_copy"
    reason[[not text.strip() for text in pool.texts]] = "no_text"
    left = np.flatnonzero(reason == "")
    reason[left[_again(pool.take(left))]] = "pool_copy"
    names, counts = np.unique(reason[reason != ""], return_counts=True)
    return Left(np.flatnonzero(reason == ""), dict(zip(names.tolist(), counts.tolist(), strict=True)))


def _again(data: Dataset) -> NDArray[np.bool_]:
    """Which rows are like an earlier one, directly or by way of others: bool[n]."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    pairs = near_duplicates(signatures(data))
    links = csr_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(data),) * 2)
    _, of = connected_components(links, directed=False)
    _, first = np.unique(of, return_index=True)
    again = np.ones(len(data), dtype=bool)
    again[first] = False
    return again


def _cut(raw: Raw, column: str) -> Raw:
    """The file with the words of its texts beside them."""
    texts = ["" if missing(text) else str(text) for text in raw.columns["text"]]
    words = [[text[start:end] for start, end in pieces(text)] for text in texts]
    return replace(raw, columns={**raw.columns, "text": texts, column: words})


def _id(raw: Raw, like: Schema) -> str | None:
    """The column of ids: that of the labelled rows, else one that is called so and has one for every row."""
    names = [name for name in (like.id, *CERTAIN["id"]) if name in raw.columns]
    for name in names:
        values = raw.columns[str(name)]
        if not any(map(missing, values)) and len({str(value) for value in values}) == len(values):
            return name
    return None
