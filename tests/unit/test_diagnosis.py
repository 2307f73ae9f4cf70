"""`doctor` finds what is wrong, and tells what can be done without from what cannot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fashionbatch import diagnosis
from fashionbatch.diagnosis import Finding, broken, diagnose
from fashionbatch.inference.rates import Setting, keep_rates
from fashionbatch.plugins import Plugins, load_plugins
from fashionbatch.registry import FailedPlugin, Provider, Registry
from fashionbatch.specs import RuntimeSpec


def finding(section: str, subject: str) -> Finding:
    return next(found for found in diagnose()[section] if found.subject == subject)


def use(monkeypatch: pytest.MonkeyPatch, registry: Registry) -> None:
    plugins = Plugins(registry, load_plugins().manager)
    monkeypatch.setattr(diagnosis, "load_plugins", lambda: plugins)


def fail() -> tuple[str, ...]:
    raise ImportError("libopenvino.so: cannot open shared object file")


def test_a_whole_installation_has_nothing_broken() -> None:
    assert broken(diagnose()) == []
    assert finding("runtimes", "openvino").value.startswith("cpu: ")
    assert finding("plugins", f"fashionbatch {diagnosis.__version__}").state == "ok"


def test_the_default_runtime_that_cannot_run_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry()
    for entry in load_plugins().registry.entries():
        spec = entry.spec
        if isinstance(spec, RuntimeSpec) and spec.name == "openvino":
            spec = replace(spec, precisions=lambda device: fail())
        registry.add(spec, entry.provider)
    use(monkeypatch, registry)
    [problem] = broken(diagnose())
    assert problem.subject == "openvino"
    assert problem.value == "ImportError: libopenvino.so: cannot open shared object file"


def test_without_the_default_runtime_nothing_can_be_labeled(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Registry())
    assert [problem.subject for problem in broken(diagnose())] == ["openvino"]


def test_a_plugin_of_somebody_else_that_fails_is_named_and_can_be_done_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry = load_plugins().registry
    registry.failed.append(FailedPlugin("shoes", Provider("shoes-for-fashion", "2.0"), "ImportError: no shoes"))
    use(monkeypatch, registry)
    found = finding("plugins", "shoes of shoes-for-fashion 2.0")
    assert (found.state, found.value) == ("absent", "was left out: ImportError: no shoes")
    assert broken(diagnose()) == []


def test_a_built_in_plugin_that_fails_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = load_plugins().registry
    registry.failed.append(FailedPlugin("losses", Provider("fashionbatch", "0.1"), "SyntaxError: invalid syntax"))
    use(monkeypatch, registry)
    assert [problem.subject for problem in broken(diagnose())] == ["losses of fashionbatch 0.1"]


def test_the_data_directory_is_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "vgg16_imagenet_notop.weights.h5").touch()
    (tmp_path / "mnist.npz").touch()
    (tmp_path / "README.md").touch()
    monkeypatch.setenv("FASHIONBATCH_DATA_DIR", str(tmp_path))
    assert finding("data", "data sets").value == "mnist.npz"
    assert finding("data", "weights").value == "vgg16_imagenet_notop.weights.h5"
    monkeypatch.setenv("FASHIONBATCH_DATA_DIR", str(tmp_path / "nowhere"))
    assert finding("data", "FASHIONBATCH_DATA_DIR").state == "absent"


def test_the_cache_is_measured_and_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path / "cache"))
    assert finding("data", "cache").value == f"{tmp_path / 'cache'}, not made yet"
    assert not (tmp_path / "cache").exists()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "features.npy").write_bytes(bytes(3_000_000))
    assert "3 MB" in finding("data", "cache").value


def test_what_was_timed_on_this_cpu_is_shown_with_what_is_taken_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASHIONBATCH_CACHE_DIR", str(tmp_path))
    assert "nothing yet" in finding("speed", "measured").value
    setting = Setting(bundle="00ff", runtime="openvino", version="OpenVINO 2026.4", batch_size=8, streams=2)
    keep_rates(setting, "shoes", {"float32": 301.0, "int8": 724.0})
    keep_rates(setting.model_copy(update={"cpu": "another"}), "hats", {"float32": 1.0, "int8": 2.0})
    [found] = diagnose()["speed"]
    assert found.subject == "shoes"
    assert found.value.startswith(
        "auto takes int8: float32 301 images/s, int8 724 images/s (OpenVINO 2026.4, batches of 8, 2 cores, 20"
    )


def test_an_extra_that_is_not_installed_comes_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "pyarrow":
            raise diagnosis.metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(diagnosis.metadata, "version", version)
    found = finding("extras", "parquet")
    assert (found.state, found.value) == ("absent", "pyarrow not installed")
    assert found.hint == "`pip install 'fashionbatch[parquet]'`"


def test_a_needed_library_that_is_not_installed_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "pillow":
            raise diagnosis.metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(diagnosis.metadata, "version", version)
    assert [problem.subject for problem in broken(diagnose())] == ["pillow"]
