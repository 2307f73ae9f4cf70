"""The script beside an exported file, which labels one photo without FashionBatch."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

from fashionbatch.exporting.kinds import ExportKind
from fashionbatch.exporting.runtimes import photo

_HEAD = '''"""Label one photo with {name}: `python {script} PHOTO`.

It needs {needs}, and nothing of FashionBatch. It prints each label with its probability.
"""

import json
import math
import os
import sys
import zipfile
from typing import Any

import numpy as np
from PIL import Image
'''
_TAIL = """if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {{os.path.basename(__file__)}} PHOTO")
    sys.stdout.reconfigure(errors="backslashreplace")  # labels that the terminal has no letters for
    main(os.path.join(os.path.dirname(os.path.abspath(__file__)), {name!a}), sys.argv[1], open_model)
"""
_LINTER = re.compile(r"  # noqa: .*")
_NEEDS: dict[ExportKind, str] = {
    "onnx": "onnxruntime, numpy and pillow",
    "tflite": "ai-edge-litert, numpy and pillow",
    "saved_model": "tensorflow, numpy and pillow",
    "openvino_int8": "openvino, numpy and pillow",
}


def script_path(output: Path) -> Path:
    """Where the script of an exported file lies: beside it, as `shoes_onnx_label_photo.py` of `shoes.onnx`."""
    return output.with_name(f"{output.name.replace('.', '_')}_label_photo.py")


def script_text(kind: ExportKind, output: Path) -> str:
    """The script, from the functions by which an export is checked.

    Args:
        kind: the format.
        output: the exported file or directory, which lies beside the script.
    """
    opener = importlib.import_module(f"fashionbatch.exporting.runtimes.{kind}").open_model
    steps = (photo.read_photo, photo.used_part, photo.fitted_size, photo.resized)
    functions = (opener, *steps, photo.decide, photo.group_winners, photo.main)
    # What this project's linter is told is of no interest there.
    sources = [_LINTER.sub("", inspect.getsource(function)).strip() for function in functions]
    head = _HEAD.format(name=_plain(output.name), script=_plain(script_path(output).name), needs=_NEEDS[kind])
    body = "\n\n\n".join([*sources, _TAIL.format(name=output.name).strip()])
    unused = {"import zipfile\n": "zipfile.", "import json\n": "json."}
    for line, use in unused.items():
        head = head if use in body else head.replace(line, "")
    return f"{head}\n\n{body}\n"


def _plain(name: str) -> str:
    """A file's name within a docstring."""
    return name.encode("unicode_escape", "surrogateescape").decode("ascii").replace('"', "'")
