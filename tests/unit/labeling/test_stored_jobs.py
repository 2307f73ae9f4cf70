"""Jobs that lie in a store: machines without a common disk share them, go on with them, and lose no row."""

from __future__ import annotations

import contextlib
import json
import pickle
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.errors import FashionBatchError, OutputError
from fashionbatch.labeling.engine import ShardFunction
from fashionbatch.labeling.job.staging import made_at
from fashionbatch.labeling.job.status import read_status
from fashionbatch.labeling.job.stored import lease
from fashionbatch.labeling.job.stored.folder import JobFolder
from fashionbatch.labeling.job.stored.lease import Times
from fashionbatch.labeling.job.stored.shards import StoredShards
from fashionbatch.labeling.merge import merge
from fashionbatch.labeling.options import LabelOptions, Part
from fashionbatch.labeling.products.options import RowOptions
from fashionbatch.labeling.run import label, label_part
from fashionbatch.progress import Reporter
from fashionbatch.stores.address import Url
from fashionbatch.stores.faults import StoreFaultError

fsspec = pytest.importorskip("fsspec", reason="needs fashionbatch[cloud]")
pytest.importorskip("s3fs", reason="needs fashionbatch[cloud]")

Paint = Callable[[Mapping[str, int]], Path]
MakeOptions = Callable[..., LabelOptions]
TABLE, JOBS = Url("s3://bucket/out/labels.csv"), Url("s3://bucket/jobs")

pytestmark = pytest.mark.usefixtures("small_shards")


