"""The line to a model behind HTTP: many requests under way, each sent again where it fails, nothing asked twice.

A service is asked again where it cannot be reached, is slow, or answers that it is busy or broken, each time after
twice the wait; every other refusal ends the run with what the service said. A key is taken from the environment
variable `DUIQI_SERVICE_KEY` and sent as a bearer token; it stands in no report, no file and no message.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from duiqi.core.errors import AnswerError, DependencyError, OptionError
from duiqi.core.progress import Progress, silent
from duiqi.model.address import Address

KEY = "DUIQI_SERVICE_KEY"
AGAIN = (408, 425, 429, 500, 502, 503, 504, 529)  # what a service answers that may do better in a moment
TOO_MANY = (413, 422)  # what one answers to more texts than it takes at once
BEGINNING = '{"service": "'  # of every line in a file of kept answers
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds before it is asked again


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


class Unanswered(AnswerError):
    """A request that was not answered as it should be. `status` is what came, 0 where it could not be read or nobody
    was reached; `again` says whether it may be answered in a moment."""

    def __init__(self, message: str, *, hint: str, status: int = 0, again: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.status, self.again = status, again


@dataclass(eq=False)
class Line:
    """The line to a service: what was asked before is not asked again."""

    address: Address
    way: Way
    progress: Progress = silent
    kept: dict[str, Any] = field(default_factory=dict)  # answers by question, as it is spelled
    from_file: int = 0  # how many of these were there before anything was asked

    @classmethod
    def to(cls, address: Address, way: Way, progress: Progress) -> Line:
        """A line that begins with what was kept of earlier runs, where something was."""
        kept = _kept_in(Path(address.keep), address.fingerprint) if address.keep else {}
        return cls(address, way, progress, kept, len(kept))

    def ask(self, questions: Sequence[Any]) -> list[Any]:
        """The answers to questions, in their order; `Unanswered` where the service cannot be brought to answer. What
        was answered before that is kept."""
        spelled = [json.dumps(self.way.body([each]), sort_keys=True) for each in questions]
        new = {name: each for name, each in zip(spelled, questions, strict=True) if name not in self.kept}
        names, done = list(new), 0
        groups = [names[at : at + self.way.batch] for at in range(0, len(names), self.way.batch)]
        if groups:
            self.progress("service", 0, len(names), {})
        with _keeping(self.address) as keep:
            for group, answers in self._asked(new, groups):
                answered = dict(zip(group, answers, strict=True))
                self.kept.update(answered)
                keep(answered)
                done += len(group)
                self.progress("service", done, len(names), {})
        return [self.kept[name] for name in spelled]

    def _asked(self, new: Mapping[str, Any], groups: Sequence[list[str]]) -> Iterator[tuple[list[str], list[Any]]]:
        """Groups of names with their answers, as they come. After one that is not answered, and after an interrupt,
        no more are sent, and those under way are not waited for."""
        waiting: SimpleQueue[list[str]] = SimpleQueue()
        ended: SimpleQueue[tuple[list[str], Any]] = SimpleQueue()
        stop = threading.Event()
        for group in groups:
            waiting.put(group)

        def work() -> None:
            with suppress(Empty):
                while not stop.is_set():
                    group = waiting.get_nowait()
                    try:
                        ended.put((group, self._several(client, stop, [new[name] for name in group])))
                    except Exception as error:  # told in the thread that asks
                        ended.put((group, error))

        with _client(self.address) as client:
            for _ in range(min(self.address.workers, len(groups))):
                threading.Thread(target=work, daemon=True).start()
            failed: Exception | None = None
            try:
                for _ in groups:
                    group, answers = ended.get_nowait() if failed else ended.get()
                    if isinstance(answers, Exception):
                        stop.set()
                        failed = failed or answers
                    else:
                        yield group, answers
            except Empty:  # what had come in the meantime is kept
                pass
            finally:
                stop.set()
            if failed:
                raise failed

    def _several(self, client: Any, stop: threading.Event, questions: Sequence[Any]) -> list[Any]:
        """Answers to one request; where it is too much for the service, to both halves of it."""
        try:
            reply = self._reply(client, stop, questions)
        except Unanswered as error:
            if error.status not in TOO_MANY or len(questions) == 1:
                raise
            half = len(questions) // 2
            return self._several(client, stop, questions[:half]) + self._several(client, stop, questions[half:])
        try:
            return self.way.read(reply, len(questions))
        except ValueError as error:
            raise Unanswered(
                f"expected answers of {self.address.shown} to {len(questions)} texts, given "
                f"{_short(json.dumps(reply, ensure_ascii=False))} ({error})",
                hint="Classes are asked as Hugging Face's pipelines are, texts at an address that ends with /v1 as "
                "chat completions are. Of another service record the answers in a file, and give that as the model.",
            ) from None

    def _reply(self, client: Any, stop: threading.Event, questions: Sequence[Any]) -> Any:
        """What the service says to one request, sent again where that may help."""
        import httpx2

        body, failure, wait, status = self.way.body(questions), "nothing", FIRST_WAIT, 0
        for attempt in range(self.address.tries):
            if attempt and stop.wait(wait):
                break
            wait = min(2 * wait, LONGEST_WAIT) if attempt else wait
            try:
                reply = client.post(self.address.url, json=body)
            except (httpx2.LocalProtocolError, httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
                raise OptionError(
                    f"expected an address that can be asked, given {self.address.shown} ({_short(str(error))})",
                    hint="Such as http://localhost:8000/predict",
                ) from None
            except httpx2.TransportError as error:
                failure, status = " ".join((type(error).__name__, _short(str(error)))).strip(), 0
                continue
            if reply.status_code in AGAIN:
                failure, status = f"HTTP {reply.status_code}: {_short(reply.text)}", reply.status_code
                with suppress(KeyError, ValueError):
                    wait = max(wait, min(float(reply.headers["retry-after"]), LONGEST_WAIT))
                continue
            return self._said(reply, questions)
        raise Unanswered(
            f"expected answers of {self.address.shown} to {len(questions)} texts, given {failure} after "
            f"{self.address.tries} tries",
            hint="See whether it runs and how long it takes; #timeout=SECONDS and #tries=N behind the address give it "
            "more time, #keep=answers.jsonl keeps what it has answered for the next run.",
            status=status,
            again=True,
        )

    def _said(self, reply: Any, questions: Sequence[Any]) -> Any:
        if reply.is_success:
            with suppress(ValueError):
                return reply.json()
        location = reply.headers.get("location", "")
        said = f"to {location.partition('?')[0]}" if location else _short(reply.text)
        raise Unanswered(
            f"expected answers of {self.address.shown} to {len(questions)} texts as JSON, given HTTP "
            f"{reply.status_code}: {said}",
            hint=f"A key is read from {KEY}." if reply.status_code in (401, 403) else "See what it was made to answer.",
            status=reply.status_code,
        )


def _key() -> str:
    """The key from the environment; `OptionError` where it cannot be sent."""
    key = os.environ.get(KEY, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise OptionError(
            f"expected a key of printable ASCII characters in {KEY}, given another", hint="Copy it anew, or unset it."
        )
    return key


@contextmanager
def _client(address: Address) -> Iterator[Any]:
    try:
        import httpx2
    except ImportError as error:
        raise DependencyError("expected httpx2 to ask a service", hint="pip install 'duiqi[service]'") from error
    key = _key()
    client = httpx2.Client(
        timeout=address.timeout,
        headers={"Authorization": f"Bearer {key}"} if key else {},
        limits=httpx2.Limits(max_connections=address.workers),
    )
    try:
        yield client
    finally:
        client.close()


Keep = Callable[[Mapping[str, Any]], None]


@contextmanager
def _keeping(address: Address) -> Iterator[Keep]:
    """What writes answers to the file where they are kept, each as soon as it is there."""
    if not address.keep:
        yield lambda answered: None
        return
    path = Path(address.keep)
    with _told(path):
        file = path.open("a+b")

    def keep(answered: Mapping[str, Any]) -> None:
        lines = ({"service": address.fingerprint, "asked": asked, "answer": said} for asked, said in answered.items())
        with _told(path):
            file.write("".join(json.dumps(line) + "\n" for line in lines).encode())
            file.flush()

    with file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":  # an earlier run broke off within a line
                file.write(b"\n")
        yield keep


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OptionError(
            f"expected a file to keep answers in, given {path} ({error.strerror})", hint="Give another file."
        ) from error


def _kept_in(path: Path, service: str) -> dict[str, Any]:
    """What a service has answered in earlier runs; a line that was not written to its end is asked again."""
    found: dict[str, Any] = {}
    with _told(path):
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    if not (text.startswith(BEGINNING) or BEGINNING.startswith(text)):
        raise OptionError(
            f"expected a file of kept answers or a new one, given {path}, which holds something else",
            hint="Give another file: answers would be written into this one.",
        )
    for line in text.split("\n"):
        with suppress(ValueError, KeyError, TypeError):
            said = json.loads(line)
            if said["service"] == service:
                found[said["asked"]] = said["answer"]
    return found


def _short(text: str, most: int = 200) -> str:
    """A text as it stands in a message: on one line, not long, without a key that came back in it."""
    key = os.environ.get(KEY, "").strip()
    text = " ".join((text.replace(key, "…") if key else text).split())
    return text if len(text) <= most else f"{text[:most]} …"
