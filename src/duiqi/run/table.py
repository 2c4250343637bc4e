"""Laying the table: from what the user named (a model, data, columns, options) to values that verbs work with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypedDict, cast

import numpy as np
from numpy.typing import NDArray

from duiqi.core.answers import are_answers
from duiqi.core.bundle import Bundle, bundle_of
from duiqi.core.case import Case
from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, ModelError, OptionError, nearest
from duiqi.core.examine import Order, orders
from duiqi.core.gate import Gate, gates_from
from duiqi.core.part import Catalogue
from duiqi.core.progress import Progress, silent
from duiqi.core.report import Report
from duiqi.core.task import Task
from duiqi.data.policy import check_labels, rules_of
from duiqi.data.unusual import is_number, unusual
from duiqi.run.named import made_for
from duiqi.run.workshop import versions

Source = str | Path | Dataset | Mapping[str, Dataset]


class Settings(TypedDict, total=False):
    """What every verb takes: columns by role, in which encoding files are that are not UTF-8, and how to run.

    `groups` are columns to be fair to. `gates` maps measures to bounds (`{"calibration_error": {"at_most": 0.03}}`),
    `policy` names of rules for outputs to what they say (`{"no_promises": {"forbid_words": ["guaranteed"]}}`),
    `reference` names other rows. `options` maps probes and remedies to their options, `parts` are Python files with
    parts of your own. `threads` bounds the processor cores in use, `progress(stage, done, total, facts)` is called
    while something takes long.
    """

    task: str
    text: str | None
    text_pair: str | None
    tokens: str | None
    choices: str | None
    spans: str | None
    label: str | None
    groups: Sequence[str]
    id: str | None
    split: str | None
    time: str | None
    cluster: str | None
    encoding: str | None
    seed: int
    threads: int | None
    device: str
    gates: Mapping[str, Any]
    policy: Mapping[str, Any]
    reference: Mapping[str, Source]
    options: Mapping[str, Mapping[str, Any]]
    parts: Sequence[str | Path]
    progress: Progress | None


COLUMNS = ("text", "text_pair", "tokens", "choices", "spans", "label", "groups", "id", "split", "time", "cluster")
ENCODING = "encoding"
BESIDE = ("label", "groups", "id", "split", "time", "cluster")  # roles that are no input


OF_TEXTS = ("generate", "rank")  # tasks whose labels are texts as they stand
FEWEST_LABELS = 20  # below which rows do not tell classes from texts


@dataclass(frozen=True, eq=False)
class Table:
    """Everything but the model: rows by part, the catalogue, gates, options, seed.

    `source` is where the rows were read, `columns` the roles that the user gave to columns there, and `named_task`
    whether the user named the task, as a report needs them to say what to type next.
    """

    parts: Mapping[str, Dataset]
    catalogue: Catalogue
    source: str = ""
    columns: Mapping[str, Any] = field(default_factory=dict)
    task: str = "classify"
    named_task: bool = False
    gates: tuple[Gate, ...] = ()
    policy: Mapping[str, Any] = field(default_factory=dict)
    references: Mapping[str, Dataset] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seed: int = 0
    device: str = "cpu"
    progress: Progress = silent
    memory: dict[str, Any] = field(default_factory=dict)

    def part(self, *wanted: str) -> Dataset:
        """The first of the wanted parts that is there."""
        for name in wanted:
            if name in self.parts:
                return self.parts[name]
        raise DataError(
            f"expected rows for {' or '.join(wanted)}, given only {', '.join(self.parts)}",
            hint="Give a folder with train, dev and test files, or one file with a column that says the split.",
        )

    def task_for(self, train: Dataset | None = None) -> Task:
        """The task as the user named it; with what it learns from training rows, such as their labels."""
        named = dict(self.options.get(self.task, {}))
        plain = self.catalogue.task(self.task, **named)
        return plain if train is None else self.catalogue.task(self.task, **{**plain.learn(train), **named})

    def task_of(self, bundle: Bundle, train: Dataset | None = None) -> Task:
        """The task that a bundle was made for, else that of the rows, learned from `train`; `ModelError` where the
        bundle was made for another task than the rows ask for."""
        from duiqi.model.open import task_of

        made = task_of(bundle, self.catalogue)
        if made is None:
            return self.task_for(train)
        if made.name != self.task:
            raise ModelError(
                f"expected a model for {self.task}, as the rows ask for, given {bundle.name or bundle.path}, which was "
                f"made for {made.name}",
                hint=f"Give rows for {made.name}, or start from a body without a head (default).",
            )
        return made

    def open(self, bundle: Bundle) -> Any:
        """The model of a bundle that has a head for the task; `ModelError` where it has none."""
        from duiqi.model.open import check_suited, has_head, open_model
        from duiqi.model.predict import Cache

        if not has_head(bundle, self.task):
            check_suited(bundle, self.task_for(self.parts.get("train")))
            able = [each for each in self.catalogue.names("task") if has_head(bundle, each)]
            raise ModelError(
                f"expected a model with a head for {self.task}, given {bundle.name or bundle.path}, which has none",
                hint=f"As it stands it answers {', '.join(able)}. For {self.task} train one: duiqi align "
                f"{_typed(bundle)} DATA",
            )
        if "answers" not in self.memory:
            self.memory["answers"] = Cache()
        task = self.task_of(bundle, self.parts.get("train"))
        return open_model(bundle, task, device=self.device, cache=self.memory["answers"])

    def open_body(self, bundle: Bundle) -> Any:
        """The model of a bundle for what it makes of texts, whether or not it has a head for the task."""
        from duiqi.model.open import open_model

        return open_model(bundle, self.task_for(self.parts.get("train")), device=self.device)

    def case(self, predictor: Any, data: Dataset, **more: Any) -> Case:
        """A case on some of the rows, with the training rows beside it."""
        more = {"aside": self.put_aside, **more} if "test" in self.parts else more
        if self.policy:
            check_labels(rules_of(self.policy), predictor.task)
        more = {"policy": self.policy, "references": self.references, "progress": self.progress, **more}
        return Case(predictor, data, train=self.parts.get("train"), catalogue=self.catalogue, seed=self.seed, **more)

    def put_aside(self, data: Dataset) -> NDArray[np.bool_]:
        """Which rows stand in test, as they are or nearly, bool[n]: all that remedies are told of it."""
        from duiqi.data.dedupe import overlap, row_keys

        if "test keys" not in self.memory:
            self.memory["test keys"] = row_keys(self.parts["test"])
        found = overlap(data, self.memory["test keys"])
        return found.exact | found.near

    def orders(self, case: Case, only: Sequence[str] = ()) -> list[Order]:
        """The probes to run, with the user's options."""
        return orders(case, only=only, options=self.options)

    def notes(self, *data: Dataset) -> tuple[Mapping[str, Any], ...]:
        """What was guessed or made while reading, each once."""
        notes = [note for each in data for note in each.notes]
        return tuple({str(sorted(note.items())): note for note in notes}.values())


