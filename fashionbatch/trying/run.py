"""A whole try: a search within a budget, then the bundle of the best, its figures, a table and a picture."""

from __future__ import annotations

import json
import math
import shlex
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from fashionbatch import disk
from fashionbatch.data.prepared import PreparedData
from fashionbatch.errors import DataError, FashionBatchError, InterruptedRunError, RecipeError
from fashionbatch.evaluation.records import CROSS_ENTROPY_FIGURE
from fashionbatch.pictures.tries import TryPicture, draw_tries
from fashionbatch.plan import Plan, plan_from_text
from fashionbatch.plugins import Plugins
from fashionbatch.progress import OpenBar, Show, duration
from fashionbatch.specs import Precision
from fashionbatch.studies.statistics import wilson
from fashionbatch.training.directory import LARGEST_RECORD, RunDirectory
from fashionbatch.training.epochs.interrupt import Stopped, stoppable
from fashionbatch.training.run import train
from fashionbatch.trying.advice import advice_of
from fashionbatch.trying.budget import TOLERANCE, Budget
from fashionbatch.trying.folder import PhotoFolder
from fashionbatch.trying.opened import plan_of
from fashionbatch.trying.recipes import recipe_text, without_int8
from fashionbatch.trying.reporting import BudgetedReporter, OutOfTimeError, Sparse
from fashionbatch.trying.results import BEST, PICTURE, RECIPE, Ledger, Tried, best_of, key_of, ranked, read_journal
from fashionbatch.trying.rungs import Finalist, int8_seconds
from fashionbatch.trying.search import Search
from fashionbatch.trying.speeds import milliseconds_of, refusals_of

_FINALIST = "finalist"


@dataclass(frozen=True)
class TryReport:
    """What a try came to.

    Attributes:
        directory: where everything lies.
        tried: every way that was judged, the best first.
        best: whose recipe and bundle are handed over; None where nothing was judged.
        summary: of the best one's run, as `summary.json` has it; None where there was no time for it.
        milliseconds: of the bundle for a photo, by precision; empty without one.
        refused: precisions of the bundle that `classify` does not take by itself, each with the reason.
        notes: sentences that the user should read.
        advice: what would help most.
        seconds: that it took.
        stopped_by: the signal that ended it early; None where none did.
    """

    directory: Path
    tried: tuple[Tried, ...]
    best: Tried | None
    summary: Mapping[str, Any] | None
    milliseconds: Mapping[Precision, float]
    refused: Mapping[Precision, str]
    notes: tuple[str, ...]
    advice: tuple[str, ...]
    seconds: float
    stopped_by: int | None = None

    @property
    def bundle(self) -> Path:
        """What `classify` takes; there where `summary` is."""
        return RunDirectory(self.directory / BEST).bundle

    @property
    def recipe(self) -> Path:
        """What `train` takes; there where `best` is."""
        return self.directory / RECIPE

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        test = (self.summary or {}).get("figures", {}).get("test")
        return {
            "directory": str(self.directory),
            "best": self.best.plain() if self.best else None,
            "tried": [one.plain() for one in self.tried],
            "test": {**test, "interval": list(wilson(test["accuracy"], test["images"]))} if test else None,
            "milliseconds": dict(self.milliseconds),
            "refused": dict(self.refused),
            "notes": list(self.notes),
            "advice": list(self.advice),
            "seconds": round(self.seconds, 1),
        }


@dataclass
class _State:
    """What is known so far."""

    summary: Mapping[str, Any] | None = None
    stopped_by: int | None = None
    out_of_time: bool = False


