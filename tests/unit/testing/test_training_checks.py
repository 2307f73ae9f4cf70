"""Each check of what trains fails on a component that is broken in just that way, and says so."""

from __future__ import annotations

import itertools
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from pydantic import Field

from fashionbatch.errors import PluginError, RuntimeUnavailableError
from fashionbatch.specs import CallbackSpec, MetricSpec, OptimizerSpec, Parameters, ScheduleSpec
from fashionbatch.testing.deadline import Unchecked

_count = itertools.count(1)


def ops():
    import keras

    return keras.ops


# -------------------------------------------------------------------------------------------------------- optimizers


def optimizer(build):
    return OptimizerSpec(name="broken", summary="Broken.", build=build)


def keras_optimizer(name, **arguments):
    def build(parameters, rate):
        import keras

        return getattr(keras.optimizers, name)(learning_rate=rate, **arguments)

    return build


def own_rate(parameters, rate):
    import keras

    return keras.optimizers.SGD(parameters.learning_rate)


def rate_as_number(parameters, rate):
    import keras

    return keras.optimizers.SGD(rate if isinstance(rate, float) else 0.1)


def moving(change):
    """An optimizer whose step is a function of the gradient."""

    def build(parameters, rate):
        import keras

        class Own(keras.optimizers.Optimizer):
            def update_step(self, gradient, variable, learning_rate):
                self.assign_sub(variable, learning_rate * change(ops().convert_to_tensor(gradient)))

        return Own(learning_rate=rate)

    return build


_shared = []


def shared(parameters, rate):
    if not _shared:
        _shared.append(keras_optimizer("SGD", momentum=0.9)(parameters, rate))
    return _shared[0]


