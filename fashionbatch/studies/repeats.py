"""One recipe trained several times: by other seeds, or with other images held out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fashionbatch.errors import TrainingError
from fashionbatch.plan import Plan, load_plan
from fashionbatch.plugins import Plugins
from fashionbatch.progress import Show
from fashionbatch.registry import Registry
from fashionbatch.specs import Split
from fashionbatch.studies import directory as study_directory
from fashionbatch.studies.data import SharedData
from fashionbatch.studies.directory import StudyDirectory
from fashionbatch.studies.held_out import join_held_out, write_held_out
from fashionbatch.studies.members import Member, Result
from fashionbatch.studies.repeats_report import RepeatsReport, write_report
from fashionbatch.studies.results import require_one
from fashionbatch.studies.run import Workshop, train_members
from fashionbatch.training.judging import OTHERS

LARGEST_SEED = 2**32


@dataclass(frozen=True)
class Repeats:
    """What is trained several times, and how.

    Attributes:
        recipe: a file, or the name of a recipe that is shipped.
        overrides: `training.epochs=5` and the like.
        seeds: how many, the recipe's own and those that follow it; or which ones; None for the recipe's own alone.
        folds: how many, at least 2; None trains on the recipe's own splits.
    """

    recipe: str
    overrides: Sequence[str] = ()
    seeds: int | Sequence[int] | None = None
    folds: int | None = None

    @property
    def kind(self) -> str:
        """The ending of the study's directory, where the user names none."""
        return "seeds" if self.folds is None else "folds"

    def members(self, registry: Registry) -> list[Member]:
        """Every training, by seed and then by fold.

        Raises:
            RecipeError: the recipe has a mistake.
            TrainingError: a seed is too large.
        """
        plan = load_plan(self.recipe, registry, overrides=self.overrides)
        seeds = self._seeds(plan)
        plans = {seed: self._with_seed(seed, plan, registry) for seed in seeds}
        if self.folds is None:
            return [
                Member(f"seed-{seed}", f"seed {number} of {len(seeds)}", plans[seed])
                for number, seed in enumerate(seeds, 1)
            ]
        members = []
        for number, seed in enumerate(seeds, 1):
            for fold in range(self.folds):
                name, title = f"fold-{fold + 1}", f"fold {fold + 1} of {self.folds}"
                if self.seeds is not None:
                    name, title = f"seed-{seed}-{name}", f"seed {number} of {len(seeds)}, {title}"
                members.append(Member(name, title, plans[seed], fold))
        return members

    def asked(self) -> dict[str, Any]:
        """What a study that is resumed has to share; seeds may become more, and recipes are compared run by run."""
        asked: dict[str, Any] = {"kind": self.kind}
        if self.folds is not None:
            asked |= {"folds": self.folds, "seeds": "named" if self.seeds is not None else "the recipe's"}
        return asked

    def _seeds(self, plan: Plan) -> list[int]:
        first = plan.recipe.training.seed
        if self.seeds is None:
            return [first]
        seeds = list(range(first, first + self.seeds)) if isinstance(self.seeds, int) else list(self.seeds)
        too_large = next((seed for seed in seeds if seed >= LARGEST_SEED), None)
        if too_large is not None:
            raise TrainingError(f"a seed is below {LARGEST_SEED}, and {too_large} is not", hint="name smaller seeds")
        return list(dict.fromkeys(seeds))

    def _with_seed(self, seed: int, plan: Plan, registry: Registry) -> Plan:
        if seed == plan.recipe.training.seed:
            return plan
        return load_plan(self.recipe, registry, overrides=(*self.overrides, f"training.seed={seed}"))


def train_repeats(
    repeats: Repeats,
    output: Path,
    *,
    plugins: Plugins,
    data_path: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    evaluate: Collection[Split] = OTHERS,
    show: Show = print,
    bars: bool = False,
) -> RepeatsReport:
    """Train one recipe by several seeds, or with each fold of its images held out once, and report on all of it.

    Images are decoded once, and features of a frozen backbone are computed once.

    Args:
        repeats: what is trained.
        output: the study's directory; each training has a run directory in it.
        plugins: as `train` takes them.
        data_path: takes the place of the source's path.
        resume: go on with the study that is in `output`; what is finished is not trained again.
        overwrite: replace the study that is in `output`.
        evaluate: the splits that judge a network by every image; what is held out always does.
        show: prints a line.
        bars: whether to draw progress bars on standard error.

    Returns:
        What the trainings that came to their end say together.

    Raises:
        TrainingError: no training came to its end.
        InterruptedRunError: SIGINT or SIGTERM arrived; `resume` goes on.
        OutputError: `output` is in use, cannot be written, or is to be resumed as what it is not.
        FashionBatchError: whatever else is wrong.
    """
    study = StudyDirectory(output)
    study_directory.require_usable(study, repeats.asked(), resume=resume, overwrite=overwrite)
    members = repeats.members(plugins.registry)

    def judged(member: Member, labeled: Any) -> None:
        write_held_out(study, member, labeled)

    workshop = Workshop(
        study,
        plugins,
        SharedData(data_path, repeats.folds),
        evaluate=evaluate if repeats.folds is None else {*evaluate, "test"},
        show=show,
        bars=bars,
        judged=None if repeats.folds is None else judged,
    )
    if not resume:
        workshop.read_first(members[0].plan, members[0].fold)
    recipe_of_all = members[0].plan.resolved()
    with study_directory.working_on(study, repeats.asked(), recipe_of_all, resume=resume, overwrite=overwrite):
        results = train_members(workshop, members)
        require_one(results)
        return write_report(study, results, folds=repeats.folds, tables=_join(study, repeats, results))


def _join(study: StudyDirectory, repeats: Repeats, results: Sequence[Result]) -> Mapping[str, int]:
    """The label tables of what was held out and how many rows each has, one a seed whose folds are all finished."""
    if repeats.folds is None:
        return {}
    tables = {}
    by_seed: dict[int, list[Result]] = {}
    for result in results:
        by_seed.setdefault(result.member.seed, []).append(result)
    for seed, own in by_seed.items():
        if all(result.state == "finished" for result in own):
            name = "out_of_fold.csv" if len(by_seed) == 1 else f"out_of_fold-seed-{seed}.csv"
            tables[name] = join_held_out(study, [result.member for result in own], study.path / name)
    return tables
