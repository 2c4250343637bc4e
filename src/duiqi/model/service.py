"""A model behind HTTP as a predictor.

Two ways of speaking are known, and told apart by the address (`duiqi.model.address`):

- **Classes**: `POST ADDRESS {"inputs": [text, …], "parameters": {"top_k": …}}` gives for every text a list of
  `{"label", "score"}`, as Hugging Face's pipelines and inference endpoints answer. Servers that want every text in a
  list of its own (text-embeddings-inference at `/predict`) are noticed when the service is opened.
- **Texts**: `POST ADDRESS {"model", "messages", …}` gives `choices[0].message.content`, as OpenAI's chat completions
  and the servers that copy them do (vLLM, llama.cpp, Ollama, TGI). The address ends with `/chat/completions`, or with
  `/v1`, to which that is added.

Nothing else is sent than the texts of rows and of questions that probes ask, and, when a service for classes is opened,
two short texts that tell how it speaks. How it is asked, and asked again: `duiqi.model.line`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from duiqi.core.errors import AnswerError, ModelError, OptionError
from duiqi.core.predictions import Predictions
from duiqi.core.progress import Progress, silent
from duiqi.core.seed import hash64
from duiqi.core.texts import turns
from duiqi.model.address import Address
from duiqi.model.line import Line, Unanswered

if TYPE_CHECKING:
    from duiqi.core.dataset import Dataset
    from duiqi.core.part import Catalogue
    from duiqi.core.task import Task

MOST_LABELS = 300
OPENING = ("Good morning.", "The box is on the table.")  # asked to learn how a service speaks
NOBODY = 3  # tries where nobody was reached: it is not running
ROUNDED = 0.02  # how far from one probabilities may sum that were rounded on the way
ANSWERED = ("classify", "classify_pair", "multilabel")  # tasks that a service for classes can answer


@dataclass(frozen=True)
class Classes:
    """Texts one way or the other, answered by a number for every label."""

    batch: int
    alone: bool = False  # every text in a list of its own

    def question(self, text: str, second: str | None) -> Any:
        if self.alone:
            return [text] if second is None else [text, second]
        return text if second is None else {"text": text, "text_pair": second}

    def body(self, questions: Sequence[Any]) -> Any:
        return {"inputs": list(questions), "parameters": {"top_k": MOST_LABELS}}

    def read(self, reply: Any, many: int) -> list[Any]:
        if many == 1 and isinstance(reply, list) and reply and isinstance(reply[0], dict):
            reply = [reply]  # one text may be answered without a list around it
        if not isinstance(reply, list) or len(reply) != many:
            said = len(reply) if isinstance(reply, list) else 0
            raise ValueError(f"a list of {many} answers was expected, {said} came")
        return [_scores(each) for each in reply]


def _scores(answer: Any) -> dict[str, float]:
    """The number of every label in one answer."""
    if not isinstance(answer, list) or not answer:
        raise ValueError("for each text a list of {'label', 'score'} was expected")
    try:
        return {str(each["label"]): float(each["score"]) for each in answer}
    except (KeyError, TypeError, ValueError):
        raise ValueError("for each text a list of {'label', 'score'} was expected") from None


@dataclass(frozen=True)
class Chat:
    """Conversations that a model goes on with. An answer is its text, and whether it was cut off for its length."""

    options: Mapping[str, Any]  # of every request: the model, how it draws, how long it writes
    batch: int = 1

    def question(self, text: str, second: str | None) -> Any:
        return [*turns(second or ""), {"role": "user", "content": text}]

    def body(self, questions: Sequence[Any]) -> Any:
        return {**self.options, "messages": questions[0]}

    def read(self, reply: Any, many: int) -> list[Any]:
        try:
            choice = reply["choices"][0]
            text = choice["message"]["content"]
            if not isinstance(text, str | None):
                raise TypeError
        except (KeyError, IndexError, TypeError):
            raise ValueError("choices[0].message.content was expected") from None
        return [{"text": text or "", "cut": choice.get("finish_reason") == "length"}]


@dataclass(frozen=True, eq=False)
class Service:
    """What all services have in common as predictors: nothing is known of how they were made."""

    line: Line
    task: Task

    @property
    def name(self) -> str:
        return self.line.address.shown

    @cached_property
    def fingerprint(self) -> str:
        """Of the address and what is asked there; what stands behind it may change without a sign."""
        line = self.line
        asked = json.dumps(line.way.body([line.way.question("", None)]), sort_keys=True)
        return f"{hash64(repr((line.address.fingerprint, line.address.keep, asked, self.task.to_json()))):016x}"

    @property
    def notes(self) -> tuple[dict[str, Any], ...]:
        """What is to be said of its answers: that some are from an earlier run."""
        keep, many = self.line.address.keep, self.line.from_file
        return ({"code": "kept_answers", "answers": many, "file": keep},) if many else ()

    def uncached(self) -> Service:
        """The same service, as if nothing had been asked."""
        address = replace(self.line.address, keep="")
        return replace(self, line=replace(self.line, address=address, kept={}, from_file=0))

    def questions(self, data: Dataset) -> list[Any]:
        """What is asked of every row."""
        second = data.second_texts if data.has("text_pair") else [None] * len(data)
        return [self.line.way.question(*each) for each in zip(data.texts, second, strict=True)]


class Classifier(Service):
    """A service that gives every label a probability."""

    def labelled(self, answer: Mapping[str, float]) -> dict[str, float]:
        """The number of every label, as the rows call it."""
        renamed = self.line.address.renamed
        return {renamed.get(label, label): number for label, number in answer.items()}

    @property
    def offers(self) -> frozenset[str]:
        return frozenset({self.task.output, "probs"})

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """The asked outputs for every row; `AnswerError` where labels are missing or no probabilities are given."""
        answers = [self.labelled(each) for each in self.line.ask(self.questions(data))]
        labels = self.task.labels
        for row, answer in zip(data.row_ids, answers, strict=True):
            if set(answer) != {*labels}:
                raise AnswerError(
                    f"expected scores of {', '.join(labels[:20])} from {self.name}, given those of "
                    f"{', '.join(sorted(answer)[:20])} for row '{row}' of {data.name}",
                    hint="Let the service answer with all labels, whatever the text.",
                )
        probs = np.array([[answer[label] for label in labels] for answer in answers]).reshape(-1, len(labels))
        if self.task.output == "labels":
            return Predictions(data.row_ids, {"labels": (probs >= 0.5).astype(np.int64), "probs": probs})
        sums = probs.sum(axis=1, keepdims=True)
        wrong = np.flatnonzero(~(np.abs(sums[:, 0] - 1) <= ROUNDED))
        if len(wrong):
            raise AnswerError(
                f"expected probabilities from {self.name} that sum to 1, given {sums[wrong[0], 0]:.4g} for row "
                f"'{data.row_ids[wrong[0]]}' of {data.name}",
                hint="Let the service answer with probabilities (softmax); of a model with several labels a row say "
                "--task multilabel.",
            )
        return Predictions(data.row_ids, {"probs": probs / sums})


class Writer(Service):
    """A service that writes. `notes` say how many of its texts were cut off for their length."""

    offers = frozenset({"text"})

    @property
    def notes(self) -> tuple[dict[str, Any], ...]:
        cut = sum(bool(answer["cut"]) for answer in self.line.kept.values())
        empty = sum(not answer["text"].strip() for answer in self.line.kept.values())
        said = [{"code": "unfinished", "texts": cut, "longest": self.task.options["longest"]}] if cut else []
        said += [{"code": "empty_answers", "texts": empty}] if empty else []
        return (*super().notes, *said)

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """The texts written to every row."""
        texts = [answer["text"] for answer in self.line.ask(self.questions(data))]
        return Predictions(data.row_ids, {"text": texts})

    def drawing(self, samples: int, *, temperature: float, top_p: float, draw: int, progress: Any = None) -> Drawing:
        """The same service, as one that draws so many texts to every row, others for each `draw`."""
        assert isinstance(self.line.way, Chat)
        drawn = {**self.line.way.options, "temperature": temperature, "top_p": top_p}
        ways = (Chat({**drawn, "seed": draw * samples + at}) for at in range(samples))
        return Drawing(self, tuple(replace(self.line, way=way) for way in ways))


@dataclass(frozen=True, eq=False)
class Drawing:
    """A service that writes, asked several times with other seeds."""

    writer: Writer
    lines: tuple[Line, ...]
    offers = frozenset({"samples"})

    @property
    def name(self) -> str:
        return self.writer.name

    @property
    def task(self) -> Task:
        return self.writer.task

    @property
    def fingerprint(self) -> str:
        return f"{hash64(repr((self.writer.fingerprint, [line.way for line in self.lines]))):016x}"

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """The `samples` of every row."""
        questions = self.writer.questions(data)
        texts = [[answer["text"] for answer in line.ask(questions)] for line in self.lines]
        return Predictions(data.row_ids, {"samples": [list(each) for each in zip(*texts, strict=True)]})


def open_service(name: str, task: Task, catalogue: Catalogue, *, progress: Progress = silent) -> Service:
    """The service at an address, for rows of a task. One for classes says which labels it knows, and these are then
    the task's. `ModelError` where it answers another task than the rows ask for."""
    address = Address.of(name)
    if address.chats:
        if task.name != "generate":
            raise ModelError(
                f"expected a service for {task.name}, as the rows ask for, given {address.shown}, which writes texts",
                hint="Say --task generate where labels are texts to write. Of a chat model that names classes record "
                "the answers in a file, and give that as the model.",
            )
        if not address.model:
            raise OptionError(
                f"expected the name of a model for {address.shown}, given none", hint="Write it behind: #model=NAME"
            )
        said = task.options
        options = {"model": address.model, "temperature": said["temperature"], "max_tokens": said["longest"]}
        chat = Chat({**options, "top_p": said["top_p"]})
        return Writer(Line.to(address, chat, progress), task)
    if task.name not in ANSWERED:
        raise ModelError(
            f"expected rows for {', '.join(ANSWERED)} for a service that names classes, given rows for {task.name}",
            hint="One that writes has an address that ends with /v1 or /chat/completions. Of others record the "
            "answers in a file, and give that as the model.",
        )
    renamed = address.renamed
    way, theirs = _opened(address, pairs="text_pair" in task.inputs)
    labels = tuple(sorted(renamed.get(label, label) for label in theirs))
    unknown = [label for label in task.labels if label not in labels]
    if unknown:
        raise ModelError(
            f"expected a service that knows the labels of the rows ({', '.join(task.labels[:20])}), given one that "
            f"knows {', '.join(labels[:20])}",
            hint=f"Say behind the address which is which: #labels={','.join(f'{each}:…' for each in theirs[:5])}",
        )
    return Classifier(Line.to(address, way, progress), catalogue.task(task.name, labels=labels))


