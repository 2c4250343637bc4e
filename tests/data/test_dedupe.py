"""Near-duplicates against exact Jaccard similarities computed here, in plain Python, from the definition."""

from __future__ import annotations

import gzip
import itertools
import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duiqi.core.bundle import RowKeys
from duiqi.core.dataset import Dataset
from duiqi.data.dedupe import near_duplicates, overlap, row_keys, signatures

SHARED = Path(__file__).parents[3] / "shared" / "data"


def of(texts: list[str]) -> Dataset:
    return Dataset.of({"text": texts})


def plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = (" " if unicodedata.category(c)[0] in "ZC" else c for c in folded if unicodedata.category(c)[0] != "P")
    return " ".join("".join(kept).split()) or folded


def shingles(text: str) -> set[str]:
    """Windows of four characters, of two from an ideograph on, with the edges, and the whole."""
    bare = plain(text)
    framed = "^" + bare + "$$$"
    wide = ["\u3040" <= c <= "\u30ff" or "\u4e00" <= c <= "\u9fff" for c in framed]
    return {framed[i : i + (2 if wide[i] else 4)] for i in range(len(bare) + 1)} | {f"whole {bare}"}


def jaccard(a: set[str], b: set[str]) -> float:
    return len(a & b) / len(a | b)


def estimated(a: str, b: str) -> float:
    left, right = signatures(of([a, b])).view(np.uint16)
    return float((left == right).mean())


def near(a: str, b: str) -> bool:
    return len(near_duplicates(signatures(of([a, b])))) == 1


def rows(name: str, part: str) -> list[dict]:
    path = SHARED / name / f"{part}.jsonl.gz"
    if not path.is_file():
        pytest.skip(f"{path} is not there: real data lie beside the checkout, not in it")
    return [json.loads(line) for line in gzip.open(path, "rt", encoding="utf-8")]


def test_known_pairs() -> None:
    assert near("The room was clean and the staff were friendly.", "the room was clean, and the staff were friendly")
    assert near("I still have not received my new card, I ordered it over a week ago", "I still have not recieved my "
                "new card, I ordered it over a week ago")  # fmt: skip
    assert near(
        "送餐很慢，等了两个小时，打电话也没有人接，菜都凉了", "送餐很慢，等了两个小时，打电话也没有人接，菜都凉了！！"
    )
    assert not near("very good", "very bad")
    assert not near("I think that this movie is really very good", "I think that this movie is really very bad")
    assert not near("味道很好", "味道不好")
    assert not near("送餐很快，味道也不错", "送餐很慢，味道也不错")
    assert not near("???", "!!!")
    assert not near("ok", "no")
    assert near("", "  ")


def test_signatures_are_the_same_on_every_machine() -> None:
    """Lineages outlive a version: a changed hash would let learned rows pass as new ones."""
    signed = signatures(of(["Hello, world", "你好，世界"]))
    assert signed.dtype == np.uint32
    assert signed.shape == (2, 64)
    assert signed[:, :3].tolist() == [[303466450, 1798041046, 2537510122], [2507212572, 3286654908, 1061966798]]


texts = st.text(st.sampled_from("abc DE.,!你好 é"), max_size=30)


@settings(max_examples=60, deadline=None)
@given(st.lists(texts, min_size=1, max_size=8), st.randoms())
def test_a_signature_hangs_on_its_own_text_alone(some: list[str], random) -> None:
    together = signatures(of(some))
    order = list(range(len(some)))
    random.shuffle(order)
    assert (signatures(of([some[i] for i in order])) == together[order]).all()
    assert all((signatures(of([text])) == together[i]).all() for i, text in enumerate(some))


@settings(max_examples=60, deadline=None)
@given(texts, texts)
def test_equal_signatures_for_equal_inputs_only(a: str, b: str) -> None:
    """Case, width and punctuation do not count; anything else that differs brings another signature."""
    data = of([a, b])
    same_key = data.input_keys[0] == data.input_keys[1]
    left, right = signatures(data)
    assert (left == right).all() == same_key


def test_estimates_are_close_to_exact_similarities() -> None:
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(300):
        words = [f"{a}{b}" for a, b in rng.integers(10, 99, size=(30, 2))]
        changed = list(words)
        for at in rng.choice(30, size=rng.integers(1, 12), replace=False):
            changed[at] = "other"
        a, b = " ".join(words), " ".join(changed)
        errors.append(estimated(a, b) - jaccard(shingles(a), shingles(b)))
    # 128 minima: standard error at most .044; four standard errors of the mean of 300 are .010.
    assert abs(np.mean(errors)) < 0.012
    assert np.std(errors) < 0.05


