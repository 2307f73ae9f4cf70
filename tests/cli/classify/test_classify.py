from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from fashionbatch import cli
from fashionbatch.testing.bundles import class_colour, make_tiny_bundle

Classify = Callable[..., int]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, number in {"a.png": 0, "b.png": 1, "c.png": 1}.items():
        Image.new("RGB", (8, 8), class_colour(number, 3)).save(folder / name)
    return folder


@pytest.fixture
def classify(bundle: Path, photos: Path, tmp_path: Path) -> Classify:
    """Run `fashionbatch classify photos -b bundle -o labels.csv -j 1 MORE...`; gives the exit code."""

    def run(*more: str, output: Path = tmp_path / "labels.csv", name: str = str(bundle)) -> int:
        return cli._run(["classify", str(photos), "-b", name, "-o", str(output), "-j", "1", *more])

    return run


def test_photos_that_lack_rows_are_accepted_on_request_and_counted(
    classify: Classify, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], images_factory: ModuleType
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (160, 160, 3), np.uint8)
    whole = images_factory.encode(noise, "JPEG")
    (photos / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (photos / "endless.jpg").write_bytes(whole[:-2])
    assert classify() == 0
    assert capsys.readouterr().out.splitlines()[0].endswith("4 ok (1 with a note), 1 error")
    assert classify("--accept-truncated", "0.7", "--overwrite") == 0
    assert capsys.readouterr().out.splitlines()[0].endswith("5 ok (2 with a note)")
    assert "rows are missing (" in (tmp_path / "labels.csv").read_text()
    assert classify("--accept-truncated", "1.5", "--overwrite") == 2
    assert "1.5" in capsys.readouterr().err


def test_says_first_what_it_does_and_last_what_came_of_it(
    classify: Classify, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "broken.jpg").touch()
    assert classify() == 0
    said = capsys.readouterr()
    first = said.err.splitlines()[0]
    assert first.startswith(
        f"Labeling 4 files (227 B) of {photos}; with bundle tiny (3 classes), openvino in float32: "
    )
    summary = said.out.splitlines()
    assert summary[0].startswith(f"{tmp_path / 'labels.csv'}: 4 rows in ")
    assert summary[0].endswith("3 ok, 1 error")
    assert [line.split() for line in summary[1:]] == [
        ["label", "files", "share"],
        ["green", "2", "66.7%"],
        ["red", "1", "33.3%"],
    ]


def test_one_row_is_one_row_and_a_run_of_a_moment_has_no_rate(
    classify: Classify, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert classify("--limit", "1") == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"{tmp_path / 'labels.csv'}: 1 row in ")
    assert "/s" not in said.out.splitlines()[0]
    assert said.err.startswith("Labeling 1 file (")


def test_shares_of_several_labels_are_of_photos(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    several = make_tiny_bundle(tmp_path / "several", decoding="several_of_many", thresholds=(0.0, 0.0, 1.0))
    assert cli._run(["classify", str(photos), "-b", str(several), "-o", str(tmp_path / "several.csv"), "-j", "1"]) == 0
    assert sorted(line.split() for line in capsys.readouterr().out.splitlines()[2:]) == [
        ["green", "3", "100.0%"],
        ["red", "3", "100.0%"],
    ]


def test_the_table_is_what_the_options_ask_for(classify: Classify, tmp_path: Path) -> None:
    assert classify("--topk", "2", "--limit", "1", "-q") == 0
    table = (tmp_path / "labels.csv").read_text().splitlines()
    assert table[0] == "filepath,status,error,label,prob,top2_label,top2_prob"
    assert table[1].startswith("a.png,ok,,red,0.99")
    assert len(table) == 2


def test_quiet_prints_nothing(classify: Classify, capsys: pytest.CaptureFixture[str]) -> None:
    assert classify("-q") == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


def test_strict_makes_rows_without_label_an_exit_code_of_its_own(
    classify: Classify, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert classify("--strict") == 0
    (photos / "broken.jpg").touch()
    assert classify("--strict", "--overwrite") == 4
    assert (tmp_path / "labels.csv").read_text().count("\n") == 5
    assert "1 of 4 files could not be labeled" in capsys.readouterr().err


def test_a_number_of_images_given_as_the_bundle_is_understood(
    classify: Classify, capsys: pytest.CaptureFixture[str]
) -> None:
    assert classify(name="256") == 1
    assert "--batch-size 256" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("-j", "0"),
        ("--batch-size", "no"),
        ("--timeout", "0"),
        ("--timeout", "nan"),
        ("--threshold", "2"),
        ("--threshold", "nan"),
        ("--precision", "float16"),
        ("--what",),
        ("second.jpg",),
    ],
)
def test_wrong_usage_has_exit_code_2(classify: Classify, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert classify(*arguments) == 2
    assert os.listdir(tmp_path) == ["photos"]


def test_an_existing_output_is_the_users_decision(classify: Classify, tmp_path: Path) -> None:
    assert classify() == 0
    assert classify() == 1
    assert classify("--overwrite") == 0


def test_neither_tensorflow_nor_pandas_is_imported(
    bundle: Path, photos: Path, tmp_path: Path, run_python: Callable[[str], str]
) -> None:
    arguments = ["classify", str(photos), "-b", str(bundle), "-o", str(tmp_path / "labels.csv"), "-q"]
    heavy = ("tensorflow", "keras", "pandas", "sklearn", "matplotlib", "pyarrow", "scipy")
    code = f"import sys; from fashionbatch import cli; assert cli._run({arguments!r}) == 0; "
    assert run_python(code + f"print([name for name in {heavy!r} if name in sys.modules])").strip() == "[]"


def test_a_folder_whose_name_is_not_utf_8_can_be_labeled(
    bundle: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = photos.rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    output = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.csv"))
    assert cli._run(["classify", str(odd), "-b", str(bundle), "-o", str(output), "-j", "1"]) == 0
    assert output.read_bytes().count(b"\n") == 4


def test_embeddings_are_written_beside_the_table_and_said(
    classify: Classify, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert classify("--embeddings", str(tmp_path / "labels.npy")) == 0
    assert "labels.npy: 3 rows of 3 features" in capsys.readouterr().out.splitlines()
    found = np.load(tmp_path / "labels.npy", allow_pickle=False)
    np.testing.assert_allclose(found, [class_colour(number, 3) for number in (0, 1, 1)], atol=1e-3)


def test_another_ending_of_embeddings_is_a_usage_error(
    classify: Classify, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert classify("--embeddings", str(tmp_path / "labels.txt")) == 2
    assert "labels.txt' must end in .npy or .parquet" in " ".join(capsys.readouterr().err.split())
    assert os.listdir(tmp_path) == ["photos"]


def test_a_dry_run_writes_no_embeddings(classify: Classify, tmp_path: Path) -> None:
    assert classify("--embeddings", str(tmp_path / "labels.npy"), "--dry-run") == 0
    assert os.listdir(tmp_path) == ["photos"]


# ---------------------------------------------------------------------------------------------- wrong on this machine

WRONG_RUNTIME = """
from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import RuntimeSpec
from fashionbatch_plugins.runtimes import OpenVinoRuntime


class Wrong(OpenVinoRuntime):
    def collect(self, *, wait):
        return [(key, FAULT) for key, rows in super().collect(wait=wait)]


@hookimpl
def register_runtimes():
    yield RuntimeSpec(name="wrong", summary="For tests.", precisions=lambda device: ("float32",), open=Wrong)
"""


@pytest.mark.parametrize("fault", ["rows[[1, 0, *range(2, len(rows))]]", "rows * 0 + 1 / 3"], ids=["swaps", "constant"])
def test_a_runtime_that_computes_wrongly_makes_no_table(
    classify: Classify,
    add_distribution: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    fault: str,
) -> None:
    add_distribution("wrong-fb", {"wrong_fb": WRONG_RUNTIME.replace("FAULT", fault)}, {"wrong": "wrong_fb"})
    assert classify("--runtime", "wrong") == 1
    said = capsys.readouterr()
    assert "runtime 'wrong' in float32 does not compute what bundle tiny gave when it was made" in said.err
    assert "Traceback" not in said.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "site-wrong-fb"]
    assert classify("-q") == 0


def test_a_network_that_was_exchanged_under_a_right_digest_makes_no_table(
    classify: Classify, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = make_tiny_bundle(tmp_path / "damaged")
    weights = bytearray((damaged / "model.bin").read_bytes())
    weights[16:40] = weights[40:64]
    (damaged / "model.bin").write_bytes(weights)
    document = json.loads((damaged / "bundle.json").read_text(encoding="utf-8"))
    document["files"]["model.bin"]["sha256"] = hashlib.sha256(weights).hexdigest()
    (damaged / "bundle.json").write_text(json.dumps(document), encoding="utf-8")
    assert classify(name=str(damaged)) == 1
    assert "the bundle's network is another one than it was" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged", "photos"]


def test_int8_asked_of_a_bundle_without_it_is_one_clear_error(
    classify: Classify, capsys: pytest.CaptureFixture[str]
) -> None:
    assert classify("--precision", "int8") == 1
    assert "bundle tiny holds no graph for int8, only for float32 and bfloat16" in capsys.readouterr().err


def test_int8_gives_the_labels_of_float32_and_embeddings_near_its_own(
    classify: Classify, int8_bundle: Path, tmp_path: Path
) -> None:
    tables, rows = {}, {}
    for precision in ("float32", "int8"):
        place, features = tmp_path / f"{precision}.csv", tmp_path / f"{precision}.npy"
        more = ("--precision", precision, "--embeddings", str(features))
        assert classify(*more, output=place, name=str(int8_bundle)) == 0
        with open(place, encoding="utf-8", newline="") as file:
            tables[precision] = [(row["filepath"], row["label"]) for row in csv.DictReader(file)]
        rows[precision] = np.load(features)
    assert tables["int8"] == tables["float32"]
    assert '"int8"' in (tmp_path / "int8.csv.meta.json").read_text(encoding="utf-8")
    np.testing.assert_allclose(rows["int8"], rows["float32"], atol=2)  # of 255: 8 bits are steps of one


def test_int8_labels_alike_with_embeddings_and_without(classify: Classify, int8_bundle: Path, tmp_path: Path) -> None:
    plain, beside = tmp_path / "plain.csv", tmp_path / "beside.csv"
    assert classify("--precision", "int8", output=plain, name=str(int8_bundle)) == 0
    more = ("--precision", "int8", "--embeddings", str(tmp_path / "rows.npy"))
    assert classify(*more, output=beside, name=str(int8_bundle)) == 0
    assert plain.read_bytes() == beside.read_bytes()


BFLOAT16_RUNTIME = """
from dataclasses import replace
from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import RuntimeSpec
from fashionbatch_plugins.runtimes import OpenVinoRuntime


@hookimpl
def register_runtimes():
    yield RuntimeSpec(
        name="called_bfloat16",
        summary="Says bfloat16 and computes float32, which every CPU does.",
        precisions=lambda device: ("float32", "bfloat16"),
        open=lambda request: OpenVinoRuntime(replace(request, precision="float32")),
    )
"""


def test_labels_are_decided_by_the_thresholds_for_the_precision(
    classify: Classify, add_distribution: Callable[..., Path], tmp_path: Path
) -> None:
    add_distribution("bf-fb", {"bf_fb": BFLOAT16_RUNTIME}, {"bf": "bf_fb"})
    bundle = make_tiny_bundle(tmp_path / "several", decoding="several_of_many", thresholds=[0.5, 0.5, 0.5])
    document = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    document["decision"]["thresholds"]["bfloat16"] = [1.0, 0.5, 0.001]
    (bundle / "bundle.json").write_text(json.dumps(document), encoding="utf-8")
    labels = {}
    for precision in ("float32", "bfloat16"):
        table = tmp_path / f"{precision}.csv"
        more = ("--runtime", "called_bfloat16", "--precision", precision, "-q")
        assert classify(*more, name=str(bundle), output=table) == 0
        labels[precision] = [line.split(",")[3] for line in table.read_text(encoding="utf-8").splitlines()[1:]]
    assert labels == {"float32": ["red", "green", "green"], "bfloat16": ["blue", "green|blue", "green|blue"]}
