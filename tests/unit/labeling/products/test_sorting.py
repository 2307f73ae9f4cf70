from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from fashionbatch import disk
from fashionbatch.disk import steps
from fashionbatch.errors import FashionBatchError, OutputError
from fashionbatch.labeling.checks import check_root
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.options import LabelOptions
from fashionbatch.labeling.products.sorting import LabelFolders, Sorted, Way, sort_files
from fashionbatch.labeling.run import label
from fashionbatch.testing.bundles import make_tiny_bundle

Paint = Callable[[Mapping[str, int]], Path]
MakeOptions = Callable[..., LabelOptions]
Labeled = tuple[JobPaths, dict[str, Any], Path]


@pytest.fixture
def labeled(paint: Paint, options: MakeOptions, tmp_path: Path) -> Labeled:
    """The table of a few photos, its sidecar, and a root for sorted files."""
    folder = paint({"a.png": 0, "x/a.png": 0, "y/a.png": 1})
    (folder / "broken.png").touch()
    report = label(options())
    return JobPaths(report.table), report.sidecar, tmp_path / "sorted"


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


@pytest.mark.parametrize("way", ["link", "copy", "move"])
def test_each_file_goes_into_the_folder_of_its_label(labeled: Labeled, photos: Path, way: Way) -> None:
    paths, meta, root = labeled
    data = (photos / "y/a.png").read_bytes()
    expected = Sorted(placed=3, unlabeled=1)
    assert sort_files(paths, meta, root, way) == expected
    assert files(root) == ["green/y/a.png", "red/a.png", "red/x/a.png"]
    assert (root / "green/y/a.png").read_bytes() == data
    assert (photos / "y/a.png").exists() is (way != "move")
    assert (root / "red/a.png").is_symlink() is (way == "link")
    assert sort_files(paths, meta, root, way) == expected, "doing it again does nothing new"


@pytest.mark.parametrize("way", ["link", "copy", "move"])
def test_nothing_is_overwritten(labeled: Labeled, photos: Path, way: Way) -> None:
    paths, meta, root = labeled
    (root / "red").mkdir(parents=True)
    (root / "red/a.png").write_text("mine")
    assert sort_files(paths, meta, root, way) == Sorted(placed=2, unlabeled=1, taken=1)
    assert (root / "red/a.png").read_text() == "mine"
    assert (photos / "a.png").exists()


def test_a_link_in_the_way_does_not_lead_out_of_the_root(labeled: Labeled, tmp_path: Path) -> None:
    paths, meta, root = labeled
    (tmp_path / "elsewhere").mkdir()
    root.mkdir()
    os.symlink(tmp_path / "elsewhere", root / "red")
    with pytest.raises(OutputError):
        sort_files(paths, meta, root, "copy")
    assert os.listdir(tmp_path / "elsewhere") == []


def test_a_file_that_changed_after_labeling_is_left_alone(labeled: Labeled, photos: Path) -> None:
    paths, meta, root = labeled
    (photos / "a.png").write_bytes(b"another")
    assert sort_files(paths, meta, root, "move") == Sorted(placed=2, unlabeled=1, changed=1)
    assert (photos / "a.png").read_bytes() == b"another"


def test_a_file_with_several_labels_is_in_each_of_their_folders(
    paint: Paint, options: MakeOptions, tmp_path: Path
) -> None:
    from PIL import Image

    folder = paint({"red.png": 0})
    Image.new("RGB", (8, 8), (255, 255, 0)).save(folder / "yellow.png")
    bundle = make_tiny_bundle(tmp_path / "many", decoding="several_of_many")
    given = options(bundles=[bundle])
    report = label(given)
    sort_files(JobPaths(report.table), report.sidecar, tmp_path / "sorted", "link")
    assert files(tmp_path / "sorted") == ["green/yellow.png", "red/red.png", "red/yellow.png"]
    with pytest.raises(FashionBatchError, match="--move needs one label a file"):
        check_root(given, tmp_path / "sorted", "move")


@pytest.mark.parametrize("root", ["photos", "photos/sorted", "."])
def test_a_root_that_is_not_apart_from_the_photos_is_refused(
    options: MakeOptions, photos: Path, tmp_path: Path, root: str
) -> None:
    with pytest.raises(FashionBatchError, match="lie in one another"):
        check_root(options(), tmp_path / root, "link")


