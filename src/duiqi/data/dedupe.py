"""Near-duplicate rows by MinHash signatures and locality-sensitive hashing.

A text is a set of shingles: four characters in a row, or two where the first is an ideograph, kana or another
script written without spaces. One more element of the set is the whole text itself, so that short texts meet a
higher bar: "very good" and "very bad" share a word, yet are no duplicates. Case, width, accents' composition and
punctuation do not count, as for `input_keys`.

Broder 1997, "On the resemblance and containment of documents"; Li and König 2010, "b-Bit minwise hashing" (16 bits
of each minimum are kept, so 64 words hold 128 minima and the estimate of a Jaccard similarity of 0.8 has a standard
error of 0.035).

Shingles were chosen on banking77, sst2, waimai-10k and financial-phrasebank: of character 4- and 5-grams, word 1-
to 3-grams and their mixtures, character 4-grams found most copies with one typing error at no more false pairs.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from duiqi.core.bundle import RowKeys
from duiqi.core.dataset import INPUT_ROLES, Dataset
from duiqi.core.seed import derive, mix

WORDS = 64  # uint32 words of a signature
LANES = 2 * WORDS  # minima in it, 16 bits each
BAND = 3  # words of a band: six equal minima make a candidate, so a pair at 0.8 is missed in 0.2 % of cases
WINDOW = 64  # in a crowded band a row is compared with so many neighbours
BATCH = 1 << 20  # characters shingled at a time: bounds the memory
CHUNK = 1 << 15  # shingles hashed at a time: fits the cache

_EDGE, _GAP = 1, 32  # code points that stand for a text's edge and for white space
_SEPARATOR = "\x1e"
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),
    (0x3040, 0x30FF),  # kana
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)


class Overlap(NamedTuple):
    """Rows that were used before, bool[n] each: `exact` by equal input, `near` by similarity and not exact."""

    exact: NDArray[np.bool_]
    near: NDArray[np.bool_]


def signatures(data: Dataset) -> NDArray[np.uint32]:
    """MinHash signatures of the inputs, uint32[n, 64]; the same on every machine.

    Where a row has several inputs (a pair, a question and its context), a minimum agrees only if it agrees in each:
    the similarity of two such rows is the product of the similarities of their parts, so two questions about one
    document are no duplicates.
    """
    minima = np.zeros((len(data), LANES), dtype=np.uint32)
    for role in INPUT_ROLES:
        if data.has(role):
            minima = _scatter(minima ^ _minima(_strings(data, role)))
    return (minima >> np.uint32(16)).astype("<u2").view("<u4").astype(np.uint32, copy=False)


def near_duplicates(
    signatures_a: NDArray[np.uint32],
    signatures_b: NDArray[np.uint32] | None = None,
    *,
    threshold: float = 0.8,
) -> NDArray[np.int64]:
    """Pairs int[m, 2] of rows whose estimated Jaccard similarity is at least `threshold`.

    Within one set (`signatures_b` left out) each pair is (smaller, larger) and rows of equal signature are linked to
    the first of them only, so that a thousand equal rows give 999 pairs and not half a million; what is connected
    stays connected. Between two sets each pair is (row of a, row of b), rows of b with equal signatures being
    represented by the first of them. In both the number of pairs compared is bounded by rows times a window:
    among more than 64 candidates of one band only neighbours are compared.
    """
    if signatures_b is None:
        first, representative = _unique(signatures_a)
        pairs = np.sort(first[_similar(signatures_a[first], 0, threshold)], axis=1)
        rows = np.arange(len(signatures_a))
        copies = np.stack([first[representative], rows], axis=1)[first[representative] != rows]
        return _ordered(np.concatenate([pairs, copies]))
    first_a, of_a = _unique(signatures_a)
    first_b, _ = _unique(signatures_b)
    if not len(first_a) or not len(first_b):
        return np.zeros((0, 2), dtype=np.int64)
    both = np.concatenate([signatures_a[first_a], signatures_b[first_b]])
    found = _similar(both, len(first_a), threshold)
    return _ordered(_for_copies(found, of_a, first_b, len(first_a)))


def row_keys(data: Dataset) -> RowKeys:
    """What a lineage keeps of these rows: input keys and signatures, no text."""
    return RowKeys(data.input_keys, signatures(data))


def overlap(data: Dataset, used: RowKeys, *, threshold: float = 0.8) -> Overlap:
    """Which rows of `data` were among `used`: exactly (equal input key), or nearly and not exactly."""
    exact = np.isin(data.input_keys, used.keys)
    near = np.zeros(len(data), dtype=bool)
    if len(used) and len(data):
        near[near_duplicates(signatures(data), used.signatures, threshold=threshold)[:, 0]] = True
    return Overlap(exact, near & ~exact)


class Copies(NamedTuple):
    """Of every row the place of a row elsewhere that it is a copy of, int[n], -1 for none; `exact` bool[n]."""

    of: NDArray[np.int64]
    exact: NDArray[np.bool_]


def copies(data: Dataset, other: Dataset, *, threshold: float = 0.8) -> Copies:
    """Which rows of `data` stand in `other`, too: with an equal input, or one that is alike by `threshold`."""
    keys = other.input_keys
    order = np.argsort(keys, kind="stable")
    at = np.searchsorted(keys[order], data.input_keys)
    exact = np.isin(data.input_keys, keys)
    of = np.full(len(data), -1, dtype=np.int64)
    of[exact] = order[at[exact]]
    if len(data) and len(other) and threshold < 1:
        pairs = near_duplicates(signatures(data), signatures(other), threshold=threshold)
        pairs = pairs[~exact[pairs[:, 0]]]
        of[pairs[::-1, 0]] = pairs[::-1, 1]  # the first of several
    return Copies(of, exact)


# Shingles


def _strings(data: Dataset, role: str) -> list[str]:
    return [value if isinstance(value, str) else _joined(value) for value in data.values(role)]


def _joined(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else "" if value is None else str(value)


def _minima(texts: list[str]) -> NDArray[np.uint32]:
    """The smallest of the hashes of a text's shingles under 128 hash functions, uint32[n, 128]."""
    result = np.empty((len(texts), LANES), dtype=np.uint32)
    multipliers, offsets = _hash_functions()
    for rows, shingles, starts in _batches(texts):
        for lane in range(LANES):
            hashed = shingles * multipliers[lane] + offsets[lane]
            result[rows, lane] = np.minimum.reduceat(hashed, starts)
    return result


