"""Lists that lie in a store or on the web themselves: the table is that of the same list on the disk."""

from __future__ import annotations

import csv
import http.server
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.api.labeling import classify
from fashionbatch.errors import DataError

pytest.importorskip("fsspec", reason="needs fashionbatch[cloud]")
pytest.importorskip("aiohttp", reason="needs fashionbatch[cloud]")
pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'fashionbatch[parquet]'")

from pyarrow import parquet  # noqa: E402 - only where it is installed

Paint = Callable[[Mapping[str, int]], Path]
SECRET_KEY = "PLANTED/secret+key"
NAMES = ["c.png", "sub/a ü.png", "gone.png", "b.png"]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *given: Any) -> None: ...


@pytest.fixture
def folder(paint: Paint) -> Path:
    return paint({"sub/a ü.png": 0, "b.png": 1, "c.png": 2})


@pytest.fixture
def web(here: Path) -> Iterator[str]:
    """The lists on the web, by a server that knows no parts of files: its address."""
    handler = partial(Quiet, directory=str(here))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def here(folder: Path, tmp_path: Path) -> Path:
    """Two lists: paths, and images."""
    here = tmp_path / "lists"
    here.mkdir()
    with (here / "list.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("image", "sku"), *((name, f"{number},x") for number, name in enumerate(NAMES))])
    contents = [(folder / name).read_bytes() for name in ("b.png", "c.png", "sub/a ü.png")] * 20
    for number in range(2):
        table = pa.table({"image": contents, "file_name": [f"{number}/{row}.png" for row in range(60)]})
        parquet.write_table(table, here / f"train-{number}-of-2.parquet", row_group_size=25)
    return here


@pytest.fixture
def lists(here: Path, store: Any) -> None:
    """The same in the store, which loses the first requests for each."""
    store.put_folder(here, "lists")
    store.proxy.plan = lambda method, path, number: {1: "503", 2: "lost"}.get(number) if "/lists/" in path else None


def made_of(folder: Path, bundle: Path, where: Any, table: Path, **asked: Any) -> tuple[bytes, dict[str, Any]]:
    """The table, and the sidecar of it."""
    classify(folder, bundle, table, files_from=where, workers=1, progress=False, **asked)
    return table.read_bytes(), json.loads(Path(f"{table}.meta.json").read_bytes())


@pytest.mark.parametrize(("name", "keep", "count"), [("list.csv", "sku", 1), ("train-{0..1}-of-2.parquet", None, 2)])
@pytest.mark.usefixtures("lists")
def test_a_list_in_a_store_that_misbehaves_gives_the_table_of_the_list_on_the_disk(
    name: str, keep: str | None, count: int, tiny: Path, tmp_path: Path
) -> None:
    asked = {"path_column": "image", "keep": keep}
    folder = tmp_path / "photos"
    local, _ = made_of(folder, tiny, tmp_path / "lists" / name, tmp_path / "local.csv", **asked)
    stored, meta = made_of(folder, tiny, f"s3://bucket/lists/{name}", tmp_path / "stored.csv", **asked)
    assert stored == local
    assert meta["options"]["files_from"] == f"s3://bucket/lists/{name}"
    lists = meta["files"]["lists"]
    assert [each["address"].rpartition("/")[0] for each in lists] == ["s3://bucket/lists"] * count
    assert all(each["bytes"] > 0 and each["tag"] for each in lists)
    assert SECRET_KEY not in json.dumps(meta)


def test_a_run_that_was_stopped_goes_on_with_the_list_as_it_was(
    here: Path, folder: Path, tiny: Path, store: Any, tmp_path: Path
) -> None:
    store.put("list.txt", "".join(f"{name}\n" for name in NAMES).encode())
    asked = {"files_from": "s3://bucket/list.txt", "workers": 1, "progress": False}
    classify(folder, tiny, tmp_path / "labels.csv", shard=(1, 1), **asked)
    store.put("list.txt", b"b.png\n")
    classify(folder, tiny, tmp_path / "labels.csv", **asked)
    assert len((tmp_path / "labels.csv").read_text().splitlines()) == 1 + len(NAMES)
    about = json.loads((tmp_path / "labels.csv.meta.json").read_bytes())["files"]["lists"]
    assert about[0]["bytes"] == sum(len(name.encode()) + 1 for name in NAMES)


def test_a_list_on_the_web_shows_no_signature_anywhere(
    here: Path, folder: Path, web: str, tiny: Path, tmp_path: Path
) -> None:
    for name in ("list.csv", "train-0-of-2.parquet"):
        local, _ = made_of(folder, tiny, here / name, tmp_path / "local.csv", path_column="image", overwrite=True)
        address = f"{web}/{name}?X-Amz-Signature=SECRET&a=b"
        stored, meta = made_of(folder, tiny, address, tmp_path / "web.csv", path_column="image", overwrite=True)
        assert stored == local
        assert meta["options"]["files_from"] == f"{web}/{name}?X-Amz-Signature=***&a=b"
        assert "SECRET" not in json.dumps(meta)
    with pytest.raises(DataError, match=r"none\.csv\?token=\*\*\*: there is no such file") as raised:
        made_of(folder, tiny, f"{web}/none.csv?token=SECRET", tmp_path / "none.csv")
    assert "SECRET" not in str(raised.value)
    assert not list(tmp_path.glob("none.csv*"))