COUNTS, DOWN, OWN = "the_rate_that_is_given_counts", "a_step_moves_the_weights_downhill", "two_optimizers_share_nothing"
OPTIMIZERS = {
    "the rate of its parameters": (own_rate, COUNTS, "the rate that was given, 0.0625, does not count"),
    "no schedules": (rate_as_number, COUNTS, "does not count: the rate is 0.1"),
    "a tenth of the rate": (lambda p, rate: keras_optimizer("SGD")(p, 0.1 * rate if isinstance(rate, float) else rate), COUNTS, "does not count"),
    "a name": (lambda p, rate: "adam", COUNTS, "build returned str"),
    "build raises": (lambda p, rate: p.momentum, COUNTS, "AttributeError"),
    "uphill": (moving(lambda g: -g), DOWN, "ten steps did not make the loss smaller"),
    "nowhere": (moving(lambda g: 0 * g), DOWN, "ten steps did not make the loss smaller"),
    "NaN where there is no gradient": (moving(lambda g: g / ops().norm(g)), DOWN, "no longer numbers"),
    "one for all": (shared, OWN, "Unknown variable"),
    "noise": (moving(lambda g: g * np.random.default_rng().uniform(0.5, 1)), OWN, "another way"),
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_broken_optimizer_is_caught(name, failure):
    build, check, phrase = OPTIMIZERS[name]

    assert phrase in failure(optimizer(build), check).problem


def test_a_right_optimizer_passes(passes_all):
    passes_all(optimizer(keras_optimizer("Adam")))


# --------------------------------------------------------------------------------------------------------- schedules


class Factor(Parameters):
    factor: float = Field(0.5, gt=0, description="What is left.")


def schedule(build=lambda parameters, span: span.learning_rate, **fields):
    return ScheduleSpec(name="broken", summary="Broken.", parameters=Factor, build=build, **fields)


def rate_of(call):
    """A Keras schedule whose rate is a function of the step and the span."""

    def build(parameters, span):
        import keras

        class Own(keras.optimizers.schedules.LearningRateSchedule):
            def __call__(self, step):
                return call(step, span)

        return Own()

    return build


def following(parameters, figures, state):
    loss = figures.values["val_loss"]
    state["rate"] = state.get("rate", 0.1) * (parameters.factor if loss > state.get("best", 9.0) else 1)
    state["best"] = min(loss, state.get("best", 9.0))
    return state["rate"]


_memory = {}


def remembering(parameters, figures, state):
    _memory["rate"] = _memory.get("rate", 0.1) * 0.9
    return _memory["rate"]


def number_keys(parameters, figures, state):
    state[figures.epoch] = 1
    return 0.1 / len([key for key in state if isinstance(key, int)] or [1])


def array_state(parameters, figures, state):
    state["losses"] = np.array([1.0])
    return 0.1


def monitored(after_epoch, monitor=lambda parameters: "val_loss"):
    return schedule(after_epoch=after_epoch, monitor=monitor)


RATES, STEPS = "rates_are_positive_numbers", "the_rate_follows_the_steps_in_a_compiled_step"
RESUMED, REMARKS = "what_follows_the_figures_can_be_resumed", "remarks_on_a_schedule_are_by_parameter"
SCHEDULES = {
    "below 0": (schedule(rate_of(lambda step, span: 0.1 - 0.02 * ops().cast(step, "float32"))), RATES, "rates must be numbers from 0 on"),
    "infinite at first": (schedule(rate_of(lambda step, span: 1 / ops().cast(step, "float32"))), RATES, "rates must be numbers from 0 on"),
    "nothing": (schedule(lambda p, span: 0.0), RATES, "the rate is 0 throughout"),
    "NaN": (schedule(lambda p, span: float("nan")), RATES, "rates must be numbers"),
    "divides by steps - 1": (schedule(lambda p, span: span.learning_rate / (span.steps_per_epoch - 1)), RATES, "ZeroDivisionError"),
    "draws": (schedule(lambda p, span: float(np.random.default_rng().uniform(0.1, 1))), RATES, "a second schedule"),
    "a list": (schedule(lambda p, span: [0.1, 0.2]), RATES, "TypeError"),
    "a rate below 0": (schedule(rate=lambda p, rate: -rate), RATES, "rate gives -0.1"),
    "no rate": (schedule(rate=lambda p, rate: None), RATES, "rate gives None"),
    "a function": (schedule(lambda p, span: lambda step: 0.1), STEPS, "build returned function"),
    "a Python if": (schedule(rate_of(lambda step, span: 0.1 if step < 5 else 0.01)), STEPS, "raised"),
    "NumPy": (schedule(rate_of(lambda step, span: 0.1 * np.cos(step * 0.1))), STEPS, "raised"),
    "follows, and says not what": (schedule(after_epoch=following), RESUMED, "does not say which"),
    "follows nothing": (monitored(following, lambda p: ""), RESUMED, "monitor gives ''"),
    "memory of its own": (monitored(remembering), RESUMED, "a resumed training would have other rates"),
    "keys that are numbers": (monitored(number_keys), RESUMED, "a resumed training would have other rates"),
    "keeps arrays": (monitored(array_state), RESUMED, "is not JSON"),
    "no rate after an epoch": (monitored(lambda p, figures, state: None), RESUMED, "after_epoch gives"),
    "problems in a list": (schedule(problems=lambda p, epochs: ["too long"]), REMARKS, "problems gives ['too long']"),
    "problems of nothing": (schedule(problems=lambda p, epochs: {"decay": "too long"}), REMARKS, "problems speaks of decay"),
    "no advice": (schedule(advice=lambda p, epochs: None), REMARKS, "advice gives None"),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_broken_schedule_is_caught(name, failure):
    broken, check, phrase = SCHEDULES[name]

    assert phrase in failure(broken, check).problem


@pytest.mark.parametrize(
    "right",
    [
        schedule(),
        schedule(rate_of(lambda step, span: span.learning_rate / (1 + ops().cast(step, "float32")))),
        monitored(following),
    ],
)
def test_a_right_schedule_passes(right, passes_all):
    passes_all(right)


# ----------------------------------------------------------------------------------------------------------- metrics


def metric(build, decodings=("one_of_many",), **fields):
    return MetricSpec(name="broken", summary="Broken.", decodings=decodings, build=build, **fields)


def counting(call, *, over=None, reset=True):
    """A metric that adds up `call` of targets and probabilities, one number an image, and gives the mean."""

    def build(parameters, decoding, classes):
        import keras

        class Own(keras.metrics.Metric):
            def __init__(self):
                super().__init__()
                self.sum = self.add_weight(name="sum", initializer="zeros")
                self.count = self.add_weight(name="count", initializer="zeros")

            def update_state(self, y_true, y_pred, sample_weight=None):
                values = call(ops().convert_to_tensor(y_true), ops().convert_to_tensor(y_pred))
                self.sum.assign_add(ops().sum(values))
                self.count.assign_add(ops().cast(ops().shape(values)[0], "float32"))

            def result(self):
                return over(self.sum, self.count) if over else self.sum / self.count

            def reset_state(self):
                if reset:
                    super().reset_state()

        return Own()

    return build


def hits(truth, guess):
    return ops().sum(truth * guess, axis=-1)


def last_batch(parameters, decoding, classes):
    import keras

    class Own(keras.metrics.Metric):
        def __init__(self):
            super().__init__()
            self.last = self.add_weight(name="last", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.last.assign(ops().mean(hits(ops().convert_to_tensor(y_true), ops().convert_to_tensor(y_pred))))

        def result(self):
            return self.last

    return Own()


def by_numpy(truth, guess):
    return ops().convert_to_tensor(np.asarray(truth * guess).sum(axis=-1))


NUMBER, EPOCH, WAY = "a_metric_is_one_number", "a_metric_is_of_the_whole_epoch", "a_metric_goes_the_way_it_says"
METRICS = {
    "one number a class": (metric(counting(hits, over=lambda s, n: ops().stack([s * 1.0, n * 1.0]))), NUMBER, "an array of (2,)"),
    "NaN": (metric(counting(hits, over=lambda s, n: s / (n - n))), NUMBER, "it gives"),
    "no reset": (metric(counting(hits, over=lambda s, n: s, reset=False)), NUMBER, "after a reset"),
    "a name": (metric(lambda p, decoding, classes: "accuracy"), NUMBER, "build returned str"),
    "build raises": (metric(lambda p, decoding, classes: p.k), NUMBER, "AttributeError"),
    "the last batch alone": (metric(last_batch), EPOCH, "of the same in batches"),
    "a sum by batch": (metric(counting(lambda t, p: ops().mean(hits(t, p))[None])), EPOCH, "of the same in batches"),
    "NumPy": (metric(counting(by_numpy)), EPOCH, "raised"),
    "the wrong way": (metric(counting(hits), rising=False), WAY, "less should be better"),
    "an error that rises": (metric(counting(lambda t, p: 1 - hits(t, p))), WAY, "more should be better"),
    "always the same": (metric(counting(lambda t, p: 0 * hits(t, p) + 0.5)), WAY, "right answers give 0.5"),
    "no decodings": (metric(counting(hits), ()), "decodings_are_known", "decodings is ()"),
    "a decoding": (metric(counting(hits), "one_of_many"), "decodings_are_known", "decodings is 'one_of_many'"),
    "an unknown decoding": (metric(counting(hits), ("softmax",)), "decodings_are_known", "softmax"),
}  # fmt: skip


@pytest.mark.parametrize("name", METRICS)
def test_a_broken_metric_is_caught(name, failure):
    broken, check, phrase = METRICS[name]

    assert phrase in failure(broken, check).problem


def test_a_right_metric_passes(passes_all):
    passes_all(metric(counting(hits)))


# --------------------------------------------------------------------------------------------------------- callbacks


class Looks:
    def __init__(self, parameters, start):
        self.start = start

    def epoch_finished(self, figures):
        figures.values["loss"]

    def training_ended(self, end):
        pass


def callback(**methods):
    return CallbackSpec(name="broken", summary="Broken.", build=type("Own", (Looks,), methods))


def wants_validation(self, figures):
    return figures.values["val_loss"]


def wants_a_summary(self, end):
    return end.summary["name"]


def wants_history(self, parameters, start):
    self.last = start.history[-1]


def changes_figures(self, figures):
    figures.values["mine"] = 1.0


def writes(name):
    def epoch_finished(self, figures):
        (self.start.run_directory / name).write_text("mine")

    return epoch_finished


def folder_once(self, parameters, start):
    (start.run_directory / "mine").mkdir()


def removes(self, end):
    (self.start.run_directory / "history.csv").unlink(missing_ok=True)


LOOKS, NOTHING = "a_callback_looks_on_to_the_end", "a_callback_changes_nothing"
CALLBACKS = {
    "wants validation": (callback(epoch_finished=wants_validation), LOOKS, "KeyError: 'val_loss'"),
    "wants a whole run": (callback(training_ended=wants_a_summary), LOOKS, "KeyError: 'name'"),
    "wants a history": (callback(__init__=wants_history), LOOKS, "IndexError"),
    "cannot go on": (callback(__init__=folder_once), LOOKS, "FileExistsError"),
    "no end": (callback(training_ended=None), LOOKS, "has no training_ended"),
    "no epochs": (callback(epoch_finished=None), LOOKS, "has no epoch_finished"),
    "a function": (CallbackSpec(name="broken", summary="Broken.", build=lambda p, start: print), LOOKS, "has no epoch_finished"),
    "changes figures": (callback(epoch_finished=changes_figures), NOTHING, "the figures were changed"),
    "writes over history": (callback(epoch_finished=writes("history.csv")), NOTHING, "it changed or removed history.csv"),
    "writes outside": (callback(epoch_finished=writes("../mine.txt")), NOTHING, "it left mine.txt outside"),
    "removes history": (callback(training_ended=removes), NOTHING, "it changed or removed history.csv"),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLBACKS)
def test_a_broken_callback_is_caught(name, failure):
    broken, check, phrase = CALLBACKS[name]

    assert phrase in failure(broken, check).problem


def test_a_file_in_the_working_directory_is_caught(failure, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    broken = callback(epoch_finished=lambda self, figures: Path("mine.log").write_text("mine"))

    assert "it left mine.log outside the run directory" in failure(broken, NOTHING).problem


def test_a_right_callback_passes(passes_all):
    passes_all(callback())


def test_a_callback_that_says_what_is_missing_is_skipped(check_of):
    def check(parameters):
        raise RuntimeUnavailableError("needs tensorboard")

    spec = CallbackSpec(name="broken", summary="Broken.", build=Looks, check=check)

    with pytest.raises(Unchecked, match="needs tensorboard"):
        check_of(spec, LOOKS)()


# ------------------------------------------------------------------------------------------- what was added since


def first_variable_alone(optimizer, gradient, variable, rate):
    return gradient if variable.shape[0] == 6 else gradient * 0, rate


def counted_in_python(optimizer, gradient, variable, rate):
    optimizer.steps_taken = getattr(optimizer, "steps_taken", 0) + 1
    return gradient / optimizer.steps_taken, rate


def its_own_rate(optimizer, gradient, variable, rate):
    return gradient, 0.01


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        (first_variable_alone, "a step leaves some weights where they are"),
        (counted_in_python, "a compiled step moves the weights another way"),
        (its_own_rate, "a step is as large when the rate has been halved"),
    ],
)
def test_an_optimizer_that_is_wrong_in_a_training_of_many_weights(change, phrase, failure):
    def build(parameters, rate):
        import keras

        class Own(keras.optimizers.SGD):
            def update_step(self, gradient, variable, learning_rate):
                gradient, learning_rate = change(self, gradient, variable, learning_rate)
                super().update_step(gradient, variable, learning_rate)

        return Own(rate)

    assert phrase in failure(optimizer(build), "every_weight_moves_in_a_compiled_step").problem


def test_a_schedule_that_ignores_the_optimizers_rate(failure, check_of):
    fixed = lambda parameters, span: 0.05  # noqa: E731
    problem = failure(schedule(fixed), "rates_are_positive_numbers").problem
    assert "whatever the optimizer's learning rate is" in problem
    check_of(schedule(fixed, rate=lambda parameters, rate: 0.05), "rates_are_positive_numbers")()


def test_two_metrics_that_are_one(failure):
    made = {}

    def build(parameters, decoding, classes):
        import keras

        return made.setdefault(classes, keras.metrics.CategoricalAccuracy())

    problem = failure(metric(build), "two_metrics_share_nothing").problem
    assert "after a second one has been used" in problem


def changes_recipe(self, parameters, start):
    start.recipe["name"] = "mine"


def changes_history(self, parameters, start):
    start.history.append(None)


def changes_summary(self, end):
    end.summary.clear()


@pytest.mark.parametrize(
    ("methods", "phrase"),
    [
        ({"__init__": changes_recipe}, "it changed the recipe"),
        ({"__init__": changes_history}, "it changed the history"),
        ({"training_ended": changes_summary}, "it changed the summary"),
    ],
)
def test_a_callback_that_changes_what_it_is_told(methods, phrase, failure):
    assert failure(callback(**methods), "what_a_callback_is_told_stays_as_it_is").problem == phrase


def test_a_callback_that_leaves_a_thread(failure):
    end = threading.Event()

    def starts(self, parameters, start):
        threading.Thread(target=end.wait, name="left", daemon=True).start()

    try:
        problem = failure(callback(__init__=starts), "what_a_callback_is_told_stays_as_it_is").problem
        assert problem == "training_ended leaves the threads ['left']"
    finally:
        end.set()


def test_a_callback_that_writes_among_the_files_of_the_run(failure):
    problem = failure(callback(__init__=writes_loose), "a_callback_changes_nothing").problem
    assert problem == "it left mine.txt among the files of the run"


def writes_loose(self, parameters, start):
    (start.run_directory / "mine.txt").write_text("x")


def test_a_callback_whose_own_check_fails_is_no_missing_package(failure):
    def fails(parameters):
        raise PluginError("plugin shoes 1 (callback 'broken'): check failed: ZeroDivisionError: division by zero")

    broken = CallbackSpec(name="broken", summary="Broken.", build=lambda parameters, start: Looks(), check=fails)
    assert "check raised PluginError" in failure(broken, "a_callback_looks_on_to_the_end").problem


def test_a_callback_that_goes_on_with_a_file_of_the_working_directory(failure, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").touch()
    os.utime(tmp_path / "mine.txt", (0, 0))

    def appends(self, figures):
        with open("mine.txt", "a") as file:
            file.write("x")

    problem = failure(callback(epoch_finished=appends), "a_callback_changes_nothing").problem
    assert problem == "it left mine.txt outside the run directory"


def test_a_callback_that_moves_into_the_run_directory(failure):
    before = os.getcwd()

    def moves(self, parameters, start):
        os.chdir(start.run_directory)

    problem = failure(callback(__init__=moves), "what_a_callback_is_told_stays_as_it_is").problem
    assert problem == "it changed the working directory"
    assert os.getcwd() == before


def test_a_schedule_that_is_frozen_at_its_beginning(failure):
    def build(parameters, rate):
        import keras

        return keras.optimizers.SGD(float(rate(0)) if callable(rate) else rate)

    problem = failure(optimizer(build), "the_rate_that_is_given_counts").problem
    assert problem == "a schedule that is at 0.25 after ten steps does not count: 0.5"
