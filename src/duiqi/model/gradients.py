"""Integrated gradients: how much each word speaks for an answer, along the straight way from no word to all of them.

Sundararajan, Taly & Yan 2017, Axiomatic attribution for deep networks, ICML (https://arxiv.org/abs/1703.01365). The way
leads from the text with `[MASK]` (or the unknown token, where there is no mask) in place of every token of a word to
the text itself; marks and special tokens stay. Points and weights are Gauss and Legendre's, which need far fewer than
equal steps; their number is doubled for the texts whose weights do not yet sum to the change of the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from duiqi.data.attributions import Attribution, relative_gap
from duiqi.data.explaining import Explanation
from duiqi.model.quiet import quiet
from duiqi.model.tokens import NO_WORD, Encoded, collate, pack

STEPS = (16, 32, 64, 128, 256, 512)  # tried one after the other
TOLERANCE = 0.02  # of the change, up to which the weights' sum may miss it
TOKENS_AT_ONCE = 4096
HEADS = ("sequence_classification", "multilabel_classification", "regression", "token_classification")


def lacking(predictor: Any) -> str:
    """Why a predictor cannot be explained by gradients, as a code; "" where it can."""
    if not hasattr(predictor, "net"):
        return "no_gradient"
    if predictor.head.name not in HEADS:
        return "head"
    return "two_parts" if getattr(predictor.net.config, "is_encoder_decoder", False) else ""


@dataclass(frozen=True, eq=False)
class Path:
    """One explanation as the network sees it: its token sequences (several, where the text is long) and the word of
    every token, `NO_WORD` where it has none."""

    about: Explanation
    sequences: range
    words: tuple[NDArray[np.int64], ...]


def integrated_gradients(
    model: Any, found: Sequence[Explanation], *, scale: str = "log_odds",
    progress: Callable[[int, int], None] | None = None,
) -> list[Attribution]:  # fmt: skip
    """The weights of the words for every explanation, with the error of their sum and how many steps it took."""
    encoded, paths = _paths(model, found)
    weights: list[NDArray[np.float64]] = [np.zeros(len(each.divided)) for each in found]
    errors = [{"completeness_error": 0.0, "steps": 0.0} for _ in found]
    change = _changes(model, encoded, paths, scale)
    left = list(range(len(paths)))
    for steps in STEPS:
        for at, row in zip(left, _integrated(model, encoded, [paths[i] for i in left], steps, scale), strict=True):
            weights[at] = row
            errors[at] = {"completeness_error": relative_gap(float(row.sum()), change[at]), "steps": float(steps)}
        left = [at for at in left if errors[at]["completeness_error"] > TOLERANCE]
        if progress is not None:
            progress(len(paths) - len(left), len(paths))
        if not left:
            break
    return [Attribution("integrated_gradients", row, error) for row, error in zip(weights, errors, strict=True)]


def _paths(model: Any, found: Sequence[Explanation]) -> tuple[Encoded, list[Path]]:
    """The token sequences of every explained text, each text once, and which word every token is of."""
    columns: dict[str, list[Any]] = {"input_ids": [], "token_type_ids": []}
    rows: list[int] = []
    places: dict[int, tuple[range, tuple[NDArray[np.int64], ...]]] = {}
    for each in found:
        if each.row in places:
            continue
        with quiet():
            given, words = _tokenised(model, each)
        start = len(rows)
        for name in ("input_ids", "token_type_ids"):
            columns[name].extend(given.get(name, ()))
        rows += [len(places)] * len(given["input_ids"])
        places[each.row] = (range(start, len(rows)), tuple(words))
    encoded = pack(columns, np.array(rows, dtype=np.int64), len(places))
    return encoded, [Path(each, *places[each.row]) for each in found]


def _tokenised(model: Any, each: Explanation) -> tuple[Any, list[NDArray[np.int64]]]:
    """The sequences of a text as prediction reads them (windows that overlap by a quarter), and their words."""
    tokenizer, limit, cut = model.tokenizer, model.max_tokens, each.divided
    settings = {"max_length": limit, "stride": limit // 4, "return_overflowing_tokens": True}
    if cut.roles[0][0] == "tokens":
        given = tokenizer(list(cut.texts), is_split_into_words=True, truncation="only_first", **settings)
        words = [given.word_ids(i) for i in range(len(given["input_ids"]))]
        return given, [np.array([NO_WORD if w is None else w for w in row], dtype=np.int64) for row in words]
    texts = list(cut.texts)
    if len(texts) > 1:
        first = tokenizer(texts[0], add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        whole = len(tokenizer(*texts)["input_ids"])
        if whole > limit and len(first) > limit // 2:  # as prediction makes room for the second text
            texts[0] = texts[0][: first[limit // 2 - 1][1]]
    which = "only_second" if len(texts) > 1 else "only_first"
    given = tokenizer(*texts, truncation=which, return_offsets_mapping=True, **settings)
    return given, [_words_of(given, i, each) for i in range(len(given["input_ids"]))]


def _words_of(given: Any, sequence: int, each: Explanation) -> NDArray[np.int64]:
    """The word that each token stands in, by its place in the text."""
    at: list[dict[int, int]] = [{} for _ in each.divided.texts]
    for number, piece in enumerate(each.divided.pieces):
        at[piece.field].update(dict.fromkeys(range(piece.start, piece.end), number))
    fields, offsets = given.sequence_ids(sequence), given["offset_mapping"][sequence]
    found = [
        NO_WORD if field is None else next((at[field][i] for i in range(start, end) if i in at[field]), NO_WORD)
        for field, (start, end) in zip(fields, offsets, strict=True)
    ]
    return np.array(found, dtype=np.int64)


# What the network answers along the way


def _changes(model: Any, encoded: Encoded, paths: Sequence[Path], scale: str) -> list[float]:
    """What the answer changes from one end of the way to the other."""
    ends = [(at, alpha, 1.0) for at in range(len(paths)) for alpha in (0.0, 1.0)]
    answers = np.zeros((len(paths), 2))
    for batch in _batches(encoded, paths, ends):
        with torch.no_grad():
            _, said = _along(model, encoded, paths, batch, scale)
        for (at, alpha, _), value in zip(batch, said.tolist(), strict=True):
            answers[at, int(alpha)] = value
    return [float(full - empty) for empty, full in answers]


def _integrated(
    model: Any, encoded: Encoded, paths: Sequence[Path], steps: int, scale: str
) -> list[NDArray[np.float64]]:
    nodes, shares = np.polynomial.legendre.leggauss(steps)
    points = [
        (at, float(node + 1) / 2, float(share) / 2)
        for at in range(len(paths))
        for node, share in zip(nodes, shares, strict=True)
    ]
    total = [np.zeros(len(path.about.divided)) for path in paths]
    for batch in _batches(encoded, paths, points):
        with torch.enable_grad():
            way, said = _along(model, encoded, paths, batch, scale)
            (gradient,) = torch.autograd.grad(said.sum(), [way.points])
        each = (gradient * way.whole).sum(dim=-1).double().cpu().numpy()
        line = 0
        for at, _, share in batch:
            for words in paths[at].words:
                inside = words != NO_WORD
                np.add.at(total[at], words[inside], share * each[line, : len(words)][inside])
                line += 1
    return total


Point = tuple[int, float, float]  # a path, how far along it, and how much the point counts


def _batches(encoded: Encoded, paths: Sequence[Path], points: Sequence[Point]) -> Iterator[list[Point]]:
    """Points together whose sequences are about equally long, as many as fit."""
    lengths = encoded.lengths

    def size(point: Point) -> tuple[int, int]:
        sequences = paths[point[0]].sequences
        return int(lengths[list(sequences)].max()), len(sequences)

    batch: list[Point] = []
    longest = lines = 0
    for point in sorted(points, key=size):
        length, count = size(point)
        if batch and max(longest, length) * (lines + count) > TOKENS_AT_ONCE:
            yield batch
            batch, longest, lines = [], 0, 0
        batch.append(point)
        longest, lines = max(longest, length), lines + count
    if batch:
        yield batch


@dataclass(frozen=True, eq=False)
class Way:
    """Embeddings at points of the way float[n, t, d], and how far it leads in all."""

    points: Tensor
    whole: Tensor


def _along(
    model: Any, encoded: Encoded, paths: Sequence[Path], batch: Sequence[Point], scale: str
) -> tuple[Way, Tensor]:
    """The number that is explained at every point of a batch, float[len(batch)], and the embeddings there."""
    which = np.array([row for at, _, _ in batch for row in paths[at].sequences], dtype=np.int64)
    device = next(model.net.parameters()).device
    inputs = collate(encoded, which, model.tokenizer.pad_token_id, device)
    alphas = torch.tensor([alpha for at, alpha, _ in batch for _ in paths[at].sequences], device=device)
    moving = torch.zeros(inputs["input_ids"].shape, dtype=torch.bool, device=device)
    lines = [words for at, _, _ in batch for words in paths[at].words]
    for line, words in enumerate(lines):
        moving[line, : len(words)] = torch.from_numpy(words != NO_WORD).to(device)
    layer = model.net.get_input_embeddings()
    missing = layer.weight[_missing(model.tokenizer)]
    ways: list[Way] = []

    def move(module: Any, given: Any, out: Tensor) -> Tensor:
        start = torch.where(moving[..., None], missing.to(out), out)
        whole = (out - start).detach()
        points = (start + alphas[:, None, None].to(out) * whole).detach().requires_grad_(torch.is_grad_enabled())
        ways.append(Way(points, whole))
        return points

    hook = layer.register_forward_hook(move)
    try:
        raw = model.head.raw(model.net, inputs)
    finally:
        hook.remove()
    units = torch.tensor([at for at, point in enumerate(batch) for _ in paths[point[0]].sequences], device=device)
    return ways[0], READ[model.head.name](model, raw, units, [paths[at] for at, _, _ in batch], scale)


def _missing(tokenizer: Any) -> int:
    """The token that stands for no word."""
    known = (tokenizer.mask_token_id, tokenizer.unk_token_id, tokenizer.pad_token_id)
    return next(int(each) for each in known if each is not None)


def _on_scale(log_odds: Tensor, scale: str) -> Tensor:
    return log_odds if scale == "log_odds" else torch.sigmoid(log_odds)


def _mean_of(rows: Tensor, units: Tensor, count: int) -> Tensor:
    """Means of the windows of every unit."""
    total = torch.zeros((count, *rows.shape[1:]), dtype=rows.dtype, device=rows.device).index_add(0, units, rows)
    return total / torch.bincount(units, minlength=count).to(rows)[:, None]


def _calibrated(model: Any, raw: Tensor) -> Tensor:
    offsets = torch.as_tensor(model.calibration.get("offsets", 0.0), dtype=raw.dtype, device=raw.device)
    return (raw + offsets) / model.calibration.get("temperature", 1.0)


def _classes(model: Any, raw: Tensor, units: Tensor, paths: Sequence[Path], scale: str) -> Tensor:
    """The log-odds of a class against all others."""
    several = torch.bincount(units, minlength=len(paths))[units] > 1
    raw = torch.where(several[:, None], raw.log_softmax(dim=-1), raw)
    scores = _calibrated(model, _mean_of(raw, units, len(paths)))
    columns = torch.tensor([path.about.target.column for path in paths], device=raw.device)
    own = torch.nn.functional.one_hot(columns, scores.shape[1]).bool()
    others = scores.masked_fill(own, float("-inf")).logsumexp(dim=1)
    return _on_scale(scores[own] - others, scale)


def _labels(model: Any, raw: Tensor, units: Tensor, paths: Sequence[Path], scale: str) -> Tensor:
    scores = _calibrated(model, _mean_of(raw, units, len(paths)))
    columns = torch.tensor([path.about.target.column for path in paths], device=raw.device)
    return _on_scale(scores.gather(1, columns[:, None])[:, 0], scale)


def _scores(model: Any, raw: Tensor, units: Tensor, paths: Sequence[Path], scale: str) -> Tensor:
    unit = getattr(model.net.config, "regression", {"mean": 0.0, "scale": 1.0})
    return _mean_of(raw[:, :1], units, len(paths))[:, 0] * unit["scale"] + unit["mean"]


def _tags(model: Any, raw: Tensor, units: Tensor, paths: Sequence[Path], scale: str) -> Tensor:
    """The mean log-odds of the tags of an entity, each read at the first piece of its word, in every window that has
    it."""
    line, said = 0, []
    for path in paths:
        target, seen = path.about.target, list[Tensor]()
        scores = _calibrated(model, raw[line : line + len(path.words)])
        for word, tag in zip(target.words, target.tags, strict=True):
            windows = [(at, int(np.flatnonzero(words == word)[0])) for at, words in enumerate(path.words)
                       if (words == word).any()]  # fmt: skip
            rows = [scores[at, place].log_softmax(dim=-1) for at, place in windows]
            if rows:
                mean = torch.stack(rows).mean(dim=0)
                rest = torch.cat([mean[:tag], mean[tag + 1 :]]).logsumexp(dim=0)
                seen.append(_on_scale(mean[tag] - rest, scale))
        said.append(torch.stack(seen).mean() if seen else raw.sum() * 0)
        line += len(path.words)
    return torch.stack(said)


READ: dict[str, Callable[[Any, Tensor, Tensor, Sequence[Path], str], Tensor]] = {
    "sequence_classification": _classes,
    "multilabel_classification": _labels,
    "regression": _scores,
    "token_classification": _tags,
}
