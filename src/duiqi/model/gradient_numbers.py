"""The number that is explained, read from a network's raw answers so that gradients can be taken of it.

Of every head the number that `duiqi.data.targets` reads from finished answers, windows and calibration included. Where
these are cut short (the 20 likeliest spans of a passage), all are counted here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from duiqi.data.explaining import Explanation
from duiqi.model.crf import IMPOSSIBLE, log_partition
from duiqi.model.gradient_tokens import Line
from duiqi.model.heads.answering import LONGEST, NOWHERE
from duiqi.model.heads.head import ON_TOP
from duiqi.model.heads.token import SURE
from duiqi.model.tokens import NO_WORD


@dataclass(frozen=True, eq=False)
class Path:
    """One explanation as the network sees it: where its token sequences stand among all, and these."""

    about: Explanation
    sequences: range
    lines: tuple[Line, ...]


Read = Callable[[Any, Tensor, Tensor, Sequence[Path], str], Tensor]


def raw_answers(model: Any, inputs: Mapping[str, Tensor]) -> Tensor:
    """The raw answers to sequences; of choices every one is a sequence of its own here."""
    if model.head.name == "multiple_choice":
        inputs = {name: each.unsqueeze(1) for name, each in inputs.items()}
    raw: Tensor = model.head.raw(model.net, inputs)
    return raw


def _on_scale(log_odds: Tensor, scale: str) -> Tensor:
    return log_odds if scale == "log_odds" else torch.sigmoid(log_odds)


def _mean_of(rows: Tensor, units: Tensor, count: int) -> Tensor:
    """Means of the windows of every unit."""
    total = torch.zeros((count, *rows.shape[1:]), dtype=rows.dtype, device=rows.device).index_add(0, units, rows)
    return total / torch.bincount(units, minlength=count).to(rows)[:, None]


def _calibrated(model: Any, raw: Tensor) -> Tensor:
    offsets = torch.as_tensor(model.calibration.get("offsets", 0.0), dtype=raw.dtype, device=raw.device)
    return (raw + offsets) / model.calibration.get("temperature", 1.0)


def _against_others(scores: Tensor, column: int) -> Tensor:
    """Log-odds of one of the scores against all others together."""
    return scores[column] - torch.cat([scores[:column], scores[column + 1 :]]).logsumexp(dim=0)


def _split(raw: Tensor, paths: Sequence[Path]) -> tuple[Tensor, ...]:
    """The raw answers of every path."""
    return raw.split([len(path.lines) for path in paths])


def _classes(model: Any, raw: Tensor, units: Tensor, paths: Sequence[Path], scale: str) -> Tensor:
    """The log-odds of a class against all others."""
    several = torch.bincount(units, minlength=len(paths))[units] > 1
    raw = torch.where(several[:, None], raw.log_softmax(dim=-1), raw)
    scores = _calibrated(model, _mean_of(raw, units, len(paths)))
    found = [_against_others(row, path.about.target.column) for row, path in zip(scores, paths, strict=True)]
    return _on_scale(torch.stack(found), scale)


def _labels(model: Any, raw: Tensor, units: Tensor, paths: Sequence[Path], scale: str) -> Tensor:
    scores = _calibrated(model, _mean_of(raw, units, len(paths)))
    columns = torch.tensor([path.about.target.column for path in paths], device=raw.device)
    return _on_scale(scores.gather(1, columns[:, None])[:, 0], scale)


def _scores(model: Any, raw: Tensor, units: Tensor, paths: Sequence[Path], scale: str) -> Tensor:
    unit = getattr(model.net.config, "regression", {"mean": 0.0, "scale": 1.0})
    return _mean_of(raw[:, :1], units, len(paths))[:, 0] * unit["scale"] + unit["mean"]


def _choices(model: Any, raw: Tensor, units: Tensor, paths: Sequence[Path], scale: str) -> Tensor:
    """The log-odds of a choice against the others of its row."""
    temperature = model.calibration.get("temperature", 1.0)
    found = [
        _against_others(own[:, 0] / temperature, path.about.target.column)
        for own, path in zip(_split(raw, paths), paths, strict=True)
    ]
    return _on_scale(torch.stack(found), scale)


def _tags(model: Any, raw: Tensor, units: Tensor, paths: Sequence[Path], scale: str) -> Tensor:
    """The mean log-odds of the tags of an entity, each read at the first piece of its word, in every window that has
    it."""
    said = []
    for own, path in zip(_split(raw, paths), paths, strict=True):
        target, seen = path.about.target, list[Tensor]()
        scores = _calibrated(model, own)
        for word, tag in zip(target.words, target.tags, strict=True):
            windows = [(at, int(np.flatnonzero(line.words == word)[0])) for at, line in enumerate(path.lines)
                       if (line.words == word).any()]  # fmt: skip
            rows = [scores[at, place].log_softmax(dim=-1) for at, place in windows]
            if rows:
                seen.append(_on_scale(_against_others(torch.stack(rows).mean(dim=0), tag), scale))
        said.append(torch.stack(seen).mean() if seen else raw.sum() * 0)
    return torch.stack(said)


def _fields(model: Any, raw: Tensor, units: Tensor, paths: Sequence[Path], scale: str) -> Tensor:
    """The mean log-odds of the marginals of an entity's tags: of all sequences with the tag at its word against all
    without it, neighbours and what may follow what included."""
    temperature = model.calibration.get("temperature", 1.0)
    transitions, first = (each.double() / temperature for each in getattr(model.net, ON_TOP).crf.scores())
    said = []
    for own, path in zip(_split(raw.double(), paths), paths, strict=True):
        target = path.about.target
        emissions = _calibrated(model, _emissions(own, path))
        seen = []
        for word, tag in zip(target.words, target.tags, strict=True):
            at = torch.zeros_like(emissions, dtype=torch.bool)
            at[word, tag] = True
            others = torch.zeros_like(at)
            others[word] = True
            both = torch.stack([emissions.masked_fill(others & ~at, IMPOSSIBLE), emissions.masked_fill(at, IMPOSSIBLE)])
            mask = torch.ones(both.shape[:2], dtype=torch.bool, device=both.device)
            with_tag, without = log_partition(both, mask, transitions, first)
            seen.append(_on_scale(with_tag - without, scale))
        said.append(torch.stack(seen).mean())
    return torch.stack(said)


def _emissions(own: Tensor, path: Path) -> Tensor:
    """Scores of all words of a row float[words, k], merged as prediction merges those of windows."""
    if len(path.lines) > 1:
        own = own.log_softmax(dim=-1)
    rows: dict[int, list[Tensor]] = {}
    before: set[int] = set()
    for at, line in enumerate(path.lines):
        begins = np.flatnonzero((line.words != NO_WORD) & (line.words != np.append(NO_WORD, line.words[:-1])))
        words = line.words[begins].tolist()
        for number, (word, place) in enumerate(zip(words, begins.tolist(), strict=True)):
            if number or word not in before:  # the first word of a window may begin inside it
                rows.setdefault(word, []).append(own[at, place])
        before = {*words}
    outside = own.new_zeros(own.shape[-1])
    outside[0] = SURE
    return torch.stack(
        [torch.stack(rows[word]).mean(dim=0) if word in rows else outside for word in range(len(path.about.divided))]
    )


def _answers(model: Any, raw: Tensor, units: Tensor, paths: Sequence[Path], scale: str) -> Tensor:
    """The log-odds of the answer where it stands against all other spans of all windows, and against none where that
    may be said."""
    temperature, said = model.calibration.get("temperature", 1.0), []
    may_be_none = model.task.options["no_answer"]
    for own, path in zip(_split(raw, paths), paths, strict=True):
        start, end = path.about.target.span
        mine, others = list[Tensor](), list[Tensor]()
        for scores, line in zip(own, path.lines, strict=True):
            assert line.places is not None
            places = line.places
            inside = torch.from_numpy(np.flatnonzero(places[:, 0] != NO_WORD)).to(scores.device)
            first, last = scores[inside, 0], scores[inside, 1]
            spans = first[:, None] + last[None, :] - scores[0].sum()
            place = torch.arange(len(inside), device=scores.device)
            apart = place[None, :] - place[:, None]
            counts = (apart >= 0) & (apart < LONGEST)
            at = places[places[:, 0] != NO_WORD]
            here = torch.from_numpy((at[:, 0] == start)[:, None] & (at[:, 1] == end)[None, :]).to(scores.device)
            mine.append(spans[counts & here])
            others.append(spans[counts & ~here])
        none = raw.new_zeros(1)
        if start < 0:
            found, rest = none, others
        else:
            found, rest = torch.cat(mine), [*others, none] if may_be_none else others
        own_score = found.max() if len(found) else raw.new_full((), NOWHERE)
        said.append((own_score - torch.cat(rest).logsumexp(dim=0)) / temperature)
    return _on_scale(torch.stack(said), scale)


def _documents(model: Any, raw: Tensor, units: Tensor, paths: Sequence[Path], scale: str) -> Tensor:
    """The cosine of a query and a document, each the mean direction of its windows; what it changes with the words of
    one of them while the other is whole, for both."""
    found = []
    for own, path in zip(_split(raw, paths), paths, strict=True):
        sides = torch.tensor([line.side for line in path.lines], device=raw.device)
        query, document, whole_query, whole_document = (
            torch.nn.functional.normalize(own[sides == side].sum(dim=0), dim=0) for side in range(4)
        )
        found.append(query @ whole_document + whole_query @ document - whole_query @ whole_document)
    return torch.stack(found)


def _written(model: Any, raw: Tensor, units: Tensor, paths: Sequence[Path], scale: str) -> Tensor:
    """The log-likelihood of a text that was written."""
    return (raw[..., 0] * raw[..., 1]).sum(dim=1)


READ: Mapping[str, Read] = {
    "sequence_classification": _classes,
    "multilabel_classification": _labels,
    "regression": _scores,
    "token_classification": _tags,
    "crf": _fields,
    "bilstm_crf": _fields,
    "marked_classification": _classes,
    "multiple_choice": _choices,
    "question_answering": _answers,
    "embedding": _documents,
    "language_model": _written,
}
