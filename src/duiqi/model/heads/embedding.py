"""A vector for every text, so that what belongs together lies together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from duiqi.core.dataset import Dataset
from duiqi.core.errors import ModelError
from duiqi.core.ranking import Pool, documents_of
from duiqi.core.task import Task
from duiqi.model.heads.head import Head, Opened, log_softmax
from duiqi.model.tokens import Apart, Input

SHARPNESS = 20.0  # times which cosines become log-odds (a temperature of 0.05)


class Embedding(Head):
    """A bare body that reads queries and documents apart from each other (a bi-encoder): the mean of the last states
    over the tokens, at length 1.

    It learns from pairs: of all documents in a batch each query's own must lie nearest, and of all queries each
    document's own (in-batch negatives: Karpukhin et al. 2020, Dense passage retrieval, EMNLP,
    https://arxiv.org/abs/2004.04906). A document that is right for two queries of a batch is no negative of either. One
    that is right often comes as a negative as often; that is taken back, so that what is popular stays so (Yi et al.
    2019, Sampling-bias-corrected neural modeling for large corpus item recommendations, RecSys).
    """

    name = "embedding"
    auto = "AutoModel"
    offers = frozenset({"ranks", "text", "candidates", "similarity", "embedding"})

    def suited(self, config: Mapping[str, Any], task: Task) -> Head:
        if config.get("is_encoder_decoder"):
            raise ModelError(
                "expected an encoder or a decoder to rank with, given an encoder-decoder",
                hint="Take default, default-zh or another encoder.",
            )
        return self

    def inputs(self, data: Dataset) -> list[Input]:
        """The queries of all rows, then every document once."""
        return [(text,) for text in (*data.texts, *Pool.of(data).documents)]

    def examples(self, data: Dataset) -> list[Input]:
        return [Apart((text, found[0])) for text, found in zip(data.texts, documents_of(data), strict=True)]

    def targets(self, task: Task, data: Dataset) -> NDArray[np.int64]:
        """Of each row a number of the query and of the document, equal where texts are, and how many rows have that
        document: int[n, 3]."""
        names: dict[str, int] = {}
        documents = [found[0] for found in documents_of(data)]
        often = Counter(documents)
        rows = [
            [names.setdefault(text, len(names)), names.setdefault(found, len(names)), often[found]]
            for text, found in zip(data.texts, documents, strict=True)
        ]
        return np.array(rows, dtype=np.int64).reshape(-1, 3)

    def raw(self, net: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        """Vectors of length 1, float[n, d], or of pairs float[n, 2, d]."""
        pairs = inputs["attention_mask"].ndim == 3
        flat = {name: each.flatten(0, 1) if pairs else each for name, each in inputs.items()}
        states = net(**flat)[0].float()
        mask = flat["attention_mask"].unsqueeze(-1).float()
        vectors = nn.functional.normalize((states * mask).sum(dim=1) / mask.sum(dim=1).clamp_min(1), dim=-1)
        return vectors.unflatten(0, inputs["attention_mask"].shape[:-1])

    def losses(self, net: Any, raw: Tensor, targets: Tensor) -> Tensor:
        """Minus the log-share of a row's own partner among all in the batch, the mean of both directions."""
        odds = SHARPNESS * raw[:, 0] @ raw[:, 1].T - targets[:, 2].log()
        same = (targets[:, None, :2] == targets[None, :, :2]).any(dim=2) & ~torch.eye(
            len(raw), dtype=torch.bool, device=raw.device
        )
        odds = odds.masked_fill(same, -torch.inf)
        own = torch.arange(len(raw), device=raw.device)
        found = [nn.functional.cross_entropy(each, own, reduction="none") for each in (odds, odds.T)]
        return (found[0] + found[1]) / 2

    def shares(self, raw: Tensor) -> Tensor:
        return (SHARPNESS * raw[:, 0] @ raw[:, 1].T).softmax(dim=-1)

    def rows(self, raw: Tensor, words: Tensor | None) -> list[NDArray[np.float32]]:
        return list(raw.cpu().numpy())

    def merge(
        self, rows: Sequence[NDArray[np.float32]], starts: NDArray[np.int64], sizes: Sequence[int]
    ) -> list[NDArray[np.float32]]:
        """The mean direction of the windows."""
        sums = np.add.reduceat(np.stack(rows), starts, axis=0)
        return list(sums / np.linalg.norm(sums, axis=1, keepdims=True).clip(1e-12))

    def outputs(self, model: Opened, rows: Sequence[NDArray[np.float32]], data: Dataset) -> dict[str, Any]:
        vectors = np.stack(rows)
        queries, documents = vectors[: len(data)], vectors[len(data) :]
        return Pool.of(data).answers(lambda rows: queries[rows] @ documents.T)

    def compared(self, model: Opened, rows: Sequence[NDArray[np.float32]], data: Dataset) -> NDArray[np.float64]:
        vectors = np.stack(rows).astype(np.float64)
        shares: NDArray[np.float64] = np.exp(log_softmax(SHARPNESS * vectors[: len(data)] @ vectors[len(data) :].T))
        return shares
