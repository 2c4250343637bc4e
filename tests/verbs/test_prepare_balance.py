"""The step `balance` in a preparation: copies in train alone, others told, whether rows are held together or not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter

import pytest

import duiqi
from duiqi.data.read import read
from duiqi.prepare import restore

WORDS = ("room", "staff", "view", "bed", "noise", "bath", "price", "food", "bar", "pool")


def text(number):
    """A text of its own for every number, far from all others."""
    return " ".join(f"{WORDS[int(digit)]}{number * 7 + place}" for place, digit in enumerate(f"{number:06d}"))


@pytest.fixture
def source(tmp_path):
    rows = [{"id": f"r{n}", "text": text(n), "label": "rare" if n % 10 == 0 else "often"} for n in range(400)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(params=["together", "apart"])
def held(request, monkeypatch):
    if request.param == "apart":
        monkeypatch.setattr(sys.modules["duiqi.data.parting"], "TOGETHER", 0)


STEPS = ["duplicates", "balance"]


def counted(folder, part):
    return Counter(row["label"] for row in lines(folder / f"{part}.jsonl"))


@pytest.mark.usefixtures("held")
def test_copies_are_in_train_alone(source, tmp_path):
    plain, out = tmp_path / "plain", tmp_path / "out"
    duiqi.prepare(source, out=plain, steps=["duplicates"])
    report = duiqi.prepare(source, out=out, steps=STEPS)
    for part in ("dev", "test"):
        assert (plain / f"{part}.jsonl").read_bytes() == (out / f"{part}.jsonl").read_bytes()
    before = counted(plain, "train")
    assert before["often"] <= 10 * before["rare"]
    assert counted(out, "train") == {"often": before["often"], "rare": before["often"]}
    train = lines(out / "train.jsonl")
    origin = {row["origin"]: row for row in train}
    assert len(origin) == len({row["id"] for row in train}) == len(train)
    told = [each for each in lines(out / "changes.jsonl") if each["reason"] == "balance:over"]
    copies = {place for place in origin if "+copy" in place}
    assert {each["origin"] for each in told} == copies
    assert all(origin[each["of"]]["text"] == origin[each["origin"]]["text"] for each in told)
    assert len(copies) == before["often"] - before["rare"]
    assert {"source": "rows.jsonl", "step": "balance", "reason": "balance:over", "dropped": False,
            "done": "added", "rows": len(copies)} in report.facts["steps"]  # fmt: skip
    assert "balanced_over" in {note["code"] for note in report.notes}
    parts = read(out)  # ids are unique, no text is in two parts
    assert not set(parts["train"].texts) & {*parts["dev"].texts, *parts["test"].texts}
    assert [path.read_bytes() for path in restore(out, out=tmp_path / "back")] == [source.read_bytes()]
    duiqi.prepare(source, out=tmp_path / "again", steps=STEPS)
    assert (tmp_path / "again" / "train.jsonl").read_bytes() == (out / "train.jsonl").read_bytes()


@pytest.mark.usefixtures("held")
def test_every_row_goes_out_or_is_told(source, tmp_path):
    options = {"balance": {"how": "under", "shares": {"rare": 0.25, "often": 0.75}}}
    report = duiqi.prepare(source, out=tmp_path / "out", steps=["balance"], seed=3, step_options=options)
    train = counted(tmp_path / "out", "train")
    assert train["often"] == 3 * train["rare"]
    gone = [each["origin"] for each in lines(tmp_path / "out" / "changes.jsonl")]
    kept = [row["origin"] for part in ("train", "dev", "test") for row in lines(tmp_path / "out" / f"{part}.jsonl")]
    assert len(kept) + len(gone) == 400
    assert len({*kept, *gone}) == 400
    assert report.facts["sources"][0]["dropped"] == len(gone)


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_weights_are_read_as_weights(source, tmp_path, form):
    duiqi.prepare(
        source, out=tmp_path / "out", steps=["balance"], step_options={"balance": {"how": "weight"}}, form=form
    )
    parts = read(tmp_path / "out")
    weights, labels = parts["train"].values("weight"), parts["train"].values("label")
    sums = {name: sum(w for w, label in zip(weights, labels, strict=True) if label == name) for name in set(labels)}
    assert sum(weights) / len(weights) == pytest.approx(1)
    assert sums["rare"] == pytest.approx(sums["often"])
    assert set(parts["dev"].values("weight")) | set(parts["test"].values("weight")) == {1}


def test_rows_left_out_are_masked_where_private_data_is(tmp_path):
    rows = [
        {"text": f"{text(n)} mail ann{n}@example.com", "label": "rare" if n % 10 == 0 else "often"} for n in range(60)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    duiqi.prepare(path, out=tmp_path / "out", steps=["balance", "private"], originals=False,
                  step_options={"balance": {"how": "under"}})  # fmt: skip
    written = (tmp_path / "out" / "changes.jsonl").read_text()
    assert "balance:under" in written
    assert "example.com" not in written


def test_both_languages_on_the_command_line(source, tmp_path):
    (tmp_path / "duiqi.toml").write_text("[steps.balance]\nmost = 2\ntemperature = inf\n")
    for lang, said in (("en", "row repeated"), ("zh", "重复少见的行")):
        options = f"--out {lang} --step balance --lang {lang}".split()
        command = [sys.executable, "-m", "duiqi", "prepare", source.name, *options]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120)
        assert done.returncode == 0, done.stderr.decode()
        page = (tmp_path / lang / "prepare.html").read_text()
        assert said in page.casefold()
        assert "balance_bound" not in page
        assert "balance:over" not in page
        assert ("2 times as much" in page) or ("2 倍" in page)
        assert json.loads((tmp_path / lang / "prepare.json").read_text())["options"]["steps"] == {
            "balance": {"most": 2, "temperature": "inf"}
        }
