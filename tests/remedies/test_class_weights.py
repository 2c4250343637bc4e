"""class_weights: rows count by their class, and by the rarest of several."""

from __future__ import annotations

import numpy as np
import pytest

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded

CATALOGUE = Catalogue.installed()


def weights(task: str, names: tuple[str, ...], columns: dict[str, list], **options) -> np.ndarray:
    train = Dataset.of(columns)
    made = CATALOGUE.task(task, labels=names)
    case = Case(Recorded(made, Predictions(train.row_ids, {})), train, train=train, catalogue=CATALOGUE)
    plan = CATALOGUE.find("remedy", "class_weights")(case, (), **options)
    return np.array(plan.data(train).values("weight"))


def test_a_class_counts_by_the_inverse_of_its_share():
    given = weights("classify", ("a", "b"), {"text": [*"uvwxy"], "label": ["a"] * 4 + ["b"]}, power=1.0)
    assert given == pytest.approx([0.625] * 4 + [2.5])


def test_a_sentence_counts_as_the_rarest_type_in_it_and_one_without_as_the_commonest():
    words = [["u", "v"]] * 6
    tags = [["B-x", "I-x"], ["B-x", "O"], ["B-x", "O"], ["B-x", "B-y"], ["O", "O"], ["B-x", "O"]]
    given = weights("tag", ("x", "y"), {"tokens": words, "label": tags}, power=1.0, most=3.0)
    assert given / given[0] == pytest.approx([1, 1, 1, 3, 1, 1])


def test_several_labels_count_as_the_rarest_of_them():
    labels = [["a"], ["a", "b"], ["a"], [], ["a"]]
    given = weights("multilabel", ("a", "b"), {"text": [*"uvwxy"], "label": labels}, power=0.5)
    assert given / given[0] == pytest.approx([1, 2, 1, 1, 1])
