"""A bundle as one file, to be sent and kept: a ZIP archive without compression, the same bytes for the same bundle."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from fashionbatch import disk
from fashionbatch.bundle.manifest import MANIFEST_NAME, BundleManifest
from fashionbatch.bundle.open import MANIFEST_LIMIT, Bundle, check_file, open_bundle
from fashionbatch.bundle.parse import parse_manifest
from fashionbatch.bundle.write import BUNDLE_CONTENTS, require_replaceable
from fashionbatch.errors import BundleError, OutputError

ENDING = ".fbz"
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first time that the format knows: when a bundle was packed is no part of it."""
_UNIX, _PLAIN_FILE = 3, 0o100644
_PIECE = 1 << 20
_ENCRYPTED = 1
_DAMAGED = "the copy is damaged, or no bundle that `bundle pack` packed; copy it again"


def pack_bundle(bundle: Bundle, output: Path, *, overwrite: bool = False) -> int:
    """Pack a bundle into one file.

    Args:
        bundle: as `open_bundle` gave it, which has compared its files with their digests.
        output: the file; it is there whole or not at all.
        overwrite: whether a file that is there is replaced.

    Returns:
        Its size in bytes.

    Raises:
        OutputError: something is there already, or the place cannot be written.
    """
    if os.path.lexists(output) and not overwrite:
        raise OutputError(f"{output}: exists already", hint="--overwrite replaces it")
    names = [MANIFEST_NAME, *sorted(bundle.manifest.files)]

    def write(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name in names:
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.create_system, entry.external_attr = _UNIX, _PLAIN_FILE << 16
                with open(bundle.path / name, "rb") as source:
                    entry.file_size = os.fstat(source.fileno()).st_size
                    with archive.open(entry, "w") as target:
                        shutil.copyfileobj(source, target, _PIECE)

    disk.remove_leftovers(output)
    disk.write_file(output, write)
    return output.stat().st_size


def packed_digest(file: Path) -> str:
    """The digest of the bundle that a file is said to hold: SHA-256 of its `bundle.json`, in hex.

    Raises:
        BundleError: the file is none, or holds something else than a bundle.
    """
    with _opened(file) as archive:
        return hashlib.sha256(archive.read(_checked_entries(file, archive.infolist())[MANIFEST_NAME])).hexdigest()


def unpack_bundle(file: Path, directory: Path) -> Bundle:
    """Unpack a bundle that may be a stranger's: nothing is written whose name, size and digest are not a bundle's.

    Args:
        file: as `pack_bundle` writes it.
        directory: where the bundle goes; a bundle that is there is replaced.

    Returns:
        The bundle, which is there whole or not at all.

    Raises:
        BundleError: the file is none, is damaged, or holds something else than a bundle.
        OutputError: something else is in the directory, or it cannot be written.
    """
    place = Path(os.path.realpath(directory))
    require_replaceable(place)
    with _opened(file) as archive:
        entries = _checked_entries(file, archive.infolist())
        data = archive.read(entries[MANIFEST_NAME])
        manifest = parse_manifest(data, name=f"{file}: {MANIFEST_NAME}")
        _require_same_files(file, entries, manifest)
        full = disk.output_errors(place, when_full=disk.BEGIN_AGAIN)
        with full, disk.new_directory(place, replace=True) as temporary:
            for name, entry in entries.items():
                with archive.open(entry) as source, disk.write_new(temporary / name, sync=False) as target:
                    shutil.copyfileobj(source, target, _PIECE)
            for name, record in manifest.files.items():
                if problem := check_file(temporary, name, record).problem:
                    raise BundleError(f"{file}: {name}: {problem}", hint=_DAMAGED)
    return open_bundle(directory)


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    """The archive, for a block whose failures to read it are told as errors of a bundle."""
    try:
        with disk.open_regular(file) as opened, zipfile.ZipFile(opened) as archive:
            yield archive
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise BundleError(f"{file}: is damaged, or no packed bundle: {error}", hint=_DAMAGED) from None
    except OSError as error:
        raise BundleError(f"{file}: {disk.why_unreadable(error)}") from None


def _checked_entries(file: Path, infos: Sequence[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The entries by name, none of which could do harm: a fixed list of names, plain files, nothing that grows."""
    entries: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.orig_filename
        if name not in BUNDLE_CONTENTS.files:
            raise BundleError(f"{file}: holds {name[:100]!r}, which is no file of a bundle", hint="do not unpack it")
        if name in entries:
            raise BundleError(f"{file}: holds {name} twice", hint="do not unpack it")
        kind = info.external_attr >> 16 & 0o170000
        if kind not in {0, _PLAIN_FILE & 0o170000}:
            raise BundleError(f"{file}: {name} is no plain file in it", hint="do not unpack it")
        stored = info.compress_type == zipfile.ZIP_STORED and info.compress_size == info.file_size
        if not stored or info.flag_bits & _ENCRYPTED:
            raise BundleError(f"{file}: {name} is compressed or encrypted in it", hint="`bundle pack` does neither")
        entries[name] = info
    if MANIFEST_NAME not in entries:
        raise BundleError(f"{file}: holds no {MANIFEST_NAME}, so it is no packed bundle", hint=_DAMAGED)
    if entries[MANIFEST_NAME].file_size > MANIFEST_LIMIT:
        raise BundleError(f"{file}: {MANIFEST_NAME} is larger than any that FashionBatch writes")
    return entries


def _require_same_files(file: Path, entries: dict[str, zipfile.ZipInfo], manifest: BundleManifest) -> None:
    if wrong := set(manifest.files) ^ (set(entries) - {MANIFEST_NAME}):
        problem = f"{min(wrong)} is in {MANIFEST_NAME} or in the archive, but not in both"
        raise BundleError(f"{file}: {problem}", hint=_DAMAGED)
    for name, record in manifest.files.items():
        held = entries[name].file_size
        if held != record.size:
            problem = f"{name} has {held} bytes where {MANIFEST_NAME} says {record.size}"
            raise BundleError(f"{file}: {problem}", hint=_DAMAGED)
