"""`fashionbatch runs`: what training has left, in one table; several runs side by side."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fashionbatch.cli.console.locations import HerePath
from fashionbatch.cli.console.progress import TEXT_IS_THE_RESULT, quiet_option
from fashionbatch.cli.console.tables import format_table, printable
from fashionbatch.errors import DataError, FashionBatchError
from fashionbatch.progress import duration, on_standard_error

if TYPE_CHECKING:
    from fashionbatch.evaluation.disagreement import Disagreement
    from fashionbatch.evaluation.records import RunRecord
    from fashionbatch.progress import OpenBar
    from fashionbatch.specs import Split

_FIGURES = ("accuracy", "label_accuracy", "mean_average_precision", "roc_auc", "loss", "cross_entropy")
_OF_GROUPS = {"accuracy": "accuracy", "precision": "macro precision", "recall": "macro recall"}
_PARTS = (
    "preparation",
    "data",
    "features",
    "training",
    "conversion",
    "evaluation",
    "quantization",
    "pictures",
    "total",
)
_SPLITS = ("test", "validation", "train")
_PATTERNS = 8
_RUN = HerePath(path_type=Path, file_okay=False)


class RunsWarning(UserWarning):
    """A damaged run, or a part of a comparison, that was left out; the rest is there."""


@click.group()
def command() -> None:
    """List training runs, and compare them."""


@command.command("list")
@click.argument("folder", type=_RUN, default="runs")
def list_runs(folder: Path) -> None:
    """List the runs in FOLDER, with figures, parameters and times.

    FOLDER is `runs` unless given. Figures of the validation split flatter a little, since they also chose the weights.
    """
    from fashionbatch.evaluation.records import find_runs

    runs, damaged = find_runs(folder)
    for problem in damaged:
        warnings.warn(f"left out: {problem}", RunsWarning, stacklevel=2)
    if not runs:
        click.echo(f"{folder}: there are no runs")
        return
    head = ("run", "recipe", "test", "validation", "epochs", "parameters", "training", "wall time", "finished")
    for line in format_table(head, [_listed(run) for run in runs]):
        click.echo(line)


@command.command("compare")
@click.argument("runs", nargs=-1, required=True, type=_RUN, metavar="RUN...")
@click.option(
    "-o", "--output", type=HerePath(path_type=Path), metavar="DIR", help="Write curves and photos into this folder."
)
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    help="Split whose photos are compared.  [default: test, else validation]",
)
@click.option("--data", metavar="PATH", help="Take the photos from here instead of the recipe's path.")
@click.option("--figures-only", is_flag=True, help="Compare figures only; do not run the networks on photos.")
@click.option(
    "--count", type=click.IntRange(1, 500), default=30, show_default=True, help="How many photos the picture shows."
)
@quiet_option(TEXT_IS_THE_RESULT)
def compare_runs(
    runs: tuple[Path, ...],
    *,
    output: Path | None,
    split: Split | None,
    data: str | None,
    figures_only: bool,
    count: int,
    quiet: bool,
) -> None:
    """Show runs side by side: figures, differences of their recipes, and photos on which they disagree.

    A RUN may be the folder of a study, as --seeds and sweep make it; then it stands for all runs in it.

    Where the photos are not there any more, or a run is not finished, that part is left out with a warning; with
    --split or --data it is an error.
    """
    from fashionbatch.evaluation.records import read_run, recipe_differences, runs_of

    runs = tuple(run for path in runs for run in runs_of(path))
    records = [read_run(path) for path in runs]
    names = _short_names(runs)
    for line in format_table(("figure", *names), _figure_rows(records)):
        click.echo(line)
    differences = recipe_differences(records)
    if differences:
        click.echo()
        for line in format_table(("recipe", *names), [(path, *values) for path, values in differences.items()]):
            click.echo(line)
    written = [_draw_runs(records, names, output)] if output is not None else []
    if len(runs) > 1 and not figures_only:
        found = _disagreement_or_warning(records, split, data, on_standard_error(quiet=quiet).bar)
        for line in _disagreement_lines(found, names) if found is not None else ():
            click.echo(line)
        if found is not None and output is not None:
            written += _write_disagreement(found, names, output, count)
    if written:
        click.echo(f"\n{output}: {', '.join(path.name for path in written)}")


def _listed(run: RunRecord) -> tuple[str, ...]:
    summary = run.summary
    if summary is None:
        unfinished = "not finished"
        return (str(run.path), str(run.recipe.get("name", "-")), "-", "-", str(run.epochs), "-", "-", "-", unfinished)
    figures = (_shown(run.figure(split, "accuracy")) for split in ("test", "validation"))
    finished = str(summary.get("finished", "-")).replace("T", " ")[:16]
    times = (duration(run.seconds[part]) if part in run.seconds else "-" for part in ("training", "total"))
    parameters = _shown(summary.get("parameters"))
    return (str(run.path), str(summary.get("name", "-")), *figures, str(run.epochs), parameters, *times, finished)


def _figure_rows(records: Sequence[RunRecord]) -> list[tuple[str, ...]]:
    rows = []
    for split in _SPLITS:
        for name in _FIGURES:
            for words in dict.fromkeys(record.name_of(name) for record in records):
                values = [record.figure(split, name) if record.name_of(name) == words else None for record in records]
                if any(value is not None for value in values):
                    rows.append((f"{split} {words}", *map(_shown, values)))
        for group in dict.fromkeys(group for record in records for group in record.groups(split)):
            for name, words in _OF_GROUPS.items():
                values = [record.group_figure(split, group, name) for record in records]
                rows.append((f"{split} {group} {words}", *map(_shown, values)))
    summaries = [record.summary or {} for record in records]
    rows += [(name, *(_shown(summary.get(name)) for summary in summaries)) for name in ("parameters", "seed")]
    rows.append(("epochs", *(str(record.epochs) for record in records)))
    rows += _rows_of_images(records)
    for part in sorted({part for record in records for part in record.seconds}, key=_place_of_part):
        title = "wall time" if part == "total" else f"{part} time"
        times = (duration(record.seconds[part]) if part in record.seconds else "-" for record in records)
        rows.append((title, *times))
    return rows


def _place_of_part(part: str) -> tuple[float, str]:
    """Where a part of a run's time stands: in the order of the work; what nobody knows stands before the sum."""
    return (_PARTS.index(part) if part in _PARTS else len(_PARTS) - 1.5, part)


