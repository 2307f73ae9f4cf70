"""Tables that are folders of parts in a store: those of a run on this machine, whole at any moment, and no others."""

from __future__ import annotations

import contextlib
import json
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from fashionbatch.errors import InterruptedRunError, OutputError
from fashionbatch.labeling.engine import ShardFunction
from fashionbatch.labeling.job.staging import made_at
from fashionbatch.labeling.job.status import read_status
from fashionbatch.labeling.merge import merge
from fashionbatch.labeling.options import LabelOptions, Part
from fashionbatch.labeling.products.sorting import sort_files
from fashionbatch.labeling.run import label, label_part
from fashionbatch.labels.parts import digest_of_table
from fashionbatch.labels.reader import read
from fashionbatch.stores.address import Url
from fashionbatch.stores.faults import StoreFaultError

pytest.importorskip("fsspec", reason="needs fashionbatch[cloud]")
pytest.importorskip("s3fs", reason="needs fashionbatch[cloud]")

Paint = Callable[[Mapping[str, int]], Path]
MakeOptions = Callable[..., LabelOptions]
TABLE, JOBS = Url("s3://bucket/out/labels.jsonl"), Url("s3://bucket/jobs")
PARTS = f"{TABLE}/part-"
META = f"{TABLE}.meta.json"
ROWS = 25

pytestmark = pytest.mark.usefixtures("small_shards")


@pytest.fixture
def on(options: MakeOptions, machine: Callable[[str], Path]) -> MakeOptions:
    """Options of a run on a machine: `on("one", jobs=JOBS, part=Part(1, 2))`."""

    def make(name: str, jobs: Url | None = None, **given: Any) -> LabelOptions:
        machine(name)
        table, _, at = made_at(TABLE, None, jobs)
        made = options(**{"partitioned": True, **given})
        return replace(made, output=replace(made.output, table=table, store=at, job=jobs))

    return make


def merge_on(machine: Callable[[str], Path], name: str, jobs: Url | None = None, **given: Any) -> Any:
    machine(name)
    table, _, at = made_at(TABLE, None, jobs)
    return merge(table, store=at, jobs=jobs, **given)


@dataclass
class Stored:
    """The store, and what the table in it has to be.

    Attributes:
        kept: what it holds.
        whole: the parts of a table made on this machine, by their addresses in the store, and its list of files.
        digest: of that table.
    """

    kept: Any
    whole: Mapping[str, bytes]
    digest: str

    def seen(self) -> dict[str, bytes]:
        return {name: self.kept.objects[name][0] for name in self.kept.names(str(TABLE))}

    def parts(self) -> list[str]:
        return [name.removeprefix(f"{TABLE}/") for name in self.kept.names(PARTS)]

    def put(self, name: str, content: bytes = b"old") -> None:
        self.kept.objects[name] = (content, content.hex(), self.kept.now)

    def require_complete(self) -> None:
        """The table is that of this machine, its sidecar speaks of it, and nothing of the job is left."""
        found = self.seen()
        meta = json.loads(found.pop(META))
        assert found == self.whole
        assert (meta["rows"], meta["table"], meta["sha256"]) == (ROWS, "labels.jsonl", self.digest)
        assert self.kept.names(str(JOBS)) == []


@pytest.fixture
def stored(paint: Paint, options: MakeOptions, tmp_path: Path, kept: Any) -> Stored:
    folder = paint({f"{number:02}.png": number % 3 for number in range(ROWS)})
    (folder / "20.png").write_bytes(b"broken")
    table = tmp_path / "here" / "labels.jsonl"
    table.parent.mkdir()
    label(options(output=table, partitioned=True))
    whole = {f"{TABLE}/{path.name}": path.read_bytes() for path in table.iterdir()}
    assert len(whole) == 2
    whole[f"{TABLE}.files"] = table.with_name("labels.jsonl.files").read_bytes()
    return Stored(kept, whole, digest_of_table(table))


