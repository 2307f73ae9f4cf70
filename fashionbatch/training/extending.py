"""A run that goes on for more epochs than it was begun with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fashionbatch.errors import OutputError
from fashionbatch.plan import Plan
from fashionbatch.training.checkpoint import Progress
from fashionbatch.training.directory import RunDirectory, planned_epochs
from fashionbatch.training.epochs.watch import Watch


@dataclass(frozen=True)
class Extension:
    """What a run that goes on is asked for.

    Attributes:
        after_epoch: epochs that are finished.
        epochs: that there are to be at the end, over all phases.
        instead_of: that were planned before.
        schedules: the schedules that are computed for the new number of epochs from here on.
    """

    after_epoch: int
    epochs: int
    instead_of: int
    schedules: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """What the user is told."""
        yield f"goes on after epoch {self.after_epoch}: {self.epochs} epochs in place of {self.instead_of}"
        for schedule in self.schedules:
            yield (
                f"note: the schedule {schedule} is computed for the new number of epochs from here on, so the run is "
                "not the one that so many epochs would have been from the first"
            )


def extension_of(directory: RunDirectory, begun: Mapping[str, Any], plan: Plan) -> Extension | None:
    """Find out whether a run is resumed with other epochs than it has planned, before anything costs time.

    Args:
        directory: of the run.
        begun: what it was begun with; its recipe differs from the plan's in epochs at most.
        plan: what is asked for now.

    Returns:
        None where the epochs are those that were planned.

    Raises:
        OutputError: a phase whose epochs differ is over, or has had more already.
    """
    before, now = planned_epochs(begun["recipe"]), [phase.epochs for phase in plan.phases]
    if before == now:
        return None
    state = directory.checkpoints.load()
    different = [index for index, (was, asked) in enumerate(zip(before, now, strict=True)) if was != asked]
    if state is not None:
        for index in different:
            _require_extensible(directory, state.progress, plan, index)
    schedules = [phase.schedule for phase in (plan.phases[index] for index in different)]
    return Extension(
        after_epoch=0 if state is None else len(state.progress.history),
        epochs=sum(now),
        instead_of=sum(before),
        schedules=tuple(dict.fromkeys(one.spec.name for one in schedules if one is not None)),
    )


def _require_extensible(directory: RunDirectory, progress: Progress, plan: Plan, index: int) -> None:
    phase = plan.phases[index]
    what = f"{directory.path}: phase {phase.name!r}" if len(plan.phases) > 1 else f"{directory.path}: the run"
    hint = f"train another run from its weights, with `initialize_from: {directory.path}` in its recipe"
    if index < progress.phase:
        raise OutputError(f"{what} is over, and the one after it has begun: it cannot get other epochs", hint=hint)
    if index > progress.phase:
        return
    if progress.phase_is_done:
        raise OutputError(
            f"{what} was finished by a version that did not keep the optimizer's state: it cannot go on", hint=hint
        )
    if phase.epochs < progress.epochs_in_phase:
        raise OutputError(
            f"{what} has {progress.epochs_in_phase} epochs already, more than the {phase.epochs} that are asked for",
            hint=f"give at least as many with --set training.epochs={progress.epochs_in_phase}",
        )
    watch = Watch(**progress.watch)
    if watch.stands_still:
        raise OutputError(
            f"{what} was ended by early stopping after epoch {len(progress.history)}: {watch.monitor} did not get "
            f"better for {watch.waited} epochs, so no more of them would be trained",
            hint=hint,
        )
