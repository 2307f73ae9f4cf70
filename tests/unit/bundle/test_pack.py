"""A bundle as one file: the same bytes each time, and harmless to unpack whoever made it."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fashionbatch.bundle.open import open_bundle
from fashionbatch.bundle.pack import pack_bundle, unpack_bundle
from fashionbatch.errors import BundleError, OutputError
from fashionbatch.testing.bundles import make_tiny_bundle

Entry = tuple[zipfile.ZipInfo | str, bytes]


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    bundle = open_bundle(make_tiny_bundle(tmp_path / "b"))
    pack_bundle(bundle, tmp_path / "b.fbz")
    return tmp_path / "b.fbz"


@pytest.fixture
def repacked(packed: Path, tmp_path: Path) -> Callable[..., Path]:
    """The packed bundle with entries changed (None: left out) and others added."""

    def make(changed: dict[str, bytes | None] | None = None, *more: Entry, how: int = zipfile.ZIP_STORED) -> Path:
        output = tmp_path / "other.fbz"
        with zipfile.ZipFile(packed) as source, zipfile.ZipFile(output, "w", how) as target:
            for name in source.namelist():
                data = (changed or {}).get(name, source.read(name))
                if data is not None:
                    target.writestr(name, data)
            for entry, data in more:
                target.writestr(entry, data)
        return output

    return make


def test_a_bundle_comes_back_as_it_was(packed: Path, tmp_path: Path) -> None:
    again = unpack_bundle(packed, tmp_path / "again")
    assert again.digest == open_bundle(tmp_path / "b").digest
    assert {file.name for file in (tmp_path / "again").iterdir()} == {file.name for file in (tmp_path / "b").iterdir()}


def test_the_same_bundle_gives_the_same_bytes_wherever_it_lies_and_whenever_it_was_written(
    packed: Path, tmp_path: Path
) -> None:
    again = unpack_bundle(packed, tmp_path / "elsewhere")
    for file in again.path.iterdir():
        os.utime(file, (1e9, 1e9))
        file.chmod(0o600)
    pack_bundle(again, tmp_path / "again.fbz")
    assert (tmp_path / "again.fbz").read_bytes() == packed.read_bytes()


def test_a_file_that_is_there_is_kept_unless_it_may_be_replaced(packed: Path, tmp_path: Path) -> None:
    bundle = open_bundle(tmp_path / "b")
    with pytest.raises(OutputError, match="exists already"):
        pack_bundle(bundle, packed)
    assert pack_bundle(bundle, packed, overwrite=True) == packed.stat().st_size


def _link(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, 0o120777 << 16
    return entry


@pytest.mark.parametrize(
    ("changed", "more", "problem"),
    [
        ({}, [("../evil.txt", b"x")], "no file of a bundle"),
        ({}, [("/etc/evil", b"x")], "no file of a bundle"),
        ({}, [("model.xml/../../evil", b"x")], "no file of a bundle"),
        ({}, [("notes.txt", b"x")], "no file of a bundle"),
        ({}, [("recipe.yaml", b"x")], "not in both"),
        ({"model.bin": None}, [(_link("model.bin"), b"/etc/passwd")], "no plain file"),
        ({"model.bin": None}, [], "not in both"),
        ({"bundle.json": None}, [], r"holds no bundle\.json"),
        ({"bundle.json": b"{}"}, [], "format_version"),
        ({"model.xml": b"short"}, [], "has 5 bytes where"),
    ],
)
def test_an_archive_of_anything_else_is_refused_and_nothing_is_written(
    repacked: Callable[..., Path],
    tmp_path: Path,
    changed: dict[str, bytes | None],
    more: list[Entry],
    problem: str,
) -> None:
    file = repacked(changed, *more)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BundleError, match=problem):
        unpack_bundle(file, tmp_path / "out")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_refused(repacked: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"model\.bin twice"):
        unpack_bundle(repacked({}, ("model.bin", b"x")), tmp_path / "out")


def test_what_would_grow_when_it_is_unpacked_is_refused(repacked: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is compressed or encrypted"):
        unpack_bundle(repacked(how=zipfile.ZIP_DEFLATED), tmp_path / "out")


def test_other_contents_of_the_same_size_are_found_by_their_digest(
    repacked: Callable[..., Path], tmp_path: Path
) -> None:
    other = bytes(len((tmp_path / "b" / "model.xml").read_bytes()))
    with pytest.raises(BundleError, match=r"model\.xml: its contents are not those"):
        unpack_bundle(repacked({"model.xml": other}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("cut", [0, 10, 500, -1, -30])
def test_a_damaged_file_is_one_clear_error(packed: Path, tmp_path: Path, cut: int) -> None:
    packed.write_bytes(packed.read_bytes()[:cut])
    with pytest.raises(BundleError, match="damaged"):
        unpack_bundle(packed, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_flipped_byte_anywhere_gives_an_error_or_the_same_bundle(packed: Path, tmp_path: Path) -> None:
    whole, digest = packed.read_bytes(), open_bundle(tmp_path / "b").digest
    for place in range(0, len(whole), max(1, len(whole) // 40)):
        packed.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            found = unpack_bundle(packed, tmp_path / "out")
        except BundleError:
            continue
        assert found.digest == digest


def test_labeling_with_a_packed_bundle_says_to_unpack_it(packed: Path) -> None:
    with pytest.raises(BundleError, match="a bundle is a directory") as caught:
        open_bundle(packed)
    assert f"bundle unpack {packed}" in str(caught.value.hint)


def test_a_folder_of_somebodys_is_not_replaced(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"no bundle"):
        unpack_bundle(packed, tmp_path / "mine")
