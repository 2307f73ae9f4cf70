from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.errors import DataError
from fashionbatch.labels.records import EmbeddingsRecord, ReuseCounts, TableOptions
from fashionbatch.labels.sidecar import Sidecar, find_sidecar, parse_sidecar, sidecar_path

WRITTEN_BYTES = (Path(__file__).parent / "sidecar.json").read_bytes()
WRITTEN = json.loads(WRITTEN_BYTES)


def changed(where: tuple[str | int, ...], value: Any) -> bytes:
    """A sidecar with one value in another's place."""
    document = json.loads(json.dumps(WRITTEN))
    target = document
    for key in where[:-1]:
        target = target[key]
    target[where[-1]] = value
    return json.dumps(document).encode()


def test_what_is_read_is_written_again_key_for_key() -> None:
    sidecar = parse_sidecar(WRITTEN_BYTES, name="labels.csv.meta.json")
    assert sidecar.to_json() == WRITTEN_BYTES
    assert sidecar.as_json() == WRITTEN
    assert os.fsencode(sidecar.folder) == b"/photos/\xff"
    assert sidecar.options.keep == ["sku"]


def test_keys_that_an_earlier_version_did_not_write_may_be_missing_and_are_not_made_up() -> None:
    document = {name: value for name, value in WRITTEN.items() if name not in {"reused", "embeddings"}}
    document["options"] = {"format": "csv"}
    sidecar = parse_sidecar(json.dumps(document).encode(), name="old")
    assert sidecar.embeddings is None
    assert sidecar.options == TableOptions(format="csv")
    assert sidecar.options.match == "time"
    assert sidecar.as_json() == document


def test_keys_that_this_version_does_not_know_are_kept() -> None:
    data = changed(("options", "max_risk"), 0.01)
    assert parse_sidecar(data, name="later").as_json()["options"]["max_risk"] == 0.01


def test_counts_of_several_bundles_are_by_bundle() -> None:
    by_bundle = {"one": {"a": 1}, "two": {"b": 1}}
    assert parse_sidecar(changed(("counts", "label"), by_bundle), name="").counts.label == by_bundle


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "x: is damaged: it is not JSON"),
        (b"{", "x: is damaged: it is not JSON"),
        (b"\xff\xfe{\x00}\x00", "x: is no sidecar"),
        (b"[" * 100_000, "x: is damaged: it is not JSON"),
        (b"[1]", "x: is no sidecar of a table that classify wrote: it has no format_version"),
        (b"{}", "x: is no sidecar of a table that classify wrote: it has no format_version"),
        (b'{"format_version": 2}', "x: is a sidecar of version 2; this FashionBatch reads 1\n  hint: update"),
        (b'{"format_version": true}', "x: is a sidecar of version True"),
        (b'{"format_version": 1}', "x: is damaged, or no sidecar of a table: table: Field required"),
        (changed(("rows",), -1), "rows: Input should be greater than or equal to 0"),
        (changed(("rows",), "2"), "rows: Input should be a valid integer"),
        (changed(("rows",), True), "rows: Input should be a valid integer"),
        (changed(("table",), "../labels.csv"), r"table: '\.\./labels\.csv' is no plain file name"),
        (changed(("table",), ".."), r"table: '\.\.' is no plain file name"),
        (changed(("folder",), "a\0b"), r"folder: 'a\\x00b' is no path"),
        (changed(("folder",), 3), "folder: is 3 where text is expected"),
        (changed(("bundles",), []), "bundles: Value should have at least 1 item"),
        (changed(("bundles", 0, "digest"), "abc"), r"bundles\.0\.digest: String should match"),
        (changed(("embeddings", "file"), "/etc/passwd"), r"embeddings\.file: '/etc/passwd' is no plain file name"),
        (changed(("embeddings", "file"), "../.bashrc"), r"embeddings\.file: '\.\./\.bashrc' is no plain file name"),
        (changed(("embeddings", "file"), "../a.npy"), r"embeddings\.file: '\.\./a\.npy' is no plain file name"),
        (changed(("embeddings", "file"), ".bashrc"), r"embeddings\.file: '\.bashrc' is no name of a \.npy or \.parq"),
        (changed(("embeddings", "shape"), [2]), r"embeddings\.shape: Value should have at least 2 items"),
        (changed(("counts", "status"), {"ok": 1.5}), r"counts\.status\.ok: Input should be a valid integer"),
        (changed(("options", "match"), "name"), r"options\.match: Input should be 'time' or 'sha256'"),
        (changed(("times", "seconds"), float("nan")), r"times\.seconds: Input should be a finite number"),
        (changed(("sha256",), None), "sha256: Input should be a valid string"),
    ],
)
def test_what_is_no_sidecar_is_one_clear_error(data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_sidecar(data, name="x")


def test_a_sidecar_is_looked_for_beside_the_table_and_may_be_missing(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    assert find_sidecar(table) is None
    sidecar_path(table).write_text(json.dumps(WRITTEN))
    assert sidecar_path(table).name == "labels.csv.meta.json"
    found = find_sidecar(table)
    assert found is not None
    assert found.as_json() == WRITTEN


def test_a_pipe_or_a_folder_in_its_place_is_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv.meta.json")
    with pytest.raises(DataError, match=r"a\.csv\.meta\.json: is a named pipe or a device"):
        find_sidecar(tmp_path / "a.csv")
    (tmp_path / "b.csv.meta.json").mkdir()
    with pytest.raises(DataError, match=r"b\.csv\.meta\.json: is a folder"):
        find_sidecar(tmp_path / "b.csv")


def test_a_file_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "a.csv.meta.json", "wb") as file:
        file.truncate(1 << 32)
    with pytest.raises(DataError, match="larger than 64 MiB"):
        find_sidecar(tmp_path / "a.csv")


def test_a_job_describes_embeddings_without_what_is_known_at_the_end_only() -> None:
    described = {"file": "a.NPY", "format": "npy", "tensor": "t", "port": 0, "size": 3}
    assert EmbeddingsRecord.of_json(described).as_json() == described


def test_files_that_were_compared_count_as_reused_or_changed_in_the_end() -> None:
    begun = ReuseCounts(reused=0, new=2, changed=1, retried=3, gone=4, compared=10)
    ended = begun.after_comparison(8)
    assert ended.as_json() == {"reused": 8, "new": 2, "changed": 3, "retried": 3, "gone": 4}
    assert "10 of the same size, whose content decides" in str(begun)
    assert str(ended) == "8 rows reused, 2 files new, 3 changed, 3 tried again, 4 gone"


def test_a_sidecar_that_a_program_makes_is_checked_too() -> None:
    with pytest.raises(ValueError, match="table"):
        Sidecar.model_validate({**WRITTEN, "table": "a/b"})
