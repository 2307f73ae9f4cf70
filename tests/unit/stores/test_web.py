"""Parts of files of the web, of servers that send something else, too."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install 'fashionbatch[cloud]'")

from fashionbatch.stores.address import Url
from fashionbatch.stores.faults import StoreFaultError, fault_of
from fashionbatch.stores.objects import UNKNOWN, get_piece
from fashionbatch.stores.reaching import open_objects

CONTENT = bytes(range(200)) * 50


class Server(http.server.ThreadingHTTPServer):
    """One file, sent as `mode` says."""

    mode = "parts"
    tag = '"one"'
    sent = 0


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        mode, tag = self.server.mode, self.server.tag
        first, last = (int(number) for number in self.headers["Range"].removeprefix("bytes=").split("-"))
        if self.path != "/photos/a%20b.tar":
            self.send_error(404)
        elif mode == "refuse":
            self.send_error(416)
        elif mode == "heeds" and self.headers.get("If-Match", tag) != tag:
            self.send_error(412)
        elif mode == "whole":
            self._send(200, CONTENT, {"ETag": tag})
        else:
            if mode == "another":
                first, last = first + 1, last + 1
            body = CONTENT[first : last + 1] * (3 if mode == "long" else 1)
            told = {} if mode == "untold" else {"Content-Range": f"bytes {first}-{last}/{len(CONTENT)}"}
            dated = {"Last-Modified": "Wed, 25 Nov 2026 10:00:00 GMT"}
            self._send(206, body, {**told, **dated, **({"ETag": tag} if tag else {})}, short=mode == "short")

    def _send(self, status: int, body: bytes, headers: dict[str, str], *, short: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        # Before it is sent: whoever has got it may look at the number at once.
        self.server.sent += len(body)
        try:
            self.wfile.write(body[: len(body) // 2] if short else body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *given: object) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def part(server: Server, tag: str = '"one"', name: str = "a b.tar") -> bytes | StoreFaultError:
    """Bytes 100 to 600 of the file, or why they cannot be had."""
    objects = open_objects(Url(f"http://127.0.0.1:{server.server_port}/photos"))
    try:
        return get_piece(objects, name, tag, (100, 600), 60.0)
    except Exception as error:  # noqa: BLE001 - what it means is what is tested
        return fault_of(error)


def test_a_part_is_one_request_for_that_part(server: Server) -> None:
    assert part(server) == CONTENT[100:600]
    assert server.sent == 500


def test_size_time_and_tag_are_told_by_the_first_byte(server: Server) -> None:
    objects = open_objects(Url(f"http://127.0.0.1:{server.server_port}/photos"))
    found = objects.look("a b.tar", 60.0)
    assert (found.size, found.mtime_ns, found.token) == (len(CONTENT), 1795600800 * 10**9, '"one"')
    server.tag = ""
    assert objects.look("a b.tar", 60.0).token == "Wed, 25 Nov 2026 10:00:00 GMT"
    server.mode = "whole"
    assert objects.look("a b.tar", 60.0).size == UNKNOWN


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("whole", "failed"), ("another", "failed"), ("untold", "failed"), ("refuse", "changed"), ("short", "passing")],
)
def test_what_is_not_the_part_is_never_taken_for_it(server: Server, mode: str, kind: str) -> None:
    server.mode = mode
    fault = part(server)
    assert isinstance(fault, StoreFaultError)
    assert fault.kind == kind


def test_no_more_is_taken_than_was_asked_for(server: Server) -> None:
    server.mode = "long"
    assert part(server) == CONTENT[100:600]


@pytest.mark.parametrize("mode", ["parts", "heeds"])
def test_another_tag_is_a_change_whether_the_server_heeds_the_question_or_not(server: Server, mode: str) -> None:
    server.mode, server.tag = mode, '"two"'
    fault = part(server)
    assert isinstance(fault, StoreFaultError)
    assert fault.kind == "changed"


def test_what_is_not_there_is_missing(server: Server) -> None:
    fault = part(server, name="none.tar")
    assert isinstance(fault, StoreFaultError)
    assert fault.kind == "missing"
