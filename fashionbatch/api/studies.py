"""Several trainings at once: a recipe with other values, and a folder tried with the networks that there are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fashionbatch.api import html
from fashionbatch.api.bundles import Bundle
from fashionbatch.api.checks import check_count
from fashionbatch.api.pictures import Picture
from fashionbatch.api.progress import Progress, reporter_of
from fashionbatch.api.recipes import Recipe
from fashionbatch.api.runs import Run
from fashionbatch.api.settings import PathLike, Settings, as_data, as_json, as_path, as_settings
from fashionbatch.errors import InterruptedRunError
from fashionbatch.installation import require_whole

if TYPE_CHECKING:
    import pandas as pd

    from fashionbatch.plugins import Plugins
    from fashionbatch.progress import Reporter
    from fashionbatch.studies.sweep_report import SweepReport
    from fashionbatch.trying.results import Tried
    from fashionbatch.trying.run import TryReport

_SHOWN = 12


@dataclass(frozen=True)
class Sweep:
    """What a sweep came to; `fb.sweep` makes one.

    Attributes:
        report: as the rest of FashionBatch has it.
    """

    report: SweepReport

    @property
    def path(self) -> Path:
        """The study's directory, with a run directory for each training."""
        return self.report.study.path

    @property
    def figure(self) -> str:
        """The figure of the validation split that combinations are compared by, such as `accuracy`."""
        return self.report.figure

    @property
    def table(self) -> pd.DataFrame:
        """A row a combination, the best first.

        Columns: each place that was tried, as it was written; `validation` and `test`, the figure, the mean of all
        seeds, NaN where there is none; `deviation` of the validation figure, NaN for one seed; `cross_entropy` in nats;
        `seconds`, and `run`, the directory of its best training.
        """
        import pandas as pd

        rows = [
            {
                **row.settings,
                "validation": row.validation.mean,
                "deviation": row.validation.deviation,
                "test": None if row.test is None else row.test.mean,
                "cross_entropy": row.cross_entropy,
                "seconds": row.seconds,
                "run": str(self.path / row.results[0].member.name),
            }
            for row in self.report.rows
        ]
        numbers = dict.fromkeys(("validation", "deviation", "test", "cross_entropy", "seconds"), "float64")
        return pd.DataFrame(rows).astype(numbers)

    @property
    def best(self) -> Run:
        """The training whose bundle to take: of the best combination the best by validation.

        Raises:
            DataError: its files were taken away.
        """
        return Run.open(self.path / self.report.best.member.name)

    @property
    def recipe(self) -> Recipe:
        """The recipe of the best.

        Raises:
            RecipeError: it cannot be read.
        """
        return Recipe.load(self.report.study.best)

    @property
    def picture(self) -> Picture:
        """The figure against what was tried."""
        return Picture(self.path / "results.png")

    def __repr__(self) -> str:
        return f"<Sweep {str(self.path)!r}: {len(self.report.rows)} combinations by {self.figure}>"

    def _repr_html_(self) -> str:
        rows = [(*row.settings.values(), row.validation.mean) for row in self.report.rows[:_SHOWN]]
        return html.table((*self.report.places, f"validation {self.figure}"), rows, caption=f"sweep {self.path}")


