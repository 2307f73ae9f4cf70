"""FashionBatch: one YAML recipe trains an image classifier; one command labels a folder with it.

For programs and notebooks, `import fashionbatch as fb` offers the names of `fashionbatch.__all__`; each is loaded when
it is first asked for. `docs/python.md` shows them at work.
"""

import sys

__version__ = "0.2.0"

# OpenVINO's package reports its use to Google Analytics from the moment it is imported, unless this package of its is
# absent. Nobody who labels photos asked for that; the import is faster without it as well.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None: "there is no such module"

TYPE_CHECKING = False  # as type checkers know it, without the time that importing `typing` takes
if TYPE_CHECKING:
    from fashionbatch.api.bundles import Bundle
    from fashionbatch.api.collecting import Collected, collect
    from fashionbatch.api.figures import Evaluation
    from fashionbatch.api.judging import evaluate
    from fashionbatch.api.labeling import Labels, classify, read_labels
    from fashionbatch.api.passing_on import export, quantize
    from fashionbatch.api.recipes import Finding, Recipe
    from fashionbatch.api.runs import Run, train
    from fashionbatch.api.studies import Sweep, Tries, sweep, try_folder
    from fashionbatch.api.summaries import Summary, summarize
    from fashionbatch.api.tables import compare, merge
    from fashionbatch.errors import (
        BundleError,
        DataError,
        FashionBatchError,
        ImageError,
        InterruptedRunError,
        OutputError,
        PluginError,
        RecipeError,
        RowError,
        RuntimeUnavailableError,
        ScratchError,
        TrainingError,
        UnknownNameError,
        WeightsError,
    )
    from fashionbatch.exporting.run import Exported
    from fashionbatch.labels.compare import Comparison
    from fashionbatch.plugins.listing import Component, plugins

__all__ = [
    "Bundle",
    "BundleError",
    "Collected",
    "Comparison",
    "Component",
    "DataError",
    "Evaluation",
    "Exported",
    "FashionBatchError",
    "Finding",
    "ImageError",
    "InterruptedRunError",
    "Labels",
    "OutputError",
    "PluginError",
    "Recipe",
    "RecipeError",
    "RowError",
    "Run",
    "RuntimeUnavailableError",
    "ScratchError",
    "Summary",
    "Sweep",
    "TrainingError",
    "Tries",
    "UnknownNameError",
    "WeightsError",
    "__version__",
    "classify",
    "collect",
    "compare",
    "evaluate",
    "export",
    "merge",
    "plugins",
    "quantize",
    "read_labels",
    "summarize",
    "sweep",
    "train",
    "try_folder",
]

_HOMES = {
    "Bundle": "fashionbatch.api.bundles",
    "Collected": "fashionbatch.api.collecting",
    "Comparison": "fashionbatch.labels.compare",
    "Component": "fashionbatch.plugins.listing",
    "Evaluation": "fashionbatch.api.figures",
    "Exported": "fashionbatch.exporting.run",
    "Finding": "fashionbatch.api.recipes",
    "Labels": "fashionbatch.api.labeling",
    "Recipe": "fashionbatch.api.recipes",
    "Run": "fashionbatch.api.runs",
    "Summary": "fashionbatch.api.summaries",
    "Sweep": "fashionbatch.api.studies",
    "Tries": "fashionbatch.api.studies",
    "classify": "fashionbatch.api.labeling",
    "collect": "fashionbatch.api.collecting",
    "compare": "fashionbatch.api.tables",
    "evaluate": "fashionbatch.api.judging",
    "export": "fashionbatch.api.passing_on",
    "merge": "fashionbatch.api.tables",
    "quantize": "fashionbatch.api.passing_on",
    "read_labels": "fashionbatch.api.labeling",
    "summarize": "fashionbatch.api.summaries",
    "sweep": "fashionbatch.api.studies",
    "train": "fashionbatch.api.runs",
    "try_folder": "fashionbatch.api.studies",
}
"""Where each name is; errors are in `fashionbatch.errors`, and `plugins` is a package that can be called."""


def __getattr__(name):  # type: ignore[no-untyped-def]  # older Pythons read this file, to be told that they are too old
    if name not in __all__:
        raise AttributeError(f"module 'fashionbatch' has no attribute {name!r}")
    import importlib

    if name == "plugins":
        return importlib.import_module("fashionbatch.plugins")
    found = getattr(importlib.import_module(_HOMES.get(name, "fashionbatch.errors")), name)
    globals()[name] = found
    return found


def __dir__():  # type: ignore[no-untyped-def]  # the same
    return sorted({*globals(), *__all__})
