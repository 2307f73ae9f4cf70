"""Lists that lie in a store: what is frozen of them is what is frozen of the same list on the disk."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.errors import DataError, FashionBatchError
from fashionbatch.labeling import checks
from fashionbatch.labeling.options import LabelOptions, SourceOptions
from fashionbatch.labeling.source import list_file
from fashionbatch.labeling.source.catalogue import list_files
from fashionbatch.labeling.source.parquet_list import count_images
from fashionbatch.labeling.source.request import ListOptions, ScanSummary, is_parquet_list
from fashionbatch.stores.address import Url
from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.fsspec_objects import FsspecObjects

fsspec = pytest.importorskip("fsspec", reason="needs fashionbatch[cloud]")
pytest.importorskip("s3fs", reason="needs fashionbatch[cloud]")
pa = pytest.importorskip("pyarrow", reason="needs fashionbatch[parquet]")
from pyarrow import parquet  # noqa: E402 - only where it is installed

Paint = Callable[[Mapping[str, int]], Path]
NAMES = ["c.png", "sub/a ü.png", "gone.png", "s3://bucket/x.jpg", "b.png"]
TIME_NS = 1_600_000_000_000_000_000
LISTS: Mapping[str, Mapping[str, Any]] = {
    "list.txt": {},
    "list.csv": {"path_column": "image", "keep": ("sku",)},
    "utf-16.csv": {"path_column": "image"},
    "nul.txt": {"null": True, "limit": 3},
    "paths.parquet": {"keep": ("sku",)},
    "train-{0..1}-of-2.parquet": {"path_column": "image"},
    "parts/": {},
}


@pytest.fixture
def here(paint: Paint, tmp_path: Path) -> Path:
    """Lists of every kind."""
    folder = paint({"sub/a ü.png": 0, "b.png": 1, "c.png": 2})
    here = tmp_path / "lists"
    (here / "parts").mkdir(parents=True)
    (here / "list.txt").write_text("".join(f"{name}\n" for name in NAMES), encoding="utf-8")
    (here / "nul.txt").write_bytes(b"\0".join(map(str.encode, NAMES)))
    for name, encoding in (("list.csv", "utf-8"), ("utf-16.csv", "utf-16")):
        with (here / name).open("w", newline="", encoding=encoding) as file:
            csv.writer(file).writerows([("image", "sku"), *((name, f"{row},x") for row, name in enumerate(NAMES))])
    parquet.write_table(pa.table({"path": NAMES, "sku": list(range(len(NAMES)))}), here / "paths.parquet")
    contents = [(folder / name).read_bytes() for name in ("b.png", "c.png", "sub/a ü.png")] * 20
    for number in range(2):
        images = pa.table({"image": contents, "file_name": [f"{number}/{row}.png" for row in range(60)]})
        parquet.write_table(images, here / f"train-{number}-of-2.parquet", row_group_size=25)
        parquet.write_table(pa.table({"path": NAMES[number * 2 :][:2]}), here / "parts" / f"{number}.parquet")
    (here / "parts" / "_metadata").write_bytes(b"none of the parts")
    for path in here.rglob("*.*"):
        os.utime(path, ns=(TIME_NS, TIME_NS))
    return here


@pytest.fixture
def store(here: Path) -> Iterator[Any]:
    """The lists in the store in memory."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.put(f"{here}/", "/lists/", recursive=True)
    yield system
    system.store.clear()


@pytest.fixture
def listed(photos: Path, tmp_path: Path) -> Callable[..., tuple[ScanSummary, dict[str, bytes]]]:
    """Freeze a list; gives what was seen, and the files that were made."""

    def freeze(file: str, **asked: Any) -> tuple[ScanSummary, dict[str, bytes]]:
        job = tmp_path / f"job{len(list(tmp_path.glob('job*')))}"
        job.mkdir()
        options = ListOptions(file, endings=(".png",), **asked)
        summary = list_files(bytes(photos), options, job / "manifest", job / "kept", report=lambda rows: None)
        return summary, {str(path.relative_to(job)): path.read_bytes() for path in job.rglob("*") if path.is_file()}

    return freeze


