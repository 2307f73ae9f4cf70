"""`fashionbatch recipe new`: from a folder of photos to a commented recipe."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fashionbatch.cli.console.locations import HerePath
from fashionbatch.cli.console.progress import FILES_ARE_THE_RESULT, quiet_option
from fashionbatch.cli.console.tables import printable
from fashionbatch.cli.console.terminal import style
from fashionbatch.progress import on_standard_error

if TYPE_CHECKING:
    from fashionbatch.drafting import Draft, Question


@click.command("new")
@click.argument("folder", type=HerePath(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=HerePath(path_type=Path, dir_okay=False),
    help="The recipe to write.  [default: the folder's name with .yaml, in the current directory]",
)
@click.option("--name", help="What the classifier is called.  [default: the folder's name]")
@click.option("--yes", is_flag=True, help="Ask nothing: take the safest reading, and say which.")
@click.option("--overwrite", is_flag=True, help="Replace a recipe that is there.")
@quiet_option(FILES_ARE_THE_RESULT)
def new_recipe(folder: Path, *, output: Path | None, name: str | None, yes: bool, overwrite: bool, quiet: bool) -> None:
    """Look at a folder of photos, and write a recipe that fits them.

    FOLDER has a folder for each class, with or without train, validation and test above them; or names such as
    red_dress for several labels; or a table (CSV, TSV) of paths and labels; or files such as dress_001.jpg. A table may
    be given in its place. Photos are only looked at. The recipe says in comments what was found and what to change.
    """
    from fashionbatch.drafting import draft_recipe, take_the_safest, write_draft
    from fashionbatch.plugins import load_plugins

    asks = not yes and _is_terminal()
    draft = draft_recipe(
        folder,
        load_plugins().registry,
        output=output,
        name=name,
        ask=_asked if asks else take_the_safest if quiet else _taken,
        bar=on_standard_error(quiet=quiet).bar,
    )
    write_draft(draft, overwrite=overwrite)
    if not quiet:
        _tell(draft)


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def _asked(question: Question) -> int:
    click.echo(printable(question.text), err=True)
    for number, answer in enumerate(question.answers, start=1):
        click.echo(f"  {number}  {printable(answer)}", err=True)
    choice = click.IntRange(1, len(question.answers))
    given: int = click.prompt("Which", type=choice, default=question.safest + 1, err=True)
    return given - 1


def _taken(question: Question) -> int:
    answer = question.answers[question.safest]
    click.echo(f"{printable(question.text)} Taken without asking: {printable(answer)}", err=True)
    return question.safest


def _tell(draft: Draft) -> None:
    """What was found and what to do next."""
    from fashionbatch.drafting.text import facts

    for fact in facts(draft.choice):
        click.echo(printable(fact))
    missing = draft.choice.missing
    if missing is not None:
        click.echo(f"{style('note:', fg='yellow', bold=True)} {missing.message}; `train` downloads them")
        click.echo(f"  hint: without a network, {missing.hint}")
    if draft.table is not None:
        click.echo(f"{printable(os.fspath(draft.table[0]))}: the labels from the names of the files")
    recipe, run = shlex.quote(os.fspath(draft.path)), shlex.quote(os.path.join("runs", draft.path.stem))
    click.echo(f"{printable(os.fspath(draft.path))}: read it, then `fashionbatch recipe check {recipe}` and")
    click.echo(f"  fashionbatch train {recipe} -o {run}")
