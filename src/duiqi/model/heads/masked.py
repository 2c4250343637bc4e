"""The hidden tokens of a text, from those around them: what a body is pre-trained with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError, ModelError
from duiqi.core.task import Task
from duiqi.model.folder import DECODERS, is_made_for
from duiqi.model.heads.head import Head
from duiqi.model.heads.writing import Reading
from duiqi.model.tokens import Input, Words


class MaskedLanguageModel(Head):
    """transformers' own masked language models. Reads rows of words (`tokens`), so that whole words can be hidden.

    A token's score for every entry of the vocabulary is its raw answer, float[tokens of the batch, v]. It offers no
    answers to rows: it is trained (`objective.masked`) for the sake of the body below it, and of what fills in words.
    """

    name = "masked_language_model"
    auto = "AutoModelForMaskedLM"

    def suited(self, config: Mapping[str, Any], task: Task) -> Head:
        """A decoder is pre-trained by reading on; an encoder-decoder by nothing that this version knows."""
        if config.get("is_encoder_decoder"):
            raise ModelError(
                "expected an encoder or a decoder to pre-train, given an encoder-decoder",
                hint="Train it on rows of its task: --with finetune.",
            )
        return Reading() if is_made_for(config, DECODERS) else self

    def inputs(self, data: Dataset) -> list[Input]:
        if not data.has("tokens"):
            raise DataError(
                f"expected rows that are given as words, given {data.name} without a column of tokens",
                hint="Divide the texts into words first: duiqi.data.words.packed(texts).",
            )
        return [Words(words) for words in data.values("tokens")]

    def targets(self, task: Task, data: Dataset) -> NDArray[np.int64]:
        """Nothing: what was hidden is the target."""
        return np.zeros(len(data), dtype=np.int64)

    def raw(self, net: Callable[..., Any], inputs: Mapping[str, Tensor]) -> Tensor:
        scores: Tensor = net(**inputs).logits
        return scores[inputs["attention_mask"].bool()].float()

    def scores(self, net: Any, inputs: Mapping[str, Tensor], at: Tensor) -> Tensor:
        """Scores float[m, v] of the tokens where `at` bool[n, t] is true.

        Of a text few tokens are hidden and the vocabulary is large: where what stands on the body is one module, it is
        run on these tokens alone.
        """
        inner = getattr(net, "module", net)
        above = [child for name, child in inner.named_children() if name != inner.base_model_prefix]
        if len(above) == 1:
            found: Tensor = above[0](inner.base_model(**inputs)[0][at])
            return found
        whole: Tensor = inner(**inputs).logits
        return whole[at]

    def losses(self, net: Any, raw: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(raw, targets, reduction="none")

    def rows(self, raw: Tensor, words: Tensor | None) -> list[NDArray[np.float32]]:
        raise NotImplementedError("a masked language model gives no answers to rows")


def filling() -> Task:
    """The task of pre-training. No part of the catalogue: it answers nothing to rows, and no bundle keeps it."""
    return Task(
        name="fill",
        head=MaskedLanguageModel.name,
        inputs=("tokens",),
        output="",
        metrics=(),
        primary="",
        read_truth=lambda data: np.zeros(len(data), dtype=np.int64),
    )
