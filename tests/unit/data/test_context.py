"""Where paths of a recipe lead, and what is said where they lead nowhere."""

from __future__ import annotations

import io
import tarfile
import threading
from pathlib import Path

import pytest

from fashionbatch import disk
from fashionbatch.data import archives
from fashionbatch.data.context import LocalContext
from fashionbatch.data.places import cache_directory, data_directory
from fashionbatch.errors import DataError


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("FASHIONBATCH_DATA_DIR", str(folder))
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "cache"))
    return folder


def make_tar(path: Path, files: dict[str, bytes], mode: str = "w") -> None:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def test_relative_paths_are_relative_to_the_recipe_and_absolute_ones_are_not(tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "photos").mkdir()
    context = LocalContext(base=tmp_path / "recipes")
    assert context.locate("../photos").resolve() == tmp_path / "photos"
    assert context.locate(str(tmp_path / "photos")) == tmp_path / "photos"


def test_a_missing_path_says_where_it_was_looked_for_and_how_far_it_exists(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'phtos/shoes' does not exist; looked for") as caught:
        LocalContext(base=tmp_path).locate("phtos/shoes")
    assert str(tmp_path) in str(caught.value.hint)
    with pytest.raises(DataError, match=r"is no path|does not exist"):
        LocalContext(base=tmp_path).locate("nul\0byte")


def test_data_name_is_a_folder_or_file_of_the_data_directory(data: Path, tmp_path: Path) -> None:
    (data / "shoes" / "red").mkdir(parents=True)
    (data / "mnist.npz").touch()
    context = LocalContext(base=tmp_path)
    assert context.locate("data:shoes") == data / "shoes"
    assert context.locate("data:shoes/red") == data / "shoes" / "red"
    assert context.locate("data:mnist.npz") == data / "mnist.npz"
    assert context.find_data_file("mnist.npz") == data / "mnist.npz"
    assert context.find_data_file("shoes") is None
    with pytest.raises(DataError, match=r"'data:hats' is not in FASHIONBATCH_DATA_DIR: neither .*hats nor .*hats\.tar"):
        context.locate("data:hats")
    with pytest.raises(DataError, match="holds no 'blue'"):
        context.locate("data:shoes/blue")
    for climbing in ("data:../data/shoes", "data:shoes/../../x", "data:"):
        with pytest.raises(DataError, match="must be data:NAME"):
            context.locate(climbing)


def test_without_a_data_directory_the_variable_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FASHIONBATCH_DATA_DIR", raising=False)
    context = LocalContext(base=tmp_path)
    assert data_directory() is None
    assert context.find_data_file("mnist.npz") is None
    with pytest.raises(DataError, match="FASHIONBATCH_DATA_DIR, which is not set"):
        context.locate("data:shoes")


@pytest.mark.parametrize(("suffix", "mode"), [(".tar", "w"), (".tar.gz", "w:gz"), (".tgz", "w:gz")])
def test_an_archive_is_unpacked_once(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, mode: str
) -> None:
    make_tar(data / f"shoes{suffix}", {"shoes/red/a.jpg": b"a", "shoes/blue/b.jpg": b"b"}, mode)
    context = LocalContext(base=tmp_path)
    found = context.locate("data:shoes")
    assert sorted(path.name for path in found.iterdir()) == ["blue", "red"]
    assert found.is_relative_to(tmp_path / "cache")
    monkeypatch.setattr(archives, "_unpack", None)
    assert context.locate("data:shoes/red/a.jpg").read_bytes() == b"a"


def test_a_changed_archive_is_unpacked_anew(data: Path, tmp_path: Path) -> None:
    context = LocalContext(base=tmp_path)
    make_tar(data / "shoes.tar", {"shoes/red/a.jpg": b"a"})
    assert context.locate("data:shoes").name == "shoes"
    make_tar(data / "shoes.tar", {"red/a.jpg": b"new", "blue/b.jpg": b"new", "more.txt": bytes(20_000)})
    assert context.locate("data:shoes/red/a.jpg").read_bytes() == b"new"


def test_runs_that_unpack_at_the_same_time_both_go_on(data: Path, tmp_path: Path) -> None:
    make_tar(data / "shoes.tar", {f"shoes/{n}.jpg": b"x" * n for n in range(200)})
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(LocalContext(tmp_path).locate("data:shoes"))) for _ in "1234"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 4
    assert len(list(found[0].iterdir())) == 200
    assert [path.name for path in (tmp_path / "cache" / "unpacked").iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("name", ["../evil", "a/../../evil"])
def test_an_archive_that_climbs_out_is_refused(data: Path, tmp_path: Path, name: str) -> None:
    make_tar(data / "bad.tar", {"ok.jpg": b"", name: b"evil"})
    with pytest.raises(DataError, match="would write outside"):
        LocalContext(base=tmp_path).locate("data:bad")
    assert list(tmp_path.rglob("evil")) == []
    assert list((tmp_path / "cache" / "unpacked").iterdir()) == []


@pytest.mark.parametrize("damage", ["text", "cut", "cut_gz", "link"])
def test_a_damaged_or_tricky_archive_is_a_clear_error_and_leaves_nothing(
    data: Path, tmp_path: Path, damage: str
) -> None:
    path = data / ("bad.tar.gz" if damage == "cut_gz" else "bad.tar")
    if damage == "text":
        path.write_text("not an archive")
    elif damage == "link":
        with tarfile.open(path, "w") as tar:
            info = tarfile.TarInfo("link")
            info.type, info.linkname = tarfile.SYMTYPE, "/etc"
            tar.addfile(info)
    else:
        make_tar(path, {"a.jpg": bytes(range(256)) * 500}, "w:gz" if damage == "cut_gz" else "w")
        path.write_bytes(path.read_bytes()[: -1 if damage == "cut_gz" else 60_000])
        if damage == "cut_gz":
            path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="bad"):
        LocalContext(base=tmp_path).locate("data:bad")
    assert list((tmp_path / "cache" / "unpacked").iterdir()) == []


def test_what_a_killed_run_left_is_removed_and_what_a_living_one_unpacks_is_not(data: Path, tmp_path: Path) -> None:
    unpacked = tmp_path / "cache/unpacked"
    killed = unpacked / ".shoes-0123456789abcdef.0123abcd.tmp"
    (killed / "a").mkdir(parents=True)
    make_tar(data / "shoes.tar", {"a/b.jpg": b""})
    with disk.new_directory(unpacked / "hats-0123456789abcdef") as living:
        LocalContext(base=tmp_path).locate("data:shoes")
        assert not killed.exists()
        assert living.exists()


def test_a_cache_that_cannot_be_made_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataError, match="cannot be made") as caught:
        cache_directory()
    assert "FASHIONBATCH_CACHE_DIR" in str(caught.value.hint)


def test_without_the_variable_the_cache_is_the_platforms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FASHIONBATCH_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_directory().is_relative_to(tmp_path)
    assert cache_directory().name == "fashionbatch"
