"""Made-up rows on disk with a planted fault, small enough that a whole walk takes seconds."""

from __future__ import annotations

import signal

import pytest

from duiqi.core.bundle import Step
from tiny import reviews, write_csv


@pytest.fixture(autouse=True)
def _own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("DUIQI_STATE", str(tmp_path / "state"))


@pytest.fixture
def interruptible():
    """Interrupts count in this process and those it starts, even where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def rows_csv(tmp_path):
    return write_csv(tmp_path / "rows.csv")


@pytest.fixture(scope="session")
def fitted(body, task, tmp_path_factory):
    """The tiny model, trained on clean rows of no group: nearly always right."""
    from duiqi.data.dedupe import row_keys
    from duiqi.model.fit import fit
    from duiqi.model.open import find

    place = tmp_path_factory.mktemp("fitted") / "model"
    rows = reviews(600, seed=1)
    step = Step("finetune", rows={"trained": row_keys(rows)})
    fit(find(body), rows, task=task, out=place, step=step, learning_rate=3e-3, batch_rows=16, epochs=3)
    return place
