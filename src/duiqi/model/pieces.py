"""How a tokenizer cuts texts: where its pieces lie, and which stand for what it does not know."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.model.quiet import quiet
from duiqi.model.tokens import CHUNK


def pieces(tokenizer: Any, texts: Sequence[str]) -> list[NDArray[np.int32]]:
    """The pieces of every text, int[p, 3]: the first character, without blanks before it, the end, and 1 where unknown.

    Texts are cut as they are read alone, and whole, however long they are.
    """
    found: list[NDArray[np.int32]] = []
    for at in range(0, len(texts), CHUNK):
        found += _chunk(tokenizer, list(texts[at : at + CHUNK]))
    return found


def _chunk(tokenizer: Any, texts: list[str]) -> list[NDArray[np.int32]]:
    with quiet():
        given = tokenizer(texts, add_special_tokens=False, truncation=False, return_offsets_mapping=True)
    counts = [len(ids) for ids in given["input_ids"]]
    begins = np.repeat(np.cumsum([0, *(len(text) + 1 for text in texts)])[:-1], counts)
    joined = " ".join([*texts, ""])
    offsets = np.fromiter(chain.from_iterable(chain.from_iterable(given["offset_mapping"])), np.int64)
    offsets = offsets.reshape(-1, 2) + begins[:, None]
    said = np.flatnonzero(~np.fromiter(map(str.isspace, joined), bool, count=len(joined)))
    next_said = np.append(said, len(joined))[np.searchsorted(said, np.arange(len(joined) + 1))]
    unknown = np.fromiter(chain.from_iterable(given["input_ids"]), np.int64) == tokenizer.unk_token_id
    cut = np.column_stack([next_said[offsets[:, 0]] - begins, offsets[:, 1] - begins, unknown]).astype(np.int32)
    rows = np.split(cut, np.cumsum(counts)[:-1])
    return [row[row[:, 0] < row[:, 1]] for row in rows]
