"""The promises of an engine."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from fashionbatch.specs import EngineSpec, PackedBundles, ShardProgress, StopSignal
from fashionbatch.testing.calling import call_engine
from fashionbatch.testing.deadline import described
from fashionbatch.testing.subject import CheckFunction, ContractError, Subject, require
from fashionbatch.testing.surroundings import threads_end

_SHARDS = (3, 5, 4, 9)
_MANY = tuple(range(2, 599, 3))
"""A prime number of them, so that whoever works in lots of any size has some left over."""
_WORK_SECONDS = 0.05
_STOPPED = 15
_ROWS = 3
"""What a shard tells of."""


@dataclass(frozen=True)
class RecordedShard:
    """Does a shard by leaving a line with its number; picklable, since an engine may run it in another process.

    Attributes:
        folder: where the file with the lines goes.
        seconds: how long a shard takes.
        failing: the shards that raise, and what: a class of exception.
        failures: how often a failing shard raises before it is done; 0 for always.
    """

    folder: Path
    seconds: float = 0.0
    failing: tuple[int, ...] = ()
    error: type[BaseException] = OSError
    failures: int = 0

    def __call__(
        self,
        shard: int,
        *,
        progress: ShardProgress | None = None,
        stop_signal: StopSignal | None = None,
        ahead: int | None = None,  # noqa: ARG002 - the protocol's
        crashed: Collection[int] = (),  # noqa: ARG002 - the protocol's
        trial: range | None = None,  # noqa: ARG002 - the protocol's
    ) -> None:
        """Do one shard."""
        if stop_signal is not None:
            self._note("heard" if stop_signal() else "deaf", shard)
        self._note("tried", shard)
        if shard in self.failing and not (0 < self.failures < self.noted("tried").count(str(shard))):
            raise self.error(f"shard {shard}: no space left")
        if self.seconds:
            time.sleep(self.seconds)
        self._note("done", shard)
        if progress is not None:
            progress(_ROWS, 0)
            self._note("told", shard)

    def prepare(self, *, cores: int | None = None, bundles: Callable[[], PackedBundles] | None = None) -> None:
        """Nothing has to be opened."""

    def pack(self) -> PackedBundles:
        """It labels with nothing."""
        return {}

    def rows(self, shard: int) -> int:  # noqa: ARG002 - all are alike
        """As many as a shard tells of."""
        return _ROWS

    def named(self, event: str) -> list[str]:
        """The numbers of the shards that were tried, say, as they came out of the engine."""
        return sorted(set(self.noted(event)))

    def noted(self, event: str) -> list[str]:
        """The same, as often as it was noted."""
        log = self.folder / "log"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return [name for noted, _, name in (line.partition(" ") for line in lines) if noted == event]

    def _note(self, event: str, shard: object) -> None:
        name = str(shard) if isinstance(shard, int) else f"{shard} as {type(shard).__name__}"
        # One line at once, whichever thread or process writes it.
        log = os.open(self.folder / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(log, f"{event} {name}\n".encode())
        finally:
            os.close(log)


def _folder() -> tempfile.TemporaryDirectory[str]:
    # Threads that an engine did not join may still write into it.
    return tempfile.TemporaryDirectory(ignore_cleanup_errors=True)


def check_every_shard_is_run(subject: Subject) -> None:
    """Each number is run at least once, none that was not asked for, and all are done when `run` returns."""
    for shards in (_SHARDS, (7,), _MANY, range(3), [2, 1]):
        with _folder() as folder:
            work = RecordedShard(Path(folder), seconds=_WORK_SECONDS if len(shards) < 5 else 0)
            _run(subject, shards, work)
            done, tried = work.named("done"), work.named("tried")
        asked = sorted(map(str, shards))
        require(
            tried == asked,
            f"asked for shards {', '.join(asked)}; it ran {', '.join(tried) or 'none'}",
            "call run_shard(number) for every number of `shards`, whatever order and length they have",
        )
        require(
            done == asked,
            f"`run` returned while shards {', '.join(sorted(set(asked) - set(done)))} were not done",
            "wait for every thread, process or future before returning",
        )


def check_no_shards_are_no_work(subject: Subject) -> None:
    """A job whose shards are all done is handed over with none."""
    with _folder() as folder:
        work = RecordedShard(Path(folder))
        try:
            _run(subject, (), work)
        except Exception as error:
            raise ContractError(
                f"without shards it raised {described(error)}", "return at once where `shards` is empty"
            ) from error
        require(not work.named("tried"), "without shards it ran some", "run what is in `shards` alone")


def check_a_failing_shard_is_not_hidden(subject: Subject) -> None:
    """What a shard raises reaches the caller, whichever shard it is: a lost shard must never look done."""
    remedy = "let the shard's error out of `run`: ask every future for its result, catch nothing that you do not raise"
    for failing in ((3,), (5,), (9,), _SHARDS, (3, 4)):
        _require_raised(subject, failing, OSError, remedy)
    # Who retries may succeed; who gives up has to say so.
    with _folder() as folder:
        work = RecordedShard(Path(folder), failing=(5,), failures=1)
        try:
            _run(subject, _SHARDS, work)
        except OSError:
            return
        done = work.named("done")
        require(
            done == sorted(map(str, _SHARDS)),
            f"after one failure of shard 5 it returned with shards {', '.join(done)} done",
            "run a failed shard again until it is done, or raise its error",
        )


def check_an_interruption_gets_through(subject: Subject) -> None:
    """Ctrl-C and a request to end stop the run, whichever shard is under way."""
    remedy = "catch Exception, never BaseException, or raise again what you caught"
    for error in (KeyboardInterrupt, SystemExit):
        for failing in ((3,), (9,)):
            _require_raised(subject, failing, error, remedy)


def check_the_shards_are_left_as_they_are(subject: Subject) -> None:
    """The caller's list is the caller's."""
    shards = list(_SHARDS)
    with _folder() as folder:
        _run(subject, shards, RecordedShard(Path(folder)))
    require(shards == list(_SHARDS), f"the list of shards became {shards}", "work on a copy: list(shards)")


def check_progress_is_passed_on(subject: Subject) -> None:
    """What shards tell of their rows reaches the user, each row once."""
    counted: list[int] = []
    with _folder() as folder:
        work = RecordedShard(Path(folder))
        call_engine(
            cast(EngineSpec, subject.spec),
            _SHARDS,
            work,
            subject.parameters,
            progress=lambda rows, failed: counted.append(rows),  # noqa: ARG005 - none fails
        )
        told = len(work.noted("told")) * _ROWS
    require(
        sum(counted) == told,
        f"shards told of {told} rows, and the engine of {sum(counted)}",
        "pass on each call of a shard's progress, or hand `progress` itself to run_shard; leave it out in this process",
    )


def check_a_request_to_stop_is_passed_on(subject: Subject) -> None:
    """A shard that is under way when the user asks for an end hears of it."""
    with _folder() as folder:
        work = RecordedShard(Path(folder))
        # An engine that heeds the signal itself may return without a shard, or raise.
        with contextlib.suppress(Exception, KeyboardInterrupt):
            call_engine(cast(EngineSpec, subject.spec), _SHARDS, work, subject.parameters, stop_signal=lambda: _STOPPED)
        deaf = work.named("deaf")
    require(
        not deaf,
        f"shards {', '.join(deaf)} were given a stop signal of the engine's own, which says nothing of the user's",
        "hand `stop_signal`, or what asks it, to run_shard; leave it away in this process",
    )


def check_nothing_runs_on(subject: Subject) -> None:
    """When `run` returns, its threads have ended: a run may be followed by another in the same process."""
    with _folder() as folder, threads_end("`run`", "join them before returning, or shut the pool down"):
        _run(subject, _SHARDS, RecordedShard(Path(folder)))


def _require_raised(subject: Subject, failing: tuple[int, ...], error: type[BaseException], remedy: str) -> None:
    with _folder() as folder:
        work = RecordedShard(Path(folder), failing=failing, error=error)
        try:
            _run(subject, _SHARDS, work)
        except error:
            return
        except BaseException as other:
            raise ContractError(
                f"a shard raised {error.__name__}, and `run` raised {described(other)} in its place", remedy
            ) from other
    numbers = ", ".join(map(str, failing))
    raise ContractError(
        f"shards {numbers} of 3, 5, 4, 9 raised {error.__name__}, and `run` returned as if done", remedy
    )


def _run(subject: Subject, shards: Sequence[int], work: RecordedShard) -> None:
    call_engine(cast(EngineSpec, subject.spec), shards, work, subject.parameters)


CHECKS: tuple[CheckFunction, ...] = (
    check_every_shard_is_run,
    check_no_shards_are_no_work,
    check_a_failing_shard_is_not_hidden,
    check_an_interruption_gets_through,
    check_the_shards_are_left_as_they_are,
    check_progress_is_passed_on,
    check_a_request_to_stop_is_passed_on,
    check_nothing_runs_on,
)