def _batches(texts: list[str]) -> Iterator[tuple[slice, NDArray[np.uint32], NDArray[np.int64]]]:
    """Slices of rows with their shingles and where each row's shingles start; every row has at least one."""
    sizes = np.array([len(text) for text in texts], dtype=np.int64)
    for begin, end in _runs(sizes, BATCH):
        shingles, starts = _shingles(texts[begin:end])
        bounds = np.append(starts, len(shingles))
        for first, last in _runs(np.diff(bounds), CHUNK):
            low = bounds[first]
            yield slice(begin + first, begin + last), shingles[low : bounds[last]], starts[first:last] - low


def _runs(sizes: NDArray[np.int64], most: int) -> Iterator[tuple[int, int]]:
    """Ranges of neighbours that sum to at most `most`, or hold one."""
    ends = np.cumsum(sizes)
    begin = 0
    while begin < len(sizes):
        end = int(np.searchsorted(ends, ends[begin] - sizes[begin] + most, side="right"))
        yield begin, max(end, begin + 1)
        begin = max(end, begin + 1)


def _hash_functions() -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Multipliers (odd) and offsets of the hash functions x → a·x + b mod 2³²; x is well mixed before."""
    with np.errstate(over="ignore"):
        drawn = mix(np.arange(1, LANES + 1, dtype=np.uint64) * np.uint64(derive(0, "minhash")))
    return (drawn >> np.uint64(32)).astype(np.uint32) | np.uint32(1), drawn.astype(np.uint32)


def _shingles(texts: list[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Hashes of the shingles of all texts one after the other, and where each text starts.

    A text of c characters has c + 2 elements: one window from each of its places and from the edge before it, and
    the whole text.
    """
    codes, row = _letters(texts)
    length = np.bincount(row, minlength=len(texts))
    # Place of every character, with one edge before and three after each text, so that no window crosses over.
    first = np.cumsum(length + 4) - (length + 4)
    padded = np.full(int((length + 4).sum()) + 3, _EDGE, dtype=np.uint64)
    place = np.arange(len(codes)) - np.repeat(np.cumsum(length) - length, length)
    padded[first[row] + 1 + place] = codes
    with np.errstate(over="ignore"):
        pair = (padded[:-3] << np.uint64(21)) | padded[1:-2]
        four = mix(pair) + ((padded[2:-1] << np.uint64(21)) | padded[3:])
        windows = mix(np.where(_unspaced(padded[:-3]), pair, four))
        whole = mix(_sums(mix(codes * np.uint64(0x9E3779B97F4A7C15) + place.astype(np.uint64)), length))
    starts = np.cumsum(length + 2) - (length + 2)
    shingles = np.empty(int((length + 2).sum()), dtype=np.uint32)
    shingles[starts] = (whole >> np.uint64(32)).astype(np.uint32)
    inside = np.ones(len(windows), dtype=bool)  # windows that begin in the edge behind a text are no shingles
    for after in (1, 2, 3):
        inside[first + length + after] = False
    taken = np.ones(len(shingles), dtype=bool)
    taken[starts] = False
    shingles[taken] = (windows[inside] >> np.uint64(32)).astype(np.uint32)
    return shingles, starts


