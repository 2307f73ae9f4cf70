"""`fashionbatch bundle import`: a bundle from a model of another program."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fashionbatch.cli.console.durations import Duration
from fashionbatch.cli.console.fractions import Fraction
from fashionbatch.cli.console.locations import HerePath
from fashionbatch.cli.console.progress import FILES_ARE_THE_RESULT, quiet_option, reporter_on_standard_output
from fashionbatch.cli.console.tables import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fashionbatch.bundle.importing.exported import Exported
    from fashionbatch.bundle.importing.label_file import LabelList
    from fashionbatch.bundle.importing.preparation import Preparation
    from fashionbatch.bundle.importing.read import ForeignModel
    from fashionbatch.bundle.open import Bundle
    from fashionbatch.specs import Resize

_DOUBLES_SHOWN = 3


class _Size(click.ParamType[tuple[int, int]]):
    """`224`, or `HEIGHTxWIDTH`."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\d{1,4})(?:[x×](\d{1,4}))?", str(value).strip(), re.IGNORECASE)
        if found is None or not 1 <= int(found[1]) <= 4096 or not 1 <= int(found[2] or found[1]) <= 4096:
            self.fail(f"{value!r} is no size; write 224 or HEIGHTxWIDTH, such as 192x256, at most 4096", param, ctx)
        return int(found[1]), int(found[2] or found[1])


@click.command("import")
@click.argument("model", type=HerePath(path_type=Path), required=False)
@click.option("-o", "--output", type=HerePath(path_type=Path), required=True, help="Directory for the bundle.")
@click.option(
    "--labels",
    type=HerePath(path_type=Path),
    help="Class names in the order of the network's outputs: one a line, CSV, JSON or YAML. Without it, those that an "
    "ONNX file holds itself, or a `config.json` of Hugging Face or timm beside the model.",
)
@click.option("--name", help="What the bundle is called; the model's name unless given.")
@click.option("--overwrite", is_flag=True, help="Replace a bundle that is there.")
@click.option("--size", type=_Size(), metavar="HEIGHTxWIDTH", help="Image size, where the model leaves it open.")
@click.option(
    "--scaling",
    type=click.Choice(["0..255", "0..1", "-1..1", "imagenet", "caffe"]),
    help="What the network expects of pixel values. imagenet: PyTorch's mean and deviation; caffe: mean subtracted, "
    "blue first; the others: that range. Known for --keras-application.",
)
@click.option(
    "--channels",
    type=click.Choice(["rgb", "bgr"]),
    help="Order of the colours: red or blue first.  [default: rgb; bgr for caffe]",
)
@click.option(
    "--layout", type=click.Choice(["nchw", "nhwc"]), help="Order of the axes; usually found out from the model."
)
@click.option(
    "--head",
    type=click.Choice(["multiclass", "binary", "multilabel"]),
    help="What the outputs mean: one label of many, yes or no, or several labels.  [default: multiclass; binary for a "
    "single output]",
)
@click.option(
    "--activation",
    type=click.Choice(["none", "softmax", "sigmoid"]),
    default="none",
    help="What turns the outputs into probabilities, if the network gives logits.",
)
@click.option("--output-name", help="The output to take, for models with several.")
@click.option(
    "--resize",
    type=click.Choice(["stretch", "crop", "pad"]),
    help="How a photo of another shape is brought to the size.  [default: stretch]",
)
@click.option(
    "--interpolation",
    type=click.Choice(["nearest", "bilinear", "bicubic", "lanczos"]),
    help="How pixels are interpolated.  [default: bilinear]",
)
@click.option(
    "--crop-fraction",
    type=Fraction(min_open=True),
    help="The central part of the photo that is used, as a fraction of each side.  [default: 1.0]",
)
@click.option("--trust-model", is_flag=True, help="Allow a .keras file or SavedModel, which can run code of its maker.")
@click.option(
    "--time-limit",
    type=Duration(),
    default=1800.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the conversion of MODEL may take.",
)
@click.option("--keras-application", metavar="NAME", help="Import a network of keras.applications instead of a file.")
@click.option("--weights", metavar="PATH|imagenet|none", help="Weights of --keras-application.  [default: imagenet]")
@quiet_option(FILES_ARE_THE_RESULT)
def import_bundle(
    model: Path | None,
    *,
    output: Path,
    labels: Path | None,
    name: str | None,
    overwrite: bool,
    size: tuple[int, int] | None,
    output_name: str | None,
    resize: str | None,
    interpolation: str | None,
    crop_fraction: float | None,
    trust_model: bool,
    time_limit: float,
    quiet: bool,
    keras_application: str | None,
    weights: str | None,
    **choices: Any,
) -> None:
    """Make a bundle from a model of another program.

    MODEL is an ONNX file (PyTorch, timm, scikit-learn), an OpenVINO file (.xml), a .keras file or a SavedModel. An ONNX
    file that `fashionbatch export` wrote says itself how photos are prepared and labels decided.

    \b
    fashionbatch bundle import resnet50.onnx --labels imagenet.txt --scaling imagenet --activation softmax -o resnet50/
    fashionbatch bundle import --keras-application MobileNetV2 --labels imagenet.txt -o mobilenet/
    """  # noqa: D301 - click reads \b as a control character: lines below it are not wrapped
    from fashionbatch.bundle.importing.contained import ModelFile, import_file
    from fashionbatch.bundle.importing.exported import exported_description
    from fashionbatch.bundle.importing.label_file import LabelList, labels_of_model, read_label_file
    from fashionbatch.bundle.importing.make import ImportOptions, import_model
    from fashionbatch.bundle.importing.preparation import preparation_beside
    from fashionbatch.bundle.write import require_free
    from fashionbatch.specs import Resize

    if (model is None) == (keras_application is None):
        raise click.UsageError("name either a MODEL or a --keras-application")
    if weights is not None and keras_application is None:
        raise click.UsageError("--weights belongs to --keras-application")
    if model is None and labels is None:
        raise click.UsageError("--keras-application needs --labels FILE")
    require_free(output, overwrite=overwrite)
    exported = exported_description(model) if model is not None else None
    if labels is None and exported is not None:
        found = LabelList(exported.labels)
    else:
        found = read_label_file(labels) if labels is not None else labels_of_model(model or Path())
    class_names = found.names
    asked = {"mode": resize, "interpolation": interpolation, "crop_fraction": crop_fraction}
    known, more = _said_by(exported, class_names) if exported is not None else (Resize(), {})
    fields = {key: choice for key, choice in choices.items() if key != "channels"}
    beside = preparation_beside(model) if model is not None and exported is None else None
    if beside is not None:
        known = Resize.model_validate({**known.model_dump(), **beside.resize})
        fields["scaling"] = fields["scaling"] or beside.scaling
    fields["head"] = fields["head"] or more.pop("head", None)
    options = ImportOptions(
        name=name or keras_application or (model.stem if model is not None else ""),
        class_names=class_names,
        size=size,
        order=choices["channels"],
        resize=Resize.model_validate(
            {**known.model_dump(), **{key: value for key, value in asked.items() if value is not None}}
        ),
        **fields,
        **more,
    )
    reporter = reporter_on_standard_output(quiet=quiet)
    with reporter.waiting("making the bundle"):
        if model is None:
            foreign = _keras_application(keras_application or "", weights or "imagenet", class_names, size)
            bundle = import_model(foreign, output, options)
        else:
            bundle = import_file(ModelFile(model, trust_model, output_name, time_limit), output, options)
    image, head = bundle.manifest.image, bundle.manifest.head
    origin = bundle.manifest.created_with["imported_from"]
    reporter.show(
        f"{output}: {len(class_names):,} labels ({head.name}), images {image.size[0]} x {image.size[1]}, "
        f"{image.channels} channels; made from {origin}"
    )
    if beside is not None:
        reporter.show(f"note: {_said_beside(beside, bundle, fields['scaling'])}")
    for line in _notes(bundle, found):
        reporter.show(f"note: {line}")
    reporter.show(f"Now: fashionbatch classify PHOTOS -b {shlex.quote(str(output))} -o labels.csv")


