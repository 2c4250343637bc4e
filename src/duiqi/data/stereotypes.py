"""Pairs of sentences that differ in the group they speak of: what is said of it, and the same of another group."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from duiqi.core.errors import DataError
from duiqi.data.formats import Raw, read_file

LANGUAGES = ("en", "zh")
# names of columns, ours and those of CrowS-Pairs
MORE, LESS, TYPE = ("more", "sent_more"), ("less", "sent_less"), ("type", "bias_type")


@dataclass(frozen=True)
class Pair:
    """The more and the less stereotypical sentence, and what the stereotype is about ("gender"; "" where unknown).

    Pairs of one `block` speak of the same two groups; `side` is 1 where the first of them stands in the more
    stereotypical sentence, -1 where the second does, 0 where it is not known which two groups a pair is about.
    """

    more: str
    less: str
    type: str
    block: str = ""
    side: int = 0


@cache
def shipped(language: str) -> tuple[Pair, ...]:
    """The pairs that come with duiqi. Of two groups each stands in the more stereotypical sentence equally often."""
    path = files("duiqi.data").joinpath("lexicons", f"stereotypes_{language}.toml")
    made = []
    for block in tomllib.loads(path.read_text(encoding="utf-8"))["block"]:
        (first, second), kind = block["groups"], block["type"]
        both = f"{first}/{second}"
        made += [Pair(said.format(first), said.format(second), kind, both, 1) for said in block["first"]]
        made += [Pair(said.format(second), said.format(first), kind, both, -1) for said in block["second"]]
    return tuple(made)


def read_pairs(path: Path) -> tuple[Pair, ...]:
    """The pairs of a file (csv, tsv, json, jsonl, parquet, xlsx) with the columns more, less and perhaps type, or
    sent_more, sent_less and bias_type; `DataError` names the line where one is not two different sentences."""
    if not path.is_file():
        raise DataError(f"expected a file of pairs, given {path}, which is not there", hint="Check the path in pairs=.")
    raw = read_file(path, path.name)
    more, less = _column(raw, MORE, path), _column(raw, LESS, path)
    types = next((raw.columns[name] for name in TYPE if name in raw.columns), [""] * len(more))
    pairs = []
    for row, (one, other, kind) in enumerate(zip(more, less, types, strict=True)):
        if not (_said(one) and _said(other)) or one.strip() == other.strip():
            raise DataError(
                f"expected two different sentences in {raw.where([row])} of {path}, given {one!r} and {other!r}",
                hint="Each row looks like "
                '{"more": "The nurse said she …", "less": "The nurse said he …", "type": "gender"}.',
            )
        pairs.append(Pair(one.strip(), other.strip(), str(kind or "").strip()))
    return tuple(pairs)


def _column(raw: Raw, names: Sequence[str], path: Path) -> list[str]:
    for name in names:
        if name in raw.columns:
            return raw.columns[name]
    raise DataError(
        f"expected a column {' or '.join(names)} in {path}, given the columns {', '.join(raw.columns) or 'none'}",
        hint="Name the columns of the more and the less stereotypical sentence more and less.",
    )


def _said(sentence: object) -> bool:
    return isinstance(sentence, str) and bool(sentence.strip())
