"""`fashionbatch try`: how well a folder of photos can be told apart, by which network, in so many minutes."""

from __future__ import annotations

import contextlib
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fashionbatch.cli.console.locations import HerePath
from fashionbatch.cli.console.progress import TEXT_IS_THE_RESULT, quiet_option
from fashionbatch.cli.console.tables import format_table, printable
from fashionbatch.progress import reporter_of

if TYPE_CHECKING:
    from fashionbatch.trying.results import Tried
    from fashionbatch.trying.run import TryReport

_SHOWN = 12


class _BudgetType(click.ParamType[float]):
    """A budget such as `90s`, `10m` or `1h`."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Its seconds; anything else is wrong usage."""
        from fashionbatch.trying.budget import parse_budget

        if isinstance(value, float):
            return value
        try:
            return parse_budget(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.argument("folder", type=HerePath(path_type=Path))
@click.option(
    "--budget",
    "budget_s",
    default="10m",
    show_default=True,
    metavar="TIME",
    type=_BudgetType(),
    help="How long it may take: 90s, 10m, 1h.",
)
@click.option(
    "-o",
    "--output",
    type=HerePath(path_type=Path),
    metavar="DIR",
    help="The directory for results, the recipe and the bundle.  [default: tries/NAME, by the folder's name]",
)
@click.option(
    "--seed", default=42, show_default=True, type=click.IntRange(0, 2**32 - 1), help="Seed of every training."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON; progress goes to standard error.")
@quiet_option(TEXT_IS_THE_RESULT)
def command(folder: Path, *, budget_s: float, output: Path | None, seed: int, as_json: bool, quiet: bool) -> int:
    """Find out, within a budget of time, how well a folder of labeled photos can be told apart.

    FOLDER holds labeled photos as `recipe new` understands them, such as a folder for each class. The networks whose
    weights are on this machine are tried, with several heads each, and the best is fine-tuned while time remains. What
    comes out is a table, a picture, the recipe of the best and its bundle. Ctrl-C keeps what is finished; the same
    command goes on.
    """
    from fashionbatch.api.studies import report_of_try
    from fashionbatch.plugins import load_plugins

    reporter = reporter_of(_tell if as_json else _show, quiet=quiet)
    report = report_of_try(folder, output, budget_s=budget_s, seed=seed, plugins=load_plugins(), reporter=reporter)
    if as_json:
        click.echo(json.dumps(report.plain(), ensure_ascii=False, indent=1))
    else:
        for line in report_lines(report):
            _show(line)
    return 0 if report.stopped_by is None else 128 + report.stopped_by


def report_lines(report: TryReport) -> list[str]:
    """What a try has to say: a table, the best on the test photos, and what to do next."""
    head = ("network", "trained", "how", "accuracy", "95%", "photos", "judged by", "ms/photo", "MB", "seconds")
    lines = ["", *format_table(head, [_row(one) for one in report.tried[:_SHOWN]])]
    if len(report.tried) > _SHOWN:
        lines.append(f"and {len(report.tried) - _SHOWN} more in try.csv")
    lines += ["", *_on_best(report), *(f"note      {printable(note)}" for note in report.notes)]
    lines += [f"improve   {printable(sentence)}" for sentence in report.advice]
    return [*lines, *_next_lines(report)]


def _row(one: Tried) -> tuple[str, ...]:
    low, high = one.interval
    return (
        one.candidate,
        one.kind,
        one.setting,
        f"{one.accuracy:.4f}",
        f"{low:.3f}-{high:.3f}",
        f"{one.images:,}",
        one.judge,
        f"{one.milliseconds:.1f}",
        f"{one.size / 1e6:.1f}",
        f"{one.seconds:.0f}",
    )


def _on_best(report: TryReport) -> list[str]:
    from fashionbatch.studies.statistics import wilson

    if report.best is None:
        return []
    best = f"best      {report.best.candidate}, {report.best.kind}, {report.best.setting}"
    lines = [best]
    test = (report.summary or {}).get("figures", {}).get("test")
    if test:
        low, high = wilson(test["accuracy"], test["images"])
        lines.append(
            f"test      accuracy {test['accuracy']:.4f} on {test['images']:,} photos that had no part in it "
            f"(95%: {low:.3f} to {high:.3f})"
        )
    if report.milliseconds:
        taken = {name: value for name, value in report.milliseconds.items() if name not in report.refused}
        speeds = ", ".join(f"{name} {value:.1f} ms" for name, value in taken.items())
        lines.append(f"speed     {speeds} a photo on this machine")
        lines += [
            f"          {name} {report.milliseconds[name]:.1f} ms, but `classify` does not take it by itself: {why}"
            for name, why in report.refused.items()
            if name in report.milliseconds
        ]
    return lines


def _next_lines(report: TryReport) -> list[str]:
    lines = [f"results   {printable(str(report.directory))}: try.csv, try.png, try.json"]
    if report.best is not None:
        lines.append(f"recipe    {printable(str(report.recipe))}")
    if report.summary is not None:
        bundle = shlex.quote(str(report.bundle))
        lines += [f"bundle    {bundle}", f"next      fashionbatch classify PHOTOS -b {bundle} -o labels.csv"]
    else:
        lines.append("next      the same command goes on from here, and makes the bundle")
    if report.best is not None:
        lines.append(f"          fashionbatch train {shlex.quote(str(report.recipe))} -o runs/again")
    return lines


def _show(line: str) -> None:
    # A try of an hour goes on when whoever read its messages has left.
    with contextlib.suppress(OSError):
        click.echo(line)


def _tell(line: str) -> None:
    with contextlib.suppress(OSError):
        click.echo(line, err=True)
