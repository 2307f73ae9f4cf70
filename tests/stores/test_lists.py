"""Lists that name addresses, beside paths."""

from __future__ import annotations

import csv
import http.server
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.api.labeling import classify
from fashionbatch.errors import DataError

Paint = Callable[[Mapping[str, int]], Path]


@pytest.fixture
def folder(paint: Paint) -> Path:
    return paint({"a.png": 0, "b c.png": 1, "d.png": 2})


@pytest.fixture
def web(folder: Path) -> Iterator[str]:
    """The folder on the web: its address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given, directory=str(folder))

        def log_message(self, *given: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_addresses_and_paths_stand_side_by_side(folder: Path, web: str, tiny: Path, store: Any, tmp_path: Path) -> None:
    store.put("photos/a?x#y.png", (folder / "a.png").read_bytes())
    names = [
        "d.png",
        f"{web}/b%20c.png?size=1",
        "s3://bucket/photos/a?x#y.png",
        f"{web}/none.png",
        "s3://bucket/photos/none.png",
        "none.png",
        "a.png",
    ]
    (tmp_path / "list.txt").write_text("".join(f"{name}\n" for name in names))
    table = tmp_path / "labels.csv"
    classify(folder, tiny, table, files_from=tmp_path / "list.txt", workers=1, progress=False)
    with table.open(newline="", encoding="utf-8") as file:
        rows = [(row["filepath"], row["status"], row["label"]) for row in csv.DictReader(file)]
    assert rows == [
        ("d.png", "ok", "blue"),
        (names[1], "ok", "green"),
        (names[2], "ok", "red"),
        (names[3], "missing", ""),
        (names[4], "missing", ""),
        ("none.png", "missing", ""),
        ("a.png", "ok", "red"),
    ]


def test_no_size_is_told_where_nobody_knows_it(web: str, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{web}/a.png\n")
    told: list[str] = []
    classify(None, tiny, tmp_path / "labels.csv", files_from=tmp_path / "list.txt", workers=1, progress=told.append)
    assert told[0].startswith(f"Labeling 1 file of {tmp_path}/list.txt; ")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://me:SECRET@example.org/a.jpg", r"list\.txt: https://\*\*\*@example\.org/a\.jpg: addresses in a list "),
        ("https://example.org/a.jpg?X-Amz-Signature=SECRET", r"list\.txt: https://example\.org/.*=\*\*\*: addresses "),
        ("s4://bucket/a.jpg", "s4://bucket/a.jpg: nothing is known of s4://"),
    ],
)
def test_an_address_that_cannot_be_a_row_ends_the_run_before_it_begins(
    address: str, said: str, folder: Path, tiny: Path, tmp_path: Path
) -> None:
    pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'fashionbatch[cloud]'")
    (tmp_path / "list.txt").write_text(f"a.png\n{address}\n")
    with pytest.raises(DataError, match=said) as caught:
        classify(folder, tiny, tmp_path / "labels.csv", files_from=tmp_path / "list.txt", workers=1, progress=False)
    assert "SECRET" not in str(caught.value)
    assert not list(tmp_path.glob("labels.csv*"))
