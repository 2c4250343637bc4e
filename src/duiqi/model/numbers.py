"""Number types: what this machine computes fast, and whether a faster type gives the same answers."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from duiqi.core.errors import OptionError

TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
AGREEMENT = 0.98
DIFFERENCE = 0.05
TIE = 0.02


def fast_type(device: torch.device) -> str:
    """The fastest number type by what the hardware computes natively; the same on every run of one machine."""
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    if device.type == "cpu":
        native = torch.cpu.get_capabilities()
        return "bfloat16" if native.get("avx512_bf16") or native.get("amx_bf16") else "float32"
    return "float32"


def check_type(number_type: str, device: torch.device) -> None:
    """Raise an `OptionError` for a number type that is unknown, or float16 on a CPU."""
    if number_type not in ("auto", *TYPES):
        raise OptionError(
            f"expected a number type among auto, {', '.join(TYPES)}, given '{number_type}'", hint="Use auto."
        )
    if number_type == "float16" and device.type == "cpu":
        raise OptionError(
            "expected a number type that a CPU computes well, given float16, which is slow and overflows there",
            hint="Use bfloat16 or float32.",
        )


def agree(exact: NDArray[np.float64], fast: NDArray[np.float64]) -> bool:
    """Whether probabilities float[n, k] of a faster type may stand for the exact ones.

    The most probable class must agree in 98 % of the rows, near-ties (within .02) left out, and no probability may
    differ by more than .05: what bfloat16's 8 bits leave of a healthy model, and far from what a broken one gives.
    """
    return (
        bool(np.isfinite(fast).all())
        and same_label(exact, fast) >= AGREEMENT
        and float(np.abs(exact - fast).max()) <= DIFFERENCE
    )


def same_label(exact: NDArray[np.float64], fast: NDArray[np.float64]) -> float:
    """Share of the rows whose most probable class is the same, or was a near-tie before."""
    rows = np.arange(len(exact))
    lost = exact.max(axis=1) - exact[rows, fast.argmax(axis=1)]
    return float((lost <= TIE).mean())
