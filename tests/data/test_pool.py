"""A pool in the form of labelled rows, without copies."""

from __future__ import annotations

import json

import pytest

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.data.pool import read_pool, without_copies

LIKE = Dataset.of({"review": ["one"], "mood": ["good"], "region": ["north"]}, text="review", label="mood",
                  groups=["region"])  # fmt: skip
SENTENCE = "the committee decided to postpone the decision until next spring at the earliest, number {}"


def pool_csv(path, header, *lines):
    path.write_text("\n".join([header, *lines]), encoding="utf-8")
    return path


@pytest.mark.parametrize("labels", [("", ""), ("good", ""), ("whatever", "else")])
def test_labels_of_a_pool_are_passed_over(tmp_path, labels):
    lines = [f"text {at},{label},x{at},north" for at, label in enumerate(labels)]
    pool = read_pool(pool_csv(tmp_path / "pool.csv", "review,mood,id,region", *lines), LIKE)
    assert pool.texts == ["text 0", "text 1"]
    assert not pool.has("label")
    assert "mood" not in pool.table.column_names
    assert pool.row_ids.tolist() == ["x0", "x1"]
    assert pool.schema.groups == ("region",)


def test_ids_that_come_again_are_no_ids(tmp_path):
    pool = read_pool(pool_csv(tmp_path / "pool.csv", "review,id", "a,1", "b,1"), LIKE)
    assert len(set(pool.row_ids)) == 2
    assert "1" not in pool.row_ids


def test_other_columns_are_told(tmp_path):
    with pytest.raises(DataError, match=r"a column 'review' for text in pool.* given columns: text"):
        read_pool(pool_csv(tmp_path / "pool.csv", "text,mood", "a,b"), LIKE)
    with pytest.raises(DataError, match="given none below the header"):
        read_pool(pool_csv(tmp_path / "pool.csv", "review"), LIKE)
    with pytest.raises(DataError, match="does not exist"):
        read_pool(tmp_path / "nowhere.csv", LIKE)


def test_texts_are_cut_where_the_others_have_words(tmp_path):
    like = Dataset.of({"tokens": [["a"]], "tags": [["O"]]}, label="tags")
    (tmp_path / "pool.jsonl").write_text(json.dumps({"text": "Kim, 李雷 left"}, ensure_ascii=False))
    pool = read_pool(tmp_path / "pool.jsonl", like)
    assert pool.values("tokens") == [["Kim", ",", "李", "雷", "left"]]
    assert pool.table.column("text").to_pylist() == ["Kim, 李雷 left"]


def test_copies_are_left_out_and_of_rows_that_are_alike_the_first_stays():
    labelled = Dataset.of({"text": ["Good food!", SENTENCE.format("four hundred")], "label": ["x", "y"]})
    texts = ["good food", SENTENCE.format("four hundreds"), "bad food", "  ", "Bad food.", "bad service",
             SENTENCE.replace("spring", "autumn, or perhaps winter").format(1),
             SENTENCE.replace("spring", "autumn, or perhaps winter").format(2)]  # fmt: skip
    left = without_copies(Dataset.of({"text": texts}), [labelled])
    assert left.rows.tolist() == [2, 5, 6]
    assert left.out == {"labelled_copy": 1, "labelled_near_copy": 1, "no_text": 1, "pool_copy": 2}


def test_copies_of_any_part_count():
    parts = [Dataset.of({"text": [text], "label": ["x"]}) for text in ("in train", "in test")]
    left = without_copies(Dataset.of({"text": ["in test", "in train", "new"]}), parts)
    assert left.rows.tolist() == [2]
