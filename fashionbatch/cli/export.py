"""`fashionbatch export`: a bundle's network in another program's format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fashionbatch.cli.console.progress import FILES_ARE_THE_RESULT, quiet_option, reporter_on_standard_output
from fashionbatch.cli.console.tables import printable
from fashionbatch.display_width import human_size
from fashionbatch.exporting.kinds import DEFAULT_OPSET, KINDS, OPSETS, ExportDtype, ExportKind

if TYPE_CHECKING:
    from fashionbatch.bundle.open import Bundle
    from fashionbatch.exporting.request import ExportRequest
    from fashionbatch.exporting.sample import Sample
    from fashionbatch.progress import Reporter
    from fashionbatch.registry import Registry


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--to", "kind", type=click.Choice(list(KINDS)), required=True, help="The format.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="The file; for saved_model and openvino_int8 the directory.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16", "int8"]),
    help="Type of the weights: float16 halves the file (onnx, tflite), int8 is a quarter of it and computes "
    "in 8 bits (tflite).  [default: float32]",
)
@click.option(
    "--opset",
    type=click.IntRange(OPSETS.start, OPSETS.stop - 1),
    help=f"The version of ONNX's operations.  [default: {DEFAULT_OPSET}]",
)
@click.option(
    "--check",
    "data",
    metavar="SOURCE|RECIPE",
    help="Photos to check the export by, and to calibrate int8: a folder, or a recipe whose data to take.  [default: "
    "the data that it was trained with]",
)
@click.option(
    "--licence",
    metavar="SPDX",
    help="Licence under which the network may be used, such as Apache-2.0; it is written into the file.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier export.")
@quiet_option(FILES_ARE_THE_RESULT)
def command(
    bundle: Path,
    *,
    kind: ExportKind,
    output: Path,
    dtype: ExportDtype | None,
    opset: int | None,
    data: str | None,
    licence: str | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Write a bundle's network in another program's format.

    Photos go in as uint8: scaling is part of the network, labels and preparation are in the file. The export is checked
    against the bundle by its own runtime before it is there; a script beside it labels one photo without FashionBatch.

    \b
    fashionbatch export runs/shoes/bundle --to onnx -o shoes.onnx
    fashionbatch export runs/shoes/bundle --to tflite --dtype int8 -o shoes.tflite
    """  # noqa: D301 - click reads \b as a control character: lines below it are not wrapped
    from fashionbatch.bundle.open import open_bundle
    from fashionbatch.errors import InterruptedRunError
    from fashionbatch.exporting.kinds import require_packages
    from fashionbatch.exporting.placing import require_place
    from fashionbatch.exporting.request import ExportRequest
    from fashionbatch.exporting.run import export_bundle
    from fashionbatch.plugins import load_plugins
    from fashionbatch.training.epochs.interrupt import Stopped, stoppable

    chosen = dtype or KINDS[kind].dtypes[0]
    if chosen not in KINDS[kind].dtypes:
        raise click.UsageError(f"--to {kind} takes --dtype {' or '.join(KINDS[kind].dtypes)}, not {chosen}")
    if opset is not None and kind != "onnx":
        raise click.UsageError("--opset belongs to --to onnx")
    request = ExportRequest(kind, output, chosen, opset or DEFAULT_OPSET, licence, overwrite)
    require_packages(kind)
    opened = open_bundle(bundle)
    require_place(request)
    registry = load_plugins().registry
    reporter = reporter_on_standard_output(quiet=quiet)
    try:
        with stoppable():  # SIGTERM, too: else temporary files would stay.
            sample = _sample(opened, request, data, registry, reporter)
            found = export_bundle(opened, request, sample, registry=registry, bar=reporter.bar)
    except Stopped as stop:
        raise InterruptedRunError("interrupted", signal_number=stop.signal_number) from None
    for line in found.checks:
        reporter.show(f"checked by {printable(line)}")
    reporter.show(f"{printable(str(found.output))}: {human_size(found.size)}, {chosen}")
    reporter.show(f"Now: python {printable(str(found.script))} PHOTO")


def _sample(
    bundle: Bundle, request: ExportRequest, data: str | None, registry: Registry, reporter: Reporter
) -> Sample | None:
    """The photos that the export is checked by; None where the bundle's own images have to do."""
    from fashionbatch.api.truth import is_recipe, usable_plan_of
    from fashionbatch.cli.bundle.quantize import material_of
    from fashionbatch.errors import DataError, FashionBatchError
    from fashionbatch.exporting.sample import Sample, sample_of_photos, sample_of_recipe
    from fashionbatch.plan import load_plan

    bar = reporter.bar
    if request.kind == "tflite" and request.dtype == "int8":
        return Sample.of_material(material_of(bundle, data, registry, 42, bar=bar, option="--check"))
    if data is not None and is_recipe(data):
        return sample_of_recipe(load_plan(data, registry), bundle.manifest, bar=bar)
    if data is not None:
        folder = Path(data)
        if not folder.is_dir():
            raise DataError(f"{data}: no such folder", hint="--check takes a folder of photos or a recipe")
        return sample_of_photos(folder, bundle.manifest, bar=bar)
    try:
        plan = usable_plan_of(bundle, registry)
        if plan is not None:
            return sample_of_recipe(plan, bundle.manifest, bar=bar)
        why = "the bundle has no recipe that can be used here"
    except FashionBatchError as error:
        why = error.message
    if request.dtype == "float16":
        raise DataError(
            f"weights of float16 are judged by photos, and there are none: {why}",
            hint="--check FOLDER names some, as the network will see them",
        )
    reporter.show(
        f"note: checked by the bundle's reference images alone: {printable(why)}; --check FOLDER names photos"
    )
    return None
