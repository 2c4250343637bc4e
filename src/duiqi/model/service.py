"""A model behind HTTP: asked for many texts at once, again where it fails, and for no text twice.

Two ways of speaking are known, and told apart by the address:

- **Classes**: `POST ADDRESS {"inputs": [text, …], "parameters": {"top_k": …}}` gives for every text a list of
  `{"label", "score"}`, as Hugging Face's pipelines and inference endpoints answer. Servers that want every text in a
  list of its own (text-embeddings-inference at `/predict`) are noticed when the service is opened.
- **Texts**: `POST ADDRESS {"model", "messages", …}` gives `choices[0].message.content`, as OpenAI's chat completions
  and the servers that copy them do (vLLM, llama.cpp, Ollama, TGI). The address ends with `/chat/completions`, or with
  `/v1`, to which that is added.

A service is asked again where it cannot be reached, is slow, or answers that it is busy or broken, each time after
twice the wait; every other refusal ends the run with what the service said. Nothing else is sent to it than the texts
of rows and of questions that probes ask, and, when one for classes is opened, two short texts that tell how it speaks.
A key is taken from the environment variable `DUIQI_SERVICE_KEY` and sent as a bearer token; it stands in no report, no
file and no message.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from duiqi.core.errors import AnswerError, DependencyError, ModelError, OptionError
from duiqi.core.predictions import Predictions
from duiqi.core.progress import Progress, silent
from duiqi.core.seed import hash64
from duiqi.core.texts import turns
from duiqi.model.address import Address

if TYPE_CHECKING:
    from duiqi.core.dataset import Dataset
    from duiqi.core.part import Catalogue
    from duiqi.core.task import Task

KEY = "DUIQI_SERVICE_KEY"
AGAIN = (408, 425, 429, 500, 502, 503, 504, 529)  # what a service answers that may do better in a moment
TOO_MANY = (413, 422)  # what one answers to more texts than it takes at once
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds before it is asked again
MOST_LABELS = 300
OPENING = ("Good morning.", "The box is on the table.")  # asked to learn how a service speaks
OPENING_TRIES = 2
CLOSE = 0.02  # how far from one probabilities may sum that were rounded on the way
OF_CLASSES = ("classify", "classify_pair", "multilabel")


class Way(Protocol):
    """How one kind of service is spoken to. A question is what JSON can say, and its answer, too."""

    @property
    def batch(self) -> int:
        """How many questions go into one request."""

    def question(self, text: str, second: str | None) -> Any:
        """What is asked of one row: its text, and its second text where it has one."""

    def body(self, questions: Sequence[Any]) -> Any:
        """The request for several questions."""

    def read(self, reply: Any, many: int) -> list[Any]:
        """The answers in a reply; `ValueError` with what is wrong where it holds none."""


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
            said = f"{len(reply)}" if isinstance(reply, list) else type(reply).__name__
            raise ValueError(f"a list of {many} answers was expected, {said} came")
        return [_numbers(each) for each in reply]


def _numbers(answer: Any) -> dict[str, float]:
    """The number of every label in one answer."""
    if not isinstance(answer, list) or not answer:
        raise ValueError("for each text a list of {'label', 'score'} was expected")
    try:
        return {str(each["label"]): float(each["score"]) for each in answer}
    except (KeyError, TypeError, ValueError):
        raise ValueError("for each text a list of {'label', 'score'} was expected") from None


@dataclass(frozen=True)
class Chat:
    """Conversations that a model goes on with, by what it is asked with."""

    options: Mapping[str, Any]  # of every request: the model, how it draws, how long it writes
    batch: int = 1

    def question(self, text: str, second: str | None) -> Any:
        return [*turns(second or ""), {"role": "user", "content": text}]

    def body(self, questions: Sequence[Any]) -> Any:
        return {**self.options, "messages": questions[0]}

    def read(self, reply: Any, many: int) -> list[Any]:
        try:
            return [str(reply["choices"][0]["message"]["content"] or "")]
        except (KeyError, IndexError, TypeError):
            raise ValueError("choices[0].message.content was expected") from None


class Refused(AnswerError):
    """A request that the service does not take, however often it is sent; `status` is what it answered, 0 where its
    answer could not be read."""

    def __init__(self, message: str, *, hint: str = "", status: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.status = status


@dataclass(eq=False)
class Line:
    """The line to a service: what was asked before is not asked again."""

    address: Address
    way: Way
    progress: Progress = silent
    kept: dict[str, Any] = field(default_factory=dict)  # answers by question, as it is spelled

    def __post_init__(self) -> None:
        if self.address.keep:
            self.kept.update(_read_kept(Path(self.address.keep), self.address.shown))

    def ask(self, questions: Sequence[Any]) -> list[Any]:
        """The answers to questions, in their order; `AnswerError` where the service cannot be brought to answer."""
        spelled = [json.dumps(self.way.body([each]), ensure_ascii=False, sort_keys=True) for each in questions]
        new = {name: each for name, each in zip(spelled, questions, strict=True) if name not in self.kept}
        names = list(new)
        groups = [names[at : at + self.way.batch] for at in range(0, len(names), self.way.batch)]
        if groups:
            self.progress("service", 0, len(names), {})
        with _writing(self.address) as keep:
            done = 0
            for group, answers in self._asked(new, groups):
                self.kept.update(zip(group, answers, strict=True))
                keep(zip(group, answers, strict=True))
                done += len(group)
                self.progress("service", done, len(names), {})
        return [self.kept[name] for name in spelled]

    def _asked(self, new: Mapping[str, Any], groups: Sequence[list[str]]) -> Iterator[tuple[list[str], list[Any]]]:
        """Groups of names with their answers, as they come."""
        stop = threading.Event()
        with _client(self.address) as client, ThreadPoolExecutor(self.address.workers) as pool:
            under_way = {
                pool.submit(self._several, client, stop, [new[name] for name in group]): group for group in groups
            }
            try:
                for each in as_completed(under_way):
                    yield under_way[each], each.result()
            except BaseException:  # one that cannot be answered, or an interrupt: the others are not waited for
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                client.close()
                raise

    def _several(self, client: Any, stop: threading.Event, questions: Sequence[Any]) -> list[Any]:
        """Answers to one request; where it is too much for the service, to both halves of it."""
        try:
            reply = self._reply(client, stop, questions)
        except Refused as error:
            if error.status not in TOO_MANY or len(questions) == 1:
                raise
            half = len(questions) // 2
            return self._several(client, stop, questions[:half]) + self._several(client, stop, questions[half:])
        try:
            return self.way.read(reply, len(questions))
        except ValueError as error:
            raise Refused(
                f"expected answers of {self.address.shown} to {len(questions)} texts, given "
                f"{_short(json.dumps(reply, ensure_ascii=False))} ({error})",
                hint="Classes are asked as Hugging Face's pipelines are, texts at an address that ends with /v1 as "
                "chat completions are. Of another service record the answers in a file, and give that as the model.",
            ) from None

    def _reply(self, client: Any, stop: threading.Event, questions: Sequence[Any]) -> Any:
        """What the service says to one request, sent again where that may help."""
        import httpx2

        failure, wait, status = "nothing", FIRST_WAIT, 0
        for attempt in range(self.address.tries):
            if attempt and stop.wait(wait):
                break
            wait = min(2 * wait, LONGEST_WAIT) if attempt else wait
            try:
                reply = client.post(self.address.url, json=self.way.body(questions))
            except httpx2.TransportError as error:
                failure, status = f"{type(error).__name__}{f' ({error})' if str(error) else ''}", 0
                continue
            if reply.status_code in AGAIN:
                failure, status = f"HTTP {reply.status_code}: {_short(reply.text)}", reply.status_code
                with suppress(KeyError, ValueError):
                    wait = max(wait, min(float(reply.headers["retry-after"]), LONGEST_WAIT))
                continue
            return self._said(reply, questions)
        said = (
            f"expected answers of {self.address.shown} to {len(questions)} texts, given {failure} after "
            f"{self.address.tries} tries"
        )
        hint = (
            "See whether it runs and how long it takes; #timeout=SECONDS and #tries=N behind the address give it "
            "more time, #keep=answers.jsonl keeps what it has answered for the next run."
        )
        raise Refused(said, hint=hint, status=status) if status else AnswerError(said, hint=hint)

    def _said(self, reply: Any, questions: Sequence[Any]) -> Any:
        if reply.is_success:
            with suppress(ValueError):
                return reply.json()
        raise Refused(
            f"expected answers of {self.address.shown} to {len(questions)} texts as JSON, given HTTP "
            f"{reply.status_code}: {_short(reply.text)}",
            hint=f"A key is read from {KEY}." if reply.status_code in (401, 403) else "See what it was made to answer.",
            status=reply.status_code,
        )


@contextmanager
def _client(address: Address) -> Iterator[Any]:
    try:
        import httpx2
    except ImportError as error:
        raise DependencyError("expected httpx2 to ask a service", hint="pip install 'duiqi[service]'") from error
    key = os.environ.get(KEY)
    try:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        with httpx2.Client(timeout=address.timeout, headers=headers) as client:
            yield client
    except httpx2.InvalidURL as error:
        raise OptionError(f"expected the address of a service, given {address.shown} ({error})") from None


@contextmanager
def _writing(address: Address) -> Iterator[Any]:
    """What writes answers to the file where they are kept, each as soon as it is there."""
    if not address.keep:
        yield lambda answers: None
        return
    try:
        with Path(address.keep).open("a", encoding="utf-8") as file:

            def keep(answers: Any) -> None:
                for asked, answer in answers:
                    line = {"service": address.shown, "asked": asked, "answer": answer}
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")
                file.flush()

            yield keep
    except OSError as error:
        raise OptionError(
            f"expected a file to keep answers in, given {address.keep} ({error.strerror})", hint="Give another file."
        ) from error


def _read_kept(path: Path, service: str) -> dict[str, Any]:
    """What this service has answered before; a line that was not written to its end is asked again."""
    found: dict[str, Any] = {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    for line in lines:
        with suppress(ValueError, KeyError, TypeError):
            said = json.loads(line)
            if said["service"] == service:
                found[said["asked"]] = said["answer"]
    return found


def _short(text: str, most: int = 200) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[:most]} …"


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
        """Of the address and how it is asked, as far as they say what answers; what stands behind it may change."""
        return f"{hash64(repr((self.name, self.line.way, sorted(self.task.to_json().items())))):016x}"

    def uncached(self) -> Service:
        """The same service, as if nothing had been asked."""
        address = replace(self.line.address, keep="")
        return replace(self, line=replace(self.line, address=address, kept={}))

    def questions(self, data: Dataset) -> list[Any]:
        """What is asked of every row."""
        second = data.second_texts if data.has("text_pair") else [None] * len(data)
        return [self.line.way.question(*each) for each in zip(data.texts, second, strict=True)]


class Classifier(Service):
    """A service that gives every label a probability."""

    @property
    def offers(self) -> frozenset[str]:
        return frozenset({self.task.output, "probs"})

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """The asked outputs for every row; `AnswerError` where labels are missing or no probabilities are given."""
        answers = self.line.ask(self.questions(data))
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
            return Predictions(
                data.row_ids, _asked({"probs": probs, "labels": (probs >= 0.5).astype(np.int64)}, outputs)
            )
        sums = probs.sum(axis=1, keepdims=True)
        wrong = np.flatnonzero(~(np.abs(sums[:, 0] - 1) <= CLOSE))
        if len(wrong):
            raise AnswerError(
                f"expected probabilities from {self.name} that sum to 1, given {sums[wrong[0], 0]:.4g} for row "
                f"'{data.row_ids[wrong[0]]}' of {data.name}",
                hint="Let the service answer with probabilities (softmax); of a model with several labels a row say "
                "--task multilabel.",
            )
        return Predictions(data.row_ids, _asked({"probs": probs / sums}, outputs))


class Writer(Service):
    """A service that writes."""

    offers = frozenset({"text"})

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """The texts written to every row."""
        return Predictions(data.row_ids, _asked({"text": self.line.ask(self.questions(data))}, outputs))

    def drawing(self, samples: int, *, temperature: float, top_p: float, draw: int, progress: Any = None) -> Drawing:
        """The same service, as one that draws so many texts to every row, others for each `draw`."""
        way = self.line.way
        assert isinstance(way, Chat)
        drawn = [
            replace(
                way, options={**way.options, "temperature": temperature, "top_p": top_p, "seed": draw * samples + at}
            )
            for at in range(samples)
        ]
        return Drawing(self, tuple(drawn))


@dataclass(frozen=True, eq=False)
class Drawing:
    """A service that writes, asked several times with other seeds."""

    writer: Writer
    ways: tuple[Chat, ...]
    offers = frozenset({"samples"})

    @property
    def name(self) -> str:
        return self.writer.name

    @property
    def task(self) -> Task:
        return self.writer.task

    @property
    def fingerprint(self) -> str:
        return f"{hash64(repr((self.writer.fingerprint, self.ways))):016x}"

    def predict(self, data: Dataset, outputs: Sequence[str]) -> Predictions:
        """The `samples` of every row."""
        line = self.writer.line
        questions = self.writer.questions(data)
        texts = [replace(line, way=way, kept=line.kept).ask(questions) for way in self.ways]
        return Predictions(data.row_ids, {"samples": [list(each) for each in zip(*texts, strict=True)]})


def _asked(columns: Mapping[str, Any], outputs: Sequence[str]) -> dict[str, Any]:
    return {name: columns[name] for name in outputs}


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
        return Writer(Line(address, Chat({**options, "top_p": said["top_p"]}), progress), task)
    if task.name not in OF_CLASSES:
        raise ModelError(
            f"expected rows for {', '.join(OF_CLASSES)} for a service that names classes, given rows for {task.name}",
            hint="One that writes has an address that ends with /v1 or /chat/completions. Of others record the "
            "answers in a file, and give that as the model.",
        )
    line, labels = _opened(address, pairs="text_pair" in task.inputs)
    return Classifier(replace(line, progress=progress), catalogue.task(task.name, labels=labels))


def _opened(address: Address, *, pairs: bool) -> tuple[Line, tuple[str, ...]]:
    """The line to a service for classes, in the way that it speaks, and the labels that it knows."""
    refused: list[Refused] = []
    for alone in (False, True):
        way = Classes(address.batch, alone)
        line = Line(replace(address, tries=min(OPENING_TRIES, address.tries), keep=""), way)
        try:
            answers = line.ask([way.question(text, OPENING[0] if pairs else None) for text in OPENING])
        except Refused as error:
            refused.append(error)
            continue
        labels = sorted({label for answer in answers for label in answer})
        if len(labels) < 2 or any(len(answer) < len(labels) for answer in answers):
            raise ModelError(
                f"expected a number for every label from {address.shown}, given only {', '.join(labels)}",
                hint="Let the service answer with all labels (top_k), or record its answers in a file, and give that "
                "as the model.",
            )
        return Line(address, way), tuple(labels)
    raise refused[0]
