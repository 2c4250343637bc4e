"""A number for every input."""

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
from duiqi.model.heads.sequence import SequenceClassification, last_linear, load_with_labels

PENALTY = 10.0  # of a head's first fit: ridge regression on what the last layer reads


class Regression(SequenceClassification):
    """transformers' own sequence classification models with one output, in standard deviations from the mean of the
    training rows; the two numbers stand in config.json as `regression`."""

    name = "regression"
    offers = frozenset({"scores", "embedding"})
    problem = "regression"

    def load(self, path: str, task: Task, **options: Any) -> nn.Module:
        from transformers import AutoModelForSequenceClassification

        net: Any = load_with_labels(AutoModelForSequenceClassification, path, ("score",), **options)
        net.config.problem_type = self.problem
        if options["fresh"]:
            net.config.regression = {"mean": task.options["mean"], "scale": task.options["scale"]}
        made: nn.Module = net
        return made

    def arrange(self, net: Any, task: Task) -> None:
        return

    def fit_last(self, net: nn.Module, features: NDArray[Any], targets: NDArray[Any], weights: NDArray[Any]) -> None:
        from sklearn.linear_model import Ridge

        last = last_linear(net)
        if not np.isfinite(features).all():
            return
        fitted = Ridge(alpha=PENALTY).fit(features, targets, sample_weight=weights)
        with torch.no_grad():
            last.weight[0] = torch.from_numpy(fitted.coef_).to(last.weight)
            if last.bias is not None:
                last.bias[0] = float(fitted.intercept_)

    def targets(self, task: Task, data: Dataset) -> NDArray[np.float32]:
        standard = (task.read_truth(data) - task.options["mean"]) / task.options["scale"]
        return np.asarray(standard, dtype=np.float32)

    def losses(self, net: Any, raw: Tensor, targets: Tensor) -> Tensor:
        """Half the squared error: the negative log-likelihood of a normal spread of one standard deviation, but for a
        constant."""
        return 0.5 * (raw.squeeze(1) - targets) ** 2

    def shares(self, raw: Tensor) -> Tensor:
        return raw

    def scale(self, raw: NDArray[Any]) -> NDArray[Any]:
        return raw

    def outputs(self, model: Opened, rows: Sequence[NDArray[np.float32]], data: Dataset) -> dict[str, Any]:
        unit = getattr(model.net.config, "regression", {"mean": 0.0, "scale": 1.0})
        raw = np.array([float(each[0]) for each in rows], dtype=np.float64)
        return {"scores": raw * unit["scale"] + unit["mean"]}
