"""`fashionbatch classify PHOTO --show PICTURE`: one photo with its labels written on it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from fashionbatch.cli.console.tables import format_table, printable
from fashionbatch.stores.address import Location, is_one_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fashionbatch.decisions import Reading
    from fashionbatch.labeling.options import LabelOptions

_BARS = 10
_VIEW_PIXELS = 480
_OF_A_PICTURE = {
    "folder", "bundles", "show", "topk", "threshold", "accept_truncated", "batch_size", "runtime", "device",
    "precision", "overwrite", "quiet",
}  # fmt: skip
"""The parameters of `classify` that mean something where no table is made."""


def check_request(context: click.Context, folder: Location | None, *, has_table: bool) -> None:
    """Insist on one photo, one bundle, and no option that only a table can heed.

    Raises:
        UsageError: something else was asked for.
    """
    from fashionbatch.specs import IMAGE_EXTENSIONS

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
    if folder is None or not is_one_file(folder, tuple(IMAGE_EXTENSIONS)):
        raise click.UsageError("--show takes one photo in the place of FOLDER")


@dataclass(frozen=True)
class LabeledPhoto:
    """One photo with its labels, which is drawn when the table is there.

    Attributes:
        reading: what the bundle says of it.
        view: the photo as people look at it.
        title: its file's name.
    """

    reading: Reading
    view: NDArray[np.uint8]
    title: str

    def show(self, picture: Path, *, topk: int | None, quiet: bool) -> None:
        """Draw the photo with its labels, and print them.

        Args:
            picture: where the drawing goes.
            topk: how many classes are drawn and printed; None for the usual number.
            quiet: print nothing.

        Raises:
            OutputError: the picture cannot be written.
        """
        from fashionbatch.pictures.annotated import draw_annotated

        draw_annotated(self.view, self.reading, picture, count=topk or _BARS, title=self.title)
        if not quiet:
            _print(self.reading, topk or _BARS)
            click.echo(f"\n{printable(str(picture))}: the photo with its labels")


def label_photo(options: LabelOptions, picture: Path, *, has_table: bool) -> LabeledPhoto:
    """Label one photo; nothing is written yet, so that one that cannot be read leaves neither a table nor a picture.

    Args:
        options: `source.folder` is the photo.
        picture: where the drawing will go.
        has_table: whether a table is made at `output`, too.

    Raises:
        FashionBatchError: the photo, the bundle or the picture's place is not what it should be.
    """
    from fashionbatch.errors import OutputError
    from fashionbatch.labeling.single import read_photo
    from fashionbatch.pictures.drawing.files import check_picture_path
    from fashionbatch.stores.fetching import fetched

    photo = options.source.folder
    if isinstance(photo, Path) and _is_same_file(picture, photo):
        raise OutputError(f"{picture} is the photo itself", hint="--show names the drawing")
    if has_table and _is_same_file(picture, options.output.table):
        raise OutputError(f"{picture}: -o/--output and --show name the same file")
    check_picture_path(picture, overwrite=options.output.overwrite)
    with fetched(photo) as copy:
        reading = read_photo(
            copy,
            options.bundles[0],
            options.compute,
            threshold=options.rows.threshold,
            view_side=_VIEW_PIXELS,
            accept_truncated=options.rows.accept_truncated,
            shown=str(photo),
        )
    return LabeledPhoto(*reading, photo.name)


def _is_same_file(one: Path, other: Path) -> bool:
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    # Two names of one file, as where upper and lower case are the same; a file that is not there yet has one name.
    with suppress(OSError):
        return one.samefile(other)
    return False


def _print(reading: Reading, count: int) -> None:
    rows = [
        ["*" if number in reading.chosen else "", reading.names[number], reading.percentage(number)]
        for number in reading.first(count)
    ]
    for line in format_table(["", "label", "probability"], rows):
        click.echo(line)
    for group, winner in reading.groups.items():
        named = "(none)" if winner is None else f"{printable(reading.names[winner])} ({reading.percentage(winner)})"
        click.echo(f"{printable(group)}: {named}")
    if not reading.chosen:
        click.echo("no class reaches its threshold")
