"""How good a bundle is on labeled images, or a table that it wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fashionbatch.api.bundles import Bundle
from fashionbatch.api.checks import LARGEST_BATCH, PRECISIONS, check_choice, check_count
from fashionbatch.api.figures import METRICS, Evaluation
from fashionbatch.api.pictures import Picture
from fashionbatch.api.progress import Progress, reporter_of
from fashionbatch.api.settings import PathLike, as_bundle, as_path
from fashionbatch.api.truth import find_truth, labels_of_folders, usable_plan_of
from fashionbatch.bundle.manifest import MANIFEST_NAME
from fashionbatch.bundle.open import Bundle as Opened
from fashionbatch.bundle.open import open_bundle
from fashionbatch.errors import DataError, OutputError
from fashionbatch.installation import require_whole
from fashionbatch.progress import OpenBar
from fashionbatch.stores.address import Location, Url, as_location

if TYPE_CHECKING:
    from fashionbatch.evaluation.run import Evaluation as Judged
    from fashionbatch.evaluation.truth import Truth
    from fashionbatch.inference.session import Session
    from fashionbatch.registry import Registry
    from fashionbatch.specs import Precision, Split


def evaluate(
    bundle: Bundle | PathLike | Url,
    data: PathLike | None = None,
    *,
    split: Split | None = None,
    predictions: PathLike | Url | None = None,
    truth_as_text: bool = False,
    encoding: str = "auto",
    output: PathLike | None = None,
    overwrite: bool = False,
    runtime: str | None = None,
    precision: Precision | Literal["auto"] = "auto",
    batch_size: int = 8,
    montage: int = 36,
    seed: int = 42,
    tile: int = 96,
    progress: Progress = True,
) -> Evaluation:
    """Measure a bundle, or a table that it wrote, on labeled data.

    Images are decoded and labels decided as `classify` does it, so the figures are the ones of its table.

    Args:
        bundle: the bundle, its directory, or a table of `classify`, whose sidecar says which bundle it is of.
        data: a folder of labeled images, or a recipe whose data to take; None for the data that it was trained with.
        split: `train`, `validation` or `test` of the recipe's data; None takes the test split, else that of validation;
            of a folder, all of it.
        predictions: judge this table of `classify`, which may lie in a store; the network does not run. Without `data`,
            folder names are the truth.
        truth_as_text: take right labels for those of the bundle that are only written otherwise: 1.0 for 1.
        encoding: of a CSV file; `auto` finds out.
        output: write figures and pictures into this folder.
        overwrite: replace the files of an earlier evaluation in that folder.
        runtime: what computes; None for OpenVINO.
        precision: of the arithmetic; `auto` takes the fastest that kept the labels in validation.
        batch_size: images at once.
        montage: images in the montage.
        seed: of the montage's choice.
        tile: its tiles' side in pixels.
        progress: True for bars, False for silence, or a function that takes each line.

    Returns:
        The figures, with DataFrames of classes, confusion and predictions.

    Raises:
        ValueError: an argument is out of its range.
        DataError: there are no such data, or labels are none of the bundle's.
        RecipeError: the recipe of the data cannot be used.
        BundleError: the bundle is missing, damaged or foreign.
        OutputError: `output` holds something else, or cannot be written.

    Example:
        >>> import fashionbatch as fb
        >>> found = fb.evaluate("runs/first/bundle", "photos/test")  # doctest: +SKIP
        >>> found.classes.sort_values("recall").head()  # doctest: +SKIP
    """
    check_count("batch_size", batch_size, 1, LARGEST_BATCH)
    check_choice("precision", precision, PRECISIONS)
    if split is not None:
        check_choice("split", split, ("train", "validation", "test"))
    reporter, folder = reporter_of(progress), as_path(output)
    table = None if predictions is None else as_location(predictions)
    if table is None and not isinstance(bundle, Bundle) and _is_table(as_location(bundle)):
        table = as_location(bundle)
        bundle = _bundle_of(table)
    require_whole("evaluating")
    from fashionbatch.plugins import load_plugins

    opened = bundle.opened if isinstance(bundle, Bundle) else open_bundle(as_bundle(bundle))
    if folder is not None:
        make_folder(folder, overwrite=overwrite)
    registry = load_plugins().registry
    source = None if data is None else str(data)
    if table is not None:
        reading = {"as_text": truth_as_text, "encoding": encoding}
        judged = _judge_table(table, opened, source, split, registry, reading, reporter.bar)
        found = Evaluation(opened, judged, {})
    else:
        from fashionbatch.inference.session import DEFAULT_RUNTIME, open_session

        truth, root = find_truth(opened, source, split, registry, as_text=truth_as_text, bar=reporter.bar)
        with open_session(
            opened, registry=registry, runtime=runtime or DEFAULT_RUNTIME, precision=precision, batch_size=batch_size
        ) as session:
            found = _judge_images(session, opened, truth, root, reporter.bar)
    if folder is None:
        return found
    with reporter.waiting("drawing pictures"):
        names = found.write(folder, montage=montage, seed=seed, tile=tile)
    pictures = {Path(name).stem: Picture(folder / name) for name in names if name.endswith(".png")}
    return Evaluation(found.bundle, found.judged, found.computed, pictures)


def _judge_images(session: Session, bundle: Opened, truth: Truth, root: Path | None, bar: OpenBar) -> Evaluation:
    from fashionbatch.evaluation.run import evaluate_bundle

    computed = {
        "runtime": session.runtime.version,
        "precision": session.precision,
        "precision_reason": session.precision_reason,
        "batch_size": session.batch_size,
        "device": session.device,
    }
    return Evaluation(bundle, evaluate_bundle(session, truth, root=root, bar=bar), computed)


def _judge_table(  # noqa: PLR0917 - what the one caller has at hand
    table: Location,
    bundle: Opened,
    data: str | None,
    split: Split | None,
    registry: Registry,
    reading: dict[str, Any],
    bar: OpenBar,
) -> Judged:
    from fashionbatch.evaluation.table_run import evaluate_table
    from fashionbatch.labels.formats import format_of_name
    from fashionbatch.labels.sidecar import sidecar_of

    sidecar = sidecar_of(table)
    if sidecar is not None and bundle.digest not in {one.digest for one in sidecar.bundles}:
        raise DataError(
            f"{table}: was written with another bundle than {bundle.path}", hint="its sidecar, .meta.json, says which"
        )
    if data is not None and format_of_name(as_location(data).name):
        return evaluate_table(table, bundle.manifest, as_location(data), bar=bar, **reading)
    truth, root = (
        (None, None)
        if data is None and split is None
        else find_truth(bundle, data, split, registry, as_text=reading["as_text"], bar=bar)
    )
    plan = usable_plan_of(bundle, registry)
    labels_of = labels_of_folders(plan)
    return evaluate_table(table, bundle.manifest, truth, root=root, labels_of=labels_of, bar=bar, **reading)


def make_folder(output: Path, *, overwrite: bool) -> None:
    """Make the folder that figures and pictures go into.

    Args:
        output: the folder.
        overwrite: whether an earlier evaluation may be in it.

    Raises:
        OutputError: it holds something else, or cannot be made.
    """
    # Before the network runs: a place that cannot be written is found out in no time, not at the end.
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output}: is a file; figures and pictures need a folder")
    if output.is_dir() and any(output.iterdir()):
        if not (output / METRICS).is_file():
            raise OutputError(f"{output}: holds other files than those of an evaluation", hint="choose another folder")
        if not overwrite:
            raise OutputError(
                f"{output}: is not empty", hint="choose another folder, or replace the files with --overwrite"
            )
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output}: cannot be made: {error.strerror or error}") from error


def _is_table(location: Location) -> bool:
    from fashionbatch.labels.formats import format_of_name

    is_bundle = isinstance(location, Path) and (location / MANIFEST_NAME).exists()
    return format_of_name(location.name) is not None and not is_bundle


def _bundle_of(table: Location) -> Path:
    """The bundle that a table says it is of."""
    from fashionbatch.labels.sidecar import sidecar_of

    sidecar = sidecar_of(table)
    if sidecar is None or len(sidecar.bundles) > 1:
        raise DataError(
            f"{table}: {'is of several bundles' if sidecar else 'nothing beside it says which bundle wrote it'}",
            hint="give the bundle, and the table as `predictions`",
        )
    return Path(sidecar.bundles[0].path)
