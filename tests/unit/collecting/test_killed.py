"""SIGKILL at any step: the same command goes on, asks for nothing that came whole, and ends with the same photos."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("httpcore", reason="the extra `collect` is not installed")

from fashionbatch.testing.web import Reply

SCRIPT = Path(__file__).with_name("killed.py")
KILLS = 20


def killed(collecting, web, path: Path, where: str, steps) -> list[int]:
    """The statuses of runs that were killed at these steps, one after the other."""
    arguments = [str(web.port), str(path), str(collecting.output), where, *map(str, steps)]
    ended = subprocess.run([sys.executable, str(SCRIPT), *arguments], check=True, capture_output=True, text=True)
    return [int(line) for line in ended.stdout.splitlines()]


def journaled(output: Path) -> Counter[str]:
    lines = (output / ".collected" / "journal.jsonl").read_bytes().split(b"\n")
    return Counter(record["url"] for record in map(json.loads, filter(None, lines)) if record["is"] == "fetched")


def test_an_answer_that_is_on_the_disk_is_never_sent_again_over_20_kills(collecting, web, photo):
    urls = [web.put(f"photos.example/{n}.jpg", Reply(photo(n))) for n in range(2 * KILLS)]
    path = collecting.list_of(urls)

    statuses = killed(collecting, web, path, "kept", [1 + number % 3 for number in range(KILLS)])
    report = collecting.run(path)

    assert statuses == [-signal.SIGKILL] * KILLS
    assert [row.outcome for row in report.rows] == ["ok"] * 2 * KILLS
    assert max(Counter(web.whole).values()) == 1
    assert len(web.whole) == len(urls) + 1  # and the robots.txt


def test_whenever_a_run_is_killed_at_most_one_answer_a_connection_is_sent_again(collecting, web, photo):
    hosts = 3
    urls = [web.put(f"host{n % hosts}.example/{n}.jpg", Reply(photo(n // 2 if n < 4 else n))) for n in range(30)]
    path = collecting.list_of(urls)

    statuses = killed(collecting, web, path, "anywhere", [4 + 5 * number % 41 for number in range(KILLS)])
    report = collecting.run(path)

    kills = statuses.count(-signal.SIGKILL)
    assert kills >= KILLS // 2
    sent = Counter(web.whole)
    assert sent.total() <= len(sent) + hosts * kills
    assert [row.outcome for row in report.rows] == ["ok", "duplicate", "ok", "duplicate", *["ok"] * 26]
    assert journaled(collecting.output) == Counter(urls)  # what is known is not even looked at again
    assert len(list(collecting.output.glob("dress/*.jpg"))) == 28
    assert list(collecting.output.glob(".collected/store/*")) == []