@dataclass(frozen=True)
class Tries:
    """What came of trying networks on a folder; `fb.try_folder` makes one.

    Attributes:
        report: as the rest of FashionBatch has it; `notes` and `advice` are sentences for the user.
    """

    report: TryReport

    @property
    def path(self) -> Path:
        """The directory of results, recipe and bundle."""
        return self.report.directory

    @property
    def table(self) -> pd.DataFrame:
        """A row for each way of training, the best first, as `try.csv` has them.

        Columns: `candidate`, the network; `kind` and `setting`, how it learnt; `accuracy` in 0..1 with `low` and
        `high`, the 95% interval by the `images` that judged; `judge`; `milliseconds` a photo in float32; `size` in
        bytes; `seconds` that it took to find out.
        """
        import pandas as pd

        return pd.DataFrame([_tried(one) for one in self.report.tried])

    @property
    def bundle(self) -> Bundle:
        """The bundle of the best, opened anew.

        Raises:
            BundleError: there was no time to train it.
        """
        return Bundle.open(self.report.bundle)

    @property
    def recipe(self) -> Recipe:
        """The recipe of the best.

        Raises:
            RecipeError: it cannot be read.
        """
        return Recipe.load(self.report.recipe)

    @property
    def picture(self) -> Picture:
        """Accuracy against milliseconds a photo."""
        return Picture(self.path / "try.png")

    def __repr__(self) -> str:
        return f"<Tries {str(self.path)!r}: {len(self.report.tried)} ways>"

    def _repr_html_(self) -> str:
        rows = [
            (one.candidate, one.kind, one.setting, one.accuracy, one.milliseconds) for one in self.report.tried[:_SHOWN]
        ]
        return html.table(("network", "trained", "how", "accuracy", "ms/photo"), rows, caption=f"tries {self.path}")


def sweep(
    recipe: PathLike,
    set: Settings,  # noqa: A002 - as the option is called
    output: PathLike | None = None,
    *,
    data: PathLike | None = None,
    seeds: int = 1,
    search: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress = True,
) -> Sweep:
    """Train a recipe with other values, and name the best by validation.

    Every combination is checked before the first is trained.

    Args:
        recipe: the path of a recipe, or the name of a shipped one.
        set: what is tried, as `{"training.batch_size": [16, 32]}`; a value that is no list holds for all trainings.
            Or as the command takes it: `["training.batch_size=16,32"]`, and for a search `"...=1e-5..1e-2"`.
        output: the study's directory; None for `runs/NAME-sweep`, with `search` `runs/NAME-search`.
        data: takes the place of the recipe's path of the data.
        seeds: trainings of each combination.
        search: train so many combinations that a search by Optuna draws, instead of all.
        resume: go on with a sweep that was stopped.
        overwrite: replace the sweep that is in `output`.
        progress: True for bars and lines, False for silence, or a function that takes each line.

    Returns:
        The combinations with their figures, and the best of them.

    Raises:
        ValueError: `resume` and `overwrite` exclude each other, or a number is too small.
        RecipeError: the mistakes of all combinations.
        TrainingError: no training came to its end.
        OutputError: `output` holds something, is in use, or cannot be written.
        InterruptedRunError: SIGINT or SIGTERM arrived; `resume` goes on.
        FashionBatchError: there is nothing to try, or whatever else is wrong.

    Example:
        >>> import fashionbatch as fb
        >>> found = fb.sweep("quickstart", {"training.batch_size": [16, 32]})  # doctest: +SKIP
        >>> found.table[["training.batch_size", "validation"]]  # doctest: +SKIP
    """
    if resume and overwrite:
        raise ValueError("resume continues a sweep and overwrite replaces it; ask for one of them")
    if not isinstance(recipe, str | os.PathLike):
        raise TypeError(f"a sweep takes a recipe's path or the name of a shipped one, got {type(recipe).__name__}")
    check_count("seeds", seeds)
    if search is not None:
        check_count("search", search)
    require_whole("training")
    from fashionbatch.plugins import load_plugins
    from fashionbatch.studies.sweep import first_plan, make_sweep, train_sweep

    plugins, reporter = load_plugins(), reporter_of(progress)
    asked = make_sweep(str(recipe), as_choices(set), seeds=seeds, trials=search)
    place = as_path(output)
    if place is None:
        name = first_plan(asked, plugins.registry).recipe.name
        place = Path("runs") / f"{name}-{'sweep' if search is None else 'search'}"
    report = train_sweep(
        asked,
        place,
        plugins=plugins,
        data_path=as_data(data, bar=reporter.bar),
        resume=resume,
        overwrite=overwrite,
        show=reporter.show,
        bars=reporter.bars,
    )
    return Sweep(report)


