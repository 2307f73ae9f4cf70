"""`fashionbatch sweep`: a recipe with other values, in all combinations or as a search draws them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fashionbatch.cli.console.locations import HerePath
from fashionbatch.cli.console.progress import FILES_ARE_THE_RESULT, quiet_option, reporter_on_standard_output
from fashionbatch.cli.console.tables import format_table, printable
from fashionbatch.cli.recipe import RecipeCommand

if TYPE_CHECKING:
    from fashionbatch.progress import Reporter
    from fashionbatch.studies.sweep_report import SweepReport


def _refuse_folds(_context: click.Context, _parameter: click.Parameter, folds: str | None) -> None:
    if folds is not None:
        raise click.UsageError(
            "A sweep judges each combination by the recipe's validation split, not by folds. --seeds takes the mean of "
            "several trainings; `fashionbatch train --folds` cross-validates the recipe that is best."
        )


@click.command(cls=RecipeCommand)
@click.argument("recipe")
@click.option(
    "--set",
    "settings",
    multiple=True,
    required=True,
    metavar="PATH=VALUES",
    help="Try several values, such as training.optimizer.learning_rate=1e-3,1e-4; may be given several times. One "
    "value holds for all trainings. Lists are written in brackets: architecture.dense=[64],[64,32]. With --search also "
    "numbers between two ends: 1e-5..1e-2.",
)
@click.option(
    "-o",
    "--output",
    type=HerePath(path_type=Path),
    metavar="DIR",
    help="The study's directory.  [default: runs/NAME-sweep, with --search runs/NAME-search]",
)
@click.option("--data", "data_path", metavar="PATH", help="Take the data from here instead of the recipe's path.")
@click.option(
    "--seeds",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Train each combination with this many seeds, the recipe's and those that follow it, and compare the means.",
)
@click.option("--folds", hidden=True, expose_value=False, callback=_refuse_folds)
@click.option(
    "--search",
    "trials",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="Train N combinations that a search by Optuna draws, instead of all.",
)
@click.option(
    "--resume", is_flag=True, help="Go on with a sweep that was stopped; what is finished is not trained again."
)
@click.option("--overwrite", is_flag=True, help="Replace the sweep that is in the directory.")
@click.option("--dry-run", is_flag=True, help="Check every combination, list the trainings, and train nothing.")
@quiet_option(FILES_ARE_THE_RESULT)
def command(
    recipe: str,
    *,
    settings: tuple[str, ...],
    output: Path | None,
    data_path: str | None,
    seeds: int,
    trials: int | None,
    resume: bool,
    overwrite: bool,
    dry_run: bool,
    quiet: bool,
) -> None:
    """Train a recipe with several values of its settings, and name the best by validation.

    Every combination is checked before the first is trained. Each is a run within the directory, which also gets a
    table, a picture, and best.yaml, the recipe of the best.
    """
    if resume and overwrite:
        raise click.UsageError("--resume continues a sweep and --overwrite replaces it; give one of them")
    from fashionbatch.api.studies import sweep

    if dry_run:
        _list_trainings(recipe, settings, seeds=seeds, trials=trials)
        return
    reporter = reporter_on_standard_output(quiet=quiet)
    found = sweep(
        recipe,
        settings,
        output,
        data=data_path,
        seeds=seeds,
        search=trials,
        resume=resume,
        overwrite=overwrite,
        progress=reporter,
    )
    _tell(found.report, found.path, reporter)


def _tell(report: SweepReport, study: Path, reporter: Reporter) -> None:
    from fashionbatch.studies.results import require_none_failed
    from fashionbatch.studies.sweep_report import report_lines

    bundle = shlex.quote(str(study / report.best.member.name / "bundle"))
    lines = ["", *report_lines(report), ""]
    lines += [f"study     {printable(str(study))}", f"picture   {printable(str(study / 'results.png'))}"]
    lines += [f"recipe    {shlex.quote(str(study / 'best.yaml'))}", f"bundle    {bundle}"]
    lines.append(f"next      fashionbatch classify PHOTOS -b {bundle} -o labels.csv")
    for line in lines:
        reporter.show(line)
    require_none_failed(report.results)


def _list_trainings(recipe: str, settings: Sequence[str], *, seeds: int, trials: int | None) -> None:
    from fashionbatch.plugins import load_plugins
    from fashionbatch.studies.sweep import check_search, make_sweep, planned_members

    sweep, plugins = make_sweep(recipe, settings, seeds=seeds, trials=trials), load_plugins()
    if sweep.trials is not None:
        check_search(sweep, plugins.registry)
        click.echo(f"every value is checked; {sweep.trials} combinations would be drawn, by {sweep.seeds} seeds each")
        return
    members = planned_members(sweep, plugins.registry)
    places = [*members[0].settings]
    rows = [(*(member.settings[place] for place in places), str(member.seed), member.name) for member in members]
    for line in format_table((*places, "seed", "run"), rows):
        click.echo(line)
    click.echo(f"{len(members)} trainings, all checked")
