"""Tables that lie in a store: every function that takes a table's path takes its address, too."""

from __future__ import annotations

import gc
import hashlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import fashionbatch as fb
from fashionbatch.cli import compare, summarize
from fashionbatch.errors import DataError
from fashionbatch.labels import TableReader
from fashionbatch.labels.fetching import table_here
from fashionbatch.labels.summary.run import summarize_table
from fashionbatch.stores import fetching
from fashionbatch.stores.address import Url

fsspec = pytest.importorskip("fsspec", reason="needs fashionbatch[cloud]")

HEAD = "filepath,status,error,label,prob\n"
ROWS = f"{HEAD}a/1.jpg,ok,,red,0.9\na/2.jpg,ok,,blue,0.4\nb/3.jpg,error,OSError: cut,,\n"
LINES = [f'{{"filepath": "{name}.jpg", "status": "ok", "label": "red"}}\n' for name in "abcd"]


@pytest.fixture
def store() -> Iterator[Any]:
    """The store in memory, empty."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where copies are made."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def put(store: Any, name: str, content: str | bytes) -> Url:
    store.pipe_file(f"/out/{name}", content.encode() if isinstance(content, str) else content)
    return Url(f"memory://out/{name}")


def sidecar(content: bytes) -> bytes:
    document = json.loads(Path(__file__).with_name("sidecar.json").read_text())
    return json.dumps(document | {"sha256": hashlib.sha256(content).hexdigest(), "rows": 3}).encode()


def test_a_table_in_a_store_says_what_the_same_one_on_this_machine_says(
    store: Any, tmp_path: Path, scratch: Path
) -> None:
    (tmp_path / "labels.csv").write_text(ROWS)
    (tmp_path / "labels.csv.meta.json").write_bytes(sidecar(ROWS.encode()))
    url = put(store, "labels.csv", ROWS)
    put(store, "labels.csv.meta.json", sidecar(ROWS.encode()))
    here, there = summarize_table(tmp_path / "labels.csv").as_json(), summarize_table(url).as_json()
    assert there == {**here, "table": "memory://out/labels.csv"}
    assert there["made_by"]["is_unchanged"]
    assert fb.read_labels(url).equals(fb.read_labels(tmp_path / "labels.csv"))
    assert list(scratch.iterdir()) == []


def test_a_folder_of_parts_in_a_store_is_one_table(store: Any, scratch: Path) -> None:
    for number, line in enumerate(LINES):
        put(store, f"labels/part-{number:06}.jsonl", line)
    put(store, "labels/_SUCCESS", "")
    put(store, "labels/.part-000009.jsonl.tmp", "half")
    put(store, "labels/_temporary/0/part-000000.jsonl", "half")
    put(store, "labels.meta.json", sidecar(b""))
    for address in ("memory://out/labels", "memory://out/labels/"):
        assert fb.read_labels(address).filepath.tolist() == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
        made_by = fb.summarize(address, progress=False).figures.made_by
        assert made_by is not None
        assert not made_by.is_unchanged
    assert list(scratch.iterdir()) == []


def test_tables_of_both_kinds_are_compared(store: Any, tmp_path: Path) -> None:
    old = put(store, "old.csv", ROWS)
    (tmp_path / "new.csv").write_text(ROWS.replace("blue", "red"))
    truth = put(store, "truth.csv", "filepath,label\na/1.jpg,red\na/2.jpg,red\n")
    found = fb.compare(old, tmp_path / "new.csv", truth=truth, progress=False)
    assert (found.both, found.changed, found.accuracy) == (3, 1, (0.5, 1.0))


def test_the_commands_take_addresses(store: Any) -> None:
    put(store, "labels.csv", ROWS)
    said = CliRunner().invoke(summarize.command, ["memory://out/labels.csv"], catch_exceptions=False)
    assert said.stdout.startswith("memory://out/labels.csv: 3 rows\n")
    said = CliRunner().invoke(compare.command, ["memory://out/labels.csv"] * 2, catch_exceptions=False)
    assert said.stdout.startswith("3 files in both")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("memory://out/nothing.csv", r"^memory://out/nothing\.csv: there is no such file"),
        ("memory://out/nothing/", r"^memory://out/nothing/: there is no such file"),
        ("memory://out/deep", r"^memory://out/deep: is a folder of folders"),
        ("memory://out/damaged.csv", r"^memory://out/damaged\.csv: line 2 has 4 cells"),
        ("memory://out/parts", r"^memory://out/parts/a\.csv: line 2 has 4 cells"),
        ("memory://out/twice.csv", r"^memory://out/twice\.csv: two columns are called 'label'"),
        ("memory://out/empty.csv", r"^memory://out/empty\.csv: is empty"),
        ("memory://out/odd.json5", r"^memory://out/odd\.json5: the ending says no format"),
        ("s3://key:secret@out/labels.csv", r"^s3://\*\*\*@out/labels\.csv: credentials do not belong"),
        ("s4://out/labels.csv", r"^s4://out/labels\.csv: nothing is known of s4://"),
        ("memory://", r"^memory://: is a folder of folders"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_by_its_address_and_leaves_nothing(
    store: Any, scratch: Path, address: str, message: str
) -> None:
    put(store, "deep/year=2024/a.csv", ROWS)
    for name in ("damaged.csv", "parts/a.csv"):
        put(store, name, f"{HEAD}a,ok,,red\n")
    put(store, "twice.csv", "filepath,label,label\n")
    put(store, "empty.csv", "")
    put(store, "odd.json5", "{}")
    with pytest.raises(DataError, match=message):
        summarize_table(Url(address))
    gc.collect()
    assert list(scratch.iterdir()) == []


def test_a_table_that_goes_while_it_is_fetched_is_told(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_PIECE", 8)
    url = put(store, "labels.csv", ROWS)
    get = fsspec.implementations.memory.MemoryFileSystem.cat_file

    def going(self: Any, path: str, start: Any = None, end: Any = None, **named: Any) -> bytes:
        content: bytes = get(self, path, start, end, **named)
        if start == 8:
            raise FileNotFoundError(path)
        return content

    monkeypatch.setattr(fsspec.implementations.memory.MemoryFileSystem, "cat_file", going)
    with pytest.raises(DataError, match=r"^memory://out/labels\.csv: was written to while it was read"):
        TableReader(url)


def test_how_far_it_is_can_be_shown(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "_MEGABYTE", 10)
    monkeypatch.setattr(fetching, "_PIECE", 20)
    opened: list[tuple[str, int | None, str]] = []

    class Bar:
        def __init__(self, *asked: Any) -> None:
            opened.append(asked)  # type: ignore[arg-type]

        def __enter__(self) -> Callable[..., None]:
            return lambda *_: None

        def __exit__(self, *_: object) -> None:
            pass

    url = put(store, "labels.csv", "x" * 45)
    put(store, "parts/a.csv", "x")
    for place in (url, Url("memory://out/parts")):
        with table_here(place, bar=Bar):  # type: ignore[arg-type]
            pass
    assert opened == [("fetching labels.csv", 4, "megabyte"), ("fetching parts", 1, "part")]


class _Web(http.server.BaseHTTPRequestHandler):
    """Answers with the whole, whatever range it is asked for, as simple servers do."""

    def do_GET(self) -> None:
        content = ROWS.encode() if self.path == "/a%20b/labels.csv?X-Amz-Signature=a/b" else b""
        self.send_response(200 if content else 404)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None: ...


def test_a_web_address_is_read_with_what_stands_behind_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("aiohttp", reason="needs fashionbatch[cloud]")
    monkeypatch.setattr(fetching, "_PIECE", 8)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Web) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        root = f"http://127.0.0.1:{server.server_port}"
        found = summarize_table(Url(f"{root}/a%20b/labels.csv?X-Amz-Signature=a/b"))
        assert (str(found.table), found.rows) == (f"{root}/a%20b/labels.csv?X-Amz-Signature=***", 3)
        with pytest.raises(DataError, match=r"labels\.csv: there is no such file"):
            summarize_table(Url(f"{root}/labels.csv"))
        server.shutdown()
        thread.join()