@pytest.mark.parametrize("name", LISTS)
def test_what_is_frozen_is_that_of_the_list_on_the_disk(
    name: str, here: Path, store: Any, listed: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = FsspecObjects._object
    sizes = {path.stat().st_size for path in here.rglob("*") if path.is_file()}
    # Images in a list have its time.
    monkeypatch.setattr(
        FsspecObjects, "_object", lambda self, found: made(self, found)._replace(mtime_ns=TIME_NS, token="tag")
    )
    expected, files = listed(str(here / name), **LISTS[name])
    found, stored = listed(f"memory://lists/{name}", **LISTS[name])
    assert stored == files
    assert (found.rows, found.bytes, found.digest) == (expected.rows, expected.bytes, expected.digest)
    assert [note.replace(f"memory://lists/{name}", str(here / name)) for note in found.notes] == expected.notes
    assert expected.lists == []
    assert {each["tag"] for each in found.lists} == {"tag"}
    assert {each["bytes"] for each in found.lists} <= sizes
    assert all(each["address"].startswith("memory://lists/") for each in found.lists)


def test_images_in_a_list_are_counted_by_what_stands_at_its_end(store: Any, here: Path) -> None:
    name = "train-{0..1}-of-2.parquet"
    expected = count_images(ListOptions(str(here / name), "image"))
    assert count_images(ListOptions(f"memory://lists/{name}", "image")) == expected
    assert expected is not None
    assert count_images(ListOptions("memory://lists/paths.parquet")) is None
    assert not checks.are_files(SourceOptions(here, Url(f"memory://lists/{name}"), "image"))
    assert checks.are_files(SourceOptions(here, Url("memory://lists/paths.parquet")))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "none.txt",
            r"^memory://lists/none\.txt: there is no such file\n.*a folder of Parquet files ends with a slash",
        ),
        ("none.parquet", r"^memory://lists/none\.parquet: there is no such file"),
        ("none/", r"^memory://lists/none/: is a folder without Parquet files"),
        ("train-{1..2}-of-2.parquet", r"^memory://lists/train-2-of-2\.parquet: there is no such file"),
        ("broken.parquet", r"^memory://lists/broken\.parquet: is no Parquet file, or damaged or cut short: "),
        ("secret.txt", r"^memory://lists/secret\.txt: https://\*\*\*@example\.org/a\.jpg: addresses in a list become"),
    ],
)
def test_what_is_no_list_is_told_by_its_address(
    name: str, message: str, store: Any, listed: Callable[..., Any]
) -> None:
    store.pipe_file("/lists/broken.parquet", store.cat_file("/lists/paths.parquet")[:-20])
    store.pipe_file("/lists/secret.txt", b"https://me:SECRET@example.org/a.jpg\n")
    with pytest.raises(DataError, match=message) as raised:
        listed(f"memory://lists/{name}", **({"path_column": "image"} if "train" in name else {}))
    assert "SECRET" not in str(raised.value)


@pytest.mark.parametrize("name", ["list.txt", "paths.parquet"])
def test_a_store_that_fails_while_a_list_is_read_is_told_of_in_one_line(
    name: str, store: Any, listed: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind, message in (("changed", "was written to while it was read"), ("denied", "cannot be read: NoAccess")):
        fault = StoreFaultError(kind, "NoAccess")

        def refuse(*given: Any, fault: StoreFaultError = fault) -> bytes:
            raise fault

        monkeypatch.setattr(FsspecObjects, "get", refuse)
        with pytest.raises(DataError, match=f"^memory://lists/{name}: {message}"):
            listed(f"memory://lists/{name}")


def test_a_server_that_knows_no_parts_of_files_is_asked_for_the_whole(
    store: Any, listed: Callable[..., Any], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = FsspecObjects.look
    monkeypatch.setattr(FsspecObjects, "look", lambda self, *given: look(self, *given)._replace(size=-1))
    for name in ("list.txt", "paths.parquet"):
        found, files = listed(f"memory://lists/{name}")
        assert files == listed(str(here / name))[1]
        assert [each["bytes"] for each in found.lists] == [-1]


def test_a_list_is_read_in_pieces(
    store: Any, listed: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = b"".join(b"%09d.png\n" % row for row in range(300_000))
    store.pipe_file("/lists/long.txt", lines)
    asked: list[int] = []
    get = FsspecObjects.get

    def watch(self: Any, path: str, tag: str, span: tuple[int, int], seconds: float) -> bytes:
        asked.append(span[1] - span[0])
        return get(self, path, tag, span, seconds)

    monkeypatch.setattr(FsspecObjects, "get", watch)
    assert listed("memory://lists/long.txt", limit=10)[0].rows == 10
    assert max(asked) <= 4 << 20
    assert sum(asked) < len(lines) // 4


@pytest.mark.parametrize(
    ("address", "is_parquet"),
    [
        ("https://host/list.parquet?X-Amz-Signature=9f", True),
        ("https://host/list.csv?name=x.parquet", False),
        ("s3://bucket/data/", True),
        ("s3://bucket/data", False),
        ("s3://bucket/{a,b}.PARQUET", True),
    ],
)
def test_the_ending_of_the_name_says_whether_a_list_is_parquet(address: str, is_parquet: bool) -> None:
    assert is_parquet_list(Url(address)) is is_parquet


def test_a_list_at_an_address_that_cannot_be_asked_is_refused_before_anything_is_done(
    options: Callable[..., LabelOptions], tmp_path: Path
) -> None:
    from fashionbatch.labeling.run import label

    for address, message in (
        ("s3://key:SECRET@bucket/list.txt", "credentials do not belong in an address"),
        ("s4://bucket/list.txt", "nothing is known of s4://"),
    ):
        with pytest.raises(FashionBatchError, match=message) as raised:
            label(options(files_from=Url(address)))
        assert "SECRET" not in str(raised.value)
    assert not list(tmp_path.glob("labels*"))


def test_a_list_says_what_it_was_without_credentials(store: Any) -> None:
    read = list_file.ListFile(Url("memory://lists/list.txt"))
    assert read.read == []
    assert read.mtime_ns > 0
    (about,) = read.read
    assert (about.address, about.bytes) == ("memory://lists/list.txt", len(store.cat_file("/lists/list.txt")))
    assert "SECRET" not in str(list_file.ListFile(Url("https://host/list.txt?token=SECRET")))
