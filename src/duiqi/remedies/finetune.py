from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from duiqi.core.case import Case
from duiqi.core.part import remedy
from duiqi.core.plan import Plan
from duiqi.core.report import Finding


@remedy(treats=("task_fit",), needs=("case.train", "data.label"))
def finetune(
    case: Case,
    findings: Sequence[Finding],
    *,
    epochs: int = 2,
    learning_rate: float | None = None,
    layers: int = 0,
    scope: str = "full",
    scope_options: dict[str, Any] | None = None,
    objective: str = "likelihood",
    objective_options: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
) -> Plan:
    """Train further on the training rows: all weights, some, or a few that are added.

    The plain remedy for a model that is too weak for its task. `epochs` counts passes over the rows. `scope` says which
    weights move: full, head, top_layers, or an adapter (lora, rslora, dora, adalora, ia3, bottleneck, prefix, prompt)
    with its `scope_options`, such as {"rank": 16}; `layers` is short for so many top layers and the head. Options are
    rank, alpha and dropout of lora, rslora and dora; rank, start, alpha and orthogonality of adalora; width of
    bottleneck; length of prefix and prompt; count of top_layers. `objective` is what is lowered: likelihood, smoothed,
    focal, r_drop or adversarial, with `objective_options`. `settings` are those of the training loop: optimizer (adamw,
    sgd, adafactor), schedule (linear, cosine, constant), layer_decay, average, accumulation, gradient_checkpointing and
    others. What is said here holds for the first, plain training of a model, too.

    An adapter is a few percent of a model and stays beside its base where that is a model of yours; where the base was
    made in this run it becomes part of it, or takes it along.
    """
    from duiqi.model.objective import objective_of
    from duiqi.model.scope import scope_of

    chosen = scope_of({"top_layers": {"count": layers}} if layers else {scope: scope_options or {}})
    training = {**(settings or {}), "epochs": epochs} | ({"learning_rate": learning_rate} if learning_rate else {})
    if objective == "likelihood" and not objective_options:  # lowered anyway; another remedy may set it
        return Plan(scope=chosen, training=training)
    return Plan(scope=chosen, objective=objective_of({objective: objective_options or {}}), training=training)
