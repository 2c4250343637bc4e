"""Dividing rows into train, dev and test so that nothing in one part gives another away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, OptionError
from duiqi.core.seed import derive, hash64, mix
from duiqi.core.spans import types_of
from duiqi.data.dedupe import near_duplicates, signatures

SHARE = 0.15
MOST_DEV = 2_000  # half-width of an accuracy of 0.85: 1.6 points; a change is seen from about 1 point
MOST_TEST = 5_000  # 1.0 and 0.6 points: beyond this, rows do more good in training
FEWEST = 10  # rows to divide


def split(data: Dataset, *, dev: float = SHARE, test: float = SHARE, seed: int = 0) -> dict[str, Dataset]:
    """Parts "train", "dev" and "test" of the rows; a part with share 0 is left out.

    Rows of equal input, near-duplicates and rows of one cluster stay together. Labels are stratified: where all
    rows stand alone, the count of a class in a part is within one row of its share, and every class is in train.
    Within a class the parts are spread evenly over the combinations of group values. The result depends on the rows
    and the seed, not on the order of the rows. Raises `DataError` where a part would be empty.
    """
    shares = _shares(dev, test)
    if len(data) < FEWEST:
        raise DataError(
            f"expected at least {FEWEST} rows to split, given {len(data)} in {data.name}",
            hint="Give more rows, or a folder with train, dev and test files of your own.",
        )
    block = _blocks(data)
    order = _order(data, block, seed)
    strata = _strata(data)
    part = _assign(block, strata, _cells(data), order, np.array(list(shares.values())))
    _keep_every_class(part, block, strata, order)
    return {name: _part(data, name, part == number) for number, name in enumerate(shares)}


def complete(
    found: Mapping[str, Dataset], *, seed: int = 0, shares: Mapping[str, float] | None = None
) -> dict[str, Dataset]:
    """The parts that were found, and those made from train (or from "all") where they are missing.

    A missing dev takes 15 % of train and at most 2,000 rows, a missing test 15 % and at most 5,000, or what `shares`
    says (0: none is made). Without train nothing is made. A note of code "split_made" on each part made says its rows
    and where they came from.
    """
    source = "all" if "all" in found else "train"
    given = {name: data for name, data in found.items() if name != source}
    missing = [name for name in ("dev", "test") if name not in given]
    if source not in found or not missing:
        return dict(found)
    data = found[source]
    share = shares_of(len(data), missing, shares or {})
    if not any(share.values()):
        return {"train": data, **given}
    made = split(data, dev=share["dev"], test=share["test"], seed=seed)
    noted = {name: _noted(part, name, source) for name, part in made.items()}
    both = given | noted
    return {name: both[name] for name in ("train", "dev", "test") if name in both}


def shares_of(rows: int, missing: Collection[str], given: Mapping[str, float]) -> dict[str, float]:
    """The share of so many rows that each of the missing parts takes, 0 for a part that is there."""
    usual = {"dev": MOST_DEV, "test": MOST_TEST}
    return {
        name: given.get(name, min(SHARE, most / max(rows, 1))) if name in missing else 0.0
        for name, most in usual.items()
    }


def by_key(data: Dataset, shares: Mapping[str, float], *, seed: int = 0) -> NDArray[np.str_]:
    """The part of every row by a hash of its cluster, else of its input: for rows that are too many to be looked at
    together. Equal inputs stay together and a row keeps its part when others are added; classes are not evened out."""
    with np.errstate(over="ignore"):
        place = mix(data.draw_keys ^ np.uint64(derive(seed, "split"))) / 2.0**64
    ends = np.cumsum(list(shares.values()))
    return np.array([*shares, "train"])[np.searchsorted(ends, place, side="right")]


def _shares(dev: float, test: float) -> dict[str, float]:
    if min(dev, test) < 0 or dev + test >= 1:
        raise OptionError(
            f"expected shares of dev and test from 0 and below 1 together, given {dev} and {test}",
            hint="The rest is for training, for example dev=0.15, test=0.15.",
        )
    shares = {"train": 1.0 - dev - test, "dev": dev, "test": test}
    return {name: share for name, share in shares.items() if share > 0}


def _part(data: Dataset, name: str, rows: NDArray[np.bool_]) -> Dataset:
    if not rows.any():
        raise DataError(
            f"expected enough rows for a part '{name}', given {len(data)} rows of {data.name} that mostly belong "
            "together (equal texts, near-duplicates, clusters)",
            hint=f"Give a {name} file of your own, or more rows that differ.",
        )
    return data.take(rows, name=f"{data.name}/{name}")


def _noted(part: Dataset, name: str, source: str) -> Dataset:
    note = {"code": "split_made", "part": name, "rows": len(part), "from": source}
    noted = replace(part, notes=(*part.notes, note))
    noted.__dict__["row_ids"] = part.row_ids
    return noted


# What stays together


def _blocks(data: Dataset) -> NDArray[np.int64]:
    """A number per row, equal for rows that must stay together: the first row of their block."""
    parent = np.arange(len(data))
    links = [_links(data.input_keys), near_duplicates(signatures(data))]
    if data.has("cluster"):
        links.append(_links(np.array([hash64(str(value)) for value in data.values("cluster")], dtype=np.uint64)))
    for left, right in np.concatenate(links).tolist():
        a, b = _root(parent, left), _root(parent, right)
        parent[max(a, b)] = min(a, b)
    return np.array([_root(parent, row) for row in range(len(data))], dtype=np.int64)


def _root(parent: NDArray[np.int64], row: int) -> int:
    while parent[row] != row:
        parent[row] = parent[parent[row]]
        row = int(parent[row])
    return row


def _links(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Pairs (first row of a key, another row of that key)."""
    _, first, of = np.unique(keys, return_index=True, return_inverse=True)
    pairs = np.stack([first[of], np.arange(len(keys))], axis=1)
    return pairs[pairs[:, 0] != pairs[:, 1]]


