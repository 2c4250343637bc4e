"""A tag for every word, decided together with its neighbours: a conditional random field on token scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from duiqi.core.dataset import Dataset
from duiqi.core.spans import tags_of
from duiqi.core.task import Task
from duiqi.model.crf import CRF, best, log_likelihood, marginals
from duiqi.model.heads.head import ON_TOP, Opened, load_on_top
from duiqi.model.heads.sequence import last_linear_name
from duiqi.model.heads.token import IGNORED, TokenClassification
from duiqi.model.tokens import SHAPES, Input, ShapedWords

SHAPE_WIDTH, HIDDEN = 16, 128
ROWS = 64  # decoded at once, of like length


class Top(nn.Module):
    """What stands on a standard token classifier: how words are written, with an LSTM over the sentence if asked, as
    scores beside the classifier's own; and what follows what.

    The scores begin at 0, so that the network begins as the classifier that was fitted to the body.
    """

    def __init__(self, width: int, tags: int, beside: str, *, recurrent: bool) -> None:
        super().__init__()
        self.beside = beside  # the name of the classifier, whose states are read
        self.shapes = nn.Embedding(SHAPES, SHAPE_WIDTH)
        read = width + 3 * SHAPE_WIDTH
        self.lstm = nn.LSTM(read, HIDDEN // 2, bidirectional=True, batch_first=True) if recurrent else None
        self.mix = nn.Linear(HIDDEN if recurrent else read, HIDDEN)
        self.drop = nn.Dropout(0.1)
        self.score = nn.Linear(HIDDEN, tags)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)
        self.crf = CRF(tags)

    def forward(self, states: Tensor, shapes: Tensor, lengths: Tensor) -> Tensor:
        """Scores float[n, t, k] of tokens from their states float[n, t, d], and the shapes of their words and those of
        the tokens beside them."""
        there = torch.arange(shapes.shape[1], device=shapes.device) < lengths.to(shapes.device)[:, None]
        own = self.shapes(shapes) * there.unsqueeze(2)  # padding is as nothing, so that no answer hangs on its batch
        beside = [nn.functional.pad(own, (0, 0, 1, 0))[:, :-1], nn.functional.pad(own, (0, 0, 0, 1))[:, 1:]]
        read = torch.cat([states, own, *beside], dim=2)
        if self.lstm is not None:
            packed = nn.utils.rnn.pack_padded_sequence(read, lengths.cpu(), batch_first=True, enforce_sorted=False)
            read, _ = nn.utils.rnn.pad_packed_sequence(
                self.lstm(packed)[0], batch_first=True, total_length=read.shape[1]
            )
        scores: Tensor = self.score(self.drop(nn.functional.gelu(self.mix(read))))
        return scores


class ConditionalRandomField(TokenClassification):
    """Token classification whose tags are one sequence: what follows what counts too, and BIO is always whole.

    The head is told how words are written (capitals, digits), which an uncased body does not see. `probs` are the
    marginals of each word, `tags` the best sequence (Viterbi), which may differ from the best of each word. The
    transitions begin with how often tags follow each other in the training rows.
    """

    name = "crf"
    recurrent = False

    def inputs(self, data: Dataset) -> list[Input]:
        return [ShapedWords(words) for words in data.values("tokens")]

    def raw(self, net: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        given = {name: each for name, each in inputs.items() if name != "shapes"}
        inner = getattr(net, "module", net)
        read: list[Tensor] = []
        classifier = inner.get_submodule(getattr(inner, ON_TOP).beside)
        hook = classifier.register_forward_hook(lambda _module, states, _out: read.append(states[0]))
        try:
            logits: Tensor = inner(**given).logits
        finally:
            hook.remove()
        top: Tensor = getattr(inner, ON_TOP)(read[0], inputs["shapes"], given["attention_mask"].sum(dim=1))
        return logits.float() + top.float()

    def load(self, path: str, task: Task, **options: Any) -> nn.Module:
        net: Any = super().load(path, task, **options)
        top = Top(net.config.hidden_size, len(tags_of(task.labels)), last_linear_name(net), recurrent=self.recurrent)
        net.add_module(ON_TOP, top)
        load_on_top(net, path)
        made: nn.Module = net
        return made

    def arrange(self, net: Any, task: Task) -> None:
        saved = [net.config.id2label[i] for i in range(len(net.config.id2label))]
        super().arrange(net, task)
        order = torch.tensor([saved.index(name) for name in tags_of(task.labels)])
        top = getattr(net, ON_TOP)
        top.crf.transitions.data = top.crf.transitions.data[order][:, order]
        top.crf.first.data = top.crf.first.data[order]
        for parameter in top.score.parameters():
            parameter.data = parameter.data[order]

    def warm(
        self,
        net: nn.Module,
        batches: Iterable[tuple[Mapping[str, Tensor], Tensor | None]],
        targets: Sequence[NDArray[Any]],
        weights: NDArray[np.float32],
    ) -> None:
        super().warm(net, batches, targets, weights)
        getattr(net, ON_TOP).crf.set_from([torch.from_numpy(each) for each in targets])

    def losses(self, net: Any, raw: Tensor, targets: Tensor) -> Tensor:
        """Minus the log-likelihood of the tags of a row, divided by the mean number of words."""
        emissions, tags, mask = _words_first(raw, targets)
        there = mask.sum().clamp_min(1)
        crf = getattr(getattr(net, "module", net), ON_TOP).crf
        return -log_likelihood(emissions, tags, mask, *crf.scores()) * len(targets) / there

    def outputs(self, model: Opened, rows: Sequence[NDArray[np.float32]], data: Dataset) -> dict[str, Any]:
        offsets, temperature = model.calibration.get("offsets", 0.0), model.calibration.get("temperature", 1.0)
        transitions, first = (
            each.detach().float().cpu() / temperature for each in getattr(model.net, ON_TOP).crf.scores()
        )
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


class RecurrentField(ConditionalRandomField):
    """The same with an LSTM that reads the sentence both ways below the scores (Huang, Xu & Yu 2015, Bidirectional
    LSTM-CRF models for sequence tagging, https://arxiv.org/abs/1508.01991)."""

    name = "bilstm_crf"
    recurrent = True


def _words_first(raw: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scores float[n, w, k], tags int[n, w] and mask bool[n, w] of the words alone, moved to the front of each row."""
    here = targets != IGNORED
    words = max(int(here.sum(dim=1).max()), 1)
    order = torch.argsort((~here).int(), dim=1, stable=True)[:, :words]
    mask = here.gather(1, order)
    emissions = raw.gather(1, order.unsqueeze(2).expand(-1, -1, raw.shape[2]))
    return emissions, targets.gather(1, order).masked_fill(~mask, 0), mask
