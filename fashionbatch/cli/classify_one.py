"""`fashionbatch classify PHOTO --show PICTURE`: one photo with its labels written on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from fashionbatch.cli.tables import format_table, printable

if TYPE_CHECKING:
    from fashionbatch.labeling.options import LabelOptions
    from fashionbatch.labeling.single import Reading

_BARS = 10
_VIEW_PIXELS = 480
_OF_A_PICTURE = {
    "folder", "bundles", "show", "topk", "threshold", "batch_size", "runtime", "device", "precision", "overwrite",
    "quiet",
}  # fmt: skip
"""The parameters of `classify` that mean something where no table is made."""


def check_request(context: click.Context, folder: Path | None, *, has_table: bool) -> None:
    """Insist on one photo, one bundle, and no option that only a table can heed.

    Raises:
        UsageError: something else was asked for.
    """
    given = [
        parameter
        for parameter in context.command.params
        if context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    ]
    refused = {"part", "dry_run", "files_from"}
    if not has_table:
        refused |= {parameter.name for parameter in given if parameter.name not in _OF_A_PICTURE}
    for parameter in given:
        if parameter.name in refused:
            reason = "needs -o/--output, the table" if not has_table else "does not go together with --show"
            raise click.UsageError(f"{parameter.opts[-1]} {reason}")
    if len(context.params["bundles"]) > 1:
        raise click.UsageError("--show takes one bundle")
    if folder is None or folder.is_dir():
        raise click.UsageError("--show takes one photo in the place of FOLDER")


def show_photo(options: LabelOptions, picture: Path, *, topk: int | None, quiet: bool) -> None:
    """Label one photo, draw it with its labels, and print them.

    Args:
        options: `folder` is the photo.
        picture: where the drawing goes.
        topk: how many classes are drawn and printed; None for the usual number.
        quiet: print nothing.

    Raises:
        FashionBatchError: the photo, the bundle or the picture's place is not what it should be.
    """
    from fashionbatch.errors import OutputError
    from fashionbatch.images import view_image
    from fashionbatch.labeling.single import read_photo
    from fashionbatch.pictures.annotated import draw_annotated
    from fashionbatch.pictures.files import check_picture_path

    if picture.exists() and picture.samefile(options.folder):
        raise OutputError(f"{picture} is the photo itself", hint="--show names the drawing")
    check_picture_path(picture, overwrite=options.overwrite)
    reading = read_photo(options.folder, options)
    draw_annotated(
        view_image(options.folder, _VIEW_PIXELS),
        reading.names,
        reading.probabilities,
        reading.chosen,
        picture,
        thresholds=reading.thresholds,
        count=topk or _BARS,
        title=options.folder.name,
    )
    if not quiet:
        _print(reading, topk or _BARS)
        click.echo(f"\n{printable(str(picture))}: the photo with its labels")


def _print(reading: Reading, count: int) -> None:
    rows = [
        ["*" if number in reading.chosen else "", reading.names[number], f"{reading.probabilities[number]:.1%}"]
        for number in reading.most_likely(count)
    ]
    for line in format_table(["", "label", "probability"], rows):
        click.echo(line)
    for group, winner in reading.groups.items():
        click.echo(f"{printable(group)}: {printable(reading.names[winner])} ({reading.probabilities[winner]:.1%})")
    if not reading.chosen:
        click.echo("no class reaches its threshold")