def try_folder(
    folder: PathLike,
    output: PathLike | None = None,
    *,
    budget: float | str = "10m",
    seed: int = 42,
    progress: Progress = True,
) -> Tries:
    """Find out how well a folder of labeled photos can be told apart, and train the best way that was found.

    The networks whose weights are on this machine are tried, with several heads each, and the best is fine-tuned while
    time remains. What an earlier call with the same output found out is not found out again.

    Args:
        folder: labeled photos, such as a folder for each class, or a table of them.
        output: the directory for results, recipe and bundle; None for `tries/NAME`, by the folder's name.
        budget: how long it may take: seconds, or a text such as `90s`, `10m` or `1h`.
        seed: of every training.
        progress: True for bars and lines, False for silence, or a function that takes each line.

    Returns:
        Each way with its accuracy and speed, and the best one's recipe and bundle.

    Raises:
        ValueError: the budget is none.
        DataError: the photos cannot be used, or the budget was spent before anything was judged.
        WeightsError: there is no network to try.
        OutputError: the output holds something else, or cannot be written.
        InterruptedRunError: SIGINT or SIGTERM arrived; what is finished is kept, and the same call goes on.

    Example:
        >>> import fashionbatch as fb
        >>> found = fb.try_folder("photos", budget="5m")  # doctest: +SKIP
        >>> found.table[["candidate", "accuracy", "milliseconds"]].head()  # doctest: +SKIP
    """
    from fashionbatch.plugins import load_plugins
    from fashionbatch.trying.budget import parse_budget

    budget_s = parse_budget(budget if isinstance(budget, str) else f"{budget}s")
    report = report_of_try(
        Path(folder),
        as_path(output),
        budget_s=budget_s,
        seed=seed,
        plugins=load_plugins(),
        reporter=reporter_of(progress),
    )
    if report.stopped_by is not None:
        raise InterruptedRunError(
            f"stopped; what was found until then is in {report.directory}",
            signal_number=report.stopped_by,
            hint="the same call goes on from there",
        )
    return Tries(report)


def report_of_try(
    folder: Path, output: Path | None, *, budget_s: float, seed: int, plugins: Plugins, reporter: Reporter
) -> TryReport:
    """Try a folder; the arguments are those of `try_folder`. One that a signal ended has a report as well.

    Raises:
        FashionBatchError: as `try_folder`.
    """
    require_whole("trying")
    from fashionbatch.trying.folder import look_at_folder
    from fashionbatch.trying.results import RECIPE
    from fashionbatch.trying.run import try_folder as try_photos

    directory = output if output is not None else Path("tries") / (folder.absolute().stem or "photos")
    photos = look_at_folder(folder, directory / RECIPE, plugins.registry, reporter.bar)
    return try_photos(
        photos,
        directory,
        budget_s=budget_s,
        plugins=plugins,
        seed=seed,
        show=reporter.show,
        bars=reporter.bars,
    )


def as_choices(given: Settings) -> tuple[str, ...]:
    """What a sweep tries as `PATH=VALUES` each, as the command line has it.

    Raises:
        TypeError: a value is nothing that a recipe can hold, or one string stands where several are expected.

    Example:
        >>> as_choices({"training.batch_size": [16, 32], "architecture.dense": [[64], [64, 32]]})
        ('training.batch_size=16,32', 'architecture.dense=[64],[64, 32]')
    """
    if not isinstance(given, Mapping):
        return as_settings(given)
    return tuple(
        f"{place}={','.join(map(as_json, values if isinstance(values, list | tuple) else [values]))}"
        for place, values in given.items()
    )


def _tried(one: Tried) -> dict[str, Any]:
    return {name: value for name, value in one.plain().items() if name not in {"key", "epoch_seconds", "recipe"}}
