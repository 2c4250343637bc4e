"""One class for every input."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from duiqi.core.dataset import Dataset
from duiqi.core.task import Task
from duiqi.model.heads.head import ON_TOP, Head, Opened, log_softmax, misfit
from duiqi.model.tokens import Input

CAUTION = 50.0  # inverse penalty of a head's first fit, for each class and all rows together


class SequenceClassification(Head):
    """One class for every input: transformers' own sequence classification models."""

    name = "sequence_classification"
    offers = frozenset({"probs", "embedding"})
    problem = "single_label_classification"  # as transformers names it

    def load(self, path: str, task: Task, **options: Any) -> nn.Module:
        from transformers import AutoModelForSequenceClassification

        net: nn.Module = load_with_labels(AutoModelForSequenceClassification, path, task.labels, **options)
        net.config.problem_type = self.problem  # type: ignore[union-attr]
        return net

    def arrange(self, net: Any, task: Task) -> None:
        saved = [net.config.id2label[i] for i in range(len(net.config.id2label))]
        if sorted(saved) != sorted(task.labels):
            raise misfit(saved, task.labels)
        reorder(net, saved, list(task.labels))

    def warm(
        self,
        net: nn.Module,
        batches: Iterable[tuple[Mapping[str, Tensor], Tensor | None]],
        targets: NDArray[Any],
        weights: NDArray[np.float32],
    ) -> None:
        read: list[Tensor] = []
        hook = last_linear(net).register_forward_hook(
            lambda _module, given, _out: read.append(given[0].detach().float().cpu())
        )
        try:
            for inputs, _ in batches:
                self.raw(net, inputs)
                read[-1] = at_end(read[-1], inputs)
        finally:
            hook.remove()
        self.fit_last(net, torch.cat(read).numpy(), np.asarray(targets), weights)

    def fit_last(self, net: nn.Module, features: NDArray[Any], targets: NDArray[Any], weights: NDArray[Any]) -> None:
        """Fit the last layer to what it reads of some rows, float[n, d]."""
        fit_last_layer(net, features, targets, weights)

    def inputs(self, data: Dataset) -> list[Input]:
        if not data.has("text_pair"):
            return [(text,) for text in data.texts]
        return [(text, pair or "") for text, pair in zip(data.texts, data.values("text_pair"), strict=True)]

    def targets(self, task: Task, data: Dataset) -> NDArray[Any]:
        return np.asarray(task.read_truth(data), dtype=np.int64)

    def raw(self, net: Callable[..., Any], inputs: Mapping[str, Tensor]) -> Tensor:
        logits: Tensor = net(**inputs).logits
        return logits.float()

    def losses(self, net: Any, raw: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(raw, targets, reduction="none")

    def rows(self, raw: Tensor, words: Tensor | None) -> list[NDArray[np.float32]]:
        return list(raw.float().cpu().numpy())

    def merge(
        self, rows: Sequence[NDArray[np.float32]], starts: NDArray[np.int64], sizes: Sequence[int]
    ) -> list[NDArray[np.float32]]:
        """The mean of the windows' log-probabilities: their geometric mean, so that one sure window can outvote."""
        raw, counts = np.stack(rows), np.diff(np.append(starts, len(rows)))
        merged = (np.add.reduceat(self.scale(raw), starts, axis=0) / counts[:, None]).astype(np.float32)
        alone = counts == 1  # an input in one piece keeps its raw answer, bit for bit
        merged[alone] = raw[starts[alone]]
        return list(merged)

    def scale(self, raw: NDArray[Any]) -> NDArray[Any]:
        """Raw answers of windows on the scale on which their mean is taken."""
        return log_softmax(raw)

    def outputs(self, model: Opened, rows: Sequence[NDArray[np.float32]], data: Dataset) -> dict[str, Any]:
        raw = np.stack(rows).astype(np.float64) if len(rows) else np.zeros((0, model.net.config.num_labels))
        scaled = (raw + model.calibration.get("offsets", 0.0)) / model.calibration.get("temperature", 1.0)
        return {"probs": np.exp(log_softmax(scaled))}


def at_end(states: Tensor, inputs: Mapping[str, Tensor]) -> Tensor:
    """States float[n, d] that classes are read from: of decoders, which score every token, those of the last one."""
    if states.ndim == 2:
        return states
    last = inputs["attention_mask"].sum(dim=1).cpu() - 1
    return states[torch.arange(len(states)), last]


def load_with_labels(kind: Any, path: str, labels: Sequence[str], *, fresh: bool, **options: Any) -> Any:
    """A network with a head of one of transformers' kinds; a fresh head gets these labels, whatever it had."""
    if not fresh:
        return kind.from_pretrained(path, **options)
    named = {"id2label": dict(enumerate(labels)), "label2id": {name: i for i, name in enumerate(labels)}}
    net, told = kind.from_pretrained(path, ignore_mismatched_sizes=True, output_loading_info=True, **named, **options)
    body = [str(each[0]) for each in told["mismatched_keys"] if str(each[0]).startswith(f"{net.base_model_prefix}.")]
    if body:
        raise ValueError(f"{body[0]} has another size than its config says")
    return net


def reorder(net: Any, saved: list[str], wanted: list[str]) -> None:
    """Bring the outputs of a head into another order of its labels."""
    if saved == wanted:
        return
    order = torch.tensor([saved.index(label) for label in wanted])
    for parameter in last_linear(net).parameters():
        parameter.data = parameter.data[order]
    net.config.id2label = dict(enumerate(wanted))
    net.config.label2id = {label: i for i, label in enumerate(wanted)}


def fit_last_layer(net: nn.Module, features: NDArray[Any], targets: NDArray[Any], weights: NDArray[Any]) -> None:
    """Logistic regression on what the last layer reads, float[n, d], of `targets` int[n] with weights float[n].

    Nothing is done where fewer than two classes count, or where what is read is no number: training says so better.
    """
    last, counts = last_linear(net), np.asarray(weights) > 0
    features, targets = features[counts], targets[counts]
    if len(np.unique(targets)) < 2 or not np.isfinite(features).all():
        return
    fitted = cautious(features, targets, weights[counts], last.out_features)
    slopes, levels = fitted.coef_, fitted.intercept_
    if len(fitted.classes_) == 2:  # one slope for both
        slopes, levels = np.concatenate([-slopes, slopes]) / 2, np.concatenate([-levels, levels]) / 2
    with torch.no_grad():
        if last.bias is not None:
            last.bias.fill_(float(levels.min()))  # for classes that none of the rows has
            last.bias[fitted.classes_] = torch.from_numpy(levels).to(last.bias)
        last.weight[fitted.classes_] = torch.from_numpy(slopes).to(last.weight)


def cautious(features: NDArray[Any], targets: NDArray[Any], weights: NDArray[Any], outputs: int) -> Any:
    """Logistic regression with the penalty of a head's first fit."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=CAUTION * outputs / len(targets), max_iter=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a first fit need not end; training goes on from it
        return model.fit(features, targets, sample_weight=weights)


def last_linear(net: nn.Module) -> nn.Linear:
    """The layer of a standard network that gives the classes' scores."""
    found: nn.Linear = net.get_submodule(last_linear_name(net))  # type: ignore[assignment]
    return found


def last_linear_name(net: nn.Module) -> str:
    """The name of that layer, under which its faster stand-ins go too."""
    linear = [name for name, module in net.named_modules() if isinstance(module, nn.Linear)]
    return [name for name in linear if not name.startswith(f"{ON_TOP}.")][-1]
