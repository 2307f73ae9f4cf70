"""What is fetched from a store into the cache: bundles, and photos to train with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.api.settings import as_bundle
from fashionbatch.bundle.open import open_bundle
from fashionbatch.bundle.pack import pack_bundle
from fashionbatch.data import fetching
from fashionbatch.data.context import LocalContext
from fashionbatch.data.fetching import local_bundle, local_data
from fashionbatch.data.places import CACHE_VARIABLE
from fashionbatch.errors import BundleError, DataError
from fashionbatch.stores.address import Url
from fashionbatch.testing.bundles import make_tiny_bundle

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'fashionbatch[cloud]'")


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    system = fsspec.filesystem("memory")
    yield system
    for path in system.ls("/", detail=False):
        system.rm(path, recursive=True)


@pytest.fixture
def bundle(memory: Any, tmp_path: Path) -> Path:
    made = make_tiny_bundle(tmp_path / "tiny")
    memory.pipe({f"/store/tiny/{path.name}": path.read_bytes() for path in made.iterdir()})
    return made


def put(memory: Any, *names: str) -> None:
    memory.pipe({f"/store/photos/{name}": name.encode() for name in names})


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_path_is_left_as_it_is(tmp_path: Path) -> None:
    assert local_bundle(tmp_path / "none") == tmp_path / "none"


def test_a_bundle_is_fetched_once_and_kept_by_its_digest(
    bundle: Path, memory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = local_bundle("memory://store/tiny")
    assert open_bundle(fetched).digest == open_bundle(bundle).digest == fetched.name
    monkeypatch.setattr(fetching, "_fetch", lambda *given: pytest.fail("it is there"))
    assert local_bundle("memory://store/tiny") == fetched


def test_a_bundle_that_is_damaged_in_the_cache_is_fetched_anew(bundle: Path, memory: Any) -> None:
    fetched = local_bundle("memory://store/tiny")
    (fetched / "model.bin").write_bytes(b"damaged")
    assert open_bundle(local_bundle("memory://store/tiny")).digest == fetched.name


def test_a_bundle_that_is_damaged_in_the_store_is_refused(bundle: Path, memory: Any) -> None:
    content = memory.cat_file("/store/tiny/model.bin")
    memory.pipe_file("/store/tiny/model.bin", content[::-1])
    with pytest.raises(BundleError):
        local_bundle("memory://store/tiny")
    memory.rm("/store/tiny/model.bin")
    with pytest.raises(BundleError, match=r"^memory://store/tiny: cannot be fetched: FileNotFoundError: "):
        local_bundle("memory://store/tiny")


def test_a_packed_bundle_is_unpacked_once_and_kept_by_its_digest(
    bundle: Path, memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack_bundle(open_bundle(bundle), tmp_path / "tiny.FBZ")
    memory.pipe_file("/store/tiny.fbz", (tmp_path / "tiny.FBZ").read_bytes())
    unpacked = local_bundle(tmp_path / "tiny.FBZ")
    assert open_bundle(unpacked).digest == open_bundle(bundle).digest == unpacked.name
    assert as_bundle(tmp_path / "tiny.FBZ") == unpacked
    (unpacked / "model.bin").write_bytes(b"damaged")
    assert open_bundle(local_bundle("memory://store/tiny.fbz")).digest == unpacked.name
    monkeypatch.setattr(fetching, "unpack_bundle", lambda *given: pytest.fail("it is there"))
    assert local_bundle(str(tmp_path / "tiny.FBZ")) == unpacked


def test_a_packed_bundle_that_is_damaged_is_refused(bundle: Path, memory: Any, tmp_path: Path) -> None:
    pack_bundle(open_bundle(bundle), tmp_path / "tiny.fbz")
    data = (tmp_path / "tiny.fbz").read_bytes()
    (tmp_path / "tiny.fbz").write_bytes(data[: len(data) // 2])
    with pytest.raises(BundleError, match=r"tiny\.fbz: is damaged"):
        local_bundle(tmp_path / "tiny.fbz")
    with pytest.raises(BundleError, match=r"none\.fbz: there is no such file"):
        local_bundle("memory://store/none.fbz")
    assert local_bundle(tmp_path / "none.fbz") == tmp_path / "none.fbz"


def test_where_there_is_no_bundle_is_said(memory: Any) -> None:
    with pytest.raises(BundleError, match=r"^memory://store/none: there is no bundle.json\n"):
        local_bundle("memory://store/none")


def test_photos_are_fetched_once_as_long_as_none_has_changed(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put(memory, "a/1.jpg", "a/2.png", "b/3.jpg", "readme.md", "model.bin")
    folder = local_data(Url("memory://store/photos"))
    assert files_in(folder) == {"a/1.jpg", "a/2.png", "b/3.jpg"}
    assert (folder / "a" / "1.jpg").read_bytes() == b"a/1.jpg"
    with monkeypatch.context() as patch:
        patch.setattr(fetching, "_fetch", lambda *given: pytest.fail("it is there"))
        assert local_data(Url("memory://store/photos/")).samefile(folder)
    put(memory, "b/4.jpg")
    other = local_data(Url("memory://store/photos"))
    assert other != folder
    assert files_in(other) == {*files_in(folder), "b/4.jpg"}


def test_a_table_comes_with_the_photos_beside_it(memory: Any) -> None:
    put(memory, "labels.csv", "a/1.jpg")
    table = local_data(Url("memory://store/photos/labels.csv"))
    assert table.read_bytes() == b"labels.csv"
    assert (table.parent / "a" / "1.jpg").is_file()


def test_names_that_lead_out_of_a_folder_are_left_there(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [
        path
        for path in ("../a.jpg", "a/../b.jpg", "/a.jpg", "a//b.jpg", "a\0.jpg", "./a.jpg")
        if fetching._is_wanted(path)
    ] == []
    assert fetching._is_wanted("a..b/c.jpg")


def test_nothing_is_left_of_photos_that_could_not_all_be_fetched(
    memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(memory, *(f"{number}.jpg" for number in range(30)))
    read = fetching.RemoteOpener.read

    def failing(self: Any, file: Any) -> Any:
        if file.path == "17.jpg":
            raise fetching.FileStatusError("error", "SlowDown: the store answered with status 503 (tried 6 times)")
        return read(self, file)

    monkeypatch.setattr(fetching.RemoteOpener, "read", failing)
    with pytest.raises(DataError, match=r"^memory://store/photos: cannot be fetched: SlowDown"):
        local_data(Url("memory://store/photos"))
    assert list((tmp_path / "cache" / "fetched").iterdir()) == []


@pytest.mark.parametrize("address", ["memory://store/none", "memory://store/photos/none.csv"])
def test_where_there_is_nothing_is_said(address: str, memory: Any) -> None:
    put(memory, "a.jpg")
    with pytest.raises(DataError, match=f"^{address}: "):
        local_data(Url(address))


def test_a_recipes_path_may_be_an_address(memory: Any, tmp_path: Path) -> None:
    put(memory, "a/1.jpg")
    assert files_in(LocalContext(tmp_path).locate("memory://store/photos")) == {"a/1.jpg"}
