"""robustness: a curve over strengths where they are asked for, nested changes, the measure that of all changes."""

from __future__ import annotations

import numpy as np
import pytest

from duiqi.core.errors import OptionError
from duiqi.core.examine import examine, orders
from duiqi.data.simulated import slipping_case

CASE = slipping_case(np.random.default_rng(0), slips=0.3, rows=400)


def looked(**options):
    report = examine(CASE, orders(CASE, only=["robustness"], options={"robustness": {"edits": ["typos"], **options}}))
    return report, {each.data["title"]: each.data for each in report.exhibits}


def test_a_curve_ends_in_the_measure_and_begins_unedited():
    plain, _ = looked()
    report, shown = looked(strengths=[0.5, 0.25])
    name = "accuracy_difference[typos]"
    assert report.measure(name).value == plain.measure(name).value
    ((series),) = shown["strengths"]["series"]
    places, values = zip(*(point[:2] for point in series["points"]), strict=True)
    assert places == (0.0, 0.25, 0.5, 1.0)
    assert values[0] == pytest.approx(np.mean(CASE.right))
    assert values[-1] - values[0] == pytest.approx(report.measure(name).value)
    assert values[0] > values[1] > values[-1]
    assert "strengths" not in looked()[1]


@pytest.mark.parametrize("wrong", [[0.0], [1.5], [-1.0]])
def test_strengths_are_shares(wrong):
    with pytest.raises(OptionError, match="strengths"):
        looked(strengths=wrong)
