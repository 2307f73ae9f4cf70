"""SIGKILL at any step: the same command goes on, asks for nothing that was answered, and ends with the same photos."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("httpcore", reason="the extra `collect` is not installed")

from fashionbatch.testing.web import Reply

SCRIPT = Path(__file__).with_name("killed.py")
STEPS = (4, 17, 26, 41)
"""While the robots.txt, the page, a photo and the journal are written, and photos get their places."""


def answered(output: Path) -> set[str]:
    journal = output / ".collected" / "journal.jsonl"
    lines = journal.read_bytes().split(b"\n")[:-1] if journal.exists() else []
    return {record["url"] for record in map(json.loads, lines) if record["is"] == "fetched"}


def test_what_was_answered_is_never_asked_for_again_whenever_a_run_is_killed(collecting, web, photo):
    urls = [web.put(f"host{n % 3}.example/{n}.jpg", Reply(photo(n // 2 if n < 4 else n))) for n in range(12)]
    path = collecting.list_of(urls)

    def run(step: int) -> int:
        arguments = [str(web.port), str(path), str(collecting.output), str(step)]
        return subprocess.run([sys.executable, str(SCRIPT), *arguments], check=False).returncode

    for step in STEPS:
        known = answered(collecting.output)
        before = {url: web.times(url) for url in known}
        assert run(step) == -signal.SIGKILL
        assert {url: web.times(url) for url in known} == before

    report = collecting.run(path)

    assert [row.outcome for row in report.rows] == ["ok", "duplicate", "ok", "duplicate", *["ok"] * 8]
    assert all(web.times(url) <= 1 + len(STEPS) for url in urls)
    # Of what was under way at a kill there is at most one file a host.
    assert sum(map(web.times, urls)) <= len(urls) + 3 * len(STEPS)
    assert len(list(collecting.output.glob("dress/*.jpg"))) == 10
    assert list(collecting.output.glob(".collected/store/*")) == []
