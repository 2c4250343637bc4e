"""Labelling functions: how they are read and asked, and what the model makes of votes whose truths are known."""

import time

import numpy as np
import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, PartError
from duiqi.data.votes import (
    ABSTAINS,
    Ballot,
    LabelModel,
    aggregated,
    fit_label_model,
    jeffreys,
    majority,
    read_functions,
    standings,
    votes,
)

RIGHT = (0.9, 0.85, 0.7, 0.6, 0.6, 0.55)
COVERS = (0.4, 0.6, 0.5, 0.8, 0.8, 0.7)


def simulated(rng, n, right=RIGHT, covers=COVERS, k=2, shares=None):
    """True classes, and votes of independent functions that are right so often and vote on so many rows."""
    truth = rng.choice(k, n, p=shares)
    columns = []
    for each, share in zip(right, covers, strict=True):
        said = np.where(rng.random(n) < each, truth, (truth + rng.integers(1, k, n)) % k)
        columns.append(np.where(rng.random(n) < share, said, ABSTAINS))
    return truth, np.stack(columns, axis=1)


def brier(probs, truth):
    asked = ~np.isnan(probs[:, 0])
    return ((probs[asked] - np.eye(probs.shape[1])[truth[asked]]) ** 2).sum(axis=1).mean()


def accuracy(probs, truth):
    asked = ~np.isnan(probs[:, 0])
    return (probs[asked].argmax(axis=1) == truth[asked]).mean()


def named(columns):
    return Ballot(columns, tuple(f"f{j}" for j in range(columns.shape[1])))


def asked(tmp_path, source, data, classes=("bad", "good")):
    (tmp_path / "rules.py").write_text(source, encoding="utf-8")
    return votes(read_functions(tmp_path / "rules.py"), data, classes)


ROWS = Dataset.of({"text": ["great film", "awful 差评", "so so", "great but awful"], "stars": [5, 1, 3, None]})


def test_functions_are_read_and_asked(tmp_path):
    source = (
        "from math import floor\n"
        "import re\n"
        "WORDS = {'great': 'good', 'awful': 'bad'}\n"
        "def _first(text, words):\n    return next((w for w in words if w in text), None)\n"
        "def by_word(text):\n    return WORDS.get(_first(text, WORDS))\n"
        "def by_stars(row, least=3):\n"
        "    stars = row.pop('stars')\n"
        "    return None if stars is None or stars == least else 'good' if stars > least else 'bad'\n"
        "def chinese(text):\n    return 'bad' if '差评' in text else None\n"
        "def again(row):\n    return 'good' if row['stars'] == 5 else None\n"
    )
    ballot = asked(tmp_path, source, ROWS)
    assert ballot.names == ("by_word", "by_stars", "chinese", "again")  # no helper, nothing that was imported
    assert ballot.votes.tolist() == [[1, 1, -1, 1], [0, 0, 0, -1], [-1, -1, -1, -1], [1, -1, -1, -1]]
    assert ballot.left_out == ()


def test_a_function_that_raises_is_left_out_and_named(tmp_path):
    source = (
        "def fine(text):\n    return 'good'\n"
        "def breaks(text):\n    return {}['nothing'] if 'awful' in text else 'good'\n"
    )
    ballot = asked(tmp_path, source, ROWS)
    assert ballot.names == ("fine",)
    [(name, row, error)] = ballot.left_out
    assert (name, row, error) == ("breaks", ROWS.row_ids[1], "KeyError: 'nothing'")
    with pytest.raises(DataError, match="breaks raises KeyError"):
        asked(tmp_path, source.partition("def breaks")[1] + source.partition("def breaks")[2], ROWS)


def test_a_label_that_is_no_class_is_told_with_the_nearest(tmp_path):
    with pytest.raises(DataError, match=r"slip, given 'goood'") as error:
        asked(tmp_path, "def slip(text):\n    return 'goood'\n", ROWS)
    assert "good" in error.value.hint
    with pytest.raises(DataError, match="given True"):
        asked(tmp_path, "def truthy(text):\n    return True\n", ROWS)
    numbers = asked(tmp_path, "def number(text):\n    return 1\n", ROWS, classes=("0", "1"))
    assert (numbers.votes == 1).all()


