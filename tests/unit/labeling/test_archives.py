from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.api.judging import evaluate
from fashionbatch.api.labeling import label_folder
from fashionbatch.errors import DataError, FashionBatchError, InterruptedRunError
from fashionbatch.labeling.checks import check_root
from fashionbatch.labeling.estimate import estimate
from fashionbatch.labeling.job.status import read_status
from fashionbatch.labeling.merge import merge
from fashionbatch.labeling.options import LabelOptions, Part
from fashionbatch.labeling.run import label, label_part
from fashionbatch.progress import Reporter, silent

Paint = Callable[[Mapping[str, int]], Path]
MakeOptions = Callable[..., LabelOptions]


class Noted(Reporter):
    """Keeps what a run says."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        super().__init__(self.lines.append, bars=False)


@pytest.fixture
def folder(paint: Paint) -> Path:
    painted = paint({f"{number % 3}/{number:02}.png": number % 3 for number in range(25)})
    (painted / "broken.png").write_bytes(b"broken")
    return painted


def pack(folder: Path, archive: Path) -> Path:
    """An archive of a folder, in another order than that of the rows."""
    name = archive.name
    if name.endswith(".zip"):
        return Path(shutil.make_archive(str(archive.with_suffix("")), "zip", folder))
    with tarfile.open(archive, f"w:{'gz' if name.endswith('gz') else ''}") as made:
        for path in sorted((path for path in folder.rglob("*") if path.is_file()), reverse=True):
            made.add(path, path.relative_to(folder))
    return archive


def table_of(options: LabelOptions, prefix: str = "") -> str:
    label(options)
    return options.output.table.read_text().replace(prefix, "")


@pytest.mark.parametrize("name", ["photos.tar", "photos.tgz", "photos.zip"])
def test_an_archive_gives_the_table_of_its_folder(
    folder: Path, options: MakeOptions, tmp_path: Path, name: str
) -> None:
    expected = table_of(options(output=tmp_path / "folder.csv", workers=2))
    archive = pack(folder, tmp_path / name)
    assert table_of(options(folder=archive, workers=2), f"{name}/") == expected
    assert not (tmp_path / "labels.csv.job").exists()


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("name", ["photos.tar", "photos.tgz", "photos.zip"])
def test_a_run_that_was_stopped_goes_on(folder: Path, options: MakeOptions, tmp_path: Path, name: str) -> None:
    asked = options(folder=pack(folder, tmp_path / name))
    expected = table_of(options(folder=asked.source.folder, output=tmp_path / "whole.csv"))
    done = 0

    def stop_after_a_shard() -> int:
        nonlocal done
        done += any((tmp_path / "labels.csv.job" / "shards").glob("*"))
        return 15 if done else 0

    with pytest.raises(InterruptedRunError):
        label(asked, stop_signal=stop_after_a_shard)
    stopped = read_status(asked.output.table)
    assert (stopped.state, stopped.rows) == ("stopped", 26)
    assert 0 < stopped.done < 26
    assert table_of(asked) == expected
    assert read_status(asked.output.table).state == "complete"


@pytest.mark.usefixtures("small_shards")
def test_the_features_of_members_are_those_of_the_files(folder: Path, options: MakeOptions, tmp_path: Path) -> None:
    label(options(output=tmp_path / "folder.csv", embeddings=tmp_path / "folder.npy"))
    archive = pack(folder, tmp_path / "photos.tar")
    label(options(folder=archive, embeddings=tmp_path / "archive.npy"))
    assert (tmp_path / "archive.npy").read_bytes() == (tmp_path / "folder.npy").read_bytes()


def test_a_table_of_an_archive_is_judged_by_the_folders_in_it(
    paint: Paint, options: MakeOptions, tiny: Path, tmp_path: Path
) -> None:
    folder = paint(
        {f"{('red', 'green', 'blue')[number % 3]}/{number}.png": (number % 5 + 1) % 3 for number in range(15)}
    )
    label(options(output=tmp_path / "folder.csv"))
    label(options(folder=pack(folder, tmp_path / "photos.tar")))
    judged = [
        evaluate(tiny, predictions=tmp_path / name, progress=False).accuracy for name in ("folder.csv", "labels.csv")
    ]
    assert judged[0] == judged[1]
    assert 0 < judged[0] < 1


def test_parts_are_merged_to_the_table_of_one_run(folder: Path, options: MakeOptions, tmp_path: Path) -> None:
    archive = pack(folder, tmp_path / "photos.tgz")
    expected = table_of(options(folder=archive, output=tmp_path / "whole.csv"))
    for number in (2, 1):
        label_part(options(folder=archive, part=Part(number, 2)))
    merge(tmp_path / "labels.csv")
    assert (tmp_path / "labels.csv").read_text() == expected


@pytest.mark.parametrize("match", ["time", "sha256"])
def test_rows_of_an_earlier_table_are_reused(folder: Path, options: MakeOptions, tmp_path: Path, match: str) -> None:
    archive = pack(folder, tmp_path / "photos.tar")
    expected = table_of(options(folder=archive, output=tmp_path / "before.csv", match=match))
    (folder / "new.png").write_bytes((folder / "0/00.png").read_bytes())
    pack(folder, archive)
    report = label(options(folder=archive, previous=tmp_path / "before.csv", match=match))
    assert report.sidecar.reused is not None
    assert (report.sidecar.reused.reused, report.sidecar.reused.new) == (26, 1)
    assert set(expected.splitlines()) < set((tmp_path / "labels.csv").read_text().splitlines())


def test_an_archive_that_is_replaced_in_mid_run_gives_no_rubbish(
    folder: Path, options: MakeOptions, tmp_path: Path
) -> None:
    archive = pack(folder, tmp_path / "photos.tar")

    class Replacing(Noted):
        def bar(self, title: str, *args: Any, **more: Any) -> Any:
            if title == "labeling":
                archive.write_bytes(b"\xff" * archive.stat().st_size)
            return super().bar(title, *args, **more)

    # By the time that the bar is there some members have been read, perhaps all.
    label(options(folder=archive), reporter=Replacing())
    rows = (tmp_path / "labels.csv").read_text().splitlines()[1:]
    assert len(rows) == 26
    assert all(",ok," in row or ",changed," in row or "broken.png" in row for row in rows)


def test_a_hostile_archive_costs_its_rows(folder: Path, options: MakeOptions, tmp_path: Path) -> None:
    archive = tmp_path / "photos.tar"
    with tarfile.open(archive, "w") as made:
        for name in ("../out.png", "/etc/out.png", "good.png"):
            made.add(folder / "0/00.png", name)
            made.members[-1].name = name
    label(options(folder=archive))
    rows = (tmp_path / "labels.csv").read_text().splitlines()[1:]
    assert ["photos.tar/../out.png,error" in rows[0], rows[-1].startswith("photos.tar/good.png,ok")] == [True, True]
    assert not (tmp_path / "out.png").exists()


def test_an_archive_that_is_cut_short_is_told(folder: Path, options: MakeOptions, tmp_path: Path) -> None:
    archive = pack(folder, tmp_path / "photos.tar")
    os.truncate(archive, archive.stat().st_size // 2)
    reporter = Noted()
    label(options(folder=archive), reporter=reporter)
    assert any(line.startswith(f"warning: {archive}: is damaged or cut short after") for line in reporter.lines)


def test_a_link_to_an_archive_keeps_its_name(folder: Path, options: MakeOptions, tmp_path: Path) -> None:
    pack(folder, tmp_path / "photos.tar").rename(tmp_path / "0a1b2c")
    (tmp_path / "photos.tar").symlink_to(tmp_path / "0a1b2c")
    assert "photos.tar/0/00.png,ok" in table_of(options(folder=tmp_path / "photos.tar"))


def test_a_run_can_be_estimated(folder: Path, options: MakeOptions, tmp_path: Path) -> None:
    found = estimate(options(folder=pack(folder, tmp_path / "photos.tar")), reporter=silent(), stop_signal=lambda: 0)
    assert (found.files, found.sample) == (26, 26)


def test_an_archive_that_braces_name_and_that_is_missing_is_told_before(options: MakeOptions, tmp_path: Path) -> None:
    (tmp_path / "s-1.tar").touch()
    with pytest.raises(DataError, match=r"s-0\.tar: and 1 more are not there"):
        label(options(folder=tmp_path / "s-{0..2}.tar"))


@pytest.mark.parametrize("name", ["photos.tar", "photos.tgz", "photos.zip"])
def test_copies_of_members_are_sorted_into_the_folders_of_their_labels(
    folder: Path, options: MakeOptions, tmp_path: Path, name: str
) -> None:
    archive = pack(folder, tmp_path / name)
    sort = partial(label_folder, reporter=silent(), stop_signal=lambda: 0, sort_into=tmp_path / "sorted", way="copy")
    assert sort(options(folder=archive)).sorted == "25 files in place, 1 without a label"
    for path in folder.rglob("[0-9]*.png"):
        label_of = ("red", "green", "blue")[int(path.stem) % 3]
        copied = tmp_path / "sorted" / label_of / name / path.relative_to(folder)
        assert copied.read_bytes() == path.read_bytes()
    again = sort(options(folder=archive, overwrite=True))
    assert again.sorted == "25 files in place, 1 without a label"
    assert len([path for path in (tmp_path / "sorted").rglob("*") if path.is_file()]) == 25


def test_no_member_is_placed_outside_by_its_name_and_nothing_is_replaced(
    folder: Path, options: MakeOptions, tmp_path: Path
) -> None:
    list_ = tmp_path / "list.parquet"
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    import pyarrow as pa

    contents = [(folder / f"{number % 3}/{number:02}.png").read_bytes() for number in (0, 3, 0, 1)]
    (folder / "0/03.png").write_bytes(b"x")
    different = contents[0] + b"behind its end"
    names = ["../../out.png", "/etc/abs.png", "../../out.png", "a/./b.png"]
    cells = [contents[0], contents[1], different, contents[3]]
    parquet.write_table(pa.table({"jpg": cells, "filename": names}), list_)
    asked = options(files_from=list_, path_column="jpg")
    with pytest.raises(FashionBatchError, match="cannot link what is no file"):
        check_root(asked, tmp_path / "sorted", "link")
    done = label_folder(
        asked, reporter=silent(), stop_signal=lambda: 0, sort_into=tmp_path / "in" / "sorted", way="copy"
    )
    assert done.sorted == "3 files in place, 1 left alone, since their place is taken"
    found = [path for path in (tmp_path / "in").rglob("*") if path.is_file()]
    assert sorted(str(path.relative_to(tmp_path / "in" / "sorted")) for path in found) == [
        "green/a/b.png",
        "red/__/__/out.png",
        "red/etc/abs.png",
    ]
    assert not (tmp_path / "out.png").exists()


def test_what_needs_files_is_refused(folder: Path, options: MakeOptions, tmp_path: Path) -> None:
    archive = pack(folder, tmp_path / "photos.tar")
    for way in ("link", "move"):
        with pytest.raises(FashionBatchError, match=f"cannot {way} what is no file of this machine") as caught:
            check_root(options(folder=archive), tmp_path / "sorted", way)
        assert caught.value.hint == "--copy puts copies there"
    with pytest.raises(FashionBatchError, match="is an archive"):
        label(options(folder=archive, files_from=tmp_path / "list.txt"))
