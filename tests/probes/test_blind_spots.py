"""blind_spots: silent where nothing is weak, finds what is, names it simply, in words that hold on other rows."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import hypergeom

from duiqi.core.candidates import Candidates, candidates
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.examine import Order, examine
from duiqi.core.exhibit import Exhibit
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Recorded
from duiqi.core.search import HANDICAP, null, search
from duiqi.core.slice import Slice

CATALOGUE = Catalogue.installed()
BLIND_SPOTS = CATALOGUE.find("probe", "blind_spots")
LABELS = ("no", "yes")
NOUNS = (
    "kettle",
    "phone",
    "hotel",
    "novel",
    "coffee",
    "ticket",
    "garden",
    "jacket",
    "violin",
    "camera",
    "soup",
    "lamp",
)
ENDS = (
    "works",
    "broke",
    "is fine",
    "was not for us",
    "came in 2 days",
    "pleased everyone at home",
    "had no lid at all",
)


def rows_of(n: int, seed: int = 0) -> Dataset:
    """Texts, all different, with two columns."""
    rng = np.random.default_rng(seed)
    texts = [
        f"{' and '.join(rng.choice(NOUNS, rng.integers(1, 4), replace=False))} {rng.choice(ENDS)} ref{'x' * (i % 7)}{i}"
        for i in range(n)
    ]
    return Dataset.of(
        {
            "text": texts,
            "label": [LABELS[i] for i in rng.integers(0, 2, n)],
            "shop": rng.choice(["north", "south", "east", "west"], n).tolist(),
            "device": rng.choice(["web", "app"], n).tolist(),
        },
        groups=("shop", "device"),
    )


def case_of(data: Dataset, wrong, **said) -> Case:
    """A case whose recorded answers are wrong on the given rows."""
    truth = np.array([LABELS.index(label) for label in data.values("label")])
    probs = np.full((len(data), 2), 0.2)
    probs[np.arange(len(data)), np.where(wrong, 1 - truth, truth)] = 0.8
    task = CATALOGUE.task("classify", labels=LABELS)
    return Case(Recorded(task, Predictions(data.row_ids, {"probs": probs})), data, catalogue=CATALOGUE, **said)


def report_of(case: Case, **options):
    report = examine(case, [Order(BLIND_SPOTS, options)])
    assert not report.skipped, report.skipped
    return report


def table_of(report) -> dict:
    (exhibit,) = report.exhibits
    assert isinstance(exhibit, Exhibit)
    return dict(exhibit.data)


def overlap(first, second) -> float:
    return (first & second).sum() / (first | second).sum()


def planted(data: Dataset, slice: Slice, seed: int, gap: float = 0.28):
    """Which rows are wrong when a slice is weak, and the slice's rows."""
    inside = slice.mask(data)
    return np.random.default_rng(seed).random(len(data)) < np.where(inside, 0.12 + gap, 0.12), inside


KETTLE = Slice.of("text", "kettle", "contains")
NORTH_KETTLE = Slice(KETTLE.where + Slice.of("shop", "north").where)


# ---- the search on its own


def test_z_by_hand():
    """Ten rows, four errors, a slice of five with three of them: mean 2, variance 5 * .4 * .6 * 5 / 9 = 2 / 3."""
    errors = np.array([1, 1, 1, 0, 0, 1, 0, 0, 0, 0], dtype=float)
    rows = csr_array(np.array([[1, 1, 1, 1, 1, 0, 0, 0, 0, 0]], dtype=float))
    assert null(rows, errors).z(rows @ errors)[0] == pytest.approx(1 / math.sqrt(2 / 3))


