"""Inputs of models that write: prompts that are gone on with, and sources for which something is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duiqi.core.errors import DataError
from duiqi.core.texts import turns
from duiqi.model.tokens import Encoded, Input, pack, together


class Prompted(tuple[str, ...]):
    """What was said before, a text, and in training the answer: one sequence that the model goes on with.

    With a chat template the prompt is what the template makes of the turns; else the lines as they are. Tokens of the
    answer carry their own number and one as `shapes`, all others 0: only they are learned.
    """

    room: int  # tokens that are kept free for what is to be written

    @classmethod
    def of(cls, texts: Sequence[str], room: int) -> Prompted:
        """An input that leaves so much room, or half of what the model takes where that is less."""
        made = cls(texts)
        made.room = room
        return made

    @staticmethod
    def encoded(tokenizer: Any, inputs: Sequence[Prompted], limit: int) -> Encoded:
        """Sequences of at most `limit` tokens. Of a long answer the end is cut off, of a long prompt the beginning."""
        prompts, answers = _prompts(tokenizer, inputs)
        most = limit // 2
        free = min([most, *(each.room for each in inputs[:1])])
        cut = np.zeros(len(inputs), dtype=bool)
        sequences, wanted = [], []
        for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
            kept = answer[:most]
            before = _without_beginning(tokenizer, prompt, limit - (len(kept) if answer else free))
            cut[row] = len(kept) < len(answer) or len(before) < len(prompt)
            sequences.append(before + kept)
            wanted.append([0] * len(before) + [each + 1 for each in kept])
        flat = pack({"input_ids": sequences, "token_type_ids": []}, np.arange(len(inputs)), len(inputs))
        return replace(flat, cut=cut, shapes=_joined(wanted))


class Whole(tuple[str, ...]):
    """A text of which every token is learned, the end of text too."""

    @staticmethod
    def encoded(tokenizer: Any, inputs: Sequence[Input], limit: int) -> Encoded:
        """Sequences of at most `limit` tokens, cut at their ends; `shapes` as above, 0 for a mark of the beginning."""
        end = [tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else []
        read = _ids(tokenizer, [each[0] for each in inputs], add_special_tokens=True)
        rows = [_open_ended(tokenizer, ids) + end for ids in read]
        sequences = [ids[:limit] for ids in rows]
        wanted = [[0 if not at and token == tokenizer.bos_token_id else token + 1 for at, token in enumerate(ids)]
                  for ids in sequences]  # fmt: skip
        flat = pack({"input_ids": sequences, "token_type_ids": []}, np.arange(len(inputs)), len(inputs))
        cut = np.array([len(ids) > limit for ids in rows], dtype=bool)
        return replace(flat, cut=cut, shapes=_joined(wanted))


class Translated(tuple[str, ...]):
    """A source, and in training what is written for it: read apart, the second as a target (`shapes` as above)."""

    @staticmethod
    def encoded(tokenizer: Any, inputs: Sequence[Input], limit: int) -> Encoded:
        """Sources of at most `limit` tokens, and targets, cut at their ends."""
        sources, cut = _cut_off(tokenizer([each[0] for each in inputs], return_attention_mask=False), limit)
        sides = pack({"input_ids": sources, "token_type_ids": []}, np.arange(len(inputs)), len(inputs))
        if not inputs or len(inputs[0]) == 1:
            return replace(sides, cut=cut)
        given = tokenizer(text_target=[each[1] for each in inputs], return_attention_mask=False)
        targets, too_long = _cut_off(given, limit)
        turn = np.arange(2 * len(inputs)).reshape(2, -1).T.ravel()  # source, target, source, target …
        both = [each for pair in zip(sources, targets, strict=True) for each in pair]
        flat = pack({"input_ids": both, "token_type_ids": []}, turn, 2 * len(inputs))
        wanted = _joined([[0] * len(a) if side == 0 else [each + 1 for each in a]
                          for pair in zip(sources, targets, strict=True) for side, a in enumerate(pair)])  # fmt: skip
        whole = together(replace(flat, cut=np.repeat(cut | too_long, 2)), [2] * len(inputs))
        return replace(whole, shapes=wanted)


def _prompts(tokenizer: Any, inputs: Sequence[Input]) -> tuple[list[list[int]], list[list[int]]]:
    """Tokens of every prompt and of every answer; no tokens where none is given."""
    if getattr(tokenizer, "chat_template", None):
        return _from_template(tokenizer, inputs)
    texts = ["\n".join(filter(None, each[:2])) + "\n" for each in inputs]
    prompts = [_open_ended(tokenizer, ids) for ids in _ids(tokenizer, texts, add_special_tokens=True)]
    if not inputs or len(inputs[0]) == 2:
        return prompts, [[] for _ in inputs]
    answers = _ids(tokenizer, [each[2] for each in inputs], add_special_tokens=False)
    end = [tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else []
    return prompts, [ids + end for ids in answers]


def _from_template(tokenizer: Any, inputs: Sequence[Input]) -> tuple[list[list[int]], list[list[int]]]:
    prompts, answers = [], []
    for earlier, text, *answer in inputs:
        asked = [*turns(earlier), {"role": "user", "content": text}]
        try:
            prompt = rendered(tokenizer, asked, add_generation_prompt=True)
        except DataError:  # a template that knows no system speaks its words as the user's
            asked = _without_system(asked)
            prompt = rendered(tokenizer, asked, add_generation_prompt=True)
        prompts.append(prompt)
        if answer:
            whole = rendered(tokenizer, [*asked, {"role": "assistant", "content": answer[0]}])
            goes_on = whole.startswith(prompt)  # templates that rewrite earlier turns are rare; then the end is plain
            answers.append(whole[len(prompt) :].rstrip() if goes_on else answer[0] + (tokenizer.eos_token or ""))
    ids = _ids(tokenizer, prompts, add_special_tokens=False)
    return ids, _ids(tokenizer, answers, add_special_tokens=False) if answers else [[] for _ in inputs]


def rendered(tokenizer: Any, messages: Sequence[dict[str, str]], **options: Any) -> str:
    """What the tokenizer's chat template makes of messages; `DataError` with its words where it refuses them."""
    from jinja2 import TemplateError

    try:
        made: str = tokenizer.apply_chat_template(list(messages), tokenize=False, **options)
    except TemplateError as error:
        raise DataError(
            f"expected messages that the model's chat template takes, given "
            f"{', '.join(each['role'] for each in messages)} ({error})",
            hint="Leave out what it does not take, or take a model with another template.",
        ) from error
    return made


