"""`fashionbatch evaluate`: how good a bundle is on labeled images, or a table that it wrote."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fashionbatch.cli.tables import encoding_option, printable
from fashionbatch.cli.terminal import style
from fashionbatch.errors import DataError, OutputError, RecipeError
from fashionbatch.progress import on_standard_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from fashionbatch.bundle.open import Bundle
    from fashionbatch.evaluation.run import Evaluation
    from fashionbatch.evaluation.truth import Truth
    from fashionbatch.inference.session import Session
    from fashionbatch.plan import Plan
    from fashionbatch.registry import Registry
    from fashionbatch.specs import Split

_RECIPE_ENDINGS = (".yaml", ".yml")
_METRICS = "metrics.json"


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--data",
    metavar="SOURCE|RECIPE",
    help="A folder of labeled images, or a recipe whose data to take.  [default: the data that it was trained with]",
)
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    help="Which part of the recipe's data.  [default: test, else validation; of a folder, all of it]",
)
@click.option(
    "--predictions",
    type=click.Path(path_type=Path),
    metavar="TABLE",
    help="Judge a table that classify wrote; the network does not run. Without --data, folder names are the truth.",
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
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write figures and pictures into this folder.",
)
@click.option("--overwrite", is_flag=True, help="Replace the files of an earlier evaluation in that folder.")
@click.option("--runtime", metavar="NAME", help="What computes.  [default: openvino]")
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16", "int8"]),
    default="auto",
    show_default=True,
    help="auto: the fastest that kept the labels in validation.",
)
@click.option("--batch-size", type=click.IntRange(1, 1024), default=8, show_default=True, help="Images at once.")
@click.option("--montage", type=click.IntRange(1, 2000), default=36, show_default=True, help="Images in the montage.")
@click.option("--seed", type=click.IntRange(0), default=42, show_default=True, help="Of the montage's choice.")
@click.option("--tile", type=click.IntRange(16, 512), default=96, show_default=True, help="Its tiles' side in pixels.")
def command(
    bundle: Path,
    *,
    data: str | None,
    split: Split | None,
    predictions: Path | None,
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
) -> None:
    """Measure a bundle on labeled data.

    Prints loss, accuracy and a table of the classes. Images are decoded and labels decided as classify does it, so the
    figures are the ones of its table.
    """
    from fashionbatch.bundle.open import open_bundle
    from fashionbatch.evaluation.report import report_text
    from fashionbatch.plugins import load_plugins

    if output is not None:
        _make_folder(output, overwrite=overwrite)
    opened = open_bundle(bundle)
    registry = load_plugins().registry
    if predictions is not None:
        reading = {"as_text": truth_as_text, "encoding": encoding}
        evaluation, computed = _judge_table(predictions, opened, data, split, registry, reading), {}
    else:
        from fashionbatch.inference.session import DEFAULT_RUNTIME, open_session

        truth, root = _truth(opened, data, split, registry, as_text=truth_as_text)
        with open_session(
            opened, registry=registry, runtime=runtime or DEFAULT_RUNTIME, precision=precision, batch_size=batch_size
        ) as session:
            computed = _computed(session)
            evaluation = _judge_network(session, truth, root)
    click.echo(f"{style(opened.manifest.name, bold=True)} on {evaluation.subject}")
    if computed:
        click.echo(f"{computed['runtime']}, {computed['precision']}: {computed['precision_reason']}")
    for reason, count in evaluation.left_out.items():
        click.echo(f"{count:,} {'image does' if count == 1 else 'images do'} not count: {reason}")
    click.echo()
    click.echo(report_text(evaluation.metrics, opened.manifest.labels.display_names), nl=False)
    for note in evaluation.notes:
        click.echo(f"{style('note:', fg='yellow', bold=True)} {printable(note)}")
    if output is not None:
        from fashionbatch.pictures.report import Montage

        for line in _write(output, opened, evaluation, computed, Montage(montage, seed, tile)):
            click.echo(line)


# ------------------------------------------------------------------------------------------------------------- truth


def _truth(
    bundle: Bundle, data: str | None, split: Split | None, registry: Registry, *, as_text: bool
) -> tuple[Truth, Path | None]:
    """What the bundle is judged by, and the folder that names are relative to."""
    from fashionbatch.evaluation.truth import truth_of_folder, truth_of_split
    from fashionbatch.plan import load_plan

    if data is not None and is_recipe(data):
        return truth_of_split(load_plan(data, registry), bundle.manifest, split, as_text=as_text), None
    if data is None:
        plan = plan_of(bundle, registry)
        if plan is None:
            raise DataError(
                f"{bundle.path}: the bundle has no recipe that says what data it was trained with",
                hint="give a folder of labeled images, or a recipe, with --data",
            )
        with hinted("if the data lie somewhere else now, give the place with --data PATH --split test"):
            return truth_of_split(plan, bundle.manifest, split, as_text=as_text), None
    path = Path(data)
    root = path if path.is_dir() else None
    plan = usable_plan_of(bundle, registry)
    if split is None:
        return truth_of_folder(path, bundle.manifest, registry, plan, as_text=as_text), root
    if plan is None:
        raise click.UsageError("--split needs a recipe that says how the data are split; give one with --data")
    with hinted("without --split all labeled images there are judged"):
        return truth_of_split(plan, bundle.manifest, split, data_path=path, as_text=as_text), root


def is_recipe(data: str) -> bool:
    """Whether `--data` names a recipe, and not a folder or file of images."""
    from fashionbatch.recipe.find import shipped_recipe

    if os.path.exists(data):
        return data.lower().endswith(_RECIPE_ENDINGS) and not os.path.isdir(data)
    return data.lower().endswith(_RECIPE_ENDINGS) or shipped_recipe(data) is not None


def plan_of(bundle: Bundle, registry: Registry) -> Plan | None:
    """The recipe that a bundle was trained by; None for an imported one."""
    from fashionbatch.plan import plan_from_text

    text = bundle.recipe_text()
    # Where the recipe lay is not part of a bundle: its relative paths are looked for where the user stands.
    return None if text is None else plan_from_text(text, registry, Path.cwd(), name=str(bundle.recipe))


def usable_plan_of(bundle: Bundle, registry: Registry) -> Plan | None:
    """The same, and None where it cannot be used here."""
    # A plugin that the recipe needs may be missing here; a folder of images can be read all the same.
    try:
        return plan_of(bundle, registry)
    except RecipeError:
        return None


@contextmanager
def hinted(text: str) -> Iterator[None]:
    """Add a hint to what is wrong with data."""
    try:
        yield
    except DataError as error:
        raise type(error)(error.message, hint=f"{error.hint}; {text}" if error.hint else text) from error


# ----------------------------------------------------------------------------------------------------------- judging


def _judge_network(session: Session, truth: Truth, root: Path | None) -> Evaluation:
    from fashionbatch.evaluation.run import evaluate_bundle

    return evaluate_bundle(session, truth, root=root, bar=on_standard_error().bar)


def _judge_table(  # noqa: PLR0917 - what the one caller has at hand
    table: Path,
    bundle: Bundle,
    data: str | None,
    split: Split | None,
    registry: Registry,
    reading: dict[str, Any],
) -> Evaluation:
    from fashionbatch.evaluation.table_run import evaluate_table
    from fashionbatch.labels.formats import ENDINGS
    from fashionbatch.labels.sidecar import find_sidecar

    sidecar = find_sidecar(table)
    if sidecar is not None and bundle.digest not in {one.digest for one in sidecar.bundles}:
        raise DataError(
            f"{table}: was written with another bundle than {bundle.path}", hint="its sidecar, .meta.json, says which"
        )
    if data is not None and data.lower().endswith(tuple(f".{name}" for name in ENDINGS)):
        return evaluate_table(table, bundle.manifest, Path(data), **reading)
    truth, root = (
        (None, None)
        if data is None and split is None
        else _truth(bundle, data, split, registry, as_text=reading["as_text"])
    )
    plan = usable_plan_of(bundle, registry)
    labels_of = _labels_of_folders(plan)
    return evaluate_table(table, bundle.manifest, truth, root=root, labels_of=labels_of, **reading)


def _labels_of_folders(plan: Plan | None) -> Callable[[str], tuple[str, ...]] | None:
    """What the names of folders say, as the dataset of the bundle's recipe reads them; None where it does not say."""
    if plan is None or plan.source.spec.labels_of_folder is None:
        return None
    return partial(plan.source.spec.labels_of_folder, plan.source.parameters)