def try_folder(
    folder: PhotoFolder,
    output: Path,
    *,
    budget_s: float,
    plugins: Plugins,
    seed: int = 42,
    show: Show = print,
    bars: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> TryReport:
    """Find out how well a folder's photos can be told apart, and train the best way that was found.

    What an earlier call with the same output found out is not found out again, as long as the photos are the same.

    Args:
        folder: the photos.
        output: the directory for everything; made if it is not there.
        budget_s: seconds that it may take.
        plugins: the components.
        seed: of every training.
        show: prints a line.
        bars: whether to draw bars on standard error.
        clock: tells seconds.

    Returns:
        What was found, also where a signal or the budget ended it early.

    Raises:
        DataError: the photos cannot be used, or the budget was spent before anything was judged.
        WeightsError: there is no network to try.
        OutputError: the output holds something else, or cannot be written.
        InterruptedRunError: a signal arrived before anything was judged.
    """
    budget = Budget(budget_s, clock)
    ledger, state = Ledger(output, read_journal(output)), _State()
    if folder.table is not None:
        path, text = folder.table
        with disk.output_errors(path):
            disk.make_directory(path.parent)
            disk.write_file(path, text.encode())
    sparse = Sparse(show, budget)
    reporter = BudgetedReporter(sparse, bars=bars, budget=budget)
    search = Search(folder, ledger, budget, registry=plugins.registry, reporter=reporter, seed=seed)
    work = _Work(ledger, budget, plugins, state, search, show=sparse, bars=bars)
    try:
        with stoppable():
            finalist = search.run()
            if finalist is not None:
                work.train_finalist(finalist)
    except OutOfTimeError:
        state.out_of_time = True
        if search.waiting:
            ledger.notes.append(f"there was no time for {', '.join(search.waiting)}")
    except (Stopped, KeyboardInterrupt) as stop:
        state.stopped_by = stop.signal_number if isinstance(stop, Stopped) else signal.SIGINT
    except InterruptedRunError as stop:
        state.stopped_by = stop.signal_number
    best = best_of(ledger.tried)
    if best is None:
        raise _nothing(state, budget)
    work.hand_over(best)
    return work.report(best)


def _nothing(state: _State, budget: Budget) -> FashionBatchError:
    if state.stopped_by is not None:
        return InterruptedRunError("stopped before anything was judged", signal_number=state.stopped_by)
    return DataError(
        f"{duration(budget.seconds)} were over before anything was judged",
        hint="give it more time, such as --budget 10m; what was computed is kept in the cache",
    )


class _Work:
    """What is written for a search: runs, the recipe, the picture."""

    def __init__(
        self,
        ledger: Ledger,
        budget: Budget,
        plugins: Plugins,
        state: _State,
        search: Search,
        *,
        show: Show,
        bars: bool,
    ) -> None:
        self._output, self._ledger, self._budget, self._plugins = ledger.directory, ledger, budget, plugins
        self._show, self._bars, self._state, self._search = show, bars, state, search

    def train_finalist(self, finalist: Finalist) -> None:
        """Spend the rest of the budget on what did best, and put it beside the others."""
        self._show(f"{finalist.text}, which takes about {duration(finalist.seconds)} ({self._budget.text()})")
        began = time.monotonic()
        recipe = finalist.recipe if finalist.with_int8 else without_int8(finalist.recipe)
        summary = self._train(recipe, self._output / _FINALIST)
        judge = summary["figures"].get("validation") or summary["figures"]["train"]
        opened = finalist.opened
        self._ledger.add(
            Tried(
                key=key_of(finalist.recipe, opened.data.fingerprint, finalist.kind),
                candidate=opened.candidate.name,
                kind=finalist.kind,
                setting=finalist.setting,
                accuracy=judge["accuracy"],
                images=judge["images"],
                judge="validation",
                validation=judge["accuracy"],
                cross_entropy=judge.get(CROSS_ENTROPY_FIGURE, math.inf),
                milliseconds=opened.milliseconds,
                size=opened.size,
                seconds=time.monotonic() - began,
                epoch_seconds=summary["phases"][-1]["seconds"] / max(1, summary["phases"][-1]["epochs"]),
                recipe=finalist.recipe,
            )
        )

    def hand_over(self, best: Tried) -> None:
        """Write the recipe of the best, and train it unless its run is there or there is no time for one."""
        with disk.output_errors(self._output):
            disk.write_file(self._output / RECIPE, recipe_text(best.recipe, self._head_lines(best)).encode())
        self._state.summary = self._run_of(best)
        if self._state.stopped_by is not None:
            return
        # A finalist that lost has figures of the test images, by which only the best is to be judged.
        with disk.output_errors(self._output):
            disk.remove_tree(self._output / _FINALIST)
        if self._state.summary is not None:
            return
        self._show(f"the best, {best.candidate}, {best.kind}, {best.setting}, is trained for its bundle")
        try:
            self._train(self._in_time(best), self._output / BEST)
        except InterruptedRunError as stop:
            self._state.stopped_by = stop.signal_number
            return
        self._state.summary = self._run_of(best)

    def _in_time(self, best: Tried) -> Mapping[str, Any]:
        """The recipe of the best, without a graph of 8 bits where there is no time for one."""
        if int8_seconds(best.milliseconds, self._search.slowed) <= self._budget.left / 2:
            return best.recipe
        bundle = shlex.quote(str(RunDirectory(self._output / BEST).bundle))
        self._ledger.notes.append(f"there was no time for int8: `fashionbatch bundle quantize {bundle}` makes it")
        return without_int8(best.recipe)

    def report(self, best: Tried) -> TryReport:
        """Draw the picture, and say all."""
        tried = tuple(ranked(self._ledger.tried))
        draw_tries(
            [_drawn(one) for one in tried], self._output / PICTURE, title=f"{best.recipe['name']}: what was tried"
        )
        over = self._budget.spent - self._budget.seconds
        notes = list(self._ledger.notes)
        if over > TOLERANCE * self._budget.seconds:
            notes.append(f"it took {duration(over)} longer than the budget: {self._why_late()}")
        if self._state.out_of_time:
            notes.append("the budget was spent before everything was tried; a larger one goes on from here")
        summary = self._state.summary
        bundle = RunDirectory(self._output / BEST).bundle
        return TryReport(
            directory=self._output,
            tried=tried,
            best=best,
            summary=summary,
            milliseconds=milliseconds_of(bundle, self._plugins.registry) if summary is not None else {},
            refused=refusals_of(bundle) if summary is not None else {},
            notes=tuple(notes),
            advice=advice_of(RunDirectory(self._output / BEST).path) if summary is not None else (),
            seconds=self._budget.spent,
            stopped_by=self._state.stopped_by,
        )

    def _why_late(self) -> str:
        first = self._budget.first_answer_s
        if first is not None and first > self._budget.seconds / 2:
            return f"the first network was judged after {duration(first)}, and the bundle of the best comes after that"
        if self._state.out_of_time:
            return "the bundle of the best needs that time at least"
        return "the machine was slower than when the last training was planned"

    def _train(self, recipe: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
        """A run of the recipe; one that was begun with it goes on."""
        plan = plan_of(recipe, self._plugins.registry, self._output)
        directory = RunDirectory(path)
        same = directory.recipe.is_file() and not directory.is_complete and self._is_of(directory, recipe)
        report = train(
            plan,
            path,
            plugins=self._plugins,
            resume=same,
            overwrite=not same,
            show=self._show,
            bars=self._bars,
            data=partial(self._data, plan),
        )
        return report.summary

    def _data(self, plan: Plan, *, bar: OpenBar) -> PreparedData:  # noqa: ARG002 - the search has bars of its own
        """The photos, which the search has decoded."""
        return self._search.data_at(plan.recipe.data.image.shape[0], plan)

    def _run_of(self, best: Tried) -> Mapping[str, Any] | None:
        """The summary of a finished run of that recipe, in its place as the best; None where there is none."""
        for name in (_FINALIST, BEST):
            directory = RunDirectory(self._output / name)
            if not directory.is_complete or not self._is_of(directory, best.recipe):
                continue
            if name == _FINALIST:
                with disk.output_errors(self._output):
                    disk.remove_tree(self._output / BEST)
                    disk.rename(directory.path, self._output / BEST)
            summary: Mapping[str, Any] = json.loads(
                disk.read_regular(RunDirectory(self._output / BEST).summary, LARGEST_RECORD)
            )
            return summary
        return None

    def _is_of(self, directory: RunDirectory, recipe: Mapping[str, Any]) -> bool:
        """Whether a run was begun with that recipe, with or without a graph of 8 bits at its end."""
        registry = self._plugins.registry
        try:
            begun = disk.read_regular(directory.recipe, LARGEST_RECORD).decode()
            resolved = plan_from_text(begun, registry, self._output).resolved()
        except (OSError, ValueError, RecipeError):
            return False
        wanted = plan_of(recipe, registry, self._output).resolved()
        return without_int8(resolved) == without_int8(wanted)

    def _head_lines(self, best: Tried) -> list[str]:
        low, high = best.interval
        path = shlex.quote(str(self._output / RECIPE))
        return [
            f"The best of {len(self._ledger.tried)} ways that `fashionbatch try` judged on "
            f"{datetime.now(UTC).date().isoformat()}: {best.candidate}, {best.kind}, {best.setting}.",
            f"Accuracy {best.accuracy:.4f} by {best.judge} on {best.images:,} photos (95%: {low:.3f} to {high:.3f}).",
            "",
            f"    fashionbatch train {path} -o runs/again",
            "",
        ]


def _drawn(one: Tried) -> TryPicture:
    low, high = one.interval
    return TryPicture(
        name=f"{one.candidate}, {one.kind}, {one.setting}",
        group=f"{one.candidate}, {one.kind}",
        accuracy=one.accuracy,
        low=low,
        high=high,
        milliseconds=one.milliseconds,
        megabytes=one.size / 1e6,
    )
