"""Which precision each network of a run computes in: by what is known, or by what is found out as the run begins.

A job's precision is settled once. What goes on with a job, in another run, another part or another process, takes the
job's; what reuses the rows of an earlier table takes that one's.

Where nothing is known and the job is large, the networks are opened in the precision that is likely to win, and label
the first photos; then the others are opened and all are timed in turns. If the likely one wins, as it mostly does,
nothing was computed in vain and the first labels came no later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast, get_args

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.open import Bundle
from fashionbatch.errors import RuntimeUnavailableError
from fashionbatch.inference.precision import PrecisionChoice, choose_precision
from fashionbatch.inference.rates import keep_rates
from fashionbatch.inference.session import Session
from fashionbatch.inference.speed import ENOUGH_S, LEAST_ROUNDS, machine_clock, time_in_turns
from fashionbatch.labeling.job.record import Job
from fashionbatch.labeling.load import Loaded
from fashionbatch.labeling.options import LabelOptions
from fashionbatch.labeling.pipeline import Pipeline
from fashionbatch.labels.sidecar import Sidecar, sidecar_of
from fashionbatch.specs import Precision

MEASURED_FROM = 5_000
"""Files from which on timing is thought of; fewer are labeled before it would have paid."""
LARGEST_SHARE = 0.05
"""The part of the whole time that timing may take."""


def known_choices(loaded: Loaded, options: LabelOptions, job: Job | None = None) -> list[PrecisionChoice]:
    """The precision for each bundle, as far as it is known without timing anything.

    Args:
        loaded: what the run uses.
        options: of the run.
        job: that the run goes on with; None for a new one.

    Raises:
        BundleError: there is no graph for the precision that was asked for.
        RuntimeUnavailableError: this machine does not offer it, or not the job's.
        DataError: the sidecar of the earlier table is damaged.
    """
    compute, previous = options.compute, options.reuse.previous
    if compute.precision != "auto":
        return [loaded.computing.choose(bundle, compute.precision) for bundle in loaded.bundles]
    if job is not None:
        hint = f"the job of {options.output.table.name} computes in it: go on where it is there, or `--restart` anew"
        return [_of_job(loaded, bundle, job, number, hint) for number, bundle in enumerate(loaded.bundles)]
    earlier = None if previous is None else sidecar_of(previous)
    if earlier is not None:
        return [_as_before(loaded, bundle, earlier, number) for number, bundle in enumerate(loaded.bundles)]
    if compute.measure:
        available = loaded.computing.available
        return [choose_precision(bundle.manifest, available, "auto") for bundle in loaded.bundles]
    return [loaded.computing.choose(bundle, "auto") for bundle in loaded.bundles]


def likely(choice: PrecisionChoice) -> PrecisionChoice:
    """The choice that timing will probably confirm, where it is still open; else the choice itself.

    int8 was faster than float32 on each CPU that was tried, with units for it and without.
    """
    return replace(choice, precision="int8") if "int8" in choice.untimed else choice


def is_worth_measuring(options: LabelOptions, choices: Sequence[PrecisionChoice], files: int) -> bool:
    """Whether a new job of so many files may find out what is not known."""
    return any(choice.untimed for choice in choices) and (options.compute.measure or files >= MEASURED_FROM)


def float32_instead(
    loaded: Loaded, options: LabelOptions, bundle: Bundle, session: Session, error: RuntimeUnavailableError
) -> PrecisionChoice:
    """What takes the place of a precision that this machine turned out to compute wrongly.

    Args:
        loaded: what the run uses.
        options: of the run.
        bundle: the network's.
        session: that does not give what it should.
        error: says so; it is raised where nothing can take its place, as where the precision was asked for.
    """
    if options.compute.precision != "auto" or session.precision == "float32":
        raise error
    loaded.computing.require(bundle, "float32")
    return PrecisionChoice("float32", f"{session.precision} is not computed rightly here")


@dataclass(frozen=True)
class Rehearsal:
    """The beginning of a job whose precisions are still open.

    Attributes:
        loaded: what the run uses.
        pipeline: connected with networks in the precisions that are likely to win.
        open_session: opens a further one.
        say: where the user is told what could not be tried.
    """

    loaded: Loaded
    pipeline: Pipeline
    open_session: Callable[[Bundle, PrecisionChoice], Session]
    say: Callable[[str], None]

    def settle(
        self, sessions: Sequence[Session], choices: Sequence[PrecisionChoice], *, files: int, is_asked_for: bool
    ) -> list[Session]:
        """Label the first photos, then time what is open, where that pays; the rates are kept for the next time.

        Args:
            sessions: one for each bundle.
            choices: what is known of each.
            files: of the whole job.
            is_asked_for: whether it is timed also where it does not pay.

        Returns:
            The sessions for the job; those that lost are closed. The pipeline is at rest: where a session is another
            one now, it is to be connected with them.

        Raises:
            InterruptedRunError: there was a signal.
            FashionBatchError: a network cannot be computed.
        """
        seconds_a_file = self._label_the_first(sessions)
        expected_s = files * seconds_a_file
        settled = []
        for bundle, session, choice in zip(self.loaded.bundles, sessions, choices, strict=True):
            effort = Effort.of(session, choice, seconds_a_file)
            if choice.untimed and (is_asked_for or effort.pays(expected_s)):
                settled.append(self._fastest(bundle, session, choice, budget_s=LARGEST_SHARE * expected_s))
            elif session.precision == choice.precision:
                settled.append(replace(session, choice=choice))
            else:
                session.close()
                settled.append(self.open_session(bundle, choice))
        return settled

    def _label_the_first(self, sessions: Sequence[Session]) -> float:
        """The seconds that a file takes in all, from a few batches."""
        began = time.monotonic()
        files = self.pipeline.rehearse(max(session.runtime.slots for session in sessions))
        took_s = time.monotonic() - began
        self.pipeline.rest()
        return took_s / max(files, 1)

    def _fastest(self, bundle: Bundle, session: Session, choice: PrecisionChoice, *, budget_s: float) -> Session:
        """The session that wins, with what it was chosen by."""
        computing = self.loaded.computing
        candidates = {session.precision: session}
        for precision in choice.untimed:
            if precision != session.precision:
                try:
                    candidates[precision] = self._open_whole(bundle, replace(choice, precision=precision))
                except RuntimeUnavailableError as error:
                    self.say(f"warning: {precision} is left out: {error.message}")
        rates = time_in_turns(
            {precision: candidate.runtime for precision, candidate in candidates.items()},
            _noise((session.batch_size, *bundle.manifest.image.shape)),
            streams=session.streams,
            clock=machine_clock(session.device, session.streams),
            budget_s=min(ENOUGH_S, budget_s),
        )
        if rates.keys() == set(choice.untimed):
            keep_rates(computing.setting(bundle), bundle.manifest.name, rates)
        measured = choose_precision(bundle.manifest, list(rates), "auto", rates)
        for precision, candidate in candidates.items():
            if precision != measured.precision:
                candidate.close()
        return replace(candidates[measured.precision], choice=measured)

    def _open_whole(self, bundle: Bundle, choice: PrecisionChoice) -> Session:
        """A session that has shown that it computes what it should."""
        session = self.open_session(bundle, choice)
        try:
            session.verify()
        except BaseException:
            session.close()
            raise
        return session


@dataclass(frozen=True)
class Effort:
    """What it takes to time a network in its precisions.

    Attributes:
        opened_s: the time that it took to open it once.
        to_open: how many times it has to be opened only for this.
        turns_s: the time that the least number of turns takes.
    """

    opened_s: float
    to_open: int
    turns_s: float

    @classmethod
    def of(cls, session: Session, choice: PrecisionChoice, seconds_a_file: float) -> Effort:
        """The effort for one bundle; no precision is taken to be slower than all that was done for a file so far."""
        turn_s = session.streams * session.batch_size * seconds_a_file
        # The one that is known to be safe is opened in any case, where another is likely to be faster.
        others = len(choice.untimed) - 1 - (session.precision != choice.precision)
        return cls(session.opened_s, others, len(choice.untimed) * (1 + LEAST_ROUNDS) * turn_s)

    def pays(self, expected_s: float) -> bool:
        """Whether it is little beside the time that the whole job is expected to take."""
        return self.to_open * self.opened_s + self.turns_s <= LARGEST_SHARE * expected_s


def _of_job(loaded: Loaded, bundle: Bundle, job: Job, number: int, hint: str) -> PrecisionChoice:
    precision = _precision_at(job, bundle, number)
    if precision is None:
        return loaded.computing.choose(bundle, "auto")  # Another job, which is refused by that name later.
    loaded.computing.require(bundle, precision, hint)
    reasons = [choice.reason for choice in job.precision_choices]
    return PrecisionChoice(precision, reasons[number] if number < len(reasons) else "as the job was begun")


def _as_before(loaded: Loaded, bundle: Bundle, earlier: Sidecar, number: int) -> PrecisionChoice:
    """As an earlier table was made, whose rows can be reused then, if `auto` may take that precision here."""
    choice = choose_precision(bundle.manifest, loaded.computing.available, "auto")
    precision = _precision_at(earlier, bundle, number)
    if precision is not None and precision in {choice.precision, *choice.untimed}:
        return PrecisionChoice(precision, f"as in {earlier.table}")
    return loaded.computing.choose(bundle, "auto")


def _precision_at(made: Job | Sidecar, bundle: Bundle, number: int) -> Precision | None:
    """What a job or table computes a bundle in; None where that is another bundle."""
    precisions = made.compute.precision
    if number >= min(len(made.bundles), len(precisions)) or made.bundles[number].digest != bundle.digest:
        return None
    precision = precisions[number]
    return cast(Precision, precision) if precision in get_args(Precision) else None


def _noise(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """An image as good as any to time by, without NumPy's random numbers, which take long to import."""
    numbers = np.arange(int(np.prod(shape)), dtype=np.uint32) * np.uint32(2654435761)
    return (numbers >> np.uint32(24)).astype(np.uint8).reshape(shape)
