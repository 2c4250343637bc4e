"""Rows that stand in training, too: found by hand-made copies, left out by the remedy."""

import numpy as np

from duiqi.core.dataset import Dataset
from duiqi.core.examine import Order, examine
from duiqi.core.part import Catalogue
from duiqi.data.dedupe import copies
from duiqi.data.simulated import leaking_case

CATALOGUE = Catalogue.installed()
TRAIN = (
    "The kettle broke on the second day and nobody answered my letters.",
    "房间很干净，早餐也不错，下次还会再来住。",
    "Nothing to see here.",
    "The kettle broke on the second day, and nobody answered my letters!",
)


def rows(texts):
    return Dataset.of({"text": list(texts), "label": ["a"] * len(texts)})


def test_copies_are_found_as_they_are_and_nearly():
    asked = rows(
        [
            "the kettle broke on the second day and nobody answered my letters",  # case and punctuation
            "The kettle broke on the second day and nobody answered my letterss.",  # nearly
            "房间很干净，早餐也不错，下次还会再来住！",
            "A text of its own, about a harbour in winter.",
        ]
    )
    found = copies(asked, rows(TRAIN))
    assert found.exact.tolist() == [True, False, True, False]
    assert found.of[0] in (0, 3)
    assert found.of[1] in (0, 3)
    assert found.of[2:].tolist() == [1, -1]


def test_only_equal_inputs_where_that_is_asked():
    asked = rows(["The kettle broke on the second day and nobody answered my letterss.", "nothing to see here"])
    assert copies(asked, rows(TRAIN), threshold=1.0).of.tolist() == [-1, 2]
    assert copies(rows([]), rows(TRAIN)).of.tolist() == []
    assert copies(asked, rows([])).of.tolist() == [-1, -1]


def test_the_share_is_counted_and_examples_name_the_row_that_gives_them_away():
    case = leaking_case(np.random.default_rng(0), share=0.1)
    report = examine(case, [Order(CATALOGUE.find("probe", "leakage"))])
    (measure,) = report.measures
    found = copies(case.data, case.train)
    assert measure.value == (found.of >= 0).mean()
    assert measure.interval.low <= measure.value <= measure.interval.high
    (table,) = report.exhibits
    texts = dict(zip(case.data.row_ids, case.data.texts, strict=True))
    for row, text, _, claim, there, _ in table.data["rows"]:
        assert texts[row] == text
        assert there in case.train.texts
        assert (claim == "equal_copy") == (there == text)


def test_the_remedy_leaves_none_and_spares_the_others():
    case = leaking_case(np.random.default_rng(1), share=0.1)
    plan = CATALOGUE.find("remedy", "drop_leaked")(case, ())
    left = plan.data(case.train)
    assert (copies(case.data, left).of < 0).all()
    assert len(case.train) - len(left) == (copies(case.train, case.data).of >= 0).sum()
    assert plan.cleans
    assert plan.restart
