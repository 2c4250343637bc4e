"""One class for every input."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from duiqi.core.dataset import Dataset
from duiqi.core.task import Task
from duiqi.model.heads.head import log_softmax, misfit
from duiqi.model.tokens import Input

CAUTION = 50.0  # inverse penalty of a head's first fit, for each class and all rows together


class SequenceClassification:
    """One class for every input: transformers' own sequence classification models."""

    name = "sequence_classification"
    offers = frozenset({"probs"})

    def load(self, path: str, task: Task, **options: Any) -> nn.Module:
        from transformers import AutoModelForSequenceClassification

        labels = {"id2label": dict(enumerate(task.labels)), "label2id": {name: i for i, name in enumerate(task.labels)}}
        if not options.pop("fresh"):
            labels = {}
        net: nn.Module = AutoModelForSequenceClassification.from_pretrained(path, **labels, **options)
        net.config.problem_type = "single_label_classification"  # type: ignore[union-attr]
        return net

    def arrange(self, net: Any, task: Task) -> None:
        saved = [net.config.id2label[i] for i in range(len(net.config.id2label))]
        if saved == list(task.labels):
            return
        if sorted(saved) != sorted(task.labels):
            raise misfit(saved, task.labels)
        last = _last_linear(net)
        order = torch.tensor([saved.index(label) for label in task.labels])
        for parameter in last.parameters():
            parameter.data = parameter.data[order]
        net.config.id2label = dict(enumerate(task.labels))
        net.config.label2id = {label: i for i, label in enumerate(task.labels)}

    def warm(
        self, net: nn.Module, batches: Iterable[Mapping[str, Tensor]], targets: NDArray[Any], weights: Any
    ) -> None:
        """Logistic regression on what the last layer reads, of `targets` int[n] with weights float[n].

        Nothing is done where fewer than two classes count, or where what is read is no number: training says so better.
        """
        from sklearn.linear_model import LogisticRegression

        last = _last_linear(net)
        read: list[Tensor] = []
        hook = last.register_forward_hook(lambda _module, given, _out: read.append(given[0].detach().float().cpu()))
        try:
            for batch in batches:
                self.raw(net, batch)
        finally:
            hook.remove()
        counts = np.asarray(weights) > 0
        features, targets = torch.cat(read).numpy()[counts], targets[counts]
        if len(np.unique(targets)) < 2 or not np.isfinite(features).all():
            return
        fitted = LogisticRegression(C=CAUTION * last.out_features / len(targets), max_iter=300)
        fitted.fit(features, targets, sample_weight=weights[counts])
        slopes, levels = fitted.coef_, fitted.intercept_
        if len(fitted.classes_) == 2:  # one slope for both
            slopes, levels = np.concatenate([-slopes, slopes]) / 2, np.concatenate([-levels, levels]) / 2
        with torch.no_grad():
            if last.bias is not None:
                last.bias.fill_(float(levels.min()))  # for classes that none of the rows has
                last.bias[fitted.classes_] = torch.from_numpy(levels).to(last.bias)
            last.weight[fitted.classes_] = torch.from_numpy(slopes).to(last.weight)

    def inputs(self, data: Dataset) -> list[Input]:
        if not data.has("text_pair"):
            return [(text,) for text in data.texts]
        return [(text, pair or "") for text, pair in zip(data.texts, data.values("text_pair"), strict=True)]

    def targets(self, task: Task, data: Dataset) -> NDArray[np.int64]:
        return np.asarray(task.read_truth(data), dtype=np.int64)

    def raw(self, net: Callable[..., Any], inputs: Mapping[str, Tensor]) -> Tensor:
        logits: Tensor = net(**inputs).logits
        return logits.float()

    def losses(self, raw: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(raw, targets, reduction="none")

    def merge(self, raw: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float32]:
        """The mean of the windows' log-probabilities: their geometric mean, so that one sure window can outvote."""
        counts = np.diff(np.append(starts, len(raw)))
        merged = (np.add.reduceat(log_softmax(raw), starts, axis=0) / counts[:, None]).astype(np.float32)
        alone = counts == 1  # an input in one piece keeps its raw answer, bit for bit
        merged[alone] = raw[starts[alone]]
        return merged

    def outputs(self, raw: NDArray[np.float32], calibration: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        scaled = (raw.astype(np.float64) + calibration.get("offsets", 0.0)) / calibration.get("temperature", 1.0)
        return {"probs": np.exp(log_softmax(scaled))}


def _last_linear(net: nn.Module) -> nn.Linear:
    """The layer that gives the classes' scores."""
    return [module for module in net.modules() if isinstance(module, nn.Linear)][-1]
