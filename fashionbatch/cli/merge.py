"""`fashionbatch merge`: the parts of a labeling job -> its table."""

from __future__ import annotations

from pathlib import Path

import click

from fashionbatch.cli.console.locations import HerePath, LocationType
from fashionbatch.cli.console.progress import FILES_ARE_THE_RESULT, LabelingReporter, quiet_option
from fashionbatch.cli.console.signals import orderly_end
from fashionbatch.cli.console.tables import printable
from fashionbatch.display_width import counted
from fashionbatch.stores.address import Location, Url

_PATH = HerePath(path_type=Path)


@click.command("merge")
@click.argument("output", type=LocationType())
@click.argument("jobs", type=_PATH, nargs=-1)
@click.option("--overwrite", is_flag=True, help="Replace the output if it exists.")
@click.option(
    "--embeddings",
    type=LocationType(),
    help="Where to write the features, if the runs were given another folder than the table's.",
)
@click.option("--job", type=LocationType(), metavar="DIR", help="As the runs were given it.")
@quiet_option(FILES_ARE_THE_RESULT)
def command(
    *,
    output: Location,
    jobs: tuple[Path, ...],
    overwrite: bool,
    embeddings: Location | None,
    job: Location | None,
    quiet: bool,
) -> None:
    """Join the parts of a labeling job into one table.

    OUTPUT is the table that the runs with --shard were given. JOBS are job directories (NAME.job) from other machines.
    The command checks that all belong together and that no row is missing.
    """
    from fashionbatch.labeling.job.staging import made_at
    from fashionbatch.labeling.merge import merge

    table, features, store = made_at(output, embeddings, job)
    reporter = LabelingReporter(quiet=quiet)
    with orderly_end("stopping; the same command goes on from there") as stop_signal:
        report = merge(
            table,
            jobs,
            overwrite=overwrite,
            embeddings=features,
            store=store,
            jobs=job if isinstance(job, Url) else None,
            reporter=reporter,
            stop_signal=stop_signal,
        )
    if quiet:
        return
    statuses = ", ".join(f"{count:,} {status}" for status, count in report.sidecar.counts.status.items())
    click.echo(f"{printable(str(output))}: {counted(report.sidecar.rows, 'row')}: {statuses}")
