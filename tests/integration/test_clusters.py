"""The examples of docs/clusters.md and the Dockerfile: run where they can be, and checked by their own linters."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from fashionbatch.labels.columns import LABEL, PATH
from fashionbatch.labels.reader import TableReader
from fashionbatch.testing.bundles import class_colour, make_tiny_bundle

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
SLURM = EXAMPLES / "label.sbatch"
ARRAY_OF_TWO = {"SLURM_ARRAY_TASK_COUNT": "2", "SLURM_ARRAY_TASK_MIN": "1", "SLURM_ARRAY_TASK_MAX": "2"}
COMMAND = f"#!/bin/sh\nexec '{sys.executable}' -m fashionbatch \"$@\"\n"
# As `classify` does: the signal is heeded after a while, and the exit code says that it came.
STOPPED_COMMAND = "#!/bin/bash\ntrap 'sleep 0.3; exit 143' TERM\ntouch started\nwhile true; do sleep 0.05; done\n"
# Its first act is Slurm's signal to the script, which may not even know this process's number yet.
SIGNALLING_COMMAND = "#!/bin/sh\ntrap 'exit 143' TERM\nkill -TERM $PPID\nwhile true; do sleep 0.05; done\n"
# Makes the script read that number late: half a second after the command began.
SLOWLY = """trap '[ "$BASH_COMMAND" != "labeling=\\$!" ] || sleep 0.5' DEBUG\n"""
# Sends it to the script that waits for it, and is done, as if the last shard had just been finished.
DONE_COMMAND = """#!/bin/sh
trap 'exit 0' TERM
while [ ! -e waiting ]; do sleep 0.05; done
sleep 0.2
kill -TERM $PPID
while true; do sleep 0.05; done
"""
# Says when the script begins to wait, and makes it look at what came of that only when the command has ended.
LATE = """trap 'case "$BASH_COMMAND" in
    wait*) touch waiting ;;
    code=\\$\\?) while kill -0 "$labeling" 2>/dev/null; do sleep 0.05; done ;;
