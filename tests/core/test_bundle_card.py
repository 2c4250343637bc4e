"""The card of a bundle: written, read back, and refused when damaged."""

import json

import numpy as np
import pytest

from duiqi.core.bundle import CARD, LINEAGE, Bundle, RowKeys, Step, read_card, write_card
from duiqi.core.errors import ModelError


def keys(rng, n):
    return RowKeys(rng.integers(0, 2**64, n, dtype=np.uint64), rng.integers(0, 2**32, (n, 8), dtype=np.uint32))


@pytest.fixture
def bundle(tmp_path, rng):
    first = Step("finetune", {"epochs": 3}, 5, (), {"trained": keys(rng, 20), "selected": keys(rng, 6)})
    second = Step("temperature_scaling", {}, 5, ({"kind": "miscalibration"},), {"calibrated": keys(rng, 4)})
    written = Bundle(
        tmp_path, "abc", {"name": "classify", "options": {"labels": ["坏", "好"]}}, (first, second),
        {"temperature": 1.5}, {}, {"language": "zh"}, "demo",
    )  # fmt: skip
    write_card(written, tmp_path)
    return written


def test_round_trip(bundle, tmp_path):
    read = read_card(tmp_path)
    assert read is not None
    assert read.to_json() == bundle.to_json()
    for old, new in zip(bundle.lineage, read.lineage, strict=True):
        assert set(new.rows) == set(old.rows)
        for role, used in old.rows.items():
            assert np.array_equal(new.rows[role].keys, used.keys)
            assert np.array_equal(new.rows[role].signatures, used.signatures)


def test_rows_by_role_over_all_steps(bundle):
    assert [len(bundle.rows(role)) for role in ("trained", "selected", "calibrated")] == [20, 6, 4]
    assert len(bundle.rows()) == 30
    assert len(Bundle(bundle.path, "x").rows()) == 0


def test_a_plain_checkpoint_has_no_card(tmp_path):
    assert read_card(tmp_path) is None


def test_a_card_without_lineage_needs_no_parquet(tmp_path):
    write_card(Bundle(tmp_path, "abc"), tmp_path)
    (tmp_path / LINEAGE).unlink()
    assert read_card(tmp_path).lineage == ()


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def without_field(path):
    said = json.loads(path.read_text(encoding="utf-8"))
    del said["fingerprint"]
    path.write_text(json.dumps(said), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (CARD, cut),
        (CARD, lambda path: path.write_text("[]")),
        (CARD, lambda path: path.write_text("null")),
        (CARD, lambda path: path.write_bytes(b"\xff\xfe{")),
        (CARD, without_field),
        (LINEAGE, cut),
        (LINEAGE, lambda path: path.unlink()),
        (LINEAGE, lambda path: path.write_bytes(b"")),
    ],
)
def test_damaged_files_are_said(bundle, tmp_path, name, damage):
    damage(tmp_path / name)
    with pytest.raises(ModelError, match="readable") as raised:
        read_card(tmp_path)
    assert "damaged" in raised.value.hint
