from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fashionbatch.display_width import display_width
from fashionbatch.pictures.drawing.words import broken, shortened, told_apart, wrapped


def test_a_text_that_fits_is_left_alone():
    assert shortened("T-shirt/top", 11) == "T-shirt/top"


def test_a_long_text_keeps_both_ends():
    assert shortened("conv2d_block_1_relu", 12) == "conv2d_…relu"
    assert shortened("드레스와 블라우스", 9) == "드레스…스"


@given(st.text(min_size=0, max_size=40), st.integers(4, 20))
def test_nothing_is_wider_than_asked(text, width):
    assert display_width(shortened(text, width)) <= width


def test_names_that_differ_in_the_middle_are_told_apart():
    names = [f"runs/experiment_with_a_long_name_{number}_of_the_final_version" for number in range(12)]
    cut = told_apart(names, 24)
    assert len(set(cut)) == 12
    assert all(str(number) in short for number, short in enumerate(cut))
    assert all(display_width(short) <= 24 for short in cut)


def test_names_that_differ_at_two_places_are_told_apart():
    start, middle, end = "a" * 20, "b" * 20, "c" * 20
    names = [f"{start}{one}{middle}{two}{end}" for one, two in ("11", "12", "21")]
    assert len(set(told_apart(names, 16))) == 3


def test_names_that_can_be_told_apart_are_cut_in_their_middles():
    names = ["conv2d_block_1_relu", "dense", "conv2d_block_1_relu"]
    assert told_apart(names, 12) == ["conv2d_…relu", "dense", "conv2d_…relu"]


@given(st.lists(st.text(max_size=30), max_size=6), st.integers(4, 20))
def test_told_apart_is_never_wider_than_asked_and_keeps_the_order(names, width):
    cut = told_apart(names, width)
    assert len(cut) == len(names)
    assert all(display_width(short) <= width for short in cut)


def test_an_ending_is_never_cut():
    assert wrapped("ankle boot", 40, 2, len, "(99%)") == ["ankle boot (99%)"]
    assert wrapped("ankle boot", 11, 2, len, "(99%)") == ["ankle boot", "(99%)"]
    assert wrapped("a class with a very long name", 12, 2, len, "(82%)") == ["a class with", "a ve…e (82%)"]
    assert wrapped("incomprehensibilities", 12, 1, len, "(82%)") == ["inco…s (82%)"]


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        ("a/b.jpg", ["a/b.jpg"]),
        ("black_jeans/00000003.jpg", ["black_jeans/", "00000003.jpg"]),
        ("a_folder_with_a_long_name/1.jpg", ["a_folder…me/", "1.jpg"]),
        ("a_folder_with_a_long_name/IMG_2024_12345.jpg", ["a_folder…me/", "IMG_2024_123", "45.jpg"]),
        ("x" * 40, ["x" * 12, "x" * 12, "xxxxxxxx…xxx"]),
    ],
)
def test_a_path_that_does_not_fit_keeps_the_name_of_its_file(path, lines):
    assert broken(path, 12, 3, len) == lines
