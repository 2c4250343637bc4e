"""Wrong labels: the model of slips against labels whose slips are known, and what remedies make of it."""

from dataclasses import replace

import numpy as np
import pytest

from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.examine import examine, orders
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded
from duiqi.data.noise import FEWEST, find_noise, fitted, noise_of, of_texts, out_of_sample
from duiqi.data.simulated import LABELS, mislabelled_case, simulated_case, tagged_case

CATALOGUE = Catalogue.installed()


def drawn(rng, n=6000, k=3, slips=0.0, sharper=1.0):
    """Probabilities, labels drawn from them, and which of these were drawn from all labels alike instead."""
    logits = rng.normal(size=(n, k)) * 3
    probs = np.exp(logits)
    probs /= probs.sum(axis=1, keepdims=True)
    truth = (probs.cumsum(axis=1) < rng.random(n)[:, None]).sum(axis=1).clip(0, k - 1)
    slipped = rng.random(n) < slips
    labels = np.where(slipped, rng.integers(0, k, n), truth)
    given = probs**sharper
    return given / given.sum(axis=1, keepdims=True), labels, slipped & (labels != truth)


@pytest.mark.parametrize("slips", [0.05, 0.15, 0.3])
@pytest.mark.parametrize("sharper", [0.5, 1.0, 2.0])
def test_finds_how_many_labels_are_slips_whatever_the_models_confidence(slips, sharper):
    probs, labels, wrong = drawn(np.random.default_rng(0), slips=slips, sharper=sharper)
    assert fitted(probs, labels).rate == pytest.approx(wrong.mean(), abs=0.02)


def test_says_how_likely_each_is_wrong():
    """Of labels that are wrong with a probability of p, a share p is wrong."""
    probs, labels, wrong = drawn(np.random.default_rng(1), n=20_000, slips=0.2)
    noise = fitted(probs, labels)
    for low, high in ((0.05, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 0.95), (0.95, 1.0)):
        among = (noise.wrong >= low) & (noise.wrong < high)
        assert among.sum() > 50
        assert wrong[among].mean() == pytest.approx(noise.wrong[among].mean(), abs=0.06)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("sharper", [0.5, 1.0, 2.0])
def test_hard_rows_with_right_labels_are_no_slips(seed, sharper):
    """Labels drawn from the rows' own probabilities: many are unlikely, none is a slip."""
    probs, labels, _ = drawn(np.random.default_rng(seed), n=2000, sharper=sharper)
    noise = fitted(probs, labels)
    assert noise.suspects().mean() <= 0.01
    assert noise.rate < 0.03


def test_the_interval_holds_the_share_of_slips():
    """Row statistics vary as much as the estimate does: about 95 of 100 intervals hold what was planted."""
    held = 0
    for seed in range(100):
        probs, labels, _ = drawn(np.random.default_rng(seed), n=1500, slips=0.15)
        noise = fitted(probs, labels)
        assert noise.shares.mean() == pytest.approx(noise.rate, abs=1e-9)
        error = noise.shares.std() / np.sqrt(len(labels))
        held += abs(noise.rate - 0.15 * 2 / 3) <= 1.96 * error
    assert 88 <= held <= 100


def test_nothing_is_said_of_classes_with_few_rows():
    probs, labels, _ = drawn(np.random.default_rng(0), slips=0.2)
    labels = labels.copy()
    labels[labels == 2] = 0
    labels[: FEWEST - 1] = 2
    assert (fitted(probs, labels).wrong[labels == 2] == 0).all()


def rows_of(texts, labels):
    return Dataset.of({"text": texts, "label": labels})


def test_copies_do_not_vouch_for_each_other():
    """A text that stands in thirty rows, each time with the wrong label, is held against other texts only."""
    case = simulated_case(np.random.default_rng(0), rows=600)
    texts, labels = list(case.data.texts), list(case.data.values("label"))
    praise = next(text for text, label in zip(texts, labels, strict=True) if label == "positive")
    data = rows_of([*texts, *[praise] * 30], [*labels, *["negative"] * 30])
    truth, probs, _ = out_of_sample(case.task, data, of_texts(data))
    assert (probs[-30:, 1] > 0.5).all()
    assert (truth[-30:] == 0).all()


def test_rows_of_one_input_say_nothing():
    data = rows_of(["good"] * 20, ["positive", "negative"] * 10)
    with pytest.raises(DataError, match=r"expected rows of different inputs, given 20 alike"):
        find_noise(CATALOGUE.task("classify", labels=LABELS), data)


