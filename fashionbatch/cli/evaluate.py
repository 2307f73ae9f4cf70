"""`fashionbatch evaluate`: how good a bundle is on labeled images, or a table that it wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fashionbatch.cli.console.locations import HerePath, LocationType
from fashionbatch.cli.console.progress import TEXT_IS_THE_RESULT, quiet_option
from fashionbatch.cli.console.tables import encoding_option, printable
from fashionbatch.cli.console.terminal import style
from fashionbatch.progress import on_standard_error

if TYPE_CHECKING:
    from fashionbatch.specs import Split
    from fashionbatch.stores.address import Location


@click.command()
@click.argument("bundle", type=LocationType())
@click.option(
    "--data",
    metavar="SOURCE|RECIPE",
    help="A folder of labeled images, or a recipe whose data to take.  [default: the data that it was trained with]",
)
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    help="Split of the recipe's data.  [default: test, else validation; of a folder, all images]",
)
@click.option(
    "--predictions",
    type=LocationType(),
    metavar="TABLE",
    help="Judge a table that classify wrote; the network does not run. Without --data, folders name the right labels.",
)
@click.option(
    "--truth-as-text",
    is_flag=True,
    help="Take right labels for those of the bundle that are only written otherwise: 1.0 for 1, Dress for dress.",
)
@encoding_option
@click.option(
    "-o",
    "--output",
    type=HerePath(path_type=Path),
    metavar="DIR",
    help="Write figures and pictures into this folder.",
)
@click.option("--overwrite", is_flag=True, help="Replace the files of an earlier evaluation in that folder.")
@click.option("--runtime", metavar="NAME", help="What computes the network.  [default: openvino]")
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16", "int8"]),
    default="auto",
    show_default=True,
    help="Arithmetic of the network. auto: the fastest that was shown to keep the labels in validation.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1, 1024),
    default=8,
    show_default=True,
    help="Images that the network computes at once.",
)
@click.option("--montage", type=click.IntRange(1, 2000), default=36, show_default=True, help="Images in the montage.")
@click.option(
    "--seed", type=click.IntRange(0), default=42, show_default=True, help="Seed that chooses the images of the montage."
)
@click.option(
    "--tile",
    type=click.IntRange(16, 512),
    default=96,
    show_default=True,
    help="Side of an image in the montage, in pixels.",
)
@quiet_option(TEXT_IS_THE_RESULT)
def command(
    bundle: Location,
    *,
    data: str | None,
    split: Split | None,
    predictions: Location | None,
    truth_as_text: bool,
    encoding: str,
    output: Path | None,
    overwrite: bool,
    runtime: str | None,
    precision: Any,
    batch_size: int,
    montage: int,
    seed: int,
    tile: int,
    quiet: bool,
) -> None:
    """Measure how well a bundle labels photos whose labels are known.

    Prints loss, accuracy and a table of the classes. Images are decoded and labels decided as in `classify`, so the
    figures are those of its table.
    """
    from fashionbatch.api.judging import evaluate, make_folder
    from fashionbatch.api.settings import as_bundle
    from fashionbatch.api.truth import SplitWithoutRecipeError

    if output is not None:
        make_folder(output, overwrite=overwrite)
    reporter = on_standard_error(quiet=quiet)
    try:
        found = evaluate(
            as_bundle(bundle),
            data,
            split=split,
            predictions=predictions,
            truth_as_text=truth_as_text,
            encoding=encoding,
            runtime=runtime,
            precision=precision,
            batch_size=batch_size,
            progress=reporter,
        )
    except SplitWithoutRecipeError as error:
        raise click.UsageError(error.message) from error
    judged, computed = found.judged, found.computed
    click.echo(f"{style(found.bundle.manifest.name, bold=True)} on {judged.subject}")
    if computed:
        click.echo(f"{computed['runtime']}, {computed['precision']}: {computed['precision_reason']}")
    for reason, count in judged.left_out.items():
        click.echo(f"{count:,} {'image does' if count == 1 else 'images do'} not count: {reason}")
    click.echo()
    click.echo(found.report, nl=False)
    for note in judged.notes:
        click.echo(f"{style('note:', fg='yellow', bold=True)} {printable(note)}")
    if output is not None:
        with reporter.waiting("drawing pictures"):
            names = found.write(output, montage=montage, seed=seed, tile=tile)
        click.echo(f"\n{output}: {', '.join(names)}")
