"""A whole training: from a plan to a run directory with a bundle, figures and pictures."""

from __future__ import annotations

import platform
import signal
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from fashionbatch import __version__
from fashionbatch.data.advice import advice_on_data
from fashionbatch.data.prepare import prepare_data
from fashionbatch.data.prepared import PreparedData
from fashionbatch.errors import DataError, InterruptedRunError, OutputError, TrainingError
from fashionbatch.evaluation.records import SUMMARY_FORMAT
from fashionbatch.inference.session import usable_cores
from fashionbatch.model.framework import load_tensorflow, set_arithmetic
from fashionbatch.model.network import Network
from fashionbatch.model.precision import resumed_precision, training_precision
from fashionbatch.plan import Plan, unused
from fashionbatch.plugins import Plugins, blaming
from fashionbatch.progress import OpenBar
from fashionbatch.specs import Split, TrainingPrecision, TrainingReport
from fashionbatch.training import directory as run_directory
from fashionbatch.training.bundling import Labeled, make_bundle, versions
from fashionbatch.training.checkpoint import State
from fashionbatch.training.clock import Clock
from fashionbatch.training.directory import RunDirectory
from fashionbatch.training.epochs.callbacks import Callbacks, require_callbacks_can_work
from fashionbatch.training.epochs.history import Epoch
from fashionbatch.training.epochs.interrupt import Stopped, stoppable
from fashionbatch.training.epochs.loop import Loop
from fashionbatch.training.extending import Extension, extension_of
from fashionbatch.training.judging import OTHERS, judged_splits
from fashionbatch.training.pictures import draw_pictures
from fashionbatch.training.quantization import quantize_trained
from fashionbatch.training.report import Reporter, Show
from fashionbatch.training.results import measure, measure_extra, write_json, write_tables
from fashionbatch.training.start import (
    groups_of,
    initialize,
    make_network,
    require_bundle_can_be_made,
    require_phases_can_run,
)
from fashionbatch.training.summary import processor, summarize_figures, summarize_phases

if TYPE_CHECKING:
    import openvino as ov


class GiveData(Protocol):
    """Gives decoded splits."""

    def __call__(self, *, bar: OpenBar) -> PreparedData:
        """The splits; the bar shows how far decoding is."""


TakeAnswers: TypeAlias = Callable[[Labeled], object]
"""Is told what a finished network says of the images that judge it."""


class TrainingWarning(UserWarning):
    """Something that a finished run could not do besides, such as a plugin's hook that failed."""


def train(
    plan: Plan,
    output: Path,
    *,
    plugins: Plugins,
    data_path: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    keep_features: bool = False,
    evaluate: Collection[Split] = OTHERS,
    show: Show = print,
    bars: bool = False,
    data: GiveData | None = None,
    judged: TakeAnswers | None = None,
) -> TrainingReport:
    """Train a plan's classifier into a run directory.

    A run that is resumed gives the history and the weights that it would have given undisturbed, on the same machine
    with the same versions. Where TensorFlow has not been imported, it is imported in the precision of the recipe.

    Args:
        plan: a recipe that is ready to run.
        output: the run directory; made if it is not there.
        plugins: runtimes are looked for in its registry; its `training_finished` hooks are called at the end.
        data_path: takes the place of the source's path.
        resume: continue the run that is in `output`; a finished one is left as it is, unless the plan has more epochs.
        overwrite: replace the run that is in `output`, once the new one is about to begin.
        evaluate: the splits that judge the network by every image. The validation split always does; of another
            that is not named a sample of 5,000 images does.
        keep_features: leave the features of a frozen backbone in the run directory, a `.npy` file a split.
        show: prints a line.
        bars: whether to draw progress bars on standard error.
        data: gives the decoded splits, where several runs share them or they are no splits of the recipe; called only
            where there is something to train. None reads the recipe's own.
        judged: is told of the finished network's answers before the run counts as finished.

    Returns:
        The run directory, its bundle, and the figures of `summary.json`.

    Raises:
        OutputError: `output` is in use, cannot be written, or is to be resumed as what it is not.
        InterruptedRunError: SIGINT or SIGTERM arrived; finished epochs are kept.
        RecipeError: the recipe names a class or a layer that is not there.
        FashionBatchError: whatever else is wrong with data, network or training.
    """
    directory, reporter = RunDirectory(output), Reporter(show, bars=bars)
    state = run_directory.require_usable(directory, resume=resume, overwrite=overwrite)
    begun = run_directory.begun_with(directory, plan) if state == "resumed" else None
    extension = extension_of(directory, begun, plan) if begun is not None else None
    if begun is not None and directory.is_complete and extension is None:
        show(f"{output} is finished already")
        _tell_of_missing_features(output / "features" if keep_features else None, show)
        return _report(directory, run_directory.read_summary(directory))
    if keep_features and not any(phase.train == "head" and not phase.augmentation for phase in plan.phases):
        raise TrainingError(
            "there are no features to keep: no phase trains the head alone without augmentation",
            hint="give the recipe a phase with `train: head` and `augmentation: []`",
        )
    require_callbacks_can_work(plan)
    export = output / "features" if keep_features else None
    run = _Run(
        plan,
        directory,
        plugins,
        reporter,
        overwrite=overwrite,
        export=export,
        evaluate=evaluate,
        data=data or partial(prepare_data, plan, data_path=data_path),
        judged=judged,
    )
    with stoppable(), plan.placing():
        try:
            with blaming(plan.origins):
                return run.to_the_end(begun, extension)
        except (Stopped, KeyboardInterrupt) as stop:
            number = stop.signal_number if isinstance(stop, Stopped) else signal.SIGINT
            raise run.interrupted(number) from None


