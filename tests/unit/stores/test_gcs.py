"""The objects of Google Cloud Storage: what gcsfs is asked, and what becomes of its answers. It is not installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fashionbatch.stores.address import Url
from fashionbatch.stores.faults import StoreFaultError, fault_of
from fashionbatch.stores.fsspec_writing import GcsWriter
from fashionbatch.stores.gcs import GcsObjects
from fashionbatch.stores.objects import StoredObject
from fashionbatch.stores.retrying import Patience, Retrying
from fashionbatch.stores.writing import Upload

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'fashionbatch[cloud]'")
ONCE = Retrying(Patience(tries=1))


class FakeGcs:
    """A file system as gcsfs has it, with answers that are given."""

    async_impl = True

    def __init__(self, *answers: Any) -> None:
        from fsspec.asyn import get_loop

        self.loop = get_loop()
        self.answers = list(answers)
        self.asked: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def url(self, path: str) -> str:
        return f"download/{path}"

    async def _request(self) -> None: ...

    async def _call(self, *arguments: Any, **named: Any) -> Any:
        self.asked.append((arguments, named))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _put_file(self, lpath: str, rpath: str, mode: str = "overwrite") -> None:
        await self._call("put", lpath, rpath, mode=mode)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Any:
    def open_with(*answers: Any, kind: Any = GcsObjects) -> tuple[Any, FakeGcs]:
        system = FakeGcs(*answers)
        monkeypatch.setattr("fsspec.core.url_to_fs", lambda url, **named: (system, "bucket/photos"))
        return kind(Url("gs://bucket/photos")), system

    return open_with


def item(name: str, generation: str = "17") -> dict[str, str]:
    return {"name": name, "size": "3", "updated": "2026-01-01T00:00:00.500Z", "generation": generation}


def test_a_list_comes_page_by_page_without_folders(opened: Any) -> None:
    first = {"items": [item("photos/a.jpg"), item("photos/b/c.jpg", "18")], "nextPageToken": "more"}
    objects, system = opened(first, {})
    pages = list(objects.pages(ONCE))
    assert pages == [
        [
            StoredObject("a.jpg", 3, 1767225600_500_000_000, "17"),
            StoredObject("b/c.jpg", 3, 1767225600_500_000_000, "18"),
        ],
        [],
    ]
    assert [named.get("pageToken") for _, named in system.asked] == [None, "more"]
    assert all(named["prefix"] == "photos/" for _, named in system.asked)


def test_an_object_is_one_request_for_its_generation(opened: Any) -> None:
    objects, system = opened(({}, b"content"), ({}, b"ont"))
    assert objects.get("a.jpg", "17", None, 5.0) == b"content"
    assert objects.get("a.jpg", "", (1, 4), 5.0) == b"ont"
    asked = [(arguments, named["headers"], named.get("ifGenerationMatch")) for arguments, named in system.asked]
    url = "download/bucket/photos/a.jpg"
    assert asked == [(("GET", url), {}, "17"), (("GET", url), {"Range": "bytes=1-3"}, None)]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FileExistsError("b/bucket/o/a.jpg"), "changed"),
        (FileNotFoundError("b/bucket/o/a.jpg"), "missing"),
        (OSError("Forbidden: b/bucket/o/a.jpg\nme@example.org has no access"), "denied"),
        (TimeoutError(), "passing"),
    ],
)
def test_what_the_library_raises_is_told_apart(error: Exception, kind: str, opened: Any) -> None:
    objects, _ = opened(error)
    with pytest.raises((StoreFaultError, OSError)) as caught:
        objects.get("a.jpg", "17", None, 5.0)
    fault = fault_of(caught.value)
    assert fault.kind == kind
    assert "example.org" not in fault.reason


def test_a_bucket_that_is_not_there_is_told_from_an_empty_one(opened: Any) -> None:
    assert list(opened({})[0].pages(ONCE)) == [[]]
    with pytest.raises(StoreFaultError) as caught:
        list(opened(FileNotFoundError("b/bucket/o"))[0].pages(ONCE))
    assert caught.value.kind == "bucket"


def upload(tmp_path: Path, *, replace: bool = False) -> Upload:
    file = tmp_path / "labels.csv"
    file.write_text("table")
    return Upload(file, "labels.csv", replace, tmp_path / "note", lambda: None, ONCE)


@pytest.mark.parametrize(("replace", "mode"), [(False, "create"), (True, "overwrite")])
def test_a_file_is_written_on_the_condition_that_there_is_none(
    replace: bool, mode: str, opened: Any, tmp_path: Path
) -> None:
    writer, system = opened(None, kind=GcsWriter)
    assert writer.put(upload(tmp_path, replace=replace)) == "written"
    assert system.asked[0][1] == {"mode": mode}
    assert system.asked[0][0][2] == "bucket/photos/labels.csv"


def test_a_name_that_is_taken_is_told(opened: Any, tmp_path: Path) -> None:
    writer, _ = opened(FileExistsError("b/bucket/o"), kind=GcsWriter)
    assert writer.put(upload(tmp_path)) == "taken"


def test_a_bucket_that_is_not_there_is_known_before_anything_is_written(opened: Any) -> None:
    opened({}, kind=GcsWriter)[0].require_writable("labels.csv", ONCE)
    opened(OSError("Forbidden: list"), kind=GcsWriter)[0].require_writable("labels.csv", ONCE)
    with pytest.raises(StoreFaultError):
        opened(FileNotFoundError("b/bucket/o"), kind=GcsWriter)[0].require_writable("labels.csv", ONCE)
