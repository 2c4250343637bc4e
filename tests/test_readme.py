"""README.md tells the truth: its table is that of the catalogue, its files and commands exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_parts_table_is_current():
    script = ROOT / "scripts" / "readme.py"
    assert subprocess.run([sys.executable, script, "--check"]).returncode == 0, f"run {script}"


def test_every_file_it_links_or_lists_is_there():
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / link).exists(), link
    tree = README[README.index("```\nsrc/duiqi/") :]
    for line in tree.split("```")[1].splitlines()[2:]:
        for name in re.findall(r"^\s+((?:[\w./]+ ?)+?)\s{2,}", line):
            for each in name.split():
                assert (ROOT / "src" / "duiqi" / each).exists() or (ROOT / each).exists(), each


def test_the_options_it_speaks_of_exist():
    told = ""
    for verb in ("align", "diagnose", "prepare", "label"):
        command = [sys.executable, "-m", "duiqi", verb, "--help"]
        told += subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for option in set(re.findall(r"`(--[a-z-]+)", README)):
        assert option in told, option
