"""Prediction: equal inputs once, sorted by length, in batches by token budget, in the fastest type that agrees."""

from __future__ import annotations

import copy
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from duiqi.core.dataset import Dataset
from duiqi.core.errors import OptionError, nearest
from duiqi.core.predictions import Predictions
from duiqi.core.task import Task
from duiqi.model.heads import Head
from duiqi.model.kernels import pack, shorten
from duiqi.model.numbers import TYPES, agree, check_type, fast_type, same_label
from duiqi.model.pieces import pieces
from duiqi.model.quiet import quiet
from duiqi.model.tokens import PADDED_TO, Encoded, Input, by_length, collate, encode, words_of

TOKENS_PER_BATCH = 1024
WRITING_PER_BATCH = 8192  # a step of writing takes about as long for many rows as for few
CHECKED = 64
UNKNOWN_SHARE = 0.2
SCORED = ("loglik", "tokens")  # outputs about the true answers of rows
CACHE_BYTES = 128 << 20
Key = tuple[str, str, str, bytes]
Progress = Callable[[int, int, Mapping[str, Any]], None]


class Opened(Protocol):
    """What prediction asks of a model in memory (`duiqi.model.open.Model`)."""

    net: Any
    tokenizer: Any
    task: Task
    head: Head
    max_tokens: int
    device: str
    number_type: str
    cache: Cache
    engines: dict[str, Any]
    recorded: dict[tuple[str, str], dict[str, Any]]

    @property
    def body(self) -> str:
        """What raw answers hang on."""

    @property
    def calibration(self) -> Mapping[str, float]:
        """What turns raw answers into finished ones."""

    @property
    def offers(self) -> frozenset[str]:
        """Which outputs it can give."""


@dataclass(frozen=True, eq=False)
class Answer:
    """The raw answer to one input, and what was met on the way: windows, unknown tokens, a cut."""

    raw: NDArray[np.float32]
    windows: int
    tokens: int
    unknown: int
    cut: bool


@dataclass(eq=False)
class Cache:
    """Answers by (body, output, number type, exact text); the least recently used leave when it is full."""

    limit: int = CACHE_BYTES
    held: int = 0
    answers: OrderedDict[Key, Answer] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, keys: Sequence[Key]) -> list[Answer | None]:
        """The answers that are here, `None` where there is none."""
        with self.lock:
            found = [self.answers.get(key) for key in keys]
            for key, answer in zip(keys, found, strict=True):
                if answer is not None:
                    self.answers.move_to_end(key)
        return found

    def put(self, keys: Sequence[Key], answers: Sequence[Answer]) -> None:
        """Keep these answers, and forget old ones where that takes too much."""
        with self.lock:
            for key, answer in zip(keys, answers, strict=True):
                if key not in self.answers:
                    self.answers[key] = answer
                    self.held += _size(answer)
            while self.held > self.limit:
                self.held -= _size(self.answers.popitem(last=False)[1])


def _size(answer: Answer) -> int:
    return answer.raw.nbytes + 400  # the array, and about what Python needs around it


def predict(
    model: Opened,
    data: Dataset,
    outputs: Sequence[str],
    *,
    dtype: str | None = None,
    progress: Progress | None = None,
) -> Predictions:
    """The asked outputs for every row of `data`, in its order.

    `probs` float64[n, k]: probabilities after the offsets and the temperature of `calibration`; of words a list of
    float64[words, k], and `tags` a list of int[words]. `embedding`
    float32[n, d]: the mean of the last hidden states over the tokens. Texts longer than the model takes are read in
    windows that overlap by a quarter; the answer is the normalised mean of the windows' log-probabilities, the
    embedding their mean. `pieces` list of int[p, 3]: see `duiqi.model.pieces`; the network is not run for them. `dtype`
    forces a number type; by default the fastest one that agrees with float32 on the first rows is used. Raises
    `OptionError` for outputs the model does not offer.
    """
    for name in outputs:
        if name not in model.offers:
            raise OptionError(
                f"expected outputs among {', '.join(sorted(model.offers))}, given '{name}'",
                hint=nearest(name, model.offers),
            )
    cut = {"pieces": pieces(model.tokenizer, data.texts)} if "pieces" in outputs else {}
    if {*outputs} <= {*cut}:  # nothing that the network is asked for
        return Predictions(data.row_ids, cut)
    inputs = model.head.inputs(data)
    unique, where = _unique(inputs)
    kinds = [
        kind
        for kind, wanted in (("raw", model.head.offers - {"embedding", *SCORED}), ("embedding", {"embedding"}))
        if wanted & {*outputs}
    ]
    number_type = choose(model, data, dtype or model.number_type)
    answers = _answers(model, unique, kinds, number_type, progress)
    _note(model, data, answers[kinds[0]] if kinds else [], where)
    columns: dict[str, Any] = {**cut}
    if "raw" in answers:
        columns.update(model.head.outputs(model, [answers["raw"][i].raw for i in where], data))
    if "embedding" in answers:
        columns["embedding"] = _stack(answers["embedding"], model.net.config.hidden_size)[where[: len(data)]]
    if {*SCORED} & {*outputs}:
        columns.update(model.head.scored(model, data))
    return Predictions(data.row_ids, {name: columns[name] for name in outputs})


