"""Parts: six roles, one decorated function a file, found by name and imported by nobody.

A part's name is its function's name and its file's name. Its options are the function's keyword-only arguments: they
become help text, config keys and validation. Parts come through one door, the entry point group `duiqi.parts`: an
entry's name is the role (`probe`, or `probe.anything` to keep names apart), its value a package whose files are the
parts, or a module that defines some. Built-in parts use it too. Listing names imports nothing.

    @probe(kind="miscalibration", needs=("model.confidence", "data.label"), gates=(Gate(…),))
    def calibration(case, *, bins=15):
        ...
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from duiqi.core.attack import Attack
from duiqi.core.errors import OptionError, PartError, nearest
from duiqi.core.task import Task

ROLES = ("metric", "edit", "attack", "task", "probe", "remedy")
GROUP = "duiqi.parts"

KINDS = (
    "task_fit", "imbalance", "label_noise", "leakage", "harmful_content", "private_data", "spurious_cue", "blind_spot",
    "vocabulary_gap", "shift", "forgetting", "fragility", "unfairness", "identity_bias", "miscalibration",
    "unfaithfulness", "unsafe_output", "opacity", "cost",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Part:
    """A function with a role and what it declares. Calling it calls the function, after checking its options."""

    role: str
    name: str
    function: Callable[..., Any]
    kind: str | None = None
    needs: tuple[str, ...] = ()
    gates: tuple[Any, ...] = ()
    treats: tuple[str, ...] = ()
    preserves: tuple[str, ...] = ()
    source: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    hooks: dict[str, Callable[..., Any]] = field(default_factory=dict)

    @property
    def doc(self) -> str:
        """The docstring: the part's page in help, report and site."""
        return inspect.getdoc(self.function) or ""

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return self.doc.partition("\n")[0]

    @cached_property
    def options(self) -> dict[str, inspect.Parameter]:
        """Keyword-only arguments: the options."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}

    def check(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options with their values in the declared types; `OptionError` where one is unknown or does not fit."""
        types = typing.get_type_hints(self.function)
        checked = {}
        for name, value in options.items():
            if name not in self.options:
                raise OptionError(
                    f"expected an option of the {self.role} '{self.name}', given '{name}'",
                    hint=nearest(name, self.options) if self.options else f"'{self.name}' has no options.",
                )
            checked[name] = as_declared(f"{self.name}.{name}", value, types.get(name, Any), self.options[name].default)
        return checked

    @property
    def asks(self) -> tuple[str, ...]:
        """Options that only the user can give, such as a model: without them the part does nothing."""
        return tuple(self.facts.get("asks", ()))

    def lacking(self, options: Mapping[str, Any]) -> list[str]:
        """The options that the part asks for and that are not among these."""
        return [name for name in self.asks if not options.get(name)]

    def check_asked(self, options: Mapping[str, Any]) -> None:
        """`OptionError` where an option that the part asks for is not given."""
        missing = self.lacking(options)
        if missing:
            raise OptionError(
                f"expected the option{'s' * (len(missing) > 1)} {' and '.join(missing)} of the {self.role} "
                f"'{self.name}', given none",
                hint=f"Only you can choose them: duiqi parts {self.name} says what they are.",
            )

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        self.check_asked(options)
        return self.function(*arguments, **self.check(options))

    def planted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Register `(rng, strength) -> (healthy case, sick case)`: a probe brings its own patients."""
        self.hooks["planted"] = function
        return function

    def finish(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Register a metric's `finish(sums float[..., s]) -> float[...]`."""
        self.hooks["finish"] = function
        return function

    def pseudo(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Register a metric's pseudo-rows `(total float[s]) -> float[2p, s]`: right, wrong for each proportion."""
        self.hooks["pseudo"] = function
        return function

    def shown(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Register a metric's rising function from finished values to what people read (a root, say)."""
        self.hooks["shown"] = function
        return function

    def enough(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Register a metric's `(total float[..., s]) -> bool[...]`: whether the rows can carry a verdict."""
        self.hooks["enough"] = function
        return function


def as_declared(option: str, value: Any, declared: Any, default: Any) -> Any:
    """The value of an option in the type that it is declared with; `OptionError` where it does not fit."""
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    try:
        return TypeAdapter(declared, config=ConfigDict(arbitrary_types_allowed=True)).validate_python(value)
    except ValidationError as error:
        raise OptionError(
            f"expected {option} to be {_spell(declared)}, given {value!r}",
            hint=f"{error.errors()[0]['msg']}. Its default is {default!r}.",
        ) from error


def _spell(declared: Any) -> str:
    if typing.get_origin(declared) is typing.Literal:
        return f"one of {', '.join(map(str, typing.get_args(declared)))}"
    return getattr(declared, "__name__", None) or str(declared)


def _decorator(role: str, **declared: Any) -> Callable[[Callable[..., Any]], Part]:
    kind = declared.get("kind")
    for each in [kind, *declared.get("treats", ())]:
        if each is not None and each not in KINDS:
            raise PartError(f"expected a kind of misalignment, given '{each}'", hint=nearest(each, KINDS))

    def decorate(function: Callable[..., Any]) -> Part:
        return Part(role, function.__name__, function, **declared)

    return decorate


def metric(
    *,
    better: str = "higher",
    needs: Iterable[str] = (),
    interval: str = "percentile",
    source: str = "",
    low: float = float("-inf"),
    high: float = float("inf"),
    **facts: Any,
) -> Callable[[Callable[..., Any]], Part]:
    """Declare a metric: `rows(truth, guess, **options) -> float[n, s]` with `@name.finish`, perhaps `@name.pseudo`.

    `notes` names the numbers that a probe notes of every row, where the metric is of these and not of answers: then it
    is `rows(notes, **options)`, with notes float[n, w].

    `better` is "higher" or "lower"; `low` and `high` are the range of its values. `interval` is "percentile", or
    "centred" for a statistic whose draws are biased (they are moved back onto the estimate). `off_by` is how far the
    value may lie from the exact one, where it is computed approximately: changes below it are not told.
    `shape="matrix"` is said of a metric that is shown and not judged, `shape="profile"` of one whose finish gives
    `float[..., r]`, numbers of a group of which none is better high or low, but which are to be alike in all groups:
    its gap between groups is the largest of any. `enough(total) -> bool[..., r]` then says which take part.
    `about="rows"` is said of a metric that no model's answers move, such as the share of wrong labels: wrong answers
    are then no evidence. Nor are they with `about="versions"`, of a metric that compares answers to versions of a row,
    and with `about="elsewhere"`, of one that speaks of other rows than those examined, so that more of these
    settle nothing. `guards=True` is said of one that no repair may make worse, whatever it was for.
    """
    facts = {**facts, "better": better, "interval": interval, "low": low, "high": high}
    return _decorator("metric", needs=tuple(needs), source=source, facts=facts)


def edit(*, preserves: Iterable[str], source: str = "", **facts: Any) -> Callable[[Callable[..., Any]], Part]:
    """Declare an edit: `(texts, rngs, **options) -> list[list[Change]]`, one list of changes a text.

    `preserves` says what stays: "label", "meaning", "tokens", "spans"; `()` for an edit that keeps none of them.
    `asks` names options that only the user can give, such as a model.
    """
    return _decorator("edit", preserves=tuple(preserves), source=source, facts=facts)


def attack(
    *, search: Attack, preserves: Iterable[str] = (), source: str = "", **facts: Any
) -> Callable[[Callable[..., Any]], Part]:
    """Declare an attack: `(texts, rngs, **options) -> list[list[Place]]`, for every text the words that may be changed
    and what may stand in their places.

    `search` says in which order they are tried and what must hold; `preserves` and `asks` are as of an edit.
    """
    return _decorator("attack", preserves=tuple(preserves), source=source, facts={**facts, "search": search})


def task(*, source: str = "", **facts: Any) -> Callable[[Callable[..., Any]], Part]:
    """Declare a task: `(**options) -> Task`."""
    return _decorator("task", source=source, facts=facts)


def probe(*, kind: str, needs: Iterable[str] = (), gates: Iterable[Any] = (), source: str = "",
          **facts: Any) -> Callable[[Callable[..., Any]], Part]:  # fmt: skip
    """Declare a probe: `(case, **options) -> Iterator[Measure | Exhibit]`, with its default gates and planted cases.
    One whose bounds come with the case, as those of a policy do, yields its gates, too.
    `on_request=True` is said of one that runs only where it is named or given options: it takes long, or tells what not
    everybody asks."""
    return _decorator("probe", kind=kind, needs=tuple(needs), gates=tuple(gates), source=source, facts=facts)


def remedy(*, treats: Iterable[str], needs: Iterable[str] = (), source: str = "",
           **facts: Any) -> Callable[[Callable[..., Any]], Part]:  # fmt: skip
    """Declare a remedy: `(case, findings, **options) -> Plan`. `asks` names options that only the user can give, such
    as a model: without them it is not tried. Nor is one with `on_request=True` that is not named."""
    return _decorator("remedy", treats=tuple(treats), needs=tuple(needs), source=source, facts=facts)


@dataclass(frozen=True, eq=False)
class Catalogue:
    """All parts that can be found: those behind the entry points, and those in files the user named."""

    entries: tuple[EntryPoint, ...] = ()
    extra: tuple[Part, ...] = ()

    @classmethod
    def installed(cls, files: Iterable[str | Path] = ()) -> Catalogue:
        """Parts of all installed distributions and of the given files."""
        found = cls(tuple(entry_points(group=GROUP)))
        return replace(found, extra=tuple(part for file in files for part in _from_file(Path(file))))

    def names(self, role: str) -> tuple[str, ...]:
        """Names of all parts of a role, sorted. Imports no part."""
        if role not in ROLES:
            raise PartError(f"expected one of the roles {', '.join(ROLES)}, given '{role}'", hint=nearest(role, ROLES))
        return tuple(sorted({*self._places.get(role, {}), *(part.name for part in self.extra if part.role == role)}))

    def find(self, role: str, name: str) -> Part:
        """The part of that role and name; an unknown name lists the nearest ones."""
        for part in self.extra:
            if (part.role, part.name) == (role, name):
                return part
        if name not in self.names(role):
            raise PartError(
                f"expected the name of {'an' if role[0] in 'ae' else 'a'} {role}, given '{name}'",
                hint=nearest(name, self.names(role)),
            )
        module = self._places[role][name]
        try:
            part = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, SyntaxError) as error:
            raise PartError(
                f"expected the {role} '{name}' in {module}, given a module without it ({error})",
                hint="The function, its file and the part have one name.",
            ) from error
        if not isinstance(part, Part) or part.role != role:
            raise PartError(
                f"expected '{name}' in {module} to be a {role}, given {type(part).__name__}",
                hint=f"Decorate the function: from duiqi.core.part import {role}.",
            )
        return part

    def all(self, role: str) -> tuple[Part, ...]:
        """All parts of a role, imported, by name."""
        return tuple(self.find(role, name) for name in self.names(role))

    def task(self, name: str, **options: Any) -> Task:
        """The task of that name with these options."""
        made = self.find("task", name)(**options)
        assert isinstance(made, Task)
        return made

    @cached_property
    def _places(self) -> dict[str, dict[str, str]]:
        """role → part name → module, from the entry points, without importing any part."""
        places: dict[str, dict[str, str]] = {role: {} for role in ROLES}
        for entry in self.entries:
            role = entry.name.partition(".")[0]
            for name, module in _modules(entry):
                if role in places and name not in places[role]:
                    places[role][name] = module
        return places


def _modules(entry: EntryPoint) -> Iterable[tuple[str, str]]:
    """(part name, module) for every part behind an entry point; `package.module:name` names a single one."""
    module, _, attribute = entry.value.partition(":")
    if attribute:
        return [(attribute, module)]
    spec = importlib.util.find_spec(module)
    if spec is None:
        return []
    if spec.submodule_search_locations is None:
        return [(module.rpartition(".")[2], module)]
    return [(info.name, f"{module}.{info.name}") for info in pkgutil.iter_modules(spec.submodule_search_locations)]


def _from_file(path: Path) -> list[Part]:
    module = module_of(path, "parts")
    parts = [value for value in vars(module).values() if isinstance(value, Part)]
    if not parts:
        raise PartError(
            f"expected parts in {path}, given a file without any",
            hint="Decorate a function: from duiqi.core.part import probe.",
        )
    return parts


def module_of(path: Path, what: str) -> ModuleType:
    """The module that a Python file of a user makes, run under the name of `what` is in it ("parts", "rules")."""
    if not path.is_file():
        raise PartError(f"expected a Python file with {what}, given {path}, which is no file", hint=f"Check --{what}.")
    name = f"duiqi_{what}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PartError(f"expected a Python file with {what}, given {path}", hint="Its name must end in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickling look modules up by name
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a script that ends in sys.exit is no reason to end here
        raise PartError(
            f"expected a Python file with {what}, given {path}, which raises {type(error).__name__}: {error}",
            hint="Import it on its own to see where.",
        ) from error
    return module
