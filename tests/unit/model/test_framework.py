"""TensorFlow is imported in the precision that was asked for, and without its noise."""

from __future__ import annotations

import os
import sys

import pytest

from fashionbatch import progress
from fashionbatch.errors import RuntimeUnavailableError
from fashionbatch.model import framework, precision
from fashionbatch.progress import Reporter

WITH = "flags\t\t: fpu avx2 avx512_bf16 amx_bf16 amx_tile\n"
WITHOUT = "flags\t\t: fpu avx2\n"
IGNORED = "flags\t\t: fpu avx2 avx512_bf16\n"
"""TensorFlow multiplies float32 with it, whatever it is asked for."""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """`machine(flags)` pretends that the CPU has them, and that TensorFlow has not been imported."""

    def pretend(text, *, loaded=False):
        file = tmp_path / "cpuinfo"
        file.write_text(text, encoding="utf-8")
        known = precision.cpu_computes_bfloat16
        monkeypatch.setattr(precision, "cpu_computes_bfloat16", lambda: known(file))
        monkeypatch.setattr(precision, "tensorflow_is_loaded", lambda: loaded)
        monkeypatch.setattr(framework, "tensorflow_is_loaded", lambda: loaded)

    monkeypatch.setenv(framework.MATH_MODE, "")
    monkeypatch.setenv(framework.KERNELS, "")
    monkeypatch.delenv(framework.KERNELS)
    return pretend


@pytest.mark.parametrize(("flags", "expected"), [(WITH, "bfloat16"), (WITHOUT, "float32"), (IGNORED, "float32")])
def test_auto_takes_bfloat16_where_tensorflow_computes_in_it(machine, flags, expected):
    machine(flags)
    assert precision.training_precision("auto")[0] == expected


@pytest.mark.parametrize("flags", [WITHOUT, IGNORED])
def test_what_the_recipe_says_is_taken_or_refused(machine, flags):
    machine(flags)
    assert precision.training_precision("float32")[0] == "float32"
    with pytest.raises(RuntimeUnavailableError, match="does not compute on this CPU"):
        precision.training_precision("bfloat16")


def test_a_resumed_run_keeps_its_precision_and_the_reason_for_it(machine):
    machine(WITHOUT)
    assert precision.resumed_precision("auto", "float32") == precision.training_precision("auto")
    assert precision.resumed_precision("float32", "float32") == ("float32", "as the recipe says")


def test_a_resumed_run_keeps_its_precision_where_auto_would_take_another(machine):
    machine(WITH)
    assert precision.resumed_precision("auto", "float32") == ("float32", "the run was begun in it")


def test_an_imported_tensorflow_cannot_be_changed_any_more(machine):
    machine(WITH, loaded=True)
    assert precision.training_precision("auto")[0] == "float32"
    with pytest.raises(RuntimeUnavailableError, match="already imported with float32"):
        precision.training_precision("bfloat16")


def test_the_precision_is_in_the_environment_before_tensorflow_reads_it(machine):
    machine(WITH)
    framework.set_arithmetic("bfloat16")
    assert os.environ[framework.MATH_MODE] == "BF16"
    assert framework.arithmetic_of_tensorflow() == "bfloat16"
    framework.set_arithmetic("float32")
    assert framework.MATH_MODE not in os.environ


@pytest.mark.parametrize(
    ("architecture", "said", "expected"),
    [("x86_64", None, "1"), ("x86_64", "0", "0"), ("arm64", None, None)],
)
def test_tensorflow_computes_with_onednn_on_any_x86_unless_the_user_says_otherwise(
    machine, monkeypatch, architecture, said, expected
):
    machine(WITHOUT)
    monkeypatch.setattr(framework.platform, "machine", lambda: architecture)
    if said is not None:
        monkeypatch.setenv(framework.KERNELS, said)
    framework.set_arithmetic("float32")
    assert os.environ.get(framework.KERNELS) == expected


def test_a_machine_that_does_not_tell_its_cpu_has_no_bfloat16(tmp_path):
    assert not precision.cpu_computes_bfloat16(tmp_path / "absent")


NOISE = b"""WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795.8 8316 cudart_stub.cc:31] Could not find cuda drivers on your machine, GPU will not be used.
E0000 00:00:1795.8 8316 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error
"""
REAL = b"E0000 00:00:1795.8 8316 loader.cc:9] libfoo.so: cannot open shared object file\n"


def test_known_noise_is_dropped_and_everything_else_passed_on(capfd):
    with framework.without_noise():
        os.write(2, NOISE + REAL)
    assert capfd.readouterr().err.encode() == REAL


@pytest.mark.parametrize(("error", "shown"), [(ImportError, NOISE + REAL), (KeyboardInterrupt, REAL)])
def test_an_import_that_fails_is_shown_whole_and_one_that_the_user_stops_is_not(capfd, error, shown):
    def fail():
        with framework.without_noise():
            os.write(2, NOISE + REAL)
            raise error

    with pytest.raises(error):
        fail()
    assert capfd.readouterr().err.encode() == shown


def test_a_bar_that_goes_on_meanwhile_hides_no_noise_and_is_drawn_again(capfd, monkeypatch):
    # The stream of pytest does not write by the descriptor.
    with open(2, "w", encoding="utf-8", closefd=False) as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        with Reporter(print, bars=True).bar("making the network", 3, "step") as advance:
            with framework.without_noise():
                advance(2)
                progress._open_bars[-1].refresh()
                os.write(2, NOISE)
            advance(3)
            progress._open_bars[-1].refresh()
    shown = capfd.readouterr().err
    assert "absl" not in shown
    assert "2/3" not in shown
    assert "3/3" in shown
