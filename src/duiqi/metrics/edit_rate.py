from typing import Literal

import numpy as np

from duiqi.core.part import metric
from duiqi.core.texts import edit_distance, paired, units

_CUTS = {"word": units, "character": lambda text: list("".join(units(text)))}


@metric(
    better="lower",
    needs=("model.text", "data.label"),
    low=0.0,
    level="row",
    source="Levenshtein, 1966, Binary codes capable of correcting deletions, insertions, and reversals",
)
def edit_rate(truth, guess, *, unit: Literal["word", "character"] = "word"):
    """Units to insert, delete or replace for each unit of the reference: 0 and up, lower is better.

    With `unit="word"` the word error rate (phonemes between blanks: the phoneme error rate), with "character" the
    character error rate, which leaves blanks out. Case and punctuation count; width does not. A Chinese character is a
    word of its own. Of several references the one nearest for its length counts; edits and lengths are added up before
    they are divided, so long rows weigh more. Above 1 where answers ramble: it is no share of words that are wrong.
    """
    rows = []
    for references, answer in paired(truth, guess["text"], _CUTS[unit]):
        counted = [(edit_distance(each, answer), len(each)) for each in references]
        rows.append(min(counted, key=lambda count: count[0] / max(count[1], 1)))
    return np.array(rows, dtype=np.float64).reshape(-1, 2)


@edit_rate.finish
def _(sums):
    return sums[..., 0] / np.where(sums[..., 1] > 0, sums[..., 1], np.nan)
