"""A plugin that fails, in whichever function: one error that names it, exit 1, and the traceback in a file."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from fashionbatch.recipe.find import recipes_directory
from fashionbatch.testing.bundles import class_colour, make_tiny_bundle

HEAD = """
from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import ArchitectureSpec, AugmentationSpec, DatasetSpec, EngineSpec, HeadSpec, LossSpec
from fashionbatch.specs import RuntimeSpec, Samples, WriterSpec
"""


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    exit_code: int
    out: str
    error: str

    @property
    def traceback(self) -> str:
        """What the file holds that the error names."""
        found = re.search(r"the traceback is in (\S+)", self.error)
        assert found, self.error
        return Path(found[1]).read_text(encoding="utf-8")


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `fashionbatch` with plugins installed: `run("plugins", "list", shoes=source)`."""

    def run(*arguments: str, environment: dict[str, str] | None = None, **plugins: str) -> Done:
        site = tmp_path / "site"
        for name, source in plugins.items():
            wheel_installed(site, name, source)
        done = subprocess.run(
            [sys.executable, "-m", "fashionbatch", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(site), "TMPDIR": str(tmp_path), **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


def wheel_installed(site: Path, name: str, source: str, version: str = "1.2") -> None:
    """What an installer leaves of a wheel: the module, and the metadata with its entry point."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (site / f"{name}.py").write_text(source, encoding="utf-8")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[fashionbatch]\n{name} = {name}\n", encoding="utf-8")
    (info / "RECORD").write_text(f"{name}.py,,\n{info.name}/METADATA,,\n{info.name}/entry_points.txt,,\n")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundle") / "bundle")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(6):
        Image.new("RGB", (8, 8), class_colour(number % 3, 3)).save(folder / f"{number}.png")
    return folder


def assert_blamed(done: Done, said: str, source: str = "shoes.py") -> None:
    """One error, as `said`, of the plugin; exit 1; and no traceback but in the file that it names."""
    assert done.exit_code == 1, done.error
    assert said in done.error
    assert "a bug in fashionbatch" not in done.error
    assert "Traceback" not in done.error
    assert "Traceback" in done.traceback
    assert source in done.traceback


# ----------------------------------------------------------------------------------------------------- labeling

ECHO = (
    HEAD
    + """
class Echo:
    slots, version = 2, "echo 1"
    def __init__(self, request):
        import openvino as ov
        self.request, self.waiting = request, []
        self.network = ov.Core().compile_model(str(request.graph), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        OPEN
    def submit(self, key, batch):
        SUBMIT
        self.waiting.append((key, self.network(batch)[0].copy()))
    def collect(self, *, wait):
        COLLECT
        done, self.waiting = self.waiting, []
        return done
    def close(self):
        CLOSE
def precisions(device):
    PRECISIONS
    return ("float32",)
@hookimpl
def register_runtimes():
    yield RuntimeSpec(name="echo", summary="Echo.", precisions=precisions, open=Echo)
"""
)
PLACES = ("OPEN", "SUBMIT", "COLLECT", "CLOSE", "PRECISIONS")


def echo(**places: str) -> str:
    source = ECHO
    for place in PLACES:
        source = source.replace(place, places.get(place, "pass"))
    return source


def test_a_strangers_runtime_labels(run: Run, bundle: Path, photos: Path, tmp_path: Path) -> None:
    done = run("classify", "photos", "-b", str(bundle), "-o", "labels.csv", "--runtime", "echo", shoes=echo())
    assert done.exit_code == 0, done.error
    with open(tmp_path / "labels.csv", newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["ok"] * 6


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (echo(OPEN="raise OSError('no driver')"), "open failed: OSError: no driver"),
        (echo(SUBMIT="raise SystemExit(7)"), "submit failed: SystemExit: 7"),
        (echo(COLLECT="raise KeyboardInterrupt"), "collect failed: KeyboardInterrupt"),
        (echo(CLOSE="{}['memory']"), "close failed: KeyError: 'memory'"),
        (echo(PRECISIONS="import no_such_library"), "precisions failed: ModuleNotFoundError: No module named 'no_such"),
    ],
)
def test_a_runtime_that_raises(run: Run, bundle: Path, photos: Path, source: str, said: str) -> None:
    done = run("classify", "photos", "-b", str(bundle), "-o", "labels.csv", "--runtime", "echo", shoes=source)
    assert_blamed(done, f"error: plugin shoes 1.2 (runtime 'echo'): {said}")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "return [(key, answers[:, :2]) for key, answers in self.waiting]",
            "collect gave float32 (8, 2) for a batch; expected float32 (8, 3)",
        ),
        ("return []", "collect gave nothing, although 1 batches are due"),
    ],
)
def test_a_runtime_that_answers_wrongly(run: Run, bundle: Path, photos: Path, statement: str, said: str) -> None:
    source = echo(COLLECT=statement)
    done = run("classify", "photos", "-b", str(bundle), "-o", "labels.csv", "--runtime", "echo", shoes=source)
    assert done.exit_code == 1, done.error
    assert f"error: plugin shoes 1.2 (runtime 'echo'): {said}" in done.error


TABS = (
    HEAD
    + """
def encode(columns, rows):
    for row in rows:
        ENCODE
    return b""
def assemble(columns, shards, file):
    for shard in shards:
        ASSEMBLE
@hookimpl
def register_writers():
    yield WriterSpec(name="tabs", summary="Tabs.", suffix=".tsv", encode=encode, assemble=assemble)
"""
)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (TABS.replace("ENCODE", "raise SystemExit").replace("ASSEMBLE", "pass"), "encode failed: SystemExit"),
        (TABS.replace("ENCODE", "pass").replace("ASSEMBLE", "1 / 0"), "assemble failed: ZeroDivisionError"),
        (
            TABS.replace("    for row in rows:\n        ENCODE", "    import no_such_library").replace(
                "ASSEMBLE", "pass"
            ),
            "encode failed: ModuleNotFoundError: No module named 'no_such_library'\n"
            "  hint: install what provides the module 'no_such_library' into this environment",
        ),
    ],
)
def test_a_writer_that_raises(run: Run, bundle: Path, photos: Path, source: str, said: str) -> None:
    done = run("classify", "photos", "-b", str(bundle), "-o", "labels.tsv", shoes=source)
    assert_blamed(done, f"error: plugin shoes 1.2 (writer 'tabs'): {said}")


@pytest.mark.parametrize(("result", "kind"), [("'a'", "str"), ("None", "NoneType")])
def test_a_writer_that_gives_no_bytes(run: Run, bundle: Path, photos: Path, result: str, kind: str) -> None:
    source = TABS.replace("ENCODE", "pass").replace("ASSEMBLE", "pass").replace('return b""', f"return {result}")
    done = run("classify", "photos", "-b", str(bundle), "-o", "labels.tsv", shoes=source)
    assert done.exit_code == 1
    assert f"error: plugin shoes 1.2 (writer 'tabs'): encode returned {kind}; expected bytes" in done.error


ENGINE = (
    HEAD
    + """
def run(shards, run_shard):
    RUN
@hookimpl
def register_engines():
    yield EngineSpec(name="odd", summary="Odd.", run=run)
"""
)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("raise ConnectionError('no cluster')", "run failed: ConnectionError: no cluster"),
        ("import sys; sys.exit('no cluster')", "run failed: SystemExit: no cluster"),
    ],
)
def test_an_engine_that_raises(run: Run, bundle: Path, photos: Path, statement: str, said: str) -> None:
    source = ENGINE.replace("RUN", statement)
    done = run("classify", "photos", "-b", str(bundle), "-o", "labels.csv", "--engine", "odd", shoes=source)
    assert_blamed(done, f"error: plugin shoes 1.2 (engine 'odd'): {said}")


def test_an_engine_that_leaves_shards_out(run: Run, bundle: Path, photos: Path) -> None:
    source = ENGINE.replace("RUN", "return")
    done = run("classify", "photos", "-b", str(bundle), "-o", "labels.csv", "--engine", "odd", shoes=source)
    assert done.exit_code == 1
    assert "error: plugin shoes 1.2 (engine 'odd'): run left 1 of 1 shards undone\n  hint: " in done.error


@pytest.mark.parametrize("raised", ["ValueError('no mail')", "SystemExit('no mail')"])
def test_a_hook_that_raises_after_labeling_is_a_warning_and_the_table_stays(
    run: Run, bundle: Path, photos: Path, tmp_path: Path, raised: str
) -> None:
    source = HEAD + f"@hookimpl\ndef labeling_finished(report):\n    raise {raised}\n"
    done = run("classify", "photos", "-b", str(bundle), "-o", "labels.csv", shoes=source)
    assert done.exit_code == 0, done.error
    kind = raised.partition("(")[0]
    assert f"warning: plugin 'shoes' of shoes 1.2: labeling_finished failed: {kind}: no mail" in done.error
    assert "shoes.py" in done.traceback
    assert (tmp_path / "labels.csv").is_file()


# ------------------------------------------------------------------------------------------------------- clashes

GREEDY = (
    HEAD
    + """
def fail(*_, **__): raise RuntimeError("a stranger was called")
@hookimpl
def register_runtimes():
    yield RuntimeSpec(name="openvino", summary="Mine.", precisions=fail, open=fail)
@hookimpl
def register_writers():
    yield WriterSpec(name="csv", summary="Mine.", suffix=".csv", encode=fail, assemble=fail)
@hookimpl
def register_engines():
    yield EngineSpec(name="local", summary="Mine.", run=fail)
@hookimpl
def register_datasets():
    yield DatasetSpec(name="fashion_mnist_sample", summary="Mine.", load=fail)
    yield DatasetSpec(name="npz", summary="Mine.", load=fail)
@hookimpl
def register_architectures():
    for name in ("cnn", "mini_vgg"):
        yield ArchitectureSpec(name=name, summary="Mine.", build=fail)
@hookimpl
def register_heads():
    yield HeadSpec(name="multiclass", summary="Mine.", decoding="one_of_many", default_loss="mine", build=fail)
@hookimpl
def register_losses():
    yield LossSpec(name="categorical_crossentropy", summary="Mine.", decodings=("one_of_many",), build=fail)
@hookimpl
def register_augmentations():
    for name in ("random_flip", "random_rotation"):
        yield AugmentationSpec(name=name, summary="Mine.", build=fail)
"""
)
"""A package that claims the names of built-ins."""


def test_a_package_that_claims_our_names_does_not_break_plain_classify(
    run: Run, bundle: Path, photos: Path, tmp_path: Path
) -> None:
    done = run("classify", "photos", "-b", str(bundle), "-o", "labels.csv", greedy=GREEDY)
    assert done.exit_code == 0, done.error
    with open(tmp_path / "labels.csv", newline="") as file:
        assert [row["label"] for row in csv.DictReader(file)] == ["red", "green", "blue"] * 2


@pytest.mark.parametrize(
    ("written", "what"),
    [
        (("--format", "csv"), "writer 'csv'"),
        (("--runtime", "openvino"), "runtime 'openvino'"),
        (("--engine", "local"), "engine 'local'"),
    ],
)
def test_who_writes_the_name_is_told_who_claims_it(
    run: Run, bundle: Path, photos: Path, written: tuple[str, str], what: str
) -> None:
    done = run("classify", "photos", "-b", str(bundle), "-o", "labels.csv", *written, greedy=GREEDY)
    assert done.exit_code == 1
    name = written[1]
    assert f"error: {what} is claimed by fashionbatch and greedy\n" in done.error
    assert f"hint: write 'fashionbatch/{name}' or 'greedy/{name}'" in done.error


def test_a_shipped_recipe_means_the_built_ins_and_a_recipe_of_ones_own_must_say(run: Run, tmp_path: Path) -> None:
    shipped = run("recipe", "check", "quickstart", greedy=GREEDY)
    assert shipped.exit_code == 0, shipped.error
    resolved = run("recipe", "show", "quickstart")
    assert "greedy/" not in resolved.out
    text = (recipes_directory() / "quickstart.yaml").read_text(encoding="utf-8")
    (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
    own = run("recipe", "check", "own.yaml")
    assert own.exit_code == 1
    assert "is claimed by fashionbatch and greedy; write 'fashionbatch/" in own.error
    (tmp_path / "heir.yaml").write_text(f"extends: {recipes_directory() / 'quickstart.yaml'}\nname: heir\n")
    heir = run("recipe", "check", "heir.yaml")
    assert heir.exit_code == 0, heir.error


def test_an_ending_that_no_format_has_is_an_error_and_no_csv(
    run: Run, bundle: Path, photos: Path, tmp_path: Path
) -> None:
    done = run("classify", "photos", "-b", str(bundle), "-o", "labels.ods")
    assert done.exit_code == 1
    assert "error: no format has the ending '.ods'; there are: .csv, .jsonl, .parquet, .xlsx\n" in done.error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos"]


def test_the_schema_of_recipes_stays_json_whatever_a_plugin_prints(run: Run) -> None:
    done = run("recipe", "schema", loud="print('hello')\n" + GREEDY)
    assert done.exit_code == 0, done.error
    assert json.loads(done.out)["title"].startswith("FashionBatch recipe")
    assert "hello" in done.error
