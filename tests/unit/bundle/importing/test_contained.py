"""A stranger's model is converted in a process of its own: whatever becomes of that, here it is one clear error."""

from __future__ import annotations

import os
import signal
import textwrap
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto, helper, save

from fashionbatch import processes
from fashionbatch.bundle.importing import contained
from fashionbatch.bundle.importing.contained import ModelFile, import_file
from fashionbatch.bundle.importing.make import ImportOptions
from fashionbatch.errors import BundleError, OutputError

OPTIONS = ImportOptions(name="net", class_names=("a", "b"), scaling="0..1", activation="softmax")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Two numbers for each image: the mean of its red and of its green."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 4, 4, 3])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2])
    two = helper.make_tensor("two", TensorProto.INT64, [2], [0, 1])
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("Gather", ["means", "two"], ["scores"], axis=1),
    ]
    graph = helper.make_graph(nodes, "net", [image], [scores], [two])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), tmp_path / "net.onnx")
    return tmp_path / "net.onnx"


def test_a_model_becomes_a_bundle_and_nothing_else_is_left(model: Path, tmp_path: Path) -> None:
    bundle = import_file(ModelFile(model), tmp_path / "b", OPTIONS)
    assert bundle.manifest.labels.class_names == ("a", "b")
    assert bundle.manifest.created_with["imported_from"] == "net.onnx"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "net.onnx"]


def test_an_error_of_the_import_is_told_as_it_is(model: Path, tmp_path: Path) -> None:
    three = ImportOptions(name="net", class_names=("a", "b", "c"), scaling="0..1")
    with pytest.raises(BundleError, match="gives 2 numbers for each image, but there are 3 labels"):
        import_file(ModelFile(model), tmp_path / "b", three)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "photo.jpg").touch()
    with pytest.raises(OutputError, match="holds files, but no bundle"):
        import_file(ModelFile(model), tmp_path / "full", OPTIONS)


def _instead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str) -> None:
    """Let the process do something else than to convert."""
    (tmp_path / "not_converting.py").write_text("def main():\n" + textwrap.indent(textwrap.dedent(code), "    "))
    monkeypatch.setattr(contained, "_MODULE", "not_converting")
    monkeypatch.setattr(processes, "_ROOT", str(tmp_path))


@pytest.mark.parametrize(
    ("code", "time_limit_s", "told"),
    [
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
            120,
            r"net\.onnx: crashed what converts it .SIGSEGV.",
        ),
        ("import os, signal; os.abort()", 120, r"crashed what converts it .SIGABRT."),
        ("import time; time.sleep(600)", 1.5, "was not converted within 1.5 s"),
        ("import signal, os; os.kill(os.getpid(), signal.SIGSTOP)", 1.5, "was not converted within 1.5 s"),
        ("raise MemoryError", 120, "GiB of memory to be converted"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 120, "GiB of memory to be converted"),
    ],
)
def test_a_crash_or_an_endless_conversion_is_one_clear_error(  # noqa: PLR0917
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, time_limit_s: float, told: str
) -> None:
    _instead(monkeypatch, tmp_path, code)
    with pytest.raises(BundleError, match=told):
        import_file(ModelFile(model, time_limit_s=time_limit_s), tmp_path / "b", OPTIONS)
    assert not (tmp_path / "b").exists()


def test_what_a_killed_conversion_had_begun_to_write_is_removed(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _instead(monkeypatch, tmp_path, f"import os; os.mkdir({str(tmp_path / '.b.0a1b2c3d.tmp')!r}); os.abort()")
    with pytest.raises(BundleError, match="crashed"):
        import_file(ModelFile(model), tmp_path / "b", OPTIONS)
    assert not list(tmp_path.glob(".b.*"))


def test_ctrl_c_ends_the_conversion_too(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    real = processes.start_python

    def start(*arguments: Any, **options: Any) -> Any:
        started.append(real(*arguments, **options))
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        return started[-1]

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    _instead(monkeypatch, tmp_path, "import time; time.sleep(600)")
    monkeypatch.setattr(processes, "start_python", start)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            import_file(ModelFile(model), tmp_path / "b", OPTIONS)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert started[0].returncode == -signal.SIGKILL


def test_a_model_that_names_memory_is_refused_before_any_process_is_started(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = TensorProto(name="two", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    weights.external_data.add(key="location", value="*/_ORT_MEM_ADDR_/*")
    weights.external_data.add(key="offset", value=str(id(weights)))
    weights.external_data.add(key="length", value="16")
    save(helper.make_model(helper.make_graph([], "g", [], [], [weights])), model)
    monkeypatch.setattr(processes, "start_python", lambda *_, **__: pytest.fail("a process was started"))
    with pytest.raises(BundleError, match=r"tensor .two. keeps its numbers in .*ORT_MEM_ADDR"):
        import_file(ModelFile(model), tmp_path / "b", OPTIONS)


def test_a_pipe_in_the_place_of_a_model_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "net.onnx")
    with pytest.raises(BundleError, match="is a named pipe or a device"):
        import_file(ModelFile(tmp_path / "net.onnx"), tmp_path / "b", OPTIONS)
    (tmp_path / "net.xml").write_bytes(b"<net></net>")
    os.mkfifo(tmp_path / "net.bin")
    with pytest.raises(BundleError, match=r"net\.bin is a named pipe or a device"):
        import_file(ModelFile(tmp_path / "net.xml"), tmp_path / "b", OPTIONS)
