"""Saving: what comes back is what went in, the folder is a plain checkpoint, and it appears whole or not at all."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

from duiqi.core.bundle import RowKeys, Step
from duiqi.core.errors import OptionError, OutputError
from duiqi.model.export import recalibrated, save
from duiqi.model.folder import filled
from duiqi.model.open import find, open_model
from tiny import reviews


@pytest.fixture
def model(body, task):
    return open_model(find(body), task).with_dtype("float32")


def step(name: str) -> Step:
    keys = RowKeys(np.array([3, 5], np.uint64), np.ones((2, 4), np.uint32))
    return Step(name, {"epochs": 1}, rows={"trained": keys})


def test_save_then_load_is_identity(model, tmp_path):
    rows = reviews(20)
    made = save(model, tmp_path / "made", step=step("finetune"))
    again = find(tmp_path / "made")
    assert again.fingerprint == made.fingerprint
    assert [each.remedy for each in again.lineage] == ["finetune"]
    assert again.rows("trained").keys.tolist() == [3, 5]
    loaded = open_model(again).with_dtype("float32")
    assert loaded.task.labels == model.task.labels
    expected, given = (each.predict(rows, ["probs", "embedding"]) for each in (model, loaded))
    assert (given.probs == expected.probs).all()
    assert (given["embedding"] == expected["embedding"]).all()


def test_the_root_opens_as_a_plain_checkpoint(model, tmp_path):
    from transformers import AutoModel, AutoTokenizer

    save(model, tmp_path / "made")
    body = AutoModel.from_pretrained(tmp_path / "made").eval()
    inputs = AutoTokenizer.from_pretrained(tmp_path / "made")(["good film", "bad"], padding=True, return_tensors="pt")
    with torch.no_grad():
        assert torch.equal(body(**inputs)[0], model.net.base_model(**inputs)[0])


def test_the_fingerprint_follows_weights_task_and_calibration(model, tmp_path):
    first = save(model, tmp_path / "a")
    assert save(model, tmp_path / "b").fingerprint == first.fingerprint
    warm = recalibrated(first, {"temperature": 2.0}, tmp_path / "c")
    assert warm.fingerprint != first.fingerprint
    with torch.no_grad():
        next(model.net.parameters())[0, 0] += 1
    assert save(model, tmp_path / "d").fingerprint != first.fingerprint


def test_temperature_divides_the_scores(model, tmp_path):
    rows = reviews(20)
    made = save(model, tmp_path / "made")
    warm = open_model(recalibrated(made, {"temperature": 2.0}, tmp_path / "warm", step("temperature"))).with_dtype(
        "float32"
    )
    plain = open_model(made).with_dtype("float32").predict(rows, ["probs"]).probs
    given = warm.predict(rows, ["probs"]).probs
    assert np.log(given[:, 0] / given[:, 1]) == pytest.approx(np.log(plain[:, 0] / plain[:, 1]) / 2, abs=1e-6)
    assert (given.argmax(axis=1) == plain.argmax(axis=1)).all()
    assert [each.remedy for each in find(tmp_path / "warm").lineage] == ["temperature"]
    assert os.path.samefile(tmp_path / "made" / "model.safetensors", tmp_path / "warm" / "model.safetensors")


def test_offsets_are_added_before_the_temperature_divides(model, tmp_path):
    rows = reviews(20)
    made = save(model, tmp_path / "made")
    plain = open_model(made).with_dtype("float32").predict(rows, ["probs"]).probs
    said = {"offsets": [-0.5, 1.0], "temperature": 2.0}
    again = open_model(recalibrated(made, said, tmp_path / "moved")).with_dtype("float32")
    given = again.predict(rows, ["probs"]).probs
    odds, moved = (np.log(probs[:, 1] / probs[:, 0]) for probs in (plain, given))
    assert moved == pytest.approx((odds + 1.5) / 2, abs=1e-6)
    assert find(tmp_path / "moved").calibration == said


def test_offsets_go_with_their_labels(model, tmp_path):
    from duiqi.core.part import Catalogue

    rows = reviews(20)
    made = recalibrated(save(model, tmp_path / "made"), {"offsets": [-3.0, 3.0]}, tmp_path / "moved")
    turned = Catalogue.installed().task("classify", labels=tuple(reversed(model.task.labels)))
    straight, other = (open_model(made, task).with_dtype("float32") for task in (None, turned))
    assert np.allclose(straight.predict(rows, ["probs"]).probs, other.predict(rows, ["probs"]).probs[:, ::-1])


def test_offsets_are_numbers(model, tmp_path):
    made = save(model, tmp_path / "made")
    with pytest.raises(OptionError):
        recalibrated(made, {"offsets": [0.0, float("nan")]}, tmp_path / "moved")


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf")])
def test_a_temperature_is_above_zero(model, tmp_path, temperature):
    made = save(model, tmp_path / "made")
    with pytest.raises(OptionError):
        recalibrated(made, {"temperature": temperature}, tmp_path / "warm")


def test_a_save_that_fails_leaves_the_old_folder_and_no_rest(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("old")

    def fill_and_fail() -> None:
        with filled(tmp_path / "out") as place:
            (place / "new").write_text("new")
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="No space left"):
        fill_and_fail()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "old").read_text() == "old"


def test_the_next_save_clears_what_a_killed_one_left(model, tmp_path):
    half, aside = tmp_path / ".out.abc", tmp_path / ".out.old.abc"
    half.mkdir()
    (aside / "out").mkdir(parents=True)
    (aside / "out" / "old").write_text("old")

    def fail() -> None:
        with filled(tmp_path / "out"):
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "old").read_text() == "old"


def test_a_save_replaces_the_old_folder(model, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("old")
    save(model, tmp_path / "out")
    assert not (tmp_path / "out" / "old").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_no_place_to_write(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError) as caught:
        save(model, tmp_path / "file" / "out")
    assert caught.value.hint


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_an_output_error(model, tmp_path, monkeypatch):
    def full(place, **_):
        with open("/dev/full", "wb") as file:
            file.write(b"x" * 100_000)

    monkeypatch.setattr(model.net, "save_pretrained", full)
    with pytest.raises(OutputError, match="No space left"):
        save(model, tmp_path / "out")
    assert not list(tmp_path.iterdir())
