"""Any number of labels for every input: each a decision of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from duiqi.core.dataset import Dataset
from duiqi.core.task import Task
from duiqi.model.heads.head import Opened
from duiqi.model.heads.sequence import SequenceClassification, cautious, last_linear

GIVEN = 0.5  # the probability from which a label is given


class MultilabelClassification(SequenceClassification):
    """transformers' own sequence classification models, read label by label through a sigmoid."""

    name = "multilabel_classification"
    offers = frozenset({"labels", "probs", "embedding"})
    problem = "multi_label_classification"

    def fit_last(self, net: nn.Module, features: NDArray[Any], targets: NDArray[Any], weights: NDArray[Any]) -> None:
        """A logistic regression for every label that some of the rows have and some have not."""
        last, counts = last_linear(net), np.asarray(weights) > 0
        features, targets, weights = features[counts], targets[counts], weights[counts]
        if not np.isfinite(features).all():
            return
        with torch.no_grad():
            for label in np.flatnonzero((targets.min(axis=0) == 0) & (targets.max(axis=0) == 1)):
                fitted = cautious(features, targets[:, label], weights, 2)
                last.weight[label] = torch.from_numpy(fitted.coef_[0]).to(last.weight)
                if last.bias is not None:
                    last.bias[label] = float(fitted.intercept_[0])

    def targets(self, task: Task, data: Dataset) -> NDArray[np.float32]:
        return np.asarray(task.read_truth(data), dtype=np.float32)

    def losses(self, net: Any, raw: Tensor, targets: Tensor) -> Tensor:
        """Summed over the labels: the negative log-likelihood of a row's whole set of labels."""
        return nn.functional.binary_cross_entropy_with_logits(raw, targets, reduction="none").sum(dim=1)

    def shares(self, raw: Tensor) -> Tensor:
        return torch.stack([-raw.flatten(), raw.flatten()], dim=1).div(2).softmax(dim=-1)

    def scale(self, raw: NDArray[Any]) -> NDArray[Any]:
        return raw

    def outputs(self, model: Opened, rows: Sequence[NDArray[np.float32]], data: Dataset) -> dict[str, Any]:
        raw = np.stack(rows).astype(np.float64) if len(rows) else np.zeros((0, model.net.config.num_labels))
        scaled = (raw + model.calibration.get("offsets", 0.0)) / model.calibration.get("temperature", 1.0)
        probs = 0.5 * (1 + np.tanh(scaled / 2))  # the sigmoid, without overflow
        return {"probs": probs, "labels": (probs >= GIVEN).astype(np.int64)}
