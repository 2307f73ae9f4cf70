"""TensorFlow's start-up log stays away from the user, whoever imports TensorFlow first."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys, warnings
from fashionbatch.cli.console.quiet import quieten_tensorflow
quieten_tensorflow()
from keras.utils import get_file
print(type(sys.modules["tensorflow"].__spec__.loader).__name__)
print("imported", file=sys.stderr)
warnings.warn("mind the step")
"""


@pytest.fixture(scope="module")
def done() -> subprocess.CompletedProcess[str]:
    """A process in which a plugin imports Keras first, says so on standard error, and warns."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)


def test_a_plugin_that_imports_keras_first_causes_no_noise(done: subprocess.CompletedProcess[str]) -> None:
    assert done.stderr.startswith("imported\n")
    # Whoever asks for the module's resources or source finds the usual loader.
    assert done.stdout.strip() == "SourceFileLoader"


def test_what_is_no_noise_comes_through(done: subprocess.CompletedProcess[str]) -> None:
    assert "mind the step" in done.stderr
