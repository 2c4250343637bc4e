"""Plans compose, in order, and say when they cannot."""

import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.errors import OptionError
from duiqi.core.plan import Plan, chained, steps_of


def adding(word):
    return lambda rows: rows.paired(rows.with_column("text", [f"{text} {word}" for text in rows.texts]))


def calibrate(model, rows):
    return {"temperature": 2.0}


def test_data_of_the_left_plan_goes_first():
    composed = Plan(data=adding("one")) | Plan() | Plan(data=adding("two"))
    assert composed.data is not None
    assert composed.data(Dataset.of({"text": ["zero"]})).texts == ["zero one two"]


def test_factors_of_different_plans_meet():
    composed = Plan(objective="adversarial", training={"epochs": 3}, remedies=(("a", {}),)) | Plan(
        scope="head", training={"epochs": 3, "seed": 1}, finish=(calibrate,), remedies=(("b", {"x": 1}),)
    )
    assert (composed.objective, composed.scope) == ("adversarial", "head")
    assert composed.training == {"epochs": 3, "seed": 1}
    assert composed.finish == (calibrate,)
    assert composed.remedies == (("a", {}), ("b", {"x": 1}))


def test_nothing_is_the_neutral_plan():
    plan = Plan(objective="likelihood", training={"epochs": 2}, finish=(calibrate,), remedies=(("a", {}),))
    assert plan | Plan() == plan == Plan() | plan


@pytest.mark.parametrize(
    ("one", "other", "factor"),
    [({"objective": "a"}, {"objective": "b"}, "objective"), ({"scope": "head"}, {"scope": "full"}, "scope"),
     ({"training": {"epochs": 1}}, {"training": {"epochs": 2}}, "epochs")],
)  # fmt: skip
def test_two_answers_to_one_question_clash(one, other, factor):
    with pytest.raises(OptionError, match=f"{factor}.*first and second"):
        Plan(**one, remedies=(("first", {}),)) | Plan(**other, remedies=(("second", {}),))
    assert Plan(**one) | Plan(**one) == Plan(**one)


def test_whether_weights_move():
    assert not Plan(finish=(calibrate,)).trains
    assert all(plan.trains for plan in (Plan(data=adding("x")), Plan(objective="a"), Plan(training={"epochs": 1})))


def test_chains_of_the_same_functions_are_equal_however_they_were_put_together():
    one, two, three = adding("one"), adding("two"), adding("three")
    left, right = chained(chained(one, two), three), chained(one, chained(two, three))
    assert left == right
    assert steps_of(left) == (one, two, three)
    assert steps_of(chained(None, one)) == (one,)
    assert steps_of(chained(None, None)) == ()
