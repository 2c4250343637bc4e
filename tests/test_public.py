"""What the package shows to the world, and how quickly."""

from __future__ import annotations

import subprocess
import sys

import duiqi


def test_public_names_are_those_listed():
    assert set(dir(duiqi)) == set(duiqi.__all__)
    for name in duiqi.__all__:
        assert getattr(duiqi, name) is not None


def test_a_verb_stays_a_function_after_its_module_was_imported():
    import duiqi.align
    import duiqi.repair

    assert callable(duiqi.align)
    assert callable(duiqi.repair)


def test_importing_loads_nothing_heavy():
    heavy = ("torch", "transformers", "sklearn", "scipy", "pyarrow", "pandas", "altair", "rich")
    code = f"import sys, duiqi, duiqi.cli; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_needs_no_torch():
    code = "import sys; sys.argv = ['duiqi', '--help']; import duiqi.cli as c\ntry: c.main()\nexcept SystemExit: pass\n"
    code += "print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "align" in done.stdout
    assert done.stdout.strip().endswith("False")
