"""`fashionbatch data collect`: what the user reads."""

from __future__ import annotations

import csv
import io
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

pytest.importorskip("httpcore", reason="the extra `collect` is not installed")

from fashionbatch.api import collecting
from fashionbatch.cli.data import command
from fashionbatch.collecting.web import exchange, pace
from fashionbatch.errors import FashionBatchError, RowError
from fashionbatch.testing.web import FakeClock, FakeWeb, Reply

WITH_WEB = Path(__file__).with_name("with_web.py")


def drawn(seed: int) -> bytes:
    """A photo like no other seed's."""
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((96, 96), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, ["collect", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def queries(tmp_path, monkeypatch):
    """A file of queries: two photos and a page that is none are wanted as three dresses."""
    with FakeWeb() as web:
        monkeypatch.setattr(exchange, "WebExchange", lambda stopping: web.exchange())
        monkeypatch.setattr(pace, "RunClock", lambda stopping: FakeClock())
        for seed in range(2):
            web.put(f"photos.example/{seed}.png", Reply(drawn(seed)))
        rows = "".join(f"http://photos.example/{seed}.png,cc0\n" for seed in range(3))
        (tmp_path / "list.csv").write_text(f"url,licence\n{rows}", encoding="utf-8")
        path = tmp_path / "queries.yaml"
        path.write_text(
            "version: 1\ncontact: a@b.example\nclasses:\n  dress: {count: 3, lists: [list.csv]}\n", encoding="utf-8"
        )
        yield path


def test_it_ends_with_counts_what_falls_short_and_the_next_command(queries, tmp_path):
    photos = tmp_path / "photos"

    result = run(queries, "-o", photos)

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["class", "wanted", "ok", "duplicate", "aside", "refused", "failed", "later"]
    assert lines[1].split() == ["dress", "3", "2", "0", "0", "1", "0", "0"]
    assert "dress: 1 of 3 photos are lacking; add queries" in lines
    assert f"contact sheets: {photos}/.collected/sheets" in lines
    assert lines[-1] == f"next: `fashionbatch recipe new {photos}`"


def test_applying_the_table_tells_what_is_left(queries, tmp_path):
    photos = tmp_path / "photos"
    run(queries, "-o", photos)
    table = photos / "collected.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("yes,", "no,", 1), encoding="utf-8")

    result = run("--apply", table, "-o", photos)

    assert result.stdout.splitlines()[1].split() == ["dress", "1", "0", "1", "1", "0", "0"]


def test_strict_fails_where_a_class_falls_short(queries, tmp_path):
    with pytest.raises(RowError, match="fewer photos than wanted"):
        run(queries, "-o", tmp_path / "photos", "--strict")


@pytest.mark.parametrize("arguments", [(), ("queries.yaml", "--apply", "collected.csv")])
def test_either_queries_or_a_table_is_given(arguments, tmp_path):
    result = run(*arguments, "-o", tmp_path)

    assert result.exit_code == 2
    assert "give either QUERIES" in result.stderr


def test_without_the_extra_it_says_what_to_install(queries, tmp_path, monkeypatch):
    monkeypatch.setattr(collecting.importlib.util, "find_spec", lambda name: None)

    with pytest.raises(FashionBatchError) as refused:
        run(queries, "-o", tmp_path / "photos")

    assert refused.value.hint == "pip install 'fashionbatch[collect]'"
    assert not (tmp_path / "photos").exists()


def test_help_says_what_taking_any_licence_means():
    words = " ".join(run("--help").output.split())

    assert "Most of them you may not pass on or use" in words


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_process_that_is_asked_to_end_leaves_a_whole_table_and_goes_on(tmp_path, number, status):
    asked, over = threading.Event(), threading.Event()

    def hanging() -> Iterator[bytes]:
        asked.set()
        over.wait(250)
        yield b""

    (tmp_path / "list.csv").write_text(
        "url,licence\n" + "".join(f"http://photos.example/{seed}.png,cc0\n" for seed in range(3)), encoding="utf-8"
    )
    path, photos = tmp_path / "queries.yaml", tmp_path / "photos"
    path.write_text("version: 1\npace: 0.1\nclasses:\n  dress: {count: 3, lists: [list.csv]}\n", encoding="utf-8")
    with FakeWeb() as web:
        for seed in (0, 2):
            web.put(f"photos.example/{seed}.png", Reply(drawn(seed)))
        web.put("photos.example/1.png", [Reply(pieces=hanging), Reply(drawn(1))])
        command_ = [sys.executable, str(WITH_WEB), str(web.port), "data", "collect", str(path), "-o", str(photos)]
        process = subprocess.Popen(command_, stderr=subprocess.PIPE, text=True)
        try:
            assert asked.wait(120)
            process.send_signal(number)
            _, told = process.communicate(timeout=120)
        finally:
            over.set()
            process.kill()
            process.communicate()
        with (photos / "collected.csv").open(encoding="utf-8", newline="") as file:
            outcomes = [row["outcome"] for row in csv.DictReader(file)]
        again = subprocess.run(command_, check=True, capture_output=True, text=True)

    assert process.returncode == status
    assert "the same command goes on where this one stopped" in told
    assert "Traceback" not in told
    assert outcomes == ["ok", "later", "later"]
    assert again.stdout.splitlines()[1].split() == ["dress", "3", "3", "0", "0", "0", "0", "0"]
    assert web.times("photos.example/0.png") == 1


def test_a_dry_run_says_what_would_be_asked_and_asks_nothing(queries, tmp_path):
    photos = tmp_path / "photos"

    before = run(queries, "-o", photos, "--dry-run")
    assert not photos.exists()
    run(queries, "-o", photos)
    after = run(queries, "-o", photos, "--dry-run")

    assert before.stdout.splitlines() == [
        "to find: 3 photos for 1 class, by url_list",
        "a host is asked every 1 s: 3.0 s if all are on one host, less if on several",
    ]
    assert after.stdout.splitlines()[0] == "to find: 1 photo for 1 class, by url_list"


def test_a_proxy_that_is_set_is_told_to_be_of_no_use(queries, tmp_path, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")

    result = run(queries, "-o", tmp_path / "photos")

    assert "note: HTTPS_PROXY is set and not used" in result.stderr
    assert result.stdout.splitlines()[1].split()[2] == "2"
