from typing import Literal

import numpy as np

from duiqi.core.part import metric
from duiqi.data.claims import KINDS


@metric(
    better="lower",
    needs=("model.unfaithful",),
    low=0.0,
    high=1.0,
    level="row",
    source="Maynez et al., 2020, On faithfulness and factuality in abstractive summarization, ACL, "
    "https://arxiv.org/abs/2005.00661",
)
def unfaithful_rate(truth, guess, *, of: Literal["number", "name", "negation"] = "number"):
    """Share of rows whose text has a number, name or negation that its source has not: 0 to 1, lower is better.

    `of` says which of the three. Reads the column `unfaithful`, which the probe unfaithfulness makes of texts and
    sources; the truth plays no part. Misleads as a bare number, because good references add such things, too: a total,
    a full name, a rounded figure. Hold it against their rate.
    """
    added = np.asarray(guess["unfaithful"], dtype=np.float64).reshape(-1, len(KINDS))[:, KINDS.index(of)]
    return np.stack([added, np.ones(len(added))], axis=1)


@unfaithful_rate.finish
def _(sums):
    return sums[..., 0] / sums[..., 1]


@unfaithful_rate.pseudo
def _(total):
    return np.array([[1.0, 1.0], [0.0, 1.0]])