def _unique(inputs: Sequence[Input]) -> tuple[list[Input], NDArray[np.int64]]:
    places: dict[Input, int] = {}
    where = np.fromiter((places.setdefault(each, len(places)) for each in inputs), np.int64, count=len(inputs))
    return list(places), where


def _stack(answers: Sequence[Answer], width: int) -> NDArray[np.float32]:
    return np.stack([answer.raw for answer in answers]) if answers else np.zeros((0, width), np.float32)


def choose(model: Opened, data: Dataset, number_type: str) -> str:
    """The number type to run in; "auto" checks the machine's fast type once against float32, on the first rows."""
    device = torch.device(model.device)
    check_type(number_type, device)
    if number_type == "auto" and model.head.writes:  # one token that differs makes another text
        number_type = "float32" if device.type == "cpu" else fast_type(device)
    elif number_type == "auto":
        number_type = "float32" if fast_type(device) == "float32" else _checked(model, data, fast_type(device))
    model.engines["used"] = number_type
    return number_type


def _checked(model: Opened, data: Dataset, fast: str) -> str:
    sample = data.take(np.arange(min(CHECKED, len(data))))
    if "auto" not in model.engines and any(map(len, model.head.inputs(sample))):
        exact, quick = (_compared(model, sample, kind) for kind in ("float32", fast))
        passed = agree(exact, quick)
        model.engines["auto"] = fast if passed else "float32"
        model.engines["check"] = {
            "code": "number_type",
            "chosen": model.engines["auto"],
            "rows": len(sample),
            "same_label": same_label(exact, quick),
            "largest_difference": float(np.abs(exact - quick).max()),
        }
    return str(model.engines.get("auto", "float32"))


def _compared(model: Opened, data: Dataset, number_type: str) -> NDArray[np.float64]:
    """What number types are compared by."""
    unique, where = _unique(model.head.inputs(data))
    answers = _answers(model, unique, ["raw"], number_type, None)["raw"]
    return model.head.compared(model, [answers[i].raw for i in where], data)


def _answers(
    model: Opened, inputs: Sequence[Input], kinds: Sequence[str], number_type: str, progress: Progress | None
) -> dict[str, list[Answer]]:
    """Answers of each kind for distinct inputs: what the cache has, and one run of the network for the rest."""
    spelled = ("\x1e".join((str(len(each)), *each)) for each in inputs)  # no words are not one empty word
    digests = [hashlib.blake2b(each.encode("utf-8", "surrogatepass"), digest_size=16) for each in spelled]
    keys = {kind: [(model.body, kind, number_type, d.digest()) for d in digests] for kind in kinds}
    found = {kind: model.cache.get(keys[kind]) for kind in kinds}
    missing = [i for i in range(len(inputs)) if any(found[kind][i] is None for kind in kinds)]
    if missing:
        made = _run(model, [inputs[i] for i in missing], kinds, number_type, progress)
        for kind in kinds:
            for i, answer in zip(missing, made[kind], strict=True):
                found[kind][i] = answer
            model.cache.put([keys[kind][i] for i in missing], made[kind])
    return {kind: [answer for answer in found[kind] if answer is not None] for kind in kinds}


def _run(
    model: Opened, inputs: Sequence[Input], kinds: Sequence[str], number_type: str, progress: Progress | None
) -> dict[str, list[Answer]]:
    with quiet():
        encoded = encode(model.tokenizer, inputs, model.max_tokens, windows=True)
    net = _engine(model, number_type, encoded, whole="embedding" in kinds)
    raw = forward(net, model.head, encoded, model.tokenizer.pad_token_id, kinds, progress)
    starts = np.flatnonzero(np.diff(encoded.rows, prepend=-1))
    merge = {"raw": model.head.merge, "embedding": _mean_of_windows}
    facts, sizes = _facts(model.tokenizer, encoded, starts), [len(each) for each in inputs]
    return {
        kind: [Answer(row, *fact) for row, fact in zip(merge[kind](raw[kind], starts, sizes), facts, strict=True)]
        for kind in kinds
    }


def _mean_of_windows(
    rows: Sequence[NDArray[np.float32]], starts: NDArray[np.int64], sizes: Sequence[int]
) -> list[NDArray[np.float32]]:
    vectors = np.stack(rows)
    counts = np.diff(np.append(starts, len(vectors)))
    return list((np.add.reduceat(vectors, starts, axis=0) / counts[:, None]).astype(np.float32))