@pytest.mark.parametrize("jobs", [None, JOBS])
def test_each_part_appears_as_its_shard_is_finished_and_the_sidecar_last(
    stored: Stored, on: MakeOptions, tmp_path: Path, jobs: Url | None
) -> None:
    ask = stored.kept.ask
    moments: list[dict[str, bytes]] = []

    def watch(what: str, *, is_done: bool) -> None:
        moments.append(stored.seen())
        ask(what, is_done=is_done)

    stored.kept.ask = watch
    label(on("one", jobs))
    for moment in moments:
        meta = moment.pop(META, None)
        assert moment.items() <= stored.whole.items()
        assert meta is None or moment == stored.whole
    parts = [sum(name.startswith(PARTS) for name in moment) for moment in moments]
    assert parts == sorted(parts)
    assert set(parts) == {0, 1, 2}
    assert not [what for what in stored.kept.requests if what.startswith("get labels.jsonl/part")], (
        "nothing is read again"
    )
    stored.require_complete()
    assert not [path for path in (tmp_path / "one" / "jobs").rglob("*") if path.is_file()]


def lose_and_complete(on: MakeOptions, stored: Stored, number: int, jobs: Url | None, **given: Any) -> None:
    """Lose the machine after a request; complete the job there, or on another one where the job lies in the store."""
    stored.kept.reset(number, is_after=True)
    with contextlib.suppress(stored.kept.LostError):
        label(on(f"lost at {number}", jobs, **given))
    left = [name for name in stored.kept.names(str(JOBS)) if "/locks/" not in name]
    is_over = jobs is not None and not left and META in stored.kept.objects
    stored.kept.reset()
    if is_over and "overwrite" not in given:
        with pytest.raises(OutputError, match="exists"):
            label(on("another", jobs, **given))
        return
    label(on(f"lost at {number}" if jobs is None else f"after {number}", jobs, **given))
    stored.require_complete()


def lose_after(
    wanted: Callable[[str], bool],
    on: MakeOptions,
    stored: Stored,
    jobs: Url | None,
    **given: Any,
) -> int:
    """Lose the machine after each of some requests of a run and complete what it has begun; gives their number."""

    def earlier() -> None:
        stored.kept.objects.clear()
        for name in (META, f"{PARTS}000000.jsonl", f"{PARTS}000007.jsonl") if given else ():
            stored.put(name)

    earlier()
    stored.kept.reset()
    label(on("first", jobs, **given))
    numbers = [number for number, what in enumerate(stored.kept.requests, 1) if wanted(what)]
    for number in numbers:
        earlier()
        lose_and_complete(on, stored, number, jobs, **given)
    return len(numbers)


def test_a_machine_that_is_lost_at_a_part_loses_no_row(stored: Stored, on: MakeOptions) -> None:
    at = {"put labels.jsonl/part-000000.jsonl", "put labels.jsonl.files"}
    assert lose_after(at.__contains__, on, stored, None) == 2


def test_another_machine_goes_on_with_a_folder_that_is_being_replaced(stored: Stored, on: MakeOptions) -> None:
    at = {"remove labels.jsonl/part-000000.jsonl", "put labels.jsonl/part-000001.jsonl"}
    assert lose_after(at.__contains__, on, stored, JOBS, overwrite=True) == 2


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [None, JOBS])
@pytest.mark.parametrize("given", [{}, {"overwrite": True}])
def test_a_machine_that_is_lost_at_any_change_loses_no_row(
    stored: Stored,
    on: MakeOptions,
    jobs: Url | None,
    given: Mapping[str, Any],
) -> None:
    assert lose_after(lambda what: what.startswith(("put", "remove")), on, stored, jobs, **given) >= 4


@pytest.mark.parametrize("jobs", [None, JOBS])
def test_runs_that_share_the_job_fill_one_folder_and_merge_completes_it(
    stored: Stored, on: MakeOptions, machine: Callable[[str], Path], jobs: Url | None
) -> None:
    label_part(on("one", jobs, part=Part(2, 2)))
    assert [name for name in stored.seen() if name.startswith(PARTS)] == [f"{PARTS}000001.jsonl"]
    assert (read_status(TABLE, jobs=jobs).state, META in stored.kept.objects) == ("stopped", False)
    label_part(on("one" if jobs is None else "two", jobs, part=Part(1, 2)))
    # What somebody has removed, and what is none of the table's.
    del stored.kept.objects[f"{PARTS}000001.jsonl"]
    stored.put(f"{PARTS}000009.jsonl")
    with pytest.raises(OutputError, match=r"part-000009\.jsonl: another run has written it meanwhile\n.*--overwrite"):
        merge_on(machine, "one", jobs)
    merge_on(machine, "one", jobs, overwrite=True)
    stored.require_complete()


