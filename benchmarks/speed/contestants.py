"""Who is measured: ours in each precision, ours without protection, and what others would use."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .networks import Subject
from .processes import fashionbatch, run
from .records import KERAS, Kind

GROUPS = ("ours", "unprotected", "keras", "loop", "onnxruntime", "timm")
PEERS = Path(__file__).parents[1] / "peers"
LOOP_IMAGES = 100
"""The tutorial loop is slow, and each photo takes it as long as the last."""


@dataclass(frozen=True)
class Contestant:
    """Something that labels a folder.

    Attributes:
        name: in tables.
        kind: whose it is.
        command: its command line for a folder and the table to write.
        precision: of ours, as it was asked for.
        limit: labels so many photos at most; None for all.
        is_slow: is run once, however many runs the others have.
    """

    name: str
    kind: Kind
    command: Callable[[Path, Path], list[str]]
    precision: str = ""
    limit: int | None = None
    is_slow: bool = False


@dataclass
class Field:
    """The contestants of one network, and those that cannot take part, with the reason."""

    contestants: list[Contestant] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def contestants_of(
    subject: Subject, *, precisions: list[str], groups: list[str], peer_python: str, photos: Path, work: Path
) -> Field:
    """Who takes part.

    Args:
        subject: the network.
        precisions: of ours; one that the bundle has no graph for is left out.
        groups: which of `GROUPS`.
        peer_python: the Python that the optional peers are installed in.
        photos: what an int8 network of a peer is calibrated on.
        work: where networks of peers are kept.
    """
    taking_part = Field()
    for precision in precisions:
        if precision == "int8" and subject.without_int8:
            taking_part.left_out["fashionbatch int8"] = subject.without_int8
            continue
        if "ours" in groups:
            taking_part.contestants.append(_ours(subject, precision, work))
        if "unprotected" in groups and precision != "auto":
            taking_part.contestants.append(_unprotected(subject, precision))
    if "keras" in groups:
        taking_part.contestants.append(Contestant(KERAS, "peer", _keras(subject, "keras_folder.py")))
    if "loop" in groups:
        loop = _keras(subject, "keras_loop.py", "--count", str(LOOP_IMAGES))
        taking_part.contestants.append(Contestant("tutorial loop", "peer", loop, limit=LOOP_IMAGES, is_slow=True))
    if "onnxruntime" in groups:
        _add_onnxruntime(taking_part, subject, peer_python, photos=photos, work=work)
    if "timm" in groups:
        _add_timm(taking_part, subject, peer_python)
    return taking_part


def _ours(subject: Subject, precision: str, work: Path) -> Contestant:
    def command(folder: Path, table: Path) -> list[str]:
        options = ["--overwrite", "--restart", "--quiet", "--precision", precision]
        # What `auto` has timed is kept in the cache, and what it knew of this machine before is no part of the figures.
        cache = ["env", f"FASHIONBATCH_CACHE_DIR={work / 'cache'}"]
        return [*cache, *fashionbatch("classify", folder, "-b", subject.bundle, "-o", table, *options)]

    return Contestant(f"fashionbatch {precision}", "ours", command, precision)


def _unprotected(subject: Subject, precision: str) -> Contestant:
    def command(folder: Path, table: Path) -> list[str]:
        script = [sys.executable, PEERS / "unprotected.py", folder, subject.bundle, table, precision]
        return ["env", "OPENBLAS_NUM_THREADS=1", *map(str, script)]  # As classify sets it for itself.

    return Contestant(f"without protection {precision}", "unprotected", command, precision)


def _keras(subject: Subject, script: str, *more: str) -> Callable[[Path, Path], list[str]]:
    options = ["--size", str(subject.network.size), *more]
    options += ["--weights", str(subject.weights)] if subject.weights else []
    options += ["--grey"] if subject.network.channels == 1 else []

    def command(folder: Path, table: Path) -> list[str]:
        return [sys.executable, str(PEERS / script), str(folder), subject.keras, str(table), *options]

    return command


def _add_onnxruntime(taking_part: Field, subject: Subject, python: str, *, photos: Path, work: Path) -> None:
    missing = _missing(python, "onnxruntime", "tf2onnx", "keras")
    if missing:
        taking_part.left_out["ONNX Runtime"] = missing
        return
    network = subject.network
    # The equals sign keeps `-1..1` from looking like an option.
    images = ["--size", str(network.size), f"--scaling={network.scaling}", *(["--grey"] * (network.channels == 1))]
    models = {precision: work / f"{network.file_name}-{precision}.onnx" for precision in ("float32", "int8")}
    make = [python, str(PEERS / "onnx_models.py")]
    if not models["float32"].exists():
        weights = ["--weights", str(subject.weights)] if subject.weights else []
        run([*make, "export", subject.keras, str(models["float32"]), *weights])
    if not models["int8"].exists():
        run([*make, "quantize", str(models["float32"]), str(models["int8"]), str(photos), *images])
    for precision, model in models.items():
        script = [python, str(PEERS / "onnxruntime_pool.py")]

        def command(folder: Path, table: Path, model: Path = model, script: list[str] = script) -> list[str]:
            return [*script, str(folder), str(model), str(table), *images]

        taking_part.contestants.append(Contestant(f"ONNX Runtime {precision}", "peer", command))


def _add_timm(taking_part: Field, subject: Subject, python: str) -> None:
    missing = _missing(python, "torch", "timm")
    architecture = subject.network.timm
    if architecture is None or missing:
        taking_part.left_out["timm"] = missing or f"it has no {subject.network.name}"
        return

    def command(folder: Path, table: Path) -> list[str]:
        return [python, str(PEERS / "timm_loader.py"), str(folder), architecture, str(table)]

    taking_part.contestants.append(Contestant("timm", "peer", command, is_slow=True))


def _missing(python: str, *modules: str) -> str | None:
    """What a Python lacks, in words; None where it has everything."""
    code = f"import importlib.util; print(*[m for m in {modules!r} if importlib.util.find_spec(m) is None])"
    found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    if not found:
        return None
    return f"{' and '.join(found)} not installed (benchmarks/peers/requirements.txt, --peer-python)"
