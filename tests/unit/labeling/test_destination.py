"""Tables that belong in a store: what is seen there at any moment, and who is first."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fashionbatch import disk
from fashionbatch.errors import InterruptedRunError, OutputError
from fashionbatch.labeling.job.staging import made_at, staged_table
from fashionbatch.labeling.job.status import read_status
from fashionbatch.labeling.merge import merge
from fashionbatch.labeling.options import LabelOptions, Part
from fashionbatch.labeling.run import label, label_part
from fashionbatch.progress import Reporter
from fashionbatch.stores.address import Url

fsspec = pytest.importorskip("fsspec", reason="needs fashionbatch[cloud]")

Paint = Callable[[Mapping[str, int]], Path]
MakeOptions = Callable[..., LabelOptions]
NAMES = ("labels.csv", "labels.csv.files", "labels.csv.meta.json")


class KilledError(BaseException):
    """In the place of SIGKILL: nothing in the package catches it."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of one test."""
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def store() -> Iterator[Any]:
    """The store in memory, empty."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


@pytest.fixture
def to_store(options: MakeOptions) -> MakeOptions:
    """Options of a run whose table belongs at an address: `to_store("memory://out/labels.csv", overwrite=True)`."""

    def make(url: str, embeddings: str | None = None, jobs: Path | None = None, **given: Any) -> LabelOptions:
        table, features, at = made_at(Url(url), None if embeddings is None else Url(embeddings), jobs)
        made = options(**given)
        return replace(made, output=replace(made.output, table=table, embeddings=features, store=at))

    return make


def content(store: Any, folder: str = "/out") -> dict[str, bytes]:
    """What is in a folder of the store: name -> bytes."""
    return {Path(path).name: store.cat_file(path) for path in store.ls(folder, detail=False)}


@pytest.fixture
def local(paint: Paint, options: MakeOptions, tmp_path: Path) -> dict[str, bytes]:
    """The table that a run on this machine makes of three photos, and its list of files."""
    paint({"a.png": 0, "b.png": 1, "sub/c.png": 2})
    label(options())
    found = {name: (tmp_path / name).read_bytes() for name in NAMES}
    for name in NAMES:
        (tmp_path / name).unlink()
    return found


def test_the_store_gets_what_a_local_run_makes_and_nothing_stays_here(
    local: dict[str, bytes], store: Any, to_store: MakeOptions, cache: Path
) -> None:
    lines: list[str] = []
    report = label(to_store("memory://out/labels.csv"), reporter=Reporter(lines.append, bars=False))
    found = content(store)
    assert sorted(found) == sorted(NAMES)
    assert [found[name] for name in NAMES[:2]] == [local[name] for name in NAMES[:2]]
    assert json.loads(found["labels.csv.meta.json"]) == report.meta
    assert report.meta["table"] == "labels.csv"
    assert report.meta["sha256"] == hashlib.sha256(found["labels.csv"]).hexdigest()
    assert list((cache / "jobs").iterdir()) == []
    assert any("memory://out/labels.csv" in line and str(cache / "jobs") in line for line in lines)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_there_is_refused_before_anything_is_done(
    local: dict[str, bytes], store: Any, to_store: MakeOptions, cache: Path, name: str
) -> None:
    store.pipe_file(f"/out/{name}", b"old")
    with pytest.raises(OutputError, match=f"^memory://out/{name} exists\n"):
        label(to_store("memory://out/labels.csv"))
    assert content(store) == {name: b"old"}
    assert list((cache / "jobs").iterdir()) == []


def test_overwrite_replaces_what_is_there(local: dict[str, bytes], store: Any, to_store: MakeOptions) -> None:
    for name in NAMES:
        store.pipe_file(f"/out/{name}", b"old")
    label(to_store("memory://out/labels.csv", overwrite=True))
    assert content(store)["labels.csv"] == local["labels.csv"]
    assert b"old" not in content(store).values()


@pytest.fixture
def not_uploaded(
    store: Any, to_store: MakeOptions, cache: Path, monkeypatch: pytest.MonkeyPatch, local: dict[str, bytes]
) -> Callable[[], None]:
    """Bring about that a complete table is here and nothing of it in the store, as often as it is called."""

    def step(name: str, path: Path) -> None:
        if name == "upload":
            raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(disk.steps, "step", step)
        with pytest.raises(KilledError):
            label(to_store("memory://out/labels.csv"))
    kept = shutil.copytree(cache, cache.with_name("kept"))

    def bring_about() -> None:
        store.store.clear()
        shutil.rmtree(cache)
        shutil.copytree(kept, cache)

    return bring_about


def test_a_kill_before_any_step_of_uploading_is_completed_by_the_same_command(
    local: dict[str, bytes],
    not_uploaded: Callable[[], None],
    store: Any,
    to_store: MakeOptions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps: list[str] = []
    monkeypatch.setattr(disk.steps, "step", lambda name, path: steps.append(f"{name} {path.name}"))
    label(to_store("memory://out/labels.csv"))
    whole = list(steps)
    assert [step for step in whole if step.startswith("upload ")] == [
        "upload labels.csv.files", "upload labels.csv", "upload labels.csv.meta.json",
    ]  # fmt: skip

    def kill(name: str, path: Path) -> None:
        steps.append(f"{name} {path.name}")
        if len(steps) > fatal:
            raise KilledError

    for fatal, step in enumerate(whole):
        if step == "remove lock":
            # A process that is killed lets go of it, which an exception does not.
            continue
        not_uploaded()
        steps.clear()
        monkeypatch.setattr(disk.steps, "step", kill)
        with pytest.raises(KilledError):
            label(to_store("memory://out/labels.csv"))
        seen = content(store) if store.exists("/out") else {}
        assert all(seen[name] == local[name] for name in NAMES[:2] if name in seen), step
        monkeypatch.setattr(disk.steps, "step", lambda name, path: None)
        if fatal > whole.index("remove lock"):
            # It was killed after the job was removed: all is there, and refused as any other table.
            with pytest.raises(OutputError, match="exists"):
                label(to_store("memory://out/labels.csv"))
        else:
            label(to_store("memory://out/labels.csv"))
        found = content(store)
        assert [found[name] for name in NAMES[:2]] == [local[name] for name in NAMES[:2]], step
        assert json.loads(found["labels.csv.meta.json"])["rows"] == 3
        assert not staged_table(Url("memory://out/labels.csv")).parent.exists(), step


def test_of_two_writers_the_first_one_wins_and_the_other_keeps_its_table(
    local: dict[str, bytes], store: Any, to_store: MakeOptions, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(name: str, path: Path) -> None:
        if name == "upload" and path.name == "labels.csv":
            store.pipe_file("/out/labels.csv", b"theirs")

    monkeypatch.setattr(disk.steps, "step", step)
    with pytest.raises(OutputError, match=r"out/labels\.csv exists: another run has written it meanwhile") as raised:
        label(to_store("memory://out/labels.csv"))
    assert store.cat_file("/out/labels.csv") == b"theirs"
    assert raised.value.hint is not None
    kept = staged_table(Url("memory://out/labels.csv"))
    assert str(kept.parent) in raised.value.hint
    assert kept.read_bytes() == local["labels.csv"]
    monkeypatch.setattr(disk.steps, "step", lambda name, path: None)
    label(to_store("memory://out/labels.csv", overwrite=True))
    assert store.cat_file("/out/labels.csv") == local["labels.csv"]
    assert list((cache / "jobs").iterdir()) == []


def test_a_signal_while_it_is_uploaded_leaves_it_to_the_next_run(
    local: dict[str, bytes], store: Any, to_store: MakeOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(disk.steps, "step", lambda name, path: asked.append(f"{name} {path.name}"))
    with pytest.raises(InterruptedRunError, match=r"while memory://out/labels\.csv was uploaded"):
        label(to_store("memory://out/labels.csv"), stop_signal=lambda: 2 if "upload labels.csv" in asked else 0)
    assert sorted(content(store)) == ["labels.csv.files"]
    label(to_store("memory://out/labels.csv"))
    assert content(store)["labels.csv"] == local["labels.csv"]


def test_another_command_does_not_discard_a_table_that_was_not_uploaded(
    not_uploaded: Callable[[], None], store: Any, to_store: MakeOptions
) -> None:
    not_uploaded()
    with pytest.raises(OutputError, match="made by another command, waits in"):
        label(to_store("memory://out/labels.csv", limit=1))
    label(to_store("memory://out/labels.csv", limit=1, overwrite=True))
    assert store.cat_file("/out/labels.csv").count(b"\n") == 2


def test_parts_are_joined_into_the_store_and_status_tells_of_them(
    local: dict[str, bytes], store: Any, to_store: MakeOptions, tmp_path: Path, cache: Path
) -> None:
    url = Url("memory://out/labels.csv")
    jobs = tmp_path / "jobs"
    for number in (1, 2):
        label_part(to_store(url.text, jobs=jobs, part=Part(number, 2)))
    assert read_status(url, jobs=jobs).done == 3
    table, features, at = made_at(url, None, jobs)
    report = merge(table, embeddings=features, store=at)
    assert report.sidecar.rows == 3
    assert content(store)["labels.csv"] == local["labels.csv"]
    assert list(jobs.iterdir()) == []
    assert read_status(url, jobs=jobs).state == "complete"
    with pytest.raises(OutputError, match=r"^memory://out/labels\.csv: there is no job directory for it"):
        merge(table, store=at)


@pytest.mark.parametrize(
    ("table", "embeddings", "message"),
    [
        ("memory://out/", None, "names no table"),
        ("https://example.org/labels.csv", None, "names no table"),
        ("memory://out/labels.csv", "memory://elsewhere/features.npy", "lie beside it"),
        ("memory://out/labels.csv", "features.npy", "lie beside it"),
    ],
)
def test_places_that_cannot_be_are_refused(table: str, embeddings: str | None, message: str) -> None:
    given = None if embeddings is None else Url(embeddings) if "://" in embeddings else Path(embeddings)
    with pytest.raises(OutputError, match=message):
        made_at(Url(table), given, None)