class _Run:
    """One call of `train`."""

    def __init__(
        self,
        plan: Plan,
        directory: RunDirectory,
        plugins: Plugins,
        reporter: Reporter,
        *,
        overwrite: bool,
        export: Path | None,
        evaluate: Collection[Split],
        data: GiveData,
        judged: TakeAnswers | None,
    ) -> None:
        self._plan, self._directory, self._plugins, self._reporter = plan, directory, plugins, reporter
        self._overwrite, self._export, self._evaluate = overwrite, export, evaluate
        self._data, self._judged = data, judged
        self._clock = Clock()
        self._loop: Loop | None = None
        self._graph: ov.Model | None = None
        self._initial: Mapping[str, Any] | None = None
        self._went_on: Sequence[Mapping[str, Any]] = ()

    def to_the_end(self, begun: Mapping[str, Any] | None, extension: Extension | None) -> TrainingReport:
        data = self._prepare(begun)
        # Before the network is made, which takes long, but not before: the directory may lie among the photos.
        with run_directory.locked(self._directory):
            if begun is None:
                # Another process may have trained into it since the first look.
                run_directory.require_usable(self._directory, resume=False, overwrite=self._overwrite, held=True)
            summary = self._train(data, begun, extension)
        report = _report(self._directory, summary)
        for problem in self._plugins.notify("training_finished", report):
            warnings.warn(problem, TrainingWarning, stacklevel=2)
        return report

    def _train(
        self, data: PreparedData, begun: Mapping[str, Any] | None, extension: Extension | None
    ) -> dict[str, Any]:
        asked = self._plan.recipe.training.precision
        precision, reason = training_precision(asked) if begun is None else resumed_precision(asked, begun["precision"])
        set_arithmetic(precision)
        self._reporter.show(f"precision {precision}: {reason}")
        with self._clock.measure("preparation"), self._reporter.waiting("making the network"):
            network = self._make_network(data, precision)
        if begun is None:
            self._make_ready(network, data)
            facts = {"fingerprint": data.fingerprint, "precision": precision, "initialized_from": self._initial}
            run_directory.begin(self._directory, self._plan, facts)
            state = None
        else:
            state = self._go_on(network, data, begun, extension)
        with self._told(data) as callbacks:
            self._loop = Loop(
                self._plan,
                network,
                data,
                self._directory,
                self._reporter,
                registry=self._plugins.registry,
                graph=self._graph,
                callbacks=callbacks,
                clock=self._clock,
                export=self._export,
            )
            self._graph = None
            history = self._loop.run(state)
            _tell_of_missing_features(self._export, self._reporter.show)
            summary = self._finish(network, data, history, {"training": precision, "reason": reason})
        callbacks.end(summary)
        return summary

    def _go_on(
        self, network: Network, data: PreparedData, begun: Mapping[str, Any], extension: Extension | None
    ) -> State | None:
        """Where an earlier process stopped; None where that was before the end of its first epoch."""
        if extension is not None:
            begun = run_directory.go_on(self._directory, self._plan, begun, asdict(extension))
            for line in extension.lines():
                self._reporter.show(line)
        self._went_on = begun.get("went_on", ())
        state = self._directory.checkpoints.load()
        if state is None:
            self._make_ready(network, data)
        else:
            self._initial = begun.get("initialized_from")
            self._reporter.show(f"resumed after epoch {len(state.progress.history)}")
        return state

    @contextmanager
    def _told(self, data: PreparedData) -> Iterator[Callbacks]:
        """The callbacks, which are told when the block does not come to its end."""
        callbacks = Callbacks(self._plan, self._directory.path, data)
        try:
            yield callbacks
        except BaseException:
            for problem in callbacks.stop():
                self._reporter.show(problem.message)
            raise

    def interrupted(self, signal_number: int) -> InterruptedRunError:
        """What to tell after a signal."""
        where = self._directory.path
        if self._loop is None:
            return InterruptedRunError(
                "stopped before the first epoch", signal_number=signal_number, hint="the same command begins again"
            )
        done = len(self._loop.history)
        kept = f"{done} finished epoch{'s are' if done != 1 else ' is'} kept in {where}"
        return InterruptedRunError(
            f"stopped in training; {kept}",
            signal_number=signal_number,
            hint="the same command with --resume goes on from there",
        )

    def _prepare(self, begun: Mapping[str, Any] | None) -> PreparedData:
        with self._clock.measure("data"):
            data = self._data(bar=self._reporter.bar)
        if "train" not in data.splits:
            raise DataError("there are no images to train on")
        if begun is not None and begun["fingerprint"] != data.fingerprint:
            raise OutputError(
                f"{self._directory.path}: the run was begun with other data: images, labels or splits have changed",
                hint="resume with the data as they were, or begin anew with --overwrite",
            )
        groups_of(self._plan, data)
        counts = ", ".join(f"{name} {len(split):,}" for name, split in data.splits.items())
        self._reporter.show(f"{len(data.class_names)} classes, images: {counts}")
        odd = [str(problem).partition("\n")[0] for problem in unused(self._plan)]
        for note in (*data.notes, *advice_on_data(self._plan, data), *odd):
            self._reporter.show(f"note: {note}")
        return data

    def _make_network(self, data: PreparedData, precision: TrainingPrecision) -> Network:
        load_tensorflow(precision)
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        network = make_network(self._plan, len(data.class_names))
        self._reporter.show(f"{self._plan.architecture.spec.name}: {network.model.count_params():,} parameters")
        return network

    def _make_ready(self, network: Network, data: PreparedData) -> None:
        """Load what the network starts from, and prove that it can be trained and become a bundle."""
        require_phases_can_run(self._plan, network, data)
        report = initialize(self._plan, network, self._plugins.registry)
        if report is not None:
            self._reporter.show(f"weights of {self._plan.recipe.initialize_from}: {report.text()}")
            self._initial = {
                "from": self._plan.recipe.initialize_from,
                "fitted": len(report.fitted),
                "kept": list(report.kept),
                "misfits": list(report.misfits),
                "unused": list(report.unused),
            }
        with self._clock.measure("conversion"), self._reporter.waiting("converting the network"):
            self._graph = require_bundle_can_be_made(self._plan, network)

    def _finish(
        self, network: Network, data: PreparedData, history: Sequence[Epoch], precision: Mapping[str, str]
    ) -> dict[str, Any]:
        assert self._loop is not None
        source = self._loop.features
        with self._clock.measure("evaluation"):
            labeled = make_bundle(
                self._plan,
                network,
                data,
                self._directory.bundle,
                judged=judged_splits(data, self._evaluate, self._plan.recipe.training.seed),
                features={} if source is None else source.kept(data.splits),
                registry=self._plugins.registry,
                reporter=self._reporter,
                clock=self._clock,
            )
            metrics = measure(self._plan, data, labeled)
            extra = measure_extra(self._plan, data, labeled)
            write_tables(self._directory.path, data, labeled, metrics, history, extra=extra)
            if self._judged is not None:
                self._judged(labeled)
        with self._clock.measure("quantization"):
            labeled = quantize_trained(
                self._plan, labeled, data, registry=self._plugins.registry, reporter=self._reporter
            )
        with self._clock.measure("pictures"), self._reporter.waiting("drawing pictures"):
            pictures = draw_pictures(
                self._directory.path,
                plan=self._plan,
                network=network,
                data=data,
                labeled=labeled,
                metrics=metrics,
                history=history,
            )
        summary = {
            **self._about(network, data),
            "precision": dict(precision),
            "phases": summarize_phases(self._plan, history, metrics),
            **summarize_figures(metrics, labeled, extra),
            "pictures": pictures,
            "seconds": self._clock.summary(),
        }
        write_json(self._directory.summary, summary)
        return summary

    def _about(self, network: Network, data: PreparedData) -> dict[str, Any]:
        recipe = self._plan.recipe
        return {
            "format": SUMMARY_FORMAT,
            "name": recipe.name,
            "description": recipe.description,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seed": recipe.training.seed,
            "architecture": self._plan.architecture.spec.name,
            "parameters": int(network.model.count_params()),
            "initialized_from": self._initial,
            **({"went_on": list(self._went_on)} if self._went_on else {}),
            "data": {
                "source": self._plan.source.spec.name,
                "fingerprint": data.fingerprint,
                "classes": len(data.class_names),
                "images": {name: len(split) for name, split in data.splits.items()},
                "left_out": len(data.skipped),
                "duplicates_across_splits": len(data.duplicates),
            },
            "versions": {"fashionbatch": __version__, "python": platform.python_version(), **versions()},
            "machine": {"processor": processor(), "cores": usable_cores()},
        }


def _tell_of_missing_features(export: Path | None, show: Show) -> None:
    """A resumed run does not go through phases that are over, nor leave their features."""
    if export is not None and not export.is_dir():
        show("no features are kept: the phase that computes them was over; --overwrite begins the run anew")


def _report(directory: RunDirectory, summary: Mapping[str, Any]) -> TrainingReport:
    return TrainingReport(run_directory=directory.path, bundle=directory.bundle, summary=summary)