def _rows_of_images(records: Sequence[RunRecord]) -> list[tuple[str, ...]]:
    """How many images judged each run, of the splits of which a run was judged by a sample."""
    rows = []
    for split in _SPLITS:
        if any(record.sampled_from(split) for record in records):
            counts = []
            for record in records:
                judged, whole = record.figure(split, "images"), record.sampled_from(split)
                counts.append("-" if judged is None else f"{judged:,.0f}" + (f" of {whole:,}" if whole else ""))
            rows.append((f"{split} images judged", *counts))
    return rows


def _shown(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}" if isinstance(value, float) else "-"


def _short_names(runs: Sequence[Path]) -> list[str]:
    """The directories' own names where those differ, else their paths."""
    names = [path.resolve().name for path in runs]
    return [printable(name) for name in (names if len(set(names)) == len(names) else map(str, runs))]


def _draw_runs(records: Sequence[RunRecord], names: Sequence[str], output: Path) -> Path:
    from fashionbatch.pictures.runs import RunPicture, draw_runs

    pictures = []
    for record, name in zip(records, names, strict=True):
        accuracy = record.name_of("accuracy")
        figures = {f"{split} {accuracy}": record.figure(split, "accuracy") for split in ("test", "validation")}
        figures |= {
            f"{split} {group} accuracy": record.group_figure(split, group, "accuracy")
            for split in ("test", "validation")
            for group in record.groups(split)
        }
        figures |= {
            "training seconds": record.seconds.get("training"),
            "parameters": (record.summary or {}).get("parameters"),
        }
        known = {figure: float(value) for figure, value in figures.items() if value is not None}
        pictures.append(RunPicture(name, record.history, known))
    return draw_runs(pictures, output / "runs.png")