def lay(data: Source, settings: Settings, *, complete: bool = False, model: str | Path | None = None) -> Table:
    """Read the data and settle the options. With `complete`, missing parts are split off (train, dev, test). What a
    `model` was made for decides between tasks whose rows look alike."""
    unknown = set(settings) - set(Settings.__annotations__)
    if unknown:
        name = min(unknown)
        raise OptionError(
            f"expected an option of this command, given '{name}'", hint=nearest(name, Settings.__annotations__)
        )
    catalogue = Catalogue.installed(settings.get("parts") or ())
    options, policy = settings.get("options") or {}, settings.get("policy") or {}
    check_options(catalogue, options)
    rules_of(policy)
    set_threads(settings.get("threads"))
    given = settings.get("task")
    if given:
        catalogue.find("task", given)  # a name that is none is told before anything is read
    made = made_for(model) if model is not None and not given else None
    parts = _parts(data, settings, as_texts=(given or made) in OF_TEXTS)
    task, notes = (given, ()) if given else guessed_task(next(iter(parts.values())))
    if made in OF_TEXTS and task in ("classify", "classify_pair"):
        task, notes = str(made), ()
    if not given and task in ("classify", "classify_pair"):
        _check_classes(next(iter(parts.values())))
    classes = catalogue.task(task, **options.get(task, {})).fewest > 0
    parts = {
        name: replace(part, notes=(*part.notes, *notes, *unusual(part, classes=classes)))
        for name, part in parts.items()
    }
    if complete:
        from duiqi.data.split import complete as completed

        parts = completed(parts, seed=settings.get("seed", 0))
    return Table(
        parts=parts,
        catalogue=catalogue,
        source=str(data) if isinstance(data, str | Path) else "",
        columns=named_columns(settings),
        task=task,
        named_task=bool(given),
        gates=gates_from(settings.get("gates") or {}),
        policy=policy,
        references={
            name: reference_of(each, {**settings, "task": task})
            for name, each in (settings.get("reference") or {}).items()
        },
        options=options,
        seed=settings.get("seed", 0),
        device=settings.get("device", "cpu"),
        progress=settings.get("progress") or silent,
    )


def reference_of(source: Source, settings: Settings) -> Dataset:
    """Other rows. They may lack labels and what else says something of a row, also where the user named its column."""
    settings = cast("Settings", {name: value for name, value in settings.items() if name != "reference"})
    try:
        return lay(source, settings).part("all", "dev", "test")
    except DataError:
        if not any(settings.get(name) for name in BESIDE):
            raise
        bare = cast("Settings", {name: value for name, value in settings.items() if name not in BESIDE})
        return lay(source, bare).part("all", "dev", "test")


