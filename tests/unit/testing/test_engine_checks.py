"""Each check of an engine fails on one that is broken in just that way, and says so."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fashionbatch.specs import EngineSpec


def spec(run):
    return EngineSpec(name="broken", summary="Broken.", run=run)


def in_order(shards, run_shard):
    for shard in shards:
        run_shard(shard)


def with_keywords(shards, run_shard, *, parameters, progress, stop_signal):
    assert stop_signal() == 0
    for shard in shards:
        run_shard(shard, progress=progress, stop_signal=stop_signal)


def with_any_keywords(shards, run_shard, **offered):
    for shard in reversed(shards):
        run_shard(shard)


def in_threads(shards, run_shard):
    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(run_shard, shard) for shard in shards]:
            future.result()


def twice(shards, run_shard):
    for shard in [*shards, *shards]:
        run_shard(shard)


def retrying(shards, run_shard):
    for shard in shards:
        for attempt in range(3):
            try:
                run_shard(shard)
                break
            except Exception:
                if attempt == 2:
                    raise


RIGHT = (in_order, with_keywords, with_any_keywords, in_threads, twice, retrying)


@pytest.mark.parametrize("run", RIGHT)
def test_a_right_engine_passes(run, passes_all):
    passes_all(spec(run))


def swallows(shards, run_shard):
    for shard in shards:
        try:
            run_shard(shard)
        except Exception:
            pass


def all_but_the_last(shards, run_shard):
    error = None
    for shard in shards:
        error = None
        try:
            run_shard(shard)
        except Exception as caught:
            error = caught
    if error:
        raise error


def the_first_alone(shards, run_shard):
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(run_shard, shard) for shard in shards]
        if futures:
            futures[0].result()


def retries_then_skips(shards, run_shard):
    for shard in shards:
        for _ in range(3):
            try:
                run_shard(shard)
                break
            except Exception:
                continue


def skips_the_rest(shards, run_shard):
    for shard in shards:
        try:
            run_shard(shard)
        except Exception:
            return


def wraps(shards, run_shard):
    try:
        in_order(shards, run_shard)
    except OSError as error:
        raise RuntimeError("a shard failed") from error


def threads_not_joined(shards, run_shard):
    for shard in shards:
        threading.Thread(target=quietly, args=(run_shard, shard), daemon=True).start()


def quietly(run_shard, shard):
    try:
        run_shard(shard)
    except BaseException:
        pass


def threads_joined_but_failures_lost(shards, run_shard):
    threads = [threading.Thread(target=quietly, args=(run_shard, shard)) for shard in shards]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def swallows_interrupts(shards, run_shard):
    for shard in shards:
        try:
            run_shard(shard)
        except KeyboardInterrupt:
            return


def swallows_everything(shards, run_shard):
    for shard in shards:
        try:
            run_shard(shard)
        except BaseException as error:
            if isinstance(error, Exception):
                raise


def swallows_exits(shards, run_shard):
    for shard in shards:
        try:
            run_shard(shard)
        except SystemExit:
            return


def interrupts_become_errors(shards, run_shard):
    try:
        in_order(shards, run_shard)
    except KeyboardInterrupt as error:
        raise OSError("stopped") from error


def first_shard_always(shards, run_shard):
    run_shard(shards[0])
    in_order(shards[1:], run_shard)


def at_least_one(shards, run_shard):
    in_order(shards or [0], run_shard)


def pops(shards, run_shard):
    while shards:
        run_shard(shards.pop() if isinstance(shards, list) else (shards := list(shards)).pop())


EVERY, NONE, HIDDEN = "every_shard_is_run", "no_shards_are_no_work", "a_failing_shard_is_not_hidden"
THROUGH, LEFT = "an_interruption_gets_through", "the_shards_are_left_as_they_are"
BREAKS = {
    "runs nothing": (lambda shards, run_shard: None, EVERY, "it ran none"),
    "leaves out the last": (lambda s, r: in_order(s[:-1], r), EVERY, "asked for shards 3, 4, 5, 9; it ran 3, 4, 5"),
    "leaves out the first": (lambda s, r: in_order(s[1:], r), EVERY, "it ran 4, 5, 9"),
    "counts by itself": (lambda s, r: in_order(range(len(s)), r), EVERY, "it ran 0, 1, 2, 3"),
    "fills gaps": (lambda s, r: in_order(range(min(s), max(s) + 1), r), EVERY, "it ran 3, 4, 5, 6"),
    "runs only ten": (lambda s, r: in_order(s[:10], r), EVERY, "asked for shards"),
    "runs every second": (lambda s, r: in_order(s[::2], r), EVERY, "it ran 3, 4"),
    "gives texts": (lambda s, r: in_order([f"{n:02d}" for n in s], r), EVERY, "it ran 03"),
    "gives lists": (lambda s, r: r(s), EVERY, "it ran (3, 5, 4, 9)"),
    "threads that are not joined": (threads_not_joined, EVERY, "3, 4, 5"),
    "a generator": (lambda s, r: (r(n) for n in s), EVERY, "it ran none"),
    "takes one argument": (lambda s: None, EVERY, "TypeError"),
    "wants a list": (lambda s, r: in_order(s + [], r), EVERY, "TypeError"),
    "no shards are an error": (first_shard_always, NONE, "without shards it raised IndexError"),
    "divides by the shards": (lambda s, r: (1 / len(s), in_order(s, r)), NONE, "without shards it raised ZeroDivisionError"),
    "no shards are one": (at_least_one, NONE, "without shards it ran some"),
    "no threads for no shards": (lambda s, r: ThreadPoolExecutor(len(s)).map(r, s), NONE, "without shards it raised ValueError"),
    "swallows failures": (swallows, HIDDEN, "raised OSError, and `run` returned as if done"),
    "swallows failures but the last": (all_but_the_last, HIDDEN, "shards 3 of"),
    "swallows failures but the first": (the_first_alone, HIDDEN, "shards 5 of"),
    "retries, then skips": (retries_then_skips, HIDDEN, "returned as if done"),
    "skips the rest": (skips_the_rest, HIDDEN, "returned as if done"),
    "another error": (wraps, HIDDEN, "raised RuntimeError"),
    "results that nobody asks for": (lambda s, r: [f.done() for f in [ThreadPoolExecutor(1).submit(r, n) for n in s]], HIDDEN, "returned as if done"),
    "failures in threads": (threads_joined_but_failures_lost, HIDDEN, "returned as if done"),
    "swallows Ctrl-C": (swallows_interrupts, THROUGH, "raised KeyboardInterrupt, and `run` returned"),
    "swallows whatever is no Exception": (swallows_everything, THROUGH, "raised KeyboardInterrupt"),
    "swallows exits": (swallows_exits, THROUGH, "raised SystemExit"),
    "Ctrl-C becomes an error": (interrupts_become_errors, THROUGH, "raised OSError"),
    "takes shards out of the list": (pops, LEFT, "the list of shards became []"),
    "sorts the list": (lambda s, r: (s.sort(), in_order(s, r)), LEFT, "the list of shards became [3, 4, 5, 9]"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_engine_is_caught(name, failure):
    run, check, phrase = BREAKS[name]

    assert phrase in failure(spec(run), check).problem


def stops_early(shards, run_shard, *, stop_signal):
    for shard in shards:
        if stop_signal():
            return
        run_shard(shard, stop_signal=stop_signal)


def relays(shards, run_shard, *, progress, stop_signal):
    for shard in shards:
        run_shard(shard, progress=lambda rows, failed: progress(rows, failed), stop_signal=lambda: stop_signal())


@pytest.mark.parametrize("run", [stops_early, relays])
def test_an_engine_that_relays_progress_and_stop_passes(run, passes_all):
    passes_all(spec(run))


def test_an_engine_that_stops_after_a_hundred_shards(failure):
    def run(shards, run_shard):
        for shard in list(shards)[:100]:
            run_shard(shard)

    assert "asked for shards" in failure(spec(run), "every_shard_is_run").problem


def test_numbers_of_shards_that_become_text(failure):
    def run(shards, run_shard):
        for shard in shards:
            run_shard(str(shard))

    assert "it ran 3 as str" in failure(spec(run), "every_shard_is_run").problem


def test_a_stop_signal_of_its_own(failure):
    def run(shards, run_shard, *, stop_signal):
        for shard in shards:
            run_shard(shard, stop_signal=lambda: 0)

    assert "says nothing of the user's" in failure(spec(run), "a_request_to_stop_is_passed_on").problem


@pytest.mark.parametrize("times", [0, 2])
def test_progress_that_is_lost_or_doubled(times, failure):
    def run(shards, run_shard, *, progress):
        for shard in shards:
            run_shard(shard, progress=lambda rows, failed: [progress(rows, failed) for _ in range(times)])

    problem = failure(spec(run), "progress_is_passed_on").problem
    assert problem == f"shards told of 12 rows, and the engine of {12 * times}"


def test_a_thread_that_is_left_running(failure):
    end = threading.Event()

    def run(shards, run_shard):
        threading.Thread(target=end.wait, name="left", daemon=True).start()
        for shard in shards:
            run_shard(shard)

    try:
        assert failure(spec(run), "nothing_runs_on").problem == "`run` leaves the threads ['left']"
    finally:
        end.set()