def test_a_model_that_has_not_learned_the_rows_helps():
    """Texts that say nothing, and embeddings that say all."""
    rng = np.random.default_rng(0)
    right = rng.integers(0, 2, 800)
    turned = rng.random(800) < 0.1
    data = rows_of([f"number {rng.integers(1 << 40)}" for _ in right], [LABELS[i] for i in right ^ turned])
    vectors = rng.normal(size=(800, 8)) + 3 * right[:, None]
    task = CATALOGUE.task("classify", labels=LABELS)
    reader = Recorded(task, Predictions(data.row_ids, {"embedding": vectors}))
    blind, seeing = find_noise(task, data), find_noise(task, data, reader)
    assert not blind.suspects().any()
    assert turned[seeing.suspects()].mean() > 0.9
    assert seeing.suspects()[turned].mean() > 0.4


def tagged(wrong, rows=500):
    """A case whose training sentences have a share of tags turned to another one."""
    case = tagged_case(np.random.default_rng(3), rows=rows)
    rng = np.random.default_rng(4)
    names = ["O", *(f"{prefix}-{each}" for each in case.task.labels for prefix in "BI")]
    turned = [rng.random(len(row)) < wrong for row in case.data.values("label")]
    given = [
        [
            rng.choice([name for name in names if name != tag]) if bad else tag
            for tag, bad in zip(row, bads, strict=True)
        ]
        for row, bads in zip(case.data.values("label"), turned, strict=True)
    ]
    train = case.data.with_column("id", [f"t{i}" for i in range(rows)], column="row").with_column("label", given)
    return replace(case, train=train), np.concatenate(turned)


def test_finds_wrong_tags():
    case, turned = tagged(0.08)
    noise = noise_of(case)
    assert len(noise.wrong) == len(turned)
    assert noise.rate == pytest.approx(turned.mean(), abs=0.04)
    assert turned[noise.suspects()].mean() > 0.75
    assert noise.by_row.shape == (500,)
    given = np.concatenate([[tag != "O" for tag in row] for row in case.train.values("label")])
    slips, counted = noise.statistics.sum(axis=0)
    assert slips == pytest.approx(noise.rate * len(turned), rel=0.02)
    assert given.sum() <= counted < len(turned)  # words without a tag that are likely right hide nothing


def test_several_labels_a_row_are_decisions_of_their_own():
    rng = np.random.default_rng(0)
    words = {"sport": "goal match", "money": "bank stock", "art": "opera canvas"}
    right = rng.random((2000, 3)) < 0.4
    turned = rng.random((2000, 3)) < 0.08
    names = list(words)
    texts = [
        " ".join([f"row {rng.integers(1 << 30)}", *(words[n] for n, y in zip(names, row, strict=True) if y)])
        for row in right
    ]
    given = [[n for n, y in zip(names, row, strict=True) if y] for row in right ^ turned]
    data = rows_of(texts, given)
    task = CATALOGUE.task("multilabel", labels=tuple(names))
    noise = find_noise(task, data)
    assert noise.rate == pytest.approx(turned.mean(), abs=0.03)
    assert turned.ravel()[noise.suspects()].mean() > 0.9
    plan = CATALOGUE.find("remedy", "relabel")(case_of(task, data), ())
    mended = task.read_truth(plan.data(data)).astype(bool)
    assert (mended != right).mean() < 0.3 * turned.mean()


def case_of(task, train):
    recorded = Recorded(task, Predictions(train.row_ids, {}))
    return Case(recorded, train, train=train, catalogue=CATALOGUE)


# What the remedies do


@pytest.fixture(scope="module")
def mislabelled():
    rng = np.random.default_rng(0)
    case = mislabelled_case(rng, wrong=0.15)
    clean = mislabelled_case(np.random.default_rng(0), wrong=0.0)
    turned = np.array(case.train.values("label")) != np.array(clean.train.values("label"))
    return case, turned


def planned(case, name, **options):
    return CATALOGUE.find("remedy", name)(case, (), **options)


def test_relabelling_mends_most_and_spoils_hardly_any(mislabelled):
    case, turned = mislabelled
    plan = planned(case, "relabel")
    now = np.array(plan.data(case.train).values("label"))
    changed = now != np.array(case.train.values("label"))
    assert changed[turned].mean() > 0.8
    assert changed[~turned].mean() < 0.02
    assert plan.restart


def test_relabelling_keeps_tags_aligned():
    case, turned = tagged(0.08)
    now = planned(case, "relabel").data(case.train).values("label")
    right = case.data.values("label")
    assert [len(row) for row in now] == [len(row) for row in right]
    wrong = np.array([a != b for x, y in zip(now, right, strict=True) for a, b in zip(x, y, strict=True)])
    assert wrong.mean() < 0.6 * turned.mean()


def test_dropping_leaves_the_others(mislabelled):
    case, turned = mislabelled
    kept = planned(case, "drop_mislabelled").data(case.train)
    left = np.isin(case.train.row_ids, kept.row_ids)
    assert left[turned].mean() < 0.2
    assert left[~turned].mean() > 0.98


