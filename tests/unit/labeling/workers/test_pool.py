from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from fashionbatch.errors import FashionBatchError
from fashionbatch.labeling.workers import pool
from fashionbatch.labeling.workers.frames import FrameLayout, Frames
from fashionbatch.labeling.workers.launch import Launcher
from fashionbatch.labeling.workers.pool import WorkerPool, messages
from fashionbatch.labeling.workers.tasks import Chunk, Outcome, Task
from fashionbatch.specs import ImageSpec
from fashionbatch.stores.sources import folder_source

SPEC = ImageSpec(size=(2, 2))
PLACES = 32
MakePool = Callable[..., "Harness"]


class Harness:
    """A pool of workers with the decoder of `odd_decoders`, on a folder."""

    def __init__(self, folder: Path, count: int, timeout_s: float, memory_limit: int, decoder: str) -> None:
        self.folder = folder
        self.outcomes: dict[int, Outcome] = {}
        self.launcher = Launcher()
        self.pool = WorkerPool(count, self.launcher, timeout_s=timeout_s, memory_limit=memory_limit, decoder=decoder)
        self.frames = Frames(self.launcher.frame_file, FrameLayout((SPEC.shape,), 8, PLACES // 8, count), create=True)
        self.pool.configure(
            self.frames, source=folder_source(os.fsencode(folder)), specs=[SPEC.model_dump(mode="json")]
        )

    def task(self, place: int, text: str, name: str | None = None) -> Task:
        path = self.folder / (name or f"{place}.jpg")
        path.write_text(text)
        found = path.stat()
        return Task(place, os.fsencode(path.name), found.st_size, found.st_mtime_ns)

    def decode(self, *texts: str) -> list[tuple[str, str]]:
        """Status and error of files with these texts, decoded as one chunk."""
        return self.finish([self.task(place, text) for place, text in enumerate(texts)])

    def finish(self, tasks: Sequence[Task]) -> list[tuple[str, str]]:
        self.pool.put(tasks)
        outcomes = self.outcomes = {}
        while self.pool.busy:
            for outcome in self.pool.wait(10):
                assert outcome.place not in outcomes
                outcomes[outcome.place] = outcome
        return [(outcomes[task.place].status, outcomes[task.place].error) for task in tasks]

    def close(self) -> None:
        if not self.launcher.errors.closed:
            self.pool.close()
            self.launcher.close()


@pytest.fixture
def make_pool(photos: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakePool]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]), prepend=os.pathsep)
    made: list[Harness] = []

    def make(
        count: int = 1,
        timeout_s: float = 30,
        memory_limit: int = 1 << 30,
        decoder: str = "odd_decoders:decode_into",
    ) -> Harness:
        made.append(Harness(photos, count, timeout_s, memory_limit, decoder))
        return made[-1]

    yield make
    for harness in made:
        harness.close()


def test_pixels_are_in_shared_memory_when_the_outcome_is_there(make_pool: MakePool) -> None:
    harness = make_pool()
    assert harness.decode("paint 7", "paint 9") == [("ok", ""), ("ok", "")]
    assert harness.frames.images[0][:2, 0, 0, 0].tolist() == [7, 9]


def test_what_cannot_be_decoded_costs_its_own_row_alone(make_pool: MakePool) -> None:
    harness = make_pool()
    assert harness.decode("paint 1", "image-error", "paint 2", "raise") == [
        ("ok", ""),
        ("error", "OSError: broken data stream"),
        ("ok", ""),
        ("error", "RuntimeError: two lines"),
    ]
    assert harness.pool.replaced == 0


def test_a_decoder_that_crashes_costs_its_own_row_alone(make_pool: MakePool) -> None:
    harness = make_pool()
    assert harness.decode("paint 1", "segfault", "paint 2", "raise", "exit", "paint 3") == [
        ("ok", ""),
        ("crashed", "DecoderCrash: killed by SIGSEGV"),
        ("ok", ""),
        ("error", "RuntimeError: two lines"),
        ("crashed", "DecoderCrash: exited with code 7"),
        ("ok", ""),
    ]
    assert harness.frames.images[0][[0, 2, 5], 0, 0, 0].tolist() == [1, 2, 3]
    assert harness.pool.replaced == 4, "each suspect is tried twice, the second time alone"


def test_a_note_is_not_lost_with_the_worker_that_made_it(make_pool: MakePool) -> None:
    pool = make_pool()
    assert pool.decode("note one", "fine", "note two") == [("ok", "note: one"), ("ok", ""), ("ok", "note: two")]
    outcomes = pool.decode("note one", "segfault", "note two")
    assert [outcomes[0], outcomes[2]] == [("ok", "note: one"), ("ok", "note: two")]
    assert outcomes[1][0] == "crashed"


def test_a_crash_that_does_not_come_again_costs_nothing(make_pool: MakePool, tmp_path: Path) -> None:
    harness = make_pool()
    assert harness.decode("paint 1", f"segfault-once {tmp_path / 'seen'}") == [("ok", ""), ("ok", "")]


