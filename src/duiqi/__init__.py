"""duiqi (对齐): finds where a language model is misaligned, repairs it, and proves the repair.

import duiqi

report = duiqi.align("default", "reviews.csv", label="stars", groups=["region"])
print(report.verdict, report.measure("accuracy").interval)
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

_WHERE = {
    "align": "duiqi.align",
    "prepare": "duiqi.prepare",
    "diagnose": "duiqi.diagnose",
    "label": "duiqi.label",
    "repair": "duiqi.repair",
    "prove": "duiqi.prove",
    "explain": "duiqi.explain",
    "demo": "duiqi.demo",
    "doctor": "duiqi.doctor",
    "Dataset": "duiqi.core.dataset",
    "Slice": "duiqi.core.slice",
    "Gate": "duiqi.core.gate",
    "Plan": "duiqi.core.plan",
    "Report": "duiqi.core.report",
    "DuiqiError": "duiqi.core.errors",
}
__all__ = sorted([*_WHERE, "__version__"])


class _Package(ModuleType):
    """A verb and its module share a name: `duiqi.align` is the function, however the module came to be imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _WHERE and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        """Public names load what they need when they are first asked for: `import duiqi` itself stays instant."""
        if name not in _WHERE:
            raise AttributeError(f"module 'duiqi' has no attribute '{name}'")
        return getattr(importlib.import_module(_WHERE[name]), name)

    def __dir__(self) -> list[str]:
        return __all__


sys.modules[__name__].__class__ = _Package
