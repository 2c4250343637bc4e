from typing import Literal

from duiqi.core.part import metric
from duiqi.core.rates import noted, share, yes_or_no
from duiqi.data.claims import KINDS


@metric(
    better="lower",
    notes=KINDS,
    low=0.0,
    high=1.0,
    source="Maynez et al., 2020, On faithfulness and factuality in abstractive summarization, ACL, "
    "https://arxiv.org/abs/2005.00661",
)
def unfaithful_rate(notes, *, of: Literal["number", "name", "negation"] = "number"):
    """Share of rows whose text has a number, name or negation that its source has not: 0 to 1, lower is better.

    `of` says which of the three. Noted by the probe unfaithfulness of texts and sources. Misleads as a bare number,
    because good references add such things, too: a total, a full name, a rounded figure. Hold it against their rate.
    """
    return noted(notes[:, KINDS.index(of)])


unfaithful_rate.finish(share)
unfaithful_rate.pseudo(yes_or_no)
