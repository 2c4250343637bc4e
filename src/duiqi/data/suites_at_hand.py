"""Which ready suites fit a task and its rows, and cases with the versions that edits make of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from duiqi.core.dataset import Dataset
from duiqi.core.edit import edit_dataset, keeping
from duiqi.core.errors import DataError
from duiqi.core.part import Catalogue
from duiqi.core.seed import derive
from duiqi.core.slice import is_cjk, words
from duiqi.core.task import Task
from duiqi.data.readable_slices import of_little_meaning
from duiqi.data.suite import FunctionalTest, Suite, Trial
from duiqi.data.suite_file import ready_names, ready_suites

MOST_READ = 500  # rows that are read to tell the language


def suites_for(task: Task, data: Dataset, labels: Mapping[str, str]) -> tuple[Suite, ...]:
    """The ready suites for the task, its classes (`labels` tells some) and the language of the rows; `DataError` where
    there is none."""
    language = _language([f"{text} {pair}" for text, pair in zip(data.written, data.second_texts, strict=True)])
    of_task = [suite for suite in ready_suites() if suite.task == task.name]
    named = {label: word for word, label in labels.items()}
    fitting = [suite for suite in of_task if _fits(suite, [named.get(each, each) for each in task.labels])]
    found = tuple(suite for suite in fitting if suite.language == language)
    if not found:
        given = f"{task.name} with the classes {', '.join(task.labels[:5])}" if of_task else task.name
        given = f"rows in {language or 'another language'}" if fitting else given
        raise DataError(
            f"expected a task with a ready suite (sentiment or pairs of questions, English or Chinese), given {given}",
            hint="Write a suite (duiqi parts behaviour shows how) and name it in duiqi.toml, [options.behaviour]: "
            f'suites = ["my_suite.toml"]; or say which classes a ready one ({", ".join(ready_names())}) means: '
            'labels = {positive = "1", negative = "0"}.',
        )
    return found


def _fits(suite: Suite, labels: Sequence[str]) -> bool:
    """Whether the suite knows all classes, and these are all that it cannot do without."""
    classes = suite.classes(labels)
    return len(classes) == len(labels) and suite.needed <= set(classes)


def _language(texts: Sequence[str]) -> str:
    """ "zh" or "en" where most rows are Chinese, or have an English function word; else ""."""
    some = texts[:MOST_READ]
    chinese = sum(map(is_cjk, some))
    if 2 * chinese > len(some):
        return "zh"
    little = {word for word in of_little_meaning()[0] if word.isascii() and len(word) > 1}
    english = sum(not little.isdisjoint(words(text)) for text in some)
    return "en" if 2 * english > len(some) else ""


def edited(test: FunctionalTest, trials: Sequence[Trial], catalogue: Catalogue, seed: int) -> tuple[Trial, ...]:
    """The cases with a version more for each edit of the test that changes them; those without any other version are
    left out where there are to be some."""
    made = list(trials)
    parts = keeping("label", (catalogue.find("edit", name) for name in test.edits))
    for part in parts if trials else ():
        pairs = [trial.versions[0] for trial in trials]
        columns = {"text": [first for first, _ in pairs]}
        if any(second for _, second in pairs):
            columns["text_pair"] = [second for _, second in pairs]
        rows = edit_dataset(Dataset.of(columns), part, seed=derive(seed, "suite", test.name))
        versions = zip(rows.texts, rows.second_texts, strict=True)
        made = [
            replace(trial, versions=tuple(dict.fromkeys([*trial.versions, version])))
            for trial, version in zip(made, versions, strict=True)
        ]
    return tuple(trial for trial in made if len(trial.versions) > 1 or isinstance(trial.expected, tuple))
