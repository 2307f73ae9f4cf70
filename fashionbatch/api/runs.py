"""Training from a program, and what a finished run has to show."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fashionbatch.api import html
from fashionbatch.api.bundles import Bundle
from fashionbatch.api.pictures import Picture
from fashionbatch.api.progress import Progress, reporter_of
from fashionbatch.api.recipes import Recipe
from fashionbatch.api.settings import PathLike, Settings, as_data
from fashionbatch.errors import DataError
from fashionbatch.installation import require_whole
from fashionbatch.specs import TrainingReport

if TYPE_CHECKING:
    import pandas as pd

    from fashionbatch.evaluation.records import RunRecord
    from fashionbatch.specs import Split

_SPLITS = ("test", "validation", "train")


class Run:
    """A finished training: its figures, pictures and bundle. `open` reads one, `fb.train` makes one.

    Args:
        record: as it was read.

    Example:
        >>> import fashionbatch as fb
        >>> run = fb.Run.open("runs/quickstart")  # doctest: +SKIP
        >>> run.figures.loc["test", "accuracy"]  # doctest: +SKIP
        0.86
    """

    def __init__(self, record: RunRecord) -> None:
        self._record = record

    @classmethod
    def open(cls, path: PathLike) -> Run:
        """Read a run directory.

        Raises:
            DataError: it is none, is not finished, or a file of it is damaged.
        """
        from fashionbatch.evaluation.records import read_run

        record = read_run(Path(path))
        if record.summary is None:
            raise DataError(
                f"{path}: the run is not finished", hint=f"`fb.train(recipe, {str(path)!r}, resume=True)` goes on"
            )
        return cls(record)

    @property
    def path(self) -> Path:
        """The run directory."""
        return self._record.path

    @property
    def bundle_path(self) -> Path:
        """The trained bundle's directory, as commands take it."""
        return self._record.bundle

    @property
    def bundle(self) -> Bundle:
        """The trained bundle, opened anew.

        Raises:
            BundleError: it is missing or damaged.
        """
        return Bundle.open(self._record.bundle)

    @property
    def training_report(self) -> TrainingReport:
        """What plugins were told at its end."""
        return TrainingReport(run_directory=self.path, bundle=self.bundle_path, summary=self.summary)

    @property
    def summary(self) -> Mapping[str, Any]:
        """What `summary.json` holds."""
        assert self._record.summary is not None
        return self._record.summary

    @property
    def figures(self) -> pd.DataFrame:
        """The figures that stand for each split: a row a split, a column a figure, NaN where a split has none.

        The index is `test`, `validation`, `train`, as far as there are such splits. Shares are in 0..1; `loss` is the
        recipe's, `cross_entropy` in nats.
        """
        import pandas as pd

        figures = self.summary["figures"]
        rows = {split: _plain_figures(figures[split]) for split in _SPLITS if split in figures}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("split")

    @property
    def history(self) -> pd.DataFrame:
        """The figures of each epoch, a row an epoch, as `history.csv` has them.

        Raises:
            DataError: the file is missing or damaged.
        """
        from fashionbatch.evaluation.records import HISTORY

        return _read_csv(self.path / HISTORY)

    @property
    def report(self) -> str:
        """The report on all figures, class by class, as text.

        Raises:
            DataError: it cannot be read.
        """
        return _read_text(self.path / "report.txt")

    def card(self, *, licence: str | None = None) -> str:
        """The model card of its bundle: Markdown with the front matter that Hugging Face reads.

        What only a person knows, such as what the network is meant for, is marked `Fill in`.

        Args:
            licence: under which the network may be used, as an SPDX identifier.

        Raises:
            BundleError: the bundle is missing or damaged.
            DataError: files of the run are damaged.
        """
        from fashionbatch.card import card_of

        return card_of(self.path, licence=licence)

    @property
    def recipe(self) -> Recipe:
        """The recipe that was trained, with every default.

        Raises:
            RecipeError: it cannot be read.
        """
        return Recipe.load(self.path / "recipe.yaml")

    @property
    def pictures(self) -> Mapping[str, Picture]:
        """The pictures by name, such as `curves` and `confusion_matrix`; a notebook shows each of them."""
        return {Path(name).stem: Picture(self.path / name) for name in self.summary.get("pictures", ())}

    def __repr__(self) -> str:
        return f"<Run {str(self.path)!r}>"

    def _repr_html_(self) -> str:
        figures = {split: values for split, values in self.summary["figures"].items() if split in _SPLITS}
        plain = {split: _plain_figures(figures[split]) for split in _SPLITS if split in figures}
        names = list(dict.fromkeys(name for values in plain.values() for name in values))
        rows = [(split, *(values.get(name) for name in names)) for split, values in plain.items()]
        return html.table(("split", *(name.replace("_", " ") for name in names)), rows, caption=f"run {self.path}")


