"""The engine `ray` with everything that photos, bundles and tables may be: the bytes are those of the local engine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import fashionbatch as fb
from fashionbatch.labeling.job import shards

pytestmark = pytest.mark.slow
ray = pytest.importorskip("ray", reason="needs pip install 'fashionbatch[ray]'")

Paint = Callable[[Mapping[str, int]], Path]
MANY = {f"{'ab'[number % 2]} ü*/{number:02}.png": number % 3 for number in range(60)}
NODE = {"num_cpus": 1, "object_store_memory": 80 << 20, "node_ip_address": "127.0.0.1"}


@pytest.fixture(scope="module")
def cluster(served: Any) -> Iterator[Any]:
    """Two nodes that reach the store, as each node of a real cluster has to."""
    import ray._private.services
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
            "AWS_ENDPOINT_URL": served.proxy.url,
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": "tests",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            patch.setenv(name, value)
        patch.setattr(ray._private.services, "get_node_ip_address", lambda *_: "127.0.0.1")
        cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
        cluster.add_node(**NODE)
        yield cluster
        cluster.shutdown()


@pytest.fixture
def both(cluster: Any, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Label under both engines and compare all that is made; gives what Ray made."""
    monkeypatch.setattr(shards, "SMALLEST", 10)
    monkeypatch.setattr(shards, "_CELLS", 10)

    def run(where: Any, name: str = "labels.csv", bundle: Any = tiny, **asked: Any) -> Path:
        made: dict[str, dict[str, bytes]] = {}
        settings = {"address": cluster.address, "here": False}
        ways: dict[str, dict[str, Any]] = {"local": {}, "ray": {"engine": "ray", "engine_set": settings}}
        for engine, given in ways.items():
            folder = tmp_path / engine
            folder.mkdir(exist_ok=True)
            fb.classify(where, bundle, folder / name, workers=1, progress=False, **given, **asked)
            made[engine] = contents(folder)
        assert made["ray"] == made["local"]
        return tmp_path / "ray" / name

    return run


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder but sidecars, which hold times."""
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if not name.endswith((".meta.json", ".files"))}


@pytest.fixture
def photos(paint: Paint) -> Path:
    folder = paint(MANY)
    (folder / "broken.jpg").write_bytes(b"broken")
    return folder


def test_archives(both: Callable[..., Path], photos: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "all of it.tar", "w") as archive:
        archive.add(photos, "photos")
    with tarfile.open(tmp_path / "packed.tar.gz", "w:gz") as archive:
        archive.add(photos, "photos")
    shutil.make_archive(str(tmp_path / "other"), "zip", photos)
    for name in ("all of it.tar", "packed.tar.gz", "other.zip"):
        table = both(tmp_path / name, name + ".csv")
        assert table.read_bytes().count(b"\n") == len(MANY) + 2


def test_a_store_and_a_bundle_in_it(both: Callable[..., Path], photos: Path, tiny: Path, store: Any) -> None:
    store.put_folder(photos, "photos")
    store.put_folder(tiny, "bundle")
    local = both(photos, "of-a-folder.csv")
    remote = both("s3://bucket/photos", "of-a-store.csv", "s3://bucket/bundle")
    assert remote.read_bytes() == local.read_bytes()


def test_a_table_in_a_store(cluster: Any, photos: Path, tiny: Path, store: Any) -> None:
    ways: dict[str, dict[str, Any]] = {"local": {}, "ray": {"engine_set": {"address": cluster.address}}}
    for engine, given in ways.items():
        fb.classify(photos, tiny, f"s3://bucket/{engine}.csv", engine=engine, workers=1, progress=False, **given)
    local, of_ray = (
        store.client.get_object(Bucket="bucket", Key=f"{engine}.csv")["Body"].read() for engine in ("local", "ray")
    )
    assert of_ray == local


@pytest.mark.parametrize(("name", "asked"), [("parts.parquet", {"partitioned": True}), ("labels.jsonl", {"topk": 2})])
def test_other_tables(both: Callable[..., Path], photos: Path, name: str, asked: dict[str, Any]) -> None:
    both(photos, name, **asked)


def test_a_list_of_files(both: Callable[..., Path], photos: Path, tmp_path: Path, store: Any) -> None:
    store.put_folder(photos, "photos")
    names = [str(photos / name) for name in sorted(MANY)[::2]]
    (tmp_path / "list.txt").write_text("\n".join([*names, "s3://bucket/photos/broken.jpg", "not there.jpg"]))
    table = both(photos, files_from=tmp_path / "list.txt")
    assert table.read_bytes().count(b"\n") == len(names) + 3


def test_an_earlier_table(both: Callable[..., Path], photos: Path, tiny: Path, tmp_path: Path) -> None:
    fb.classify(photos, tiny, tmp_path / "before.csv", workers=1, progress=False)
    changed = photos / sorted(MANY)[7]
    changed.write_bytes((photos / sorted(MANY)[8]).read_bytes())
    os.utime(photos / sorted(MANY)[9], ns=(1, 1))
    both(photos, "by-time.csv", previous=tmp_path / "before.csv")
    fb.classify(photos, tiny, tmp_path / "digests.csv", workers=1, progress=False, match="sha256")
    os.utime(photos / sorted(MANY)[10], ns=(1, 1))
    both(photos, "by-content.csv", previous=tmp_path / "digests.csv", match="sha256")


def test_photos_sorted_into_folders(both: Callable[..., Path], photos: Path, tmp_path: Path, tiny: Path) -> None:
    table = both(photos)
    assert table.exists()
    given: list[str | Path] = [
        sys.executable,
        "-m",
        "fashionbatch",
        "classify",
        photos,
        "-b",
        tiny,
        "-j1",
        "--engine",
        "ray",
    ]
    sorted_: dict[str, dict[str, bytes]] = {}
    for engine in ("local", "ray"):
        given[-1] = engine
        folder = tmp_path / f"sorted-{engine}"
        subprocess.run([*given, "-o", tmp_path / f"{engine}-s.csv", "--sort-into", folder], check=True)
        sorted_[engine] = contents(folder)
    assert sorted_["ray"] == sorted_["local"]
    assert len(sorted_["ray"]) >= len(MANY)


def test_parts_of_a_job(cluster: Any, both: Callable[..., Path], photos: Path, tiny: Path, tmp_path: Path) -> None:
    whole = both(photos)
    table = tmp_path / "parts.csv"
    settings = {"address": cluster.address}
    for number, engine in enumerate(("ray", "local", "ray"), 1):
        given: dict[str, Any] = {"engine_set": settings} if engine == "ray" else {}
        fb.classify(photos, tiny, table, shard=(number, 3), engine=engine, workers=1, progress=False, **given)
    subprocess.run([sys.executable, "-m", "fashionbatch", "merge", table], check=True)
    assert table.read_bytes() == whole.read_bytes()
    assert json.loads(table.with_suffix(".csv.meta.json").read_text())
