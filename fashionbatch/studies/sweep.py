"""One recipe with other values: all combinations of some, or those that a search draws."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from fashionbatch.errors import FashionBatchError, Problem, RecipeError
from fashionbatch.plan import Plan, load_plan
from fashionbatch.plan.unused import TAKEN_OVER, unused
from fashionbatch.plugins import Plugins
from fashionbatch.progress import Show
from fashionbatch.recipe.layering import SET_OPTION
from fashionbatch.registry import Registry
from fashionbatch.specs import Split
from fashionbatch.studies import directory as study_directory
from fashionbatch.studies.data import SharedData
from fashionbatch.studies.directory import StudyDirectory
from fashionbatch.studies.members import Member, Result
from fashionbatch.studies.results import require_one
from fashionbatch.studies.run import Workshop, train_members
from fashionbatch.studies.search import Searcher
from fashionbatch.studies.settings import Choice, Range, labels_of, parse_setting, run_name
from fashionbatch.studies.sweep_report import SweepReport, write_report
from fashionbatch.training.judging import OTHERS

MOST = 1000
"""So many trainings may be asked for at once."""
_SEED = "training.seed"
Settings: TypeAlias = Mapping[str, str]
"""Place in the recipe -> its value, as it was written."""


@dataclass(frozen=True)
class Sweep:
    """What is tried.

    Attributes:
        recipe: a file, or the name of a recipe that is shipped.
        settings: where something else is tried, and what; those with one value hold for all trainings.
        seeds: how many trainings each combination gets, by the recipe's seed and those that follow it.
        trials: how many combinations a search draws; None trains all of them.
    """

    recipe: str
    settings: tuple[Choice | Range, ...]
    seeds: int = 1
    trials: int | None = None

    @property
    def axes(self) -> tuple[Choice | Range, ...]:
        """The settings that differ between trainings."""
        return tuple(one for one in self.settings if isinstance(one, Range) or len(one.values) > 1)

    def asked(self) -> dict[str, Any]:
        """What a study that is resumed has to share. A grid may grow, and a search may draw more of the same."""
        if self.trials is None:
            return {"kind": "sweep"}
        return {"kind": "search", "settings": [_text(one) for one in self.settings], "seeds": self.seeds}

    def plan(self, settings: Settings, registry: Registry, seed: int | None = None) -> Plan:
        """The plan of one combination.

        Raises:
            RecipeError: every problem of it.
        """
        values = {one.place: one.values[0] for one in self.settings if isinstance(one, Choice)} | dict(settings)
        overrides = [f"{one.place}={values[one.place]}" for one in self.settings]
        return load_plan(
            self.recipe, registry, overrides=overrides if seed is None else [*overrides, f"{_SEED}={seed}"]
        )

    def members(self, settings: Settings, registry: Registry, title: str) -> list[Member]:
        """The trainings of one combination, one for each seed.

        Raises:
            RecipeError: every problem of the combination.
        """
        plan = self.plan(settings, registry)
        name = run_name(settings, labels_of([one.place for one in self.axes]))
        if self.seeds == 1:
            return [Member(name, title, plan, settings=settings)]
        first = plan.recipe.training.seed
        return [
            Member(
                f"{name},seed={seed}",
                f"{title}, seed {seed - first + 1} of {self.seeds}",
                plan if seed == first else self.plan(settings, registry, seed),
                settings=settings,
            )
            for seed in range(first, first + self.seeds)
        ]


def make_sweep(recipe: str, settings: Sequence[str], *, seeds: int = 1, trials: int | None = None) -> Sweep:
    """Read what is to be tried.

    Args:
        recipe: a file, or the name of a shipped recipe.
        settings: `PLACE=VALUES`, as `parse_setting` reads them.
        seeds: trainings of each combination.
        trials: combinations that a search draws; None for all of them.

    Raises:
        FashionBatchError: a setting is none, a place is there twice, or there is nothing that differs.
    """
    parsed = tuple(map(parse_setting, settings))
    places = [one.place for one in parsed]
    twice = next((place for place in places if places.count(place) > 1), None)
    if twice is not None:
        raise FashionBatchError(f"--set {twice} is there twice", hint="give all its values at once, joined by commas")
    sweep = Sweep(recipe, parsed, seeds, trials)
    if seeds > 1 and _SEED in places:
        raise FashionBatchError(f"--seeds and --set {_SEED} both decide the seeds", hint="leave out one of them")
    if not sweep.axes:
        raise FashionBatchError(
            "there is nothing to try: no --set has several values",
            hint="join values by commas, as in --set training.optimizer.learning_rate=1e-3,1e-4",
        )
    ranges = [one for one in parsed if isinstance(one, Range)]
    if ranges and trials is None:
        raise FashionBatchError(
            f"--set {_text(ranges[0])}: of a range a search draws numbers", hint="give --search 20, or a list of values"
        )
    return sweep


def planned_members(sweep: Sweep, registry: Registry) -> list[Member]:
    """Every training of a grid, all checked; those that read the same images stand together.

    Raises:
        RecipeError: the problems of all combinations, each once.
        FashionBatchError: there are too many trainings, or two of them are the same.
    """
    axes = [one for one in sweep.axes if isinstance(one, Choice)]
    count = math.prod(len(one.values) for one in axes) * sweep.seeds
    if count > MOST:
        raise FashionBatchError(
            f"these are {count:,} trainings, and more than {MOST:,}", hint="try fewer values, or let --search draw some"
        )
    combinations = [
        dict(zip([one.place for one in axes], values, strict=True))
        for values in itertools.product(*(one.values for one in axes))
    ]
    members: list[Member] = []
    problems: list[Problem] = []
    for number, settings in enumerate(combinations, 1):
        try:
            members += sweep.members(settings, registry, f"combination {number} of {len(combinations)}")
        except RecipeError as error:
            problems += error.problems
    if problems:
        raise RecipeError(list(dict.fromkeys(problems)))
    _require_different(members)
    require_validation(members[0].plan)
    order = list(dict.fromkeys(_data_of(member) for member in members))
    return sorted(members, key=lambda member: order.index(_data_of(member)))


def first_plan(sweep: Sweep, registry: Registry) -> Plan:
    """The plan of the first values, or of the lower ends of ranges.

    Raises:
        RecipeError: every problem of it.
    """
    return sweep.plan({place: values[0] for place, values in _tried(sweep).items()}, registry)


def _tried(sweep: Sweep) -> dict[str, Sequence[str]]:
    """Place -> each of its values, or both ends of its range."""
    return {
        one.place: one.values if isinstance(one, Choice) else (one.text(one.low), one.text(one.high))
        for one in sweep.axes
    }


def check_search(sweep: Sweep, registry: Registry) -> Plan:
    """Check each value of a search, and both ends of each range, each beside the first values of the others.

    Returns:
        The plan of the first values.

    Raises:
        RecipeError: the problems of all of them, each once.
        FashionBatchError: a value changes nothing.
    """
    tried = _tried(sweep)
    first = {place: values[0] for place, values in tried.items()}
    problems: list[Problem] = []
    plans: dict[str, Plan] = {}
    for settings in [first, *({**first, place: value} for place, values in tried.items() for value in values[1:])]:
        try:
            plans[", ".join(f"{place}={value}" for place, value in settings.items())] = sweep.plan(settings, registry)
        except RecipeError as error:
            problems += error.problems
    if problems:
        raise RecipeError(list(dict.fromkeys(problems)))
    (name, plan), *others = plans.items()
    for other, changed in others:
        if _effect(changed) == _effect(plan):
            raise _same_training(name, other, changed)
    require_validation(plan)
    return plan


def require_validation(plan: Plan) -> None:
    """Refuse a recipe that holds no images back to choose by.

    Raises:
        FashionBatchError: its validation split is empty.
    """
    if plan.recipe.data.split.validation == 0:
        raise FashionBatchError(
            "the recipe has no validation split, and the best of several recipes is chosen by that",
            hint="leave out `data.split.validation`, or give it a fraction such as 0.2",
        )


def train_sweep(
    sweep: Sweep,
    output: Path,
    *,
    plugins: Plugins,
    data_path: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    evaluate: Collection[Split] = OTHERS,
    show: Show = print,
    bars: bool = False,
) -> SweepReport:
    """Train a recipe with other values, and name the best by validation.

    Every combination is checked before the first is trained. Images that several trainings read alike are decoded once,
    and features of a frozen backbone are computed once.

    Args:
        sweep: what is tried.
        output: the study's directory; each training has a run directory in it.
        plugins: as `train` takes them.
        data_path: takes the place of the source's path.
        resume: go on with the study that is in `output`; what is finished is not trained again.
        overwrite: replace the study that is in `output`.
        evaluate: the splits that judge a network by every image.
        show: prints a line.
        bars: whether to draw progress bars on standard error.

    Raises:
        RecipeError: the mistakes of all combinations.
        TrainingError: no training came to its end.
        InterruptedRunError: SIGINT or SIGTERM arrived; `resume` goes on.
        OutputError: `output` is in use, cannot be written, or is to be resumed as what it is not.
        FashionBatchError: whatever else is wrong.
    """
    study, registry = StudyDirectory(output), plugins.registry
    study_directory.require_usable(study, sweep.asked(), resume=resume, overwrite=overwrite)
    workshop = Workshop(study, plugins, SharedData(data_path), evaluate=evaluate, show=show, bars=bars)
    train: Callable[[], list[Result]]
    if sweep.trials is None:
        members = planned_members(sweep, registry)
        plan, train = members[0].plan, partial(train_members, workshop, members)
    else:
        plan = check_search(sweep, registry)
        searcher = Searcher(study.path / "trials.jsonl", sweep.axes, plan.recipe.training.seed)
        train = partial(_search, sweep, workshop, searcher, plan)
    if not resume:
        workshop.read_first(plan)
    with study_directory.working_on(study, sweep.asked(), plan.resolved(), resume=resume, overwrite=overwrite):
        results = train()
        require_one(results)
        return write_report(study, results, places=[one.place for one in sweep.axes], by_magnitude=_by_magnitude(sweep))


def _search(sweep: Sweep, workshop: Workshop, searcher: Searcher, plan: Plan) -> list[Result]:
    """Train what the searcher draws, one combination after the other."""
    results: list[Result] = []
    assert sweep.trials is not None
    for number in range(sweep.trials):
        settings = searcher.draw(number)
        if settings is None:
            workshop.show(f"\nevery combination is tried after {number} of {sweep.trials}")
            break
        title = f"trial {number + 1} of {sweep.trials}"
        try:
            own = train_members(workshop, sweep.members(settings, workshop.plugins.registry, title), results)
        except RecipeError as error:
            # Each value was checked; these do not go together.
            workshop.show(f"\n{title} failed: {error.problems[0]}")
            own = [Result(Member(title, title, plan, settings=settings), "failed", problem=str(error.problems[0]))]
        searcher.tell(settings, own)
        results += own
    return results


def _require_different(members: Iterable[Member]) -> None:
    seen: dict[str, Member] = {}
    names: dict[str, Member] = {}
    for member in members:
        other = seen.setdefault(_effect(member.plan), member)
        if other is not member:
            raise _same_training(other.name, member.name, member.plan)
        other = names.setdefault(member.name, member)
        if other is not member:
            raise FashionBatchError(f"two trainings would both be called {member.name}", hint="write values apart")


def _effect(plan: Plan) -> str:
    """What decides the training; what phases take over counts only as they have it."""
    data = plan.resolved()
    if plan.recipe.training.phases:
        for path in TAKEN_OVER:
            *section, key = map(str, path)
            (data[section[0]] if section else data).pop(key, None)
    return json.dumps(data, sort_keys=True)


def _same_training(one: str, other: str, plan: Plan) -> FashionBatchError:
    told = [f"{problem.where} {problem.message}" for problem in unused(plan) if problem.file.startswith(SET_OPTION)]
    return FashionBatchError(
        f"{one} and {other} are the same training", hint=told[0] if told else "leave out one value"
    )


def _data_of(member: Member) -> str:
    return member.plan.recipe.data.model_dump_json()


def _by_magnitude(sweep: Sweep) -> set[str]:
    return {one.place for one in sweep.axes if isinstance(one, Range) and one.by_magnitude}


def _text(setting: Choice | Range) -> str:
    if isinstance(setting, Choice):
        return f"{setting.place}={','.join(setting.values)}"
    log = "log:" if setting.by_magnitude else ""
    return f"{setting.place}={log}{setting.text(setting.low)}..{setting.text(setting.high)}"
