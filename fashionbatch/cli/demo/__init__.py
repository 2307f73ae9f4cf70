"""`fashionbatch demo`: the whole way of the data, with the commands that a user would type."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from fashionbatch import __version__, disk
from fashionbatch.cli.console.locations import HerePath
from fashionbatch.cli.console.progress import TEXT_IS_THE_RESULT, quiet_option, reporter_on_standard_output
from fashionbatch.cli.console.terminal import echo_styled, style
from fashionbatch.errors import InterruptedRunError, OutputError
from fashionbatch.installation import require_whole
from fashionbatch.progress import Reporter

RECIPE = "quickstart"
MARKER = ".fashionbatch-demo"
_PATIENCE = 10.0  # seconds that an interrupted step may take to end by itself


@dataclass(frozen=True)
class DemoFiles:
    """Where everything of a demo lies."""

    directory: Path

    @property
    def run(self) -> Path:
        """The run directory of the training."""
        return self.directory / "run"

    @property
    def bundle(self) -> Path:
        """The trained bundle."""
        return self.run / "bundle"

    @property
    def photos(self) -> Path:
        """The folder that is labeled."""
        return self.directory / "photos"

    @property
    def known_labels(self) -> Path:
        """The labels that the photos are known to have."""
        return self.directory / "known_labels.csv"

    @property
    def table(self) -> Path:
        """The table that `classify` writes."""
        return self.directory / "labels.csv"


@click.command()
@click.argument("directory", type=HerePath(file_okay=False, path_type=Path), default=Path("demo"))
@click.option("--overwrite", is_flag=True, help="Begin anew where DIRECTORY holds an earlier demo.")
@quiet_option(TEXT_IS_THE_RESULT)
def command(directory: Path, *, overwrite: bool, quiet: bool) -> None:
    """Show everything once: train on the embedded sample and label a folder, in minutes.

    Everything is written into DIRECTORY (default: demo). A demo that was stopped goes on where it was; a finished one
    is labeled again with the network that it has.
    """
    run_demo(directory, overwrite=overwrite, quiet=quiet)


def run_demo(
    directory: Path, *, overwrite: bool = False, train_options: Sequence[str] = (), quiet: bool = False
) -> None:
    """Train, write photos, label them, and say what came out.

    Args:
        directory: everything is written there; made where it is missing.
        overwrite: remove what an earlier demo left there.
        train_options: further options of `fashionbatch train`.
        quiet: say what came out, and nothing before.

    Raises:
        OutputError: the directory holds something else than a demo, or cannot be written.
    """
    require_whole("the demo, which trains,")
    files = DemoFiles(directory)
    _make_directory(files, overwrite=overwrite)
    steps = _Steps(reporter_on_standard_output(quiet=quiet), ("--quiet",) if quiet else ())
    steps.reporter.show("From a recipe to a labeled folder; each step is a command that you can type yourself.")
    _train(files, train_options, steps)
    _write_photos(files, steps)
    _label(files, steps)
    _show(files, steps)


def _make_directory(files: DemoFiles, *, overwrite: bool) -> None:
    directory = files.directory
    try:
        marker = directory / MARKER
        if directory.exists() and any(directory.iterdir()) and not marker.is_file():
            raise OutputError(
                f"{directory} is not empty, and no demo made what is in it",
                hint="name a directory of its own: `fashionbatch demo my-demo`",
            )
        if overwrite and marker.is_file():
            _remove(files)
        disk.make_directory(directory)
        disk.remove_leftovers_in(directory)
        disk.write_file(marker, f"made by fashionbatch demo, version {__version__}\n".encode())
    except OSError as error:
        raise OutputError(f"cannot write the demo into {directory}: {error.strerror or error}") from error


def _remove(files: DemoFiles) -> None:
    """Remove what an earlier demo made, and only that: somebody may have put a file of their own beside it."""
    from fashionbatch.cli.demo.photos import CONTENTS
    from fashionbatch.labeling.job.paths import JobPaths
    from fashionbatch.training.directory import RUN_CONTENTS

    table = JobPaths(files.table)
    made = disk.Contents(
        files=(table.output.name, table.meta.name, table.files.name, files.known_labels.name),
        folders={
            files.run.name: RUN_CONTENTS,
            files.photos.name: CONTENTS,
            table.directory.name: table.all_contents,
        },
    )
    with disk.OwnDirectory(Path(os.path.realpath(files.directory))) as opened:
        opened.remove(made)
    for folder, contents in made.folders.items():
        path = files.directory / folder
        if os.path.lexists(path):
            with disk.OwnDirectory(path) as opened:
                foreign = next(opened.foreign(contents), Path())
            raise OutputError(
                f"{path}: holds {str(foreign)!r}, which the demo did not make", hint="move it away, then start again"
            )


def _train(files: DemoFiles, options: Sequence[str], steps: _Steps) -> None:
    steps.begin(1, "Train the recipe `quickstart` on the embedded sample of Fashion-MNIST")
    if (files.run / "summary.json").is_file():
        again = f"`fashionbatch demo {files.directory} --overwrite` begins anew"
        steps.reporter.show(f"{files.run} is trained already; {again}.")
        return
    resume = ["--resume"] if files.run.is_dir() else []
    steps.run(["train", RECIPE, "-o", str(files.run), *options, *resume])


def _write_photos(files: DemoFiles, steps: _Steps) -> None:
    from fashionbatch.cli.demo.photos import write_known_labels, write_photos
    from fashionbatch.data.prepare import prepare_data
    from fashionbatch.plan import load_plan
    from fashionbatch.plugins import load_plugins

    steps.begin(2, "Write the sample's test images as photos, with a few bad files among them")
    # Written last, so the photos are complete; writing them again would change files under a run that can be resumed.
    if files.known_labels.is_file():
        steps.reporter.show(f"{files.photos} is there already.")
        return
    data = prepare_data(load_plan(RECIPE, load_plugins().registry), splits=("test",))
    display_names = dict(zip(data.class_names, data.display_names, strict=True))
    with disk.output_errors(files.photos), disk.new_directory(files.photos, replace=True) as folder:
        photos = write_photos(data.splits["test"], folder, display_names)
    write_known_labels(photos.labels, files.known_labels)
    count = f"{len(photos.labels):,} photos and {len(photos.broken)} files that cannot be read"
    steps.reporter.show(f"{files.photos}: {count}:")
    for name, what in photos.broken.items():
        steps.reporter.show(f"  {name}: {what}")


def _label(files: DemoFiles, steps: _Steps) -> None:
    steps.begin(3, "Label every file in the folder")
    # A finished table is labeled anew; one that a stopped demo left unfinished is resumed.
    again = ["--overwrite"] if files.table.exists() else []
    steps.run(["classify", str(files.photos), "-b", str(files.bundle), "-o", str(files.table), *again])


def _show(files: DemoFiles, steps: _Steps) -> None:
    from fashionbatch.cli.console.tables import format_table
    from fashionbatch.cli.demo.photos import read_known_labels
    from fashionbatch.cli.demo.summary import HEAD_COLUMNS, summarise

    summary = summarise(files.table, read_known_labels(files.known_labels))
    steps.begin(4, f"The table: {files.table}, the first {len(summary.head)} of {summary.rows:,} rows")
    head, *rows = format_table(HEAD_COLUMNS, summary.head)
    echo_styled(head, bold=True)
    for row in rows:
        click.echo(row)
    counts = ", ".join(f"{count:,} {status}" for status, count in summary.statuses.items())
    pictures = sorted(path.name for path in files.run.glob("*.png"))
    click.echo()
    click.echo(f"{style('status', bold=True)}    {counts}")
    click.echo(
        f"{style('accuracy', bold=True)}  {summary.accuracy:.1%}: {summary.right:,} of {summary.known:,} photos "
        f"have the label in {files.known_labels}"
    )
    click.echo(f"{style('pictures', bold=True)}  {files.run}: {', '.join(pictures)}")
    steps.reporter.show("")
    steps.reporter.show("Next, a classifier of your own; PHOTOS is a folder that has a folder for each class:")
    steps.show_command(["recipe", "new", "PHOTOS", "-o", "my.yaml"])


@dataclass(frozen=True)
class _Steps:
    """Tells of the steps, and runs those that are commands.

    Attributes:
        reporter: of what is said about them.
        options: what each command is told beside its own.
    """

    reporter: Reporter
    options: Sequence[str] = ()

    def begin(self, number: int, text: str) -> None:
        """Print what the next step does."""
        self.reporter.show("")
        self.reporter.show(style(f"{number}. {text}", bold=True))

    def show_command(self, arguments: Sequence[str]) -> None:
        """Print a command as a user would type it."""
        self.reporter.show(style(f"$ {shlex.join(['fashionbatch', *arguments])}", fg="cyan"))

    def run(self, arguments: Sequence[str]) -> None:
        """Run a verb as a user would, in a process of its own, and leave with its exit code where it fails."""
        self.show_command(arguments)
        sys.stdout.flush()
        started = time.monotonic()
        _run([*arguments, *self.options])
        self.reporter.show(style(f"({time.monotonic() - started:.0f} s)", dim=True))


def _run(arguments: Sequence[str]) -> None:
    # -P: a file named like a module of ours in the user's folder must not be imported instead.
    command_line = [sys.executable, "-P", "-m", "fashionbatch", *arguments]
    with subprocess.Popen(command_line) as process:  # noqa: S603 - our own verbs
        try:
            code = process.wait()
        except KeyboardInterrupt:
            # The terminal has sent the signal to the step too, which ends by itself and can be resumed.
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.terminate()
            message = "the demo was stopped"
            hint = "the same command goes on from here"
            raise InterruptedRunError(message, signal_number=signal.SIGINT, hint=hint) from None
    if code:
        raise click.exceptions.Exit(code if code > 0 else 128 - code)
