"""Runs that are killed while they upload. For minutes: `pytest -m slow tests/stores`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.api.labeling import classify

FILES = {f"{number}.png": number % 3 for number in range(9)}
MOST_REQUESTS = 20


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_that_is_killed_at_any_request_that_writes_is_completed_by_the_same_command(
    paint: Callable[[Mapping[str, int]], Path],
    tiny: Path,
    store: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "cache"))
    folder = paint(FILES)
    classify(folder, tiny, tmp_path / "local.csv", progress=False, workers=1)
    table = (tmp_path / "local.csv").read_bytes()
    program = [sys.executable, "-m", "fashionbatch", "classify", str(folder), "-b", str(tiny), "-j", "1", "--quiet"]
    killed = 0
    for last in range(1, MOST_REQUESTS):
        command = [*program, "-o", f"s3://bucket/{last}/labels.csv"]
        writes: list[str] = []
        running: list[subprocess.Popen[bytes]] = []

        def plan(
            method: str, path: str, number: int, *, writes: Any = writes, last: int = last, running: Any = running
        ):
            if method in {"PUT", "POST", "DELETE"}:
                writes.append(path)
                if len(writes) == last:
                    os.kill(running[0].pid, signal.SIGKILL)

        store.proxy.plan = plan
        running.append(subprocess.Popen(command))
        code = running[0].wait()
        store.proxy.reset()
        if code == 0:
            break
        assert code == -signal.SIGKILL
        killed += 1
        listed = store.client.list_objects_v2(Bucket="bucket", Prefix=f"{last}/").get("Contents", [])
        there = {
            each["Key"]: store.client.get_object(Bucket="bucket", Key=each["Key"])["Body"].read() for each in listed
        }
        assert there.get(f"{last}/labels.csv", table) == table
        subprocess.run(command, check=True)
        assert store.client.get_object(Bucket="bucket", Key=f"{last}/labels.csv")["Body"].read() == table
        names = [each["Key"] for each in store.client.list_objects_v2(Bucket="bucket", Prefix=f"{last}/")["Contents"]]
        assert names == [f"{last}/labels.csv{ending}" for ending in ("", ".files", ".meta.json")]
        # What was begun in the moment of the kill may be left, since its number was never heard of; it holds nothing.
        for left in store.client.list_multipart_uploads(Bucket="bucket").get("Uploads", []):
            parts = store.client.list_parts(Bucket="bucket", Key=left["Key"], UploadId=left["UploadId"])
            assert not parts.get("Parts")
        assert not list((tmp_path / "cache" / "jobs").glob("*/*"))
    assert killed >= 5
    assert code == 0
