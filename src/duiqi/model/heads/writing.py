"""Texts: what a decoder goes on with, and what an encoder-decoder makes of a source."""

from __future__ import annotations

import copy
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from duiqi.core.dataset import Dataset
from duiqi.core.errors import ModelError
from duiqi.core.seed import derive
from duiqi.core.slice import CJK
from duiqi.core.task import Task
from duiqi.core.texts import references_of
from duiqi.model.folder import DECODERS, is_made_for
from duiqi.model.heads.head import Head, Opened
from duiqi.model.quiet import quiet
from duiqi.model.tokens import Encoded, Input, by_length, collate, encode
from duiqi.model.written import Prompted, Translated, Whole, end_of_turn

TOKENS_SCORED = 4096  # of a batch whose references are scored
BETWEEN = -1  # stands between the tokens of two answers to one row
SPECIAL = (
    *("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id", "forced_bos_token_id"),
    *("forced_eos_token_id", "suppress_tokens", "begin_suppress_tokens", "bad_words_ids"),
)
_BLANK_BETWEEN = re.compile(rf"(?<=[{CJK}，。！？、：；]) (?=[{CJK}，。！？、：；])")


class LanguageModel(Head):
    """Models that write. Which kind of them is known where the model is opened (`suited`).

    What is learned is the answer alone: tokens of the prompt have no loss, and every token of an answer counts the
    same. A raw answer in training is float[n, t, 2]: the log-probability of every token, and whether it counts. A raw
    answer to a row is the tokens that were written, of several answers one after the other with `BETWEEN` between.
    """

    name = "language_model"
    offers = frozenset({"text", "samples", "loglik", "tokens"})
    writes = True

    def load(self, path: str, task: Task, **options: Any) -> nn.Module:
        return decoding(super().load(path, task, **options), task)

    def suited(self, config: Mapping[str, Any], task: Task) -> Head:
        if config.get("is_encoder_decoder"):
            return EncoderDecoder()
        if is_made_for(config, DECODERS):
            return Decoder(int(task.options["longest"]))
        raise ModelError(
            f"expected a model that writes (…ForCausalLM, …ForConditionalGeneration), given "
            f"{', '.join(config.get('architectures') or ['one without a name'])}",
            hint="An encoder answers by classes, tags, numbers, spans of a passage or ranks: --task classify, tag, "
            "regress, extract, rank.",
        )

    def settle(self, net: Any, tokenizer: Any) -> None:
        """Let what ends an answer in training end it in writing, too."""
        ends = ends_of(net) | end_of_turn(tokenizer) | {tokenizer.eos_token_id} - {None}
        net.generation_config.eos_token_id = sorted(ends)
        net.generation_config.pad_token_id = tokenizer.pad_token_id

    def notes(self, task: Task, encoded: Encoded) -> list[dict[str, Any]]:
        """How many answers to be learned are longer than what is written at most."""
        assert encoded.shapes is not None
        counts = np.concatenate([[0], np.cumsum(encoded.shapes > 0)])
        longer = int((np.diff(counts[encoded.starts]) > task.options["longest"]).sum())
        return [{"code": "answers_longer", "rows": longer, "tokens": task.options["longest"]}] if longer else []

    def targets(self, task: Task, data: Dataset) -> NDArray[np.int64]:
        """Nothing: the tokens themselves are the targets."""
        return np.zeros(len(data), dtype=np.int64)

    def losses(self, net: Any, raw: Tensor, targets: Tensor) -> Tensor:
        """Summed over the tokens of a row and divided by their mean number, so that every token counts the same."""
        return -(raw[..., 0] * raw[..., 1]).sum(dim=1) * len(raw) / raw[..., 1].sum().clamp_min(1)

    def shares(self, raw: Tensor) -> Tensor:
        share = raw[..., 0][raw[..., 1] > 0].exp()
        return torch.stack([1 - share, share], dim=1)

    def outputs(self, model: Opened, rows: Sequence[NDArray[np.float32]], data: Dataset) -> dict[str, Any]:
        told = [[part[part != BETWEEN].astype(np.int64) for part in np.split(each, np.flatnonzero(each == BETWEEN))]
                for each in rows]  # fmt: skip
        ids = [part.tolist() for each in told for part in each]
        texts = model.tokenizer.batch_decode(ids, skip_special_tokens=True) if ids else []
        clean = (_BLANK_BETWEEN.sub("", text).strip() for text in texts)
        samples = [[next(clean) for _ in each] for each in told]
        return {"text": [each[0] for each in samples], "samples": samples}

    def copies(self, net: Any) -> int:
        return int(net.generation_config.num_return_sequences)

    def drawing(self, net: Any, task: Task) -> nn.Module:
        return decoding(copy.copy(net), task)  # parameters and modules are the same ones

    @torch.inference_mode()
    def scored(self, model: Any, data: Dataset) -> dict[str, Any]:
        """`loglik` of the first reference of every row, given its input, and its number of `tokens`."""
        with quiet():
            encoded = encode(model.tokenizer, self.examples(data), model.max_tokens, windows=False)
        if cut := int(encoded.cut.sum()):
            model.recorded.setdefault(("cut", data.name), {"code": "cut", "data": data.name, "rows": cut})
        loglik, tokens = np.zeros(len(data)), np.zeros(len(data), dtype=np.int64)
        for which in by_length(encoded.lengths, TOKENS_SCORED):
            batch = collate(encoded, which, model.tokenizer.pad_token_id, torch.device(model.device))
            raw = self.raw(model.net, batch).double().cpu().numpy()
            loglik[which], tokens[which] = (raw[..., 0] * raw[..., 1]).sum(axis=1), raw[..., 1].sum(axis=1)
        return {"loglik": loglik, "tokens": tokens}


