"""A service for tests: a server on this machine that answers by a function, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, Any]  # a status, and what is said as JSON (or bytes, as they are)


@dataclass
class Served:
    """Where it is, and the requests that came: path, body, headers."""

    url: str = ""
    requests: list[tuple[str, Any, dict[str, str]]] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """Every text that was asked about, in the order in which requests came."""
        return [text for _, body, _ in self.requests for text in body["inputs"]]


@contextmanager
def served(answer: Callable[[Any], Any | Reply]) -> Iterator[Served]:
    """A server whose replies are what `answer` makes of each request's JSON, a value or a status with one."""
    said, lock = Served(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                said.requests.append((self.path, body, {k.lower(): v for k, v in self.headers.items()}))
            made = answer(body)
            status, value = made if isinstance(made, tuple) else (200, made)
            sent = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *said: Any) -> None:
            """Nothing on the screen."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    said.url = f"http://127.0.0.1:{server.server_address[1]}/predict"
    try:
        yield said
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def lengths(text: str) -> list[dict[str, Any]]:
    """Scores of two labels by how long a text is: "long" from 20 characters on."""
    likely = 1 / (1 + 2.0 ** (20 - len(text)))
    return [{"label": "short", "score": 1 - likely}, {"label": "long", "score": likely}]
