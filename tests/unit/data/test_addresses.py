"""Photos that a table names by addresses: each is fetched once, as long as it does not change."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.data import addresses
from fashionbatch.data.addresses import fetch_files
from fashionbatch.data.places import CACHE_VARIABLE
from fashionbatch.errors import DataError, ImageError
from fashionbatch.specs import EncodedImages
from fashionbatch.stores.faults import StoreFaultError
from fashionbatch.stores.objects import StoredObject
from fashionbatch.stores.opening import FileStatusError, StoreOutError
from fashionbatch.stores.remote import RemoteOpener

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'fashionbatch[cloud]'")

A, B = "memory://store/photos/a.jpg", "memory://store/photos/b.png"


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    system = fsspec.filesystem("memory")
    system.pipe({"/store/photos/a.jpg": b"first", "/store/photos/b.png": b"second"})
    yield system
    system.rm("/store", recursive=True)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of objects that are read."""
    paths: list[str] = []
    read = RemoteOpener.read

    def noted(self: RemoteOpener, file: StoredObject) -> Any:
        paths.append(file.path)
        return read(self, file)

    monkeypatch.setattr(RemoteOpener, "read", noted)
    return paths


def test_paths_and_addresses_give_their_bytes_in_their_order(memory: Any, tmp_path: Path) -> None:
    here = tmp_path / "c.jpg"
    here.write_bytes(b"third")
    files = fetch_files([B, here, A])
    assert [file.read() for file in files] == [b"second", b"third", b"first"]
    assert [file.size for file in files] == [6, 5, 5]
    assert files[1].path == here
    images = EncodedImages.of_files([B, "c.jpg", A], files)
    assert (images.read(2), images.size) == (b"first", 16)


def test_a_photo_is_read_once_until_it_changes(memory: Any, reads: list[str]) -> None:
    first = fetch_files([A, B])
    assert sorted(reads) == ["photos/a.jpg", "photos/b.png"]
    again = fetch_files([A, B])
    assert len(reads) == 2
    assert EncodedImages.of_files([A, B], again).version == EncodedImages.of_files([A, B], first).version
    memory.pipe_file("/store/photos/a.jpg", b"other")
    changed = fetch_files([A, B])
    assert reads[2:] == ["photos/a.jpg"]
    assert changed[0].read() == b"other"
    assert EncodedImages.of_files([A, B], changed).version != EncodedImages.of_files([A, B], first).version


def test_a_file_in_the_cache_that_was_cut_short_is_fetched_anew(memory: Any) -> None:
    (file,) = fetch_files([A])
    assert file.path is not None
    file.path.write_bytes(b"fir")
    assert fetch_files([A])[0].read() == b"first"


def test_what_is_not_there_says_so_and_costs_no_other_photo(memory: Any, tmp_path: Path) -> None:
    none, gone = "memory://store/photos/none.jpg", tmp_path / "none.jpg"
    missing, absent, found = fetch_files([none, gone, A])
    assert (missing.path, missing.reason) == (None, "FileNotFoundError: there is no such object")
    with pytest.raises(ImageError, match="there is no such object"):
        missing.read()
    with pytest.raises(FileNotFoundError):
        absent.read()
    assert found.read() == b"first"


def test_an_object_that_changes_between_look_and_reading_is_looked_at_again(
    memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, tries = RemoteOpener.read, []

    def changing(self: RemoteOpener, file: StoredObject) -> Any:
        tries.append(file)
        if len(tries) == 1:
            raise FileStatusError("changed", "FileChanged: it was written to after the listing")
        return read(self, file)

    monkeypatch.setattr(RemoteOpener, "read", changing)
    assert fetch_files([A])[0].read() == b"first"
    monkeypatch.setattr(RemoteOpener, "read", lambda *given: _raise(FileStatusError("changed", "FileChanged: again")))
    assert fetch_files([B])[0].reason == "FileChanged: again"


def test_a_store_that_gives_nothing_ends_it(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    out = StoreOutError("s3://bucket: nothing can be read there any more: ExpiredToken", "renew them")
    monkeypatch.setattr(RemoteOpener, "look", lambda *given: _raise(out))
    with pytest.raises(DataError, match=r"^s3://bucket: nothing can be read there any more: ExpiredToken"):
        fetch_files([A, B])


def test_what_is_told_is_what_the_store_said_first(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(self: RemoteOpener, path: str) -> StoredObject:
        if path.endswith("b.png"):
            raise StoreOutError("memory://store: is out of order", "")
        try:
            self._retrying.sleep(60.0)
        except StoreFaultError as fault:
            raise StoreOutError(f"memory://store: {fault.reason}", "") from None
        raise AssertionError("it is not waited for once the other one has found it out")

    monkeypatch.setattr(RemoteOpener, "look", look)
    with pytest.raises(DataError, match="out of order"):
        fetch_files([A, B])


def test_a_refused_object_is_one_photo(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    look = addresses.AddressStores.opener_for

    def refusing(self: addresses.AddressStores, url: Any) -> RemoteOpener:
        opener = look(self, url)
        monkeypatch.setattr(opener._objects, "get", lambda *given: _raise(StoreFaultError("denied", "HTTPError: 403")))
        return opener

    monkeypatch.setattr(addresses.AddressStores, "opener_for", refusing)
    assert fetch_files([A])[0].reason == "HTTPError: 403"


def test_a_cache_that_cannot_be_written_is_one_error(memory: Any, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "fetched").write_text("in the way")
    with pytest.raises(DataError, match=r"^photos cannot be fetched into .*by-address: "):
        fetch_files([A])


class _Untagged(http.server.BaseHTTPRequestHandler):
    """A server of the web that tells neither sizes nor tags, and knows no ranges."""

    content = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *given: object) -> None: ...


def test_what_has_no_tag_is_fetched_each_time_and_goes_by_its_content(memory: Any) -> None:
    pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install 'fashionbatch[cloud]'")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Untagged)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}/a.jpg?id=5"
    try:
        versions = []
        for content in (b"one", b"one", b"two"):
            _Untagged.content = content
            (file,) = fetch_files([address])
            assert file.read() == content
            versions.append(file.version)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert versions[0] == versions[1] != versions[2]


def _raise(error: Exception) -> Any:
    raise error


def test_a_host_that_gives_none_of_sixteen_photos_ends_it(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = FileStatusError("error", "HTTPError: the store answered with status 403")
    monkeypatch.setattr(RemoteOpener, "look", lambda *given: _raise(refused))
    monkeypatch.setattr(RemoteOpener, "read", lambda *given: _raise(refused))
    some = [f"memory://store/photos/{number}.jpg" for number in range(15)]
    assert {file.reason for file in fetch_files(some)} == {refused.error}
    with pytest.raises(DataError, match=r"^memory://store: gives none of 16 photos; of the last it says: HTTPError"):
        fetch_files([*some, A, B])


def test_a_host_on_which_photos_are_missing_is_no_such_host(memory: Any) -> None:
    none = [f"memory://store/photos/{number}.jpg" for number in range(40)]
    assert [file.path is None for file in fetch_files([*none, A])] == [*[True] * 40, False]
