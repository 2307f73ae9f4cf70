"""Whole runs on a Ray cluster of two nodes with one core each."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fashionbatch.errors import InterruptedRunError
from fashionbatch.labeling.job import shards
from fashionbatch.labeling.options import LabelOptions, OutputOptions, SourceOptions, WorkOptions
from fashionbatch.labeling.products.options import RowOptions
from fashionbatch.labeling.run import LABELING, label
from fashionbatch.progress import Advance, Reporter
from fashionbatch.testing.bundles import class_colour, make_tiny_bundle

ray = pytest.importorskip("ray", reason="needs pip install 'fashionbatch[ray]'")

HERE = Path(__file__).parent
PHOTOS = 95
NODE = {"num_cpus": 1, "object_store_memory": 80 << 20, "node_ip_address": "127.0.0.1"}
# A decoder that waits tells whether a run is in its middle; the other one has files that kill.
LEISURELY = "deadly_decoders:decode_at_leisure"
SLOW, DEADLY = "deadly_decoders:decode_slowly", "deadly_decoders:decode_into"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    import ray._private.services
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(HERE))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        # Everything stays on the loopback interface: Ray itself would make the machine's own address of 127.0.0.1.
        patch.setattr(ray._private.services, "get_node_ip_address", lambda *_: "127.0.0.1")
        cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
        cluster.add_node(**NODE)
        yield cluster
        cluster.shutdown()


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Painted photos, one of them broken, in shards of about ten."""
    monkeypatch.setattr(shards, "SMALLEST", 10)
    monkeypatch.setattr(shards, "_CELLS", 10)
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(PHOTOS):
        Image.new("RGB", (8, 8), class_colour(number % 3, 3)).save(folder / f"{number:02}.png")
    (folder / "50.png").write_bytes(b"broken")
    return folder


@pytest.fixture
def gate(photos: Path, tmp_path: Path) -> Path:
    """A file that is not there: until it is, the slow decoder waits at more than half of the photos.

    However late a test does something to a run, no more was labeled before it.
    """
    gate, text = tmp_path / "gate", PngInfo()
    text.add_text("decoder", f"waits for {gate};")
    for path in sorted(photos.iterdir())[40:]:
        if path.name != "50.png":
            with Image.open(path) as photo:
                photo.save(path, pnginfo=text)
    return gate


@pytest.fixture
def options(photos: Path, tmp_path: Path) -> LabelOptions:
    return LabelOptions(
        bundles=(make_tiny_bundle(tmp_path / "tiny"),),
        source=SourceOptions(photos),
        output=OutputOptions(tmp_path / "labels.csv"),
        work=WorkOptions(workers=1),
    )


class Told(Reporter):
    """A reporter that keeps the lines and counts the rows.

    Args:
        then: called once, when the first rows are told of.
    """

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.lines: list[str] = []
        super().__init__(self.lines.append, bars=False)
        self.rows = 0
        self._then = [then]

    @contextmanager
    def bar(self, title: str, total: int | None, unit: str, /, *, before: int = 0) -> Iterator[Advance]:
        def advance(done: int, figures: Mapping[str, float] | None = None) -> None:
            if title == LABELING:
                self.rows = done - before
                if self._then:
                    self._then.pop()()

        yield advance


def on_ray(
    options: LabelOptions, cluster: Any, decoder: str = SLOW, *settings: str, here: bool = False
) -> LabelOptions:
    """On actors alone, unless the process of the test is to label, too."""
    settings = (f"address={cluster.address}", f"here={here}", *settings)
    return replace(options, work=replace(options.work, engine="ray", settings=settings, decoder=decoder))


def into(options: LabelOptions, table: Path) -> LabelOptions:
    embeddings = options.output.embeddings and table.with_suffix(".npy")
    return replace(options, output=replace(options.output, table=table, embeddings=embeddings))


def here(options: LabelOptions, tmp_path: Path) -> tuple[bytes, bytes]:
    """What the local engine makes."""
    return made(into(options, tmp_path / "here.csv"))


