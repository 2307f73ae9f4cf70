"""`fashionbatch export`: a bundle's network in another program's format."""

from __future__ import annotations

from pathlib import Path

import click

from fashionbatch.cli.console.locations import HerePath
from fashionbatch.cli.console.progress import FILES_ARE_THE_RESULT, quiet_option, reporter_on_standard_output
from fashionbatch.cli.console.tables import printable
from fashionbatch.display_width import human_size
from fashionbatch.exporting.kinds import DEFAULT_OPSET, KINDS, OPSETS, ExportDtype, ExportKind, chosen_dtype


@click.command()
@click.argument("bundle", type=HerePath(path_type=Path))
@click.option("--to", "kind", type=click.Choice(list(KINDS)), required=True, help="The format.")
@click.option(
    "-o",
    "--output",
    type=HerePath(path_type=Path),
    required=True,
    help="The file; for saved_model and openvino_int8 the directory.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16", "int8"]),
    help="Type of the weights: float16 halves the file (onnx, tflite), int8 is a quarter of it and computes "
    "in 8 bits where that keeps the labels (tflite).  [default: float32]",
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
    from fashionbatch.api.passing_on import export

    try:
        chosen = chosen_dtype(kind, dtype, opset)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    reporter = reporter_on_standard_output(quiet=quiet)
    found = export(
        bundle,
        kind,
        output,
        dtype=chosen,
        opset=opset,
        check=data,
        licence=licence,
        overwrite=overwrite,
        progress=reporter,
    )
    for line in found.checks:
        reporter.show(f"checked by {printable(line)}")
    reporter.show(f"{printable(str(found.output))}: {human_size(found.size)}, {chosen}")
    reporter.show(f"Now: python {printable(str(found.script))} PHOTO")
