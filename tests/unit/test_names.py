"""One rule for the names of labels, and one for what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from fashionbatch.bundle.manifest import Labels
from fashionbatch.data.targets import check_labels
from fashionbatch.errors import DataError
from fashionbatch.names import alike, closest, composed, label_problem, loose_form, path_alike, suggestion
from fashionbatch.recipe import schema
from fashionbatch.specs import Samples

FIT = ["dress", "T-shirt/top", "드레스", "no\u00a0break", "ワンピース\u3000赤", "👩\u200d🎨", "a b", "=1+1", '"x", y']
UNFIT = ["", " ", "\u3000", "a|b", "a\nb", "a\x85b", "a\u2028b", "a\tb", "\x7f", "caf\udce9"]


def of_data(name):
    check_labels(Samples(images=[], labels=[], class_names=(name, "other")), "one_of_many")


def of_recipe(name):
    schema.Labels(names={"a": name})


def of_bundle(name):
    Labels(class_names=(name, "other"), display_names=("one", "two"))


@pytest.mark.parametrize("place", [of_data, of_recipe, of_bundle])
@pytest.mark.parametrize("name", FIT)
def test_a_name_that_fits_fits_everywhere(place, name):
    assert label_problem(name) is None
    place(name)


@pytest.mark.parametrize("place", [of_data, of_recipe, of_bundle])
@pytest.mark.parametrize("name", UNFIT)
def test_a_name_that_does_not_fit_fits_nowhere(place, name):
    problem = label_problem(name)
    with pytest.raises((DataError, ValidationError)) as caught:
        place(name)
    assert problem is not None
    assert problem in str(caught.value)


def test_the_nearest_name_is_found_whatever_its_case():
    assert closest("mobilenetv2", ["MobileNetV2", "ResNet50"]) == "MobileNetV2"
    assert closest("Dres", ["shirt", "dress"]) == "dress"
    assert closest("x", ["shirt", "dress"]) is None


def test_what_was_meant_or_what_there_is():
    assert suggestion("adm", ["adam", "sgd"]) == "; did you mean 'adam'?"
    assert suggestion("x", ["adam", "sgd"]) == "; there are: adam, sgd"
    assert suggestion("x", []) == "; there are: none"
    assert suggestion("x", ["adam"], otherwise="see the list") == "; see the list"
    assert suggestion("x", ["adam"], otherwise="") == ""


def test_names_are_composed_whatever_stored_them():
    assert composed("\u1112\u1161\u11ab") == "한"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.0", "1"),
        ("001", "1"),
        ("+1", "1"),
        ("0", "0.0"),
        ("Dress", "dress"),
        (" a  b", "a b"),
        ("ａ", "a"),
        ("a\u200b", "a"),
    ],
)
def test_names_that_are_most_likely_one_have_one_loose_form(one, other):
    assert loose_form(one) == loose_form(other)
    assert alike([one, "x", other]) == [(one, other)]


@pytest.mark.parametrize(
    ("one", "other"), [("1.5", "15"), ("-1", "1"), ("1", "10"), ("10", "1.0"), ("red dress", "reddress")]
)
def test_names_that_may_well_be_two_have_two(one, other):
    assert alike([one, other]) == []


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("runs/shos/bundle", "runs/shoes/bundle"),
        ("run/shoes", "runs/shoes"),
        ("runs/shoes/bundel", "runs/shoes/bundle"),
        ("runs/shos/other", None),
        ("runs/hats", None),
        ("nothing/like/it", None),
        ("runs/.hiden", None),
        ("runs/a\0b", None),
    ],
)
def test_a_mistyped_path_leads_to_the_one_that_is_there(tmp_path, monkeypatch, given, meant):
    (tmp_path / "runs" / "shoes" / "bundle").mkdir(parents=True)
    (tmp_path / "runs" / ".hidden").mkdir()
    monkeypatch.chdir(tmp_path)
    for base in (Path(), tmp_path):
        assert path_alike(base / given) == (None if meant is None else base / meant)
