from __future__ import annotations

import contextlib
import io
import os
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fashionbatch.errors import OutputError
from fashionbatch.labeling.job.blocks import BLOCK_ROWS
from fashionbatch.labeling.job.manifest import UNKNOWN, Manifest, ManifestWriter, ScannedFile


def write(path: Path, records: list[ScannedFile], *, digests: bool = False) -> str:
    with open(path, "wb") as file:
        writer = ManifestWriter(file, digests=digests)
        for record in records:
            writer.add(*record)
        return writer.finish()


def numbered(count: int) -> list[ScannedFile]:
    return [ScannedFile(b"f%06d.jpg" % number, number, number * 1000) for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 3 * BLOCK_ROWS + 7])
def test_what_was_written_is_read(tmp_path: Path, count: int) -> None:
    records = numbered(count)
    digest = write(tmp_path / "m", records)
    manifest = Manifest(tmp_path / "m")
    assert len(manifest) == count
    assert manifest.size == sum(record.size for record in records)
    assert list(manifest.rows(0, count)) == records
    assert manifest.digest() == digest
    manifest.close()


def test_a_list_is_told_from_others_by_its_index_alone(tmp_path: Path) -> None:
    records = numbered(BLOCK_ROWS + 1)
    other = [*records[:5], records[5]._replace(mtime_ns=7), *records[6:]]
    digests = []
    for number, one in enumerate((records, records, other)):
        write(tmp_path / f"{number}", one)
        with contextlib.closing(Manifest(tmp_path / f"{number}")) as manifest:
            digests.append(manifest.index_digest)
    assert digests[0] == digests[1] != digests[2]


def test_digests_are_kept_where_that_is_wanted(tmp_path: Path) -> None:
    records = [ScannedFile(b"a", 1, 2, b"\1" * 32), ScannedFile(b"b", 3, 4), ScannedFile(b"c", 5, 6, b"\xff" * 32)]
    write(tmp_path / "with", records, digests=True)
    write(tmp_path / "without", records)
    for name, expected in {"with": records, "without": [ScannedFile(*record[:3]) for record in records]}.items():
        manifest = Manifest(tmp_path / name)
        assert manifest.has_digests is (name == "with")
        assert list(manifest.rows(0, 3)) == expected
        manifest.close()


@pytest.mark.parametrize(("start", "stop"), [(0, 5), (999, 1001), (1500, 2500), (2990, 3007), (1000, 1000)])
def test_any_stretch_can_be_read_alone(tmp_path: Path, start: int, stop: int) -> None:
    records = numbered(3 * BLOCK_ROWS + 7)
    write(tmp_path / "m", records)
    manifest = Manifest(tmp_path / "m")
    assert list(manifest.rows(start, stop)) == records[start:stop]
    manifest.close()


def test_names_may_hold_any_bytes_but_zero(tmp_path: Path) -> None:
    names = sorted([b'a,"b"\r\n.jpg', b"\xff\xfe.png", "드레스.jpg".encode(), "e\u0301.png".encode(), b" "])
    records = [ScannedFile(name, UNKNOWN, UNKNOWN) for name in names]
    write(tmp_path / "m", records)
    manifest = Manifest(tmp_path / "m")
    assert list(manifest.rows(0, len(records))) == records
    manifest.close()


@pytest.mark.parametrize("path", [b"", b"a\0b", b"x" * 70_000, b"a", b"B"])
def test_impossible_and_unordered_paths_are_refused(path: bytes) -> None:
    writer = ManifestWriter(io.BytesIO())
    writer.add(b"a", 1, 1)
    with pytest.raises(ValueError, match=r"path|after"):
        writer.add(path, 1, 1)


def test_a_missing_manifest_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there is no such file"):
        Manifest(tmp_path / "m")


def test_a_pipe_is_no_manifest_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m")
    with pytest.raises(OutputError, match="is a named pipe"):
        Manifest(tmp_path / "m")


# ------------------------------------------------------------------------------------------------------------ fuzzing


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "digests"])
def whole(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> bytes:
    path = tmp_path_factory.mktemp("manifest") / "m"
    records = [ScannedFile(*record[:3], b"%032d" % record.size) for record in numbered(BLOCK_ROWS + 50)]
    write(path, records, digests=request.param)
    return path.read_bytes()


def read(path: Path) -> None:
    manifest = Manifest(path)
    try:
        list(manifest.rows(0, min(len(manifest), 10_000)))
    finally:
        manifest.close()


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_damaged_manifest_is_refused_and_never_believed(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, data: st.DataObject
) -> None:
    position = data.draw(st.integers(0, len(whole) - 1))
    change = data.draw(st.binary(min_size=1, max_size=40))
    damaged = whole[:position] + change + whole[position + data.draw(st.integers(0, 40)) :]
    path = tmp_path_factory.mktemp("fuzz") / "m"
    path.write_bytes(damaged)
    if damaged == whole:
        return
    with pytest.raises(OutputError):
        read(path)


@settings(max_examples=200, deadline=None)
@given(
    body=st.binary(max_size=200),
    index=st.lists(st.tuples(st.integers(0, 250), st.booleans()), max_size=4),
    rows=st.integers(0, 2**64 - 1),
    flags=st.integers(0, 7),
)
def test_a_forged_manifest_with_right_checksums_harms_nobody(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, index: list[tuple[int, bool]], rows: int, flags: int
) -> None:
    entries = b"".join(struct.pack("<QI", offset, zlib.crc32(body) if right else 0) for offset, right in index)
    trailer = struct.pack("<QQII", rows % 3000, 0, flags, len(index))
    path = tmp_path_factory.mktemp("forged") / "m"
    crc = struct.pack("<I8s", zlib.crc32(entries + trailer), b"FBFILES1")
    path.write_bytes(b"FBFILES1" + body + entries + trailer + crc)
    # OutputError is the one thing that may come of it.
    with contextlib.suppress(OutputError):
        read(path)


@settings(max_examples=100, deadline=None)
@given(noise=st.binary(max_size=300))
def test_noise_is_no_manifest(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    path = tmp_path_factory.mktemp("noise") / "m"
    path.write_bytes(noise)
    with pytest.raises(OutputError):
        Manifest(path)


def test_the_tokens_of_a_store_come_back_beside_digests_and_without(tmp_path: Path) -> None:
    for digests in (False, True):
        path = tmp_path / f"manifest-{digests}"
        with path.open("wb") as file:
            writer = ManifestWriter(file, digests=digests, tokens=True)
            writer.add(b"a", 1, 2, token='"5d41402abc4b2a76b9719d911017c592"')
            writer.add(b"b", 3, 4)
            writer.add("\u00e9.jpg".encode(), 5, 6, b"\1" * 32 if digests else b"", "\u00e9" * 400)
            writer.finish()
        manifest = Manifest(path)
        assert manifest.has_tokens
        assert [(row.path, row.token) for row in manifest.rows(0, 3)] == [
            (b"a", '"5d41402abc4b2a76b9719d911017c592"'),
            (b"b", ""),
            ("\u00e9.jpg".encode(), "\u00e9" * 400),
        ]
        manifest.close()


def test_a_token_that_is_too_long_is_no_token(tmp_path: Path) -> None:
    with (tmp_path / "manifest").open("wb") as file, pytest.raises(ValueError, match="not a token"):
        ManifestWriter(file, tokens=True).add(b"a", 1, 2, token="x" * 1024)
