"""`fashionbatch classify`: a folder of photos and a bundle -> a table, one row a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fashionbatch.cli.progress import Progress, duration
from fashionbatch.cli.signals import orderly_end
from fashionbatch.cli.tables import format_table, printable

_PATH = click.Path(path_type=Path)
_SHOWN_LABELS = 10


class _Duration(click.ParamType[float]):
    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            seconds = float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        if not 0 < seconds < 1e6:
            self.fail(f"{value} is not between 0 and 1,000,000 seconds", param, ctx)
        return seconds


@click.command("classify")
@click.argument("folder", type=_PATH)
@click.option("-b", "--bundle", "bundles", type=_PATH, required=True, multiple=True, help="What training made.")
@click.option("-o", "--output", type=_PATH, required=True, help="The table; its ending says the format.")
@click.option("-j", "--workers", type=click.IntRange(1, 256), help="Processes that decode.  [default: one a core]")
@click.option("--batch-size", type=click.IntRange(1, 1024), default=8, show_default=True, help="Images at once.")
@click.option("--topk", type=click.IntRange(1), default=1, help="Name the K most likely classes.")
@click.option("--probabilities", is_flag=True, help="Add a column for every class.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="Leave the label empty below this probability.")
@click.option("--format", "format_", metavar="NAME", help="csv, jsonl or parquet, or a plugin's.")
@click.option("--all-files", is_flag=True, help="Take every file, not only those with an image extension.")
@click.option("--include", multiple=True, metavar="GLOB", help="Take only paths that match; may be repeated.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out paths that match; may be repeated.")
@click.option("--limit", type=click.IntRange(1), help="Stop after so many files.")
@click.option("--runtime", default="openvino", show_default=True, help="What computes.")
@click.option("--device", type=click.Choice(["cpu", "gpu"]), default="cpu", show_default=True)
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    show_default=True,
    help="auto: the fastest that kept the labels in validation.",
)
@click.option("--timeout", type=_Duration(), default=30, show_default=True, help="Time to decode one file.")
@click.option("--spreadsheet-safe", is_flag=True, help="Put an apostrophe before text that looks like a formula.")
@click.option("--overwrite", is_flag=True, help="Replace the output if it exists, once the new one is complete.")
@click.option("--restart", is_flag=True, help="Discard what an earlier run of the same output has done.")
@click.option("--strict", is_flag=True, help="Exit with 4 if any file could not be labeled.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors and warnings only.")
def command(
    *,
    folder: Path,
    bundles: tuple[Path, ...],
    output: Path,
    format_: str | None,
    topk: int,
    probabilities: bool,
    threshold: float | None,
    spreadsheet_safe: bool,
    timeout: float,
    strict: bool,
    quiet: bool,
    **others: Any,
) -> None:
    """Label every image in a folder: one row a file.

    The run may be killed at any moment; the same command goes on where it stopped. FOLDER may be one file, too.
    """
    from fashionbatch.errors import RowError
    from fashionbatch.labeling.options import LabelOptions
    from fashionbatch.labeling.rows import RowOptions
    from fashionbatch.labeling.run import label

    options = LabelOptions(
        folder=folder,
        bundles=bundles,
        output=output,
        format=format_,
        rows=RowOptions(topk, probabilities, threshold, spreadsheet_safe),
        timeout_s=timeout,
        **others,
    )
    reporter = Progress(quiet=quiet)
    message = (
        "finishing what is in hand; a second signal leaves at once (either way, the same command goes on from there)"
    )
    with orderly_end(message) as stop_signal:
        report = label(options, reporter=reporter, stop_signal=stop_signal)
    if not quiet:
        _print_summary(output, report.meta)
    failed = report.meta["rows"] - report.meta["counts"]["status"].get("ok", 0)
    if strict and failed:
        raise RowError(f"{failed:,} of {report.meta['rows']:,} files could not be labeled; the table says why")


def _print_summary(output: Path, meta: Any) -> None:
    seconds = meta["times"]["seconds"]
    statuses = ", ".join(f"{count:,} {status}" for status, count in meta["counts"]["status"].items())
    rate = "" if meta["times"]["resumed"] or not seconds else f" ({meta['rows'] / seconds:,.0f}/s)"
    click.echo(f"{printable(str(output))}: {meta['rows']:,} rows in {duration(seconds)}{rate}: {statuses}")
    labels = meta["counts"]["label"]
    for bundle, counts in labels.items() if len(meta["bundles"]) > 1 else [("", labels)]:
        _print_labels(bundle, counts)
    unreadable = meta["files"]["unreadable_count"]
    if unreadable:
        where, reason = meta["files"]["unreadable"][0]
        click.echo(f"{unreadable:,} folders could not be read, such as {printable(where)} ({reason})")


def _print_labels(bundle: str, counts: dict[str, int]) -> None:
    if bundle:
        click.echo(f"{bundle}:")
    shown = list(counts.items())[:_SHOWN_LABELS]
    total = sum(counts.values())
    rows = [[label or "(none)", f"{count:,}", f"{count / total:.1%}"] for label, count in shown]
    for line in format_table(["label", "files", "share"], rows):
        click.echo(f"  {line}")
    if len(counts) > len(shown):
        click.echo(f"  and {len(counts) - len(shown):,} more labels")
