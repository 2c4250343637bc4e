"""The demo on a tiny model: what it leaves behind can be gone on with."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from duiqi.core.report import EXIT
from duiqi.data.read import read
from duiqi.data.reviews import reviews
from duiqi.demo import demo
from duiqi.show.outline import Outline

FITS = ("finetune", "class_weights", "reweight")


@pytest.fixture(scope="module")
def shown(body, tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUIQI_STATE", str(out.parent / "state"))
        report = demo(seed=5, out=out, model=str(body), threads=1)
    return out, report, json.loads((out / "report.json").read_text(encoding="utf-8"))


def test_it_ends_with_what_became_of_each_plant(shown):
    _, report, said = shown
    assert report.exit_code == EXIT[said["verdict"]]
    (table,) = [each["data"] for each in said["exhibits"] if each["data"].get("title") == "planted"]
    assert [row[0] for row in table["rows"]] == ["missing_topic", "wrong_labels", "starved_class", "dialect", "typos"]
    titles = {finding["title"]: finding["status"] for finding in said["findings"]}
    for _plant, _where, found_as, status in table["rows"]:
        assert status == "not_found" if found_as is None else found_as in titles


def test_at_most_three_fits(shown):
    _, _, said = shown
    run = [r["name"] for trial in said["trials"] if trial["decision"] != "skipped" for r in trial["remedies"]]
    assert sum(name in FITS for name in ("finetune", *run)) <= 3


def test_its_rows_stand_in_files_and_the_next_command_can_be_typed(shown):
    out, _, said = shown
    columns = said["data"]["columns"]
    parts = read(said["data"]["path"], **columns)
    made = reviews(5).parts
    for name, part in parts.items():
        assert part.texts == made[name].texts
        assert part.fingerprint == made[name].fingerprint
    words = shlex.split(Outline(said, lang="en").steps[0].command)
    assert words.count("--group") == len(columns["groups"]) == 3
    assert Path(words[2]) == out / "model"
    assert (out / "model" / "config.json").is_file()
