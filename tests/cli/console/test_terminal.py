"""Whatever a stranger's file says, a terminal obeys nothing of it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from tqdm import tqdm

from fashionbatch.cli.console.terminal import HarmlessStream, harmless, harmless_output, style


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain 한복 é\t\n", "plain 한복 é\t\n"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x1b[2J\x1b[H", r"\x1b[2J\x1b[H"),
        ("\x1b[8mhidden", r"\x1b[8mhidden"),
        ("\x1b[31merror:\x1b[0m", r"\x1b[31merror:\x1b[0m"),
        ("\x9b2J", r"\x9b2J"),
        ("a\rb", r"a\rb"),
        ("a\x08\x7f\x00", r"a\x08\x7f\x00"),
        ("photo\u202egpj.exe", r"photo\u202egpj.exe"),
        ("a\u2066b\u2069\u200f", r"a\u2066b\u2069\u200f"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        ("caf\udce9.jpg", r"caf\udce9.jpg"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),  # Persian needs its joiner
    ],
)
def test_what_a_terminal_would_obey_becomes_visible(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_our_own_colours_stay() -> None:
    for colour in ("red", "yellow", "green", "cyan", None):
        assert harmless(style("error:", fg=colour, bold=True)) == click.style("error:", fg=colour, bold=True)
    assert harmless(style("(3 s)", dim=True)) == click.style("(3 s)", dim=True)
    assert click.unstyle(style("error:", fg="red")) == "error:"


@pytest.mark.parametrize("colour", ["red", "green"])
def test_a_strangers_colours_do_not_pass_for_ours(colour: str) -> None:
    text = click.style("error: all is lost", fg=colour, bold=True)
    escaped = text.replace("\x1b", r"\x1b")
    assert harmless(text) == escaped
    assert harmless(style(text, fg="cyan")) == click.style(escaped, fg="cyan")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize(("command", "code"), [(("no-such-verb",), 2), (("recipe", "check", "no such"), 1)])
def test_a_mistake_is_the_same_mistake_where_nobody_can_be_told(command: tuple[str, ...], code: int) -> None:
    assert _run("2>/dev/full", *command).returncode == code


def test_both_streams_are_harmless_and_come_back_as_they_were(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    with harmless_output():
        click.echo("a\x1b[2J", color=True)
        click.echo("b\x1b[2J", err=True, color=True)
        sys.stdout.writelines(["c\x07\n"])
        sys.stderr.write("d\x9b\n")
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr() == ("a\\x1b[2J\nc\\x07\n", "b\\x1b[2J\nd\\x9b\n")


def test_a_progress_bar_moves_as_ever() -> None:
    plain, filtered = io.StringIO(), io.StringIO()
    for stream in (plain, HarmlessStream(filtered, "standard error")):
        with tqdm(total=3, file=stream, mininterval=0, bar_format="{desc}{n}/{total}", leave=False) as bar:
            for _ in range(3):
                bar.update()
    assert filtered.getvalue() == plain.getvalue()
    assert "\r" in plain.getvalue()


def test_a_name_on_the_command_line_and_in_a_file_reaches_the_terminal_as_escapes(tmp_path: Path) -> None:
    hostile = "\x1b[2J\x9b\n error: all is well"
    (tmp_path / "recipe.yaml").write_text('version: 1\nname: "a"\n"\\e[2Jkey": 1\nextends: "\\e]0;x\\a.yaml"\n')
    commands = [
        ["classify", str(tmp_path / hostile), "-b", str(tmp_path), "-o", str(tmp_path / "o.csv")],
        ["classify", str(tmp_path), "-b", str(tmp_path / hostile), "-o", str(tmp_path / "o.csv")],
        ["compare", str(tmp_path / hostile), str(tmp_path / hostile)],
        ["status", str(tmp_path / hostile)],
        ["recipe", "check", str(tmp_path / "recipe.yaml")],
        ["recipe", "check", hostile],
        [hostile],
    ]
    for command in commands:
        process = subprocess.run(
            [sys.executable, "-m", "fashionbatch", *command], capture_output=True, text=True, check=False
        )
        said = process.stdout + process.stderr
        assert process.returncode in {1, 2}, said
        assert "\x1b" not in said
        assert "\x9b" not in said
        assert not any(line.startswith((" error: all", "error: all")) for line in said.splitlines())


def _run(redirected: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = f'"$0" -m fashionbatch "$@" {redirected}'
    return subprocess.run(["bash", "-c", line, sys.executable, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("arguments", [("recipe", "list"), ("--help",), ("--version",), ("plugins", "list", "--json")])
def test_output_that_cannot_be_written_is_an_error_and_no_bug(arguments: tuple[str, ...]) -> None:
    process = _run(">/dev/full", *arguments)
    assert process.returncode == 1
    assert process.stderr == "error: standard output: cannot be written: No space left on device\n"


@pytest.mark.parametrize("reader", ["true", "head -n 0"])
def test_a_reader_that_has_left_ends_it_silently(reader: str) -> None:
    # Slow enough that the reader has left, and more than a pipe holds.
    process = _run(f"| {reader}; exit ${{PIPESTATUS[0]}}", "recipe", "schema")
    assert process.returncode == 141
    assert process.stderr == ""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_change_nothing(closed: str) -> None:
    assert _run(closed, "recipe", "check", "quickstart").returncode == 0
    assert _run(closed, "recipe", "check", "no such").returncode == 1


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_path_longer_than_the_system_takes_is_the_users_error(tmp_path: Path, place: int) -> None:
    paths = [str(tmp_path)] * 3
    paths[place] = "x/" * 3000
    process = _run("", "classify", paths[0], "-b", paths[1], "-o", paths[2])
    assert process.returncode == 1
    assert "bug" not in process.stderr
    assert process.stderr.startswith("error: ")
    assert len(process.stderr) < 1000
