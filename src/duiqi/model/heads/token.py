"""A tag for every word: transformers' own token classification models, read at the first piece of each word."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from duiqi.core.dataset import Dataset
from duiqi.core.spans import mended, tags_of
from duiqi.core.task import Task
from duiqi.model.heads.head import Head, Opened, log_softmax, misfit
from duiqi.model.heads.sequence import fit_last_layer, last_linear, load_with_labels, reorder
from duiqi.model.tokens import NO_WORD, Input, Words

IGNORED = -100  # the target of a token that is not the first piece of a word
SURE = 30.0  # log-odds of "outside" for a word that the tokenizer makes nothing of


class TokenClassification(Head):
    """Tags of words, each decided on its own. A raw answer is float[w, 1 + k] for the words of a sequence: the number
    of the word in its row, and its scores."""

    name = "token_classification"
    offers = frozenset({"tags", "probs", "embedding"})

    def load(self, path: str, task: Task, **options: Any) -> nn.Module:
        from transformers import AutoModelForTokenClassification

        return load_with_labels(AutoModelForTokenClassification, path, tags_of(task.labels), **options)

    def arrange(self, net: Any, task: Task) -> None:
        saved, wanted = [net.config.id2label[i] for i in range(len(net.config.id2label))], list(tags_of(task.labels))
        if sorted(saved) != sorted(wanted):
            raise misfit(saved, wanted)
        reorder(net, saved, wanted)

    def warm(
        self,
        net: nn.Module,
        batches: Iterable[tuple[Mapping[str, Tensor], Tensor | None]],
        targets: Sequence[NDArray[Any]],
        weights: NDArray[np.float32],
    ) -> None:
        read: list[Tensor] = []
        wanted: list[Tensor] = []
        counts: list[Tensor] = []
        hook = last_linear(net).register_forward_hook(lambda _module, given, _out: read.append(given[0].detach()))
        at = 0
        try:
            for inputs, words in batches:
                self.raw(net, inputs)
                rows = np.arange(at, at + len(inputs["input_ids"]))
                aligned = self.align(targets, rows, words)
                first = aligned != IGNORED
                read[-1] = read[-1].float().cpu()[first]
                wanted.append(aligned[first])
                counts.append(torch.from_numpy(weights[rows])[first.nonzero()[:, 0]])
                at += len(rows)
        finally:
            hook.remove()
        fit_last_layer(net, torch.cat(read).numpy(), torch.cat(wanted).numpy(), torch.cat(counts).numpy())

    def inputs(self, data: Dataset) -> list[Input]:
        return [Words(words) for words in data.values("tokens")]

    def targets(self, task: Task, data: Dataset) -> list[NDArray[np.int64]]:
        return [np.asarray(row, dtype=np.int64) for row in task.read_truth(data)]

    def align(self, targets: Sequence[NDArray[Any]], rows: NDArray[np.int64], words: Tensor | None) -> Tensor:
        """The tag of a word at its first piece, `IGNORED` everywhere else: int[n, t]."""
        assert words is not None
        words = words.cpu()
        first = _firsts(words)
        aligned = torch.full_like(words, IGNORED)
        for at, row in enumerate(rows.tolist()):
            here = first[at]
            if len(targets[row]):
                aligned[at, here] = torch.from_numpy(targets[row])[words[at, here]]
        return aligned

    def raw(self, net: Callable[..., Any], inputs: Mapping[str, Tensor]) -> Tensor:
        logits: Tensor = net(**inputs).logits
        return logits.float()

    def losses(self, net: Any, raw: Tensor, targets: Tensor) -> Tensor:
        """Summed over the words of a row and divided by their mean number, so that every word counts the same."""
        each = nn.functional.cross_entropy(raw.transpose(1, 2), targets, ignore_index=IGNORED, reduction="none")
        words = (targets != IGNORED).sum()
        return each.sum(dim=1) * len(targets) / words.clamp_min(1)

    def shares(self, raw: Tensor) -> Tensor:
        return raw.flatten(0, 1).softmax(dim=-1)

    def rows(self, raw: Tensor, words: Tensor | None) -> list[NDArray[np.float32]]:
        assert words is not None
        first = _firsts(words)
        return [
            torch.cat([words[i, first[i], None].float(), raw[i, first[i]].float()], dim=1).cpu().numpy()
            for i in range(len(raw))
        ]

    def merge(
        self, rows: Sequence[NDArray[np.float32]], starts: NDArray[np.int64], sizes: Sequence[int]
    ) -> list[NDArray[np.float32]]:
        """Scores of all words of each input, float[words, k]: of a word in two windows the mean log-probability;
        a word that was cut off, or that the tokenizer makes nothing of, is certainly outside."""
        merged = []
        for begin, end, size in zip(starts, np.append(starts[1:], len(rows)), sizes, strict=True):
            pieces = np.concatenate([_whole(rows, at, begin) for at in range(begin, end)])
            at, scores = pieces[:, 0].astype(np.int64), pieces[:, 1:]
            if end - begin > 1:
                scores = log_softmax(scores)
            total = np.zeros((size, scores.shape[1]), np.float32)
            np.add.at(total, at, scores)
            seen = np.bincount(at, minlength=size)
            total[seen > 1] /= seen[seen > 1, None]
            total[seen == 0, 0] = SURE
            merged.append(total)
        return merged

    def outputs(self, model: Opened, rows: Sequence[NDArray[np.float32]], data: Dataset) -> dict[str, Any]:
        offsets, temperature = model.calibration.get("offsets", 0.0), model.calibration.get("temperature", 1.0)
        probs = [np.exp(log_softmax((each.astype(np.float64) + offsets) / temperature)) for each in rows]
        return {"probs": probs, "tags": mended([each.argmax(axis=1) for each in probs])}


def _whole(rows: Sequence[NDArray[np.float32]], at: int, begin: int) -> NDArray[np.float32]:
    """The answers of a window without its first word where the window before has that too: it may begin inside it."""
    row = rows[at]
    again = at > begin and len(row) and row[0, 0] in rows[at - 1][:, 0]
    return row[1:] if again else row


def _firsts(words: Tensor) -> Tensor:
    """Which tokens are the first piece of a word, bool[n, t]."""
    before = nn.functional.pad(words[:, :-1], (1, 0), value=NO_WORD)
    return (words != NO_WORD) & (words != before)
