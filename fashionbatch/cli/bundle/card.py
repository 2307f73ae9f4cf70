"""`fashionbatch bundle card`: what a network is and how well it does, for those who get it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from fashionbatch.cli.console.locations import HerePath
from fashionbatch.cli.console.progress import FILES_ARE_THE_RESULT, quiet_option, reporter_on_standard_output
from fashionbatch.cli.console.tables import printable


@click.command("card")
@click.argument("source", metavar="RUN|BUNDLE", type=HerePath(path_type=Path))
@click.option("-o", "--output", type=HerePath(path_type=Path), required=True, help="The file, such as README.md.")
@click.option("--licence", metavar="SPDX", help="Licence under which the network may be used, such as Apache-2.0.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@quiet_option(FILES_ARE_THE_RESULT)
def card_command(source: Path, *, output: Path, licence: str | None, overwrite: bool, quiet: bool) -> None:
    """Write a model card: Markdown with the front matter that Hugging Face reads.

    Data, figures with their intervals, frequent mistakes, precisions and limits come from the run. What only a person
    knows, such as what it is meant for, is marked `Fill in`.
    """
    from fashionbatch import disk
    from fashionbatch.card import card_of
    from fashionbatch.errors import OutputError

    if os.path.lexists(output) and not overwrite:
        raise OutputError(f"{output}: exists already", hint="--overwrite replaces it")
    reporter = reporter_on_standard_output(quiet=quiet)
    with reporter.waiting("reading the bundle"):
        text = card_of(source, licence=licence)
    disk.remove_leftovers(output)
    disk.write_file(output, text.encode("utf-8"))
    reporter.show(f"{printable(str(output))}: {text.count('ill in')} places to fill in")