def made(options: LabelOptions) -> tuple[bytes, bytes]:
    label(options)
    return read(options)


def read(options: LabelOptions) -> tuple[bytes, bytes]:
    embeddings = options.output.embeddings
    return options.output.table.read_bytes(), embeddings.read_bytes() if embeddings else b""


def test_a_node_that_is_killed_in_mid_run_costs_no_row(
    cluster: Any, options: LabelOptions, gate: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def kill() -> None:
        cluster.remove_node(doomed, allow_graceful=False)
        gate.touch()

    doomed = cluster.add_node(**NODE)
    told = Told(kill)
    label(on_ray(options, cluster), reporter=told)
    assert capfd.readouterr() == ("", ""), "Ray itself says nothing"
    assert told.rows == PHOTOS
    assert read(options) == here(options, tmp_path)
    assert told.lines[-1].startswith("ray: 2 actors on 2 nodes; the slowest, on ")


@pytest.mark.slow
def test_the_command_itself_labels_too_and_nobody_could_tell(
    cluster: Any, options: LabelOptions, tmp_path: Path
) -> None:
    told = Told()
    label(on_ray(options, cluster, here=True), reporter=told)
    assert told.rows == PHOTOS
    assert read(options) == here(options, tmp_path)


@pytest.mark.slow
def test_a_file_that_kills_every_actor_is_a_row_of_its_own_and_costs_no_other(
    cluster: Any, options: LabelOptions, photos: Path, tmp_path: Path
) -> None:
    expected = here(options, tmp_path)[0].splitlines()
    deadly = next(number for number, line in enumerate(expected) if line.startswith(b"42.png,"))
    (photos / "42.png").write_bytes(b"kill the actor")
    told = Told()
    label(on_ray(options, cluster, DEADLY, "tries=1"), reporter=told)
    lines = read(options)[0].splitlines()
    assert b",crashed," in lines[deadly]
    assert b"ProcessCrash: every process that was given this file has died" in lines[deadly]
    assert [*lines[:deadly], *lines[deadly + 1 :]] == [*expected[:deadly], *expected[deadly + 1 :]]
    assert told.rows == PHOTOS
    assert "looking for the file that does it" in "".join(told.lines)


def test_a_run_that_is_stopped_goes_on_with_the_other_engine(
    cluster: Any, options: LabelOptions, gate: Path, tmp_path: Path
) -> None:
    def stop_signal(began: Path) -> int:
        if not any(began.glob("*.rows")):
            return 0
        gate.touch()
        return signal.SIGTERM

    expected = here(options, tmp_path)
    other = on_ray(options, cluster)
    for begins, then in [(other, options), (options, other)]:
        gate.unlink(missing_ok=True)
        table = tmp_path / f"{begins.work.engine}.csv"
        first = into(replace(begins, work=replace(begins.work, decoder=SLOW)), table)
        began = Path(f"{first.output.table}.job/shards")
        with pytest.raises(InterruptedRunError):
            label(first, stop_signal=partial(stop_signal, began))
        done = len(list(began.glob("*.rows")))
        assert 0 < done < 8
        assert made(into(then, first.output.table)) == expected


def test_a_signal_does_what_it_did_before_there_was_a_ray(
    cluster: Any, options: LabelOptions, capfd: pytest.CaptureFixture[str]
) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        label(on_ray(options, cluster), reporter=Told(lambda: os.kill(os.getpid(), signal.SIGTERM)))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]
    assert capfd.readouterr() == ("", ""), "Ray would say that it has crashed, and have it aborted"


@pytest.mark.slow
@pytest.mark.parametrize("what", ["two bundles", "embeddings", "topk"])
def test_whatever_is_made_is_the_same_bytes(cluster: Any, options: LabelOptions, tmp_path: Path, what: str) -> None:
    if what == "two bundles":
        options = replace(options, bundles=(*options.bundles, make_tiny_bundle(tmp_path / "other", name="other")))
    elif what == "embeddings":
        options = replace(options, output=replace(options.output, embeddings=tmp_path / "labels.npy"))
    else:
        options = replace(options, rows=RowOptions(topk=3))
    doomed = cluster.add_node(**NODE)
    label(on_ray(options, cluster), reporter=Told(lambda: cluster.remove_node(doomed, allow_graceful=False)))
    assert read(options) == here(options, tmp_path)


