from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from fashionbatch.errors import FashionBatchError, InterruptedRunError, PluginError
from fashionbatch.labeling.options import LabelOptions
from fashionbatch.labeling.run import LABELING, label
from fashionbatch.progress import Advance, Reporter

MakeOptions = Callable[..., LabelOptions]
AddDistribution = Callable[..., Path]

IN_PROCESSES = """
import json
import multiprocessing
import os
import threading
from pydantic import Field
from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import EngineSpec, Parameters


class Pool(Parameters):
    processes: int = Field(2, ge=1)
    tries: int = Field(1, ge=1)


def work(run_shard, tries, shards, told, stop):
    while True:
        shard = shards.get()
        if shard is None:
            return
        try:
            for _ in range(tries):
                run_shard(shard, progress=lambda rows, failed: told.put((rows, failed)), stop_signal=lambda: stop.value)
            told.put(("done", shard, os.getpid()))
        except BaseException as error:
            told.put(("failed", error))


def run(shards, run_shard, *, parameters, progress, stop_signal, resources):
    context = multiprocessing.get_context("spawn")
    waiting, told, stop = context.Queue(), context.Queue(), context.Value("i", 0)
    for shard in reversed(shards):
        waiting.put(shard)
    given = (run_shard, parameters.tries, waiting, told, stop)
    workers = [context.Process(target=work, args=given) for _ in range(parameters.processes)]
    for worker in workers:
        waiting.put(None)
        worker.start()
    pids, left = set(), len(shards)
    try:
        while left:
            stop.value = stop_signal()
            message = told.get(timeout=60)
            if message[0] == "done":
                left -= 1
                pids.add(message[2])
            elif message[0] == "failed":
                raise message[1]
            else:
                progress(*message)
    finally:
        for worker in workers:
            worker.terminate() if left else None
            worker.join()
    with open(os.environ["SEEN_BY_ENGINE"], "w") as file:
        json.dump({"pids": sorted(pids), "cores": resources.cores, "memory": resources.memory}, file)


@hookimpl
def register_engines():
    yield EngineSpec(name="processes", summary="Shards in other processes.", parameters=Pool, run=run)
"""

OTHERS = """
from fashionbatch.errors import FashionBatchError
from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import EngineSpec


def leave_out(shards, run_shard):
    for shard in shards[:-2]:
        run_shard(shard)


def ask_for_more(shards, run_shard):
    run_shard(shards[-1] + 1)


def ask_by_name(shards, run_shard):
    run_shard("a")


def stop_without_a_word(shards, run_shard, *, stop_signal):
    for shard in shards:
        if stop_signal():
            return
        run_shard(shard)


def try_and_give_up(shards, run_shard, *, say):
    for shard in shards:
        told = []
        run_shard(shard, trial=range(2, 5), progress=lambda rows, failed: told.append((rows, failed)))
        rows = run_shard.rows(shard)
        say(f"{sum(failed for _, failed in told)} of {rows} rows were not looked at")
    for shard in shards:
        run_shard(shard, crashed={0, 3})


def change_ones_mind(shards, run_shard, *, progress):
    told = []
    for number, shard in enumerate(shards):
        # Right, wrong, the shard itself, one that is done, and nothing at all.
        ahead = (shards[(number + 1) % len(shards)], shards[-1], shard, shards[0], None)[number % 5]
        run_shard(shard, ahead=ahead, progress=lambda rows, failed: told.append(rows))
        assert sum(told) == sum(map(run_shard.rows, shards[:number + 1])), "rows of another shard were told of"
    run_shard(shards[0], progress=lambda rows, failed: told.append(rows))
    progress(sum(told), 0)


def look_too_far_ahead(shards, run_shard):
    run_shard(shards[0], ahead=len(shards))


def nowhere(parameters):
    raise FashionBatchError("there is no cluster", hint="start one")


@hookimpl
def register_engines():
    yield EngineSpec(name="homeless", summary="Runs nowhere.", run=leave_out, require=nowhere)
    yield EngineSpec(name="fickle", summary="Does other shards than it said.", run=change_ones_mind)
    yield EngineSpec(name="hasty", summary="Looks too far ahead.", run=look_too_far_ahead)
    yield EngineSpec(name="suspicious", summary="Tries some rows, and gives others up.", run=try_and_give_up)
    yield EngineSpec(name="careless", summary="Leaves the last shards out.", run=leave_out)
    yield EngineSpec(name="greedy", summary="Asks for a shard too many.", run=ask_for_more)
    yield EngineSpec(name="verbose", summary="Asks for shards by name.", run=ask_by_name)
    yield EngineSpec(name="polite", summary="Returns when it is to stop.", run=stop_without_a_word)
"""