def test_folder_names_are_safe_and_distinct() -> None:
    folders = LabelFolders()
    labels = ["T-shirt/top", "T-shirt:top", "t-SHIRT_TOP", "..", "/", "con", "드레스", "a\nb", " x. ", "ok", "é" * 100]
    names = [folders.name(label) for label in labels]
    assert names[:9] == [
        "T-shirt_top",
        "T-shirt_top (2)",
        "t-SHIRT_TOP (3)",
        "_",
        "_ (2)",
        "con_",
        "드레스",
        "a_b",
        "x",
    ]
    assert len(os.fsencode(names[10])) <= 120
    assert [folders.name(label) for label in labels] == names


@pytest.mark.parametrize("step", ["create", "link", "sync", "rename", "sync directory", "remove"])
@pytest.mark.parametrize("across", [True, False])
def test_a_move_that_is_broken_off_anywhere_leaves_each_file_in_one_place_in_the_end(
    labeled: Labeled, photos: Path, monkeypatch: pytest.MonkeyPatch, step: str, *, across: bool
) -> None:
    paths, meta, root = labeled
    contents = {"green/y/a.png": (photos / "y/a.png").read_bytes(), "red/a.png": (photos / "a.png").read_bytes()}

    class KilledError(BaseException):
        pass

    def killed(name: str, path: Path) -> None:
        if name == step and path.name == "a.png":
            raise KilledError

    def link(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    with monkeypatch.context() as patch:
        if across:
            patch.setattr(os, "link", link)
        patch.setattr(steps, "step", killed)
        with contextlib.suppress(KilledError):
            sort_files(paths, meta, root, "move")
        patch.undo()
    if across:
        monkeypatch.setattr(os, "link", link)
    assert sort_files(paths, meta, root, "move") == Sorted(placed=3, unlabeled=1)
    assert files(root) == ["green/y/a.png", "red/a.png", "red/x/a.png"]
    assert files(photos) == ["broken.png"]
    assert {name: (root / name).read_bytes() for name in contents} == contents


@pytest.mark.parametrize("across", [True, False])
def test_a_link_that_is_moved_leads_to_the_same_photo_as_before(
    paint: Paint, options: MakeOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, across: bool
) -> None:
    folder = paint({"a.png": 0, "x/z.png": 1, "elsewhere.png": 1})
    outside = tmp_path / "outside.png"
    (folder / "elsewhere.png").rename(outside)
    links = {
        "near.png": "a.png",
        "x/up.png": "../a.png",
        "x/a link.png": "z.png",
        "chain.png": "near.png",
        "out.png": os.path.relpath(outside, folder),
        "whole.png": str(outside),
    }
    for name, target in links.items():
        (folder / name).symlink_to(target)
    contents = {name: (folder / name).read_bytes() for name in (*links, "a.png", "x/z.png")}
    report = label(options())
    if across:
        monkeypatch.setattr(disk.copies, "_NO_LINKS_HERE", {errno.EXDEV})

        def link(*_: object, **__: object) -> None:
            raise OSError(errno.EXDEV, "Invalid cross-device link")

        monkeypatch.setattr(os, "link", link)
    root = tmp_path / "sorted"
    for _ in range(2):
        assert sort_files(JobPaths(report.table), report.sidecar, root, "move") == Sorted(placed=8)
        assert files(folder) == []
        found = {path.split("/", 1)[1]: (root / path).read_bytes() for path in files(root)}
        assert found == contents
    assert outside.exists()
    assert os.readlink(root / "green/out.png") == os.path.realpath(outside)


def test_a_photo_that_links_were_made_to_is_not_removed_by_a_later_move(labeled: Labeled, photos: Path) -> None:
    paths, meta, root = labeled
    sort_files(paths, meta, root, "link")
    assert sort_files(paths, meta, root, "move") == Sorted(placed=0, unlabeled=1, taken=3)
    assert (root / "red/a.png").read_bytes() == (photos / "a.png").read_bytes()


def test_another_file_of_the_same_size_and_time_keeps_its_place_and_the_photo_too(
    labeled: Labeled, photos: Path
) -> None:
    paths, meta, root = labeled
    (root / "red").mkdir(parents=True)
    seen = (photos / "a.png").stat()
    (root / "red/a.png").write_bytes(bytes(seen.st_size))
    os.utime(root / "red/a.png", ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert sort_files(paths, meta, root, "move") == Sorted(placed=2, unlabeled=1, taken=1)
    assert (photos / "a.png").exists()
