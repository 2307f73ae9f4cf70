"""Files that are opened one by one, or read ahead where the disk is slow."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from fashionbatch.labeling.workers import files
from fashionbatch.labeling.workers.files import Files, FileTask
from fashionbatch.stores import folder as folder_module
from fashionbatch.stores.folder import FolderOpener
from fashionbatch.stores.opening import FileStatusError, OpenFile

MakeFiles = Callable[[], Files]


@pytest.fixture
def make_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeFiles]:
    # It would hold for the threads of all tests.
    monkeypatch.setattr(threading, "stack_size", lambda size: 0)
    made: list[tuple[Files, FolderOpener]] = []

    def make() -> Files:
        opener = FolderOpener(os.fsencode(tmp_path))
        made.append((Files(opener), opener))
        return made[-1][0]

    yield make
    for each, opener in made:
        if each._threads is not None:
            each._threads.shutdown()
        opener.close()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_SLOW_S", -1.0)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_SLOW_S", 1000.0)


def write(folder: Path, *contents: bytes) -> list[FileTask]:
    tasks = []
    for place, content in enumerate(contents):
        path = folder / f"{place}.jpg"
        path.write_bytes(content)
        tasks.append(FileTask(place, path.name, len(content), path.stat().st_mtime_ns, ""))
    return tasks


def content_of(opened: OpenFile) -> bytes:
    try:
        return opened.reader().read() if opened.content is None else opened.content
    finally:
        opened.close()


def read_all(reader: Files, tasks: Sequence[FileTask]) -> list[bytes | str]:
    """For each task the file's content, or the status of its row."""
    found: list[bytes | str] = []
    for task in tasks:
        try:
            opened = reader.open(task)
        except FileStatusError as error:
            found.append(error.status)
            continue
        found.append(content_of(opened))
    return found


@pytest.mark.usefixtures("fast")
def test_a_fast_disk_needs_no_threads(tmp_path: Path, make_files: MakeFiles) -> None:
    reader, tasks = make_files(), write(tmp_path, *[b"content"] * 20)
    assert read_all(reader, tasks) == [b"content"] * 20
    assert not reader.is_slow
    assert reader._threads is None