def test_jobs_of_other_machines_are_joined_to_a_folder_in_the_store(
    stored: Stored, options: MakeOptions, machine: Callable[[str], Path], tmp_path: Path
) -> None:
    directories = []
    for number in (1, 2):
        table = tmp_path / f"machine{number}" / "labels.jsonl"
        table.parent.mkdir()
        label_part(options(output=table, partitioned=True, part=Part(number, 2)))
        directories.append(table.with_name("labels.jsonl.job"))
    merge_on(machine, "one", others=directories)
    stored.require_complete()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("labels.jsonl", r"^s3://bucket/out/labels\.jsonl is no folder; with --partitioned"),
        ("labels.jsonl/photo.jpg", r"labels\.jsonl holds other files than parts of a table, such as 'photo\.jpg'"),
        ("labels.jsonl/sub/part-000000.jsonl", r"holds other files than parts .* 'sub/part-000000\.jsonl'"),
        ("labels.jsonl/part-000000.jsonl", r"^s3://bucket/out/labels\.jsonl exists\n.*--overwrite"),
        ("labels.jsonl.meta.json", r"^s3://bucket/out/labels\.jsonl\.meta\.json exists"),
    ],
)
def test_what_is_there_is_refused_before_anything_is_done(
    stored: Stored, on: MakeOptions, name: str, message: str
) -> None:
    stored.put(f"s3://bucket/out/{name}")
    for overwrite in (False, True):
        if overwrite and "exists" in message:
            continue
        with pytest.raises(OutputError, match=message):
            label(on("one", overwrite=overwrite))
    assert list(stored.kept.objects) == [f"s3://bucket/out/{name}"]
    assert not [what for what in stored.kept.requests if what.split()[0] in {"put", "remove"}]


def test_an_object_that_stands_for_the_folder_and_a_marker_of_success_are_in_nobodys_way(
    stored: Stored, on: MakeOptions
) -> None:
    stored.put(f"{TABLE}/", b"")
    stored.put(f"{TABLE}/_SUCCESS", b"")
    label(on("one"))
    del stored.kept.objects[f"{TABLE}/"], stored.kept.objects[f"{TABLE}/_SUCCESS"]
    stored.require_complete()


def test_an_earlier_table_goes_when_the_run_begins_and_its_sidecar_first(stored: Stored, on: MakeOptions) -> None:
    for name in (META, f"{PARTS}000000.jsonl", f"{PARTS}000009.jsonl"):
        stored.put(name)
    label(on("one", overwrite=True))
    changes = [what for what in stored.kept.requests if what.split()[0] in {"put", "remove"}]
    assert changes[0] == "remove labels.jsonl.meta.json"
    assert changes.index("remove labels.jsonl/part-000009.jsonl") < changes.index("put labels.jsonl/part-000000.jsonl")
    stored.require_complete()