def _facts(tokenizer: Any, encoded: Encoded, starts: NDArray[np.int64]) -> list[tuple[int, int, int, bool]]:
    """Windows, tokens, unknown tokens and whether it was cut, for every input."""
    unknown_id = tokenizer.unk_token_id
    is_unknown = (encoded.ids == unknown_id) if unknown_id is not None else np.zeros(len(encoded.ids), dtype=bool)
    windows = np.diff(np.append(starts, len(encoded)))
    firsts = encoded.starts[starts]
    lasts = np.append(firsts[1:], len(encoded.ids))
    running = np.concatenate([[0], np.cumsum(is_unknown)])
    special = int(tokenizer.num_special_tokens_to_add()) * windows
    tokens, unknown = np.maximum(lasts - firsts - special, 0), running[lasts] - running[firsts]
    return list(zip(windows.tolist(), tokens.tolist(), unknown.tolist(), encoded.cut.tolist(), strict=True))


def _engine(model: Opened, number_type: str, encoded: Encoded, *, whole: bool) -> torch.nn.Module:
    """The network in a number type; a copy is made once per type, that of float32 with the same weights.

    On a CPU the copies compute the first token alone in the last layer, where the head reads no other and a sample
    shows that the answers are the same; `whole` asks for all tokens.
    """
    on_cpu, exact = torch.device(model.device).type == "cpu", number_type == "float32"
    if exact and (whole or not on_cpu):
        net: torch.nn.Module = model.net
        return net
    name = f"{number_type} whole" if whole else number_type
    if name not in model.engines:
        weights = (*model.net.parameters(), *model.net.buffers()) if exact else ()
        copied = copy.deepcopy(model.net, {id(each): each for each in weights})
        sample = collate(encoded, np.arange(min(4, len(encoded))), model.tokenizer.pad_token_id, torch.device("cpu"))
        shorter = not whole and on_cpu and shorten(copied, lambda net: model.head.raw(net, sample))
        if exact:
            model.engines[name] = copied if shorter else model.net
        else:
            model.engines[name] = pack(copied.to(TYPES[number_type]).eval(), TOKENS_PER_BATCH)
    made: torch.nn.Module = model.engines[name]
    return made


@torch.inference_mode()
def forward(
    net: Any, head: Any, encoded: Encoded, pad: int, kinds: Sequence[str] = ("raw",), progress: Progress | None = None
) -> dict[str, list[NDArray[np.float32]]]:
    """Raw answers and embeddings of all sequences, one by one, in their order."""
    device = next(net.parameters()).device
    hidden: list[torch.Tensor] = []
    hook = net.base_model.register_forward_hook(lambda _module, _given, out: hidden.append(out[0]))
    parts: dict[str, list[NDArray[np.float32]]] = {kind: [] for kind in kinds}
    order: list[NDArray[np.int64]] = []
    done = 0
    try:
        budget = (WRITING_PER_BATCH if head.writes else TOKENS_PER_BATCH) // head.copies(net)
        for which in by_length(encoded.lengths, budget):
            batch = collate(encoded, which, pad, device, multiple=PADDED_TO)
            words = words_of(encoded, which, device, multiple=PADDED_TO)
            answers = head.answers(net, batch, words)
            if "raw" in kinds:
                parts["raw"] += answers
            if "embedding" in kinds:
                parts["embedding"] += list(_mean_over_tokens(hidden.pop(), batch).float().cpu().numpy())
            hidden.clear()
            order.append(which)
            done += len(which)
            if progress is not None:
                progress(done, len(encoded), {})
    finally:
        hook.remove()
    back = np.argsort(np.concatenate(order), kind="stable")
    return {kind: [parts[kind][i] for i in back] for kind in kinds}


def _mean_over_tokens(states: torch.Tensor, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    mask = batch["attention_mask"].unsqueeze(-1).float()
    return (states.float() * mask).sum(dim=1) / mask.sum(dim=1)


def _note(model: Opened, data: Dataset, answers: Sequence[Answer], where: NDArray[np.int64]) -> None:
    """Record, per data set, how many rows were read in windows or cut, and a large share of unknown tokens."""
    rows = [answers[i] for i in where] if answers else []
    counted = {"windowed": sum(a.windows > 1 for a in rows), "cut": sum(a.cut for a in rows)}
    for code, count in counted.items():
        if count:
            model.recorded[code, data.name] = {"code": code, "data": data.name, "rows": count}
    share = sum(a.unknown for a in rows) / max(1, sum(a.tokens for a in rows))
    if share > UNKNOWN_SHARE:
        note = {"code": "unknown_characters", "data": data.name, "share": round(share, 4)}
        model.recorded["unknown_characters", data.name] = note