def test_moments_are_those_of_the_hypergeometric_distribution_and_add_over_strata():
    rng = np.random.default_rng(0)
    errors = (rng.random(60) < 0.3).astype(float)
    inside = rng.random(60) < 0.4
    rows = csr_array(inside[None, :].astype(float))
    whole = hypergeom(60, int(errors.sum()), int(inside.sum()))
    assert (null(rows, errors).mean[0], null(rows, errors).spread[0]) == pytest.approx((whole.mean(), whole.std()))
    strata = np.repeat([0, 1, 2], 20)
    parts = [hypergeom(20, int(errors[strata == h].sum()), int(inside[strata == h].sum())) for h in range(3)]
    both = null(rows, errors, strata)
    assert both.mean[0] == pytest.approx(sum(part.mean() for part in parts))
    assert both.spread[0] ** 2 == pytest.approx(sum(part.var() for part in parts))


def test_nothing_to_permute_gives_nothing():
    rows = csr_array(np.eye(4, 30))
    for errors in (np.zeros(30), np.ones(30)):
        found = search(rows, errors, keys=np.arange(30, dtype=np.uint64), complexity=np.ones(4, dtype=int),
                       generator=np.random.default_rng(0))  # fmt: skip
        assert not found.hits
        assert math.isinf(found.threshold)


def test_threshold_is_exact_for_one_slice():
    """With a single slice the largest z is its z: about 5 % of permutations reach it, counted over a discrete law."""
    errors = np.zeros(400)
    errors[:80] = 1
    rows = csr_array((np.arange(400) % 4 == 0)[None, :].astype(float))
    found = search(rows, errors, keys=np.arange(400, dtype=np.uint64), complexity=np.ones(1, dtype=int),
                   generator=np.random.default_rng(0), permutations=4000)  # fmt: skip
    law = hypergeom(400, 80, 100)
    count = law.mean() + found.threshold * law.std()  # a slice needs more errors than this
    assert law.sf(math.floor(count)) <= 0.05 + 0.007
    assert law.sf(math.floor(count) - 2) > 0.05


def test_what_is_of_one_thing_needs_less_to_be_found():
    """Twenty single slices among a thousand pairs: a z between both thresholds is enough for a single one alone."""
    rng = np.random.default_rng(0)
    rows = csr_array((rng.random((1020, 800)) < 0.1).astype(float))
    errors = (rng.random(800) < 0.2).astype(float)
    complexity = np.repeat([1, 2], [20, 1000])
    found = search(rows, errors, keys=np.arange(800, dtype=np.uint64), complexity=complexity,
                   generator=np.random.default_rng(1), level=0.03)  # fmt: skip
    alike = search(rows, errors, keys=np.arange(800, dtype=np.uint64), complexity=np.ones(1020, dtype=int),
                   generator=np.random.default_rng(1), level=0.03)  # fmt: skip
    assert found.threshold < alike.threshold - 0.25
    assert alike.threshold < found.threshold + HANDICAP < alike.threshold + 0.25
    plain = null(rows, errors).z(rows @ errors)
    assert found.z == pytest.approx(plain - HANDICAP * (complexity - 1))