def _sums(values: NDArray[np.uint64], length: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Sums of consecutive runs of the given lengths, modulo 2⁶⁴."""
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(values, dtype=np.uint64)])
    ends = np.cumsum(length)
    return total[ends] - total[ends - length]


def _letters(texts: list[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Code points of all texts without punctuation, white space as one gap, and the row of each.

    A text that is nothing but punctuation keeps it.
    """
    joined = _SEPARATOR.join([text.replace(_SEPARATOR, " ") for text in texts])
    folded = unicodedata.normalize("NFKC", joined).casefold()
    codes = np.frombuffer(folded.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.int64)
    ends = codes == ord(_SEPARATOR)
    row = np.cumsum(ends) - ends
    gap, dropped = (table[codes] for table in _kinds(codes))
    spoken = np.bincount(row[~gap & ~dropped & ~ends], minlength=len(texts)) > 0
    kept = ~ends & ~(dropped & spoken[row])
    codes, row, gap = np.where(gap, _GAP, codes)[kept], row[kept], gap[kept]
    before = np.append(True, gap[:-1] | (row[1:] != row[:-1]))[: len(codes)]  # a gap after a gap or at the start
    after = np.append(row[1:] != row[:-1], True)[: len(codes)]  # … or at the end
    single = ~(gap & (before | after))
    return codes[single].astype(np.uint64), row[single]


def _kinds(codes: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tables over code points: which are gaps (separators, controls), which are dropped (punctuation)."""
    present = np.flatnonzero(np.bincount(codes)) if len(codes) else np.zeros(0, np.int64)
    gap = np.zeros(int(present[-1]) + 1 if len(present) else 1, dtype=bool)
    dropped = gap.copy()
    category = [unicodedata.category(chr(code))[0] for code in present.tolist()]
    gap[present] = [each in "ZC" for each in category]
    dropped[present] = [each == "P" for each in category]
    return gap, dropped


def _unspaced(codes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which code points belong to scripts that are written without spaces."""
    edges = np.array([edge for low, high in _UNSPACED for edge in (low, high + 1)], dtype=np.uint64)
    return np.searchsorted(edges, codes, side="right") % 2 == 1


def _scatter(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """A bijection of uint32: minima are small numbers, their kept bits should not be."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint32(16))) * np.uint32(0x7FEB352D)
        values = (values ^ (values >> np.uint32(15))) * np.uint32(0x846CA68B)
    return values ^ (values >> np.uint32(16))


# Candidates and pairs


def _unique(signed: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first row of every distinct signature, and for each row the index of its own among these."""
    if not len(signed):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    whole = np.ascontiguousarray(signed).view(np.dtype((np.void, signed.shape[1] * 4))).ravel()
    _, first, of = np.unique(whole, return_index=True, return_inverse=True)
    return first.astype(np.int64), of.astype(np.int64)


def _similar(signed: NDArray[np.uint32], divide: int, threshold: float) -> NDArray[np.int64]:
    """Pairs (i, j) above the threshold, any order; with `divide`, only pairs with one row on each side of it."""
    lanes = np.ascontiguousarray(signed).astype("<u4", copy=False).view("<u2")
    needed = int(np.ceil(threshold * lanes.shape[1] - 1e-9))
    found = [np.zeros((0, 2), dtype=np.int64)]
    for start in range(0, signed.shape[1] - BAND + 1, BAND):
        for left, right in _candidates(signed, start):
            crossing = (left < divide) != (right < divide) if divide else slice(None)
            found.append(_verified(lanes, left[crossing], right[crossing], needed))
    return np.concatenate(found)


def _candidates(signed: NDArray[np.uint32], start: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of rows that agree in the band from word `start` on, at most `WINDOW` later neighbours a row.

    Rows of one band are ordered by the words after it, so that in a crowded band alike rows are neighbours and the
    rows of two sets mix.
    """
    with np.errstate(over="ignore"):
        key = np.zeros(len(signed), dtype=np.uint64)
        for word in signed[:, start : start + BAND].T:
            key = mix(key + word.astype(np.uint64) + np.uint64(1))
    second, first = (signed[:, (start + BAND + further) % signed.shape[1]] for further in (1, 0))
    order = np.lexsort((second, first, key))
    ordered = key[order]
    at = np.arange(len(order))
    for distance in range(1, WINDOW + 1):
        at = at[at + distance < len(order)]
        at = at[ordered[at] == ordered[at + distance]]  # neighbours further on agree only if nearer ones do
        if not len(at):
            return
        yield order[at], order[at + distance]


def _verified(
    lanes: NDArray[np.uint16], left: NDArray[np.int64], right: NDArray[np.int64], needed: int
) -> NDArray[np.int64]:
    step = 1 << 16
    kept = [np.zeros((0, 2), dtype=np.int64)]
    for begin in range(0, len(left), step):
        i, j = left[begin : begin + step], right[begin : begin + step]
        alike = np.count_nonzero(lanes[i] == lanes[j], axis=1) >= needed
        kept.append(np.stack([i[alike], j[alike]], axis=1))
    return np.concatenate(kept)


def _for_copies(
    found: NDArray[np.int64], of_a: NDArray[np.int64], first_b: NDArray[np.int64], divide: int
) -> NDArray[np.int64]:
    """Pairs between representatives, written out for every row of a that they stand for."""
    found = np.unique(np.sort(found, axis=1), axis=0)
    members = np.argsort(of_a, kind="stable")
    count = np.bincount(of_a, minlength=divide)
    start = np.cumsum(count) - count
    repeats = count[found[:, 0]]
    inside = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    rows = members[np.repeat(start[found[:, 0]], repeats) + inside]
    return np.stack([rows, np.repeat(first_b[found[:, 1] - divide], repeats)], axis=1)


def _ordered(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs without repeats, sorted."""
    return np.unique(pairs, axis=0) if len(pairs) else pairs.astype(np.int64)
