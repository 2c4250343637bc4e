"""A report goes out as JSON and its sums as draws.npz, and comes back as what it was."""

import json

import numpy as np
import pytest

from duiqi.core.errors import DataError
from duiqi.core.exhibit import Exhibit
from duiqi.core.gate import Gate, judge
from duiqi.core.measure import Interval
from duiqi.core.part import Catalogue
from duiqi.core.report import Finding, Report, load_measures, save_measures, without_rows
from duiqi.core.slice import Slice


@pytest.fixture
def case(make_case, rng):
    truth = rng.integers(0, 2, 240)
    second = np.clip(np.where(truth == 1, 0.8, 0.2) + rng.normal(0, 0.3, 240), 0.01, 0.99)
    return make_case(truth, np.stack([1 - second, second], axis=1), group=[["北", "南"][i % 2] for i in range(240)])


def every_kind(case):
    """One measure of every form there is."""
    half = {"北": case.data.group("group") == "北", "南": case.data.group("group") == "南"}
    return [
        case.measure("accuracy"),
        case.measure("auroc"),
        case.measure("calibration_error", edges=(0.0, 0.5, 0.8)),
        case.measure("recall", slice=Slice.of("group", "南"), label=1),
        *(case.across("accuracy", half, by="group", reduce=reduce) for reduce in ("gap", "worst", "difference")),
        case.measure("brier", slice=Slice.of("group", "nowhere")),
    ]


def reported(case):
    measures = every_kind(case)
    rulings = judge([Gate("accuracy", at_least=0.99).hold(measures[0], None)])
    finding = Finding("task_fit", "any", rulings[0], Slice.of("group", "南"), 120, 12.5, ("r1",), ({"text": "secret"},))
    exhibits = (Exhibit("table", {"title": "a", "rows_of_data": True}), Exhibit("bars", {"title": "b"}))
    facts = {"data": {"name": "toy", "rows": 240}}
    return Report("diagnose", 3, tuple(measures), tuple(rulings), (finding,), exhibits, facts=facts)


def test_report_is_strict_json_that_reads_back(case):
    said = reported(case).to_json()
    text = json.dumps(said, ensure_ascii=False, allow_nan=False)
    assert json.loads(text) == json.loads(json.dumps(json.loads(text)))
    back = json.loads(text)
    assert back["format"] == "duiqi-report/1"
    assert back["verdict"] == "fail"
    assert back["data"] == {"name": "toy", "rows": 240}
    accuracy = next(m for m in back["measures"] if m["name"] == "accuracy")
    assert accuracy["value"] == case.right.mean()
    assert accuracy["low"] < accuracy["value"] < accuracy["high"]
    assert (accuracy["slice"], accuracy["better"], accuracy["rows"]) == ("all", "higher", 240)
    empty = next(m for m in back["measures"] if m["rows"] == 0)
    assert (empty["value"], empty["low"], empty["settled"], empty["why"]) == (None, None, False, "too_few_rows")
    assert Slice.from_json(back["findings"][0]["slice"]) == Slice.of("group", "南")


def test_a_forwarded_report_holds_no_row(case):
    said = without_rows(reported(case).to_json())
    text = json.dumps(said, ensure_ascii=False)
    assert "secret" not in text
    assert "r1" not in text
    assert [each["data"]["title"] for each in said["exhibits"]] == ["b"]
    assert "evidence" in reported(case).to_json()["findings"][0]


def test_saved_measures_come_back_and_still_subtract_and_add(case, tmp_path):
    measures = every_kind(case)
    save_measures(measures, tmp_path / "draws.npz")
    loaded = load_measures(tmp_path / "draws.npz", Catalogue.installed())
    for old, new in zip(measures, loaded, strict=True):
        assert (new.name, new.slice, new.across, new.rows, new.distinct, new.options) == (
            old.name, old.slice, old.across, old.rows, old.distinct, old.options,
        )  # fmt: skip
        assert np.array_equal(new.total, old.total)
        assert new.interval.why == old.interval.why
        ends = (new.interval.low, new.interval.high)
        assert ends == pytest.approx((old.interval.low, old.interval.high), abs=1e-5, nan_ok=True)
        change = old - new
        assert change.value == 0 or np.isnan(change.value)
        assert (old + new).rows == 2 * old.rows


def test_parts_of_a_report_saved_apart_merge_into_the_whole(make_case, rng, tmp_path):
    from dataclasses import replace

    truth = rng.integers(0, 2, 500)
    case = make_case(truth, truth ^ (rng.random(500) < 0.2))
    for at, rows in enumerate(np.array_split(np.arange(500), 3)):
        save_measures([replace(case, data=case.data.take(rows)).measure("macro_f1")], tmp_path / f"{at}.npz")
    shards = [load_measures(tmp_path / f"{at}.npz", Catalogue.installed())[0] for at in range(3)]
    merged = shards[0] + shards[1] + shards[2]
    whole = case.measure("macro_f1")
    assert np.array_equal(merged.total, whole.total)
    assert np.array_equal(merged.sums, whole.sums)  # counts are exact in float32
    assert merged.interval == whole.interval


def test_a_stated_interval_survives(case, tmp_path):
    from dataclasses import replace

    stated = replace(case.measure("accuracy"), stated=Interval(0.1, 0.2, "search"))
    save_measures([stated], tmp_path / "draws.npz")
    assert load_measures(tmp_path / "draws.npz", Catalogue.installed())[0].interval == Interval(0.1, 0.2, "search")


def test_measures_are_found_by_name_and_slice(case):
    report = reported(case)
    assert report.measure("recall", "group == 南").rows == 120
    assert report.find(case.measure("auroc")).name == "auroc"
    assert report.find(case.measure("mcc")) is None
    with pytest.raises(DataError, match="'acuracy'") as raised:
        report.measure("acuracy")
    assert "accuracy" in raised.value.hint
    assert report.exit_code == 1