def _without_system(messages: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """The messages with what the system says put before the first words of the user."""
    said = [each["content"] for each in messages if each["role"] == "system"]
    others = [dict(each) for each in messages if each["role"] != "system"]
    first = next(each for each in others if each["role"] == "user")
    first["content"] = "\n".join([*said, first["content"]])
    return others


def end_of_turn(tokenizer: Any) -> set[int]:
    """The token with which the chat template ends an answer, where it is a special one."""
    if not getattr(tokenizer, "chat_template", None):
        return set()
    said = rendered(tokenizer, [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]).rstrip()
    ids = _ids(tokenizer, [said], add_special_tokens=False)[0]
    return {*ids[-1:]} & {*tokenizer.all_special_ids}


def _ids(tokenizer: Any, texts: Sequence[str], *, add_special_tokens: bool) -> list[list[int]]:
    if not texts:
        return []
    found: list[list[int]] = tokenizer(
        list(texts), add_special_tokens=add_special_tokens, return_attention_mask=False, return_token_type_ids=False
    )["input_ids"]
    return found


def _open_ended(tokenizer: Any, ids: list[int]) -> list[int]:
    """Tokens without an end of text, which some tokenizers add."""
    return ids[:-1] if ids and ids[-1] in (tokenizer.eos_token_id, tokenizer.sep_token_id) else ids


def _without_beginning(tokenizer: Any, ids: list[int], room: int) -> list[int]:
    """The last tokens of a prompt, behind its first one where that marks the beginning of a text."""
    if len(ids) <= room:
        return ids
    first = ids[:1] if ids[0] == tokenizer.bos_token_id else []
    return first + ids[len(ids) - room + len(first) :]


def _cut_off(given: Any, limit: int) -> tuple[list[list[int]], NDArray[np.bool_]]:
    """Sequences of at most `limit` tokens, the last one kept (the end of text), and which were longer."""
    rows = given["input_ids"]
    cut = np.array([len(ids) > limit for ids in rows], dtype=bool)
    return [[*ids[: limit - 1], ids[-1]] if len(ids) > limit else ids for ids in rows], cut


def _joined(rows: Sequence[Sequence[int]]) -> NDArray[np.int32]:
    return np.fromiter((each for row in rows for each in row), np.int32)
