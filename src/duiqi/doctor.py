"""`doctor`: is this machine ready, and how fast is it?"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from duiqi.core.errors import DuiqiError
from duiqi.run.workshop import versions

OPTIONAL = {
    "altair": "charts in the report: pip install 'duiqi[report]'",
    "vl_convert": "charts in the report: pip install 'duiqi[report]'",
    "jieba": "Chinese words: pip install 'duiqi[zh]'",
    "sacrebleu": "BLEU of generated texts: pip install 'duiqi[seq2seq]'",
    "httpx2": "models behind HTTP: pip install 'duiqi[service]'",
    "datasets": "hub:NAME data: pip install 'duiqi[hub]'",
}
ROOM = 2 * 2**30


def doctor() -> dict[str, Any]:
    """What was checked: a list of `{"name", "state", "said"}` with state "ok", "warn" or "fail", and the versions."""
    checks = [_python, _memory, _disk, _speed, _device, _default_model, _catalogue]
    said = [_tried(check) for check in checks]
    said += [_optional(name, use) for name, use in OPTIONAL.items()]
    return {"checks": said, "versions": versions()}


def _tried(check: Callable[[], tuple[str, str]]) -> dict[str, str]:
    name = check.__name__.strip("_").replace("_", " ")
    try:
        state, said = check()
    except DuiqiError as error:
        state, said = "fail", f"{error} {error.hint}"
    return {"name": name, "state": state, "said": said}


def _python() -> tuple[str, str]:
    return "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _memory() -> tuple[str, str]:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return ("ok" if total > 2 * ROOM else "warn"), f"{total / 2**30:.1f} GiB"


def _disk() -> tuple[str, str]:
    free = shutil.disk_usage(Path.cwd()).free
    return ("ok" if free > ROOM else "warn"), f"{free / 2**30:.0f} GiB free in {Path.cwd()}"


def _speed() -> tuple[str, str]:
    """Matrix products of 1024 × 1024: what the engine's speed is a share of."""
    import torch

    rates = {name: _rate(getattr(torch, name)) for name in ("float32", "bfloat16")}
    said = ", ".join(f"{name} {rate:.0f} GFLOP/s" for name, rate in rates.items())
    return "ok", f"{said} on {torch.get_num_threads()} threads"


def _rate(number_type: Any) -> float:
    import torch

    a = torch.ones(1024, 1024, dtype=number_type)
    a @ a
    begun, runs = time.perf_counter(), 0
    while time.perf_counter() - begun < 0.3:
        a @ a
        runs += 1
    return runs * 2 * 1024**3 / (time.perf_counter() - begun) / 1e9


def _device() -> tuple[str, str]:
    import torch

    if torch.cuda.is_available():
        return "ok", f"{torch.cuda.get_device_name(0)}: use --device cuda"
    return "ok", "no graphics card found: everything runs on the processor"


def _default_model() -> tuple[str, str]:
    from duiqi.model.open import find

    bundle = find("default")
    return "ok", f"{bundle.name or bundle.path}, fingerprint {bundle.fingerprint[:12]}"


def _catalogue() -> tuple[str, str]:
    from duiqi.core.part import ROLES, Catalogue

    catalogue = Catalogue.installed()
    counts = {role: len(catalogue.all(role)) for role in ROLES}
    state = "ok" if all(counts.values()) else "fail"
    return state, ", ".join(f"{count} {role}" for role, count in counts.items())


def _optional(name: str, use: str) -> dict[str, str]:
    found = importlib.util.find_spec(name) is not None
    return {"name": name, "state": "ok" if found else "warn", "said": "installed" if found else f"missing ({use})"}