esac' DEBUG
"""
SHOWN_COMMAND = '#!/bin/sh\necho "$@"\n'
SCONTROL = '#!/bin/sh\necho "$@" >requeued\n'


class Cluster:
    """Runs the array's tasks as Slurm would, with commands of the test's own on the path."""

    def __init__(self, folder: Path, command: str) -> None:
        self.folder = folder
        programs = folder / "programs"
        programs.mkdir()
        for name, text in (("fashionbatch", command), ("scontrol", SCONTROL)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        self._path = f"{programs}{os.pathsep}{os.environ['PATH']}"

    def start(self, task: int, *arguments: str, variables: Mapping[str, str] = ARRAY_OF_TWO) -> subprocess.Popen[str]:
        of_task = {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_JOB_ID": "77", "PATH": self._path, **variables}
        return subprocess.Popen(
            ["bash", SLURM, *arguments],
            cwd=self.folder,
            env={**os.environ, **of_task},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def run(self, task: int, *arguments: str, variables: Mapping[str, str] = ARRAY_OF_TWO) -> tuple[int, str, str]:
        return ended(self.start(task, *arguments, variables=variables))


def test_the_tasks_of_an_array_label_their_parts_and_merge_joins_them(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(2_002):
        Image.new("RGB", (8, 8), class_colour(number % 3, 3)).save(tmp_path / "photos" / f"{number:04}.png")
    make_tiny_bundle(tmp_path / "bundle")
    cluster = Cluster(tmp_path, COMMAND)
    options = ("-b", "bundle", "-o", "labels.csv", "--quiet", "--workers", "1")
    for task in (1, 2):
        code, _, err = cluster.run(task, "photos", *options)
        assert (code, err) == (0, "")
    merge = [sys.executable, "-m", "fashionbatch", "merge", "labels.csv", "--quiet"]
    subprocess.run(merge, cwd=tmp_path, check=True)
    with TableReader(tmp_path / "labels.csv") as table:
        path, label = table.column(PATH), table.column(LABEL)
        found = [(row[path], row[label]) for row in table.rows()]
    names = ("red", "green", "blue")
    assert found == [(f"{number:04}.png", names[number % 3]) for number in range(2_002)]


def test_a_task_that_slurm_stops_goes_back_into_the_queue(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, STOPPED_COMMAND)
    process = cluster.start(2, "photos")
    while not (tmp_path / "started").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    code, _, err = ended(process)
    assert (code, err) == (0, "")
    assert (tmp_path / "requeued").read_text() == "requeue 77_2\n"


def test_a_signal_that_comes_while_the_command_is_being_started_reaches_it(tmp_path: Path) -> None:
    (tmp_path / "slowly").write_text(SLOWLY)
    cluster = Cluster(tmp_path, SIGNALLING_COMMAND)
    code, _, err = cluster.run(1, "photos", variables={**ARRAY_OF_TWO, "BASH_ENV": str(tmp_path / "slowly")})
    assert (code, err) == (0, "")
    assert (tmp_path / "requeued").read_text() == "requeue 77_1\n"


def test_a_signal_that_comes_when_the_command_is_done_puts_nothing_back_into_the_queue(tmp_path: Path) -> None:
    (tmp_path / "late").write_text(LATE)
    cluster = Cluster(tmp_path, DONE_COMMAND)
    code, _, err = cluster.run(1, "photos", variables={**ARRAY_OF_TWO, "BASH_ENV": str(tmp_path / "late")})
    assert (code, err) == (0, "")
    assert not (tmp_path / "requeued").exists()


@pytest.mark.parametrize("code", [0, 1, 4])
def test_a_task_ends_as_the_command_does(code: int, tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, f"#!/bin/sh\nexit {code}\n")
    assert cluster.run(1, "photos") == (code, "", "")
    assert not (tmp_path / "requeued").exists()


def test_some_parts_of_an_array_are_started_again_by_their_number(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, SHOWN_COMMAND)
    of_some = {"SLURM_ARRAY_TASK_COUNT": "2", "SLURM_ARRAY_TASK_MIN": "3", "SLURM_ARRAY_TASK_MAX": "5"}
    code, out, err = cluster.run(5, "my photos", "-b", "bundle", variables={**of_some, "PARTS": "8"})
    assert (code, out, err) == (0, "classify my photos -b bundle --shard 5/8\n", "")
    # Without PARTS they would be taken for other parts of the folder.
    code, out, err = cluster.run(5, "photos", variables=of_some)
    assert (code, out) == (2, "")
    assert "give --array=1-N" in err


def test_the_script_says_how_it_is_started(tmp_path: Path) -> None:
    code, _, err = Cluster(tmp_path, SHOWN_COMMAND).run(1, "photos", variables={"SLURM_ARRAY_TASK_ID": ""})
    assert code == 1
    assert "start this script by sbatch --array=1-N" in err


def test_each_pod_labels_its_part_and_merge_finds_the_same_table() -> None:
    [job] = documents(EXAMPLES / "kubernetes.yaml")
    [merging] = documents(EXAMPLES / "kubernetes-merge.yaml")
    count = job["spec"]["completions"]
    assert job["spec"]["completionMode"] == "Indexed"
    [container] = job["spec"]["template"]["spec"]["containers"]
    shell, option, line = container["command"]
    parts = []
    for index in range(count):
        shown = subprocess.run(
            [shell, option, line.replace("exec fashionbatch", "echo")],
            env={"JOB_COMPLETION_INDEX": str(index)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        parts.append(shown[shown.index("--shard") + 1])
        [merged] = merging["spec"]["template"]["spec"]["containers"]
        assert shown[shown.index("-o") + 1] == merged["args"][1]
    assert parts == [f"{number}/{count}" for number in range(1, count + 1)]


@pytest.mark.parametrize("name", ["kubernetes.yaml", "kubernetes-merge.yaml"])
def test_the_manifests_follow_the_schema_of_kubernetes(name: str) -> None:
    validation = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for document in documents(EXAMPLES / name):
        validation.validate(document, validation.latest_version(), strict=True)


@pytest.mark.parametrize(
    ("linter", "arguments"),
    [
        ("shellcheck", [str(SLURM)]),
        ("hadolint", [str(ROOT / "Dockerfile")]),
    ],
)
def test_the_examples_linters_find_nothing(linter: str, arguments: list[str]) -> None:
    program = shutil.which(linter, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        pytest.skip(f"{linter} is not installed")
    found = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def test_the_image_keeps_no_cache_runs_as_no_root_and_copies_what_is_built() -> None:
    lines = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ").splitlines()
    told = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    bases = {text.split()[0] for word, text in told if word == "FROM"}
    assert bases == {"python:3.12-slim-bookworm"}
    assert all("--no-cache-dir" in text for word, text in told if word == "RUN" and "pip install" in text)
    *_, entry = [index for index, (word, _) in enumerate(told) if word == "ENTRYPOINT"]
    assert ["USER", "1000:1000"] in told[:entry]
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert {"!fashionbatch", "!plugins", "!recipes", "!packaging", "!pyproject.toml"} <= set(ignored)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Gives the exit code, stdout and stderr of a task of :meth:`Cluster.start`; leaves nothing of it running."""
    try:
        out, err = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return process.returncode, out, err


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text("utf-8")))
