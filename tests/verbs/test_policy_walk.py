"""A policy from a file and from duiqi.toml, through the real command line: rules for the classes of a fitted model."""

from __future__ import annotations

import json
import sys

import pytest

from duiqi.cli import main
from tiny import write_csv

RULES = "[{0}never]\nforbid_label = ['positive']\nwhy = 'because'\nat_most = 0.2\n\n[{0}short]\nmost_words = 3\n"


@pytest.fixture
def said(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["duiqi", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code, json.loads(capsys.readouterr().out)

    return call


def test_a_policy_may_come_from_either_file(said, tmp_path, fitted):
    rows = write_csv(tmp_path / "rows.csv", 60)
    words = ["diagnose", fitted, rows, "--only", "unsafe_output", "--json"]
    (tmp_path / "policy.toml").write_text(RULES.format(""))
    code, by_option = said(*words, "--policy", tmp_path / "policy.toml")
    assert code == 1
    (gate,) = by_option["gates"]
    assert (gate["measure"], gate["bound"]) == ("broken_rate[never]", {"at_most": 0.2})
    (finding,) = by_option["findings"]
    assert {row["answer"] for row in finding["evidence"]} == {"positive"}
    (tmp_path / "duiqi.toml").write_text(RULES.format("policy."))
    again, by_config = said(*words)
    assert again == 1
    assert by_config["measures"] == by_option["measures"]
