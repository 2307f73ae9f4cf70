"""`fashionbatch data collect`: what the user reads."""

from __future__ import annotations

import io

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


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, ["collect", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def queries(tmp_path, monkeypatch):
    """A file of queries: two photos and a page that is none are wanted as three dresses."""
    with FakeWeb() as web:
        monkeypatch.setattr(exchange, "WebExchange", lambda stopping: web.exchange())
        monkeypatch.setattr(pace, "RunClock", lambda stopping: FakeClock())
        for seed in range(2):
            buffer = io.BytesIO()
            pixels = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((96, 96), Image.Resampling.BICUBIC).save(buffer, "PNG")
            web.put(f"photos.example/{seed}.png", Reply(buffer.getvalue()))
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
