"""Puts an export in its place: whole or not at all, and never over something that is no export."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path

from fashionbatch import disk
from fashionbatch.errors import OutputError
from fashionbatch.exporting.description import FILE, LABELS_FILE
from fashionbatch.exporting.kinds import KINDS, ExportKind
from fashionbatch.exporting.request import ExportRequest
from fashionbatch.exporting.script import script_path, script_text

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
    """See that an export may be written where it is to go, before anything is computed.

    Raises:
        OutputError: nothing can be written there, or something is there that must not be replaced; the message names
            it.
    """
    output, kind = request.output, KINDS[request.kind]
    if output.name in {"", ".."}:
        raise OutputError(f"{output}: names no file or directory to write", hint=f"-o network{kind.ending}")
    if kind.ending and output.suffix.lower() != kind.ending:
        raise OutputError(
            f"{output}: a file of this format ends with {kind.ending}", hint=f"-o {output.with_suffix(kind.ending)}"
        )
    parent = output.parent
    if not parent.is_dir():
        raise OutputError(f"cannot write {output}: there is no folder {parent}", hint=f"mkdir -p {parent}")
    with disk.output_errors(output, when_full=disk.BEGIN_AGAIN):
        disk.require_writable(parent)
    _require_free(script_path(output), request, is_directory=False)
    _require_free(output, request, is_directory=kind.is_directory)


def put_in_place(made: Path, request: ExportRequest) -> None:
    """Put what was made in a folder for temporary files where it is to go, with the script beside it.

    Both are on the disk before either gets its name, the script first: so an export always has its script, and a script
    without its export is all that a kill between the two leaves. The next run takes that for its own. What killed runs
    left under temporary names goes.

    Raises:
        OutputError: the place cannot be written; whatever was there is as it was.
    """
    output, beside = request.output, script_path(request.output)
    had_script = os.path.lexists(beside)
    with disk.output_errors(output, when_full=disk.BEGIN_AGAIN):
        for place in (output, beside):
            disk.remove_leftovers(place)
        try:
            with disk.StagedFile(beside) as script:
                script.file.write(script_text(request.kind, output).encode("utf-8"))
                script.sync()
                _put_with(script, made, output)
        except BaseException:
            # A script that labels with nothing is in nobody's way but its owner's.
            if not had_script and not os.path.lexists(output):
                with contextlib.suppress(OSError):
                    disk.remove(beside)
            raise


def _put_with(script: disk.StagedFile, made: Path, output: Path) -> None:
    """Copy an export beside its place; when all of it is there, the script gets its name, and then the export."""
    if made.is_file():
        with disk.StagedFile(output) as network:
            with open(made, "rb") as source:
                shutil.copyfileobj(source, network.file, 1 << 20)
            network.sync()
            script.give_name()
            network.give_name()
        return
    with disk.new_directory(Path(os.path.realpath(output)), replace=True) as temporary:
        for file in sorted(made.rglob("*")):
            target = temporary / file.relative_to(made)
            if file.is_dir():
                disk.make_directory(target)
            else:
                disk.copy_new(file, target)
        script.give_name()


def _require_free(place: Path, request: ExportRequest, *, is_directory: bool) -> None:
    """Insist on a place where nothing is, or what `--overwrite` may replace."""
    try:
        if not os.path.lexists(place):
            place.lstat()  # a name that is too long for the file system is none that is free
        mode = place.stat().st_mode
    except FileNotFoundError:
        mode = 0
    except OSError as error:
        raise OutputError(f"cannot write {place}: {error.strerror or error}") from None
    if mode and not is_directory and not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "no plain file"
        raise OutputError(f"{place}: is {what}, and in the way of the export", hint="choose another name")
    if mode and is_directory and not stat.S_ISDIR(mode):
        raise OutputError(f"{place}: is no directory, and this format is one", hint="choose another name")
    if is_directory and mode:
        _require_own(place, _CONTENTS[request.kind])
    if not os.path.lexists(place) or request.overwrite or _is_empty(place):
        return
    if place == script_path(request.output) and _is_script(place, request):
        return
    raise OutputError(f"{place}: exists already", hint="--overwrite replaces an earlier export")


def _is_script(place: Path, request: ExportRequest) -> bool:
    """Whether a file is the very script that would be written: what a killed run left, or a removed export."""
    expected = script_text(request.kind, request.output).encode("utf-8")
    try:
        return disk.read_regular(place, len(expected), follow_links=False) == expected
    except OSError:
        return False


def _is_empty(place: Path) -> bool:
    return place.is_dir() and not place.is_symlink() and not any(place.iterdir())


def _require_own(directory: Path, contents: disk.Contents) -> None:
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
