from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.errors import OutputError
from fashionbatch.labeling.job.lock import JobLock
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.record import Job, differences, discard, read_job, read_table_record, write_record


def a_job(**changes: Any) -> Job:
    described = json.loads(Path(__file__).with_name("job.json").read_text())
    return Job.of_json({**described, **changes})


@pytest.fixture
def paths(tmp_path: Path) -> JobPaths:
    return JobPaths(tmp_path / "labels.csv")


def test_the_names_are_those_that_the_documentation_gives(paths: JobPaths) -> None:
    assert paths.directory.name == "labels.csv.job"
    assert paths.meta.name == "labels.csv.meta.json"


def test_a_second_run_is_refused_and_told_who_holds_the_job(paths: JobPaths) -> None:
    lock = JobLock(paths)
    with pytest.raises(OutputError, match=f"another run .process {os.getpid()}"):
        JobLock(paths)
    lock.release()
    JobLock(paths).release()


def test_a_directory_that_holds_nothing_goes_with_the_lock(paths: JobPaths) -> None:
    lock = JobLock(paths)
    assert paths.directory.is_dir()
    lock.release()
    assert not paths.directory.exists()


def test_a_job_stays_when_the_lock_goes(paths: JobPaths) -> None:
    lock = JobLock(paths)
    write_record(paths.job, a_job())
    lock.release()
    assert read_job(paths) == a_job()


def test_a_job_of_the_version_before_goes_on(paths: JobPaths) -> None:
    paths.directory.mkdir()
    described = {name: value for name, value in a_job().as_json().items() if name != "column_types"}
    paths.job.write_text(json.dumps(described))
    job = read_job(paths)
    assert job is not None
    assert differences(job, a_job()) == []


