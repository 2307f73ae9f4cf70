"""`fashionbatch train`: a recipe becomes a run directory with a bundle, figures and pictures."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fashionbatch.cli.console.locations import HerePath
from fashionbatch.cli.console.progress import FILES_ARE_THE_RESULT, quiet_option, reporter_on_standard_output
from fashionbatch.cli.console.tables import format_table, printable
from fashionbatch.cli.recipe import RecipeCommand, set_option
from fashionbatch.cli.train.repeats import SeedNumbers, train_repeatedly

if TYPE_CHECKING:
    from fashionbatch.plan import Plan
    from fashionbatch.specs import Split, TrainingReport

_FIGURES = (
    ("accuracy", "accuracy"),
    ("label_accuracy", "label accuracy"),
    ("mean_average_precision", "mean average precision"),
    ("roc_auc", "area under ROC"),
    ("loss", "loss"),
    ("cross_entropy", "cross-entropy"),
)
_GROUP = "group "
_SPLITS = ("train", "validation", "test")


class _SplitNames(click.ParamType[Any]):
    """Names of splits, joined by commas."""

    name = "splits"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The names as a tuple; another name is wrong usage."""
        names = tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else value
        unknown = next((name for name in names if name not in _SPLITS), None)
        if unknown is not None:
            self.fail(f"{unknown!r} is no split; there are {', '.join(_SPLITS)}", param, ctx)
        return names