@pytest.mark.slow
def test_a_node_of_another_kind_is_left_out_by_name(cluster: Any, options: LabelOptions, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import fashionbatch.inference.cpu as cpu\ncpu.cpu_flags = lambda: frozenset({'avx'})\n"
    )
    other = cluster.add_node(**NODE, env_vars={"PYTHONPATH": f"{site}:{HERE}"})
    told = Told()
    try:
        label(on_ray(options, cluster), reporter=told)
    finally:
        cluster.remove_node(other)
    assert read(options) == here(options, tmp_path)
    assert any("is left out: other rows would be computed here: compute.instruction_set" in x for x in told.lines)


@pytest.mark.slow
def test_a_node_that_joins_in_mid_run_gets_an_actor(cluster: Any, options: LabelOptions, tmp_path: Path) -> None:
    joined: list[Any] = []
    told = Told(lambda: joined.append(cluster.add_node(**NODE)))
    try:
        label(on_ray(options, cluster, LEISURELY), reporter=told)
    finally:
        for node in joined:
            cluster.remove_node(node)
    assert told.lines[-1].startswith("ray: 3 actors on 3 nodes; the slowest, on ")
    assert read(options) == here(options, tmp_path)


HEAD = """
import json, os, sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 80 << 20})
cluster.add_node(num_cpus=1, object_store_memory=80 << 20)
of_head = [each.process.pid for kind in cluster.head_node.all_processes.values() for each in kind]
print(json.dumps({"address": cluster.address, "head": of_head}), flush=True)
sys.stdin.read()
cluster.shutdown()
"""


RUN = """
import pickle, sys
from fashionbatch.errors import FashionBatchError
from fashionbatch.labeling.job import shards
from fashionbatch.labeling.run import label
shards.SMALLEST = shards._CELLS = 10
try:
    label(pickle.load(open(sys.argv[1], "rb")))
except FashionBatchError as error:
    print(error.message)
    sys.exit(error.exit_code)
"""


@contextmanager
def cluster_elsewhere() -> Iterator[tuple[str, list[int]]]:
    """A cluster of another process: its address, and the processes of its head."""
    cluster = subprocess.Popen(
        [sys.executable, "-c", HEAD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(HERE), "RAY_USAGE_STATS_ENABLED": "0"},
        start_new_session=True,
    )
    assert cluster.stdout is not None
    known = json.loads(cluster.stdout.readline())
    try:
        yield known["address"], known["head"]
    finally:
        os.killpg(cluster.pid, signal.SIGKILL)
        for pid in known["head"]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        cluster.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_head_that_is_lost_ends_the_run_in_one_line_and_costs_no_shard(
    options: LabelOptions, tmp_path: Path, number: signal.Signals
) -> None:
    begun = Path(f"{options.output.table}.job/shards")
    with cluster_elsewhere() as (address, head):
        work = replace(options.work, engine="ray", settings=(f"address={address}", "here=false"))
        asked = replace(options, work=replace(work, decoder="deadly_decoders:decode_for_ages"))
        (tmp_path / "options").write_bytes(pickle.dumps(asked))
        run = subprocess.Popen(
            [sys.executable, "-c", RUN, tmp_path / "options"],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(HERE)},
            text=True,
        )
        while run.poll() is None and not any(begun.glob("*.rows")):
            time.sleep(0.02)
        for pid in head:
            os.kill(pid, number)
        said, _ = run.communicate(timeout=120)
    assert run.returncode == 1
    assert said.startswith(f"lost Ray's head at {address}: ")
    assert said.count("\n") == 1
    assert not options.output.table.exists()
    assert made(options) == here(options, tmp_path)
