"""`fashionbatch train --seeds` and `--folds`: several trainings of one recipe, and what they say together."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fashionbatch.cli.console.tables import printable
from fashionbatch.installation import require_whole

if TYPE_CHECKING:
    from fashionbatch.plugins import Plugins
    from fashionbatch.progress import Reporter
    from fashionbatch.specs import Split
    from fashionbatch.studies.repeats import Repeats

_MOST = 1000


class SeedNumbers(click.ParamType[Any]):
    """How many seeds, such as `3`; or which ones, such as `1,2,3`, where one alone has a comma behind it."""

    name = "seeds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or the seeds as a tuple; anything else is wrong usage."""
        if not isinstance(value, str):
            return value
        parts = [part.strip() for part in value.split(",")]
        named = len(parts) > 1
        if named and not parts[-1]:
            parts.pop()
        if not all(part.isascii() and part.isdecimal() for part in parts):
            self.fail(f"{value!r} is neither how many seeds, such as 3, nor a list of them, such as 1,2,3", param, ctx)
        numbers = tuple(map(int, parts))
        if not named and not 1 <= numbers[0] <= _MOST:
            self.fail(f"{value} is no number of trainings; 1 to {_MOST} are. One seed is named as {value},", param, ctx)
        return numbers if named else numbers[0]


def train_repeatedly(
    repeats: Repeats,
    output: Path | None,
    *,
    name: str,
    plugins: Plugins,
    data_path: Path | None,
    resume: bool,
    overwrite: bool,
    evaluate: Collection[Split],
    reporter: Reporter,
) -> None:
    """Train a study of seeds or folds, and print what it came to.

    Raises:
        TrainingError: some of the trainings failed; those that did not are reported before.
        FashionBatchError: as `train_repeats`.
    """
    from fashionbatch.studies.repeats import train_repeats
    from fashionbatch.studies.repeats_report import report_lines
    from fashionbatch.studies.results import require_none_failed

    require_whole("training")
    study = output if output is not None else Path("runs") / f"{name}-{repeats.kind}"
    report = train_repeats(
        repeats,
        study,
        plugins=plugins,
        data_path=data_path,
        resume=resume,
        overwrite=overwrite,
        evaluate=evaluate,
        show=reporter.show,
        bars=reporter.bars,
    )
    lines = ["", *report_lines(report), "", f"study     {printable(str(study))}"]
    lines += [f"table     {shlex.quote(str(study / table))}" for table in report.tables]
    if report.best is not None:
        bundle = shlex.quote(str(study / report.best / "bundle"))
        lines += [f"bundle    {bundle}", f"next      fashionbatch classify PHOTOS -b {bundle} -o labels.csv"]
    elif report.folds is not None:
        settings = [word for override in repeats.overrides for word in ("--set", override)]
        again = shlex.join(["fashionbatch", "train", repeats.recipe, *settings])
        lines.append(f"next      {again}   # for one network of all these images")
    for line in lines:
        reporter.show(line)
    require_none_failed(report.results)
