"""An export is refused where it cannot lie, before anything is computed; what is somebody's stays."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fashionbatch import disk
from fashionbatch.errors import OutputError
from fashionbatch.exporting.placing import put_in_place, require_place
from fashionbatch.exporting.request import ExportRequest
from fashionbatch.exporting.script import script_path, script_text


def _request(output: Path, *, overwrite: bool = False) -> ExportRequest:
    return ExportRequest("onnx", output, overwrite=overwrite)


def _link_to_folder(place: Path) -> None:
    (place.parent / "folder").mkdir()
    place.symlink_to("folder")


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (Path.mkdir, "is a folder"),
        (os.mkfifo, "is no plain file"),
        (_link_to_folder, "is a folder"),
        (lambda place: place.symlink_to(place.name), "cannot write"),
    ],
    ids=["folder", "pipe", "link to a folder", "link to itself"],
)
@pytest.mark.parametrize("is_script", [False, True], ids=["export", "script"])
def test_what_no_file_can_replace_is_told_even_with_overwrite(
    make: Callable[[Path], None], problem: str, is_script: bool, tmp_path: Path
) -> None:
    output = tmp_path / "a.onnx"
    make(script_path(output) if is_script else output)
    with pytest.raises(OutputError, match=problem):
        require_place(_request(output, overwrite=True))


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ("missing/a.onnx", "there is no folder"),
        ("file/a.onnx", "there is no folder"),
        (".", "names no file"),
        ("..", "names no file"),
        (f"{'a' * 240}.onnx", "cannot write"),
        (f"{'a' * 300}.onnx", "cannot write"),
    ],
)
def test_a_place_that_there_is_not_is_told_before_anything_is_computed(
    output: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(OutputError, match=problem):
        require_place(_request(Path(output)))


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(directory: Path) -> None:
        raise PermissionError(13, "Permission denied", str(directory))

    monkeypatch.setattr(disk, "require_writable", refuse)
    with pytest.raises(OutputError, match="Permission denied"):
        require_place(_request(tmp_path / "a.onnx"))


def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    output = tmp_path / "a.onnx"
    output.symlink_to("mine")
    with pytest.raises(OutputError, match="exists already"):
        require_place(_request(output))
    request = _request(output, overwrite=True)
    require_place(request)
    made = tmp_path / "made"
    made.write_bytes(b"network")
    put_in_place(made, request)
    assert not output.is_symlink()
    assert (output.read_bytes(), (tmp_path / "mine").read_text()) == (b"network", "mine")


def test_a_script_that_a_killed_run_left_is_no_obstacle_and_one_of_somebodys_is(tmp_path: Path) -> None:
    output = tmp_path / "a.onnx"
    script_path(output).write_text(script_text("onnx", output), encoding="utf-8")
    require_place(_request(output))
    script_path(output).write_text("mine")
    with pytest.raises(OutputError, match="a_onnx_label_photo"):
        require_place(_request(output))


def test_where_the_folder_vanishes_meanwhile_nothing_is_left_and_one_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    request = _request(tmp_path / "out" / "a.onnx")
    require_place(request)
    (tmp_path / "out").rmdir()
    (tmp_path / "made").write_bytes(b"network")
    with pytest.raises(OutputError, match="cannot write") as caught:
        put_in_place(tmp_path / "made", request)
    assert "folder that is there" in str(caught.value.hint)
    assert not (tmp_path / "out").exists()


def test_an_export_that_cannot_get_its_name_takes_its_new_script_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = _request(tmp_path / "a.onnx")
    (tmp_path / "made").write_bytes(b"network")
    named: list[Path] = []
    rename = os.replace

    def once(source: Path, target: Path) -> None:
        if named:
            raise OSError(5, "Input/output error")
        named.append(target)
        rename(source, target)

    monkeypatch.setattr(os, "replace", once)
    with pytest.raises(OutputError, match="Input/output error"):
        put_in_place(tmp_path / "made", request)
    assert named == [script_path(request.output)]
    assert [file.name for file in tmp_path.iterdir()] == ["made"]
