"""Connections to checked addresses, each read of which ends by the request's deadline."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import httpcore

from fashionbatch.collecting.web.addresses import Resolve, public_addresses, system_addresses
from fashionbatch.collecting.web.pace import StoppedError

Dial: TypeAlias = Callable[[str, int, float | None], httpcore.NetworkStream]
"""Connects to an address (never a name) and port within seconds; raises httpcore's ConnectError or ConnectTimeout."""


_STEP_S = 0.5


class OutOfTimeError(Exception):
    """A request that took longer than it may, however slowly the other side dripped its answer."""


def dial(address: str, port: int, timeout: float | None) -> httpcore.NetworkStream:
    """Connect by TCP.

    Raises:
        httpcore.ConnectError: nobody answers there.
        httpcore.ConnectTimeout: nobody answers in time.
    """
    return httpcore.SyncBackend().connect_tcp(address, port, timeout=timeout)


class Deadline(threading.local):
    """When the request of the current thread must have ended.

    Args:
        stopping: whether the run is to end.

    Attributes:
        at: by `time.monotonic()`.
    """

    def __init__(self, stopping: Callable[[], bool] = lambda: False) -> None:
        self.at = float("inf")
        self._stopping = stopping

    def remaining_s(self, timeout: float | None) -> float:
        """Seconds that one step may take: the timeout, or what is left of the request.

        Raises:
            OutOfTimeError: nothing is left.
            StoppedError: the run is to end.
        """
        if self._stopping():
            raise StoppedError
        left = self.at - time.monotonic()
        if left <= 0:
            raise OutOfTimeError
        return left if timeout is None else min(timeout, left)


class CheckedBackend(httpcore.NetworkBackend):
    """Resolves a host, checks all its addresses and connects to one of these.

    Args:
        deadline: of the thread's request.
        resolve: names -> addresses. Tests put theirs here; nothing that a user can set does.
        dial: connects to a checked address. The same.
    """

    def __init__(self, deadline: Deadline, *, resolve: Resolve = system_addresses, dial: Dial = dial) -> None:
        self._deadline, self._resolve, self._dial = deadline, resolve, dial

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002 - httpcore's signature
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 - the same
    ) -> httpcore.NetworkStream:
        """Connect to the first of the host's addresses that answers.

        Raises:
            ForbiddenAddressError: one of them is not public.
            httpcore.ConnectError: the host has no address, or none answers.
        """
        try:
            addresses = public_addresses(host, port, self._resolve)
        except socket.gaierror as error:
            raise httpcore.ConnectError(f"the host {host!r} is not known ({error.strerror})") from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        failure: Exception | None = None
        for address in addresses:
            try:
                return _TimedStream(self._dial(address, port, self._deadline.remaining_s(timeout)), self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        assert failure is not None
        raise failure


class _TimedStream(httpcore.NetworkStream):
    """A connection whose reads and writes end by the deadline, each of them and all together."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        # In short steps: Ctrl-C is not to wait for somebody who says nothing.
        until = time.monotonic() + self._deadline.remaining_s(timeout)
        while True:
            try:
                return self._stream.read(max_bytes, timeout=self._deadline.remaining_s(_STEP_S))
            except httpcore.ReadTimeout:
                if time.monotonic() >= until:
                    raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=self._deadline.remaining_s(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._deadline.remaining_s(timeout)
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
