from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fashionbatch.errors import BundleError, DataError, FashionBatchError, InterruptedRunError, OutputError
from fashionbatch.labeling.job.manifest import Manifest, ManifestWriter
from fashionbatch.labeling.merge import merge
from fashionbatch.labeling.options import LabelOptions
from fashionbatch.labeling.products.options import RowOptions
from fashionbatch.labeling.run import LABELING, label
from fashionbatch.progress import Advance, Reporter

Paint = Callable[[Mapping[str, int]], Path]
NAMES = ("red", "green", "blue")


MakeOptions = Callable[..., LabelOptions]


def read(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_every_file_has_its_own_label_in_path_order(paint: Paint, options: MakeOptions, tmp_path: Path) -> None:
    painted = {f"{number % 7}/{number}.png": number % 3 for number in range(100)}
    paint(painted)
    report = label(options(workers=2))
    rows = read(tmp_path / "labels.csv")
    assert [row["filepath"] for row in rows] == sorted(painted, key=os.fsencode)
    assert all(row["label"] == NAMES[painted[row["filepath"]]] for row in rows)
    assert report.table == tmp_path / "labels.csv"
    assert sorted(os.listdir(tmp_path)) == ["labels.csv", "labels.csv.files", "labels.csv.meta.json", "photos"]


def test_the_sidecar_says_what_was_done(paint: Paint, options: MakeOptions, tmp_path: Path, tiny: Path) -> None:
    paint({"a.png": 0, "b.png": 1})
    (tmp_path / "photos" / "c.jpg").write_bytes(b"")
    report = label(options(rows=RowOptions(topk=2)))
    meta = json.loads((tmp_path / "labels.csv.meta.json").read_text())
    assert meta == report.meta
    assert meta["rows"] == 3
    assert meta["counts"] == {"status": {"ok": 2, "error": 1}, "label": {"red": 1, "green": 1}}
    assert meta["bundles"][0]["path"] == str(tiny)
    assert meta["options"]["topk"] == 2
    assert meta["compute"]["precision"] == ["float32"]
    assert {"started", "finished", "seconds"} <= set(meta["times"])


def test_odd_and_broken_files_have_the_row_that_is_theirs(
    paint: Paint, options: MakeOptions, photos: Path, images_factory: ModuleType, tmp_path: Path
) -> None:
    paint({"a.png": 0, "z.png": 2, 'a,"b"\n드레스.png': 1})
    (photos / "truncated.jpg").write_bytes(images_factory.truncated("JPEG"))
    (photos / "text.jpg").write_text("no image")
    (photos / "empty.jpg").touch()
    (photos / "bomb.png").write_bytes(images_factory.bomb_png())
    (photos / "png.jpg").write_bytes((photos / "a.png").read_bytes())
    os.symlink("nowhere", photos / "dangling.jpg")
    os.symlink("loop.jpg", photos / "loop.jpg")
    os.mkfifo(photos / "pipe.jpg")
    Path(os.fsdecode(os.fsencode(photos) + b"/caf\xe9.png")).write_bytes((photos / "z.png").read_bytes())
    label(options())
    rows = {row["filepath"]: row for row in read(tmp_path / "labels.csv")}
    assert {name: (row["status"], row["label"]) for name, row in rows.items()} == {
        'a,"b"\n드레스.png': ("ok", "green"),
        "a.png": ("ok", "red"),
        "bomb.png": ("error", ""),
        "caf\udce9.png": ("ok", "blue"),
        "dangling.jpg": ("missing", ""),
        "empty.jpg": ("error", ""),
        "loop.jpg": ("error", ""),
        "png.jpg": ("ok", "red"),
        "text.jpg": ("error", ""),
        "truncated.jpg": ("error", ""),
        "z.png": ("ok", "blue"),
    }
    for row in rows.values():
        assert bool(row["error"]) is (row["status"] != "ok")
        assert "\n" not in row["error"]
        assert str(tmp_path) not in row["error"]


def test_one_file_can_be_labeled(paint: Paint, options: MakeOptions, photos: Path, tmp_path: Path) -> None:
    paint({"a.png": 0, "b.png": 1})
    label(options(folder=photos / "b.png"))
    assert [(row["filepath"], row["label"]) for row in read(tmp_path / "labels.csv")] == [("b.png", "green")]


def test_an_output_inside_the_folder_is_not_labeled_itself(paint: Paint, options: MakeOptions, photos: Path) -> None:
    paint({"a.png": 0})
    for _ in range(2):
        label(options(output=photos / "labels.csv", all_files=True, overwrite=True))
        assert [row["filepath"] for row in read(photos / "labels.csv")] == ["a.png"]


def test_several_bundles_label_in_one_pass(paint: Paint, options: MakeOptions, tiny: Path, tmp_path: Path) -> None:
    from fashionbatch.testing.bundles import make_tiny_bundle

    paint({"a.png": 0, "b.png": 1})
    (tmp_path / "photos" / "c.png").write_bytes(b"broken")
    grey = make_tiny_bundle(tmp_path / "grey", name="grey", class_names=["dark", "light"], size=(4, 6), channels=1)
    label(options(bundles=[tiny, grey]))
    rows = read(tmp_path / "labels.csv")
    assert [(row["tiny_label"], row["grey_label"]) for row in rows] == [("red", "dark"), ("green", "light"), ("", "")]


@pytest.mark.parametrize("format_", ["jsonl", "parquet"])
def test_the_outputs_ending_says_the_format(paint: Paint, options: MakeOptions, tmp_path: Path, format_: str) -> None:
    import pandas as pd

    paint({"a.png": 0, "b.png": 1})
    path = tmp_path / f"labels.{format_}"
    label(options(output=path))
    found = pd.read_json(path, lines=True) if format_ == "jsonl" else pd.read_parquet(path)
    assert list(found["label"]) == ["red", "green"]


# --------------------------------------------------------------------------------------------------------- refusals


def test_standard_output_is_no_place_for_a_table_that_a_stopped_run_goes_on_with(
    paint: Paint, options: MakeOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint({"a.png": 0})
    monkeypatch.chdir(tmp_path)
    before = sorted(os.listdir())
    with pytest.raises(OutputError, match="names a file, not standard output"):
        label(options(output=Path("-"), format="csv"))
    assert sorted(os.listdir()) == before


def test_an_output_that_exists_is_left_alone_without_overwrite(
    paint: Paint, options: MakeOptions, tmp_path: Path
) -> None:
    paint({"a.png": 0})
    (tmp_path / "labels.csv").write_text("mine")
    with pytest.raises(OutputError, match=r"exists\n.*--overwrite"):
        label(options())
    assert (tmp_path / "labels.csv").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["labels.csv", "photos"]
    label(options(overwrite=True))
    assert len(read(tmp_path / "labels.csv")) == 1


def test_a_folder_without_images_says_what_it_holds_and_leaves_nothing(
    options: MakeOptions, photos: Path, tmp_path: Path
) -> None:
    for name in ("a.txt", "b.txt", "c.pdf"):
        (photos / name).touch()
    with pytest.raises(DataError, match=r"no images in .*; left out: 2 .txt, 1 .pdf\n.*--all-files"):
        label(options())
    assert os.listdir(tmp_path) == ["photos"]


def test_an_empty_folder_says_so(options: MakeOptions) -> None:
    with pytest.raises(DataError, match="it is empty"):
        label(options())


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"folder": Path("nowhere")}, DataError, "nowhere: No such file"),
        ({"folder": Path("/dev/null")}, DataError, "neither a folder nor a file"),
        ({"bundles": [Path("256")]}, BundleError, "--batch-size 256"),
        ({"bundles": []}, FashionBatchError, "no bundle"),
        ({"output": Path("/nowhere/labels.csv")}, OutputError, "there is no folder /nowhere"),
        ({"output": Path("/tmp")}, OutputError, "is a folder"),
        ({"output": Path("/dev/null")}, OutputError, "is no plain file"),
        ({"runtime": "openvnio"}, FashionBatchError, "did you mean 'openvino'"),
        ({"format": "cvs"}, FashionBatchError, "did you mean 'csv'"),
        ({"engine": "lokal"}, FashionBatchError, "did you mean 'local'"),
        ({"device": "gpu"}, FashionBatchError, "no gpu"),
        ({"rows": RowOptions(topk=9)}, FashionBatchError, "topk is 9, and the bundle has 3 classes"),
    ],
)
def test_a_mistake_is_one_clear_error_and_leaves_nothing_behind(  # noqa: PLR0917
    paint: Paint, options: MakeOptions, tmp_path: Path, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    paint({"a.png": 0})
    with pytest.raises(error, match=message.replace(".", r"\.")):
        label(options(**changes))
    assert os.listdir(tmp_path) == ["photos"]


@pytest.mark.parametrize("letter", ["x", "드"])
def test_a_name_that_is_too_long_for_its_sidecars_is_refused_before_anything_is_written(
    paint: Paint, options: MakeOptions, tmp_path: Path, letter: str
) -> None:
    paint({"a.png": 0})
    longest = os.pathconf(tmp_path, "PC_NAME_MAX") - len(".meta.json")
    name = (letter * longest).encode()[: longest - 4].decode(errors="ignore") + ".csv"
    name = "y" * (longest - len(name.encode())) + name
    for longer in ("y" + name, "y" * 14 + name, "y" * 300 + name):
        with pytest.raises(OutputError, match=rf"too long\n.*a name of at most {longest} bytes"):
            label(options(output=tmp_path / longer))
        with pytest.raises(OutputError, match="too long"):
            merge(tmp_path / longer)
    assert os.listdir(tmp_path) == ["photos"]
    assert label(options(output=tmp_path / name)).meta["rows"] == 1


def test_retry_errors_needs_an_earlier_table(options: MakeOptions) -> None:
    with pytest.raises(FashionBatchError, match="--retry-errors needs an earlier table"):
        label(options(retry_errors=True))


# ------------------------------------------------------------------------------------------------- stopping, resuming


class StopAfter(Reporter):
    """A stop signal that comes when so many rows are done."""

    def __init__(self, rows: int) -> None:
        self.said: list[str] = []
        super().__init__(self.said.append, bars=False)
        self.wanted, self.done = rows, 0

    @contextmanager
    def bar(self, title: str, total: int | None, unit: str, /, *, before: int = 0) -> Iterator[Advance]:
        def advance(done: int, figures: Mapping[str, float] | None = None) -> None:
            if title == LABELING:
                self.done = done - before
                self.meanwhile()

        yield advance

    def meanwhile(self) -> None:
        """What happens while the run labels."""

    def __call__(self) -> int:
        return 15 if self.done >= self.wanted else 0


def stop(options: LabelOptions, rows: int) -> InterruptedRunError:
    after = StopAfter(rows)
    with pytest.raises(InterruptedRunError) as caught:
        label(options, reporter=after, stop_signal=after)
    return caught.value


@pytest.mark.usefixtures("small_shards", "many")
def test_a_run_that_was_stopped_goes_on_to_the_same_table(options: MakeOptions, tmp_path: Path) -> None:
    label(options(output=tmp_path / "whole.csv"))
    error = stop(options(), 12)
    assert error.exit_code == 143
    assert " of 95 rows are done" in str(error)
    assert "start the same command again" in str(error)
    assert not (tmp_path / "labels.csv").exists()
    done = len(list((tmp_path / "labels.csv.job" / "shards").glob("*.rows")))
    assert 1 <= done < 9
    label(options(workers=2))
    assert (tmp_path / "labels.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert not (tmp_path / "labels.csv.job").exists()


@pytest.mark.usefixtures("small_shards", "many")
def test_a_run_that_is_stopped_before_it_holds_anything_labels_nothing(options: MakeOptions, tmp_path: Path) -> None:
    error = stop(options(), 0)
    assert "interrupted" in str(error)
    assert not list((tmp_path / "labels.csv.job").glob("shards/*.rows"))


@pytest.mark.usefixtures("small_shards", "many")
def test_the_table_is_the_same_with_any_number_of_workers(options: MakeOptions, tmp_path: Path) -> None:
    tables = set()
    for workers in (1, 3):
        label(options(workers=workers, output=tmp_path / f"{workers}.csv"))
        tables.add((tmp_path / f"{workers}.csv").read_bytes())
    assert len(tables) == 1


@pytest.mark.usefixtures("small_shards")
def test_files_that_appear_later_are_not_part_of_the_run(options: MakeOptions, many: Path, tmp_path: Path) -> None:
    stop(options(), 12)
    (many / "00-new.png").write_bytes((many / "00.png").read_bytes())
    (many / "90.png").unlink()
    os.utime(many / "91.png", ns=(5, 5))
    label(options())
    rows = {row["filepath"]: row["status"] for row in read(tmp_path / "labels.csv")}
    assert len(rows) == 95
    assert "00-new.png" not in rows
    assert (rows["90.png"], rows["91.png"], rows["92.png"]) == ("missing", "changed", "ok")


@pytest.mark.usefixtures("small_shards", "many")
@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"rows": RowOptions(topk=2)}, "options.topk is 1 in the job and 2 now"),
        ({"batch_size": 4}, "compute.batch_size is 8 in the job and 4 now"),
        ({"limit": 5}, "options.limit is not given in the job and 5 now"),
        ({"all_files": True}, "options.all_files"),
        ({"exclude": ("x",)}, "options.exclude"),
    ],
)
def test_another_job_on_the_same_output_is_refused_by_name(
    options: MakeOptions, tmp_path: Path, changes: dict[str, Any], difference: str
) -> None:
    stop(options(), 12)
    done = sorted((tmp_path / "labels.csv.job" / "shards").iterdir())
    with pytest.raises(OutputError, match=difference):
        label(options(**changes))
    assert sorted((tmp_path / "labels.csv.job" / "shards").iterdir()) == done


