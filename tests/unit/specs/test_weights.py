"""Weights are found in FASHIONBATCH_DATA_DIR, in the cache or on the network, and never another file than was meant."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fashionbatch.data.context import LocalContext
from fashionbatch.errors import WeightsError
from fashionbatch.specs import WeightsSpec, fetch, weights

CONTENT = bytes(range(256)) * 5_000


class Server:
    """A web server on this machine, and what it was asked for."""

    def __init__(self):
        self.asked: list[str] = []
        self.answers = {"/w.h5": (200, {}, CONTENT)}
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked.append(self.path)
                status, headers, body = server.answers.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch):
    # A certificate for a server on this machine would be one more thing to keep.
    monkeypatch.setattr(weights, "_SCHEMES", frozenset({"https", "http"}))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    yield server
    server.close()


@pytest.fixture
def folders(tmp_path, monkeypatch) -> tuple[Path, Path]:
    data, cache = tmp_path / "data", tmp_path / "cache"
    (data / "weights").mkdir(parents=True)
    monkeypatch.setenv("FASHIONBATCH_DATA_DIR", str(data))
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(cache))
    return data / "weights", cache / "weights"


def spec_of(url: str) -> WeightsSpec:
    digest = hashlib.sha256(CONTENT).hexdigest()
    return WeightsSpec(url=url, sha256=digest, size=len(CONTENT), license="Apache-2.0", file_name="w.h5")


def fetched(spec: WeightsSpec) -> Path:
    return fetch(spec, LocalContext(base=Path()))


def test_a_file_of_the_users_own_is_taken_without_asking_the_network(server, folders):
    (folders[0] / "w.h5").write_bytes(CONTENT)

    assert fetched(spec_of(f"{server.url}/w.h5")) == folders[0] / "w.h5"
    assert server.asked == []
    assert not folders[1].exists()


def test_what_is_nowhere_is_downloaded_once(server, folders):
    spec = spec_of(f"{server.url}/w.h5")

    path = fetched(spec)

    assert path == folders[1] / "w.h5"
    assert path.read_bytes() == CONTENT
    assert fetched(spec) == path
    assert server.asked == ["/w.h5"]
    assert [file.name for file in folders[1].iterdir()] == ["w.h5"]


def test_a_damaged_file_in_the_cache_is_downloaded_again(server, folders):
    spec = spec_of(f"{server.url}/w.h5")
    for damaged in (CONTENT[:-1], b"x" + CONTENT[1:]):
        folders[1].mkdir(parents=True, exist_ok=True)
        (folders[1] / "w.h5").write_bytes(damaged)

        assert fetched(spec).read_bytes() == CONTENT
    assert len(server.asked) == 2


def test_another_file_in_the_users_folder_is_an_error_and_is_left_alone(server, folders):
    (folders[0] / "w.h5").write_bytes(b"other")

    with pytest.raises(WeightsError, match="has 5 bytes and should have 1,280,000") as caught:
        fetched(spec_of(f"{server.url}/w.h5"))

    assert f"{server.url}/w.h5" in caught.value.hint
    assert (folders[0] / "w.h5").read_bytes() == b"other"


@pytest.mark.parametrize(
    ("body", "phrase"),
    [
        (CONTENT + b"x", "sends more than the 1,280,000 bytes"),
        (CONTENT[:-1], "sent 1,279,999 of 1,280,000 bytes"),
        (b"x" + CONTENT[1:], "the server's file has the SHA-256"),
        (b"", "sent 0 of 1,280,000 bytes"),
    ],
)
def test_another_file_from_the_server_is_an_error_and_leaves_nothing(server, folders, body, phrase):
    server.answers["/w.h5"] = (200, {}, body)

    with pytest.raises(WeightsError, match=phrase):
        fetched(spec_of(f"{server.url}/w.h5"))

    assert list(folders[1].iterdir()) == []


def test_a_download_that_breaks_off_is_an_error_and_leaves_nothing(server, folders):
    server.answers["/w.h5"] = (200, {"Content-Length": str(len(CONTENT))}, CONTENT[:1000])

    with pytest.raises(WeightsError, match=r"w\.h5"):
        fetched(spec_of(f"{server.url}/w.h5"))

    assert list(folders[1].iterdir()) == []


def test_a_server_may_send_on_to_another_address(server, folders):
    server.answers["/old.h5"] = (302, {"Location": f"{server.url}/w.h5"}, b"")

    assert fetched(spec_of(f"{server.url}/old.h5")).read_bytes() == CONTENT


def test_a_server_may_not_send_on_to_what_is_not_https(server, folders, monkeypatch):
    spec = spec_of(f"{server.url}/old.h5")
    server.answers["/old.h5"] = (302, {"Location": f"{server.url}/w.h5"}, b"")
    monkeypatch.setattr(weights, "_SCHEMES", frozenset({"https"}))

    with pytest.raises(WeightsError, match="which is not https"):
        fetched(spec)
    assert server.asked == ["/old.h5"]


@pytest.mark.parametrize("status", [404, 500])
def test_offline_the_error_names_the_file_and_where_to_put_it(server, folders, status):
    server.answers["/w.h5"] = (status, {}, b"")

    with pytest.raises(
        WeightsError, match=r"neither in FASHIONBATCH_DATA_DIR \(weights/w\.h5\) nor in the cache"
    ) as caught:
        fetched(spec_of(f"{server.url}/w.h5"))

    assert caught.value.hint == (
        f"download {server.url}/w.h5 (1,280,000 bytes, license Apache-2.0) on another machine and put it into "
        "FASHIONBATCH_DATA_DIR as weights/w.h5"
    )


def test_a_machine_that_does_not_answer_is_an_error(server, folders):
    spec = spec_of(f"{server.url}/w.h5")
    server.http.server_close()

    with pytest.raises(WeightsError, match="cannot be downloaded"):
        fetched(spec)


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        ({"url": "http://example.org/w.h5"}, "must begin with https"),
        ({"url": "file:///etc/passwd"}, "must begin with https"),
        ({"url": "https:///w.h5"}, "name a host"),
        ({"sha256": "ABC"}, "64 lower case"),
        ({"size": 0}, "must be the file's bytes"),
        ({"file_name": "../w.h5"}, "without a folder"),
        ({"file_name": ""}, "without a folder"),
        ({"license": " "}, "license must say"),
    ],
)
def test_a_spec_that_is_none_is_refused(change, phrase):
    with pytest.raises(ValueError, match=phrase):
        replace(spec_of("https://example.org/w.h5"), **change)