@pytest.mark.parametrize(
    ("source", "error", "said"),
    [
        ("WORDS = 1\n", DataError, "without any"),
        ("def two(text, row):\n    return None\n", DataError, r"two\(text, row\)"),
        ("def nothing():\n    return None\n", DataError, "nothing"),
        ("import no_such_module_at_all\n", PartError, "ModuleNotFoundError"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, source, error, said):
    with pytest.raises(error, match=said):
        asked(tmp_path, source, ROWS)
    with pytest.raises(PartError, match="no file"):
        read_functions(tmp_path / "none.py")


def test_the_posterior_is_that_of_bayes_by_hand():
    # two functions, two classes; outcomes: votes 0, votes 1, abstains; columns are the true class
    says = np.array([[[0.6, 0.1], [0.2, 0.5], [0.2, 0.4]], [[0.3, 0.2], [0.1, 0.7], [0.6, 0.1]]])
    model = LabelModel(np.array([0.7, 0.3]), says, np.ones(2), np.full(2, -1))
    probs = model.probs(np.array([[0, 1], [1, -1], [-1, -1], [0, 1]]))
    first = np.array([0.7 * 0.6 * 0.1, 0.3 * 0.1 * 0.7])
    second = np.array([0.7 * 0.2 * 0.6, 0.3 * 0.5 * 0.1])
    assert probs[0] == pytest.approx(first / first.sum())
    assert probs[1] == pytest.approx(second / second.sum())
    assert np.isnan(probs[2]).all()
    assert (probs[3] == probs[0]).all()


@pytest.mark.parametrize(("k", "right"), [(2, RIGHT), (4, (0.9, 0.8, 0.6, 0.5, 0.4, 0.4))])
def test_finds_how_good_functions_are_without_labels_and_beats_their_majority(k, right):
    for seed in range(5):
        truth, given = simulated(np.random.default_rng(seed), 10_000, right, k=k)
        model = fit_label_model(given, k)
        found = [each.accuracy for each in standings(model, named(given), draws=2)]
        assert found == pytest.approx(right, abs=0.04)
        counted = majority(given, k)
        assert brier(model.probs(given), truth) < brier(counted, truth) - 0.05
        assert accuracy(model.probs(given), truth) > accuracy(counted, truth) + 0.03


def test_a_function_that_is_mostly_wrong_counts_the_other_way():
    truth, given = simulated(np.random.default_rng(0), 10_000, (0.9, 0.8, 0.8, 0.2), (0.7,) * 4)
    model = fit_label_model(given, 2)
    assert standings(model, named(given), draws=2)[3].accuracy == pytest.approx(0.2, abs=0.04)
    assert accuracy(model.probs(given), truth) > accuracy(majority(given, 2), truth) + 0.03


def test_what_is_known_of_the_shares_and_of_some_rows_helps():
    rng = np.random.default_rng(1)
    shares = np.array([0.85, 0.15])
    truth, given = simulated(rng, 3000, (0.75, 0.7, 0.65), (0.6,) * 3, shares=shares)
    some = np.where(rng.random(3000) < 0.1, truth, -1)
    alone = brier(fit_label_model(given, 2).probs(given), truth)
    assert brier(fit_label_model(given, 2, prior=shares).probs(given), truth) < alone - 0.05
    assert brier(fit_label_model(given, 2, truth=some).probs(given), truth) < alone
    assert fit_label_model(given, 2, prior=shares).prior == pytest.approx(shares)


@pytest.mark.parametrize("positive", [0.4, 0.15])
def test_functions_that_know_one_class_only(positive):
    """Keywords: each speaks for one class, rarely, more often where that is right."""
    rng = np.random.default_rng(0)
    truth = (rng.random(8000) < positive).astype(np.int64)
    rates = ((1, 0.3, 0.03), (1, 0.2, 0.05), (1, 0.1, 0.02), (0, 0.25, 0.03), (0, 0.2, 0.1), (0, 0.15, 0.02))
    given = np.stack(
        [np.where(rng.random(8000) < np.where(truth == c, hit, slip), c, ABSTAINS) for c, hit, slip in rates], axis=1
    )
    shares = np.array([1 - positive, positive])
    model = fit_label_model(given, 2, prior=shares)
    assert brier(model.probs(given), truth) < brier(majority(given, 2), truth) - 0.03
    for j, each in enumerate(standings(model, named(given), truth=None, draws=2)):
        voted = given[:, j] >= 0
        assert each.classes == (rates[j][0],)
        assert each.accuracy == pytest.approx((given[voted, j] == truth[voted]).mean(), abs=0.15)


def test_a_copied_function_does_not_count_twice():
    rng = np.random.default_rng(0)
    truth, given = simulated(rng, 3000, (0.9, 0.85, 0.8, 0.6), (0.8,) * 4)
    plain = fit_label_model(given, 2).probs(given)
    copied = np.column_stack([given, *[given[:, 3]] * 4])
    model = fit_label_model(copied, 2)
    assert model.copy_of.tolist() == [-1, -1, -1, -1, 3, 3, 3, 3]
    assert model.weights == pytest.approx([1, 1, 1, *[0.2] * 5])
    assert np.nanmax(np.abs(model.probs(copied) - plain)) < 0.05
    assert brier(model.probs(copied), truth) < brier(majority(copied, 2), truth) - 0.1
    told = standings(model, named(copied), draws=2)
    assert (told[4].copy_of, told[4].weight, told[0].copy_of) == ("f3", pytest.approx(0.2), "")


def test_nearly_copied_functions_are_told_from_good_ones():
    rng = np.random.default_rng(1)
    _, given = simulated(rng, 3000, (0.9, 0.85, 0.8, 0.6), (0.8,) * 4)

    def nearly(column):
        changed = rng.random(3000) < 0.03
        return np.where(changed, np.where(column >= 0, 1 - column, ABSTAINS), column)

    twice = np.column_stack([given, nearly(given[:, 3]), nearly(given[:, 3])])
    model = fit_label_model(twice, 2)
    assert model.copy_of.tolist() == [-1, -1, -1, -1, 3, 3]
    for right in ((0.98, 0.98, 0.97, 0.99, 0.7), (0.95,) * 6):  # they agree because they are right
        _, good = simulated(rng, 3000, right, (1.0,) * len(right))
        assert (fit_label_model(good, 2).copy_of == -1).all()


def test_shares_are_counted_by_hand_and_labels_are_held_against():
    given = np.array([[0, 0, -1], [1, 0, -1], [1, -1, -1], [-1, -1, -1], [1, 1, 0]])
    truth = np.array([0, 1, 0, -1, -1])
    first, second, third = standings(fit_label_model(given, 2), named(given), truth=truth, draws=2)
    assert (first.coverage, first.overlaps, first.conflicts) == pytest.approx((0.8, 0.6, 0.4))
    assert (second.coverage, second.overlaps, second.conflicts) == pytest.approx((0.6, 0.6, 0.4))
    assert (third.coverage, third.overlaps, third.conflicts) == pytest.approx((0.2, 0.2, 0.2))
    assert [(each.right, each.labelled) for each in (first, second, third)] == [(2, 3), (1, 2), (0, 0)]
    assert (third.labelled_low, third.labelled_high) == (0, 1)
    assert (first.labelled_low, first.labelled_high) == jeffreys(2, 3)


def test_the_interval_of_what_is_estimated_holds_the_truth():
    held = of = 0
    for seed in range(15):
        _, given = simulated(np.random.default_rng(seed), 2000)
        for each, right in zip(standings(fit_label_model(given, 2), named(given), draws=60), RIGHT, strict=True):
            held += each.low - 0.02 <= right <= each.high + 0.02
            of += 1
    assert held >= 0.8 * of


def test_the_order_of_rows_and_copies_of_all_rows_change_nothing():
    _, given = simulated(np.random.default_rng(0), 800)
    model, order = fit_label_model(given, 2), np.random.default_rng(1).permutation(800)
    assert fit_label_model(given[order], 2).says == pytest.approx(model.says)
    assert np.allclose(model.probs(given)[order], model.probs(given[order]), equal_nan=True)


def test_patterns_of_many_functions_and_classes_are_kept_apart():
    rng = np.random.default_rng(0)
    given = rng.integers(-1, 77, (300, 20))  # 78^20 is more than 64 bits hold
    given[200:] = given[:100]
    patterns, which, counts = aggregated(given, 77)
    assert len(patterns) == 200
    assert (patterns[which] == given).all()
    assert counts.sum() == 300


def test_a_million_rows_take_seconds():
    rng = np.random.default_rng(0)
    truth, given = simulated(rng, 1_000_000, rng.uniform(0.55, 0.9, 20), rng.uniform(0.1, 0.5, 20))
    begun = time.process_time()
    probs = fit_label_model(given, 2).probs(given)
    assert time.process_time() - begun < 30
    assert brier(probs, truth) < brier(majority(given, 2), truth) - 0.05
