"""Made-up rows on disk with a planted fault, small enough that a whole walk takes seconds."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from tiny import reviews


@pytest.fixture(autouse=True)
def _own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("DUIQI_STATE", str(tmp_path / "state"))


def write_csv(path, rows=600, *, seed=3, wrong=0.4):
    """Reviews from three regions; in the south a share of the labels is wrong."""
    data = reviews(rows, seed=seed)
    rng = np.random.default_rng(seed)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "region"])
        for text, label in zip(data.texts, data.values("label"), strict=True):
            region = str(rng.choice(["north", "south", "east"]))
            if region == "south" and rng.random() < wrong:
                label = "negative" if label == "positive" else "positive"
            writer.writerow([text, label, region])
    return path


@pytest.fixture
def rows_csv(tmp_path):
    return write_csv(tmp_path / "rows.csv")
