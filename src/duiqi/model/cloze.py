"""How likely texts are to a model, whatever it was opened for: as its checkpoint was pre-trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from duiqi.core.dataset import Dataset
from duiqi.core.errors import DataError
from duiqi.core.part import Catalogue
from duiqi.core.predictions import Predictions, Predictor
from duiqi.core.task import Task
from duiqi.model import folder as on_disk
from duiqi.model.filling_in import HEADS
from duiqi.model.heads import MaskedLanguageModel, filling
from duiqi.model.open import READY, Model, open_model
from duiqi.model.quiet import quiet

TOKENS_PER_BATCH = 2048


def likelihoods_of(predictor: Predictor) -> Predictor:
    """The model as one that offers `loglik` and `tokens`: itself, else what its own folder was pre-trained for, a model
    that goes on with texts or one that fills gaps (`Cloze`). `DataError` for a model that is neither, such as an
    encoder that was trained to classify and has lost its head for words."""
    if "loglik" in predictor.offers:
        return predictor
    bundle = getattr(predictor, "bundle", None)
    if isinstance(predictor, Model) and bundle is not None and bundle.adapter is None:
        said = on_disk.config(bundle.path)
        if on_disk.is_made_for(said, READY["generate"]):
            return open_model(bundle, Catalogue.installed().task("generate"), device=predictor.device)
        if on_disk.is_made_for(said, HEADS):
            return Cloze(open_model(bundle, filling(), device=predictor.device))
    raise DataError(
        f"expected a model that says how likely texts are (one that writes, or fills gaps), or one that chooses, given "
        f"{predictor.name}, which does not",
        hint="An encoder that was trained for a task has lost its head for words: ask the one it was made from, such "
        "as default-zh.",
    )


@dataclass(frozen=True, eq=False)
class Cloze:
    """A masked language model that says how likely the spans of texts are, each in the rest of its text.

    A span is read from left to right: each of its pieces is hidden together with those that follow it, so that no piece
    is told by its own other half (PLL-word-l2r of Kauf and Ivanova, 2023, https://aclanthology.org/2023.acl-short.80/,
    with the span in place of the word).
    """

    model: Model
    offers: frozenset[str] = field(default=frozenset({"loglik", "tokens"}))

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def fingerprint(self) -> str:
        return self.model.fingerprint

    @property
    def task(self) -> Task:
        return self.model.task

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """`loglik` of the first span of every label, given the rest of it, and its number of `tokens`."""
        spans = [(int(row[0][0]), int(row[0][1])) for row in data.values("spans")]
        wanted, tokens = self._wanted(data.values("label"), spans)
        loglik = np.zeros(len(data))
        for row, score in self._scored(wanted):
            loglik[row] += score
        columns: Mapping[str, Any] = {"loglik": loglik, "tokens": tokens}
        return Predictions(data.row_ids, {name: columns[name] for name in outputs})

    def _wanted(
        self, texts: Sequence[str], spans: Sequence[tuple[int, int]]
    ) -> tuple[dict[tuple[tuple[int, ...], int], list[tuple[int, int]]], np.ndarray]:
        """(pieces with what is hidden, the place asked about) → (row, the piece that stands there); equal ones once."""
        tokenizer = self.model.tokenizer
        with quiet():
            given = tokenizer(list(texts), return_offsets_mapping=True, return_special_tokens_mask=True)
        wanted: dict[tuple[tuple[int, ...], int], list[tuple[int, int]]] = {}
        tokens = np.zeros(len(texts), dtype=np.int64)
        for row, (start, end) in enumerate(spans):
            ids, special = given["input_ids"][row], given["special_tokens_mask"][row]
            at = [
                n for n, (a, b) in enumerate(given["offset_mapping"][row]) if a < end and b > start and not special[n]
            ]
            if not at or len(ids) > self.model.max_tokens:
                raise DataError(
                    f"expected sentences of at most {self.model.max_tokens} tokens, given {texts[row][:60]!r} … with "
                    f"{len(ids)}",
                    hint="Make the definition or object shorter.",
                )
            tokens[row] = len(at)
            for n, place in enumerate(at):
                hidden = list(ids)
                for later in at[n:]:
                    hidden[later] = tokenizer.mask_token_id
                wanted.setdefault((tuple(hidden), place), []).append((row, ids[place]))
        return wanted, tokens

    @torch.inference_mode()
    def _scored(
        self, wanted: Mapping[tuple[tuple[int, ...], int], list[tuple[int, int]]]
    ) -> Iterator[tuple[int, float]]:
        """(row, log-probability of one of its pieces)."""
        head, net, device = self.model.head, self.model.net, torch.device(self.model.device)
        assert isinstance(head, MaskedLanguageModel)
        for keys in _batches(sorted(wanted, key=lambda key: (len(key[0]), key))):
            width = max(len(ids) for ids, _ in keys)
            ids = torch.full((len(keys), width), int(self.model.tokenizer.pad_token_id))
            mask, at = torch.zeros(len(keys), width, dtype=torch.long), torch.zeros(len(keys), width, dtype=torch.bool)
            for n, (pieces, place) in enumerate(keys):
                ids[n, : len(pieces)] = torch.tensor(pieces)
                mask[n, : len(pieces)] = 1
                at[n, place] = True
            inputs = {"input_ids": ids.to(device), "attention_mask": mask.to(device)}
            scores = head.scores(net, inputs, at.to(device)).float().log_softmax(dim=-1).cpu().numpy()
            for key, line in zip(keys, scores, strict=True):
                yield from ((row, float(line[piece])) for row, piece in wanted[key])


def _batches(keys: Sequence[tuple[tuple[int, ...], int]]) -> Iterator[list[tuple[tuple[int, ...], int]]]:
    """Runs of keys, shortest first, of about so many tokens with their padding."""
    batch: list[tuple[tuple[int, ...], int]] = []
    for key in keys:
        if batch and (len(batch) + 1) * len(key[0]) > TOKENS_PER_BATCH:
            yield batch
            batch = []
        batch.append(key)
    if batch:
        yield batch