# What is spread evenly


def _order(data: Dataset, block: NDArray[np.int64], seed: int) -> NDArray[np.uint64]:
    """A random number per row, equal within a block, that hangs on the block's rows and the seed alone."""
    with np.errstate(over="ignore"):
        own = mix(np.array([hash64(row) for row in data.row_ids], dtype=np.uint64) ^ np.uint64(derive(seed, "split")))
    least = np.full(len(data), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(least, block, own)
    return least[block]


def _strata(data: Dataset) -> NDArray[np.int64]:
    """The class of each row; one class for all where labels are no classes (lists, numbers, texts of their own)."""
    if not data.has("label"):
        return np.zeros(len(data), dtype=np.int64)
    labels = data.values("label")
    if labels and all(isinstance(label, list) for label in labels):
        labels = _rarest([types_of([str(each) for each in row]) for row in labels] if data.has("tokens") else labels)
    plain = all(isinstance(label, str | int | None) for label in labels)
    if not plain or len(set(labels)) > len(labels) / 2:
        return np.zeros(len(data), dtype=np.int64)
    return np.unique(np.array([str(label) for label in labels]), return_inverse=True)[1].astype(np.int64)


def _rarest(rows: Sequence[Iterable[Any]]) -> list[str]:
    """Of labels, or types of spans, the one that fewest rows have among those of each row; "" for a row without."""
    named = [sorted({str(each) for each in row}) for row in rows]
    count = Counter(each for row in named for each in row)
    return [min(row, key=lambda each: (count[each], each), default="") for row in named]


def _cells(data: Dataset) -> NDArray[np.int64]:
    """The combination of group values of each row."""
    combined = ["\x1f".join(row) for row in zip(*(data.group(c).tolist() for c in data.schema.groups), strict=True)]
    if not combined:
        return np.zeros(len(data), dtype=np.int64)
    return np.unique(np.array(combined), return_inverse=True)[1].astype(np.int64)


def _assign(
    block: NDArray[np.int64],
    strata: NDArray[np.int64],
    cells: NDArray[np.int64],
    order: NDArray[np.uint64],
    shares: NDArray[np.float64],
) -> NDArray[np.int64]:
    """The part of each row: first blocks of several rows, the largest first, then single rows fill what is open."""
    part = np.full(len(block), -1, dtype=np.int64)
    size = np.bincount(block, minlength=len(block))[block]
    open_rows = np.outer(np.bincount(strata), shares)  # float[k, p]: rows still wanted of each class in each part
    wanted = np.maximum(open_rows, 0.5)
    for rows in _together(block, size, order):
        classes, count = np.unique(strata[rows], return_counts=True)
        # The change of Σ (wanted − given)² / wanted if the block went there: smallest is best.
        cost = (count[:, None] * (count[:, None] - 2 * open_rows[classes]) / wanted[classes]).sum(axis=0)
        part[rows] = chosen = int(np.argmin(cost))
        open_rows[classes, chosen] -= count
    carry = np.zeros(len(shares))
    for number in range(len(open_rows)):
        rows = np.flatnonzero((strata == number) & (size == 1))
        rows = rows[np.lexsort((order[rows], cells[rows]))]
        counts = _whole(len(rows), open_rows[number], shares, carry)
        part[rows] = _spread(counts)
    return part


def _together(block: NDArray[np.int64], size: NDArray[np.int64], order: NDArray[np.uint64]) -> list[NDArray[np.int64]]:
    """The rows of each block of several rows, large blocks first."""
    several = np.flatnonzero(size > 1)
    several = several[np.lexsort((block[several], order[several], -size[several]))]
    if not len(several):
        return []
    return np.split(several, np.flatnonzero(np.diff(block[several])) + 1)


def _whole(
    rows: int, wanted: NDArray[np.float64], shares: NDArray[np.float64], carry: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Whole counts that sum to `rows`, each within one of its share of what is wanted.

    What rounding gave or took is carried to the next class, so that the parts keep their sizes over many classes.
    Train gets at least one row where there is one.
    """
    wanted = np.maximum(wanted, 0.0)
    ideal = rows * (wanted / wanted.sum() if wanted.sum() > 0 else shares)
    counts = np.floor(ideal + 1e-9).astype(np.int64)
    rest = ideal - counts
    claim = np.where(rest > 1e-9, rest + carry, -np.inf)
    counts[np.argsort(-claim, kind="stable")[: rows - counts.sum()]] += 1
    if rows and not counts[0]:
        counts[np.argmax(counts)] -= 1
        counts[0] += 1
    carry += ideal - counts
    return counts


def _spread(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """A sequence of parts with these counts in which every part is evenly spaced, so each stretch has its share."""
    times = [(np.arange(count) + 0.5) / count for count in counts if count]
    parts = np.repeat(np.arange(len(counts)), counts)
    return parts[np.argsort(np.concatenate(times), kind="stable")] if times else parts


def _keep_every_class(
    part: NDArray[np.int64], block: NDArray[np.int64], strata: NDArray[np.int64], order: NDArray[np.uint64]
) -> None:
    """Move a block to train for every class that has none there; changes `part`."""
    for number in sorted(set(strata.tolist()) - set(strata[part == 0].tolist())):
        sizes = Counter(block[strata == number].tolist())
        rows = np.flatnonzero(strata == number)
        moved = min(block[rows].tolist(), key=lambda each: (sizes[each], int(order[each])))
        part[block == moved] = 0
