"""Integrated gradients: how much each word speaks for an answer, along the straight way from no word to all of them.

Sundararajan, Taly & Yan 2017, Axiomatic attribution for deep networks, ICML (https://arxiv.org/abs/1703.01365). The way
leads from the text with `[MASK]` (or the unknown token, where there is no mask) in place of every token of a word to
the text itself; marks and special tokens stay. Points and weights are Gauss and Legendre's, which need far fewer than
equal steps; their number is doubled for the texts whose weights do not yet sum to the change of the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from duiqi.data.attributions import Attribution, relative_gap
from duiqi.data.explaining import Explanation
from duiqi.model.gradient_numbers import READ, Path, raw_answers
from duiqi.model.gradient_tokens import LINES, Line
from duiqi.model.quiet import quiet
from duiqi.model.tokens import NO_WORD, Encoded, collate, pack

STEPS = (16, 32, 64, 128, 256, 512)  # tried one after the other
TOLERANCE = 0.02  # of the change, up to which the weights' sum may miss it
TOKENS_AT_ONCE = 4096
WRITING_AT_ONCE = 512  # of models that write: every token has a score for each of the vocabulary
TOLD_SHAPES = ("crf", "bilstm_crf", "marked_classification", "language_model")


def lacking(predictor: Any) -> str:
    """Why a predictor cannot be explained by gradients, as a code; "" where it can."""
    if not hasattr(predictor, "net"):
        return "no_gradient"
    if predictor.head.name not in LINES:
        return "head"
    if getattr(predictor.net.config, "is_encoder_decoder", False):
        return "two_parts"
    return "template" if predictor.head.writes and getattr(predictor.tokenizer, "chat_template", None) else ""


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
    rows: list[int] = []
    places: dict[int, tuple[range, tuple[Line, ...]]] = {}
    for each in found:
        if each.row in places:
            continue
        with quiet():
            lines = tuple(LINES[model.head.name](model, each))
        places[each.row] = (range(len(rows), len(rows) + len(lines)), lines)
        rows += [len(places) - 1] * len(lines)
    every = [line for _, lines in places.values() for line in lines]
    columns: dict[str, list[Any]] = {"input_ids": [line.ids for line in every]}
    columns["token_type_ids"] = [line.types for line in every if line.types is not None]
    encoded = pack(columns, np.array(rows, dtype=np.int64), len(places))
    shapes = [line.shapes for line in every if line.shapes is not None]
    if shapes and model.head.name in TOLD_SHAPES:
        encoded = replace(encoded, shapes=np.concatenate(shapes).astype(np.int32))
    return encoded, [Path(each, *places[each.row]) for each in found]


# What the network answers along the way


def _changes(model: Any, encoded: Encoded, paths: Sequence[Path], scale: str) -> list[float]:
    """What the answer changes from one end of the way to the other."""
    ends = [(at, alpha, 1.0) for at in range(len(paths)) for alpha in (0.0, 1.0)]
    answers = np.zeros((len(paths), 2))
    for batch in _batches(encoded, paths, ends, model.head.writes):
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
    for batch in _batches(encoded, paths, points, model.head.writes):
        with torch.enable_grad():
            way, said = _along(model, encoded, paths, batch, scale)
            (gradient,) = torch.autograd.grad(said.sum(), [way.points])
        along = (gradient * way.whole).sum(dim=-1).double().cpu().numpy()
        line = 0
        for at, _, share in batch:
            for words in (each.words for each in paths[at].lines):
                inside = words != NO_WORD
                np.add.at(total[at], words[inside], share * along[line, : len(words)][inside])
                line += 1
    return total


Point = tuple[int, float, float]  # a path, how far along it, and how much the point counts


def _batches(encoded: Encoded, paths: Sequence[Path], points: Sequence[Point], writes: bool) -> Iterator[list[Point]]:
    """Points together whose sequences are about equally long, as many as fit."""
    lengths, most = encoded.lengths, WRITING_AT_ONCE if writes else TOKENS_AT_ONCE

    def size(point: Point) -> tuple[int, int]:
        sequences = paths[point[0]].sequences
        return int(lengths[list(sequences)].max()), len(sequences)

    batch: list[Point] = []
    longest = lines = 0
    for point in sorted(points, key=size):
        length, count = size(point)
        if batch and max(longest, length) * (lines + count) > most:
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
    lines = [each.words for at, _, _ in batch for each in paths[at].lines]
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
        raw = raw_answers(model, inputs)
    finally:
        hook.remove()
    units = torch.tensor([at for at, point in enumerate(batch) for _ in paths[point[0]].sequences], device=device)
    return ways[0], READ[model.head.name](model, raw, units, [paths[at] for at, _, _ in batch], scale)


def _missing(tokenizer: Any) -> int:
    """The token that stands for no word."""
    known = (tokenizer.mask_token_id, tokenizer.unk_token_id, tokenizer.pad_token_id)
    return next(int(each) for each in known if each is not None)
