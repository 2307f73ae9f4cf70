"""What a user sees of a run with a Ray of its own, or without any."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from fashionbatch.errors import FashionBatchError, RuntimeUnavailableError
from fashionbatch.labeling.settings import checked_parameters, in_environment
from fashionbatch.specs import EngineSpec, Resources
from fashionbatch.testing.bundles import class_colour, make_tiny_bundle
from fashionbatch.testing.checks.engine import RecordedShard
from fashionbatch_plugins.engines import register_engines, run_on_ray
from fashionbatch_plugins.on_ray import own
from fashionbatch_plugins.on_ray.parameters import Ray


def run(work: RecordedShard, parameters: Ray) -> None:
    run_on_ray(
        [3, 4],
        work,
        parameters=parameters,
        progress=lambda rows, failed: None,
        stop_signal=lambda: 0,
        resources=Resources(cores=1, accelerators=0, memory=1 << 28),
        say=lambda line: None,
    )


def test_a_machine_without_ray_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RuntimeUnavailableError) as caught:
        run(RecordedShard(tmp_path), Ray())
    assert caught.value.message == "--engine ray needs Ray, which is not installed"
    assert caught.value.hint == "pip install 'fashionbatch[ray]'"


def test_a_cluster_where_nobody_listens_is_named_at_once(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs pip install 'fashionbatch[ray]'")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(FashionBatchError, match=f"cannot reach Ray at {address}: "):
            run(RecordedShard(tmp_path), Ray(address=address))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"address": "ray://head:10001"}, "an address is HOST:PORT or auto"),
        ({"actors": 2, "most_actors": 3}, "leave out least_actors and most_actors"),
        ({"least_actors": 3, "most_actors": 2}, "fewer than least_actors"),
    ],
)
def test_parameters_that_do_not_go_together_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Ray(**given)


@pytest.fixture
def engine() -> EngineSpec:
    return next(spec for spec in register_engines() if spec.name == "ray")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("actors=0", "--engine-set actors=0: actors: must be a whole number (at least 1) or null; got 0"),
        ("actors=two", "--engine-set actors=two: actors: must be a whole number (at least 1) or null; got 'two'"),
        ("actors=1.5", "--engine-set actors=1.5: actors: must be a whole number"),
        ("actor=2", "--engine-set actor=2: actor: unknown key 'actor'; did you mean 'actors'?"),
        ("adress=auto", "did you mean 'address'?"),
        ("cores", "--engine-set cores: must be KEY=VALUE"),
        ("gpus=-1", "--engine-set gpus=-1: gpus: must be a number (at least 0 and at most 64) or null; got -1"),
        ("here=perhaps", "--engine-set here=perhaps: here: must be true or false"),
        ("tries=99", "--engine-set tries=99: tries: must be a whole number, at least 1 and at most 20; got 99"),
    ],
)
def test_a_mistake_in_a_setting_is_named_by_itself(engine: EngineSpec, given: str, said: str) -> None:
    with pytest.raises(FashionBatchError) as caught:
        checked_parameters(engine, [given], "--engine-set")
    assert said in caught.value.message
    assert caught.value.hint == "`fashionbatch plugins show engine ray` says what it takes"


def test_parameters_come_from_the_environment_too_and_the_command_goes_before_it(
    engine: EngineSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASHIONBATCH_RAY_MOST_ACTORS", "4")
    monkeypatch.setenv("FASHIONBATCH_RAY_CORES", "2")
    monkeypatch.setenv("FASHIONBATCH_RAY_ADDRESS", "")
    found = checked_parameters(engine, ["cores=8"], "--engine-set", in_environment(engine))
    assert found == Ray(most_actors=4, cores=8)


def test_a_mistake_in_the_environment_is_named_by_its_variable(
    engine: EngineSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASHIONBATCH_RAY_ACTORS", "many")
    with pytest.raises(FashionBatchError, match="FASHIONBATCH_RAY_ACTORS=many: actors: must be a whole number"):
        checked_parameters(engine, [], "--engine-set", in_environment(engine))


def test_what_a_run_that_was_killed_has_left_goes_with_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own, "_LONGEST_PLACE", 1000)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    names = [f"fb-ray-{ended.pid}-a", f"fb-ray-{os.getpid()}-b", "fb-ray-notes-c", "fb-ray-99999999999999999999-d"]
    for name in names:
        (tmp_path / name / "logs").mkdir(parents=True)
    made = Path(own._folder())
    assert {path.name for path in tmp_path.iterdir()} == {made.name, *names[1:]}


def test_a_ray_of_the_runs_own_lets_in_this_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "_password", {})
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert own.password() == {}, "what the user has set stays"
    monkeypatch.delenv("RAY_AUTH_MODE")
    given = dict(own.password())
    assert given["RAY_AUTH_MODE"] == "token"
    assert len(given["RAY_AUTH_TOKEN"]) == 64
    # Ray has read it: the next run of this process cannot have another.
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace())
    assert own.password() == given
    monkeypatch.setattr(own, "_password", {})
    assert own.password() == {}, "it was imported without one"


def test_helpers_are_spared_while_ray_starts_and_no_longer() -> None:
    class Node:
        def start_monitor(self) -> str:
            return "started"

        def start_raylet(self) -> str:
            return "started"

    ray = SimpleNamespace(_private=SimpleNamespace(node=SimpleNamespace(Node=Node)))
    with own.without_helpers(ray):
        assert (Node().start_monitor(), Node().start_raylet()) == (None, "started")
    assert Node().start_monitor() == "started"
    with own.without_helpers(SimpleNamespace()):
        pass


@pytest.mark.slow
def test_a_run_with_a_ray_of_its_own_is_quiet_private_and_leaves_nothing(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="needs pip install 'fashionbatch[ray]'")
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(9):
        Image.new("RGB", (8, 8), class_colour(number % 3, 3)).save(photos / f"{number}.png")
    (tmp_path / "site").mkdir()
    # Each Python that Ray starts notes what it was told of usage statistics and of who is let in.
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import os, sys\nnames = 'RAY_USAGE_STATS_ENABLED', 'RAY_AUTH_MODE', 'RAY_AUTH_TOKEN'\n"
        "with open(os.environ['SEEN'], 'a') as file:\n"
        "    print(*(os.environ.get(name, 'unset') for name in names), *sys.orig_argv, file=file)\n"
    )
    seen, mark = tmp_path / "seen", f"ON_RAY={tmp_path}"
    given: list[str | Path] = [
        "classify",
        photos,
        "-b",
        make_tiny_bundle(tmp_path / "tiny"),
        "-o",
        "labels.csv",
        "--engine",
        "ray",
    ]
    given += ["--engine-set", "here=false"]
    (tmp_path / "home").mkdir()
    before = set(Path("/tmp").glob("fb-ray-*"))
    done = subprocess.run(
        [sys.executable, "-m", "fashionbatch", *given],
        env={
            **os.environ,
            "HOME": str(tmp_path / "home"),
            "PYTHONPATH": str(tmp_path / "site"),
            "SEEN": str(seen),
            "ON_RAY": str(tmp_path),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("labeling: ")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("Labeling 9 files")
    assert "raylet" not in done.stdout.lower()
    words = [line.split() for line in seen.read_text().splitlines()]
    # The command itself and its decode workers are started before Ray is.
    assert {told[0] for told in words} == {"unset", "0"}
    of_ray = [told for told in words if told[0] == "0"]
    assert {told[1] for told in of_ray} == {"token"}
    [token] = {told[2] for told in of_ray}
    assert len(token) == 64
    assert token not in done.stdout + done.stderr + " ".join(word for told in words for word in told[3:])
    programs = {Path(word).name for told in of_ray for word in told if word.endswith(".py")}
    assert "default_worker.py" in programs
    assert not programs & {"monitor.py", "dashboard.py", "log_monitor.py"}
    assert not (tmp_path / "home" / ".ray").exists()
    left = [path for path in Path("/proc").glob("[0-9]*/environ") if mark.encode() in readable(path)]
    assert not left
    assert set(Path("/tmp").glob("fb-ray-*")) <= before
    made = {path.name for path in tmp_path.iterdir()} - {"photos", "site", "seen", "tiny", "home"}
    assert made == {"labels.csv", "labels.csv.meta.json", "labels.csv.files"}


def readable(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
