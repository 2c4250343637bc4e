"""What errors say, in Chinese: `python scripts/errors.py` lists the messages and hints that
`src/duiqi/show/text/errors_zh.toml` has no sentence for, `--check` fails where there are some, or sentences that
nothing says any more.

Messages stand in the code, in English, where something is found to be wrong. They are read from there: every call that
makes an error, with `{}` in the place of each value.
"""

from __future__ import annotations

import ast
import json
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "duiqi"
SENTENCES = SOURCE / "show" / "text" / "errors_zh.toml"
SAYING = ("nearest",)  # functions whose texts become a part of messages or hints


def messages() -> dict[str, str]:
    """Every template that an error may say → the file in which it stands."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SOURCE.rglob("*.py"))}
    errors = {each.name for each in ast.walk(trees[SOURCE / "core" / "errors.py"]) if isinstance(each, ast.ClassDef)}
    found: dict[str, str] = {}
    for path, tree in trees.items():
        errors |= {each.name for each in ast.walk(tree) if _is_error(each, errors)}
        known = _assigned(tree.body)
        takers = {each.name: _place(each) for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}
        for function in (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)):
            names = {**known, **_assigned(ast.walk(function))}
            said = [*_said(function, errors), *names.get("hint", ()), *_handed(function, takers)]
            for template in (template for each in said for template in _templates(each, names)):
                if template.replace("{}", "").strip(" .,;:()'"):
                    found.setdefault(template, str(path.relative_to(SOURCE)))
    return found


def _is_error(node: ast.AST, errors: set[str]) -> bool:
    return isinstance(node, ast.ClassDef) and any(isinstance(b, ast.Name) and b.id in errors for b in node.bases)


def _said(function: ast.AST, errors: set[str]) -> Iterator[ast.expr]:
    """Expressions that become a message or a hint."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in errors:
            yield from node.args[:1]
        if isinstance(node, ast.Call):
            yield from (each.value for each in node.keywords if each.arg == "hint")
    if isinstance(function, ast.FunctionDef) and function.name in SAYING:
        yield from (each.value for each in ast.walk(function) if isinstance(each, ast.Return) and each.value)


def _place(function: ast.FunctionDef) -> int:
    """Which argument of a function is a hint, counted without `self`; -1 for none."""
    names = [each.arg for each in function.args.args if each.arg != "self"]
    return names.index("hint") if "hint" in names else -1


def _handed(function: ast.AST, takers: Mapping[str, int]) -> Iterator[ast.expr]:
    """Hints that are handed to functions of the module which make an error of them."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = takers.get(name, -1)
            yield from node.args[place : place + 1] if place >= 0 else ()


def _assigned(nodes: Iterable[ast.AST]) -> Mapping[str, list[ast.expr]]:
    """What is assigned to plain names by these statements."""
    found: dict[str, list[ast.expr]] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append(node.value)
    return found


def _templates(node: ast.expr, names: Mapping[str, list[ast.expr]]) -> list[str]:
    """What an expression may say, `{}` for what is not known here; several where it chooses."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        made = [""]
        for part in node.values:
            ends = [str(part.value)] if isinstance(part, ast.Constant) else ["{}"]
            made = [start + end for start in made for end in ends]
        return made
    if isinstance(node, ast.IfExp):
        return [*_templates(node.body, names), *_templates(node.orelse, names)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [a + b for a in _templates(node.left, names) for b in _templates(node.right, names)]
    if isinstance(node, ast.Name) and node.id in names:
        return [each for value in names[node.id] for each in _templates(value, {})]
    return ["{}"]


def main() -> int:
    known = tomllib.loads(SENTENCES.read_text(encoding="utf-8"))["messages"]
    there = messages()
    missing = {said: where for said, where in there.items() if said not in known}
    gone = [said for said in known if said not in there]
    if "--count" in sys.argv:
        print(len(there), len(missing), len(gone))
    for said, where in missing.items():
        print(f"# {where}\n{json.dumps(said, ensure_ascii=False)} = ")
    for said in gone:
        print(f"no longer said: {json.dumps(said, ensure_ascii=False)}")
    return int("--check" in sys.argv and bool(missing or gone))


if __name__ == "__main__":
    raise SystemExit(main())
