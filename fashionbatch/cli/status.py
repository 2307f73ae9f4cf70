"""`fashionbatch status`: how far a labeling run is, from another terminal."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from fashionbatch.cli.console.locations import LocationType
from fashionbatch.cli.console.tables import printable
from fashionbatch.display_width import counted
from fashionbatch.progress import duration
from fashionbatch.stores.address import Location


@click.command("status")
@click.argument("output", type=LocationType())
@click.option("--job", type=LocationType(), metavar="DIR", help="As the run was given it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(*, output: Location, job: Location | None, as_json: bool) -> None:
    """Say how far a labeling run is, from another terminal.

    OUTPUT is the table, as `classify` was given it.
    """
    from fashionbatch.labeling.job.status import read_status

    status = read_status(output, jobs=job)
    if as_json:
        click.echo(json.dumps(asdict(status)))
        return
    name = printable(str(output))
    if status.rows is None:
        click.echo(f"{name}: {status.state}")
        return
    line = f"{name}: {status.state}, {status.done:,} of {counted(status.rows, 'row')} done"
    if status.rate is not None and status.state == "running":
        line += f", {status.rate:,.0f}/s"
    if status.remaining_s is not None:
        line += f", {duration(status.remaining_s)} left"
    click.echo(line)
    if status.statuses:
        click.echo("  " + ", ".join(f"{count:,} {name}" for name, count in status.statuses.items()))
    if status.state == "stopped":
        click.echo("  the command that began it goes on from there")
