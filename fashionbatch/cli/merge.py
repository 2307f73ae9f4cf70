"""`fashionbatch merge`: the parts of a labeling job -> its table."""

from __future__ import annotations

from pathlib import Path

import click

from fashionbatch.cli.console.progress import FILES_ARE_THE_RESULT, LabelingReporter, quiet_option
from fashionbatch.cli.console.signals import orderly_end
from fashionbatch.cli.console.tables import printable
from fashionbatch.display_width import counted

_PATH = click.Path(path_type=Path)


@click.command("merge")
@click.argument("output", type=_PATH)
@click.argument("jobs", type=_PATH, nargs=-1)
@click.option("--overwrite", is_flag=True, help="Replace the output if it exists.")
@click.option(
    "--embeddings",
    type=_PATH,
    help="Where to write the features, if the runs were given another folder than the table's.",
)
@quiet_option(FILES_ARE_THE_RESULT)
def command(*, output: Path, jobs: tuple[Path, ...], overwrite: bool, embeddings: Path | None, quiet: bool) -> None:
    """Join the parts of a labeling job into one table.

    OUTPUT is the table that the runs with --shard were given. JOBS are job directories (NAME.job) from other machines.
    The command checks that all belong together and that no row is missing.
    """
    from fashionbatch.labeling.merge import merge

    reporter = LabelingReporter(quiet=quiet)
    with orderly_end("stopping; the same command goes on from there") as stop_signal:
        report = merge(
            output, jobs, overwrite=overwrite, embeddings=embeddings, reporter=reporter, stop_signal=stop_signal
        )
    if quiet:
        return
    statuses = ", ".join(f"{count:,} {status}" for status, count in report.sidecar.counts.status.items())
    click.echo(f"{printable(str(output))}: {counted(report.sidecar.rows, 'row')}: {statuses}")