def train(
    recipe: Recipe | PathLike | Mapping[str, Any],
    output: PathLike | None = None,
    *,
    set: Settings = None,  # noqa: A002 - as the option is called
    data: PathLike | None = None,
    resume: bool = False,
    overwrite: bool = False,
    evaluate: Collection[Split] = ("validation", "test"),
    keep_features: bool = False,
    progress: Progress = True,
) -> Run:
    """Train a recipe's classifier into a run directory.

    Args:
        recipe: a recipe, the path of one, the name of a shipped one, or a mapping as `Recipe.from_dict` takes it.
        output: the run directory; by default `runs/NAME`, by the recipe's name.
        set: values over those of the recipe, as `{"training.epochs": 5}`. Not with a `Recipe`, which is made with them.
        data: takes the place of the recipe's path of the data.
        resume: continue a run that was stopped, after its last finished epoch.
        overwrite: replace the run that is in `output`.
        evaluate: the splits that judge the network by every image; of the others a sample of 5,000 does.
        keep_features: leave the features of a frozen backbone in the run directory, as `.npy` files.
        progress: True for bars and lines, False for silence, or a function that takes each line.

    Returns:
        The finished run.

    Raises:
        ValueError: `resume` and `overwrite` exclude each other, as do a `Recipe` and `set`.
        RecipeError: the recipe cannot be used; `problems` says why, each with its place.
        OutputError: `output` holds something, is in use, or cannot be written.
        InterruptedRunError: SIGINT or SIGTERM arrived; finished epochs are kept, and `resume` goes on from there.
        FashionBatchError: whatever else is wrong with data, network or training.

    Example:
        >>> import fashionbatch as fb
        >>> run = fb.train("quickstart", "runs/first", set={"training.epochs": 2})  # doctest: +SKIP
        >>> run.figures  # doctest: +SKIP
    """
    if resume and overwrite:
        raise ValueError("resume continues a run and overwrite replaces it; ask for one of them")
    wanted = as_recipe(recipe, set)
    plan = wanted.plan
    require_whole("training")
    from fashionbatch.training.run import train as train_plan

    reporter = reporter_of(progress)
    report = train_plan(
        plan,
        Path(output) if output is not None else Path("runs") / plan.recipe.name,
        plugins=wanted.plugins,
        data_path=as_data(data, bar=reporter.bar),
        resume=resume,
        overwrite=overwrite,
        evaluate=tuple(evaluate),
        keep_features=keep_features,
        show=reporter.show,
        bars=reporter.bars,
    )
    return Run.open(report.run_directory)


def as_recipe(recipe: Recipe | PathLike | Mapping[str, Any], settings: Settings) -> Recipe:
    """The recipe that is meant.

    Raises:
        ValueError: settings are given for a recipe that was made already.
        RecipeError: it cannot be read.
    """
    if isinstance(recipe, Recipe):
        if settings:
            raise ValueError("give `set` where the recipe is made: fb.Recipe.load(..., set=...)")
        return recipe
    if isinstance(recipe, Mapping):
        return Recipe.from_dict(recipe, set=settings)
    return Recipe.load(recipe, set=settings)


def _plain_figures(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a split; of each group of labels its accuracy."""
    groups = figures.get("groups", {})
    plain = {name: value for name, value in figures.items() if not isinstance(value, Mapping)}
    return plain | {f"{group}_accuracy": one.get("accuracy") for group, one in groups.items()}


def _read_csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
