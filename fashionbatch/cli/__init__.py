"""The command line: a file or folder a verb. The verbs' help lines stand here: `--help` imports none of them."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from fashionbatch import __version__
from fashionbatch.cli.console.quiet import quieten_tensorflow
from fashionbatch.cli.console.signals import watched
from fashionbatch.cli.console.tables import printable
from fashionbatch.cli.console.terminal import ReaderLeftError, StreamError, harmless_output, style
from fashionbatch.errors import FashionBatchError, RecipeError
from fashionbatch.interrupts import telling_ctrl_c
from fashionbatch.masking import mask_secrets
from fashionbatch.tracebacks import keep_traceback

# Verb -> module and the help line, kept equal to the command's own by a test.
VERBS: dict[str, tuple[str, str]] = {
    "bundle": ("fashionbatch.cli.bundle", "Inspect, check, pack, quantize and import bundles, the trained networks."),
    "classify": ("fashionbatch.cli.classify", "Label every image in a folder: a table with one row for each file."),
    "compare": ("fashionbatch.cli.compare", "Compare two label tables: changed labels, shifted shares, accuracy."),
    "data": (
        "fashionbatch.cli.data",
        "Look at the data of a recipe, or collect photos from the web.",
    ),
    "demo": (
        "fashionbatch.cli.demo",
        "Show everything once: train on the embedded sample and label a folder, in minutes.",
    ),
    "doctor": ("fashionbatch.cli.doctor", "Say what this installation and this machine offer, and what is wrong."),
    "evaluate": ("fashionbatch.cli.evaluate", "Measure how well a bundle labels photos whose labels are known."),
    "export": ("fashionbatch.cli.export", "Write a bundle's network in another program's format."),
    "merge": ("fashionbatch.cli.merge", "Join the parts of a labeling job into one table."),
    "plugins": (
        "fashionbatch.cli.plugins",
        "List and show the components that recipes can name; start and check plugins.",
    ),
    "recipe": ("fashionbatch.cli.recipe", "Draft, check, show, list and copy recipes."),
    "runs": ("fashionbatch.cli.runs", "List training runs, and compare them."),
    "status": ("fashionbatch.cli.status", "Say how far a labeling run is, from another terminal."),
    "summarize": (
        "fashionbatch.cli.summarize",
        "Say what is in a label table: statuses, labels, confidence, folders.",
    ),
    "sweep": (
        "fashionbatch.cli.sweep",
        "Train a recipe with several values of its settings, and name the best by validation.",
    ),
    "train": ("fashionbatch.cli.train", "Train a recipe's classifier into a run directory."),
    "try": (
        "fashionbatch.cli.try_folder",
        "Find out, within a budget of time, how well a folder of labeled photos can be told apart.",
    ),
}
BUG_EXIT_CODE = 3
_LONG_WORD = re.compile(r"\S{400,}")
"""A path of thousands of characters would hide what is said about it."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, not to be listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The verbs, by name."""
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - the same
        """Import one verb."""
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(VERBS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; a misspelt one gets a suggestion."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from fashionbatch.names import suggestion

            raise click.UsageError(f"no command {args[0]!r}{suggestion(args[0], sorted(VERBS))}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the same
        """Write the verbs' help lines without importing the verbs."""
        with formatter.section("Commands"):
            formatter.write_dl([(verb, help_line) for verb, (_, help_line) in sorted(VERBS.items())])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="fashionbatch")
def cli() -> None:
    """Train an image classifier from one YAML recipe, then label folders of photos into a table.

    Begin with `fashionbatch demo`; it needs no data of yours.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 the user's error, 2 usage, 3 a bug of ours, 130/143 interrupted."""
    quieten_tensorflow()
    warnings.showwarning = _show_warning
    with harmless_output(), watched(), telling_ctrl_c():
        exit_code = _run(arguments)
    sys.exit(exit_code)


def _run(arguments: Sequence[str] | None) -> int:  # noqa: PLR0911 - one return for each way to end
    try:
        result = cli.main(args=arguments, prog_name="fashionbatch", standalone_mode=False)
        _flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        _tell("interrupted")
        return 128 + signal.SIGINT
    except click.ClickException as error:
        # It is one also where nobody can be told of it.
        with contextlib.suppress(OSError):
            error.show()
        return error.exit_code
    except FashionBatchError as error:
        _show_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        _tell("interrupted")
        return 128 + signal.SIGINT
    except ReaderLeftError:
        return _reader_has_left()
    except OSError as error:
        return _report_os_error(error)
    except BaseException as error:  # noqa: BLE001 - the last resort that turns a bug into a report
        return _report_failure(error)
    return result if isinstance(result, int) else 0


def _show_error(error: FashionBatchError) -> None:
    from fashionbatch.installation import with_our_extras

    label = style("error:", fg="red", bold=True)
    if isinstance(error, RecipeError):
        # Each problem begins its line with the position, where editors and terminals look for it.
        count = len(error.problems)
        told = "\n".join(map(str, error.problems))
        told = f"{told}\n{label} {count} {'problem' if count == 1 else 'problems'} in the {error.what}"
        if error.hint is not None:
            told = f"{told}\n  hint: {error.hint}"
        _tell(told)
    else:
        # A line end in a name must not look like a line of ours.
        _tell(f"{label} {with_our_extras(str(error))}".replace("\n", "\n  ").replace("\n    hint: ", "\n  hint: "))
    text = _traceback_of(error)
    if text:
        _tell(f"  {keep_traceback(text, name='fashionbatch-plugin')}")


def _tell(text: str) -> None:
    # What goes wrong in a library may repeat what the library was given.
    text = mask_secrets(text)
    # An error is an error also where nobody can be told of it.
    with contextlib.suppress(OSError):
        click.echo(_LONG_WORD.sub(lambda found: f"{found[0][:150]}...{found[0][-50:]}", text), err=True)


def _traceback_of(error: BaseException | None) -> str:
    """Where a plugin's code failed; empty where none did. The error that says so may be the cause of another one."""
    while error is not None:
        if isinstance(error, FashionBatchError) and error.traceback:
            return error.traceback
        error = error.__cause__
    return ""


def _flush() -> None:
    sys.stdout.flush()


def _report_failure(error: BaseException) -> int:
    """Tell of what nobody expected: a library that a light installation lacks, a plugin's failure, or a bug of ours."""
    from fashionbatch.installation import lacks_whole
    from fashionbatch.plugins import error_of_plugin

    blamed = lacks_whole(error) or error_of_plugin(error)
    if blamed is None and isinstance(error, Exception):
        return _report_bug()
    if blamed is None:
        raise error  # an end that somebody asked for
    _show_error(blamed)
    return blamed.exit_code


def _reader_has_left() -> int:
    """After `| head`: what follows must not complain about it at exit."""
    _close_standard_output()
    return 128 + signal.SIGPIPE


def _close_standard_output() -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report_os_error(error: OSError) -> int:
    """Tell of what the operating system refuses: standard output that is full, or a path that it does not take."""
    if isinstance(error, StreamError):
        _close_standard_output()
    if error.filename is None:
        return _report_bug()
    path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else str(error.filename)
    _show_error(FashionBatchError(f"{printable(path)}: {error.strerror or error}"))
    return FashionBatchError.exit_code


def _report_bug() -> int:
    text = traceback.format_exc()
    last_line = text.strip().splitlines()[-1]
    where = keep_traceback(text, name="fashionbatch-bug")
    _tell(f"{style('a bug in fashionbatch:', fg='red', bold=True)} {last_line}\n  {where}")
    return BUG_EXIT_CODE


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    # Ours are sentences for the user; a library's are for its developers.
    if category.__module__.startswith("fashionbatch"):
        _tell(f"{style('warning:', fg='yellow', bold=True)} {message}".replace("\n", "\n  "))
