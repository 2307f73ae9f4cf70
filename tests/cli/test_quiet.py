"""TensorFlow's start-up log stays away from the user, whoever imports TensorFlow first."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
from fashionbatch.cli.quiet import quieten_tensorflow
quieten_tensorflow()
{code}
import sys
print(type(sys.modules["tensorflow"].__spec__.loader).__name__)
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(code=code)], env=environment, capture_output=True, text=True, check=True
    )


def test_a_plugin_that_imports_keras_first_causes_no_noise() -> None:
    done = run("from keras.utils import get_file")
    assert done.stderr == ""
    # Whoever asks for the module's resources or source finds the usual loader.
    assert done.stdout.strip() == "SourceFileLoader"


def test_what_is_no_noise_comes_through() -> None:
    done = run("import warnings, tensorflow\nwarnings.warn('mind the step')")
    assert "mind the step" in done.stderr
