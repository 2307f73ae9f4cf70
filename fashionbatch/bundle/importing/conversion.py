"""The process in which `fashionbatch.bundle.importing.contained` lets a model be converted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fashionbatch.processes import answer_question


def main() -> None:
    """Answer the question on standard input."""
    answer_question(_convert)


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
    try:
        path = Path(question["model"])
        model = read_model(path, trusted=question["trusted"], output=question["output"], size=options.size)
        import_model(model, Path(question["directory"]), options)
    except FashionBatchError as error:
        error.message = error.message.replace(question["model"], question["shown"])
        raise
    return {}
