"""Made-up rows on disk with a planted fault, small enough that a whole walk takes seconds."""

from __future__ import annotations

import pytest

from tiny import write_csv


@pytest.fixture(autouse=True)
def _own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("DUIQI_STATE", str(tmp_path / "state"))


@pytest.fixture
def rows_csv(tmp_path):
    return write_csv(tmp_path / "rows.csv")
