"""Every error duiqi raises on purpose.

    DuiqiError                   exit code 2
    ├── InputError               what the user gave is not what was expected
    │   ├── DataError            a file, a column, a row
    │   ├── ModelError           a checkpoint or bundle
    │   │   └── AnswerError      a model that does not answer, or not as it should
    │   ├── OptionError          an option, a config key, a value of one
    │   ├── PartError            a part that is unknown or misdeclared
    │   └── OutputError          a place where nothing can be written
    ├── DependencyError          an optional package is needed
    ├── TrainingError            training went wrong (NaN loss …)
    ├── ContaminationError       the rows meant to prove were learned before
    ├── ResumeError              work on disk cannot be continued
    └── MergeError               measures that do not speak of the same rows

A message says what was expected, then what was given; the `hint` says what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class DuiqiError(Exception):
    """Base of all errors; `hint` is the next step for the user, one sentence."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class InputError(DuiqiError):
    """What was given is not what was expected."""


class DataError(InputError):
    """A file, column or row that cannot be used."""


class ModelError(InputError):
    """A checkpoint or bundle that cannot be opened or used."""


class AnswerError(ModelError):
    """A model that does not answer rows, or not as it promised."""


class OptionError(InputError):
    """An option or config key that is unknown or has an impossible value."""


class PartError(InputError):
    """A part that is unknown, misdeclared or clashes with another."""


class OutputError(InputError):
    """A place where nothing can be written."""


class DependencyError(DuiqiError):
    """An optional package is needed; the hint has the install line."""


class TrainingError(DuiqiError):
    """Training could not go on; nothing on disk was changed."""


class ContaminationError(DuiqiError):
    """Rows meant to prove something were learned, selected or calibrated on before."""


class ResumeError(DuiqiError):
    """Work on disk that cannot be continued exactly."""


class MergeError(DuiqiError):
    """Measures that do not speak of the same thing or of the same rows."""


def nearest(name: str, known: Iterable[str], *, most: int = 3) -> str:
    """A sentence part naming the known words closest to `name`, for hints: "did you mean x or y?"."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=most, cutoff=0.5)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    if not known:
        return "There is none to choose from."
    shown = ", ".join(known[:20]) + (" …" if len(known) > 20 else "")
    return f"Known: {shown}."
