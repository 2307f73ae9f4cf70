"""Draws combinations by what earlier ones were worth: a seeded search that goes on where it was stopped.

Optuna's tree-structured Parzen estimator draws (J. Bergstra et al., "Algorithms for Hyper-Parameter Optimization",
NeurIPS 2011). What was drawn is kept, a line each, and is told to a new sampler for each draw. So the n-th draw
depends on the seed, on n and on what the earlier ones were worth, and not on how often the study was stopped.
"""

from __future__ import annotations

import json
import statistics
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fashionbatch import disk
from fashionbatch.errors import FashionBatchError, OutputError
from fashionbatch.studies.members import Result
from fashionbatch.studies.results import choosing_figure, finished
from fashionbatch.studies.settings import Choice, Range
from fashionbatch.training.directory import LARGEST_RECORD

if TYPE_CHECKING:
    import optuna

_ATTEMPTS = 20
"""So often another combination is drawn where one was tried before, until the search takes all for tried."""


class Searcher:
    """Draws combinations.

    Args:
        kept: the file of what was drawn so far; it need not exist.
        axes: what is tried where.
        seed: decides the draws.

    Raises:
        FashionBatchError: Optuna is not installed.
    """

    def __init__(self, kept: Path, axes: Sequence[Choice | Range], seed: int) -> None:
        try:
            import optuna
        except ImportError as error:
            raise FashionBatchError(
                "--search needs Optuna", hint="pip install 'fashionbatch[search]', or leave out --search for a grid"
            ) from error
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._kept, self._axes, self._seed = kept, axes, seed
        self._told: list[tuple[dict[str, str], float | None]] = []

    def draw(self, number: int) -> dict[str, str] | None:
        """The n-th combination, from 0: as it was drawn before the study was stopped, or a new one.

        Returns:
            Place -> value as text; None where every combination seems to be tried.

        Raises:
            OutputError: what was drawn cannot be kept, or what was kept cannot be read.
        """
        drawn = self._read()
        if number < len(drawn):
            return drawn[number]
        for attempt in range(_ATTEMPTS):
            settings = self._ask(number, attempt)
            if settings not in drawn:
                disk.append_line(self._kept, json.dumps(settings).encode())
                return settings
        return None

    def tell(self, settings: dict[str, str], results: Sequence[Result]) -> None:
        """Say what a combination was worth: the mean of its trainings by validation, or nothing where all failed."""
        name = choosing_figure(results)
        values = [result.figures("validation")[name] for result in finished(results)] if name is not None else []
        self._told.append((settings, statistics.fmean(values) if values else None))

    def _ask(self, number: int, attempt: int) -> dict[str, str]:
        import optuna

        distributions = {one.place: _distribution(one) for one in self._axes}
        # Of several axes the values belong together: the better of one may be so beside some of another alone.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the estimator of several axes is experimental
            seed = (self._seed + 7919 * number + 104_729 * attempt) % 2**32
            sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for settings, value in self._told:
            study.add_trial(
                optuna.trial.create_trial(
                    params={one.place: _value(one, settings[one.place]) for one in self._axes},
                    distributions=distributions,
                    value=value,
                    state=optuna.trial.TrialState.FAIL if value is None else optuna.trial.TrialState.COMPLETE,
                )
            )
        asked = study.ask(distributions)
        return {one.place: _setting(one, asked.params[one.place]) for one in self._axes}

    def _read(self) -> list[dict[str, str]]:
        if not self._kept.exists():
            return []
        places = {one.place for one in self._axes}
        try:
            drawn = [*_whole_lines(disk.read_regular(self._kept, LARGEST_RECORD))]
            if any(set(settings) != places for settings in drawn):
                raise ValueError("it is of another search")
        except (OSError, ValueError, TypeError) as error:
            raise OutputError(
                f"{self._kept}: cannot be read: {error}", hint="--overwrite begins the study anew"
            ) from error
        return drawn


def _whole_lines(content: bytes) -> Iterator[dict[str, str]]:
    """What stands in each line; a part of one is left of a process that was killed."""
    for line in content.splitlines():
        with suppress(ValueError):
            yield json.loads(line)


def _distribution(axis: Choice | Range) -> optuna.distributions.BaseDistribution:
    import optuna

    if isinstance(axis, Choice):
        return optuna.distributions.CategoricalDistribution(axis.values)
    if axis.whole:
        return optuna.distributions.IntDistribution(int(axis.low), int(axis.high), log=axis.by_magnitude)
    return optuna.distributions.FloatDistribution(axis.low, axis.high, log=axis.by_magnitude)


def _setting(axis: Choice | Range, drawn: Any) -> str:
    return str(drawn) if isinstance(axis, Choice) else axis.text(float(drawn))


def _value(axis: Choice | Range, text: str) -> str | float:
    if isinstance(axis, Choice):
        return text
    # Four digits of a number near an end may lie beyond it.
    number = min(max(float(text), axis.low), axis.high)
    return round(number) if axis.whole else number
