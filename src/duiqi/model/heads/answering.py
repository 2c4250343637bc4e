"""Where in a passage the answer to a question stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from duiqi.core.dataset import Dataset
from duiqi.core.task import Task
from duiqi.model.heads.head import Head, Opened
from duiqi.model.tokens import NO_WORD, Encoded, Input, Passage, words_of

NOWHERE = -1e4  # the score of a token that is padding
LONGEST = 64  # tokens of an answer
APART = 3  # windows without an answer for each one that is trained on
KEPT = 20  # candidates of a window and of a row: what is behind them has no share to speak of
NONE = np.array([[NO_WORD, NO_WORD, 0.0]], dtype=np.float32)  # "the passage has no answer", against which spans count

Target = tuple[int, int] | None


class QuestionAnswering(Head):
    """transformers' own question answering models: every token gets a score as the first one of the answer and another
    as the last. The first token of all stands for "no answer here".

    A long passage is read in windows, in training too. The raw answer of a row is float[m, 3], its candidates: first
    character, end and log-odds against no answer in the same window. Windows are taken as chances of which at most one
    holds the answer, so that all candidates of a row share one distribution (after the shared normalisation of Clark &
    Gardner 2018, https://arxiv.org/abs/1710.10723).
    """

    name = "question_answering"
    auto = "AutoModelForQuestionAnswering"
    offers = frozenset({"text", "spans", "probs", "candidates", "embedding"})
    windows = True

    def inputs(self, data: Dataset) -> list[Input]:
        contexts = data.values("text_pair")
        return [Passage((text, context or "")) for text, context in zip(data.texts, contexts, strict=True)]

    def targets(self, task: Task, data: Dataset) -> list[Target]:
        """First character and end of the first answer of each row, or `None`."""
        return [(row[0]["start"], row[0]["start"] + len(row[0]["text"])) if row else None
                for row in data.values("label")]  # fmt: skip

    def worth(self, targets: Sequence[Target], encoded: Encoded) -> NDArray[np.int64]:
        """Windows with their answer, and of the others of each row one in `APART`: they say all the same."""
        kept, others = [], Counter[int]()
        for window, row in enumerate(encoded.rows.tolist()):
            which = np.array([window])
            words = words_of(encoded, which, torch.device("cpu"))
            if self.align(targets, encoded.rows[which], words)[0, 0] > 0:
                kept.append(window)
            else:
                if others[row] % APART == 0:
                    kept.append(window)
                others[row] += 1
        return np.array(kept, dtype=np.int64)

    def align(self, targets: Sequence[Target], rows: NDArray[np.int64], words: Tensor | None) -> Tensor:
        """First and last token of the answer, int[n, 2]; twice the first token of all where the window has it not
        whole."""
        assert words is not None
        places = words.cpu().numpy()
        aligned = np.zeros((len(rows), 2), dtype=np.int64)
        for at, row in enumerate(rows.tolist()):
            target = targets[row]
            if target is not None:
                first = np.flatnonzero((places[at, :, 0] <= target[0]) & (places[at, :, 1] > target[0]))
                last = np.flatnonzero((places[at, :, 0] < target[1]) & (places[at, :, 1] >= target[1]))
                if len(first) and len(last):
                    aligned[at] = first[0], last[0]
        return torch.from_numpy(aligned)

    def raw(self, net: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        """Scores of all tokens as first and last of the answer, float[n, t, 2]."""
        said = net(**inputs)
        scores = torch.stack([said.start_logits, said.end_logits], dim=2).float()
        return scores.masked_fill(~inputs["attention_mask"].bool().unsqueeze(2), NOWHERE)

    def losses(self, net: Any, raw: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(raw, targets, reduction="none").sum(dim=1)

    def shares(self, raw: Tensor) -> Tensor:
        return raw.softmax(dim=1).transpose(1, 2).flatten(0, 1)

    def rows(self, raw: Tensor, words: Tensor | None) -> list[NDArray[np.float32]]:
        """The candidates of every window, float[m, 3]."""
        assert words is not None
        scores, places = raw.cpu().numpy(), words.cpu().numpy()
        return [candidates(each, at) for each, at in zip(scores, places, strict=True)]

    def merge(
        self, rows: Sequence[NDArray[np.float32]], starts: NDArray[np.int64], sizes: Sequence[int]
    ) -> list[NDArray[np.float32]]:
        """The best candidates of each row; one that two windows have counts once, as the surer window says."""
        merged = []
        for begin, end in zip(starts, np.append(starts[1:], len(rows)), strict=True):
            found = np.concatenate(rows[begin:end])
            found = found[np.argsort(-found[:, 2], kind="stable")]
            _, first = np.unique(found[:, :2], axis=0, return_index=True)
            merged.append(found[np.sort(first)[:KEPT]])
        return merged

    def outputs(self, model: Opened, rows: Sequence[NDArray[np.float32]], data: Dataset) -> dict[str, Any]:
        """`text`, `spans` (first character and end, -1 for none), `probs` float[n, 2], how likely the answer is
        wrong and right, and `candidates`, how likely each text is the answer."""
        may_be_none, temperature = model.task.options["no_answer"], model.calibration.get("temperature", 1.0)
        found = [best(each, may_be_none) for each in rows]
        contexts = data.second_texts
        sure = calibrated(np.array([share for _, _, share in found], dtype=np.float64), temperature)
        return {
            "text": [context[max(a, 0) : max(b, 0)] for context, (a, b, _) in zip(contexts, found, strict=True)],
            "spans": [(a, b) for a, b, _ in found],
            "probs": np.stack([1 - sure, sure], axis=1),
            "candidates": [by_text(each, context, may_be_none, temperature)
                           for each, context in zip(rows, contexts, strict=True)],
        }  # fmt: skip


def candidates(scores: NDArray[np.float32], places: NDArray[np.int64]) -> NDArray[np.float32]:
    """The best spans of a window, float[m, 3], from scores float[t, 2] and places int[t, 2] of its tokens."""
    tokens = np.flatnonzero(places[:, 0] != NO_WORD)
    if not len(tokens):
        return np.zeros((0, 3), dtype=np.float32)
    first, last = scores[tokens, 0], scores[tokens, 1]
    longest = min(LONGEST, len(tokens))
    ends = np.lib.stride_tricks.sliding_window_view(np.pad(last, (0, longest - 1), constant_values=-np.inf), longest)
    totals = (first[:, None] + ends).ravel()
    top = np.argpartition(-totals, min(KEPT, len(totals) - 1))[:KEPT]
    top = top[np.isfinite(totals[top])]
    begin = top // longest
    found = np.stack([places[tokens[begin], 0], places[tokens[begin + top % longest], 1], totals[top]], axis=1)
    found[:, 2] -= scores[0].sum()
    return found.astype(np.float32)


def best(found: NDArray[np.float32], may_be_none: bool) -> tuple[int, int, float]:
    """First character and end of the likeliest candidate, and its share of all; (-1, -1, …) for no answer."""
    found, shares = _shares(found, may_be_none)
    at = int(shares.argmax())
    return int(found[at, 0]), int(found[at, 1]), float(shares[at])


def by_text(found: NDArray[np.float32], context: str, may_be_none: bool, temperature: float) -> list[tuple[str, float]]:
    """How likely each text is the answer wherever it stands, the likeliest first; "" is for no answer."""
    found, shares = _shares(found, may_be_none)
    total: dict[str, float] = {}
    for (begin, end), share in zip(found[:, :2].astype(int).tolist(), shares.tolist(), strict=True):
        text = context[max(begin, 0) : max(end, 0)]
        total[text] = total.get(text, 0.0) + share
    sure = calibrated(np.array(list(total.values())), temperature)
    return sorted(zip(total, sure.tolist(), strict=True), key=lambda each: -each[1])


def calibrated(share: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Shares whose log-odds are divided by the temperature."""
    share = share.clip(1e-9, 1 - 1e-9)
    odds = np.log(share / (1 - share)) / temperature
    return np.asarray(0.5 * (1 + np.tanh(odds / 2)))  # the sigmoid, without overflow


def _shares(found: NDArray[np.float32], may_be_none: bool) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The candidates, with that of no answer where it counts, and the share of each."""
    if may_be_none or not len(found):
        found = np.concatenate([NONE, found])
    odds = found[:, 2].astype(np.float64)
    shares = np.exp(odds - odds.max())
    return found, shares / shares.sum()
