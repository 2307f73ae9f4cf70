"""The epochs of a run, phase by phase, each of them on disk when it is over."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.graph.convert import to_graph
from fashionbatch.data.prepared import PreparedData
from fashionbatch.errors import TrainingError
from fashionbatch.model.freezing import learning_text, set_trained_layers
from fashionbatch.model.network import Network
from fashionbatch.model.weights import settle
from fashionbatch.plan import Plan, PlannedPhase
from fashionbatch.plugins import describe
from fashionbatch.registry import Registry
from fashionbatch.specs import EpochFigures
from fashionbatch.training.checkpoint import Progress, State, assign, values_of, write_text
from fashionbatch.training.clock import Clock
from fashionbatch.training.directory import RunDirectory
from fashionbatch.training.epochs.callbacks import Callbacks
from fashionbatch.training.epochs.features import FeatureSource, can_be_kept, export_features, with_features
from fashionbatch.training.epochs.fitting import Fitting, prepare_fitting
from fashionbatch.training.epochs.history import Epoch, from_plain, to_csv
from fashionbatch.training.epochs.watch import Watch
from fashionbatch.training.report import Reporter, epoch_callback

if TYPE_CHECKING:
    import openvino as ov


class Loop:
    """Fits a network by a plan's phases.

    Attributes:
        history: the epochs so far.
        features: of the backbone as it stands after the latest phase, where that trained the head on them; else None.

    Args:
        plan: what to do.
        network: whose weights change.
        data: the splits.
        directory: where each finished epoch goes.
        reporter: what the user sees.
        registry: where the runtime is registered that computes features.
        graph: the network before its first epoch, converted for labeling; None converts it where that is needed.
        callbacks: what is told of each epoch; None makes those of the plan, whose end nobody tells them of.
        clock: is told which part of the run is under way, and what earlier processes spent; None makes one.
        export: the folder where features of a frozen backbone are left, None for nowhere.
    """

    def __init__(
        self,
        plan: Plan,
        network: Network,
        data: PreparedData,
        directory: RunDirectory,
        reporter: Reporter,
        *,
        registry: Registry,
        graph: ov.Model | None = None,
        callbacks: Callbacks | None = None,
        clock: Clock | None = None,
        export: Path | None = None,
    ) -> None:
        self.history: list[Epoch] = []
        self.features: FeatureSource | None = None
        self._plan, self._network, self._data, self._export = plan, network, data, export
        self._registry, self._graph, self._clock = registry, graph, clock or Clock()
        self._directory, self._checkpoints, self._reporter = directory, directory.checkpoints, reporter
        self._callbacks = callbacks or Callbacks(plan, directory.path, data)
        self._epochs = sum(phase.epochs for phase in plan.phases)

    def run(self, state: State | None) -> list[Epoch]:
        """Train to the end.

        Args:
            state: where an earlier process stopped; None begins.

        Returns:
            All epochs, those of earlier processes included. The network has its final weights.

        Raises:
            TrainingError: the loss is not a number.
            OutputError: the state does not fit, or a checkpoint cannot be written.
        """
        first = 0
        if state is not None:
            self.history = from_plain(state.progress.history)
            # An earlier version kept the seconds of epochs alone.
            epochs = {"training": sum(epoch.seconds for epoch in self.history)}
            self._clock.add(state.progress.seconds or epochs)
            assign(self._network.model.variables, state.network)
            settle(self._network.model)
            first = state.progress.phase
            if state.progress.phase_is_done:
                first, state = first + 1, None
        self._callbacks.begin(self.history)
        with self._clock.measure("training"):
            for index in range(first, len(self._plan.phases)):
                self._run_phase(index, state)
                state = None
        return self.history

    def _run_phase(self, index: int, state: State | None) -> None:
        import keras

        phase = self._plan.phases[index]
        self.features = None
        # A phase begins alike whether this process ran the one before it or not.
        keras.utils.set_random_seed((self._plan.recipe.training.seed + index + 1) % 2**32)
        learning = set_trained_layers(self._network, phase.train, phase.place, keep_batch_norm=phase.keeps_batch_norm)
        of_features = can_be_kept(self._network, phase)
        data = self._data_of_features(index) if of_features else self._data
        self._graph = None  # From here on the weights are others.
        fitting = prepare_fitting(
            self._plan, phase, self._network, data, epoch=lambda: len(self.history), of_features=of_features
        )
        running = _Phase(phase, fitting, self._watch(phase, fitting))
        if state is not None:
            running.restore(state)
        if len(self._plan.phases) > 1:
            self._reporter.show(f"phase {phase.name}: {learning_text(learning)}")
        while running.epochs < phase.epochs and not running.watch.stands_still:
            self._run_epoch(index, running)
        if running.epochs < phase.epochs:
            self._reporter.show(
                f"stopped early: {running.watch.monitor} did not get better for {running.watch.waited} epochs"
            )
        self._end_phase(index, running)

    def _data_of_features(self, index: int) -> PreparedData:
        self.features = FeatureSource(
            self._plan, self._network, self._data, self._registry, self._reporter, self._converted
        )
        with self._clock.measure("features"):
            if self._export is not None:
                export_features(self.features, self._export)
            # After the last phase the network is judged, by the test split too.
            is_last = index == len(self._plan.phases) - 1
            return with_features(self.features, [name for name in self._data.splits if is_last or name != "test"])

    def _converted(self) -> ov.Model:
        if self._graph is not None:
            return self._graph
        with self._reporter.waiting("converting the network"):
            return to_graph(self._network.model, self._network.features)

    def _watch(self, phase: PlannedPhase, fitting: Fitting) -> Watch:
        return Watch.of_phase(phase, self._plan.rising_figures, has_validation=fitting.validation is not None)

    def _run_epoch(self, index: int, running: _Phase) -> None:
        phase, model = running.phase, running.fitting.model
        number = len(self.history) + 1
        started = time.perf_counter()
        steps = running.fitting.steps
        with self._reporter.bar(f"epoch {number}/{self._epochs}", steps, "batch") as advance:
            callbacks = [epoch_callback(advance, steps)]
            result = model.fit(running.fitting.training, epochs=1, verbose=0, shuffle=False, callbacks=callbacks)
        figures = {name: float(values[0]) for name, values in result.history.items()}
        raw = running.put_averages_in_place()
        figures |= running.validate()
        _require_numbers(figures, number)
        metrics = {
            f"{prefix}{name}": _finite(figures[f"{prefix}{name}"])
            for prefix in ("", *(["val_"] if running.fitting.validation is not None else []))
            for name in self._plan.metric_names
        }
        rate = float(np.asarray(model.optimizer.learning_rate))
        is_best = running.watch.see(number, figures[running.watch.monitor])
        if is_best:
            # What is trained on features is the head alone: nothing else can have changed.
            of_head = model is self._network.head
            best = model if of_head else self._network.model
            running.best_file = self._checkpoints.save_best(best, number, of_head=of_head)
        if raw is not None:
            assign(model.trainable_variables, raw)
        running.epochs += 1
        epoch = Epoch(
            epoch=number,
            phase=phase.name,
            seconds=time.perf_counter() - started,
            learning_rate=rate,
            loss=figures["loss"],
            accuracy=figures["accuracy"],
            val_loss=figures.get("val_loss"),
            val_accuracy=figures.get("val_accuracy"),
            best=is_best,
            metrics=metrics,
        )
        self.history.append(epoch)
        told = epoch.as_figures(self._plan.rising_figures)
        running.follow(told)
        self._save(index, running, is_done=False)
        write_text(self._directory.history, to_csv(self.history))
        self._reporter.show(epoch.line(self._epochs))
        self._callbacks.tell(told)

    def _end_phase(self, index: int, running: _Phase) -> None:
        stopping = running.phase.early_stopping
        if stopping is not None and stopping.restore_best_weights and running.best_file is not None:
            of_head = self._checkpoints.is_of_head(running.best_file)
            model = self._network.head if of_head else self._network.model
            model.load_weights(self._checkpoints.best_weights(running.best_file))
            best = f"{running.watch.monitor} {running.watch.best:.4f}"
            self._reporter.show(f"weights of epoch {running.watch.best_epoch} restored ({best})")
        else:
            running.put_averages_in_place()
        if index < len(self._plan.phases) - 1:
            self._save(index, running, is_done=True)
        # The state after the last epoch of all stays as it was, with the optimizer: the run may be asked to go on.

    def _save(self, index: int, running: _Phase, *, is_done: bool) -> None:
        progress = Progress(
            phase=index,
            phase_is_done=is_done,
            epochs_in_phase=running.epochs,
            history=[asdict(epoch) for epoch in self.history],
            watch=asdict(running.watch),
            schedule=running.schedule,
            best_file=running.best_file,
            seconds=self._clock.parts(),
        )
        fitting, optimizer = ([], []) if is_done else running.values()
        self._checkpoints.save(State(progress, values_of(self._network.model.variables), fitting, optimizer))


class _Phase:
    """A phase under way."""

    def __init__(self, phase: PlannedPhase, fitting: Fitting, watch: Watch) -> None:
        self.phase, self.fitting, self.watch = phase, fitting, watch
        self.schedule: dict[str, Any] = {}
        self.epochs = 0
        self.best_file: str | None = None

    @property
    def _optimizer(self) -> Any:
        return self.fitting.model.optimizer

    def values(self) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        """What belongs to the phase alone: its generators and its optimizer."""
        return values_of(self.fitting.own_variables), values_of(self._optimizer.variables)

    def restore(self, state: State) -> None:
        """Continue where a state was taken."""
        assign(self.fitting.own_variables, state.fitting)
        assign(self._optimizer.variables, state.optimizer)
        self.watch = Watch(**state.progress.watch)
        self.schedule = dict(state.progress.schedule)
        self.epochs = state.progress.epochs_in_phase
        self.best_file = state.progress.best_file

    def put_averages_in_place(self) -> list[NDArray[Any]] | None:
        """Where the optimizer averages weights: use the averages, and return what they replaced."""
        if not self._optimizer.use_ema:
            return None
        raw = values_of(self.fitting.model.trainable_variables)
        self._optimizer.finalize_variable_values(self.fitting.model.trainable_variables)
        return raw

    def validate(self) -> dict[str, float]:
        """The figures of the validation split, by the names that early stopping knows."""
        if self.fitting.validation is None:
            return {}
        figures = self.fitting.model.evaluate(self.fitting.validation, verbose=0, return_dict=True)
        return {f"val_{name}": float(value) for name, value in figures.items()}

    def follow(self, figures: EpochFigures) -> None:
        """Let a schedule that follows the figures set the rate; the others follow the steps by themselves."""
        schedule = self.phase.schedule
        if schedule is not None and schedule.spec.after_epoch is not None:
            rate = schedule.spec.after_epoch(schedule.parameters, figures, self.schedule)
            try:
                # As a resumed training would read it, so that it cannot go on in another way than this one.
                self.schedule = json.loads(json.dumps(self.schedule))
            except (TypeError, ValueError) as error:
                kept = f"keeps what is no plain JSON value: {describe(error)}"
                raise schedule.origin.wrong("after_epoch", kept) from None
            self._optimizer.learning_rate = rate


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _require_numbers(figures: Mapping[str, float], epoch: int) -> None:
    # A metric may have nothing to measure, such as a precision where nothing was found; a loss always has.
    losses = ("loss", "accuracy", "val_loss", "val_accuracy")
    broken = [name for name in losses if name in figures and not math.isfinite(figures[name])]
    if broken:
        raise TrainingError(
            f"training diverged in epoch {epoch}: {broken[0]} is not a number",
            hint="a smaller learning rate, or the optimizer's `clipnorm: 1.0`, usually helps",
        )