@pytest.fixture
def quick_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases that last no second."""
    monkeypatch.setattr(lease, "Times", lambda: Times(0.4, 0.1, 0.02, 0.01))


@pytest.fixture
def on(options: MakeOptions, machine: Callable[[str], Path]) -> MakeOptions:
    """Options of a run on a machine: `on("one", part=Part(1, 2))`."""

    def make(name: str, **given: Any) -> LabelOptions:
        machine(name)
        table, features, at = made_at(TABLE, given.pop("embeddings", None), JOBS)
        made = options(**given)
        return replace(made, output=replace(made.output, table=table, embeddings=features, store=at, job=JOBS))

    return make


def merge_on(machine: Callable[[str], Path], name: str, **given: Any) -> Any:
    machine(name)
    table, features, at = made_at(TABLE, None, JOBS)
    return merge(table, embeddings=features, store=at, jobs=JOBS, **given)


@pytest.fixture
def whole(paint: Paint, options: MakeOptions, tmp_path: Path) -> dict[str, bytes]:
    """What a run on one machine makes: the table and its list of files."""
    folder = paint({f"{number:02}.png": number % 3 for number in range(25)})
    (folder / "20.png").write_bytes(b"broken")
    label(options())
    found = {name: (tmp_path / name).read_bytes() for name in ("labels.csv", "labels.csv.files")}
    for path in tmp_path.glob("labels.csv*"):
        path.unlink()
    return found


def delivered(kept: Any) -> dict[str, bytes]:
    return {name.rpartition("/")[2]: kept.objects[name][0] for name in kept.names("s3://bucket/out/")}


def require_complete(kept: Any, whole: Mapping[str, bytes]) -> None:
    """The table is that of one machine, its sidecar speaks of it, and nothing of the job is left."""
    found = delivered(kept)
    meta = json.loads(found.pop("labels.csv.meta.json"))
    assert found == whole
    assert meta["rows"] == 25
    assert kept.names("s3://bucket/jobs/") == []


def lose_and_complete(on: MakeOptions, kept: Any, whole: Mapping[str, bytes], number: int, *, is_after: bool) -> None:
    """Lose the machine at a request, and complete the job on another one."""
    kept.objects.clear()
    kept.reset(number, is_after=is_after)
    with contextlib.suppress(kept.LostError):
        label(on(f"lost at {number} {is_after}"))
    found = delivered(kept)
    found.pop("labels.csv.meta.json", None)
    assert found.items() <= whole.items()
    left = [name for name in kept.names(str(JOBS)) if "/locks/" not in name]
    kept.reset()
    if not left and len(delivered(kept)) == 3:
        # It was lost after its last step.
        with pytest.raises(OutputError, match=r"labels\.csv exists"):
            label(on("another at last"))
        return
    label(on(f"another after {number} {is_after}"))
    require_complete(kept, whole)


AT = [
    ("put JOB/job.json", 1), ("put begun.json", 1), ("put JOB/shards/000001.json", 1), ("put table.json", 1),
    ("put labels.csv", 1), ("remove begun.json", 2), ("remove table.json", 2),
]  # fmt: skip


def test_a_job_goes_on_after_its_machine_was_lost_at_any_step(
    whole: dict[str, bytes], on: MakeOptions, kept: Any
) -> None:
    label(on("first"))
    require_complete(kept, whole)
    name = next(what.split()[1].split("/")[0] for what in kept.requests if "job.json" in what)
    asked = [what.replace(name, "JOB") for what in kept.requests]
    for what, time in AT:
        number = [number for number, each in enumerate(asked, 1) if each == what][time - 1]
        lose_and_complete(on, kept, whole, number, is_after=True)


@pytest.mark.slow
def test_a_job_goes_on_after_its_machine_was_lost_at_any_request(
    whole: dict[str, bytes], on: MakeOptions, kept: Any
) -> None:
    label(on("first"))
    requests = len(kept.requests)
    for number in range(1, requests + 1):
        for is_after in (False, True):
            lose_and_complete(on, kept, whole, number, is_after=is_after)


def test_parts_of_machines_without_a_common_disk_make_the_table_of_one(
    whole: dict[str, bytes], on: MakeOptions, kept: Any, machine: Callable[[str], Path]
) -> None:
    rows = []
    for number in (3, 1, 2):
        rows.append(label_part(on(f"machine {number}", part=Part(number, 3))))
        assert not list((machine(f"machine {number}") / "jobs").rglob("*")), "what the store has is not kept twice"
        assert not [name for name in kept.names() if "/locks/" in name]
    assert sum(rows) == 25
    merge_on(machine, "another")
    require_complete(kept, whole)


def test_parts_that_are_missing_are_named_and_one_run_does_the_rest(
    whole: dict[str, bytes], on: MakeOptions, kept: Any, machine: Callable[[str], Path]
) -> None:
    label_part(on("one", part=Part(2, 2)))
    with pytest.raises(OutputError, match=r"labels.csv: 12 of 25 rows are not done yet: rows 0 to 12"):
        merge_on(machine, "another")
    said: list[str] = []
    kept.requests.clear()
    label(on("another"), reporter=Reporter(said.append, bars=False))
    assert sum(what.endswith(".rows") and what.startswith("put") for what in kept.requests) == 1
    assert any("13 of 25 rows are done" in line for line in said)
    require_complete(kept, whole)


@pytest.mark.parametrize("ending", ["rows", "json"])
def test_a_shard_that_was_damaged_in_the_store_is_labeled_anew(
    whole: dict[str, bytes], on: MakeOptions, kept: Any, ending: str
) -> None:
    label_part(on("one", part=Part(1, 1)))
    (name,) = [name for name in kept.names() if name.endswith(f"000000.{ending}")]
    kept.objects[name] = (b"damaged", "other", kept.now)
    label(on("another"))
    require_complete(kept, whole)


def test_another_job_than_the_one_in_the_store_is_refused(
    whole: dict[str, bytes], on: MakeOptions, kept: Any, tmp_path: Path
) -> None:
    label_part(on("one", part=Part(1, 2)))
    with pytest.raises(OutputError, match=r"labels.csv belongs to another job that is under way: .*topk"):
        label(on("another", rows=RowOptions(topk=2)))
    label(on("another", rows=RowOptions(topk=2), restart=True))
    assert b"top2_label" in delivered(kept)["labels.csv"]
    assert kept.names(str(JOBS)) == []


def test_of_a_restart_no_shard_of_the_earlier_job_is_taken(whole: dict[str, bytes], on: MakeOptions, kept: Any) -> None:
    label_part(on("one", part=Part(1, 2)))
    for name in kept.names():
        if name.endswith(".rows"):
            kept.objects[name] = (b"of an earlier job", "other", kept.now)
    kept.reset()
    label(on("another", restart=True))
    require_complete(kept, whole)


def test_a_job_of_a_later_version_is_refused(whole: dict[str, bytes], on: MakeOptions, kept: Any) -> None:
    label_part(on("one", part=Part(1, 2)))
    (name,) = [name for name in kept.names() if name.endswith("begun.json")]
    content = json.loads(kept.objects[name][0])
    kept.objects[name] = (json.dumps({**content, "format": 2}).encode(), "other", kept.now)
    with pytest.raises(OutputError, match=r"begun.json: cannot be read: a later FashionBatch wrote it"):
        label(on("another"))


def test_a_name_that_leads_out_of_the_job_is_refused(whole: dict[str, bytes], on: MakeOptions, kept: Any) -> None:
    label_part(on("one", part=Part(1, 2)))
    (name,) = [name for name in kept.names() if name.endswith("begun.json")]
    content = json.loads(kept.objects[name][0])
    content["files"]["../../labels"] = content["files"]["manifest"]
    kept.objects[name] = (json.dumps(content).encode(), "other", kept.now)
    with pytest.raises(OutputError, match=r"begun.json: is damaged"):
        label(on("another"))


def test_of_two_runs_that_begin_a_job_the_first_wins(
    whole: dict[str, bytes], on: MakeOptions, kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = JobFolder.upload

    def upload_later(self: Any, file: Path, path: str, note: Path) -> None:
        upload(self, file, path, note)
        if path.endswith("job.json"):
            kept.objects[f"{self.url}/begun.json"] = (b"{}", "other", kept.now)

    monkeypatch.setattr(JobFolder, "upload", upload_later)
    with pytest.raises(OutputError, match=r"another run has begun the job in .* meanwhile"):
        label_part(on("one", part=Part(1, 2)))
    left = [name.removeprefix(f"{JOBS}/").partition("/")[2] for name in kept.names(str(JOBS))]
    assert left == ["begun.json"]


def test_a_store_without_conditions_is_told_of_and_leases_alone_protect(
    whole: dict[str, bytes], on: MakeOptions, kept: Any, quick_leases: None
) -> None:
    kept.heeds_conditions = False
    said: list[str] = []
    label(on("one"), reporter=Reporter(said.append, bars=False))
    assert any("leases alone keep other runs of this job away" in line for line in said)
    require_complete(kept, whole)
    kept.objects.clear()
    kept.knows_conditions = False
    label(on("other"), reporter=Reporter(said.append, bars=False))
    require_complete(kept, whole)


def test_a_run_that_another_one_has_taken_over_from_ends_and_spoils_nothing(
    whole: dict[str, bytes], on: MakeOptions, kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = StoredShards.put

    def put_late(self: Any, shard: int, contents: Mapping[Path, bytes]) -> None:
        put(self, shard, contents)
        if shard == 1:
            (name,) = [name for name in kept.names() if name.endswith("locks/all")]
            record = json.loads(kept.objects[name][0])
            kept.objects[name] = (json.dumps({**record, "owner": "f" * 16, "session": "0"}).encode(), "o", kept.now)

    monkeypatch.setattr(StoredShards, "put", put_late)
    with pytest.raises(OutputError, match=r"the job in s3://bucket/jobs/\w+ was taken over by another run"):
        label(on("one"))
    assert delivered(kept) == {}
    monkeypatch.undo()


def test_answers_that_are_lost_after_the_store_has_written_change_nothing(
    whole: dict[str, bytes], on: MakeOptions, kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = JobFolder.write

    def write_unheard(self: Any, path: str, content: bytes, over: Any, **asked: Any) -> Any:
        write(self, path, content, over, **asked)
        return write(self, path, content, over, **asked)

    monkeypatch.setattr(JobFolder, "write", write_unheard)
    label(on("one"))
    require_complete(kept, whole)


def test_what_another_run_has_put_into_the_store_first_stands(
    whole: dict[str, bytes], on: MakeOptions, kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = StoredShards.put

    def put_second(self: Any, shard: int, contents: Mapping[Path, bytes]) -> None:
        put(self, shard, contents)
        # As of a machine on which something has taken too long.
        put(self, shard, {path: content.replace(b"ok", b"no") for path, content in contents.items()})

    monkeypatch.setattr(StoredShards, "put", put_second)
    label(on("one"))
    require_complete(kept, whole)


def test_what_a_lost_run_has_put_beside_rows_that_it_did_not_come_to_is_replaced(
    whole: dict[str, bytes], on: MakeOptions, kept: Any
) -> None:
    label_part(on("one", part=Part(1, 1)))
    for name in kept.names():
        if name.endswith("000001.rows"):
            del kept.objects[name]
        elif name.endswith("000001.json"):
            kept.objects[name] = (b"{}", "other", kept.now)
    label(on("another"))
    require_complete(kept, whole)


def test_a_store_that_is_out_of_order_for_minutes_costs_time_alone(
    whole: dict[str, bytes], on: MakeOptions, kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    def pause(self: Any, seconds: float) -> None:
        pauses.append(seconds)
        if sum(pauses) > 300:
            kept.put_fault = None

    monkeypatch.setattr(JobFolder, "wait", pause)
    kept.put_fault = StoreFaultError("passing", "SlowDown: the store answered with status 503")
    label(on("one"))
    assert sum(pauses) > 300
    require_complete(kept, whole)


def test_another_folder_than_the_jobs_is_told_of(
    whole: dict[str, bytes], on: MakeOptions, kept: Any, tmp_path: Path
) -> None:
    label_part(on("one", part=Part(1, 2)))
    with pytest.raises(OutputError, match="belongs to another job that is under way: folder is"):
        label(on("another", folder=tmp_path))


def test_a_store_of_which_only_fsspec_knows_does_as_well(
    whole: dict[str, bytes], options: MakeOptions, machine: Callable[[str], Path], quick_leases: None
) -> None:
    system = fsspec.filesystem("memory")
    system.store.clear()
    at, jobs = Url("memory://out/labels.csv"), Url("memory://jobs")
    for number in (1, 2):
        machine(f"machine {number}")
        table, _, _ = made_at(at, None, jobs)
        made = options(part=Part(number, 2))
        label_part(replace(made, output=replace(made.output, table=table, store=at, job=jobs)))
    machine("another")
    assert read_status(at, jobs=jobs).done == 25
    merge(made_at(at, None, jobs)[0], store=at, jobs=jobs)
    assert system.cat_file("/out/labels.csv") == whole["labels.csv"]
    assert [name for name in system.store if name.startswith("/jobs")] == []


def test_refused_credentials_are_one_line(whole: dict[str, bytes], on: MakeOptions, kept: Any) -> None:
    kept.refuses = StoreFaultError("denied", "AccessDenied: the store answered with status 403")
    with pytest.raises(OutputError, match=r"^the job in s3://bucket/jobs/\w+: AccessDenied: .* 403$"):
        label(on("one"))


def test_a_job_in_a_store_is_for_a_table_in_a_store(options: MakeOptions) -> None:
    with pytest.raises(FashionBatchError, match=r"--job is for a table in a store(.|\n)*s3://bucket/labels.csv"):
        made_at(Path("labels.csv"), None, JOBS)


def test_job_directories_are_not_joined_to_a_job_in_a_store(machine: Callable[[str], Path], tmp_path: Path) -> None:
    machine("one")
    with pytest.raises(OutputError, match="no other job directories are joined to it"):
        merge(made_at(TABLE, None, JOBS)[0], [tmp_path / "other.csv.job"], store=TABLE, jobs=JOBS)


def test_an_actor_on_a_node_of_its_own_fetches_the_job_and_commits_to_the_store(
    whole: dict[str, bytes], on: MakeOptions, kept: Any, tiny: Path
) -> None:
    label_part(on("driver", part=Part(1, 2)))
    function = ShardFunction(on("node", bundles=(tiny,)), lambda sent: pytest.fail("this process has not begun it"))
    elsewhere = pickle.loads(pickle.dumps(function))
    elsewhere.prepare(bundles=lambda: pytest.fail("the node sees the bundle"))
    elsewhere(1)
    assert sum(name.endswith(".rows") for name in kept.names()) == 2
    label(on("driver"))
    require_complete(kept, whole)


def test_features_come_from_all_machines(
    whole: dict[str, bytes], options: MakeOptions, on: MakeOptions, kept: Any, tmp_path: Path
) -> None:
    label(options(embeddings=tmp_path / "features.npy"))
    features = Url("s3://bucket/out/features.npy")
    for number in (1, 2):
        label_part(on(f"machine {number}", part=Part(number, 2), embeddings=features))
    table, here, at = made_at(TABLE, features, JOBS)
    merge(table, embeddings=here, store=at, jobs=JOBS)
    found = delivered(kept)
    assert found["features.npy"] == (tmp_path / "features.npy").read_bytes()
    assert found["labels.csv"] == whole["labels.csv"]


@pytest.mark.parametrize("kind", ["archive", "images"])
def test_what_the_scan_has_unpacked_is_there_on_every_machine(  # noqa: PLR0917
    paint: Paint, options: MakeOptions, on: MakeOptions, kept: Any, machine: Callable[[str], Path], kind: str
) -> None:
    folder = paint({f"{number:02}.png": number % 3 for number in range(25)})
    tmp_path = folder.parent
    if kind == "archive":
        given: dict[str, Any] = {"folder": Path(shutil.make_archive(str(tmp_path / "photos"), "gztar", folder))}
    else:
        parquet = pytest.importorskip("pyarrow.parquet", reason="needs fashionbatch[parquet]")
        import pyarrow as pa

        cells = [path.read_bytes() for path in sorted(folder.iterdir())]
        given = {"files_from": tmp_path / "list.parquet", "path_column": "jpg"}
        parquet.write_table(pa.table({"jpg": cells}), given["files_from"])
    label(options(**given))
    expected = (tmp_path / "labels.csv").read_bytes()
    label_part(on("one", part=Part(1, 2), **given))
    label_part(on("two", part=Part(2, 2), **given))
    merge_on(machine, "three")
    assert delivered(kept)["labels.csv"] == expected