def test_equal_rows_are_linked_once_each() -> None:
    pairs = near_duplicates(signatures(of(["the same text here"] * 500 + ["another one altogether"])))
    assert pairs.tolist() == [[0, i] for i in range(1, 500)]


@settings(max_examples=40, deadline=None)
@given(st.lists(texts, max_size=12), st.lists(texts, max_size=12))
def test_between_two_sets_a_row_is_found_if_and_only_if_it_has_a_partner(a: list[str], b: list[str]) -> None:
    signed_a, signed_b = signatures(of([*a, ""]))[:-1], signatures(of([*b, ""]))[:-1]
    found = near_duplicates(signed_a, signed_b)
    alike = (signed_a.view(np.uint16)[:, None] == signed_b.view(np.uint16)[None]).mean(axis=2) >= 0.8
    assert all(alike[i, j] for i, j in found)
    equal = (signed_a[:, None] == signed_b[None]).all(axis=2)
    assert set(np.flatnonzero(equal.any(axis=1))) <= set(found[:, 0])


def test_rows_are_found_among_hundreds_of_rows_from_one_template() -> None:
    """Every row of both sets is like every other, more than are compared in one band."""
    body = "Dear customer, we confirm your order, it will be sent to the address that you gave us within three days. "
    train, test = ([f"{body}{number}" for number in range(low, low + 400)] for low in (1000, 5000))
    close = overlap(of(test), row_keys(of(train))).near
    assert close.all()


def test_a_pair_is_a_duplicate_only_if_both_sides_are() -> None:
    context = "The Amazon rainforest covers most of the Amazon basin of South America, seven million square kilometres."
    data = Dataset.of(
        {
            "text": ["How large is the basin?", "Which continent is it on?", "how large is the basin"],
            "text_pair": [context, context, context + "!"],
        }
    )
    assert near_duplicates(signatures(data)).tolist() == [[0, 2]]


def test_overlap_tells_exact_from_near() -> None:
    used = row_keys(of(["The room was clean and the staff were friendly to everyone.", "bad food"]))
    data = of(
        [
            "the ROOM was clean and the staff were friendly to everyone",
            "The room was clean and the staff were friendlly to everyone.",
            "bad foot",
        ]
    )
    exact, close = overlap(data, used)
    assert exact.tolist() == [True, False, False]
    assert close.tolist() == [False, True, False]
    nothing = overlap(data, RowKeys(np.zeros(0, np.uint64), np.zeros((0, 1), np.uint32)))
    assert not nothing.exact.any()
    assert not nothing.near.any()


@pytest.mark.parametrize("name", ["banking77", "waimai-10k", "financial-phrasebank"])
def test_real_rows_against_all_pairs(name: str) -> None:
    """Pairs found are near in truth, and pairs that are near in truth are found."""
    some = list(dict.fromkeys(plain(row["text"]) for row in rows(name, "train")))[:700]
    rng = np.random.default_rng(1)
    for text in sorted(some, key=len)[-100:]:  # copies with one typing error
        at = int(rng.integers(len(text)))
        some.append(text[:at] + "q" + text[at + 1 :])
    sets = [shingles(text) for text in some]
    found = set(map(tuple, near_duplicates(signatures(of(some))).tolist()))
    exact = {
        (i, j): similarity
        for i, j in itertools.combinations(range(len(some)), 2)
        if 0.4 * len(sets[i]) < len(sets[j]) < 2.5 * len(sets[i]) and not sets[i].isdisjoint(sets[j])
        and (similarity := jaccard(sets[i], sets[j])) >= 0.5
    }  # fmt: skip
    clear = {pair for pair, similarity in exact.items() if similarity >= 0.9}
    assert len(clear) >= 10
    assert len(clear & found) >= 0.98 * len(clear)
    false = [pair for pair in found if exact.get(pair, 0.0) < 0.7]
    assert len(found) >= 20
    assert len(false) <= 0.02 * len(found)


def test_test_sets_are_not_refused_for_chance_likeness() -> None:
    """sst2 and waimai-10k are not contaminated: hardly a test row may look learned."""
    for name in ("sst2", "waimai-10k"):
        used = row_keys(of([row["text"] for row in rows(name, "train")]))
        test = of([row["text"] for row in rows(name, "test")])
        assert overlap(test, used).near.mean() <= 0.002
