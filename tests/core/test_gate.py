"""Gates: three verdicts, how many rows would settle one, and families judged together."""

import numpy as np
import pytest

from duiqi.core.errors import OptionError
from duiqi.core.gate import Gate, Held, gates_from, judge, overall
from duiqi.core.slice import Slice


def with_errors(make_case, n, wrong, **about):
    return make_case(np.zeros(n, int), np.arange(n) % n < wrong, **about)


def ruled(gate, measure, before=None):
    (ruling,) = judge([gate.hold(measure, before)])
    return ruling


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [({"at_least": 0.80}, "pass"), ({"at_least": 0.90}, "unclear"), ({"at_least": 0.96}, "fail"),
     ({"at_most": 0.80}, "fail"), ({"at_most": 0.90}, "unclear"), ({"at_most": 0.96}, "pass")],
)  # fmt: skip
def test_three_verdicts(make_case, bound, verdict):
    accuracy = with_errors(make_case, 1000, 100).measure("accuracy")
    assert ruled(Gate("accuracy", **bound), accuracy).verdict == verdict


def test_five_right_of_five_never_pass(make_case):
    for n in (1, 5, 9):
        ruling = ruled(Gate("accuracy", at_least=0.1), with_errors(make_case, n, 0).measure("accuracy"))
        assert ruling.verdict == "unclear"
        assert ruling.to_json()["why"] == "too_few_rows"
        assert ruling.rows_to_settle is None or ruling.rows_to_settle >= 10


def test_auroc_needs_five_rows_on_either_side(make_case, rng):
    truth = (np.arange(200) < 4).astype(int)
    second = np.where(truth == 1, 0.9, 0.1) + rng.uniform(-0.05, 0.05, 200)
    ruling = ruled(
        Gate("auroc", at_least=0.6), make_case(truth, np.stack([1 - second, second], axis=1)).measure("auroc")
    )
    assert ruling.measure.value == 1
    assert ruling.verdict == "unclear"