@pytest.mark.usefixtures("small_shards", "many")
def test_restart_discards_what_was_done(options: MakeOptions, tmp_path: Path) -> None:
    stop(options(), 12)
    (tmp_path / "photos" / "00.png").unlink()
    label(options(restart=True, rows=RowOptions(topk=2)))
    assert len(read(tmp_path / "labels.csv")) == 94


@pytest.mark.usefixtures("small_shards", "many")
def test_another_bundle_is_refused_and_the_same_one_elsewhere_is_not(
    options: MakeOptions, tiny: Path, tmp_path: Path
) -> None:
    import shutil

    from fashionbatch.testing.bundles import make_tiny_bundle

    stop(options(), 12)
    other = make_tiny_bundle(tmp_path / "other", class_names=["a", "b"])
    with pytest.raises(OutputError, match="bundles"):
        label(options(bundles=[other]))
    shutil.copytree(tiny, tmp_path / "moved")
    label(options(bundles=[tmp_path / "moved"]))


@pytest.mark.usefixtures("small_shards", "many")
def test_a_changed_list_of_files_is_refused(options: MakeOptions, tmp_path: Path) -> None:
    stop(options(), 12)
    manifest = tmp_path / "labels.csv.job" / "manifest"
    manifest.write_bytes(manifest.read_bytes()[:-1] + b"!")
    with pytest.raises(OutputError, match=r"manifest.*\n.*--restart"):
        label(options())


