"""The process in which `fashionbatch.bundle.importing.contained` lets a model be converted.

It reads a question as JSON from its standard input and answers with JSON on its standard output.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from fashionbatch.processes import limit_memory


def main() -> None:
    """Answer the question on standard input; what goes wrong unexpectedly ends the process with a traceback."""
    question = json.load(sys.stdin)
    # Whatever libraries print is no answer.
    answers = os.dup(1)
    os.dup2(2, 1)
    limit_memory(question["memory_limit"])
    answer = _convert(question)
    with open(answers, "w", encoding="ascii") as file:  # disk: standard output
        json.dump(answer, file)
    sys.stderr.flush()
    # Threads of a library must not keep the process, or crash it now that the work is done.
    os._exit(0)


def _convert(question: dict[str, Any]) -> dict[str, Any]:
    from fashionbatch.bundle.importing.make import ImportOptions, import_model
    from fashionbatch.bundle.importing.read import read_model
    from fashionbatch.errors import FashionBatchError
    from fashionbatch.specs import Resize

    fields = question["options"]
    options = ImportOptions(
        **{
            **fields,
            "class_names": tuple(fields["class_names"]),
            "size": tuple(fields["size"]) if fields["size"] else None,
            "resize": Resize.model_validate(fields["resize"]),
        }
    )
    path = Path(question["model"])
    try:
        model = read_model(path, trusted=question["trusted"], output=question["output"], size=options.size)
        import_model(model, Path(question["directory"]), options)
    except FashionBatchError as error:
        message = error.message.replace(question["model"], question["shown"])
        return {"error": type(error).__name__, "message": message, "hint": error.hint}
    return {}
