from typing import Literal

from duiqi.core.part import metric
from duiqi.core.rates import noted, share, yes_or_no


@metric(better="lower", notes=("private",), low=0.0, high=1.0, about="rows", shown=("part",))
def private_rate(notes, *, part: Literal["data", "train"] = "data"):
    """Share of rows that hold an identifier of a person: 0 to 1, lower is better.

    Noted by the probe private_data of the rows. `part` only says which rows were looked at. Misleads where identifiers
    are of a kind that is not looked for: names, streets, numbers written as words.
    """
    return noted(notes)


private_rate.finish(share)
private_rate.pseudo(yes_or_no)
