"""A plugin that ends its process, hangs in compiled code or takes all memory ends nothing but its own check."""

from __future__ import annotations

import pytest

from fashionbatch.testing import isolation
from fashionbatch.testing.isolation import isolated_verdicts

HEAD = """
import ctypes, os, time
from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import EngineSpec
"""
ENGINES = (
    HEAD
    + """
def ends(shards, run_shard):
    if not shards:
        os._exit(3)
    run_all(shards, run_shard, lambda: ctypes.string_at(0))

def fills(shards, run_shard):
    if not shards:
        ctypes.PyDLL(None).sleep(1000)
    run_all(shards, run_shard, lambda: bytearray(1 << 44))

def run_all(shards, run_shard, failed):
    for shard in shards:
        try:
            run_shard(shard)
        except OSError:
            failed()
            raise

@hookimpl
def register_engines():
    yield EngineSpec(name="ends", summary="Ends.", run=ends)
    yield EngineSpec(name="fills", summary="Fills.", run=fills)
"""
)


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """By component and contract, of engines that do what no check in the same process would survive."""
    folder = tmp_path_factory.mktemp("isolated")
    (folder / "harmful_engines.py").write_text(ENGINES, encoding="utf-8")
    from fashionbatch.testing.project import found, read_project

    project = read_project(folder / "harmful_engines.py")
    with pytest.MonkeyPatch.context() as patch, found(project):
        patch.setattr(isolation, "_GRACE_SECONDS", 1.0)
        told = list(isolated_verdicts(project.name, base=folder, time_limit=4))
    return {(verdict.component, verdict.contract): verdict for verdict in told}


def test_a_check_that_ends_its_process_fails_and_the_next_ones_are_run(verdicts):
    ended = verdicts["engine/ends", "no_shards_are_no_work"]

    assert ended.verdict == "fail"
    assert ended.reason == "engine/ends ended the process with exit status 3"
    assert "os._exit" in ended.remedy
    assert verdicts["engine/ends", "every_shard_is_run"].verdict == "pass"
    assert len(verdicts) == 26


def test_a_crash_in_compiled_code_says_where_the_plugin_stood(verdicts):
    crashed = verdicts["engine/ends", "a_failing_shard_is_not_hidden"]

    assert crashed.verdict == "fail"
    assert "ended the process by SIGSEGV; it stood at " in crashed.reason
    assert "harmful_engines.py:" in crashed.reason


def test_a_component_that_costs_two_processes_is_left_alone(verdicts):
    for contract in ("an_interruption_gets_through", "the_shards_are_left_as_they_are"):
        assert verdicts["engine/ends", contract].reason.startswith("not run, since earlier checks of engine/ends ended")
        assert verdicts["engine/fills", contract].verdict == "pass"


def test_code_that_never_gives_the_interpreter_back_is_killed(verdicts):
    hung = verdicts["engine/fills", "no_shards_are_no_work"]

    assert hung.verdict == "fail"
    assert "ran longer than 4 seconds without giving the interpreter back, and was killed" in hung.reason
    assert "harmful_engines.py:" in hung.reason


def test_what_takes_more_memory_than_there_is_fails_by_itself(verdicts):
    assert "MemoryError" in verdicts["engine/fills", "a_failing_shard_is_not_hidden"].reason


def test_a_plugin_that_ends_the_process_when_it_is_loaded_has_one_verdict(add_distribution):
    add_distribution("ending-for-fb", {"ending_fb": HEAD + "os._exit(5)"}, {"ending": "ending_fb"})

    [verdict] = isolated_verdicts("ending-for-fb")

    assert (verdict.component, verdict.contract, verdict.verdict) == ("ending-for-fb", "plugins_are_loaded", "fail")
    assert verdict.reason == "loading it ended the process with exit status 5"