@pytest.mark.usefixtures("small_shards", "many")
def test_another_whole_list_of_files_is_refused_too(options: MakeOptions, tmp_path: Path) -> None:
    stop(options(), 12)
    path = tmp_path / "labels.csv.job" / "manifest"
    with closing(Manifest(path)) as manifest:
        rows = list(manifest.rows(0, len(manifest)))
    with path.open("wb") as file:
        writer = ManifestWriter(file)
        for row in rows:
            writer.add(row.path, row.size + 1, row.mtime_ns)
        writer.finish()
    with pytest.raises(OutputError, match="is not the list of files that the job began with"):
        label(options())


@pytest.mark.usefixtures("small_shards", "many")
def test_a_job_that_does_not_know_its_lists_index_goes_on(options: MakeOptions, tmp_path: Path) -> None:
    stop(options(), 12)
    path = tmp_path / "labels.csv.job" / "job.json"
    job = json.loads(path.read_text())
    assert job.pop("files_index")
    path.write_text(json.dumps(job))
    label(options())
    assert len(read(tmp_path / "labels.csv")) == 95


@pytest.mark.usefixtures("small_shards")
def test_a_folder_that_goes_away_stops_the_run_instead_of_losing_rows(
    options: MakeOptions, many: Path, tmp_path: Path
) -> None:
    class Unmount(StopAfter):
        def meanwhile(self) -> None:
            if many.exists():
                many.rename(many.with_name("elsewhere"))
                (many.with_name("elsewhere") / "80.png").unlink()

    with pytest.raises(DataError, match="the folder has gone"):
        label(options(), reporter=Unmount(0))
    assert not (tmp_path / "labels.csv").exists()