def test_rows_that_another_run_has_put_there_are_kept_unless_they_may_be_replaced(
    stored: Stored, on: MakeOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    label_part(on("one", part=Part(1, 2)))
    stored.put(f"{PARTS}000001.jsonl")
    with pytest.raises(OutputError, match=r"part-000001\.jsonl: another run has written it meanwhile"):
        label(on("one"))
    assert stored.kept.objects[f"{PARTS}000001.jsonl"][0] == b"old"
    label(on("one", overwrite=True))
    stored.require_complete()


def test_another_machine_is_told_that_runs_on_several_ones_need_a_job_in_the_store(
    stored: Stored, on: MakeOptions
) -> None:
    label_part(on("one", part=Part(1, 2)))
    with pytest.raises(OutputError, match=r"exists\n.*runs of one job on several machines need --job"):
        label_part(on("two", part=Part(2, 2)))
    assert list(stored.seen()) == [f"{PARTS}000000.jsonl"]


def test_a_restart_needs_no_overwriting_of_what_its_own_job_has_put_there(stored: Stored, on: MakeOptions) -> None:
    for jobs in (None, JOBS):
        label_part(on("one", jobs, part=Part(1, 2)))
        stored.put(f"{PARTS}000000.jsonl")
        label(on("one", jobs, restart=True))
        stored.require_complete()
        stored.kept.objects.clear()


def test_a_store_without_conditions_and_answers_that_are_lost_change_nothing(
    stored: Stored, on: MakeOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fashionbatch.labeling.job.stored.folder import JobFolder

    stored.kept.knows_conditions = False
    label(on("one"))
    stored.require_complete()
    stored.kept.objects.clear()
    stored.kept.knows_conditions = True
    write = JobFolder.write

    def write_unheard(self: Any, path: str, content: bytes, over: Any, **asked: Any) -> Any:
        write(self, path, content, over, **asked)
        return write(self, path, content, over, **asked)

    monkeypatch.setattr(JobFolder, "write", write_unheard)
    label(on("two", JOBS))
    stored.require_complete()


def test_what_another_run_has_finished_first_is_what_is_seen(
    stored: Stored, on: MakeOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fashionbatch.labeling.job.stored.shards import StoredShards

    put_shard = StoredShards.put

    def put_second(self: Any, shard: int, contents: Mapping[Path, bytes]) -> bool:
        put_shard(self, shard, contents)
        return put_shard(self, shard, contents)

    monkeypatch.setattr(StoredShards, "put", put_second)
    label(on("one", JOBS))
    stored.require_complete()


@pytest.mark.parametrize("jobs", [None, JOBS])
def test_a_process_elsewhere_puts_its_parts_there_itself(
    stored: Stored,
    on: MakeOptions,
    machine: Callable[[str], Path],
    tiny: Path,
    jobs: Url | None,
) -> None:
    label_part(on("one", jobs, part=Part(1, 2)))
    given = ShardFunction(on("one", jobs, bundles=(tiny,)), lambda sent: pytest.fail("this process has not begun it"))
    function = pickle.loads(pickle.dumps(given))
    machine("one" if jobs is None else "node")
    function(1)
    assert stored.kept.objects[f"{PARTS}000001.jsonl"][0] == stored.whole[f"{PARTS}000001.jsonl"]
    merge_on(machine, "one", jobs)
    stored.require_complete()


def test_a_store_that_takes_no_part_is_told_of_in_one_line_and_the_same_command_goes_on(
    stored: Stored, on: MakeOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_parts(
        stored, StoreFaultError("credentials", "ExpiredToken: the store answered with status 400"), monkeypatch
    )
    with pytest.raises(OutputError, match=r"^the table s3://bucket/out/labels\.jsonl: ExpiredToken: [^\n]*$"):
        label(on("one"))
    assert stored.seen() == {}
    monkeypatch.setattr(type(stored.kept.open(TABLE)), "_require_in_order", lambda *given: None)
    label(on("one"))
    stored.require_complete()


def test_a_signal_ends_the_waiting_for_a_store_that_takes_no_part(
    stored: Stored, on: MakeOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_parts(stored, StoreFaultError("passing", "SlowDown"), monkeypatch)
    with pytest.raises(InterruptedRunError):
        label(on("one"), stop_signal=lambda: 15 * any("/part-" in what for what in stored.kept.requests))
    monkeypatch.setattr(type(stored.kept.open(TABLE)), "_require_in_order", lambda *given: None)
    label(on("one"))
    stored.require_complete()


def refuse_parts(stored: Stored, fault: StoreFaultError, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store refuse what is written to the folder."""

    def refuse(self: Any, path: str) -> None:
        if "/part-" in path:
            self.kept.requests.append(f"refused {path}")
            raise fault

    monkeypatch.setattr(type(stored.kept.open(TABLE)), "_require_in_order", refuse)


def test_a_complete_table_is_there_for_whoever_sorts_the_photos(
    stored: Stored, on: MakeOptions, tmp_path: Path
) -> None:
    options = on("one")
    labels: list[str] = []

    def sort(sidecar: Any) -> None:
        from fashionbatch.labeling.job.paths import JobPaths

        sort_files(JobPaths(options.output.table), sidecar, tmp_path / "sorted", "link")
        labels.extend(path.name for path in (tmp_path / "sorted").iterdir())

    label(options, then=sort)
    assert sorted(labels) == ["blue", "green", "red"]
    stored.require_complete()


def test_failed_rows_are_labeled_again_and_the_folder_is_replaced(
    stored: Stored, on: MakeOptions, photos: Path
) -> None:
    label(on("one"))
    (photos / "20.png").write_bytes((photos / "23.png").read_bytes())
    label(on("two", previous=TABLE, retry_errors=True, overwrite=True))
    statuses = {
        json.loads(line)["status"]
        for name in stored.kept.names(PARTS)
        for line in stored.kept.objects[name][0].splitlines()
    }
    assert statuses == {"ok"}
    assert len(read(TABLE)) == ROWS
