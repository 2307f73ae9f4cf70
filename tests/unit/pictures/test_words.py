from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fashionbatch.display_width import display_width
from fashionbatch.pictures.words import shortened


def test_a_text_that_fits_is_left_alone():
    assert shortened("T-shirt/top", 11) == "T-shirt/top"


def test_a_long_text_keeps_both_ends():
    assert shortened("conv2d_block_1_relu", 12) == "conv2d_…relu"
    assert shortened("드레스와 블라우스", 9) == "드레스…스"


@given(st.text(min_size=0, max_size=40), st.integers(4, 20))
def test_nothing_is_wider_than_asked(text, width):
    assert display_width(shortened(text, width)) <= width
