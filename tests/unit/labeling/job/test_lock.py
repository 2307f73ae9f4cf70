from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.errors import OutputError
from fashionbatch.labeling.job.lock import JobLock
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.record import Job, differences, discard, read_job, write_record


def a_job(**changes: Any) -> Job:
    described: dict[str, Any] = {
        "format": 1,
        "fashionbatch": "0.1",
        "bundles": [{"name": "shoes", "digest": "0" * 64}],
        "folder": "/photos",
        "options": {"format": "csv"},
        "compute": {
            "runtime": "openvino",
            "version": "2026.4",
            "device": "cpu",
            "precision": ["float32"],
            "batch_size": 8,
            "instruction_set": "avx2",
        },
        "decoding": {"policy": 1, "pillow": "12.3"},
        "columns": ["filepath", "status", "error", "label", "prob"],
        "column_types": ["path", "text", "text", "text", "probability"],
        "bundle_paths": ["/bundles/shoes"],
        "files": {"rows": 1, "bytes": 10, "digest": "1" * 64},
        "shards": [0, 1],
        "created": "2026-11-26T00:00:00+00:00",
    }
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


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format": 99}', b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_description_is_a_clear_error(paths: JobPaths, content: bytes) -> None:
    paths.directory.mkdir()
    paths.job.write_bytes(content)
    with pytest.raises(OutputError, match=r"job\.json.*\n.*--restart"):
        read_job(paths)


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
    ],
)
def test_a_description_of_the_wrong_form_is_a_clear_error(paths: JobPaths, entry: str, value: object) -> None:
    paths.directory.mkdir()
    paths.job.write_text(json.dumps({**a_job().as_json(), entry: value}))
    with pytest.raises(OutputError, match=rf"job\.json: is damaged: {entry}.*\n.*--restart"):
        read_job(paths)