def test_a_lock_whose_file_was_removed_meanwhile_does_not_count(
    paths: JobPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    real, calls = fcntl.flock, []

    def flock(descriptor: int, how: int) -> None:
        # The run that held the lock finishes between our open and our flock.
        if not calls:
            paths.lock.unlink()
            paths.directory.rmdir()
        calls.append(how)
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    lock = JobLock(paths)
    assert len(calls) == 2
    assert paths.lock.exists()
    lock.release()


def test_discarding_leaves_the_lock(paths: JobPaths) -> None:
    lock = JobLock(paths)
    write_record(paths.job, a_job())
    paths.shards.mkdir()
    (paths.shards / "000000.rows").touch()
    paths.manifest.touch()
    paths.table.touch()
    discard(paths)
    assert list(paths.directory.iterdir()) == [paths.lock]
    lock.release()


def test_a_job_directory_that_is_a_link_is_refused_and_nothing_behind_it_is_touched(
    paths: JobPaths, tmp_path: Path
) -> None:
    target = tmp_path / "t"
    target.mkdir()
    (target / "precious").touch()
    (target / "job.json").write_bytes(b"{}")
    paths.directory.symlink_to("t")
    with pytest.raises(OutputError, match=r"labels\.csv\.job: is a link, where a run keeps"):
        JobLock(paths)
    with pytest.raises(OutputError):
        discard(paths)
    assert sorted(path.name for path in target.iterdir()) == ["job.json", "precious"]


@pytest.mark.parametrize("kind", ["a file", "a dangling link", "a pipe"])
def test_what_is_no_directory_is_refused(paths: JobPaths, kind: str) -> None:
    if kind == "a file":
        paths.directory.touch()
    elif kind == "a pipe":
        os.mkfifo(paths.directory)
    else:
        paths.directory.symlink_to("nowhere")
    with pytest.raises(OutputError, match="is a link" if kind == "a dangling link" else "is no directory"):
        JobLock(paths)
    assert os.path.lexists(paths.directory)


def _put(paths: JobPaths, name: str) -> None:
    """Something that is not FashionBatch's: a link where the name has an @, a folder where it ends in a slash."""
    path = paths.directory / name.rstrip("/@")
    path.parent.mkdir(exist_ok=True)
    if name.endswith("/"):
        path.mkdir()
    elif name.endswith("@"):
        path.symlink_to("/etc/hostname")
    else:
        path.write_bytes(b"mine")


FOREIGN = [
    "notes.txt",
    "lockpick.txt",
    "lock.old",
    "lock@",
    "job.json@",
    "manifest/",
    "shards@",
    "shards/note",
    "shards/000001.csv",
    "shards/000000.rows@",
    "shards/inner/",
    ".notes.txt.0a1b2c3d.tmp",
    ".job.json.0a1b2c3d.tmp/",
    ".hidden",
    "job.json.bak",
]


@pytest.mark.parametrize("name", FOREIGN)
def test_what_somebody_else_has_put_into_a_job_directory_is_refused_by_name(paths: JobPaths, name: str) -> None:
    paths.directory.mkdir()
    write_record(paths.job if name != "job.json@" else paths.table, a_job())
    before = sorted(paths.directory.rglob("*"))
    _put(paths, name)
    with pytest.raises(OutputError, match=rf"labels\.csv\.job: holds '{re.escape(name.rstrip('/@'))}', which Fashion"):
        JobLock(paths)
    assert sorted({*paths.directory.rglob("*")} - {paths.shards}) == sorted(
        {*before, paths.directory / name.rstrip("/@")} - {paths.shards}
    )


def test_many_foreign_files_are_not_all_named(paths: JobPaths) -> None:
    paths.directory.mkdir()
    for number in range(9):
        (paths.directory / f"{number}.txt").touch()
    with pytest.raises(OutputError, match=r"holds '0\.txt', '1\.txt', '2\.txt' and more, which"):
        JobLock(paths)


@pytest.mark.parametrize("name", [name for name in FOREIGN if name != "lock@"])
def test_what_somebody_puts_there_during_a_run_stays(paths: JobPaths, name: str) -> None:
    lock = JobLock(paths)
    paths.manifest.touch()
    if name.startswith("manifest"):
        paths.manifest.unlink()
    paths.table.touch()
    _put(paths, name)
    discard(paths)
    lock.release()
    left = {path.relative_to(paths.directory).as_posix() for path in paths.directory.rglob("*")}
    assert left - {"shards"} == {name.rstrip("/@")} - {"shards"}


def test_what_killed_runs_left_goes_with_the_next_one(paths: JobPaths) -> None:
    paths.shards.mkdir(parents=True)
    ours = ["labels.csv", "labels.csv.meta.json", "job.json", "table.json", "manifest", "kept", "reused", "files"]
    left = [paths.directory / f".{name}.0a1b2c3d.tmp" for name in ours]
    left += [paths.shards / f".000012.{ending}.0a1b2c3d.tmp" for ending in ("rows", "features", "json")]
    for path in left:
        path.touch()
    for name in ("lock.setup", "lock.1-of-8", "reuse.sqlite", ".sort.abcd_123.tmp", ".nfs00000000012a"):
        (paths.directory / name).touch()
    lock = JobLock(paths)
    assert not any(path.exists() for path in left)
    (paths.directory / ".nfs00000000012a").unlink()  # as its server does
    discard(paths)
    lock.release()
    assert not paths.directory.exists()


def test_a_part_that_comes_while_another_scans_leaves_its_list_of_files(paths: JobPaths) -> None:
    scanning = JobLock(paths, "1-of-2")
    with scanning.setting_up(lambda: 0):
        listed = paths.directory / ".manifest.0a1b2c3d.tmp"
        listed.touch()
        other = JobLock(paths, "2-of-2")
        assert listed.exists()
    with other.setting_up(lambda: 0):
        assert not listed.exists()
    for lock in (other, scanning):
        lock.release()


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format": 99}', b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_description_is_a_clear_error(paths: JobPaths, content: bytes) -> None:
    paths.directory.mkdir()
    paths.job.write_bytes(content)
    with pytest.raises(OutputError, match=r"job\.json.*\n.*--restart"):
        read_job(paths)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (os.mkfifo, "is a named pipe"),
        (os.mkdir, "is a folder"),
        (lambda path: path.symlink_to("/dev/zero"), "is a symbolic link"),
    ],
)
def test_a_description_that_is_no_plain_file_is_not_waited_for(
    paths: JobPaths, make: Callable[[Path], None], told: str
) -> None:
    paths.directory.mkdir()
    for path, read in ((paths.job, read_job), (paths.table, read_table_record)):
        make(path)
        with pytest.raises(OutputError, match=told):
            read(paths)


def test_differences_name_what_differs() -> None:
    old = a_job(folder="/photos", options={"format": "csv", "topk": 1, "limit": None}, created="yesterday")
    new = a_job(folder="/other", options={"format": "csv", "topk": 3, "limit": 10}, created="today", shards=[0, 5])
    assert differences(old, new) == [
        "folder is /photos in the job and /other now",
        "options.limit is not given in the job and 10 now",
        "options.topk is 1 in the job and 3 now",
    ]
    assert differences(old, a_job(folder="/photos", options=old.options.as_json(), created="today")) == []


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("shards", [0]),
        ("shards", [0, -1]),
        ("bundles", []),
        ("folder", ""),
        ("compute", {"runtime": "openvino"}),
        ("embeddings", {"file": "/etc/x.npy", "format": "npy", "tensor": "x", "port": 0, "size": 1}),
        ("embeddings", {"file": "../x.npy", "format": "npy", "tensor": "x", "port": 0, "size": 1}),
    ],
)
def test_a_description_of_the_wrong_form_is_a_clear_error(paths: JobPaths, entry: str, value: object) -> None:
    paths.directory.mkdir()
    paths.job.write_text(json.dumps({**a_job().as_json(), entry: value}))
    with pytest.raises(OutputError, match=rf"job\.json: is damaged: {entry}.*\n.*--restart"):
        read_job(paths)
