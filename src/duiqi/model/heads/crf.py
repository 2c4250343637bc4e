"""A tag for every word, decided together with its neighbours: a conditional random field on token scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from duiqi.core.spans import tags_of
from duiqi.core.task import Task
from duiqi.model.crf import CRF, best, log_likelihood, marginals
from duiqi.model.heads.head import ON_TOP, load_on_top
from duiqi.model.heads.token import IGNORED, TokenClassification

ROWS = 64  # decoded at once, of like length


class ConditionalRandomField(TokenClassification):
    """Token classification whose tags are one sequence: what follows what counts too, and BIO is always whole.

    `probs` are the marginals of each word, `tags` the best sequence (Viterbi), which may differ from the best of each
    word. The transitions begin with how often tags follow each other in the training rows.
    """

    name = "crf"

    def load(self, path: str, task: Task, **options: Any) -> nn.Module:
        net = super().load(path, task, **options)
        net.add_module(ON_TOP, CRF(len(tags_of(task.labels))))
        load_on_top(net, path)
        return net

    def arrange(self, net: Any, task: Task) -> None:
        saved = [net.config.id2label[i] for i in range(len(net.config.id2label))]
        super().arrange(net, task)
        order = torch.tensor([saved.index(name) for name in tags_of(task.labels)])
        crf = getattr(net, ON_TOP)
        crf.transitions.data = crf.transitions.data[order][:, order]
        crf.first.data = crf.first.data[order]

    def warm(
        self,
        net: nn.Module,
        batches: Iterable[tuple[Mapping[str, Tensor], Tensor | None]],
        targets: Sequence[NDArray[Any]],
        weights: NDArray[np.float32],
    ) -> None:
        super().warm(net, batches, targets, weights)
        getattr(net, ON_TOP).set_from([torch.from_numpy(each) for each in targets])

    def losses(self, net: Any, raw: Tensor, targets: Tensor) -> Tensor:
        """Minus the log-likelihood of the tags of a row, divided by the mean number of words."""
        emissions, tags, mask = _words_first(raw, targets)
        there = mask.sum().clamp_min(1)
        crf = getattr(getattr(net, "module", net), ON_TOP)
        return -log_likelihood(emissions, tags, mask, *crf.scores()) * len(targets) / there

    def outputs(self, net: Any, rows: Sequence[NDArray[np.float32]], calibration: Mapping[str, Any]) -> dict[str, Any]:
        offsets, temperature = calibration.get("offsets", 0.0), calibration.get("temperature", 1.0)
        transitions, first = (each.detach().float().cpu() / temperature for each in getattr(net, ON_TOP).scores())
        probs: list[Any] = [None] * len(rows)
        tags: list[Any] = [None] * len(rows)
        order = np.argsort([len(each) for each in rows], kind="stable")
        for at in range(0, len(order), ROWS):
            which = order[at : at + ROWS]
            lengths = np.array([len(rows[i]) for i in which])
            mask = torch.from_numpy(np.arange(max(lengths.max(), 1))[None, :] < lengths[:, None])
            emissions = torch.zeros(*mask.shape, len(first))
            emissions[mask] = torch.from_numpy(
                np.concatenate([(rows[i] + offsets) / temperature for i in which])
            ).float()
            path, alone = best(emissions, mask, transitions, first), marginals(emissions, mask, transitions, first)
            for row, length, place in zip(which, lengths, range(len(which)), strict=True):
                tags[row], probs[row] = path[place, :length].numpy(), alone[place, :length].double().numpy()
        return {"probs": probs, "tags": tags}


def _words_first(raw: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scores float[n, w, k], tags int[n, w] and mask bool[n, w] of the words alone, moved to the front of each row."""
    here = targets != IGNORED
    words = max(int(here.sum(dim=1).max()), 1)
    order = torch.argsort((~here).int(), dim=1, stable=True)[:, :words]
    mask = here.gather(1, order)
    emissions = raw.gather(1, order.unsqueeze(2).expand(-1, -1, raw.shape[2]))
    return emissions, targets.gather(1, order).masked_fill(~mask, 0), mask
