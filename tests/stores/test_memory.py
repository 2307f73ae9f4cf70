"""Memory of a run does not grow with the number of objects. For minutes: `pytest -m slow tests/stores`."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

_PAGE = 1000
_ANSWER = '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{}</ListBucketResult>'
_OBJECT = (
    "<Contents><Key>photos/{:07}.png</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    "<ETag>&quot;tag&quot;</ETag><Size>{}</Size></Contents>"
)


class _Endless(http.server.ThreadingHTTPServer):
    """A store with as many objects as wanted, all with one content."""

    daemon_threads = True
    request_queue_size = 128
    objects = 0
    content = b""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Endless

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        body = (
            self._page(int(query.get("continuation-token", ["0"])[0])) if "list-type" in query else self.server.content
        )
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"tag"')
        self.end_headers()
        self.wfile.write(body)

    def _page(self, start: int) -> bytes:
        stop = min(self.server.objects, start + _PAGE)
        is_last = stop == self.server.objects
        more = "" if is_last else f"<NextContinuationToken>{stop}</NextContinuationToken>"
        found = "".join(_OBJECT.format(number, len(self.server.content)) for number in range(start, stop))
        return _ANSWER.format(f"<IsTruncated>{str(not is_last).lower()}</IsTruncated>{more}{found}").encode()

    def log_message(self, *given: object) -> None: ...


@pytest.fixture
def endless(paint: Callable[[Mapping[str, int]], Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[_Endless]:
    pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'fashionbatch[cloud]'")
    server = _Endless(("127.0.0.1", 0), _Handler)
    server.content = (paint({"a.png": 1}) / "a.png").read_bytes()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "tests")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def most_memory(bundle: Path, output: Path, rows: int) -> int:
    """Label the store; returns the most that all processes of the run took together at one time, in kB.

    Only what is a process's own counts: the share of a library's pages that PSS adds to it depends on what other
    programs of the machine have loaded the same library.
    """
    command = [sys.executable, "-m", "fashionbatch", "classify", "s3://bucket/photos", "-b", str(bundle)]
    run = subprocess.Popen([*command, "-o", str(output), "-j", "2", "--quiet"])
    most = 0
    while run.poll() is None:
        most = max(most, sum(map(_own, _family(run.pid))))
        time.sleep(0.2)
    assert run.returncode == 0
    with output.open("rb") as file:
        assert sum(1 for line in file if b",ok," in line) == rows
    return most


def _family(process: int) -> Iterator[int]:
    yield process
    try:
        for task in os.listdir(f"/proc/{process}/task"):
            for child in Path(f"/proc/{process}/task/{task}/children").read_text().split():
                yield from _family(int(child))
    except OSError:
        return


def _own(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:")), 0)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_fifty_times_the_objects_take_the_same_memory(endless: _Endless, tiny: Path, tmp_path: Path) -> None:
    taken = []
    for objects in (1_000, 50_000):
        endless.objects = objects
        taken.append(most_memory(tiny, tmp_path / f"{objects}.csv", objects))
    sys.stdout.write(f"1,000 objects: {taken[0] / 1000:.1f} MB, 50,000 objects: {taken[1] / 1000:.1f} MB\n")
    # 49,000 objects more, of some 200 bytes each where they are held, and what the system does differently.
    assert taken[1] - taken[0] < 25_000
