"""Slices that a person can check, as searches look at them: words that say little stay out of the way."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from duiqi.core.candidates import Candidates, candidates
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset


def readable_slices(case: Case, data: Dataset, **limits: Any) -> Candidates:
    """The slices of some rows (`limits`: see `candidates`), made once for all models on these rows."""
    name = f"candidates:{data.fingerprint}:{sorted(limits.items())}"
    function_words, edges = of_little_meaning()
    return case.remember(name, lambda: candidates(data, function_words=function_words, edges=edges, **limits))


@cache
def of_little_meaning() -> tuple[frozenset[str], frozenset[str]]:
    """Function words, and characters that a Chinese word seldom begins or ends with."""
    said = tomllib.loads(files("duiqi.data").joinpath("lexicons", "function_words.toml").read_text(encoding="utf-8"))
    return frozenset([*said["en"], *said["zh"]]), frozenset(said["zh_edges"])