def test_a_worker_that_is_killed_from_outside_costs_nothing(make_pool: MakePool, tmp_path: Path) -> None:
    harness = make_pool()
    assert harness.decode(f"killed-twice {tmp_path / 'seen'}", "paint 1") == [("ok", ""), ("ok", "")]
    assert harness.pool.replaced == 2


def test_a_decoder_that_hangs_is_ended_and_others_go_on(make_pool: MakePool) -> None:
    harness = make_pool(count=2, timeout_s=0.5)
    hanging = [harness.task(0, "hang"), harness.task(1, "paint 1")]
    harness.pool.put(hanging)
    assert harness.finish([harness.task(place, "paint 2") for place in range(2, 6)]) == [("ok", "")] * 4
    # The outcomes of the first chunk came in the same loop.
    assert harness.frames.images[0][1, 0, 0, 0] == 1


def test_a_decoder_that_hangs_gets_the_status_timeout(make_pool: MakePool) -> None:
    harness = make_pool(timeout_s=0.5)
    assert harness.decode("hang", "paint 1") == [
        ("timeout", "TimeoutError: not decoded within 0.5 s"),
        ("ok", ""),
    ]


def test_a_decoder_that_takes_all_memory_gets_the_status_crashed(make_pool: MakePool) -> None:
    harness = make_pool(memory_limit=200 << 20)
    assert harness.decode("hog", "paint 1") == [
        ("crashed", "MemoryError: decoding takes more than 200 MiB"),
        ("ok", ""),
    ]