def _said_by(exported: Exported, class_names: Sequence[str]) -> tuple[Resize, dict[str, Any]]:
    """What an export of ours says beside its labels: how photos come to their size, and other fields of the options.

    How labels are decided goes by their names, so with other names it does not count.
    """
    from fashionbatch.bundle.importing.make import DECODINGS

    more: dict[str, Any] = {"background": exported.image.background}
    if tuple(class_names) == exported.labels:
        head = next(kind for kind, decoding in DECODINGS.items() if decoding == exported.decoding)
        more |= {"head": head, "thresholds": exported.thresholds, "groups": exported.groups}
    return exported.image.resize, more


def _said_beside(beside: Preparation, bundle: Bundle, scaling: str | None) -> str:
    """How photos are prepared, where a file beside the model said so and no option said otherwise."""
    resize = bundle.manifest.image.resize
    return (
        f"photos are prepared as {printable(str(beside.file))} says, where no option says otherwise: "
        f"--scaling {scaling}, --resize {resize.mode}, --crop-fraction {resize.crop_fraction:g}, "
        f"--interpolation {resize.interpolation}"
    )


def _notes(bundle: Bundle, labels: LabelList) -> Iterator[str]:
    from fashionbatch.bundle.importing.make import COMPUTES, ONE_BY_ONE

    count = len(labels.doubles)
    if count:
        shown = ", ".join(labels.doubles[:_DOUBLES_SHOWN]) + (", ..." if count > _DOUBLES_SHOWN else "")
        yield (
            f"{count} {'names stand' if count > 1 else 'name stands'} more than once in the list ({shown}); "
            "the number of the output tells them apart"
        )
    if bundle.manifest.created_with.get(COMPUTES) == ONE_BY_ONE:
        yield (
            "the network takes one image at a time, so it is run in a loop over each batch: the labels are the same, "
            "but labeling is slower; export it with an open batch size to make it faster"
        )


def _keras_application(
    name: str, weights: str, class_names: Sequence[str], size: tuple[int, int] | None
) -> ForeignModel:
    from fashionbatch.bundle.importing.read import read_keras_application

    _load_tensorflow()
    directory = os.environ.get("FASHIONBATCH_DATA_DIR")
    return read_keras_application(
        name, weights, classes=len(class_names), size=size, data_directory=Path(directory) if directory else None
    )


def _load_tensorflow() -> None:
    from fashionbatch.model.framework import load_tensorflow

    load_tensorflow()
