"""A recipe in a program: read, checked, written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from fashionbatch.api import html
from fashionbatch.api.progress import Progress, reporter_of
from fashionbatch.api.settings import PathLike, Settings, as_path, as_settings
from fashionbatch.display_width import counted
from fashionbatch.errors import Problem, RecipeError
from fashionbatch.plan import Plan, advice, make_plan, whole_yaml
from fashionbatch.plugins import Plugins, load_plugins
from fashionbatch.recipe.dump import to_yaml
from fashionbatch.recipe.find import find_recipe
from fashionbatch.recipe.load import RecipeDocument, load_recipe, recipe_from_data


@dataclass(frozen=True)
class Finding:
    """Something about a recipe that its author should know.

    Attributes:
        kind: `problem`, with which nothing can be trained; `advice`; or `note`, about the list of labels.
        where: the dotted path of the value, such as `architecture.name`; empty for the whole.
        message: what is wrong or odd.
        line: 1-based, in the file; 0 where there is none.
        text: all of it, with the place and the line of the file, as the command line prints it.
    """

    kind: Literal["problem", "advice", "note"]
    where: str
    message: str
    line: int
    text: str

    def __str__(self) -> str:
        return self.text

    @classmethod
    def _of(cls, kind: Literal["problem", "advice"], problem: Problem) -> Finding:
        return cls(kind, problem.where, problem.message, problem.line, str(problem))


class Recipe:
    """What is to be trained, and how; `load` and `from_dict` make one.

    Args:
        document: as the recipe was read.
        plugins: what it can name; None loads what is installed when that is needed.

    Example:
        >>> import fashionbatch as fb
        >>> recipe = fb.Recipe.load("quickstart", set={"training.epochs": 9})
        >>> recipe.name, recipe.check()
        ('quickstart', [])
    """

    def __init__(self, document: RecipeDocument, plugins: Plugins | None = None) -> None:
        self._document = document
        self._plugins = plugins

    @classmethod
    def load(
        cls,
        path_or_name: PathLike,
        *,
        set: Settings = None,  # noqa: A002 - as the option is called
        plugins: Plugins | None = None,
    ) -> Recipe:
        """Read a recipe file, or one that comes with FashionBatch by its name.

        Args:
            path_or_name: such as `recipes/shoes.yaml` or `quickstart`.
            set: values over those of the file, as `{"training.epochs": 5}` or `["training.epochs=5"]`.
            plugins: for programs that load plugins themselves.

        Raises:
            RecipeError: there is no such recipe, or its file is not YAML. All else that is wrong with it is found by
                `check`, and raised by whatever needs a recipe that is right.
        """
        return cls(load_recipe(find_recipe(str(path_or_name)), overrides=as_settings(set)), plugins)

    @classmethod
    def from_dict(
        cls,
        data: Mapping[str, Any],
        *,
        set: Settings = None,  # noqa: A002 - as above
        base: PathLike = ".",
    ) -> Recipe:
        """A recipe from mappings, lists and scalars; what is wrong with it is named by the path of its key.

        Args:
            data: what the file would hold. Tuples, paths and NumPy's scalars are taken, too.
            set: as in `load`.
            base: the folder that relative paths in it are relative to.

        Raises:
            RecipeError: it holds what no recipe can, such as a function.

        Example:
            >>> import fashionbatch as fb
            >>> recipe = fb.Recipe.from_dict({"version": 1, "name": "x", "architecture": "minvgg"})
            >>> [finding.where for finding in recipe.check()]
            ['data', 'architecture.name']
        """
        return cls(recipe_from_data(data, base=Path(base), overrides=as_settings(set)))

    @classmethod
    def draft(
        cls,
        folder: PathLike,
        output: PathLike | None = None,
        *,
        name: str | None = None,
        overwrite: bool = False,
        progress: Progress = False,
    ) -> Recipe:
        """Look at a folder of labeled photos, write a recipe that fits them, and read it.

        The file says in comments what was found and what to change. Where the photos can be understood in several ways,
        the safest is taken; the command `recipe new` asks.

        Args:
            folder: a folder for each class, names that say labels, or a table of paths and labels.
            output: the recipe's file; None for the folder's name with `.yaml` in the working directory.
            name: what the classifier is called; None for the folder's name.
            overwrite: replace a file that is there.
            progress: True for a bar, or a function that takes each line.

        Raises:
            DataError: there are no labeled photos, or they cannot be split.
            OutputError: the file is there, cannot be written, or would stand among the photos.

        Example:
            >>> import fashionbatch as fb
            >>> recipe = fb.Recipe.draft("photos", "shoes.yaml")  # doctest: +SKIP
            >>> run = fb.train(recipe, "runs/shoes")  # doctest: +SKIP
        """
        from fashionbatch.drafting import draft_recipe, write_draft

        draft = draft_recipe(
            Path(folder), load_plugins().registry, output=as_path(output), name=name, bar=reporter_of(progress).bar
        )
        write_draft(draft, overwrite=overwrite)
        return cls.load(draft.path)

    @property
    def name(self) -> str:
        """What the recipe calls itself; empty where it does not say."""
        return str(self._document.data.get("name", ""))

    @property
    def description(self) -> str:
        """What it is for, in its author's words; empty where it does not say."""
        return str(self._document.data.get("description") or "")

    @cached_property
    def plugins(self) -> Plugins:
        """What the recipe can name."""
        return self._plugins or load_plugins()

    @cached_property
    def plan(self) -> Plan:
        """The recipe with every name resolved and every parameter checked.

        Raises:
            RecipeError: every problem of it.
        """
        return make_plan(self._document, self.plugins.registry)

    def check(self, *, raises: bool = False) -> list[Finding]:
        """Find every mistake, and what could be better. Nothing is trained and no image is read.

        Args:
            raises: whether mistakes are raised as one error; advice and notes never are.

        Returns:
            Mistakes where there are any; else advice and notes, none for a recipe about which there is nothing to say.

        Raises:
            RecipeError: there are mistakes, and `raises` asks for it; `problems` has each of them.
        """
        try:
            plan = self.plan
        except RecipeError as error:
            if raises:
                raise
            return [Finding._of("problem", problem) for problem in error.problems]
        found = [Finding._of("advice", problem) for problem in advice(plan, self._document)]
        return found + [Finding("note", "", note, 0, note) for note in _notes(plan)]

    def to_yaml(self, *, resolved: bool = True) -> str:
        """The recipe as YAML text, which reads back as the same recipe.

        Args:
            resolved: with every default and who provides each component; else as it was written, with what it inherits.

        Raises:
            RecipeError: it is to be resolved, and has mistakes.
        """
        return whole_yaml(self.plan) if resolved else to_yaml(self._document.data)

    def __repr__(self) -> str:
        return f"<Recipe {self.name!r} from {self._document.name}>"

    def _repr_html_(self) -> str:
        try:
            parts = [(kind, part.spec.name) for kind, part in _components(self.plan)]
        except RecipeError as error:
            rows = [(problem.where, problem.message) for problem in error.problems]
            return html.table(("where", "problem"), rows, caption=f"recipe {self.name}")
        phases = [(f"phase {phase.name}", f"at most {counted(phase.epochs, 'epoch')}") for phase in self.plan.phases]
        return html.table(("part", "value"), [*parts, *phases], caption=f"recipe {self.name}")


def _components(plan: Plan) -> list[tuple[str, Any]]:
    return [("data", plan.source), ("architecture", plan.architecture), ("head", plan.head), ("loss", plan.loss)]


def _notes(plan: Plan) -> list[str]:
    """What is odd about the list of labels, where the source has one."""
    if plan.source.spec.look is None:
        return []
    from fashionbatch.data.prepare import look_at_labels

    return look_at_labels(plan)
