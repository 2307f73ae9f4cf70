"""What systems leave in folders of photos is told from photos by its name."""

from __future__ import annotations

import pytest

from fashionbatch.left_behind import is_left_behind

OF_SYSTEMS = """
._a.jpg .thumbs .ipynb_checkpoints Thumbs.db THUMBS.DB __MACOSX @eaDir @EADIR @__thumb #recycle $RECYCLE.BIN LOST.DIR
found.000 _vti_cnf Picasa.ini ZbThumbnail.info @Recently-Snapshot lost+found
"""


@pytest.mark.parametrize("name", OF_SYSTEMS.split())
def test_what_a_system_made_is_known_in_any_case(name: str) -> None:
    assert is_left_behind(name)


@pytest.mark.parametrize("name", ["a.jpg", "thumbs", "eaDir", "found.jpg", "recycle", "macosx", "~a.jpg", "@home"])
def test_names_that_a_user_may_give_are_the_users(name: str) -> None:
    assert not is_left_behind(name)