def _computed(session: Session) -> dict[str, Any]:
    return {
        "runtime": session.runtime.version,
        "precision": session.precision,
        "precision_reason": session.precision_reason,
        "batch_size": session.batch_size,
        "device": session.device,
    }


# ------------------------------------------------------------------------------------------------------------- files


def _make_folder(output: Path, *, overwrite: bool) -> None:
    # Before the network runs: a place that cannot be written is found out in no time, not at the end.
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output}: is a file; figures and pictures need a folder")
    if output.is_dir() and any(output.iterdir()):
        if not (output / _METRICS).is_file():
            raise OutputError(f"{output}: holds other files than those of an evaluation", hint="choose another folder")
        if not overwrite:
            raise OutputError(
                f"{output}: is not empty", hint="choose another folder, or replace the files with --overwrite"
            )
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output}: cannot be made: {error.strerror or error}") from error


def _write(output: Path, bundle: Bundle, evaluation: Evaluation, computed: dict[str, Any], montage: Any) -> list[str]:
    from fashionbatch import __version__
    from fashionbatch.evaluation.documents import json_text
    from fashionbatch.evaluation.report import confusion_csv, groups_csv, predictions_csv, report_text
    from fashionbatch.pictures.drawing.files import write_picture
    from fashionbatch.pictures.report import draw_evaluation

    manifest = bundle.manifest
    shown = manifest.labels.display_names
    document = {
        "format": 1,
        "bundle": {"name": manifest.name, "digest": bundle.digest, "path": str(bundle.path)},
        "subject": evaluation.subject,
        "split": evaluation.split,
        "left_out": dict(evaluation.left_out),
        "notes": list(evaluation.notes),
        "computed": computed,
        "fashionbatch": __version__,
        "metrics": evaluation.metrics.as_dict(),
    }
    texts = {
        _METRICS: json_text(document),
        "report.txt": report_text(evaluation.metrics, shown),
        "confusion_matrix.csv": confusion_csv(evaluation.metrics),
        "predictions.csv": predictions_csv(evaluation.names, evaluation.predictions),
    }
    if evaluation.metrics.groups:
        texts["groups.csv"] = groups_csv(evaluation.metrics)
    for name, text in texts.items():
        write_picture(output / name, text.encode("utf-8", "surrogateescape"))
    pictures = draw_evaluation(
        evaluation.metrics,
        evaluation.predictions,
        evaluation.images,
        shown,
        output,
        title=f"{manifest.name}: {evaluation.split or 'evaluation'}",
        files=evaluation.names,
        montage=montage,
    )
    return ["", f"{output}: {', '.join([*texts, *(path.name for path in pictures)])}"]