def test_weights_fall_with_doubt_and_multiply(mislabelled):
    case, turned = mislabelled
    plan = planned(case, "downweight_mislabelled")
    weights = np.array(plan.data(case.train).values("weight"))
    assert weights.mean() == pytest.approx(1)
    assert weights[turned].mean() < 0.3 * weights[~turned].mean()
    given = case.train.with_column("weight", [2.0 if i % 2 else 1.0 for i in range(len(turned))])
    twice = np.array(plan.data(given).values("weight"))
    assert np.allclose(twice[1] / twice[0], 2 * weights[1] / weights[0])


def test_rows_that_other_remedies_added_stay(mislabelled):
    case, _ = mislabelled
    added = rows_of(["quite another text"], ["positive"]).with_column("id", ["new"], column="row")
    grown = case.train.with_column("id", list(case.train.row_ids), column="row").joined(added)
    for name in ("relabel", "drop_mislabelled", "downweight_mislabelled"):
        assert "new" in set(planned(case, name).data(grown).row_ids)


def test_one_class_is_no_noise():
    data = rows_of([f"a text of its own, number {i}" for i in range(200)], ["positive"] * 200)
    noise = find_noise(CATALOGUE.task("classify", labels=LABELS), data)
    assert noise.rate == 0
    assert not noise.suspects().any()


def test_copies_share_the_fate_of_their_source(mislabelled):
    """Rows that another remedy made of a suspicious one are mended, dropped and weighted with it."""
    case, _ = mislabelled
    train = case.train.with_column("id", list(case.train.row_ids), column="row")
    copied = train.with_column("id", [f"{row}+typos0+mix1" for row in train.row_ids], column="row")
    grown, n = train.joined(copied), len(train)
    labels = planned(case, "relabel").data(grown).values("label")
    assert labels[:n] == labels[n:]
    weights = planned(case, "downweight_mislabelled").data(grown).values("weight")
    assert weights[:n] == weights[n:]
    kept = set(planned(case, "drop_mislabelled").data(grown).row_ids)
    assert {row for row in kept if "+" not in row} == {row.partition("+")[0] for row in kept if "+" in row}


def test_a_model_whose_training_is_unknown_is_not_asked(mislabelled):
    case, _ = mislabelled
    assert case.reader is None
    started = replace(case, start=lambda: case.predictor)
    assert started.reader is case.predictor


def test_very_many_classes_are_refused():
    names = tuple(f"class {i}" for i in range(400))
    data = rows_of([f"text {i}" for i in range(800)], [names[i % 400] for i in range(800)])
    with pytest.raises(DataError, match=r"expected at most 300 labels .*, given 400"):
        find_noise(CATALOGUE.task("classify", labels=names), data)


def test_word_counts_alone_say_nothing_of_few_rows():
    case = mislabelled_case(np.random.default_rng(0), wrong=0.2, rows=1900)
    with pytest.raises(DataError, match=r"at least 2,000 training rows, or a model .*, given 1,900 rows"):
        noise_of(case)
    with_model = replace(case, start=lambda: case.predictor)
    assert noise_of(with_model).rate > 0.1


def test_a_slice_of_wrong_labels_is_told_with_a_share_of_its_own():
    rng = np.random.default_rng(3)
    probs, labels, _ = drawn(rng)
    inside = rng.random(len(labels)) < 0.1
    turned = inside & (rng.random(len(labels)) < 0.5)
    labels = np.where(turned, (labels + 1) % 3, labels)
    noise = fitted(probs, labels)
    told = noise.within(inside)
    assert abs(told.wrong[inside].mean() - 0.5) < 0.05  # under the share of all rows it is told too low
    assert noise.wrong[inside].mean() < told.wrong[inside].mean()
    assert np.array_equal(told.wrong[~inside], noise.wrong[~inside])
    assert told.rate == noise.rate
    nowhere = noise.within(np.zeros(len(labels), dtype=bool))
    assert np.array_equal(nowhere.wrong, noise.wrong)


def test_label_noise_names_the_slice_where_it_lies():
    case = mislabelled_case(np.random.default_rng(5), wrong=0.0)
    phones = np.array(["kettle" in text for text in case.train.texts])
    given = [
        LABELS[1 - LABELS.index(label)] if bad else label
        for label, bad in zip(case.train.values("label"), phones & (np.arange(len(phones)) % 2 == 0), strict=True)
    ]
    sick = replace(case, train=case.train.with_column("label", given))
    report = examine(sick, orders(sick, only=["label_noise"]))
    assert "text has 'kettle'" in {each.slice.rule for each in report.findings}
    kettle = report.measure("wrong_label_rate", "text has 'kettle'")
    assert abs(kettle.value - 0.5) < 0.12
    assert not examine(case, orders(case, only=["label_noise"])).findings
