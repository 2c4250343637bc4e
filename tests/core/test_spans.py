"""Spans against a count word by word, and tags in their several spellings."""

from __future__ import annotations

import numpy as np
import pytest

from duiqi.core.spans import find_spans, is_tag, span_rows, tags_of, to_bio, types_of


def one_by_one(tags):
    """The spans of one sentence as (first, behind the last, type), counted as conlleval counts."""
    spans, open_at, kind = [], None, None
    for at, tag in enumerate([*tags, 0]):
        begins, this = tag % 2 == 1, (tag - 1) // 2
        if open_at is not None and (tag == 0 or begins or this != kind):
            spans.append((open_at, at, kind))
            open_at = None
        if tag and open_at is None:
            open_at, kind = at, this
    return spans


@pytest.mark.parametrize("seed", range(4))
def test_spans_of_any_tags_are_those_counted_one_by_one(seed):
    rng = np.random.default_rng(seed)
    rows = [rng.integers(0, 7, rng.integers(0, 12)) for _ in range(300)]
    found = find_spans(rows)
    by_row = [[] for _ in rows]
    for row, start, end, kind in zip(found.row, found.start, found.end, found.type, strict=True):
        by_row[row].append((start, end, kind))
    assert by_row == [one_by_one(row.tolist()) for row in rows]


def test_counts_of_a_row_are_those_of_sets_of_spans():
    rng = np.random.default_rng(9)
    truth = [rng.integers(0, 5, 8) for _ in range(200)]
    guess = [np.where(rng.random(8) < 0.3, rng.integers(0, 5, 8), row) for row in truth]
    counts = span_rows(truth, guess, None)
    by_type = [span_rows(truth, guess, kind) for kind in range(2)]
    assert (counts == by_type[0] + by_type[1]).all()
    for at, (real, said) in enumerate(zip(truth, guess, strict=True)):
        a, b = set(one_by_one(real.tolist())), set(one_by_one(said.tolist()))
        assert counts[at].tolist() == [len(a & b), len(b), len(a)]


def test_no_rows_and_empty_rows():
    assert len(find_spans([])) == 0
    empty = np.zeros(0, dtype=np.int64)
    assert find_spans([empty, np.array([1, 2]), empty]).row.tolist() == [1]
    assert span_rows([empty], [empty], None).tolist() == [[0, 0, 0]]


def test_tags_and_types_by_name():
    assert tags_of(("LOC", "PER")) == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert types_of(["O", "S-PER", "E-LOC", "B-LOC"]) == ("LOC", "PER")
    assert to_bio(["S-PER", "O", "B-LOC", "M-LOC", "E-LOC"]) == ["B-PER", "O", "B-LOC", "I-LOC", "I-LOC"]
    assert [is_tag(each) for each in ("O", "B-X", "U-X", "X-B", "B", "b-x", "")] == [True] * 3 + [False] * 4


def test_spans_of_many_rows_are_not_taken_for_each_other():
    """100,000 sentences with the same span: half of the answers lack it."""
    row, none = np.array([0, 1, 2]), np.array([0, 0, 0])
    counts = span_rows([row] * 100_000, [row, none] * 50_000, None)
    assert counts.sum(axis=0).tolist() == [50_000, 50_000, 100_000]
    assert counts[:2].tolist() == [[1, 1, 1], [0, 0, 1]]
