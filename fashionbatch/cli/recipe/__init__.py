"""`fashionbatch recipe`: draft, check, show, list and copy recipes before anything is trained."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from fashionbatch import disk
from fashionbatch.api.recipes import Recipe
from fashionbatch.cli.console.locations import HerePath
from fashionbatch.cli.console.tables import format_table, printable
from fashionbatch.cli.console.terminal import echo_styled, style
from fashionbatch.cli.recipe.new import new_recipe
from fashionbatch.errors import OutputError, Problem, RecipeError
from fashionbatch.plan import Plan, PlannedPhase
from fashionbatch.plugins import load_plugins
from fashionbatch.recipe.find import find_recipe, list_recipes
from fashionbatch.recipe.nodes import Mark, Node
from fashionbatch.recipe.places import KnownPlaces

set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="PATH=VALUE",
    help="Change one value, such as training.epochs=5; may be given several times.",
)


class RecipeCommand(click.Command):
    """A command on a recipe: says how to set what somebody gives as an option of its own, such as `--epochs 5`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does.

        Raises:
            click.UsageError: an option that there is not; the error says what sets it, where a recipe knows its name.
        """
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            places = KnownPlaces(Node({}, Mark("")), load_plugins().registry)
            place = places.place_of(error.option_name.lstrip("-").replace("-", "_"))
            if place is None:
                raise
            message = f"No such option '{error.option_name}'. A value of the recipe is set by --set {place}=VALUE."
            raise click.UsageError(message, ctx) from error


@click.group()
def command() -> None:
    """Draft, check, show, list and copy recipes."""


command.add_command(new_recipe)


@command.command("check", cls=RecipeCommand)
@click.argument("recipes", nargs=-1, required=True, metavar="RECIPE...")
@set_option
def check_recipes(recipes: tuple[str, ...], overrides: tuple[str, ...]) -> None:
    """Find every mistake in a recipe, and say what it would train.

    RECIPE is a file, or the name of a recipe that `recipe list` shows. Nothing is trained and no image is read; of a
    list of labels that is there, such as that of csv_manifest, what is odd is told with its line.
    """
    plugins = load_plugins()
    problems: list[Problem] = []
    for name in recipes:
        try:
            recipe = Recipe.load(name, set=overrides, plugins=plugins)
            plan = recipe.plan
        except RecipeError as error:
            problems += error.problems
            continue
        click.echo(f"{style('ok:', fg='green', bold=True)} {_summary(plan)}")
        findings = recipe.check(raises=True)
        given = [finding for finding in findings if finding.kind == "advice"]
        if given:
            echo_styled("advice:", fg="yellow", bold=True)
        for advice in given:
            click.echo(str(advice))
        for note in (finding for finding in findings if finding.kind == "note"):
            click.echo(f"{style('note:', fg='yellow', bold=True)} {printable(str(note))}")
    if problems:
        raise RecipeError(problems)


@command.command("show")
@click.argument("recipe")
@set_option
def show_recipe(recipe: str, overrides: tuple[str, ...]) -> None:
    """Print a recipe with every default, and who provides each component.

    What is printed is a recipe itself: it trains the same.
    """
    click.echo(Recipe.load(recipe, set=overrides).to_yaml(), nl=False)


@command.command("list")
def list_shipped() -> None:
    """List the recipes that come with FashionBatch."""
    rows = [(recipe.name, " ".join(recipe.description.split())) for recipe in list_recipes()]
    head, *lines = format_table(("recipe", "what it trains"), rows)
    echo_styled(head, bold=True)
    for line in lines:
        click.echo(line)
    click.echo("\nfor photos of your own: `fashionbatch recipe new FOLDER` looks at them and writes a recipe that fits")


@command.command("copy")
@click.argument("name")
@click.argument("file", type=HerePath(path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
def copy_recipe(name: str, file: Path, overwrite: bool) -> None:
    """Copy a recipe to FILE, to edit it.

    NAME is as `recipe list` shows it, or a file; FILE may be a folder.
    """
    source = find_recipe(name)
    target = file / source.name if file.is_dir() else file
    _copy(source, target, overwrite=overwrite)
    click.echo(f"{target}: edit it, then check it with `fashionbatch recipe check {shlex.quote(str(target))}`")


@command.command("schema")
@click.option("-o", "--output", type=HerePath(path_type=Path), help="Write to this file instead of the terminal.")
def show_schema(output: Path | None) -> None:
    """Print the JSON schema of recipes, with the installed plugins, for editors."""
    from fashionbatch.recipe.jsonschema import schema_text

    text = schema_text(load_plugins().registry)
    if output is None:
        click.echo(text, nl=False)
        return
    disk.remove_leftovers(output)
    disk.write_file(output, text.encode("utf-8"))


def _copy(source: Path, target: Path, *, overwrite: bool) -> None:
    if overwrite and os.path.exists(target) and os.path.samefile(source, target):
        raise OutputError(f"{str(target)!r} is the recipe itself")
    disk.remove_leftovers(target)
    with disk.output_errors(target):
        try:
            with disk.writing(target, replace=overwrite) as file:
                file.write(source.read_bytes())
        except FileExistsError as error:
            hint = "choose another name, or give --overwrite to replace it"
            raise OutputError(f"{str(target)!r} exists already", hint=hint) from error


def _summary(plan: Plan) -> str:
    """One line about what would be trained."""
    height, width, channels = plan.recipe.data.image.shape
    components = (
        f"{plan.source.spec.name} as {height}x{width}x{channels}, {plan.architecture.spec.name}, "
        f"head {plan.head.spec.name}, loss {plan.loss.spec.name}"
    )
    if not plan.recipe.training.phases:
        return f"{plan.recipe.name}: {components}, {_training(plan.phases[0])}"
    phases = "; ".join(f"{phase.name}: {_training(phase)}" for phase in plan.phases)
    return f"{plan.recipe.name}: {components}; {phases}"


def _training(phase: PlannedPhase) -> str:
    epochs = f"{phase.epochs} {'epoch' if phase.epochs == 1 else 'epochs'}"
    most = "at most " if phase.early_stopping else ""
    return f"{phase.optimizer.spec.name} at {phase.learning_rate:g}, {most}{epochs} in batches of {phase.batch_size}"
