"""Where a model behind HTTP is, and how it is asked: `http://localhost:8000/v1#model=qwen&workers=8`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from duiqi.core.errors import OptionError, nearest
from duiqi.core.seed import hash64

CHAT = "/chat/completions"


def is_service(name: object) -> bool:
    """Whether a model is named by its address."""
    return str(name).startswith(("http://", "https://"))


@dataclass(frozen=True)
class Address:
    """Where a service is and how it is asked.

    `model` is what a chat service calls the model (of others there is none). `batch` texts go into one request (into
    one to a chat service one), `workers` requests are under way at once, each may wait `timeout` seconds for the next
    sign of life, and is sent `tries` times at most. With `keep`, answers are written to that file as they come, and
    those of an earlier run are taken from it, even where another model stands behind the address by now. `labels` says
    what the service calls labels of the rows: LABEL_0:negative,LABEL_1:positive.
    """

    url: str
    model: str = ""
    batch: int = 32
    workers: int = 4
    timeout: float = 60.0
    tries: int = 6
    keep: str = ""
    labels: str = ""

    @classmethod
    def of(cls, name: str) -> Address:
        """Read from an address with settings behind `#`; `OptionError` for one that is unknown, impossible, or without
        meaning for this kind of service."""
        try:
            parts = urlsplit(name)
            hostname = parts.hostname
        except ValueError:  # brackets that are not those of an address
            hostname = None
        if not hostname:
            raise OptionError(
                f"expected the address of a service, given {name.partition('?')[0]}",
                hint="Such as http://localhost:8000/predict",
            )
        path = parts.path.rstrip("/")
        path = path + CHAT if path.endswith("/v1") else parts.path
        address = cls(urlunsplit((parts.scheme, parts.netloc, path, parts.query, "")))
        return cls(address.url, **address._settings(parts.fragment))

    def _settings(self, fragment: str) -> dict[str, Any]:
        """What stands behind `#`."""
        kinds: dict[str, Callable[[str], Any]] = {
            each.name: {"int": int, "float": float}.get(str(each.type), str) for each in fields(self)[1:]
        }
        said: dict[str, Any] = {}
        for part in filter(None, fragment.split("&")):
            setting, _, value = part.partition("=")
            if setting not in kinds:
                raise OptionError(
                    f"expected settings of a service behind '#', given '{setting}'", hint=nearest(setting, kinds)
                )
            if setting in (("batch", "labels") if self.chats else ("model",)):
                raise OptionError(
                    f"expected settings that {self.shown} can heed, given '{setting}'",
                    hint="batch and labels are for services that name classes, model for those that write.",
                )
            said[setting] = _read(kinds[setting], unquote(value))
            if said[setting] is None:
                raise OptionError(
                    f"expected a number above 0 as '{setting}' of a service, given '{unquote(value)}'",
                    hint=f"Write it so: {self.shown}#{setting}={getattr(self, setting)}",
                )
        return said

    @property
    def shown(self) -> str:
        """The address as it may stand in a report: without names, passwords and queries, which may hold keys."""
        parts = urlsplit(self.url)
        netloc = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, netloc, parts.path, "", f"model={self.model}" if self.model else ""))

    @property
    def renamed(self) -> dict[str, str]:
        """What labels of the service are called in the rows; `OptionError` where that cannot be read."""
        pairs = [each.rpartition(":")[::2] for each in self.labels.split(",") if each]
        if any(not theirs or not ours for theirs, ours in pairs):
            raise OptionError(
                f"expected labels of a service and what the rows call them, given '{self.labels}'",
                hint="Write them so: #labels=LABEL_0:negative,LABEL_1:positive",
            )
        return dict(pairs)

    @property
    def fingerprint(self) -> str:
        """Tells services apart that are shown alike, as by a version in the query."""
        return f"{hash64(f'service {self.url} {self.model}'):016x}"

    @property
    def chats(self) -> bool:
        """Whether texts are written there."""
        return urlsplit(self.url).path.endswith(CHAT)


def _read(kind: Callable[[str], Any], value: str) -> Any:
    """A setting; `None` for a number that is none or not above 0."""
    try:
        said = kind(value)
    except ValueError:
        return None
    return said if isinstance(said, str) or 0 < said < float("inf") else None