class Decoder(LanguageModel):
    """A causal language model: reads a prompt and goes on, with `room` tokens kept free for what it writes."""

    auto = "AutoModelForCausalLM"

    def __init__(self, room: int = 1 << 20) -> None:
        self.room = room

    def inputs(self, data: Dataset) -> list[Input]:
        return [Prompted.of(each, self.room) for each in zip(data.second_texts, data.texts, strict=True)]

    def examples(self, data: Dataset) -> list[Input]:
        rows = zip(data.second_texts, data.texts, first_references(data), strict=True)
        return [Prompted.of(each, self.room) for each in rows]

    def raw(self, net: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        given = {name: each for name, each in inputs.items() if name not in ("shapes", "token_type_ids")}
        return token_scores(net(**given).logits[:, :-1], inputs["shapes"][:, 1:])

    def answers(self, net: Any, inputs: Mapping[str, Tensor], words: Tensor | None) -> list[NDArray[np.float32]]:
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        gap = mask.shape[1] - mask.sum(dim=1, keepdim=True)  # generation goes on from the right: padding moves left
        at = (torch.arange(mask.shape[1], device=mask.device) - gap) % mask.shape[1]
        ids, mask = ids.gather(1, at), mask.gather(1, at)
        written = _generated(net, input_ids=ids, attention_mask=mask, **_read_once(net, ids, mask))
        return _without_end(net, written[:, ids.shape[1] :])


class EncoderDecoder(LanguageModel):
    """An encoder-decoder: reads a source and writes for it."""

    auto = "AutoModelForSeq2SeqLM"

    def inputs(self, data: Dataset) -> list[Input]:
        return [Translated((source,)) for source in _sources(data)]

    def examples(self, data: Dataset) -> list[Input]:
        return [Translated(each) for each in zip(_sources(data), first_references(data), strict=True)]

    def raw(self, net: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        mask, wanted = inputs["attention_mask"], inputs["shapes"][:, 1]
        width, written = int(mask[:, 0].sum(dim=1).max()), int(mask[:, 1].sum(dim=1).max())
        name = "inputs_embeds" if "inputs_embeds" in inputs else "input_ids"
        wanted = wanted[:, :written]
        labels = torch.where(wanted > 0, wanted - 1, torch.full_like(wanted, -100))
        said = net(**{name: inputs[name][:, 0, :width]}, attention_mask=mask[:, 0, :width], labels=labels)
        return token_scores(said.logits, wanted)

    def answers(self, net: Any, inputs: Mapping[str, Tensor], words: Tensor | None) -> list[NDArray[np.float32]]:
        given = {"input_ids": inputs["input_ids"], "attention_mask": inputs["attention_mask"]}
        return _without_end(net, _generated(net, **given)[:, 1:])


class Reading(Decoder):
    """A decoder that reads on: every token of a text is learned from those before it. Answers nothing to rows."""

    name = "reading"
    offers: frozenset[str] = frozenset()

    def load(self, path: str, task: Task, **options: Any) -> nn.Module:
        return Head.load(self, path, task, **options)  # it writes nothing

    def drawing(self, net: Any, task: Task) -> nn.Module:
        return Head.drawing(self, net, task)

    def examples(self, data: Dataset) -> list[Input]:
        return [Whole((text,)) for text in data.texts]

    def notes(self, task: Task, encoded: Encoded) -> list[dict[str, Any]]:
        return []


def token_scores(logits: Tensor, wanted: Tensor) -> Tensor:
    """Log-probabilities of the wanted tokens and whether they count, float[n, t, 2], from logits float[n, t, v] and
    the tokens' numbers and one, 0 for those that do not count."""
    counts = wanted > 0
    chosen = logits[counts].float().log_softmax(dim=-1).gather(1, (wanted[counts] - 1).unsqueeze(1)).squeeze(1)
    scores = torch.zeros(wanted.shape, dtype=torch.float32, device=logits.device).masked_scatter(counts, chosen)
    return torch.stack([scores, counts.float()], dim=2)


def decoding(net: Any, task: Task) -> nn.Module:
    """The network with the task's way to write as its own: of the checkpoint's only the special tokens stay."""
    from transformers import GenerationConfig

    options, own = task.options, net.generation_config
    plan = GenerationConfig(**{name: getattr(own, name, None) for name in SPECIAL})
    room = int(getattr(net.config, "max_position_embeddings", None) or 1 << 20)
    plan.max_new_tokens, plan.max_length = min(int(options["longest"]), max(1, room // 2)), None
    plan.num_beams, plan.no_repeat_ngram_size = int(options["beams"]), int(options["no_repeat"])
    if plan.num_beams > 1:
        plan.length_penalty = float(options["length_penalty"])
    if options["temperature"] > 0:
        plan.do_sample, plan.temperature = True, float(options["temperature"])
        plan.top_p, plan.top_k = float(options["top_p"]), 0
    plan.num_return_sequences = int(options.get("samples", 1))
    if plan.eos_token_id is None:
        plan.eos_token_id = net.config.eos_token_id
    net.generation_config, net.draw = plan, int(options["draw"])
    made: nn.Module = net
    return made


def first_references(data: Dataset) -> list[str]:
    """The first reference of every row."""
    return [row[0] if row else "" for row in references_of(data)]


def _sources(data: Dataset) -> list[str]:
    return ["\n".join(filter(None, each)) for each in zip(data.second_texts, data.texts, strict=True)]


def ends_of(net: Any) -> set[int]:
    """The tokens that end a text."""
    ends = net.generation_config.eos_token_id
    return {*(ends if isinstance(ends, list) else [ends])} - {None}


def _read_once(net: Any, ids: Tensor, mask: Tensor) -> dict[str, Any]:
    """Where several answers are drawn to a prompt, its states but for the last token, computed once for all of them;
    nothing of a network that keeps no such states."""
    samples = net.generation_config.num_return_sequences
    if samples == 1 or ids.shape[1] < 2:
        return {}
    with _draws_of(net.draw):
        begun = net.generate(
            input_ids=ids[:, :-1], attention_mask=mask[:, :-1], max_new_tokens=1, num_return_sequences=1,
            do_sample=True, return_dict_in_generate=True,
        )  # fmt: skip
    states = getattr(begun, "past_key_values", None)
    if states is None or not hasattr(states, "batch_repeat_interleave"):
        return {}
    states.batch_repeat_interleave(samples)
    return {"past_key_values": states}


def _generated(net: Any, **given: Tensor) -> Tensor:
    """What the network writes; where tokens are drawn, the same for the same batch and draw each time, and other ones
    for another batch: rows that stand at one place of two batches have nothing in common."""
    if not net.generation_config.do_sample:
        return cast("Tensor", net.generate(**given))
    with _draws_of(derive(net.draw, given["input_ids"].cpu().numpy().tobytes().hex())):
        return cast("Tensor", net.generate(**given))


_GENERATOR = threading.Lock()  # torch has one generator, whichever thread draws from it


@contextmanager
def _draws_of(seed: int) -> Iterator[None]:
    """What is drawn inside hangs on the seed alone, whatever other threads write, and what others draw afterwards does
    not hang on it."""
    with _GENERATOR, torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def _without_end(net: Any, written: Tensor) -> list[NDArray[np.float32]]:
    """What was written for each row, up to its end of text; several answers one after the other."""
    ends, samples = ends_of(net), net.generation_config.num_return_sequences
    rows = []
    for ids in written.tolist():
        stop = next((at for at, token in enumerate(ids) if token in ends), len(ids))
        rows.append(ids[:stop])
    return [_one_after_the_other(rows[at : at + samples]) for at in range(0, len(rows), samples)]


def _one_after_the_other(answers: Sequence[list[int]]) -> NDArray[np.float32]:
    first, *others = answers
    return np.array([*first, *(token for each in others for token in (BETWEEN, *each))], dtype=np.float32)
