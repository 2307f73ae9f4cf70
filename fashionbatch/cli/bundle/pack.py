"""`fashionbatch bundle pack` and `unpack`: a bundle as one file."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from fashionbatch.cli.console.locations import HerePath
from fashionbatch.cli.console.progress import FILES_ARE_THE_RESULT, quiet_option, reporter_on_standard_output
from fashionbatch.cli.console.tables import printable
from fashionbatch.display_width import human_size


@click.command("pack")
@click.argument("bundle", type=HerePath(path_type=Path))
@click.option("-o", "--output", type=HerePath(path_type=Path), required=True, help="The file, such as shoes.fbz.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@quiet_option(FILES_ARE_THE_RESULT)
def pack_command(bundle: Path, *, output: Path, overwrite: bool, quiet: bool) -> None:
    """Pack a bundle into one file, to be sent or kept.

    It is a ZIP archive without compression. The same bundle gives the same bytes.
    """
    from fashionbatch.api.bundles import Bundle

    reporter = reporter_on_standard_output(quiet=quiet)
    with reporter.waiting("packing the bundle"):
        opened = Bundle.open(bundle)
        size = opened.pack(output, overwrite=overwrite).stat().st_size
    reporter.show(f"{printable(str(output))}: {human_size(size)}, bundle {opened.digest}")
    reporter.show(f"There: fashionbatch bundle unpack {shlex.quote(output.name)} -o DIRECTORY")


@click.command("unpack")
@click.argument("file", type=HerePath(path_type=Path))
@click.option("-o", "--output", type=HerePath(path_type=Path), required=True, help="Directory for the bundle.")
@click.option("--overwrite", is_flag=True, help="Replace a bundle that is there.")
@quiet_option(FILES_ARE_THE_RESULT)
def unpack_command(file: Path, *, output: Path, overwrite: bool, quiet: bool) -> None:
    """Unpack a bundle that `bundle pack` packed.

    Names, sizes and digests are checked before the directory is there, so a stranger's file can do no harm by being
    unpacked. That a bundle is whole says nothing about who made it.
    """
    from fashionbatch.api.bundles import Bundle

    reporter = reporter_on_standard_output(quiet=quiet)
    with reporter.waiting("unpacking the bundle"):
        bundle = Bundle.unpack(file, output, overwrite=overwrite)
    reporter.show(f"{printable(str(output))}: {printable(bundle.name)}, whole, SHA-256 {bundle.digest}")
    reporter.show(f"Now: fashionbatch classify PHOTOS -b {shlex.quote(str(output))} -o labels.csv")
