"""Rows asked otherwise: what is right moved to another place of its passage or list of choices, or the question or
passage of another row put in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duiqi.core.dataset import Dataset
from duiqi.core.seed import hash64
from duiqi.core.slice import is_cjk
from duiqi.data.passages import ENDS

PLACES = ("at_first", "at_middle", "at_last")
FEWEST = 3  # sentences of a passage in which places are told apart
PARTS = {"text": "other_question", "text_pair": "other_passage"}


@dataclass(frozen=True)
class Version:
    """Row `row` asked otherwise: `form` is a place or the part that is another row's, `changed` what stands in which
    role, `truth` what is then right (where a part is another row's: what was right before)."""

    row: int
    form: str
    changed: Mapping[str, Any]
    truth: Any


def as_rows(data: Dataset, versions: Sequence[Version]) -> Dataset:
    """The versions as rows without labels."""
    whole = {role: data.values(role) for role in ("text", "text_pair", "choices") if data.has(role)}
    columns = {role: [v.changed.get(role, kept[v.row]) for v in versions] for role, kept in whole.items()}
    return Dataset.of(columns, name=data.name)


def sentences(passage: str) -> list[str]:
    """The sentences of a passage, each with the blanks behind it; those of all together are the passage. The last one
    gets the blank that it would have before another."""
    ends = [match.end() for match in ENDS.finditer(passage)]
    found, start = [], 0
    for end in [*ends, len(passage)]:
        while end < len(passage) and passage[end].isspace():
            end += 1
        if passage[start:end].strip():
            found.append(passage[start:end])
            start = end
    if found and not found[-1][-1].isspace() and not _closes_chinese(found[-1]):
        found[-1] += " "
    return found


def _closes_chinese(sentence: str) -> bool:
    bare = sentence.rstrip("”’」』）")
    return bare[-1:] in "。！？" or is_cjk(bare[-1:])


def in_passages(data: Dataset, truth: Sequence[Sequence[str]]) -> Iterator[Version]:
    """Rows of at least `FEWEST` sentences of which one alone has the answers, with that sentence first, in the middle
    and last; all others keep their order."""
    for row, (passage, answers) in enumerate(zip(data.second_texts, truth, strict=True)):
        parts = sentences(passage)
        holding = [at for at, part in enumerate(parts) if any(answer in part for answer in answers)]
        if len(parts) < FEWEST or len(holding) != 1 or not all(answer in parts[holding[0]] for answer in answers):
            continue
        for place, moved in _moved(parts, holding[0]):
            yield Version(row, place, {"text_pair": "".join(moved).rstrip()}, answers)


def in_choices(data: Dataset, truth: Sequence[int]) -> Iterator[Version]:
    """Rows with their right choice first, in the middle and last; all others keep their order."""
    for row, (choices, right) in enumerate(zip(data.values("choices"), truth, strict=True)):
        for place, moved in _moved(choices, int(right)):
            yield Version(row, place, {"choices": moved}, _places(len(choices))[place])


def _places(parts: int) -> dict[str, int]:
    """Where the first, the middle and the last of so many parts stand; of two there is no middle."""
    middle = {"at_middle": parts // 2} if parts >= FEWEST else {}
    return {"at_first": 0, **middle, "at_last": parts - 1}


def _moved(parts: Sequence[str], at: int) -> Iterator[tuple[str, list[str]]]:
    others = [*parts[:at], *parts[at + 1 :]]
    for place, to in _places(len(parts)).items():
        yield place, [*others[:to], parts[at], *others[to:]]


def of_another_row(data: Dataset, truth: Sequence[Any], role: str, seed: int) -> Iterator[Version]:
    """Rows with the text of one `role` taken from another row: of a question one about another passage, of a passage
    one that has none of the answers; both in the same script. Which row that is hangs on ids and `seed`, not on the
    order of rows."""
    order = sorted(range(len(data)), key=lambda row: hash64(f"{seed}|{role}|{data.row_ids[row]}"))
    texts, given = list(zip(data.texts, data.second_texts, strict=True)), data.values(role)
    pairs = data.has("text_pair")
    for at, row in enumerate(order):
        fits = _fitting(texts[row], truth[row], role, pairs)
        others = (order[(at + step) % len(order)] for step in range(1, len(order)))
        other = next((each for each in others if fits(texts[each])), None)
        if other is not None:
            yield Version(row, PARTS[role], {role: given[other]}, truth[row])


def _fitting(own: tuple[str, str], answers: Any, role: str, pairs: bool) -> Callable[[tuple[str, str]], bool]:
    said = [each for each in answers if each] if isinstance(answers, list) else []

    def fits(other: tuple[str, str]) -> bool:
        differs = other[0] != own[0] and (other[1] != own[1] or not pairs) and is_cjk(other[0]) == is_cjk(own[0])
        return differs and not (role == "text_pair" and any(each in other[1] for each in said))

    return fits
