"""A server that never comes to an end: every request to it does, within the time that it may take."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from fashionbatch.stores.address import Url
from fashionbatch.stores.objects import UNKNOWN, StoredObject
from fashionbatch.stores.opening import FileStatusError
from fashionbatch.stores.reaching import open_objects
from fashionbatch.stores.remote import RemoteOpener
from fashionbatch.stores.retrying import Patience, Retrying

TRIES, TRY_S, TOTAL_S = 2, 0.5, 3.0
HEAD = b'HTTP/1.1 200 OK\r\nETag: "tag"\r\nContent-Length: %d\r\n\r\n'
Behave = Callable[[socket.socket, threading.Event], None]


def nothing(client: socket.socket, ended: threading.Event) -> None:
    ended.wait()


def a_byte_now_and_then(client: socket.socket, ended: threading.Event) -> None:
    client.sendall(HEAD % 1000)
    while not ended.wait(0.1):
        client.sendall(b"x")


def headers_without_end(client: socket.socket, ended: threading.Event) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\n")
    while not ended.wait(0.05):
        client.sendall(b"X-More: of them\r\n")


def go_on_without_end(client: socket.socket, ended: threading.Event) -> None:
    while not ended.wait(0.01):
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def less_than_it_says(client: socket.socket, ended: threading.Event) -> None:
    client.sendall(HEAD % 1000 + b"content")


def less_than_it_says_and_waits(client: socket.socket, ended: threading.Event) -> None:
    client.sendall(HEAD % 1000 + b"content")
    ended.wait()


def round_in_circles(client: socket.socket, ended: threading.Event) -> None:
    client.sendall(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /bucket/a.png\r\nContent-Length: 0\r\n\r\n")


def no_http(client: socket.socket, ended: threading.Event) -> None:
    client.sendall(b"220 ready\r\n" * 3)


@pytest.fixture
def serve() -> Iterator[Callable[[Behave], str]]:
    """Serves by a behaviour, each connection for itself, once a request has come; gives the address."""
    ended, listening = threading.Event(), socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def answer(client: socket.socket, behave: Behave) -> None:
        with client, contextlib.suppress(OSError):
            while client.recv(1 << 16):
                behave(client, ended)

    def accept(behave: Behave) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listening.accept()
                threads.append(threading.Thread(target=answer, args=(client, behave), daemon=True))
                threads[-1].start()

    def start(behave: Behave) -> str:
        threading.Thread(target=accept, args=(behave,), daemon=True).start()
        return f"127.0.0.1:{listening.getsockname()[1]}"

    yield start
    ended.set()
    listening.close()


@pytest.mark.parametrize(
    "behave",
    [
        nothing,
        a_byte_now_and_then,
        headers_without_end,
        go_on_without_end,
        less_than_it_says,
        less_than_it_says_and_waits,
        round_in_circles,
        no_http,
    ],
)
@pytest.mark.parametrize("scheme", ["s3", "http"])
def test_every_request_comes_to_an_end(
    scheme: str, behave: Behave, serve: Callable[[Behave], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'fashionbatch[cloud]'")
    host = serve(behave)
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}",
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": "tests",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    objects = open_objects(Url("s3://bucket" if scheme == "s3" else f"http://{host}"))
    opener = RemoteOpener(objects, Retrying(Patience(TRIES, 0.01, 0.01, TRY_S, TOTAL_S)))
    began = time.monotonic()
    with pytest.raises(FileStatusError) as caught:
        opener.read(StoredObject("a.png", UNKNOWN, UNKNOWN, ""))
    assert caught.value.status == "error"
    assert "\n" not in caught.value.error
    # Far from the time that it may take, which another load of this machine stretches, and still an end.
    assert time.monotonic() - began < 10 * TOTAL_S
