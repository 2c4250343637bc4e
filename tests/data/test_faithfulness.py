"""Faithfulness: known values by hand for a model that hangs on one word, and for one that hangs on none."""

from __future__ import annotations

import numpy as np
import pytest

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import Order, examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions
from duiqi.data.explaining import explained, subject_of
from duiqi.data.faithfulness import agreement, faithfulness, in_figures

TASK = Catalogue.installed().task("classify", labels=("no", "yes"))


class OneWord:
    """Says "yes" with .9 where the text has "good", else with .2."""

    task, offers, name, fingerprint = TASK, frozenset({"probs"}), "one word", "one word"

    def predict(self, data, outputs):
        yes = np.array([0.9 if "good" in text.split() else 0.2 for text in data.texts])
        return Predictions(data.row_ids, {"probs": np.stack([1 - yes, yes], axis=1)})


def found_of(texts, method="occlusion"):
    subject = subject_of(OneWord(), Dataset.of({"text": texts}))
    return subject, explained(OneWord(), subject, [method, "kernel_shap"])


def test_what_hangs_on_one_word_is_lost_with_it_and_kept_with_it_alone():
    subject, found = found_of(["a b c d e f g good h i"])
    holds = faithfulness(OneWord(), subject, found, "occlusion")
    assert holds.comprehensiveness == pytest.approx([0.7])  # .9 - .2 for every share
    assert holds.sufficiency == pytest.approx([0.0])
    assert 0 < holds.random_comprehensiveness[0] < 0.7  # chance has the word among 1, 2 and 5 of 10
    assert holds.gain[0] == pytest.approx(0.7 - holds.random_comprehensiveness[0])


def test_random_words_lose_what_their_share_would():
    subject, found = found_of([f"a b c d e f g good h {word}" for word in "jklmnopqrstuvwxyz" * 6])
    holds = faithfulness(OneWord(), subject, found, "occlusion")
    expected = 0.7 * np.mean([0.1, 0.2, 0.5])
    assert holds.random_comprehensiveness.mean() == pytest.approx(expected, abs=0.03)


def test_agreement_is_one_for_equal_orders_and_minus_one_for_turned_ones():
    _, found = found_of(["a good one", "x"])
    assert agreement(found, "occlusion", found, "occlusion") == pytest.approx([1.0])  # a text of one word has no order
    turned = [
        each.with_method(type(each.by["occlusion"])("turned", -each.by["occlusion"].weights, {})) for each in found
    ]
    assert agreement(found, "occlusion", turned, "turned") == pytest.approx([-1.0])


def test_figures_of_one_text_have_no_interval():
    assert in_figures(np.array([0.3])) == {"value": 0.3, "low": None, "high": None}
    figures = in_figures(np.array([0.0, 1.0]))
    assert figures["high"] - 0.5 == pytest.approx(1.96 * np.sqrt(0.5) / np.sqrt(2))


def test_the_probe_runs_only_where_it_is_named():
    catalogue = Catalogue.installed()
    case = Case(OneWord(), Dataset.of({"text": ["a good one"] * 3, "label": ["yes", "no", "yes"]}), catalogue=catalogue)
    assert "opacity" not in [order.probe.name for order in orders(case)]
    (order,) = orders(case, only=["opacity"])
    report = examine(case, [order])
    assert not report.skipped
    assert report.measure("faithfulness_gain").value > 0


def test_rows_without_words_are_said_and_not_counted():
    probe = Catalogue.installed().find("probe", "opacity")
    report = examine(Case(OneWord(), Dataset.of({"text": ["", " "]}), catalogue=Catalogue.installed()), [Order(probe)])
    assert "words" in report.skipped[0]["why"] or "words" in str(report.skipped[0])
