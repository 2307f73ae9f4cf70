"""Each check of a runtime fails on one that is broken in just that way, and says so."""

from __future__ import annotations

import itertools
import threading
import time
from typing import ClassVar

import numpy as np
import pytest

from fashionbatch.errors import RuntimeUnavailableError
from fashionbatch.specs import RuntimeSpec


class Right:
    """The graph by OpenVINO, one batch at a time."""

    slots, version = 2, "right 1.0"

    def __init__(self, request):
        import openvino

        self.request, self.done = request, []
        self.network = openvino.Core().compile_model(request.graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def compute(self, batch):
        [rows] = self.network(batch).values()
        return np.array(rows)

    def submit(self, key, batch):
        self.done.append((key, self.compute(batch)))

    def collect(self, *, wait):
        done, self.done = self.done, []
        return done

    def close(self):
        del self.network


class ByKeras(Right):
    """The Keras model."""

    def __init__(self, request):
        self.request, self.done, self.network = request, [], request.keras_model()

    def compute(self, batch):
        return np.asarray(self.network(batch, training=False))


def spec(runtime, precisions=("float32",), **fields):
    return RuntimeSpec(
        name="broken",
        summary="Broken.",
        precisions=precisions if callable(precisions) else lambda device: precisions if device == "cpu" else (),
        open=runtime,
        **fields,
    )


@pytest.mark.parametrize("runtime", [Right, ByKeras])
def test_a_right_runtime_passes(runtime, passes_all):
    passes_all(spec(runtime))


def computing(change):
    """The right runtime, and something that happens to the rows of each batch."""

    class Changed(Right):
        def compute(self, batch):
            return change(super().compute(batch))

    return Changed


def seeing(change):
    """The right runtime, on batches that something happens to."""

    class Changed(Right):
        def compute(self, batch):
            return super().compute(np.ascontiguousarray(change(batch)))

    return Changed


def swap_last(rows):
    rows = rows.copy()
    if len(rows) > 2:
        rows[[-1, -2]] = rows[[-2, -1]]
    return rows


class Constant(Right):
    def compute(self, batch):
        return np.full((len(batch), self.request.outputs), 1 / self.request.outputs, np.float32)


class ThreeOutputs(Right):
    def compute(self, batch):
        return super().compute(batch)[:, :3]


class BatchOfTwo(Right):
    def compute(self, batch):
        rows = super().compute(batch)
        rows[2:] = 0
        return rows


class OneRow(Right):
    def compute(self, batch):
        return super().compute(batch[:1])


class RaisesForBfloat16(Right):
    def __init__(self, request):
        if request.precision != "float32":
            raise RuntimeUnavailableError("bfloat16 is not offered here")
        super().__init__(request)


class CrashesForBfloat16(RaisesForBfloat16):
    def compute(self, batch):
        raise RuntimeError("no such kernel")

    def __init__(self, request):
        Right.__init__(self, request)


class Swallows(Right):
    def __init__(self, request):
        try:
            super().__init__(request)
        except Exception:
            self.network = None
            self.done, self.request = [], request

    def close(self):
        pass

    def compute(self, batch):
        try:
            return super().compute(batch)
        except Exception:
            return np.zeros((len(batch), self.request.outputs), np.float32)


class SwallowsInSubmit(Right):
    def submit(self, key, batch):
        try:
            super().submit(key, batch)
        except Exception:
            self.done.append((key, np.full((len(batch), self.request.outputs), np.nan, np.float32)))


class LosesFailures(Right):
    def submit(self, key, batch):
        try:
            super().submit(key, batch)
        except Exception:
            pass


class WrongKeys(Right):
    count = 0

    def collect(self, *, wait):
        done, self.done = self.done, []
        self.count += 1
        return [(self.count, rows) for _, rows in done]


class FirstKeys(Right):
    """Hands out results of the batch before."""

    last = None

    def compute(self, batch):
        rows, before = super().compute(batch), self.last
        self.last = rows
        return rows if before is None else before


class Twice(Right):
    def collect(self, *, wait):
        return super().collect(wait=wait) * 2


class Forever(Right):
    def collect(self, *, wait):
        return list(self.done)


class Loses(Right):
    def collect(self, *, wait):
        done = super().collect(wait=wait)
        return [entry for entry in done if entry[0] != 12]


class OneBuffer(Right):
    """Gives every batch in the same memory."""

    buffer = None

    def compute(self, batch):
        rows = super().compute(batch)
        if self.buffer is None:
            self.buffer = np.empty_like(rows)
        self.buffer[:] = rows
        return self.buffer


class Lists(Right):
    def compute(self, batch):
        return super().compute(batch).tolist()


class NoSlots(Right):
    slots = 0


class NoVersion(Right):
    version = ""


class LeavesThreads(Right):
    left: ClassVar[list[threading.Event]] = []

    def __init__(self, request):
        super().__init__(request)
        self.stop = threading.Event()
        self.left.append(self.stop)
        threading.Thread(target=self.stop.wait, name="left", daemon=True).start()


class FixedShape(Right):
    def compute(self, batch):
        return super().compute(batch.reshape(-1, 6, 5, 3))


class Neighbours(Right):
    def compute(self, batch):
        rows = super().compute(batch)
        return (rows + 1e-5 * rows.mean(axis=0)).astype(np.float32)


def nan_on_black(rows):
    return rows


class NanOnBlack(Right):
    def compute(self, batch):
        rows = super().compute(batch)
        rows[batch.reshape(len(batch), -1).max(axis=1) == 0] = np.nan
        return rows


class NanOnWhite(Right):
    def compute(self, batch):
        rows = super().compute(batch)
        rows[batch.reshape(len(batch), -1).min(axis=1) == 255] = np.nan
        return rows


class HalfPrecision(Right):
    def compute(self, batch):
        return super().compute(batch).astype(np.float16).astype(np.float32)


class NoFeatures(Right):
    pass


def raising(device):
    raise OSError("no driver")


RIGHT, KEYS, NEIGHBOURS = "numbers_are_the_networks", "batches_come_back_by_their_keys", "neighbours_do_not_matter"
HIDDEN, PRECISIONS = "failures_are_not_hidden", "precisions_are_known"
FEATURES = "features_leave_probabilities_as_they_are"
BREAKS = {
    "rows swapped in batches of more than two": (spec(computing(swap_last)), RIGHT, "has the probabilities of image"),
    "rows backwards": (spec(computing(lambda rows: rows[::-1].copy())), RIGHT, "has the probabilities of image"),
    "rows moved by one": (spec(computing(lambda rows: np.roll(rows, 1, axis=0))), RIGHT, "has the probabilities of image"),
    "the first row for all": (spec(computing(lambda rows: np.repeat(rows[:1], len(rows), axis=0))), RIGHT, "has the probabilities of image"),
    "fixed outputs": (spec(Constant), RIGHT, "and should be"),
    "three outputs": (spec(ThreeOutputs), RIGHT, "not float32"),
    "a batch of two": (spec(BatchOfTwo), RIGHT, "and should be"),
    "one row a batch": (spec(OneRow), RIGHT, "not float32"),
    "the first network's shape": (spec(FixedShape), RIGHT, "raised"),
    "three digits": (spec(computing(lambda rows: rows.round(3))), RIGHT, "and should be"),
    "four digits": (spec(computing(lambda rows: rows.round(4))), RIGHT, "and should be"),
    "half precision": (spec(HalfPrecision), RIGHT, "and should be"),
    "float64": (spec(computing(lambda rows: rows.astype(np.float64))), RIGHT, "float64"),
    "lists": (spec(Lists), RIGHT, "a batch gives list"),
    "NaN on black": (spec(NanOnBlack), RIGHT, "NaN"),
    "NaN on white": (spec(NanOnWhite), RIGHT, "NaN"),
    "softmax once more": (spec(computing(lambda rows: np.exp(rows) / np.exp(rows).sum(axis=1, keepdims=True))), RIGHT, "and should be"),
    "classes backwards": (spec(computing(lambda rows: rows[:, ::-1].copy())), RIGHT, "and should be"),
    "the likeliest class alone": (spec(computing(lambda rows: (rows == rows.max(axis=1, keepdims=True)).astype(np.float32))), RIGHT, "and should be"),
    "photos mirrored": (spec(seeing(lambda batch: batch[:, :, ::-1])), RIGHT, "and should be"),
    "photos upside down": (spec(seeing(lambda batch: batch[:, ::-1])), RIGHT, "and should be"),
    "blue for red": (spec(seeing(lambda batch: batch[..., ::-1])), RIGHT, "and should be"),
    "pixels halved": (spec(seeing(lambda batch: batch // 2)), RIGHT, "and should be"),
    "no slots": (spec(NoSlots), RIGHT, "slots is 0"),
    "no version": (spec(NoVersion), RIGHT, "version is ''"),
    "threads that stay": (spec(LeavesThreads), RIGHT, "close leaves the threads ['left']"),
    "open returns nothing": (spec(lambda request: None), RIGHT, "AttributeError"),
    "a precision that cannot be opened": (spec(RaisesForBfloat16, ("float32", "bfloat16")), RIGHT, "bfloat16 on the cpu and cannot be opened"),
    "a precision that crashes": (spec(CrashesForBfloat16, ("float32", "bfloat16")), RIGHT, "no such kernel"),
    "numbers for keys": (spec(WrongKeys), KEYS, "the key 1"),
    "the batch before": (spec(FirstKeys), KEYS, "and should be"),
    "every batch twice": (spec(Twice), KEYS, "comes back twice"),
    "batches that come again": (spec(Forever), KEYS, "comes back twice"),
    "a batch that is lost": (spec(Loses), KEYS, "gives nothing although batches are due"),
    "one memory for all batches": (spec(OneBuffer), KEYS, "and should be"),
    "neighbours that count": (spec(Neighbours), NEIGHBOURS, "depend on what else is in its batch"),
    "swallowed errors": (spec(Swallows), HIDDEN, "gives numbers and no error"),
    "NaN in the place of errors": (spec(SwallowsInSubmit), HIDDEN, "a batch of images with 7 channels gives numbers"),
    "nothing in the place of errors": (spec(LosesFailures), HIDDEN, "a batch of images with 7 channels gives nothing"),
    "an unknown precision": (spec(Right, ("float32", "float8")), PRECISIONS, "names ['float8']"),
    "a precision in other words": (spec(Right, ("fp32",)), PRECISIONS, "names ['fp32']"),
    "a text": (spec(Right, "float32"), PRECISIONS, "is 'float32'"),
    "a list": (spec(Right, ["float32"]), PRECISIONS, "is ['float32']"),
    "None": (spec(Right, lambda device: None), PRECISIONS, "is None"),
    "precisions that raise": (spec(Right, raising), PRECISIONS, "no driver"),
    "every device": (spec(Right, lambda device: ("float32",)), PRECISIONS, "for a device that is not there"),
    "features that do not come": (spec(NoFeatures, gives_features=True), FEATURES, "rows with features are (2, 3)"),
    "gives_features in words": (spec(Right, gives_features="yes"), FEATURES, "gives_features is 'yes'"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_runtime_is_caught(name, failure):
    broken, check, phrase = BREAKS[name]

    try:
        assert phrase in failure(broken, check).problem
    finally:
        while LeavesThreads.left:
            LeavesThreads.left.pop().set()


def test_a_collect_that_waits_for_ever_is_a_failure(check_of):
    class Waits(Right):
        def collect(self, *, wait):
            while wait and not self.done:
                time.sleep(0.01)
            return super().collect(wait=wait)

    with pytest.raises(AssertionError, match="did not end within 2 seconds"):
        check_of(spec(Waits), RIGHT, time_limit=2)()


def test_a_runtime_for_other_machines_is_skipped(check_of):
    import unittest

    with pytest.raises(unittest.SkipTest, match="computes nothing on this machine's CPU"):
        check_of(spec(Right, ()), RIGHT)()


class TiredAfterTwenty(Right):
    batches = 0

    def compute(self, batch):
        self.batches += 1
        rows = super().compute(batch)
        return rows if self.batches <= 20 else rows[::-1].copy()


class KeepsByFirstImage(Right):
    def compute(self, batch):
        kept = self.__dict__.setdefault("kept", {})
        return kept.setdefault(batch[0].tobytes(), super().compute(batch))


@pytest.mark.parametrize("runtime", [TiredAfterTwenty, KeepsByFirstImage])
def test_a_runtime_that_does_not_stay_right(runtime, failure):
    assert "image" in failure(spec(runtime), "answers_stay_right").problem


def test_rows_that_are_turned_round_in_large_batches_alone(failure):
    runtime = computing(lambda rows: rows[::-1].copy() if len(rows) > 16 else rows)
    assert (
        "of a batch of 32 has the probabilities of image" in failure(spec(runtime), "numbers_are_the_networks").problem
    )


def test_a_second_session_with_the_network_of_the_first(failure):
    networks = {}

    class Shared(Right):
        def __init__(self, request):
            super().__init__(request)
            self.network = networks.setdefault(request.input_shape, self.network)

    assert "the probabilities of image" in failure(spec(Shared), "sessions_share_nothing").problem


def test_a_version_that_is_another_one_in_each_session(failure):
    numbers = itertools.count(1)

    class Counted(Right):
        def __init__(self, request):
            super().__init__(request)
            self.version = f"counted {next(numbers)}"

    assert "the next of" in failure(spec(Counted), "sessions_share_nothing").problem


def test_a_batch_that_is_changed(failure):
    class Changes(Right):
        def submit(self, key, batch):
            super().submit(key, batch)
            batch[:] = 0

    assert failure(spec(Changes), "numbers_are_the_networks").problem == "a batch was changed"


def test_rows_that_are_exchanged_in_batches_of_one_length(failure):
    runtime = computing(lambda rows: rows[[0, 1, 3, 2]] if len(rows) == 4 else rows)
    assert (
        "row 3 of a batch of 4 has the probabilities of image 2"
        in failure(spec(runtime), "numbers_are_the_networks").problem
    )


def test_batches_of_which_the_last_alone_is_kept(failure):
    class KeepsLast(Right):
        def submit(self, key, batch):
            self.done = [(key, self.compute(batch))]

    problem = failure(spec(KeepsLast), "numbers_are_the_networks").problem
    assert problem == "collect(wait=True) gives nothing although batches are due"


def test_keys_below_zero_that_come_back_as_others(failure):
    class Positive(Right):
        def submit(self, key, batch):
            super().submit(abs(key), batch)

    problem = failure(spec(Positive), "batches_come_back_by_their_keys").problem
    assert problem == "collect gives the key 1, which was not submitted"
