"""A study's directory: what may be begun, resumed and replaced in it."""

from __future__ import annotations

import json

import pytest

from fashionbatch.errors import OutputError
from fashionbatch.studies.directory import StudyDirectory, begin, locked, require_usable
from fashionbatch.studies.repeats import Repeats


@pytest.fixture
def study(tmp_path):
    """A study of two folds that was begun."""
    study = StudyDirectory(tmp_path / "study")
    with locked(study):
        begin(study, Repeats("bars.yaml", folds=2).asked(), {"name": "bars"})
    return study


def add_run(study, name):
    (study.run(name) / "bundle").mkdir(parents=True)
    (study.run(name) / "run.json").write_text("{}")
    (study.run(name) / "bundle" / "bundle.json").write_text("{}")


def test_the_marker_says_what_was_asked_for(study):
    document = json.loads(study.marker.read_text())
    assert document["asked"] == {"kind": "folds", "folds": 2, "seeds": "the recipe's"}
    assert document["recipe"] == {"name": "bars"}


def test_the_same_study_may_be_resumed_and_no_other_one(study):
    require_usable(study, Repeats("bars.yaml", folds=2).asked(), resume=True, overwrite=False)
    with pytest.raises(OutputError, match="other folds: 2, and not 3"):
        require_usable(study, Repeats("bars.yaml", folds=3).asked(), resume=True, overwrite=False)
    with pytest.raises(OutputError, match="other kind: folds, and not seeds"):
        require_usable(study, Repeats("bars.yaml", seeds=3).asked(), resume=True, overwrite=False)


def test_a_damaged_marker_is_told(study):
    study.marker.write_text("{")
    with pytest.raises(OutputError, match="cannot be resumed from"):
        require_usable(study, {}, resume=True, overwrite=False)


def test_overwriting_removes_the_studys_runs_and_nothing_else(study):
    add_run(study, "fold-1")
    study.results.write_text("run\n")
    (study.path / "notes.txt").write_text("mine")
    (study.run("fold-1") / "mine.csv").write_text("mine")
    add_run(study, "fold-2")
    (study.path / "photos").mkdir()
    (study.path / "out_of_fold-seed-8.csv").write_text("filepath\n")
    begin(study, {"kind": "seeds"}, {})
    left = sorted(str(path.relative_to(study.path)) for path in study.path.rglob("*"))
    assert left == [".lock", "fold-1", "fold-1/mine.csv", "notes.txt", "photos", "study.json"]


def test_two_processes_do_not_share_a_study(study):
    with locked(study), pytest.raises(OutputError, match="another process works on this study"), locked(study):
        pass


def test_a_directory_in_which_a_study_was_hardly_begun_is_as_good_as_none(tmp_path):
    study = StudyDirectory(tmp_path)
    with locked(study):
        pass
    require_usable(study, {}, resume=False, overwrite=False)
    require_usable(study, {}, resume=True, overwrite=False)


def test_a_study_of_a_later_version_is_not_resumed_and_says_why(study):
    document = json.loads(study.marker.read_text())
    study.marker.write_text(json.dumps({**document, "format": 2}))
    with pytest.raises(
        OutputError, match="a later FashionBatch wrote it, in version 2 of its format; this one reads 1"
    ):
        require_usable(study, document["asked"], resume=True, overwrite=False)