def test_rows_to_settle_would_settle(make_case):
    """With half as many rows more of the same kind the verdict is clear, with half as many it is not."""
    gate = Gate("accuracy", at_least=0.88)
    few = ruled(gate, with_errors(make_case, 300, 30, draws=1000).measure("accuracy"))
    assert few.verdict == "unclear"
    assert few.rows_to_settle is not None
    assert few.rows_to_settle > 300
    assert str(few.rows_to_settle).rstrip("0").isdigit()
    assert len(str(few.rows_to_settle).rstrip("0")) <= 1 or str(few.rows_to_settle).startswith("10")
    half, more = few.rows_to_settle // 2, few.rows_to_settle * 3 // 2
    assert ruled(gate, with_errors(make_case, half, half // 10, draws=1000).measure("accuracy")).verdict == "unclear"
    assert ruled(gate, with_errors(make_case, more, more // 10, draws=1000).measure("accuracy")).verdict == "pass"


def test_no_number_of_rows_settles_a_value_on_its_bound(make_case):
    ruling = ruled(Gate("accuracy", at_least=0.9), with_errors(make_case, 500, 50).measure("accuracy"))
    assert (ruling.verdict, ruling.rows_to_settle) == ("unclear", None)


def test_no_worse_by_is_about_the_change(make_case):
    texts = [f"text {i}" for i in range(3000)]
    before = with_errors(make_case, 3000, 300, texts=texts).measure("accuracy")
    same = with_errors(make_case, 3000, 303, texts=texts).measure("accuracy")
    worse = with_errors(make_case, 3000, 450, texts=texts).measure("accuracy")
    gate = Gate("accuracy", no_worse_by=0.01)
    assert gate.hold(same, None) is None
    assert ruled(gate, same, before).verdict == "pass"
    assert ruled(gate, worse, before).verdict == "fail"
    said = ruled(gate, worse, before).to_json()
    assert said["change"]["value"] == pytest.approx(-0.05)
    assert said["change"]["verdict"] == "worse"
    assert said["before"]["value"] == 0.9


def test_no_worse_by_turns_with_the_direction(make_case, rng):
    texts = [f"text {i}" for i in range(2000)]
    truth = rng.integers(0, 2, 2000)
    sharp = np.where(np.arange(2) == truth[:, None], 0.9, 0.1) + rng.uniform(-0.05, 0.05, (2000, 1)) * [1, -1]
    blunt = 0.6 * sharp + 0.2
    sharp, blunt = (make_case(truth, p, texts=texts).measure("brier") for p in (sharp, blunt))
    gate = Gate("brier", no_worse_by=0.01)
    assert ruled(gate, sharp, blunt).verdict == "pass"
    assert ruled(gate, blunt, sharp).verdict == "fail"


def test_a_family_of_true_gates_fails_rarely(make_case):
    """Twenty gates at the truth: without correction about 40 % of families have a false failure, with it few."""
    single = corrected = 0
    families = 60
    for number in range(families):
        rng = np.random.default_rng(number)
        wrong = rng.random(1000) < 0.2
        case = make_case(np.zeros(1000, int), wrong, group=[f"g{i % 20}" for i in range(1000)], draws=300, seed=number)
        measures = case.measures("accuracy", [Slice.of("group", f"g{g}") for g in range(20)])
        rulings = judge([Gate("accuracy", at_least=0.8, slice=None).hold(m, None) for m in measures])
        single += any(r.single_verdict == "fail" for r in rulings)
        corrected += any(r.verdict == "fail" for r in rulings)
    assert single / families > 0.2
    assert corrected / families <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / families)


def test_correction_does_not_hide_what_is_plain(make_case):
    wrong = np.where(np.arange(2000) % 20 == 0, np.arange(2000) % 3 > 0, np.arange(2000) % 10 == 1)
    case = make_case(np.zeros(2000, int), wrong, group=[f"g{i % 20}" for i in range(2000)])
    measures = case.measures("accuracy", [Slice.of("group", f"g{g}") for g in range(20)])
    rulings = judge([Gate("accuracy", at_least=0.7, slice=None).hold(m, None) for m in measures])
    assert rulings[0].verdict == "fail"


def test_equal_groups_rarely_fail_a_gap_gate(make_case):
    failed = 0
    for number in range(60):
        rng = np.random.default_rng(number)
        group = rng.integers(0, 8, 800)
        case = make_case(np.zeros(800, int), rng.random(800) < 0.15, draws=300, seed=number)
        gap = case.across("accuracy", {str(g): group == g for g in range(8)}, by="group", reduce="gap")
        assert gap.value > 0.01
        failed += ruled(Gate("accuracy_gap", at_most=0.01), gap).verdict == "fail"
    assert failed / 60 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 60)  # by plain percentiles nearly all fail


def test_gates_speak_of_measures_by_name(make_case, rng):
    case = make_case(rng.integers(0, 2, 50), rng.integers(0, 2, 50), group=["a"] * 50)
    recall = case.measure("recall", label=1)
    assert Gate("recall", at_least=0.5).speaks_of(recall)
    assert Gate("recall[1]", at_least=0.5).speaks_of(recall)
    assert not Gate("recall[0]", at_least=0.5).speaks_of(recall)
    part = case.measure("recall", slice=Slice.of("group", "a"))
    assert not Gate("recall", at_least=0.5).speaks_of(part)
    assert Gate("recall", at_least=0.5, slice=None).speaks_of(part)
    assert Gate("recall", at_least=0.5, slice="group == a").speaks_of(part)


@pytest.mark.parametrize("bounds", [{}, {"at_least": 0.1, "at_most": 0.2}])
def test_a_gate_has_one_bound(bounds):
    with pytest.raises(OptionError, match="exactly one bound"):
        Gate("accuracy", **bounds)


def test_gates_from_a_file():
    gates = gates_from({"accuracy": [{"at_least": 0.8}, {"no_worse_by": 0.01}], "brier": {"at_most": 1, "slice": "x"}})
    assert gates == (
        Gate("accuracy", at_least=0.8),
        Gate("accuracy", no_worse_by=0.01),
        Gate("brier", at_most=1, slice="x"),
    )
    for wrong in ({"at_leats": 0.8}, 0.8, {"at_least": "high"}, {"at_least": True}, {}):
        with pytest.raises(OptionError):
            gates_from({"accuracy": wrong})


def test_the_worst_verdict_counts():
    assert overall(["pass", "unclear", "fail"]) == "fail"
    assert overall(["pass", "unclear"]) == "unclear"
    assert overall([]) == overall(["pass"]) == "pass"


def test_a_held_gate_judges_what_its_bound_is_about(make_case):
    measure = with_errors(make_case, 100, 10).measure("accuracy")
    assert Held(Gate("accuracy", at_least=0.5), measure, None).judged is measure