@click.command(cls=RecipeCommand)
@click.argument("recipe")
@click.option(
    "-o",
    "--output",
    type=HerePath(path_type=Path),
    metavar="RUN",
    help="The run directory.  [default: runs/NAME by the recipe's name, with --seeds runs/NAME-seeds, with --folds "
    "runs/NAME-folds]",
)
@click.option("--data", "data_path", metavar="PATH", help="Take the data from here instead of the recipe's path.")
@set_option
@click.option("--resume", is_flag=True, help="Continue a run that was stopped, after its last finished epoch.")
@click.option("--overwrite", is_flag=True, help="Replace the run that is in the run directory.")
@click.option(
    "--evaluate",
    default="validation,test",
    show_default=True,
    metavar="SPLITS",
    type=_SplitNames(),
    help="Splits of which every image is judged, joined by commas; of the others a sample of 5,000 images is.",
)
@click.option(
    "--seeds",
    type=SeedNumbers(),
    metavar="N|LIST",
    help="Train N times, with the recipe's seed and those that follow it, or with the seeds of a list such as 1,2,3; "
    "report mean and deviation.",
)
@click.option(
    "--folds",
    type=click.IntRange(2, 100),
    metavar="K",
    help="Cross-validate: divide the training and validation images into K folds, and hold out each fold once.",
)
@click.option(
    "--keep-features", is_flag=True, help="Leave a frozen backbone's features in the run directory, as .npy files."
)
@quiet_option(FILES_ARE_THE_RESULT)
@click.option(
    "--dry-run", is_flag=True, help="Build the network, list its layers and what each phase trains, and train nothing."
)
def command(
    recipe: str,
    *,
    output: Path | None,
    data_path: str | None,
    overrides: tuple[str, ...],
    resume: bool,
    overwrite: bool,
    evaluate: tuple[Split, ...],
    seeds: int | tuple[int, ...] | None,
    folds: int | None,
    keep_features: bool,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Train a recipe's classifier into a run directory.

    RECIPE is a file, or the name of a recipe that `fashionbatch recipe list` shows. The run directory gets the
    trained bundle, the figures of each epoch and each split, reports and pictures. Ctrl-C stops; --resume goes on.

    With --seeds or --folds there are several trainings, each in a run directory within that of the study.
    """
    if resume and overwrite:
        raise click.UsageError("--resume continues a run and --overwrite replaces it; give one of them")
    repeated = seeds is not None or folds is not None
    if repeated and keep_features:
        raise click.UsageError("--keep-features is for one training; leave out --seeds and --folds")
    from fashionbatch.api.recipes import Recipe
    from fashionbatch.api.settings import as_data

    wanted = Recipe.load(recipe, set=overrides)
    plan = wanted.plan
    if dry_run:
        with plan.placing():
            _list_layers(plan, as_data(data_path))
        return
    reporter = reporter_on_standard_output(quiet=quiet)
    if repeated:
        from fashionbatch.studies.repeats import Repeats

        train_repeatedly(
            Repeats(recipe, overrides, seeds, folds),
            output,
            name=plan.recipe.name,
            plugins=wanted.plugins,
            data_path=as_data(data_path, bar=reporter.bar),
            resume=resume,
            overwrite=overwrite,
            evaluate=evaluate,
            reporter=reporter,
        )
        return
    from fashionbatch.api.runs import train

    run = train(
        wanted,
        output,
        data=data_path,
        resume=resume,
        overwrite=overwrite,
        evaluate=evaluate,
        keep_features=keep_features,
        progress=reporter,
    )
    asked = [recipe, *(["--data", data_path] if data_path is not None else [])]
    for line in (*summary_lines(run.training_report), *longer_line(run.training_report, plan, asked, overrides)):
        reporter.show(line)


def summary_lines(report: TrainingReport) -> list[str]:
    """What a finished run has to say: figures of each split, overfitting, where everything lies, what to do next."""
    summary = report.summary
    lines = ["", *_figure_table(summary), ""]
    phases = [(phase["name"], phase["overfitting"]["text"]) for phase in summary["phases"]]
    lines += [f"{name}: {text}" if len(phases) > 1 else text for name, text in phases]
    run, bundle = printable(str(report.run_directory)), shlex.quote(str(report.bundle))
    lines += ["", f"run       {run}", f"pictures  {', '.join(summary['pictures'])}", f"bundle    {bundle}"]
    return [*lines, f"next      fashionbatch classify PHOTOS -b {bundle} -o labels.csv"]


def longer_line(report: TrainingReport, plan: Plan, asked: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """How a run goes on whose last phase ended while its figure was still getting better; nothing for other runs.

    Args:
        report: of the run.
        plan: what it was trained by.
        asked: recipe and data, as the user named them.
        overrides: the settings that were given.
    """
    phase = report.summary["phases"][-1]
    figure = phase.get("still_improving")
    if figure is None:
        return []
    last = len(plan.recipe.training.phases) - 1
    setting = f"training.phases.{last}.epochs" if last >= 0 else "training.epochs"
    epochs = phase["epochs"]
    settings = [one for one in overrides if not one.startswith(f"{setting}=")]
    settings.append(f"{setting}={epochs + max(1, epochs // 2)}")
    command = ["fashionbatch", "train", *asked, "-o", str(report.run_directory), "--resume"]
    command += [part for one in settings for part in ("--set", one)]
    return [f"longer    {figure} was still getting better, so more epochs may help: {printable(shlex.join(command))}"]


def _figure_table(summary: Any) -> list[str]:
    figures = {split: _with_groups(values) for split, values in summary["figures"].items()}
    groups = dict.fromkeys(key for values in figures.values() for key in values if key.startswith(_GROUP))
    of_groups = [(key, f"{key.removeprefix(_GROUP)} accuracy") for key in groups]
    shown = [
        (key, title) for key, title in (*_FIGURES, *of_groups) if any(key in values for values in figures.values())
    ]
    splits = [name for name in ("test", "validation", "train") if name in figures]
    rows = [
        (
            name,
            *(f"{figures[name][key]:.4f}" if key in figures[name] else "-" for key, _ in shown),
            _images_text(figures[name]),
        )
        for name in splits
    ]
    otherwise = {"loss": f"loss ({summary['loss']})"} if "loss" in summary else {}
    if summary["thresholds"]:
        otherwise["accuracy"] = "exact match"
    titles = [otherwise.get(key, title) for key, title in shown]
    return list(format_table(("split", *titles, "images"), rows))


def _images_text(figures: Any) -> str:
    """How many images were judged, and of how many they are a sample."""
    whole = figures.get("sampled_from")
    return f"{figures['images']:,}" + (f" of {whole:,}" if whole else "")


def _with_groups(figures: Any) -> dict[str, Any]:
    """The figures of a split, each group's accuracy among them."""
    return {**figures, **{f"{_GROUP}{group}": one["accuracy"] for group, one in figures.get("groups", {}).items()}}


def _list_layers(plan: Plan, data_path: Path | None) -> None:
    from fashionbatch.data.prepare import load_samples
    from fashionbatch.model.freezing import learning_text, set_trained_layers
    from fashionbatch.model.network import build_network, layer_table

    network = build_network(plan, len(load_samples(plan, data_path=data_path).class_names))
    rows = [
        (name, kind, shape, f"{count:,}", "head" if name in network.head_layers else "backbone")
        for name, kind, shape, count in layer_table(network)
    ]
    for line in format_table(("layer", "kind", "output", "parameters", "part"), rows):
        click.echo(line)
    click.echo(f"{network.model.count_params():,} parameters; `training.phases` trains from a layer of the backbone on")
    for phase in plan.phases if plan.recipe.training.phases else ():
        learning = set_trained_layers(network, phase.train, phase.place, keep_batch_norm=phase.keeps_batch_norm)
        click.echo(f"{phase.name}: {learning_text(learning)}")
