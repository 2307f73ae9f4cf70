"""What may be asked of the benchmark, and what it does unless asked."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

from .contestants import GROUPS
from .networks import NETWORKS, SMALL_CNN, default_weights

QUICK = {
    "networks": [SMALL_CNN, "MobileNetV2"],
    "contestants": ["ours", "keras", "onnxruntime", "timm"],
    "small": 1000,
    "large": 3000,
    "runs": 3,
    "large_runs": 1,
}
FULL = {
    "networks": list(NETWORKS),
    "contestants": list(GROUPS),
    "small": 1000,
    "large": 10000,
    "runs": 3,
    "large_runs": 3,
}


def parse_options(description: str | None, kept: Path, arguments: list[str] | None = None) -> argparse.Namespace:
    """The options, with the defaults of a quick run or, with `--full`, of a whole one.

    Args:
        description: of the program, for `--help`.
        kept: the folder of this CPU's results, where those of a whole run go.
        arguments: of the command line; those of this process unless given.

    Returns:
        The options. `told` is the command as it is kept: without paths, which differ from machine to machine.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--full", action="store_true", help="all networks and contestants, 10,000 photos; hours on two cores")
    add("--photos", type=Path, help="a folder of photos for the networks that take 224 pixels; made ones unless given")
    add("--weights", type=Path, help="MobileNetV2's; those in FASHIONBATCH_DATA_DIR, or random ones, unless given")
    add(
        "--quantize-data", type=Path, help="MobileNetV2's int8 graph is made and judged by these: best a folder a class"
    )
    add("--networks", nargs="+", choices=list(NETWORKS), help="MobileNetV2, ResNet50, 'small CNN'")
    add("--precisions", nargs="+", choices=["float32", "bfloat16", "int8", "auto"], help="all that this machine has")
    add("--contestants", nargs="+", choices=GROUPS, help="ours, our parts without protection, and peers")
    add("--small", type=int, help="photos of a run, 1,000 unless given")
    add("--large", type=int, help="photos of a run for the steady rate; 0 leaves it out")
    add("--runs", type=int, help="of each contestant")
    add("--large-runs", type=int, help="of the large size")
    add("--prefix", type=shlex.split, default=[], help="runs each measured command, such as 'taskset -c 0,1'")
    add("--peer-python", default=sys.executable, help="where onnxruntime, or torch and timm, are installed")
    add("--work", type=Path, help="keeps networks and photos for the next run; a temporary folder unless given")
    add("--output", type=Path, help="folder of the results; with --full a folder for this CPU, else runs/bench")
    add("--tables", action="store_true", help="measure nothing: write table and plot again from results.json")
    options = parser.parse_args(arguments)
    for name, value in (FULL if options.full else QUICK).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.precisions = options.precisions or precisions_here()
    options.weights = options.weights or default_weights()
    options.output = options.output or (kept if options.full else Path("runs", "bench"))
    options.told = _told(options)
    return options


def _told(options: argparse.Namespace) -> str:
    """The command without paths, with what decides about the figures."""
    names = ["small", "large", "runs", "large_runs"]
    words = [f"--{name.replace('_', '-')} {getattr(options, name)}" for name in names]
    return " ".join(["python benchmarks/classify.py", *(["--photos DIR"] if options.photos else []), *words])


def precisions_here() -> list[str]:
    """Those that OpenVINO computes on this machine, as a new process finds."""
    code = "import openvino as ov; print(*ov.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES'))"
    offered = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    return ["float32", *(["bfloat16"] if "BF16" in offered else []), "int8", "auto"]
