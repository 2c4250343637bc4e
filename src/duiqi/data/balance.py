"""How often each row is wanted so that classes, groups or languages get the shares that they should have.

Temperature sampling: a class with the share p of the rows gets a share in proportion to p to the power of
1/temperature. At 1 all stays as it is; the higher, the more even (Devlin, 2019, multilingual BERT, exponent 0.7;
Conneau et al., 2020, Unsupervised cross-lingual representation learning at scale, ACL,
https://arxiv.org/abs/1911.02116, exponent 0.3). Or shares are named outright.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from duiqi.core.errors import OptionError, nearest
from duiqi.core.seed import derive, mix

WAYS = ("over", "under", "weight")
MOST = 10.0
CLOSE = 1e-9  # what rounding may do to a whole number


def check_options(how: str, temperature: float, shares: Mapping[str, float], most: float) -> None:
    """`OptionError` for what no rows could be balanced by."""
    if how not in WAYS:
        raise OptionError(f"expected a way among {', '.join(WAYS)}, given '{how}'", hint=nearest(how, WAYS))
    if not temperature >= 1:
        raise OptionError(
            f"expected a temperature from 1 up, given {temperature}",
            hint="1 leaves the shares as they are, inf makes them even; an exponent of 0.3 is a temperature of 3.3.",
        )
    if not most >= 1:
        raise OptionError(f"expected a bound from 1 up, given most={most}", hint="most=10 suits most data.")
    if not all(0 < share < math.inf for share in shares.values()) or sum(shares.values()) > 1 + CLOSE:
        raise OptionError(
            f"expected shares above 0 that sum to at most 1, given {dict(shares)}",
            hint='Shares of all training rows, for example shares = {"positive" = 0.3}; the others share the rest.',
        )


def target_shares(
    counts: Mapping[str, int], *, temperature: float = math.inf, shares: Mapping[str, float] | None = None
) -> dict[str, float]:
    """The share of all rows that each class is to have; they sum to 1.

    `shares` names those of some classes or of all; the others divide what is left by `temperature`.
    """
    named = dict(shares or {})
    strange = next((name for name in named if name not in counts), None)
    if strange is not None:
        raise OptionError(
            f"expected shares of what training rows have ({', '.join(list(counts)[:20])}), given one of '{strange}'",
            hint=nearest(strange, counts),
        )
    others = [name for name in counts if name not in named]
    rest = 1 - sum(named.values())
    if (rest > CLOSE) != bool(others):
        given = f"{named}, which leaves {f'none for {others[0]}' if others else f'{rest:.3g} for none'}"
        raise OptionError(f"expected shares that sum to 1 with all rows, given {given}", hint="Mend the shares.")
    if others:
        now = np.array([counts[name] for name in others], dtype=np.float64)
        raised = (now / now.sum()) ** (1 / temperature)
        named |= zip(others, (rest * raised / raised.sum()).tolist(), strict=True)
    return {name: named[name] for name in counts}


def rows_wanted(
    counts: Mapping[str, int],
    *,
    how: str = "over",
    temperature: float = math.inf,
    shares: Mapping[str, float] | None = None,
    most: float = MOST,
) -> dict[str, float]:
    """How many rows of each class are wanted; divided by `counts`, how often each of its rows is.

    "over" repeats rows and leaves none out: the fewest rows with these shares, none more often than `most` times on
    average over its class. "under" leaves rows out and repeats none: the most rows with these shares, at least one of
    each class. Both are whole numbers, by largest remainders. "weight" is "over" scaled to as many rows as there are,
    so that weights have mean 1, in fractions. `most` can keep "over" and "weight" from the shares.
    """
    check_options(how, temperature, shares or {}, most)
    if not counts:
        return {}
    aim = target_shares(counts, temperature=temperature, shares=shares)
    now, wanted = (np.array([each[name] for name in counts], dtype=np.float64) for each in (counts, aim))
    if how == "under":
        made = np.maximum(_whole(wanted * (now / wanted).min()), 1.0)
    else:
        made = np.minimum(wanted * (now / wanted).max(), most * now)
        made = _whole(made) if how == "over" else made * now.sum() / made.sum()
    return dict(zip(counts, made.tolist(), strict=True))


def _whole(ideal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Whole numbers that sum to the nearest one to the sum of these, each less than one away, by largest remainders."""
    down = np.floor(ideal + CLOSE)
    short = round(float(ideal.sum() - down.sum()))
    down[np.argsort(down - ideal, kind="stable")[:short]] += 1
    return down


def times(
    of: NDArray[np.int64], wanted: Sequence[float], keys: NDArray[np.uint64], *, seed: int = 0
) -> NDArray[np.int64]:
    """How often each row is taken, int[n], so that class k has exactly `wanted[k]` (whole) rows; `of` is each row's
    class. Rows of a class differ by one at most: which have one more hangs on their key and the seed alone."""
    counts = np.bincount(of, minlength=len(wanted))
    whole, over = np.divmod(np.array(wanted, dtype=np.int64), np.maximum(counts, 1))
    order = np.lexsort((mix(keys ^ np.uint64(derive(seed, "balance"))), of))
    rank = np.empty(len(of), dtype=np.int64)
    rank[order] = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(whole[of] + (rank < over[of]), dtype=np.int64)
