"""Options that take seconds."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fashionbatch.cli.bundle import command
from fashionbatch.cli.console.durations import Duration


@pytest.mark.parametrize("text", ["0", "-1", "1e300", "inf", "nan", "much", "1000000"])
def test_what_nobody_can_wait_for_is_wrong_usage(text: str) -> None:
    with pytest.raises(click.BadParameter, match="seconds"):
        Duration().convert(text, None, None)


@pytest.mark.parametrize("text", ["0.01", "30", "999999"])
def test_seconds_are_taken(text: str) -> None:
    assert Duration().convert(text, None, None) == float(text)


@pytest.mark.parametrize("arguments", [("quantize", "bundle"), ("import", "model.onnx", "-o", "bundle")])
@pytest.mark.parametrize("limit", ["1e300", "inf", "nan"])
def test_a_time_limit_that_nobody_can_wait_for_is_refused_before_anything_is_read(
    tmp_path: Path, arguments: tuple[str, ...], limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"")
    result = CliRunner().invoke(command, [*arguments, "--time-limit", limit])
    assert result.exit_code == 2
    assert "between 0 and 1,000,000 seconds" in result.output