def guessed_task(data: Dataset) -> tuple[str, tuple[Mapping[str, Any], ...]]:
    """The task that the form of the rows speaks of, and a note where it is not the plain one."""
    from duiqi.data.columns import SOURCE, WRITTEN

    labels = data.values("label") if data.has("label") else []
    lists = bool(labels) and all(isinstance(label, list) for label in labels)
    signs = {
        "tag": lists and data.has("tokens"),
        "extract": data.has("text_pair") and are_answers(labels),
        "generate": data.schema.label in WRITTEN and (data.schema.text == SOURCE or are_texts(labels)),
        "multilabel": lists,
        "choose": data.has("choices"),
        "relation": data.has("spans"),
        "regress": bool(labels) and all(isinstance(label, float) for label in labels),
        "classify_pair": data.has("text_pair"),
    }
    task = next((name for name, speaks in signs.items() if speaks), "classify")
    return task, (() if task == "classify" else ({"code": "guessed_task", "task": task},))


def are_texts(labels: Sequence[Any]) -> bool:
    """Whether labels are texts, nearly all of them different, and no classes."""
    return all(isinstance(label, str) for label in labels) and len(set(labels)) > len(labels) / 2


def check_options(catalogue: Catalogue, options: Mapping[str, Mapping[str, Any]]) -> None:
    """`OptionError` at once where an option belongs to no part or does not fit it."""
    known = {name: role for role in ("probe", "remedy", "task") for name in catalogue.names(role)}
    for name, values in options.items():
        if name not in known:
            raise OptionError(f"expected options of a probe, remedy or task, given '{name}'", hint=nearest(name, known))
        catalogue.find(known[name], name).check(values)


def set_threads(threads: int | None) -> None:
    """Bound the cores torch uses, where a bound is asked for."""
    if threads is None:
        return
    if threads < 1:
        raise OptionError(
            f"expected at least one thread, given {threads}", hint="Leave --threads out to use all cores."
        )
    import torch

    torch.set_num_threads(threads)


def fingerprints(parts: Mapping[str, Dataset]) -> dict[str, str]:
    """What tells these rows from others, by name."""
    return {name: part.fingerprint for name, part in parts.items()}


def _typed(bundle: Bundle) -> str:
    """What to type for a model: a name that is found anywhere, else its folder."""
    return bundle.name if bundle.name.partition(":")[0] in ("default", "default-zh", "hub") else str(bundle.path)


def _check_classes(data: Dataset) -> None:
    """`DataError` where nearly every row has a label of its own: those are no classes, but texts to write or find, or
    numbers with something else among them."""
    labels = [label for label in data.values("label") if isinstance(label, str)] if data.has("label") else []
    if len(labels) >= FEWEST_LABELS and len(set(labels)) > len(labels) / 2:
        others = [row for row, label in enumerate(labels) if not is_number(label)]
        if 0 < len(others) < len(labels) / 2:
            raise DataError(
                f"expected numbers as labels, as most rows of {data.name} have them, given {labels[others[0]]!r} in "
                f"{len(others)} of {len(labels)} rows (first: row {others[0] + 1})",
                hint="Mend or delete these rows, or say --task classify if every number is a class.",
            )
        raise DataError(
            f"expected classes that come again, given {len(set(labels))} different labels in {len(labels)} rows of "
            f"{data.name}",
            hint="Are they texts to write (--task generate) or to find (--task rank)? Else name the label column "
            "(--label COLUMN), or say --task classify.",
        )


def _parts(data: Source, settings: Settings, *, as_texts: bool) -> Mapping[str, Dataset]:
    from duiqi.data.read import read

    if isinstance(data, Dataset):
        return {"all": data}
    if isinstance(data, Mapping):
        return data
    return read(data, **named_columns(settings), as_texts=as_texts)


def named_columns(settings: Settings) -> dict[str, Any]:
    """The columns that the user named, by role, and the encoding where one was named."""
    return {name: settings[name] for name in (*COLUMNS, ENCODING) if settings.get(name)}  # type: ignore[literal-required]


def provenance(report: Report, table: Table, *, data: Dataset, model: Any, before: Any = None, **more: Any) -> Report:
    """The report with who, what and with which versions."""
    task = model.task
    facts = {
        "task": {**task.to_json(), "primary": task.primary, "row_metric": task.row_metric, "named": table.named_task},
        "model": describe(model),
        "before": describe(before) if before is not None else None,
        "data": {
            "name": data.name,
            "fingerprint": data.fingerprint,
            "rows": len(data),
            "split": _split_of(table, data),
            "path": table.source,
            "columns": dict(table.columns),
        },
        "versions": versions(),
        **more,
    }
    return report.with_facts(**facts)


def describe(model: Any) -> dict[str, Any]:
    """What a report says of a model."""
    bundle = bundle_of(model)
    return {
        "name": model.name,
        "path": str(bundle.path) if bundle else None,
        "elsewhere": bundle is None,
        "fingerprint": model.fingerprint,
        "parameters": getattr(model, "parameters", None),
        "lineage": [step.to_json() for step in bundle.lineage] if bundle else [],
        "calibration": dict(bundle.calibration) if bundle else {},
    }


def _split_of(table: Table, data: Dataset) -> str:
    for name, part in table.parts.items():
        if part is data or part.name == data.name:
            return name
    return "all"