def _opened(address: Address, *, pairs: bool) -> tuple[Classes, tuple[str, ...]]:
    """The way in which a service for classes speaks, and the labels that it knows. Both ways are tried once, then those
    to which it may answer in a moment, as often as the address says."""
    ways, failed = [Classes(address.batch, alone) for alone in (False, True)], dict[Classes, Unanswered]()
    for tries in (1, address.tries):
        for way in ways:
            if way in failed and not failed[way].again:
                continue
            reached = way not in failed or bool(failed[way].status)
            try:
                tried = replace(address, tries=tries if reached else min(tries, NOBODY), keep="")
                return way, _labels(Line(tried, way), pairs=pairs)
            except Unanswered as error:
                failed[way] = error
                if error.again and not error.status:  # nobody was reached: the other way would not be, either
                    break
    raise failed[ways[0]]


def _labels(line: Line, *, pairs: bool) -> tuple[str, ...]:
    """The labels that a service knows, sorted."""
    answers = line.ask([line.way.question(text, OPENING[0] if pairs else None) for text in OPENING])
    labels = sorted({label for answer in answers for label in answer})
    if len(labels) < 2 or any(len(answer) < len(labels) for answer in answers):
        raise ModelError(
            f"expected a number for every label from {line.address.shown}, given only {', '.join(labels)}",
            hint="Let the service answer with all labels (top_k), or record its answers in a file, and give that "
            "as the model.",
        )
    return tuple(labels)