# ------------------------------------------------------------------------------------------------------ disagreement


def _disagreement_or_warning(
    records: Sequence[RunRecord], split: Split | None, data: str | None, bar: OpenBar
) -> Disagreement | None:
    try:
        return _disagreement(records, split, data, bar)
    except FashionBatchError as error:
        # Whoever names photos wants them.
        if split is not None or data is not None:
            raise
        text = f"the photos on which the runs disagree are left out: {error}"
        warnings.warn(text, RunsWarning, stacklevel=2)
        return None


def _disagreement(records: Sequence[RunRecord], split: Split | None, data: str | None, bar: OpenBar) -> Disagreement:
    """Run every network over the photos of the first run's recipe."""
    from fashionbatch.bundle.open import open_bundle
    from fashionbatch.evaluation.disagreement import compare
    from fashionbatch.evaluation.run import evaluate_bundle
    from fashionbatch.evaluation.truth import truth_of_split
    from fashionbatch.inference.session import open_session
    from fashionbatch.plan import plan_from_text
    from fashionbatch.plugins import load_plugins

    registry = load_plugins().registry
    bundles = [open_bundle(record.bundle) for record in records]
    text = bundles[0].recipe_text()
    if text is None:
        raise DataError(f"{bundles[0].path}: has no recipe that says where the photos are", hint="--figures-only")
    plan = plan_from_text(text, registry, Path.cwd(), name=str(bundles[0].recipe))
    path = Path(data) if data is not None else None
    evaluations = []
    for bundle in bundles:
        truth = truth_of_split(plan, bundle.manifest, split, data_path=path, bar=bar)
        with open_session(bundle, registry=registry) as session:
            evaluations.append(evaluate_bundle(session, truth, bar=bar))
    return compare(evaluations)


def _disagreement_lines(found: Disagreement, names: Sequence[str]) -> list[str]:
    first = found.evaluations[0]
    total, differing = len(first.names), len(found.photos)
    lines = ["", f"{first.subject}: the runs label {differing:,} of {total:,} photos differently"]
    patterns = sorted(found.patterns.items(), key=lambda item: -item[1])
    for right, count in patterns[:_PATTERNS]:
        who = [name for name, one in zip(names, right, strict=True) if one]
        which = "all are right" if all(right) else f"right: {', '.join(who)} alone" if who else "none is right"
        lines.append(f"{count:>9,}  {which}")
    chance = found.chance()
    if chance is not None:
        cases = "less than 0.1%" if chance < 0.001 else f"{100 * chance:.1f}%"
        lines.append(f"runs that are equally good differ at least so much in {cases} of cases (McNemar's exact test)")
    return lines + list(first.notes)


def _write_disagreement(found: Disagreement, names: Sequence[str], output: Path, count: int) -> list[Path]:
    from fashionbatch.pictures.drawing.files import write_picture
    from fashionbatch.pictures.grids import draw_disagreements

    first = found.evaluations[0]
    predictions = [evaluation.predictions for evaluation in found.evaluations]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "right", *names])
    for photo in map(int, found.photos):
        writer.writerow(
            [
                first.names[photo],
                *(
                    "|".join(labels)
                    for labels in [
                        predictions[0].names_of(predictions[0].right[photo]),
                        *(own.names_of(own.given[photo]) for own in predictions),
                    ]
                ),
            ]
        )
    table = output / "disagreements.csv"
    write_picture(table, text.getvalue().encode("utf-8", "surrogateescape"))
    assert first.images is not None
    photos = [int(photo) for photo in found.photos]
    place = output / "disagreements.png"
    picture = draw_disagreements(first.images, predictions, photos, names, place, files=first.names, count=count)
    return [table, picture]