def test_a_disk_is_slow_when_most_of_the_last_eight_files_were(
    tmp_path: Path, make_files: MakeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, tasks = make_files(), write(tmp_path, *[b"content"] * 24)
    seen = []
    for number, task in enumerate(tasks):
        monkeypatch.setattr(files, "_SLOW_S", -1.0 if 4 <= number < 16 else 1000.0)
        reader.open(task).close()
        seen.append(reader.is_slow)
    assert seen == [False] * 8 + [True] * 11 + [False] * 5


@pytest.mark.usefixtures("slow")
def test_what_is_read_ahead_is_what_is_in_the_files(tmp_path: Path, make_files: MakeFiles) -> None:
    contents = [bytes([number]) * (1000 * number) for number in range(40)]
    reader, tasks = make_files(), write(tmp_path, *contents)
    for start in range(0, 40, 8):
        reader.announce(tasks[start : start + 8])
        reader.announce(tasks[start : start + 8])
    assert read_all(reader, tasks) == contents
    assert (reader._held_bytes, len(reader._reading), len(reader._unread)) == (0, 0, 0)


@pytest.mark.usefixtures("fast")
def test_a_small_file_is_read_as_it_is_opened_and_a_larger_one_by_who_decodes_it(
    tmp_path: Path, make_files: MakeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "_SMALL", 100)
    reader, tasks = make_files(), write(tmp_path, b"", b"x" * 100, b"y" * 101)
    opened = [reader.open(task) for task in tasks]
    assert [each.content for each in opened] == [b"", b"x" * 100, None]
    assert [content_of(each) for each in opened] == [b"", b"x" * 100, b"y" * 101]


@pytest.mark.usefixtures("fast")
def test_what_cannot_be_read_at_once_is_left_at_its_start_for_who_decodes_it(
    tmp_path: Path, make_files: MakeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, tasks = make_files(), write(tmp_path, b"content")
    read = os.read

    def read_and_fail(descriptor: int, size: int) -> bytes:
        read(descriptor, size)
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "read", read_and_fail)
        opened = reader.open(tasks[0])
    assert opened.content is None
    assert content_of(opened) == b"content"


@pytest.mark.usefixtures("slow")
def test_a_file_that_is_not_as_the_scan_saw_it_is_told_at_its_turn(tmp_path: Path, make_files: MakeFiles) -> None:
    tasks = write(tmp_path, *[b"content"] * 5)
    (tmp_path / "0.jpg").unlink()
    (tmp_path / "1.jpg").write_bytes(b"longer content")
    os.utime(tmp_path / "2.jpg", ns=(1, 1))
    (tmp_path / "3.jpg").unlink()
    os.mkfifo(tmp_path / "3.jpg")
    one_by_one, ahead = make_files(), make_files()
    ahead.announce(tasks)
    assert len(ahead._reading) == 5
    expected = ["missing", "changed", "changed", "changed", b"content"]
    assert read_all(ahead, tasks) == read_all(one_by_one, tasks) == expected


@pytest.mark.usefixtures("slow")
def test_no_more_is_held_in_memory_than_there_is_room_for(
    tmp_path: Path, make_files: MakeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_HELD_BYTES", 2500)
    monkeypatch.setattr(files, "READ_AHEAD_LIMIT", 2000)
    monkeypatch.setattr(folder_module, "READ_AHEAD_LIMIT", 2000)
    monkeypatch.setattr(folder_module, "_SMALL", 500)
    contents = [b"x" * 1000, b"y" * 1000, b"z" * 1000, b"large" * 1000, b"w" * 2000, b"v" * 1000]
    reader, tasks = make_files(), write(tmp_path, *contents)
    reader.announce(tasks)
    assert sorted(reader._reading) == [0, 1]
    held = []
    for task, content in zip(tasks, contents, strict=True):
        opened = reader.open(task)
        held.append(reader._held_bytes)
        assert (opened.content is None) == (len(content) > 2000)
        assert content_of(opened) == content
    assert held == [2000, 1000, 2000, 2000, 1000, 0]


@pytest.mark.usefixtures("slow")
def test_without_room_for_a_thread_files_are_read_one_by_one(
    tmp_path: Path, make_files: MakeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(files, "_start_threads", fail)
    reader, tasks = make_files(), write(tmp_path, *[b"content"] * 10)
    assert read_all(reader, tasks[:8]) == [b"content"] * 8
    assert reader.is_slow
    reader.announce(tasks[8:])
    assert read_all(reader, tasks[8:]) == [b"content"] * 2
    assert not reader.is_slow


class Remote(FolderOpener):
    """A folder that keeps its readers waiting, like an object store."""

    is_remote = True


@pytest.mark.usefixtures("fast")
def test_what_is_remote_is_read_ahead_from_the_first_file_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "stack_size", lambda size: 0)
    opener = Remote(os.fsencode(tmp_path))
    reader, tasks = Files(opener), write(tmp_path, *[b"content"] * 20)
    assert reader.is_slow
    reader.announce(tasks)
    assert read_all(reader, tasks) == [b"content"] * 20
    assert reader.is_slow
    assert reader._threads is not None
    reader._threads.shutdown()
    opener.close()


class SlowStore:
    """Opens what it is asked for when it is told to."""

    is_remote = True

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.under_way = 0
        self.most = 0
        self._lock = threading.Lock()

    def read(self, file: FileTask) -> OpenFile:
        with self._lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        self.may_answer.wait(30)
        with self._lock:
            self.under_way -= 1
        if file.path == "gone":
            raise FileStatusError("missing", "FileNotFoundError: it is no longer in the store")
        return OpenFile(-1, 1.0, file.path.encode())

    def open(self, file: FileTask) -> OpenFile:
        return self.read(file)

    def announce(self, files: Sequence[FileTask]) -> None: ...

    def require_unchanged(self, opened: OpenFile, file: FileTask) -> None: ...


def test_the_files_of_a_store_are_asked_for_at_once_and_waiting_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "stack_size", lambda size: 0)
    monkeypatch.setattr(files, "_TICK_S", 0.001)
    store, told = SlowStore(), []

    def still_waiting() -> None:
        told.append(store.under_way)
        if len(told) > 5 and store.under_way == files._THREADS:
            store.may_answer.set()

    reader = Files(store, still_waiting)
    assert reader.is_slow
    tasks = [FileTask(place, "gone" if place == 7 else str(place), 10, 0, "", "tag") for place in range(20)]
    reader.announce(tasks)
    found = read_all(reader, tasks)
    assert found == [b"%d" % place if place != 7 else "missing" for place in range(20)]
    assert store.most == files._THREADS
    assert len(told) > 5
    assert reader._threads is not None
    reader._threads.shutdown()


def test_a_large_file_of_a_store_is_fetched_when_it_is_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "stack_size", lambda size: 0)
    store = SlowStore()
    store.may_answer.set()
    reader = Files(store)
    large = files.READ_AHEAD_LIMIT + 1
    tasks = [FileTask(place, str(place), large if place == 2 else 10, 0, "", "tag") for place in range(5)]
    reader.announce(tasks)
    assert set(reader._reading) == {0, 1}
    assert read_all(reader, tasks) == [b"0", b"1", b"2", b"3", b"4"]
    assert reader._threads is not None
    reader._threads.shutdown()