@pytest.mark.usefixtures("many")
def test_plugins_hear_of_the_finished_table(
    options: MakeOptions, add_distribution: Callable[..., Path], tmp_path: Path
) -> None:
    source = f"""
from fashionbatch.hookspecs import hookimpl

@hookimpl
def labeling_finished(report):
    with open({str(tmp_path / "heard")!r}, "w") as file:
        file.write(f"{{report.table.name}} {{report.meta['rows']}}")
    raise RuntimeError("no network")
"""
    add_distribution("listener", {"listener_for_fb": source}, {"listener": "listener_for_fb"})
    told = StopAfter(1000)
    label(options(), reporter=told)
    assert (tmp_path / "heard").read_text() == "labels.csv 95"
    [warning] = [line for line in told.said if line.startswith("warning")]
    expected = (
        "warning: plugin 'listener' of listener 1.2: labeling_finished failed: RuntimeError: no network; the trace"
    )
    assert warning.startswith(expected)


@pytest.mark.usefixtures("many")
def test_an_engine_that_does_not_do_its_work_is_told(
    options: MakeOptions, add_distribution: Callable[..., Path]
) -> None:
    source = """
from fashionbatch.hookspecs import hookimpl
from fashionbatch.specs import EngineSpec

@hookimpl
def register_engines():
    yield EngineSpec(name="idle", summary="Does nothing.", run=lambda shards, run_shard: None)
"""
    add_distribution("idle", {"idle_for_fb": source}, {"idle": "idle_for_fb"})
    with pytest.raises(FashionBatchError, match=r"plugin idle 1\.2 \(engine 'idle'\): run left 1 of 1 shards undone"):
        label(options(engine="idle"))


@pytest.mark.parametrize("ending", [".meta.json", ".files"])
@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_in_the_way_of_a_sidecar_is_told_before_the_run(
    options: Callable[..., LabelOptions], ending: str, make: Callable[[Path], None]
) -> None:
    given = options()
    table = given.output.table
    make(table.with_name(table.name + ending))
    with pytest.raises(OutputError, match=rf"{re.escape(ending)} is no plain file, and in the way"):
        label(given)
    assert not table.with_name(table.name + ".job").exists()
