"""Two keys per row: which row it is, and which input it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duiqi.core.dataset import Dataset, normalise
from duiqi.core.errors import DataError


def some(**more):
    columns = {"text": ["good", "bad", "good", "Good!", "fine"], "label": ["a", "b", "a", "a", "b"], **more}
    return Dataset.of(columns)


def test_row_ids_name_rows_whatever_their_order():
    data = some()
    assert len(set(data.row_ids)) == 5  # even those of equal rows
    turned = Dataset.of({"text": data.texts[::-1], "label": data.values("label")[::-1]})
    assert sorted(turned.row_ids) == sorted(data.row_ids)
    assert turned.fingerprint == data.fingerprint
    assert set(Dataset.of({"text": ["good"], "label": ["b"]}).row_ids).isdisjoint(data.row_ids)


def test_own_ids_are_kept_as_strings():
    assert some(id=[3, 1, 4, 15, 9]).row_ids.tolist() == ["3", "1", "4", "15", "9"]


@pytest.mark.parametrize(
    ("one", "other"),
    [("Good!", "good"), ("ＧＯＯＤ", "good"), ("a  b\n", "a b"), ("很好。", "很好"), ("“ok”…", "OK"), ("３個", "3個")],
)
def test_inputs_a_reader_calls_the_same(one, other):
    assert normalise(one) == normalise(other)
    keys = Dataset.of({"text": [one, other]}).input_keys
    assert keys[0] == keys[1]


@pytest.mark.parametrize(
    ("one", "other"), [("good", "goods"), ("不好", "好"), ("!!!", "???"), ("a b", "ab"), ("🙂", "🙁")]
)
def test_inputs_a_reader_calls_different(one, other):
    keys = Dataset.of({"text": [one, other]}).input_keys
    assert keys[0] != keys[1]


@given(st.text(max_size=30))
def test_normalising_twice_is_normalising_once(text):
    once = normalise(text)
    assert normalise(once) == normalise(normalise(once))


def test_pairs_and_tokens_are_inputs_too():
    keys = Dataset.of({"text": ["a", "a"], "text_pair": ["b", "c"]}).input_keys
    assert keys[0] != keys[1]
    tokens = Dataset.of({"tokens": [["New", "York"], ["NewYork"]]})
    assert tokens.input_keys[0] != tokens.input_keys[1]
    assert tokens.texts == ["New York", "NewYork"]


def test_taken_rows_keep_what_they_are():
    data = some(cluster=["x", "y", "x", "z", "y"])
    taken = data.take(np.array([2, 4]))
    assert taken.row_ids.tolist() == data.row_ids[[2, 4]].tolist()
    assert taken.draw_keys.tolist() == data.draw_keys[[2, 4]].tolist()
    assert data.take(np.array([False, False, True, False, True])).row_ids.tolist() == taken.row_ids.tolist()
    weighed = taken.with_column("weight", [1.0, 2.0])
    assert weighed.row_ids.tolist() == taken.row_ids.tolist()
    assert weighed.values("weight") == [1.0, 2.0]
    assert not data.has("weight")


def test_edited_rows_stay_paired_with_their_source():
    data = some()
    edited = data.paired(data.with_column("text", ["gxod", "bxd", "gxod", "Gxod!", "fxne"]))
    assert edited.row_ids.tolist() == data.row_ids.tolist()
    assert edited.draw_keys.tolist() == data.draw_keys.tolist()
    assert edited.input_keys.tolist() != data.input_keys.tolist()
    assert edited.take([1, 3]).draw_keys.tolist() == data.draw_keys[[1, 3]].tolist()
    assert edited.paired(edited.with_column("text", data.texts)).draw_keys.tolist() == data.draw_keys.tolist()


def test_joined_rows_keep_ids_and_keys():
    data = some(cluster=["x", "y", "x", "z", "y"])
    other = Dataset.of({"text": ["new"], "label": ["a"]})
    edited = data.paired(data.with_column("text", ["q"] * 5))
    for first, second in ((data, edited), (edited, data), (data, other), (other, data)):
        joined = first.joined(second)
        assert joined.row_ids.tolist() == [*first.row_ids, *second.row_ids]
        assert joined.draw_keys.tolist() == [*first.draw_keys, *second.draw_keys]
        assert joined.texts == first.texts + second.texts
        last = joined.take([len(joined) - 1])
        assert last.draw_keys.tolist() == [second.draw_keys[-1]]


def test_fingerprint_follows_what_a_row_says():
    ids = {"id": [1, 2, 3, 4, 5]}
    data = some(**ids)
    assert data.with_column("label", ["b"] * 5).fingerprint != data.fingerprint
    assert data.paired(data.with_column("text", ["q"] * 5)).fingerprint != data.fingerprint
    assert data.take([0, 1]).fingerprint != data.fingerprint
    assert some(**ids).fingerprint == data.fingerprint


def test_clusters_are_drawn_together():
    keys = some(cluster=["x", "y", "x", "z", "y"]).draw_keys
    assert keys[0] == keys[2]
    assert keys[1] == keys[4]
    assert len(set(keys.tolist())) == 3


def test_missing_roles_and_columns_are_named():
    with pytest.raises(DataError, match="'lable'") as raised:
        Dataset.of({"text": ["a"], "label": ["b"]}, label="lable")
    assert "label" in raised.value.hint
    with pytest.raises(DataError, match="'label'") as raised:
        Dataset.of({"text": ["a"]}).values("label")
    assert "--label" in raised.value.hint


def test_split_is_a_data_set():
    data = some(split=["train", "dev", "train", "test", "test"])
    assert data.part("train").texts == ["good", "good"]
    assert data.part("train").row_ids.tolist() == data.row_ids[[0, 2]].tolist()
    assert len(data.part("nothing")) == 0
