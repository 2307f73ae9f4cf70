"""How far a command is: a bar on a terminal, lines elsewhere, nothing with --quiet."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from PIL import Image

from fashionbatch import progress
from fashionbatch.cli import cli, main
from fashionbatch.cli.console.progress import FILES_ARE_THE_RESULT, TEXT_IS_THE_RESULT
from fashionbatch.cli.console.terminal import HarmlessStream
from fashionbatch.progress import Reporter, bars_are_seen, on_standard_error
from fashionbatch.testing.bundles import make_tiny_bundle

LinesLeft = Callable[..., list[str]]
TIMES = r"\d\d:\d\d<(\d\d:\d\d|\?)"
"""What tqdm draws: how long it took, and how long it will take yet."""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve photos in folders of their labels."""
    for number in range(12):
        folder = tmp_path / "photos" / ("red", "green", "blue")[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), 20 * number, np.uint8)).save(folder / f"{number}.png")
    return tmp_path / "photos"


def run_command(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert not ended.value.code


# --------------------------------------------------------------------------------------------------------- commands


def table(place: Path, labels: Sequence[str]) -> Path:
    place.write_text("filepath,status,label\n" + "".join(f"{n}.png,ok,{label}\n" for n, label in enumerate(labels)))
    return place


def commands(case: str, tiny: Path, photos: Path, tmp_path: Path) -> list[str]:
    labels = tmp_path / "labels.csv"
    if case == "compare":
        tables = [table(tmp_path / f"{name}.csv", ["red", "blue"]) for name in ("old", "new")]
        return ["compare", *map(str, tables)]
    if case == "merge":
        labels.unlink(missing_ok=True)
        for part in ("1/2", "2/2"):
            run_command("classify", str(photos), "-b", str(tiny), "-o", str(labels), "--shard", part, "--quiet")
    if case == "unpack":
        run_command("bundle", "pack", str(tiny), "-o", str(tmp_path / "tiny.fbz"), "--overwrite", "--quiet")
    return {
        "merge": ["merge", str(labels)],
        "pack": ["bundle", "pack", str(tiny), "-o", str(tmp_path / "tiny.fbz")],
        "unpack": ["bundle", "unpack", str(tmp_path / "tiny.fbz"), "-o", str(tmp_path / "unpacked")],
        "new": ["recipe", "new", str(photos), "-o", str(tmp_path / "new.yaml"), "--yes"],
        "classify": ["classify", str(photos), "-b", str(tiny), "-o", str(labels), "--sort-into", str(tmp_path / "by")],
        "evaluate": ["evaluate", str(tiny), "--data", str(photos)],
        "verify": ["bundle", "verify", str(tiny)],
    }[case]


CLOCKS = {"verify": "reading the files", "pack": "packing the bundle", "unpack": "unpacking the bundle"}
"""What has no steps to count says how long it takes."""


@pytest.mark.parametrize(
    ("case", "bars"),
    [
        ("classify", ["scanning", "labeling", "writing labels.csv", "sorting"]),
        ("evaluate", ["reading images", "labeling images"]),
        ("compare", ["reading old.csv", "reading new.csv"]),
        ("merge", ["writing labels.csv"]),
        ("new", ["looking at photos"]),
        ("verify", []),
        ("pack", []),
        ("unpack", []),
    ],
)
def test_a_command_draws_bars_on_a_terminal_and_nothing_with_quiet(  # noqa: PLR0917 - fixtures
    on_terminal: Callable[..., str],
    lines_left: LinesLeft,
    tiny: Path,
    photos: Path,
    tmp_path: Path,
    case: str,
    bars: list[str],
) -> None:
    arguments = commands(case, tiny, photos, tmp_path)
    shown = on_terminal(lambda: run_command(*arguments))
    for title in bars:
        rate = rf"{re.escape(title)}:.*\[({TIMES}|\d\d:\d\d), +[\d.?]+\w+/s"
        assert re.search(rate, shown), f"{title!r} with rate and time, in {shown!r}"
    if case in CLOCKS:
        assert f"{CLOCKS[case]}: 00:00" in shown
        assert not any(CLOCKS[case] in line for line in lines_left(shown))
    assert not any(bar in line for line in lines_left(shown) for bar in bars), "a bar leaves nothing behind"
    overwrite = ["--overwrite"] if case in {"classify", "pack", "unpack", "new"} else []
    if case == "merge":
        arguments = commands(case, tiny, photos, tmp_path)
    assert on_terminal(lambda: run_command(*arguments, *overwrite, "--quiet")) == ""


def leaves(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Each command of the tree that does something, by its whole name."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for one in command.list_commands(context):
        below = command.get_command(context, one)
        assert below is not None
        yield from leaves(below, f"{name} {one}".strip())


NOTHING_TO_LEAVE_OUT = {
    "bundle inspect": "reads one small file; its text is the result",
    "doctor": "its text is the result, and it says nothing else",
    "plugins list": "its text is the result",
    "plugins new": "writes a few small files; their names say what to do next",
    "plugins show": "its text is the result",
    "recipe check": "reads a file and no image; its text is the result",
    "recipe copy": "copies one small file",
    "recipe list": "its text is the result",
    "recipe schema": "its text is the result",
    "recipe show": "its text is the result",
    "runs list": "its text is the result",
    "status": "its text is the result",
}
"""The commands without `--quiet`, and why."""


def test_every_command_can_be_quiet_that_may_last() -> None:
    found = dict(leaves(cli, ""))
    assert len(found) > 30
    without = {name for name, one in found.items() if not any("--quiet" in parameter.opts for parameter in one.params)}
    assert without == set(NOTHING_TO_LEAVE_OUT)


def test_quiet_means_one_of_two_things() -> None:
    helps = {
        name: parameter.help
        for name, one in leaves(cli, "")
        for parameter in one.params
        if isinstance(parameter, click.Option) and "--quiet" in parameter.opts
    }
    assert len(helps) > 15
    assert set(helps.values()) == {f"Print {kept} only." for kept in (FILES_ARE_THE_RESULT, TEXT_IS_THE_RESULT)}


# ------------------------------------------------------------------------------------------------------------- bars


@pytest.mark.parametrize("columns", [20, 40, 60, 100])
def test_a_bar_fits_where_columns_are_few_and_keeps_rate_and_remaining_time(
    on_terminal: Callable[..., str], columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work() -> None:
        with on_standard_error().bar("features of validation", 3000, "image") as advance:
            for done in range(0, 3000, 500):
                advance(done, {"loss": 0.25})
                progress._open_bars[-1].refresh()

    drawn = [part.rstrip() for part in on_terminal(work, columns).split("\r")]
    assert max(map(len, drawn)) <= columns
    assert columns < 40 or any(re.search(r"\d\d:\d\d.*image/s|image/s.*\d\d:\d\d", part) for part in drawn), drawn


def test_a_terminal_that_does_not_say_its_size_gets_a_bar_as_well(
    on_terminal: Callable[..., str], lines_left: LinesLeft
) -> None:
    def work() -> None:
        with on_standard_error().bar("labeling", 10, "file") as advance:
            advance(3)

    shown = on_terminal(work, columns=0, rows=0)
    assert re.search(rf"labeling:.*\[{TIMES}", shown)
    assert lines_left(shown) == []


def test_a_bar_follows_a_terminal_that_becomes_narrower(
    make_screen: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = make_screen(120)
    screen.begin()
    monkeypatch.setattr(sys, "stderr", HarmlessStream(screen.stream, "standard error"))
    with on_standard_error().bar("labeling", 100, "file") as advance:
        wide = progress._open_bars[-1].format_dict["ncols"]
        screen.resize(50)
        advance(50)
        progress._open_bars[-1].refresh()
        narrow = progress._open_bars[-1].format_dict["ncols"]
    screen.end()
    assert narrow <= 50
    assert wide > 100


def test_what_is_printed_meanwhile_has_lines_of_its_own(on_terminal: Callable[..., str], lines_left: LinesLeft) -> None:
    def work() -> None:
        reporter = on_standard_error()
        with reporter.bar("outer", 10, "file") as outer:
            outer(1)
            reporter.show("a line")
            sys.stderr.write("another ")
            sys.stderr.write("one\n")
            with reporter.bar("inner", 3, "batch") as inner:
                inner(2)
                outer(5)
                reporter.show("a third one")
            outer(10)

    shown = on_terminal(work)
    assert lines_left(shown) == ["a line", "another one", "a third one"]
    assert "inner" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_end_before_the_end_leaves_no_bar(
    on_terminal: Callable[..., str], lines_left: LinesLeft, error: type[BaseException]
) -> None:
    def work() -> None:
        with on_standard_error().bar("labeling", 10, "file") as advance:
            advance(3)
            raise error

    def begin() -> None:
        with pytest.raises(error):
            work()

    assert lines_left(on_terminal(begin)) == []
    assert not progress._open_bars


@pytest.mark.parametrize(("term", "seen"), [("xterm", True), ("dumb", False)])
def test_a_terminal_that_cannot_go_back_gets_lines(
    on_terminal: Callable[..., str], monkeypatch: pytest.MonkeyPatch, term: str, seen: bool
) -> None:
    monkeypatch.setenv("TERM", term)
    found: list[bool] = []
    on_terminal(lambda: found.append(bars_are_seen()))
    assert found == [seen]


def test_without_colours_a_bar_is_as_ever(on_terminal: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    def work() -> None:
        with on_standard_error().bar("labeling", 10, "file") as advance:
            advance(3)

    shown = on_terminal(work)
    assert "labeling" in shown
    assert "\x1b" not in shown


def test_a_notebook_gets_the_bar_of_notebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    from tqdm import auto

    made = []

    class Widget(auto.tqdm):
        def __init__(self, *arguments: object, **settings: object) -> None:
            made.append(settings["desc"])
            super().__init__(*arguments, **settings)

    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    monkeypatch.setattr(auto, "tqdm", Widget)
    assert bars_are_seen()
    with Reporter(print, bars=True).bar("labeling", 3, "file") as advance:
        advance(3)
    assert made == ["labeling"]


@pytest.fixture
def every_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.0)


@pytest.mark.usefixtures("every_moment")
def test_without_a_terminal_there_are_lines_and_none_with_quiet(
    tiny: Path, photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = commands("classify", tiny, photos, tmp_path)
    run_command(*arguments)
    told = capfd.readouterr().err
    assert re.search(r"^labeling: 12 of 12 files \([\d,.]+/s, 0\.0 s left\)$", told, re.MULTILINE)
    assert re.search(r"^sorting: 11 of 12 files \(", told, re.MULTILINE)
    run_command(*arguments, "--overwrite", "--quiet")
    assert capfd.readouterr() == ("", "")


def test_a_warning_is_told_of_where_all_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = on_standard_error(quiet=True)
    with reporter.bar("labeling", 3, "file") as advance:
        advance(3)
    reporter.show("note: nothing of interest")
    reporter.show("warning: the plugin failed")
    assert capsys.readouterr().err == "warning: the plugin failed\n"
