"""A proxy before a store that misbehaves as told, and counts what it is asked for."""

from __future__ import annotations

import http.client
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Plan = Callable[[str, str, int], str | None]
"""Method, path without query, and the number of this request for it, from 1 -> what goes wrong, if anything does.

That is a status such as `503`, a code of S3 such as `ExpiredToken`, or `lost`, `truncated`, `slow` or `whole`: all of
an object where a part was asked for.
"""

SLOW_S = 2.0
_CODES = {429: "TooManyRequests", 503: "SlowDown", 403: "AccessDenied"}
_STATUSES = {"ExpiredToken": 400, "InvalidAccessKeyId": 403, "NoSuchBucket": 404}
_HOP_HEADERS = {"connection", "keep-alive", "transfer-encoding", "content-length"}


def no_faults(method: str, path: str, number: int) -> str | None:
    """Nothing goes wrong."""
    return None


def seeded(seed: int, *faults: str, share: float = 0.5, most: int = 3) -> Plan:
    """A share of the requests fails in one of these ways, but no key more than `most` times in a row."""

    def plan(method: str, path: str, number: int) -> str | None:
        draw = random.Random(f"{seed} {method} {path} {number}")
        return draw.choice(faults) if number <= most and draw.random() < share else None

    return plan


class FaultyProxy:
    """Passes requests on, but for what the plan lets go wrong.

    Args:
        port: of the store, on this machine.

    Attributes:
        plan: what goes wrong.
        delay_s: seconds before each answer.
        counts: how often each method and path was asked for.
        most_at_once: how many requests were under way at one time.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.plan: Plan = no_faults
        self.delay_s = 0.0
        self.counts: Counter[tuple[str, str]] = Counter()
        self.most_at_once = 0
        self._under_way = 0
        self._lock = threading.Lock()
        proxy = self

        class Handler(_Handler):
            owner = proxy

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def reset(self) -> None:
        """Forget the plan and the counts."""
        self.plan, self.delay_s, self.most_at_once = no_faults, 0.0, 0
        self.counts.clear()

    def begin(self, method: str, path: str) -> str | None:
        """Count a request; returns what goes wrong with it."""
        with self._lock:
            self.counts[method, path] += 1
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
            number = self.counts[method, path]
        return self.plan(method, path, number)

    def end(self) -> None:
        """A request is answered."""
        with self._lock:
            self._under_way -= 1

    def __enter__(self) -> FaultyProxy:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    """Of five, the usual number, those that come sixth at once are turned away for a second."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: FaultyProxy

    def _answer(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.owner.begin(self.command, self.path.partition("?")[0])
        try:
            time.sleep(self.owner.delay_s)
            if fault is not None and fault.isdecimal():
                status = int(fault)
                self._refuse(status, _CODES.get(status, "InternalError"))
            elif fault in _STATUSES:
                self._refuse(_STATUSES[fault], fault)
            elif fault == "lost":
                self._hang_up()
            else:
                self._pass_on(content, fault)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            self.owner.end()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - as the standard library calls them

    def _refuse(self, status: int, code: str) -> None:
        said = self.headers.get("Authorization", "")
        body = f"<Error><Code>{code}</Code><Message>not with {said}</Message></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _pass_on(self, content: bytes, fault: str | None) -> None:
        store = http.client.HTTPConnection("127.0.0.1", self.owner.port)
        try:
            asked = {name: value for name, value in self.headers.items() if fault != "whole" or name.lower() != "range"}
            store.request(self.command, self.path, content, asked)
            answer = store.getresponse()
            body = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _HOP_HEADERS:
                    self.send_header(name, value)
            length: Any = answer.getheader("Content-Length") if self.command == "HEAD" else len(body)
            self.send_header("Content-Length", str(length or 0))
            self.end_headers()
        finally:
            store.close()
        if fault == "truncated":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self._hang_up()
        elif fault == "slow":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            time.sleep(SLOW_S)
            self.wfile.write(body[len(body) // 2 :])
        elif self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""
