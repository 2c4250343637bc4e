"""docs/probes.md is what the catalogue and the walks say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "scripts" / "probes.py"


def test_the_page_of_probes_is_current():
    assert subprocess.run([sys.executable, SCRIPT, "--check"]).returncode == 0, f"run {SCRIPT}"
