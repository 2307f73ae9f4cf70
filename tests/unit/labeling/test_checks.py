"""Mistakes in a command that are told before anything is loaded or made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from fashionbatch.errors import DataError
from fashionbatch.labeling.checks import check_options
from fashionbatch.labeling.job.paths import JobPaths
from fashionbatch.labeling.options import LabelOptions


@pytest.mark.parametrize("name", ["labels.csv", "paths.txt", "rows.JSONL", "my list.tsv"])
def test_a_list_that_is_given_as_a_photo_is_told_where_it_belongs(
    options: Callable[..., LabelOptions], tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("filepath,label\na.jpg,cat\n")
    asked = options(folder=tmp_path / name, output=tmp_path / "out.csv")
    with pytest.raises(DataError, match="is a list, not a photo") as caught:
        check_options(asked, JobPaths(tmp_path / "out.csv"))
    assert "--files-from" in (caught.value.hint or "")
    assert name in (caught.value.hint or "")


def test_a_photo_is_one_whatever_it_is_called(options: Callable[..., LabelOptions], tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "photo.txt", "PNG")
    check_options(options(folder=tmp_path / "photo.txt", output=tmp_path / "out.csv"), JobPaths(tmp_path / "out.csv"))


def test_a_pattern_is_told_as_the_option_that_takes_one(options: Callable[..., LabelOptions], tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        check_options(options(folder=tmp_path / "*.jpg"), JobPaths(tmp_path / "out.csv"))
    assert f"{tmp_path} --include '*.jpg'" in (caught.value.hint or "")
