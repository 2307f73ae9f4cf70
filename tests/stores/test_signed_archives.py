"""Archives at addresses with a signature: it goes with every request, verbatim, and stands nowhere."""

from __future__ import annotations

import csv
import http.server
import logging
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install 'fashionbatch[cloud]'")

from fashionbatch.api.labeling import classify
from fashionbatch.errors import DataError, FashionBatchError

Paint = Callable[[Mapping[str, int]], Path]
SECRET = "PLANTED%2Fse~cret%2Bsignature=="
FRESH = "PLANTEDFRESH/%20signature"


class Server(http.server.ThreadingHTTPServer):
    """A folder, of which files are sent to whoever has the signature; `left` answers, and then it has expired."""

    folder = Path()
    signature = SECRET
    left = 1_000_000
    lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name, _, query = self.path.partition("?")
        with self.server.lock:
            self.server.left -= 1
            is_allowed = self.server.left >= 0 and query == f"id=5&X-Amz-Signature={self.server.signature}"
        file = self.server.folder / name.removeprefix("/packed/")
        if not is_allowed:
            self.send_error(403)
        elif not file.is_file():
            self.send_error(404)
        else:
            first, last = (int(number) for number in self.headers["Range"].removeprefix("bytes=").split("-"))
            content = file.read_bytes()
            part = content[first : last + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(part)))
            self.send_header("ETag", '"one"')
            self.end_headers()
            self.wfile.write(part)

    def log_message(self, *given: object) -> None: ...


@pytest.fixture
def server(paint: Paint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "out").mkdir()
    folder = paint({f"{number:02}.png": number % 3 for number in range(40)})
    for kind, name in (("tar", "photos"), ("zip", "photos"), ("gztar", "photos"), ("tar", "photos-2")):
        shutil.make_archive(str(tmp_path / name), kind, folder)
    with Server(("127.0.0.1", 0), Handler) as made:
        made.folder = tmp_path
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def signed(server: Server, name: str, signature: str = SECRET) -> str:
    return f"{server.url}/packed/{name}?id=5&X-Amz-Signature={signature}"


def label(where: str | Path, bundle: Path, output: Path, **asked: Any) -> bytes:
    classify(where, bundle, output, **{"workers": 1, "progress": False, **asked})
    return output.read_bytes()


def require_no_secret(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"PLANTED" not in content, path
            assert b"id=5" not in content, path


@pytest.mark.parametrize("name", ["photos.tar", "photos.zip", "photos.tar.gz"])
def test_the_table_is_that_of_the_archive_on_this_machine(
    server: Server, tiny: Path, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    local = label(tmp_path / name, tiny, tmp_path / "local.csv")
    assert label(signed(server, name), tiny, tmp_path / "out" / "remote.csv") == local
    assert f"{name}/00.png,ok".encode() in local
    require_no_secret(tmp_path / "out")
    require_no_secret(tmp_path / "cache")
    assert not any("PLANTED" in record.getMessage() for record in caplog.records if record.name[:6] == "fashio")


def test_braces_stand_before_the_query(server: Server, tiny: Path, tmp_path: Path) -> None:
    label(signed(server, "photos{,-2}.tar"), tiny, tmp_path / "out" / "remote.csv")
    with (tmp_path / "out" / "remote.csv").open(newline="", encoding="utf-8") as file:
        archives = {row["filepath"].partition("/")[0] for row in csv.DictReader(file)}
    assert archives == {"photos.tar", "photos-2.tar"}


def test_an_expired_signature_ends_the_run_and_a_fresh_one_goes_on(server: Server, tiny: Path, tmp_path: Path) -> None:
    local = label(tmp_path / "photos.zip", tiny, tmp_path / "local.csv")
    table = tmp_path / "out" / "remote.csv"
    server.left = 6
    with pytest.raises(FashionBatchError) as caught:
        label(signed(server, "photos.zip"), tiny, table)
    assert "nothing can be read there any more: HTTPError: the store answered with status 403" in str(caught.value)
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("has the signature in the address expired? With a new one, start the same ")
    assert "PLANTED" not in f"{caught.value}{caught.value.hint}"
    require_no_secret(tmp_path / "out")
    # Nothing was read by the new process either: no row blames its member.
    with pytest.raises(FashionBatchError, match="nothing can be read there any more"):
        label(signed(server, "photos.zip"), tiny, table)
    server.left, server.signature = 1_000_000, FRESH
    assert label(signed(server, "photos.zip", FRESH), tiny, table) == local


def test_a_signature_that_is_refused_at_once_is_one_line(server: Server, tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"packed/photos\.tar: HTTPError: the store answered with status 403") as caught:
        label(signed(server, "photos.tar", "PLANTEDWRONG"), tiny, tmp_path / "out" / "remote.csv")
    assert caught.value.hint == "has the signature in the address expired? Give the address with a new one"
    assert "PLANTED" not in str(caught.value)
    assert "id=5" not in str(caught.value)
