"""`fashionbatch try`: its budget, and what it says in the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fashionbatch.cli.try_folder import command, report_lines
from fashionbatch.errors import DataError
from fashionbatch.trying.results import Tried
from fashionbatch.trying.run import TryReport


def report(summary=None, refused=None):
    best = Tried(
        key="a",
        candidate="MobileNetV2",
        kind="head",
        setting="decay 1",
        accuracy=0.9,
        images=100,
        judge="cross-validation",
        validation=0.9,
        cross_entropy=0.3,
        milliseconds=5.0,
        size=9_100_000,
        seconds=12.0,
        recipe={"version": 1},
    )
    return TryReport(
        directory=Path("tries/my photos"),
        tried=(best,),
        best=best,
        summary=summary,
        milliseconds={"float32": 5.0, "int8": 3.0} if summary else {},
        refused=refused or {},
        notes=("one photo is left out",),
        advice=("shirt is told apart worst",) if summary else (),
        seconds=60.0,
    )


@pytest.mark.parametrize("budget", ["10", "soon", "0s"])
def test_what_is_no_budget_is_wrong_usage(budget, tmp_path):
    result = CliRunner().invoke(command, [str(tmp_path), "--budget", budget])
    assert result.exit_code == 2
    assert "is no budget; write 90s, 10m or 1h" in result.output


def test_a_folder_that_is_not_there_is_one_error(tmp_path):
    with pytest.raises(DataError):
        CliRunner().invoke(command, [str(tmp_path / "no"), "-o", str(tmp_path / "out")], catch_exceptions=False)
    assert list(tmp_path.iterdir()) == []


def test_the_end_names_the_best_its_test_figure_its_speed_and_what_to_do_next():
    text = "\n".join(report_lines(report({"figures": {"test": {"accuracy": 0.88, "images": 372}}})))
    assert "accuracy 0.8800 on 372 photos" in text
    assert "(95%: 0.843 to 0.909)" in text
    assert "float32 5.0 ms, int8 3.0 ms a photo" in text
    assert "fashionbatch classify PHOTOS -b 'tries/my photos/best/bundle'" in text
    assert "fashionbatch train 'tries/my photos/best.yaml'" in text
    assert "shirt is told apart worst" in text


def test_without_a_bundle_it_says_how_to_go_on():
    text = "\n".join(report_lines(report()))
    assert "the same command goes on from here, and makes the bundle" in text
    assert "classify" not in text


def test_a_precision_that_classify_does_not_take_is_no_speed_of_the_bundle():
    figures = {"figures": {"test": {"accuracy": 0.88, "images": 372}}}
    lines = report_lines(report(figures, refused={"int8": "int8 kept only 95.0% of the labels"}))
    assert "speed     float32 5.0 ms a photo on this machine" in lines
    assert any("int8 3.0 ms, but `classify` does not take it by itself: int8 kept" in line for line in lines)
