"""Jobs in a store: several machines, each with its own cache, make the table that one makes on its disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.api.labeling import classify
from fashionbatch.api.tables import merge
from fashionbatch.labeling.job import shards
from fashionbatch.labeling.job.status import read_status
from fashionbatch.stores.address import Url

Paint = Callable[[Mapping[str, int]], Path]
MANY = {f"{number:02}.png": number % 3 for number in range(40)}
TABLE, JOBS = "s3://bucket/out/labels.csv", "s3://bucket/jobs"


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SMALLEST", 8)


@pytest.fixture
def on_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Be another machine: one with its own cache."""

    def become(name: str) -> Path:
        monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / name))
        return tmp_path / name

    return become


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


def test_parts_on_machines_of_their_own_make_the_table_of_one(
    local: bytes, store: Any, tiny: Path, on_machine: Callable[[str], Path]
) -> None:
    for number in (1, 2, 3):
        cache = on_machine(f"machine{number}")
        label(tiny, shard=(number, 3))
        assert not list((cache / "jobs").rglob("*"))
    on_machine("another")
    merge(TABLE, job=JOBS, progress=False)
    assert get(store, "out/labels.csv") == local
    assert keys(store, "jobs") == []


def test_status_tells_from_any_machine_how_far_it_is(
    local: bytes, store: Any, tiny: Path, on_machine: Callable[[str], Path]
) -> None:
    on_machine("one")
    label(tiny, shard=(1, 2))
    on_machine("another")
    status = read_status(Url(TABLE), jobs=Url(JOBS))
    assert (status.state, status.rows, status.done) == ("stopped", 41, 16)
    assert status.statuses == {"ok": 16}
