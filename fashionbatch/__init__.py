"""FashionBatch: one YAML recipe trains an image classifier; one command labels a folder with it."""

import sys

__version__ = "0.2.0.dev0"

# OpenVINO's package reports its use to Google Analytics from the moment it is imported, unless this package of its is
# absent. Nobody who labels photos asked for that; the import is faster without it as well.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None: "there is no such module"
