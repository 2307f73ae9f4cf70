"""The one place where TensorFlow is first imported: with its precision set before, and its log kept from the user."""

from __future__ import annotations

import importlib
import os
import platform
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from fashionbatch.processes import memory_file
from fashionbatch.progress import beside_bars, undrawn_bars
from fashionbatch.specs import TrainingPrecision

MATH_MODE = "TF_SET_ONEDNN_FPMATH_MODE"
"""oneDNN's arithmetic inside TensorFlow; read once, when TensorFlow is imported."""

KERNELS = "TF_ENABLE_ONEDNN_OPTS"
"""Whether TensorFlow computes with oneDNN; read once, when TensorFlow is imported."""

# What TensorFlow writes to file descriptor 2 while it is imported, before its log level is heeded: that logging has not
# begun, informational lines (I...), and that there is no GPU; and what TensorFlow Lite tells of its ways. Everything
# else is passed on.
_NOISE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog|I\d{4} \d|[WE]\d{4} \d.*\bcu(da|dnn|blas|fft|rt)"
    rb"|To enable the following instructions:|INFO: (Created|Initialized) TensorFlow Lite|fully_quantize: \d"
)


def tensorflow_is_loaded() -> bool:
    """Whether TensorFlow has been imported, so that its arithmetic can no longer be chosen."""
    return "tensorflow" in sys.modules


def load_tensorflow(precision: TrainingPrecision | None = None) -> None:
    """Import TensorFlow and Keras without their start-up noise. Calling it again does nothing.

    Args:
        precision: the arithmetic of convolutions and matrix products; None leaves what the environment says.
    """
    if tensorflow_is_loaded():
        importlib.import_module("keras")
        return
    if precision is not None:
        set_arithmetic(precision)
    _take_fast_kernels()
    if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    elif os.environ["TF_CPP_MIN_LOG_LEVEL"] != "3":
        importlib.import_module("keras")  # Somebody wants to see the log.
        return
    with without_noise():
        importlib.import_module("keras")
        import tensorflow as tf

        # Looks for GPUs, and complains of there being none, here and not in the middle of a progress bar.
        tf.config.list_physical_devices()


def set_arithmetic(precision: TrainingPrecision) -> None:
    """Choose the arithmetic of convolutions and matrix products for when TensorFlow will be imported."""
    if tensorflow_is_loaded():
        return
    _take_fast_kernels()
    if precision == "bfloat16":
        os.environ[MATH_MODE] = "BF16"
    else:
        os.environ.pop(MATH_MODE, None)


def _take_fast_kernels() -> None:
    """Have TensorFlow compute with oneDNN on any x86 CPU, unless the environment says what it shall do.

    By itself it does so only where the CPU has AVX-512 VNNI or what came later. What it takes elsewhere needed 1.2 to
    2.6 times the CPU seconds for the same steps of training, on a Zen 3 (docs/training.md).
    """
    if platform.machine() in {"x86_64", "AMD64"}:
        os.environ.setdefault(KERNELS, "1")


def arithmetic_of_tensorflow() -> TrainingPrecision:
    """The arithmetic that TensorFlow was imported with, or would be now."""
    return "bfloat16" if os.environ.get(MATH_MODE, "").upper() == "BF16" else "float32"


@contextmanager
def without_noise() -> Iterator[None]:
    """Hold back what is written to file descriptor 2, by C++ too, and pass on all of it that is not TensorFlow's noise.

    If an error leaves the block, everything is passed on; not if the user stops it.
    """
    kept: list[bytes] = []
    failed = False
    try:
        with undrawn_bars(), _kept_back(kept):
            yield
    except Exception:
        failed = True
        raise
    finally:
        told = b"".join(line for line in kept if failed or not _NOISE.match(line))
        if told:
            with beside_bars():
                os.write(2, told)


@contextmanager
def _kept_back(lines: list[bytes]) -> Iterator[None]:
    """Put what is written to file descriptor 2 into a list of lines."""
    sys.stderr.flush()
    with memory_file("fashionbatch-noise") as held:
        stderr = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            lines += held.readlines()
