from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from fashionbatch.errors import UnknownNameError
from fashionbatch.labeling.estimate import estimate
from fashionbatch.labeling.options import LabelOptions
from fashionbatch.progress import silent

Paint = Callable[[Mapping[str, int]], Path]


def test_a_dry_run_counts_and_measures_and_leaves_nothing(
    paint: Paint, options: Callable[..., LabelOptions], tmp_path: Path
) -> None:
    folder = paint({f"{number:02}.png": number % 3 for number in range(40)})
    (folder / "notes.txt").touch()
    found = estimate(options(), reporter=silent(), stop_signal=lambda: 0)
    assert found.files == 40
    assert found.bytes == sum(path.stat().st_size for path in folder.glob("*.png"))
    assert found.left_out == ["1 .txt"]
    assert found.sample == 40
    assert found.rate > 0
    assert os.listdir(tmp_path) == ["photos"]


def test_a_dry_run_says_what_the_run_would_say_of_the_outputs_ending(
    paint: Paint, options: Callable[..., LabelOptions], tmp_path: Path
) -> None:
    paint({"a.png": 0})
    with pytest.raises(UnknownNameError, match=r"no format has the ending '\.ods'"):
        estimate(options(output=tmp_path / "labels.ods"), reporter=silent(), stop_signal=lambda: 0)
