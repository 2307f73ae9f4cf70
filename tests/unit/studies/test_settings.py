"""What `sweep --set` says: values between commas, ranges, and the names of runs."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fashionbatch.errors import FashionBatchError
from fashionbatch.studies.settings import Choice, Range, labels_of, parse_setting, run_name, split_values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1e-3,1e-4", ["1e-3", "1e-4"]),
        (" 1 , 2 ", ["1", "2"]),
        ("[64],[64,32]", ["[64]", "[64,32]"]),
        ("{name: adam, learning_rate: 0.1},sgd", ["{name: adam, learning_rate: 0.1}", "sgd"]),
        ("[{a: [1, 2]}, 3],null", ["[{a: [1, 2]}, 3]", "null"]),
        ('"a,b",c', ['"a,b"', "c"]),
        ("['a]', b],it's,c", ["['a]', b]", "it's", "c"]),
    ],
)
def test_commas_part_values_but_not_within_lists_and_texts(text, values):
    assert split_values(text) == values


@given(st.lists(st.recursive(st.integers() | st.booleans(), lambda inner: st.lists(inner, max_size=3)), min_size=1))
def test_what_yaml_writes_on_one_line_is_read_back_value_by_value(values):
    text = ",".join(yaml.safe_dump(value, default_flow_style=True, width=10**6).split("\n")[0] for value in values)
    assert [yaml.safe_load(part) for part in split_values(text)] == values


def test_a_range_is_two_numbers_with_dots_between():
    assert parse_setting("head.dropout=0.1..0.5") == Range("head.dropout", 0.1, 0.5, by_magnitude=False, whole=False)
    assert parse_setting("a=1e-5..1e-2") == Range("a", 1e-5, 1e-2, by_magnitude=True, whole=False)
    assert parse_setting("a=log:2..16") == Range("a", 2, 16, by_magnitude=True, whole=True)
    assert parse_setting("a=0..500") == Range("a", 0, 500, by_magnitude=False, whole=True)
    assert parse_setting("data.source.path=../photos") == Choice("data.source.path", ("../photos",))


def test_a_number_of_a_range_is_short_and_a_whole_one_whole():
    assert Range("a", 0, 1, by_magnitude=False, whole=False).text(0.123456) == "0.1235"
    assert Range("a", 1, 9, by_magnitude=False, whole=True).text(4.0) == "4"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training.epochs", "must be PATH=VALUES"),
        ("=3", "must be PATH=VALUES"),
        ("a=1,,2", "a value is missing"),
        ("a=1,2,1", "the value 1 is there twice"),
        ("a=5..2", "begins with its lower end"),
        ("a=log:0..2", "begins above 0"),
    ],
)
def test_a_setting_that_is_none_is_told(text, message):
    with pytest.raises(FashionBatchError, match=message):
        parse_setting(text)


def test_a_runs_name_says_its_settings_and_is_fit_for_a_folder():
    labels = labels_of(["training.optimizer.learning_rate", "architecture.dense"])
    settings = {"training.optimizer.learning_rate": "1e-3", "architecture.dense": "[64, 32]"}
    assert run_name(settings, labels) == "learning_rate=1e-3,dense=64-32"
    assert "/" not in run_name({"architecture.dense": "../../x"}, labels)


def test_long_and_odd_values_have_names_that_differ():
    labels = labels_of(["a"])
    names = {run_name({"a": value}, labels) for value in ("x" * 100, "x" * 101, "가", "나", "")}
    assert len(names) == 5
    assert all(len(name) < 60 for name in names)
    places = [f"section.parameter_number_{number}" for number in range(10)]
    assert len(run_name(dict.fromkeys(places, "0.5"), labels_of(places))) < 100


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(".".join), min_size=1, unique=True))
def test_no_two_places_have_one_label(places):
    assert len(set(labels_of(places).values())) == len(places)
