"""Splits: nothing of one part in another, labels in their shares, the same for any order of the rows."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, OptionError
from duiqi.data.dedupe import near_duplicates, signatures
from duiqi.data.split import complete, split

WORDS = ["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven", "inlet", "jetty", "knoll", "maple"]


def sentences(count: int, seed: int = 0) -> list[str]:
    """Texts of which no two are near-duplicates."""
    rng = np.random.default_rng(seed)
    return [f"{i} " + " ".join(rng.choice(WORDS, 7)) + f" {rng.integers(10**6)}" for i in range(count)]


def rows(labels: list[str], **more: list) -> Dataset:
    return Dataset.of({"text": sentences(len(labels)), "label": labels, **more})


def counts(data: Dataset) -> Counter[str]:
    return Counter(data.values("label"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=8),
    st.sampled_from([(0.15, 0.15), (0.2, 0.0), (0.0, 0.3), (0.1, 0.25)]),
    st.integers(0, 5),
)
def test_classes_keep_their_shares_within_one_row(sizes: list[int], shares: tuple[float, float], seed: int) -> None:
    dev, test = shares
    labels = [f"class {i}" for i, size in enumerate(sizes) for _ in range(size)]
    if len(labels) < 40:
        labels += ["class 0"] * 40
    data = rows(labels)
    parts = split(data, dev=dev, test=test, seed=seed)
    expected = {"train": 1 - dev - test, "dev": dev, "test": test}
    assert set(parts) == {name for name, share in expected.items() if share}
    for name, part in parts.items():
        for label, size in Counter(labels).items():
            assert abs(counts(part)[label] - expected[name] * size) <= 1
        assert abs(len(part) - expected[name] * len(data)) <= len(set(labels))
    assert set(counts(parts["train"])) == set(labels)
    ids = np.concatenate([part.row_ids for part in parts.values()])
    assert sorted(ids) == sorted(data.row_ids)


def test_many_small_classes_do_not_empty_or_swell_a_part() -> None:
    """Rounding each class alone would give dev 77 or 0 of these rows; what rounding gives is carried on."""
    parts = split(rows([f"intent {i % 77}" for i in range(77 * 4)]))
    assert abs(len(parts["dev"]) - 0.15 * 308) <= 8
    assert abs(len(parts["test"]) - 0.15 * 308) <= 8


def test_groups_are_spread_within_a_class() -> None:
    rng = np.random.default_rng(3)
    labels = rng.choice(["a", "b"], 2000, p=[0.8, 0.2]).tolist()
    group = rng.choice(["x", "y", "z"], 2000, p=[0.9, 0.07, 0.03]).tolist()
    data = rows(labels, region=group)
    parts = split(Dataset.of({c: data.table.column(c).to_pylist() for c in data.table.column_names}, groups=["region"]))
    for name, share in (("dev", 0.15), ("test", 0.15)):
        pairs = Counter(zip(parts[name].values("label"), parts[name].group("region").tolist(), strict=True))
        for cell, size in Counter(zip(labels, group, strict=True)).items():
            assert abs(pairs[cell] - share * size) <= 2


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 3))
def test_neither_order_nor_repetition_moves_a_row(shuffle: int, seed: int) -> None:
    rng = np.random.default_rng(shuffle)
    data = rows(rng.choice(["a", "b", "c"], 80).tolist())
    order = rng.permutation(len(data))
    first, again = split(data, seed=seed), split(data.take(order), seed=seed)
    for name in first:
        assert set(first[name].row_ids) == set(again[name].row_ids)


def test_seeds_differ() -> None:
    data = rows(["a", "b"] * 100)
    assert set(split(data, seed=0)["test"].row_ids) != set(split(data, seed=1)["test"].row_ids)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 25), min_size=60, max_size=120), st.integers(0, 3))
def test_equal_inputs_near_duplicates_and_clusters_stay_together(which: list[int], seed: int) -> None:
    """Rows drawn from few sources, each retyped in its own way, and clusters that tie some sources."""
    assume(len(set(which)) >= 15)  # with fewer blocks a part may stay empty
    bases = sentences(26)
    rng = np.random.default_rng(seed)
    texts = []
    for number in which:
        text = bases[number] + " and then a longer ending that all of these rows have of their own " + str(number) * 9
        kind = rng.integers(3)
        texts.append([text, text.upper() + "!", text.replace("ending", "endding")][kind])
    clusters = [f"author {number // 2}" if number < 8 else f"own {i}" for i, number in enumerate(which)]
    data = Dataset.of({"text": texts, "label": ["a" if n % 2 else "b" for n in which], "cluster": clusters})
    parts = list(split(data, seed=seed).values())
    for i, left in enumerate(parts):
        for right in parts[i + 1 :]:
            assert not set(left.input_keys.tolist()) & set(right.input_keys.tolist())
            assert not set(left.values("cluster")) & set(right.values("cluster"))
            assert not len(near_duplicates(signatures(left), signatures(right)))


def test_large_blocks_leave_the_shares_near_their_aim() -> None:
    authors = [i // 12 for i in range(960)]  # 80 authors of 12 rows
    data = rows(["a" if author % 4 else "b" for author in authors], cluster=authors)
    parts = split(data)
    for name, share in (("train", 0.7), ("dev", 0.15), ("test", 0.15)):
        assert abs(len(parts[name]) - share * 960) <= 12
        assert abs(counts(parts[name])["b"] - share * 240) <= 12


def test_every_class_is_in_train_even_where_it_is_one_block() -> None:
    data = rows(["common"] * 60 + ["rare"] * 6, cluster=[*range(60), *([99] * 6)])
    for seed in range(8):
        assert counts(split(data, seed=seed)["train"])["rare"] == 6


def test_labels_that_are_no_classes_are_split_all_the_same() -> None:
    for labels in ([["B", "O"]] * 50, [i / 7 for i in range(50)], [f"a target text {i}" for i in range(50)]):
        parts = split(Dataset.of({"text": sentences(50), "label": labels}))
        assert [len(part) for part in parts.values()] in ([35, 8, 7], [35, 7, 8], [34, 8, 8])
    assert len(split(Dataset.of({"text": sentences(50)}))["train"]) in (34, 35)


def test_too_few_rows_say_so() -> None:
    with pytest.raises(DataError, match="at least 10 rows to split, given 9"):
        split(rows(["a"] * 9))
    with pytest.raises(DataError, match="belong together"):
        split(Dataset.of({"text": ["the very same text"] * 30, "label": ["a"] * 30}))
    with pytest.raises(OptionError):
        split(rows(["a"] * 30), dev=0.5, test=0.5)


# complete


def made(part: Dataset) -> list[dict]:
    return [dict(note) for note in part.notes if note["code"] == "split_made"]


def test_one_file_becomes_three_parts() -> None:
    found = {"all": rows(["a", "b"] * 100)}
    parts = complete(found, seed=1)
    assert [len(parts[name]) for name in ("train", "dev", "test")] == [140, 30, 30]
    assert made(parts["dev"]) == [{"code": "split_made", "part": "dev", "rows": 30, "from": "all"}]
    again = split(found["all"], seed=1)
    assert all(set(parts[name].row_ids) == set(again[name].row_ids) for name in again)


@pytest.mark.parametrize("missing", ["dev", "test"])
def test_a_missing_part_is_taken_from_train(missing: str) -> None:
    other = {"dev": "test", "test": "dev"}[missing]
    train, given_part = rows(["a", "b"] * 100), rows(["a", "b"] * 5)
    parts = complete({"train": train, other: given_part})
    assert parts[other] is given_part
    assert len(parts[missing]) == 30
    assert sorted([*parts["train"].row_ids, *parts[missing].row_ids]) == sorted(train.row_ids)
    assert made(parts[missing]) == [{"code": "split_made", "part": missing, "rows": 30, "from": "train"}]


def test_what_is_there_is_left_alone() -> None:
    some = rows(["a", "b"] * 10)
    for found in ({"test": some}, {"dev": some, "test": some}, {"train": some, "dev": some, "test": some}):
        assert complete(found) == found


def test_dev_and_test_stop_growing() -> None:
    data = Dataset.of(
        {"text": [f"{i * 7919:09d} {i * 104729:09d}" for i in range(40_000)], "label": ["a", "b"] * 20_000}
    )
    parts = complete({"all": data})
    assert (len(parts["dev"]), len(parts["test"])) == (2000, 5000)


def test_a_rare_type_of_span_is_in_train_whatever_the_seed():
    tags = [["O", "B-COMMON"] for _ in range(200)]
    tags[17] = ["B-RARE", "O"]
    rows = Dataset.of({"tokens": [[f"a{i}", f"b{i * 7919 % 10007}"] for i in range(200)], "label": tags})
    for seed in range(12):
        parts = complete({"all": rows}, seed=seed)
        assert any("B-RARE" in row for row in parts["train"].values("label"))