@pytest.mark.parametrize(("engine", "asked"), [("greedy", "1"), ("verbose", "'a'"), ("hasty", "1")])
def test_an_engine_that_asks_for_a_shard_that_there_is_not_is_told_so(
    paint: Callable[..., Path], options: MakeOptions, add_distribution: AddDistribution, engine: str, asked: str
) -> None:
    paint({"a.png": 0})
    add_distribution("others", {"others_for_fb": OTHERS}, {"others": "others_for_fb"})
    with pytest.raises(PluginError) as caught:
        label(options(engine=engine))
    said = f"plugin others 1.2 (engine {engine!r}): run asked for shard {asked}; there are 0 to 0"
    assert caught.value.message == said


@pytest.mark.usefixtures("small_shards", "many")
def test_what_is_begun_and_not_run_costs_no_row_and_is_not_told_of(
    options: MakeOptions, add_distribution: AddDistribution, tmp_path: Path
) -> None:
    add_distribution("others", {"others_for_fb": OTHERS}, {"others": "others_for_fb"})
    label(options(output=tmp_path / "here.csv"))
    told = Counting()
    label(options(engine="fickle"), reporter=told)
    assert (tmp_path / "labels.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()
    assert told.rows == (tmp_path / "here.csv").read_bytes().count(b"\n") - 1


def test_an_engine_that_cannot_run_says_so_before_there_is_a_job(
    options: MakeOptions, add_distribution: AddDistribution, tmp_path: Path
) -> None:
    add_distribution("others", {"others_for_fb": OTHERS}, {"others": "others_for_fb"})
    with pytest.raises(FashionBatchError, match="there is no cluster"):
        label(options(engine="homeless"))
    assert not list(tmp_path.glob("labels.csv*"))


class Counting(Reporter):
    """A reporter that counts rows."""

    def __init__(self) -> None:
        super().__init__(lambda line: None, bars=False)
        self.rows = 0

    @contextmanager
    def bar(self, title: str, total: int | None, unit: str, /, *, before: int = 0) -> Iterator[Advance]:
        def advance(done: int, figures: Mapping[str, float] | None = None) -> None:
            if title == LABELING:
                self.rows = done - before

        yield advance


@pytest.fixture
def in_processes(add_distribution: AddDistribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The engine `processes`; gives the file in which it says what it saw."""
    monkeypatch.setenv("SEEN_BY_ENGINE", str(tmp_path / "seen.json"))
    add_distribution("processes", {"processes_for_fb": IN_PROCESSES}, {"processes": "processes_for_fb"})
    return tmp_path / "seen.json"


@pytest.mark.usefixtures("small_shards", "many")
def test_shards_run_in_other_processes_and_the_table_is_the_same(
    options: MakeOptions, in_processes: Path, tmp_path: Path
) -> None:
    label(options(output=tmp_path / "here.csv"))
    told = Counting()
    label(options(engine="processes", engine_set=("tries=2",)), reporter=told)
    assert (tmp_path / "labels.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()
    rows = (tmp_path / "here.csv").read_bytes().count(b"\n") - 1
    assert told.rows == rows, "each row is told of once, though each shard was tried twice"
    seen = json.loads(in_processes.read_text())
    assert seen["pids"]
    assert os.getpid() not in seen["pids"]
    assert seen["cores"] >= 1
    assert seen["memory"] > 100 << 20


@pytest.mark.usefixtures("small_shards", "many", "in_processes")
def test_a_run_in_other_processes_obeys_a_stop_and_goes_on_here(options: MakeOptions, tmp_path: Path) -> None:
    label(options(output=tmp_path / "here.csv"))
    told = Counting()
    with pytest.raises(InterruptedRunError, match=r"\d+ of \d+ rows are done"):
        label(
            options(engine="processes", engine_set=("processes=1",)),
            reporter=told,
            stop_signal=lambda: 15 if told.rows else 0,
        )
    assert list((tmp_path / "labels.csv.job" / "shards").iterdir())
    label(options())
    assert (tmp_path / "labels.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()


@pytest.mark.usefixtures("small_shards", "many")
def test_an_engine_that_leaves_shards_out_is_named(
    options: MakeOptions, add_distribution: AddDistribution, tmp_path: Path
) -> None:
    add_distribution("others", {"others_for_fb": OTHERS}, {"others": "others_for_fb"})
    with pytest.raises(
        FashionBatchError, match=r"plugin others 1\.2 \(engine 'careless'\): run left [12] of \d+ shards"
    ):
        label(options(engine="careless"))
    assert not (tmp_path / "labels.csv").exists()


@pytest.mark.usefixtures("small_shards", "many")
def test_an_engine_may_heed_the_signal_by_returning(options: MakeOptions, add_distribution: AddDistribution) -> None:
    add_distribution("others", {"others_for_fb": OTHERS}, {"others": "others_for_fb"})
    told = Counting()
    with pytest.raises(InterruptedRunError):
        label(options(engine="polite"), reporter=told, stop_signal=lambda: 15 if told.rows else 0)
    label(options())


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"engine": "processes", "engine_set": ("processes=0",)}, r"--engine-set processes=0: .*at least 1; got 0"),
        (
            {"engine": "processes", "engine_set": ("proceses=2",)},
            r"proceses=2: .*did you mean 'processes'",
        ),
        ({"engine": "processes", "engine_set": ("processes",)}, r"--engine-set processes: must be KEY=VALUE"),
        ({"runtime_set": ("threads=2",)}, r"--runtime-set threads=2: .*threads"),
        ({"format_set": ("header=no",)}, r"--format-set header=no: .*header"),
    ],
)
@pytest.mark.usefixtures("in_processes")
def test_settings_are_checked_before_anything_is_begun(
    options: MakeOptions, tmp_path: Path, given: dict[str, object], message: str
) -> None:
    with pytest.raises(FashionBatchError, match=message):
        label(options(**given))
    assert not (tmp_path / "labels.csv.job").exists()


@pytest.mark.usefixtures("small_shards", "paint")
def test_rows_can_be_tried_for_nothing_and_given_up_without_a_look(
    options: MakeOptions, paint: Callable[..., Path], add_distribution: AddDistribution, tmp_path: Path
) -> None:
    paint({f"{number:02}.png": number % 3 for number in range(20)})
    label(options(output=tmp_path / "here.csv"))
    add_distribution("others", {"others_for_fb": OTHERS}, {"others": "others_for_fb"})
    lines: list[str] = []
    label(options(engine="suspicious"), reporter=Reporter(lines.append, bars=False))
    here, table = ((tmp_path / name).read_text().splitlines()[1:] for name in ("here.csv", "labels.csv"))
    given_up = [number for number, line in enumerate(table) if ",crashed," in line]
    assert given_up == [0, 3, 10, 13], "two of each shard"
    assert [line for number, line in enumerate(here) if number not in given_up] == [
        line for number, line in enumerate(table) if number not in given_up
    ]
    assert lines.count("7 of 10 rows were not looked at") == 2
