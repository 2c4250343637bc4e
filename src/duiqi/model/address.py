"""Where a model behind HTTP is, and how it is asked: `http://localhost:8000/v1#model=qwen&workers=8`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from duiqi.core.errors import OptionError, nearest

CHAT = "/chat/completions"


def is_service(name: object) -> bool:
    """Whether a model is named by its address."""
    return str(name).startswith(("http://", "https://"))


@dataclass(frozen=True)
class Address:
    """Where a service is and how it is asked.

    `model` is what a chat service calls the model. `batch` texts go into one request (classes only), `workers` requests
    are under way at once, each may take `timeout` seconds, and is sent `tries` times at most. Answers are written to
    the file `keep` as they come, and looked up there first: what was answered before a run broke off, or before the
    model behind the address was changed.
    """

    url: str
    model: str = ""
    batch: int = 32
    workers: int = 4
    timeout: float = 60.0
    tries: int = 5
    keep: str = ""

    @classmethod
    def of(cls, name: str) -> Address:
        """Read from an address with settings behind `#`; `OptionError` for one that is unknown or impossible."""
        parts = urlsplit(name)
        if not parts.hostname:
            raise OptionError(
                f"expected the address of a service, given {name}", hint="Such as http://localhost:8000/predict"
            )
        kinds: dict[str, Callable[[str], Any]] = {
            each.name: {"int": int, "float": float}.get(str(each.type), str) for each in fields(cls)[1:]
        }
        said: dict[str, Any] = {}
        for setting, value in parse_qsl(parts.fragment, keep_blank_values=True):
            if setting not in kinds:
                raise OptionError(
                    f"expected settings of a service behind '#', given '{setting}'", hint=nearest(setting, kinds)
                )
            try:
                said[setting] = kinds[setting](value)
            except ValueError:
                said[setting] = 0
            if kinds[setting] is not str and not said[setting] > 0:
                raise OptionError(
                    f"expected a number above 0 as '{setting}' of a service, given '{value}'",
                    hint=f"Write it so: {name.partition('#')[0]}#{setting}={getattr(cls, setting)}",
                )
        path = parts.path.rstrip("/")
        path = path + CHAT if path.endswith("/v1") else parts.path
        return cls(urlunsplit((parts.scheme, parts.netloc, path, parts.query, "")), **said)

    @property
    def shown(self) -> str:
        """The address as it may stand in a report: without names, passwords and queries, which may hold keys."""
        parts = urlsplit(self.url)
        netloc = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, netloc, parts.path, "", f"model={self.model}" if self.model else ""))

    @property
    def chats(self) -> bool:
        """Whether texts are written there."""
        return urlsplit(self.url).path.endswith(CHAT)
