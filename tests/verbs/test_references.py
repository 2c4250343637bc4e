"""References through whole runs: what a repair may not make the model forget, and the ledger at the end of a proof."""

from __future__ import annotations

import pytest

import duiqi
from duiqi.core.bundle import Step
from tiny import reviews, write_csv

WELL = {"options": {"finetune": {"epochs": 3, "learning_rate": 3e-3}}, "with_": ["finetune"]}


@pytest.fixture(scope="module")
def weak(body, task, tmp_path_factory):
    """The tiny model after forty rows: hardly better than chance."""
    from duiqi.data.dedupe import row_keys
    from duiqi.model.fit import fit
    from duiqi.model.open import find

    place, rows = tmp_path_factory.mktemp("weak") / "model", reviews(40, seed=2)
    step = Step("finetune", rows={"trained": row_keys(rows)})
    fit(find(body), rows, task=task, out=place, step=step, learning_rate=1e-4, batch_rows=16, epochs=1)
    return place


def ledger(report):
    return next(each.data["rows"] for each in report.exhibits if each.data["title"] == "ledger")


def test_a_step_is_held_against_references(weak, tmp_path):
    old = {"all": reviews(300, seed=5)}
    rows = write_csv(tmp_path / "rows.csv", 600, wrong=0.0)
    report = duiqi.align(weak, rows, reference={"old": old}, out=tmp_path / "out", threads=1, **WELL)
    (trial,) = report.facts["trials"]
    assert {c["measure"]: c["verdict"] for c in trial["changes"]}["backward_transfer[old]"] == "better"
    assert "backward_transfer" not in trial["why"]


def test_a_step_that_makes_it_forget_a_reference_is_dropped(weak, tmp_path):
    """The reference gives every text the other label: what is learned on the rows is lost on it."""
    rows = reviews(300, seed=5)
    other = {"positive": "negative", "negative": "positive"}
    turned = {"all": rows.with_column("label", [other[each] for each in rows.values("label")])}
    report = duiqi.repair(
        weak,
        write_csv(tmp_path / "rows.csv", 600),
        reference={"turned": turned},
        out=tmp_path / "out",
        threads=1,
        **WELL,
    )
    (trial,) = report.facts["trials"]
    assert (trial["decision"], trial["why"]) == ("dropped", "worse:backward_transfer[turned]")


def test_prove_and_diagnose_say_what_was_forgotten(fitted, weak, tmp_path):
    rows, old = write_csv(tmp_path / "rows.csv", 200, seed=77), write_csv(tmp_path / "old.csv", 300, seed=78)
    for report in (
        duiqi.prove(fitted, weak, rows, reference={"old": old}, only=["forgetting", "performance"], threads=1),
        duiqi.diagnose(weak, rows, before=fitted, reference={"old": old}, only=["forgetting"], threads=1),
    ):
        lines = ledger(report)
        assert [row[0] for row in lines] == ["rows_examined", "old"]
        assert lines[1][5] > 20  # a model of 40 rows has lost much of what 600 taught
        assert "backward_transfer[old]" in {each.ruling.measure.name for each in report.findings}