def test_copies_of_a_row_are_one_observation():
    """Twelve copies of five texts that all go wrong are five errors, not sixty."""
    rng = np.random.default_rng(1)
    n = 700
    errors = (rng.random(n) < 0.12).astype(float)
    inside = np.arange(n) < 60
    errors[inside] = 1
    keys = np.where(inside, np.arange(n) // 12, np.arange(n)).astype(np.uint64)
    rows = csr_array(inside[None, :].astype(float))
    asked = {"complexity": np.ones(1, dtype=int)}
    copies = search(rows, errors, keys=keys, generator=np.random.default_rng(0), **asked)
    apart = search(rows, errors, keys=np.arange(n, dtype=np.uint64), generator=np.random.default_rng(0), **asked)
    single = np.concatenate([errors[:60:12], errors[60:]])
    spread = math.sqrt(5 * single.var() * (len(single) - 5) / (len(single) - 1))
    assert copies.z[0] == pytest.approx((5 - 5 * single.mean()) / spread)
    assert apart.z[0] > 2 * copies.z[0]


def test_echoes_are_pruned_and_the_simpler_wins():
    """A weak slice, its shadow three quarters inside it, a refinement of it, and a second weak slice of its own."""
    rng = np.random.default_rng(3)
    n = 4000
    weak, second = np.arange(n) < 300, (np.arange(n) >= 2000) & (np.arange(n) < 2250)
    shadow = (np.arange(n) >= 75) & (np.arange(n) < 375)
    refined = weak & (rng.random(n) < 0.9)
    errors = (rng.random(n) < np.where(weak | second, 0.42, 0.1)).astype(float)
    rows = csr_array(np.stack([weak, shadow, second, refined]).astype(float))
    found = search(rows, errors, keys=np.arange(n, dtype=np.uint64), complexity=np.array([1, 1, 1, 2]),
                   generator=np.random.default_rng(0))  # fmt: skip
    assert (found.z > found.threshold).all()  # each alone would have been told
    assert {hit.index for hit in found.hits} == {0, 2}


def hidden_weakness(share_of_wrong: float) -> tuple[np.ndarray, csr_array]:
    """Errors and slices: a third of all rows goes wrong by half, and beside it a weak slice and forty of no account."""
    rng = np.random.default_rng(5)
    n = 1200
    strong, weak = np.arange(n) < 400, (np.arange(n) >= 400) & (np.arange(n) < 520)
    errors = (rng.random(n) < np.where(strong, 0.5, np.where(weak, share_of_wrong, 0.08))).astype(float)
    return errors, csr_array(np.stack([strong, weak, *(rng.random((40, n)) < 0.1)]).astype(float))


def test_what_a_strong_slice_hides_is_found():
    """Among all rows the weak slice is no worse than the rest; among those outside the strong one it is."""
    errors, rows = hidden_weakness(0.24)
    asked = {"keys": np.arange(1200, dtype=np.uint64), "complexity": np.ones(42, dtype=int)}
    found = search(rows, errors, generator=np.random.default_rng(0), **asked)
    assert found.z[1] < found.threshold
    assert [hit.index for hit in found.hits] == [0, 1]
    assert all(hit.z > hit.threshold for hit in found.hits)


def test_looking_again_finds_nothing_where_nothing_is():
    errors, rows = hidden_weakness(0.08)
    asked = {"keys": np.arange(1200, dtype=np.uint64), "complexity": np.ones(42, dtype=int)}
    found = search(rows, errors, generator=np.random.default_rng(0), **asked)
    assert [hit.index for hit in found.hits] == [0]


def test_a_refinement_that_is_really_worse_is_told():
    rng = np.random.default_rng(4)
    n = 4000
    wide, narrow = np.arange(n) < 800, np.arange(n) < 200
    errors = (rng.random(n) < np.where(narrow, 0.45, 0.12)).astype(float)
    rows = csr_array(np.stack([wide, narrow]).astype(float))
    found = search(rows, errors, keys=np.arange(n, dtype=np.uint64), complexity=np.array([1, 2]),
                   generator=np.random.default_rng(0))  # fmt: skip
    assert [hit.index for hit in found.hits] == [1]


# ---- candidates


@pytest.fixture(scope="module")
def english() -> tuple[Dataset, Candidates]:
    data = rows_of(1500)
    return data, candidates(data, function_words={"and", "is", "was", "at", "for", "in"})


def test_every_rule_means_exactly_its_rows(english):
    data, made = english
    assert len(made) > 100
    masks = {each: each.mask(data) for each in {condition for slice in made.slices for condition in slice.where}}
    for slice, row in zip(made.slices, made.rows.toarray(), strict=True):
        meant = np.logical_and.reduce([masks[condition] for condition in slice.where])
        assert (meant == (row > 0)).all(), slice.rule


def test_sizes_and_names(english):
    data, made = english
    sizes = np.asarray(made.rows.sum(axis=1)).ravel()
    assert sizes.min() >= max(15, 0.015 * len(data))
    assert sizes.max() <= 0.8 * len(data)
    assert len({slice.rule for slice in made.slices}) == len(made)
    columns = {condition.column for slice in made.slices for condition in slice.where}
    assert columns == {"text", "length", "negation", "number", "shop", "device"} - {"number"}  # all rows have one
    assert (np.diff(made.complexity) >= 0).all()
    assert "and" not in {c.value for slice in made.slices if made_of_two(slice) for c in slice.where}


def made_of_two(slice: Slice) -> bool:
    return len({condition.column for condition in slice.where}) == 2


def test_equal_row_sets_are_one_candidate():
    """ "brass" stands exactly where "kettle" does, and in the shop "north": the column's name is kept."""
    texts = [f"the brass kettle number{i}" if i % 5 == 0 else f"a lamp number{i}" for i in range(400)]
    shops = ["north" if i % 5 == 0 else ("south", "east")[i % 2] for i in range(400)]
    data = Dataset.of({"text": texts, "label": ["no"] * 400, "shop": shops}, groups=("shop",))
    made = candidates(data)
    sets = [row.tobytes() for row in made.rows.toarray()]
    assert len(set(sets)) == len(sets)
    inside = np.array([shop == "north" for shop in shops])
    assert [s.rule for s in made.slices if (s.mask(data) == inside).all()] == ["shop == north"]


def test_content_words_stand_before_function_words():
    texts = [f"of kettle n{i}" if i % 4 == 0 else f"lamp n{i}" for i in range(200)]
    made = candidates(Dataset.of({"text": texts, "label": ["no"] * 200}), function_words={"of"})
    rules = [slice.rule for slice in made.slices]
    assert "text has 'kettle'" in rules
    assert "text has 'of'" not in rules


def test_chinese_runs_are_words_a_reader_would_name():
    rng = np.random.default_rng(0)
    subjects, ends = ["送餐员", "味道", "包装", "价格", "米饭"], ["很好吃", "不太行", "还可以", "真的慢"]
    texts = [f"这家的{rng.choice(subjects)}{rng.choice(ends)}，单号{i}" for i in range(800)]
    made = candidates(
        Dataset.of({"text": texts, "label": ["no"] * 800}), edges=frozenset("的"), function_words=set("很这还家")
    )
    grams = {slice.where[0].value for slice in made.slices if slice.where[0].op == "contains"}
    assert {"送餐员", "味道", "包装"} <= grams
    assert not grams & {"送餐", "餐员", "家的送餐"}  # they hold the rows of 送餐员
    assert not any(gram[0] == "的" or gram[-1] == "的" for gram in grams)


def test_limits_hold():
    data = rows_of(1500)
    made = candidates(data, most=80)
    assert len(made) <= 80
    assert len(candidates(rows_of(10))) == 0
    alone = [slice for slice in made.slices if not made_of_two(slice)]
    assert {"shop == north", "text has 'kettle'"} <= {slice.rule for slice in alone}


# ---- the probe


def test_silent_where_nothing_is_weak():
    """At a true rate of .05, forty runs show more than six false alarms in three of a thousand test runs."""
    data, memory = rows_of(1500), {}
    alarms = 0
    for seed in range(40):
        wrong = np.random.default_rng([seed, 1]).random(len(data)) < 0.12
        alarms += bool(report_of(case_of(data, wrong, seed=seed, draws=100, memory=memory), permutations=400).findings)
    assert alarms <= 6


@pytest.mark.parametrize("slice", [Slice.of("text", "kettle", "contains"), NORTH_KETTLE], ids=["single", "pair"])
def test_finds_what_is_weak(slice):
    data, memory = rows_of(3000), {}
    found = 0
    for seed in range(12):
        wrong, inside = planted(data, slice, seed)
        report = report_of(case_of(data, wrong, seed=seed, draws=100, memory=memory), permutations=400)
        found += any(overlap(finding.slice.mask(data), inside) >= 0.5 for finding in report.findings)
        assert len(report.findings) <= 3
    assert found >= 11


def tagged(worse: float, seed: int) -> Case:
    """Sentences of 3 to 40 words of which each is tagged wrong at .02, at `worse` where one speaks of a kettle."""
    rng = np.random.default_rng(seed)
    task = CATALOGUE.task("tag", labels=("thing",))
    words = [[str(each) for each in rng.choice(NOUNS[1:], rng.integers(3, 41))] for _ in range(1200)]
    about = rng.random(len(words)) < 0.15
    words = [[*row, "kettle"] if said else row for row, said in zip(words, about, strict=True)]
    truth = [rng.integers(0, 2, len(row)) for row in words]
    turned = [rng.random(len(row)) < (worse if said else 0.02) for row, said in zip(words, about, strict=True)]
    guess = [np.where(each, 1 - tags, tags) for tags, each in zip(truth, turned, strict=True)]
    names = ("O", "B-thing")
    data = Dataset.of({"tokens": words, "label": [[names[tag] for tag in tags] for tags in truth]})
    return Case(Recorded(task, Predictions(data.row_ids, {"tags": guess})), data, catalogue=CATALOGUE, seed=seed)


def test_of_tags_a_long_sentence_is_no_blind_spot_and_a_weak_one_is():
    healthy = [examine(tagged(0.02, seed), [Order(BLIND_SPOTS)]) for seed in range(5)]
    assert [finding.slice.rule for report in healthy for finding in report.findings] == []
    weak = [examine(tagged(0.06, seed), [Order(BLIND_SPOTS)]).findings for seed in range(5)]
    assert all(len(found) == 1 and "text has 'kettle'" in found[0].slice.rule for found in weak)


def test_what_a_finding_says():
    data = rows_of(3000)
    wrong, inside = planted(data, NORTH_KETTLE, 5)
    report = report_of(case_of(data, wrong))
    (finding,) = report.findings
    measure = finding.ruling.measure
    assert finding.kind == "blind_spot"
    assert finding.slice.rule == "shop == north and text has 'kettle'"
    assert measure.name == "accuracy_difference[slice]"
    assert measure.value == pytest.approx(wrong[~inside].mean() - wrong[inside].mean())
    table = table_of(report)
    (row,) = table["rows"]
    said = dict(zip(table["columns"], row, strict=True))
    assert said["rows"] == inside.sum()
    assert (said["error"], said["rest"]) == pytest.approx((wrong[inside].mean(), wrong[~inside].mean()), abs=1e-4)
    n, k = len(data), int(inside.sum())
    spread = math.sqrt(wrong.var() * n * n / (k * (n - k) * (n - 1)))  # of the difference, if it were chance
    assert said["z"] == pytest.approx(-measure.value / spread, abs=1e-3)
    assert measure.interval.high == pytest.approx(measure.value + (table["threshold"] + HANDICAP) * spread, abs=1e-3)
    assert measure.interval.high < 0
    assert wrong.mean() < said["expected_by_chance"] < said["error"]


def test_a_search_that_finds_nothing_says_how_much_it_looked_at():
    data = rows_of(600)
    report = report_of(case_of(data, np.arange(600) % 9 == 0))
    assert not report.measures
    table = table_of(report)
    assert table["rows"] == []
    assert table["searched"] > 50
    assert table["errors"] == 67


@pytest.mark.parametrize("wrong", [0, 1, 40], ids=["none wrong", "one wrong", "all wrong"])
def test_few_rows_and_few_errors(wrong):
    report = report_of(case_of(rows_of(40), np.arange(40) < wrong))
    assert not report.findings


def test_order_of_rows_changes_nothing():
    data = rows_of(2000)
    wrong, _ = planted(data, NORTH_KETTLE, 2)
    order = np.random.default_rng(0).permutation(len(data))
    data.row_ids  # noqa: B018  (ids of the shuffled rows are those of the originals)
    first, second = report_of(case_of(data, wrong)), report_of(case_of(data.take(order), wrong[order]))
    assert first.findings
    assert table_of(first) == table_of(second)
    assert [m.to_json() for m in first.measures] == [m.to_json() for m in second.measures]


def test_found_slices_are_measured_again_elsewhere():
    """The rule holds on other rows; there nothing was searched, so the interval is the ordinary one."""
    data, other = rows_of(3000), rows_of(2000, seed=9)
    (finding,) = report_of(case_of(data, planted(data, NORTH_KETTLE, 5)[0])).findings
    carried = Slice.from_json(finding.slice.to_json())
    wrong, inside = planted(other, NORTH_KETTLE, 6)
    report = report_of(case_of(other, wrong, slices=(carried, Slice())))
    (measure,) = report.measures
    assert not report.exhibits
    assert measure.stated is None
    assert measure.slice == finding.slice
    assert measure.value == pytest.approx(wrong[~inside].mean() - wrong[inside].mean())
    assert measure.interval.low < measure.value < measure.interval.high


def test_a_carried_slice_without_rows_here_is_unclear():
    data = rows_of(100)
    report = report_of(case_of(data, np.arange(100) < 10, slices=(Slice.of("text", "zeppelin", "contains"),)))
    assert report.verdict == "unclear"


def test_another_model_on_the_same_rows_reuses_the_candidates(monkeypatch):
    data = rows_of(300)
    first = case_of(data, np.arange(300) % 7 == 0)
    report_of(first)
    monkeypatch.setattr("duiqi.data.readable_slices.candidates", None)  # would raise if it were called again
    report_of(first.with_predictor(case_of(data, np.arange(300) % 5 == 0).predictor))


def test_its_own_patients():
    fired = silent = 0
    for seed in range(5):
        healthy, sick = BLIND_SPOTS.hooks["planted"](np.random.default_rng(seed), 1.0)
        silent += not report_of(healthy, permutations=300).findings
        fired += bool(report_of(sick, permutations=300).findings)
    assert fired == 5
    assert silent >= 3  # at a rate of .05, three alarms of five come once in a thousand


# ---- what lasts


def weaker(rows, *, wrong, prior_rows):
    """What a search finds where so many of the first rows are wrong, and 100 of 1,000 others."""
    errors = np.zeros(1000 + rows)
    errors[:wrong] = 1
    errors[-100:] = 1
    inside = csr_array((np.arange(len(errors)) < rows)[None, :].astype(float))
    keys, one = np.arange(len(errors), dtype=np.uint64), np.ones(1, dtype=int)
    found = search(inside, errors, keys=keys, complexity=one, generator=np.random.default_rng(0), prior_rows=prior_rows)
    return found.hits


def test_a_small_slice_must_be_expected_to_be_weaker_on_new_rows():
    assert weaker(16, wrong=7, prior_rows=0)
    assert not weaker(16, wrong=7, prior_rows=90)
    (hit,) = weaker(160, wrong=48, prior_rows=90)  # a smaller difference, but one that lasts
    assert hit.z > hit.threshold
    (hit,) = weaker(16, wrong=14, prior_rows=90)
    size = 16 * 1000 / 1016
    assert hit.threshold == pytest.approx(1.96 * math.sqrt((size + 90) / size))


# ---- clusters


def test_clusters_that_the_model_takes_for_alike_are_told_with_their_words():
    data = rows_of(600)
    wrong, inside = planted(data, KETTLE, seed=1, gap=0.5)
    case = case_of(data, wrong)
    rng = np.random.default_rng(3)
    near = rng.normal(0, 0.05, (600, 8)) + np.eye(8)[np.where(inside, 0, rng.integers(1, 8, 600))]
    answers = Predictions(data.row_ids, {**case.guess.columns, "embedding": near})
    report = report_of(replace(case, predictor=Recorded(case.task, answers)))
    table = next(each.data for each in report.exhibits if each.data["title"] == "clusters")
    for words, rows, error, rest, z, typical in table["rows"]:
        assert "kettle" in words.split(" · ")
        assert error > rest + 0.2
        assert z > 3
        assert "kettle" in typical
        assert rows <= inside.sum()
    sound = case_of(data, rng.random(600) < 0.2)
    answers = Predictions(data.row_ids, {**sound.guess.columns, "embedding": near})
    report = report_of(replace(sound, predictor=Recorded(sound.task, answers)))
    assert [each.data["title"] for each in report.exhibits] == ["slices"]
