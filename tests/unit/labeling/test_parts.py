from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.errors import DataError, FashionBatchError, OutputError
from fashionbatch.labeling.job.lock import JobLock
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.shards import ShardStore
from fashionbatch.labeling.job.status import read_status
from fashionbatch.labeling.merge import merge
from fashionbatch.labeling.options import LabelOptions, Part
from fashionbatch.labeling.run import label, label_part
from fashionbatch.progress import Reporter

Paint = Callable[[Mapping[str, int]], Path]
MakeOptions = Callable[..., LabelOptions]
pytestmark = pytest.mark.usefixtures("small_shards")


class Noted(Reporter):
    """Keeps what a run says."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        super().__init__(self.lines.append, bars=False)


@pytest.fixture
def folder(paint: Paint) -> Path:
    painted = paint({f"{number:02}.png": number % 3 for number in range(65)})
    (painted / "30.png").write_bytes(b"broken")
    return painted


@pytest.fixture
def whole(folder: Path, options: MakeOptions, tmp_path: Path) -> bytes:
    label(options(output=tmp_path / "whole.csv"))
    return (tmp_path / "whole.csv").read_bytes()


def test_parts_of_one_job_directory_make_the_table_of_one_run(
    whole: bytes, options: MakeOptions, tmp_path: Path
) -> None:
    rows = [label_part(options(part=Part(number, 3))) for number in (2, 1, 3)]
    assert sum(rows) == 65
    assert not (tmp_path / "labels.csv").exists()
    report = merge(tmp_path / "labels.csv")
    assert (tmp_path / "labels.csv").read_bytes() == whole
    assert report.meta["counts"]["status"] == {"ok": 64, "error": 1}
    assert not (tmp_path / "labels.csv.job").exists()


def test_parts_from_other_machines_make_the_table_of_one_run(
    whole: bytes, options: MakeOptions, tmp_path: Path
) -> None:
    for number in (1, 2):
        (tmp_path / f"{number}").mkdir()
        label_part(options(output=tmp_path / f"{number}" / "part.csv", part=Part(number, 2)))
    jobs = [tmp_path / "1" / "part.csv.job", tmp_path / "2" / "part.csv.job"]
    merge(tmp_path / "labels.csv", jobs)
    assert (tmp_path / "labels.csv").read_bytes() == whole
    assert all(job.is_dir() for job in jobs), "what was copied stays"


def test_what_is_missing_is_said_and_a_whole_run_does_it(whole: bytes, options: MakeOptions, tmp_path: Path) -> None:
    label_part(options(part=Part(1, 2)))
    with pytest.raises(OutputError, match=r"of 65 rows are not done yet: rows "):
        merge(tmp_path / "labels.csv")
    label(options())
    assert (tmp_path / "labels.csv").read_bytes() == whole


def test_parts_of_different_jobs_are_never_joined(options: MakeOptions, folder: Path, tmp_path: Path) -> None:
    label_part(options(part=Part(1, 2)))
    for name, changes in {"a": {"batch_size": 4}, "b": {"limit": 40}}.items():
        (tmp_path / name).mkdir()
        label_part(options(output=tmp_path / name / "part.csv", part=Part(2, 2), **changes))
    with pytest.raises(OutputError, match=r"compute\.batch_size is 8 in the job and 4 now"):
        merge(tmp_path / "labels.csv", [tmp_path / "a" / "part.csv.job"])
    with pytest.raises(OutputError, match=r"options\.limit"):
        merge(tmp_path / "labels.csv", [tmp_path / "b" / "part.csv.job"])


def test_a_wrong_part_leaves_nothing_that_the_right_ones_would_not_belong_to(
    whole: bytes, options: MakeOptions, tmp_path: Path
) -> None:
    changes = {"wrong": {"batch_size": 4, "part": Part(1, 2)}, "a": {"part": Part(1, 2)}, "b": {"part": Part(2, 2)}}
    for name, change in changes.items():
        (tmp_path / name).mkdir()
        label_part(options(output=tmp_path / name / "part.csv", **change))
    wrong, *right = [tmp_path / name / "part.csv.job" for name in changes]
    with pytest.raises(OutputError, match="does not belong to"):
        merge(tmp_path / "labels.csv", [wrong, right[1]])
    assert not (tmp_path / "labels.csv.job").exists()
    merge(tmp_path / "labels.csv", right)
    assert (tmp_path / "labels.csv").read_bytes() == whole


def test_a_damaged_part_is_not_joined(options: MakeOptions, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    label_part(options(part=Part(1, 2)))
    label_part(options(output=tmp_path / "other" / "part.csv", part=Part(2, 2)))
    shard = max((tmp_path / "other" / "part.csv.job" / "shards").glob("*.rows"))
    shard.write_bytes(shard.read_bytes() + b"more,rows,,x,1\n")
    with pytest.raises(OutputError, match="damaged"):
        merge(tmp_path / "labels.csv", [tmp_path / "other" / "part.csv.job"])
    assert not (tmp_path / "labels.csv").exists()


def test_two_parts_may_be_at_work_but_not_one_twice_nor_a_whole_run(tmp_path: Path) -> None:
    paths = JobPaths(tmp_path / "labels.csv")
    one, other = JobLock(paths, "1-of-2"), JobLock(paths, "2-of-2")
    with pytest.raises(OutputError, match=r"part 1-of-2 of .* is being done by another run"):
        JobLock(paths, "1-of-2")
    with pytest.raises(OutputError, match="another run"):
        JobLock(paths)
    one.release()
    other.release()
    assert not paths.directory.exists()


def test_a_part_does_not_restart_the_others(options: MakeOptions, folder: Path) -> None:
    with pytest.raises(FashionBatchError, match="would discard what other parts have done"):
        label_part(options(part=Part(1, 2), restart=True))


def test_there_is_nothing_to_merge_without_a_job(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there is no job directory"):
        merge(tmp_path / "labels.csv")
    shutil.rmtree(tmp_path / "labels.csv.job", ignore_errors=True)
    (tmp_path / "x.job").mkdir()
    with pytest.raises(OutputError, match="is no job directory"):
        merge(tmp_path / "labels.csv", [tmp_path / "x.job"])


# ------------------------------------------------------------------------------------------------------------ status


def test_status_follows_a_job_from_the_first_part_to_the_table(
    options: MakeOptions, folder: Path, tmp_path: Path
) -> None:
    output = tmp_path / "labels.csv"
    with pytest.raises(DataError, match="neither a job under way nor a table"):
        read_status(output)
    rows = label_part(options(part=Part(1, 2)))
    status = read_status(output)
    assert (status.state, status.rows, status.done) == ("stopped", 65, rows)
    assert sum(status.statuses.values()) == rows
    lock = JobLock(JobPaths(output))
    assert read_status(output).state == "running"
    lock.release()
    label(options())
    status = read_status(output)
    assert (status.state, status.rows, status.done) == ("complete", 65, 65)
    assert status.statuses == {"ok": 64, "error": 1}


def test_a_run_that_scans_is_starting(tmp_path: Path) -> None:
    lock = JobLock(JobPaths(tmp_path / "labels.csv"))
    assert read_status(tmp_path / "labels.csv").state == "starting"
    lock.release()


@pytest.mark.parametrize("ending", ["rows", "json"])
def test_what_was_damaged_after_it_was_written_is_labeled_anew_in_the_same_run(
    whole: bytes, options: MakeOptions, tmp_path: Path, ending: str
) -> None:
    label_part(options(part=Part(1, 1)))
    for part in sorted(JobPaths(tmp_path / "labels.csv").shards.glob(f"*.{ending}"))[1:3]:
        part.write_bytes(b"x" * len(part.read_bytes()))
    said = Noted()
    report = label(options(), reporter=said)
    assert (tmp_path / "labels.csv").read_bytes() == whole
    assert [line for line in said.lines if "labeled anew" in line] == [
        "warning: 22 rows were damaged on the disk after they were written; they are labeled anew"
    ]
    assert report.meta["counts"]["status"] == {"ok": 64, "error": 1}


def test_a_disk_that_damages_everything_is_told(
    options: MakeOptions, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ShardStore.commit

    def commit(store: ShardStore, shard: int, *arguments: Any, **options: Any) -> None:
        real(store, shard, *arguments, **options)
        store.path(shard).write_bytes(b"zeros")

    monkeypatch.setattr(ShardStore, "commit", commit)
    with pytest.raises(OutputError, match=r"damaged after it was written.*\n.*start `classify` again"):
        label(options())
    assert not (tmp_path / "labels.csv").exists()


def test_all_times_count_from_one_moment(options: MakeOptions, folder: Path) -> None:
    times = label(options(), began=time.monotonic() - 100).sidecar.times
    assert times.seconds is not None
    assert times.seconds_to_first_labels is not None
    assert 100 < times.seconds_to_first_labels <= times.seconds < 200
