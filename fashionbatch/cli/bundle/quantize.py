"""`fashionbatch bundle quantize`: a graph of 8 bits beside a bundle's float32 graph."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fashionbatch.cli.console.durations import Duration
from fashionbatch.cli.console.locations import HerePath
from fashionbatch.cli.console.progress import FILES_ARE_THE_RESULT, quiet_option, reporter_on_standard_output
from fashionbatch.cli.console.tables import printable
from fashionbatch.display_width import human_size

if TYPE_CHECKING:
    from fashionbatch.bundle.open import Bundle


@click.command("quantize")
@click.argument("bundle", type=HerePath(path_type=Path))
@click.option(
    "--data",
    metavar="SOURCE|RECIPE",
    help="A folder of labeled images, a folder of photos without labels, or a recipe whose data to take.  "
    "[default: the data that it was trained with]",
)
@click.option(
    "--unlabeled",
    is_flag=True,
    help="The folders in --data are no labels. Without this option they are, if one is called like a label.",
)
@click.option(
    "-o", "--output", type=HerePath(path_type=Path), help="Write another bundle, and leave this one as it is."
)
@click.option("--overwrite", is_flag=True, help="Replace a bundle that is there.")
@click.option(
    "--time-limit",
    type=Duration(),
    metavar="SECONDS",
    help="How long further ways to quantize are tried, which keep more labels.  [default: 600, and the two quickest "
    "ways alone where fewer than 539 images judge]",
)
@click.option(
    "--seed", type=click.IntRange(0), default=42, show_default=True, help="Seed that chooses the images that calibrate."
)
@click.option(
    "--truth-as-text",
    is_flag=True,
    help="Take right labels for those of the bundle that are only written otherwise: 1.0 for 1, Dress for dress.",
)
@quiet_option(FILES_ARE_THE_RESULT)
def quantize_command(
    bundle: Path,
    *,
    data: str | None,
    unlabeled: bool,
    output: Path | None,
    overwrite: bool,
    time_limit: float | None,
    seed: int,
    truth_as_text: bool,
    quiet: bool,
) -> None:
    """Quantize a bundle's network to 8 bits, which is computed faster.

    Some of the images calibrate it and the others judge it: how many labels it keeps, and how many of them are right.
    The ways to quantize are tried until it is as good as float32; the best one is kept.

    \b
    fashionbatch bundle quantize mobilenet/ --data photos-by-class/
    fashionbatch bundle quantize runs/shoes/bundle -o shoes-int8/
    """  # noqa: D301 - click reads \b as a control character: lines below it are not wrapped
    from fashionbatch.api.passing_on import quantize

    if unlabeled and data is None:
        raise click.UsageError("--unlabeled needs --data FOLDER")
    reporter = reporter_on_standard_output(quiet=quiet)
    found = quantize(
        bundle,
        data,
        output=output,
        unlabeled=unlabeled,
        truth_as_text=truth_as_text,
        time_limit=time_limit,
        seed=seed,
        overwrite=overwrite,
        progress=reporter,
    )
    for line in _told(found.opened, allowed="int8" in found.automatic):
        reporter.show(line)


def _told(bundle: Bundle, *, allowed: bool) -> list[str]:
    from fashionbatch.bundle.graph.record import GRAPH_FILES, GRAPH_WEIGHTS_NAME

    files, path = bundle.manifest.files, printable(str(bundle.path))
    sizes = [human_size(files[name].size) for name in (GRAPH_FILES["int8"][1], GRAPH_WEIGHTS_NAME)]
    means = "`--precision auto` may take int8" if allowed else "`--precision auto` stays with float32"
    precision = "" if allowed else "--precision int8 "
    return [
        f"{path}: weights of {sizes[0]} beside {sizes[1]} in float32; {means}",
        f"Now: fashionbatch classify PHOTOS -b {shlex.quote(str(bundle.path))} {precision}-o labels.csv",
    ]
