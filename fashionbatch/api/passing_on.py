"""A bundle made smaller, or given to other programs: graphs of 8 bits, and other programs' formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fashionbatch.api.bundles import Bundle
from fashionbatch.api.checks import check_seconds
from fashionbatch.api.progress import Progress, reporter_of
from fashionbatch.api.settings import PathLike, as_bundle, as_path
from fashionbatch.bundle.open import Bundle as Opened
from fashionbatch.bundle.open import open_bundle
from fashionbatch.display_width import printable
from fashionbatch.exporting.kinds import DEFAULT_OPSET, ExportDtype, ExportKind, chosen_dtype

if TYPE_CHECKING:
    from fashionbatch.exporting.run import Exported


def export(
    bundle: Bundle | PathLike,
    to: ExportKind,
    output: PathLike,
    *,
    dtype: ExportDtype | None = None,
    opset: int | None = None,
    check: PathLike | None = None,
    licence: str | None = None,
    overwrite: bool = False,
    progress: Progress = True,
) -> Exported:
    """Write a bundle's network in another program's format, with a script beside it that labels one photo.

    The export is checked against the bundle by its own runtime before it is there. Photos go in as uint8
    `(n, height, width, channels)`, 0..255: scaling is part of the network, labels and preparation are in the file.

    Args:
        bundle: the bundle or its directory.
        to: `onnx`, `tflite`, `saved_model` or `openvino_int8`.
        output: the file; for the last two the directory.
        dtype: what weights are kept in: `float32`, `float16` or `int8`, as far as the format has it; None for its
            usual one.
        opset: the version of ONNX's operations; None for the usual one.
        check: photos to check by, and to calibrate int8: a folder, or a recipe whose data to take; None for the data
            that it was trained with.
        licence: an SPDX identifier, such as `Apache-2.0`, that is noted in the file.
        overwrite: replace an earlier export.
        progress: True for bars and lines, False for silence, or a function that takes each line.

    Returns:
        Where the export and its script are, its size in bytes, and how it fared when it was checked.

    Raises:
        ValueError: `to` is no format, or has no such `dtype` or `opset`.
        BundleError: the bundle cannot be exported to this format, or the export gives something else than the bundle.
        DataError: the photos are missing or do not serve.
        OutputError: something is in the place already, or it cannot be written.
        RuntimeUnavailableError: a package is missing; the hint names the extra that brings it.

    Example:
        >>> import fashionbatch as fb
        >>> made = fb.export("runs/first/bundle", "onnx", "shoes.onnx")  # doctest: +SKIP
        >>> made.checks  # doctest: +SKIP
        ('24 reference images: the same labels, probabilities within 1e-06',)
    """
    from fashionbatch.api.material import sample_of
    from fashionbatch.exporting.kinds import require_packages
    from fashionbatch.exporting.placing import require_place
    from fashionbatch.exporting.request import ExportRequest
    from fashionbatch.exporting.run import export_bundle
    from fashionbatch.plugins import load_plugins
    from fashionbatch.training.epochs.interrupt import interruptible

    chosen = chosen_dtype(to, dtype, opset)
    request = ExportRequest(to, Path(output), chosen, opset or DEFAULT_OPSET, licence, overwrite)
    require_packages(to)
    opened = opened_of(bundle)
    require_place(request)
    registry = load_plugins().registry
    reporter = reporter_of(progress)
    with interruptible():
        sample = sample_of(opened, request, None if check is None else str(check), registry, reporter)
        return export_bundle(
            opened,
            request,
            sample,
            registry=registry,
            bar=reporter.bar,
            show=lambda line: reporter.show(printable(line)),
        )


def quantize(
    bundle: Bundle | PathLike,
    data: PathLike | None = None,
    *,
    output: PathLike | None = None,
    unlabeled: bool = False,
    truth_as_text: bool = False,
    time_limit: float | None = None,
    seed: int = 42,
    overwrite: bool = False,
    progress: Progress = True,
) -> Bundle:
    """Give a bundle a graph of 8 bits, which is computed faster.

    Some of the images calibrate it and the others judge it: how many labels it keeps, and how many of them are right.
    The ways to quantize are tried until it is as good as float32; the best one is kept.

    Args:
        bundle: the bundle or its directory.
        data: a folder of labeled images, a folder of photos without labels, or a recipe whose data to take; None for
            the data that it was trained with.
        output: write another bundle, and leave this one as it is; None puts the graph into this one.
        unlabeled: the folders in `data` say nothing about labels.
        truth_as_text: take right labels for those of the bundle that are only written otherwise: 1.0 for 1.
        time_limit: seconds in which ways are tried that keep more labels; None for 600, and for the two quickest ways
            alone where fewer than 539 images judge.
        seed: by which images are chosen.
        overwrite: replace a bundle that is in `output`.
        progress: True for bars and lines, False for silence, or a function that takes each line.

    Returns:
        The bundle with its new graph. `int8` is among its `automatic` precisions where it kept enough labels.

    Raises:
        ValueError: `unlabeled` is said of no folder.
        BundleError: the bundle is missing or damaged, or its network cannot be quantized.
        DataError: the images are missing or do not serve.
        RuntimeUnavailableError: the extra `int8` is not installed.
        OutputError: `output` holds something, or cannot be written.

    Example:
        >>> import fashionbatch as fb
        >>> small = fb.quantize("runs/first/bundle", output="first-int8")  # doctest: +SKIP
        >>> small.precisions, small.automatic  # doctest: +SKIP
        (('float32', 'int8'), ('float32', 'int8'))
    """
    if unlabeled and data is None:
        raise ValueError("unlabeled says something about the folder in data, and there is none")
    from fashionbatch.api.material import material_of
    from fashionbatch.bundle.quantizing.quantize import require_nncf
    from fashionbatch.bundle.quantizing.ways import WAYS
    from fashionbatch.bundle.write import require_free, require_replaceable
    from fashionbatch.plugins import load_plugins
    from fashionbatch.quantizing.run import TIME_LIMIT_S, judge_of, quantize_bundle
    from fashionbatch.training.epochs.interrupt import interruptible

    if time_limit is not None:
        check_seconds("time_limit", time_limit)
    require_nncf()
    opened, place = opened_of(bundle), as_path(output)
    require_replaceable(place or opened.path)  # First: where no bundle is, overwriting is no advice.
    if place is not None:
        require_free(place, overwrite=overwrite)
    registry, reporter = load_plugins().registry, reporter_of(progress)
    source = None if data is None else str(data)
    with interruptible():  # Else the images that calibrate would stay among the temporary files.
        material = material_of(
            opened, source, registry, seed, unlabeled=unlabeled, as_text=truth_as_text, bar=reporter.bar
        )
        for note in material.notes:
            reporter.show(f"note: {note}")
        reporter.show(
            f"{len(material.calibration.images):,} images calibrate, {len(material.images):,} others judge"
            + ("" if material.targets is not None else ", by the labels of float32: the right ones are not known")
        )
        found = quantize_bundle(
            opened,
            material.calibration,
            judge_of(opened, material, registry, reporter),
            registry=registry,
            observer=reporter,
            directory=place,
            time_limit_s=TIME_LIMIT_S if time_limit is None else time_limit,
            ways=None if time_limit is None else WAYS,
        )
    return Bundle(found.bundle)


def opened_of(bundle: Bundle | PathLike) -> Opened:
    """The bundle as the rest of FashionBatch has it.

    Raises:
        BundleError: there is none, or it is damaged.
    """
    return bundle.opened if isinstance(bundle, Bundle) else open_bundle(as_bundle(bundle))
