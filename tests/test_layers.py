"""Who may import whom: read from the imports themselves, inside functions too.

cli, testing → verbs → show, serving, run, parts → data, model → core. Lower never imports higher, parts import no
other part and are imported by nobody, torch and transformers load at module level in model/ only, and nothing runs in
a circle.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "duiqi"
PARTS = ("metrics", "edits", "tasks", "probes", "remedies")
LAYERS = {"core": 0, "data": 1, "model": 1, "show": 2, "serving": 2, "run": 2, **dict.fromkeys(PARTS, 2)}
VERBS, ENTRANCE = 3, 4
ENTRANCES = ("cli", "testing", "__main__")
HEAVY = ("torch", "transformers", "ray")
NAMELESS = ("utils", "util", "common", "helpers", "helper", "misc")


@dataclass(frozen=True)
class Import:
    """`module` imports `target`; `at_top` where that happens when the module is loaded."""

    module: str
    target: str
    at_top: bool


def room(module: str) -> str:
    """The folder of a module under duiqi, or the module's own name where it lies at the top."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def layer(module: str) -> int:
    name = room(module)
    if not name:  # duiqi itself gathers the public names of the verbs
        return VERBS
    return LAYERS.get(name, ENTRANCE if name in ENTRANCES else VERBS)


def modules(source: Path) -> dict[str, Path]:
    """Module name → file, for every Python file of the package."""
    found = {}
    for path in sorted(source.rglob("*.py")):
        parts = [source.name, *path.relative_to(source).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(source: Path) -> list[Import]:
    """All imports of the package, absolute and relative, with relative names resolved."""
    known = modules(source)
    found = []
    for module, path in known.items():
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for node, at_top in _statements(tree):
            found += [Import(module, target, at_top) for target in _targets(node, package, known)]
    return found


def _statements(tree: ast.AST, at_top: bool = True) -> Iterator[tuple[ast.AST, bool]]:
    """Every import statement and whether it runs when the module is loaded; those for types only are left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, at_top
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from _statements(ast.Module(node.orelse, []), at_top)
        elif isinstance(node, ast.stmt | ast.excepthandler | ast.match_case):
            yield from _statements(node, at_top and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _targets(node: ast.AST, package: str, known: dict[str, Path]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        above = package.split(".")[: len(package.split(".")) - node.level + 1]
        base = ".".join([*above, *([node.module] if node.module else [])])
    named = [f"{base}.{alias.name}" for alias in node.names]  # `from package import module` means the module
    return [name if name in known else base for name in named]


def breaches(source: Path) -> list[str]:
    """Every import that the layers forbid, and every name that says nothing."""
    found = [
        f"{module}: a name that says nothing" for module in modules(source) if set(module.split(".")) & {*NAMELESS}
    ]
    every = imports(source)
    for each in every:
        if each.target.partition(".")[0] == source.name:
            found += [f"{each.module} imports {each.target}: {why}" for why in _reasons(each)]
        elif each.at_top and each.target.partition(".")[0] in HEAVY and room(each.module) != "model":
            found.append(f"{each.module} loads {each.target} when it is imported")
    return found + [f"a circle: {' → '.join(circle)}" for circle in circles(modules(source), every)]


def _reasons(each: Import) -> list[str]:
    own, other = room(each.module), room(each.target)
    is_part = other in PARTS and each.target.count(".") >= 2
    reasons = []
    if layer(each.target) > layer(each.module):
        reasons.append("a lower layer imports a higher one")
    if is_part:
        reasons.append("parts are found by name, not imported")
    if own in PARTS and other in PARTS and not is_part:
        reasons.append("a part imports a folder of parts")
    if own == "core" and other not in ("core", ""):
        reasons.append("core imports core only")
    if own in PARTS and other in ("show", "serving", "run"):
        reasons.append("parts import data, model and core only")
    return reasons


def circles(known: Iterable[str], every: Iterable[Import]) -> list[list[str]]:
    """Circles among imports that happen when modules are loaded, each once."""
    graph: dict[str, list[str]] = {name: [] for name in known}
    for each in every:
        if each.at_top and each.target in graph and each.target != each.module:
            graph[each.module].append(each.target)
    found: list[list[str]] = []
    done: set[str] = set()

    def walk(module: str, path: list[str]) -> None:
        if module in path:
            found.append([*path[path.index(module) :], module])
        elif module not in done:
            for target in graph[module]:
                walk(target, [*path, module])
            done.add(module)

    for name in graph:
        walk(name, [])
    return found


def test_the_package_keeps_to_its_layers():
    assert len(modules(SOURCE)) > 30
    assert breaches(SOURCE) == []


def test_core_loads_nothing_heavy():
    heavy = [*HEAVY, "pyarrow", "sklearn", "scipy", "pydantic"]
    loaded = [each for each in imports(SOURCE) if room(each.module) == "core" and each.at_top]
    assert loaded
    assert [each for each in loaded if each.target.partition(".")[0] in heavy] == []


CLEAN = {
    "__init__.py": "",
    "core/__init__.py": "",
    "core/case.py": "import numpy\n",
    "model/__init__.py": "",
    "model/fit.py": "import torch\nfrom ..core.case import x\n",
    "probes/__init__.py": "",
    "probes/one.py": "from duiqi.core import case\n\ndef f():\n    import torch\n    from duiqi.model import fit\n",
    "probes/two.py": "",
    "show/page.py": "from duiqi.core.case import x\n",
    "align.py": "from . import model\nfrom .show import page\nfrom duiqi.core.case import x\n",
    "cli.py": "from duiqi import align\n",
}


def made(tmp_path, **changed):
    source = tmp_path / "duiqi"
    for name, text in {**CLEAN, **changed}.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    return source


def test_a_clean_tree_has_no_breach(tmp_path):
    assert breaches(made(tmp_path)) == []


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("core/case.py", "from duiqi.model import fit", "lower layer"),
        ("core/case.py", "def f():\n    from ..model import fit", "lower layer"),
        ("core/case.py", "from .. import align", "lower layer"),
        ("core/case.py", "import torch", "loads torch"),
        ("core/case.py", "import torch.nn as nn", "loads torch"),
        ("show/page.py", "class A:\n    from transformers import pipeline", "loads transformers"),
        ("model/fit.py", "from duiqi.show import page", "lower layer"),
        ("model/fit.py", "import duiqi.cli", "lower layer"),
        ("probes/one.py", "from duiqi.probes import two", "found by name"),
        ("probes/one.py", "from .two import x", "found by name"),
        ("probes/one.py", "from duiqi.show import page", "parts import data"),
        ("probes/one.py", "from duiqi import remedies", "higher"),
        ("align.py", "def f():\n    from duiqi.probes.one import x", "found by name"),
        ("align.py", "from duiqi import cli", "lower layer"),
        ("core/helpers.py", "", "says nothing"),
        ("model/utils.py", "", "says nothing"),
    ],
)
def test_a_breach_is_found(tmp_path, name, text, said):
    found = breaches(made(tmp_path, **{name: text}))
    assert any(said in each for each in found), found


def test_a_circle_is_found_only_where_it_closes_on_loading(tmp_path):
    ring = {"core/a.py": "from . import b", "core/b.py": "from .c import x", "core/c.py": "import duiqi.core.a"}
    assert any("a circle" in each for each in breaches(made(tmp_path, **ring)))
    ring["core/c.py"] = "def f():\n    import duiqi.core.a"
    assert breaches(made(tmp_path, **ring)) == []


def test_imports_for_types_do_not_count(tmp_path):
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\n    from duiqi.show import page\n"
    assert breaches(made(tmp_path, **{"core/case.py": text})) == []
