"""`fashionbatch data collect`: photos from the web into a folder for each class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fashionbatch.cli.console.locations import HerePath
from fashionbatch.cli.console.progress import FILES_ARE_THE_RESULT, quiet_option
from fashionbatch.cli.console.signals import orderly_end
from fashionbatch.cli.console.tables import counted, format_table, printable
from fashionbatch.errors import RowError
from fashionbatch.progress import Reporter, on_standard_error

if TYPE_CHECKING:
    from fashionbatch.collecting.applying import Report

_STOPPING = "stopping; the same command goes on where this one stops (Ctrl-C again ends at once)"
_PATH = HerePath(path_type=Path)


@click.command("collect")
@click.argument("queries", required=False, type=_PATH)
@click.option("-o", "--output", type=_PATH, required=True, help="The folder that the photos go into.")
@click.option(
    "--apply",
    "table",
    type=_PATH,
    help="Ask nothing: read this collected.csv, put aside the photos whose keep says no, and back those that say yes.",
)
@click.option(
    "--any-licence",
    is_flag=True,
    help="Take photos whatever their licence says, and where it says nothing. Most of them you may not pass on or use; "
    "to find out is up to you. The table shows what each one says.",
)
@click.option("--retry-failed", is_flag=True, help="Ask again for what failed before, such as a host that was down.")
@click.option("--dry-run", is_flag=True, help="Say what would be asked for and how long that takes, and stop.")
@click.option("--strict", is_flag=True, help="End with exit code 4 where a class has fewer photos than wanted.")
@quiet_option(FILES_ARE_THE_RESULT)
def command(
    queries: Path | None,
    *,
    output: Path,
    table: Path | None,
    any_licence: bool,
    retry_failed: bool,
    dry_run: bool,
    strict: bool,
    quiet: bool,
) -> None:
    """Collect photos by image searches or from lists of addresses, one folder a class.

    QUERIES is a YAML file: classes, what to search for, and how many photos of each. Files come with their licence and
    source in collected.csv. What was fetched is never fetched again: the same command goes on after any end.
    """
    if (queries is None) == (table is None):
        raise click.UsageError("give either QUERIES, a YAML file, or --apply and a collected.csv")
    reporter = on_standard_error(quiet=quiet)
    if table is not None:
        from fashionbatch.collecting.applying import apply_table

        with reporter.waiting("putting photos in their places"):
            report = apply_table(output, table)
    else:
        assert queries is not None
        if dry_run:
            _tell_plan(queries, output)
            return
        report = _collect(queries, output, any_licence=any_licence, retry_failed=retry_failed, reporter=reporter)
    if not quiet:
        for line in _lines(report, output):
            click.echo(line)
    if strict and _short(report):
        raise RowError("some classes have fewer photos than wanted")


def _tell_plan(path: Path, output: Path) -> None:
    from fashionbatch.api.collecting import load
    from fashionbatch.collecting.estimate import plan

    for line in plan(load(path), output):
        click.echo(line)


def _collect(path: Path, output: Path, *, any_licence: bool, retry_failed: bool, reporter: Reporter) -> Report:
    from fashionbatch.api.collecting import collect_into

    with orderly_end(_STOPPING) as stop_signal:
        return collect_into(
            path,
            output,
            any_licence=any_licence,
            retry_failed=retry_failed,
            reporter=reporter,
            stop_signal=stop_signal,
        )


def _lines(report: Report, output: Path) -> Iterator[str]:
    from fashionbatch.collecting.rows import OUTCOMES, counts

    found = counts(report.rows)
    labels = list(dict.fromkeys([*report.wanted, *found]))
    nothing = dict.fromkeys(OUTCOMES, 0)
    head = ("class", *(["wanted"] if report.wanted else []), *OUTCOMES)
    rows = []
    for label in labels:
        own = found.get(label, nothing)
        wanted = [f"{report.wanted.get(label, 0):,}"] if report.wanted else []
        rows.append((label, *wanted, *(f"{own[outcome]:,}" for outcome in OUTCOMES)))
    yield from format_table(head, rows)
    for note in report.notes:
        yield f"note: {printable(note)}"
    advice = "start the same command again later, or add queries" if report.notes else "add queries"
    for label, (there, wanted_) in _short(report).items():
        yield f"{printable(label)}: {wanted_ - there:,} of {counted(wanted_, 'photo')} are lacking; {advice}"
    if report.wanted and (failed := sum(own["failed"] for own in found.values())):
        yield f"{counted(failed, 'address', 'addresses')} failed: `--retry-failed` asks for them again"
    shown = printable(str(output))
    sheets = [path for paths in report.sheets.values() for path in paths]
    if sheets:
        yield f"contact sheets: {printable(str(sheets[0].parent))}"
        yield (
            f"what does not belong: write no in the column keep of {shown}/collected.csv, then "
            f"`fashionbatch data collect --apply {shown}/collected.csv -o {shown}`"
        )
        yield f"next: `fashionbatch recipe new {shown}`"


def _short(report: Report) -> dict[str, tuple[int, int]]:
    """The classes that lack photos, each with how many there are and how many are wanted."""
    from fashionbatch.collecting.rows import counts

    found = counts(report.rows)
    there = {label: found[label]["ok"] if label in found else 0 for label in report.wanted}
    return {label: (there[label], wanted) for label, wanted in report.wanted.items() if there[label] < wanted}
