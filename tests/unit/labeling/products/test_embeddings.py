"""`--embeddings`: a row of features for each row of the table, in a file that keeps all the table's promises."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fashionbatch.errors import FashionBatchError, InterruptedRunError, OutputError, RuntimeUnavailableError
from fashionbatch.labeling import checks, load
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.merge import merge
from fashionbatch.labeling.options import LabelOptions, Part
from fashionbatch.labeling.products import embeddings
from fashionbatch.labeling.run import label, label_part
from fashionbatch.registry import Registry
from fashionbatch.specs import RuntimeSpec
from fashionbatch.testing.bundles import class_colour, make_tiny_bundle

Paint = Callable[[Mapping[str, int]], Path]
MakeOptions = Callable[..., LabelOptions]


@pytest.fixture
def folder(paint: Paint, small_shards: None) -> Path:
    """65 photos and a broken one, in several shards."""
    painted = paint({f"{number:02}.png": number % 3 for number in range(65)})
    (painted / "30.png").write_bytes(b"broken")
    return painted


@pytest.fixture
def npy(tmp_path: Path) -> Path:
    return tmp_path / "labels.npy"


def read(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_each_row_of_the_table_has_its_features_and_the_table_is_the_same(
    folder: Path, options: MakeOptions, npy: Path, tmp_path: Path
) -> None:
    label(options(output=tmp_path / "plain.csv"))
    report = label(options(embeddings=npy, workers=2))
    assert (tmp_path / "labels.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()
    found = np.load(npy, allow_pickle=False)
    assert found.shape == (65, 3)
    assert found.dtype == np.float32
    for number, row in enumerate(found):
        expected = [np.nan] * 3 if number == 30 else class_colour(number % 3, 3)
        np.testing.assert_allclose(row, expected, atol=1e-3)
    about = json.loads((tmp_path / "labels.csv.meta.json").read_text())["embeddings"]
    assert about == report.meta["embeddings"]
    assert (about["file"], about["format"], about["shape"]) == ("labels.npy", "npy", [65, 3])
    assert about["tensor"]


def test_parquet_has_paths_statuses_and_no_features_where_there_are_none(
    folder: Path, options: MakeOptions, tmp_path: Path
) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png"))
    odd.write_bytes((folder / "00.png").read_bytes())
    label(options(embeddings=tmp_path / "features.parquet"))
    rows = read(tmp_path / "labels.csv")
    file = pq.ParquetFile(tmp_path / "features.parquet")
    assert file.num_row_groups > 1, "a row group a shard"
    table = file.read()
    assert str(table.schema.field("embedding").type) == "list<element: float>", (
        "of a fixed size, pyarrow 25 reads no null"
    )
    found = table.to_pylist()
    assert [row["status"] for row in found] == [row["status"] for row in rows]
    assert [row["filepath"] for row in found[:65]] == [row["filepath"] for row in rows[:65]]
    assert (found[65]["filepath"], found[65]["filepath_b64"]) == ("caf\ufffd.png", "Y2Fm6S5wbmc=")
    assert {row["filepath_b64"] for row in found[:65]} == {None}
    assert [row["embedding"] is None for row in found] == [row["status"] != "ok" for row in rows]
    np.testing.assert_allclose(found[65]["embedding"], class_colour(0, 3), atol=1e-3)


def test_a_list_gives_one_row_for_each_of_its_lines(
    folder: Path, options: MakeOptions, npy: Path, tmp_path: Path
) -> None:
    names = ["02.png", "gone.png", "00.png", "02.png"]
    (tmp_path / "list.txt").write_text("\n".join(names) + "\n")
    label(options(files_from=tmp_path / "list.txt", embeddings=npy))
    found = np.load(npy, allow_pickle=False)
    np.testing.assert_allclose(found[[0, 2, 3]], [class_colour(number, 3) for number in (2, 0, 2)], atol=1e-3)
    assert np.isnan(found[1]).all()


@pytest.mark.parametrize("ending", ["npy", "parquet"])
def test_a_run_that_was_stopped_and_goes_on_writes_the_same_bytes(
    folder: Path, options: MakeOptions, tmp_path: Path, ending: str
) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    label(options(output=tmp_path / "whole.csv", embeddings=tmp_path / f"whole.{ending}"))
    given = options(embeddings=tmp_path / f"labels.{ending}")
    shards = JobPaths(given.output.table).shards
    with pytest.raises(InterruptedRunError):
        label(given, stop_signal=lambda: 2 if any(shards.glob("*.rows")) else 0)
    assert len(list(shards.glob("*.features"))) >= 1
    assert not (tmp_path / f"labels.{ending}").exists()
    label(given)
    for name in ("csv", ending):
        assert (tmp_path / f"labels.{name}").read_bytes() == (tmp_path / f"whole.{name}").read_bytes()


def test_parts_are_joined_and_parts_of_other_machines_too(folder: Path, options: MakeOptions, tmp_path: Path) -> None:
    label(options(output=tmp_path / "whole.csv", embeddings=tmp_path / "whole.npy"))
    for number in (1, 2):
        place = tmp_path / f"{number}"
        place.mkdir()
        label_part(options(output=place / "part.csv", embeddings=place / "labels.npy", part=Part(number, 2)))
    merge(tmp_path / "labels.csv", [tmp_path / "1" / "part.csv.job", tmp_path / "2" / "part.csv.job"])
    for name in ("csv", "npy"):
        assert (tmp_path / f"labels.{name}").read_bytes() == (tmp_path / f"whole.{name}").read_bytes()


def test_merge_does_not_replace_embeddings_unasked(
    folder: Path, options: MakeOptions, npy: Path, tmp_path: Path
) -> None:
    label_part(options(embeddings=npy, part=Part(1, 1)))
    npy.write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"labels\.npy exists"):
        merge(tmp_path / "labels.csv")
    assert npy.read_bytes() == b"precious"
    merge(tmp_path / "labels.csv", overwrite=True)
    assert np.load(npy, allow_pickle=False).shape == (65, 3)


@pytest.mark.parametrize("entry", ["embeddings", "options"])
def test_a_job_of_a_stranger_chooses_no_folder_to_write_to(
    folder: Path, options: MakeOptions, npy: Path, tmp_path: Path, entry: str
) -> None:
    label_part(options(embeddings=npy, part=Part(1, 1)))
    job = tmp_path / "labels.csv.job" / "job.json"
    described = json.loads(job.read_text())
    described[entry]["file" if entry == "embeddings" else "embeddings"] = "../victim/x.npy"
    job.write_text(json.dumps(described))
    (tmp_path.parent / "victim").mkdir(exist_ok=True)
    told = r"'\.\./victim/x\.npy' is no plain file name" if entry == "embeddings" else "belong in '../victim/x.npy'"
    with pytest.raises(OutputError, match=told):
        merge(tmp_path / "labels.csv")
    assert not any((tmp_path.parent / "victim").iterdir())
    assert not (tmp_path / "labels.csv").exists()


def test_merge_is_told_where_embeddings_go_that_do_not_lie_beside_the_table(
    folder: Path, options: MakeOptions, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere" / "features.npy"
    elsewhere.parent.mkdir()
    label_part(options(embeddings=elsewhere, part=Part(1, 1)))
    with pytest.raises(OutputError, match="name that file yourself with --embeddings"):
        merge(tmp_path / "labels.csv")
    with pytest.raises(OutputError, match=r"belong in 'elsewhere/features\.npy'"):
        merge(tmp_path / "labels.csv", embeddings=tmp_path / "features.npy")
    report = merge(tmp_path / "labels.csv", embeddings=elsewhere)
    assert report.meta["embeddings"]["file"] == "features.npy"
    assert len(np.load(elsewhere)) == report.meta["rows"]


def test_a_damaged_part_is_noticed_and_done_anew(folder: Path, options: MakeOptions, npy: Path, tmp_path: Path) -> None:
    label(options(output=tmp_path / "whole.csv", embeddings=tmp_path / "whole.npy"))
    label_part(options(embeddings=npy, part=Part(1, 1)))
    part = sorted(JobPaths(tmp_path / "labels.csv").shards.glob("*.features"))[1]
    part.write_bytes(bytes(len(part.read_bytes())))
    label(options(embeddings=npy))
    assert npy.read_bytes() == (tmp_path / "whole.npy").read_bytes()


def test_the_file_is_among_what_a_job_compares(folder: Path, options: MakeOptions, npy: Path, tmp_path: Path) -> None:
    label_part(options(embeddings=npy, part=Part(1, 2)))
    with pytest.raises(OutputError, match=r"options\.embeddings is labels\.npy in the job and not given now"):
        label(options())
    with pytest.raises(OutputError, match=r"options\.embeddings is labels\.npy in the job and other\.npy now"):
        label(options(embeddings=tmp_path / "other.npy"))


def test_a_file_that_exists_is_replaced_on_request_alone(folder: Path, options: MakeOptions, npy: Path) -> None:
    npy.write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"labels\.npy exists"):
        label(options(embeddings=npy))
    assert npy.read_bytes() == b"precious"
    label(options(embeddings=npy, overwrite=True))
    assert np.load(npy, allow_pickle=False).shape == (65, 3)


def test_the_runs_own_file_in_the_folder_is_no_row(folder: Path, options: MakeOptions) -> None:
    given = options(embeddings=folder / "features.npy", all_files=True, overwrite=True)
    assert label(given).meta["rows"] == 65
    assert label(given).meta["rows"] == 65, "not even from the run before"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"embeddings": "features.txt"}, r"must end in \.npy or \.parquet"),
        ({"embeddings": "nowhere/features.npy"}, r"there is no folder .*nowhere"),
        ({"embeddings": "f.npy", "previous": Path("last.csv")}, "does not go together with --previous"),
        ({"embeddings": "same.npy", "output": "same.npy"}, "name the same file"),
    ],
)
def test_what_cannot_be_is_told_before_the_run(
    folder: Path, options: MakeOptions, tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    places = {name: tmp_path / value for name, value in changes.items() if isinstance(value, str)}
    given = options(**{**changes, **places})
    with pytest.raises(FashionBatchError, match=problem):
        label(given)
    assert sorted(os.listdir(tmp_path)) == ["photos"]


def test_several_bundles_are_refused(folder: Path, options: MakeOptions, npy: Path, tiny: Path, tmp_path: Path) -> None:
    other = make_tiny_bundle(tmp_path / "other", name="other")
    with pytest.raises(FashionBatchError, match="features of one bundle"):
        checks.check_options(options(embeddings=npy, bundles=[tiny, other]), JobPaths(tmp_path / "labels.csv"))


@pytest.mark.parametrize("runtime", ["tensorflow", "stranger"])
def test_a_runtime_that_knows_nothing_of_features_is_refused_before_anything_is_made(
    folder: Path, options: MakeOptions, tmp_path: Path, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = Registry.get

    def get(registry: Registry, kind: Any, name: str) -> Any:
        if name == "stranger":
            return replace(look_up(registry, RuntimeSpec, "openvino"), name="stranger", gives_features=False)
        return look_up(registry, kind, name)

    monkeypatch.setattr(Registry, "get", get)
    with pytest.raises(RuntimeUnavailableError, match=f"runtime '{runtime}' gives probabilities alone") as refused:
        label(options(embeddings=tmp_path / "labels.npy", runtime=runtime))
    assert refused.value.hint == "use the runtime `openvino`"
    assert sorted(os.listdir(tmp_path)) == ["photos"]
    assert label(options(runtime="stranger" if runtime == "stranger" else "openvino")).meta["embeddings"] is None


def test_a_shard_takes_room_for_its_features_too(options: MakeOptions, npy: Path) -> None:
    assert load.load(options(embeddings=npy)).width == load.load(options()).width + 3


def test_parquet_without_its_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(FashionBatchError, match="need pyarrow"):
        embeddings.format_of(Path("a.parquet"))
