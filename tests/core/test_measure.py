"""Laws of measures: what may not change, what must add, what must cancel."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array

from duiqi.core.errors import MergeError
from duiqi.core.measure import Weights, accumulate, accumulate_all, contrast, critical, row_digest
from duiqi.core.seed import poisson_weights
from duiqi.core.slice import Slice

PER_ROW = ("accuracy", "macro_f1", "precision", "recall", "log_loss", "brier", "mcc", "auroc", "calibration_error")


def noisy(rng, n, error=0.15):
    """Truths and probabilities of two classes, wrong in about `error` of the rows."""
    truth = rng.integers(0, 2, n)
    sure = 1 / (1 + np.exp(-np.abs(rng.normal(2, 1, n))))
    answer = np.where(rng.random(n) < error, 1 - truth, truth)
    return truth, np.where(np.arange(2) == answer[:, None], sure[:, None], 1 - sure[:, None])


def test_sums_are_weighted_sums(rng):
    """Against the definition: the sum over rows of weight times statistic, for every mask."""
    keys = rng.integers(0, 2**63, 1500, dtype=np.uint64)
    statistics = rng.random((1500, 3))
    masks = [None, rng.random(1500) < 0.3, np.zeros(1500, dtype=bool)]
    totals, sums = accumulate(statistics, masks, Weights(keys, 50, 4))
    weights = poisson_weights(keys, 50, 4).astype(np.float64)
    for at, mask in enumerate(masks):
        kept = np.ones(1500, bool) if mask is None else mask
        assert np.allclose(totals[at], statistics[kept].sum(axis=0), atol=1e-3)
        assert np.allclose(sums[at], weights[kept].T @ statistics[kept], rtol=1e-5, atol=1e-3)


def test_one_pass_over_several_metrics_gives_what_each_alone_gives(rng):
    keys = rng.integers(0, 2**63, 700, dtype=np.uint64)
    dense = rng.integers(0, 2, (700, 3)).astype(float)
    sparse = csr_array(rng.integers(0, 2, (700, 9)) * (rng.random((700, 9)) < 0.2))
    masks = [None, rng.random(700) < 0.5]
    weights = Weights(keys, 60, 0)
    together = accumulate_all([dense, sparse, dense[:, ::-1], dense[:, 1:2] * 0.5], masks, weights)
    for statistics, (totals, sums) in zip([dense, sparse, dense[:, ::-1], dense[:, 1:2] * 0.5], together, strict=True):
        alone_totals, alone_sums = accumulate(statistics, masks, weights)
        assert np.array_equal(totals, alone_totals)
        assert np.allclose(sums, alone_sums, rtol=1e-6)


def test_several_metrics_and_slices_in_one_pass(make_case, rng):
    truth, probs = noisy(rng, 300)
    case = make_case(truth, probs, group=["ab"[i % 2] for i in range(300)])
    slices = [Slice.of("group", "a"), Slice.of("group", "b")]
    found = case.measures(["accuracy", ("recall", {"label": 1}), "auroc"], slices)
    assert [(m.name, m.slice.rule) for m in found] == [
        (name, rule) for name in ("accuracy", "recall[1]", "auroc") for rule in ("group == a", "group == b")
    ]
    alone = case.measure("recall", slice=slices[1], label=1)
    assert found[3].value == alone.value
    assert np.allclose(found[3].draws, alone.draws, rtol=1e-6)


@pytest.mark.parametrize("metric", PER_ROW)
def test_shuffling_rows_changes_nothing(make_case, rng, metric):
    truth, probs = noisy(rng, 400)
    ids = [f"r{i}" for i in range(400)]
    order = rng.permutation(400)
    texts = [f"text {i}" for i in range(400)]
    straight = make_case(truth, probs, texts=texts, ids=ids).measure(metric)
    shuffled = make_case(
        truth[order], probs[order], texts=[texts[i] for i in order], ids=[ids[i] for i in order]
    ).measure(metric)
    assert np.array_equal(straight.total, shuffled.total)
    assert straight.digest == shuffled.digest
    assert np.allclose(straight.draws, shuffled.draws, atol=1e-5)


@pytest.mark.parametrize("metric", PER_ROW)
def test_shards_add_up_to_the_whole(make_case, rng, metric):
    truth, probs = noisy(rng, 1000)
    whole = make_case(truth, probs)
    cuts = np.array_split(rng.permutation(1000), 7)
    shards = [replace(whole, data=whole.data.take(cut)) for cut in cuts]
    merged = shards[0].measure(metric)
    for shard in shards[1:]:
        merged = merged + shard.measure(metric)
    expected = whole.measure(metric)
    assert np.array_equal(merged.total, expected.total)  # bit for bit
    assert np.allclose(merged.sums, expected.sums, rtol=1e-6, atol=1e-4)
    assert (merged.rows, merged.digest, merged.distinct) == (expected.rows, expected.digest, expected.distinct)
    assert merged.value == expected.value
    assert (merged - expected).value == 0


def test_shards_of_a_family_add_up(make_case, rng):
    truth, probs = noisy(rng, 600)
    group = rng.choice(["a", "b", "c"], 600)
    whole = make_case(truth, probs, group=group)

    def gap(case):
        of = case.data.group("group")
        return case.across("accuracy", {g: of == g for g in "abc"}, by="group", reduce="gap")

    merged = gap(replace(whole, data=whole.data.take(np.arange(250)))) + gap(
        replace(whole, data=whole.data.take(np.arange(250, 600)))
    )
    assert np.array_equal(merged.total, gap(whole).total)
    assert merged.across == gap(whole).across
    assert merged.interval == gap(whole).interval


def test_measures_of_different_kinds_do_not_add(make_case, rng):
    truth, probs = noisy(rng, 40)
    case = make_case(truth, probs)
    with pytest.raises(MergeError):
        case.measure("accuracy") + case.measure("recall")
    with pytest.raises(MergeError):
        case.measure("recall", label=0) + case.measure("recall", label=1)
    with pytest.raises(MergeError):
        case.measure("accuracy") + replace(case, seed=1).measure("accuracy")


@pytest.mark.parametrize("metric", PER_ROW)
def test_swapping_before_and_after_negates_the_change(make_case, rng, metric):
    truth, first = noisy(rng, 300)
    texts = [f"text {i}" for i in range(300)]
    _, second = noisy(np.random.default_rng(8), 300, error=0.5)
    before = make_case(truth, first, texts=texts).measure(metric)
    after = make_case(truth, second, texts=texts).measure(metric)
    there, back = after - before, before - after
    assert there.value == -back.value
    assert np.array_equal(there.draws, -back.draws)
    assert there.interval.low == pytest.approx(-back.interval.high)
    assert there.interval.high == pytest.approx(-back.interval.low)
    turned = {"better": "worse", "worse": "better", "unclear": "unclear"}
    assert turned[there.verdict()] == back.verdict()


def test_change_needs_the_same_rows(make_case, rng):
    truth, probs = noisy(rng, 80)
    case = make_case(truth, probs)
    part = replace(case, data=case.data.take(np.arange(79)))
    with pytest.raises(MergeError, match="79"):
        case.measure("accuracy") - part.measure("accuracy")
    assert contrast(case.measure("accuracy"), part.measure("accuracy")).value != 0
    with pytest.raises(MergeError):
        contrast(case.measure("accuracy"), case.measure("recall"))


def test_paired_change_is_narrower_than_an_unpaired_one(make_case, rng):
    truth = rng.integers(0, 2, 800)
    wrong = rng.random(800) < 0.2
    mended = wrong & (rng.random(800) < 0.8)
    before, after = make_case(truth, truth ^ wrong).measure("accuracy"), make_case(truth, truth ^ mended)
    elsewhere = make_case(truth, truth ^ mended, texts=[f"other {i}" for i in range(800)])
    paired = after.measure("accuracy") - before
    apart = contrast(elsewhere.measure("accuracy"), before)
    assert paired.verdict() == "better"
    assert np.diff(_ends(paired))[0] < 0.6 * np.diff(_ends(apart))[0]


def _ends(measure):
    return measure.interval.low, measure.interval.high


@pytest.mark.parametrize("error", [0.0, 0.01, 0.15])
@pytest.mark.parametrize("times", [2, 5])
def test_copying_rows_does_not_shorten_an_interval(make_case, error, times):
    truth, probs = noisy(np.random.default_rng(2), 120, error=0)
    wrong = np.arange(120) < error * 120
    probs = np.where(wrong[:, None], probs[:, ::-1], probs)
    texts = [f"text {i}" for i in range(120)]
    once = make_case(truth, probs, texts=texts, draws=1000)
    copied = make_case(np.tile(truth, times), np.tile(probs, (times, 1)), texts=texts * times, draws=1000)
    for metric in ("accuracy", "macro_f1", "recall", "brier"):
        low, high = _ends(once.measure(metric))
        copied_low, copied_high = _ends(copied.measure(metric))
        assert copied_high - copied_low >= 0.999 * (high - low), metric


def test_copied_rows_are_few_rows(make_case):
    """Five texts a hundred times each are five observations."""
    case = make_case(np.zeros(500, int), np.zeros(500, int), texts=[f"text {i % 5}" for i in range(500)])
    measure = case.measure("accuracy")
    assert measure.distinct == 5
    assert measure.interval.why == "too_few_rows"
    assert measure.interval.low < 0.8


def test_clusters_widen_intervals(make_case, rng):
    author = np.repeat(np.arange(40), 20)
    good = rng.random(40) < 0.8
    right = np.where(rng.random(800) < 0.9, good[author], ~good[author])
    truth = np.zeros(800, int)
    rows = make_case(truth, ~right).measure("accuracy")
    authors = make_case(truth, ~right, cluster=[f"author {a}" for a in author]).measure("accuracy")
    assert authors.distinct == 40
    assert np.diff(_ends(authors))[0] > 2.5 * np.diff(_ends(rows))[0]


def test_all_right_still_has_a_width(make_case):
    for n, below in ((10, 0.9), (200, 0.995), (2000, 0.9995)):
        interval = make_case(np.zeros(n, int), np.zeros(n, int), draws=1000).measure("accuracy").interval
        assert interval.high == 1.0
        assert interval.low < below
        assert interval.settled


@pytest.mark.parametrize("metric", ["log_loss", "brier", "mcc"])
def test_no_verdict_from_an_interval_of_width_zero(make_case, metric):
    same = np.tile([0.3, 0.7], (50, 1))
    interval = make_case(np.ones(50, int), same).measure(metric).interval
    assert interval.low == pytest.approx(interval.high)
    assert not interval.settled


@pytest.mark.parametrize("metric", PER_ROW)
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_tiny_slices_give_no_verdict_and_no_warning(make_case, rng, metric, rows):
    truth, probs = noisy(rng, 60)
    case = make_case(truth, probs, group=["few" if i < rows else "many" for i in range(60)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        measure = case.measure(metric, slice=Slice.of("group", "few"))
        assert not measure.interval.settled
        said = measure.to_json()
        assert not (measure - measure).interval.settled
        assert critical([measure.draws, case.measure(metric).draws]) >= 1
    assert all(value is None or np.isfinite(value) for value in (said["value"], said["low"], said["high"]))


@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "brier", "macro_f1"])
@pytest.mark.parametrize("reduce", ["gap", "worst", "difference"])
def test_a_group_absent_from_some_draws_gives_no_nan(make_case, rng, metric, reduce):
    truth, probs = noisy(rng, 90)
    group = np.array(["few"] * 2 + ["many"] * 44 + ["more"] * 44)
    case = make_case(truth, probs, group=group)
    levels = {name: group == name for name in ("few", "many", "more")[: 2 if reduce == "difference" else 3]}
    absent = poisson_weights(case.data.draw_keys[:2], case.draws, case.seed).sum(axis=0) == 0
    assert absent.any()
    measure = case.across(metric, levels, by="group", reduce=reduce)
    assert np.isfinite([measure.value, *_ends(measure)]).all()
    assert not measure.interval.settled
    if reduce == "gap":
        assert np.isfinite(measure.debiased)


def test_an_empty_group_takes_no_part(make_case, rng):
    truth, probs = noisy(rng, 200)
    half = np.arange(200) < 100
    levels = {"a": half, "b": ~half, "nobody": np.zeros(200, bool)}
    case = make_case(truth, probs)
    gap = case.across("accuracy", levels, by="group", reduce="gap")
    assert gap.value == case.across("accuracy", {"a": half, "b": ~half}, by="group", reduce="gap").value
    assert not gap.interval.settled


def test_changes_without_a_changed_row(make_case):
    """The rule of three: nothing seen among n rows leaves up to 3 / n."""
    wrong = np.arange(400) < 40
    case = make_case(np.zeros(400, int), wrong)
    change = case.measure("accuracy") - case.measure("accuracy")
    assert _ends(change) == pytest.approx((-3 / 400, 3 / 400))
    assert change.verdict() == "unclear"
    assert change.verdict(margin=0.005) == "unclear"
    assert change.verdict(margin=0.01) == "not_worse"


def test_change_of_a_gap_without_a_changed_row(make_case):
    wrong = np.arange(400) % 10 == 0
    case = make_case(np.zeros(400, int), wrong)
    half = np.arange(400) < 200
    gap = case.across("accuracy", {"a": half, "b": ~half}, by="group", reduce="gap")
    low, high = _ends(gap - gap)
    assert (low, high) == pytest.approx((-2 * 3 / 200, 2 * 3 / 200))


@pytest.mark.parametrize(("lost", "verdict"), [(2, "unclear"), (3, "unclear"), (12, "worse")])
def test_few_changed_rows_prove_little(make_case, lost, verdict):
    truth = np.zeros(500, int)
    texts = [f"text {i}" for i in range(500)]
    wrong = np.arange(500) % 10 == 0
    before = make_case(truth, wrong, texts=texts, draws=1000).measure("accuracy")
    now = wrong | (np.arange(500) % 10 == 1) & (np.arange(500) < 10 * lost)
    after = make_case(truth, now, texts=texts, draws=1000).measure("accuracy")
    assert after.total[0] == before.total[0] - lost
    assert (after - before).verdict() == verdict


@pytest.mark.parametrize(("error", "verdict"), [(0.3, "better"), (0.001, "unclear")])
def test_what_the_metric_cannot_tell_is_no_change(make_case, rng, error, verdict):
    """A histogram of scores ties what lies close: dividing all scores by one number moves the area a little, always
    the same way. That is no change for the worse; a model that is really worse still is."""
    truth = rng.integers(0, 2, 4000)
    scores = rng.normal(size=4000) + 0.8 * (2 * truth - 1)

    def asked(values):
        second = 1 / (1 + np.exp(-values))
        return make_case(truth, np.stack([1 - second, second], axis=1)).measure("auroc")

    blurred = asked(scores / 4) - asked(scores)
    assert blurred.interval.high < 0
    assert blurred.verdict() == "unclear"
    wrong = np.where(rng.random(4000) < error, -scores, scores)
    assert (asked(scores) - asked(wrong)).verdict() == verdict


def test_calibration_of_a_perfect_forecaster_reaches_zero(make_case, rng):
    confidence = 0.5 + 0.5 * rng.beta(3, 1, 1500)
    probs = np.stack([confidence, 1 - confidence], axis=1)
    honest = make_case((rng.random(1500) > confidence).astype(int), probs).measure("calibration_error")
    boasting = make_case((rng.random(1500) > confidence - 0.15).astype(int), probs).measure("calibration_error")
    assert honest.interval.low == 0
    assert boasting.interval.low > 0.1
    assert boasting.value == pytest.approx(0.15, abs=0.04)


def test_gap_and_worst_group_of_equal_groups(make_case, rng):
    """Eight equal groups show a gap; its interval must know that, and its debiased value be smaller."""
    wrong = rng.random(2000) < 0.15
    group = np.arange(2000) % 8
    case = make_case(np.zeros(2000, int), wrong)
    levels = {str(g): group == g for g in range(8)}
    gap = case.across("accuracy", levels, by="group", reduce="gap")
    worst = case.across("accuracy", levels, by="group", reduce="worst")
    shares = [1 - wrong[group == g].mean() for g in range(8)]
    assert gap.value == pytest.approx(max(shares) - min(shares))
    assert worst.value == pytest.approx(min(shares))
    assert gap.value > 0.03
    assert gap.interval.low == 0
    assert gap.debiased < gap.value
    assert worst.interval.low < worst.value < worst.interval.high
    assert (gap.base, worst.base, gap.better, worst.better) == (
        "accuracy_gap", "worst_group_accuracy", "lower", "higher",
    )  # fmt: skip


def test_worst_group_of_a_loss_is_the_largest(make_case, rng):
    truth, probs = noisy(rng, 300)
    half = np.arange(300) < 150
    case = make_case(truth, probs)
    worst = case.across("brier", {"a": half, "b": ~half}, by="half", reduce="worst")
    assert worst.value == pytest.approx(max(worst.values))


def test_versus_is_the_difference_of_two_answers(make_case, rng):
    truth, probs = noisy(rng, 300)
    _, other = noisy(np.random.default_rng(3), 300)
    case = make_case(truth, probs)
    theirs = make_case(truth, other).guess
    for metric in ("accuracy", "auroc"):
        difference = case.versus(metric, theirs, by="floor")
        expected = case.measure(metric).value - case.measure(metric, guess=theirs).value
        assert difference.value == pytest.approx(expected)
        assert difference.interval.low < expected < difference.interval.high
    assert difference.name == "auroc_difference[floor]"


def test_family_correction_is_longer_the_more_differ(rng):
    shared = rng.normal(size=2000)
    alike = critical([shared, 3 * shared, 0.1 * shared + 5])
    apart = critical(list(rng.normal(size=(20, 2000))))
    assert alike == pytest.approx(1, abs=0.02)
    assert apart == pytest.approx(3.02 / 1.96, rel=0.06)  # the .9987 quantile of a normal over the .975 one
    assert critical([]) == critical([shared]) == 1
    assert critical([shared, np.zeros(2000)]) == 1


def test_digests_tell_rows_apart():
    ids = np.array(["a", "b", "c", "d"])
    mask = np.array([True, False, True, False])
    assert row_digest(ids) == row_digest(ids[::-1]) == (row_digest(ids, mask) + row_digest(ids, ~mask)) % 2**64
    assert row_digest(ids[:2]) != row_digest(ids[2:])
    assert row_digest(ids[:0]) == 0


def test_many_classes_do_not_pull_the_interval_down(make_case, rng):
    """Pseudo-rows in each of fifty classes lean one way; the interval must stay around the estimate."""
    truth = np.arange(1500) % 50
    answer = np.where(rng.random(1500) < 0.1, rng.integers(0, 50, 1500), truth)
    measure = make_case(truth, answer, k=50).measure("macro_f1")
    low, high = _ends(measure)
    assert 0.25 < (measure.value - low) / (high - low) < 0.75
