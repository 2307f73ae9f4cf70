"""Jobs in a store: several machines, each with its own cache, make the table that one makes on its disk."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.api.labeling import classify
from fashionbatch.api.tables import merge
from fashionbatch.errors import OutputError
from fashionbatch.labeling.job import shards
from fashionbatch.labeling.job.status import read_status
from fashionbatch.labeling.job.stored.folder import JobFolder
from fashionbatch.stores.address import Url
from fashionbatch.stores.retrying import Retrying
from fashionbatch.stores.writable import open_writable

Paint = Callable[[Mapping[str, int]], Path]
MANY = {f"{number:02}.png": number % 3 for number in range(40)}
TABLE, JOBS = "s3://bucket/out/labels.csv", "s3://bucket/jobs"


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SMALLEST", 8)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that misbehaves is asked again as often as ever, but sooner."""
    wait = JobFolder.wait
    monkeypatch.setattr(JobFolder, "wait", lambda self, seconds: wait(self, seconds / 20))


@pytest.fixture
def local(paint: Paint, store: Any, tiny: Path, tmp_path: Path) -> bytes:
    """The table that this machine makes of the photos, which are in the store, too."""
    folder = paint(MANY)
    (folder / "broken.jpg").write_bytes(b"broken")
    store.put_folder(folder, "photos")
    classify(folder, tiny, tmp_path / "local.csv", workers=1, progress=False)
    return (tmp_path / "local.csv").read_bytes()


def keys(store: Any, prefix: str) -> list[str]:
    listed = store.client.list_objects_v2(Bucket="bucket", Prefix=prefix).get("Contents", [])
    return [each["Key"] for each in listed]


def get(store: Any, key: str) -> bytes:
    content: bytes = store.client.get_object(Bucket="bucket", Key=key)["Body"].read()
    return content


def label(bundle: Path, **asked: Any) -> None:
    classify("s3://bucket/photos", bundle, TABLE, job=JOBS, workers=1, progress=False, **asked)


def test_parts_on_machines_of_their_own_make_the_table_of_one_though_the_store_misbehaves(
    local: bytes, store: Any, tiny: Path, machine: Callable[[str], Path], proxy_module: Any
) -> None:
    store.proxy.plan = proxy_module.seeded(11, "429", "500", "503", "lost", "truncated", share=0.2, most=1)
    for number in (1, 2):
        cache = machine(f"machine{number}")
        label(tiny, shard=(number, 2))
        assert not list((cache / "jobs").rglob("*"))
    machine("another")
    merge(TABLE, job=JOBS, progress=False)
    assert get(store, "out/labels.csv") == local
    assert keys(store, "jobs") == []
    asked = {method for method, path in store.proxy.counts if path.startswith("/bucket/jobs/")}
    assert asked >= {"PUT", "GET", "HEAD"}
    assert max(store.proxy.counts.values()) < 60


def test_a_folder_of_parts_is_filled_while_the_run_goes_on_though_the_store_misbehaves(
    local: bytes, store: Any, tiny: Path, tmp_path: Path, machine: Callable[[str], Path]
) -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    here, table = tmp_path / "labels.parquet", "s3://bucket/out/labels.parquet"
    classify(tmp_path / "photos", tiny, here, partitioned=True, workers=1, progress=False)
    store.proxy.plan = lambda method, path, number: {1: "503", 2: "lost"}.get(number) if "/part-" in path else None
    label_there = partial(classify, "s3://bucket/photos", tiny, f"{table}/", job=JOBS, partitioned=True, workers=1)
    machine("one")
    label_there(shard=(1, 2), progress=False)
    assert pd.read_parquet(table).filepath.tolist() == [f"{number:02}.png" for number in range(16)]
    assert keys(store, "out/labels.parquet.") == []
    machine("another")
    label_there(progress=False)
    parts = {f"out/labels.parquet/{path.name}": path.read_bytes() for path in here.iterdir()}
    assert len(parts) == 5
    assert {name: get(store, name) for name in keys(store, "out/labels.parquet/")} == parts
    assert keys(store, "jobs") == []
    for secret in (b"AKIAPLANTED", b"PLANTED/secret", b"PLANTEDSESSION"):
        assert secret not in get(store, "out/labels.parquet.meta.json")


def test_status_tells_from_any_machine_how_far_it_is(
    local: bytes, store: Any, tiny: Path, machine: Callable[[str], Path]
) -> None:
    machine("one")
    label(tiny, shard=(1, 2))
    machine("another")
    status = read_status(Url(TABLE), jobs=Url(JOBS))
    assert (status.state, status.rows, status.done) == ("stopped", 41, 16)
    assert status.statuses == {"ok": 16}


def test_a_store_that_refuses_to_write_is_told_of_in_one_line_and_nothing_is_left(
    local: bytes, store: Any, tiny: Path, machine: Callable[[str], Path]
) -> None:
    store.proxy.plan = lambda method, path, number: "403" if method == "PUT" and "/jobs/" in path else None
    cache = machine("one")
    with pytest.raises(OutputError) as raised:
        label(tiny)
    assert re.fullmatch(r"the job in s3://bucket/jobs/\w+: AccessDenied: .* 403", raised.value.message)
    assert keys(store, "jobs") == []
    assert not [path for path in (cache / "jobs").rglob("*") if path.is_file()]


def test_one_store_heeds_conditions_on_what_is_replaced_and_removes_many(store: Any) -> None:
    objects = open_writable(Url("s3://bucket/jobs"))
    assert objects.write("a", b"1", "", Retrying()).outcome == "written"
    assert objects.write("a", b"2", "", Retrying()).outcome == "taken"
    tag = objects.look("a", 60).token
    assert objects.write("a", b"3", '"other"', Retrying()).outcome == "taken"
    assert objects.write("a", b"4", tag, Retrying()).outcome == "written"
    assert objects.write("a", b"5", tag, Retrying()).outcome == "taken"
    assert objects.write("gone", b"6", tag, Retrying()).outcome == "taken"
    assert objects.get("a", "", None, 60) == b"4"
    age_s = objects.age_s("a", 60)
    assert age_s is not None
    assert -2 <= age_s < 600
    store.put("jobs/sub/b", b"b")
    assert [each.path for page in objects.pages(Retrying(), "sub/") for each in page] == ["sub/b"]
    objects.remove(["a", "sub/b", "never there"], Retrying())
    assert keys(store, "jobs") == []
