"""A web of our own on this machine: what the contract suite of searches, and the tests of `data collect`, ask.

Names of hosts stand for public addresses, so that every rule about addresses holds as it does outside; connections to
these addresses are made to one server on the loopback. Only code that makes a `FakeWeb` gets such a way: there is no
option or variable by which a user could.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from fashionbatch.collecting.web.addresses import is_public, system_addresses
from fashionbatch.collecting.web.exchange import Answer, WebExchange

_PUBLIC = "93.184.216.{}"


@dataclass(frozen=True)
class Reply:
    """An answer.

    Attributes:
        content: the body.
        status: of HTTP.
        headers: beside those of length and connection.
        told: the length that is told instead of the true one; the connection ends after the body.
        pieces: sent after the body, one by one, until there are none or the other side has left.
    """

    content: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    told: int | None = None
    pieces: Callable[[], Iterator[bytes]] | None = None


Answers: TypeAlias = Reply | Sequence[Reply] | Callable[[str], Reply]
"""What an address gives: always one reply, one after the other (the last again and again), or by its path and query."""


class Asked(NamedTuple):
    """A request that came.

    Attributes:
        host: of the request.
        path: with what stands behind the `?`.
        headers: by names in lower case.
        at: what `FakeWeb.now` said when it came.
    """

    host: str
    path: str
    headers: Mapping[str, str]
    at: float


class FakeWeb:
    """Hosts with pages.

    Args:
        now: a clock, to see when each request came.
        certificate: a file with a certificate and its key, PEM, by which all hosts answer to `https` alone.

    Attributes:
        asked: every request, in the order in which they came.
        whole: host and path of every answer whose last byte was sent, in that order.
        addresses: by the name of a host the addresses that it stands for; any other name stands for a public one.
    """

    def __init__(self, *, now: Callable[[], float] = lambda: 0.0, certificate: Path | None = None) -> None:
        self.asked: list[Asked] = []
        self.whole: list[tuple[str, str]] = []
        self.addresses: dict[str, Sequence[str]] = {}
        self._pages: dict[tuple[str, str], Answers] = {}
        self._turns: dict[tuple[str, str], int] = {}
        self._now = now
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._is_encrypted = certificate is not None
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="fake web", daemon=True)

    def __enter__(self) -> FakeWeb:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def put(self, url: str, answers: Answers) -> str:
        """Let an address, such as `photos.example/1.jpg`, give something; `photos.example/*` is all the rest of a host.

        Returns:
            The address with `http://`.
        """
        host, _, path = url.partition("/")
        self._pages[host, f"/{path}"] = answers
        return f"http://{url}"

    @property
    def port(self) -> int:
        """Where the server listens on this machine."""
        return self._server.server_port

    def exchange(self) -> WebExchange:
        """A way to this web, which is the usual one but for where names and connections lead."""
        return exchange_with(self.port, self.addresses, is_encrypted=self._is_encrypted)

    def times(self, url: str) -> int:
        """How often an address was asked for."""
        host, _, path = url.removeprefix("http://").partition("/")
        with self._lock:
            return sum(one.host == host and one.path == f"/{path}" for one in self.asked)

    def reply(self, host: str, path: str, headers: Mapping[str, str]) -> Reply:
        """What a request gets, which is noted."""
        with self._lock:
            self.asked.append(Asked(host, path, headers, self._now()))
            place = next(
                (key for key in ((host, path), (host, path.partition("?")[0]), (host, "/*")) if key in self._pages),
                None,
            )
            if place is None or (path == "/robots.txt" and place[1] == "/*"):
                return Reply(b"nothing here", 404)
            answers = self._pages[place]
            if isinstance(answers, Reply):
                return answers
            if callable(answers):
                return answers(path)
            turn = self._turns.get(place, 0)
            self._turns[place] = turn + 1
            return answers[min(turn, len(answers) - 1)]


def exchange_with(
    port: int,
    addresses: Mapping[str, Sequence[str]] | None = None,
    *,
    is_encrypted: bool = False,
    stopping: Callable[[], bool] = lambda: False,
) -> WebExchange:
    """A way to a `FakeWeb`, also to one in another process.

    Args:
        port: of its server.
        addresses: as `FakeWeb.addresses`.
        is_encrypted: whether it has a certificate; without one `https` goes to it unencrypted.
        stopping: as for `WebExchange`.
    """
    import httpcore

    from fashionbatch.collecting.web.connections import CheckedBackend

    known = {} if addresses is None else addresses

    def resolve(host: str, port: int) -> Sequence[str]:
        if host in known:
            return known[host]
        with contextlib.suppress(OSError):
            socket.inet_aton(host)  # numbers in any form mean themselves
            return system_addresses(host, port)
        return [host] if ":" in host else [_PUBLIC.format(sum(host.encode()) % 200 + 1)]

    def dial(address: str, _port: int, timeout: float | None) -> httpcore.NetworkStream:
        assert is_public(address), f"{address} was to be connected to"
        return httpcore.SyncBackend().connect_tcp("127.0.0.1", port, timeout=timeout)

    way = WebExchange if is_encrypted else _PlainExchange
    return way(lambda deadline: CheckedBackend(deadline, resolve=resolve, dial=dial), stopping=stopping)


class _PlainExchange(WebExchange):
    """The usual exchange, but for what would need a certificate: `https` goes unencrypted to this machine."""

    def __call__(self, url: str, headers: Mapping[str, str], *, max_bytes: int, seconds: float) -> Answer:
        plain = url.replace("https://", "http://", 1)
        return super().__call__(plain, headers, max_bytes=max_bytes, seconds=seconds)


class FakeClock:
    """A clock that stands still but for what is waited; several threads may wait by it."""

    def __init__(self) -> None:
        self._now = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Seconds since the beginning."""
        return self._now

    def date(self) -> datetime:
        """The date, in UTC."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self._now)

    def sleep(self, seconds: float) -> None:
        """Let that much time pass at once."""
        with self._lock:
            self._now += seconds


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, web: FakeWeb) -> None:
        self.web = web
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The other side may leave when it has seen enough."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name in the base class
        """Nothing is printed."""

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.web.reply(headers.get("host", ""), self.path, headers)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.pieces is None:
            self.send_header("Content-Length", str(len(reply.content) if reply.told is None else reply.told))
        if reply.pieces is not None or reply.told is not None:
            self.close_connection = True
            self.send_header("Connection", "close")
        with self._noted((headers.get("host", ""), self.path), ends_by_itself=reply.pieces is None):
            self.end_headers()
            self.wfile.write(reply.content)
            for piece in reply.pieces() if reply.pieces is not None else ():
                self.wfile.write(piece)
                self.wfile.flush()

    @contextlib.contextmanager
    def _noted(self, place: tuple[str, str], *, ends_by_itself: bool) -> Iterator[None]:
        """Note an answer that is sent whole within the block.

        One that says how long it is, is noted before: whoever has its last byte may look at once. The end of any other
        is seen when the connection is closed, which it is afterwards.
        """
        whole = self.server.web.whole
        if ends_by_itself:
            whole.append(place)
        try:
            yield
        except OSError:
            if ends_by_itself:
                whole.remove(place)
            raise
        if not ends_by_itself:
            whole.append(place)
