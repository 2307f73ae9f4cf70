from __future__ import annotations

import pytest

from fashionbatch.collecting.licences import REUSABLE, refusal, short_name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("by", "by"),
        ("BY-SA", "by-sa"),
        ("CC BY 2.0", "by"),
        ("CC BY-SA 3.0 de", "by-sa"),
        ("cc-by-nc-nd-4.0", "by-nc-nd"),
        ("CC0", "cc0"),
        ("CC0 1.0 Universal", "cc0"),
        ("Public domain", "pdm"),
        ("PDM 1.0", "pdm"),
        ("https://creativecommons.org/licenses/by-sa/4.0/", "by-sa"),
        ("http://creativecommons.org/publicdomain/mark/1.0/deed.de", "pdm"),
        ("own", "own"),
        ("  ", ""),
    ],
)
def test_a_licence_has_one_short_name(written, name):
    assert short_name(written) == name


@pytest.mark.parametrize("licence", ["", "by-nc", "CC BY-ND 4.0", "All rights reserved", "by permission", "GFDL"])
def test_what_does_not_permit_reuse_is_refused_with_its_name(licence):
    reason = refusal(licence, frozenset(REUSABLE))

    assert reason is not None
    assert repr(short_name(licence)) in reason or not licence
