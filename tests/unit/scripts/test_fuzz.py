from __future__ import annotations

import random
import subprocess
from typing import Any

import pytest

from scripts import fuzz


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were run instead of pytest; the third one fails."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 1 if len(commands) == 3 else 0)

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_each_round_has_another_seed_and_a_failure_ends_it(
    ran: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert fuzz.rounds(60, random.Random(1), ["-k", "tiff"]) == 1
    seeds = [command[-3] for command in ran]
    assert len(set(seeds)) == 3
    assert all(command[-2:] == ["-k", "tiff"] for command in ran)
    assert seeds[2] in capsys.readouterr().out


def test_there_is_one_round_at_least(ran: list[list[str]]) -> None:
    assert fuzz.rounds(0, random.Random(1)) == 0
    assert len(ran) == 1
