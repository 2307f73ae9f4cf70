"""Puts an export in its place: whole or not at all, and never over something that is no export."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from fashionbatch import disk
from fashionbatch.errors import OutputError
from fashionbatch.exporting.description import FILE, LABELS_FILE
from fashionbatch.exporting.kinds import KINDS, ExportKind
from fashionbatch.exporting.request import ExportRequest
from fashionbatch.exporting.script import script_path

_CONTENTS: dict[ExportKind, disk.Contents] = {
    "saved_model": disk.Contents(
        files=("saved_model.pb", "fingerprint.pb"),
        folders={
            "variables": disk.Contents(files=("variables.index", "variables.data-00000-of-00001")),
            "assets": disk.Contents(),
            "assets.extra": disk.Contents(files=(FILE,)),
        },
    ),
    "openvino_int8": disk.Contents(files=("model.xml", "model.bin", FILE, LABELS_FILE)),
}
"""What exports that are directories hold. One is replaced as a whole, so a directory that holds more is none."""


def require_place(request: ExportRequest) -> None:
    """See that an export may be written where it is to go.

    Raises:
        OutputError: something is there that must not be replaced; the message names it.
    """
    output, kind = request.output, KINDS[request.kind]
    if kind.ending and output.suffix.lower() != kind.ending:
        raise OutputError(
            f"{output}: a file of this format ends with {kind.ending}", hint=f"-o {output.with_suffix(kind.ending)}"
        )
    for place in (output, script_path(output)):
        if os.path.lexists(place) and not request.overwrite and not _is_empty(place):
            raise OutputError(f"{place}: exists already", hint="--overwrite replaces an earlier export")
    if kind.is_directory and os.path.lexists(output):
        _require_own(output, _CONTENTS[request.kind])


def put_in_place(made: Path, request: ExportRequest) -> None:
    """Copy what was made in a folder for temporary files to where it is to go.

    Raises:
        OutputError: the place cannot be written.
    """
    output = request.output
    if made.is_file():
        with open(made, "rb") as source:
            disk.write_file(output, lambda file: shutil.copyfileobj(source, file, 1 << 20))
        return
    place = Path(os.path.realpath(output))
    with disk.output_errors(output), disk.new_directory(place, replace=True) as temporary:
        for file in sorted(made.rglob("*")):
            target = temporary / file.relative_to(made)
            if file.is_dir():
                disk.make_directory(target)
            else:
                disk.copy_new(file, target)


def _is_empty(place: Path) -> bool:
    return place.is_dir() and not place.is_symlink() and not any(place.iterdir())


def _require_own(directory: Path, contents: disk.Contents) -> None:
    if not directory.is_dir():
        raise OutputError(f"{directory}: is no directory, and this format is one", hint="choose another place")
    try:
        with disk.OwnDirectory(Path(os.path.realpath(directory))) as opened:
            foreign = next(opened.foreign(contents), None)
    except OSError as error:
        raise OutputError(f"{directory}: cannot be read: {error.strerror or error}") from error
    if foreign is not None:
        raise OutputError(
            f"{directory}: holds {str(foreign)!r}, which is no part of an export, so it is not replaced",
            hint="choose another place, or move that away",
        )
