from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate
from duiqi.core.measure import Measure
from duiqi.core.part import probe
from duiqi.core.texts import excerpt
from duiqi.data.claims import KINDS, Kind, Support
from duiqi.data.simulated import retold_case

MOST_EXAMPLES = 4  # of each kind
Added = dict[Kind, list[str]]


@probe(
    kind="unfaithfulness",
    needs=("model.text", "data.label", "data.text", "task.generate"),
    gates=(Gate("unfaithful_rate_difference", at_most=0.02),),
    source="Maynez et al., 2020, On faithfulness and factuality in abstractive summarization, ACL, "
    "https://arxiv.org/abs/2005.00661; claims: Nan et al., 2021, Entity-level factual consistency of abstractive text "
    "summarization, EACL, https://aclanthology.org/2021.eacl-main.235/",
)
def unfaithfulness(case: Case, *, kinds: tuple[Kind, ...] = KINDS) -> Iterator[Measure | Exhibit]:
    """How much more often the model's texts than the references have numbers, names or negations of their own.

    What: for each of `kinds` the share of rows whose text has one that its source (text and second text of the row)
    has not, 0 to 1, and that share minus the one of the references, paired row by row; lower is better, and of several
    references of a row each counts a part. Why: a summary or reply that reads well and names another sum, person or
    outcome does harm that measures of overlap hardly see. How: numbers are compared by value, so 1,000 is 1000, 三百 is
    300 and 百分之五 is 5 %; one to twenty count as words, too, but "one" and 一 only support. Names are compared as
    words. A negation counts where the source has none at all.

    References add, too (Maynez et al. find it in most of XSum's), so a finding rests on the difference, proven to be
    more than two points. Names are those of Nan et al. without a recogniser: in English capitalised words that begin no
    sentence; in Chinese Latin words and titles in 《》 only, since persons and places are not told from other words by
    their form. So of Chinese names most are missed.

    Misleads on single rows: a text that rounds, counts, or says US for United States and French for of France is
    flagged, though faithful. So it does where the text is meant to bring something new, and across languages: a
    translation shares few words with its source. It does not see a number or name of the source put in a wrong place.
    No remedy that ships treats it: cleaner references do.
    """
    theirs = case.remember(f"unfaithful:{case.data.fingerprint}", lambda: _references(case))
    added = [support.lacks(text) for support, text in zip(_supports(case), case.guess["text"], strict=True)]
    mine = flags(added)
    rows = []
    for kind in kinds:
        yield case.noted("unfaithful_rate", mine, of=kind)
        difference = case.noted_versus("unfaithful_rate", mine, theirs, by="references", of=kind)
        yield difference
        rows.append([kind, difference.level(0).cell, difference.level(1).cell])
    yield Exhibit("table", {"title": "unfaithful", "columns": ["claim", "model", "references"], "rows": rows})
    examples = [row for kind in kinds for row in _examples(case, added, kind)]
    if examples:
        columns = ["claim", "added", "source", "answer"]
        yield Exhibit("table", {"title": "added", "columns": columns, "rows": examples, "rows_of_data": True})


def sources(data: Dataset) -> list[str]:
    """What every row gives the model to go by: its text, and the second one where it has one."""
    if not data.has("text_pair"):
        return data.texts
    return [f"{text}\n{pair or ''}" for text, pair in zip(data.texts, data.values("text_pair"), strict=True)]


def flags(added: Sequence[Added]) -> NDArray[np.float64]:
    """1 where a text adds something of a kind, float[n, 3]."""
    return np.array([[bool(each[kind]) for kind in KINDS] for each in added], dtype=np.float64).reshape(-1, len(KINDS))


def _supports(case: Case) -> list[Support]:
    """What the source of every row holds: read once for all models on these rows."""
    return case.remember(f"supports:{case.data.fingerprint}", lambda: [Support.of(each) for each in sources(case.data)])


def _references(case: Case) -> NDArray[np.float64]:
    """Of every row the share of the references that add something, by kind, float[n, 3]."""
    shares = [
        flags([support.lacks(text) for text in texts or [""]]).mean(axis=0)
        for support, texts in zip(_supports(case), case.truth, strict=True)
    ]
    return np.array(shares).reshape(-1, len(KINDS))


def _examples(case: Case, added: Sequence[Added], kind: Kind) -> Iterator[list[Any]]:
    """Rows whose text adds something of a kind, with what it adds: the shortest texts, which are soonest checked."""
    texts = case.guess["text"]
    found = sorted((i for i, each in enumerate(added) if each[kind]), key=lambda i: len(texts[i]))
    for i in found[:MOST_EXAMPLES]:
        said = added[i][kind]
        yield [kind, ", ".join(dict.fromkeys(said)), excerpt(case.data.shown[i]), excerpt(texts[i], said[0])]


@unfaithfulness.planted
def _(rng: np.random.Generator, strength: float) -> tuple[Case, Case]:
    """References add a claim of each kind in 4 % of the rows, and so does the healthy model."""
    return retold_case(rng, added=0.04), retold_case(rng, added=0.04 + 0.2 * strength)
