"""Weights of words: known values of models that can be reckoned by hand."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, ModelError, OptionError
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions
from duiqi.data.attributions import METHODS
from duiqi.data.counterfactual import counterfactuals, telling_words
from duiqi.data.divided import as_words, divided
from duiqi.data.explaining import explained, subject_of
from duiqi.data.nearest import nearest_rows
from duiqi.data.word_importance import word_importance

TASK = Catalogue.installed().task("classify", labels=("bad", "good"))
WEIGHTS = {"good": 2.0, "bad": -3.0, "fine": 1.0, "很": 0.5, "好": 2.0, "酒店": 0.0, "糟糕": -3.0}
PLAIN = "the good film was fine , not bad at all"


@dataclass
class Sure:
    """Says "good" with log-odds that are a function of the text's words; counts how often it is asked."""

    log_odds: object
    task: object = TASK
    offers: frozenset = frozenset({"probs", "embedding"})
    name: str = "sure"
    fingerprint: str = "sure"
    calls: int = 0

    def predict(self, data, outputs):
        self.calls += 1
        scores = np.array([self.log_odds(row) for row in data.shown])
        probs = 1 / (1 + np.exp(-scores))
        vectors = np.stack([scores, np.ones(len(scores))], axis=1)
        columns = {"probs": np.stack([1 - probs, probs], axis=1), "embedding": vectors.astype(np.float32)}
        return Predictions(data.row_ids, {name: columns[name] for name in outputs})


def linear(text):
    return 0.3 + sum(weight * text.count(word) for word, weight in WEIGHTS.items())


def both(text):
    """Only two words together count, and a third is twice as good alone."""
    return 4.0 * ("good" in text and "film" in text) + 2.0 * ("fine" in text) - 1.0


def explain_one(text, log_odds, methods=("occlusion", "lime", "kernel_shap"), **options):
    predictor = Sure(log_odds)
    (found,) = explained(predictor, subject_of(predictor, Dataset.of({"text": [text]}), "good"), methods, **options)
    return found


@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize("samples", [None, 60])
def test_every_method_recovers_the_weights_of_a_linear_model(method, samples):
    found = explain_one(PLAIN, linear, samples=samples)
    expected = [WEIGHTS.get(word, 0.0) for word in found.divided.words]
    np.testing.assert_allclose(found.by[method].weights, expected, atol=1e-6)
    assert found.by[method].errors["additivity_gap"] < 1e-5
    assert found.by[method].errors.get("r_squared", 1.0) > 1 - 1e-9


def shapley_by_hand(words, value):
    """The mean over all orders of what each word adds."""
    total = np.zeros(len(words))
    orders = list(permutations(range(len(words))))
    for order in orders:
        so_far: set[int] = set()
        for at in order:
            before = value(" ".join(words[i] for i in sorted(so_far)))
            so_far.add(at)
            total[at] += value(" ".join(words[i] for i in sorted(so_far))) - before
    return total / len(orders)


def test_shapley_values_are_those_of_all_orders():
    words = ["a", "good", "film", "is", "fine"]
    found = explain_one(" ".join(words), both, samples=2**5)
    np.testing.assert_allclose(found.by["kernel_shap"].weights, shapley_by_hand(words, both), atol=1e-6)
    # by hand: "good" and "film" need each other and share 4; what changes nothing gets nothing
    np.testing.assert_allclose(found.by["kernel_shap"].weights, [0, 2, 2, 0, 2], atol=1e-6)
    np.testing.assert_allclose(found.by["occlusion"].weights, [0, 4, 4, 0, 2], atol=1e-6)


def three(text):
    return 6.0 * all(word in text for word in ("good", "film", "today")) + linear(text)


@pytest.mark.parametrize(("log_odds", "off"), [(both, 1e-9), (three, 0.5)])
def test_sampled_shapley_values_add_up_and_come_near_the_exact_ones(log_odds, off):
    """A set and its complement together are exact for what two words do to each other."""
    text = "a good film is fine and we like it so much today"
    exact = explain_one(text, log_odds, samples=2**12).by["kernel_shap"].weights
    near = explain_one(text, log_odds, samples=200)
    assert near.by["kernel_shap"].weights.sum() == pytest.approx(near.full - near.empty, abs=1e-9)
    assert np.abs(near.by["kernel_shap"].weights - exact).max() < off
    assert near.by["kernel_shap"].errors["r_squared"] < 1


def test_no_method_asks_more_than_its_samples_of_long_texts_and_the_kernel_is_whole():
    rng = np.random.default_rng(0)
    for words, samples in ((3, 100), (12, 100), (40, 300), (300, 200)):
        for name in ("lime", "kernel_shap"):
            drawn = METHODS[name].draw(words, samples, rng)
            assert len(drawn.keep) <= samples
            assert drawn.keep.shape[1] == words
        assert drawn.weights.sum() == pytest.approx(1)
        assert 0 < drawn.keep.sum(axis=1).min() <= drawn.keep.sum(axis=1).max() < words


def test_a_text_of_one_word_gets_the_whole_change():
    found = explain_one("好", linear)
    for method in ("occlusion", "kernel_shap", "lime"):
        assert found.by[method].weights == pytest.approx([2.0], abs=1e-6)


def test_all_questions_about_all_texts_are_asked_in_one_call():
    predictor = Sure(linear)
    subject = subject_of(predictor, Dataset.of({"text": [PLAIN, "bad", "很好的酒店", ""]}))
    before = predictor.calls
    found = explained(predictor, subject, ["occlusion", "lime", "kernel_shap"])
    assert predictor.calls == before + 1
    assert [each.row for each in found] == [0, 1, 2]  # the empty text has no word


