"""Fixtures that several parts of the suite share."""

from __future__ import annotations

import importlib
import importlib.util
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings

# A test that is slow on a busy machine is not wrong, and one that fails fails for everybody: the input is the same each
# time. `make fuzz` tries other input.
settings.register_profile("suite", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fuzz", settings.get_profile("suite"), derandomize=False, max_examples=1000)
settings.load_profile("suite")

# A suite that a shell runs in the background begins with Ctrl-C ignored, and so would each process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

AddDistribution = Callable[..., Path]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Be another machine, which has a cache of its own."""

    def become(name: str) -> Path:
        monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / name))
        return tmp_path / name

    return become


@pytest.fixture
def add_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AddDistribution]:
    """Put a distribution on the path as an installer would: modules, metadata and entry points.

    `add_distribution("shoes-for-fb", {"shoes_fb": source}, {"shoes": "shoes_fb"})`
    """
    made: list[str] = []

    def add(name: str, modules: dict[str, str], entry_points: dict[str, str], version: str = "1.2") -> Path:
        site = tmp_path / f"site-{name}"
        site.mkdir()
        for module, source in modules.items():
            target = site / f"{module.replace('.', '/')}.py"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(source, encoding="utf-8")
            made.append(module)
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
        lines = "".join(f"{key} = {value}\n" for key, value in entry_points.items())
        (info / "entry_points.txt").write_text(f"[fashionbatch]\n{lines}", encoding="utf-8")
        monkeypatch.syspath_prepend(str(site))
        importlib.invalidate_caches()
        return site

    yield add
    for module in made:
        sys.modules.pop(module, None)


@pytest.fixture(scope="session")
def images_factory() -> ModuleType:
    """The module `images_factory` beside this file: odd and broken image files, made in memory."""
    # By its path: pytest's importlib mode puts the folder of tests on no import path.
    spec = importlib.util.spec_from_file_location("images_factory", Path(__file__).with_name("images_factory.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def run_python() -> Callable[[str], str]:
    """Run code in a fresh interpreter, for what depends on what is imported; gives what it printed."""

    def run(code: str) -> str:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def under_a_handler_of_ours() -> Iterator[None]:
    """As in the command line, where Ctrl-C raises no plain KeyboardInterrupt, so that one can only be a plugin's."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def int8_graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`model.int8.xml` of the network of `make_tiny_bundle` with its default labels; its weights lie beside it."""
    import numpy as np

    from fashionbatch.bundle.quantizing.quantize import quantize_graph
    from fashionbatch.bundle.quantizing.ways import WAYS
    from fashionbatch.testing.bundles import make_tiny_bundle

    folder = tmp_path_factory.mktemp("int8")
    bundle = make_tiny_bundle(folder / "bundle")
    colours = np.random.default_rng(8).integers(0, 256, (40, 1, 1, 3), dtype=np.uint8)
    colours[..., 0] = 255  # The range of the numbers is that of the mean photo.
    images = np.ascontiguousarray(np.broadcast_to(colours, (40, 8, 8, 3)))
    (folder / "int8").mkdir()
    found = quantize_graph(bundle / "model.xml", images, folder / "int8", WAYS[0])
    assert found is not None
    return found.graph


@pytest.fixture(scope="session")
def int8_bundle(int8_graph: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of `make_tiny_bundle` with a graph of 8 bits that `auto` may take."""
    from fashionbatch.bundle.graph.record import GraphOrigin, PairedCounts, PrecisionRecord, QuantizationRecord
    from fashionbatch.bundle.open import open_bundle
    from fashionbatch.bundle.write import QuantizedGraph, update_bundle

    counts = PairedCounts(both_right=990, only_float32_right=0, only_this_right=0, neither_right=10)
    quantized = QuantizedGraph(
        int8_graph,
        GraphOrigin(converter="nncf", method="in a test"),
        QuantizationRecord(way="fast", tried=("fast",), images=40, source="photos", seed=42),
        PrecisionRecord(images=1000, right=990, same_label=998, against_float32=counts, source="photos"),
    )
    # The graph's names are those of the bundle that it was made of.
    place = tmp_path_factory.mktemp("int8-bundle") / "b"
    return update_bundle(open_bundle(int8_graph.parents[1] / "bundle"), quantized=quantized, directory=place).path


@pytest.fixture(scope="session", autouse=True)
def _unquantized() -> Iterator[None]:
    """Trainings in this process make no graph of 8 bits, which takes seconds, unless a test asks for `quantizing`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fashionbatch.training.quantization.is_available", lambda: False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_lines_of_progress() -> Iterator[None]:
    """A busy machine takes ten seconds for anything; its line of progress would stand among lines that are compared."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fashionbatch.progress.LINE_EVERY_S", 86_400.0)
        yield


@pytest.fixture
def quantizing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings make a graph of 8 bits, as for a user with the extra `int8`."""
    monkeypatch.setattr("fashionbatch.training.quantization.is_available", lambda: True)
