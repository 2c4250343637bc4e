"""Every part that is installed keeps the contract."""

from __future__ import annotations

import pytest

from duiqi.core.errors import DependencyError
from duiqi.core.part import ROLES, Catalogue, probe
from duiqi.testing import check

PARTS = [(role, name) for role in ROLES for name in Catalogue.installed().names(role)]


@pytest.mark.parametrize(("role", "name"), PARTS, ids=[f"{role}-{name}" for role, name in PARTS])
def test_keeps_the_contract(role, name):
    try:
        check(Catalogue.installed().find(role, name))
    except DependencyError as error:
        pytest.skip(f"{error} ({error.hint})")


def test_a_part_that_breaks_it_is_named():
    @probe(kind="task_fit")
    def silent(case):
        """A probe that never says anything, whatever the case may be, and brings no patients."""
        yield from ()

    with pytest.raises(AssertionError, match=r"silent: bring a healthy and a sick case"):
        check(silent)


def test_a_probe_that_never_fires_is_caught():
    @probe(kind="task_fit")
    def asleep(case):
        """A probe that never says anything, although it brings a healthy and a sick patient with it."""
        yield from ()

    @asleep.planted
    def _(rng, strength):
        pair = Catalogue.installed().find("probe", "calibration").hooks["planted"]
        return pair(rng, strength)

    with pytest.raises(AssertionError, match=r"asleep: finds nothing on its sick case"):
        check(asleep)