def test_chinese_is_cut_into_words_and_weighed_by_them():
    pytest.importorskip("jieba")
    found = explain_one("酒店很好，并不糟糕！", linear)
    assert found.divided.words == ["酒店", "很", "好", "并", "不", "糟糕"]
    np.testing.assert_allclose(found.by["kernel_shap"].weights, [0, 0.5, 2, 0, 0, -3], atol=1e-6)
    assert found.divided.spelled(["", "很", "好", "并", "不", ""]) == ("很好，并不！",)


def test_words_taken_out_leave_one_blank_and_the_rest_as_it_was():
    (cut,) = divided(Dataset.of({"text": ["  It's  NOT bad, 7:45!"]}))
    assert cut.words == ["It's", "NOT", "bad", "7:45"]
    assert cut.spelled(cut.words) == ("  It's  NOT bad, 7:45!",)
    assert cut.spelled(["It's", "", "bad", "7:45"]) == ("It's bad, 7:45!",)
    assert "".join(text for text, _ in cut.segments()) == "  It's  NOT bad, 7:45!"


def test_pairs_are_weighed_in_both_texts():
    predictor = Sure(lambda text: 2.0 * ("good" in text.split("‖")[1]) - ("good" in text.split("‖")[0]))
    data = Dataset.of({"text": ["a good thing"], "text_pair": ["so good"]})
    (found,) = explained(predictor, subject_of(predictor, data, "good"), ["kernel_shap"])
    np.testing.assert_allclose(found.by["kernel_shap"].weights, [0, -1, 0, 0, 2], atol=1e-6)


def test_a_class_that_is_not_there_names_the_nearest():
    predictor = Sure(linear)
    with pytest.raises(OptionError, match="good") as raised:
        subject_of(predictor, Dataset.of({"text": [PLAIN]}), "god")
    assert "good" in raised.value.hint


def test_answers_that_are_no_number_are_told_with_their_row():
    predictor = Sure(lambda text: np.nan if "film" not in text else 1.0)
    subject = subject_of(predictor, Dataset.of({"text": [PLAIN]}))
    with pytest.raises(DataError, match=str(subject.data.row_ids[0])):
        explained(predictor, subject, ["occlusion"])
    with pytest.raises(DataError, match="NaN"):
        subject_of(predictor, Dataset.of({"text": ["bad"]}))


def test_a_model_that_only_names_classes_is_refused():
    predictor = Sure(linear, offers=frozenset({"embedding"}))
    with pytest.raises(ModelError, match="probs"):
        subject_of(predictor, Dataset.of({"text": [PLAIN]}))


# The smallest edit


def edit_of(text, log_odds, **options):
    predictor = Sure(log_odds)
    subject = subject_of(predictor, Dataset.of({"text": [text]}))
    found = explained(predictor, subject, ["occlusion"])
    return counterfactuals(predictor, subject, found, **options)[0]


def test_one_word_is_taken_out_where_that_is_enough():
    found = edit_of("a good film", linear_without_bias)
    assert [(each.old, each.new) for each in found.edits] == [("good", "")]
    assert found.instead == "bad"
    assert found.texts == ("a film",)


def linear_without_bias(text):
    return linear(text) - 0.4


def test_two_edits_are_found_where_one_is_not_enough():
    found = edit_of("good and fine and good", linear_without_bias)
    assert len(found.edits) == 3
    assert {each.old for each in found.edits} == {"good", "fine"}
    found = edit_of("good and fine", linear_without_bias)
    assert len(found.edits) == 2


def test_words_of_other_classes_make_edits_smaller():
    train = Dataset.of({"text": ["bad film", "so bad", "bad bad", "good film", "good one", "so good"] * 3,
                        "label": ["bad", "bad", "bad", "good", "good", "good"] * 3})  # fmt: skip
    assert telling_words(train)["bad"][0] == "bad"
    found = edit_of("good and fine", linear_without_bias, train=train)
    assert [(each.old, each.new) for each in found.edits] in ([("good", "bad")], [("and", "bad")], [("fine", "bad")])


def test_nothing_turns_a_model_that_always_says_the_same():
    assert edit_of("a good film", lambda text: 5.0) is None


# Examples, and many texts


def test_the_nearest_rows_come_first_and_each_text_once():
    predictor = Sure(linear)
    train = Dataset.of({"text": ["bad", "good", "good", "fine"], "label": ["bad", "good", "good", "good"]})
    (found,) = nearest_rows(predictor, Dataset.of({"text": ["a good one"]}), train)
    assert [each.text for each in found] == ["good", "fine", "bad"]
    assert found[0].similarity == pytest.approx(1.0)


def test_word_importance_is_the_mean_over_texts_that_have_the_word():
    predictor = Sure(linear)
    texts = ["a good film", "Good and good", "a fine film", "a film", "a fine day", "one only"]
    found = explained(predictor, subject_of(predictor, Dataset.of({"text": texts}), "good"), ["occlusion"])
    listed = word_importance(found, "occlusion")
    assert [(each.word, each.rows) for each in listed][:2] == [("good", 2), ("fine", 2)]
    assert listed[0].mean == pytest.approx((2 + 2) / 2)  # "Good" is no "good" for the model
    assert {each.word for each in listed} == {"good", "fine", "a", "film"}


def test_words_for_tags():
    assert as_words("张三住在 New York。") == ["张", "三", "住", "在", "New", "York", "。"]
