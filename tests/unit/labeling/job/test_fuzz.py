"""Whatever a stranger's job or sidecar says, reading it ends in names without folders or in one clear error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fashionbatch.errors import DataError, OutputError
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.job.record import read_job, read_table_record
from fashionbatch.labels.sidecar import parse_sidecar

DIGEST = "0" * 64
JOB: dict[str, Any] = {
    **json.loads(Path(__file__).with_name("job.json").read_text()),
    "options": {"format": "csv", "embeddings": "x.npy", "files_from": "list.txt", "previous": "old.csv"},
    "embeddings": {"file": "x.npy", "format": "npy", "tensor": "pool", "port": 0, "size": 4},
}
SIDECAR: dict[str, Any] = json.loads((Path(__file__).parents[2] / "labels" / "sidecar.json").read_text())
TABLE = {"format": 1, "sha256": DIGEST, "meta": SIDECAR, "staged": {"x.npy": ".x.npy.01234567.tmp"}}

HOSTILE = st.sampled_from(
    [
        "../victim/x.npy",
        "/etc/passwd.npy",
        "..",
        ".",
        "",
        "a/b.npy",
        "a\0.npy",
        "\x1b[2J.npy",
        "x.npy\n",
        "\udcff.npy",
        "x" * 5000 + ".npy",
        "~/x.npy",
    ]
)
VALUES = (
    HOSTILE | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just([]) | st.just({})
)


def changed(document: dict[str, Any], data: st.DataObject) -> bytes:
    """A document in which a few values are others, as JSON."""
    copy = json.loads(json.dumps(document))
    for _ in range(data.draw(st.integers(1, 3))):
        place: Any = copy
        while True:
            keys: Any = sorted(place) if isinstance(place, dict) else range(len(place))
            if not keys:
                break
            key = data.draw(st.sampled_from(keys))
            if isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
                place = place[key]
                continue
            place[key] = data.draw(VALUES)
            break
    return json.dumps(copy).encode()


def is_plain(name: str) -> bool:
    return name not in {"", ".", ".."} and not set("/\0") & set(name)


@given(data=st.data())
def test_the_names_in_a_job_are_plain_names(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    paths = JobPaths(tmp_path_factory.getbasetemp() / "fuzzed.csv")
    paths.directory.mkdir(exist_ok=True)
    paths.job.write_bytes(changed(JOB, data))
    try:
        job = read_job(paths)
    except OutputError:
        return
    assert job is not None
    assert job.embeddings is None or is_plain(job.embeddings.file)


@given(data=st.data())
def test_the_names_in_the_record_of_a_table_are_plain_names(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    paths = JobPaths(tmp_path_factory.getbasetemp() / "fuzzed.csv")
    paths.directory.mkdir(exist_ok=True)
    paths.table.write_bytes(changed(TABLE, data))
    try:
        record = read_table_record(paths)
    except OutputError:
        return
    assert record is not None
    names = [*record.staged, *record.staged.values(), record.meta.table]
    assert all(map(is_plain, names))


@given(data=st.data())
def test_the_names_in_a_sidecar_are_plain_names(data: st.DataObject) -> None:
    try:
        sidecar = parse_sidecar(changed(SIDECAR, data), name="x.meta.json")
    except DataError:
        return
    assert is_plain(sidecar.table)
    assert sidecar.embeddings is None or is_plain(sidecar.embeddings.file)


@pytest.mark.parametrize("read", [read_job, read_table_record])
@given(content=st.binary(max_size=60))
def test_any_bytes_are_one_clear_error(
    tmp_path_factory: pytest.TempPathFactory, read: Callable[[JobPaths], object], content: bytes
) -> None:
    paths = JobPaths(tmp_path_factory.getbasetemp() / "fuzzed.csv")
    paths.directory.mkdir(exist_ok=True)
    for path in (paths.job, paths.table):
        path.write_bytes(content)
    with pytest.raises(OutputError):
        read(paths)
