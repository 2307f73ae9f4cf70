"""`fashionbatch bundle quantize`: a graph of 8 bits beside a bundle's float32 graph."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fashionbatch.cli.console.durations import Duration
from fashionbatch.cli.console.progress import FILES_ARE_THE_RESULT, quiet_option, reporter_on_standard_output
from fashionbatch.cli.console.tables import printable
from fashionbatch.display_width import human_size

if TYPE_CHECKING:
    from fashionbatch.bundle.open import Bundle
    from fashionbatch.progress import OpenBar
    from fashionbatch.quantizing.material import Material
    from fashionbatch.registry import Registry


@click.command("quantize")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--data",
    metavar="SOURCE|RECIPE",
    help="A folder of labeled images, a folder of photos without labels, or a recipe whose data to take.  "
    "[default: the data that it was trained with]",
)
@click.option(
    "--unlabeled",
    is_flag=True,
    help="Do not take the folders in --data for labels. Nor are they if none is called like a label.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write another bundle, and leave this one as it is."
)
@click.option("--overwrite", is_flag=True, help="Replace a bundle that is there.")
@click.option(
    "--time-limit",
    type=Duration(),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long further ways to quantize are tried, which keep more labels.",
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
    time_limit: float,
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
    from fashionbatch.bundle.open import open_bundle
    from fashionbatch.bundle.quantizing.quantize import require_nncf
    from fashionbatch.bundle.write import require_replaceable
    from fashionbatch.cli.bundle.foreign import require_free
    from fashionbatch.errors import InterruptedRunError
    from fashionbatch.plugins import load_plugins
    from fashionbatch.quantizing.run import judge_of, quantize_bundle
    from fashionbatch.training.epochs.interrupt import Stopped, stoppable

    if unlabeled and data is None:
        raise click.UsageError("--unlabeled needs --data FOLDER")
    require_nncf()
    opened = open_bundle(bundle)
    require_replaceable(output or bundle)  # First: where no bundle is, --overwrite is no advice.
    if output is not None:
        require_free(output, overwrite=overwrite)
    registry = load_plugins().registry
    reporter = reporter_on_standard_output(quiet=quiet)
    material = material_of(opened, data, registry, seed, unlabeled=unlabeled, as_text=truth_as_text, bar=reporter.bar)
    for note in material.notes:
        reporter.show(f"note: {note}")
    reporter.show(
        f"{len(material.calibration.images):,} images calibrate, {len(material.images):,} others judge"
        + ("" if material.targets is not None else ", by the labels of float32: the right ones are not known")
    )
    try:
        with stoppable():  # SIGTERM, too: else the images that calibrate would stay among the temporary files.
            found = quantize_bundle(
                opened,
                material.calibration,
                judge_of(opened, material, registry, reporter),
                registry=registry,
                observer=reporter,
                directory=output,
                time_limit_s=time_limit,
            )
    except Stopped as stop:
        raise InterruptedRunError("interrupted", signal_number=stop.signal_number) from None
    for line in _told(found.bundle, allowed=found.verdict.allowed):
        reporter.show(line)


def _told(bundle: Bundle, *, allowed: bool) -> list[str]:
    from fashionbatch.bundle.graph.record import GRAPH_FILES, GRAPH_WEIGHTS_NAME

    files, path = bundle.manifest.files, printable(str(bundle.path))
    sizes = [human_size(files[name].size) for name in (GRAPH_FILES["int8"][1], GRAPH_WEIGHTS_NAME)]
    means = "`--precision auto` may take int8" if allowed else "`--precision auto` stays with float32"
    return [
        f"{path}: weights of {sizes[0]} beside {sizes[1]} in float32; {means}",
        f"Now: fashionbatch classify PHOTOS -b {path} {'' if allowed else '--precision int8 '}-o labels.csv",
    ]


def material_of(
    bundle: Bundle,
    data: str | None,
    registry: Registry,
    seed: int,
    *,
    unlabeled: bool = False,
    as_text: bool = False,
    bar: OpenBar,
    option: str = "--data",
) -> Material:
    """The images that calibrate and those that judge, by what the user says of them in `option`."""
    from fashionbatch.api.truth import hinted, is_recipe, plan_of, usable_plan_of
    from fashionbatch.errors import DataError
    from fashionbatch.evaluation.truth import NoKnownLabelError
    from fashionbatch.plan import load_plan
    from fashionbatch.quantizing.material import material_of_folder, material_of_photos, material_of_recipe

    if data is None:
        plan = plan_of(bundle, registry)
        if plan is None:
            raise DataError(
                f"{bundle.path}: the bundle has no recipe that says what data it was trained with",
                hint=f"give photos as the network will see them with {option} FOLDER, better with their labels",
            )
        with hinted(f"if the data lie somewhere else now, give the place with {option} PATH"):
            return material_of_recipe(plan, bundle.manifest, seed, bar=bar)
    if is_recipe(data):
        return material_of_recipe(load_plan(data, registry), bundle.manifest, seed, bar=bar)
    path = Path(data)
    if unlabeled or _holds_photos_alone(path):
        return material_of_photos(path, bundle.manifest, seed, bar=bar)
    plan = usable_plan_of(bundle, registry)
    # A table, a file of arrays or a wrong path has nothing that could be taken so.
    advice = hinted("--unlabeled takes them as photos without labels") if path.is_dir() else contextlib.nullcontext()
    try:
        with advice:
            return material_of_folder(path, bundle.manifest, registry, plan, seed, as_text=as_text, bar=bar)
    except NoKnownLabelError:
        if not path.is_dir():
            raise
        photos = material_of_photos(path, bundle.manifest, seed, bar=bar)
    note = f"no folder in {printable(str(path))} is called as a label, so its photos are taken as such without labels"
    return replace(photos, notes=(note, *photos.notes))


def _holds_photos_alone(path: Path) -> bool:
    return path.is_dir() and not any(one.is_dir() for one in path.iterdir())
