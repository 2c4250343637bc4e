"""One class for two marked parts of a text, read at the marks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from duiqi.core.dataset import Dataset
from duiqi.core.task import Task
from duiqi.model.heads.head import ON_TOP, load_on_top
from duiqi.model.heads.sequence import SequenceClassification
from duiqi.model.tokens import Input, MarkedText

HIDDEN = 256


class Beside(nn.Module):
    """Scores from the states of both marks, added to the classifier's own; they begin at 0."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.mix = nn.Linear(2 * width, HIDDEN)
        self.drop = nn.Dropout(0.1)
        self.score = nn.Linear(HIDDEN, classes)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def forward(self, states: Tensor, marks: Tensor) -> Tensor:
        """float[n, k] from the states float[n, t, d] of all tokens and the marks int[n, t], 1 or 2 where a part
        begins; a mark that was cut off counts as zeros."""
        read = [(states * (marks == side).unsqueeze(-1).to(states)).sum(dim=1) for side in (1, 2)]
        scores: Tensor = self.score(self.drop(nn.functional.gelu(self.mix(torch.cat(read, dim=1)))))
        return scores


class MarkedClassification(SequenceClassification):
    """Sequence classification that also reads the states where two parts of the text begin (entity start, Baldini
    Soares et al. 2019, https://arxiv.org/abs/1906.03158). The body is plain; what reads the marks stands on top."""

    name = "marked_classification"

    def load(self, path: str, task: Task, **options: Any) -> nn.Module:
        net: Any = super().load(path, task, **options)
        net.add_module(ON_TOP, Beside(net.config.hidden_size, len(task.labels)))
        load_on_top(net, path)
        made: nn.Module = net
        return made

    def arrange(self, net: Any, task: Task) -> None:
        saved = [net.config.id2label[i] for i in range(len(net.config.id2label))]
        super().arrange(net, task)
        order = torch.tensor([saved.index(label) for label in task.labels])
        for parameter in getattr(net, ON_TOP).score.parameters():
            parameter.data = parameter.data[order]

    def inputs(self, data: Dataset) -> list[Input]:
        return [MarkedText.of(text, spans) for text, spans in zip(data.texts, data.values("spans"), strict=True)]

    def raw(self, net: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        given = {name: each for name, each in inputs.items() if name != "shapes"}
        inner = getattr(net, "module", net)
        read: list[Tensor] = []
        hook = inner.base_model.register_forward_hook(lambda _module, _given, out: read.append(out[0]))
        try:
            logits: Tensor = inner(**given).logits
        finally:
            hook.remove()
        beside: Tensor = getattr(inner, ON_TOP)(read[0], inputs["shapes"])
        return logits.float() + beside.float()