def test_a_worker_that_is_stopped_between_two_images_is_replaced(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = make_pool()
    assert harness.decode("paint 1") == [("ok", "")]
    begin = harness.pool._start

    def begin_patiently(number: int) -> None:
        monkeypatch.setattr(harness.pool, "_timeout_s", 120.0)  # the second one gets the time that a slow machine needs
        begin(number)

    monkeypatch.setattr(harness.pool, "_timeout_s", 1.0)
    monkeypatch.setattr(harness.pool, "_start", begin_patiently)
    [stopped] = harness.pool._workers.values()
    os.kill(stopped.process.pid, signal.SIGSTOP)
    assert harness.decode("paint 1", "paint 2") == [("ok", ""), ("ok", "")]
    assert stopped.process.poll() == -signal.SIGKILL
    assert harness.pool.replaced == 1


def test_a_worker_that_is_stopped_before_it_is_ready_is_replaced(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = make_pool()
    begin = harness.pool._start

    def begin_patiently(number: int) -> None:
        # The second one gets the time that a slow machine needs.
        monkeypatch.setattr(pool, "_START_LIMIT_S", 120.0)
        monkeypatch.setattr(harness.pool, "_timeout_s", 120.0)
        begin(number)

    monkeypatch.setattr(pool, "_START_LIMIT_S", 1.0)
    monkeypatch.setattr(harness.pool, "_timeout_s", 1.0)  # four times in which it is looked for it
    monkeypatch.setattr(harness.pool, "_start", begin_patiently)
    [stopped] = harness.pool._workers.values()
    os.kill(stopped.process.pid, signal.SIGSTOP)
    assert harness.decode("paint 1") == [("ok", "")]
    assert stopped.process.poll() == -signal.SIGKILL


def test_a_suspect_waits_for_no_worker_that_does_not_come(make_pool: MakePool) -> None:
    harness = make_pool()
    assert harness.decode("paint 1") == [("ok", "")]
    [used] = harness.pool._workers.values()
    harness.pool._queue.append(Chunk(99, [harness.task(1, "paint 2")], tries=1))
    assert harness.finish([harness.task(2, "paint 3")]) == [("ok", "")]
    assert used.process.poll() is not None, "it makes room for a fresh one"
    assert harness.outcomes[1] == Outcome(1, "ok", "")


def test_a_fresh_worker_takes_a_suspect_first(make_pool: MakePool) -> None:
    harness = make_pool()
    [fresh] = harness.pool._workers.values()
    harness.pool._queue.append(Chunk(98, [harness.task(1, "paint 1")]))
    harness.pool._queue.append(Chunk(99, [harness.task(2, "paint 2")], tries=1))
    assert harness.finish([harness.task(3, "paint 3")]) == [("ok", "")]
    assert fresh.process.poll() is None
    assert [harness.outcomes[place].status for place in (1, 2)] == ["ok", "ok"]


def test_a_file_that_has_gone_or_changed_says_so(make_pool: MakePool, photos: Path) -> None:
    harness = make_pool()
    tasks = [harness.task(place, "paint 1") for place in range(5)]
    (photos / "0.jpg").unlink()
    (photos / "1.jpg").write_text("paint 12")
    os.utime(photos / "2.jpg", ns=(1, 1))
    (photos / "3.jpg").unlink()
    os.mkfifo(photos / "3.jpg")
    assert harness.finish(tasks) == [
        ("missing", "FileNotFoundError: No such file or directory"),
        ("changed", "FileChanged: its size is no longer that of the scan"),
        ("changed", "FileChanged: it was written to after the scan"),
        ("changed", "FileChanged: no longer a regular file"),
        ("ok", ""),
    ]


def test_a_file_that_may_not_be_read_says_so(make_pool: MakePool, photos: Path) -> None:
    harness = make_pool()
    texts = ["drop-rights" if os.geteuid() == 0 else "paint 1", "paint 1", "paint 1"]
    tasks = [harness.task(place, text) for place, text in enumerate(texts)]
    (photos / "0.jpg").chmod(0o444)
    (photos / "1.jpg").chmod(0)
    (photos / "2.jpg").chmod(0o444)
    photos.chmod(0o755)
    assert harness.finish(tasks) == [("ok", ""), ("error", "PermissionError: Permission denied"), ("ok", "")]


def test_a_file_that_changes_while_it_is_read_says_so(make_pool: MakePool, photos: Path) -> None:
    harness = make_pool()
    assert harness.decode(f"grow {photos / '0.jpg'}")[0][0] == "changed"


def test_names_may_hold_any_bytes(make_pool: MakePool, photos: Path) -> None:
    harness = make_pool()
    name = os.fsdecode(b"\xff\n\"'.jpg")
    assert harness.finish([harness.task(0, "paint 5", name)]) == [("ok", "")]


def test_long_paths_do_not_fill_the_pipe_while_a_worker_is_busy(make_pool: MakePool, photos: Path) -> None:
    harness = make_pool()
    deep = "/".join(["é" * 100] * 19)
    (photos / deep).mkdir(parents=True)
    tasks = []
    for place in range(16):
        task = harness.task(place, "paint 1", f"{deep}/{place}.jpg")
        tasks.append(task._replace(path=os.fsencode(f"{deep}/{place}.jpg")))
    harness.pool.put(tasks[:8])
    assert harness.finish(tasks[8:]) == [("ok", "")] * 8


def test_a_decoder_that_cannot_be_imported_is_told_and_nothing_hangs(make_pool: MakePool) -> None:
    harness = make_pool(decoder="no_such_module:decode_into")
    with pytest.raises(FashionBatchError, match=r"decode workers cannot start: .*no_such_module"):
        harness.decode("paint 1")


def test_workers_that_always_die_before_an_image_are_given_up(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As where the installation is replaced by another version during a run.
    pack = messages.pack
    monkeypatch.setattr(messages, "pack", lambda message: pack({**message, "tasks": [["not", "understood"]]}))
    with pytest.raises(FashionBatchError, match=r"decode workers cannot start: TypeError: .*missing"):
        make_pool().decode("paint 1")


def test_workers_end_when_their_parent_does(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_END_S", 120.0)  # before they are killed
    harness = make_pool()
    harness.decode("paint 1")
    [process] = [worker.process for worker in harness.pool._workers.values()]
    assert process.poll() is None
    harness.close()
    assert process.poll() == 0


def test_signals_meant_for_the_run_do_not_end_a_worker(make_pool: MakePool) -> None:
    harness = make_pool()
    harness.decode("paint 1")
    [process] = [worker.process for worker in harness.pool._workers.values()]
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    assert harness.decode("paint 2") == [("ok", "")]
    assert harness.pool.replaced == 0


def test_a_run_that_was_stopped_itself_blames_no_image(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    harness = make_pool(timeout_s=5)
    harness.decode("paint 1")
    harness.frames.clocks[0] = time.monotonic() - 100
    harness.pool._looked = time.monotonic() - 100
    assert harness.decode("paint 2") == [("ok", "")]
    assert harness.pool.replaced == 0


def test_files_that_are_read_ahead_cost_their_own_rows_alone(make_pool: MakePool, photos: Path) -> None:
    harness = make_pool(timeout_s=1.5, decoder="slow_disk:decode_into")
    texts = [*["paint 1"] * 10, "segfault", *["paint 2"] * 6, "raise", "hang", "note one", "image-error"]
    tasks = [harness.task(place, text) for place, text in enumerate([*texts, "paint 3", "paint 4"])]
    tasks += [harness.task(place, "paint 5", f"hang{place}.jpg" if place == 26 else None) for place in range(23, 32)]
    (photos / tasks[12].path.decode()).unlink()
    for start in range(0, 24, 8):
        harness.pool.put(tasks[start : start + 8])
    harness.finish(tasks[24:])
    statuses = [harness.outcomes[task.place].status for task in tasks]
    odd = {10: "crashed", 12: "missing", 17: "error", 18: "timeout", 20: "error", 26: "timeout"}
    assert statuses == [odd.get(place, "ok") for place in range(32)]
    painted = [place for place in range(32) if place not in odd and place != 19]
    values = [1] * 10 + [0] + [2] * 6 + [0] * 4 + [3, 4] + [5] * 9
    assert harness.frames.images[0][painted, 0, 0, 0].tolist() == [values[place] for place in painted]
    assert harness.outcomes[19].error == "note: one"
